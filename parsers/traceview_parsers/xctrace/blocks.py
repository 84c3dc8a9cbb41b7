"""Runs of whole rows, some megabytes at a time."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from msgspec import Struct

from traceview_parsers.xctrace.document import Node

BLOCK_BYTES: Final = 2 << 20
MAX_ROW_BYTES: Final = 64 << 20
"""A single row beyond this is damage or an attack."""
_ROW, _ROW_END = b"<row", b"</row>"


class Rows(Struct, frozen=True):
    """Whole rows as they are in the file at `offset`; or, with `lost`, the beginning of one that never ends."""

    data: bytes
    offset: int
    lost: bool = False


def row_blocks(file: BinaryIO, node: Node, step: int = BLOCK_BYTES) -> Iterator[Rows]:
    """Yield the rows of a node. Memory stays below a few `step`, or `MAX_ROW_BYTES` where rows are huge."""
    pieces: list[bytes] = []
    held, at = 0, node.rows
    while at < node.end:
        file.seek(at)
        chunk = file.read(min(step, node.end - at))
        if not chunk:
            break
        begin = at - held
        at += len(chunk)
        joint = pieces[-1][-len(_ROW_END) :] if pieces else b""
        cut = (joint + chunk).rfind(_ROW_END)
        if cut < 0:
            pieces.append(chunk)
            held += len(chunk)
            if held > MAX_ROW_BYTES:
                yield Rows(pieces[0][:4096], begin, lost=True)
                pieces, held = [chunk[-len(_ROW_END) :]], min(len(_ROW_END), len(chunk))
            continue
        cut += len(_ROW_END) - len(joint)
        yield Rows(b"".join((*pieces, chunk[:cut])), begin)
        rest = chunk[cut:]
        pieces, held = ([rest], len(rest)) if rest else ([], 0)
    rest = b"".join(pieces)
    start = rest.find(_ROW)
    if start >= 0:
        yield Rows(rest[start:], at - held + start, lost=True)
