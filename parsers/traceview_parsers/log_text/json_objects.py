"""Finds the objects of a JSON log, one a line or pretty-printed, without a JSON parser's memory."""

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.clock import Longs
from traceview_parsers.device_syslog.pymobiledevice_json import KEYS as PYMOBILEDEVICE_KEYS
from traceview_parsers.log_text.blocks import Lines, joined_bytes
from traceview_parsers.log_text.json_rows import KEYS

_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")
_ARRAY: Final = ord("[")
_SEPARATOR: Final = len(",\n")
_LESS_READ: Final = ("timezoneName", "source", "backtrace", "procid", "processUniqueID")
RECORD: Final = re.compile(
    rb'\[?\s{0,64}\{\s{0,64}"(?:' + "|".join({*KEYS, *PYMOBILEDEVICE_KEYS, *_LESS_READ}).encode() + rb')"\s?:'
)
"""How a record begins, and what holds it in an array: any number of blanks that a printer may put before a key."""
_TEXT_OUTSIDE: Final = re.compile(rb"[^\s\[\],][^\n]*")


def one_a_line(lines: Lines) -> tuple[Lines, Longs, Longs]:
    """Return the lines that begin with ``{``, their indices, and the indices of other lines that are not blank."""
    data = np.frombuffer(lines.data, np.uint8)
    first = data[lines.starts[:-1]]
    objects = np.flatnonzero(first == _OPEN)
    others = np.flatnonzero((first != _OPEN) & (first != 10))
    if len(objects) == len(lines):
        return lines, objects, others
    return lines.take(objects), objects, others


def spread(lines: Lines) -> tuple[Lines, Longs, int, Longs]:
    """Find objects that spread over lines, in an array or one after the other.

    Strings hold no raw line feed in JSON, so quotes are paired within each line and damage stays local. Where the keys
    are indented, a brace in the first column ends the object, whatever was lost inside it; a record that begins in the
    first column inside another one ends that, which was cut.

    Returns:
        The objects, one a line; the index of the line where each begins; the byte behind the last whole object; the
        indices of lines before or between the objects with anything but brackets and commas.
    """
    data = np.frombuffer(lines.data, np.uint8)
    braces = np.flatnonzero((data == _OPEN) | (data == _CLOSE))
    braces = braces[~_inside_string(data, lines, braces)]
    step = np.where(data[braces] == _OPEN, 1, -1)
    depth = _depths(lines, braces, step)
    opens = np.flatnonzero((step > 0) & (depth == 1))
    closes = np.flatnonzero((step < 0) & (depth == 0))
    if not len(opens) or not len(closes):
        return Lines.of(b""), closes[:0], 0, closes[:0]
    partner = np.searchsorted(opens, closes) - 1
    closes, partner = closes[partner >= 0], partner[partner >= 0]
    partner, unique = np.unique(partner, return_index=True)
    begin, end = braces[opens[partner]], braces[closes[unique]] + 1
    if not len(begin):
        return Lines.of(b""), begin, 0, begin
    flat = Lines(lines.data.replace(b"\n", b" "), lines.starts, lines.first)
    rows = np.searchsorted(lines.starts, begin, "right") - 1
    return _one_a_line(flat.pieces(begin, end)), rows, int(end[-1]), _strange_lines(lines, begin, end)


def _depths(lines: Lines, braces: Longs, step: Longs) -> Longs:
    """Return how many objects are open behind each brace."""
    data = np.frombuffer(lines.data, np.uint8)
    left = braces[:0]
    if b"\n " in lines.data:
        left = np.flatnonzero((step < 0) & ((braces == 0) | (data[braces - 1] == 10)))
    depth = _counted_from(step, left, np.zeros(len(left), np.int64))
    rows = np.flatnonzero(np.isin(data[lines.starts[:-1]], (_OPEN, _ARRAY)))
    begins = np.searchsorted(braces, lines.starts[rows])
    inside = begins < len(braces)
    inside[inside] = depth[begins[inside]] > 1
    starts = zip(begins[inside].tolist(), lines.starts[rows[inside]].tolist(), strict=True)
    cut = np.array([brace for brace, start in starts if RECORD.match(lines.data, start)], np.int64)
    if not len(cut):
        return depth
    behind = np.concatenate([np.zeros(len(left), np.int64), np.ones(len(cut), np.int64)])
    return _counted_from(step, np.concatenate([left, cut]), behind)


def _counted_from(step: Longs, known: Longs, depth: Longs) -> Longs:
    """Return the depth behind each brace, where it is known behind some of them."""
    counted = np.cumsum(step)
    base, last = np.zeros(len(step), np.int64), np.full(len(step), -1)
    base[known], last[known] = counted[known] - depth, known
    last = np.maximum.accumulate(last)
    return np.asarray(counted - np.where(last >= 0, base[last], 0), np.int64)


def rest(lines: Lines, end: int) -> Lines:
    """Return what follows byte `end`; its first line keeps its number."""
    row = int(np.searchsorted(lines.starts, end, "right")) - 1
    return Lines.of(lines.data[end:], lines.first + row)


def _strange_lines(lines: Lines, begin: Longs, end: Longs) -> Longs:
    """Return the lines that have text between two objects, or before the first."""
    start = np.concatenate([np.zeros(1, np.int64), end[:-1]])
    found: list[int] = []
    for gap in np.flatnonzero(begin - start > _SEPARATOR).tolist():
        text = lines.data[start[gap] : begin[gap]]
        found += (int(start[gap]) + match.start() for match in _TEXT_OUTSIDE.finditer(text))
    return np.unique(np.searchsorted(lines.starts, np.array(found, np.int64), "right") - 1)


def _inside_string(data: Any, lines: Lines, positions: Longs) -> Any:
    quotes = np.flatnonzero(data == _QUOTE)
    backslashes = np.flatnonzero(data == _BACKSLASH)
    if len(backslashes):
        ordinal = np.arange(len(backslashes))
        begins_run = np.diff(backslashes, prepend=-2) != 1
        run = ordinal - np.maximum.accumulate(np.where(begins_run, ordinal, 0)) + 1
        before = np.minimum(np.searchsorted(backslashes, quotes - 1), len(backslashes) - 1)
        quotes = quotes[(backslashes[before] != quotes - 1) | (run[before] % 2 == 0)]
    begin = lines.starts[np.searchsorted(lines.starts, positions, "right") - 1]
    return (np.searchsorted(quotes, positions) - np.searchsorted(quotes, begin)) % 2 == 1


def _one_a_line(pieces: Any) -> Lines:
    line_feed, nothing = (pa.scalar(text, pa.large_string()) for text in ("\n", ""))
    return Lines.of(joined_bytes(pc.binary_join_element_wise(pieces, line_feed, nothing)))
