"""Where a part of another form begins in the lines of a file: JSON, text, a Console copy with column names, an Xcode copy."""

import re
from functools import cached_property, partial
from typing import Final, Literal

import numpy as np
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.device_syslog.console import SURE_TABS, headed
from traceview_parsers.device_syslog.relay import CONNECTION, NSLOG, RELAYS
from traceview_parsers.device_syslog.xcode import METADATA, decode_xcode
from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.log_text.json_objects import RECORD
from traceview_parsers.log_text.json_source import (
    decode_lines,
    decode_pymobiledevice_json,
    decode_spread,
    decoder_of_json,
)
from traceview_parsers.log_text.layouts import Layout, tokenise
from traceview_parsers.log_text.source import Decode
from traceview_parsers.log_text.styles import PREAMBLE, STYLES

Form = Literal["text", "xcode", "lines", "spread"]

OTHERS: Final[tuple[Layout, ...]] = (*RELAYS, NSLOG, SURE_TABS)
"""Layouts of other tools than ``log`` that no continuation of a message resembles, unless it quotes a log."""
SURE: Final = (*STYLES, *OTHERS)
_HEAD: Final = 4096
_AROUND: Final = f"{PREAMBLE}|^{CONNECTION}"
"""Lines that tools print before their records."""
FAR: Final = 1000
"""Lines before Xcode's first metadata line that are looked at for the beginning of its message, or before records for what
announces them."""
_CLOSING: Final = re.compile(rb'\{"count":\d+,\s*"finished":1\}')
_TIMED: Final = b'"timestamp"'
"""A key that every record of each JSON log has."""
_TELLING: Final = (b'"machTimestamp"', b'"eventMessage"', b'"image_name"', b'"mach_timestamp"')
"""Keys of which every record has one, and the JSON of apps none."""
_WORD: Final = np.array([chr(byte).isalnum() or byte > 127 for byte in range(256)])
"""First bytes of lines that may be records in text, and are no part of sound JSON: it has only false, true and null so."""
_CAPITAL: Final = np.array([chr(byte) in "CLPSTA" for byte in range(256)])
"""First bytes of Xcode's metadata, and of column names."""
_KEYS: Final = np.frombuffer(b"TyTiTIPrPILiSuCa", ">u2").astype(np.uint16)
"""How Xcode's metadata begins."""
_TITLE_END: Final = b"\tMessage\n"
_TIMED_METADATA: Final = r"(?:^|\| )Timestamp: [0-9]{4}-[0-9]{2}-[0-9]{2} "
"""Messages of apps have lines of two such fields as well, hardly one with Xcode's time."""
_JSON: Final = np.array([byte in b"{}[], \t\n" for byte in range(256)])
_BLANK: Final = np.array([byte in b" \t\n" for byte in range(256)])


class Change(Struct, frozen=True):
    """The line where a part begins, and what reads it."""

    row: int
    decode: Decode


def decoder_of_part(head: bytes) -> Decode:
    """Return what reads text that begins so, as if it were a file of its own."""
    from traceview_parsers.device_syslog.reader import recognise  # noqa: PLC0415 the readers open files by way of this module
    from traceview_parsers.log_text.reader import decoder_of  # noqa: PLC0415 as above

    return decoder_of(head) or recognise(head, nested=False)[1]


def form_of(decode: Decode) -> Form:
    """Return the form of the parts that `decode` reads."""
    if decode is decode_lines:
        return "lines"
    if decode is decode_xcode:
        return "xcode"
    return "spread" if decode in {decode_spread, decode_pymobiledevice_json} else "text"


def metadata_of_xcode(lines: Lines, stop: int) -> Longs:
    """Return those of the first `stop` lines that are Xcode's metadata with a time."""
    data = np.frombuffer(lines.data, np.uint8)
    rows = np.flatnonzero(_CAPITAL[data[lines.starts[: min(stop, len(lines))]]])
    if len(rows):
        start = lines.starts[rows]
        rows = rows[
            np.isin(data[start].astype(np.uint16) << 8 | data[start + 1], _KEYS)
        ]  # the next is a line feed at least
    if not len(rows):
        return rows
    texts = lines.take(rows).series().str.strip_chars_end("\n")
    return np.asarray(rows[(texts.str.contains(METADATA) & texts.str.contains(_TIMED_METADATA)).to_numpy()], np.int64)


class Scan:
    """The changes in a block of lines. Sound blocks of one form cost a look at each line's first byte."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._first = np.frombuffer(lines.data, np.uint8)[lines.starts[:-1]]
        self._json: dict[int, Decode | None] = {}

    def change(self, row: int, decode: Decode) -> Change | None:
        """Return where, not before `row`, in a part that `decode` reads, a part of another form begins."""
        form = form_of(decode)
        found = [self._object(row, form), self._title(row, _layouts(decode))]
        if form != "text":
            found.append(self._record(row, form))
        first = min((one for one in found if one is not None), key=lambda one: one.row, default=None)
        metadata = _not_before(row, self._metadata)
        if form == "xcode" or not len(metadata) or (first is not None and first.row < metadata[0]):
            return first
        return Change(self._message(row, int(metadata[0]), decode), decode_xcode)

    def open_end(self, row: int, decode: Decode) -> int:
        """Return the first line near the end that the next block may show to begin another part; else how many there are.

        An object's keys may stand there, or the records that are announced here.
        """
        data, form = self._lines.data, form_of(decode)
        openings = self._openings(row, form, gated=False)
        near = openings[len(data) - self._lines.starts[openings] < _HEAD]
        if len(near):
            return int(near[0])
        return self._announced(row, len(self._lines)) if form == "xcode" else len(self._lines)

    def _head(self, row: int) -> bytes:
        """Return the bytes by which a part that begins at `row` is recognised."""
        start = int(self._lines.starts[row])
        return self._lines.data[start : start + _HEAD]

    def _object(self, row: int, form: Form) -> Change | None:
        for at in self._openings(row, form).tolist():
            decode = self._decoder_of_object(at)
            if decode is not None and form_of(decode) != form:
                return Change(at, decode)
        return None

    def _openings(self, row: int, form: Form, *, gated: bool = True) -> Longs:
        """Return the lines behind `row` that may begin an object; of a file with one a line those that spread over several."""
        nothing = np.zeros(0, np.int64)
        if form == "spread":
            return nothing
        rows = _not_before(row, self._arrays if form == "lines" else self._braces)
        return nothing if not len(rows) or (gated and not self._timed) else rows

    def _decoder_of_object(self, row: int) -> Decode | None:
        """Return what reads the object that begins at `row` if it is a record of a log, by the keys before the next line of text."""
        if row not in self._json:
            start = int(self._lines.starts[row])
            self._json[row] = None
            if RECORD.match(self._lines.data, start) or _CLOSING.match(self._lines.data, start):
                text = _not_before(row, self._words)
                stop = int(self._lines.starts[text[0]]) if len(text) else len(self._lines.data)
                head = self._lines.data[start : min(stop, start + _HEAD)].decode("utf-8", "replace")
                self._json[row] = decoder_of_json(head)
        return self._json[row]

    def _title(self, row: int, layouts: tuple[Layout, ...]) -> Change | None:
        for at in _not_before(row, self._titles).tolist():
            layout = headed(self._lines.text(at))
            if layout is not None and layout not in layouts:
                return Change(at, decoder_of_part(self._head(at)))
        return None

    def _record(self, row: int, form: Form) -> Change | None:
        rows = _not_before(row, self._printed)
        if not len(rows):
            return None
        begin = self._announced(row, int(rows[0])) if form == "xcode" else int(rows[0])
        return Change(begin, decoder_of_part(self._head(begin)))

    def _announced(self, row: int, record: int) -> int:
        """Return where the lines begin that tools print before their records and that stand before `record`."""
        least = max(row, record - FAR)
        while record > least and re.match(_AROUND, self._lines.text(record - 1)):
            record -= 1
        return record

    def _message(self, row: int, metadata: int, decode: Decode) -> int:
        """Return where the message begins that stands before Xcode's first metadata line.

        That is the first line behind the record before that is not indented: what is more belongs to that record. The last
        line is always the message's.
        """
        last = max(metadata - 1, row)
        before = np.arange(max(row, last - FAR), last)
        if form_of(decode) == "text":
            records = tokenise(self._lines.take(before), _layouts(decode)).frame["row"].to_numpy()
        else:
            records = np.flatnonzero(_JSON[self._first[before]])
        begin = before[records[-1] + 1 :] if len(records) else before
        solid = begin[~_BLANK[self._first[begin]]]
        return int(solid[0]) if len(solid) else last

    @cached_property
    def _timed(self) -> bool:
        return _TIMED in self._lines.data and any(key in self._lines.data for key in _TELLING)

    @cached_property
    def _braces(self) -> Longs:
        return np.flatnonzero((self._first == ord("{")) | (self._first == ord("[")))

    @cached_property
    def _arrays(self) -> Longs:
        alone = np.diff(self._lines.starts) == len("{\n")
        return np.flatnonzero((self._first == ord("[")) | ((self._first == ord("{")) & alone))

    @cached_property
    def _words(self) -> Longs:
        return np.flatnonzero(_WORD[self._first])

    @cached_property
    def _capitals(self) -> Longs:
        return np.flatnonzero(_CAPITAL[self._first])

    @cached_property
    def _titles(self) -> Longs:
        """Lines that may be column names. One before Xcode's metadata is its message."""
        data, rows = np.frombuffer(self._lines.data, np.uint8), self._capitals
        ends = self._lines.starts[1:]
        rows = rows[np.diff(self._lines.starts)[rows] > len(_TITLE_END)]
        for back, byte in enumerate(reversed(_TITLE_END), start=1):
            rows = rows[data[ends[rows] - back] == byte]
        return rows[~np.isin(rows + 1, self._metadata)]

    @cached_property
    def _metadata(self) -> Longs:
        """Lines that are Xcode's metadata."""
        return metadata_of_xcode(self._lines, len(self._lines))

    @cached_property
    def _printed(self) -> Longs:
        """Lines that are records in text. One before Xcode's metadata is its message."""
        words = self._words
        if not len(words):
            return words
        rows = np.asarray(words[tokenise(self._lines.take(words), SURE).frame["row"].to_numpy()], np.int64)
        return rows[~np.isin(rows + 1, self._metadata)]


def _layouts(decode: Decode) -> tuple[Layout, ...]:
    return tuple(decode.keywords.get("layouts", ())) if isinstance(decode, partial) else ()


def _not_before(row: int, rows: Longs) -> Longs:
    return rows[np.searchsorted(rows, row) :]
