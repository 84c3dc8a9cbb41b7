"""Chunk sets read again, for those of their chunks that are due."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import numpy as np

from traceview_parsers.unified_log.catalog import Catalog
from traceview_parsers.unified_log.chunksets import GUARD, Batch, index_sets
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.passes import Pass, SetPlace
from traceview_parsers.unified_log.windows import Due, Windows

_KEPT_BYTES: Final = 24 << 20
"""Bytes of decompressed sets that are kept: most have chunks in several windows that follow each other (heuristic)."""
_TAG: Final = np.uint64(0xFFFF_FFFF)
_NO_CATALOG: Final = Catalog.nothing()


class SetData:
    """The sets of one boot.

    Attributes:
        places: Where each set lies.
        moved: Numbers of sets whose chunks did not begin at multiples of 8.
    """

    def __init__(self, run: Pass) -> None:
        self.places: list[SetPlace] = []
        self.moved: set[int] = set()
        self._run = run
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._used: set[int] = set()

    def cut_out(self, due: Due) -> tuple[Batch, list[SetPlace], Array]:
        """Return chunks as a batch of parts of sets, and for each part where its set lies and where in it the part begins.

        Chunks that are no longer what they were when they were first read are left out.
        """
        behind = (due.end + 7) & ~7
        fresh = np.ones(due.sets.size, bool)
        fresh[1:] = (due.sets[1:] != due.sets[:-1]) | (due.at[1:] != behind[:-1])
        first = np.flatnonzero(fresh)
        sets, at = due.sets[first].tolist(), due.at[first].astype(np.int64)
        end = behind[np.append(first[1:], due.sets.size) - 1].astype(np.int64)
        contents = self._contents(list(dict.fromkeys(sets)))
        ranges = groupby(zip(sets, at.tolist(), end.tolist(), strict=True), lambda part: part[0])
        parts = [
            content[start:stop].ljust(stop - start, b"\0")
            for content, (_, some) in zip(contents, ranges, strict=True)
            for _, start, stop in some
        ]
        data = np.frombuffer(b"".join([*parts, bytes(GUARD)]), np.uint8)
        starts = np.concatenate([[0], np.cumsum(end - at)])
        part_of = np.cumsum(fresh) - 1
        shift = (starts[:-1] - at).take(part_of)
        tag = due.tag.astype(np.int64)
        batch = Batch(data, data.view("<u8"), starts, tag, due.at + shift, due.end + shift, part_of, [])
        return _unchanged(batch), [self.places[number] for number in sets], at

    def release(self, windows: Windows) -> None:
        """Forget the sets that are not needed any more, and some of the others."""
        for number in self._used:
            if windows.done(number):
                self._kept_bytes -= len(self._kept.pop(number, b""))
                self.places[number] = self.places[number]._replace(catalog=_NO_CATALOG)  # catalogs would add up
        self._used.clear()

    def _contents(self, numbers: Sequence[int]) -> Iterator[bytes]:
        """Yield the data of sets, nothing for those that cannot be read."""
        self._used.update(numbers)
        for path, some in groupby(numbers, lambda number: self.places[number].path):
            with _Opened(path) as file:
                for number in some:
                    yield self._content(number, file)

    def _content(self, number: int, file: "_Opened") -> bytes:
        data = self._kept.get(number)
        if data is not None:
            self._kept.move_to_end(number)
            return data
        self._kept[number] = data = self._read(number, file)
        self._kept_bytes += len(data)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
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
