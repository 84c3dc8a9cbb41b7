"""What ``id`` stands for: values are written once and referred to afterwards, anywhere in the document.

Ids are dense, increasing integers, so each takes one place in arrays: 19 bytes. Texts are not kept; the definition's
position in the file is, and what later blocks refer to is read again when it is needed.
"""

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Final, TypeVar

import numpy as np
from msgspec import Struct, field

from traceview_parsers.xctrace.digits import Longs, Mask, Words
from traceview_parsers.xctrace.markup import Element, decode, parse

NUMBER, NEGATIVE, OTHER = 1, 2, 3
"""Forms of a value: an unsigned integer, a negative integer (64-bit two's complement), anything else."""

_LEAF: Final = re.compile(rb'<([^\s/>"=<]+) id="[0-9]+" fmt="([^"<>]*)">([^<]*)</')
_WINDOW: Final = 1024
_MAX_ELEMENT: Final = 4 << 20
_MAX_ELEMENTS: Final = 30_000
_MAX_KEPT: Final = 20_000
_MAX_CHILDREN: Final = 16
"""Larger elements (call stacks, long messages) are read again each time."""
_LEAST_DEFINITION: Final = 24
"""No definition of a value is shorter: an id far above position / 24 is not dense and would waste memory."""
_SLACK: Final = 1 << 20
"""Files that somebody has cut rows out of begin at higher ids."""


class Ids(Struct):
    """Position, value, name and form by id. `redefined`: some id stands for different values in turn."""

    offset: Longs = field(default_factory=lambda: np.zeros(0, np.int64))
    value: Words = field(default_factory=lambda: np.zeros(0, np.uint64))
    code: Any = field(default_factory=lambda: np.zeros(0, np.uint16))
    form: Any = field(default_factory=lambda: np.zeros(0, np.uint8))
    redefined: bool = False

    def grow(self, size: int) -> None:
        """Make room for ids below `size`."""
        for array in (self.offset, self.value, self.code, self.form):
            array.resize(size, refcheck=False)


Made = TypeVar("Made")


class Definitions:
    """All ids of one document.

    Args:
        file: The document; its position is moved.
        ids: What is known already.
    """

    def __init__(self, file: BinaryIO, ids: Ids) -> None:
        self._file = file
        self._arrays = ids
        self._elements: dict[int, Element] = {}
        self._kept: dict[tuple[str, int], Any] = {}

    def record(self, ids: Longs, offsets: Longs, values: Words, forms: Any, codes: Longs) -> int:
        """Note the definitions of a block in document order; a later one replaces an earlier one.

        Returns:
            How many were refused because their number is out of any dense order.
        """
        fit = ids <= offsets // _LEAST_DEFINITION + _SLACK
        refused = len(ids) - int(fit.sum())
        if refused:
            ids, offsets, values, forms, codes = ids[fit], offsets[fit], values[fit], forms[fit], codes[fit]
        if not ids.size:
            return refused
        arrays = self._arrays
        top = int(ids.max())
        if top >= len(arrays.form):
            arrays.grow(max(top + 1, len(arrays.form) * 5 // 4, 4096))
        if ((arrays.form[ids] > 0) & (arrays.offset[ids] != offsets)).any():
            arrays.redefined = True
            self._elements.clear()
            self._kept.clear()
        arrays.offset[ids] = offsets
        arrays.value[ids] = values
        arrays.form[ids] = forms
        arrays.code[ids] = codes
        return refused

    def known(self, ids: Longs, codes: Longs) -> tuple[Mask, Mask]:
        """Return which ids are defined, and which of them by an element of the given name."""
        inside = ids < len(self._arrays.form)
        at = np.where(inside, ids, 0)
        if not len(self._arrays.form):
            return inside, inside.copy()
        defined = inside & (self._arrays.form[at] > 0)
        return defined, defined & (self._arrays.code[at] == codes)

    def codes(self, ids: Longs) -> Longs:
        """Return the codes of the names of defined ids."""
        codes: Longs = self._arrays.code[ids].astype(np.int64)
        return codes

    def numbers(self, ids: Longs) -> tuple[Words, Any]:
        """Return values and forms of defined ids."""
        return self._arrays.value[ids], self._arrays.form[ids]

    def element(self, number: int) -> Element | None:
        """Return the definition of `number`, read from the file; None where there is none."""
        element = self._elements.get(number)
        if element is None:
            if not 0 <= number < len(self._arrays.form) or not self._arrays.form[number]:
                return None
            element = self._read(int(self._arrays.offset[number]))
            if len(self._elements) >= _MAX_ELEMENTS:
                self._elements.clear()
            if len(element.children) <= _MAX_CHILDREN:
                self._elements[number] = element
        return element

    def kept(self, what: str, number: int, make: Callable[[], Made]) -> Made:
        """Return what `make` gives for the definition `number`; asked again soon, without making it again."""
        key = what, number
        if key not in self._kept:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = make()
        made: Made = self._kept[key]
        return made

    def raw(self, number: int, end: bytes) -> bytes:
        """Return the bytes of a definition up to its first `end`; empty where it is undefined or has none."""
        if not 0 <= number < len(self._arrays.form) or not self._arrays.form[number]:
            return b""
        window = 4 * _WINDOW
        while window <= _MAX_ELEMENT:
            self._file.seek(int(self._arrays.offset[number]))
            data = self._file.read(window)
            stop = data.find(end)
            if stop >= 0:
                return data[:stop]
            if len(data) < window:
                break
            window *= 8
        return b""

    def resolve(self, element: Element) -> Element | None:
        """Return `element`, or what it refers to where it is a reference; None where that is nothing."""
        reference = element.attributes.get("ref")
        if reference is None:
            return element
        if not reference.isdecimal() or len(reference) > 18:
            return None
        found = self.element(int(reference))
        return found if found is not None and found.tag == element.tag else None

    def _read(self, offset: int) -> Element:
        window = _WINDOW
        while True:
            self._file.seek(offset)
            data = self._file.read(window)
            leaf = _LEAF.match(data)
            if leaf is not None:
                return Element(leaf[1].decode("utf-8", "replace"), {"fmt": decode(leaf[2])}, decode(leaf[3]))
            element, complete = parse(data)
            if element is not None and (complete or len(data) < window or window >= _MAX_ELEMENT):
                return element
            if element is None and (len(data) < window or window >= _MAX_ELEMENT):
                return Element("")
            window *= 8
