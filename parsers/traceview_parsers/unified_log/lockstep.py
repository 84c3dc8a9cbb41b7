"""Where the tracepoints of firehose chunks lie, for all chunks of a batch in lockstep.

Each tracepoint tells its size, so that only stepping through a chunk finds them: step k moves every chunk's cursor over
its k-th one.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.firehose import DELTA, HEAD, IS_KNOWN, LOSS, LOSS_BYTES
from traceview_parsers.unified_log.interning import Array

_STEPS: Final = 8
_PREAMBLE: Final = 48  # chunk preamble and firehose preamble
_NO_DELTA: Final = DELTA + np.uint64(1)


def walk(batch: Batch, at: Array, end: Array) -> tuple[Array, Array, int]:
    """Return (byte position of each tracepoint, its chunk, how many chunks end inside a tracepoint).

    Args:
        batch: Where the firehose chunks lie.
        at: Byte position of each chunk's preamble.
        end: Byte position behind each chunk's data.
    """
    positions, owners, steps = [], [], []
    taken = 0
    limits = _Limits(batch, at, end)
    for found, whole, chunk in limits.steps():
        step_of, column = np.nonzero(whole)
        positions.append(found[step_of, column])
        owners.append(chunk[column])
        steps.append(step_of + taken)
        taken += _STEPS
    if not positions:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, 0
    owner = np.concatenate(owners)
    count = np.bincount(owner, minlength=at.size)
    place = (np.cumsum(count) - count)[owner] + np.concatenate(steps)
    words = np.empty(owner.size, np.int64)
    words[place] = np.concatenate(positions)
    owner = np.repeat(np.arange(at.size), count)
    behind = words + _sizes(batch.words[2:].take(words))
    return words << 3, owner, int(np.count_nonzero(behind > limits.end[owner]))


def delta_range(batch: Batch, at: Array, end: Array) -> tuple[Array, Array, int]:
    """Return the least and the largest time that the tracepoints of firehose chunks have, counted from the chunk's base.

    Args:
        batch: Where the chunks lie.
        at: Byte position of each chunk's preamble.
        end: Byte position behind each chunk's data.

    Returns:
        (uint64, uint64, how many chunks end inside a tracepoint); the least is larger than the largest where there is none.
    """
    low, high = np.full(at.size, _NO_DELTA), np.zeros(at.size, np.uint64)
    overrun = 0
    limits = _Limits(batch, at, end)
    heads = batch.words[2:]
    for found, whole, chunk in limits.steps():
        last = heads.take(found, mode="clip")
        delta = last & DELTA
        low[chunk] = np.minimum(low[chunk], np.where(whole, delta, _NO_DELTA).min(axis=0))
        high[chunk] = np.maximum(high[chunk], np.where(whole, delta, np.uint64(0)).max(axis=0))
        behind = found + _sizes(last)
        overrun += int(np.count_nonzero(whole & (behind > limits.end[chunk])))
    return low, high, overrun


def count_known(batch: Batch, at: Array, end: Array) -> tuple[int, Array]:
    """Return (how many tracepoints of known types these firehose chunks have, byte positions of those that tell of losses).

    Records of losses that are too short to tell of any are left out of the latter.
    """
    known = 0
    losses = []
    for found, whole, chunk in _Limits(batch, at, end).steps():
        kind = batch.words.take(found, mode="clip").view(np.uint8)[:, ::8]
        known += int(np.count_nonzero(IS_KNOWN.take(kind) & whole))
        step, column = np.nonzero((kind == LOSS) & whole)
        word = found[step, column]
        size = HEAD + (batch.words.take(word + 2) >> np.uint64(48)).view(np.int64)
        losses.append(word[np.minimum(size, end[chunk[column]] - (word << 3)) >= LOSS_BYTES])
    return known, np.concatenate([*losses, np.zeros(0, np.int64)]) << 3


class _Limits:
    """Where the tracepoints of firehose chunks may lie.

    Attributes:
        end: Number of the word behind each chunk's tracepoints.
    """

    def __init__(self, batch: Batch, at: Array, end: Array) -> None:
        self._words = batch.words
        self._first = (at + _PREAMBLE) >> 3
        public = (batch.words[(at >> 3) + 4] & np.uint64(0xFFFF)).astype(np.int64)
        self._limit = np.minimum(at + 32 + public, end)
        self.end = (self._limit + 7) >> 3

    def steps(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield (words at which tracepoints begin, which of them have a whole head, their chunks), some steps at a time.

        The first two are arrays [steps, chunks]; what is not whole is no tracepoint.
        """
        order = np.argsort(self._first - self.end, kind="stable")  # longest first: the chunks that are done come last
        cursor, stop, chunk = self._first[order], self._limit[order] >> 3, order
        heads = self._words[2:]
        while True:
            going = np.flatnonzero(cursor + 3 <= stop)
            if going.size < cursor.size:
                cursor, stop, chunk = cursor[going], stop[going], chunk[going]
            if not cursor.size:
                return
            # Several steps at a time; what runs over a chunk's end is not whole.
            found = np.empty((_STEPS, cursor.size), np.int64)
            for step in range(_STEPS):
                found[step] = cursor
                cursor = cursor + _sizes(heads.take(cursor, mode="clip"))
            yield found, found + 3 <= stop, chunk


def _sizes(last: Array) -> Array:
    """Return how many words tracepoints take, by their third words, which are overwritten."""
    last >>= np.uint64(48)
    last += np.uint64(31)
    last >>= np.uint64(3)
    return last.view(np.int64)
