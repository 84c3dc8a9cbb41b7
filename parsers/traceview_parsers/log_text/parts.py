"""A text file as parts: what one tool wrote behind another, or one in several styles (``cat a.txt b.json``)."""

from collections.abc import Iterator
from itertools import chain, groupby
from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.log_text.blocks import Lines, joined, read_blocks
from traceview_parsers.log_text.changes import FAR, Scan, metadata_of_xcode
from traceview_parsers.log_text.source import Decode, Pass
from traceview_parsers.problems import Problems

_MOST: Final = 200
"""Parts of one file that are told apart: each takes milliseconds, however short."""
_MOST_MOVED: Final = 1 << 20


class _Piece(Struct):
    """Lines of one part of a file."""

    part: int
    decode: Decode
    lines: Lines


def decode_parts(run: Pass, decode: Decode) -> Iterator[Any]:
    """Yield the batches of a file whose first part `decode` reads; where a part of another form follows, another reads on.

    Each change is counted as ``layout-changes``.
    """
    blocks = _with_whole_messages(read_blocks(run.path, run.name, run.problems))
    pieces = _pieces(blocks, decode, run.name, run.problems)
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
        scan = Scan(lines)
        row, stop = 0, len(lines)
        while (change := scan.change(row, decode)) is not None:
            if change.row > row:
                yield _Piece(part, decode, _between(lines, row, change.row))
            part, row, decode = part + 1, change.row, change.decode
            text = "the layout changes within the file; the parts were read each in its own"
            problems.add(name, "layout-changes", text, position=lines.first + row, unit="line")
            if part == _MOST:
                text = f"the layout changes more than {_MOST} times; what follows was read as if it changed no more"
                problems.add(name, "too-many-parts", text, position=lines.first + row, unit="line")
                break
        else:
            stop = len(lines) if block is None else scan.open_end(row, decode)
        if row < stop:
            yield _Piece(part, decode, _between(lines, row, stop))
        held = _between(lines, stop, len(lines))


def _with_whole_messages(blocks: Iterator[Lines]) -> Iterator[Lines]:
    """Move the last lines of a block to the next one where Xcode's metadata is near: its message may begin in them."""
    before = Lines.of(b"")
    for block in blocks:
        stop = len(before)
        if len(metadata_of_xcode(block, FAR)):
            near = int(np.searchsorted(before.starts, len(before.data) - _MOST_MOVED))
            stop = min(stop, max(near, stop - FAR))
        if stop:
            yield _between(before, 0, stop)
        before = joined(_between(before, stop, len(before)), block)
    if len(before):
        yield before


def _between(lines: Lines, row: int, stop: int) -> Lines:
    if row == 0 and stop == len(lines):
        return lines
    data = lines.data[lines.starts[row] : lines.starts[stop]]
    return Lines(
        data, lines.starts[row : stop + 1] - lines.starts[row], lines.first + row, lines.ended or stop < len(lines)
    )
