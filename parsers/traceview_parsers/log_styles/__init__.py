"""Rendering of ``log`` batches as ``log show`` prints them: ndjson, json, default, syslog, compact.

Layouts: real output of ``log show`` and ``log stream`` (macOS 2017 to 2026). Everything works on whole columns; only
distinct values (names, threads, days) are spelled one by one.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, Final

from traceview_parsers.log_styles.json_styles import json_lines, ndjson_lines
from traceview_parsers.log_styles.text_styles import compact_lines, default_lines, syslog_lines
from traceview_parsers.packed import is_packed, unpack

STYLES: Final = ("ndjson", "json", "default", "syslog", "compact")

_HEADERS: Final = {
    "ndjson": b"",
    "json": b"[",
    "default": b"Timestamp                       Thread     Type        Activity             PID    TTL  \n",
    "syslog": b"Timestamp                       (process)[PID]    \n",
    "compact": b"Timestamp               Ty Process[PID:TID]\n",
}

_LINES: Final = {
    "ndjson": ndjson_lines,
    "json": json_lines,
    "default": default_lines,
    "syslog": syslog_lines,
    "compact": compact_lines,
}
_JSON: Final = {"ndjson", "json"}
"""Styles that are made of packed batches as they are."""
_SLICE: Final = 1 << 12
"""Rows written together: their text fits into the caches of processors (measured)."""


def header(style: str) -> bytes:
    """Return what comes before the first record."""
    return _HEADERS[_known(style)]


def render(batch: Any, style: str, tz: tzinfo, *, first: bool = True) -> Iterator[memoryview]:
    """Yield the records of one ``log`` batch as UTF-8 text, some thousand after the other.

    Args:
        batch: Record batch of ``schema.SCHEMAS["log"]`` (further columns are ignored), or a packed one.
        style: One of `STYLES`.
        tz: Zone of the printed times; daylight saving time counts record by record.
        first: Whether no record was printed before. Only json needs to know: it puts commas between records.
    """
    lines = _LINES[_known(style)]
    if not batch.num_rows:
        return
    if style not in _JSON and is_packed(batch):
        batch = unpack(batch)
    for text in lines(batch, tz).texts(_SLICE):
        yield text[1:] if first and style == "json" else text
        first = False


def footer(style: str, count: int) -> bytes:
    """Return what comes after the last of `count` records: the closing object of ndjson, the bracket of json."""
    if _known(style) == "ndjson":
        return b'{"count":%d,"finished":1}\n' % count
    return b"]\n" if style == "json" else b""


def _known(style: str) -> str:
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}: use one of {', '.join(STYLES)}")
    return style
