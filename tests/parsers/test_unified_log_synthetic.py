"""What no public archive shows, in synthetic archives: several boots, oversize data elsewhere, LZBITMAP, personas …"""

import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from generator.archive import Archive, Process
from generator.images import Images, Placement, stable_uuid
from generator.packing import Packing
from generator.records import Record, backtrace
from generator.timesync import Clock, timesync
from generator.values import COUNT, PUBLIC, SCALAR, Item, items

from traceview_parsers import schema
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log.chunksets import unpack
from traceview_parsers.unified_log.tracev3 import CHUNK_SET, walk_chunks

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000


def open_folder(root: Path) -> tuple[Source, Problems]:
    problems = Problems()
    context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    return READER.open(Candidate(root.name, root, is_dir=True), context), problems


def rows_of(source: Source, selection: Selection | None = None) -> list[dict[str, Any]]:
    batches = list(source.batches("log", selection or Selection()))
    if not batches:
        return []
    table = pa.Table.from_batches(batches)
    at = table.schema.get_field_index("time")
    rows: list[dict[str, Any]] = table.set_column(at, "time", table["time"].cast(pa.int64())).to_pylist()
    return rows


def simple(name: str = "boot", start: int = START) -> tuple[Archive, Process]:
    archive = Archive(Clock(stable_uuid(name), start))
    return archive, archive.process("/Applications/Acme.app/Acme", 812)


def rewrite_sets(path: Path, change: Any) -> None:
    """Replace the bytes of every chunk set by what `change` makes of its decompressed content."""
    data = path.read_bytes()
    parts = []
    for chunk in walk_chunks(data, lambda *_: None):
        body = data[chunk.start : chunk.end]
        if chunk.tag == CHUNK_SET:
            body = change(unpack(memoryview(body)).data)
        parts.append(struct.pack("<IIQ", chunk.tag, 0x11, len(body)) + body + bytes(-len(body) % 8))
    path.write_bytes(b"".join(parts))


def stored(content: bytes) -> bytes:
    return b"bv4-" + struct.pack("<I", len(content)) + content + b"bv4$"


def test_two_boots_have_their_own_clocks_and_processes(tmp_path: Path) -> None:
    images = Images()
    for number, (name, start) in enumerate((("first", START), ("second", START + 3_600 * SECOND))):
        archive = Archive(Clock(stable_uuid(name), start), images=images)
        process = archive.process(f"/usr/libexec/daemon{number}", 50)
        archive.log(process, start + SECOND, "boot %d", (number,), subsystem=f"s{number}", category="c")
        archive.write(tmp_path, first_file=10 * number + 1)
    source, problems = open_folder(tmp_path)
    rows = rows_of(source)
    assert [(row["time"], row["process"], row["message"], row["subsystem"]) for row in rows] == [
        (START + SECOND, "daemon0", "boot 0", "s0"),
        (START + 3_601 * SECOND, "daemon1", "boot 1", "s1"),
    ]
    assert len({row["boot_uuid"] for row in rows}) == 2
    assert source.coverage().notes == ("2 boots",)
    assert list(problems) == []


def test_a_clock_change_counts_from_its_moment_on(tmp_path: Path) -> None:
    archive, process = simple()
    for second in range(1, 5):
        archive.log(process, START + second * SECOND, "tick %d", (second,))
    archive.write(tmp_path)
    (file,) = (tmp_path / "timesync").iterdir()
    data = timesync([archive.clock])
    change = archive.clock.ticks(START + 3 * SECOND)
    record = struct.pack("<HHIQqiI", 0x7354, 32, 0, change, START + 1_003 * SECOND, 0, 0)
    file.write_bytes(data)
    # logd goes on in a new file, whose boot record gives another wall time.
    late = bytearray(data[:48])
    struct.pack_into("<q", late, 32, START + 77 * SECOND)
    (file.parent / "00000000000000ff.timesync").write_bytes(bytes(late) + record)
    rows = rows_of(open_folder(tmp_path)[0])
    assert [row["time"] - START for row in rows] == [1 * SECOND, 2 * SECOND, 1_003 * SECOND, 1_004 * SECOND]
    window = Selection((), START + 1_000 * SECOND, START + 1_004 * SECOND)
    assert [row["message"] for row in rows_of(open_folder(tmp_path)[0], window)] == ["tick 3"]


def test_oversize_data_in_a_later_set_and_in_a_skipped_one(tmp_path: Path) -> None:
    archive, process = simple()
    other = archive.process("/usr/libexec/other", 5)
    for number in range(30):
        archive.log(other, START + number * SECOND, "noise %{public}s", ("n" * 200,))
        archive.log(
            process, START + number * SECOND, "big %{public}s", (f"{number}:" + "x" * 2_000,), oversize=number % 3 == 0
        )
    archive.write(tmp_path, packing=Packing(set_bytes=4_400, sets_per_catalog=3))
    source, problems = open_folder(tmp_path)
    whole = rows_of(source)
    assert sorted(row["message"] for row in whole if row["process"] == "Acme") == sorted(
        f"big {number}:" + "x" * 2_000 for number in range(30)
    )
    wanted = Selection((Clause(words=frozenset({"27:x"})),))
    assert [row["ref"] for row in rows_of(source, wanted)] == [row["ref"] for row in whole if "27:x" in row["message"]]
    file = next((tmp_path / "Persist").iterdir())

    def reverse(content: bytes) -> bytes:
        """Put the chunks of a set in reverse order: oversize data then come behind the records that need them."""
        chunks = []
        at = 0
        while at < len(content):
            size = 16 + (int.from_bytes(content[at + 8 : at + 16], "little") + 7 & ~7)
            chunks.append(content[at : at + size])
            at += size
        return stored(b"".join(reversed(chunks)))

    rewrite_sets(file, reverse)
    assert sorted(row["message"] for row in rows_of(open_folder(tmp_path)[0])) == sorted(
        row["message"] for row in whole
    )
    assert list(problems) == []


def test_oversize_data_that_are_gone(tmp_path: Path) -> None:
    archive, process = simple()
    archive.log(process, START + SECOND, "big %{public}s and %d", ("x", 1), oversize=True)
    archive.log(process, START + SECOND, "small %d", (2,))
    archive.write(tmp_path)
    file = next((tmp_path / "Persist").iterdir())
    rewrite_sets(
        file, lambda content: stored(content.replace(struct.pack("<IIQ", 0x6002, 0, 0)[:8], b"\x05\x60\0\0\0\0\0\0"))
    )
    source, problems = open_folder(tmp_path)
    rows = rows_of(source)
    assert {row["message"] for row in rows} == {"big <decode: missing data> and <decode: missing data>", "small 2"}
    assert {problem.kind for problem in problems} >= {"missing-oversize", "unknown-inner-chunk"}
    assert "1 large records without their arguments" in source.coverage().notes


def test_every_folder_is_read(tmp_path: Path) -> None:
    archive, process = simple()
    for stream in ("persist", "special", "signpost", "highvolume", "live"):
        archive.log(process, START + SECOND, f"in {stream}", stream=stream)
    archive.write(tmp_path)
    source, problems = open_folder(tmp_path)
    rows = rows_of(source)
    assert {row["message"] for row in rows} == {
        f"in {name}" for name in ("persist", "special", "signpost", "highvolume", "live")
    }
    assert len({row["ref"] for row in rows}) == 5
    assert list(problems) == []


def test_lzbitmap_sets(tmp_path: Path) -> None:
    """iOS 27 compresses persisted sets with LZBITMAP; a stream of stored chunks is a valid one."""
    archive, process = simple()
    for number in range(200):
        archive.log(process, START + number * SECOND, "row %d", (number,))
    archive.write(tmp_path)
    whole = rows_of(open_folder(tmp_path)[0])

    def packed(content: bytes) -> bytes:
        chunks = b""
        for at in range(0, len(content), 0x4000):
            part = content[at : at + 0x4000]
            chunks += (len(part) + 6).to_bytes(3, "little") + len(part).to_bytes(3, "little") + part
        return b"ZBM\x0c" + chunks + (6).to_bytes(3, "little") + (0).to_bytes(3, "little")

    rewrite_sets(next((tmp_path / "Persist").iterdir()), packed)
    source, problems = open_folder(tmp_path)
    assert rows_of(source) == whole
    assert list(problems) == []


@pytest.mark.parametrize("inline", [True, False])
def test_personas_are_skipped_where_they_are(tmp_path: Path, inline: bool) -> None:  # noqa: FBT001
    archive, process = simple()
    records: list[Record] = [
        archive.log(
            process, START + SECOND, "persona %d of %{public}s", (7, "user"), subsystem="s", category="c", ttl=3
        ),
        archive.log(process, START + SECOND, "no arguments", subsystem="s", category="c"),
        archive.signpost(process, START + SECOND, "name", "frame %d", (1,), stream="persist"),
    ]
    for record, items_size in zip(records, (2 + 6 + 6 + 5, 2, 2 + 6), strict=True):
        record.flags |= 0x0040
        if inline:
            at = len(record.body) - items_size
            record.body = record.body[:at] + b"\xff\xff\xff\xff" + record.body[at:]
    archive.write(tmp_path)
    source, problems = open_folder(tmp_path)
    rows = rows_of(source)
    assert [row["message"] for row in rows] == ["persona 7 of user", "no arguments", "frame 1"]
    assert [row["ttl"] for row in rows] == [3, 0, 0]
    assert list(problems) == []


def test_arguments_are_typed(tmp_path: Path) -> None:
    archive, process = simple()
    archive.log(
        process,
        START + SECOND,
        "%d %u %f %{public}s %s %{private}d %{bool}d",
        (-5, 2**32 - 1, 2.5, "text", "secret", 9, 1),
    )
    archive.log(process, START + SECOND, "none")
    archive.log(process, START + SECOND, "bits of a signalling NaN: %d", (-5_000_000,))
    archive.loss(process, START + SECOND, START, START + SECOND, 3)
    archive.write(tmp_path)
    source, _ = open_folder(tmp_path)
    batches = list(source.batches("log", Selection(arguments=True)))
    assert all(batch.schema == schema.SCHEMAS["log"].append(schema.ARGUMENTS_FIELD) for batch in batches)
    rows = {
        row["message"]: row["arguments"]
        for batch in batches
        for row in batch.select(["message", "arguments"]).to_pylist()
    }
    first = rows["-5 4294967295 2.500000 text <private> <private> true"]
    assert [value["integer"] for value in first] == [-5, 4_294_967_295, None, None, None, None, 1]
    assert [value["real"] for value in first] == [None, None, 2.5, None, None, None, None]
    assert [value["text"] for value in first] == [None, None, None, "text", None, None, "true"]
    assert [value["privacy"] for value in first] == [None, None, None, None, "private", "private", None]
    assert rows["none"] == []
    assert rows["bits of a signalling NaN: -5000000"][0]["integer"] == -5_000_000
    assert rows[next(message for message in rows if message.startswith("lost"))] is None


@pytest.mark.parametrize("size", [0, 8, 23, 24])
def test_a_loss_that_is_cut_takes_nothing_from_what_follows(tmp_path: Path, size: int) -> None:
    archive, process = simple()
    loss = archive.loss(process, START + 1, START, START + 1, 5)
    loss.body = loss.body[:size]
    archive.log(process, START + 2, "behind %d", (7,))
    archive.log(archive.process("/bin/other", 9), START + 3, "other")
    archive.write(tmp_path)
    whole = size == 24
    for selection in (Selection(), Selection((Clause(processes=frozenset({"other"})),))):
        source, _ = open_folder(tmp_path)
        rows = rows_of(source, selection)
        assert max(row["message"] for row in rows if row["event"] == "log") == "other"
        assert [row["loss_count"] for row in rows if row["event"] == "loss"] == [5] * (whole and selection.everything)
        assert source.coverage().lost == (5 if whole else 0)
    source, problems = open_folder(tmp_path)
    rows_of(source)
    told = [("damaged-record", 1)] if size else [("damaged-chunk", 1), ("skipped-bytes", 24)]
    assert [(one.kind, one.count) for one in problems] == ([] if whole else told)


@pytest.mark.parametrize("first", range(4))
def test_a_record_without_its_format_shows_its_own_values(tmp_path: Path, first: int) -> None:
    """Whichever record of a call site comes first: damage may make them differ."""
    lists = ["%{public}s", "%{public}s %d", "", "%*d %{public}.*s"]
    values: list[tuple[Any, ...]] = [("one",), ("two", 7), (), (4, 8, 2, "xyz")]
    shown = [" one", " two 7", "", " 4 8 xyz"]  # only a format tells that a number is a width
    archive, process = simple()
    for step in range(4):
        at = (first + step) % 4
        archive.log(process, START + step + 1, "gone %s", items=items(lists[at], values[at]))
    archive.write(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name not in {"Persist", "timesync"}:
            path.unlink()
    source, _ = open_folder(tmp_path)
    failure = "<compose failure [UUID]>"
    wanted = [failure + shown[(first + step) % 4] for step in range(4)]
    assert [row["message"] for row in rows_of(source)] == wanted
    for word in ("two", "one", "]> 4 8", "]> ", "]>", "nothing"):
        found = [row["message"] for row in rows_of(source, Selection((Clause(words=frozenset({word})),)))]
        assert found == [text for text in wanted if word in text], word


@pytest.mark.parametrize("arguments", [False, True])
def test_values_that_no_format_has_a_place_for(tmp_path: Path, arguments: bool) -> None:  # noqa: FBT001
    archive, process = simple()
    archive.log(process, START + 1, "hello", items=items("%d %.*s", (7, 2, "xyz")))
    archive.write(tmp_path)
    source, problems = open_folder(tmp_path)
    (row,) = rows_of(source, Selection(arguments=arguments))
    assert row["message"] == "hello"
    assert row.get("arguments", []) == []
    assert list(problems) == []


def test_stars_backtraces_and_dynamic_formats(tmp_path: Path) -> None:
    archive, process = simple()
    library = archive.library("/usr/lib/libdynamic.dylib", Placement.UUID_RELATIVE)
    frames = backtrace([(stable_uuid("image"), 16), (stable_uuid("image"), 32)])
    archive.log(process, START + SECOND, "%{public}s after a backtrace", ("text",), backtrace=frames)
    archive.log(process, START + SECOND, "%s", ("was dynamic",), dynamic=True, library=library, keep_private=True)
    width = Item(SCALAR, (6).to_bytes(4, "little"), ranged=False)
    value = Item(SCALAR | PUBLIC, (42).to_bytes(4, "little"), ranged=False)
    precision = Item(COUNT, (3).to_bytes(4, "little"), ranged=False)
    archive.log(process, START + SECOND, "[%*d]", items=[width, value])
    archive.log(process, START + SECOND, "[%*.*d]", items=[width, precision, value])
    archive.write(tmp_path)
    source, problems = open_folder(tmp_path)
    rows = rows_of(source)
    assert [row["message"] for row in rows] == ["text after a backtrace", "was dynamic", "[    42]", "[   042]"]
    assert rows[1]["sender"] == "libdynamic.dylib"
    assert list(problems) == []


def test_nothing_but_names_of_folders_does_not_make_an_archive(tmp_path: Path) -> None:
    (tmp_path / "Persist").mkdir()
    (tmp_path / "sub.logarchive" / "Persist").mkdir(parents=True)
    (tmp_path / "sub.logarchive" / "Persist" / "1.tracev3").write_bytes(b"")
    assert READER.claims(Candidate("x", tmp_path, is_dir=True)) == 0
    assert READER.claims(Candidate("x/sub.logarchive", tmp_path / "sub.logarchive", is_dir=True)) == 100
    assert READER.claims(Candidate("a/._1.tracev3", None, b"\0\5\x16\7")) == 0
    assert READER.claims(Candidate("a/1.tracev3", None, b"\0\x10\0\0\x11\0\0\0")) == 100
    assert READER.claims(Candidate("a/readme.txt", None, b"hello")) == 0


def test_signposts_are_paired(tmp_path: Path) -> None:
    archive, process = simple()
    other = archive.process("/usr/libexec/other", 5)

    def mark(who: Process, second: int, kind: str, number: int = 1, name: str = "render", **rest: Any) -> None:
        archive.signpost(
            who, START + second * SECOND, name, "frame %d", (second,), kind=kind, signpost_id=number, **rest
        )

    mark(process, 1, "begin")
    mark(other, 2, "begin")
    mark(process, 3, "begin", number=2)
    mark(process, 4, "end")
    mark(process, 5, "event")
    mark(other, 6, "end", name="other name")
    mark(process, 7, "end", number=2)
    mark(process, 8, "begin", scope="thread", tid=1)
    mark(process, 9, "end", scope="thread", tid=2)
    mark(process, 10, "begin", name="across", scope="system")
    mark(other, 12, "end", name="across", scope="system")
    archive.write(tmp_path)
    source, problems = open_folder(tmp_path)
    batches = list(source.batches("signposts"))
    assert {batch.schema for batch in batches} == {schema.SCHEMAS["signposts"]}
    rows = pa.Table.from_batches(batches).sort_by("time").drop_columns(["time", "end"]).to_pylist()
    assert [(row["type"], row["name"], row["process"], row["duration_ns"]) for row in rows] == [
        ("interval", "render", "Acme", 3 * SECOND),
        ("begin", "render", "other", None),
        ("interval", "render", "Acme", 4 * SECOND),
        ("event", "render", "Acme", None),
        ("end", "other name", "other", None),
        ("begin", "render", "Acme", None),
        ("end", "render", "Acme", None),
        ("interval", "across", "Acme", 2 * SECOND),
    ]
    assert rows[0]["message"] == "frame 1\nframe 4"
    assert list(problems) == []
