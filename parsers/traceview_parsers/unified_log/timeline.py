"""The rows of one boot by time: its chunk sets decoded in the order in which they begin."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from traceview_parsers.unified_log.arrange import by_time
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.held import Held
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.passes import Pass, SetPlace, Sets
from traceview_parsers.unified_log.windows import Beginnings, Share


class Timeline:
    """The chunk sets of one boot.

    Args:
        run: The run over the archive.
        first: Any of the sets.
        batch_bytes: Decompressed bytes to decode at a time.
    """

    def __init__(self, run: Pass, first: SetPlace, batch_bytes: int) -> None:
        self._run = run
        self._boot_uuid, self._clock = first.boot_uuid, first.clock
        self._batch_bytes = batch_bytes
        self._places: dict[int, SetPlace] = {}
        self._beginnings = Beginnings()
        self._waiting: list[bytes] = []
        self._size = 0
        self.windows = self._beginnings.windows(np.zeros(0, np.uint64), batch_bytes)

    def add(self, place: SetPlace, packed: memoryview) -> None:
        """Take the next set in storage order."""
        self._places[len(self._places)] = place
        self._waiting.append(self._run.unpack(place, packed))
        self._size += len(self._waiting[-1])
        if self._size >= self._batch_bytes:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._beginnings.add(self._waiting)
        self._waiting, self._size = [], 0

    def begin(self) -> int:
        """Cut the time into windows, now that all sets are known; return when the boot's log begins (UTC ns)."""
        self._flush()
        stated = [0 if place.sub_chunk is None else place.sub_chunk.end for place in self._places.values()]
        self.windows = self._beginnings.windows(np.array(stated, np.uint64), self._batch_bytes)
        start = self._run.spans.get(self._boot_uuid, (0, 0))[0]
        return self._clock.span_ns(start, start)[0]

    def rows(self, number: int = 0, count: int = 1) -> Iterator[Part | None]:
        """Yield the rows of every `count`-th window of time from `number` on, None where there are none."""
        share = (number, count) if count > 1 else None
        with Held(self.windows.cuts) as held:
            for window in range(number, len(self.windows), count):
                found = list(held.sort_out(self._decode(window, share), window))
                marks = list(self._run.marks_of(self._boot_uuid, *self.windows.range(window)))
                yield by_time([*held.take(window), *found], marks)

    def _decode(self, window: int, share: tuple[int, int] | None) -> Iterator[Part]:
        """Decode the sets that begin up to a window and were not decoded yet."""
        sets: Sets = []
        numbers: list[int] = []
        size = 0
        run = self._run
        for number, place, packed in self._packed(self.windows.due(window)):
            sets.append((place, run.unpack(place, memoryview(packed), again=True)))
            numbers.append(number)
            size += len(sets[-1][1])
            if size >= self._batch_bytes:
                yield from run.decode(sets, self._share(numbers, share))
                sets, numbers, size = [], [], 0
        yield from run.decode(sets, self._share(numbers, share))
        if run.waiting:
            covering = np.concatenate([self.windows.unmet_covering(late.key.ticks) for late in run.waiting])
            others = [self._places[number] for number in np.unique(covering).tolist()]
            run.collect_oversize([*others, *run.skipped.values()])
            yield from run.resolve()

    def _share(self, numbers: list[int], share: tuple[int, int] | None) -> Share | None:
        return None if share is None else Share(self.windows.begins[numbers], self.windows.cuts, *share)

    def _packed(self, due: Array) -> Iterator[tuple[int, SetPlace, bytes]]:
        """Read the packed data of these sets."""
        for path, numbers in groupby(due.tolist(), lambda number: self._places[number].path):
            try:
                with path.open("rb", buffering=0) as file:
                    for number in numbers:
                        place = self._places.pop(number)  # catalogs would add up
                        file.seek(place.start)
                        yield number, place, file.read(place.end - place.start)
            except OSError as error:
                self._run.report(path.name, "unreadable-file", f"the file cannot be read: {error.strerror}")
