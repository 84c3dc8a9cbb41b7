"""Searching messages for any of many words."""

from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers.selection import contains_any
from traceview_parsers.unified_log.interning import Array

_SPECIAL: Final = str.maketrans({letter: f"\\{letter}" for letter in r"\.+*?()|[]{}^$#&-~"})
_LONGEST: Final = 100_000
"""Letters of all words above which they are not compiled into one expression."""


class WordSearch:
    """Finds messages that contain at least one of the words (case-sensitive), like `selection.contains_any`.

    Measured with 100 to 700 words: one regular expression of alternatives is built ten times as fast as an Aho-Corasick
    automaton and searches up to twice as fast.
    """

    def __init__(self, words: frozenset[str]) -> None:
        self._words = words
        pattern = "|".join(word.translate(_SPECIAL) for word in sorted(words))
        self._pattern = pattern if 0 < len(pattern) <= _LONGEST else None

    def rows(self, messages: Any, among: Array) -> Array:
        """Return which of the rows `among` of a message column contain a word."""
        if not among.size:
            return among
        texts = pl.Series(messages if among.size == len(messages) else messages.take(among))
        if self._pattern is None:
            return among[contains_any(texts.to_arrow(), self._words)]
        found: Array = among[np.asarray(texts.str.contains(self._pattern).fill_null(value=False))]
        return found
