"""Records that a selection refused, known again when they come again.

What decides about a record is its format, its arguments as stored and the clauses whose words its message may hold. A
fingerprint of these (128 bits) costs a fifth of what writing and searching the message does (measured). Of equal ones in a batch
one is looked at; those refused are known again in later batches. So a log that says the same for hours gains most of that; one that never repeats itself would lose a tenth
of the time, and is soon looked at without.
"""

import os
from typing import Final

import numpy as np
import pyarrow as pa

from traceview_parsers.binary_views import entries
from traceview_parsers.unified_log.interning import Array

_BITS: Final = 17
"""Binary digits of the number of fingerprints that are kept (2 MB); a later one takes the place of an earlier one."""

_TRIAL: Final = 200_000
"""Fingerprints that are looked for before it is decided whether that pays (they take 0.03 s)."""
_LEAST: Final = 0.25
"""Share of them that must be known for that (a fingerprint costs a fifth of what it may save)."""

_SHIFT: Final = np.uint64(64 - _BITS)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_NO_PRINT: Final = np.uint64(0)


class Refusals:
    """Fingerprints of the records that one selection refused: uint64 [2, n], 0 in the first row where there is none."""

    def __init__(self) -> None:
        # Nobody who writes logs can know them, and so make one record pass for another.
        self._seeds = [int.from_bytes(os.urandom(8), "little") for _ in range(3)]
        self._asked = self._known = 0
        self._kept = np.zeros((2, 1 << _BITS), np.uint64)

    @property
    def pay(self) -> bool:
        """Whether enough of what was looked for was known, or that cannot be told yet."""
        return self._asked < _TRIAL or self._known >= _LEAST * self._asked

    def fingerprints(self, data: Array, begin: Array, end: Array, decisive: list[Array]) -> Array:
        """Return the fingerprints of records.

        Args:
            data: uint8, goes on for at least 16 bytes behind every position.
            begin: Byte position of each record's arguments.
            end: Byte position behind them.
            decisive: What else decides: numbers of each record.
        """
        import polars as pl  # noqa: PLC0415  (see `words.Texts`)

        views = entries(data, begin, end - begin, 0)
        pieces = pa.Array.from_buffers(pa.binary_view(), begin.size, [None, pa.py_buffer(views), pa.py_buffer(data)])
        *of_texts, of_numbers = self._seeds
        stored = pl.Series("stored", pieces.cast(pa.large_binary())).to_frame()
        hashes = stored.select_seq(pl.col("stored").hash(seed).alias(str(seed)) for seed in of_texts)
        prints = np.stack([column.to_numpy() for column in hashes])
        mixed = np.full(begin.size, of_numbers, np.uint64)
        for numbers in decisive:
            mixed = (mixed ^ numbers.astype(np.uint64)) * _MIX
            mixed ^= mixed >> np.uint64(29)
        prints ^= mixed
        prints[0] |= np.uint64(1)
        return prints

    def contain(self, prints: Array) -> Array:
        """Return which of these were refused before."""
        slots = self._slots(prints)
        same = (self._kept[0].take(slots) == prints[0]) & (self._kept[1].take(slots) == prints[1])
        having = prints[0] != _NO_PRINT
        answer: Array = same & having
        self._asked += int(np.count_nonzero(having))
        self._known += int(np.count_nonzero(answer))
        return answer

    def add(self, prints: Array) -> None:
        """Keep those of these that are fingerprints."""
        prints = prints[:, prints[0] != _NO_PRINT]
        self._kept[:, self._slots(prints)] = prints

    @staticmethod
    def alike(prints: Array) -> tuple[Array, Array]:
        """Return (the first of each of the records that are alike, ascending; for each record, its place among these).

        Those without a fingerprint are like no other.
        """
        having = np.flatnonzero(prints[0] != _NO_PRINT)
        code = pa.array(prints[0, having]).dictionary_encode().indices.to_numpy()
        new = np.ones(prints.shape[1], bool)
        new[having] = np.diff(np.maximum.accumulate(code), prepend=-1) > 0
        place = np.cumsum(new) - 1
        place[having] = place[having[new[having]]][code]
        first = np.flatnonzero(new)
        if (prints[1].take(first).take(place) != prints[1]).any():
            return np.arange(new.size), np.arange(new.size)
        return first, place

    def _slots(self, prints: Array) -> Array:
        slots: Array = (prints[0] >> _SHIFT).view(np.int64)
        return slots
