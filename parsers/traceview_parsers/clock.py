"""Times of any source: units, zones, dates and offsets as they are printed.

All instants are int64 nanoseconds since 1970-01-01.
"""

import re
from datetime import UTC, date, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from traceview_parsers.errors import UsageError

Longs = np.ndarray[Any, np.dtype[np.int64]]

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND
MISSING: Final = np.iinfo(np.int64).min
"""Marks a part of a time that the text does not print."""
IMPOSSIBLE: Final = MISSING + 1
"""Marks a date that the text prints but no calendar has, and an offset that no clock can have."""
FARTHEST_ZONE: Final = 14 * 3600 * SECOND
"""Bound of the error where a zone was assumed to be UTC: zones reach from -12:00 to +14:00 (IANA time zone database)."""
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?([0-5]\d)?")
_NAME_DATE: Final = re.compile(
    r"(?<!\d)(20\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?=\D|$|\d{4}(?:\d\d)?(?:\D|$))"
)
MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


def resolution_ns(times: Longs, finest: int | None = None) -> int | None:
    """Return the coarsest of 1 s, 100 ms … 1 ns of which all times are whole multiples; None where there are none.

    What prints a time cuts off the rest, so this bounds the error of printed times. Times that end in zeros by chance make
    it coarser than what was printed, never finer.

    Args:
        times: Nanoseconds since 1970.
        finest: What earlier times of the same source gave.
    """
    if not len(times):
        return finest
    unit = finest or SECOND
    while unit > 1 and (times % unit).any():
        unit //= 10
    return unit


def storable(time_ns: int) -> int | None:
    """Return an instant, or None where 64 bits of nanoseconds do not hold it (before 1678, after 2261): damage or a lie."""
    return time_ns if abs(time_ns) < 1 << 63 else None


def zone(text: str) -> tzinfo:
    """Return the zone named by `text`: ``+02:00``, ``-0700``, ``Z``, ``UTC`` or an IANA name. Raises UsageError."""
    if text in {"Z", "UTC", "GMT"}:
        return UTC
    offset = offset_ns(text)
    if offset is not None:
        return timezone(timedelta(seconds=offset // SECOND))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"unknown time zone {text!r}: give an offset such as +02:00 or a name such as Europe/Berlin"
        ) from error


def zone_name(tz: tzinfo) -> str:
    """Return a zone as `zone` reads it: the name of a place, else its offset from UTC."""
    key = getattr(tz, "key", None)
    if isinstance(key, str):
        return key
    return offset_text(round((tz.utcoffset(None) or timedelta()).total_seconds()))


def offset_text(seconds: int) -> str:
    """Return an offset from UTC as people write it: ``-05:00``."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def colon_offset(offset: str) -> str:
    """``+0100`` → ``+01:00``."""
    return f"{offset[:3]}:{offset[3:]}"


def offset_ns(text: str) -> int | None:
    """Return the offset of a printed zone (``+0300``, ``+03:00``, ``Z``) in nanoseconds, or None if it is none."""
    if text == "Z":
        return 0
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    if seconds >= 86_400:
        return None
    return (-seconds if match[1] == "-" else seconds) * SECOND


def date_in_name(name: str) -> date | None:
    """Return the last date (``2024-07-09``, ``20240709``, ``2024.07.09``) in a file's path, its own name first."""
    for part in reversed(name.split("/")):
        for match in reversed(list(_NAME_DATE.finditer(part))):
            try:
                return date(int(match[1]), int(match[3]), int(match[4]))
            except ValueError:
                continue
    return None


def days_since_epoch(day: date) -> int:
    """Return the number of days from 1970-01-01 to `day`."""
    return day.toordinal() - _EPOCH_ORDINAL


def day_of(days: int) -> date:
    """Return the date that is `days` after 1970-01-01."""
    return date.fromordinal(_EPOCH_ORDINAL + days)


def parse_day(text: str) -> int:
    """Return days since 1970-01-01 of ``YYYY-MM-DD``, or `IMPOSSIBLE` where that is no date."""
    try:
        return days_since_epoch(date.fromisoformat(text))
    except ValueError:
        return int(IMPOSSIBLE)


def parse_month_day(text: str) -> int:
    """Return ``100 * month + day`` of ``Nov 12`` or ``Jun  9``, or `IMPOSSIBLE` where that is none."""
    month, _, day = text.partition(" ")
    number = MONTHS.get(month)
    if number is None or not day.strip().isdigit() or not 1 <= int(day) <= 31:
        return int(IMPOSSIBLE)
    return 100 * number + int(day)
