"""Where the tracepoints of firehose chunks lie, for all chunks of a batch in lockstep.

Each tracepoint tells its size, so that only stepping through a chunk finds them: step k moves every chunk's cursor over
its k-th one. Chunks in which that does not lead to the end are damaged, and looked at again (see `resync`).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.firehose import DELTA, HEAD, IS_KNOWN, LOSS, LOSS_BYTES
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.resync import Resynced, resync

_STEPS: Final = 8
_PREAMBLE: Final = 48  # chunk preamble and firehose preamble
_NO_DELTA: Final = DELTA + np.uint64(1)
_HEAD_WORDS: Final = HEAD >> 3


class Walk(Struct):
    """Where the tracepoints of some chunks lie.

    Attributes:
        at: Byte position of each.
        chunk: Its chunk.
        resized: Those (indices) that tell a wrong size.
        resized_end: Byte position behind the data of these.
        damaged: Chunks that are damaged, or end inside a tracepoint.
        skipped: Bytes of each of these chunks that make no tracepoint.
    """

    at: Array
    chunk: Array
    resized: Array
    resized_end: Array
    damaged: Array
    skipped: Array


def walk(batch: Batch, at: Array, end: Array) -> Walk:
    """Return where the tracepoints of firehose chunks lie.

    Args:
        batch: Where the chunks lie.
        at: Byte position of each chunk's preamble, ascending.
        end: Byte position behind each chunk's data.
    """
    limits = _Limits(batch, at, end)
    words, owner = limits.stepped()
    odd = limits.odd(words, owner)
    nothing = np.zeros(0, np.int64)
    if not odd.size:
        return Walk(words << 3, owner, nothing, nothing, nothing, nothing)
    mended = limits.mended(odd)
    sound = np.flatnonzero(~np.isin(owner, odd))
    words = np.concatenate([words[sound], mended.word])
    owner = np.concatenate([owner[sound], odd[mended.chunk]])
    told = np.flatnonzero(mended.told)
    order = np.argsort(owner, kind="stable")
    ends = np.concatenate([np.zeros(sound.size, np.int64), mended.end])[order]
    resized = np.flatnonzero(ends)
    return Walk(words[order] << 3, owner[order], resized, ends[resized], odd[told], mended.skipped[told])


def delta_range(batch: Batch, at: Array, end: Array) -> tuple[Array, Array, int]:
    """Return the least and the largest time that the tracepoints of firehose chunks have, counted from the chunk's base.

    Args:
        batch: Where the chunks lie.
        at: Byte position of each chunk's preamble, ascending.
        end: Byte position behind each chunk's data.

    Returns:
        (uint64, uint64, how many chunks are damaged, or end inside a tracepoint); the least is larger than the largest where
        there is none.
    """
    low, high = np.full(at.size, _NO_DELTA), np.zeros(at.size, np.uint64)
    limits = _Limits(batch, at, end)
    heads = batch.words[2:]
    exact = limits.empty
    without = False
    for found, whole, ending, chunk in limits.steps():
        last = heads.take(found[:-1], mode="clip")
        exact += int(np.count_nonzero(found[1:] == ending))
        without |= bool(((last <= DELTA) & whole).any())
        last &= DELTA
        low[chunk] = np.minimum(low[chunk], np.where(whole, last, _NO_DELTA).min(axis=0))
        high[chunk] = np.maximum(high[chunk], np.where(whole, last, np.uint64(0)).max(axis=0))
    if exact == at.size and not without:
        return low, high, 0
    odd = limits.odd(*limits.stepped())
    mended = limits.mended(odd)
    low[odd], high[odd] = _NO_DELTA, 0
    delta, chunk = heads.take(mended.word) & DELTA, odd[mended.chunk]
    np.minimum.at(low, chunk, delta)
    np.maximum.at(high, chunk, delta)
    return low, high, odd.size


def count_known(batch: Batch, at: Array, end: Array) -> tuple[int, Array]:
    """Return (how many tracepoints of known types these firehose chunks have, byte positions of those that tell of losses).

    Records of losses that are too short to tell of any are left out of the latter. `at` and `end` are as in `walk`.
    """
    known = 0
    losses, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    limits = _Limits(batch, at, end)
    exact = limits.empty
    for found, whole, ending, chunk in limits.steps():
        exact += int(np.count_nonzero(found[1:] == ending))
        kind = batch.words.take(found[:-1], mode="clip").view(np.uint8)[:, ::8]
        known += int(np.count_nonzero(IS_KNOWN.take(kind) & whole))
        loss = (kind == LOSS) & whole
        if loss.any():
            step, column = np.nonzero(loss)
            losses.append(found[step, column])
            owners.append(chunk[column])
    word, owner = np.concatenate(losses), np.concatenate(owners)
    if exact < at.size:
        walked = walk(batch, at, end)
        kinds = batch.data.take(walked.at)
        known = int(np.count_nonzero(IS_KNOWN.take(kinds)))
        rows = np.flatnonzero(kinds == LOSS)
        word, owner = walked.at[rows] >> 3, walked.chunk[rows]
    size = HEAD + (batch.words.take(word + 2) >> np.uint64(48)).view(np.int64)
    return known, word[np.minimum(size, end[owner] - (word << 3)) >= LOSS_BYTES] << 3


class _Limits:
    """Where the tracepoints of firehose chunks may lie.

    Attributes:
        empty: How many chunks have room for none.
    """

    def __init__(self, batch: Batch, at: Array, end: Array) -> None:
        self._batch = batch
        self._first = (at + _PREAMBLE) >> 3
        public = (batch.words[(at >> 3) + 4] & np.uint64(0xFFFF)).astype(np.int64)
        self._limit = np.minimum(at + 32 + public, end)
        self._end = (self._limit + 7) >> 3
        self.empty = int(np.count_nonzero(self._first >= self._end))

    def steps(self) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Yield (words that the cursors come to, which begin a whole head, words behind the chunks, chunks), some steps at a time.

        The first is an array [steps + 1, chunks], the second [steps, chunks]; what is not whole is no tracepoint.
        """
        order = np.argsort(self._first - self._end, kind="stable")  # longest first: the chunks that are done come last
        cursor, stop, end, chunk = self._first[order], self._limit[order] >> 3, self._end[order], order
        heads = self._batch.words[2:]
        while True:
            going = np.flatnonzero(cursor + _HEAD_WORDS <= stop)
            if going.size < cursor.size:
                cursor, stop, end, chunk = cursor[going], stop[going], end[going], chunk[going]
            if not cursor.size:
                return
            # Several steps at a time; what runs over a chunk's end is not whole.
            found = np.empty((_STEPS + 1, cursor.size), np.int64)
            found[0] = cursor
            for step in range(_STEPS):
                cursor = cursor + _sizes(heads.take(cursor, mode="clip"))
                found[step + 1] = cursor
            yield found, found[:-1] + _HEAD_WORDS <= stop, end, chunk

    def stepped(self) -> tuple[Array, Array]:
        """Return (words at which the tracepoints begin that stepping leads to, their chunks), in the order of the chunks."""
        positions, owners, steps = ([np.zeros(0, np.int64)] for _ in range(3))
        taken = 0
        for found, whole, _, chunk in self.steps():
            step_of, column = np.nonzero(whole)
            positions.append(found[step_of, column])
            owners.append(chunk[column])
            steps.append(step_of + taken)
            taken += _STEPS
        owner = np.concatenate(owners)
        count = np.bincount(owner, minlength=self._end.size)
        place = (np.cumsum(count) - count)[owner] + np.concatenate(steps)
        words = np.empty(owner.size, np.int64)
        words[place] = np.concatenate(positions)
        return words, np.repeat(np.arange(self._end.size), count)

    def odd(self, words: Array, owner: Array) -> Array:
        """Return the chunks in which stepping met a tracepoint without data, or did not come to the end.

        Args:
            words: What `stepped` returned.
            owner: Likewise.
        """
        last = self._batch.words[2:].take(words)
        count = np.bincount(owner, minlength=self._end.size)
        behind = self._first.copy()
        filled = np.flatnonzero(count)
        final = np.cumsum(count)[filled] - 1
        behind[filled] = words[final] + _sizes(last[final])
        odd = np.flatnonzero((behind != self._end) & (self._first < self._end))
        without = np.flatnonzero(last <= DELTA)
        return odd if not without.size else np.union1d(odd, owner[without])

    def mended(self, odd: Array) -> Resynced:
        """Return what these chunks hold."""
        return resync(self._batch, self._first[odd], self._end[odd])


def _sizes(last: Array) -> Array:
    """Return how many words tracepoints take, by their third words, which are overwritten."""
    last >>= np.uint64(48)
    last += np.uint64(31)
    last >>= np.uint64(3)
    return last.view(np.int64)
