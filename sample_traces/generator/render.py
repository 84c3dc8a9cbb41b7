"""Compose the message of a log record as ``log show`` prints it.

Written apart from the parsers on purpose: what this module says a record means is what the decoders are tested against.
"""

import base64
import os
from collections.abc import Iterator, Sequence
from uuid import UUID

from generator.formats import FLOATS, STRINGS, Specifier, parse
from generator.values import Argument, hidden

PRIVATE = "<private>"


def message(text: str, arguments: Sequence[Argument], *, keep_private: bool = False) -> str:
    """Return the message of format `text` with `arguments` (one per specifier, one more per ``*``)."""
    return "".join(shown for _, shown in pieces(text, arguments, keep_private=keep_private))


def pieces(
    text: str, arguments: Sequence[Argument], *, keep_private: bool = False
) -> Iterator[tuple[Specifier | None, str]]:
    """Yield each piece of the message: literal text (without a specifier), or an argument as it is shown."""
    rest = iter(arguments)
    for piece in parse(text):
        if isinstance(piece, str):
            yield None, piece
        else:
            yield piece, _convert(piece, rest, keep_private=keep_private)


def _convert(specifier: Specifier, rest: Iterator[Argument], *, keep_private: bool) -> str:
    width = str(next(rest)) if specifier.width == "*" else specifier.width or ""
    precision = str(next(rest)) if specifier.precision == "*" else specifier.precision
    value = next(rest)
    kept = keep_private and specifier.conversion in STRINGS and not specifier.sensitive
    if hidden(specifier, value) and not kept:
        return PRIVATE
    if specifier.mask is not None:
        return _masked(value)
    decoded = _decoded(specifier, value)
    if decoded is not None:
        return decoded
    shape = specifier.flags.replace("'", "") + width + ("" if precision is None else "." + precision)
    if specifier.conversion in STRINGS:
        return _text(specifier, value, shape)
    return _number(specifier, value, shape)


def _number(specifier: Specifier, value: Argument, shape: str) -> str:
    if specifier.conversion in FLOATS:
        return str(f"%{shape}{specifier.conversion}" % value)
    if not isinstance(value, int):
        raise TypeError(f"{specifier.text} needs an integer, not {value!r}")
    if specifier.conversion == "p":
        return f"{value:#x}"
    if specifier.conversion == "c":
        return f"%{shape}s" % chr(value)
    if specifier.conversion in "di":
        return f"%{shape}d" % _signed(value, specifier.size)
    unsigned = value & ((1 << (8 * specifier.size)) - 1)
    conversion = {"u": "d", "U": "d", "O": "o", "D": "d"}.get(specifier.conversion, specifier.conversion)
    if unsigned == 0:
        shape = shape.replace("#", "")
    return f"%{shape}{conversion}" % unsigned


def _masked(value: Argument) -> str:
    if value is None:
        return "<mask.hash: (null)>"
    if not isinstance(value, bytes):
        raise TypeError(f"a masked argument is given as the bytes of its hash, not {value!r}")
    return f"<mask.hash: '{base64.b64encode(value).decode()}'>"


def _decoded(specifier: Specifier, value: Argument) -> str | None:
    words = specifier.annotations
    if isinstance(value, int):
        value = _signed(value, specifier.size)
    if "bool" in words:
        return "true" if value else "false"
    if "BOOL" in words:
        return "YES" if value else "NO"
    if "uuid_t" in words and isinstance(value, bytes):
        return str(UUID(bytes=value)).upper()
    if specifier.conversion == "m" or "darwin.errno" in words or "errno" in words:
        number = int(value) if isinstance(value, int) else 0
        return f"[{number}: {os.strerror(number)}]"
    return None


def _text(specifier: Specifier, value: Argument, shape: str) -> str:
    if value is None:
        return "(null)"
    if isinstance(value, bytes):
        return value.hex().upper()
    if specifier.conversion == "@":
        return str(value)
    return f"%{shape.replace('0', '', 1) if shape.startswith('0') else shape}s" % str(value)


def _signed(value: int, size: int) -> int:
    bits = 8 * size
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
