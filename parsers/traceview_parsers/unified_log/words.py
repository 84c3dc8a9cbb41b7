"""Searching messages, or the bytes that they will be made of, for any of many words."""

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.binary_views import entries
from traceview_parsers.selection import contains_any
from traceview_parsers.unified_log.interning import Array

_FEW: Final = 400
"""Records that are not worth a search of their own: it costs 50 to 500 µs, whatever for (measured)."""

_BORDER: Final = "\0"
_ASCII: Final = np.uint8(0x7F)


class Texts:
    """Texts that can be searched."""

    def __init__(self, texts: Any) -> None:
        import polars as pl  # noqa: PLC0415  (a quarter of the start-up, and most logs are printed without a search)

        self._texts = pl.Series(texts)

    def contain(self, at: int, count: int, words: frozenset[str]) -> Array:
        """Return, for `count` texts from `at` on, whether each contains one of the words, as `selection.contains_any`."""
        return contains_any(self._texts.slice(at, count), words)


class _Bytes(Texts):
    """Texts whose bytes have lost their upper bit."""

    def contain(self, at: int, count: int, words: frozenset[str]) -> Array:
        """Return, for some of these, whether each may hold one of the words."""
        return super().contain(at, count, _masked(words))


def bytes_as_texts(data: Array, at: Array, end: Array) -> Texts:
    """Return ranges of a batch's bytes as texts; some that do not contain a word are taken to do so.

    The upper bit of each byte is taken off, so that they are texts whatever they hold; words are treated likewise.

    Args:
        data: uint8; goes on for at least 16 bytes behind every position.
        at: Position of each range.
        end: Position behind it.
    """
    found = entries(data, at, np.maximum(end - at, 0), 0)
    pieces = pa.Array.from_buffers(pa.binary_view(), at.size, [None, pa.py_buffer(found), pa.py_buffer(data)])
    _, offsets, content = pieces.cast(pa.large_binary()).buffers()
    plain = np.frombuffer(content, np.uint8) & _ASCII if content is not None else np.zeros(0, np.uint8)
    return _Bytes(pa.Array.from_buffers(pa.large_string(), at.size, [None, offsets, pa.py_buffer(plain)]))


@lru_cache(maxsize=1_024)
def _masked(words: frozenset[str]) -> frozenset[str]:
    raw = [bytes(byte & 0x7F for byte in word.encode("utf-8", "replace")).decode("ascii") for word in words]
    return frozenset(raw)


class LiteralSearch:
    """Searches the literals of formats for the words of clauses, given for each clause; None: no condition."""

    def __init__(self, words: Sequence[frozenset[str] | None]) -> None:
        # An empty word is in every message.
        self._free = sum(1 << at for at, some in enumerate(words) if some is None or "" in some)
        self._bits: dict[str, int] = {}
        for at, some in enumerate(words):
            for word in some or ():
                # A word with the border in it could be found across a value.
                if word and _BORDER not in word:
                    self._bits[word] = self._bits.get(word, 0) | 1 << at

    def find(self, formats: Sequence[Sequence[str]]) -> list[int]:
        """Return, for each format (its literals), the clauses (bits) of which a word stands in every message of it."""
        texts = [_BORDER.join(literals) for literals in formats]
        longest = max(map(len, texts), default=0)  # the search prepares itself for all of a word, however long
        words = [word for word in self._bits if len(word) <= longest]
        if not words:
            return [self._free] * len(formats)
        import polars as pl  # noqa: PLC0415  (see `Texts`)

        found = pl.Series(texts, dtype=pl.String).str.extract_many(words, overlapping=True).to_list()
        return [reduce(or_, (self._bits[word] for word in words), self._free) for words in found]


class WordSearch:
    """Searches texts for what clauses want; `words_of` tells the words of a set of clauses (bits)."""

    def __init__(self, words_of: Callable[[int], frozenset[str]]) -> None:
        self._words_of = words_of
        self._rest = 0

    def find(self, texts_of: Callable[[Array], Texts], clauses: Array) -> Array:
        """Return which texts hold a word of the clauses (bits) given for each; `texts_of` gives the texts in an order."""
        found = np.zeros(clauses.size, bool)
        parts = _alike(clauses)
        if not parts:
            return found
        order = np.concatenate(parts)
        texts = texts_of(order)
        at = 0
        few: list[Array] = []
        for rows in parts:
            some = int(clauses[rows[0]])
            if rows.size < _FEW:
                few.append(rows)
                # The words only grow, so that they are soon the same for every batch and compiled already.
                self._rest |= some
            else:
                found[rows] = texts.contain(at, rows.size, self._words_of(some))
                at += rows.size
        if few:
            rows = np.concatenate(few)
            found[rows] = texts.contain(at, rows.size, self._words_of(self._rest))
        return found


def _alike(keys: Array) -> list[Array]:
    """Return the rows by equal keys that are not 0, the most frequent first."""
    rows = np.flatnonzero(keys)
    if not rows.size:
        return []
    places = pa.array(keys[rows]).dictionary_encode()
    codes = places.indices.to_numpy()
    parts = [rows[codes == code] for code in range(len(places.dictionary))]
    return sorted(parts, key=len, reverse=True)
