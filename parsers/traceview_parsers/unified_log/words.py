"""Searching messages, or the bytes that they will be made of, for any of many words."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from traceview_parsers.selection import contains_any
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.numbers import entries

_SPECIAL: Final = str.maketrans({letter: f"\\{letter}" for letter in r"\.+*?()|[]{}^$#&-~"})
_LONGEST: Final = 100_000
"""Letters of all words above which they are not compiled into one expression."""

_FEW: Final = 400
"""Records that are not worth a search of their own: it costs 50 to 500 µs, whatever for (measured)."""

_ASCII: Final = np.uint8(0x7F)
_ELSEWHERE: Final = ("r\4", "R\4")
"""Heads of items whose text is not stored as it is printed, type and size: a hash (0xf2), wide characters (0x52)."""


class Texts:
    """Texts that can be searched.

    Measured with 100 to 700 words: one regular expression of alternatives is built ten times as fast as an Aho-Corasick
    automaton and searches up to twice as fast; with some 50 words, ten times. Polars keeps the last 32 expressions.
    """

    def __init__(self, texts: Any) -> None:
        self._texts = pl.Series(texts)

    def contain(self, at: int, count: int, words: frozenset[str]) -> Array:
        """Return, for `count` texts from `at` on, whether each contains one of the words, as `selection.contains_any`."""
        texts = self._texts.slice(at, count)
        pattern = _alternatives(words)
        if not 0 < len(pattern) <= _LONGEST:
            return contains_any(texts.to_arrow(), words)
        return texts.str.contains(pattern).to_numpy()


class _Bytes(Texts):
    """Texts whose bytes have lost their upper bit."""

    def contain(self, at: int, count: int, words: frozenset[str]) -> Array:
        """Return, for some of these, whether each holds one of the words or an item that does not show its text."""
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
    return frozenset([*raw, *_ELSEWHERE])


@lru_cache(maxsize=1_024)
def _alternatives(words: frozenset[str]) -> str:
    return "|".join(word.translate(_SPECIAL) for word in sorted(words))


class WordSearch:
    """Searches texts for what clauses want; `words_of` tells what two sets of clauses (bits) want."""

    def __init__(self, words_of: Callable[[int, int], frozenset[str]]) -> None:
        self._words_of = words_of
        self._rest = 0, 0

    def find(self, texts_of: Callable[[Array], Texts], first: Array, second: Array) -> Array:
        """Return which texts hold a word of the clauses (two sets of bits) given for each.

        `texts_of` gives the texts in an order.
        """
        found = np.zeros(first.size, bool)
        parts = list(_alike(first, second))
        if not parts:
            return found
        order = np.concatenate(parts)
        texts = texts_of(order)
        at = 0
        few: list[Array] = []
        for rows in parts:
            keys = int(first[rows[0]]), int(second[rows[0]])
            if rows.size < _FEW:
                few.append(rows)
                # The words only grow, so that they are soon the same for every batch and compiled already.
                self._rest = self._rest[0] | keys[0], self._rest[1] | keys[1]
            else:
                found[rows] = texts.contain(at, rows.size, self._words_of(*keys))
                at += rows.size
        if few:
            rows = np.concatenate(few)
            found[rows] = texts.contain(at, rows.size, self._words_of(*self._rest))
        return found


def _alike(first: Array, second: Array) -> list[Array]:
    """Return the rows by equal pairs that are not both 0, the most frequent pairs first."""
    rows = np.flatnonzero(first | second)
    if not rows.size:
        return []
    one, other = (pa.array(values[rows]).dictionary_encode() for values in (first, second))
    key = one.indices.to_numpy() * np.int64(len(other.dictionary)) + other.indices.to_numpy()
    order = np.argsort(key, kind="stable")
    borders = np.flatnonzero(np.diff(key[order])) + 1
    return sorted(np.split(rows[order], borders), key=len, reverse=True)
