"""Jetsam event reports (bug type 298): who was in memory, and who was killed.

``largestProcess`` is not the victim: only victims carry a ``reason``. Sizes are pages of ``memoryStatus.pageSize``.
"""

from typing import Any

Row = dict[str, Any]

_DEFAULT_PAGE_BYTES = 16_384
"""Page size of 64-bit devices since the A9; used only where the report does not print one."""


def is_jetsam(body: dict[str, Any]) -> bool:
    """Whether this body lists processes with their pages."""
    processes = body.get("processes")
    return isinstance(processes, list) and "memoryStatus" in body


def processes(body: dict[str, Any]) -> list[Row]:
    """Return one row a process (columns of ``jetsam_processes`` without ``ref``, ``time``, ``incident``)."""
    status = body.get("memoryStatus")
    page = status.get("pageSize") if isinstance(status, dict) else None
    size = page if isinstance(page, int) and page > 0 else _DEFAULT_PAGE_BYTES
    return [_process(one, size) for one in body["processes"] if isinstance(one, dict)]


def _process(one: dict[str, Any], page_bytes: int) -> Row:
    states = one.get("states")
    cpu = one.get("cpuTime")
    return {
        "pid": _integer(one.get("pid")),
        "process": one.get("name") if isinstance(one.get("name"), str) else None,
        "states": " ".join(str(state) for state in states) if isinstance(states, list) else None,
        "priority": _integer(one.get("priority")),
        "resident_bytes": _times(one.get("rpages"), page_bytes),
        "lifetime_max_bytes": _times(one.get("lifetimeMax"), page_bytes),
        "cpu_time_s": float(cpu) if isinstance(cpu, int | float) and not isinstance(cpu, bool) else None,
        "reason": one.get("reason") if isinstance(one.get("reason"), str) else None,
        "coalition": _integer(one.get("coalition")),
    }


def victims(rows: list[Row]) -> list[Row]:
    """Return the rows of killed processes."""
    return [row for row in rows if row["reason"]]


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def _times(pages: Any, page_bytes: int) -> int | None:
    count = _integer(pages)
    return count * page_bytes if count is not None and abs(count) < 1 << 44 else None
