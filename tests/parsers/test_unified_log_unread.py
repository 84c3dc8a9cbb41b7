"""What cannot be read of a unified log is named: other compressions, files without a head."""

import struct
from pathlib import Path
from typing import Any

import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.packing import Packing
from generator.timesync import Clock

from traceview_parsers.problems import Problem, Problems
from traceview_parsers.selection import Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log.chunksets import unpack
from traceview_parsers.unified_log.tracev3 import CHUNK_SET, HEADER, walk_chunks

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
COUNT = 300


@pytest.fixture
def chunks(tmp_path: Path) -> tuple[Path, list[tuple[int, bytes]]]:
    """Return a tracev3 file of several sets, and its chunks (tag, data)."""
    archive = Archive(Clock(stable_uuid("boot"), START))
    process = archive.process("/Applications/Acme.app/Acme", 812)
    for number in range(COUNT):
        archive.log(process, START + number * SECOND, "line %d", (number,))
    (path,) = archive.write(tmp_path, packing=Packing(set_bytes=6_000))
    data = path.read_bytes()
    return path, [(chunk.tag, data[chunk.start : chunk.end]) for chunk in walk_chunks(data, lambda *_: None)]


def read(path: Path, chunks: list[tuple[int, bytes]]) -> tuple[list[dict[str, Any]], list[Problem]]:
    path.write_bytes(
        b"".join(struct.pack("<IIQ", tag, 0x11, len(body)) + body + bytes(-len(body) % 8) for tag, body in chunks)
    )
    problems = Problems()
    root = path.parent.parent
    source = READER.open(
        Candidate(root.name, root, is_dir=True), Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    )
    return [row for batch in source.batches("log", Selection()) for row in batch.to_pylist()], list(problems)


@pytest.mark.parametrize("mark", [b"bvx-", b"bvx1", b"bvx2", b"bvxn"])
def test_lzfse_is_named(chunks: tuple[Path, list[tuple[int, bytes]]], mark: bytes) -> None:
    path, found = chunks
    sets = [place for place, (tag, _) in enumerate(found) if tag == CHUNK_SET]
    assert len(sets) > 2
    whole = {row["message"] for row in read(path, found)[0]}
    assert len(whole) == COUNT
    lost: set[str] = set()
    for place in sets[1:3]:
        others = [pair for at, pair in enumerate(found) if at != place]
        lost |= whole - {row["message"] for row in read(path, others)[0]}
        found[place] = CHUNK_SET, mark + found[place][1][4:]
    rows, (problem,) = read(path, found)
    assert {row["message"] for row in rows} == whole - lost
    assert (problem.count, problem.source.rsplit("/", 1)[-1]) == (2, path.name)
    assert problem.message == (
        "chunk sets are packed with LZFSE, which this version does not read; their records are missing"
    )


def test_what_stands_before_a_block_of_lzfse_is_kept() -> None:
    stored = b"bv4-" + struct.pack("<I", 5) + b"hello"
    found = unpack(memoryview(stored + b"bvx2" + bytes(40) + b"bvx$"))
    assert (found.data, found.trouble, found.unsupported) == (b"hello", "", "LZFSE")


def test_an_unknown_mark_is_told_by_its_bytes() -> None:
    found = unpack(memoryview(b"what" + bytes(40)))
    assert (found.data, found.trouble, found.unsupported) == (
        b"",
        "a block of it begins with the unknown mark 77 68 61 74",
        "",
    )


@pytest.mark.parametrize("left", [None, 20])
def test_a_file_without_a_head_has_no_clock(chunks: tuple[Path, list[tuple[int, bytes]]], left: int | None) -> None:
    path, found = chunks
    assert found[0][0] == HEADER
    head = [] if left is None else [(HEADER, found[0][1][:left])]
    rows, (problem,) = read(path, head + found[1:])
    assert [row["message"] for row in rows] == [f"line {number}" for number in range(COUNT)]
    assert {row["time"] for row in rows} == {None}
    assert (problem.kind, problem.message, problem.count) == (
        "no-header",
        "the file has no head that can be read: boot and times are unknown",
        1,
    )
    assert problem.source.endswith(path.name)
