"""Decimal numbers in bytes, many at once: eight digits by three multiplications."""

from typing import Any, Final

import numpy as np

Longs = np.ndarray[Any, np.dtype[np.int64]]
Words = np.ndarray[Any, np.dtype[np.uint64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MAX_DIGITS: Final = 20
"""Of the largest unsigned 64-bit integer, 18446744073709551615."""

_ZEROS: Final = np.uint64(0x3030303030303030)
_HIGH: Final = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIXES: Final = np.uint64(0x0606060606060606)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_E8: Final = np.uint64(10**8)
_E16: Final = np.uint64(10**16)
_E19: Final = np.uint64(10**19)
_KEEP: Final = np.array(
    [0] + [(0xFFFFFFFFFFFFFFFF << 8 * (8 - n)) & 0xFFFFFFFFFFFFFFFF for n in range(1, 9)], np.uint64
)
"""By number of digits: the bytes of a little-endian word that hold the last so many characters."""


def decimals(words: Words, ends: Longs, lengths: Longs) -> tuple[Words, Mask]:
    """Read unsigned decimal numbers.

    Args:
        words: The eight bytes that begin at each position of the data, little-endian; 20 bytes before any number and
            eight after it must be there.
        ends: Position after the last digit of each number.
        lengths: Number of characters of each; outside 1 … 20 is no number.

    Returns:
        The values (0 where there is no number), and whether each is a number below 2**64.
    """
    good = (lengths > 0) & (lengths <= MAX_DIGITS)
    lengths = np.where(good, lengths, 1)
    value, digits = _eight(words, ends - 8, np.minimum(lengths, 8))
    good &= digits
    long = np.flatnonzero(good & (lengths > 8))
    if long.size:
        more, digits = _eight(words, ends[long] - 16, np.minimum(lengths[long] - 8, 8))
        value[long] += more * _E8
        good[long] &= digits
        huge = long[lengths[long] > 16]
        if huge.size:
            more, digits = _eight(words, ends[huge] - 24, lengths[huge] - 16)
            value[huge] += more * _E16
            # Twenty digits exceed 2**64 where the first is above 1, or is 1 and the sum wrapped around.
            fits = (more < 1000) | ((more < 2000) & (value[huge] >= _E19))
            good[huge] &= digits & ((lengths[huge] < 20) | fits)
    value[~good] = 0
    return value, good


def _eight(words: Words, at: Longs, lengths: Longs) -> tuple[Words, Mask]:
    """Return the number in the last `lengths` of the eight characters at `at`, and whether they are digits."""
    keep = _KEEP[lengths]
    word = (words[at] & keep) | (_ZEROS & (keep ^ _ALL))
    digits = ((word & _HIGH) == _ZEROS) & (((word + _SIXES) & _HIGH) == _ZEROS)
    word = word - _ZEROS
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    word = (word * np.uint64(10000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return word, digits
