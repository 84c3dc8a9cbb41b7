"""Figures of resource and hang reports: what was used, within which window, against which limit.

Limits differ by release and device, so they are always read from the report. Sentences as in real reports of iOS 8 to
15; those of EXC_RESOURCE are ReportCrash's own format strings (CPU, CPU_FATAL, WAKEUPS, MEMORY, IO, THREADS, PORTS).
"""

import re
from typing import Final

from msgspec import Struct

_LIMIT: Final = re.compile(
    r"(?<![\d.])(?P<used>\d[\d.]{0,18})\s*(?P<unit>s(?:econds)? cpu time|wakeups|(?:[KMGT]?B) of file backed memory dirtied)\s+over"
    r"(?: the last)?\s+(?P<window>\d[\d.]{0,18}) seconds.*?exceeding limit of (?P<limit>\d[\d.]{0,18})\s*"
    r"(?P<limit_unit>%|wakeups|[KMGT]?B).*?over (?P<limit_window>\d[\d.]{0,18}) seconds"
)
_OBSERVED: Final = re.compile(
    r"\(Limit (?P<limit>\d{1,9})(?P<unit>%|/sec| MB)\) Observed (?P<used>\d{1,9})(?:%|/sec| MB) over (?P<window>\d{1,9}) sec"
)
_CROSSED: Final = re.compile(r"\((?:Limit|Threshold) (?P<limit>\d{1,9}) (?P<unit>MB|threads|ports)\)")
_TIMEOUT: Final = re.compile(r"\btimeout (\d{1,9})\s*ms")
_DURATION: Final = re.compile(r"^(\d[\d.]{0,12})\s*s")
_BYTES: Final = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
"""Decimal units: the limit of 1,073.74 MB a day is printed as 12.43 KB/s (real reports), which is 2³⁰ bytes."""
_MEBIBYTE: Final = 1 << 20
_LONGEST: Final = 1_000
"""Characters of a sentence that are read; real ones have about a hundred."""


class Usage(Struct, frozen=True):
    """What a resource report measured: CPU seconds, wakeups or bytes, against the limit that it prints.

    `limit` is percent of a core, wakeups a second, bytes a second, bytes (memory) or a count (threads, ports); the
    fields that a report does not tell are None.
    """

    used: float | None
    window_s: float | None
    limit: float
    limit_window_s: float | None


def usage(text: str | None) -> Usage | None:
    """Read the line ``CPU:``, ``Wakeups:`` or ``Writes:`` of a resource report, or an EXC_RESOURCE message."""
    if not text:
        return None
    text = text[:_LONGEST]
    if match := _LIMIT.search(text):
        try:
            used, window, limit, limit_window = (
                float(match[group]) for group in ("used", "window", "limit", "limit_window")
            )
        except ValueError:
            return None
        scale = _BYTES.get(match["unit"].split(" ", 1)[0], 1)
        return Usage(used * scale, window, limit * _BYTES.get(match["limit_unit"], 1), limit_window)
    if match := _OBSERVED.search(text):
        return _observed(match["unit"], float(match["limit"]), float(match["used"]), float(match["window"]))
    if match := _CROSSED.search(text):
        limit = float(match["limit"])
        return Usage(None, None, limit * _MEBIBYTE if match["unit"] == "MB" else limit, None)
    return None


def _observed(unit: str, limit: float, used: float, window: float) -> Usage | None:
    if window <= 0:
        return None
    if unit == "%":
        return Usage(used / 100 * window, window, limit, window)
    if unit == "/sec":
        return Usage(used * window, window, limit, window)
    return Usage(used * _MEBIBYTE, window, limit * _MEBIBYTE / window, window)


def hang_seconds(reason: str | None, duration: str | None) -> float | None:
    """Return how long a hang lasted: ``…: timeout 9850ms`` of the reason, else ``Duration: 4.31s``, else None.

    A timeout is the time after which the system stopped waiting: the hang was at least that long.
    """
    match = _TIMEOUT.search(reason or "")
    if match:
        return int(match[1]) / 1000
    match = _DURATION.match((duration or "").strip())
    try:
        return float(match[1]) if match else None
    except ValueError:
        return None
