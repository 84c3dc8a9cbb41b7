"""Tables that turn repeated keys and texts into small row numbers, for whole arrays at a time."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]

_MIX_A: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_B: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST_BITS: Final = 12


class PairTable:
    """Maps pairs of 64-bit words to row numbers 0, 1, 2, … in the order of their arrival.

    Open addressing over numpy arrays: a look-up of many keys costs a few gathers, and keys are compared in full.
    """

    def __init__(self) -> None:
        self.size = 0
        self._a = np.zeros(1 << _FIRST_BITS, np.uint64)
        self._b = np.zeros(1 << _FIRST_BITS, np.uint64)
        self._reserve(_FIRST_BITS)

    def find(self, a: Array, b: Array) -> Array:
        """Return the row of each pair (int32), -1 where it is unknown. `a` and `b` are uint64 arrays."""
        slot = self._slots_of(a, b)
        rows = self._slots.take(slot)
        wrong = np.flatnonzero(((self._a.take(rows) != a) | (self._b.take(rows) != b)) & (rows >= 0))
        while wrong.size:
            slot[wrong] = (slot[wrong] + 1) & self._mask
            found = self._slots.take(slot[wrong])
            rows[wrong] = found
            differs = (self._a.take(found) != a[wrong]) | (self._b.take(found) != b[wrong])
            wrong = wrong[differs & (found >= 0)]
        return rows

    def intern(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Return (row of each pair, positions in the input where a new row appears first, in row order)."""
        rows = self.find(a, b)
        missing = np.flatnonzero(rows < 0)
        if not missing.size:
            return rows, missing
        first, number = _distinct(a[missing], b[missing])
        rows[missing] = number + self.size
        firsts = missing[first]
        self._append(a[firsts], b[firsts])
        return rows, firsts

    def _append(self, a: Array, b: Array) -> None:
        start, self.size = self.size, self.size + a.size
        bits = self._bits
        while self.size * 2 > 1 << bits:
            bits += 1
        if bits != self._bits:
            keep_a, keep_b = self._a[:start], self._b[:start]
            self._a = np.zeros(1 << bits, np.uint64)
            self._b = np.zeros(1 << bits, np.uint64)
            self._a[:start] = keep_a
            self._b[:start] = keep_b
        self._a[start : self.size] = a
        self._b[start : self.size] = b
        if bits != self._bits:
            self._reserve(bits)
            start = 0
        self._insert(np.arange(start, self.size, dtype=np.int32))

    def _reserve(self, bits: int) -> None:
        self._bits = bits
        self._mask = (1 << bits) - 1
        self._slots = np.full(1 << bits, -1, np.int32)

    def _insert(self, rows: Array) -> None:
        slot = self._slots_of(self._a[rows], self._b[rows])
        while rows.size:
            free = self._slots[slot] < 0
            self._slots[slot[free]] = rows[free]
            lost = self._slots[slot] != rows
            rows = rows[lost]
            slot = (slot[lost] + 1) & self._mask

    def _slots_of(self, a: Array, b: Array) -> Array:
        mixed = (a ^ (b * _MIX_B)) * _MIX_A
        mixed ^= mixed >> np.uint64(29)
        mixed *= _MIX_B
        slots: Array = (mixed >> np.uint64(64 - self._bits)).view(np.int64)
        return slots


def _distinct(a: Array, b: Array) -> tuple[Array, Array]:
    """Return (where each distinct pair appears first, in the order of appearance; the number of each pair among them)."""
    order = np.lexsort((b, a))
    fresh = np.ones(a.size, bool)
    fresh[1:] = (np.diff(a[order]) != 0) | (np.diff(b[order]) != 0)
    first = order[fresh]  # the sort is stable
    rank = np.empty(first.size, np.int64)
    by_place = np.argsort(first)
    rank[by_place] = np.arange(first.size)
    number = np.empty(a.size, np.int64)
    number[order] = rank[np.cumsum(fresh) - 1]
    return first[by_place], number


class Names:
    """Distinct texts with their numbers; `array` is the Arrow dictionary of all so far. None has the number -1."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._array = pa.array([], pa.string())

    def number(self, text: str | None) -> int:
        """Return the number of a text, a new one if need be."""
        if text is None:
            return -1
        number = self._numbers.setdefault(text, len(self._texts))
        if number == len(self._texts):
            self._texts.append(text)
        return number

    def texts(self) -> list[str]:
        """Return all texts in the order of their numbers (not a copy)."""
        return self._texts

    def __len__(self) -> int:
        return len(self._numbers)

    def array(self) -> Any:
        """Return the dictionary (pa.string()); the same object until a text is added."""
        known = len(self._array)
        if known != len(self._texts):
            fresh = [text.encode("utf-8", "replace") for text in self._texts[known:]]
            self._array = pa.concat_arrays([self._array, pa.array(fresh, pa.binary()).cast(pa.string())])
        return self._array


class Rows:
    """A growing table of fixed-width columns, kept as numpy arrays.

    Args:
        columns: Name and dtype of every column.
    """

    def __init__(self, **columns: Any) -> None:
        self.size = 0
        self._filled = 0
        self._waiting: list[tuple[Any, ...]] = []
        self._columns = {name: np.zeros(256, dtype) for name, dtype in columns.items()}

    def __getitem__(self, name: str) -> Array:
        """Return one column (a view of the rows so far)."""
        if self._waiting:
            self._fill()
        return self._columns[name][: self.size]

    def append(self, *values: Any) -> int:
        """Add one row, its values in the order of the columns; return its number."""
        self._waiting.append(values)
        self.size += 1
        return self.size - 1

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows."""
        self._waiting.extend(rows)
        self.size = self._filled + len(self._waiting)

    def add(self, *columns: Array) -> None:
        """Add many rows, given by column."""
        if self._waiting:
            self._fill()
        self.size += columns[0].size
        self._write(columns)

    def _fill(self) -> None:
        self._write(zip(*self._waiting, strict=True))
        self._waiting.clear()

    def _write(self, rows: Iterable[Any]) -> None:
        for (name, column), values in zip(self._columns.items(), rows, strict=True):
            if self.size > column.size:
                grown = np.zeros(max(self.size, 2 * column.size), column.dtype)
                grown[: self._filled] = column[: self._filled]
                self._columns[name] = grown
            self._columns[name][self._filled : self.size] = values
        self._filled = self.size
