"""Messages of many records at once.

Every message is a row of pieces: literals of its format, texts where they lie in the data, numbers from a byte matrix.
The pieces become entries of one Arrow ``binary_view`` array; casting that to ``large_binary`` copies all bytes in one
pass, and the offsets at the records' borders are those of the messages.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.unified_log import columns, numbers
from traceview_parsers.unified_log.arguments import NULL_TEXT, PRIVATE_TEXT, render
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import LENGTH, PRIVATE, SENSITIVE, Items, Places, walk_items
from traceview_parsers.unified_log.plans import Plans, Style

_PRIVATE_ENTRY: Final = numbers.small_entry(PRIVATE_TEXT.encode())
_NULL_ENTRY: Final = numbers.small_entry(NULL_TEXT.encode())
_EMPTY_ENTRY: Final = numbers.small_entry(b"")
_BOOLS: Final = {
    Style.BOOL: np.concatenate([numbers.small_entry(b"false"), numbers.small_entry(b"true")]),
    Style.BOOL_UPPER: np.concatenate([numbers.small_entry(b"NO"), numbers.small_entry(b"YES")]),
}
_SMALL: Final = 10_000
_SMALL_DECIMALS: Final = np.concatenate(
    [numbers.small_entry(str(number).encode()) for number in (*range(_SMALL), *range(0, -_SMALL, -1))]
)
"""Entries of 0 … 9999 and of 0 … -9999."""

_WITHHELD: Final = 0x8000
"""Size of a private number whose value was not stored (seen by other readers in real archives)."""

_HIDDEN, _NUMBER, _TEXT, _UUID, _HASH, _GENERAL, _NOTHING = range(7)
_NUMBER_STYLES: Final = frozenset(range(Style.SIGNED, Style.TEXT)) | {Style.BOOL, Style.BOOL_UPPER, Style.ANY}
_CACHE_LIMIT: Final = 200_000

Message = tuple[Any, Any]


def _ways() -> Array:
    """Return the way of writing for each style and item type: uint8 [styles, 256]."""
    table = np.full((len(Style), 256), _GENERAL, np.uint8)
    for style in Style:
        if style in _NUMBER_STYLES:
            table[style, [0x00, 0x02]] = _NUMBER
        if style in {Style.TEXT, Style.ANY}:
            table[style, [0x20, 0x22, 0x40, 0x42]] = _TEXT
    table[Style.UUID, [0x30, 0x32]] = _UUID
    table[:, 0xF0:] = _HASH
    kinds = np.arange(256)
    table[:, (kinds & (PRIVATE | SENSITIVE) != 0) & (kinds != 0xF1)] = _HIDDEN
    table[:, (kinds >> 4 == LENGTH) | (kinds >> 4 == 7)] = _NOTHING
    table[Style.WIDTH] = _NOTHING
    return table.reshape(-1)


_WAYS: Final = _ways()


class Composer:
    """Writes messages; keeps what it rendered one value at a time, since values repeat."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._cache: dict[tuple[object, ...], bytes] = {}

    def compose(self, data: Array, places: Places, plan: Array) -> tuple[Any, Items]:
        """Write the messages of records.

        Args:
            data: uint8, the decompressed bytes that `places` speaks of.
            places: Where each record's items and values lie.
            plan: Plan number of each record.

        Returns:
            (messages as pa.large_string(), the items).
        """
        items = walk_items(data, places)
        layout = _Layout(self._plans, plan)
        page = _Page(data, places, items, layout, self._plans)
        page.write_values(self._render)
        return page.messages(), items

    def _render(self, key: tuple[int, int, bytes, int | None, int | None]) -> bytes:
        place, kind, value, width, precision = key
        cached = self._cache.get(key)
        if cached is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            text = render(self._plans.placeholders[place], kind, value, width, precision)
            cached = self._cache[key] = text.encode("utf-8", "replace")
        return cached


class _Layout:
    """Segments of a batch of messages: `entries` filled with literals, and the first segment of each record."""

    def __init__(self, plans: Plans, plan: Array) -> None:
        count = plans.table["segments"].take(plan)
        self.borders = np.zeros(plan.size + 1, np.int64)
        np.cumsum(count, out=self.borders[1:])
        self.plan = plan
        first = plans.table["segment"].take(plan) - self.borders[:-1]
        self.entries = plans.segments.take(np.repeat(first, count) + np.arange(int(self.borders[-1])))


class _Page:
    """The values of one batch of messages on their way into the layout."""

    def __init__(self, data: Array, places: Places, items: Items, layout: _Layout, plans: Plans) -> None:
        self._data = data
        self._places = places
        self._items = items
        self._layout = layout
        self._buffers: list[Any] = [plans.pool(), data]
        slots = plans.slots
        table = plans.table
        record_plan = layout.plan.take(items.record)
        fits = items.slot < table["slots"].take(record_plan)
        slot = table["slot"].take(record_plan) + items.slot
        self._slot = slot if fits.all() else np.where(fits, slot, -1)
        self._slots = slots
        self._fits = fits

    def write_values(self, render_one: Callable[[tuple[int, int, bytes, int | None, int | None]], bytes]) -> None:
        """Fill the segments of all values."""
        if not self._items.record.size:
            return
        style = self._slots["style"].take(self._slot, mode="clip").astype(np.int64)
        ways = _WAYS.take(style * 256 + self._items.kind)
        if not self._fits.all():
            ways[~self._fits] = _NOTHING
        order = np.argsort(ways, kind="stable")
        borders = np.concatenate([[0], np.cumsum(np.bincount(ways, minlength=7))])
        groups = [order[borders[way] : borders[way + 1]] for way in range(7)]
        general = [groups[_GENERAL]]
        general.append(self._hidden(groups[_HIDDEN], style))
        self._numbers(groups[_NUMBER], style)
        self._texts(groups[_TEXT], *self._public(groups[_TEXT]))
        general.append(self._uuids(groups[_UUID]))
        general.append(self._hashes(groups[_HASH]))
        self._general(np.concatenate(general), render_one)

    def messages(self) -> Any:
        """Return the messages as pa.large_string()."""
        layout = self._layout
        buffers = [pa.py_buffer(buffer) for buffer in self._buffers]
        pieces = pa.Array.from_buffers(
            pa.binary_view(), layout.entries.size, [None, pa.py_buffer(layout.entries), *buffers]
        )
        joined = pieces.cast(pa.large_binary())
        offsets = np.frombuffer(joined.buffers()[1], np.int64, layout.entries.size + 1) if layout.entries.size else _NONE
        ends = pa.py_buffer(np.ascontiguousarray(offsets[layout.borders]))
        content = joined.buffers()[2] if layout.entries.size else pa.py_buffer(b"")
        return columns.text(pa.Array.from_buffers(pa.large_binary(), layout.plan.size, [None, ends, content]))

    def _targets(self, rows: Array) -> Array:
        """Return the segment that each of these items fills."""
        return self._layout.borders.take(self._items.record[rows]) + self._slots["segment"].take(self._slot[rows])

    def _public(self, rows: Array) -> tuple[Array, Array]:
        """Return (position, size) of the bytes of items in their records' values; cut at the record's end."""
        offset, size = self._items.ranges(rows)
        record = self._items.record[rows]
        return _clipped(self._items.values_at[record] + offset, size, self._places.end[record])

    def _private(self, rows: Array) -> tuple[Array, Array]:
        """Return (position, size) of the bytes of private items."""
        offset, size = self._items.ranges(rows)
        record = self._items.record[rows]
        return _clipped(self._places.private[record] + offset, size, self._places.private_end[record])

    def _texts(self, rows: Array, at: Array, size: Array) -> None:
        if not rows.size:
            return
        limit = self._slots["digits"].take(self._slot[rows])
        length = size - (self._data[at + np.maximum(size - 1, 0)] == 0) * (size > 0)
        cut = np.flatnonzero(limit >= 0)
        length[cut] = np.minimum(length[cut], limit[cut])
        found = numbers.entries(self._data, at, length, 1)
        absent = np.flatnonzero(size == 0)
        found[absent] = np.where(limit[absent] == 0, _EMPTY_ENTRY, _NULL_ENTRY)
        self._layout.entries[self._targets(rows)] = found

    def _hidden(self, rows: Array, style: Array) -> Array:
        """Write private values; return the items whose value is stored and needs the general rendering."""
        _, size = self._items.ranges(rows)
        withheld = (size == 0) | ((size == _WITHHELD) & (self._items.kind[rows] >> 4 == 0))
        self._layout.entries[self._targets(rows[withheld])] = _PRIVATE_ENTRY
        shown = rows[~withheld]
        plain = (style[shown] == Style.TEXT) & np.isin(self._items.kind[shown] >> 4, (2, 4))
        self._texts(shown[plain], *self._private(shown[plain]))
        return shown[~plain]

    def _numbers(self, rows: Array, style: Array) -> None:
        if not rows.size:
            return
        value = self._items.numbers(self._data, rows)
        style = style[rows]
        decimal = (style == Style.SIGNED) | (style == Style.UNSIGNED) | (style == Style.ANY)
        for name, table in _BOOLS.items():
            hits = np.flatnonzero(style == name)
            if hits.size:
                self._layout.entries[self._targets(rows[hits])] = table.take((value[hits] != 0).view(np.int8))
        hits = np.flatnonzero(decimal)
        self._decimals(rows[hits], value[hits], style[hits] != Style.UNSIGNED)
        for upper in (False, True):
            hexadecimal = (style == Style.HEX_UPPER) if upper else (
                (style == Style.HEX) | (style == Style.POINTER) | (style == Style.HEX_PREFIXED)
            )
            hits = np.flatnonzero(hexadecimal)
            if hits.size:
                prefixed = (style[hits] == Style.POINTER) | ((style[hits] == Style.HEX_PREFIXED) & (value[hits] != 0))
                digits = self._slots["digits"].take(self._slot[rows[hits]])
                self._place(rows[hits], *numbers.hexadecimal_rows(value[hits], digits, prefixed, upper=upper))

    def _decimals(self, rows: Array, value: Array, signed: Array) -> None:
        size = self._items.size[rows]
        shift = (64 - 8 * np.minimum(size, 8)).view(np.uint64)
        whole = (value << shift).view(np.int64) >> shift.view(np.int64)
        negative = signed & (whole < 0)
        magnitude = np.where(negative, -whole, value.view(np.int64)).view(np.uint64)
        digits = self._slots["digits"].take(self._slot[rows])
        small = (magnitude < _SMALL) & (digits <= 1)
        hits = np.flatnonzero(small)
        index = magnitude[hits].view(np.int64) + _SMALL * negative[hits]
        self._layout.entries[self._targets(rows[hits])] = _SMALL_DECIMALS.take(index)
        rest = np.flatnonzero(~small)
        if rest.size:
            counts = self._slots["sign_counts"].take(self._slot[rows[rest]]) & negative[rest]
            self._place(
                rows[rest], *numbers.decimal_rows(magnitude[rest], negative[rest], digits[rest] - counts)
            )

    def _uuids(self, rows: Array) -> Array:
        at, size = self._public(rows)
        good = size == numbers.MASK_HASH_SIZE
        if good.any():
            text = numbers.uuid_rows(_blocks(self._data, at[good]))
            begin = np.arange(text.shape[0], dtype=np.int64) * text.shape[1]
            flat = np.concatenate([text.reshape(-1), np.zeros(16, np.uint8)])
            self._place(rows[good], flat, begin, np.full(begin.size, 36))
        return rows[~good]

    def _hashes(self, rows: Array) -> Array:
        at, size = self._public(rows)
        good = (size == numbers.MASK_HASH_SIZE) & (self._items.kind[rows] == 0xF2)
        if good.any():
            text, length = numbers.mask_hash_rows(_blocks(self._data, at[good]))
            begin = np.arange(text.shape[0], dtype=np.int64) * text.shape[1]
            flat = np.concatenate([text.reshape(-1), np.zeros(16, np.uint8)])
            self._place(rows[good], flat, begin, np.full(begin.size, length))
        return rows[~good]

    def _place(self, rows: Array, text: Array, at: Array, length: Array) -> None:
        self._layout.entries[self._targets(rows)] = numbers.entries(text, at, length, len(self._buffers))
        self._buffers.append(text)

    def _general(self, rows: Array, render_one: Callable[[tuple[int, int, bytes, int | None, int | None]], bytes]) -> None:
        if not rows.size:
            return
        place = self._slots["place"].take(self._slot[rows]).tolist()
        kinds = self._items.kind[rows].tolist()
        values = self._bytes(rows)
        widths, precisions = self._given(rows)
        texts = [
            render_one(key) for key in zip(place, kinds, values, widths, precisions, strict=True)
        ]
        length = np.fromiter(map(len, texts), np.int64, len(texts))
        begin = np.cumsum(length) - length
        self._place(rows, np.frombuffer(b"".join([*texts, bytes(16)]), np.uint8), begin, length)

    def _bytes(self, rows: Array) -> list[bytes]:
        """Return the bytes of each item's value."""
        kind = self._items.kind[rows]
        at, size = self._public(rows)
        hidden = np.flatnonzero(kind & (PRIVATE | SENSITIVE))
        at[hidden], size[hidden] = self._private(rows[hidden])
        number = np.flatnonzero(np.isin(kind, (0x00, 0x02, 0x60, 0x62)))
        at[number], size[number] = self._items.at[rows[number]], self._items.size[rows[number]]
        raw = memoryview(self._data)
        return [bytes(raw[begin : begin + count]) for begin, count in zip(at.tolist(), size.tolist(), strict=True)]

    def _given(self, rows: Array) -> tuple[list[int | None], list[int | None]]:
        """Return (widths, precisions) that items before these supply."""
        precisions: list[int | None] = [None] * rows.size
        widths: list[int | None] = [None] * rows.size
        before = self._items.before[rows]
        hits = np.flatnonzero((before >= 0) & (self._items.kind[before] >> 4 == LENGTH))
        for row, value in zip(hits.tolist(), self._signed(before[hits]), strict=True):
            precisions[row] = value
        before[hits] = self._items.before[before[hits]]
        style = self._slots["style"].take(self._slot[before], mode="clip")
        hits = np.flatnonzero((before >= 0) & (style == Style.WIDTH))
        for row, value in zip(hits.tolist(), self._signed(before[hits]), strict=True):
            widths[row] = value
        return widths, precisions

    def _signed(self, rows: Array) -> list[int]:
        values: list[int] = self._items.numbers(self._data, rows).astype(np.uint32).view(np.int32).tolist()
        return values


_NONE: Final = np.zeros(1, np.int64)


def _clipped(at: Array, size: Array, end: Array) -> tuple[Array, Array]:
    begin = np.minimum(at, end)
    return np.maximum(begin, 0), np.minimum(size, end - begin)


def _blocks(data: Array, at: Array) -> Array:
    """Return the 16 bytes at each position: uint8 [n, 16]."""
    found: Array = np.lib.stride_tricks.sliding_window_view(data, 16)[at]
    return found
