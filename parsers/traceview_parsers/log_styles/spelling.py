"""Texts of combinations of values, spelled once for many batches."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.combinations import combinations
from traceview_parsers.log_styles.pieces import Piece, Spelled

_KEPT: Final = 1 << 14
"""Texts that are remembered: the same call sites and threads return batch after batch (heuristic)."""
_AT_ONCE: Final = 1 << 12
"""Combinations whose values are taken together: the objects that they become are large (heuristic)."""


class Speller:
    """Spells combinations of values, and remembers them by the numbers that dictionary columns give to values.

    The batches of one source number them alike: a dictionary only grows. Where one does not, all is forgotten.

    Args:
        text: Returns the text of a combination (None for null).
    """

    def __init__(self, text: Callable[..., str | None]) -> None:
        self._text = text
        self._names: list[Any] = []
        self._known: dict[bytes, str | None] = {}

    def spell(self, columns: Sequence[Any]) -> Piece:
        """Return the text of each row's combination: dictionary columns, or numbers of 64 bits."""
        example, rows = combinations(columns)
        some = pa.array(example)
        chosen = [column.take(some) for column in columns]
        self._check([column.dictionary for column in columns if isinstance(column, pa.DictionaryArray)])
        keys = _keys(chosen)
        known = self._known
        missing = [place for place, key in enumerate(keys) if key not in known]
        if missing:
            if len(known) + len(missing) > _KEPT:
                known.clear()
                missing = list(range(len(keys)))
            for start in range(0, len(missing), _AT_ONCE):
                self._learn(keys, chosen, missing[start : start + _AT_ONCE])
        texts = [known[key] for key in keys]
        if len(known) > _KEPT:
            known.clear()
        return texts[0] or "" if len(texts) == 1 else Spelled(texts, rows)

    def _learn(self, keys: list[bytes], columns: list[Any], places: list[int]) -> None:
        """Spell the combinations at these places."""
        rows = pa.array(places)
        values = (column.take(rows) for column in columns)
        lists = [part.to_pylist() for column in values for part in _parts(column)]
        for place, combination in zip(places, zip(*lists, strict=True), strict=True):
            self._known[keys[place]] = self._text(*combination)

    def _check(self, names: list[Any]) -> None:
        """Forget what is known, unless these dictionaries agree with the ones before."""
        if len(names) == len(self._names) and all(map(_agree, self._names, names)):
            self._names = [max(pair, key=len) for pair in zip(self._names, names, strict=True)]
        else:
            self._known.clear()
            self._names = names


def _agree(one: Any, other: Any) -> bool:
    """Return whether one of two dictionaries goes on with the other."""
    if isinstance(one, pa.StructArray):
        return isinstance(other, pa.StructArray) and all(map(_agree, one.flatten(), other.flatten()))
    if isinstance(one, pa.DictionaryArray):
        return _agree(one.dictionary, other.dictionary) and _agree(one.indices, other.indices)
    both = min(len(one), len(other))
    return bool(one.slice(0, both).equals(other.slice(0, both)))


def _parts(column: Any) -> list[Any]:
    """Return a column without its dictionary; the members of structs are columns of their own."""
    if not isinstance(column, pa.DictionaryArray):
        return [column]
    values = column.dictionary.take(column.indices)
    if not isinstance(values, pa.StructArray):
        return [values]
    return [part for member in values.flatten() for part in _parts(member)]


def _keys(columns: Sequence[Any]) -> list[bytes]:
    """Return bytes that tell the combinations of these columns' values apart."""
    words = np.zeros((len(columns[0]), len(columns) + 1), np.int64)
    for place, column in enumerate(columns):
        if column.null_count:
            words[:, -1] |= column.is_null().to_numpy(zero_copy_only=False).astype(np.int64) << place
        numbers = column.indices if isinstance(column, pa.DictionaryArray) else column
        values = (numbers.fill_null(0) if numbers.null_count else numbers).to_numpy(zero_copy_only=False)
        words[:, place] = values.view(np.int64) if values.dtype == np.uint64 else values
    data, size = words.tobytes(), words.shape[1] * 8
    return [data[at : at + size] for at in range(0, len(data), size)]
