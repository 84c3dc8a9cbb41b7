"""PowerLog's clock: seconds since 1970 that never jump, and the table that says how far they are from wall time.

A row of ``…EventForward_TimeOffset`` holds from its own time on: wall time = stamp + ``system`` of the last such row at
or before the stamp; stamps older than every row use the first one. Rows of one real file of iPadOS 15 were up to
10 minutes off before this correction, and public notes on other devices tell of 69 seconds and of 32 days.
"""

from typing import Any, Final, Self

import numpy as np

Longs = np.ndarray[Any, np.dtype[np.int64]]
Reals = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MICROSECOND: Final = 1000
_TICKS: Final = 1_000_000
"""Microseconds in a second: stamps are doubles, and doubles of this size are no finer than a quarter microsecond."""
_FARTHEST: Final = 9_200_000_000.0
"""Seconds after 1970 (year 2261) beyond which nanoseconds no longer fit 64 bits."""


def ticks(seconds: Reals) -> tuple[Longs, Mask]:
    """Return stamps in microseconds and which of them are times at all (finite, before the year 2261)."""
    with np.errstate(invalid="ignore"):
        valid = np.abs(seconds) < _FARTHEST
    return np.rint(np.where(valid, seconds, 0.0) * _TICKS).astype(np.int64), valid


class PowerlogClock:
    """Piecewise constant difference between PowerLog's clock and wall time; without rows the difference is zero.

    Args:
        stamps: ``timestamp`` of the offset rows, seconds, in any order.
        offsets: Their ``system``, seconds.
        ids: Their row ids; without them they are counted from 1.
    """

    def __init__(self, stamps: Reals, offsets: Reals, ids: Longs | None = None) -> None:
        at, timed = ticks(stamps)
        by, known = ticks(offsets)
        sound = timed & known
        order = np.argsort(at[sound], kind="stable")
        self.stamps: Longs = at[sound][order]
        self.offsets: Longs = by[sound][order]
        rows = np.arange(1, len(stamps) + 1) if ids is None else ids
        self.ids: Longs = np.asarray(rows, np.int64)[sound][order]

    @classmethod
    def unknown(cls) -> Self:
        """Return the clock of a file without offset rows."""
        return cls(np.zeros(0), np.zeros(0))

    @property
    def known(self) -> bool:
        """Whether the file tells how its clock differs from wall time."""
        return len(self.stamps) > 0

    @property
    def steps(self) -> int:
        """How often the wall clock was set while the file was written."""
        return int(np.count_nonzero(np.diff(self.offsets)))

    def offset(self, stamps: Longs) -> Longs:
        """Return the offset in microseconds that holds at each stamp (microseconds of PowerLog's clock)."""
        if not self.known:
            return np.zeros(len(stamps), np.int64)
        row = np.searchsorted(self.stamps, stamps, side="right") - 1
        return np.asarray(self.offsets[np.maximum(row, 0)], np.int64)

    def wall(self, stamps: Longs) -> Longs:
        """Return wall time, microseconds since 1970 UTC, of stamps in microseconds."""
        return stamps + self.offset(stamps)

    def stamp(self, wall: Longs) -> Longs:
        """Return the stamps of wall times: by the last offset row that begins at or before them.

        Where the clock was set back, a wall time passed twice; the later pass counts.
        """
        if not self.known:
            return wall.copy()
        begins = self.stamps + self.offsets
        reached = np.minimum.accumulate(begins[::-1])[::-1]
        row = np.searchsorted(reached, wall, side="right") - 1
        return np.asarray(wall - self.offsets[np.maximum(row, 0)], np.int64)
