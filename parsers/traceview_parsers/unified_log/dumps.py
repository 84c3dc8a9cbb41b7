"""Simple dumps and state dumps: chunks that are one record each.

Layouts (libyal dtformats). A simple dump holds its text ready-made, with thread, image and subsystem; a state dump
holds a title and an object in one of three encodings.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.binary_views import entries
from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.interning import Array, Names, PairTable, Rows
from traceview_parsers.unified_log.statedump import NAME_SIZE, describe, read_name

SIMPLE_HEAD: Final = 100
STATE_HEAD: Final = 264
"""Bytes of a chunk's preamble and fixed part; a shorter chunk is damaged. (The preamble has 16 of them.)"""

_LOW: Final = np.uint64(0xFFFFFFFF)


class SimpleDumps:
    """Fields of some simple dumps, by column; `at` are the byte positions of their preambles."""

    def __init__(self, batch: Batch, at: Array, end: Array) -> None:
        word = at >> 3
        words = batch.words
        self.level = ((words[word + 3] >> np.uint64(40)) & np.uint64(0xFF)).astype(np.int64)
        self.ticks = words[word + 4]
        self.thread = words[word + 5]
        self.offset = words[word + 6]
        self.image = words[word + 7], words[word + 8]
        subsystem_size = (words[word + 11] >> np.uint64(32)).view(np.int64)
        message_size = (words[word + 12] & _LOW).view(np.int64)
        self._batch = batch
        self._at = at
        start = at + SIMPLE_HEAD
        self._subsystem = _trimmed(batch.data, start, np.minimum(subsystem_size, end - start))
        start = start + np.minimum(subsystem_size, end - start)
        self._message = _trimmed(batch.data, start, np.minimum(message_size, end - start))

    def cache(self, index: int) -> bytes:
        """Return the UUID of the shared cache of one dump."""
        at = int(self._at[index]) + 72
        return self._batch.data[at : at + 16].tobytes()

    def initials(self) -> Array:
        """Return the first byte of each subsystem; of an empty one, what stands there."""
        at, _ = self._subsystem
        found: Array = self._batch.data.take(at)
        return found

    def messages(self) -> Any:
        """Return the texts as pa.large_binary()."""
        return _cut(self._batch.data, *self._message).cast(pa.large_binary())

    def subsystems(self, names: Names, rows: Array | None = None) -> Array:
        """Return the number of each subsystem in `names`, of all dumps or of some; an empty one is -1."""
        at, size = self._subsystem
        at, size = (at, size) if rows is None else (at[rows], size[rows])
        found = _cut(self._batch.data, at, size).cast(pa.binary()).dictionary_encode()
        texts = [value.decode("utf-8", "replace") for value in found.dictionary.to_pylist()]
        numbers = np.array([names.number(text or None) for text in texts], np.int32)
        taken: Array = numbers.take(found.indices.to_numpy(zero_copy_only=False))
        return taken


class StateDumps:
    """One state dump after the other: there are few, and each needs a decoder of its own."""

    def __init__(self, batch: Batch, at: Array, end: Array) -> None:
        self._raw = [batch.data[begin:stop].tobytes() for begin, stop in zip(at.tolist(), end.tolist(), strict=True)]
        word = at >> 3
        self.ticks = batch.words[word + 4]
        self.activity = batch.words[word + 5]
        self.image = batch.words[word + 6], batch.words[word + 7]

    def messages(self) -> list[str]:
        """Return the text of each."""
        found = []
        for raw in self._raw:
            kind = int.from_bytes(raw[64:68], "little")
            size = int.from_bytes(raw[68:72], "little")
            library, type_name, title = (read_name(raw[begin : begin + NAME_SIZE]) for begin in (72, 136, 200))
            found.append(describe(kind, raw[STATE_HEAD : STATE_HEAD + size], title, library, type_name))
        return found


class UuidImages:
    """Image rows of UUIDs that records bring themselves."""

    def __init__(self) -> None:
        self._keys = PairTable()
        self._rows = Rows(image=np.int32)

    def find(self, uuids: tuple[Array, Array], resolve: Callable[[bytes, int], int]) -> Array:
        """Return the image row of each UUID, given as two words; `resolve(UUID, index)` gives that of a new one."""
        first, second = uuids
        rows, firsts = self._keys.intern(first, second)
        self._rows.extend(
            (resolve(first[index].tobytes() + second[index].tobytes(), index),) for index in firsts.tolist()
        )
        taken: Array = self._rows["image"].take(rows)
        return taken


def _trimmed(data: Array, at: Array, size: Array) -> tuple[Array, Array]:
    """Return (position, size) of texts without their NUL."""
    size = np.maximum(size, 0)
    closed = (size > 0) & (data[np.minimum(at + np.maximum(size - 1, 0), data.size - 1)] == 0)
    return at, size - closed


def _cut(data: Array, at: Array, size: Array) -> Any:
    return pa.Array.from_buffers(
        pa.binary_view(), at.size, [None, pa.py_buffer(entries(data, at, size, 0)), pa.py_buffer(data)]
    )
