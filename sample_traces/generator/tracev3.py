"""tracev3 files: chunks, catalogs, chunk sets and firehose pages.

Facts: libyal dtformats, "Apple Unified Logging and Activity Tracing formats"; details it leaves open were read off real
macOS 12 and iOS 15 files.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import lz4.block

from generator.timesync import Clock

HEADER: Final = 0x1000
FIREHOSE: Final = 0x6001
OVERSIZE: Final = 0x6002
STATEDUMP: Final = 0x6003
SIMPLEDUMP: Final = 0x6004
CATALOG: Final = 0x600B
CHUNK_SET: Final = 0x600D

_TOP_LEVEL_SUBTAG: Final = 0x11
_LZ4_ALGORITHM: Final = 0x100
_NO_INDEX: Final = 0xFFFF
PAGE: Final = 4096
"""Bytes of a firehose page, its 16-byte head included."""

STREAMS: Final = {"persist": 0, "special": 1, "highvolume": 2, "live": 2, "signpost": 4}


def pad(data: bytes, alignment: int = 8) -> bytes:
    """Return `data` with zero bytes up to a multiple of `alignment`."""
    return data + bytes(-len(data) % alignment)


def chunk(tag: int, body: bytes, subtag: int = 0) -> bytes:
    """Return one chunk, without padding behind it."""
    return struct.pack("<2IQ", tag, subtag, len(body)) + body


def header(clock: Clock, *, ticks: int, wall_ns: int, build: str, hardware: str, zone: str) -> bytes:
    """Return the header chunk of a file begun at `ticks` (`wall_ns` by the wall clock)."""
    seconds, nanoseconds = divmod(wall_ns, 1_000_000_000)
    body = struct.pack(
        "<2IQqI i 2I", *clock.timebase, ticks, seconds, nanoseconds // 1000, clock.minutes_west, clock.dst, 3
    )
    body += struct.pack("<2IQ", 0x6100, 8, ticks)
    body += struct.pack("<4I16s32s", 0x6101, 56, 0x0100000C, 2, build.encode(), hardware.encode())
    body += struct.pack("<2I16s2I", 0x6102, 24, clock.boot_uuid.bytes, 30, 0)
    body += struct.pack("<2I48s", 0x6103, 48, f"/var/db/timezone/zoneinfo/{zone}".encode())
    return chunk(HEADER, body, _TOP_LEVEL_SUBTAG)


@dataclass(slots=True)
class CatalogProcess:
    """A process entry of a catalog; `absolute` are (load address, size, UUID) of images outside main exe and cache."""

    proc_id: tuple[int, int]
    pid: int
    euid: int
    main_uuid: UUID
    dsc_uuid: UUID | None
    absolute: list[tuple[int, int, UUID]]
    subsystems: list[tuple[int, str, str]]


@dataclass(slots=True)
class SubChunk:
    """What the catalog says of one chunk set."""

    start: int
    end: int
    size: int
    processes: list[int]
    subsystems: list[tuple[str, str]]


def catalog(processes: Sequence[CatalogProcess], sub_chunks: Sequence[SubChunk], earliest: int) -> bytes:
    """Return a catalog chunk with 8-byte padding."""
    uuids: dict[UUID, int] = {}
    texts: dict[str, int] = {}
    pool = bytearray()

    def uuid_index(uuid: UUID | None) -> int:
        return _NO_INDEX if uuid is None else uuids.setdefault(uuid, len(uuids))

    def text_offset(text: str) -> int:
        if text not in texts:
            texts[text] = len(pool)
            pool.extend(text.encode() + b"\0")
        return texts[text]

    entries = bytearray()
    for index, process in enumerate(processes):
        entry = struct.pack("<4H", index, 0, uuid_index(process.main_uuid), uuid_index(process.dsc_uuid))
        entry += struct.pack("<QIIiI", *process.proc_id, process.pid, process.euid, 0)
        entry += struct.pack("<2I", len(process.absolute), 0)
        for address, size, uuid in process.absolute:
            entry += struct.pack("<2IHIH", size, 0, uuid_index(uuid), address & 0xFFFFFFFF, address >> 32)
        entry += struct.pack("<2I", len(process.subsystems), 0)
        for identifier, subsystem, category in process.subsystems:
            entry += struct.pack("<3H", identifier, text_offset(subsystem), text_offset(category))
        entries += pad(entry)
    subs = bytearray()
    for sub in sub_chunks:
        offsets = [text_offset(text) for pair in sub.subsystems for text in pair]
        entry = struct.pack("<2Q3I", sub.start, sub.end, sub.size, _LZ4_ALGORITHM, len(sub.processes))
        entry += struct.pack(f"<{len(sub.processes)}H", *sub.processes)
        entry += struct.pack(f"<I{len(offsets)}H", len(offsets), *offsets)
        subs += pad(entry)
    uuid_area = b"".join(uuid.bytes for uuid in uuids)
    pool_area = pad(bytes(pool))
    entries_at = len(uuid_area) + len(pool_area)
    head = struct.pack(
        "<5H6xQ", len(uuid_area), entries_at, len(processes), entries_at + len(entries), len(sub_chunks), earliest
    )
    return pad(chunk(CATALOG, head + uuid_area + pool_area + bytes(entries) + bytes(subs), _TOP_LEVEL_SUBTAG))


def chunk_set(content: bytes, *, block_bytes: int | None = None, stored: Sequence[bool] = (False,)) -> bytes:
    """Return a chunk set with 8-byte padding.

    `content` is cut into blocks of `block_bytes` (one block where None); `stored` tells in turn, over and over, which
    block is kept uncompressed.
    """
    step = block_bytes or max(len(content), 1)
    out = bytearray()
    for number, start in enumerate(range(0, len(content), step)):
        block = content[start : start + step]
        if stored[number % len(stored)]:
            out += struct.pack("<4sI", b"bv4-", len(block)) + block
        else:
            packed = lz4.block.compress(block, store_size=False, mode="high_compression")
            out += struct.pack("<4s2I", b"bv41", len(block), len(packed)) + packed
    return pad(chunk(CHUNK_SET, bytes(out) + b"bv4$", _TOP_LEVEL_SUBTAG))


def stored_bitmap_set(content: bytes, *, block_bytes: int = 0x4000) -> bytes:
    """Return a chunk set as iOS 27 writes it, an LZBITMAP stream, here of stored chunks only."""
    out = bytearray(b"ZBM\x09")
    for start in range(0, len(content), block_bytes):
        block = content[start : start + block_bytes]
        out += (len(block) + 6).to_bytes(3, "little") + len(block).to_bytes(3, "little") + block
    return pad(chunk(CHUNK_SET, bytes(out) + (6).to_bytes(3, "little") + bytes(3), _TOP_LEVEL_SUBTAG))


@dataclass(slots=True)
class Page:
    """One firehose chunk under construction: records of one process.

    Public data grows from the front, private data from the end of the page.
    """

    proc_id: tuple[int, int]
    stream: int
    base: int
    collapsed: bool = True
    ttl: int = 0
    _public: bytearray = field(default_factory=bytearray)
    _private: bytes = b""

    def has_room(self, record: int, private: int) -> bool:
        """Whether a record of `record` bytes with `private` bytes of private data fits."""
        return 16 + len(self._public) + record + 7 + len(self._private) + private <= PAGE

    def private_range(self, data: bytes) -> tuple[int, int]:
        """Add private data; return its (virtual offset, size) for the record."""
        self._private = data + self._private
        return PAGE - len(self._private), len(data)

    def add(self, head: tuple[int, int, int, int, int], ticks: int, body: bytes) -> None:
        """Add a tracepoint at `ticks`; `head` is type, subtype, flags, lower format reference, thread."""
        delta = ticks - self.base
        self._public += struct.pack("<2BHIQIHH", *head, delta & 0xFFFFFFFF, delta >> 32, len(body))
        self._public += pad(body)

    @property
    def empty(self) -> bool:
        """Whether no tracepoint was added."""
        return not self._public

    def encode(self) -> bytes:
        """Return the firehose chunk, without padding behind it."""
        collapsed = self.collapsed and bool(self._private)
        public_size = 16 + len(self._public)
        head = struct.pack("<QI2B3H", *self.proc_id, self.ttl, collapsed, 0, public_size, PAGE - len(self._private))
        head += struct.pack("<H2BQ", 0, self.stream, 3, self.base)
        gap = 0 if collapsed or not self._private else PAGE - public_size - len(self._private)
        return chunk(FIREHOSE, head + bytes(self._public) + bytes(gap) + self._private)


def oversize(proc_id: tuple[int, int], ticks: int, reference: int, items: bytes, private: bytes) -> bytes:
    """Return an oversize chunk: items and values of a record that holds only `reference`."""
    head = struct.pack("<QI4BQI2H", *proc_id, 30, 0, 0, 0, ticks, reference, len(items), len(private))
    return chunk(OVERSIZE, head + items + private)


def statedump(
    proc_id: tuple[int, int],
    ticks: int,
    *,
    activity: int,
    sender: UUID,
    kind: int,
    names: tuple[str, str, str],
    data: bytes,
) -> bytes:
    """Return a state dump; `kind` is 1 property list, 2 protocol buffer, 3 custom; `names` library, decoder, title."""
    head = struct.pack("<QI4BQQ16s2I", *proc_id, 14, 0, 0, 0, ticks, activity, sender.bytes, kind, len(data))
    return chunk(STATEDUMP, head + struct.pack("<64s64s64s", *(name.encode() for name in names)) + data)


def simpledump(
    proc_id: tuple[int, int],
    ticks: int,
    *,
    level: int,
    thread: int,
    offset: int,
    sender: UUID,
    dsc: UUID,
    subsystem: str,
    message: str,
) -> bytes:
    """Return a simple dump: a message composed beforehand."""
    texts = [text.encode() + b"\0" if text else b"" for text in (subsystem, message)]
    head = struct.pack("<QI2BHQQQ16s16s", *proc_id, 0, level, 0, ticks, thread, offset, sender.bytes, dsc.bytes)
    return chunk(SIMPLEDUMP, head + struct.pack("<3I", 1, *map(len, texts)) + b"".join(texts))
