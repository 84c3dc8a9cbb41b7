"""Rendering of one argument as C's ``printf`` does, in the C locale.

Integers keep every bit that the record stores: without a length modifier a wider item is not cut to ``int``, because
the compiler stores the argument in its own size; ``h`` and ``hh`` do cut, as in C. Where C libraries differ, Apple's
way is taken: ``%p`` of null is ``0x0`` and NaN has no sign.
"""

import math
import struct
from typing import Final

from traceview_parsers.unified_log.darwin_errors import errno_text
from traceview_parsers.unified_log.formats import CHARACTERS, FLOATS, MAX_FIELD, SIGNED, STRINGS, UNSIGNED, Placeholder

_CUT: Final = {"hh": 1, "h": 2}
_BASES: Final = {"o": "o", "O": "o", "x": "x", "X": "X", "p": "x"}
_INTEGERS: Final = SIGNED | UNSIGNED | {"p"}
_DOUBLE_MANTISSA_HEX_DIGITS: Final = 13
_EXTENDED_BIAS: Final = 16_383 + 63  # of the exponent, plus the integer mantissa's bits below its point
_EXTENDED_SIZES: Final = (10, 12, 16)  # x87 long double, padded by the ABI


def format_scalar(
    place: Placeholder, item: bytes, width: int | None = None, precision: int | None = None
) -> str | None:
    """Render a number item (little-endian, as stored) by its placeholder.

    Args:
        place: The specifier.
        item: The item's bytes: 1, 2, 4 or 8 for integers, 4, 8 or 10 to 16 for floats.
        width: Value of a ``*`` width; negative means left-justified.
        precision: Value of a ``.*`` precision; negative means none.

    Returns:
        The text, or None when the item cannot belong to the conversion (a string conversion, an impossible size).
    """
    conversion = place.conversion
    if conversion in _INTEGERS and 0 < len(item) <= 8:
        return format_integer(place, int.from_bytes(item, "little"), len(item), width, precision)
    if conversion in FLOATS:
        value = read_float(item)
        return None if value is None else format_float(place, value, width, precision)
    if conversion in CHARACTERS and 0 < len(item) <= 8:
        return format_character(place, int.from_bytes(item, "little"), width)
    if conversion == "m" and 0 < len(item) <= 8:
        return format_text(place, errno_text(int.from_bytes(item, "little", signed=True)), width, precision)
    return None


def format_integer(
    place: Placeholder, value: int, size: int, width: int | None = None, precision: int | None = None
) -> str:
    """Render an integer of `size` bytes by ``d D i u U o O x X p``; `value` may be signed or its unsigned bits."""
    conversion = place.conversion
    bits = 8 * min(size, _CUT.get(place.length, size))
    value &= (1 << bits) - 1
    sign = ""
    if conversion in SIGNED:
        if value >> (bits - 1):
            value = (1 << bits) - value
            sign = "-"
        elif "+" in place.flags:
            sign = "+"
        elif " " in place.flags:
            sign = " "
    digits = format(value, _BASES.get(conversion, "d"))
    if place.width is None and place.precision is None and not place.flags and conversion != "p":
        return sign + digits
    return _pad_integer(place, value, sign, digits, (width, precision))


def format_float(place: Placeholder, value: float, width: int | None = None, precision: int | None = None) -> str:
    """Render a float by ``f F e E g G a A``."""
    fill, left, flags = _width(place, width)
    digits = _precision(place, precision)
    conversion = place.conversion
    sign = "+" if "+" in flags else " " if " " in flags else ""
    if not math.isfinite(value):
        body = "nan" if math.isnan(value) else "-inf" if value < 0 else sign + "inf"
        body = body.upper() if conversion.isupper() else body
        return body.ljust(fill) if left else body.rjust(fill)
    alternate = "#" if "#" in flags else ""
    if conversion in "aA":
        body = _hexadecimal(value, digits, alternate)
        body = body if body[0] == "-" else sign + body
        body = body.upper() if conversion == "A" else body
        prefix = 3 if body[0] in "+- " else 2
    else:
        body = f"%{sign}{alternate}.{6 if digits is None else digits}{conversion}" % value
        prefix = 1 if body[0] in "+- " else 0
    if left:
        return body.ljust(fill)
    if "0" in flags:
        return body[:prefix] + body[prefix:].rjust(fill - prefix, "0")
    return body.rjust(fill)


def format_character(place: Placeholder, value: int, width: int | None = None) -> str:
    """Render ``%c`` (one byte; bytes above 127 are no text of their own) or ``%C`` and ``%lc`` (one code point)."""
    if place.conversion == "C" or place.length == "l":
        code = value & 0xFFFFFFFF
        text = chr(code) if code < 0xD800 or 0xE000 <= code < 0x110000 else "\ufffd"
    else:
        text = bytes((value & 0xFF,)).decode("ascii", "replace")
    fill, left, _ = _width(place, width)
    return text.ljust(fill) if left else text.rjust(fill)


def format_text(
    place: Placeholder, text: str | bytes | None, width: int | None = None, precision: int | None = None
) -> str:
    """Render a string by ``%s %S %@`` or ``%m``; None prints ``(null)``.

    Width and precision count bytes of UTF-8, as in C; ``%S`` and ``%ls`` were wide, so they count characters.
    """
    fill, left, _ = _width(place, width)
    limit = _precision(place, precision)
    value = "(null)" if text is None else text
    if not fill and limit is None:
        return value if isinstance(value, str) else value.decode("utf-8", "replace")
    if place.conversion == "S" or place.length == "l":
        wide = value if isinstance(value, str) else value.decode("utf-8", "replace")
        wide = wide if limit is None else wide[:limit]
        return wide.ljust(fill) if left else wide.rjust(fill)
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    raw = raw if limit is None else raw[:limit]
    raw = raw.ljust(fill) if left else raw.rjust(fill)
    return raw.decode("utf-8", "replace")


def format_data(data: bytes | None) -> str:
    """Render ``%P`` data without a decoder: quoted hexadecimal bytes, as seen in a renderer checked against macOS."""
    return "(null)" if data is None else f"'{data.hex(' ')}'"


def takes_text(place: Placeholder) -> bool:
    """Whether the conversion expects a string or object item."""
    return place.conversion in STRINGS


def read_float(item: bytes) -> float | None:
    """Read a float item: 4 bytes are ``float``, 8 ``double``, 10 to 16 an x87 ``long double`` (rounded to double)."""
    if len(item) == 8:
        return float(struct.unpack("<d", item)[0])
    if len(item) == 4:
        return float(struct.unpack("<f", item)[0])
    if len(item) in _EXTENDED_SIZES:
        return _read_extended(item)
    return None


def _width(place: Placeholder, given: int | None) -> tuple[int, bool, str]:
    """Return (minimum width, whether left-justified, flags)."""
    width = (given or 0) if place.width == "*" else place.width or 0
    left = width < 0 or "-" in place.flags
    return min(abs(width), MAX_FIELD), left, place.flags


def _precision(place: Placeholder, given: int | None) -> int | None:
    precision = given if place.precision == "*" else place.precision
    return None if precision is None or precision < 0 else min(precision, MAX_FIELD)


def _pad_integer(place: Placeholder, value: int, sign: str, digits: str, given: tuple[int | None, int | None]) -> str:
    fill, left, flags = _width(place, given[0])
    precision = _precision(place, given[1])
    if precision == 0 and not value:
        digits = ""
    digits = digits.rjust(precision or 0, "0")
    if place.conversion == "p" or ("#" in flags and value and place.conversion in "xX"):
        sign = "0X" if place.conversion == "X" else "0x"
    elif "#" in flags and place.conversion in "oO" and not digits.startswith("0"):
        digits = "0" + digits
    if left:
        return (sign + digits).ljust(fill)
    if "0" in flags and precision is None:
        return sign + digits.rjust(fill - len(sign), "0")
    return (sign + digits).rjust(fill)


def _hexadecimal(value: float, digits: int | None, alternate: str) -> str:
    """Return ``%a`` of a finite number: no trailing zeros without a precision, else rounded half to even."""
    text = value.hex()
    sign = "-" if text[0] == "-" else ""
    mantissa, exponent = text.lstrip("-")[2:].split("p")
    lead, _, fraction = mantissa.partition(".")
    if digits is None:
        fraction = fraction.rstrip("0")
    elif digits < _DOUBLE_MANTISSA_HEX_DIGITS:
        lead, fraction = _round_hexadecimal(int(lead + fraction.ljust(_DOUBLE_MANTISSA_HEX_DIGITS, "0"), 16), digits)
    else:
        fraction = fraction.ljust(digits, "0")
    point = "." if fraction or alternate else ""
    return f"{sign}0x{lead}{point}{fraction}p{exponent}"


def _round_hexadecimal(mantissa: int, digits: int) -> tuple[str, str]:
    drop = 4 * (_DOUBLE_MANTISSA_HEX_DIGITS - digits)
    kept, rest = mantissa >> drop, mantissa & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    kept += rest > half or (rest == half and kept & 1)
    return f"{kept >> (4 * digits):x}", f"{kept & ((1 << (4 * digits)) - 1):0{digits}x}" if digits else ""


def _read_extended(item: bytes) -> float:
    mantissa = int.from_bytes(item[:8], "little")
    head = int.from_bytes(item[8:10], "little")
    exponent, sign = head & 0x7FFF, -1.0 if head >> 15 else 1.0
    if exponent == 0x7FFF:
        return math.nan if mantissa << 1 & 0xFFFFFFFFFFFFFFFF else sign * math.inf
    try:
        return sign * math.ldexp(mantissa, exponent - _EXTENDED_BIAS)
    except OverflowError:
        return sign * math.inf
