"""The order of time: which chunk sets to decode when, and for which of their records.

Chunk sets overlap: each holds chunks of several processes, and a quiet process fills its chunk over hours. Catalogs tell
the first and last tick of each set. So the ticks of a boot are cut into windows of about one batch each; a window takes
the sets that reach into it and decodes their records of that window only. A set that reaches into several windows is
decompressed for each one that holds records of it, which costs little: records are sorted out before their messages are
written. Memory holds one window.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from traceview_parsers.unified_log.interning import Array

_EVER: Final = np.uint64(2**64 - 1)
_POINTS: Final = 4096
"""Steps at which the amount of data over time is known (heuristic)."""


@dataclass(slots=True)
class Share:
    """What to decode of the sets of one load, and what is left of them.

    Attributes:
        first: First wanted tick of each set.
        last: Last wanted tick of each set.
        cuts: First tick of each window of the boot but its first.
        later: Pairs of (set in the load, window) that hold more records; filled while decoding.
    """

    first: Array
    last: Array
    cuts: Array
    later: set[tuple[int, int]] = field(default_factory=set)

    def choose(self, sets: Array, ticks: Array) -> Array | None:
        """Return the rows that are wanted, None for all; `sets` and `ticks` tell where each record is and its time."""
        last = self.last.take(sets)
        late = np.flatnonzero(ticks > last)
        if late.size:
            window = np.searchsorted(self.cuts, ticks[late], "right")
            found = np.unique(sets[late] * (self.cuts.size + 1) + window)
            self.later.update((int(one) // (self.cuts.size + 1), int(one) % (self.cuts.size + 1)) for one in found)
        keep = (ticks <= last) & (ticks >= self.first.take(sets))
        return None if keep.all() else np.flatnonzero(keep)


class Windows:
    """The windows of one boot, and the sets that are due in each.

    A record whose tick lies outside of what the catalog states for its set counts as lying at the nearer end: it is
    never lost, but may come out of order.

    Args:
        first: First tick of each set, uint64.
        last: Last tick of each set.
        sizes: Bytes of each set; only their ratio counts.
        count: How many windows to make.
    """

    def __init__(self, first: Array, last: Array, sizes: Array, count: int) -> None:
        self._first, self._last = first, np.maximum(first, last)
        self.cuts = _cuts(self._first, self._last, sizes, count)
        self._begins = np.searchsorted(self.cuts, self._first, "right")
        self._ends = np.searchsorted(self.cuts, self._last, "right")
        self._due: dict[int, set[int]] = {}
        self._met = np.zeros(first.size, bool)

    def __len__(self) -> int:
        return self.cuts.size + 1

    def due(self, window: int) -> tuple[Array, Array]:
        """Return the numbers of the sets to decode for a window: (those met for the first time, others), ascending.

        Windows may be left out, but not be asked for out of order.
        """
        new = np.flatnonzero(~self._met & (self._begins <= window) & (self._ends >= window))
        self._met[new] = True
        return new, np.array(sorted(self._due.pop(window, ())), np.int64)

    def share(self, window: int, sets: Array) -> Share:
        """Return what a window takes of these sets."""
        start = self.cuts[window - 1] if window else np.uint64(0)
        end = self.cuts[window] - np.uint64(1) if window < self.cuts.size else _EVER
        return Share(
            np.where(self._begins[sets] == window, np.uint64(0), start),
            np.where(self._ends[sets] <= window, _EVER, end),
            self.cuts,
        )

    def postpone(self, sets: Array, share: Share) -> None:
        """Make the sets due again in the windows for which they hold more records."""
        for place, window in share.later:
            number = int(sets[place])
            self._due.setdefault(min(window, int(self._ends[number])), set()).add(number)

    def covering(self, tick: int) -> Array:
        """Return the numbers of the sets in whose range a tick lies."""
        moment = np.uint64(tick)
        return np.flatnonzero((self._first <= moment) & (moment <= self._last))


def _cuts(first: Array, last: Array, sizes: Array, count: int) -> Array:
    """Return ticks that cut the data of a boot into at most `count` parts of about the same size.

    Half of a set is taken to lie at its end, where it was written, and half spread over its range (heuristic).
    """
    if not first.size or count <= 1:
        return np.zeros(0, np.uint64)
    ends = np.unique(np.concatenate([first, last]))
    moments = np.unique(ends[np.linspace(0, ends.size - 1, min(ends.size, _POINTS)).astype(np.int64)])
    times, begin, end = ((ticks - ends[0]).astype(np.float64) for ticks in (moments, first, last))
    order = np.argsort(last, kind="stable")
    written = np.concatenate([[0.0], np.cumsum(sizes[order], dtype=np.float64)])
    amount = written[np.searchsorted(last[order], moments, "right")]
    # Each range adds a ramp: the sum of all is piecewise linear.
    slope = sizes / np.maximum(end - begin, 1.0)
    amount += _ramps(times, begin, slope) - _ramps(times, np.maximum(end, begin + 1.0), slope)
    amount = np.maximum.accumulate(amount)
    goals = amount[-1] * np.arange(1, count) / count
    at = np.searchsorted(amount, goals, "left")
    before = np.maximum(at - 1, 0)
    rise = np.maximum(amount[at] - amount[before], 1e-9)
    part = np.clip((goals - amount[before]) / rise, 0.0, 1.0)
    span = (moments[at] - moments[before]).astype(np.float64)
    cuts: Array = np.unique(moments[before] + (span * part).astype(np.uint64) + np.uint64(1))
    return cuts


def _ramps(times: Array, begin: Array, slope: Array) -> Array:
    """Return, at each of these ascending times, the sum of slope * (time - begin) over all that have begun."""
    order = np.argsort(begin, kind="stable")
    begun = np.searchsorted(begin[order], times, "right")
    slopes = np.concatenate([[0.0], np.cumsum(slope[order])])
    offsets = np.concatenate([[0.0], np.cumsum(slope[order] * begin[order])])
    found: Array = slopes[begun] * times - offsets[begun]
    return found
