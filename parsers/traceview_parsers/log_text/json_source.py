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
from traceview_parsers.log_text.source import Pass
from traceview_parsers.log_text.styles import PREAMBLE

_COUNTED: Final = {"count": pl.Int64(), "finished": pl.Int64()}


def decode_lines(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file with one object a line; the closing count is compared with the rows read."""
    total = 0
    for block in read_blocks(run.path, run.name, run.problems):
        objects, rows, others = one_a_line(block)
        report_others(run, block, others)
        frame, numbers = parse_objects(objects, rows + block.first, {**KEYS, **_COUNTED}, run)
        closing = frame["finished"].is_not_null() & frame["timestamp"].is_null()
        if closing.any():
            frame, numbers, total = _close(run, frame, numbers, closing, total)
        total += frame.height
        if frame.height:
            yield log_batch(frame, numbers, run)


def decode_spread(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file whose objects spread over lines."""
    held = Lines.of(b"")
    for block in read_blocks(run.path, run.name, run.problems):
        lines = joined(held, block)
        objects, rows, end = spread(lines)
        frame, numbers = parse_objects(objects, rows + lines.first, KEYS, run)
        if frame.height:
            yield log_batch(frame, numbers, run)
        held = rest(lines, end)
        if len(held.data) > MAX_LINE_BYTES:
            _report_open(run, held)
            held = Lines.of(b"", held.first + len(held))
    if b"{" in held.data:
        _report_open(run, held)


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


def _close(
    run: Pass, frame: pl.DataFrame, numbers: Longs, closing: pl.Series, total: int
) -> tuple[pl.DataFrame, Longs, int]:
    """Take the closing lines out; a count that differs from the rows before it is a problem."""
    for row in closing.arg_true().to_list():
        read = total + row
        total = -row - 1
        expected = frame["count"][row]
        if expected is not None and expected != read:
            run.problems.add(
                run.name,
                "count-mismatch",
                f"the closing line counts {expected:,} records, but {read:,} were read: the file is incomplete or damaged",
                position=int(numbers[row]),
                unit="line",
            )
    open_ = (~closing).to_numpy()
    return frame.filter(~closing), numbers[open_], total + int(closing.sum())


def _report_open(run: Pass, held: Lines) -> None:
    text = "the file ends inside a record, which was left out"
    run.problems.add(run.name, "truncated", text, position=held.first, unit="line", sample=held.data[:200])
