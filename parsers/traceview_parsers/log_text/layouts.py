"""Line layouts: how one printed line falls into fields."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from traceview_parsers.log_text.blocks import Lines

DATE: Final = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
CLOCK: Final = r"(?P<clock>(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
FRACTION: Final = r"\.(?P<fraction>[0-9]{1,9})"
ZONE: Final = r"(?P<zone>[+-][0-9]{2}:?[0-9]{2})"
SENDER: Final = r"(?:\((?P<sender>[^()\n]*)\) )?"
# A subsystem has no blanks or angle brackets, so that "[app<com.acme>:812] Suspending" stays message; launchd's have a
# pid or a name behind: "[system/com.apple.WindowServer [93]:]".
LABEL: Final = r"(?:\[(?:(?P<subsystem>[A-Za-z0-9_.$/+-]+(?: \[[^\]\n]*\])?):(?P<category>[^\]\n ][^\]\n]*)?)?\] )?"


class Layout(Struct, frozen=True):
    """One way to print a record's first line.

    Attributes:
        name: For people.
        patterns: Regular expressions with named groups, tried in turn: a fast one-pass form first, then the general
            one. The group ``prefix`` spans everything before the message. Groups: ``date``, ``month_day``, ``clock``,
            ``fraction``, ``zone``, ``level`` and those of `rows.NAME_GROUPS` and `rows.NUMBER_GROUPS`.
        shape: Literal characters at fixed columns of the line (``.`` = anything): a cheap test before the patterns.
        holds: A byte that every such line holds: blocks without it are not tried.
        suffix: Pattern for fields after the message, searched in the record's whole text; group ``suffix`` spans them.
        dated: Whether every record prints a full date.
    """

    name: str
    patterns: tuple[str, ...]
    shape: str = ""
    holds: bytes = b""
    suffix: str = ""
    dated: bool = False


def shaped(lines: Lines, shape: str, rows: Any) -> Any:
    """Return one boolean for each of the lines `rows`: do the literal characters of `shape` stand in their columns?"""
    data = np.frombuffer(lines.data, np.uint8)
    begin = lines.starts[rows]
    keep = lines.starts[rows + 1] - begin > len(shape)
    for column, character in enumerate(shape):
        if character != ".":
            keep &= data[np.minimum(begin + column, len(data) - 1)] == ord(character)
            if not keep.any():
                break
    return keep


class Tokens(Struct):
    """Recognised first lines of records, in line order.

    Attributes:
        frame: One row a record: ``row`` (index of the line), ``layout`` (index into the layouts), ``prefix_bytes`` and
            the groups of `Layout.patterns` as strings; groups that no record had may be absent.
        doubtful: Indices of lines that have the shape of a record but match no pattern.
    """

    frame: pl.DataFrame
    doubtful: Any


def tokenise(lines: Lines, layouts: Sequence[Layout], skip: Any = None) -> Tokens:
    """Try `layouts` on every line, in their order; the first that matches wins.

    Args:
        lines: The lines.
        layouts: What to try.
        skip: Optional boolean a line: leave these untried.
    """
    texts = lines.series()
    free = np.diff(lines.starts) > 3  # shorter than any record
    if skip is not None:
        free &= ~skip
    doubt = np.zeros(len(lines), bool)
    parts = []
    for number, layout in enumerate(layouts):
        if layout.holds and layout.holds not in lines.data:
            continue
        rows = np.flatnonzero(free)
        if layout.shape:
            rows = rows[shaped(lines, layout.shape, rows)]
        fits = np.zeros(len(lines), bool)
        fits[rows] = True
        for pattern in layout.patterns:
            rows = np.flatnonzero(fits)
            if not len(rows):
                break
            part = _matches(texts, rows, pattern, number)
            matched = part["row"].to_numpy()
            fits[matched] = free[matched] = doubt[matched] = False
            if len(matched):
                parts.append(part)
        if layout.shape:
            doubt |= fits
    if not parts:
        empty = pl.DataFrame(schema={"row": pl.Int64, "layout": pl.Int32, "prefix_bytes": pl.Int64})
        return Tokens(empty, np.flatnonzero(doubt))
    frame = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal").sort("row")
    return Tokens(frame, np.flatnonzero(doubt))


def _matches(texts: pl.Series, rows: Any, pattern: str, number: int) -> pl.DataFrame:
    tried = texts if len(rows) == len(texts) else texts.gather(rows)
    groups = tried.str.extract_groups(pattern).struct.unnest()
    frame = groups.with_columns(
        pl.Series("row", rows, pl.Int64),
        pl.lit(number, pl.Int32).alias("layout"),
        pl.col("prefix").str.len_bytes().cast(pl.Int64).alias("prefix_bytes"),
    )
    frame = frame if frame["prefix"].null_count() == 0 else frame.filter(pl.col("prefix").is_not_null())
    return frame.drop("prefix")
