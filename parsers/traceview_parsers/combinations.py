"""Combinations of values that rows of some columns have."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

_DENSE: Final = 1 << 18
"""Codes below this are looked up in a table; above, hashing is cheaper than the table's memory (heuristic)."""
_MAX_CODE: Final = 1 << 62


def combinations(columns: Sequence[Any]) -> tuple[Any, Any]:
    """Return (a row for each combination of values that occurs, each row's place among them)."""
    rows = len(columns[0])
    codes = np.zeros(rows, np.int64)
    reach = 1
    for column in columns:
        if column.null_count == rows:
            continue  # tells nothing
        encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
        size = len(encoded.dictionary) + 1
        if reach * size > _MAX_CODE:
            distinct, codes = distinct_codes(codes, reach)
            reach = len(distinct)
        indices = encoded.indices
        if indices.null_count:
            indices = indices.fill_null(size - 1)
        codes *= size
        codes += indices.to_numpy(zero_copy_only=False)
        reach *= size
    distinct, places = distinct_codes(codes, reach)
    example = np.empty(len(distinct), np.int64)
    example[places] = np.arange(rows)
    return example, places


def distinct_codes(codes: Any, reach: int) -> tuple[Any, Any]:
    """Return (distinct codes, each row's place among them) of codes below `reach`."""
    if len(codes) and reach <= _DENSE:
        return _table(codes)
    encoded = pa.array(codes).dictionary_encode()
    return encoded.dictionary.to_numpy(), encoded.indices.to_numpy().astype(np.int64)


def _table(codes: Any) -> tuple[Any, Any]:
    """Return (sorted distinct codes, each row's place among them) of small non-negative codes, without sorting."""
    place = np.zeros(int(codes.max()) + 1, np.int64)
    place[codes] = 1
    distinct = np.flatnonzero(place)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]
