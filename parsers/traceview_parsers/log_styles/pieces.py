"""Pieces of lines: one string a row, spelled once for each distinct value."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from traceview_parsers.combinations import combinations

_SHARED: Final = 8
"""Rows a distinct number from which on spelling it once for all of them costs less (measured: a third at 100)."""


class Spelled(Struct):
    """Few texts that many rows share.

    Attributes:
        texts: The distinct texts; None is a null.
        rows: For each row the place of its text, int64.
    """

    texts: list[str | None]
    rows: Any

    def array(self) -> Any:
        """Return one text a row (``large_string``)."""
        return pa.array(self.texts, pa.large_string()).take(pa.array(self.rows))


Piece = Any
"""A string that all rows share, a `Spelled`, or a ``large_string`` array of one string a row (null prints nothing)."""


def spell(column: Any, text: Callable[[Any], str | None], missing: str | None = None) -> Piece:
    """Return `text` of each row's value, called once for each distinct one; nulls become `missing`."""
    return spell_together((column,), lambda value: missing if value is None else text(value))


def spell_together(columns: Sequence[Any], text: Callable[..., str | None]) -> Piece:
    """Return `text` of each row's combination of values (None for null), called once a combination."""
    example, rows = combinations(columns)
    some = pa.array(example)
    values = [_decoded(column.take(some)).to_pylist() for column in columns]
    spelled = [text(*chosen) for chosen in zip(*values, strict=True)]
    if len(spelled) == 1:
        return spelled[0] or ""
    return Spelled(spelled, rows)


def _decoded(column: Any) -> Any:
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def numbers(column: Any, missing: str | None = None) -> Any:
    """Return integers in decimal."""
    texts = column.cast(pa.large_string())
    return texts if missing is None or not texts.null_count else texts.fill_null(missing)


def repeated_numbers(column: Any, missing: str) -> Piece:
    """Return integers in decimal, of which most rows share few."""
    encoded = column.dictionary_encode()
    distinct = encoded.dictionary
    if len(distinct) * _SHARED > len(column):
        return numbers(column, missing)
    texts = [*distinct.cast(pa.string()).to_pylist(), missing]
    return Spelled(texts, encoded.indices.fill_null(len(distinct)).to_numpy().astype(np.int64))


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return pieces that print the same with as few of them as possible."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if not isinstance(piece, str):
            if isinstance(piece, Spelled) and isinstance(last, str):
                found[-1] = Spelled([last + (text or "") for text in piece.texts], piece.rows)
            else:
                found.append(piece)
        elif isinstance(last, str):
            found[-1] = last + piece
        elif isinstance(last, Spelled):  # a longer text costs less than another piece
            found[-1] = Spelled([(text or "") + piece for text in last.texts], last.rows)
        elif piece:
            found.append(piece)
    return found


def with_null(pieces: Sequence[Piece]) -> Piece:
    """Concatenate pieces row by row; a row with a null is null."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(pieces)
    return pc.binary_join_element_wise(*map(_ready, pieces), pa.scalar("", pa.large_string()))


def _ready(piece: Piece) -> Any:
    if isinstance(piece, Spelled):
        return piece.array()
    return pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece


def string_buffers(array: Any) -> tuple[Any, Any]:
    """Return (offsets as int64, bytes as uint8) of a ``large_string`` array."""
    _, offsets, data = array.buffers()
    whole = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return whole, np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
