"""Xcode console copies with metadata: the message comes first, then a line ``Type: … | Timestamp: … | …``."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers import schema
from traceview_parsers.log_text.blocks import Lines, joined
from traceview_parsers.log_text.decode import MAX_HELD_BYTES, report_levels, text_without_record
from traceview_parsers.log_text.json_rows import stamps
from traceview_parsers.log_text.records import trimmed
from traceview_parsers.log_text.rows import columns
from traceview_parsers.log_text.source import Pass

METADATA: Final = (
    r"^(?:(?:Type|Timestamp|Process|Library|Subsystem|Category|PID|TID): [^|\n]*\| )+"
    r"(?:Type|Timestamp|Process|Library|Subsystem|Category|PID|TID):[^|\n]*$"
)
"""At least two fields; the user chooses which ones Xcode copies."""
_NO_METADATA: Final = "the last message has no metadata line: it was kept without time and process"
_FEW: Final = 4
"""Blank lines that are skipped before all messages together; more of them are rare."""
_FIELDS: Final = {
    "level": "Type",
    "process": "Process",
    "sender": "Library",
    "subsystem": "Subsystem",
    "category": "Category",
    "pid": "PID",
}


def metadata_fields(texts: pl.Series) -> pl.DataFrame:
    """Return the groups of `layouts.Layout` that metadata lines hold."""
    fields = {group: _field(texts, key) for group, key in _FIELDS.items()}
    fields["tid_hex"] = texts.str.extract(r"(?:^|\| )TID: 0x([0-9a-f]+)")
    fields["tid"] = texts.str.extract(r"(?:^|\| )TID: ([0-9]+)\s*(?:\||$)")
    return pl.DataFrame(fields).hstack(stamps(_field(texts, "Timestamp")))


def decode_xcode(run: Pass) -> Iterator[Any]:
    """Yield a batch a block; a record ends with its metadata line."""
    held = Lines.of(b"")
    for block in run.blocks():
        lines = joined(held, block)
        rows = np.flatnonzero(lines.series().str.strip_chars_end("\n").str.contains(METADATA).to_numpy())
        if len(rows):
            yield _batch(run, lines, rows)
            last = int(rows[-1]) + 1
            lines = Lines.of(lines.data[lines.starts[last] :], lines.first + last)
        held = lines
        if len(held.data) > MAX_HELD_BYTES:
            yield from text_without_record(run, held, _NO_METADATA)
            held = Lines.of(b"", held.first + len(held))
    yield from text_without_record(run, held, _NO_METADATA)


def _field(texts: pl.Series, key: str) -> pl.Series:
    return texts.str.extract(rf"(?:^|\| ){key}: ([^|\n]*)").str.strip_chars()


def _batch(run: Pass, lines: Lines, rows: Any) -> Any:
    first = np.concatenate([[0], rows[:-1] + 1])
    frame = metadata_fields(lines.series().gather(rows)).with_columns(pl.Series("row", rows))
    report_levels(run, frame, lines.first)
    values = columns(frame, run.clock)
    first, begin = _after_blank_lines(lines, first, rows)
    values["ref"] = run.refs(first + lines.first)
    values["message"] = lines.pieces(begin, trimmed(lines, begin, lines.starts[rows]))
    return schema.log_batch(len(rows), values)


def _after_blank_lines(lines: Lines, first: Any, stop: Any) -> tuple[Any, Any]:
    """Move each first line behind blank ones, but not beyond `stop`; return lines and bytes."""
    data, first = np.frombuffer(lines.data, np.uint8), first.copy()
    going = np.flatnonzero(first < stop)
    for _ in range(_FEW):
        going = going[data[lines.starts[first[going]]] == 10]
        first[going] += 1
        going = going[first[going] < stop[going]]
    for row in going:
        text = lines.data[lines.starts[first[row]] : lines.starts[stop[row]]]
        first[row] += len(text) - len(text.lstrip(b"\n"))
    return first, lines.starts[first]
