"""Going on inside firehose chunks whose tracepoints do not follow each other to the chunk's end.

A tracepoint begins at a multiple of 8 bytes and tells its size. Where that leads to nothing that looks like another one, or
one that looks like it tells no possible size, the walk goes on at the next that is whole and leads on to another, or to the
end. All of this is done for all places of some chunks at once; sound chunks are not looked at.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.unified_log import firehose
from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.interning import Array

_TOGETHER: Final = 1 << 16
"""Words of chunks that are looked at together, so that memory stays small whatever is damaged."""
_HEAD_WORDS: Final = firehose.HEAD >> 3
_LEAST: Final = 4
"""Bytes of data that every tracepoint has: its program counter, or more."""


def _likely() -> Array:
    """Return which record type * 256 + log type is one that is known."""
    message = [0x00, 0x01, 0x02, 0x10, 0x11]
    levels = {
        firehose.LOG: message,
        firehose.TRACE: message,
        firehose.ACTIVITY: [0x01, firehose.TRANSITION, firehose.USER_ACTION],
        firehose.SIGNPOST: [scope | kind for scope in (0x40, 0x80, 0xC0) for kind in range(3)],
        firehose.LOSS: [0x00],
    }
    table = np.zeros(1 << 16, bool)
    for kind, some in levels.items():
        table[[kind << 8 | level for level in some]] = True
    return table


_LIKELY: Final = _likely()
_ORIGINS: Final = np.isin(
    np.arange(16),
    (
        firehose.MAIN_EXE,
        firehose.SHARED_CACHE,
        firehose.ABSOLUTE,
        firehose.UUID_RELATIVE,
        firehose.LARGE_SHARED_CACHE,
    ),
)


class Resynced(Struct):
    """What could be read of damaged chunks.

    Attributes:
        word: Number of the word at which each tracepoint begins, ascending.
        chunk: Which of the chunks that were given it is in.
        end: Byte position behind the data of those that tell a wrong size, 0 for the others.
        skipped: Bytes of each chunk that make no tracepoint.
        cut: Which of the chunks end inside a tracepoint.
        resized: Which of them hold tracepoints of a wrong size.
    """

    word: Array
    chunk: Array
    end: Array
    skipped: Array
    cut: Array
    resized: Array

    @property
    def told(self) -> Array:
        """Which of the chunks are damaged."""
        damaged: Array = (self.skipped > 0) | self.cut | self.resized
        return damaged


def resync(batch: Batch, first: Array, end: Array) -> Resynced:
    """Find the tracepoints of some chunks that may be damaged.

    Args:
        batch: Where they lie.
        first: Number of the word at which each chunk's tracepoints begin, ascending.
        end: Number of the word behind them.
    """
    size = np.maximum(end - first, 0)
    found = [_Places(batch, first[some], size[some]).read(int(some.start)) for some in _groups(size)]
    columns = (
        np.concatenate([getattr(one, name) for one in found]) if found else np.zeros(0, np.int64)
        for name in Resynced.__struct_fields__
    )
    return Resynced(*columns)


def _groups(size: Array) -> Iterator[slice]:
    """Yield the chunks in groups that follow each other."""
    number = np.cumsum(size) // _TOGETHER
    borders = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), size.size]
    yield from (slice(start, stop) for start, stop in pairwise(borders) if start < stop)


class _Places:
    """All words of some chunks, as places where a tracepoint might begin.

    Places are numbered through; the one behind a chunk is the first of the next chunk, or one that leads to itself.
    """

    def __init__(self, batch: Batch, first: Array, size: Array) -> None:
        behind = np.cumsum(size)
        self._begin = behind - size
        self._chunk = np.repeat(np.arange(size.size), size)
        self._size = size
        place = np.arange(self._chunk.size)
        self._word = place + (first - self._begin).take(self._chunk)
        close = self._close = behind.take(self._chunk)
        head, thread, last = (batch.words.take(self._word + offset) for offset in range(_HEAD_WORDS))
        self._delta = last & firehose.DELTA
        length = (last >> np.uint64(48)).view(np.int64)
        self._following = place + ((length + firehose.HEAD + 7) >> 3)
        kind, level = (head & np.uint64(0xFF)).view(np.int64), (head >> np.uint64(8) & np.uint64(0xFF)).view(np.int64)
        flags = (head >> np.uint64(16) & np.uint64(0xFFFF)).view(np.int64)
        self._least = firehose.least_sizes(kind, level, flags)
        whole = place + _HEAD_WORDS <= close
        # The high half of a thread's number is not in use; only losses have no image.
        likely = _LIKELY.take(kind << 8 | level) & (thread >> np.uint64(32) == 0)
        self._sound = whole & likely & (_ORIGINS.take(flags & firehose.STRINGS) | (kind == firehose.LOSS))
        fits = whole & (self._following <= close)
        onward = np.append(self._sound, False).take(np.minimum(self._following, place.size)) & (self._following < close)
        enough = length >= np.where(self._sound, self._least, _LEAST)
        self._leads = fits & enough & (onward | (self._following == close))
        self._good = self._sound & fits & enough
        anchor = np.where(self._good & self._leads, place, place.size)
        later = np.append(np.minimum.accumulate(anchor[::-1])[::-1][1:], place.size)
        self._later = np.minimum(later, close)

    def read(self, before: int) -> Resynced:
        """Return what the chunks hold; `before`: number of the first of them."""
        # Which size is wrong, that of a place or what it leads to? One that leads beyond a sound tracepoint is.
        misled = ~self._leads & (~self._good | (self._later < self._following))
        go = np.where(self._leads, self._following, self._later)
        place = self._visited(go)
        chunk, misled, go, following = (column[place] for column in (self._chunk, misled, go, self._following))
        last = go == self._close[place]
        cut = misled & self._sound[place] & last & (following > go)
        resized = misled & self._sound[place] & ~last & self._in_time(place, chunk, go)
        resized &= (go - place) * 8 - firehose.HEAD >= self._least[place]
        kept = ~misled | cut | resized
        lost_from = np.where(kept, np.where(misled, go, np.minimum(following, go)), place)
        skipped = (go - lost_from) * 8
        count = self._size.size
        rows = np.flatnonzero(kept)
        word = self._word[place]
        return Resynced(
            word=word[rows],
            chunk=chunk[rows] + before,
            end=np.where(resized, (word + go - place) << 3, 0)[rows],
            skipped=np.bincount(chunk, skipped, count).astype(np.int64),
            cut=np.bincount(chunk, cut, count) > 0,
            resized=np.bincount(chunk, resized, count) > 0,
        )

    def _visited(self, go: Array) -> Array:
        """Return the places that the walks through all chunks come to, when each goes on as told."""
        go = np.append(go, go.size)
        reached = np.zeros(go.size, bool)
        reached[self._begin] = True
        # With each round twice as far: after round n all that is up to 2^n steps away.
        known = 0
        while known < (known := int(np.count_nonzero(reached))):
            reached[go[reached]] = True
            go = go.take(go)
        return np.flatnonzero(reached[:-1])

    def _in_time(self, place: Array, chunk: Array, go: Array) -> Array:
        """Return which of the visited places have a time between those of the one before and the one that follows."""
        delta = self._delta[place]
        earlier = np.where(np.diff(chunk, prepend=-1) == 0, np.roll(delta, 1), 0)
        later = self._delta[np.minimum(go, self._delta.size - 1)]
        return np.asarray((earlier <= delta) & (delta <= later))
