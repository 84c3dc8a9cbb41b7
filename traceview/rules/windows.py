"""Interval algebra over windows (episodes, never log rows), and bursts in a series of moments.

A window is a pair of UTC datetimes, start before end, half open.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Final, Generic, Self, TypeVar

from msgspec import Struct

Window = tuple[datetime, datetime]
T = TypeVar("T")

FAR: Final = datetime.max.replace(tzinfo=UTC)
"""The end of what has none."""


class ByTime(Struct, Generic[T], frozen=True):
    """What has windows, by start: those that meet a window are found without looking at all."""

    items: list[T]
    spans: list[Window]
    starts: list[datetime]
    reach: list[datetime]
    """Up to when this one or any before it lasts."""

    @classmethod
    def of(cls, found: Iterable[tuple[T, Window]]) -> Self:
        """Place items with their windows; those of one start stay in order."""
        pairs = sorted(found, key=lambda pair: pair[1][0])
        spans = [span for _, span in pairs]
        reach = list(accumulate((end for _, end in spans), max))
        return cls([item for item, _ in pairs], spans, [start for start, _ in spans], reach)

    def meeting(self, since: datetime, until: datetime) -> Iterator[T]:
        """Yield, by start, those that begin before `until` and end after `since`."""
        for at in range(bisect_right(self.reach, since), bisect_left(self.starts, until)):
            if self.spans[at][1] > since:
                yield self.items[at]

    def reached(self, moment: datetime) -> datetime | None:
        """Return up to when those last that begin by `moment`; None where none does."""
        at = bisect_right(self.starts, moment)
        return self.reach[at - 1] if at else None


def length_s(windows: Iterable[Window]) -> float:
    """Return the summed length in seconds."""
    return sum((end - start).total_seconds() for start, end in windows)


def union(windows: Iterable[Window]) -> list[Window]:
    """Return the windows sorted, with touching and overlapping ones joined and empty ones dropped."""
    joined: list[Window] = []
    for start, end in sorted(windows):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def intersect(left: Iterable[Window], right: Iterable[Window]) -> list[Window]:
    """Return what lies in both."""
    ours, theirs = union(left), union(right)
    shared: list[Window] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        start, end = max(ours[i][0], theirs[j][0]), min(ours[i][1], theirs[j][1])
        if start < end:
            shared.append((start, end))
        if ours[i][1] <= theirs[j][1]:
            i += 1
        else:
            j += 1
    return shared


def subtract(left: Iterable[Window], right: Iterable[Window]) -> list[Window]:
    """Return what lies in `left` and not in `right`."""
    holes = union(right)
    rest: list[Window] = []
    for begin, end in union(left):
        start = begin
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                rest.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            rest.append((start, end))
    return rest


def busiest(moments: Sequence[datetime], span_s: float) -> tuple[int, int]:
    """Return the slice bounds (first, after last) of the most `moments` that fit in `span_s` seconds.

    `moments` must be sorted. Equal counts: the earliest. An empty series gives (0, 0).
    """
    span = timedelta(seconds=span_s)
    best = (0, 0)
    first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > span:
            first += 1
        if last + 1 - first > best[1] - best[0]:
            best = (first, last + 1)
    return best


def clusters(moments: Sequence[datetime], gap_s: float) -> list[tuple[int, int]]:
    """Split sorted `moments` where more than `gap_s` seconds lie between neighbours; return slice bounds."""
    if not moments:
        return []
    cuts = [index for index in range(1, len(moments)) if (moments[index] - moments[index - 1]).total_seconds() > gap_s]
    bounds = [0, *cuts, len(moments)]
    return list(pairwise(bounds))
