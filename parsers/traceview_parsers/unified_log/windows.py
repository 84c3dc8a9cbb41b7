"""The order of time: which chunk sets to decode when, and for which of their records.

Chunk sets overlap: each holds chunks of several processes, and a quiet process fills its chunk over hours. So the ticks of
a boot are cut into windows that hold about one batch each; a window takes the sets that reach into it and decodes their
records of that window only. A set that reaches into several windows is decompressed for each one that holds records of
it, which costs little: records are sorted out before their messages are written. Memory holds one window.

Where chunks begin is read from the sets themselves, since decompressing costs little too: what catalogs state of the times
is right in the real archives at hand, but order should not depend on it.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from traceview_parsers.unified_log.chunksets import FIREHOSE, Batch, index_sets
from traceview_parsers.unified_log.firehose import Chunks, walk
from traceview_parsers.unified_log.interning import Array

_EVER: Final = np.uint64(2**64 - 1)
_DELTA: Final = np.uint64(0xFFFF_FFFF_FFFF)
_ONE_RECORD: Final = 48 + 24
"""Bytes of a firehose chunk with the head of one tracepoint."""


_SAMPLE: Final = 4
_VISITS: Final = 1.5
_LARGEST: Final = 2
"""Windows are twice as large where sets would else be read again for too many of them (heuristic)."""


class Beginnings:
    """When the chunks of chunk sets begin; sets are added in batches, in the order of their numbers."""

    def __init__(self) -> None:
        self._first: list[Array] = []
        self._last: list[Array] = []
        self._samples: list[tuple[Array, Array, Array]] = []
        self._count = 0

    def add(self, sets: list[bytes]) -> None:
        """Take decompressed sets; chunks too short to hold a record do not count."""
        batch = index_sets(sets)
        word = batch.at >> 3
        size = batch.end - batch.at
        firehose = batch.tag == FIREHOSE
        whole = np.flatnonzero(size >= np.where(firehose, _ONE_RECORD, 48))
        word, firehose = word[whole], firehose[whole]
        # A chunk of tracepoints has a base that their times count from; where it is 0, the boot, they tell more.
        begin = batch.words[word + 4 + firehose]
        loose = np.flatnonzero(firehose & (begin == 0))
        if loose.size:
            begin[loose] = _earliest(batch, batch.at[whole[loose]], batch.end[whole[loose]])
        owner = batch.set_of[whole]
        first, last = np.full(len(sets), _EVER), np.zeros(len(sets), np.uint64)
        np.minimum.at(first, owner, begin)
        np.maximum.at(last, owner, begin)
        self._first.append(first)
        self._last.append(last)
        # For the amount of data over time a part of the chunks is enough.
        few = np.arange(0, whole.size, _SAMPLE)
        if few.size:
            held = np.add.reduceat(size[whole], few).astype(np.int32)
            self._samples.append((begin[few], held, (owner[few] + self._count).astype(np.int32)))
        self._count += len(sets)

    def windows(self, stated: Array, window_bytes: int) -> "Windows":
        """Return the windows of all sets added.

        Args:
            stated: The last tick of each set by its catalog, uint64.
            window_bytes: Decompressed bytes that a window should hold.
        """
        nothing = np.zeros(0, np.uint64)
        first = np.concatenate([*self._first, nothing])
        last = np.maximum(np.concatenate([*self._last, nothing]), stated)
        empty = nothing, np.zeros(0, np.int32), np.zeros(0, np.int32)
        ticks, sizes, sets = (np.concatenate(columns) for columns in zip(*self._samples, empty, strict=True))
        order = np.argsort(ticks, kind="stable")
        held = np.cumsum(sizes[order], dtype=np.int64)
        for factor in range(1, _LARGEST + 1):
            cuts = _cuts(ticks[order], held, factor * window_bytes)
            visits = np.unique(sets.astype(np.int64) * (cuts.size + 1) + np.searchsorted(cuts, ticks, "right")).size
            if visits <= _VISITS * stated.size:
                break
        return Windows(np.minimum(first, last), last, cuts)


@dataclass(slots=True)
class Share:
    """What to decode of the sets of one load, and what is left of them.

    Attributes:
        first: First wanted tick of each set.
        last: Last wanted tick of each set.
        cuts: First tick of each window of the boot but its first.
        window: First and last tick of the window.
        strays: Records taken whose time lies outside of the window: see `Windows`.
        later: Pairs of (set in the load, window) that hold more records; filled while decoding.
    """

    first: Array
    last: Array
    cuts: Array
    window: tuple[int, int]
    strays: int = 0
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
        start, end = map(np.uint64, self.window)
        self.strays += int(np.count_nonzero(keep & ((ticks < start) | (ticks > end))))
        return None if keep.all() else np.flatnonzero(keep)


class Windows:
    """The windows of one boot, and the sets that are due in each.

    A record that comes before the beginning of its set, or behind its end, counts as lying there: it is never lost, but
    comes out of order.

    Args:
        first: First tick of each set, uint64.
        last: Last tick of each set.
        cuts: First tick of each window but the first, ascending.
    """

    def __init__(self, first: Array, last: Array, cuts: Array) -> None:
        self._first, self._last = first, np.maximum(first, last)
        self.cuts = cuts
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

    def range(self, window: int) -> tuple[int, int]:
        """Return the first and the last tick of a window."""
        start = int(self.cuts[window - 1]) if window else 0
        return start, int(self.cuts[window]) - 1 if window < self.cuts.size else int(_EVER)

    def share(self, window: int, sets: Array) -> Share:
        """Return what a window takes of these sets."""
        start, end = (np.uint64(tick) for tick in self.range(window))
        return Share(
            np.where(self._begins[sets] == window, np.uint64(0), start),
            np.where(self._ends[sets] <= window, _EVER, end),
            self.cuts,
            (int(start), int(end)),
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


def _cuts(ticks: Array, held: Array, window_bytes: int) -> Array:
    """Return the first tick of each window but the first; `held` is the number of bytes up to each of the ticks."""
    count = int(held[-1]) // window_bytes if held.size else 0
    at = np.searchsorted(held, np.arange(1, count + 1) * window_bytes)
    cuts = np.unique(ticks[at[at < ticks.size]])
    return cuts[cuts > 0]


def _earliest(batch: Batch, at: Array, end: Array) -> Array:
    """Return the earliest time in each of these firehose chunks, counted from their base."""
    nothing = np.zeros(at.size, np.uint64)
    places, owner, _ = walk(batch, Chunks(at, end, nothing, nothing.view(np.int64), nothing, nothing))
    ticks = batch.words.take((places >> 3) + 2) & _DELTA
    found = np.full(at.size, _EVER)
    np.minimum.at(found, owner, ticks)
    return np.where(found == _EVER, np.uint64(0), found)
