"""Firehose chunks: all their tracepoints at once, with the fields that their flags announce.

Layout (libyal dtformats): a 32-byte preamble, tracepoints of a 24-byte head and flag-dependent data, padded to 8 bytes,
then the private data. The public size counts 16 bytes of the preamble (checked on real archives).
"""

from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.interning import Array

ACTIVITY: Final = 2
TRACE: Final = 3
LOG: Final = 4
SIGNPOST: Final = 6
LOSS: Final = 7
LOSS_BYTES: Final = 48
"""Bytes of a loss record: behind its head two times and a count of lost messages (libyal dtformats)."""
KNOWN_TYPES: Final = (ACTIVITY, TRACE, LOG, SIGNPOST, LOSS)
IS_KNOWN: Final = np.isin(np.arange(256), KNOWN_TYPES)
TRANSITION: Final = 2
USER_ACTION: Final = 3

HAS_CURRENT_AID: Final = 0x0001
STRINGS: Final = 0x000E
MAIN_EXE: Final = 0x2
SHARED_CACHE: Final = 0x4
ABSOLUTE: Final = 0x8
UUID_RELATIVE: Final = 0xA
LARGE_SHARED_CACHE: Final = 0xC
HAS_UNIQUE_PID: Final = 0x0010
HAS_LARGE_OFFSET: Final = 0x0020
HAS_PERSONA: Final = 0x0040
HAS_PRIVATE_DATA: Final = 0x0100
HAS_SUBSYSTEM: Final = 0x0200
HAS_RULES: Final = 0x0400
HAS_OVERSIZE: Final = 0x0800
HAS_NAME: Final = 0x8000

HEAD: Final = 24
_U16: Final = np.uint64(0xFFFF)
DELTA: Final = np.uint64(0xFFFF_FFFF_FFFF)
"""The bits of the third word of a tracepoint that are its time, counted from its chunk's base; above is its size."""
_PERSONA: Final = 4
_IS_ITEM: Final = np.isin(np.arange(256) >> 4, (0, 1, 2, 3, 4, 5, 6, 7, 8, 15)) & np.isin(
    np.arange(256) & 15, (0, 1, 2, 5, 6)
)
"""Item types that can be: a kind in the upper half, none, private, public or sensitive in the lower."""

_IS_RANGE: Final = np.isin(np.arange(256) >> 4, (2, 3, 4, 5, 15)) & np.isin(np.arange(256) & 15, (0, 2))
"""Item types that point to bytes among the record's values."""

_PRIVATE_END: Final = 4096


def _origin_sizes() -> Array:
    """Return, by large-offset and strings flags, the size of the fields between program counter and subsystem."""
    flags = np.arange(0x30)
    where = flags & STRINGS
    size = 2 * (flags & HAS_LARGE_OFFSET != 0) + 2 * ((where == ABSOLUTE) | (where == LARGE_SHARED_CACHE))
    return np.asarray(size + 16 * (where == UUID_RELATIVE))


_ORIGIN_SIZES: Final = _origin_sizes()


def least_sizes(kind: Array, level: Array, flags: Array) -> Array:
    """Return how many bytes of data tracepoints have at least: the fields that their flags announce (all int64)."""
    activity, signpost = kind == ACTIVITY, kind == SIGNPOST
    message = signpost | (kind == LOG)
    size = 4 + _ORIGIN_SIZES.take(flags & 0x2E) + 8 * ((flags & HAS_CURRENT_AID) & (activity | message))
    size += activity * 8 * ((flags >> 4 & 1) + (flags >> 9 & 1) + (level != USER_ACTION))
    # Items are at least their number; where they are kept elsewhere there is none (seen in real archives).
    size += message * (2 + 4 * (flags >> 8 & 1) + 2 * (flags >> 9 & 1) + (flags >> 10 & 1) + 2 * (flags >> 11 & 1))
    size += signpost * (8 + (flags >> 15) * (4 + 2 * (flags >> 5 & 1)))
    least: Array = np.where(kind == LOSS, LOSS_BYTES - HEAD, size)
    return least


class Chunks(Struct):
    """The firehose chunks of a batch that are to be read.

    Attributes:
        at: Byte position of each chunk's preamble.
        end: Byte position behind each chunk's data.
        base: Continuous time that the tracepoints' times count from.
        entry: Catalog entry of each chunk's process.
        first: First number of each chunk's process id pair.
        second: Second number.
    """

    at: Array
    end: Array
    base: Array
    entry: Array
    first: Array
    second: Array


class Tracepoints(Struct):
    """Heads of all tracepoints of some chunks, in the order of the batch; arrays of one element a tracepoint.

    Attributes:
        at: Byte position.
        chunk: Index into `Chunks`.
        kind: `LOG`, `ACTIVITY`, …
        level: The log type byte.
        flags: As stored, int64.
        reference: Format string reference, lower 32 bits, uint64.
        head: The first eight bytes, uint64 (they make the trace id).
        thread: Thread id.
        ticks: Continuous time.
        end: Byte position behind the data.
    """

    at: Array
    chunk: Array
    kind: Array
    level: Array
    flags: Array
    reference: Array
    head: Array
    thread: Array
    ticks: Array
    end: Array

    def take(self, rows: Array) -> "Tracepoints":
        """Return some of them."""
        return Tracepoints(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})


def read_heads(batch: Batch, chunks: Chunks, at: Array, owner: Array) -> Tracepoints:
    """Read the fixed part of the tracepoints at these positions."""
    word = at >> 3
    head = batch.words.take(word)
    last = batch.words.take(word + 2)
    return Tracepoints(
        at=at,
        chunk=owner,
        kind=np.ascontiguousarray(head.view(np.uint8)[::8]),
        level=np.ascontiguousarray(head.view(np.uint8)[1::8]),
        flags=head.view(np.uint16)[1::4].astype(np.int64),
        reference=head >> np.uint64(32),
        head=head,
        thread=batch.words.take(word + 1),
        ticks=(last & DELTA) + chunks.base.take(owner),
        end=np.minimum(at + HEAD + (last >> np.uint64(48)).view(np.int64), chunks.end.take(owner)),
    )


class Origins(Struct):
    """The fields that tell where tracepoints come from; 0 where one has none.

    Attributes:
        code: Lower 32 bits of the program counter.
        large: Large offset (16 bits).
        upper: Upper 16 bits of an absolute address, or the large shared-cache offset.
        uuid_at: Byte position of the image UUID of uuid_relative tracepoints, 0 where it is cut off.
        subsystem: Subsystem number.
    """

    code: Array
    large: Array
    upper: Array
    uuid_at: Array
    subsystem: Array


class Fields(Struct):
    """The other fields that flags announce; 0 where a tracepoint has none. Activity ids keep their high word.

    Attributes:
        current: Current activity id.
        created: New activity id (activities only).
        other: Parent activity id (activities only).
        private_offset: Start of the private range, as stored (it counts from the virtual offset 4096 - size).
        signpost: Signpost id.
        ttl: Days to keep.
        oversize: Reference to an oversize chunk.
        name: Reference to the signpost's name, lower 32 bits.
        name_upper: Its upper 16 bits.
        items: Byte position of the item count.
    """

    current: Array
    created: Array
    other: Array
    private_offset: Array
    signpost: Array
    ttl: Array
    oversize: Array
    name: Array
    name_upper: Array
    items: Array

    def take(self, rows: Array) -> "Fields":
        """Return those of some tracepoints."""
        return Fields(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})


class FieldReader:
    """Steps through the optional fields of many tracepoints at once."""

    def __init__(self, batch: Batch, points: Tracepoints) -> None:
        self._two = batch.bytes_at(2)
        self._four = batch.bytes_at(4)
        self._eight = batch.bytes_at(8)
        self._last = batch.data.size - 8
        self._points = points
        self._activity = points.kind == ACTIVITY
        self._signpost = points.kind == SIGNPOST
        self._message = (points.kind == LOG) | self._signpost
        self._where = points.flags & STRINGS
        self._cursor = points.at + HEAD

    def origins(self) -> Origins:
        """Read where the tracepoints come from."""
        flags, activity, message = self._points.flags, self._activity, self._message
        # Current activity; private range; of activities also process, parent and new activity.
        skipped = 8 * ((flags & HAS_CURRENT_AID) & (activity | message)) + 4 * ((flags >> 8 & 1) & message)
        if activity.any():
            more = (flags >> 4 & 1) + (flags >> 9 & 1) + (self._points.level != USER_ACTION)
            skipped += 8 * more * activity
        self._cursor = self._points.at + HEAD + skipped
        code = self._four[np.minimum(self._cursor, self._last)].astype(np.uint64)
        self._cursor = self._cursor + 4
        large = self._optional(2, flags & HAS_LARGE_OFFSET != 0)
        upper = self._optional(2, (self._where == ABSOLUTE) | (self._where == LARGE_SHARED_CACHE))
        relative = self._where == UUID_RELATIVE
        uuid_at = np.where(relative, self._cursor, 0)
        self._cursor = self._cursor + 16 * relative
        subsystem = self._optional(2, message & (flags & HAS_SUBSYSTEM != 0))
        found = Origins(code, large, upper, uuid_at, subsystem)
        self._forget_cut(found)
        return found

    def fields(self) -> Fields:
        """Read everything else."""
        flags, activity, message, signpost = self._points.flags, self._activity, self._message, self._signpost
        nothing = np.zeros(flags.size, np.uint64)
        self._cursor = self._points.at + HEAD
        current = self._optional(8, (flags & HAS_CURRENT_AID != 0) & (activity | message))
        created = other = nothing
        if activity.any():
            self._optional(8, activity & (flags & HAS_UNIQUE_PID != 0))
            other = self._optional(8, activity & (flags & HAS_SUBSYSTEM != 0))
            created = self._optional(8, activity & (self._points.level != USER_ACTION))
        private = self._optional(4, message & (flags & HAS_PRIVATE_DATA != 0))
        self._cursor = self._cursor + (4 + _ORIGIN_SIZES.take(flags & 0x2E) + 2 * ((flags >> 9 & 1) & message))
        some = bool(signpost.any())
        identity = self._optional(8, signpost) if some else nothing
        ttl = self._optional(1, message & (flags & HAS_RULES != 0))
        oversize = self._optional(4, message & (flags & HAS_OVERSIZE != 0))
        named = signpost & (flags & HAS_NAME != 0)
        name = self._optional(4, named) if some else nothing
        name_upper = self._optional(2, named & (flags & HAS_LARGE_OFFSET != 0)) if some else nothing
        self._skip_personas(np.flatnonzero(message & (flags & HAS_PERSONA != 0)))
        found = Fields(
            current=current,
            created=created,
            other=other,
            private_offset=private & _U16,
            signpost=identity,
            ttl=ttl,
            oversize=oversize,
            name=name,
            name_upper=name_upper,
            items=self._cursor + 1,
        )
        self._forget_cut(found)
        return found

    def _forget_cut(self, found: "Origins | Fields") -> None:
        """Set the fields of tracepoints to 0 that end before their fields do: what was read there is not theirs."""
        cut = np.flatnonzero(self._cursor > self._points.end)
        if cut.size:
            for name in found.__struct_fields__:
                if name != "items":
                    getattr(found, name)[cut] = 0

    def _skip_personas(self, rows: Array) -> None:
        """Move the cursors of these tracepoints behind their persona, where there is one.

        From iOS 27 on a flag announces a persona id of four bytes, but where the process has one of its own none follows
        (mandiant/macos-UnifiedLogs #152, #154, #158; no public archive to check). So see which reading gives items and
        values that fill the record; where both do, the flag is believed.
        """
        if not rows.size:
            return
        at, end = self._cursor[rows], self._points.end[rows]
        with_it = self._fit(at + _PERSONA + 1, end)
        without = self._fit(at + 1, end)
        self._cursor[rows] += _PERSONA * (with_it >= without)

    def _fit(self, count_at: Array, end: Array) -> Array:
        """Return how well item lists fit whose counts stand at these positions.

        2: items and the bytes that they point to end where the record ends; 1: they end before; 0: they make no sense.
        """
        fits = count_at < end
        count = np.where(fits, self._two[np.minimum(count_at, self._last)] & 0xFF, 0).astype(np.int64)
        cursor = count_at + 1
        needed = np.zeros(count.size, np.int64)
        for step in range(int(count.max(initial=0))):
            reading = fits & (count > step)
            if not reading.any():
                break
            head = self._eight[np.minimum(cursor, self._last)]
            kind = (head & np.uint64(0xFF)).view(np.int64)
            reach = (((head >> np.uint64(16)) & _U16) + ((head >> np.uint64(32)) & _U16)).view(np.int64)
            needed = np.where(reading & _IS_RANGE.take(kind), np.maximum(needed, reach), needed)
            cursor = np.where(reading, cursor + 2 + ((head >> np.uint64(8)) & np.uint64(0xFF)).view(np.int64), cursor)
            fits &= ~reading | (_IS_ITEM.take(kind) & (cursor <= end))
        grade: Array = fits * (1 + (cursor + needed == end))
        return grade

    def _optional(self, size: int, present: Array) -> Array:
        """Return the field of `size` bytes where it is present, else 0, as uint64; move those cursors behind it."""
        rows = np.flatnonzero(present)
        if not rows.size:
            return np.zeros(present.size, np.uint64)
        whole = rows.size == present.size
        at = np.minimum(self._cursor if whole else self._cursor[rows], self._last)
        view = self._eight if size == 8 else self._four if size == 4 else self._two
        values: Array = view[at].astype(np.uint64)
        if size == 1:
            values &= np.uint64(0xFF)
        if whole:
            self._cursor = self._cursor + size
            return values
        found = np.zeros(present.size, np.uint64)
        found[rows] = values
        self._cursor[rows] += size
        return found


def private_begin(batch: Batch, chunks: Chunks, owner: Array, offset: Array) -> Array:
    """Return where the private data of some records begin; behind the chunk where it has none there.

    Private data stand at the end of a chunk; their offsets are those of a full 4096-byte chunk. One that leads before
    them, which only damage makes, would show what another process logged.

    Args:
        batch: The data.
        chunks: The chunks.
        owner: The chunk of each record.
        offset: The record's private offset, as stored.
    """
    first = ((batch.words[(chunks.at >> 3) + 4] >> np.uint64(16)) & _U16).astype(np.int64) & (_PRIVATE_END - 1)
    first = np.where(first > 0, first, _PRIVATE_END).take(owner)
    end = chunks.end.take(owner)
    begin: Array = np.where(offset >= first, end - _PRIVATE_END + offset, end)
    return begin
