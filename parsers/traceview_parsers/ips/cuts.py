"""Text reports that are cut short: JSON tells it by itself, a text only by what it lacks."""

from typing import Final

from traceview_parsers.ips import stackshot
from traceview_parsers.ips.values import Row

_WITH_LIMIT: Final = frozenset({"cpu", "cpu_fatal", "wakeups", "disk_writes"})
_LAST_LINE: Final = "EOF"
"""Ends the crash reports of iOS up to 14 (seen on all whole real ones)."""


_MAY_BE: Final = (
    "the report does not end with a line feed: it was copied without the last one, or is cut short within its last line"
)


def cut_off(row: Row, body: str) -> tuple[str, str] | None:
    """Return the kind of problem (``truncated``, ``no-last-line-feed``) and in words what a text report lacks that whole ones have.

    None where nothing is known to be missing. Reports of resources tell limit and use in one line of their head, crashes
    their exception; all real ones end with a line feed, which is lost also where people copy all of a text.
    """
    lacking = _lacking(row, body)
    if lacking is not None:
        return "truncated", lacking
    return None if body.endswith(("\n", _LAST_LINE)) else ("no-last-line-feed", _MAY_BE)


def _lacking(row: Row, body: str) -> str | None:
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
    return None
