"""Numbers, UUIDs and hashes as text, for whole arrays: Arrow binary-view entries that point to a byte matrix."""

from typing import Any, Final

import numpy as np

from traceview_parsers.binary_views import ENTRY, INLINE, entries
from traceview_parsers.unified_log.interning import Array

_ROW: Final = 32


def _four_digits() -> Array:
    number = np.arange(10_000, dtype=np.uint32)
    digits = [number // 1000, number // 100 % 10, number // 10 % 10, number % 10]
    text = sum((digit + 48) << np.uint32(8 * place) for place, digit in enumerate(digits))
    return np.asarray(text, np.uint32)


def _hex_pairs(letters: bytes) -> Array:
    table = np.frombuffer(letters, np.uint8).astype(np.uint16)
    number = np.arange(256)
    return np.asarray(table[number >> 4] | (table[number & 15] << np.uint16(8)))


_DECIMAL: Final = _four_digits()
_POWERS_OF_TEN: Final = np.array([10**n for n in range(1, 20)], np.uint64)
_POWERS_OF_16: Final = np.array([16**n for n in range(1, 16)], np.uint64)
_HEX: Final = {False: _hex_pairs(b"0123456789abcdef"), True: _hex_pairs(b"0123456789ABCDEF")}
_BASE64: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
_UUID_DIGITS: Final = np.array([at + (at > 7) + (at > 11) + (at > 15) + (at > 19) for at in range(32)])
_UUID_DASHES: Final = np.array([8, 13, 18, 23])
MASK_HASH_SIZE: Final = 16


def small_entry(text: bytes) -> Array:
    """Return the entry of one text of at most 12 bytes."""
    raw = len(text).to_bytes(4, "little") + text.ljust(INLINE, b"\0")
    return np.frombuffer(raw, ENTRY)


def decimal_entries(count: int) -> Array:
    """Return the entries of 0 … count-1, then of 0 … -(count-1); `count` is at most 10¹¹."""
    value = np.tile(np.arange(count, dtype=np.uint64), 2)
    one = np.ones(value.size, np.int64)
    negative = np.arange(value.size) > count
    return entries(*decimal_rows(value, negative, one, one), 0)


def decimal_rows(value: Array, negative: Array, digits: Array, width: Array) -> tuple[Array, Array, Array]:
    """Write magnitudes (uint64) in decimal, with a minus sign where `negative`.

    They are zero-padded to `digits` places and then space-padded to `width` characters (30 at most).

    Returns:
        (uint8 bytes, position of each text in them, its length).
    """
    rows = np.empty((value.size, _ROW // 4), np.uint32)
    rows[:, :3] = 0x30303030
    upper, low = np.divmod(value, np.uint64(10**8))
    top, middle = np.divmod(upper, np.uint64(10**8))
    rows[:, 3] = _DECIMAL.take(top.view(np.int64))
    for column, part in ((4, middle), (6, low)):
        high, rest = np.divmod(part.astype(np.uint32), np.uint32(10_000))
        rows[:, column] = _DECIMAL.take(high)
        rows[:, column + 1] = _DECIMAL.take(rest)
    needed = np.searchsorted(_POWERS_OF_TEN, value, "right") + 1
    return _place(rows, np.maximum(needed, digits), negative, b"-", width)


def hexadecimal_rows(
    value: Array, prefixed: Array, digits: Array, width: Array, *, upper: bool
) -> tuple[Array, Array, Array]:
    """Write uint64 values in hexadecimal, padded like `decimal_rows`, with ``0x`` where `prefixed`.

    Returns:
        Like `decimal_rows`.
    """
    rows = np.empty((value.size, _ROW // 2), np.uint16)
    rows[:, :8] = 0x3030
    rows[:, 8:] = _HEX[upper].take(value.byteswap().view(np.uint8).reshape(-1, 8))
    needed = np.searchsorted(_POWERS_OF_16, value, "right") + 1
    return _place(rows, np.maximum(needed, digits), prefixed, b"0X" if upper else b"0x", width)


def uuid_rows(raw: Array) -> Array:
    """Write UUIDs (uint8 [n, 16]) dashed in upper case; return uint8 [n, 40], of which 36 are text."""
    rows = np.zeros((raw.shape[0], 40), np.uint8)
    rows[:, _UUID_DIGITS] = _HEX[True].take(raw).view(np.uint8)
    rows[:, _UUID_DASHES] = ord("-")
    return rows


def mask_hash_rows(raw: Array) -> tuple[Array, int]:
    """Write 16-byte hashes (uint8 [n, 16]) as ``<mask.hash: '…'>``; return (uint8 rows, length of the text)."""
    lead, tail = b"<mask.hash: '", b"'>"
    padded = np.zeros((raw.shape[0], 18), np.uint32)
    padded[:, :MASK_HASH_SIZE] = raw
    triple = (padded[:, 0::3] << 16) | (padded[:, 1::3] << 8) | padded[:, 2::3]
    sextets = np.stack([(triple >> shift) & 63 for shift in (18, 12, 6, 0)], axis=2).reshape(-1, 24)
    length = len(lead) + 24 + len(tail)
    rows = np.zeros((raw.shape[0], length + 1), np.uint8)
    rows[:, : len(lead)] = np.frombuffer(lead, np.uint8)
    rows[:, len(lead) : len(lead) + 24] = _BASE64.take(sextets)
    rows[:, len(lead) + 22 : len(lead) + 24] = ord("=")
    rows[:, len(lead) + 24 : length] = np.frombuffer(tail, np.uint8)
    return rows, length


def _place(rows: Any, digits: Array, marked: Array, mark: bytes, width: Array) -> tuple[Array, Array, Array]:
    """Return where each right-aligned number begins, after writing `mark` before the marked ones, then spaces."""
    flat = rows.view(np.uint8).reshape(-1)
    size = np.minimum(digits, _ROW - len(mark)).astype(np.int64)
    at = np.arange(_ROW, flat.size + 1, _ROW, dtype=np.int64) - size
    hit = np.flatnonzero(marked)
    if hit.size:
        for offset, letter in enumerate(reversed(mark), 1):
            flat[at[hit] - offset] = letter
        at[hit] -= len(mark)
        size[hit] += len(mark)
    short = np.flatnonzero(width > size)
    while short.size:
        at[short] -= 1
        size[short] += 1
        flat[at[short]] = ord(" ")
        short = short[width[short] > size[short]]
    return np.concatenate([flat, np.zeros(16, np.uint8)]), at, size
