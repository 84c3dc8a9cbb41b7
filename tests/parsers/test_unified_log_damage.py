"""Hostile and damaged tracev3 files, made from a small synthetic archive: rows or problems, never an exception."""

import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from generator.archive import Archive
from generator.images import Placement, stable_uuid
from generator.packing import Packing
from generator.timesync import Clock
from generator.values import Static
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers import schema
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log.chunksets import GUARD, unpack, walk_set
from traceview_parsers.unified_log.items import NO_SLOT, Places, walk_items
from traceview_parsers.unified_log.tracev3 import CATALOG, CHUNK_SET, walk_chunks

START = 1_768_469_400_000_000_000
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def read(path: Path, selection: Selection | None = None) -> tuple[list[dict[str, Any]], list[Problem]]:
    problems = Problems()
    context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    head = path.read_bytes()[:4096] if path.is_file() else b""
    source = READER.open(Candidate(path.name, path, head, path.is_dir()), context)
    batches = list(source.batches("log", selection or Selection()))
    source.coverage()
    table = pa.Table.from_batches(batches, schema.SCHEMAS["log"])
    table.validate(full=True)
    at = table.schema.get_field_index("time")
    rows = table.set_column(at, "time", table["time"].cast(pa.int64())).to_pylist()
    return rows, list(problems)


@cache
def sample() -> tuple[tuple[str, bytes], ...]:
    """The files of an archive with every kind of record."""
    archive = Archive(Clock(stable_uuid("damage boot"), START))
    app = archive.process("/private/var/containers/Bundle/Application/X/Acme.app/Acme", 812)
    kernel = archive.process("/kernel", 0, uid=0)
    kext = archive.library("/System/Library/Extensions/Audio.kext/Audio", Placement.ABSOLUTE)
    cache_library = archive.library("/usr/lib/libxpc.dylib", Placement.LARGE_SHARED_CACHE)
    now = START
    for number in range(40):
        now += 1_000_000
        archive.log(
            app,
            now,
            "call %{public}@ state %d of %s",
            (f"id-{number}", number, Static("ten")),
            subsystem="s",
            category="c",
        )
        archive.log(kernel, now, "kext %s at %#llx", ("private", number << 40), library=kext, level="error")
        archive.log(app, now, "%{public}s", ("x" * 300,), library=cache_library, oversize=number % 8 == 0)
        archive.signpost(app, now, "render", "frame %{public}d", (number,), stream="persist")
    archive.activity(app, now, "placing call", 77, current=5, parent=6)
    archive.trace(kernel, now, "trace %d", ((42, 4),))
    archive.loss(kernel, now, START, now, 63)
    archive.statedump(app, now, "state", b"\x08\x01", kind=2, stream="persist")
    archive.simpledump(kernel, now, "simple text", subsystem="com.apple.x")
    with tempfile.TemporaryDirectory() as scratch:
        archive.write(Path(scratch))
        found = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
        return tuple((path.relative_to(scratch).as_posix(), path.read_bytes()) for path in found)


def write(folder: Path, changes: dict[str, bytes] | None = None) -> Path:
    root = folder / "system_logs.logarchive"
    for name, data in (dict(sample()) | (changes or {})).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


TRACE = "Persist/0000000000000001.tracev3"


def inflated() -> bytes:
    """The tracev3 file with its chunk sets stored uncompressed, so that changes hit records, not LZ4."""
    data = dict(sample())[TRACE]
    parts = []
    for chunk in walk_chunks(data, lambda *_: None):
        body = data[chunk.start : chunk.end]
        if chunk.tag == CHUNK_SET:
            content = unpack(memoryview(body)).data
            body = b"bv4-" + struct.pack("<I", len(content)) + content + b"bv4$"
        parts.append(struct.pack("<IIQ", chunk.tag, 0x11, len(body)) + body + bytes(-len(body) % 8))
    return b"".join(parts)


def test_the_sample_is_whole(tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path))
    assert problems == []
    assert len(rows) == 165
    assert sorted({row["event"] for row in rows}) == ["activity", "log", "loss", "signpost", "state", "trace"]
    by_event = {row["event"]: row for row in rows}
    assert by_event["trace"]["message"] == "trace 42"
    activity = by_event["activity"]
    assert (activity["activity_id"], activity["creator_activity_id"], activity["parent_activity_id"]) == (77, 5, 6)
    assert by_event["loss"]["loss_count"] == 63
    assert by_event["signpost"]["signpost_name"] == "render"
    assert {row["message"] for row in rows if row["message"].startswith("xxx")} == {"x" * 300}
    stored, problems = read(write(tmp_path, {TRACE: inflated()}))
    assert (stored, problems) == (rows, [])


@QUIET
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8), st.floats(0, 1), st.booleans()
)
def test_changed_bytes_never_raise(changes: list[tuple[float, int]], cut: float, deep: bool) -> None:  # noqa: FBT001
    data = bytearray(inflated() if deep else dict(sample())[TRACE])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    del data[int((0.5 + cut) * len(data)) :]
    with tempfile.TemporaryDirectory() as scratch:
        root = write(Path(scratch), {TRACE: bytes(data)})
        read(root)
        read(root, Selection((Clause(processes=frozenset({"kernel"}), words=frozenset({"kext"})),)))
        loose = Path(scratch) / "loose.tracev3"
        loose.write_bytes(bytes(data))
        read(loose)


@QUIET
@given(st.sampled_from([name for name, _ in sample() if name != TRACE]), st.floats(0, 1), st.binary(max_size=8))
def test_damaged_strings_and_clocks_never_raise(name: str, place: float, junk: bytes) -> None:
    data = dict(sample())[name]
    at = int(place * len(data))
    with tempfile.TemporaryDirectory() as scratch:
        changed = data[:at] + junk + (data[at + len(junk) :] if len(junk) % 2 else b"")
        assert len(read(write(Path(scratch), {name: changed}))[0]) == 165


def test_what_surrounds_a_damaged_chunk_set_is_kept(tmp_path: Path) -> None:
    data = dict(sample())[TRACE]
    sets = [chunk for chunk in walk_chunks(data, lambda *_: None) if chunk.tag == CHUNK_SET]
    broken = bytearray(data)
    broken[sets[0].start : sets[0].start + 4] = b"what"
    rows, problems = read(write(tmp_path, {TRACE: bytes(broken)}))
    assert [problem.kind for problem in problems][:1] == ["damaged-chunk-set"]
    assert len(rows) < 165
    wrong_size = bytearray(data)
    struct.pack_into("<Q", wrong_size, sets[0].start - 8, 1 << 40)
    rows, problems = read(write(tmp_path, {TRACE: bytes(wrong_size)}))
    assert [problem.kind for problem in problems] == ["truncated"]
    assert len(rows) == 165


def test_missing_files_cost_no_record(tmp_path: Path) -> None:
    root = write(tmp_path)
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".tracev3":
            path.unlink()
    rows, problems = read(root)
    assert len(rows) == 165
    assert "missing-strings" in {problem.kind for problem in problems}
    assert all(row["message"] is not None and row["time"] for row in rows)
    assert any("id-7" in row["message"] for row in rows)


def test_apple_double_files_and_empty_files_are_no_logs(tmp_path: Path) -> None:
    root = write(tmp_path)
    (root / "Persist" / "._0000000000000001.tracev3").write_bytes(b"\0\5\x16\7 AppleDouble")
    (root / "Special").mkdir(exist_ok=True)
    (root / "Special" / "0000000000000009.tracev3").write_bytes(b"")
    rows, problems = read(root)
    assert (len(rows), [problem.kind for problem in problems]) == (165, ["empty-file"])


def test_a_loose_file_finds_its_strings_above_it(tmp_path: Path) -> None:
    root = write(tmp_path)
    rows, problems = read(root / TRACE)
    whole, _ = read(root)
    assert problems == []
    assert rows == whole


def test_on_device_layout(tmp_path: Path) -> None:
    root = write(tmp_path)
    whole, _ = read(root)
    device = tmp_path / "db"
    for path in sorted(root.rglob("*")):
        if path.is_file():
            inside = path.relative_to(root)
            kind = "diagnostics" if inside.parts[0] in {"Persist", "timesync"} else "uuidtext"
            (device / kind / inside).parent.mkdir(parents=True, exist_ok=True)
            path.rename(device / kind / inside)
    rows, problems = read(device)
    assert problems == []
    assert rows == whole


def test_zeros_behind_the_last_chunk_are_room_and_elsewhere_a_loss() -> None:
    def walk(data: bytes) -> tuple[int, list[tuple[str, int | None]]]:
        told: list[tuple[str, int | None]] = []
        found = sum(1 for _ in walk_chunks(data, lambda kind, _, at=None: told.append((kind, at))))
        return found, told

    data = dict(sample())[TRACE]
    second = next(chunk for chunk in walk_chunks(data, lambda *_: None)).end
    whole = walk(data)[0]
    assert walk(data + bytes(4096)) == (whole, [])
    assert walk(bytes(4096)) == (0, [("zeros", 0)])
    assert walk(bytes(second) + data[second:]) == (whole - 1, [("zeros", 0)])
    assert walk(data[:second] + bytes(512) + data[second:]) == (whole, [("zeros", second)])


@pytest.mark.parametrize("shift", [2, 4])
def test_chunks_without_padding_are_found(tmp_path: Path, shift: int) -> None:
    """Firehose chunks are at times not padded (libyal dtformats)."""
    data = inflated()
    parts = []
    for chunk in walk_chunks(data, lambda *_: None):
        body = data[chunk.start : chunk.end]
        if chunk.tag == CHUNK_SET:
            content = body[8:-4]
            tight = b""
            at = 0
            while at + 16 <= len(content):
                tag, sub, size = struct.unpack_from("<IIQ", content, at)
                inner = content[at + 16 : at + 16 + size] + bytes(shift if tag == 0x6001 and size % 8 == 0 else 0)
                tight += struct.pack("<IIQ", tag, sub, len(inner)) + inner
                at += 16 + (size + 7 & ~7)
            body = b"bv4-" + struct.pack("<I", len(tight)) + tight + b"bv4$"
        parts.append(struct.pack("<IIQ", chunk.tag, 0x11, len(body)) + body + bytes(-len(body) % 8))
    rows, problems = read(write(tmp_path, {TRACE: b"".join(parts)}))
    assert problems == []
    assert len(rows) == 165


@QUIET
@given(st.integers(0, 400), st.sampled_from([b"\xff\xff\xff\x7f", b"\xff\xff", b"\0\0\0\0", b"\x80"]))
def test_catalogs_that_lie_about_counts_never_raise(place: int, junk: bytes) -> None:
    data = bytearray(dict(sample())[TRACE])
    catalog = next(chunk for chunk in walk_chunks(bytes(data), lambda *_: None) if chunk.tag == CATALOG)
    at = catalog.start + place % (catalog.end - catalog.start - len(junk))
    data[at : at + len(junk)] = junk
    with tempfile.TemporaryDirectory() as scratch:
        read(write(Path(scratch), {TRACE: bytes(data)}))


def test_searching_behind_damage_takes_linear_time() -> None:
    junk = struct.pack("<IIQ", 0x6002, 0, 0) + b"junk" * 4
    chunks = walk_set(junk * 20_000)
    assert sum(tag == 0x6002 for tag, _, _ in chunks) == 20_000
    outer = struct.pack("<IIQ", CATALOG, 0x11, 0) + b"junk" * 4
    assert sum(1 for _ in walk_chunks(outer * 20_000, lambda *_: None)) == 20_000


def test_files_that_cannot_be_read_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path)
    real_open = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.suffix == ".tracev3" or len(path.name) == 30:
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)

    problems = Problems()
    context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    monkeypatch.setattr(Path, "open", refuse)
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    assert list(source.batches("log")) == []
    assert [(problem.kind, problem.count) for problem in problems] == [("unreadable-file", 1)]


@cache
def whole() -> tuple[dict[str, Any], ...]:
    with tempfile.TemporaryDirectory() as scratch:
        return tuple(read(write(Path(scratch)))[0])


@QUIET
@given(st.data())
def test_any_part_of_a_message_finds_its_rows(data: st.DataObject) -> None:
    """Words may lie in a literal, in a value, or across both: a selection must not lose them."""
    words = set()
    for _ in range(data.draw(st.integers(1, 3))):
        message = data.draw(st.sampled_from(whole()))["message"][:60]
        start = data.draw(st.integers(0, max(len(message) - 1, 0)))
        words.add(message[start : start + data.draw(st.integers(1, 12))] or "call")
    levels = data.draw(st.sampled_from([None, frozenset({"default"}), frozenset({"error", "fault"})]))
    wanted = [
        row["ref"]
        for row in whole()
        if any(word in row["message"] for word in words) and (levels is None or row["level"] in levels)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = read(write(Path(scratch)), Selection((Clause(words=frozenset(words), levels=levels),)))
    assert sorted(row["ref"] for row in found) == sorted(wanted)


def test_a_private_value_comes_from_the_private_data_of_its_chunk(tmp_path: Path) -> None:
    archive = Archive(Clock(stable_uuid("private boot"), START))
    other, app = archive.process("/usr/libexec/otherd", 50), archive.process("/Applications/Acme.app/Acme", 51)
    archive.log(other, START, "%{public}s", ("what another process logged" * 9,))
    archive.log(app, START + 1_000_000, "name %s", ("x" * 150,), keep_private=True)
    (file,) = archive.write(tmp_path, packing=Packing(stored=(True,)))
    stated = struct.pack("<HH", 4096 - 151, 151)
    assert read(tmp_path)[0][1]["message"] == "name " + "x" * 150
    data = file.read_bytes()
    assert data.count(stated) == 1
    for offset in (4096 - 152, 4096 - 300, 4096 - 500, 0, 4096, 65535):
        file.write_bytes(data.replace(stated, struct.pack("<HH", offset, 151)))
        assert read(tmp_path)[0][1]["message"] == "name (null)"


@pytest.mark.parametrize("size", range(9))
def test_numbers_have_no_more_bits_than_their_bytes(size: int) -> None:
    raw = bytes((1, 0, size)) + bytes(range(0xF0, 0xF0 + size))
    data = np.frombuffer(raw + b"\xff" * 16 + bytes(GUARD), np.uint8)
    places = Places(*(np.array([at]) for at in (0, len(raw), len(raw), len(raw))))
    items = walk_items(data, places)
    assert items.numbers(data, np.array([0])).tolist() == [int.from_bytes(raw[3:], "little")]


@pytest.mark.parametrize("behind", [b"\0", b"\xff"])
def test_a_list_of_items_that_claims_more_than_there_is_ends_within_the_guard(behind: bytes) -> None:
    raw = b"\xff\0\xff"
    data = np.frombuffer(raw + behind * GUARD, np.uint8)
    places = Places(*(np.array([at]) for at in (0, len(raw), len(raw), len(raw))))
    items = walk_items(data, places)
    assert items.broken.tolist() == [0]
    assert (items.slot == NO_SLOT).all()
    assert items.at.size == 255


def test_a_head_whose_time_cannot_be_is_no_witness(tmp_path: Path) -> None:
    made = Archive(Clock(stable_uuid("head"), START))
    made.log(made.process("/usr/libexec/oned", 5), START, "line")
    made.write(tmp_path)
    file = next((tmp_path / "Persist").iterdir())
    data = bytearray(file.read_bytes())
    # The preamble, numerator and denominator, the continuous time and the seconds since 1970 (libyal dtformats).
    struct.pack_into("<qq", data, 16 + 8, -5, 2**62)
    again = data.index(struct.pack("<II", 0x6100, 8))  # the sub-chunk that tells the continuous time, too
    data[again] = 0xFF
    file.write_bytes(data)
    for part in (tmp_path / "timesync").iterdir():
        part.unlink()
    rows, problems = read(tmp_path)
    assert [row["message"] for row in rows] == ["line"]
    assert {problem.kind for problem in problems} == {"no-timesync"}
