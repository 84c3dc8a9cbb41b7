"""Argument items of many records at once.

Layout (libyal dtformats): {type u8, size u8, data}; the data are a number, or offset and size (u16 each) of bytes in the
record's values or in the chunk's private data. The type's upper half says what it is (0 number, 1 length or precision,
2 string, 3 data, 4 object, 5 wide string, 6 errno, 7 name of a mask, 8 and 15 masked), the lower half its privacy
(bit 0 private, bit 1 public, bit 2 sensitive).
"""

from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.binary_views import overlapping
from traceview_parsers.unified_log.interning import Array

NUMBER: Final = 0x0
LENGTH: Final = 0x1
MASK_NAME: Final = 0x7
PRIVATE: Final = 0x1
SENSITIVE: Final = 0x4
NUMBER_TYPES: Final = (0x00, 0x02)
NO_SLOT: Final = 1 << 16
_SIZE_MASK: Final = np.array([(1 << (8 * size)) - 1 for size in range(8)] + [2**64 - 1], np.uint64)
IS_NO_VALUE: Final = np.isin(np.arange(256) >> 4, (LENGTH, MASK_NAME))


class Places(Struct):
    """Where the items and values of each record lie in a buffer; arrays of one element a record.

    Attributes:
        count_at: Byte position of the item count, or -1 where a record has none.
        end: Byte position behind the values.
        private: Byte position that offsets of private items count from.
        private_end: Byte position behind the private data.
    """

    count_at: Array
    end: Array
    private: Array
    private_end: Array


class Items(Struct):
    """All items of some records, in no particular order; arrays of one element an item.

    Attributes:
        record: Index of the record.
        slot: How many values of the record stand before it.
        kind: Type byte.
        size: Size byte.
        head: First eight bytes: type, size and six bytes of data, uint64.
        at: Byte position of the data.
        order: The records, those with most items first: step k has an item of each in a prefix of it.
        steps: How many items of each step, as they were laid out when they were read.
        broken: Records whose items reach beyond their end.
        values_at: For each record, the byte position that offsets count from.
    """

    record: Array
    slot: Array
    kind: Array
    size: Array
    head: Array
    at: Array
    order: Array
    steps: Array
    broken: Array
    values_at: Array

    def spread(self, values: Array) -> Array:
        """Return for each item what `values` holds for its record."""
        return _prefixes(values.take(self.order), self.steps)

    def numbers(self, data: Array, rows: Array) -> Array:
        """Return the values of number items as unsigned bits (uint64)."""
        size = self.size[rows]
        value = self.head[rows] >> np.uint64(16)
        wide = np.flatnonzero(size > 6)
        if wide.size:
            value[wide] = overlapping(data, 8)[self.at[rows[wide]]]
        value &= _SIZE_MASK.take(size, mode="clip")
        return value

    def before(self, rows: Array) -> Array:
        """Return the index of the item before each of these in the same record, or -1; before -1 there is none either."""
        begins = np.cumsum(self.steps) - self.steps
        step = np.searchsorted(begins, rows, "right") - 1
        place = rows - begins.take(step, mode="clip") + begins.take(step - 1, mode="clip")
        return np.where(step > 0, place, -1)

    def ranges(self, rows: Array) -> tuple[Array, Array]:
        """Return (offset, size) of items that point to bytes; what does not lie in the item is 0."""
        parts = ((self.head[rows] >> np.uint64(16)) & _SIZE_MASK.take(self.size[rows], mode="clip")).view(np.uint16)
        return parts[::4].astype(np.int64), parts[1::4].astype(np.int64)


def walk_items(data: Array, places: Places) -> Items:
    """Read the items of all records, the k-th of all records in step k.

    `data` must go on for `chunksets.GUARD` bytes behind the last record.
    """
    has = np.flatnonzero(places.count_at >= 0)
    count = np.zeros(places.count_at.size, np.uint8)
    count[has] = data[places.count_at[has]]
    order = np.argsort(255 - count, kind="stable")  # records with many items first: step k walks a prefix
    counts = count[order]
    steps = np.searchsorted(-counts.astype(np.int16), -np.arange(1, int(counts[0]) + 1 if counts.size else 1), "right")
    eight = overlapping(data, 8)
    cursor = places.count_at[order] + 1
    values_at = np.empty(cursor.size, np.int64)
    heads, positions, sizes = [], [], []
    for active in steps.tolist():
        values_at[order[active : cursor.size]] = cursor[active:]
        cursor = cursor[:active]
        head = eight[cursor]
        size = head.view(np.uint8)[1::8].astype(np.int64)
        cursor = cursor + 2
        heads.append(head)
        positions.append(cursor)
        sizes.append(size)
        cursor = cursor + size
    values_at[order[: cursor.size]] = cursor
    if not heads:
        nothing = np.zeros(0, np.int64)
        return Items(
            *(nothing, nothing, nothing, nothing, nothing.view(np.uint64), nothing, order, nothing, nothing), values_at
        )
    head, at, size = np.concatenate(heads), np.concatenate(positions), np.concatenate(sizes)
    record = _prefixes(order, steps)
    kind = np.ascontiguousarray(head.view(np.uint8)[::8])
    nothing = np.zeros(0, np.int64)
    items = Items(record, _slots(kind, steps), kind, size, head, at, order, steps, nothing, values_at)
    if (values_at <= places.end).all():
        return items
    outside = at + size > places.end[record]
    items.broken = np.unique(record[outside])
    return _without(items, outside)


def _prefixes(values: Array, steps: Array) -> Array:
    """Return the first values, as many as each step has, one step after the other."""
    return np.concatenate([values[:active] for active in steps.tolist()]) if steps.size else values[:0]


def _slots(kind: Array, steps: Array) -> Array:
    """Return how many values of its record stand before each item, for items laid out step by step."""
    step_of = np.repeat(np.arange(steps.size), steps)
    slots = step_of.copy()
    begins = np.cumsum(steps) - steps
    lengths = np.flatnonzero(IS_NO_VALUE.take(kind))
    rank = lengths - begins[step_of[lengths]]
    # The later items of a record with a length item stand one slot earlier; step k has the items of ranks 0 … steps[k].
    later = np.searchsorted(-steps, -rank, "left") - step_of[lengths] - 1
    step = np.repeat(step_of[lengths] + 1, later) + _counting(later)
    np.subtract.at(slots, begins[step] + np.repeat(rank, later), 1)
    return slots


def _counting(counts: Array) -> Array:
    """Return 0 … n-1 for each n, one after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size else 0
    steps: Array = np.arange(total) - np.repeat(ends - counts, counts)
    return steps


def _without(items: Items, outside: Array) -> Items:
    """Make the items outside of their records ones that fill no slot."""
    items.kind[outside] = LENGTH << 4
    items.slot[outside] = NO_SLOT
    return items
