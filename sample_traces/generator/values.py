"""Arguments of a log record as data items, the way ``os_log`` encodes them.

An item's type byte is a kind in the upper and a privacy in the lower four bits. Kinds and their order follow the C
compiler's os_log builtin; sizes, offsets and the handling of empty values were read off a real macOS 12 archive.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generator.formats import FLOATS, Specifier, specifiers

Argument = int | float | str | bytes | None

SCALAR: Final = 0x00
COUNT: Final = 0x10
STRING: Final = 0x20
DATA: Final = 0x30
OBJECT: Final = 0x40
MASKED: Final = 0xF0

DEFAULT: Final = 0x0
PRIVATE: Final = 0x1
PUBLIC: Final = 0x2
SENSITIVE: Final = 0x5


class Static(str):
    """A string constant of the program: os_log stores it as public where nothing says private (seen as type 0x22)."""

    __slots__ = ()


def hidden(specifier: Specifier, value: Argument) -> bool:
    """Whether a customer device stores nothing of `value`.

    Strings and objects are private unless annotated, constants excepted; a nil object is printed as ``(null)``.
    """
    if not specifier.annotations and (value is None or isinstance(value, Static)):
        return False
    return specifier.private


_KINDS: Final = {"s": STRING, "S": STRING, "@": OBJECT, "P": DATA}
_COUNTED: Final = frozenset("sSP")
"""Conversions whose precision is a length; widths and other precisions are numbers like any."""


@dataclass(frozen=True, slots=True)
class Item:
    """One data item.

    Attributes:
        type: Kind | privacy.
        data: Bytes of the value: inside the item where `ranged` is false, else in the values or the private area.
        ranged: Whether the item holds an (offset, size) pair in place of the value.
        stored: False for a private value that the device did not keep.
    """

    type: int
    data: bytes
    ranged: bool
    stored: bool = True

    @property
    def private(self) -> bool:
        """Whether the value belongs into the private area."""
        return bool(self.type & PRIVATE) and self.ranged


def items(text: str, arguments: Sequence[Argument], *, keep_private: bool = False) -> list[Item]:
    """Return the items of format `text`; `keep_private` as on a device with private data logging switched on.

    Raises:
        ValueError: The number of arguments differs from what the format asks for.
    """
    rest = iter(arguments)
    result: list[Item] = []
    try:
        for specifier in specifiers(text):
            result.extend(_items_of(specifier, rest, keep_private=keep_private))
    except StopIteration:
        raise ValueError(f"too few arguments for {text!r}") from None
    if next(rest, result) is not result:
        raise ValueError(f"too many arguments for {text!r}")
    return result


def _items_of(specifier: Specifier, rest: Iterator[Argument], *, keep_private: bool) -> list[Item]:
    made: list[Item] = []
    if specifier.width == "*":
        made.append(Item(SCALAR, struct.pack("<i", next(rest)), ranged=False))
    if specifier.precision == "*":
        kind = COUNT | PUBLIC if specifier.conversion in _COUNTED else SCALAR
        made.append(Item(kind, struct.pack("<i", next(rest)), ranged=False))
    elif specifier.precision is not None and specifier.conversion in _COUNTED:
        made.append(Item(COUNT | PUBLIC, struct.pack("<i", int(specifier.precision)), ranged=False))
    value = next(rest)
    privacy = _privacy(specifier, value)
    if specifier.mask is not None:
        made.append(Item(MASKED | PUBLIC, value if isinstance(value, bytes) else b"", ranged=True))
    elif specifier.conversion in _KINDS:
        data = _bytes_of(value)
        stored = privacy != SENSITIVE and (keep_private or not privacy & PRIVATE)
        made.append(Item(_KINDS[specifier.conversion] | privacy, data if stored else b"", ranged=True, stored=stored))
    else:
        # A private number is four zero bytes, whatever its size was; no archive at hand keeps one.
        data = bytes(4) if privacy & PRIVATE else _scalar(specifier, value)
        made.append(Item(SCALAR | (PRIVATE if privacy & PRIVATE else privacy), data, ranged=False))
    return made


def _privacy(specifier: Specifier, value: Argument) -> int:
    if "public" in specifier.annotations or (isinstance(value, Static) and not hidden(specifier, value)):
        return PUBLIC
    if specifier.sensitive:
        return SENSITIVE
    return PRIVATE if hidden(specifier, value) else DEFAULT


def _bytes_of(value: Argument) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    return str(value).encode() + b"\0"


def _scalar(specifier: Specifier, value: Argument) -> bytes:
    if specifier.conversion in FLOATS:
        return struct.pack("<d", value)
    if not isinstance(value, int):
        raise TypeError(f"{specifier.text} needs an integer, not {value!r}")
    return (value & ((1 << (8 * specifier.size)) - 1)).to_bytes(specifier.size, "little")


def encode(parts: Sequence[Item], public: bytes = b"") -> tuple[bytes, bytes]:
    """Return (items and values area as one, private area) of one record.

    `public` stands before the values, as a backtrace does: offsets count from its begin.
    """
    head = bytearray()
    values = bytearray(public)
    private = bytearray()
    for part in parts:
        if not part.ranged:
            head += bytes((part.type, len(part.data))) + part.data
            continue
        area = private if part.private else values
        # Absent values have offset 0 and size 0, wherever the area stands.
        offset = len(area) if part.data else 0
        head += struct.pack("<BBHH", part.type, 4, offset, len(part.data))
        area += part.data
    flags = any(part.type & PRIVATE for part in parts) | any(part.ranged for part in parts) << 1
    flags |= 0x40 if private else 0x20
    return bytes((flags, len(parts))) + bytes(head) + bytes(values), bytes(private)
