"""Damaged LZ4 blocks: the chunks before the damage are read, nothing behind it is."""

import struct
import time
from functools import cache
from pathlib import Path
from typing import Any

import lz4.block
import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.packing import Packing
from generator.timesync import Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.problems import Problem
from traceview_parsers.unified_log.chunksets import unpack, walk_set
from traceview_parsers.unified_log.lz4_prefix import decompress_prefix
from traceview_parsers.unified_log.rows import OFFSET_BITS
from traceview_parsers.unified_log.tracev3 import CHUNK_SET, walk_chunks

START = 1_768_469_400_000_000_000
TRACE = "Persist/0000000000000001.tracev3"


def archive() -> Archive:
    """Return a synthetic archive with a few thousand records."""
    made = Archive(Clock(stable_uuid("lz4 boot"), START))
    apps = [made.process(f"/Applications/App{number}.app/App{number}", 800 + number) for number in range(3)]
    for number in range(4000):
        text = f"{number * 2654435761 % 2**32:08x} {number}"
        made.log(apps[number % 3], START + number * 1_000_000, "call %{public}s state %d", (text, number))
    return made


def sets_of(data: bytes) -> list[tuple[int, int]]:
    return [(chunk.start, chunk.end) for chunk in walk_chunks(data, lambda *_: None) if chunk.tag == CHUNK_SET]


@cache
def written(folder: Path, block_bytes: int | None = None) -> bytes:
    archive().write(folder, packing=Packing(block_bytes=block_bytes, set_bytes=30_000))
    return (folder / TRACE).read_bytes()


@pytest.fixture(scope="module", params=[None, 10_000], ids=["one block", "blocks"])
def trace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("lz4") / "a.logarchive"
    return folder, written(folder, request.param)


def read(folder: Path, data: bytes) -> tuple[list[dict[str, Any]], list[Problem]]:
    (folder / TRACE).write_bytes(data)
    with open_trace(folder) as opened:
        table = opened.table("log").select(["ref", "mach_time", "pid", "message", "process"])
        return table.to_pylist(), list(opened.problems)


def chunk_ends(data: bytes) -> list[int]:
    return [(at + 16 + size + 7) & ~7 for _, at, size in walk_set(data)]


@settings(max_examples=150)
@given(st.floats(0, 1), st.floats(0, 0.9999), st.integers(1, 255))
def test_chunks_before_the_damage_are_kept_and_none_behind(
    trace: tuple[Path, bytes], which: float, place: float, change: int
) -> None:
    _, data = trace
    sets = sets_of(data)
    start, end = sets[round(which * (len(sets) - 1))]
    packed = bytearray(data[start:end])
    whole = unpack(memoryview(bytes(packed)))
    assert not whole.trouble
    packed[int(place * len(packed))] ^= change
    found = unpack(memoryview(bytes(packed)))
    if not found.trouble:
        return  # LZ4 has no checksum: other bytes at the same places cannot be told
    shared = next(
        (at for at, (a, b) in enumerate(zip(found.data, whole.data, strict=False)) if a != b), len(found.data)
    )
    ends = [0, *chunk_ends(whole.data)]
    if "LZ4" in found.trouble:
        assert len(found.data) in ends
        assert f"{len(found.data)} bytes of the set could be read" in found.trouble
        assert shared == len(found.data) or found.data.startswith(whole.data[: max(at for at in ends if at <= shared)])


def test_records_before_the_damage_come_and_the_problem_tells_how_much(trace: tuple[Path, bytes]) -> None:
    folder, data = trace
    rows, problems = read(folder, data)
    assert (len(rows), problems) == (4000, [])
    start, end = sets_of(data)[1]
    whole = unpack(memoryview(data[start:end])).data
    broken = bytearray(data)
    middle = (start + end) // 2
    broken[middle : middle + 40] = b"\xff" * 40  # a length beyond everything
    kept = unpack(memoryview(bytes(broken[start:end]))).data
    assert whole.startswith(kept)
    assert len(whole) // 4 < len(kept) < len(whole)
    found, (problem,) = read(folder, bytes(broken))
    assert problem.kind == "damaged-chunk-set"
    assert problem.position == start
    assert problem.message.startswith("a chunk set is damaged: an LZ4 block of ")
    assert f"{len(kept)} bytes of the set could be read" in problem.message
    # No row is new, the rows of all other sets are there, and of the damaged one those of the chunks that were kept.
    ours = {row["ref"]: row for row in rows}
    assert all(ours[row["ref"]] == row for row in found)
    lost = sorted(ours.keys() - {row["ref"] for row in found})
    assert {ref >> OFFSET_BITS for ref in lost} == {1}
    assert len(kept) <= 8 * (lost[0] & ((1 << OFFSET_BITS) - 1)) < len(kept) + 100


def test_what_a_cut_leaves_is_all_read(trace: tuple[Path, bytes]) -> None:
    folder, data = trace
    rows, _ = read(folder, data)
    start, end = sets_of(data)[-1]
    before = unpack(memoryview(data[start:end])).data
    cut = data[: (start + end) // 2]
    kept = unpack(memoryview(cut[start:]))
    assert before.startswith(kept.data)
    assert "is cut short, " in kept.trouble
    found, problems = read(folder, cut)
    assert {"truncated", "damaged-chunk-set"} <= {problem.kind for problem in problems}
    # All records that end before the cut, also in the chunk that it went through.
    held = [row for row in rows if row["ref"] >> OFFSET_BITS < len(sets_of(data)) - 1]
    last = [row for row in rows if row["ref"] >> OFFSET_BITS == len(sets_of(data)) - 1]
    offsets = [8 * (row["ref"] & ((1 << OFFSET_BITS) - 1)) for row in last]
    whole = [row for row, following in zip(last, offsets[1:], strict=False) if following <= len(kept.data)]
    assert [row for row in found if row in last][: len(whole)] == whole
    assert len(found) >= len(held) + len(whole)


def test_a_wrong_size_costs_nothing(trace: tuple[Path, bytes]) -> None:
    _, data = trace
    for start, end in sets_of(data)[:3]:
        packed = bytearray(data[start:end])
        whole = unpack(memoryview(bytes(packed)))
        if packed.count(b"bv41") != 1:
            continue
        for size in (3, 29_000, 2**31):
            struct.pack_into("<I", packed, 4, size)
            found = unpack(memoryview(bytes(packed)))
            assert found.data == whole.data
            assert (
                found.trouble
                == f"an LZ4 block of {size} bytes is damaged, {len(whole.data)} bytes of the set could be read"
            )


@given(st.binary(max_size=300), st.integers(0, 2000), st.binary(max_size=40))
def test_any_bytes_give_something(block: bytes, limit: int, history: bytes) -> None:
    assert len(decompress_prefix(block, limit, history).data) <= limit


@given(st.lists(st.sampled_from([b"abcd", b"the same", b"xyz" * 9, bytes(20), bytes(range(256))])), st.floats(0, 1))
def test_what_is_cut_gives_what_was_before(parts: list[bytes], cut: float) -> None:
    whole = b"".join(parts)
    block = lz4.block.compress(whole, store_size=False)
    assert decompress_prefix(block, len(whole), b"") == (whole, True, True)
    part = decompress_prefix(block[: int(cut * len(block))], len(whole), b"")
    assert whole.startswith(part.data)
    assert part.possible


def test_hostile_sets_cost_little() -> None:
    """Time is compared with what it takes to look at each byte in Python: no more than a few of these."""
    hostile = b"\x10a\x01\x00" + b"\x00\x01\x00" * 300_000
    block = b"bv41" + struct.pack("<II", 16 << 20, len(hostile)) + hostile
    begin = time.process_time()
    total = 0
    for byte in hostile:
        total += byte
    looked = time.process_time() - begin
    begin = time.process_time()
    assert not unpack(memoryview(block)).data
    assert time.process_time() - begin < 40 * looked
    many = b"".join(b"bv41" + struct.pack("<II", 1, 2) + b"\x10a" for _ in range(5000))
    found = unpack(memoryview(many))
    assert found.data == b"a" * 1024
    assert "more than 1024 blocks" in found.trouble
