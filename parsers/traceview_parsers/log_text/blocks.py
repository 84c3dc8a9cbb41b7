"""Text files as blocks of whole lines: any encoding of the Unicode family in, valid UTF-8 with LF out."""

import codecs
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.errors import InputError
from traceview_parsers.log_text.wide import LOOK, MAX_LINE_BYTES, as_utf8, encoding_of, marked
from traceview_parsers.problems import Problems

BLOCK_BYTES: Final = 8 << 20
_CR: Final = ord("\r")
_REPLACEMENT: Final = "\ufffd".encode()
_RARE: Final = codecs.BOM_UTF8[:1]
"""One byte is found at memory speed, three are not."""
_FEED_AND_MARK: Final = b"\n" + codecs.BOM_UTF8
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_BINARY: Final = re.compile(
    rb"bplist|SQLite format 3|\x1f\x8b|PK\x03\x04|\s*<(?:\?xml|!DOCTYPE|plist|html)|.{0,63}\0\0\0", re.DOTALL
)
_TIMED: Final = re.compile(rb'[0-9]:[0-5][0-9]:[0-5][0-9]|"finished" ?:|Timestamp  |^\[connected:', re.MULTILINE)
_RECORD_BEHIND_CR: Final = re.compile(
    rb"\r(?="
    rb"(?:[0-9]+\t)?(?:[^\s0-9]{1,40}[\t ]{1,20})?(?:[0-9]{4}-[0-9]{2}-[0-9]{2} |[A-Z][a-z]{2} [ 0-9][0-9] )?[0-9]{2}:[0-5][0-9]:[0-5]"
    rb'|\{"|[ \t]{0,8}"(?:traceID|eventMessage|timestamp)" ?:|Timestamp  |(?:Type|Timestamp|Process|Library|Subsystem|Category|PID|TID): [^|\r\n]{0,200}\| )'
)
"""A carriage return before what begins a record, or ends one, in any layout: a time with what may stand before it, an object
or a key of one, column names, Xcode's metadata. Those of CRLF are not among them."""


class Lines(Struct):
    """Consecutive lines of one file; line *i* is ``data[starts[i]:starts[i + 1]]`` including its line feed.

    Attributes:
        data: Valid UTF-8.
        starts: int64, one more than there are lines.
        first: 1-based number of the first line in the file.
        ended: Whether the file has the last line's line feed; `data` always does.
    """

    data: bytes
    starts: Longs
    first: int
    ended: bool = True

    @classmethod
    def of(cls, data: bytes, first: int = 1, *, ended: bool = True) -> "Lines":
        """Split `data`, which must end with a line feed (or be empty)."""
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + 1
        return cls(data, np.concatenate([np.zeros(1, np.int64), ends]), first, ended)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def series(self) -> pl.Series:
        """Return the lines as a polars column."""
        offsets, values = pa.py_buffer(self.starts), pa.py_buffer(self.data)
        return pl.Series(pa.LargeStringArray.from_buffers(len(self), offsets, values))

    def pieces(self, begin: Longs, end: Longs) -> Any:
        """Return the byte ranges [begin, end), which must not overlap and must increase, as an Arrow large_string."""
        if not len(begin):
            return pa.array([], pa.large_string())
        offsets = np.empty(2 * len(begin), np.int64)
        offsets[0::2], offsets[1::2] = begin, end
        both = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self.data))
        return both.take(pa.array(np.arange(0, len(offsets), 2)))

    def take(self, rows: Longs) -> "Lines":
        """Return copies of the lines `rows`, which must increase; their numbers are lost."""
        return Lines.of(joined_bytes(self.pieces(self.starts[rows], self.starts[rows + 1])))

    def text(self, row: int) -> str:
        """Return line `row` without its line feed."""
        return self.data[self.starts[row] : self.starts[row + 1]].decode().rstrip("\n")


def joined(held: Lines, block: Lines) -> Lines:
    """Return the lines held back from earlier blocks followed by those of `block`."""
    return Lines.of(held.data + block.data, held.first, ended=block.ended) if len(held) else block


def joined_bytes(texts: Any) -> bytes:
    """Return the texts of an Arrow large_string, one behind the other."""
    if not len(texts):
        return b""
    begin, end = np.frombuffer(texts.buffers()[1], np.int64)[[texts.offset, texts.offset + len(texts)]]
    return bytes(texts.buffers()[2][int(begin) : int(end)].to_pybytes())


def read_blocks(path: Path, name: str, problems: Problems, block_bytes: int = BLOCK_BYTES) -> Iterator[Lines]:
    """Yield the lines of a file in blocks of about `block_bytes`.

    Byte-order marks, or NULs in every other byte, choose UTF-8, UTF-16 or UTF-32; bytes that are no text in it become U+FFFD, NULs
    and terminal colours are dropped, CRLF becomes LF, and lines longer than 16 MiB are cut: each is counted in `problems`.
    A line in which a record begins behind a carriage return ends at each of its carriage returns; they count as line ends, as
    they do in editors, and are counted too.

    Raises:
        InputError: The file is empty or cannot be read.
    """
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{name} is empty")
        number = 1
        with path.open("rb") as file:
            start = file.read(LOOK)
            wide = encoding_of(start)
            chunks = chain([start + file.read(block_bytes)], iter(partial(file.read, block_bytes), b""))
            decoded = as_utf8(chunks, wide, name, problems) if wide else _without_mark(chunks)
            for data, ended in _whole_lines(decoded, name, problems):
                valid = data if data.isascii() else _valid(data, number, name, problems, wide)
                lines = Lines.of(_clean(valid, number, name, problems), number, ended=ended)
                number += len(lines)
                yield lines
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror or error}") from error


def head_lines(head: bytes) -> Lines:
    """Return the lines of a file's first bytes; a last line without its end is kept only if it is the only one."""
    data = head_text(head)
    cut = data.rfind(b"\n") + 1
    return Lines.of(data[:cut] if cut else data + b"\n")


def head_text(head: bytes) -> bytes:
    """Return the text of a file's first bytes as `read_blocks` would, the last line as far as it goes."""
    data = _as_utf8(head).replace(b"\r\n", b"\n").replace(b"\0", b"").replace(_FEED_AND_MARK, b"\n")
    return _with_line_feeds(_COLOURS.sub(b"", data))[0].decode("utf-8", "replace").encode()


def may_be_log(head: bytes) -> bool:
    """Whether a file's first bytes are text with a time of day, or one of the few lines that stand in logs without.

    A cheap test before any layout is tried: captures hold thousands of other files.
    """
    if marked(head):
        return True
    text = _as_utf8(head) if encoding_of(head) else head
    return not _BINARY.match(text) and _TIMED.search(text) is not None


def _as_utf8(head: bytes) -> bytes:
    wide = encoding_of(head)
    return b"".join(as_utf8(iter([head]), wide, "", Problems())) if wide else head.removeprefix(codecs.BOM_UTF8)


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks).removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _whole_lines(chunks: Iterator[bytes], name: str, problems: Problems) -> Iterator[tuple[bytes, bool]]:
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pending, chunk[:cut]]), True
            pending, size = [chunk[cut:]], len(chunk) - cut
        else:
            pending.append(chunk)
            size += len(chunk)
        if size > MAX_LINE_BYTES:
            whole = b"".join(pending)
            cut = whole.rfind(b"\r") if _RECORD_BEHIND_CR.search(whole) else -1
            if cut < 0:
                problems.add(name, "line-too-long", f"a line is longer than {MAX_LINE_BYTES >> 20} MiB and was cut")
                cut = len(whole)
            yield whole[:cut] + b"\n", True
            pending = [whole[cut + 1 :]]
            size = len(pending[0])
    rest = b"".join(pending)
    if rest:
        yield rest + b"\n", False


def _clean(data: bytes, number: int, name: str, problems: Problems) -> bytes:
    if b"\0" in data:
        found = data.count(b"\0")
        line = number + data.count(b"\n", 0, data.index(b"\0"))
        problems.add(name, "nul-bytes", "NUL bytes were dropped", position=line, unit="line", count=found)
        data = data.replace(b"\0", b"")
    # One byte is found at memory speed, two are not.
    if b"\r" in data:
        if data.count(b"\r\n") * 2 > data.count(b"\n"):  # else they belong to messages
            data = data.replace(b"\r\n", b"\n")
        data, count, at = _with_line_feeds(data)
        if count:
            text = (
                "carriage returns alone, before what looks like a record, were read, and are counted here, as line ends"
            )
            problems.add(name, "line-ends", text, position=number + at, unit="line", count=count)
    return _COLOURS.sub(b"", data) if b"\x1b" in data else data


def _with_line_feeds(data: bytes) -> tuple[bytes, int, int]:
    """Replace the carriage returns of lines in which a record begins behind one.

    Returns:
        The lines; how many carriage returns were replaced; how many line feeds stand before the first of them.
    """
    parts: list[bytes] = []
    count = done = before = 0
    while found := _RECORD_BEHIND_CR.search(data, done):
        begin = data.rfind(b"\n", done, found.start()) + 1 or done
        end = data.find(b"\n", found.end())
        end = len(data) if end < 0 else end
        line = data[begin : end - (data[end - 1] == _CR)]  # a last one belongs to a message, or to CRLF
        before = before if parts else data.count(b"\n", 0, begin)
        parts += (data[done:begin], line.replace(b"\r", b"\n"))
        count += line.count(b"\r")
        done = begin + len(line)
    return (b"".join([*parts, data[done:]]) if parts else data), count, before


def _valid(data: bytes, number: int, name: str, problems: Problems, wide: str | None) -> bytes:
    """Return valid UTF-8; what was replaced is counted as no text of the encoding that the file was in."""
    data = _without_inner_marks(data, number, name, problems)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        better = data.decode("utf-8", "replace").encode()
        count = better.count(_REPLACEMENT) - data.count(_REPLACEMENT)
        encoding = (wide or "utf-8")[:6]
        text = f"bytes that are no {encoding.upper()} were replaced by U+FFFD"
        sample = data[max(0, error.start - 40) : error.end + 40]
        problems.add(
            name,
            f"invalid-{encoding.replace('-', '')}",
            text,
            position=line,
            unit="line",
            count=max(count, 1),
            sample=sample.decode("utf-8", "replace") if wide else sample,
        )
        return better
    return data


def _without_inner_marks(data: bytes, number: int, name: str, problems: Problems) -> bytes:
    """Take the byte-order marks off lines: files that had one each were joined."""
    if _RARE not in data or codecs.BOM_UTF8 not in data:
        return data
    at = 0 if data.startswith(codecs.BOM_UTF8) else data.find(_FEED_AND_MARK) + 1
    better = data.removeprefix(codecs.BOM_UTF8).replace(_FEED_AND_MARK, b"\n")
    count = (len(data) - len(better)) // len(codecs.BOM_UTF8)
    if count:
        text = "byte-order marks at the beginning of lines were dropped: files seem to have been joined"
        line = number + data.count(b"\n", 0, at)
        problems.add(name, "byte-order-marks", text, position=line, unit="line", count=count)
    return better
