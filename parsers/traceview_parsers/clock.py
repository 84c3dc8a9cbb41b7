"""Printed local times to UTC nanoseconds: zones, missing dates, missing years, midnight and daylight saving.

All instants are int64 nanoseconds since 1970-01-01; "local" nanoseconds count as if the local clock were UTC. Whatever
had to be assumed is marked on the row (`schema.TIME_HOW`) and said by `LocalClock.describe`.
"""

import re
from calendar import isleap
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from msgspec import Struct, field

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
_LAST_DAY: Final = 106_750  # days from 1970 that 64-bit nanoseconds can count, rounded down

ROLL_OVER: Final = DAY // 2
"""Heuristic: a printed time of day that jumps back by more than this began a new day."""
LATE_LINE: Final = 22 * 3600 * SECOND
"""Heuristic: a jump *forward* by more than this is a line of the day before that was written late."""
CLOCKS_DIFFER: Final = 15 * 60 * SECOND
"""Heuristic: by so much a device's clock may be ahead of that of the computer which wrote a file. Clocks that nobody sets are off
by minutes; a log that was written so much less than a whole day after its last line would be dated a day late, and is rare."""
NEAREST_DAY: Final = DAY // 2
"""A moment that lies in the span of a log, or about at its end, is at most so far from its last line on one day only."""
_DST_BIN: Final = 900  # zone offsets change at whole quarters of an hour
_LEAP_DAY: Final = 229
_HALF_YEAR: Final = 182
_DATED_LINE: Final = "dated line before"
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


class Anchor(Struct, frozen=True):
    """The date that places times printed without one.

    Attributes:
        day: The date.
        how: ``user``, ``file name``, ``capture time``, ``file time`` or ``dated line before``.
    """

    day: date
    how: str

    @property
    def assumed(self) -> bool:
        """Whether nobody stated this date for these lines."""
        return self.how not in {"user", "file name"}


def latest_day(latest: Mapping[int, int], limit_ns: int, tz: tzinfo | None) -> date:
    """Return the latest day of a text's first line on which no line is after `limit_ns`.

    Where nothing tells the zone of lines that print none, they may be as far after it as zones reach to the east: a zone
    assumed too far west must not cost a day.

    Args:
        latest: The latest lines of the text (`LocalClock.latest_undated`), at least one.
        limit_ns: UTC nanoseconds: when the file was written and what clocks may differ by.
        tz: Zone of lines that print none, where it is known.
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=limit_ns // 1000)
    told = None if tz is None else moment.astimezone(tz).utcoffset()
    unprinted = FARTHEST_ZONE if told is None else round(told.total_seconds()) * SECOND
    days = (
        (limit_ns + (unprinted if offset == MISSING else offset) - since_midnight) // DAY
        for offset, since_midnight in latest.items()
    )
    return date.fromordinal(_EPOCH_ORDINAL + min(days))


class LocalClock(Struct):
    """Maps the times of one source to UTC, line by line in file order; keeps day, year and fold between blocks.

    Attributes:
        anchor: Called once, when a date or a year is missing for the first time. None: such rows get no time.
        zone: Zone of times printed without one; None means UTC, marked as assumed.
        zone_how: Where `zone` came from, for `describe`.
        undated: Called once with the anchor, when lines without any date are met: returns the one that their first line has.
        latest_undated: Of lines without any date the latest of each printed zone offset (nanoseconds, or `MISSING`), as
            nanoseconds since the midnight before the first such line.
    """

    anchor: Callable[[], Anchor | None]
    zone: tzinfo | None = None
    zone_how: str = ""
    undated: Callable[[Anchor], Anchor] | None = None
    latest_undated: dict[int, int] = field(default_factory=dict)
    _first: Anchor | None = None
    _anchor: Anchor | None = None
    _asked: bool = False
    _day_shift: int = 0
    _last_of_day: int = int(MISSING)
    _dated: int = int(MISSING)
    _year: int | None = None
    _last_month: int = 0
    _last_local: int = int(MISSING)
    _second_fold: bool = False
    _facts: set[str] = field(default_factory=set)

    def resolve(self, days: Longs, month_days: Longs, of_day: Longs, offsets: Longs) -> tuple[Longs, Any, Any]:
        """Return UTC nanoseconds, a validity mask and codes into `schema.TIME_HOW` of rows in file order.

        Args:
            days: Printed dates, days since 1970-01-01, `MISSING` or `IMPOSSIBLE`.
            month_days: Printed dates without year as ``100 * month + day``, `MISSING` or `IMPOSSIBLE`.
            of_day: Nanoseconds since local midnight, or `MISSING` (the row then has no time).
            offsets: Printed zone offsets in nanoseconds, `MISSING` or `IMPOSSIBLE`.
        """
        timed = of_day != MISSING
        if (offsets == IMPOSSIBLE).any():
            self._facts.add("printed zones of 24 hours or more, or of minutes above 59, count as none")
            offsets = np.where(offsets == IMPOSSIBLE, MISSING, offsets)
        how = np.zeros(len(of_day), np.int32)
        local_day = days.copy()
        by_month = np.flatnonzero(timed & (days == MISSING) & (month_days != MISSING))
        bare = np.flatnonzero(timed & (days == MISSING) & (month_days == MISSING))
        if len(by_month) and (place := self._place()) is not None:
            place = self._beside(days[: by_month[0]], place)
            local_day[by_month] = self._with_years(month_days[by_month], place)
            how[by_month] |= 2 * place.assumed
        first = len(bare) - self._followed(local_day, of_day, timed, bare)
        if self._year is not None and self._anchor is not None:
            how[bare[first:]] |= 2 * self._anchor.assumed
        bare = bare[:first]
        if len(bare) and (place := self._place()) is not None:
            local_day[bare] = self._unwrapped(of_day[bare], offsets[bare], self._first_undated(place))
            how[bare] |= 2 * place.assumed
        valid = timed & (local_day >= -_LAST_DAY) & (local_day <= _LAST_DAY)
        if (timed & ~valid & (days != MISSING)).any():
            self._facts.add("dates that do not exist, or lie outside 1678 to 2261, give no time")
        local = np.where(valid, local_day * DAY + of_day, 0)
        unzoned = np.flatnonzero(valid & (offsets == MISSING))
        shift = np.where(offsets == MISSING, 0, offsets)
        if len(valid) and valid.any() and len(unzoned) < int(valid.sum()):
            self._facts.add("printed with zone")
        if len(unzoned):
            shift[unzoned] = self._offsets(local[unzoned])
            if self.zone is None:
                how[unzoned] |= 1
        how[~valid] = 4
        return local - shift, valid, how

    def describe(self) -> str:
        """Return how the times were reached, for people."""
        return "; ".join(sorted(self._facts, reverse=True)) or "no times"

    def certainty_ns(self, resolution: int | None) -> int | None:
        """Return the bound of the times' error: how finely they are printed, or what an assumed zone may be off by.

        None where there are no times, or where a date was assumed, which may be wrong by any number of days.

        Args:
            resolution: How finely the times are printed (`resolution_ns`).
        """
        if resolution is None or any(fact.startswith(("date assumed", "year assumed")) for fact in self._facts):
            return None
        return FARTHEST_ZONE if "zone assumed (UTC)" in self._facts else resolution

    def _place(self) -> Anchor | None:
        if not self._asked:
            self._asked, self._anchor = True, self.anchor()
        return self._anchor

    def _first_undated(self, place: Anchor) -> Anchor:
        if self._first is None:
            self._first = place if self.undated is None else self.undated(place)
        return self._first

    def _beside(self, days: Longs, place: Anchor) -> Anchor:
        """Return what tells the year of the first line that prints none: the user, else a line with one, `days` or earlier."""
        real = days[(days > IMPOSSIBLE) & (np.abs(days) <= _LAST_DAY)]
        day = int(real[-1]) if len(real) else self._dated
        if self._year is not None or place.how == "user" or day == MISSING:
            return place
        return Anchor(date.fromordinal(_EPOCH_ORDINAL + day), _DATED_LINE)

    def _followed(self, local_day: Longs, of_day: Longs, timed: Any, bare: Longs) -> int:
        """Date the lines without a date that stand behind dated ones; return how many, which are the last of `bare`."""
        if not len(bare):
            last = len(timed) - 1 - int(np.argmax(timed[::-1])) if len(timed) else 0
            if len(timed) and timed[last] and -_LAST_DAY <= local_day[last] <= _LAST_DAY:
                self._dated, self._last_of_day = int(local_day[last]), int(of_day[last])
            return 0
        rows = np.flatnonzero(timed)
        dated = (local_day[rows] >= -_LAST_DAY) & (local_day[rows] <= _LAST_DAY)
        before = np.maximum.accumulate(np.where(dated, np.arange(len(rows)), -1))
        start = of_day[rows[0]] if self._last_of_day == MISSING else self._last_of_day
        jumps = np.diff(of_day[rows], prepend=start)
        begun = np.cumsum((jumps < -ROLL_OVER).astype(np.int64) - (jumps > LATE_LINE))
        known = np.where(before < 0, self._dated, local_day[rows[before]] - begun[before])
        undated = np.zeros(len(timed), bool)
        undated[bare] = True
        follows = undated[rows] & (known != MISSING)
        if follows.any():
            self._facts.add("lines without a date are of the day of the dated line before them")
            local_day[rows[follows]] = (known + begun)[follows]
        if known[-1] != MISSING:
            self._dated, self._last_of_day = int(known[-1] + begun[-1]), int(of_day[rows[-1]])
        return int(np.count_nonzero(follows))

    def _unwrapped(self, of_day: Longs, offsets: Longs, place: Anchor) -> Longs:
        """Days of times without a date: the anchor's, plus one after each midnight."""
        verb = "assumed" if place.assumed else "given"
        self._facts.add(f"date {verb}: first line on {place.day.isoformat()} ({place.how})")
        first = of_day[0] if self._last_of_day == MISSING else self._last_of_day
        jumps = np.diff(of_day, prepend=first)
        shifts = self._day_shift + np.cumsum((jumps < -ROLL_OVER).astype(np.int64) - (jumps > LATE_LINE))
        self._day_shift = int(shifts[-1])
        self._last_of_day = int(of_day[-1])
        for offset in np.unique(offsets).tolist():
            latest = int((shifts * DAY + of_day)[offsets == offset].max())
            self.latest_undated[offset] = max(latest, self.latest_undated.get(offset, latest))
        return np.asarray(days_since_epoch(place.day) + shifts, np.int64)

    def _with_years(self, month_days: Longs, place: Anchor) -> Longs:
        """Days of dates without a year; December to January begins a new one."""
        real = month_days > IMPOSSIBLE
        result = np.full(len(month_days), IMPOSSIBLE, np.int64)
        month_days = month_days[real]
        if not len(month_days):
            return result
        months = month_days // 100
        turns = np.diff(months, prepend=months[0] if self._year is None else self._last_month)
        later = np.cumsum((turns < -6).astype(np.int64) - (turns > 6))
        if self._year is None:
            self._year = self._first_year(int(month_days[0]), place, np.unique(later[month_days == _LEAP_DAY]))
        years = self._year + later
        self._year, self._last_month = int(years[-1]), int(months[-1])
        keys, inverse = np.unique(years * 10_000 + month_days, return_inverse=True)
        result[real] = np.array([_day_of(int(key)) for key in keys], np.int64)[inverse]
        return result

    def _first_year(self, month_day: int, place: Anchor, leaps: Longs) -> int:
        """Return the year of the first line; `leaps` tells how many years later there are days that only leap years have."""
        verb = "assumed" if place.assumed else "given"
        if place.how == "user":
            year = place.day.year
        else:
            limit = place.day + timedelta(days=_HALF_YEAR if place.how == _DATED_LINE else 1)
            later = (month_day // 100, month_day % 100) > (limit.month, limit.day)
            year = limit.year - 1 if later else limit.year
            fitting = (one for one in range(year, year - 9, -1) if all(isleap(one + int(leap)) for leap in leaps))
            year = next(fitting, year)
        self._facts.add(f"year {verb}: first line in {year} ({place.how} {place.day.isoformat()})")
        return year

    def _offsets(self, local: Longs) -> Longs:
        """Offsets of local times in the source's zone. A repeated hour is told apart by the clock's jump back."""
        if self.zone is None:
            self._facts.add("zone assumed (UTC)")
            return np.zeros(len(local), np.int64)
        self._facts.add(f"zone {self.zone} ({self.zone_how})")
        bins, inverse = np.unique(local // (_DST_BIN * SECOND), return_inverse=True)
        moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(b) * _DST_BIN) for b in bins]
        first = np.array([_offset_at(moment, self.zone, 0) for moment in moments], np.int64)[inverse]
        second = np.array([_offset_at(moment, self.zone, 1) for moment in moments], np.int64)[inverse]
        repeated = first > second
        start = local[0] if self._last_local == MISSING else self._last_local
        self._last_local = int(local[-1])
        if not repeated.any():
            self._second_fold = False
            return first
        jumped = repeated & (np.diff(local, prepend=start) < (second - first) // 2)
        fold = np.logical_or.accumulate(jumped) | self._second_fold
        self._second_fold = bool(fold[-1] and repeated[-1])
        return np.where(repeated & fold, second, first)


def _offset_at(moment: datetime, tz: tzinfo, fold: int) -> int:
    delta = moment.replace(tzinfo=tz, fold=fold).utcoffset() or timedelta(0)
    return (delta.days * 86_400 + delta.seconds) * SECOND


def _day_of(key: int) -> int:
    year, rest = divmod(key, 10_000)
    try:
        return days_since_epoch(date(year, rest // 100, rest % 100))
    except ValueError:
        return int(IMPOSSIBLE)
