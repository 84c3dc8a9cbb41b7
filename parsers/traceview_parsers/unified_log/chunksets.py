"""Chunk sets: decompression, and the positions of the chunks inside, for many sets at once.

Layout (libyal dtformats): blocks ``bv41`` {size, compressed size, LZ4 block} or ``bv4-`` {size, bytes}, ended by
``bv4$``; from iOS 27 an LZBITMAP stream that begins with ``ZBM``. LZFSE streams (blocks ``bvx…``; Apple's lzfse sources)
are not read: no archive is known that has them. Inside lie chunks {tag, sub tag, size, data} of
firehose (0x6001), oversize (0x6002), state dump (0x6003) and simple dump (0x6004) data, usually padded to 8 bytes.
"""

import struct
from typing import Any, Final

import lz4.block
import numpy as np
from msgspec import Struct, field

from traceview_parsers.binary_views import overlapping
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.lz4_prefix import Prefix, decompress_prefix
from traceview_parsers.unified_log.marks import Marks

FIREHOSE: Final = 0x6001
OVERSIZE: Final = 0x6002
STATE_DUMP: Final = 0x6003
SIMPLE_DUMP: Final = 0x6004
_PREAMBLE: Final = struct.Struct("<IIQ")
_LZBITMAP: Final = b"ZBM"
_LZFSE: Final = (b"bvx-", b"bvx1", b"bvx2", b"bvxn", b"bvx$")
_LZ4_MAX_RATIO: Final = 255
"""An LZ4 block cannot hold more: each further byte of a match length stands for at most 255 bytes."""
_MARKS: Final = tuple(struct.pack("<II", tag, 0) for tag in range(FIREHOSE, SIMPLE_DUMP + 1))
_SET_LIMIT: Final = 16 << 20
"""Bytes a set may decompress to. logd writes 64 KiB; this is a guard (heuristic) against bombs."""
_MOST_BLOCKS: Final = 1024
"""Blocks that a set may have (heuristic; real ones have one)."""
_WINDOW: Final = 1 << 16
_ENDLESS: Final = "its compressed data end without an end mark"
GUARD: Final = 1 << 17
"""Zero bytes behind the data of a batch, so that reads near the end stay inside: the longest list of items takes
255 times 257 bytes, whatever it claims."""
ROOM: Final = 1 << 17
"""Bytes behind these that may be written to; behind them are as many zero bytes again."""
_TAIL: Final = bytes(GUARD + ROOM + GUARD)
_BLOCK: Final = 1 << 15
"""Words that are looked at together (256 KB, which stay in the processor's cache)."""


class Unpacked(Struct, frozen=True):
    """The bytes of one chunk set.

    Attributes:
        data: What could be read.
        trouble: What was wrong with it, or empty.
        unsupported: Name of the compression that was met and is not read, or empty.
    """

    data: bytes
    trouble: str = ""
    unsupported: str = ""


def unpack(packed: memoryview) -> Unpacked:
    """Decompress one chunk set; where it is damaged, what comes before the damage is kept."""
    if bytes(packed[:3]) == _LZBITMAP:
        return _unpack_lzbitmap(packed)
    parts: list[bytes] = []
    total = at = 0
    trouble = _ENDLESS
    while at + 4 <= len(packed):
        mark = bytes(packed[at : at + 4])
        if mark == b"bv4$":
            trouble = ""
            break
        if mark in _LZFSE:
            return Unpacked(b"".join(parts), unsupported="LZFSE")
        try:
            block, at, trouble = _unpack_block(mark, packed, at, parts)
        except _DamagedBlockError as error:
            return _before_damage(b"".join((*parts, error.found.data)), error)
        total += len(block)
        if total > _SET_LIMIT or len(parts) == _MOST_BLOCKS:
            trouble = f"it decompresses to more than {_SET_LIMIT >> 20} MiB or has more than {_MOST_BLOCKS} blocks"
            break
        parts.append(block)
        if trouble:
            break
        trouble = _ENDLESS
    return Unpacked(parts[0] if len(parts) == 1 else b"".join(parts), trouble)


class Batch(Struct):
    """Some chunk sets, decompressed into one buffer.

    Attributes:
        data: uint8, each set beginning at a multiple of 8, followed by `GUARD` zero bytes, `ROOM` free ones and again
            `GUARD` zero bytes.
        words: The same as aligned uint64.
        starts: Byte position of each set, and of the end, int64 [sets + 1].
        tag: Tag of each inner chunk.
        at: Byte position of each inner chunk's preamble (a multiple of 8).
        end: Byte position behind each inner chunk's data.
        set_of: Index of each inner chunk's set.
        unknown: Inner chunks with unknown tags: (set, position in it, tag).
        moved: Sets whose chunks did not begin at multiples of 8 and do so in `data`.
    """

    data: Array
    words: Array
    starts: Array
    tag: Array
    at: Array
    end: Array
    set_of: Array
    unknown: list[tuple[int, int, int]]
    moved: list[int] = field(default_factory=list)

    def bytes_at(self, width: int) -> Array:
        """Return a view whose element i is the little-endian number of `width` bytes that begins at byte i."""
        return overlapping(self.data, width)


def joined(parts: list[bytes]) -> Array:
    """Return bytes as the data of a batch, with what belongs behind them."""
    return np.frombuffer(bytearray().join([*parts, _TAIL]), np.uint8)


def index_sets(sets: list[bytes]) -> Batch:
    """Join decompressed sets and find the chunks in them."""
    padded = []
    starts = [0]
    for content in sets:
        padded.append(content)
        fill = -len(content) % 8
        if fill:
            padded.append(bytes(fill))
        starts.append(starts[-1] + len(content) + fill)
    data = joined(padded)
    words = data[: data.size & ~7].view("<u8")
    begins = np.array(starts, np.int64)
    ends = begins[:-1] + np.array([len(item) for item in sets], np.int64)
    at, bad = _find_chunks(words, begins, ends)
    unknown: list[tuple[int, int, int]] = []
    if bad.size:
        # Sets whose chunks do not follow each other as expected are walked one chunk at a time.
        walked = {number: walk_set(sets[number]) for number in bad.tolist()}
        moved = [number for number, chunks in walked.items() if any(position % 8 for _, position, _ in chunks)]
        if moved:
            realigned = list(sets)
            for number in moved:
                realigned[number] = _realign(sets[number], walked[number])
            batch = index_sets(realigned)
            batch.moved += moved
            return batch
        owner = np.searchsorted(begins, at, "right") - 1
        at = at[~np.isin(owner, bad)]
        extra = []
        for number, chunks in walked.items():
            extra += [int(begins[number]) + position for tag, position, _ in chunks if FIREHOSE <= tag <= SIMPLE_DUMP]
            unknown += [(number, position, tag) for tag, position, _ in chunks if not FIREHOSE <= tag <= SIMPLE_DUMP]
        at = np.sort(np.concatenate([at, np.array(extra, np.int64)]))
    set_of = np.searchsorted(begins, at, "right") - 1
    word = at >> 3
    size = np.minimum(words[word + 1], np.uint64(_SET_LIMIT)).astype(np.int64)
    end = np.minimum(at + 16 + size, ends[set_of])
    tag = (words[word] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return Batch(data, words, begins, tag, at, end, set_of, unknown)


def walk_set(data: bytes) -> list[tuple[int, int, int]]:
    """Return (tag, position of the preamble, size) of each chunk of one set, step by step.

    Needed where chunks are not padded or damaged. An unknown tag is listed too; behind a preamble that cannot be one,
    the walk goes on at the next one that can. Zeros up to the end are room; elsewhere they are listed, as of tag 0.
    """
    chunks = []
    marks = Marks(data, _MARKS, lambda place: _begins_chunk(data, place))
    at = 0
    while at + _PREAMBLE.size <= len(data):
        tag, sub_tag, size = _PREAMBLE.unpack_from(data, at)
        if not _plausible(tag, sub_tag, size, len(data) - at):
            behind = marks.after(at + 1)
            if not at or behind < len(data) or any(data[at:]):
                chunks.append((tag if tag not in range(FIREHOSE, SIMPLE_DUMP + 1) else 0, at, 0))
            at = behind
            continue
        chunks.append((tag, at, min(size, len(data) - at - 16)))
        behind = at + 16 + size
        padded = (behind + 7) & ~7
        at = behind if padded != behind and _begins_chunk(data, behind) and not _begins_chunk(data, padded) else padded
    return chunks


def _unpack_block(mark: bytes, packed: memoryview, at: int, parts: list[bytes]) -> tuple[bytes, int, str]:
    """Return (bytes, position behind the block, trouble)."""
    if mark == b"bv4-" and at + 8 <= len(packed):
        (size,) = struct.unpack_from("<I", packed, at + 4)
        block = bytes(packed[at + 8 : at + 8 + size])
        return block, at + 8 + size, "" if len(block) == size else "a stored block is cut short"
    if mark == b"bv41" and at + 12 <= len(packed):
        size, stored = struct.unpack_from("<II", packed, at + 4)
        source = packed[at + 12 : at + 12 + stored]
        most = min(_LZ4_MAX_RATIO * len(source), _SET_LIMIT)
        window = _last_bytes(parts) if parts else b""
        try:
            block = lz4.block.decompress(source, uncompressed_size=size, dict=window) if size <= most else b""
        except lz4.block.LZ4BlockError:
            block = b""
        if len(block) != size:
            raise _DamagedBlockError(decompress_prefix(bytes(source), most, window), size, cut=len(source) < stored)
        return block, at + 12 + stored, ""
    return b"", at, f"a block of it begins with the unknown mark {mark.hex(' ')}"


def _last_bytes(parts: list[bytes]) -> bytes:
    """Return what the next block may repeat."""
    taken: list[bytes] = []
    size = 0
    for part in reversed(parts):
        taken.append(part[-_WINDOW:])
        size += len(part)
        if size >= _WINDOW:
            break
    return b"".join(reversed(taken))[-_WINDOW:]


class _DamagedBlockError(ValueError):
    """An LZ4 block is damaged.

    Attributes:
        found: What could be read of it.
        cut: Whether it is no more than that its end is missing.
    """

    def __init__(self, found: Prefix, size: int, *, cut: bool) -> None:
        self.found = found
        self.cut = cut and found.possible
        super().__init__(f"an LZ4 block of {size} bytes is {'cut short' if self.cut else 'damaged'}")


def _before_damage(data: bytes, error: _DamagedBlockError) -> Unpacked:
    """Return the chunks of a set before the damage.

    Nothing in a block tells where it was damaged, only that it was, so a chunk counts as whole if the next one follows at
    its end: what LZ4 makes of damaged data neither fits in size nor looks like a chunk's head. What a cut left is right.
    """
    at = len(data) if error.cut else 0
    while _heads_chunk(data, at):
        _, _, size = _PREAMBLE.unpack_from(data, at)
        behind = at + 16 + size
        padded = (behind + 7) & ~7
        following = [
            end for end in (padded, behind) if _heads_chunk(data, end) or (error.found.whole and end == len(data))
        ]
        if not following:
            break
        at = following[0]
    return Unpacked(data[:at], f"{error}, {at} bytes of the set could be read")


def _heads_chunk(data: bytes, at: int) -> bool:
    """Return whether a chunk's preamble stands here, whatever of the chunk follows."""
    if at + _PREAMBLE.size > len(data):
        return False
    tag, sub_tag, size = _PREAMBLE.unpack_from(data, at)
    return bool(FIREHOSE <= tag <= SIMPLE_DUMP and not sub_tag and size <= _SET_LIMIT)


def _unpack_lzbitmap(packed: memoryview) -> Unpacked:
    from traceview_parsers.unified_log import lzbitmap  # noqa: PLC0415 - only archives of iOS 27 need it

    try:
        return Unpacked(lzbitmap.decompress(bytes(packed), _SET_LIMIT))
    except lzbitmap.DamagedStreamError as error:
        return Unpacked(error.recovered, str(error))


def _find_chunks(words: Array, begins: Array, ends: Array) -> tuple[Array, Array]:
    """Return (positions that look like inner chunks, sets in which they do not form an unbroken chain)."""
    word = _find_tags(words[: int(begins[-1]) >> 3])
    at = word << 3
    owner = np.searchsorted(begins, at, "right") - 1
    size = np.minimum(words[word + 1], np.uint64(_SET_LIMIT)).astype(np.int64)
    behind = (at + 16 + size + 7) & ~7
    closes = behind >= ends[owner]
    expected = np.where(closes, begins[owner + 1], behind)
    following = np.append(at[1:], begins[-1])
    broken = (expected != following) | (at + 16 + size > ends[owner])
    # A set that begins with anything else, or is empty, shows by its start not being among the candidates.
    first = np.searchsorted(at, begins[:-1])
    starts = np.append(at, -1)[first] == begins[:-1]
    headless = np.flatnonzero(~starts & (ends > begins[:-1]))
    if headless.size or broken.any():
        return at, np.unique(np.concatenate([owner[broken], headless]))
    return at, headless


def _find_tags(words: Array) -> Array:
    """Return the indices of words that may begin an inner chunk: {tag u32, sub tag u32}."""
    # Sub tags are 0 inside of sets; where one is not, the set does not form a chain and is walked.
    number, is_tag = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, bool)
    found = [np.zeros(0, np.int64)]
    for begin in range(0, words.size, _BLOCK):
        block = words[begin : begin + _BLOCK]
        np.subtract(block, np.uint64(FIREHOSE), out=number[: block.size])
        np.less_equal(number[: block.size], np.uint64(SIMPLE_DUMP - FIREHOSE), out=is_tag[: block.size])
        found.append(np.flatnonzero(is_tag[: block.size]) + begin)
    return np.concatenate(found)


def _plausible(tag: int, sub_tag: int, size: int, room: int) -> bool:
    return 0x6000 <= tag < 0x7000 and sub_tag < 0x10000 and (size <= room or tag <= SIMPLE_DUMP)


def _begins_chunk(data: bytes, at: int) -> bool:
    if at + 16 > len(data):
        return at == len(data)
    tag, sub_tag, size = _PREAMBLE.unpack_from(data, at)
    return bool(FIREHOSE <= tag <= SIMPLE_DUMP and sub_tag < 0x10000 and size <= len(data) - at - 16)


def _realign(data: bytes, chunks: list[tuple[int, int, int]]) -> bytes:
    """Return the set with every chunk padded to 8 bytes."""
    parts: list[Any] = []
    for _, at, size in chunks:
        part = data[at : at + 16 + size]
        parts += [part, bytes(-len(part) % 8)]
    return b"".join(parts)
