"""The encoder of the sample captures, checked by a small walker of its own: sizes, paddings and offsets must add up."""

import base64
import plistlib
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import lz4.block
import pytest
from generator import dsc, records, render, uuidtext, values
from generator.archive import Archive, new_archive
from generator.images import Placement, stable_uuid
from generator.packing import Packing
from generator.tracev3 import CATALOG, CHUNK_SET, FIREHOSE, HEADER, OVERSIZE, SIMPLEDUMP, STATEDUMP

START = 1_768_469_400_000_000_000
VARIED = Packing(set_bytes=9000, sets_per_catalog=2, block_bytes=1500, stored=(False, True), collapsed=False)


def _everything() -> Archive:
    archive = new_archive("test boot", START)
    app = archive.process("/private/var/AcmeVoIP.app/AcmeVoIP", 812)
    daemon = archive.process("/usr/libexec/runningboardd", 33, uid=0)
    far = archive.process("/usr/libexec/far", 77, strings_at=0x8000_1000)
    libraries = [
        archive.library("/System/Library/CallKit", Placement.SHARED_CACHE),
        archive.library("/System/Library/Large", Placement.LARGE_SHARED_CACHE),
        archive.library("/private/var/AcmeVoIP.app/Frameworks/WebRTC", Placement.ABSOLUTE),
        archive.library("/usr/lib/relative.dylib", Placement.UUID_RELATIVE),
    ]
    now = START + 1_000_000
    for number in range(300):
        library = libraries[number % 5] if number % 5 < 4 else None
        archive.log(app, now + number * 1_000_000, "line %d of %{public}@ %@", (number, "many" * 5, "mine"),
                    subsystem="com.acme.voip", category="call", library=library, keep_private=number % 3 == 0)  # fmt: skip
    archive.log(far, now, "far %{public}s", ("away",), level="error")
    archive.log(daemon, now, "large %{public}@", ("o" * 3000,), ttl=14, stream="special")
    archive.log(daemon, now, "back", backtrace=records.backtrace([(UUID(int=9), 5)]), level="fault")
    archive.signpost(app, now, "call", "id %{public}@", ("1",), kind="begin")
    archive.activity(app, now, "two", 0x9A, current=0x99, parent=0x99, creator=daemon)
    archive.trace(app, now, "trace %d", [(42, 4)])
    archive.loss(app, now, START, now, 63)
    archive.statedump(daemon, now, "State", plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY))
    archive.simpledump(daemon, now, "Simple", subsystem="com.apple.x")
    return archive


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, _, size = struct.unpack_from("<2IQ", data, position)
        yield tag, data[position + 16 : position + 16 + size]
        position += 16 + size
        position += -position % 8
    assert position == len(data)


def _inflate(body: bytes) -> bytes:
    out, position = b"", 0
    while body[position : position + 4] != b"bv4$":
        if body[position : position + 4] == b"bv41":
            size, packed = struct.unpack_from("<2I", body, position + 4)
            out += lz4.block.decompress(body[position + 12 : position + 12 + packed], uncompressed_size=size)
            position += 12 + packed
        else:
            (size,) = struct.unpack_from("<I", body, position + 4)
            out += body[position + 8 : position + 8 + size]
            position += 8 + size
    assert position + 4 == len(body)
    return out


def _tracepoints(page: bytes) -> Iterator[tuple[int, int, int]]:
    public, private = struct.unpack_from("<2H", page, 16)
    collapsed = page[13]
    position, end = 32, 16 + public
    while position < end:
        kind, _, flags, _, _, low, high, size = struct.unpack_from("<2BHIQIHH", page, position)
        yield kind, flags, low | high << 32
        position += 24 + size + -size % 8
    assert position == end
    private_size = 4096 - private
    assert len(page) == (end + private_size if collapsed or not private_size else 16 + 4096)


@pytest.mark.parametrize("packing", [Packing(), VARIED], ids=["device", "varied"])
def test_every_chunk_and_tracepoint_is_where_the_sizes_say(tmp_path: Path, packing: Packing) -> None:
    archive = _everything()
    files = archive.write(tmp_path, packing=packing)
    assert [file.parent.name for file in files] == ["Persist", "Special", "Signpost"]
    inner: Counter[int] = Counter()
    kinds: Counter[int] = Counter()
    for file in files:
        tags = []
        for tag, body in _chunks(file.read_bytes()):
            tags.append(tag)
            if tag == CATALOG:
                uuids, entries, _, subs, _ = struct.unpack_from("<5H", body)
                assert uuids % 16 == 0
                assert entries % 8 == 0
                assert subs % 8 == 0
            if tag != CHUNK_SET:
                continue
            for inner_tag, content in _chunks(_inflate(body)):
                inner[inner_tag] += 1
                if inner_tag == FIREHOSE:
                    kinds.update(kind for kind, _, _ in _tracepoints(content))
        assert tags[0] == HEADER
        assert tags[1] == CATALOG
        assert set(tags[2:]) <= {CATALOG, CHUNK_SET}
    assert inner[OVERSIZE] == inner[STATEDUMP] == inner[SIMPLEDUMP] == 1
    assert kinds == {2: 1, 3: 1, 4: 303, 6: 1, 7: 1}


def test_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _everything().write(tmp_path / name)
    first, second = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "ab"
    )
    assert first == second


def test_whole_microseconds_survive_the_clock() -> None:
    clock = new_archive("boot", START).clock
    for wall in (START, START + 1000, START + 86_400_000_000_000 - 1000):
        assert START + clock.ticks(wall) * 125 // 3 == wall


def test_a_clock_that_was_set_counts_from_its_last_sync() -> None:
    clock = replace(new_archive("boot", START).clock, syncs=[(24_000_000, START + 6_000_000_000)])
    assert clock.ticks(START + 6_000_000_000) == 24_000_000
    assert len(clock.encode()) == 48 + 32


def test_uuidtext_and_dsc_files() -> None:
    text = uuidtext.encode("/usr/bin/x", [(0x40, b"one\0two\0")])
    assert text[:16] == bytes.fromhex("99887766 02000000 01000000 01000000")
    assert text.endswith(b"one\0two\0/usr/bin/x\0")
    entry = dsc.Entry("/usr/lib/a", stable_uuid("a"), 0x1000, 0x2000, 0x1800, b"%d\0")
    assert dsc.encode([entry], version=1)[16 + 16 + 28 :] == b"%d\0/usr/lib/a\0"
    assert dsc.encode([entry], version=2)[16 + 24 + 32 :] == b"%d\0/usr/lib/a\0"


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("%25s:%-5d x", ("a", 7), "<private>:7     x"),
        ("%{public}25s:%-5d x", ("File.mm", 996), "                  File.mm:996   x"),
        ("%{public}@ %@ %{sensitive}s", (None, "b", "c"), "(null) <private> <private>"),
        ("%d %u %x %#x %llu %hhd", (-1, -1, -1, 0, 1 << 63, 255), "-1 4294967295 ffffffff 0 9223372036854775808 -1"),
        ("%.1f %f %p %%", (2.25, 1.5, 0), "2.2 1.500000 0x0 %"),
        ("%{BOOL}d %{bool}d %m", (1, 0, 2), "YES false [2: No such file or directory]"),
        ("%{public,uuid_t}.16P", (UUID(int=5).bytes,), "00000000-0000-0000-0000-000000000005"),
        ("%{public}.*s|%{public}.0s|", (3, "abcdef", "gone"), "abc||"),
        ("%{mask.hash}@", (b"0123456789abcdef",), f"<mask.hash: '{base64.b64encode(b'0123456789abcdef').decode()}'>"),
    ],
)  # fmt: skip
def test_messages(text: str, arguments: tuple[values.Argument, ...], expected: str) -> None:
    assert render.message(text, arguments) == expected


def test_items_follow_the_compiler() -> None:
    made = values.items("%{public}@ %d %s %{public}.*s %llu", ("ab", 5, "gone", 3, "abc", 1))
    assert [(item.type, len(item.data)) for item in made] == [
        (0x42, 3), (0x00, 4), (0x21, 0), (0x12, 4), (0x22, 4), (0x00, 8)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="too many"):
        values.items("%d", (1, 2))
    with pytest.raises(ValueError, match="too few"):
        values.items("%d %d", (1,))
