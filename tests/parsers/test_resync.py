"""Damage inside of firehose chunks: the records around it are kept, and what makes none is counted."""

import struct
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.packing import Packing
from generator.timesync import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shares import by_turns

from traceview_parsers import schema
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER, lockstep, resync
from traceview_parsers.unified_log import source as source_module
from traceview_parsers.unified_log.source import UnifiedLogSource

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
LINES = 150
HEAD = 24
CHUNK = b"\x01\x60\0\0\0\0\0\0"
PREAMBLE = 48


def archive(root: Path) -> Path:
    """Write an archive whose chunk sets are stored as they are; return its file."""
    made = Archive(Clock(stable_uuid("resync"), START))
    one, other = made.process("/usr/libexec/oned", 5), made.process("/usr/libexec/otherd", 6)
    for number in range(LINES):
        at = START + (number + 1) * SECOND
        made.log(one, at, "line %d %{public}s", (number, "v" * 20), subsystem="s", category="c")
        made.log(other, at, "other %d", (number,))
    return made.write(root, packing=Packing(stored=(True,)))[0]


def records(content: bytes) -> list[list[tuple[int, int]]]:
    """Return (position, bytes with padding) of each record, chunk by chunk."""
    chunks = []
    at = content.find(CHUNK)
    while at >= 0:
        end = at + 32 + struct.unpack_from("<H", content, at + 32)[0]
        cursor, found = at + PREAMBLE, []
        while cursor < end:
            size = (HEAD + struct.unpack_from("<H", content, cursor + 22)[0] + 7) & ~7
            found.append((cursor, size))
            cursor += size
        chunks.append(found)
        at = content.find(CHUNK, end)
    return chunks


def opened(root: Path) -> UnifiedLogSource:
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    assert isinstance(source, UnifiedLogSource)
    return source


def read(root: Path, selection: Selection | None = None) -> tuple[list[str], dict[str, int], int | None]:
    """Return (messages, problems, rows that were met)."""
    source = opened(root)
    table = pa.Table.from_batches(source.batches("log", selection or Selection()), schema.SCHEMAS["log"])
    table.validate(full=True)
    told = {one.kind: one.count for one in source.problems}
    return table["message"].to_pylist(), told, source.coverage().rows


def test_the_sample_is_sound(tmp_path: Path) -> None:
    chunks = records(archive(tmp_path).read_bytes())
    assert len(chunks) > 2
    assert sum(map(len, chunks)) == 2 * LINES
    messages, problems, rows = read(tmp_path)
    assert (len(messages), problems, rows) == (2 * LINES, {}, 2 * LINES)


def damage(path: Path, at: int, new: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + len(new)] = new
    path.write_bytes(content)


@pytest.mark.parametrize("size", [0, 3, 0xFFFF, 0x400])
@pytest.mark.parametrize("number", [0, 20])
def test_a_record_of_a_wrong_size_goes_up_to_the_next(tmp_path: Path, number: int, size: int) -> None:
    path = archive(tmp_path)
    whole = read(tmp_path)
    at, _ = records(path.read_bytes())[0][number]
    damage(path, at + 22, size.to_bytes(2, "little"))
    messages, problems, rows = read(tmp_path)
    assert messages == whole[0]
    assert rows == whole[2]
    assert problems == {"damaged-chunk": 1}


def test_a_wrong_size_with_a_wrong_time_is_no_record(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    at, size = records(path.read_bytes())[0][20]
    damage(path, at + 16, bytes(8))
    messages, problems, _ = read(tmp_path)
    assert messages == [*whole[:20], *whole[21:]]
    assert problems == {"damaged-chunk": 1, "skipped-bytes": size}


@pytest.mark.parametrize("fill", [b"\xff", b"v", b"\x04", b"\0"])
def test_what_is_overwritten_is_skipped(tmp_path: Path, fill: bytes) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    chunk = records(path.read_bytes())[0]
    at = chunk[10][0]
    damage(path, at, fill * (chunk[13][0] - at))
    messages, problems, rows = read(tmp_path)
    assert messages == [*whole[:10], *whole[13:]]
    assert rows == 2 * LINES - 3
    assert problems == {"damaged-chunk": 1, "skipped-bytes": chunk[13][0] - at}


def test_the_last_record_of_a_chunk_may_be_the_damaged_one(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    chunk = records(path.read_bytes())[0]
    at, size = chunk[-1]
    damage(path, at, b"\xee" * HEAD)
    messages, problems, _ = read(tmp_path)
    assert messages == [*whole[: len(chunk) - 1], *whole[len(chunk) :]]
    assert problems == {"damaged-chunk": 1, "skipped-bytes": size}


def test_zeros_up_to_the_end_of_a_chunk_are_a_loss(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    chunk = records(path.read_bytes())[0]
    begin, end = chunk[-5][0], sum(chunk[-1])
    damage(path, begin, bytes(end - begin))
    messages, problems, rows = read(tmp_path)
    assert messages == [*whole[: len(chunk) - 5], *whole[len(chunk) :]]
    assert rows == 2 * LINES - 5
    assert problems == {"damaged-chunk": 1, "skipped-bytes": end - begin}


def test_zeros_where_a_chunk_of_a_set_should_be_are_told(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    one, other = records(path.read_bytes())[:2]
    damage(path, other[0][0] - PREAMBLE, bytes(16))
    messages, problems, _ = read(tmp_path)
    assert messages == [*whole[: len(one)], *whole[len(one) + len(other) :]]
    assert problems == {"unknown-inner-chunk": 1}


def test_a_type_that_was_changed_is_an_unknown_one(tmp_path: Path) -> None:
    path = archive(tmp_path)
    whole, _, _ = read(tmp_path)
    chunk = records(path.read_bytes())[0]
    damage(path, chunk[5][0], b"\0")
    damage(path, chunk[7][0], b"\x54")
    damage(path, chunk[9][0], bytes(8))  # never finished by its process
    messages, problems, _ = read(tmp_path)
    assert messages == [line for number, line in enumerate(whole) if number not in {5, 7, 9}]
    assert problems == {"unknown-record": 2}


def broken(path: Path) -> None:
    """Damage three chunks."""
    for chunk in records(path.read_bytes())[:3]:
        damage(path, chunk[4][0], b"\x77" * 40)
        damage(path, chunk[-3][0] + 22, b"\xff\xff")


def test_a_selection_meets_the_same_damage(tmp_path: Path) -> None:
    broken(archive(tmp_path))
    everything, problems, rows = read(tmp_path)
    assert problems["damaged-chunk"] == 3
    other, _, met = read(tmp_path, Selection((Clause(processes=frozenset({"otherd"})),)))
    assert other == [message for message in everything if message.startswith("other")]
    assert met == rows


def test_shares_count_damage_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 1 << 11)
    broken(archive(tmp_path))
    alone = opened(tmp_path)
    refs = [ref for batch in alone.in_order() for ref in batch.column("ref").to_pylist()]
    parts = [opened(tmp_path) for _ in range(2)]
    shares = [source.share_in_order(number, 2) for number, source in enumerate(parts)]
    assert [ref for batch in by_turns(shares) for ref in batch.column("ref").to_pylist()] == refs
    told = {one.kind: one.count for one in alone.problems}
    assert told["damaged-chunk"] == 3
    assert told["skipped-bytes"] > 0
    for kind, count in told.items():
        assert kind in source_module.COUNTED_BY_SHARE
        assert sum(one.count for source in parts for one in source.problems if one.kind == kind) == count


@pytest.mark.real
@pytest.mark.parametrize("name", ["macos12", "ios15-nostrings"])
def test_sound_chunks_looked_at_as_damaged_ones_are_the_same(
    tmp_path: Path, real: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(real / "logarchive" / f"{name}.logarchive.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    (root,) = tmp_path.glob("*.logarchive")
    stepped = read(root)
    monkeypatch.setattr(lockstep._Limits, "odd", lambda *found: np.arange(int(found[2].max(initial=-1)) + 1))
    assert read(root) == stepped


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=80)), min_size=1, max_size=4), st.booleans())
def test_damage_costs_no_more_than_its_surroundings(changes: list[tuple[float, bytes]], small: bool) -> None:  # noqa: FBT001
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(resync, "_TOGETHER", 64 if small else 1 << 16)
        root = Path(scratch)
        path = archive(root)
        chunks = records(path.read_bytes())
        places = [record for chunk in chunks for record in chunk]
        whole, _, _ = read(root)
        hit = set()
        for where, junk in changes:
            # From within a record on, up to the end of its chunk at most.
            chunk = chunks[int(where * (len(chunks) - 1))]
            start = chunk[int(where * 1e6) % len(chunk)][0]
            end = min(start + len(junk), sum(chunk[-1]))
            damage(path, start, junk[: end - start])
            hit |= {n for n, (at, size) in enumerate(places) if at < end and start < at + size}
        # One record that stands alone between damaged ones leads on to nothing: it need not be found.
        near = {n for n in range(len(places)) if {n - 1, n + 1} & hit} | hit
        messages, _, _ = read(root)
        kept = np.isin([message for n, message in enumerate(whole) if n not in near], messages)
        assert kept.all()
        order = [whole.index(message) for message in messages if message in whole]
        assert sorted(set(order)) == sorted(order)
