"""Entries of Arrow ``binary_view`` arrays for whole arrays of texts.

An entry has 16 bytes: the length (u32), then up to 12 bytes of text in place, or 4 bytes that a cast does not look at, a
buffer number and an offset (Apache Arrow, "Variable-size Binary View Layout").
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

INLINE: Final = 12
ENTRY: Final = np.dtype(np.complex128)
"""Entries are moved about as one 16-byte element; the values mean nothing as numbers."""

_32: Final = np.uint64(32)


def entries(data: Array, at: Array, length: Array, buffer: int) -> Array:
    """Return the entries of the texts at these positions of uint8 `data`, which will be Arrow buffer number `buffer`.

    `data` must go on for at least 16 bytes behind the position of every text of up to 12 bytes.
    """
    pairs = np.empty((at.size, 2), np.uint64)
    pairs[:, 0] = length
    pairs[:, 1] = at
    pairs[:, 1] <<= _32
    pairs[:, 1] |= np.uint64(buffer)
    short = np.flatnonzero(length <= INLINE)
    where = at[short]
    pairs[short, 0] |= overlapping(data, 4)[where].astype(np.uint64) << _32
    pairs[short, 1] = overlapping(data, 8)[where + 4]
    return pairs.view(ENTRY)[:, 0]


def overlapping(data: Array, width: int) -> Array:
    """Return a view of uint8 `data` whose element i is the little-endian number of `width` bytes at byte i."""
    return np.ndarray((max(data.size - width + 1, 0),), f"<u{width}", data, 0, (1,))
