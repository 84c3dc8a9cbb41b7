"""Single argument values: the rendering of whatever is not written by column, and typed arguments for whole batches."""

from typing import Final

from traceview_parsers.unified_log import formats, printf
from traceview_parsers.unified_log.decoders import decode
from traceview_parsers.unified_log.formats import Placeholder

PRIVATE_TEXT: Final = "<private>"
NULL_TEXT: Final = "(null)"
_KINDS: Final = {0: "SCALAR", 1: "COUNT", 2: "STRING", 3: "POINTER", 4: "OBJECT", 5: "STRING"}
_NUMBER: Final = 0
_STRING: Final = 2
_DATA: Final = 3
_OBJECT: Final = 4
_WIDE: Final = 5
_ERRNO: Final = 6
_TEXTS: Final = frozenset({_STRING, _OBJECT, _WIDE})
_MASKED: Final = 15


def render(place: Placeholder, kind: int, value: bytes, width: int | None, precision: int | None) -> str:
    """Return the text of one value.

    Args:
        place: Its placeholder.
        kind: The item's type byte.
        value: The item's bytes: numbers as stored (little-endian), texts and data without what surrounds them.
        width: Value of a ``*`` width.
        precision: Value of the length item before it.
    """
    family = kind >> 4
    if family == _MASKED:
        return decode("mask.hash", value) or _text(value)
    decoded = decode(place.decoder, value) if place.decoder is not None else None
    if decoded is not None:
        return decoded  # a width in the format belongs to the undecoded number, as in %{mdns:dns.counts}016llX
    if family in {_NUMBER, _ERRNO}:
        text = printf.format_scalar(place, value, width, precision)
        return _mismatch(place, _NUMBER, value) if text is None else text
    if family == _DATA and place.conversion == "P":
        return printf.format_data(value or None)
    if family in _TEXTS and printf.takes_text(place):
        absent = not value and precision != 0
        return printf.format_text(place, None if absent else _plain(family, value), width, precision)
    return _mismatch(place, family, value)


def _plain(family: int, value: bytes) -> str | bytes:
    """Return a text without its NUL; wide ones are 4 bytes a character (wchar_t)."""
    return value.decode("utf-32-le", "replace").rstrip("\0") if family == _WIDE else value.rstrip(b"\0")


def _mismatch(place: Placeholder, family: int, value: bytes) -> str:
    return formats.mismatch(place, _KINDS.get(family, f"TYPE {family}"), len(value))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
