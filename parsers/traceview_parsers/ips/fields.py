"""Small texts inside reports: times, offsets, versions.

Forms are those of real reports of iOS 7 to 16 and of quoted excerpts up to iOS 26.
"""

import re
from datetime import datetime
from typing import Final

from traceview_parsers.clock import SECOND, storable

_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:[.,](\d+))? ?(?:([+-])(\d{2}):?(\d{2})|(Z)|(UTC))"
)
_OS: Final = re.compile(r"(?:iPhone OS|iOS|iPadOS|watchOS|Watch OS|macOS) ([\d.]+) \((?:Build )?(\w+)\)")


def time_ns(text: str | None) -> int | None:
    """Return UTC nanoseconds of ``2022-09-18 15:28:37.3451 +0900`` (any number of decimals, or ``Z``).

    None where it is no time, or none that 64 bits hold.
    """
    match = _match(text)
    if match is None:
        return None
    day, clock, decimals, sign, hours, minutes, _, _ = match.groups()
    try:
        seconds = datetime.fromisoformat(f"{day}T{clock}{sign or '+'}{hours or '00'}:{minutes or '00'}").timestamp()
    except ValueError:
        return None
    return storable(int(seconds) * SECOND + int((decimals or "0")[:9].ljust(9, "0")))


def utc_offset_s(text: str | None) -> int | None:
    """Return the offset in seconds east of UTC that a time is printed with; None for ``Z`` and for no time."""
    match = _match(text)
    if match is None or match[4] is None:
        return None
    seconds = int(match[5]) * 3600 + int(match[6]) * 60
    return None if seconds >= 86_400 else -seconds if match[4] == "-" else seconds


def _match(text: str | None) -> re.Match[str] | None:
    return _TIME.match(text.strip()) if text else None


def os_version(text: str | None) -> tuple[str | None, str | None]:
    """``iPhone OS 16.0 (20A362)`` → (``16.0``, ``20A362``)."""
    match = _OS.search(text or "")
    return (match[1], match[2]) if match else (None, None)


def version(text: str | None) -> tuple[str | None, str | None]:
    """``1.4.5 (52)`` → (``1.4.5``, ``52``); crash reports up to iOS 14 print ``build (version)`` instead."""
    match = re.fullmatch(r"(\S+) \((\S+)\)", (text or "").strip())
    return (match[1], match[2]) if match and "?" not in match[0] else (None, None)
