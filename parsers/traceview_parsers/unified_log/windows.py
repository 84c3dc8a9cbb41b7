"""The order of time: which chunks to decode when.

Chunk sets overlap: each holds chunks of several processes, and a quiet process fills its chunk over hours. So the ticks of
a boot are cut into windows. A chunk is decoded, once, in the window in which it begins; those of its records that come
later are held back for theirs (see `held`). Once the chunks that begin in a window are decoded, nothing that belongs into
it is missing. Memory holds one window, what is held back, and 18 bytes for each chunk of the boot.

When chunks begin is read from the sets themselves, since decompressing costs little: what catalogs state of the times
is right in the real archives at hand, but order should not depend on it.
"""

from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.unified_log.chunksets import FIREHOSE, OVERSIZE, Batch
from traceview_parsers.unified_log.firehose import DELTA
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.lockstep import delta_range

_EVER: Final = np.uint64(2**64 - 1)
_SAFE_BASE: Final = _EVER - DELTA
"""From a base beyond this one, which only damage makes, times may begin again at 0."""
_ONE_RECORD: Final = 48 + 24
"""Bytes of a firehose chunk with the head of one tracepoint."""

_TURN: Final = 2
"""Windows that one of several processes takes one after the other: chunks that reach from one into the next are decoded once. With
more, who comes next would have to hold several windows to be as fast."""


class Due(Struct):
    """Chunks that begin in some windows, in the order of storage; arrays of one element a chunk.

    Attributes:
        last: The last of these windows.
        begins: The window in which it begins.
        sets: Number of the set.
        at: Byte position in the set.
        end: Byte position behind it.
        tag: What kind of chunk it is.
        until: The last window of which it may hold records.
    """

    last: int
    begins: Array
    sets: Array
    at: Array
    end: Array
    tag: Array
    until: Array

    def pick(self, rows: "Array | slice") -> "Due":
        """Return some of them."""
        columns = self.begins, self.sets, self.at, self.end, self.tag, self.until
        return Due(self.last, *(column[rows] for column in columns))

    def of_share(self, number: int, count: int) -> "Due":
        """Return those that may hold records of the turns that are `number` modulo `count`."""
        turn = turn_of(self.begins)
        ahead = (number - turn) % count
        return self.pick(np.where(ahead == 0, self.begins, _first_of(turn + ahead)) <= self.until)


class Block(Struct):
    """When the chunks of some chunk sets begin that follow each other.

    Attributes:
        number: Of the first of these sets.
        span: First and last tick of each set, uint64 [2, sets].
        ticks: First and last tick of each chunk, uint64 [2, chunks].
        places: Its set, its byte position there and that behind it, int32 [3, chunks].
        tags: Its tag, uint16.
    """

    number: int
    span: Array
    ticks: Array
    places: Array
    tags: Array


class Beginnings:
    """When the chunks of chunk sets begin.

    Args:
        ends: Whether to find out when they end, too.

    Attributes:
        blocks: What was found out, in any order.
    """

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends
        self.blocks: list[Block] = []

    def add(self, batch: Batch, number: int) -> None:
        """Take sets that follow each other, the first of which has this number."""
        word = batch.at >> 3
        size = batch.end - batch.at
        firehose = batch.tag == FIREHOSE
        # A chunk of tracepoints has a base that their times count from; where it is 0, the boot, they tell more, and
        # where it is so high that they may begin again at 0, only they tell.
        begin = batch.words.take(np.minimum(word + 4 + firehose, batch.words.size - 1))
        whole = size >= np.where(firehose, _ONE_RECORD, 48)
        end = np.where(firehose, _EVER, begin)
        loose = np.flatnonzero(firehose & whole & (self._ends | (begin == 0) | (begin > _SAFE_BASE)))
        if loose.size:
            begin[loose], end[loose] = _range(batch, batch.at[loose], batch.end[loose], begin[loose])
        sets = batch.starts.size - 1
        first, last = span = np.array([np.full(sets, _EVER), np.zeros(sets, np.uint64)])
        whole &= begin != _EVER
        np.minimum.at(first, batch.set_of[whole], begin[whole])
        np.maximum.at(last, batch.set_of[whole], begin[whole])
        # Those without a time of their own go with their set; arguments kept elsewhere may be wanted from then on.
        along = ~whole | (batch.tag == OVERSIZE)
        begin[along], end[along] = first.take(batch.set_of[along]), _EVER
        start = batch.starts.take(batch.set_of)
        places = np.empty((3, word.size), np.int32)
        places[0], places[1], places[2] = batch.set_of + number, batch.at - start, batch.end - start
        self.blocks.append(Block(number, span, np.array([begin, end]), places, batch.tag.astype(np.uint16)))

    def windows(self, stated: Array, window_bytes: int) -> "Windows":
        """Return the windows of all sets of the blocks.

        Args:
            stated: The last tick of each set by its catalog, uint64.
            window_bytes: Decompressed bytes that a window should hold.
        """
        blocks = sorted(self.blocks, key=lambda block: block.number)
        nothing = np.zeros((2, 0), np.uint64)
        first, last = np.concatenate([*(block.span for block in blocks), nothing], axis=1)
        last = np.maximum(last, stated)
        ticks = np.concatenate([*(block.ticks for block in blocks), nothing], axis=1)
        places = np.concatenate([*(block.places for block in blocks), np.zeros((3, 0), np.int32)], axis=1)
        tags = np.concatenate([*(block.tags for block in blocks), np.zeros(0, np.uint16)])
        cuts = _cuts(ticks[0], places[2] - places[1], window_bytes)
        return Windows(np.array([first, last]), cuts, ticks, places, tags)


class Share(Struct):
    """Which records one of several processes takes that read an archive together: those of each `count`-th turn.

    Attributes:
        begins: Window in which the chunks of each part of the load begin.
        cuts: First tick of each window of the boot but its first.
        number: Which of the boot's turns are its own, modulo `count`.
        count: Number of processes.
    """

    begins: Array
    cuts: Array
    number: int
    count: int

    def choose(self, sets: Array, ticks: Array) -> Array | None:
        """Return the rows that are wanted, None for all; `sets` and `ticks` tell where each record is and its time."""
        window = np.maximum(np.searchsorted(self.cuts, ticks, "right"), self.begins.take(sets))
        keep = turn_of(window) % self.count == self.number
        return None if keep.all() else np.flatnonzero(keep)


class Windows:
    """The windows of one boot, and the chunks that are due in each.

    Args:
        spans: First tick of each set and its last as far as known, uint64 [2, sets].
        cuts: First tick of each window but the first, ascending.
        ticks: First and last tick of each chunk, in the order of storage, uint64 [2, chunks]; a high one where it is unknown.
        places: Its set, its byte position there and that behind it, int32 [3, chunks].
        tags: Its tag, uint16.
    """

    def __init__(self, spans: Array, cuts: Array, ticks: Array, places: Array, tags: Array) -> None:
        self.cuts = cuts
        self._first, self._last = spans[0], np.maximum(*spans)
        self._begins = np.searchsorted(cuts, self._first, "right")
        number = np.int16 if cuts.size < 1 << 15 else np.int32
        window, until = (np.searchsorted(cuts, some, "right").astype(number) for some in ticks)
        order = np.argsort(window, kind="stable")
        self._places, self._tags, self._until = places.take(order, axis=1), tags.take(order), until.take(order)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(window, minlength=len(self)))])
        self._next = 0
        set_of, begins = places[0], np.ones(window.size, bool)
        begins[1:] = (set_of[1:] != set_of[:-1]) | (window[1:] != window[:-1])
        self._uses = np.unique(set_of[begins] * np.int64(len(self)) + window[begins])

    def __len__(self) -> int:
        return self.cuts.size + 1

    @property
    def turns(self) -> int:
        """How often several processes take turns in this boot."""
        return int(turn_of(len(self) - 1)) + 1

    def of_turn(self, turn: int) -> range:
        """Return the windows of a turn."""
        return range(max(_first_of(turn), 0), min(_first_of(turn + 1), len(self)))

    def due(self, window: int) -> Due:
        """Return the chunks that begin up to a window and were not asked for before."""
        starts = self._starts[self._next : window + 2]
        begins = np.repeat(np.arange(self._next, window + 1), np.diff(starts))
        rows = slice(int(starts[0]), int(starts[-1]))
        sets, at, end = self._places[:, rows]
        found = Due(window, begins, sets, at, end, self._tags[rows], self._until[rows])
        several = self._next < window
        self._next = window + 1
        return found.pick(np.lexsort((found.at, found.sets))) if several else found

    def next_use(self, sets: Array, window: int) -> Array:
        """Return the first window behind a given one in which chunks of each of these sets begin, -1 where there is none."""
        count = np.int64(len(self))
        at = np.searchsorted(self._uses, sets * count + window, "right")
        later = np.append(self._uses, -1).take(at)
        return np.where(later // count == sets, later % count, -1)

    def range(self, window: int) -> tuple[int, int]:
        """Return the first and the last tick of a window."""
        start = int(self.cuts[window - 1]) if window else 0
        return start, int(self.cuts[window]) - 1 if window < self.cuts.size else int(_EVER)

    def unmet_covering(self, ticks: Array) -> Array:
        """Return the numbers of the sets in whose range any of these ticks lies and of which nothing was asked for yet."""
        moments = np.sort(ticks)
        covers = np.searchsorted(moments, self._first) < np.searchsorted(moments, self._last, "right")
        return np.flatnonzero((self._begins >= self._next) & covers)


def turn_of(window: Any) -> Any:
    """Return the turn of each window. The first turn has one window, so that the second process need not wait for two."""
    return (window + _TURN - 1) // _TURN


def _first_of(turn: Any) -> Any:
    return (turn - 1) * _TURN + 1


def _cuts(ticks: Array, sizes: Array, window_bytes: int) -> Array:
    """Return the first tick of each window but the first: as many bytes of chunks begin in each."""
    order = np.argsort(ticks)
    held = np.cumsum(sizes.take(order), dtype=np.int64)
    count = int(held[-1]) // window_bytes if held.size else 0
    at = np.searchsorted(held, np.arange(1, count + 1) * window_bytes)
    cuts = np.unique(ticks[order[at[at < order.size]]])
    return cuts[cuts > 0]


def _range(batch: Batch, at: Array, end: Array, base: Array) -> tuple[Array, Array]:
    """Return the earliest and the latest time in each of these firehose chunks.

    `_EVER` where there is none; where a chunk of the batch ends inside a record, the latest are not told either: all who
    read together then look at these chunks, and count the damage alike.
    """
    low, high, overrun = delta_range(batch, at, end)
    none = low > high
    low, high = low + base, high + base
    # Times that go beyond the end of the clock's numbers begin again at 0.
    turned = ~none & (high < low)
    low[turned], high[turned] = 0, _EVER
    low[none] = _EVER
    return low, np.where(none | (overrun > 0), _EVER, high)
