"""How to lay out the messages of a call site: its format string, taken apart once.

A plan is a row of segments: literal pieces of the format (Arrow binary-view entries into one pool) and one segment for
each placeholder. Its slots say, for each value that a record brings, which segment it fills and how it is written.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from traceview_parsers.binary_views import ENTRY, INLINE
from traceview_parsers.unified_log import formats
from traceview_parsers.unified_log.formats import Placeholder
from traceview_parsers.unified_log.interning import Array, Rows

LITERALS: Final = 0
"""Number of the Arrow buffer that holds the literals."""

_MOST_DIGITS: Final = 19
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
    FLOAT = 13
    CHARACTER = 14
    TEXT_CUT = 15
    """A text of which only the beginning is wanted."""
    PRECISION = 16
    """A number that is the precision of the next placeholder; it fills no segment."""


_WHEN_BARE: Final = {
    **dict.fromkeys("s@", Style.TEXT),
    **dict.fromkeys("fFeEgG", Style.FLOAT),
    "c": Style.CHARACTER,
}
"""Style by conversion of placeholders without flags and width; others of these conversions are general."""

_INTEGER_STYLES: Final = {
    **{(letter, False): Style.SIGNED for letter in "dDi"},
    **{(letter, False): Style.UNSIGNED for letter in "uU"},
    ("x", False): Style.HEX,
    ("x", True): Style.HEX_PREFIXED,
    ("X", False): Style.HEX_UPPER,
    ("p", False): Style.POINTER,
    ("p", True): Style.POINTER,
}
"""Style by conversion and alternate form."""


class _Shape(NamedTuple):
    """Fewest digits, whether a minus sign takes the place of one, fewest characters."""

    digits: int
    sign_counts: bool
    width: int


class _Value(NamedTuple):
    """A placeholder: its number, how its values are written, and the marks before and behind them."""

    place: int
    style: Style
    shape: _Shape
    bare: bool
    before: str
    behind: str


class Plans:
    """All plans of an archive.

    Attributes:
        table: One row a plan: first segment and count, first slot and count, whether its format is unknown, whether it
            has slots for widths or precisions.
        slots: One row a slot: segment (counted from the plan's first), style, minimum digits (or, for texts, the most
            bytes to print, -1 no limit), whether a minus sign counts as a digit, minimum width (filled with spaces on
            the left), whether a number is written without any of these, placeholder number. The first is no plan's.
        placeholders: The placeholders that slots refer to.
        float_formats: For each placeholder, how Python writes its floats.
    """

    def __init__(self) -> None:
        self.table = Rows(
            segment=np.int64, segments=np.int64, slot=np.int64, slots=np.int64, unknown=np.bool_, starred=np.bool_
        )
        self.slots = Rows(
            segment=np.int64,
            style=np.uint8,
            digits=np.int64,
            sign_counts=np.bool_,
            width=np.int64,
            bare=np.bool_,
            place=np.int32,
        )
        # For values that no format has a place for: there is a row to look at even where no format has any placeholder.
        self.slots.append(-1, Style.ANY, 1, False, 0, True, 0)
        self.placeholders: list[Placeholder] = []
        self.float_formats: list[str] = []
        self._entries = bytearray()
        self._segments = np.zeros(0, ENTRY)
        self._pool = bytearray()
        self._frozen = b""
        self._known: dict[tuple[str, int], int] = {}
        self._unknown: dict[int, str] = {}
        self._literals: list[list[str]] = []
        self._values: dict[tuple[str, bool], _Value] = {}
        self._missing = self._literal(formats.missing().encode())

    @property
    def segments(self) -> Array:
        """Entries of all segments; those of placeholders say that data are missing."""
        if self._segments.nbytes != len(self._entries):
            self._segments = np.frombuffer(bytes(self._entries), ENTRY)
        return self._segments

    def pool(self) -> bytes:
        """Return the bytes that long literals point into; the same object until a literal is added."""
        if len(self._frozen) != len(self._pool):
            self._frozen = bytes(self._pool)
        return self._frozen

    def literals(self, plan: int) -> list[str]:
        """Return the texts before, between and behind the values of a plan, empty where there is none."""
        return self._literals[plan]

    def of_conversion(self, letters: frozenset[str]) -> Array:
        """Return, for each placeholder, whether its conversion is one of these letters."""
        return np.array([place.conversion in letters for place in self.placeholders], bool)

    def decoded(self) -> Array:
        """Return, for each placeholder, whether it names a decoder or is one itself (``%m``)."""
        return np.array([place.decoder is not None or place.conversion == "m" for place in self.placeholders], bool)

    def for_format(self, text: str) -> int:
        """Return the number of the plan of a format string."""
        return self._plan((text, -1), formats.parse_format(text))

    def for_literal(self, text: str) -> int:
        """Return the number of a plan that prints `text` as it stands."""
        return self._plan((text, -2), (text,) if text else ())

    def for_unknown(self, text: str, values: int = 1) -> int:
        """Return the number of a plan that prints `text` and then `values` values, whatever they are.

        A call site has the one with one value; what its records bring tells `fitted`.
        """
        place = formats.parse_format("%s")[0]
        number = self._plan((text, values), (text, *[part for _ in range(values) for part in (" ", place)]))
        self._unknown[number] = text
        return number

    def fitted(self, plan: Array, count_values: Callable[[], Array]) -> Array:
        """Return the plans of records; where the format is unknown, those for as many values as each record brings.

        Args:
            plan: Plan of each record's call site.
            count_values: Returns the number of each record's values, at most 255.
        """
        rows = np.flatnonzero(self.table["unknown"].take(plan))
        if not rows.size:
            return plan
        kinds, kind = np.unique(plan[rows].astype(np.int64) << 8 | count_values()[rows], return_inverse=True)
        numbers = [self.for_unknown(self._unknown[one >> 8], one & 0xFF) for one in kinds.tolist()]
        fitted = plan.copy()
        fitted[rows] = np.array(numbers)[kind]
        return fitted

    def _plan(self, key: tuple[str, int], parts: tuple[str | Placeholder, ...]) -> int:
        known = self._known.get(key)
        if known is not None:
            return known
        segment = len(self._entries) // ENTRY.itemsize
        slot = self.slots.size
        count = 0
        starred = False
        literal = ""
        literals = []
        for part in parts:
            if isinstance(part, str):
                literal += part
                continue
            value = self._value(part, anything=key[1] >= 0)
            literal += value.before
            literals.append(literal)
            count += self._add_literal(literal)
            for star in _stars(part):
                self.slots.append(-1, star, 1, False, 0, True, value.place)
                starred = True
            self.slots.append(count, value.style, *value.shape, value.bare, value.place)
            self._entries += self._missing
            count += 1
            literal = value.behind
        literals.append(literal)
        count += self._add_literal(literal)
        unknown = key[1] >= 0
        # A record may bring no value: then there is no blank behind the text.
        self._literals.append([key[0], ""] if unknown else literals)
        number = self._known[key] = self.table.append(segment, count, slot, self.slots.size - slot, unknown, starred)
        return number

    def _value(self, place: Placeholder, *, anything: bool) -> _Value:
        """Return how values of a placeholder are written: the same for all that read alike."""
        known = self._values.get((place.raw, anything))
        if known is not None:
            return known
        raw, place = place.raw, place.in_full()
        style = Style.ANY if anything else _style(place)
        is_text = style in {Style.TEXT, Style.TEXT_CUT, Style.ANY}
        shape = _Shape(_text_limit(place), False, 0) if is_text else _shape(place) or _Shape(1, False, 0)
        bare = shape.digits <= 1 and not shape.width
        value = self._values[raw, anything] = _Value(len(self.placeholders), style, shape, bare, *place.marks)
        self.placeholders.append(place)
        precision = 6 if place.precision is None or place.precision == "*" else place.precision
        self.float_formats.append(f"%.{precision}{place.conversion}" if style == Style.FLOAT else "")
        return value

    def _add_literal(self, text: str) -> bool:
        """Append the entry of a literal; return False where it is empty, which takes no segment."""
        if text:
            self._entries += self._literal(text.encode("utf-8", "replace"))
        return bool(text)

    def _literal(self, text: bytes) -> bytes:
        """Return the entry of a literal, whose text goes to the pool if it is long."""
        entry = len(text).to_bytes(4, "little")
        if len(text) <= INLINE:
            return entry + text.ljust(INLINE, b"\0")
        entry += text[:4] + LITERALS.to_bytes(4, "little") + len(self._pool).to_bytes(4, "little")
        self._pool += text
        return entry


def _stars(place: Placeholder) -> list[Style]:
    """Return the slots of the width and the precision that arguments give, in their order."""
    given = ((Style.WIDTH, place.width), (Style.PRECISION, None if place.counted else place.precision))
    return [style for style, field in given if field == "*"]


def _style(place: Placeholder) -> Style:
    """Return how values of a placeholder can be written by column."""
    if place.decoder is not None:
        return _decoder_style(place)
    bare = not place.flags and place.width is None and place.precision != "*"
    if place.conversion in _WHEN_BARE:
        style = _WHEN_BARE[place.conversion]
        wide = place.length == "l" and style != Style.FLOAT
        style = style if bare and not wide else Style.GENERAL
        return Style.TEXT_CUT if style == Style.TEXT and place.precision is not None else style
    if place.length in {"h", "hh"} or _shape(place) is None:
        return Style.GENERAL
    return _INTEGER_STYLES.get((place.conversion, "#" in place.flags), Style.GENERAL)


def _decoder_style(place: Placeholder) -> Style:
    styles = {"uuid_t": Style.UUID, "bool": Style.BOOL, "BOOL": Style.BOOL_UPPER}
    plain = not place.flags and place.width is None
    return styles.get(place.decoder or "", Style.GENERAL) if plain else Style.GENERAL


def _shape(place: Placeholder) -> _Shape | None:
    """Return the shape of integers, None where it takes more to describe."""
    if set(place.flags) - {"0", "#"} or place.width == "*" or place.precision == "*":
        return None
    width, precision = place.width or 0, place.precision
    if precision is not None:
        simple = width <= precision and 0 < precision <= _MOST_DIGITS and "#" not in place.flags
        return _Shape(precision, False, 0) if simple else None
    if not width:
        return _Shape(1, False, 0)
    if "#" in place.flags or place.conversion == "p" or width > _MOST_DIGITS:
        return None
    return _Shape(width, True, 0) if "0" in place.flags else _Shape(1, False, width)


def _text_limit(place: Placeholder) -> int:
    return place.precision if isinstance(place.precision, int) else -1
