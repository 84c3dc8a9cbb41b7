"""UTF-16 and UTF-32 to UTF-8. A byte that was lost costs what stood around it, not all that follows."""

import codecs
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.problems import Problems

MAX_LINE_BYTES: Final = 16 << 20
LOOK: Final = 512
"""First bytes of a file that tell its encoding."""
_LEAST: Final = 16
_MOSTLY: Final = 0.9
"""Heuristic: text is UTF-16 without a mark where this share of every other one of its first bytes is NUL."""
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as the next one does
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
)
_DAMAGE: Final = "traceview-damage"
_DAMAGED: Final = "\udcff"
"""Stands for what is no character in UTF-16 or UTF-32: becomes a byte that is none in UTF-8, which is counted there."""
_SETTLED: Final = 4
"""Heuristic: characters from ASCII in a row behind a line feed between two characters, by which it is taken for one."""
_NARROW: Final = 64
_DIFFERENT: Final = 16
"""Heuristic: so many printable bytes from ASCII in a row, so many of them different, are no UTF-16 or UTF-32, if a line feed of one
byte is behind them before the next NUL: both bytes of a box drawing are printable, and rows of them separate lines in logs."""
_FEED: Final = ord("\n")
_PRINTABLE: Final = np.array([byte in b"\t\n\r\x1b" or 32 <= byte < 127 for byte in range(256)])


def marked(head: bytes) -> bool:
    """Whether text begins with a byte-order mark of UTF-16 or UTF-32."""
    return any(head.startswith(mark) for mark, _ in _MARKS)


def encoding_of(head: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 encoding that a file's first bytes are in, by their mark or by their NULs; else None.

    Without a mark, text whose characters are nearly all from ASCII has a NUL in every other byte and none between.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    start = head[:LOOK]
    if len(start) >= _LEAST:
        first, second = (start[at::2].count(0) / (len(start) // 2) for at in (0, 1))
        if max(first, second) > _MOSTLY and min(first, second) == 0:
            return "utf-16-le" if second > first else "utf-16-be"
    return None


def as_utf8(chunks: Iterator[bytes], encoding: str, name: str, problems: Problems) -> Iterator[bytes]:
    """Yield UTF-8, with the byte 0xFF for what is no character, of a text in one of `encoding_of`.

    Where bytes were lost, so that line feeds stand between two characters, reading goes on from the next one. Where UTF-8
    follows, it is passed on, and told as ``mixed-encodings``.
    """
    wide = _Wide(encoding)
    rest = b""
    for number, chunk in enumerate(chain(chunks, [None])):
        data = rest + (chunk or b"")
        data = data[len(wide.mark) :] if number == 0 and data.startswith(wide.mark) else data
        narrow = _narrow(data, final=chunk is None)
        if narrow is not None:
            text = f"UTF-8 follows text in {encoding[:6].upper()} in the same file; both were read"
            problems.add(name, "mixed-encodings", text)
            yield wide.text(data[:narrow], final=True)[0]
            yield data[narrow:]
            yield from (later for later in chunks if later)
            return
        text_bytes, rest = wide.text(data, final=chunk is None)
        yield text_bytes


def _narrow(data: bytes, *, final: bool) -> int | None:
    """Return where UTF-8 begins, or None."""
    values = np.frombuffer(data, np.uint8)
    half = _NARROW // 2  # a run without NULs that is twice as long holds a whole window
    if (values[: len(data) // half * half].reshape(-1, half) == 0).any(1).all():
        return None
    zeros = np.concatenate([[-1], np.flatnonzero(values == 0), [len(data)]])
    for gap in np.flatnonzero(np.diff(zeros) > _NARROW).tolist():
        begin, end = int(zeros[gap]) + 1, int(zeros[gap + 1])
        strange = np.concatenate([[-1], np.flatnonzero(~_PRINTABLE[values[begin:end]]), [end - begin]])
        # Beside a NUL it may be a part of a character, as it may be at the end of what has been read.
        stop = end - (end < len(data) or not final)
        feeds = np.flatnonzero(values[begin + 1 : stop] == _FEED) + begin + 1
        for run in np.flatnonzero(np.diff(strange) > _NARROW).tolist():
            found, until = begin + int(strange[run]) + 1, begin + int(strange[run + 1])
            if len(feeds) and feeds[-1] >= found and len(np.unique(values[found:until])) >= _DIFFERENT:
                return found - len(codecs.BOM_UTF8) * data.endswith(codecs.BOM_UTF8, 0, found)
    return None


class _Wide(Struct):
    """One encoding, as ``utf-16-le``."""

    encoding: str

    @property
    def mark(self) -> bytes:
        return "\ufeff".encode(self.encoding)

    @property
    def width(self) -> int:
        """Bytes of a character, or of half a pair."""
        return len(self.mark)

    def text(self, data: bytes, *, final: bool) -> tuple[bytes, bytes]:
        """Return the whole lines of `data`, which begins with a whole character, as UTF-8, and the bytes behind them."""
        feeds = self._feeds(data)
        done = 0
        parts: list[bytes] = []
        for line, sound, end in self._misplaced(data, feeds, final=final):
            stops = (line, sound, end)
            parts += (self._decoded(data[start:stop]) for start, stop in zip((done, *stops), stops, strict=False))
            done = end
        if final:
            return b"".join([*parts, self._decoded(data[done:])]), b""
        in_step = feeds[(feeds >= done) & ((feeds - done) % self.width == 0)]
        stop = int(in_step[-1]) + self.width if len(in_step) else done
        if len(data) - stop > MAX_LINE_BYTES:
            stop = len(data) - (len(data) - done) % self.width
        parts.append(self._decoded(data[done:stop]))
        return b"".join(parts), data[stop:]

    def _decoded(self, data: bytes) -> bytes:
        return data.decode(self.encoding, _DAMAGE).encode("utf-8", "surrogateescape")

    def _feeds(self, data: bytes) -> Longs:
        """Return where a line feed may begin, at whatever byte of a character."""
        values, count = np.frombuffer(data, np.uint8), len(data) - self.width + 1
        if count <= 0:
            return np.zeros(0, np.int64)
        hits = np.ones(count, bool)
        for at, byte in enumerate("\n".encode(self.encoding)):
            hits &= values[at : at + count] == byte
        return np.flatnonzero(hits)

    def _misplaced(self, data: bytes, feeds: Longs, *, final: bool) -> Iterator[tuple[int, int, int]]:
        """Find the line feeds that are out of step with the text before them and behind which text is in step with them.

        Yields:
            Where the line begins that such a feed ends; where in it the characters from ASCII begin that stand in step with
            the feed; and the end of the feed.
        """
        width = self.width
        if not (feeds % width).any():  # all are in step with the first byte
            return
        ascii_text = self._ascii_at(data)
        settled = feeds[self._settled(ascii_text, feeds, len(data), final=final)]
        ways = range(width)
        by_step = [feeds[feeds % width == step] for step in ways]
        out_of_step = [settled[settled % width != step] for step in ways]
        strange = [np.flatnonzero(~ascii_text[step::width]) * width + step for step in ways]
        done = 0
        while len(coming := out_of_step[done % width]) > (at := int(np.searchsorted(coming, done))):
            feed = int(coming[at])
            line = max(done, _last_before(by_step[done % width], feed) + width)
            sound = max(line + (feed - line) % width, _last_before(strange[feed % width], feed) + width)
            done = feed + width
            yield line, sound, done

    def _settled(self, ascii_text: Any, feeds: Longs, size: int, *, final: bool) -> Any:
        """Return one boolean for each line feed: is it followed by characters from ASCII only, as far as `_SETTLED` goes?"""
        found = np.ones(len(feeds), bool)
        for ahead in range(1, _SETTLED + 1):
            at = feeds + ahead * self.width
            there = at + self.width <= size
            found &= np.where(there, ascii_text[np.where(there, at, 0)], final)
        return found

    def _ascii_at(self, data: bytes) -> Any:
        """Return one boolean for each byte at which a whole character may begin: is that one from ASCII?"""
        values, count = np.frombuffer(data, np.uint8), max(0, len(data) - self.width + 1)
        low = 0 if self.encoding.endswith("le") else self.width - 1
        found = (values[low : low + count] > 0) & (values[low : low + count] < 128)
        for at in range(self.width):
            if at != low:
                found &= values[at : at + count] == 0
        return found


def _last_before(sorted_values: Longs, stop: int) -> int:
    """Return the last value before `stop`, or one that is before all."""
    at = int(np.searchsorted(sorted_values, stop))
    return int(sorted_values[at - 1]) if at else -MAX_LINE_BYTES


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _DAMAGED, error.end


codecs.register_error(_DAMAGE, _marked)
