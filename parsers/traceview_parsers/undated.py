"""The days of lines that print a time of day only: midnights, and dated lines among them."""

from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from traceview_parsers.clock import DAY, MISSING, SECOND, Longs

ROLL_OVER: Final = DAY // 2
"""Heuristic: a printed time of day that jumps back by more than this began a new day."""
LATE_LINE: Final = 22 * 3600 * SECOND
"""Heuristic: a jump *forward* by more than this is a line of the day before that was written late."""
CLOCKS_DIFFER: Final = 15 * 60 * SECOND
"""Heuristic: by so much a device's clock may be ahead of that of the computer which wrote a file. Clocks that nobody sets are off
by minutes; a log that was written so much less than a whole day after its last line would be dated a day late, and is rare."""


class Days(Struct):
    """Days of lines without a date.

    Attributes:
        days: Days since 1970 where `led`, else since the first line without a date.
        led: Whether a dated line tells the day.
    """

    days: Longs
    led: Any


class Undated(Struct):
    """Counts the days of lines without a date, in file order; keeps its state between blocks.

    Behind dated lines such a line goes on from them, or from the last one without a date, whichever time of day is nearer:
    a message may quote an old log. It does the latter where somebody stated the date of these lines.

    Attributes:
        latest: Of lines that no dated line leads the latest of each printed zone offset (nanoseconds, or `MISSING`), as
            nanoseconds since the midnight before the first such line.
        dated: Day of the last dated line, since 1970, or `MISSING`.
    """

    latest: dict[int, int] = field(default_factory=dict)
    dated: int = int(MISSING)
    _dated_of_day: int = 0
    _run: int = 0
    _run_start: int = 0
    _last: int = int(MISSING)
    _shift: int = 0
    _day: int = int(MISSING)
    _first_day: int = int(MISSING)

    def add_dated(self, days: Longs, of_day: Longs) -> None:
        """Take note of dated lines, which are of days since 1970."""
        if not len(days):
            return
        if not self._run:
            self._run_start = int(days[0]) * DAY + int(of_day[0])
        self._run += len(days)
        self.dated, self._dated_of_day = int(days[-1]), int(of_day[-1])

    def days(self, local_day: Longs, of_day: Longs, bare: Any, offsets: Longs, *, stated: bool) -> Days:
        """Return the days of those lines that are `bare`.

        Args:
            local_day: Days since 1970 of the others.
            of_day: Nanoseconds since midnight of all.
            bare: One boolean a line: has it no date? One at least.
            offsets: Printed zone offsets in nanoseconds, or `MISSING`.
            stated: Whether the date of the first line was stated, so that no dated line tells another.
        """
        at = np.flatnonzero(bare)
        clock = of_day[at]
        dated = np.maximum.accumulate(np.where(bare, -1, np.arange(len(bare))))[at]
        day = np.where(dated < 0, self.dated, local_day[dated])
        since_dated = clock - np.where(dated < 0, self._dated_of_day, of_day[dated])
        behind = np.concatenate([[self._run > 0 if at[0] == 0 else True], np.diff(at) > 1])
        new = self._last == MISSING
        since_last = np.diff(clock, prepend=clock[0] if new else self._last)
        leads = behind & (day != MISSING) & (_apart(since_dated) <= _apart(since_last)) & (not stated)
        leads[0] = behind[0] and day[0] != MISSING and not stated and (new or leads[0])
        jumps = np.where(leads, since_dated, since_last)
        steps = (jumps < -ROLL_OVER).astype(np.int64) - (jumps > LATE_LINE)
        begun = np.cumsum(steps)
        leader = np.maximum.accumulate(np.where(leads, np.arange(len(at)), -1))
        known = self._shift if self._day == MISSING else self._day
        days = np.where(leader < 0, known + begun, day[leader] + begun - (begun - steps)[leader])
        led = (leader >= 0) | (self._day != MISSING)
        self._note_leader(local_day, of_day, at, leads, days)
        self._note_latest(days[~led] * DAY + clock[~led], offsets[at[~led]])
        self._last, self._run = int(clock[-1]), 0
        if led[-1]:
            self._day = int(days[-1])
        else:
            self._shift = int(days[-1])
        if dated[-1] >= 0:
            self.dated = int(local_day[dated[-1]])
        self.add_dated(local_day[at[-1] + 1 :], of_day[at[-1] + 1 :])
        return Days(np.asarray(days, np.int64), led)

    def first_day(self) -> int | None:
        """Return the day of the first line without a date, by the dated lines behind it: the latest on which no line between is after them.

        None where there are none: a single dated line at the end may be quoted.
        """
        if self._first_day == MISSING and self._day == MISSING and self._run > 1:
            return self._day_before(self._run_start, self._shift, self._last)
        return None if self._first_day == MISSING else self._first_day

    def _note_leader(self, local_day: Longs, of_day: Longs, at: Longs, leads: Any, days: Longs) -> None:
        if self._day != MISSING or not leads.any():
            return
        first = int(np.argmax(leads))
        if first == 0:
            if self._last != MISSING:
                start = self._run_start if self._run else int(local_day[0]) * DAY + int(of_day[0])
                self._first_day = self._day_before(start, self._shift, self._last)
            return
        row = int(at[first - 1])
        start = int(local_day[row + 1]) * DAY + int(of_day[row + 1])
        self._first_day = self._day_before(start, int(days[first - 1]), int(of_day[row]))

    @staticmethod
    def _day_before(start: int, shift: int, of_day: int) -> int:
        return (start + CLOCKS_DIFFER - of_day) // DAY - shift

    def _note_latest(self, since_first: Longs, offsets: Longs) -> None:
        for offset in np.unique(offsets).tolist():
            latest = int(since_first[offsets == offset].max())
            self.latest[offset] = max(latest, self.latest.get(offset, latest))


def _apart(difference: Longs) -> Longs:
    """Return by how much two times of day differ, in nanoseconds, on the nearest days."""
    whole = np.abs(difference)
    return np.asarray(np.minimum(whole, np.abs(DAY - whole)), np.int64)
