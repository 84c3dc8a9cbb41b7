"""Single pasted lines, of any layout or bare: what ``traceview signals match`` prints for each.

A line stands alone. Bare messages have no process, so they are recognised by their text where it is specific enough.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypedDict

import polars as pl

from traceview.signals.catalogue import Catalogue
from traceview.signals.matcher import match
from traceview.signals.vocabulary import FIELDS
from traceview_parsers.device_syslog.lines import split_lines
from traceview_parsers.schema import REF_POSITION_BITS

_SPECIFIER: Final = r"%(?:@|\{(?:public|private|sensitive|BOOL|bool)\b[^}]*\}|ll?[dux]\b)"
"""What only a format string has: somebody pasted source text."""


class LineMatch(TypedDict):
    """What one line is: its 1-based number, the signal and kind (None where no signal fits), the fields that are set."""

    line: int
    signal: str | None
    kind: str | None
    fields: dict[str, Any]


def match_lines(lines: Sequence[str], using: Catalogue | None = None) -> Iterator[LineMatch]:
    """Recognise each line on its own and yield one answer a line, in order.

    Args:
        lines: Raw text lines, with or without line ends.
        using: Another catalogue than the built-in one.
    """
    for row in match_table(lines, using).iter_rows(named=True):
        fields = {name: row[name] for name in FIELDS if row[name] is not None}
        yield LineMatch(line=row["line"], signal=row["signal"], kind=row["kind"], fields=fields)


def match_table(lines: Sequence[str], using: Catalogue | None = None) -> pl.DataFrame:
    """Recognise each line on its own: columns ``line``, ``signal``, ``kind``, then each field of the vocabulary."""
    numbers = pl.DataFrame({"line": pl.int_range(1, len(lines) + 1, dtype=pl.UInt64, eager=True)})
    rows = pl.DataFrame(split_lines(lines)) if lines else pl.DataFrame({"ref": [], "message": []})
    events = match(_with_whole_lines(rows, lines), using)
    position = (pl.col("ref") & ((1 << REF_POSITION_BITS) - 1)).cast(pl.UInt64)
    found = events.select(position.alias("line"), "signal", "kind", *FIELDS)
    return numbers.join(found, on="line", how="left", maintain_order="left")


def _with_whole_lines(rows: pl.DataFrame, lines: Sequence[str]) -> pl.DataFrame:
    """Replace an empty message by the whole line, and empty a bare line that is a format string, not a message."""
    if "ref" not in rows.columns or rows.is_empty():
        return pl.DataFrame(schema={"ref": pl.UInt64, "message": pl.String})
    whole = pl.Series("whole", list(lines), dtype=pl.String)
    position = (pl.col("ref") & ((1 << REF_POSITION_BITS) - 1)).cast(pl.UInt32) - 1
    message = pl.col("message").cast(pl.String)
    message = pl.when(message.str.strip_chars() == "").then(pl.lit(whole).gather(position)).otherwise(message)
    source_text = pl.col("process").is_null() & message.str.contains(_SPECIFIER)
    return rows.with_columns(message=pl.when(~source_text.fill_null(value=False)).then(message))
