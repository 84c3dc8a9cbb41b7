"""A text file as parts: what one tool wrote behind another, or one in several styles (``cat a.txt b.json``)."""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, groupby
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.device_syslog.console import SURE_TABS
from traceview_parsers.device_syslog.pymobiledevice_json import KEYS as PYMOBILEDEVICE_KEYS
from traceview_parsers.device_syslog.relay import NSLOG, RELAYS
from traceview_parsers.log_text.blocks import Lines, joined, read_blocks
from traceview_parsers.log_text.json_rows import KEYS
from traceview_parsers.log_text.json_source import decode_lines, decode_pymobiledevice_json, decode_spread
from traceview_parsers.log_text.layouts import Layout, tokenise
from traceview_parsers.log_text.source import Decode, Pass
from traceview_parsers.log_text.styles import STYLES
from traceview_parsers.problems import Problems

Form = Literal["text", "lines", "spread"]

OTHERS: Final[tuple[Layout, ...]] = (*RELAYS, NSLOG, SURE_TABS)
"""Layouts of other tools than ``log`` that no continuation of a message resembles, unless it quotes a log."""
_SURE: Final = (*STYLES, *OTHERS)
_MOST: Final = 200
"""Parts of one file that are told apart: each takes milliseconds, however short."""
_HEAD: Final = 4096
_UNKNOWN_KEYS: Final = ("timezoneName", "source", "backtrace", "procid", "processUniqueID")
_OBJECT: Final = re.compile(
    rb'\[?\s{0,8}\{\s{0,8}"(?:'
    + "|".join({*KEYS, *PYMOBILEDEVICE_KEYS, *_UNKNOWN_KEYS}).encode()
    + rb')"\s?:|\{"count":\d+,\s*"finished":1\}'
)
_TIMED: Final = b'"timestamp"'
"""A key that every record of each JSON log has."""
_TELLING: Final = (b'"machTimestamp"', b'"eventMessage"', b'"image_name"', b'"mach_timestamp"')
"""Keys of which every record has one, and the JSON of apps none."""
_WORD: Final = np.array([chr(byte).isalnum() or byte > 127 for byte in range(256)])
"""First bytes of lines that may be records in text, and are no part of sound JSON: it has only false, true and null so."""


class _Piece(Struct):
    """Lines of one part of a file."""

    part: int
    decode: Decode
    lines: Lines


def decode_parts(run: Pass, decode: Decode) -> Iterator[Any]:
    """Yield the batches of a file whose first part `decode` reads; where text follows JSON or JSON text, another reads on.

    Each change is counted as ``layout-changes``.
    """
    pieces = _pieces(read_blocks(run.path, run.name, run.problems), decode, run.name, run.problems)
    for _, group in groupby(pieces, lambda piece: piece.part):
        first = next(group)
        run.part = (piece.lines for piece in chain([first], group))
        yield from first.decode(run)


def _pieces(blocks: Iterator[Lines], decode: Decode, name: str, problems: Problems) -> Iterator[_Piece]:
    part, held = 0, Lines.of(b"")
    for block in chain(blocks, [None]):
        if part >= _MOST:
            yield from (_Piece(part, decode, lines) for lines in (held, block) if lines is not None and len(lines))
            held = Lines.of(b"")
            continue
        lines = held if block is None else joined(held, block)
        if not len(lines):
            continue
        scan = _Scan(lines)
        row, stop = 0, len(lines)
        while (start := scan.change(row, _form(decode))) is not None:
            if start > row:
                yield _Piece(part, decode, _between(lines, row, start))
            part, row = part + 1, start
            text = "the layout changes within the file; the parts were read each in its own"
            problems.add(name, "layout-changes", text, position=lines.first + row, unit="line")
            decode = decoder_of_part(scan.head(row))
            if part == _MOST:
                text = f"the layout changes more than {_MOST} times; what follows was read as if it changed no more"
                problems.add(name, "too-many-parts", text, position=lines.first + row, unit="line")
                break
        else:
            stop = len(lines) if block is None else scan.open_object(row, _form(decode))
        if row < stop:
            yield _Piece(part, decode, _between(lines, row, stop))
        held = _between(lines, stop, len(lines))


def decoder_of_part(head: bytes) -> Decode:
    """Return what reads text that begins so, as if it were a file of its own."""
    from traceview_parsers.device_syslog.reader import recognise  # noqa: PLC0415 the readers open files by way of this module
    from traceview_parsers.log_text.reader import decoder_of  # noqa: PLC0415 as above

    return decoder_of(head) or recognise(head, nested=False)[1]


def _form(decode: Decode) -> Form:
    if decode is decode_lines:
        return "lines"
    return "spread" if decode in {decode_spread, decode_pymobiledevice_json} else "text"


def _between(lines: Lines, row: int, stop: int) -> Lines:
    if row == 0 and stop == len(lines):
        return lines
    data = lines.data[lines.starts[row] : lines.starts[stop]]
    return Lines(
        data, lines.starts[row : stop + 1] - lines.starts[row], lines.first + row, lines.ended or stop < len(lines)
    )


class _Scan:
    """Where records of other forms begin in a block of lines. Sound blocks of one form cost a look at each line's first byte."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._first = np.frombuffer(lines.data, np.uint8)[lines.starts[:-1]]

    def change(self, row: int, form: Form) -> int | None:
        """Return the first line behind `row`, in a part of this form, where a part of another form begins."""
        objects = next((at for at in self._openings(row, form).tolist() if self._is_record(at, form)), None)
        if form == "text":
            return objects
        after = self._printed[np.searchsorted(self._printed, row) :]
        printed = int(after[0]) if len(after) else None
        found = [at for at in (objects, printed) if at is not None]
        return min(found, default=None)

    def head(self, row: int) -> bytes:
        """Return the bytes by which a part that begins at `row` is recognised."""
        start = int(self._lines.starts[row])
        return self._lines.data[start : start + _HEAD]

    def open_object(self, row: int, form: Form) -> int:
        """Return the first line near the end that may begin an object, whose keys then stand in the next block; else how many there are."""
        data = self._lines.data
        openings = self._openings(row, form, gated=False)
        near = openings[len(data) - self._lines.starts[openings] < _HEAD]
        return int(near[0]) if len(near) else len(self._lines)

    def _openings(self, row: int, form: Form, *, gated: bool = True) -> Longs:
        """Return the lines behind `row` that may begin an object; of a file with one a line those that spread over several."""
        nothing = np.zeros(0, np.int64)
        if form == "spread":
            return nothing
        rows = self._arrays if form == "lines" else self._braces
        rows = rows[np.searchsorted(rows, row) :]
        return nothing if not len(rows) or (gated and not self._timed) else rows

    def _is_record(self, row: int, form: Form) -> bool:
        if not _OBJECT.match(self._lines.data, int(self._lines.starts[row])):
            return False
        return _form(decoder_of_part(self.head(row))) not in {"text", form}

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
    def _printed(self) -> Longs:
        """Lines that are records in text."""
        words = np.flatnonzero(_WORD[self._first])
        if not len(words):
            return words
        return np.asarray(words[tokenise(self._lines.take(words), _SURE).frame["row"].to_numpy()], np.int64)
