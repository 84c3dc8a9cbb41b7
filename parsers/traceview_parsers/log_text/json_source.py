"""``log show --style ndjson|json`` as a stream of batches."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers.clock import Longs
from traceview_parsers.log_text.blocks import MAX_LINE_BYTES, Lines, read_blocks
from traceview_parsers.log_text.decode import joined
from traceview_parsers.log_text.json_objects import one_a_line, spread
from traceview_parsers.log_text.json_rows import KEYS, log_batch, parse_objects
from traceview_parsers.log_text.prefilter import literals, wanted_objects
from traceview_parsers.log_text.source import Pass
from traceview_parsers.log_text.styles import PREAMBLE

_ESSENTIAL: Final = ("timestamp", "machTimestamp", "eventMessage", "eventType")
_COUNTED: Final = {"count": pl.Int64(), "finished": pl.Int64()}


def decode_lines(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file with one object a line; the closing count is compared with the lines read."""
    before = 0  # objects in earlier blocks, since the last closing line
    for block in read_blocks(run.path, run.name, run.problems):
        objects, rows, others = one_a_line(block)
        report_others(run, block, others)
        numbers = rows + block.first
        frame, parsed = _parse(run, objects, numbers, {**KEYS, **_COUNTED})
        closing = (frame["finished"].is_not_null() & frame["timestamp"].is_null()).to_numpy()
        for row in np.flatnonzero(closing):
            ordinal = int(np.searchsorted(numbers, parsed[row]))
            _compare_count(run, frame["count"][int(row)], before + ordinal, int(parsed[row]))
            before = -ordinal - 1
        before += len(numbers)
        frame, parsed = _log_records(run, frame.filter(~closing), parsed[~closing])
        if frame.height:
            yield log_batch(frame, parsed, run)


def decode_spread(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file whose objects spread over lines."""
    held = Lines.of(b"")
    for block in read_blocks(run.path, run.name, run.problems):
        lines = joined(held, block)
        objects, rows, end = spread(lines)
        frame, numbers = _log_records(run, *_parse(run, objects, rows + lines.first, KEYS))
        if frame.height:
            yield log_batch(frame, numbers, run)
        held = rest(lines, end)
        if len(held.data) > MAX_LINE_BYTES:
            _report_open(run, held)
            held = Lines.of(b"", held.first + len(held))
    if b"{" in held.data:
        _report_open(run, held)


def _parse(run: Pass, objects: Lines, numbers: Longs, keys: dict[str, pl.DataType]) -> tuple[pl.DataFrame, Longs]:
    needed = literals(run.selection)
    if needed is not None and len(objects):
        wanted = wanted_objects(objects, needed)
        if not wanted.all():
            run.left_out += len(objects) - int(wanted.sum())
            objects, numbers = objects.take(np.flatnonzero(wanted)), numbers[wanted]
    return parse_objects(objects, numbers, keys, run)


def _log_records(run: Pass, frame: pl.DataFrame, numbers: Longs) -> tuple[pl.DataFrame, Longs]:
    """Leave out objects that have none of the keys that make a log record."""
    strange = pl.select(pl.all_horizontal(*(frame[key].is_null() for key in _ESSENTIAL))).to_series().to_numpy()
    if not strange.any():
        return frame, numbers
    first = int(numbers[np.flatnonzero(strange)[0]])
    text = "JSON objects without the keys of a log record were left out"
    run.problems.add(run.name, "not-a-record", text, position=first, unit="line", count=int(strange.sum()))
    return frame.filter(~strange), numbers[~strange]


def rest(lines: Lines, end: int) -> Lines:
    """Return what follows byte `end`; its first line keeps its number."""
    row = int(np.searchsorted(lines.starts, end, "right")) - 1
    return Lines.of(lines.data[end:], lines.first + row)


def report_others(run: Pass, lines: Lines, others: Longs) -> None:
    """Count lines that are no objects, apart from those that ``log`` itself prints."""
    if not len(others):
        return
    texts = lines.series().gather(others)
    strange = others[(~texts.str.contains(PREAMBLE) & ~texts.str.contains(r"^[\s\[\],]*$")).to_numpy()]
    if len(strange):
        row = int(strange[0])
        run.problems.add(
            run.name,
            "unrecognised-line",
            "lines that are no JSON objects were left out",
            position=row + lines.first,
            unit="line",
            count=len(strange),
            sample=lines.text(row),
        )


def _compare_count(run: Pass, expected: int | None, read: int, number: int) -> None:
    if expected is not None and expected != read:
        text = (
            f"the closing line counts {expected:,} records, but {read:,} were read: the file is incomplete or damaged"
        )
        run.problems.add(run.name, "count-mismatch", text, position=number, unit="line")


def _report_open(run: Pass, held: Lines) -> None:
    text = "the file ends inside a record, which was left out"
    run.problems.add(run.name, "truncated", text, position=held.first, unit="line", sample=held.data[:200])
