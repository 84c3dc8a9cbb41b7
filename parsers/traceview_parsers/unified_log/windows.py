"""The order of time: which chunk sets to decode when.

Chunk sets overlap: each holds chunks of several processes, and a quiet process fills its chunk over hours. So the ticks of
a boot are cut into windows. A set is decoded, once, in the window in which it begins; those of its records that come later
are held back for theirs (see `held`). Once the sets that begin in a window are decoded, nothing that belongs into it is
missing. Memory holds one window and what is held back.

Where chunks begin is read from the sets themselves, since decompressing costs little: what catalogs state of the times
is right in the real archives at hand, but order should not depend on it.
"""

from dataclasses import dataclass
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


class Beginnings:
    """When the chunks of chunk sets begin; sets are added in batches, in the order of their numbers."""

    def __init__(self) -> None:
        self._first: list[Array] = []
        self._last: list[Array] = []
        self._samples: list[tuple[Array, Array]] = []

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
            self._samples.append((begin[few], np.add.reduceat(size[whole], few).astype(np.int32)))

    def windows(self, stated: Array, window_bytes: int) -> "Windows":
        """Return the windows of all sets added.

        Args:
            stated: The last tick of each set by its catalog, uint64.
            window_bytes: Decompressed bytes that a window should hold.
        """
        nothing = np.zeros(0, np.uint64)
        first = np.concatenate([*self._first, nothing])
        last = np.maximum(np.concatenate([*self._last, nothing]), stated)
        empty = nothing, np.zeros(0, np.int32)
        ticks, sizes = (np.concatenate(columns) for columns in zip(*self._samples, empty, strict=True))
        order = np.argsort(ticks, kind="stable")
        held = np.cumsum(sizes[order], dtype=np.int64)
        return Windows(np.minimum(first, last), last, _cuts(ticks[order], held, window_bytes))


@dataclass(slots=True)
class Share:
    """Which records one of several processes takes that read an archive together: those of each `count`-th window.

    Attributes:
        begins: Window in which each set of the load begins.
        cuts: First tick of each window of the boot but its first.
        number: Which of the windows: that many windows before the boot's first, modulo `count`.
        count: Number of processes.
    """

    begins: Array
    cuts: Array
    number: int
    count: int

    def choose(self, sets: Array, ticks: Array) -> Array | None:
        """Return the rows that are wanted, None for all; `sets` and `ticks` tell where each record is and its time."""
        window = np.maximum(np.searchsorted(self.cuts, ticks, "right"), self.begins.take(sets))
        keep = window % self.count == self.number
        return None if keep.all() else np.flatnonzero(keep)


class Windows:
    """The windows of one boot, and the sets that are due in each.

    A record that comes before the beginning of its set, which a clock that wraps could do, is never lost, but comes out of
    order.

    Args:
        first: First tick of each set, uint64.
        last: Last tick of each set, as far as known.
        cuts: First tick of each window but the first, ascending.
    """

    def __init__(self, first: Array, last: Array, cuts: Array) -> None:
        self._first, self._last = first, np.maximum(first, last)
        self.cuts = cuts
        self.begins = np.searchsorted(self.cuts, self._first, "right")
        self._met = np.zeros(first.size, bool)

    def __len__(self) -> int:
        return self.cuts.size + 1

    def due(self, window: int) -> Array:
        """Return the numbers of the sets that begin up to a window and were not asked for before, ascending."""
        new = np.flatnonzero(~self._met & (self.begins <= window))
        self._met[new] = True
        return new

    def range(self, window: int) -> tuple[int, int]:
        """Return the first and the last tick of a window."""
        start = int(self.cuts[window - 1]) if window else 0
        return start, int(self.cuts[window]) - 1 if window < self.cuts.size else int(_EVER)

    def unmet_covering(self, tick: int) -> Array:
        """Return the numbers of the sets in whose range a tick lies and that were not asked for yet."""
        moment = np.uint64(tick)
        return np.flatnonzero(~self._met & (self._first <= moment) & (moment <= self._last))


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
