"""Lines of text from pieces: all bytes of many rows are gathered in one pass.

Every piece of a row becomes an entry of an Arrow ``binary_view`` array; casting that to ``large_binary`` copies the bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.binary_views import ENTRY, INLINE, entries
from traceview_parsers.log_styles.pieces import Piece, Spelled, merged, string_buffers

_READ: Final = 16
"""Bytes that are read of a short text, whatever its length."""
_MOST_BYTES: Final = 1 << 24
"""Bytes of a column gathered together, unless a single row has more: memory stays small, and offsets fit."""


class Changed(Struct, frozen=True):
    """A piece that is a column whose texts are changed slice by slice: less is in memory than for all rows.

    Attributes:
        column: ``large_string``.
        change: Returns as many texts for a slice of it.
    """

    column: Any
    change: Callable[[Any], Any]


class Lines:
    """Rows of text of one batch, written slice by slice."""

    def __init__(self, rows: int, pieces: Sequence[Piece | Changed]) -> None:
        self._rows = rows
        self._pieces = [_Column(piece) for piece in merged(pieces)]

    def texts(self, rows: int) -> Iterator[memoryview]:
        """Yield the text of so many rows after so many; fewer where they are long."""
        at = 0
        while at < self._rows:
            count = min(rows, self._rows - at)
            while count > 1 and any(piece.size(at, count) > _MOST_BYTES for piece in self._pieces):
                count = (count + 1) // 2
            yield self._text(at, count)
            at += count

    def _text(self, at: int, count: int) -> memoryview:
        rows = np.empty((count, len(self._pieces)), ENTRY)
        buffers: list[Any] = []
        for number, piece in enumerate(self._pieces):
            rows[:, number] = piece.entries(at, count, len(buffers))
            buffers.append(pa.py_buffer(piece.data))
        views = pa.Array.from_buffers(pa.binary_view(), rows.size, [None, pa.py_buffer(rows), *buffers])
        return memoryview(views.cast(pa.large_binary()).buffers()[2] or b"")


class _Column:
    """One piece of all rows.

    Attributes:
        data: Bytes of the texts that the entries returned last speak of.
    """

    def __init__(self, piece: Piece | Changed) -> None:
        self._rows: Any = None
        self._column: Any = None
        self._change: Callable[[Any], Any] = lambda column: column
        if isinstance(piece, Changed):
            self._column, self._change = piece.column, piece.change
        elif isinstance(piece, (Spelled, str)):
            texts = pa.array([piece] if isinstance(piece, str) else piece.texts, pa.large_string())
            self._rows = None if isinstance(piece, str) else piece.rows
            self._known, self.data = _entries(texts, 0)
        else:
            self._column = piece

    def size(self, at: int, count: int) -> int:
        """Return the bytes of the texts of some rows, before they are changed; 0 for texts that rows share."""
        if self._column is None:
            return 0
        offsets, _ = string_buffers(self._column.slice(at, count))
        return int(offsets[-1] - offsets[0])

    def entries(self, at: int, count: int, buffer: int) -> Any:
        """Return the entries of some rows; `data` will be buffer number `buffer`."""
        if self._column is not None:
            found, self.data = _entries(self._change(self._column.slice(at, count)), buffer)
            return found
        known = _renumbered(self._known, buffer)
        return known if self._rows is None else known.take(self._rows[at : at + count])


def _entries(texts: Any, buffer: int) -> tuple[Any, Any]:
    """Return (entries of a ``large_string`` array, the bytes that they refer to); null is empty."""
    offsets, data = string_buffers(texts)
    data = data[offsets[0] : offsets[-1]]
    at, length = offsets[:-1] - offsets[0], np.diff(offsets)
    if texts.null_count:
        length[~texts.is_valid().to_numpy(zero_copy_only=False)] = 0
    if (length[np.searchsorted(at, data.size - _READ, "right") :] <= INLINE).any():
        data = np.concatenate([data, np.zeros(_READ, np.uint8)])
    return entries(data, at, length, buffer), data


def _renumbered(known: Any, buffer: int) -> Any:
    """Return entries made for buffer 0 as ones for buffer number `buffer`."""
    if not buffer:
        return known
    words = known.view(np.uint32).reshape(-1, 4).copy()
    words[words[:, 0] > INLINE, 2] = buffer
    return words.view(ENTRY)[:, 0]
