"""Arguments kept elsewhere are put behind a batch's data: into the room there, or behind a copy where they are too large."""

import numpy as np
import pytest

from traceview_parsers.unified_log.chunksets import GUARD, ROOM, index_sets
from traceview_parsers.unified_log.items import Places
from traceview_parsers.unified_log.oversize import Blob, append_blobs

CHUNK = b"\x01\x60\0\0\0\0\0\0" + (48).to_bytes(8, "little") + bytes(range(48))


def places(count: int) -> Places:
    return Places(*(np.zeros(count, np.int64) for _ in range(4)))


@pytest.mark.parametrize("sizes", [(5, 60), (1,), (ROOM // 2, ROOM // 2), (ROOM, 1), (ROOM + 7,)])
def test_blobs_stand_behind_the_data_with_zeros_behind_them(sizes: tuple[int, ...]) -> None:
    batch = index_sets([CHUNK])
    before = batch.data[: len(CHUNK)].tobytes()
    for step in (1, 2):  # what an earlier call left is gone
        some = places(len(sizes))
        shorter = [-(-size // step) for size in sizes]
        blobs = {row: Blob(bytes([row + step]) * size, size // 2) for row, size in enumerate(shorter)}
        data = append_blobs(batch, some, blobs)
        for row, blob in blobs.items():
            begin, end = int(some.private_end[row]) - len(blob.data), int(some.private_end[row])
            assert data[begin:end].tobytes() == blob.data
            assert some.end[row] == some.private[row] == begin + blob.values
            assert some.count_at[row] == (begin + 1 if len(blob.data) > 1 else -1)
        last = int(some.private_end.max())
        assert not data[last:].any()
        assert data.size - last >= GUARD
        assert data[: len(CHUNK)].tobytes() == before
        assert not data[len(CHUNK) : len(CHUNK) + GUARD].any()
