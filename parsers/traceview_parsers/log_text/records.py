"""Multi-line records out of recognised first lines."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.log_text.layouts import Layout, tokenise

_FEW: Final = 4
"""Blank lines that are taken off all records together; more of them are rare and taken off record by record."""


class Records(Struct):
    """The records of one block.

    Attributes:
        frame: As in `layouts.Tokens`; rows without any field are text that follows no record (see `split`).
        begin: Byte where each message begins.
        end: Byte behind each message; line feeds at its end are left out.
        cut: Line at which the last record begins (the number of lines where there is none): it may go on in the next
            block.
        skipped: Indices of lines that are no part of the log (headers, comments).
        preamble: Indices of lines before the first record that are neither.
        doubtful: Indices of lines that look like a record but could not be read; they count as continuation.
    """

    frame: pl.DataFrame
    begin: Longs
    end: Longs
    cut: int
    skipped: Any
    preamble: Any
    doubtful: Any


def split(lines: Lines, layouts: Sequence[Layout], skip: str, *, after_record: bool) -> Records:
    """Find the records in a block of lines.

    A line that no layout knows continues the message of the record before it. Behind a skipped line (a header or a
    comment marks a gap) it cannot: there it begins a row that has a message only.

    Args:
        lines: Whole lines.
        layouts: Layouts that may occur.
        skip: Pattern of lines that are no part of the log.
        after_record: Whether an earlier block held a record, so that unknown first lines are no preamble.
    """
    tokens = tokenise(lines, layouts)
    known = tokens.frame["row"].to_numpy()
    is_known = np.zeros(len(lines), bool)
    is_known[known] = True
    unknown = np.flatnonzero(~is_known)
    texts = lines.series()
    skipped, blank = unknown[:0], np.zeros(len(lines), bool)
    if len(unknown):
        strange = texts.gather(unknown)
        skipped = unknown[strange.str.contains(skip).to_numpy()]
        blank[unknown] = strange.str.contains(r"^\s*$").to_numpy()
    first = 0 if after_record else int(known[0]) if len(known) else len(lines)
    bare, preamble = _bare(lines, is_known, skipped, blank, first)
    frame = tokens.frame
    if len(bare):
        extra = pl.DataFrame({"row": bare, "prefix_bytes": np.zeros(len(bare), np.int64)})
        frame = pl.concat([frame, extra], how="diagonal").sort("row")
    rows = frame["row"].to_numpy()
    bounds = np.append(np.union1d(rows, skipped) if len(skipped) else rows, len(lines))
    following = bounds[np.searchsorted(bounds, rows, "right")]
    begin = lines.starts[rows] + frame["prefix_bytes"].to_numpy()
    end = trimmed(lines, begin, lines.starts[following])
    cut = int(rows[-1]) if len(rows) else len(lines)
    return Records(frame, np.minimum(begin, end), end, cut, skipped, preamble, tokens.doubtful)


def trimmed(lines: Lines, begin: Longs, end: Longs) -> Longs:
    """Return `end` moved back over the line feeds before it, but not before `begin`."""
    data = np.frombuffer(lines.data, np.uint8)
    end = end.copy()
    open_ = np.flatnonzero(end > begin)
    for _ in range(_FEW):
        open_ = open_[data[end[open_] - 1] == 10]
        end[open_] -= 1
        open_ = open_[end[open_] > begin[open_]]
    for row in open_:
        end[row] = begin[row] + len(lines.data[begin[row] : end[row]].rstrip(b"\n"))
    return end


def _bare(lines: Lines, is_known: Any, skipped: Any, blank: Any, first: int) -> tuple[Any, Any]:
    """Return the lines that begin a row of their own although no layout knows them, and the preamble."""
    is_skipped = np.zeros(len(lines), bool)
    is_skipped[skipped] = True
    text = ~is_known & ~is_skipped & ~blank
    rows = np.flatnonzero(text)
    if not len(rows):
        return rows, rows
    # The nearest line before that is not blank decides: a skipped one (or none at all) lets a new row begin.
    solid = np.flatnonzero(~blank)
    before = np.searchsorted(solid, rows) - 1
    previous = solid[np.maximum(before, 0)]
    begins = (before < 0) | is_skipped[previous]
    return rows[begins & (rows >= first)], rows[rows < first]
