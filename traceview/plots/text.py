"""Figures for people: durations, counts, sizes, and long text cut."""

from itertools import pairwise
from math import isfinite

_SHORT = (
    (1e-9, 1, 0, "s"),
    (0.0001, 1e6, 0, "µs"),
    (0.01, 1e3, 1, "ms"),
    (0.9995, 1e3, 0, "ms"),
    (9.995, 1, 2, "s"),
    (59.95, 1, 1, "s"),
)
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def shorten(text: str, limit: int) -> str:
    """Cut text in its middle, where bundle ids and paths differ least."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def duration(seconds: float) -> str:
    """Return a duration with the unit and digits that a person needs: ``0.4 ms``, ``812 ms``, ``6.40 s``, ``3 min 20 s``.

    One that is not finite is ``an unknown time``.
    """
    if not isfinite(seconds):
        return "an unknown time"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    for limit, factor, digits, unit in _SHORT:
        if seconds < limit:
            return f"{seconds * factor:.{digits}f} {unit}"
    whole = round(seconds)
    for (unit, length), (part, step) in pairwise(_UNITS):
        if whole >= length:
            rest = whole % length // step
            return f"{whole // length} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{whole} s"


def number(value: float) -> str:
    """Return a figure with thousands separators and no false digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def size(count: int) -> str:
    """Return a size in bytes with a decimal unit."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} bytes"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return ``1 call``, ``2 calls``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
