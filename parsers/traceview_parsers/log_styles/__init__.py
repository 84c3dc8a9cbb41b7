"""Rendering of ``log`` batches as ``log show`` prints them: ndjson, json, default, syslog, compact.

Layouts: real output of ``log show`` and ``log stream`` (macOS 2017 to 2026). Everything works on whole columns; only
distinct values (names, threads, days) are spelled one by one.
"""

from datetime import tzinfo
from typing import Any, Final

from traceview_parsers.log_styles.json_styles import render_json, render_ndjson
from traceview_parsers.log_styles.text_styles import render_compact, render_default, render_syslog

STYLES: Final = ("ndjson", "json", "default", "syslog", "compact")

_HEADERS: Final = {
    "ndjson": b"",
    "json": b"[",
    "default": b"Timestamp                       Thread     Type        Activity             PID    TTL  \n",
    "syslog": b"Timestamp                       (process)[PID]    \n",
    "compact": b"Timestamp               Ty Process[PID:TID]\n",
}


def header(style: str) -> bytes:
    """Return what comes before the first record."""
    return _HEADERS[_known(style)]


def render(batch: Any, style: str, tz: tzinfo, *, first: bool = True) -> bytes | memoryview:
    """Return the records of one ``log`` batch as UTF-8 text.

    Args:
        batch: Record batch of ``schema.SCHEMAS["log"]`` (further columns are ignored).
        style: One of `STYLES`.
        tz: Zone of the printed times; daylight saving time counts record by record.
        first: Whether no record was printed before. Only json needs to know: it puts commas between records.
    """
    if _known(style) == "json":
        return render_json(batch, tz, first=first)
    if not batch.num_rows:
        return b""
    renderers = {"ndjson": render_ndjson, "default": render_default, "syslog": render_syslog, "compact": render_compact}
    return renderers[style](batch, tz)


def footer(style: str, count: int) -> bytes:
    """Return what comes after the last of `count` records: the closing object of ndjson, the bracket of json."""
    if _known(style) == "ndjson":
        return b'{"count":%d,"finished":1}\n' % count
    return b"]\n" if style == "json" else b""


def _known(style: str) -> str:
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}: use one of {', '.join(STYLES)}")
    return style
