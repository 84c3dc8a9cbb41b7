"""Call stacks: names of frames, leaf first.

Xcode writes ``<backtrace>`` with ``<frame>`` children; Xcode 26 and 27 wrap that in ``<tagged-backtrace>``. Samples of
the kernel's profiler (``<kperf-bt>``) hold bare addresses.
"""

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.xctrace.block import NOTHING
from traceview_parsers.xctrace.cells import Cells
from traceview_parsers.xctrace.definitions import Definitions
from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.markup import Element, decode

STACK: Final = pa.list_(pa.string())
_FRAME: Final = "frame"
_STACK_STARTS: Final = (b"<backtrace ", b"<tagged-backtrace ")
_STACK_END: Final = b"</backtrace>"
_BEYOND: Final = re.compile(rb"<backtrace ref|</tagged-|</row")
_FRAMES: Final = re.compile(rb'<frame (?:ref="([0-9]{1,18})"/>|id="[0-9]+" name="([^"<>]+)")')


def stacks(cells: Cells, target: Longs) -> Any:
    """Return one list of frames a row; null where the cell is empty."""
    unique, inverse = np.unique(target, return_inverse=True)
    written, lists = _written_here(cells, unique)
    rest = [None if target == NOTHING else _earlier(cells, target) for target in unique[~written].tolist()]
    order = np.empty(len(unique), np.int64)
    order[np.flatnonzero(written)] = np.arange(int(written.sum()))
    order[np.flatnonzero(~written)] = int(written.sum()) + np.arange(len(rest))
    return pa.concat_arrays([lists, pa.array(rest, STACK)]).take(pa.array(order[inverse]))


def _earlier(cells: Cells, target: int) -> list[str | None]:
    """Return the frames of a stack that does not list them in this block."""
    if target >= 0:
        return _frames(cells.element(target), cells.definitions)
    number = -1 - target

    def make() -> list[str | None]:
        plain = _plain_frames(cells.definitions, number)
        return _frames(cells.element(target), cells.definitions) if plain is None else plain

    return cells.definitions.kept("stack", number, make)


def _plain_frames(definitions: Definitions, number: int) -> list[str | None] | None:
    """Return the frames of a stack that is written as the exporter always does; None where it is not."""
    raw = definitions.raw(number, _STACK_END)
    if not raw.startswith(_STACK_STARTS) or raw.count(b"<backtrace") != 1 or _BEYOND.search(raw):
        return None
    frames = _FRAMES.findall(raw)
    if not frames or len(frames) != raw.count(b"<frame"):
        return None
    return [_frame_name(definitions.element(int(ref))) if ref else decode(name) for ref, name in frames]


def _written_here(cells: Cells, unique: Longs) -> tuple[Any, Any]:
    """Return which stacks list their frames in this block, and those lists."""
    block = cells.block
    frames = np.flatnonzero((block.tags.code == cells.names.code(_FRAME)) & (block.level > 1) & ~block.tags.close)
    tops = np.flatnonzero(block.level == 1)
    place = np.full(len(block.level), -1, np.int64)
    local = np.flatnonzero(unique >= 0)
    place[unique[local]] = local
    owner = place[tops[np.searchsorted(tops, frames) - 1]] if frames.size else frames
    frames, owner = frames[owner >= 0], owner[owner >= 0]
    counts = np.bincount(owner, minlength=len(unique))
    written = counts > 0
    codes, names = cells.each("frame", block.target[frames], _frame_name)
    offsets = np.concatenate([[0], np.cumsum(counts[written])]).astype(np.int32)
    values = pa.array(names, pa.string()).take(pa.array(codes))
    return written, pa.ListArray.from_arrays(pa.array(offsets), values)


def _frame_name(element: Element | None) -> str | None:
    if element is None:
        return None
    return element.get("name") or element.get("addr") or element.shown or None


def _frames(element: Element | None, definitions: Definitions) -> list[str | None]:
    """Return the frames of a stack that an earlier block defined, or that has no frames of its own."""
    if element is None:
        return []
    if element.tag == "kperf-bt":
        return _addresses(element, definitions)
    nested = element.find("backtrace") if element.tag != "backtrace" else None
    stack = (definitions.resolve(nested) if nested else element) or element
    found = [definitions.resolve(child) for child in stack.children if child.tag == _FRAME]
    return [_frame_name(frame) for frame in found]


def _addresses(element: Element, definitions: Definitions) -> list[str | None]:
    """Return the program counter, then the addresses of the callers, as hexadecimal numbers."""
    texts = []
    for tag in ("text-address", "text-addresses"):
        child = element.find(tag)
        found = definitions.resolve(child) if child else None
        texts += found.text.split() if found else []
    return [hex(int(text)) if text.isdecimal() and len(text) <= 20 else text for text in texts]
