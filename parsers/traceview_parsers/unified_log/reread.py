"""Chunk sets read again, for those of their chunks that are due."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from traceview_parsers.unified_log.chunksets import Batch, index_sets, joined
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.passes import Pass, SetPlace
from traceview_parsers.unified_log.windows import Due, Windows

KEPT_BYTES: Final = 16 << 20
"""Bytes of decompressed sets that are kept: most have chunks in several windows that follow each other (heuristic)."""
KEPT_SHARED: Final = 8 << 20
"""The same of one of several processes, of whose windows each second or later one follows: with 48 MB it takes as long
(measured)."""
_SPARE: Final = 64
_TAG: Final = np.uint64(0xFFFF_FFFF)


class Cut(NamedTuple):
    """Chunks as a batch of parts of sets.

    Attributes:
        batch: The parts.
        places: Where the set of each part lies.
        at: The byte position in the set at which each part begins.
        begins: The window in which the chunks of each part begin.
    """

    batch: Batch
    places: list[SetPlace]
    at: Array
    begins: Array


class SetData:
    """The sets of one boot.

    Args:
        run: The run over the archive.
        kept_bytes: Bytes of decompressed sets to keep.

    Attributes:
        places: Where each set lies.
        moved: Numbers of sets whose chunks did not begin at multiples of 8.
    """

    def __init__(self, run: Pass, kept_bytes: int = KEPT_BYTES) -> None:
        self.places: list[SetPlace] = []
        self.moved: set[int] = set()
        self._run = run
        self._most = kept_bytes
        self._kept: dict[int, tuple[int, bytes]] = {}
        self._kept_bytes = 0
        self._latest: list[tuple[int, int]] = []
        self._done: list[int] = []

    def cut_out(self, due: Due, windows: Windows) -> Cut:
        """Return chunks; those that are no longer what they were when they were first read are left out."""
        behind = (due.end + 7) & ~7
        fresh = np.ones(due.sets.size, bool)
        fresh[1:] = (due.sets[1:] != due.sets[:-1]) | (due.at[1:] != behind[:-1])
        fresh[1:] |= due.begins[1:] != due.begins[:-1]
        first = np.flatnonzero(fresh)
        sets, at = due.sets[first].tolist(), due.at[first].astype(np.int64)
        end = behind[np.append(first[1:], due.sets.size) - 1].astype(np.int64)
        contents = self._contents(np.unique(due.sets), due.last, windows)
        ranges = groupby(zip(sets, at.tolist(), end.tolist(), strict=True), lambda part: part[0])
        parts = [
            content[start:stop].ljust(stop - start, b"\0")
            for content, (_, some) in zip(contents, ranges, strict=True)
            for _, start, stop in some
        ]
        data = joined(parts)
        starts = np.concatenate([[0], np.cumsum(end - at)])
        part_of = np.cumsum(fresh) - 1
        shift = (starts[:-1] - at).take(part_of)
        tag = due.tag.astype(np.int64)
        batch = Batch(data, data.view("<u8"), starts, tag, due.at + shift, due.end + shift, part_of, [])
        return Cut(_unchanged(batch), [self.places[number] for number in sets], at, due.begins[first])

    def release(self) -> None:
        """Forget the sets of which everything was cut out."""
        for number in self._done:
            self.places[number] = self.places[number].bare()
        self._done.clear()

    def _contents(self, sets: Array, window: int, windows: Windows) -> Iterator[bytes]:
        """Yield the data of sets, nothing for those that cannot be read."""
        uses = zip(sets.tolist(), windows.next_use(sets, window).tolist(), strict=True)
        for path, some in groupby(uses, lambda use: self.places[use[0]].path):
            with _Opened(path) as file:
                for number, later in some:
                    data = self._read(number, file) if number not in self._kept else self._drop(number)
                    if later < 0:
                        self._done.append(number)
                    else:
                        self._keep(number, data, later)
                    yield data

    def _keep(self, number: int, data: bytes, later: int) -> None:
        """Keep what will be needed in a later window; beyond the limit, what is needed last is forgotten."""
        self._kept[number] = later, data
        self._kept_bytes += len(data)
        heappush(self._latest, (-later, number))
        while self._kept_bytes > self._most:
            until, latest = heappop(self._latest)
            if self._kept.get(latest, (0, b""))[0] == -until:  # else it was used since
                self._drop(latest)
        if len(self._latest) > 2 * len(self._kept) + _SPARE:  # those that were used would add up
            self._latest = [(-until, latest) for latest, (until, _) in self._kept.items()]
            heapify(self._latest)

    def _drop(self, number: int) -> bytes:
        """Forget a set that was kept; return its data."""
        _, data = self._kept.pop(number)
        self._kept_bytes -= len(data)
        return data

    def _read(self, number: int, file: "_Opened") -> bytes:
        place = self.places[number]
        try:
            packed = file.read(place.start, place.end)
        except OSError as error:
            self._run.report(place.name, "unreadable-file", f"the file cannot be read: {error.strerror}")
            return b""
        data = self._run.unpack(place, memoryview(packed), again=True)
        if number in self.moved:
            batch = index_sets([data])
            data = batch.data[: int(batch.starts[-1])].tobytes()
        return data


class _Opened:
    """A file that is opened when first read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, start: int, end: int) -> bytes:
        """Return a range of it. Raises OSError."""
        if self._file is None:
            self._file = self._path.open("rb", buffering=0)
        self._file.seek(start)
        return self._file.read(end - start)


def _unchanged(batch: Batch) -> Batch:
    """Return a batch with those of its chunks that lie where they should."""
    same = np.flatnonzero(batch.words.take(batch.at >> 3) & _TAG == batch.tag.view(np.uint64))
    if same.size < batch.tag.size:
        batch.tag, batch.at, batch.end, batch.set_of = (
            column[same] for column in (batch.tag, batch.at, batch.end, batch.set_of)
        )
    return batch
