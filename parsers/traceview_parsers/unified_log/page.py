"""One batch of messages while their values are written: each value's Arrow entry goes to its segment."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.binary_views import entries
from traceview_parsers.unified_log import columns, numbers, stars
from traceview_parsers.unified_log.arguments import NULL_TEXT, PRIVATE_TEXT
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import (
    IS_NO_VALUE,
    NUMBER_TYPES,
    PRIVATE,
    SENSITIVE,
    Items,
    Places,
)
from traceview_parsers.unified_log.plans import Plans, Style

_PRIVATE_ENTRY: Final = numbers.small_entry(PRIVATE_TEXT.encode())
_NULL_ENTRY: Final = numbers.small_entry(NULL_TEXT.encode())
_BOOLS: Final = {
    Style.BOOL: np.concatenate([numbers.small_entry(b"false"), numbers.small_entry(b"true")]),
    Style.BOOL_UPPER: np.concatenate([numbers.small_entry(b"NO"), numbers.small_entry(b"YES")]),
}
_SMALL: Final = 10_000
_SMALL_DECIMALS: Final = numbers.decimal_entries(_SMALL)
"""Entries of 0 … 9999 and of 0 … -9999."""

_SIGN_OF_BYTE: Final = 0x80
_WITHHELD: Final = 0x8000
"""Size of a private number whose value was not stored (seen by other readers in real archives)."""

_CHARACTERS: Final = np.concatenate(
    [numbers.small_entry(bytes((byte,)).decode("ascii", "replace").encode()) for byte in range(256)]
)
_HIDDEN, _INTEGER, _FLOAT, _TEXT, _CUT, _UUID, _HASH, _GENERAL, _NOTHING = range(9)
_NUMBER_TYPES: Final = np.isin(np.arange(256), NUMBER_TYPES)
_INTEGER_STYLES: Final = frozenset(range(Style.SIGNED, Style.TEXT)) | {
    Style.BOOL,
    Style.BOOL_UPPER,
    Style.ANY,
    Style.CHARACTER,
}

Render = Callable[[list[Any]], list[bytes]]
_IS_DECIMAL: Final = np.isin(np.arange(len(Style)), (Style.SIGNED, Style.UNSIGNED, Style.ANY))
_IS_HEX: Final = np.isin(np.arange(len(Style)), (Style.HEX, Style.POINTER, Style.HEX_PREFIXED))
_IS_HEX_UPPER: Final = np.arange(len(Style)) == Style.HEX_UPPER


def _ways() -> Array:
    """Return the way of writing for each style and item type: uint8 [styles, 256]."""
    table = np.full((len(Style), 256), _GENERAL, np.uint8)
    for style in Style:
        if style in _INTEGER_STYLES:
            table[style, [0x00, 0x02]] = _INTEGER
        if style in {Style.TEXT, Style.ANY}:
            table[style, [0x20, 0x22, 0x40, 0x42]] = _TEXT
    table[Style.TEXT_CUT, [0x20, 0x22, 0x40, 0x42]] = _CUT
    table[Style.FLOAT, [0x00, 0x02]] = _FLOAT
    table[Style.UUID, [0x30, 0x32]] = _UUID
    table[:, 0xF0:] = _HASH
    kinds = np.arange(256)
    table[:, (kinds & (PRIVATE | SENSITIVE) != 0) & (kinds != 0xF1)] = _HIDDEN
    table[:, IS_NO_VALUE] = _NOTHING
    table[stars.IS_STAR] = _NOTHING
    return table.reshape(-1)


_WAYS: Final = _ways()


class Layout:
    """Segments of a batch of messages: `entries` filled with literals, and the first segment of each record."""

    def __init__(self, plans: Plans, plan: Array) -> None:
        count = plans.table["segments"].take(plan)
        self.borders = np.zeros(plan.size + 1, np.int64)
        np.cumsum(count, out=self.borders[1:])
        self.plan = plan
        first = plans.table["segment"].take(plan) - self.borders[:-1]
        self.entries = plans.segments.take(np.repeat(first, count) + np.arange(int(self.borders[-1])))


class Page:
    """The values of one batch of messages on their way into the layout.

    Attributes:
        data: uint8, the bytes that `places` speaks of.
        places: Where each record's items and values lie.
        items: The items.
        layout: The segments.
        slot: Row of `slots` that each item fills; -1 where the format has no place for it.
        slots: The plans' slots.
        plans: The plans.
        buffers: The Arrow buffers that entries refer to by number.
    """

    def __init__(self, data: Array, places: Places, items: Items, layout: Layout, plans: Plans) -> None:
        self.data = data
        self.places = places
        self.items = items
        self.layout = layout
        self.plans = plans
        self.buffers: list[Any] = [plans.pool(), data]
        slots = plans.slots
        table = plans.table
        stars.place(items, plans, layout.plan)
        fits = items.slot < items.spread(table["slots"].take(layout.plan))
        slot = items.slot + items.spread(table["slot"].take(layout.plan))
        self.slot = slot if fits.all() else np.where(fits, slot, -1)
        self.slots = slots
        self._target = items.spread(layout.borders[:-1]) + slots["segment"].take(self.slot, mode="clip")
        self._fits = fits

    def write_values(self, render_all: Render) -> None:
        """Fill the segments of all values."""
        if not self.items.record.size:
            return
        style = self.slots["style"].take(self.slot, mode="clip").astype(np.int64)
        ways = _WAYS.take(style * 256 + self.items.kind)
        if not self._fits.all():
            ways[~self._fits] = _NOTHING
        groups = [np.flatnonzero(ways == way) for way in range(_NOTHING)]
        general = [groups[_GENERAL]]
        general.append(self._hidden(groups[_HIDDEN], style))
        self._integers(groups[_INTEGER], style)
        general.append(self._floats(groups[_FLOAT]))
        self._texts(groups[_TEXT], *self._public(groups[_TEXT]))
        self._cut_texts(groups[_CUT], *self._public(groups[_CUT]))
        general.append(self._uuids(groups[_UUID]))
        general.append(self._hashes(groups[_HASH]))
        self._general(np.concatenate(general), style, render_all)

    def messages(self) -> Any:
        """Return the messages as pa.large_string()."""
        layout = self.layout
        buffers = [pa.py_buffer(buffer) for buffer in self.buffers]
        pieces = pa.Array.from_buffers(
            pa.binary_view(), layout.entries.size, [None, pa.py_buffer(layout.entries), *buffers]
        )
        joined = pieces.cast(pa.large_binary())
        offsets = (
            np.frombuffer(joined.buffers()[1], np.int64, layout.entries.size + 1) if layout.entries.size else _NONE
        )
        ends = pa.py_buffer(np.ascontiguousarray(offsets[layout.borders]))
        content = joined.buffers()[2] if layout.entries.size else pa.py_buffer(b"")
        return columns.text(pa.Array.from_buffers(pa.large_binary(), layout.plan.size, [None, ends, content]))

    def texts(self, rows: Array) -> Any:
        """Return what was written for these items, as pa.large_string()."""
        found = self.layout.entries[self._targets(rows)]
        buffers = [pa.py_buffer(buffer) for buffer in self.buffers]
        return columns.text(
            pa.Array.from_buffers(pa.binary_view(), rows.size, [None, pa.py_buffer(found), *buffers]).cast(
                pa.large_binary()
            )
        )

    def withheld(self, rows: Array) -> Array:
        """Return which of these items are private and not stored."""
        _, size = self.items.ranges(rows)
        kind = self.items.kind[rows]
        gone = (size == 0) | ((size == _WITHHELD) & (kind >> 4 == 0))
        answer: Array = gone & (kind & (PRIVATE | SENSITIVE) != 0)
        return answer

    def nothing(self, rows: Array) -> Array:
        """Return which of these items have no bytes."""
        _, size = self.items.ranges(rows)
        answer: Array = size == 0
        return answer

    def _targets(self, rows: Array) -> Array:
        """Return the segment that each of these items fills."""
        target: Array = self._target[rows]
        return target

    def _public(self, rows: Array) -> tuple[Array, Array]:
        """Return (position, size) of the bytes of items in their records' values; cut at the record's end."""
        offset, size = self.items.ranges(rows)
        record = self.items.record[rows]
        return _clipped(self.items.values_at[record] + offset, size, self.places.end[record])

    def _private(self, rows: Array) -> tuple[Array, Array]:
        """Return (position, size) of the bytes of private items."""
        offset, size = self.items.ranges(rows)
        record = self.items.record[rows]
        return _clipped(self.places.private[record] + offset, size, self.places.private_end[record])

    def _texts(self, rows: Array, at: Array, size: Array) -> None:
        if not rows.size:
            return
        found = entries(self.data, at, size - (self.data[at + size - 1] == 0), 1)
        found[size == 0] = _NULL_ENTRY
        self.layout.entries[self._targets(rows)] = found

    def _cut_texts(self, rows: Array, at: Array, size: Array) -> None:
        """Write texts of which the format wants the beginning only."""
        if not rows.size:
            return
        limit = self.slots["digits"].take(self.slot[rows])
        length = np.minimum(size - ((self.data[at + size - 1] == 0) & (size > 0)), limit)
        found = entries(self.data, at, length, 1)
        found[(size == 0) & (limit > 0)] = _NULL_ENTRY
        self.layout.entries[self._targets(rows)] = found

    def _hidden(self, rows: Array, style: Array) -> Array:
        """Write private values; return the items whose value is stored and needs the general rendering."""
        withheld = self.withheld(rows)
        self.layout.entries[self._targets(rows[withheld])] = _PRIVATE_ENTRY
        shown = rows[~withheld]
        plain = (style[shown] == Style.TEXT) & np.isin(self.items.kind[shown] >> 4, (2, 4))
        self._texts(shown[plain], *self._private(shown[plain]))
        rest: Array = shown[~plain]
        return rest

    def _integers(self, rows: Array, style: Array) -> None:
        if not rows.size:
            return
        value = self.items.numbers(self.data, rows)
        style = style[rows]
        hits = np.flatnonzero(_IS_DECIMAL.take(style))
        self._decimals(rows[hits], value[hits], style[hits] != Style.UNSIGNED)
        for upper, table in ((False, _IS_HEX), (True, _IS_HEX_UPPER)):
            hits = np.flatnonzero(table.take(style))
            if hits.size:
                self._hexadecimals(rows[hits], value[hits], style[hits], upper=upper)
        for name, words in _BOOLS.items():
            hits = np.flatnonzero(style == name)
            self.layout.entries[self._targets(rows[hits])] = words.take((value[hits] != 0).view(np.int8))
        hits = np.flatnonzero(style == Style.CHARACTER)
        self.layout.entries[self._targets(rows[hits])] = _CHARACTERS.take(
            (value[hits] & np.uint64(0xFF)).view(np.int64)
        )

    def _decimals(self, rows: Array, value: Array, signed: Array) -> None:
        # Most numbers are small, whatever their sign; of those that fill their byte the upper bit may be one.
        bare = self.slots["bare"].take(self.slot[rows])
        small = (value < _SMALL) & bare & ((value < _SIGN_OF_BYTE) | (self.items.size[rows] > 1))
        hits = np.flatnonzero(small)
        self.layout.entries[self._targets(rows[hits])] = _SMALL_DECIMALS.take(value[hits].view(np.int64))
        rest = np.flatnonzero(~small)
        if rest.size:
            self._other_decimals(rows[rest], value[rest], signed[rest], bare[rest])

    def _other_decimals(self, rows: Array, value: Array, signed: Array, bare: Array) -> None:
        shift = (64 - 8 * self.items.size[rows]).view(np.uint64)
        whole = (value << shift).view(np.int64) >> shift.view(np.int64)
        negative = signed & (whole < 0)
        magnitude = np.where(negative, -whole, value.view(np.int64)).view(np.uint64)
        small = (magnitude < _SMALL) & bare
        hits = np.flatnonzero(small)
        index = magnitude[hits].view(np.int64) + _SMALL * negative[hits]
        self.layout.entries[self._targets(rows[hits])] = _SMALL_DECIMALS.take(index)
        rest = np.flatnonzero(~small)
        if rest.size:
            slot, minus = self.slot[rows[rest]], negative[rest]
            digits = self.slots["digits"].take(slot) - (self.slots["sign_counts"].take(slot) & minus)
            width = self.slots["width"].take(slot)
            self._place(rows[rest], *numbers.decimal_rows(magnitude[rest], minus, digits, width))

    def _hexadecimals(self, rows: Array, value: Array, style: Array, *, upper: bool) -> None:
        prefixed = (style == Style.POINTER) | ((style == Style.HEX_PREFIXED) & (value != 0))
        slot = self.slot[rows]
        digits, width = self.slots["digits"].take(slot), self.slots["width"].take(slot)
        self._place(rows, *numbers.hexadecimal_rows(value, prefixed, digits, width, upper=upper))

    def _floats(self, rows: Array) -> Array:
        """Write floats; return the items of other sizes."""
        size = self.items.size[rows]
        good = (size == 8) | (size == 4)
        rest: Array = rows[~good]
        rows = rows[good]
        if rows.size:
            values = as_floats(self.items.numbers(self.data, rows), size[good])
            formats = self.plans.float_formats
            places = self.slots["place"].take(self.slot[rows]).tolist()
            self._place_texts(
                rows, [(formats[place] % value).encode() for place, value in zip(places, values.tolist(), strict=True)]
            )
        return rest

    def _uuids(self, rows: Array) -> Array:
        at, size = self._public(rows)
        good = size == numbers.MASK_HASH_SIZE
        if good.any():
            text = numbers.uuid_rows(_blocks(self.data, at[good]))
            begin = np.arange(text.shape[0], dtype=np.int64) * text.shape[1]
            flat = np.concatenate([text.reshape(-1), np.zeros(16, np.uint8)])
            self._place(rows[good], flat, begin, np.full(begin.size, 36))
        rest: Array = rows[~good]
        return rest

    def _hashes(self, rows: Array) -> Array:
        at, size = self._public(rows)
        good = (size == numbers.MASK_HASH_SIZE) & (self.items.kind[rows] == 0xF2)
        if good.any():
            text, length = numbers.mask_hash_rows(_blocks(self.data, at[good]))
            begin = np.arange(text.shape[0], dtype=np.int64) * text.shape[1]
            flat = np.concatenate([text.reshape(-1), np.zeros(16, np.uint8)])
            self._place(rows[good], flat, begin, np.full(begin.size, length))
        rest: Array = rows[~good]
        return rest

    def _place(self, rows: Array, text: Array, at: Array, length: Array) -> None:
        self.layout.entries[self._targets(rows)] = entries(text, at, length, len(self.buffers))
        self.buffers.append(text)

    def _place_texts(self, rows: Array, texts: list[bytes]) -> None:
        length = np.fromiter(map(len, texts), np.int64, len(texts))
        begin = np.cumsum(length) - length
        self._place(rows, np.frombuffer(b"".join([*texts, bytes(16)]), np.uint8), begin, length)

    def _general(self, rows: Array, style: Array, render_all: Render) -> None:
        """Write values one by one; equal ones once."""
        led = stars.are_led(self.items, style, rows)
        bare = _NUMBER_TYPES.take(self.items.kind[rows]) & ~led & (self.items.size[rows] <= 8)
        numbered, others = rows[bare], rows[~bare]
        if numbered.size:
            place = self.slots["place"].take(self.slot[numbered]).tolist()
            size = self.items.size[numbered].tolist()
            value = self.items.numbers(self.data, numbered).tolist()
            keys: list[Any] = list(zip(place, size, value, strict=True))
            self._place_texts(numbered, render_all(keys))
        if others.size:
            place = self.slots["place"].take(self.slot[others]).tolist()
            kinds = self.items.kind[others].tolist()
            given = stars.given(self.items, style, self.data, others)
            keys = list(zip(place, kinds, self._bytes(others), *given, strict=True))
            self._place_texts(others, render_all(keys))

    def _bytes(self, rows: Array) -> list[bytes]:
        """Return the bytes of each item's value."""
        kind = self.items.kind[rows]
        at, size = self._public(rows)
        hidden = np.flatnonzero(kind & (PRIVATE | SENSITIVE))
        at[hidden], size[hidden] = self._private(rows[hidden])
        number = np.flatnonzero(np.isin(kind, (0x00, 0x02, 0x60, 0x62)))
        at[number], size[number] = self.items.at[rows[number]], self.items.size[rows[number]]
        data = self.data
        return [data[begin : begin + count].tobytes() for begin, count in zip(at.tolist(), size.tolist(), strict=True)]


_NONE: Final = np.zeros(1, np.int64)


def as_floats(bits: Array, size: Array) -> Array:
    """Return the floats that bits (uint64) of 4 or 8 bytes stand for; of other sizes they mean nothing."""
    values = bits.view(np.float64).copy()
    single = np.flatnonzero(size == 4)
    # Bits of an integer or of damage may be a signalling NaN, of which the processor tells.
    with np.errstate(invalid="ignore"):
        values[single] = bits[single].astype(np.uint32).view(np.float32)
    return values


def _clipped(at: Array, size: Array, end: Array) -> tuple[Array, Array]:
    if at.size and (at + size <= end).all() and at.min() > 0:
        return at, size
    begin = np.minimum(at, end)
    return np.maximum(begin, 1), np.minimum(size, end - begin)


def _blocks(data: Array, at: Array) -> Array:
    """Return the 16 bytes at each position: uint8 [n, 16]."""
    found: Array = np.lib.stride_tricks.sliding_window_view(data, 16)[at]
    return found
