"""Messages put together from their typed children.

``<os-log-metadata>`` holds the text pieces and the arguments of a message in order. Its display text shows integers
with thousands separators of the exporting Mac's language; from the children they come as the program wrote them.
"""

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from traceview_parsers.schema import ARGUMENTS_FIELD
from traceview_parsers.xctrace.block import NOTHING
from traceview_parsers.xctrace.cells import Cells
from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.kinds import Kind, kind_of
from traceview_parsers.xctrace.markup import Element

_SEPARATORS: Final = "[,.' \u2019\u00a0\u202f\u2009]"
"""Between thousands, in the languages that macOS speaks."""
_PLAIN_TEXT: Final = "narrative-text"
_INTEGERS: Final = (Kind.UNSIGNED, Kind.SIGNED)
_SIGN_BIT: Final = 1 << 63
_PRIVATE: Final = {"<private>": "private", "<sensitive>": "sensitive"}
_HASHED: Final = "<mask.hash: "
"""Stands for a withheld value, and tells equal ones from others."""
_NULL: Final = "(null)"
"""What a null pointer prints; no argument of the archive has it as its text."""

Argument = dict[str, Any]


class Piece(Struct, frozen=True):
    """One child of a message: the text it gives, and its argument (None for text of the format)."""

    text: str
    argument: Argument | None


def piece_of(tag: str, text: str, shown: str) -> Piece:
    """Return the piece that a child stands for, by its type, machine value and display text."""
    if tag == _PLAIN_TEXT:
        return Piece(text or shown, None)
    kind = kind_of(tag)
    if tag != "boolean" and kind in _INTEGERS and text.removeprefix("-").isdecimal():
        return Piece(_written(text, shown), _argument(integer=_bits(int(text))))
    if kind is Kind.REAL:
        try:
            return Piece(shown or text, _argument(real=float(text)))
        except ValueError:
            return Piece(shown or text, _argument(text=text or shown))
    if tag == "boolean" and text.isdecimal() and len(text) < 19:
        return Piece(shown or text, _argument(integer=int(text), text=shown or None))
    return _text_piece((text or shown) if kind is Kind.TEXT else (shown or text))


def _text_piece(value: str) -> Piece:
    if value.startswith(_HASHED):
        return Piece(value, _argument(text=value, privacy="private"))
    privacy = _PRIVATE.get(value)
    return Piece(value, _argument(text=None if privacy or value == _NULL else value, privacy=privacy))


def _form(tag: str) -> int:
    kind = kind_of(tag)
    if kind is Kind.TEXT:
        return 0
    return 2 if kind in _INTEGERS and tag != "boolean" else 1


def _written(text: str, shown: str) -> str:
    """Return an integer as the message shows it: hexadecimal stays, separators of thousands go."""
    bare = re.sub(_SEPARATORS, "", shown)
    return bare if bare.removeprefix("-").isdecimal() else shown or text


def _bits(number: int) -> int | None:
    """Return a number as int64; unsigned ones keep their bits. None where 64 bits do not hold it."""
    if not -_SIGN_BIT <= number < 2 * _SIGN_BIT:
        return None
    return number - 2 * _SIGN_BIT if number >= _SIGN_BIT else number


def _argument(
    integer: int | None = None, real: float | None = None, text: str | None = None, privacy: str | None = None
) -> Argument:
    return {"integer": integer, "real": real, "text": text, "privacy": privacy}


class Messages:
    """Messages of one column of a block."""

    def __init__(self, cells: Cells, target: Longs) -> None:
        self._cells = cells
        self._unique, self._inverse = np.unique(target, return_inverse=True)
        self._children, self._owner = self._local_children()

    def _local_children(self) -> tuple[Longs, Longs]:
        """Return the tags right below the local messages, and the place of each one's message in `_unique`."""
        block = self._cells.block
        place = np.full(len(block.level), -1, np.int64)
        local = np.flatnonzero(self._unique >= 0)
        place[self._unique[local]] = local
        below = np.flatnonzero(block.level == 2)
        cells = np.flatnonzero(block.level == 1)
        if not below.size:
            return below, below
        owner = place[cells[np.searchsorted(cells, below) - 1]]
        mine = owner >= 0
        return below[mine], owner[mine]

    def _texts(self) -> Any:
        """Return the text that each child gives, null where it refers to nothing."""
        cells = self._cells
        targets, inverse = np.unique(cells.block.target[self._children], return_inverse=True)
        place = np.empty(len(targets), np.int64)
        parts: list[Any] = []
        form = self._forms(targets)
        for number, make in enumerate((self._plain, self._display, self._integers)):
            of_form = np.flatnonzero(form == number)
            place[of_form] = sum(map(len, parts)) + np.arange(len(of_form))
            parts.append(make(targets[of_form]))
        return pa.concat_arrays(parts).take(pa.array(place[inverse]))

    def _forms(self, targets: Longs) -> Longs:
        """Return how each target is written: 0 by its machine value, 1 by its display text, 2 as an integer."""
        cells = self._cells
        codes = np.zeros(len(targets), np.int64)
        local, before = targets >= 0, (targets < 0) & (targets != NOTHING)
        codes[local] = cells.block.tags.code[targets[local]]
        codes[before] = cells.definitions.codes(-1 - targets[before])
        return np.array([_form(name) for name in cells.names.names], np.int64)[codes]

    def _plain(self, targets: Longs) -> Any:
        codes, values = self._cells.distinct_text(targets)
        return values.take(pa.array(codes, mask=codes < 0))

    def _display(self, targets: Longs) -> Any:
        codes, values = self._cells.distinct_text(targets, shown=True)
        return values.take(pa.array(codes, mask=codes < 0))

    def _integers(self, targets: Longs) -> Any:
        """Return integers as the message shows them: hexadecimal stays, separators of thousands go."""
        shown = self._display(targets)
        bare = pc.replace_substring_regex(shown, _SEPARATORS, "")
        return pc.if_else(pc.match_substring_regex(bare, "^-?[0-9]+$"), bare, shown)

    def _pieces(self) -> tuple[Longs, list[Piece | None]]:
        """Return for each child the number of its piece, and the distinct pieces."""
        cells = self._cells
        targets, inverse = np.unique(cells.block.target[self._children], return_inverse=True)
        elements = [cells.element(target) for target in targets.tolist()]
        return inverse, [None if element is None else _element_piece(element) for element in elements]

    def text(self) -> Any:
        """Return one large_string a row; null where the cell is empty."""
        cells, unique = self._cells, self._unique
        codes, values = cells.distinct_text(unique)
        texts = values.take(pa.array(codes, mask=codes < 0))
        if self._children.size:
            counts = np.bincount(self._owner, minlength=len(unique))
            offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
            # A piece that is missing makes the joined text null: then the display text stands.
            joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), self._texts()), "")
            texts = pc.if_else(pa.array(counts > 0), pc.coalesce(joined, texts), texts)
        texts = self._with_old(texts)
        return texts.take(pa.array(self._inverse)).cast(pa.large_string())

    def _with_old(self, texts: Any) -> Any:
        """Replace texts of messages that an earlier block defined, where they have children."""
        old = np.flatnonzero((self._unique < 0) & (self._unique != NOTHING))
        if not old.size:
            return texts
        found = [self._old_text(target) for target in self._unique[old].tolist()]
        mask = np.zeros(len(self._unique), bool)
        mask[old] = True
        return pc.replace_with_mask(texts, pa.array(mask), pa.array(found, pa.string()))

    def _old_text(self, target: int) -> str:
        element = self._cells.element(target)
        if element is None:
            return ""
        found = [self._cells.definitions.resolve(child) for child in element.children]
        pieces = [_element_piece(child) for child in found if child is not None]
        if not pieces or len(pieces) < len(found):
            return element.shown
        return "".join(piece.text for piece in pieces)

    def arguments(self) -> Any:
        """Return one list of typed arguments a row."""
        lists: list[list[Argument]] = [[] for _ in self._unique]
        if self._children.size:
            numbers, pieces = self._pieces()
            for owner, number in zip(self._owner.tolist(), numbers.tolist(), strict=True):
                piece = pieces[number]
                if piece is not None and piece.argument is not None:
                    lists[owner].append(piece.argument)
        for place in np.flatnonzero((self._unique < 0) & (self._unique != NOTHING)).tolist():
            lists[place] = self._old_arguments(int(self._unique[place]))
        return pa.array(lists, ARGUMENTS_FIELD.type).take(pa.array(self._inverse))

    def _old_arguments(self, target: int) -> list[Argument]:
        element = self._cells.element(target)
        found = [self._cells.definitions.resolve(child) for child in element.children] if element else []
        pieces = [_element_piece(child) for child in found if child is not None]
        return [piece.argument for piece in pieces if piece.argument is not None]


def _element_piece(element: Element) -> Piece:
    text = "" if element.children else element.text
    return piece_of(element.tag, text, element.get("fmt") or text)
