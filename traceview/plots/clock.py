"""The clock that people read: one fixed offset from UTC for a whole figure or report."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from traceview_parsers.trace import PRINTED, CaptureInfo

UNSURE = frozenset({"assumed", "unknown"})


class DisplayClock(Struct, frozen=True):
    """Offset that is added to UTC for display.

    Attributes:
        offset: Fixed for the whole figure, so that axes never fold at a change of summer time.
        label: ``UTC`` or ``UTC+02:00``.
        how: Why this offset, for people.
    """

    offset: timedelta
    label: str
    how: str

    @property
    def offset_ms(self) -> int:
        """Offset in milliseconds, as plotly's date axes count."""
        return round(self.offset.total_seconds() * 1000)

    @property
    def zone(self) -> timezone:
        """The offset as a zone."""
        return timezone(self.offset)

    def local(self, moment: datetime) -> datetime:
        """Return the moment as it reads on this clock."""
        return moment.astimezone(self.zone)


def display_clock(capture: CaptureInfo, moment: datetime | None = None) -> DisplayClock:
    """Return the device's own clock where its zone is known, else UTC.

    Args:
        capture: Its `tz` is used unless it was only assumed.
        moment: When, for zones with summer time; the time of the capture by default.
    """
    if moment is None and capture.time_ns is not None:
        moment = datetime.fromtimestamp(capture.time_ns / 1e9, tz=UTC)
    offset = None if capture.tz is None or capture.tz_how in UNSURE else _offset(capture.tz, moment)
    if offset is None:
        return DisplayClock(timedelta(), "UTC", "the device's time zone is not known")
    return DisplayClock(offset, _label(offset), _how(capture.tz_how))


def _how(tz_how: str) -> str:
    if tz_how.startswith(PRINTED):
        return "the zone in which the log was printed"
    return "the zone given for the capture" if tz_how.startswith("user") else f"the device's time zone, from: {tz_how}"


def _offset(tz: str, moment: datetime | None) -> timedelta | None:
    if tz in {"Z", "UTC", "GMT"}:
        return timedelta()
    if tz[:1] in {"+", "-"}:
        digits = tz[1:].replace(":", "")
        if len(digits) != 4 or not digits.isascii() or not digits.isdigit() or int(digits[:2]) > 14:
            return None
        size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return size if tz[0] == "+" else -size
    if moment is None:
        return None
    try:
        return moment.astimezone(ZoneInfo(tz)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _label(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    sign = "+" if minutes > 0 else "-"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
