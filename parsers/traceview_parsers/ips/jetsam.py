"""Jetsam event reports (bug types 298, 198, 98): who was in memory, and who was killed.

``largestProcess`` is not the victim: only victims carry a ``reason``. Sizes are pages of ``memoryStatus.pageSize``. The text
form of iOS 8 and earlier is that of Apple's Technical Q&A on memory limits of WatchKit apps (iOS 8.3).
"""

import re
from typing import Any, Final

from traceview_parsers.ips.values import Row, digits, integer, mapping, real

_DEFAULT_PAGE_BYTES: Final = 16_384
"""Page size of 64-bit devices since the A9; used only where the report does not print one."""
_TEXT_PAGE_BYTES: Final = 4_096
"""Page size of the devices whose reports are text and print none."""
_MAX_PAGES: Final = 1 << 44

_TABLE: Final = re.compile(r"^Processes\s*$", re.MULTILINE)
_TEXT_PROCESS: Final = re.compile(
    r"^[ \t]*(?P<name>\S.*?) <(?P<uuid>[0-9a-f]{32})>[ \t]+(?P<figures>[\d. -]{1,200}?)(?:[ \t]+\[(?P<reason>[^\]\n]{1,100})\])?"
    r"(?P<states>(?:[ \t]{1,20}\([^)\n]{0,40}\)){0,20})[ \t]{0,20}$",
    re.MULTILINE,
)
_PAGE_SIZE: Final = re.compile(r"^Page [Ss]ize:\s*(\d{1,6})", re.MULTILINE)


def processes(body: dict[str, Any]) -> list[Row]:
    """Return one row a process (columns of ``jetsam_processes`` without ``ref``, ``time``, ``incident``)."""
    page = mapping(body.get("memoryStatus")).get("pageSize")
    size = page if isinstance(page, int) and 0 < page < 1 << 24 else _DEFAULT_PAGE_BYTES
    return [_process(one, size) for one in body["processes"] if isinstance(one, dict)]


def _process(one: dict[str, Any], page_bytes: int) -> Row:
    states = one.get("states")
    return {
        "pid": integer(one.get("pid")),
        "process": one.get("name") if isinstance(one.get("name"), str) else None,
        "states": " ".join(str(state) for state in states) if isinstance(states, list) else None,
        "priority": integer(one.get("priority")),
        "resident_bytes": _times(one.get("rpages"), page_bytes),
        "lifetime_max_bytes": _times(one.get("lifetimeMax"), page_bytes),
        "cpu_time_s": real(one.get("cpuTime")),
        "reason": one.get("reason") if isinstance(one.get("reason"), str) else None,
        "coalition": integer(one.get("coalition")),
    }


def text_processes(text: str) -> list[Row]:
    """Return one row a process of a text report; its columns are CPU time, resident pages, …, the highest number of pages.

    Rows without a CPU time (before iOS 8) begin with the pages. A text report prints no process ids.
    """
    table = _TABLE.search(text)
    if table is None:
        return []
    told = _PAGE_SIZE.search(text)
    page = int(told[1]) if told and int(told[1]) else _TEXT_PAGE_BYTES
    return [_text_process(match, page) for match in _TEXT_PROCESS.finditer(text, table.end())]


def _text_process(match: re.Match[str], page_bytes: int) -> Row:
    figures = match["figures"].split()
    timed = bool(figures) and "." in figures[0]
    cpu = figures.pop(0) if timed else None
    pages = digits(figures[0]) if figures else None
    # rpages, purgeable, recent_max (or -), lifetime_max, fds
    highest = digits(figures[3]) if timed and len(figures) > 3 else None
    return {
        "pid": None,
        "process": match["name"].strip(),
        "states": " ".join(re.findall(r"\(([^)]*)\)", match["states"])) or None,
        "priority": None,
        "resident_bytes": _times(pages, page_bytes),
        "lifetime_max_bytes": _times(highest, page_bytes),
        "cpu_time_s": float(cpu) if cpu and re.fullmatch(r"\d{1,12}\.\d{1,9}", cpu) else None,
        "reason": match["reason"],
        "coalition": None,
    }


def victims(rows: list[Row]) -> list[Row]:
    """Return the rows of killed processes."""
    return [row for row in rows if row["reason"]]


def _times(pages: Any, page_bytes: int) -> int | None:
    count = integer(pages)
    return count * page_bytes if count is not None and abs(count) < _MAX_PAGES else None
