"""How to lay out the messages of a call site: its format string, taken apart once.

A plan is a row of segments: literal pieces of the format (Arrow binary-view entries into one pool) and one segment for
each placeholder. Its slots say, for each value that a record brings, which segment it fills and how it is written.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from traceview_parsers.unified_log import formats
from traceview_parsers.unified_log.formats import Placeholder
from traceview_parsers.unified_log.interning import Array, Rows
from traceview_parsers.unified_log.numbers import ENTRY, INLINE, small_entry

LITERALS: Final = 0
"""Number of the Arrow buffer that holds the literals."""

_ZERO_PADDED: Final = 19
"""More digits than this are left to the general rendering."""


class Style(IntEnum):
    """How a slot's value is written; `GENERAL` is the rendering of single values, the others are done by column."""

    GENERAL = 0
    SIGNED = 1
    UNSIGNED = 2
    HEX = 3
    HEX_UPPER = 4
    POINTER = 5
    HEX_PREFIXED = 6
    TEXT = 7
    UUID = 8
    BOOL = 9
    BOOL_UPPER = 10
    ANY = 11
    """The format is unknown: numbers in decimal, texts as they are."""
    WIDTH = 12
    """A number that is the width of the next placeholder; it fills no segment."""


_DECIMAL_STYLES: Final = frozenset({Style.SIGNED, Style.UNSIGNED})


class Plans:
    """All plans of an archive.

    Attributes:
        table: One row a plan: first segment and count, first slot and count.
        slots: One row a slot: segment (counted from the plan's first), style, minimum digits (or, for texts, the most
            bytes to print, -1 no limit), whether a minus sign counts as a digit, placeholder number.
        placeholders: The placeholders that slots refer to.
    """

    def __init__(self) -> None:
        self.table = Rows(segment=np.int64, segments=np.int64, slot=np.int64, slots=np.int64)
        self.slots = Rows(segment=np.int64, style=np.uint8, digits=np.int64, sign_counts=np.bool_, place=np.int32)
        self.placeholders: list[Placeholder] = []
        self._segments = Rows(entry=ENTRY)
        self._pool = bytearray()
        self._frozen = b""
        self._known: dict[tuple[str, int], int] = {}
        self._literals: list[tuple[list[str], bool]] = []
        self._missing = self._literal(formats.missing().encode())

    @property
    def segments(self) -> Array:
        """Entries of all segments; those of placeholders say that data are missing."""
        return self._segments["entry"]

    def pool(self) -> bytes:
        """Return the bytes that long literals point into; the same object until a literal is added."""
        if len(self._frozen) != len(self._pool):
            self._frozen = bytes(self._pool)
        return self._frozen

    def literals(self, plan: int) -> tuple[list[str], bool]:
        """Return (literals between values, whether all values are decimal numbers) of a plan.

        Two values with nothing between them have an empty literal between them.
        """
        return self._literals[plan]

    def for_format(self, text: str) -> int:
        """Return the number of the plan of a format string."""
        return self._plan((text, -1), formats.parse_format(text))

    def for_literal(self, text: str) -> int:
        """Return the number of a plan that prints `text` as it stands."""
        return self._plan((text, -2), (text,) if text else ())

    def for_unknown(self, text: str, values: int) -> int:
        """Return the number of a plan that prints `text` and then `values` values, whatever they are."""
        place = formats.parse_format("%s")[0]
        return self._plan((text, values), (text, *[part for _ in range(values) for part in (" ", place)]))

    def _plan(self, key: tuple[str, int], parts: tuple[str | Placeholder, ...]) -> int:
        known = self._known.get(key)
        if known is not None:
            return known
        segment = self._segments.size
        slot = self.slots.size
        literals = [""]
        for part in parts:
            if isinstance(part, str):
                literals[-1] += part
                self._segments.append(entry=self._literal(part.encode("utf-8", "replace")))
                continue
            if part.width == "*":
                self._slot(-1, Style.WIDTH, part)
            self._slot(self._segments.size - segment, Style.ANY if key[1] >= 0 else _style(part), part)
            literals.append("")
            self._segments.append(entry=self._missing)
        styles = self.slots["style"][slot:].tolist()
        self._literals.append((literals, all(style in _DECIMAL_STYLES for style in styles)))
        number = self.table.append(
            segment=segment, segments=self._segments.size - segment, slot=slot, slots=self.slots.size - slot
        )
        self._known[key] = number
        return number

    def _slot(self, segment: int, style: Style, place: Placeholder) -> None:
        digits, sign_counts = _digits(place) if style != Style.TEXT else (_text_limit(place), False)
        self.slots.append(
            segment=segment, style=style, digits=digits, sign_counts=sign_counts, place=len(self.placeholders)
        )
        self.placeholders.append(place)

    def _literal(self, text: bytes) -> Array:
        if len(text) <= INLINE:
            return small_entry(text)
        raw = len(text).to_bytes(4, "little") + text[:4] + LITERALS.to_bytes(4, "little")
        raw += len(self._pool).to_bytes(4, "little")
        self._pool += text
        return np.frombuffer(raw, ENTRY)


def _style(place: Placeholder) -> Style:
    """Return how values of a placeholder can be written by column."""
    if place.decoder is not None:
        return _decoder_style(place)
    if place.conversion in "s@" and not place.flags and place.width is None and place.precision != "*":
        return Style.TEXT
    if place.length in {"h", "hh"} or _digits(place)[0] < 0:
        return Style.GENERAL
    alternate = "#" in place.flags
    styles = {"d": Style.SIGNED, "i": Style.SIGNED, "D": Style.SIGNED, "u": Style.UNSIGNED, "U": Style.UNSIGNED}
    if not alternate and place.conversion in styles:
        return styles[place.conversion]
    if place.conversion == "x":
        return Style.HEX_PREFIXED if alternate else Style.HEX
    if place.conversion == "X" and not alternate:
        return Style.HEX_UPPER
    return Style.POINTER if place.conversion == "p" else Style.GENERAL


def _decoder_style(place: Placeholder) -> Style:
    styles = {"uuid_t": Style.UUID, "bool": Style.BOOL, "BOOL": Style.BOOL_UPPER}
    plain = not place.flags and place.width is None
    return styles.get(place.decoder or "", Style.GENERAL) if plain else Style.GENERAL


def _digits(place: Placeholder) -> tuple[int, bool]:
    """Return (fewest digits, whether a minus sign takes the place of one); -1 where that does not describe it."""
    if set(place.flags) - {"0", "#"} or place.width == "*" or place.precision == "*":
        return -1, False
    width, precision = place.width or 0, place.precision
    if precision is not None:
        simple = width <= precision and 0 < precision <= _ZERO_PADDED and "#" not in place.flags
        return (precision, False) if simple else (-1, False)
    if not width:
        return 1, False
    if "0" not in place.flags or "#" in place.flags or place.conversion == "p" or width > _ZERO_PADDED:
        return -1, False
    return width, True


def _text_limit(place: Placeholder) -> int:
    return place.precision if isinstance(place.precision, int) else -1
