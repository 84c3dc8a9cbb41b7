"""``log show --style ndjson|json`` as a stream of batches."""

import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers.clock import Longs
from traceview_parsers.log_text.blocks import Lines, joined
from traceview_parsers.log_text.json_families import LOG, PYMOBILEDEVICE, Family, Objects, report_others, report_rest
from traceview_parsers.log_text.json_objects import one_a_line, rest, spread
from traceview_parsers.log_text.json_rows import parse_objects
from traceview_parsers.log_text.prefilter import literals, wanted_objects
from traceview_parsers.log_text.source import Decode, Pass
from traceview_parsers.log_text.wide import MAX_LINE_BYTES

_LOG_KEYS: Final = re.compile(
    r'"(?:eventMessage|machTimestamp|processImagePath|senderImagePath|eventType|messageType|traceID|formatString|'
    r'processImageUUID|senderImageUUID|timezoneName|threadID|activityIdentifier|bootUUID)"\s*:'
)
_PYMOBILEDEVICE_KEYS: Final = re.compile(
    r'"(?:pid|procid|thread_id|image_name|image_offset|process_image_uuid|mach_timestamp)"\s*:'
)
_FINISHED: Final = re.compile(r'^\{"count":\d+,\s*"finished":1\}')


def decoder_of_log_json(line: str, head: str) -> Decode | None:
    """Return what reads JSON of ``log``, by its first line and its first bytes, or None: other JSON has one of its keys at most."""
    if _FINISHED.match(line):
        return decode_lines
    if len(set(_LOG_KEYS.findall(head))) < 2:
        return None
    return decode_lines if len(line) > 3 and line.startswith("{") else decode_spread


def is_pymobiledevice_json(head: str) -> bool:
    """Whether JSON that begins so is that of pymobiledevice3: other JSON has two of its keys at most."""
    return len(set(_PYMOBILEDEVICE_KEYS.findall(head))) >= 3


def decoder_of_json(head: str) -> Decode | None:
    """Return what reads JSON that begins so, or None where it is no log."""
    log = decoder_of_log_json(head.partition("\n")[0], head)
    return log or (decode_pymobiledevice_json if is_pymobiledevice_json(head) else None)


def decode_lines(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file with one object a line; the closing count is compared with the lines read."""
    for block in run.blocks():
        texts, rows, others = one_a_line(block)
        report_others(run, block, others)
        numbers = rows + block.first
        objects = _parsed(run, texts, numbers, LOG.keys)
        closing = LOG.closing(objects.frame)
        for row in np.flatnonzero(closing):
            ordinal = int(np.searchsorted(numbers, objects.parsed[row]))
            _compare_count(run, objects.frame["count"][int(row)], run.uncounted + ordinal, int(objects.parsed[row]))
            run.uncounted = -ordinal - 1
        run.uncounted += len(numbers)
        objects.frame, objects.parsed = objects.frame.filter(~closing), objects.parsed[~closing]
        yield from objects.batches(run, LOG, PYMOBILEDEVICE)


def decode_spread(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of a file whose objects spread over lines."""
    yield from _spread(run, LOG, PYMOBILEDEVICE)


def decode_pymobiledevice_json(run: Pass) -> Iterator[Any]:
    """Yield a batch a block of what ``pymobiledevice3 syslog live --format json`` printed."""
    yield from _spread(run, PYMOBILEDEVICE, LOG)


def _spread(run: Pass, family: Family, other: Family) -> Iterator[Any]:
    held = Lines.of(b"")
    for block in run.blocks():
        lines = joined(held, block)
        texts, rows, end, others = spread(lines)
        report_others(run, lines, others)
        yield from _parsed(run, texts, rows + lines.first, family.keys).batches(run, family, other)
        held = rest(lines, end)
        if len(held.data) > MAX_LINE_BYTES:
            report_rest(run, held)
            held = Lines.of(b"", held.first + len(held))
    if len(held):
        report_rest(run, held)


def _parsed(run: Pass, texts: Lines, numbers: Longs, keys: dict[str, pl.DataType]) -> Objects:
    needed = literals(run.selection)
    if needed is not None and len(texts):
        wanted = wanted_objects(texts, needed)
        if not wanted.all():
            run.left_out += len(texts) - int(wanted.sum())
            texts, numbers = texts.take(np.flatnonzero(wanted)), numbers[wanted]
    return Objects(texts, numbers, *parse_objects(texts, numbers, keys, run))


def _compare_count(run: Pass, expected: int | None, read: int, number: int) -> None:
    if expected is not None and expected != read:
        text = (
            f"the closing line counts {expected:,} records, but {read:,} were read: the file is incomplete or damaged"
        )
        run.problems.add(run.name, "count-mismatch", text, position=number, unit="line")
