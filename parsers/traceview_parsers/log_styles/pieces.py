"""Pieces of lines: one string a row, spelled once for each distinct value."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Piece = Any
"""A string that all rows share, or a ``large_string`` array of one string a row (null prints nothing)."""

_DENSE: Final = 1 << 22
"""Codes below this are looked up in a table; above, sorting is cheaper than the table's memory (heuristic)."""
_MAX_CODE: Final = 1 << 62


def spell(column: Any, text: Callable[[Any], str | None], missing: str | None = None) -> Piece:
    """Return `text` of each row's value, called once for each distinct one; nulls become `missing`."""
    encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    return spell_together((encoded,), lambda value: missing if value is None else text(value))


def spell_together(columns: Sequence[Any], text: Callable[..., str | None]) -> Piece:
    """Return `text` of each row's combination of dictionary values (None for null), called once a combination."""
    codes = np.zeros(len(columns[0]), np.int64)
    reach = 1
    for column in columns:
        size = len(column.dictionary) + 1
        if reach * size > _MAX_CODE:
            distinct, codes = _distinct(codes)
            reach = len(distinct)
        codes = codes * size + column.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False) + 1
        reach *= size
    distinct, rows = _distinct(codes)
    example = np.empty(len(distinct), np.int64)
    example[rows] = np.arange(len(rows))
    values = [column.take(pa.array(example)).to_pylist() for column in columns]
    spelled = [text(*chosen) for chosen in zip(*values, strict=True)]
    if len(spelled) == 1:
        return spelled[0] or ""
    return pa.array(spelled, pa.large_string()).take(pa.array(rows))


def numbers(column: Any, missing: str | None = None) -> Any:
    """Return integers in decimal."""
    texts = column.cast(pa.large_string())
    return texts if missing is None or not texts.null_count else texts.fill_null(missing)


def join(pieces: Sequence[Piece]) -> Any:
    """Concatenate pieces row by row."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        elif not isinstance(piece, str) or piece:
            merged.append(piece)
    ready = [pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece for piece in merged]
    separator = pa.scalar("", pa.large_string())
    return pc.binary_join_element_wise(*ready, separator, null_handling="replace", null_replacement="")


def with_null(pieces: Sequence[Piece]) -> Piece:
    """Concatenate pieces row by row; a row with a null is null."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    ready = [pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece for piece in pieces]
    return pc.binary_join_element_wise(*ready, pa.scalar("", pa.large_string()))


def text_bytes(lines: Any) -> bytes:
    """Return the bytes of all strings of a ``large_string`` array, one after the other."""
    if not len(lines):
        return b""
    offsets, data = string_buffers(lines)
    return bytes(memoryview(data)[offsets[0] : offsets[-1]])


def string_buffers(array: Any) -> tuple[Any, Any]:
    """Return (offsets as int64, bytes as uint8) of a ``large_string`` array."""
    _, offsets, data = array.buffers()
    whole = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return whole, np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)


def _distinct(codes: Any) -> tuple[Any, Any]:
    """Return (sorted distinct codes, each row's place among them)."""
    if not len(codes) or int(codes.max()) >= _DENSE:
        distinct, rows = np.unique(codes, return_inverse=True)
        return distinct, rows
    return table(codes)


def table(codes: Any) -> tuple[Any, Any]:
    """Return (sorted distinct codes, each row's place among them) of small non-negative codes, without sorting."""
    place = np.zeros(int(codes.max()) + 1, np.int64)
    place[codes] = 1
    distinct = np.flatnonzero(place)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]
