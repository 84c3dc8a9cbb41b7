"""Tracepoints: how one record of each type is laid out."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

from generator import tracev3
from generator.images import Image, Placement
from generator.tracev3 import Page

if TYPE_CHECKING:
    from generator.archive import Process

Stream = Literal["persist", "special", "signpost", "highvolume", "live"]

LEVELS: Final = {"default": 0x00, "info": 0x01, "debug": 0x02, "error": 0x10, "fault": 0x11}
ACTIVITIES: Final = {"create": 0x01, "swap": 0x02, "user_action": 0x03}
SIGNPOSTS: Final = {"event": 0x0, "begin": 0x1, "end": 0x2}
SCOPES: Final = {"thread": 0x40, "process": 0x80, "system": 0xC0}

OVERSIZE_FROM: Final = 1024
"""Bytes of items and values above which real devices keep them apart (the real ones at hand: 1,190 and more)."""

_ACTIVITY: Final = 2
_TRACE: Final = 3
_LOG: Final = 4
_SIGNPOST: Final = 6
_LOSS: Final = 7

_CURRENT_ACTIVITY: Final = 0x0001
_UNIQUE_PID: Final = 0x0010
_LARGE_OFFSET: Final = 0x0020
_PRIVATE_DATA: Final = 0x0100
_SUBSYSTEM: Final = 0x0200
_OTHER_ACTIVITY: Final = 0x0200
_RULES: Final = 0x0400
_OVERSIZE: Final = 0x0800
_BACKTRACE: Final = 0x1000
_NAME: Final = 0x8000

_ACTIVITY_BIT: Final = 1 << 63
_LOW_31: Final = 0x7FFFFFFF
_DYNAMIC: Final = 0x80000000


@dataclass(slots=True, eq=False)
class Record:
    """One record on its way into a file.

    Attributes:
        process: Who wrote it.
        ticks: Continuous time.
        stream: Kind of file.
        tid: Thread.
        kind: Tracepoint type; 0 for a chunk of its own (`chunk`).
        level: Tracepoint subtype.
        flags: Tracepoint flags.
        reference: Lower half of the format reference.
        head: Body in front of the private range, if any.
        body: Body behind it.
        private: Private data.
        oversize: (number, items, private data) kept in a chunk of its own.
        chunk: State or simple dump.
        subsystem: Number of the subsystem, 0 for none.
    """

    process: "Process"
    ticks: int
    stream: Stream
    tid: int
    kind: int = 0
    level: int = 0
    flags: int = 0
    reference: int = 0
    head: bytes = b""
    body: bytes = b""
    private: bytes = b""
    oversize: tuple[int, bytes, bytes] | None = None
    chunk: bytes = b""
    subsystem: int = 0

    @property
    def size(self) -> int:
        """Bytes in a page, the private range included."""
        return 24 + len(self.head) + 4 * bool(self.private) + len(self.body)

    def place(self, page: Page) -> None:
        """Add it to `page`."""
        where = b""
        if self.private:
            where = struct.pack("<2H", *page.private_range(self.private))
        head = (self.kind, self.level, self.flags, self.reference, self.tid)
        page.add(head, self.ticks, self.head + where + self.body)


@dataclass(frozen=True, slots=True)
class Reference:
    """How a record names its format string: flags, lower half of the reference, location bytes, upper part."""

    flags: int
    low: int
    location: bytes
    high: int


def reference(image: Image, text: str, *, dynamic: bool = False) -> Reference:
    """Return the reference to `text` in `image`, with a program counter inside that image."""
    offset = image.base + 0x40 if dynamic else image.offset_of(text)
    counter = image.base + image.load_address + 0x100
    flags = image.placement.value
    high = offset >> 31
    location = struct.pack("<I", counter & 0xFFFFFFFF)
    if image.placement is Placement.LARGE_SHARED_CACHE:
        flags |= _LARGE_OFFSET
        location += struct.pack("<2H", counter >> 32, high)
    else:
        if high:
            flags |= _LARGE_OFFSET
            location += struct.pack("<H", high)
        if image.placement is Placement.ABSOLUTE:
            location += struct.pack("<H", counter >> 32)
        elif image.placement is Placement.UUID_RELATIVE:
            location += image.uuid.bytes
    return Reference(flags, offset & _LOW_31 | (_DYNAMIC if dynamic else 0), location, high)


def activity_id(number: int) -> bytes:
    """Return an activity identifier as records hold it: with the topmost bit set."""
    return struct.pack("<Q", number | _ACTIVITY_BIT)


def backtrace(frames: Sequence[tuple[UUID, int]]) -> bytes:
    """Return backtrace bytes; a frame is (image UUID, offset)."""
    uuids = list(dict.fromkeys(uuid for uuid, _ in frames))
    head = struct.pack("<HBBBB", 1, 0x12, len(uuids), len(frames), 0)
    offsets = struct.pack(f"<{len(frames)}I", *(offset for _, offset in frames))
    indexes = bytes(uuids.index(uuid) for uuid, _ in frames)
    return tracev3.pad(head + b"".join(uuid.bytes for uuid in uuids) + offsets + indexes, 4)


def finish_log(
    record: Record,
    where: Reference,
    level: int,
    data: tuple[bytes, bytes],
    *,
    activity: int,
    subsystem: int,
    ttl: int | None,
    backtrace: bool,
) -> None:
    """Make `record` a log record; `data` is its items with values, and its private data."""
    items, private = data
    record.kind, record.level, record.reference = _LOG, level, where.low
    record.flags = where.flags | (_CURRENT_ACTIVITY if activity else 0) | (_PRIVATE_DATA if private else 0)
    record.flags |= (_SUBSYSTEM if subsystem else 0) | (0 if ttl is None else _RULES) | (_BACKTRACE if backtrace else 0)
    record.head = activity_id(activity) if activity else b""
    record.private, record.subsystem = private, subsystem
    record.body = where.location + (struct.pack("<H", subsystem) if subsystem else b"")
    record.body += b"" if ttl is None else bytes((ttl,))
    if record.oversize:
        record.flags |= _OVERSIZE
        record.body += struct.pack("<I", record.oversize[0])
    else:
        record.body += items


def finish_signpost(
    record: Record,
    where: Reference,
    name: Reference,
    level: int,
    data: tuple[bytes, bytes],
    *,
    activity: int,
    subsystem: int,
    signpost_id: int,
) -> None:
    """Make `record` a signpost; `data` is its items with values, and its private data."""
    items, private = data
    record.kind, record.level, record.reference = _SIGNPOST, level, where.low
    record.flags = where.flags | (_CURRENT_ACTIVITY if activity else 0) | (_PRIVATE_DATA if private else 0)
    record.flags |= (_SUBSYSTEM if subsystem else 0) | _NAME
    record.head = activity_id(activity) if activity else b""
    record.private, record.subsystem = private, subsystem
    record.body = where.location + (struct.pack("<H", subsystem) if subsystem else b"")
    record.body += struct.pack("<QI", signpost_id, name.low)
    if where.flags & _LARGE_OFFSET:
        record.body += struct.pack("<H", name.high)
    record.body += items


def finish_activity(
    record: Record, where: Reference, level: int, *, current: int, creator: int, parent: int, new: int
) -> None:
    """Make `record` an activity."""
    record.kind, record.level, record.reference = _ACTIVITY, level, where.low
    record.flags = where.flags | (_CURRENT_ACTIVITY if current else 0) | (_UNIQUE_PID if creator else 0)
    record.flags |= _OTHER_ACTIVITY if parent else 0
    record.body = activity_id(current) if current else b""
    record.body += struct.pack("<Q", creator) if creator else b""
    record.body += activity_id(parent) if parent else b""
    record.body += activity_id(new) if level != ACTIVITIES["user_action"] else b""
    record.body += where.location


def finish_trace(record: Record, where: Reference, numbers: Sequence[tuple[int, int]]) -> None:
    """Make `record` a legacy trace record: values, their sizes, their number."""
    record.kind, record.reference, record.flags = _TRACE, where.low, where.flags
    record.body = where.location + b"".join(value.to_bytes(size, "little") for value, size in numbers)
    record.body += bytes(size for _, size in numbers) + bytes((len(numbers),))


def finish_loss(record: Record, start: int, end: int, count: int) -> None:
    """Make `record` a loss record; it has neither format nor image."""
    record.kind = _LOSS
    record.body = struct.pack("<3Q", start, end, count)


def finish_statedump(
    record: Record, sender: UUID, names: tuple[str, str, str], data: bytes, *, activity: int, kind: int
) -> None:
    """Make `record` a state dump."""
    number = activity | _ACTIVITY_BIT if activity else 0
    record.chunk = tracev3.statedump(
        record.process.proc_id, record.ticks, activity=number, sender=sender, kind=kind, names=names, data=data
    )


def finish_simpledump(record: Record, images: tuple[UUID, UUID], level: int, subsystem: str, message: str) -> None:
    """Make `record` a simple dump; `images` are the sender and the shared cache."""
    sender, dsc = images
    record.chunk = tracev3.simpledump(
        record.process.proc_id,
        record.ticks,
        level=level,
        thread=record.tid,
        offset=0x100,
        sender=sender,
        dsc=dsc,
        subsystem=subsystem,
        message=message,
    )
