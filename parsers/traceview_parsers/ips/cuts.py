"""Text reports that are cut short: JSON tells it by itself, a text only by what it lacks."""

from typing import Final

from traceview_parsers.ips import stackshot
from traceview_parsers.ips.values import Row

_WITH_LIMIT: Final = frozenset({"cpu", "cpu_fatal", "wakeups", "disk_writes"})
_LAST_LINE: Final = "EOF"
"""Ends the crash reports of iOS up to 14 (seen on all whole real ones)."""


def cut_off(row: Row, body: str) -> str | None:
    """Return what a text report lacks that every whole one has, in words; None where nothing is known to be missing.

    Reports of resources tell limit and use in one line of their head, crashes their exception; all real ones end with a line.
    """
    if row["kind"] in _WITH_LIMIT and row.get("limit") is None:
        return "the report is cut short, or words it in an unknown way: it tells no limit, nor what was used within which time"
    if row["kind"] == "crash" and row.get("exception") is None:
        return "the report is cut short: it tells no exception, so that what ended the process is not known"
    if (
        row["kind"] == "stackshot"
        and (processes := stackshot.text_processes(body))
        and processes[-1]["process"] is None
    ):
        return "the report is cut short: its last process has no name, and those behind it are missing"
    if not body.endswith("\n") and not body.endswith(_LAST_LINE):
        return "the report ends within a line: it is cut short, and what stood behind is missing"
    return None
