"""Small conversions that all decoders share."""

from typing import Final

_MAX_INTEGER_SIZE: Final = 8


def signed(value: bytes | int) -> int | None:
    """Read a number item as a signed integer; None when it is none."""
    if isinstance(value, int):
        return value
    return int.from_bytes(value, "little", signed=True) if 0 < len(value) <= _MAX_INTEGER_SIZE else None


def unsigned(value: bytes | int, bits: int = 64) -> int | None:
    """Read a number item as an unsigned integer of at most `bits`; None when it is none."""
    number = signed(value)
    if number is None:
        return None
    width = 8 * len(value) if isinstance(value, bytes) else bits
    return number & ((1 << min(width, bits)) - 1)


def data(value: bytes | int) -> bytes | None:
    """Return a data item; None for a number."""
    return value if isinstance(value, bytes) else None
