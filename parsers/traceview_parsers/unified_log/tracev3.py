"""tracev3 files: the header and the chunks of the outer level.

Layout (libyal dtformats): chunks of {tag u32, sub tag u32, size u64, data}, padded to 8 bytes: a header (0x1000), then
catalogs (0x600b), each followed by its chunk sets (0x600d).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct

from traceview_parsers.unified_log.marks import Marks

HEADER: Final = 0x1000
CATALOG: Final = 0x600B
CHUNK_SET: Final = 0x600D
_TAGS: Final = (HEADER, CATALOG, CHUNK_SET)
_MARKS: Final = tuple(struct.pack("<I", tag) for tag in (CATALOG, CHUNK_SET))
_SUB_TAGS: Final = 0x100
"""Sub tags of real files are 0x11; larger ones than this are taken for damage (heuristic)."""

_PREAMBLE: Final = struct.Struct("<IIQ")
_FIXED: Final = struct.Struct("<IIqqIiII")
_SUB_CONTINUOUS: Final = 0x6100
_SUB_SYSTEM: Final = 0x6101
_SUB_GENERATION: Final = 0x6102
_SUB_ZONE: Final = 0x6103

Report = Callable[[str, str, int], None]
"""Takes (kind, message, byte offset) of a problem."""


class Header(Struct, frozen=True):
    """What the header chunk says about the device and its clocks.

    Attributes:
        numerator: Nanoseconds a tick, over `denominator`.
        denominator: See `numerator`.
        wall_ns: Wall clock when the file was begun, UTC nanoseconds (whole microseconds).
        ticks: Continuous time of that moment (sub-chunk 0x6100; the field at offset 8 leaves out sleep).
        boot_uuid: 16 bytes.
        os_build: Such as ``21G320``, or empty.
        hardware: Such as ``Macmini9,1`` or a board name such as ``J96aAP``, or empty.
        zone: IANA name of the device's time zone, or empty.
    """

    numerator: int = 1
    denominator: int = 1
    wall_ns: int = 0
    ticks: int = 0
    boot_uuid: bytes = bytes(16)
    os_build: str = ""
    hardware: str = ""
    zone: str = ""

    @property
    def anchor(self) -> tuple[int, int, int, int]:
        """Numerator, denominator, wall clock and ticks, as `timesync.clock_for` takes them."""
        return self.numerator, self.denominator, self.wall_ns, self.ticks


class Chunk(NamedTuple):
    """One chunk of the outer level: its data lie at [start, end) of the file."""

    tag: int
    start: int
    end: int


def parse_header(data: bytes) -> Header:
    """Read the data of a header chunk; fields that are cut off keep their defaults."""
    if len(data) < _FIXED.size:
        return Header()
    numerator, denominator, ticks, seconds, microseconds, _, _, _ = _FIXED.unpack_from(data)
    found: dict[str, Any] = {}
    at = _FIXED.size
    while at + 8 <= len(data):
        tag, size = struct.unpack_from("<II", data, at)
        found |= _sub_chunk(tag, data[at + 8 : at + 8 + size])
        at += 8 + size
    wall_ns = seconds * 1_000_000_000 + microseconds * 1_000
    return Header(numerator, denominator, wall_ns, **({"ticks": ticks} | found))


def walk_chunks(data: Any, report: Report) -> Iterator[Chunk]:
    """Yield the outer chunks of a tracev3 file (any buffer with ``find``); damage is reported and skipped.

    After a preamble that makes no sense, the walk goes on at the next one that does. Zeros behind the last chunk are no
    damage: files are laid out before they are filled. A chunk that reaches beyond the end
    of the file, or swallows the next readable chunk, is yielded with what is left of it.
    """
    at = 0
    total = len(data)
    marks = Marks(data, _MARKS, lambda place: _fits(data, place))
    while at + _PREAMBLE.size <= total:
        tag, _, size = _PREAMBLE.unpack_from(data, at)
        start = at + _PREAMBLE.size
        end = start + size
        if tag not in _TAGS:
            behind = marks.after(at + 8)
            if any(data[at : at + 64]):
                report("unknown-chunk", f"chunk tag {tag:#x} is unknown; reading goes on at the next known chunk", at)
            elif not at or behind < total:
                report("zeros", "zeros where a chunk should be; what stood there is lost", at)
            at = behind
            continue
        if end > total:
            end = marks.after(start)
            report("truncated", "a chunk is cut short or gives a wrong size; what is left of it is kept", at)
        yield Chunk(tag, start, end)
        at = (end + 7) & ~7
    if at < total and (not at or any(data[at:total])):
        report("truncated", "the file ends inside the head of a chunk", at)


def _fits(data: Any, at: int) -> bool:
    """Return whether a preamble of a chunk that fits into the file can stand here."""
    if at % 8 or at + _PREAMBLE.size > len(data):
        return False
    _, sub_tag, size = _PREAMBLE.unpack_from(data, at)
    return bool(sub_tag < _SUB_TAGS and at + _PREAMBLE.size + size <= len(data))


def _sub_chunk(tag: int, data: bytes) -> dict[str, Any]:
    if tag == _SUB_CONTINUOUS and len(data) >= 8:
        return {"ticks": int.from_bytes(data[:8], "little")}
    if tag == _SUB_SYSTEM and len(data) >= 56:
        return {"os_build": _text(data[8:24]), "hardware": _text(data[24:56])}
    if tag == _SUB_GENERATION and len(data) >= 16:
        return {"boot_uuid": data[:16]}
    if tag == _SUB_ZONE:
        return {"zone": _text(data).partition("zoneinfo/")[2]}
    return {}


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace")
