"""Oversize chunks: the arguments of records that were too large for a firehose chunk.

A record names its chunk by the process ids, a reference (u32) and the time; all four are equal in both (checked on real
archives). The chunk usually comes a little earlier, but may lie in another set or file, or be gone.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

import numpy as np

from traceview_parsers.unified_log.chunksets import GUARD, ROOM, Batch
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import Places

_HEAD: Final = 48  # chunk preamble and fixed part
_MEMORY: Final = 48 << 20
"""Bytes of oversize data kept for records still to come (heuristic: the newest are wanted most)."""


class Key(NamedTuple):
    """What a record and its oversize chunk have in common."""

    boot: str
    first: int
    second: int
    reference: int
    ticks: int


class Blob(NamedTuple):
    """Arguments that lie outside of their record: {u8, item count u8, items, values} and private data."""

    data: bytes
    values: int


class Oversize:
    """Oversize data by key; the oldest are forgotten when there is too much."""

    def __init__(self) -> None:
        self._blobs: OrderedDict[Key, Blob] = OrderedDict()
        self._held = 0

    def collect(self, boot: str, batch: Batch, ids: tuple[Array, Array], chunks: Array) -> None:
        """Keep the data of these oversize chunks (indices into the batch's inner chunks)."""
        for chunk in chunks.tolist():
            at, end = int(batch.at[chunk]), int(batch.end[chunk])
            word = at >> 3
            sizes = int(batch.words[word + 5])
            key = Key(boot, int(ids[0][chunk]), int(ids[1][chunk]), sizes & 0xFFFFFFFF, int(batch.words[word + 4]))
            blob = Blob(batch.data[at + _HEAD : end].tobytes(), (sizes >> 32) & 0xFFFF)
            if key not in self._blobs:
                self._held += len(blob.data)
                self._blobs[key] = blob
        while self._held > _MEMORY:
            _, blob = self._blobs.popitem(last=False)
            self._held -= len(blob.data)

    def find(self, key: Key) -> Blob | None:
        """Return the data that belong to a record, or None where they were not seen."""
        return self._blobs.get(key)


def append_blobs(batch: Batch, places: Places, blobs: dict[int, Blob]) -> Array:
    """Return a batch's data with the blobs behind them, and point the places of their records (the keys) to them.

    Mostly they fit into the room that the batch has there; those of an earlier call are written over.
    """
    data = batch.data
    needed = sum(len(blob.data) for blob in blobs.values())
    if needed <= ROOM:
        free = data.size - GUARD - ROOM
        data[free : free + ROOM] = 0
    else:
        free = data.size
        data = np.concatenate([data, np.zeros(needed + GUARD, np.uint8)])
    at = free
    for record, blob in blobs.items():
        end = at + len(blob.data)
        data[at:end] = np.frombuffer(blob.data, np.uint8)
        values = min(at + blob.values, end)
        places.count_at[record] = at + 1 if len(blob.data) > 1 else -1
        places.end[record] = values
        places.private[record] = values
        places.private_end[record] = end
        at = end
    return data


def trace_blob(data: bytes) -> Blob:
    """Return the values of a trace record as items.

    `data` is what follows the program counter: the values, then their sizes, last their number.
    """
    count = data[-1] if data else 0
    sizes = data[-1 - count : -1] if count else b""
    if len(sizes) != count or sum(sizes) > len(data) - 1 - count:
        return Blob(b"\0\0", 2)
    items = bytearray((0, count))
    at = 0
    for size in sizes:
        items += bytes((0, size)) + data[at : at + size]
        at += size
    return Blob(bytes(items), len(items))
