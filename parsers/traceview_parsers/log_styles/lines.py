"""Lines of text from pieces: all bytes of many rows are gathered in one pass.

Every piece of a row becomes an entry of an Arrow ``binary_view`` array; casting that to ``large_binary`` copies the bytes.
An entry has 16 bytes: the length (u32), then up to 12 bytes of text in place, or 4 bytes that a cast does not look at, a
buffer number and an offset (Apache Arrow, "Variable-size Binary View Layout").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.log_styles.pieces import Piece, Spelled, merged, string_buffers

_INLINE: Final = 12
_ENTRY: Final = np.dtype(np.complex128)
"""Entries are moved about as one 16-byte element; the values mean nothing as numbers."""
_MOST_BYTES: Final = 1 << 24
"""Bytes of a column gathered together, unless a single row has more: memory stays small, and offsets fit."""


@dataclass(frozen=True, slots=True)
class Changed:
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
        entries = np.empty((count, len(self._pieces)), _ENTRY)
        buffers: list[Any] = []
        for number, piece in enumerate(self._pieces):
            entries[:, number] = piece.entries(at, count, len(buffers))
            buffers.append(pa.py_buffer(piece.data))
        views = pa.Array.from_buffers(pa.binary_view(), entries.size, [None, pa.py_buffer(entries), *buffers])
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
    pairs = np.empty((len(texts), 2), np.uint64)
    pairs[:, 0] = length.view(np.uint64)
    pairs[:, 1] = (at.view(np.uint64) << np.uint64(32)) | np.uint64(buffer)
    short = np.flatnonzero(length <= _INLINE)
    if short.size:
        if at[short[-1]] + 16 > data.size:
            data = np.concatenate([data, np.zeros(16, np.uint8)])
        where = at[short]
        first = np.ndarray((data.size - 3,), "<u4", data, 0, (1,))[where].astype(np.uint64)
        pairs[short, 0] |= first << np.uint64(32)
        pairs[short, 1] = np.ndarray((data.size - 7,), "<u8", data, 0, (1,))[where + 4]
    return pairs.view(_ENTRY)[:, 0], data


def _renumbered(entries: Any, buffer: int) -> Any:
    """Return entries made for buffer 0 as ones for buffer number `buffer`."""
    if not buffer:
        return entries
    words = entries.view(np.uint32).reshape(-1, 4).copy()
    words[words[:, 0] > _INLINE, 2] = buffer
    return words.view(_ENTRY)[:, 0]
