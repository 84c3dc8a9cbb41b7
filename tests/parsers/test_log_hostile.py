"""Log archives made to hurt: times that begin again at 0, records cut in their fields, many sets of a bad kind."""

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shares
from generator.archive import Archive
from generator.images import stable_uuid
from generator.packing import Packing
from generator.timesync import Clock

from traceview.cli import log_jobs
from traceview_parsers import schema
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log import source as source_module
from traceview_parsers.unified_log.chunksets import FIREHOSE, index_sets, unpack
from traceview_parsers.unified_log.source import COUNTED_BY_SHARE, UnifiedLogSource
from traceview_parsers.unified_log.tracev3 import CHUNK_SET, walk_chunks
from traceview_parsers.unified_log.windows import Windows

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
_BASE_AT = 40
"""Where a firehose chunk holds the time that those of its records count from."""


def written(root: Path, change: Callable[[bytearray, int], bytearray] | None = None) -> Path:
    """Write an archive of several small sets; `change` gets the content of each set and its number."""
    archive = Archive(Clock(stable_uuid("hostile boot"), START))
    processes = [archive.process(f"/usr/libexec/p{number}", 100 + number) for number in range(3)]
    for number in range(120):
        archive.log(
            processes[number % 3], START + number * SECOND, "line %d %{public}s", (number, "x" * 40), subsystem="s"
        )
    archive.write(root, packing=Packing(set_bytes=2_000, sets_per_catalog=4))
    file = next((root / "Persist").iterdir())
    data = file.read_bytes()
    parts, sets = [], 0
    for chunk in walk_chunks(data, lambda *_: None):
        body = data[chunk.start : chunk.end]
        if chunk.tag == CHUNK_SET and change is not None:
            content = change(bytearray(unpack(memoryview(body)).data), sets)
            body = b"bv4-" + struct.pack("<I", len(content)) + content + b"bv4$"
            sets += 1
        parts.append(struct.pack("<IIQ", chunk.tag, 0x11, len(body)) + body + bytes(-len(body) % 8))
    file.write_bytes(b"".join(parts))
    return root


def opened(root: Path) -> UnifiedLogSource:
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    assert isinstance(source, UnifiedLogSource)
    return source


def rows_of(batches: list[Any]) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(batches, schema.SCHEMAS["log"])
    at = table.schema.get_field_index("time")
    rows: list[dict[str, Any]] = table.set_column(at, "time", table["time"].cast(pa.int64())).to_pylist()
    return [row for row in rows if row["event"] != "timesync"]


def by_turns(root: Path, count: int) -> list[Any]:
    """Return what several processes would print together."""
    return shares.by_turns([opened(root).share_in_order(number, count) for number in range(count)])


def chunks_of(content: bytes | bytearray) -> list[int]:
    batch = index_sets([bytes(content)])
    return [int(at) for at, tag in zip(batch.at, batch.tag, strict=True) if tag == FIREHOSE]


@pytest.mark.parametrize("base", [2**64 - 1, 2**64 - 50_000_000, 2**64 - 10**12, 0])
def test_times_that_begin_again_at_0_are_put_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: int
) -> None:
    def change(content: bytearray, number: int) -> bytearray:
        for at in chunks_of(content)[number % 2 :: 2]:
            struct.pack_into("<Q", content, at + _BASE_AT, base)
        return content

    root = written(tmp_path, change)
    stored = rows_of(list(opened(root).batches("log")))
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 1_000)
    ordered = rows_of(list(opened(root).in_order()))
    key = [(row["mach_time"], row["ref"]) for row in ordered]
    assert key == sorted(key)
    assert sorted(ordered, key=lambda row: row["ref"]) == sorted(stored, key=lambda row: row["ref"])
    for count in (2, 3):
        assert rows_of(by_turns(root, count)) == ordered


@pytest.mark.parametrize("cut", range(1, 80, 3))
def test_a_record_that_is_cut_off_takes_nothing_from_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    """Whatever lies behind a cut set, the next one or nothing, is not read as fields of its last record."""
    root = written(tmp_path, lambda content, _: content[: len(content) - cut])
    stored = rows_of(list(opened(root).batches("log")))
    known = {row["ref"]: row for row in rows_of(list(opened(written(tmp_path / "whole")).batches("log")))}
    assert len(stored) > len(known) // 2
    for row in stored:
        whole = known[row["ref"]]
        assert row["mach_time"] == whole["mach_time"]
        assert row["activity_id"] == whole["activity_id"]
        assert row["subsystem"] in {whole["subsystem"], None}
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 1_000)
    ordered = rows_of(list(opened(root).in_order()))
    assert sorted(ordered, key=lambda row: row["ref"]) == stored


def test_shares_together_count_each_row_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(content: bytearray, _: int) -> bytearray:
        for at in chunks_of(content):
            content[at + 16 : at + 24] = b"\xff" * 8  # a process that no catalog knows
        return content

    root = written(tmp_path, change)
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 1_000)
    found = []
    for number in range(3):
        source = opened(root)
        assert sum(batch.num_rows for batch, _ in source.share_in_order(number, 3)) > 0
        found += [problem for problem in source.problems if problem.kind == "unknown-process"]
    assert found[0].kind in COUNTED_BY_SHARE
    assert sum(problem.count for problem in found) == 120
    problems = Problems()
    log_jobs._collect([log_jobs._Result(problems=(problem,)) for problem in found], problems)
    assert [problem.count for problem in problems] == [120]


def test_strings_that_are_missing_are_those_that_any_share_missed() -> None:
    told = Problem("a.logarchive", "missing-strings", "one share's", count=2)
    first, second, third = (bytes([number]) * 16 for number in range(3))
    shares = [frozenset({first, second}), frozenset({second, third})]
    problems = Problems()
    log_jobs._collect([log_jobs._Result(problems=(told,), missing=missing) for missing in shares], problems)
    (found,) = problems
    assert found.count == 3
    assert found.message.endswith("02020202-0202-0202-0202-020202020202")


def test_thousands_of_sets_without_padding_are_realigned_at_once() -> None:
    chunk = struct.pack("<IIQ", 0x6004, 0, 3) + b"abc"
    batch = index_sets([chunk * 2] * 3_000)
    assert sorted(batch.moved) == list(range(3_000))
    assert batch.tag.size == 6_000
    assert not (batch.at % 8).any()


def test_an_endless_clock_file_is_read_to_a_limit(tmp_path: Path) -> None:
    root = written(tmp_path)
    known = rows_of(list(opened(root).batches("log")))
    file = next((root / "timesync").iterdir())
    os.truncate(file, 1 << 32)  # a hole, which takes no room on the disk
    source = opened(root)
    assert rows_of(list(source.batches("log"))) == known
    found = [(problem.source.rpartition("/")[2], problem.kind) for problem in source.problems]
    assert found == [(file.name, "damaged-timesync")]
    assert any("longer than 4 MiB" in problem.message for problem in source.problems)


@pytest.mark.parametrize("rest", [b"\0", b"x", b"\0" * 15])
def test_a_file_too_short_for_a_chunk_is_told(tmp_path: Path, rest: bytes) -> None:
    root = written(tmp_path)
    next((root / "Persist").iterdir()).write_bytes(rest)
    source = opened(root)
    assert rows_of(list(source.batches("log"))) == []
    assert [(problem.kind, problem.position) for problem in source.problems] == [("truncated", 0)]


def test_bytes_behind_the_last_chunk_are_told() -> None:
    chunk = struct.pack("<IIQ", CHUNK_SET, 0x11, 0)
    told: list[tuple[str, int]] = []
    for rest in (b"", b"\0" * 8, b"\0x"):
        assert len(list(walk_chunks(chunk + rest, lambda kind, _, at: told.append((kind, at))))) == 1
    assert told == [("truncated", 16)]


def test_many_late_records_and_many_sets_take_little_memory() -> None:
    """Records whose large arguments are not met yet are looked for in the sets that are still to come."""
    sets, late = 20_000, 20_000
    spans = np.array([np.full(sets, 2), np.full(sets, 2**40)], np.uint64)
    nothing = np.zeros(0, np.uint64)
    windows = Windows(
        spans, np.array([1], np.uint64), nothing.reshape(2, 0), np.zeros((3, 0), np.int32), nothing.astype(np.uint16)
    )
    windows.due(0)
    tracemalloc.start()
    try:
        found = windows.unmet_covering(np.arange(3, late + 3, dtype=np.uint64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.tolist() == list(range(sets))
    assert peak < 16 << 20
