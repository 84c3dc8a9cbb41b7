"""The rows of one boot by time: the chunks of its sets decoded in the order in which they begin."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.errors import InputError
from traceview_parsers.unified_log.arrange import by_time
from traceview_parsers.unified_log.chunksets import index_sets
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.held import Held
from traceview_parsers.unified_log.passes import Pass, SetPlace
from traceview_parsers.unified_log.reread import KEPT_BYTES, KEPT_SHARED, SetData
from traceview_parsers.unified_log.windows import Beginnings, Block, Due, Share

_MOST_WINDOWS: Final = 2
"""Chunks of one window that are decoded together, in sizes that a window should have."""


class Seen(Struct, frozen=True):
    """What one of several processes found out of the chunk sets of a boot.

    Attributes:
        sets: How many there are, those that others look into among them.
        blocks: When the chunks of its own begin.
        moved: `SetData.moved` of its own.
    """

    sets: int
    blocks: list[Block]
    moved: set[int]


class Timeline:
    """The chunk sets of one boot.

    Args:
        run: The run over the archive.
        first: Any of the sets.
        batch_bytes: Decompressed bytes to decode at a time.
        shared: Whether other processes take a part of the windows.
    """

    def __init__(self, run: Pass, first: SetPlace, batch_bytes: int, *, shared: bool = False) -> None:
        self._run = run
        self._boot_uuid, self._clock = first.boot_uuid, first.clock
        self._batch_bytes = batch_bytes
        self._data = SetData(run, KEPT_SHARED if shared else KEPT_BYTES)
        self._beginnings = Beginnings(ends=shared)
        self._waiting: list[bytes] = []
        self._size = 0
        self.windows = self._beginnings.windows(np.zeros(0, np.uint64), batch_bytes)

    def add(self, place: SetPlace, packed: memoryview | None) -> None:
        """Take the next set in storage order; without data where another process looks into it."""
        if packed is None:
            self._flush()
            self._data.places.append(place)
            return
        self._data.places.append(place)
        self._waiting.append(self._run.unpack(place, packed))
        self._size += len(self._waiting[-1])
        if self._size >= self._batch_bytes:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        batch = index_sets(self._waiting)
        places = self._data.places[-len(self._waiting) :]
        self._run.report_unknown(batch, places)
        first = len(self._data.places) - len(places)
        self._data.moved.update(first + number for number in batch.moved)
        self._beginnings.add(batch, first)
        self._waiting, self._size = [], 0

    def seen(self) -> Seen:
        """Return what was found out here, for the other processes."""
        self._flush()
        return Seen(len(self._data.places), self._beginnings.blocks, self._data.moved)

    def join(self, seen: Sequence[Seen]) -> None:
        """Take what all processes found out, this one among them; none looked into a set of another.

        Raises InputError where they met other sets.
        """
        self._beginnings.blocks = [block for one in seen for block in one.blocks]
        self._data.moved = set().union(*(one.moved for one in seen))
        sets = len(self._data.places)
        if {one.sets for one in seen} != {sets} or sum(
            block.span.shape[1] for block in self._beginnings.blocks
        ) != sets:
            raise InputError("the archive changed while it was read")

    def begin(self) -> int:
        """Cut the time into windows, now that all sets are known; return when the boot's log begins (UTC ns)."""
        self._flush()
        stated = [0 if place.sub_chunk is None else place.sub_chunk.end for place in self._data.places]
        self.windows = self._beginnings.windows(np.array(stated, np.uint64), self._batch_bytes)
        self._beginnings = Beginnings()
        start = self._run.spans.get(self._boot_uuid, (0, 0))[0]
        return self._clock.span_ns(start, start)[0]

    def rows(self, number: int = 0, count: int = 1) -> Iterator[tuple[Part | None, bool]]:
        """Yield (rows of a window, None where there are none; whether it is the last one of its turn).

        They are those of every `count`-th turn from `number` on.
        """
        share = (number, count) if count > 1 else None
        with Held(self.windows.cuts) as held:
            for turn in range(number, self.windows.turns, count):
                windows = self.windows.of_turn(turn)
                for window in windows:
                    marks = list(self._run.marks_of(self._boot_uuid, *self.windows.range(window)))
                    yield by_time(held.sort_out(self._decode(window, share), window), marks), window == windows[-1]

    def _decode(self, window: int, share: tuple[int, int] | None) -> Iterator[Part]:
        """Decode the chunks that begin up to a window and were not decoded yet."""
        run = self._run
        due = self.windows.due(window)
        yield from self._decode_due(due if share is None else due.of_share(*share), share)
        self._data.release()
        if run.waiting:
            ticks = np.array([late.key.ticks for late in run.waiting], np.uint64)
            others = [self._data.places[number] for number in self.windows.unmet_covering(ticks).tolist()]
            run.collect_oversize([*others, *run.skipped.values()])
            yield from run.resolve()

    def _decode_due(self, due: Due, share: tuple[int, int] | None) -> Iterator[Part]:
        """Decode chunks: at once, unless by far too many begin at the same time."""
        groups = np.cumsum(due.end - due.at, dtype=np.int64) // (_MOST_WINDOWS * self._batch_bytes)
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), due.sets.size]):
            if start < end:
                cut = self._data.cut_out(due.pick(slice(start, end)), self.windows)
                found = None if share is None else Share(cut.begins, self.windows.cuts, *share)
                yield from self._run.decode_parts(cut.batch, cut.places, cut.at, found)
