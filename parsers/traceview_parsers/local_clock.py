"""Printed local times to UTC nanoseconds: missing zones, missing dates, missing years and daylight saving.

"Local" nanoseconds count as if the local clock were UTC. Whatever had to be assumed is marked on the row
(`schema.TIME_HOW`) and said by `LocalClock.describe`.
"""

from calendar import isleap
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from traceview_parsers.clock import (
    DAY,
    FARTHEST_ZONE,
    IMPOSSIBLE,
    MISSING,
    SECOND,
    Longs,
    day_of,
    days_since_epoch,
)
from traceview_parsers.undated import Undated

_LAST_DAY: Final = 106_750  # days from 1970 that 64-bit nanoseconds can count, rounded down

NEAREST_DAY: Final = DAY // 2
"""A moment that lies in the span of a log, or about at its end, is at most so far from its last line on one day only."""
_DST_BIN: Final = 900  # zone offsets change at whole quarters of an hour
_LEAP_DAY: Final = 229
_HALF_YEAR: Final = 182
_YEAR: Final = 10_000  # of dates as numbers: 20260115
_DATED_LINE: Final = "dated line before"
DATED_BEHIND: Final = "dated line behind"


class Anchor(Struct, frozen=True):
    """The date that places times printed without one.

    Attributes:
        day: The date.
        how: ``user``, ``file name``, ``capture time``, ``file time``, ``dated line before`` or ``dated line behind``.
    """

    day: date
    how: str

    @property
    def assumed(self) -> bool:
        """Whether nobody stated this date for these lines."""
        return self.how not in {"user", "file name"}


def latest_day(latest: Mapping[int, int], limit_ns: int, tz: tzinfo | None) -> date:
    """Return the latest day of a text's first line on which no line is after `limit_ns`.

    Where nothing tells the zone of lines that print none, the last one is of the day on which it lies nearest: zones lie to
    the east and to the west, and none of them must cost a day.

    Args:
        latest: The latest lines of the text (`Undated.latest`), at least one.
        limit_ns: UTC nanoseconds: when the file was written and what clocks may differ by.
        tz: Zone of lines that print none, where it is known.
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=limit_ns // 1000)
    told = None if tz is None else moment.astimezone(tz).utcoffset()
    unprinted = NEAREST_DAY if told is None else round(told.total_seconds()) * SECOND
    days = (
        (limit_ns + (unprinted if offset == MISSING else offset) - since_midnight) // DAY
        for offset, since_midnight in latest.items()
    )
    return day_of(min(days))


class LocalClock(Struct):
    """Maps the times of one source to UTC, line by line in file order; keeps day, year and fold between blocks.

    Attributes:
        anchor: Called once, when a date or a year is missing for the first time. None: such rows get no time.
        zone: Zone of times printed without one; None means UTC, marked as assumed.
        zone_how: Where `zone` came from, for `describe`.
        undated: Called once with the anchor, when lines without any date are met: returns the one that their first line has.
        lines_without_date: What is known of their days.
    """

    anchor: Callable[[], Anchor | None]
    zone: tzinfo | None = None
    zone_how: str = ""
    undated: Callable[[Anchor], Anchor] | None = None
    lines_without_date: Undated = field(default_factory=Undated)
    _first: Anchor | None = None
    _anchor: Anchor | None = None
    _asked: bool = False
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
        if len(by_month) and (place := self._place()) is not None:
            place = self._beside(days[: by_month[0]], place)
            local_day[by_month] = self._with_years(month_days[by_month], place)
            how[by_month] |= 2 * place.assumed
        bare = timed & (days == MISSING) & (month_days == MISSING)
        self._place_undated(local_day, how, of_day, bare, offsets)
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
        day = int(real[-1]) if len(real) else self.lines_without_date.dated
        if self._year is not None or place.how == "user" or day == MISSING:
            return place
        return Anchor(day_of(day), _DATED_LINE)

    def _place_undated(self, local_day: Longs, how: Any, of_day: Longs, bare: Any, offsets: Longs) -> None:
        """Put the days of the lines without any date, which are `bare`, and what was assumed."""
        timed = np.flatnonzero(bare | ((of_day != MISSING) & (local_day >= -_LAST_DAY) & (local_day <= _LAST_DAY)))
        bare = bare[timed]
        if not bare.any():
            self.lines_without_date.add_dated(local_day[timed], of_day[timed])
            return
        place = self._place()
        stated = place is not None and not place.assumed
        found = self.lines_without_date.days(local_day[timed], of_day[timed], bare, offsets[timed], stated=stated)
        led, free = timed[bare][found.led], timed[bare][~found.led]
        if len(led):
            self._facts.add("lines without a date are of the day of the dated line before them")
            local_day[led] = found.days[found.led]
            how[led] |= 2 * (self._year is not None and place is not None and place.assumed)
        if len(free) and place is not None:
            first = self._first_undated(place)
            verb = "assumed" if first.assumed else "given"
            self._facts.add(f"date {verb}: first line on {first.day.isoformat()} ({first.how})")
            local_day[free] = days_since_epoch(first.day) + found.days[~found.led]
            how[free] |= 2 * first.assumed

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
            self._year = self._first_year(month_days, later, place)
        years = self._year + later
        self._year, self._last_month = int(years[-1]), int(months[-1])
        keys, inverse = np.unique(years * _YEAR + month_days, return_inverse=True)
        result[real] = np.array([_day_of_key(int(key)) for key in keys], np.int64)[inverse]
        return result

    def _first_year(self, month_days: Longs, later: Longs, place: Anchor) -> int:
        """Return the year of the first of the lines that are at hand, which are of so many years later.

        It is the latest one in which neither the first nor the last line is after `place`, since one between may be quoted; or
        that in which the first line is nearest to a dated one. It has the leap days.
        """
        verb = "assumed" if place.assumed else "given"
        if place.how == "user":
            year = place.day.year
        else:
            nearest = place.how == _DATED_LINE
            limit = place.day + timedelta(days=_HALF_YEAR if nearest else 1)
            latest = int(month_days[0] if nearest else (later * _YEAR + month_days)[[0, -1]].max())
            year = (limit.year * _YEAR + limit.month * 100 + limit.day - latest) // _YEAR
            leaps = np.unique(later[month_days == _LEAP_DAY]).tolist()
            fitting = (one for one in range(year, year - 9, -1) if all(isleap(one + leap) for leap in leaps))
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


def _day_of_key(key: int) -> int:
    year, rest = divmod(key, _YEAR)
    try:
        return days_since_epoch(date(year, rest // 100, rest % 100))
    except ValueError:
        return int(IMPOSSIBLE)
