"""Columns of a block as Arrow arrays. Work is done on distinct values; rows only pick from them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from traceview_parsers.schema import NAME
from traceview_parsers.xctrace.block import NOTHING, Block
from traceview_parsers.xctrace.definitions import NEGATIVE, NUMBER, Definitions
from traceview_parsers.xctrace.digits import Longs, Mask, Words
from traceview_parsers.xctrace.entities import Process, Thread, process_of, thread_of
from traceview_parsers.xctrace.kinds import NO_VALUE
from traceview_parsers.xctrace.markup import Element, parse
from traceview_parsers.xctrace.names import Names
from traceview_parsers.xctrace.scan import DEFINITION
from traceview_parsers.xctrace.texts import dictionary, slices

_MAX_SIGNED: Final = (1 << 63) - 1
_HEAD: Final = 1 << 14

Made = TypeVar("Made")


class Cells:
    """Values of cells. Targets are those of `Block.target`."""

    def __init__(self, block: Block, definitions: Definitions, names: Names) -> None:
        self.block = block
        self.definitions = definitions
        self.names = names

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.block.cells)

    def column(self, number: int) -> Longs:
        """Return what the cells of a column stand for; `NOTHING` where a cell is empty."""
        tags = self.block.cells[:, number]
        target = self.block.target[tags]
        target[self.block.tags.code[tags] == self._sentinel] = NOTHING
        return target

    @cached_property
    def _sentinel(self) -> int:
        return self.names.code("sentinel")

    def numbers(self, target: Longs) -> tuple[Words, Any]:
        """Return the integers of targets as unsigned bits, and the form of each value (0 where there is none)."""
        value = np.zeros(len(target), np.uint64)
        form = np.zeros(len(target), np.uint8)
        here = target >= 0
        value[here] = self.block.value[target[here]]
        form[here] = self.block.form[target[here]]
        before = (target < 0) & (target != NOTHING)
        if before.any():
            value[before], form[before] = self.definitions.numbers(-1 - target[before])
        return value, form

    def signed(self, target: Longs) -> tuple[Longs, Mask]:
        """Return int64 values, and which are there. The largest unsigned integer means "no value"."""
        value, form = self.numbers(target)
        there = ((form == NUMBER) & (value <= np.uint64(_MAX_SIGNED))) | (form == NEGATIVE)
        return value.view(np.int64), there

    def unsigned(self, target: Longs) -> tuple[Words, Mask]:
        """Return uint64 values, and which are there."""
        value, form = self.numbers(target)
        return value, form == NUMBER

    def unreadable(self, target: Longs, *, signed: bool) -> Longs:
        """Return the rows whose cell is not empty and yet no number of that kind."""
        value, form = self.numbers(target)
        there = (form == NUMBER) | (form == NEGATIVE)
        if signed:
            there &= (form == NEGATIVE) | (value <= np.uint64(_MAX_SIGNED)) | (value == np.uint64(NO_VALUE))
        else:
            there &= form == NUMBER
        return np.flatnonzero((target != NOTHING) & ~there)

    def text(self, target: Longs, *, shown: bool = False) -> Any:
        """Return a dictionary array of texts: the machine value, or with `shown` the display text, else the other."""
        codes, values = self.distinct_text(target, shown=shown)
        return dictionary(codes, values)

    def distinct_text(self, target: Longs, *, shown: bool = False) -> tuple[Longs, Any]:
        """Return for each target the number of its text (-1 none), and the distinct texts."""
        unique, inverse = np.unique(target, return_inverse=True)
        empty = int(unique.size > 0 and unique[0] == NOTHING)
        before = unique[empty : np.searchsorted(unique, 0)]
        local = unique[unique >= 0]
        elements = [self.definitions.element(number) for number in (-1 - before).tolist()]
        old = [_text_of(element, shown=shown) for element in elements]
        values = pa.concat_arrays([pa.array(old, pa.string()), self._local_text(local, shown=shown)])
        return inverse - empty, values

    def _local_text(self, local: Longs, *, shown: bool) -> Any:
        tags = self.block.tags
        start, end = tags.text(local)
        display = tags.display(local)
        use = display[1] > display[0] if shown else end <= start
        start, end = np.where(use, display[0], start), np.where(use, display[1], end)
        return slices(tags.data, start, end, rewritten=tags.rewritten)

    def element(self, target: int) -> Element | None:
        """Return what a target stands for as an element."""
        if target == NOTHING:
            return None
        if target < 0:
            return self.definitions.element(-1 - target)
        tags = self.block.tags
        if tags.kind[target] == DEFINITION:
            found = self.definitions.element(int(tags.number[target]))
            if found is not None:
                return found
        start = int(tags.start[target])
        element, _ = parse(bytes(tags.data[start : start + _HEAD]))
        return element

    def each(self, what: str, target: Longs, make: Callable[[Element | None], Made]) -> tuple[Longs, list[Made]]:
        """Apply `make` (named `what`) to each distinct target.

        Returns:
            For each row the number of its result, and the results.
        """
        unique, inverse = np.unique(target, return_inverse=True)
        return inverse, [self._made(what, one, make) for one in unique.tolist()]

    def _made(self, what: str, target: int, make: Callable[[Element | None], Made]) -> Made:
        if target >= 0 or target == NOTHING:
            return make(self.element(target))
        return self.definitions.kept(what, -1 - target, lambda: make(self.definitions.element(-1 - target)))

    def threads(self, target: Longs) -> tuple[Longs, list[Thread]]:
        """Return for each row the number of its thread, and the threads."""
        return self.each("thread", target, lambda element: thread_of(element, self.definitions))

    def processes(self, target: Longs) -> tuple[Longs, list[Process]]:
        """Return for each row the number of its process, and the processes."""
        return self.each("process", target, lambda element: process_of(element, self.definitions))

    def reals(self, target: Longs) -> tuple[Any, Longs]:
        """Return a float64 array, and the rows whose cell is not empty and yet no number."""
        codes, values = self.distinct_text(target)
        numbers = [_real(text) for text in values.to_pylist()]
        array = pa.array(numbers, pa.float64()).take(pa.array(codes, mask=codes < 0))
        strange = np.flatnonzero((codes >= 0) & np.array(array.is_null()))
        return array, strange


def _text_of(element: Element | None, *, shown: bool) -> str:
    if element is None:
        return ""
    return (element.get("fmt") if shown else None) or element.shown


def _real(text: str) -> float | None:
    try:
        return float(text.replace("_", "?"))
    except ValueError:
        return None


def pick(codes: Longs, values: list[Any], kind: Any) -> Any:
    """Return an Arrow array with ``values[code]`` for each row; NAME columns share their texts."""
    if kind == NAME:
        texts = list(dict.fromkeys(value for value in values if value is not None))
        place = {text: number for number, text in enumerate(texts)}
        lookup = np.array([place.get(value, -1) for value in values] or [-1], np.int64)
        return dictionary(lookup[codes], pa.array(texts, pa.string()))
    return pa.array(values, kind).take(pa.array(codes))
