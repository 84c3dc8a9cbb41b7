"""One offset from UTC for a whole capture, so that terminal, report and JSON show the same times.

A zone with summer time has two offsets; a capture that reaches over a change (a PowerLog of weeks) would read one hour
apart in two places, and the axis of a figure cannot fold. So the offset at the moment of the capture counts everywhere.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec.structs import replace

from traceview_parsers.clock import offset_text, zone
from traceview_parsers.errors import UsageError
from traceview_parsers.trace import CaptureInfo

_UTC_TIME: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""How notes and problems of readers name a moment: they do not know in which zone people read."""


def at_one_offset(capture: CaptureInfo, end_ns: int) -> CaptureInfo:
    """Return the capture with a fixed offset as its zone; `tz_how` then names the zone.

    Args:
        capture: Its own time counts where it is known. A zone that is unknown here stays as it is.
        end_ns: Last moment that a source tells of, UTC nanoseconds; counts otherwise. 0: no source has a time.
    """
    moment_ns = capture.time_ns if capture.time_ns is not None else end_ns
    if capture.tz is None or not moment_ns:
        return capture
    try:
        moment = from_ns(moment_ns)
        offset = moment.astimezone(zone(capture.tz)).utcoffset() or timedelta()
    except (UsageError, OverflowError):
        return capture
    tz = offset_text(round(offset.total_seconds()))
    return capture if tz == capture.tz else replace(capture, tz=tz, tz_how=f"{capture.tz_how}, {capture.tz}")


def from_ns(nanoseconds: int) -> datetime:
    """Return the moment of UTC nanoseconds, cut to microseconds. Raises OverflowError outside the calendar."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)


def read_locally(text: str, zone: tzinfo) -> str:
    """Return a note or problem with the moments that it names in UTC (``2026-01-15T09:30:00Z``) as people read them."""
    return _UTC_TIME.sub(lambda found: _local(found[0], zone), text)


def _local(stamp: str, zone: tzinfo) -> str:
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):  # no such day, or one at the end of the calendar
        return stamp
