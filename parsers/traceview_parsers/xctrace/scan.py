"""Tags of a block of rows, all at once.

A block is a run of whole rows, some megabytes. Positions of ``<``, ``>`` and ``"`` are found by array operations; as
``<`` never occurs raw in well-formed XML, tags, their first two attributes (``id`` or ``ref``, then ``fmt``), nesting
and rows follow from counting. Tags that are written in another way (single quotes, blanks around ``=``, a raw ``>`` in
a value, another order) are rewritten in place, in the same number of bytes, and the block is scanned again.
"""

import re
from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.xctrace.digits import Longs, Mask, Words, decimals
from traceview_parsers.xctrace.markup import ATTRIBUTE, TAG
from traceview_parsers.xctrace.names import INVALID, Names

MARGIN: Final = 32
"""Bytes before and after the data, so that words may be read across its ends."""

PLAIN, DEFINITION, REFERENCE = 0, 1, 2
GREATER, QUOTE = b"\xff", b"\xfe"
"""Stand in for ``>`` and ``"`` inside rewritten values: bytes that never occur in UTF-8."""

_ROWS: Final = np.frombuffer(b"row>row row\trow\nrow\rrow/", "<u4")
_ROW_END: Final = np.frombuffer(b"/row", "<u4")[0]
_ID: Final = np.frombuffer(b" id=", "<u4")[0]
_REF: Final = np.frombuffer(b"ref=", "<u4")[0]
_FMT: Final = np.frombuffer(b"fmt=", "<u4")[0]
_LESS, _GREATER, _SLASH, _BLANK, _DOUBLE = 60, 62, 47, 32, 34
_REMARK: Final = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)


class Tags(Struct):
    """Tags of a block; arrays of one element a tag in document order unless said otherwise.

    Attributes:
        data: The block, with `MARGIN` bytes around it.
        words: The eight bytes at each position of the data.
        marks: Position of each ``<``, ``>`` and ``"``.
        start: Position of the tag.
        end: Position of its ``>``.
        first: Index in `marks` of the tag's ``<``.
        last: Index in `marks` of its ``>``.
        close: End tags.
        empty: Empty-element tags.
        bad: Not understood.
        kind: `PLAIN`, `DEFINITION` or `REFERENCE`.
        number: The ``id`` or ``ref``.
        code: Number of the name.
        rewritten: Whether values may hold `GREATER` or `QUOTE`.
    """

    data: bytearray
    words: Words
    marks: Longs
    start: Longs
    end: Longs
    first: Longs
    last: Longs
    close: Mask
    empty: Mask
    bad: Mask
    kind: Any
    number: Longs
    code: Longs
    rewritten: bool = False

    def row_starts(self) -> Mask:
        """Return which tags open a row."""
        word = self._words32(self.start + 1)
        found: Mask = (word == _ROWS[0]) & ~self.close
        for other in _ROWS[1:]:
            found |= word == other
        return found

    def row_ends(self) -> Mask:
        """Return which tags close a row."""
        word = self.words[self.start + 1]
        after = (word >> np.uint64(32)) & np.uint64(0xFF)
        whole = (after == _GREATER) | (after == _BLANK)
        found: Mask = self.close & (word.astype(np.uint32) == _ROW_END) & whole
        return found

    def _words32(self, at: Longs) -> Any:
        return self.words[at].astype(np.uint32)

    def display(self, tags: Longs) -> tuple[Longs, Longs]:
        """Return (start, end) of the ``fmt`` of some tags; equal where there is none."""
        quote = np.minimum(self.first[tags] + 3, len(self.marks) - 2)
        begin, end = self.marks[quote], self.marks[quote + 1]
        there = (self.kind[tags] != PLAIN) & (quote + 1 < self.last[tags])
        there &= self._words32(np.maximum(begin - 4, 0)) == _FMT
        return np.where(there, begin + 1, 0), np.where(there, end, 0)

    def text(self, tags: Longs) -> tuple[Longs, Longs]:
        """Return (start, end) of the text of some tags; equal where an element is empty or has children."""
        following = np.minimum(tags + 1, len(self.start) - 1)
        there = ~self.empty[tags] & self.close[following] & (following > tags)
        return np.where(there, self.end[tags] + 1, 0), np.where(there, self.start[following], 0)


def padded(rows: bytes) -> bytearray:
    """Return a block with its margins; comments and processing instructions are blanked."""
    if b"<!--" in rows or b"<?" in rows:
        rows = _REMARK.sub(lambda match: b" " * len(match[0]), rows)
    return bytearray(b"".join((bytes(MARGIN), rows, bytes(MARGIN))))


def scan(data: bytearray, names: Names) -> Tags:
    """Find the tags of a padded block. Odd tags are rewritten in `data`."""
    tags, odd = _scan(data, names)
    if not odd.size:
        return tags
    frozen = bytes(data)
    lengths = [_rewrite(frozen, data, start) for start in tags.start[odd].tolist()]
    if any(lengths):
        before = tags.start[odd]
        tags, odd = _scan(data, names)
        tags.rewritten = True
        lengths = _lengths_of(tags.start[odd], before, lengths)
    _settle(tags, odd, np.array(lengths, np.int64), names)
    return tags


def _lengths_of(wanted: Longs, known: Longs, lengths: list[int]) -> list[int]:
    """Return the lengths of the tags' names by their positions, 0 where unknown."""
    by_start = dict(zip(known.tolist(), lengths, strict=True))
    return [by_start.get(start, 0) for start in wanted.tolist()]


def _settle(tags: Tags, odd: Longs, lengths: Longs, names: Names) -> None:
    """Keep tags without ``id`` and ``ref`` as plain ones; what is no tag is bad."""
    tags.bad[odd[lengths == 0]] = True
    plain = odd[lengths > 0]
    tags.kind[plain] = PLAIN
    tags.code[plain] = names.codes(tags.data, tags.words, tags.start[plain] + 1, lengths[lengths > 0])


def _scan(data: bytearray, names: Names) -> tuple[Tags, Longs]:
    buffer = np.frombuffer(data, np.uint8)
    words: Words = np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))
    # '<' and '>' differ in one bit.
    marks = np.flatnonzero(((buffer & 0xFD) == _LESS) | (buffer == _DOUBLE))
    at_marks = buffer[marks]
    less = at_marks == _LESS
    greater = at_marks == _LESS + 2
    first = np.flatnonzero(less)
    ends = np.append(np.flatnonzero(greater), len(marks))
    last = ends[np.cumsum(greater)[first]]
    border = np.append(first[1:], len(marks))
    bad = last >= border
    last = np.where(bad, first, last)
    start, end = marks[first], marks[last]
    close = buffer[start + 1] == _SLASH
    empty = (buffer[end - 1] == _SLASH) & ~close & ~bad
    inside = last - first - 1
    tags = Tags(
        data, words, marks, start, end, first, last, close, empty, bad,
        np.zeros(len(start), np.int8), np.zeros(len(start), np.int64), np.zeros(len(start), np.int64),
    )  # fmt: skip
    return tags, _identify(tags, inside, buffer, names)


def _identify(tags: Tags, inside: Longs, buffer: Any, names: Names) -> Longs:
    """Fill kind, number and code; return the tags that are written in an odd way."""
    opening = np.flatnonzero(~tags.close & ~tags.bad)
    quote = np.minimum(tags.first[opening] + 1, len(tags.marks) - 1)
    begin = tags.marks[quote]
    close_quote = tags.marks[np.minimum(quote + 1, len(tags.marks) - 1)]
    start, has = tags.start[opening], inside[opening] >= 2
    word = tags.words[begin - 4].astype(np.uint32)
    definition = has & (word == _ID)
    reference = has & (word == _REF) & (buffer[begin - 5] == _BLANK)
    name_end = np.where(tags.empty[opening], tags.end[opening] - 1, tags.end[opening])
    name_end = np.where(definition, begin - 4, name_end)
    name_end = np.where(reference, begin - 5, name_end)
    tags.code[opening] = names.codes(tags.data, tags.words, start + 1, name_end - start - 1)
    numbered = np.flatnonzero(definition | reference)
    value, good = decimals(tags.words, close_quote[numbered], (close_quote - begin - 1)[numbered])
    good &= value < np.uint64(1 << 62)
    tags.kind[opening] = np.where(definition, DEFINITION, np.where(reference, REFERENCE, PLAIN))
    tags.number[opening[numbered]] = np.where(good, value, 0).astype(np.int64)
    tags.kind[opening[numbered[~good]]] = PLAIN
    odd = (inside[opening] % 2 == 1) | (has & ~definition & ~reference) | (tags.code[opening] == INVALID)
    return np.sort(np.concatenate([opening[odd], np.flatnonzero(tags.bad)]))


def _rewrite(frozen: bytes, data: bytearray, start: int) -> int:
    """Rewrite the tag at `start` in place: double quotes, ``id`` or ``ref`` first, then ``fmt``.

    Returns:
        The length of its name; 0 where this is no tag.
    """
    match = TAG.match(frozen, start)
    if match is None:
        return 0
    pairs = [(one[1], one[2] if one[2] is not None else one[3]) for one in ATTRIBUTE.finditer(match[3])]
    pairs.sort(key=lambda pair: {b"id": 0, b"ref": 0, b"fmt": 1}.get(pair[0], 2))
    inside = b"".join(
        b" " + name + b'="' + value.replace(b">", GREATER).replace(b'"', QUOTE) + b'"' for name, value in pairs
    )
    tag = b"<" + match[1] + match[2] + inside
    tail = match[4] + b">"
    room = len(match[0]) - len(tag) - len(tail)
    # Blanks before the end of a tag without attributes would count as part of its name.
    filled = tag + b" " * room + tail if pairs else tag + tail + b" " * room
    data[start : match.end()] = filled
    return len(match[2])
