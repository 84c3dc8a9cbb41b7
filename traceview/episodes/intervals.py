"""Interval algebra on half-open windows ``[start, end)``.

Windows are episodes: there are few of them, so measures go through them one by one, which costs less than the joins of
a table for up to some hundred windows, and about a microsecond a window for more.

Tables of windows are frames with the columns ``key`` (any type: which process, session or app), ``start`` and
``end`` (Int64, nanoseconds, never null). Windows of different keys never meet. Windows without length are allowed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

import polars as pl

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""


def in_seconds(nanoseconds: pl.Expr) -> pl.Expr:
    """Expression: nanoseconds as seconds, correctly rounded (polars multiplies by the inexact 1e-9)."""
    return (nanoseconds / NS).round(9)


def free(windows: Iterable[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return what these windows (start and end, in any order) leave free of ``[start, end)``, in time order."""
    left: list[tuple[int, int]] = []
    reach = start
    for since, until in (*sorted(windows), (end, end)):
        begin = min(since, end)
        if begin > reach:
            left.append((reach, begin))
        reach = max(reach, until)
    return left


def overlap_s(windows: pl.DataFrame, others: pl.DataFrame) -> pl.Series:
    """Return for each window the seconds that the union of ``others`` of the same key covers (order of ``windows``)."""
    if windows.is_empty() or others.is_empty():
        return pl.repeat(0.0, windows.height, eager=True, dtype=pl.Float64).alias("overlap_s")
    unions = {key: _Union(mine) for key, mine in _by_key(others).items()}
    covered = [
        unions[key].before(end) - unions[key].before(start) if key in unions else 0
        for key, start, end in windows.select("key", "start", "end").rows()
    ]
    return pl.Series("overlap_s", covered, pl.Int64).to_frame().select(in_seconds(pl.col("overlap_s"))).to_series()


def window_at(points: pl.DataFrame, windows: pl.DataFrame, slack: int = 0) -> pl.DataFrame:
    """Find the window of the same key that holds each point.

    Args:
        points: Columns ``key`` and ``t`` (Int64, nanoseconds).
        windows: Columns ``key``, ``start``, ``end`` and any others; where several hold a point, the last begun wins.
        slack: Nanoseconds that a point may lie behind the end of its window.

    Returns:
        The points in their order with the columns of ``windows`` (null where no window holds the point).
    """
    known = _by_key(windows)
    found = [_holding(known.get(key, []), t, slack) for key, t in points.select("key", "t").rows()]
    rows = pl.Series("row", found, pl.UInt32)
    return points.hstack(windows.drop("key").select(pl.all().gather(rows)))


def meeting(windows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return which windows share a moment with which of ``others`` of the same key: their rows, ``row`` and ``other``.

    In the order of ``windows``, then of ``others``. Windows without length share none.
    """
    known = {key: (mine, list(accumulate((end for _, end, _ in mine), max))) for key, mine in _by_key(others).items()}
    pairs = [
        (row, other)
        for row, (key, start, end) in enumerate(windows.select("key", "start", "end").iter_rows())
        if key in known
        for other in _sharing(*known[key], start, end)
    ]
    return pl.DataFrame(pairs, schema={"row": pl.UInt32, "other": pl.UInt32}, orient="row")


def touched(windows: pl.DataFrame, others: pl.DataFrame, slack: int = 0) -> pl.Series:
    """Tell for each window (in order) whether ``others`` of the same key cover any of it, or the last begun its start.

    Args:
        windows: Columns ``key``, ``start``, ``end``.
        others: The same columns.
        slack: Nanoseconds that a start may lie behind the end of the other window.
    """
    known = _by_key(others)
    unions = {key: _Union(mine) for key, mine in known.items()}
    told = [
        key in known
        and (unions[key].before(end) > unions[key].before(start) or _holding(known[key], start, slack) is not None)
        for key, start, end in windows.select("key", "start", "end").rows()
    ]
    return pl.Series("touched", told, pl.Boolean)


def depth(points: pl.DataFrame, windows: pl.DataFrame) -> pl.Series:
    """Return for each point (columns ``key``, ``t``) how many ``windows`` of the same key hold it, their ends included."""
    known = {
        key: (sorted(start for start, _, _ in mine), sorted(end for _, end, _ in mine))
        for key, mine in _by_key(windows.filter(pl.col("end") >= pl.col("start"))).items()
    }
    none: tuple[list[int], list[int]] = ([], [])
    held = [
        bisect_right(known.get(key, none)[0], t) - bisect_left(known.get(key, none)[1], t)
        for key, t in points.select("key", "t").rows()
    ]
    return pl.Series("depth", held, pl.Int64)


_Window = tuple[int, int, int]
"""Start, end and row of a window."""


def _holding(mine: list[_Window], t: int, slack: int) -> int | None:
    """The row of the last begun of these windows (by start) if it holds ``t``."""
    at = bisect_right(mine, t, key=_start) - 1
    return mine[at][2] if at >= 0 and t <= mine[at][1] + slack else None


def _sharing(mine: list[_Window], reach: list[int], start: int, end: int) -> list[int]:
    """The rows, in order, of these windows (by start, with how far they reach so far) that share a moment with this one."""
    near = mine[bisect_right(reach, start) : bisect_left(mine, end, key=_start)]
    return sorted(row for begun, over, row in near if over > start and min(over, end) > max(begun, start))


def _start(window: _Window) -> int:
    return window[0]


def _by_key(windows: pl.DataFrame) -> dict[object, list[_Window]]:
    """Return the windows of each key by start; a null is no key."""
    groups: dict[object, list[_Window]] = {}
    for row, (key, start, end) in enumerate(windows.select("key", "start", "end").rows()):
        if key is not None:
            groups.setdefault(key, []).append((start, end, row))
    for mine in groups.values():
        mine.sort(key=_start)
    return groups


class _Union:
    """What some windows (by start) cover together."""

    def __init__(self, windows: list[_Window]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._through: list[int] = []  # covered up to each end
        covered = 0
        for start, end, _ in windows:
            reach = self._ends[-1] if self._ends else start
            if self._ends and start <= reach:
                covered += max(end - reach, 0)
                self._ends[-1], self._through[-1] = max(end, reach), covered
            else:
                covered += end - start
                self._starts.append(start)
                self._ends.append(end)
                self._through.append(covered)

    def before(self, t: int) -> int:
        """Return the nanoseconds that are covered before `t`."""
        at = bisect_right(self._starts, t) - 1
        return self._through[at] - max(self._ends[at] - t, 0) if at >= 0 else 0
