"""Log rows of several sources as one stream in the order of time, with one batch of each in memory."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Source

_BEFORE_ALL = -(2**63)
_LAST_ROWS_NS = 1_000_000_000
"""How much of the end of a log is read at first, to find its last row."""


@runtime_checkable
class Ordered(Protocol):
    """A source whose stored order is not that of time, but which can give its rows by time."""

    def in_order(self, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of ``log`` by time."""


@runtime_checkable
class Booted(Protocol):
    """A source that knows its boots without being read."""

    def boots(self) -> list[str]:
        """Return the boots of which there are rows, oldest first."""


@runtime_checkable
class Ended(Protocol):
    """A source that knows about when its log ends without being read."""

    def end_ns(self, boots: Collection[str] | None = None) -> int | None:
        """Return about when the last row, of all boots or of these, was written; None where there is none."""


def by_time(sources: Sequence[Source], selection: Selection = EVERYTHING) -> Iterator[Any]:
    """Yield the ``log`` rows of all sources by time; equal times in the order of the sources.

    The order within a source stays: a text has the order in which its tool printed it, an archive that of `Ordered`. So
    where a clock was set back, or a row has no time, the row comes right behind the one before it in its source.
    """
    streams = [_Stream(_rows(source, selection)) for source in sources]
    if len(streams) == 1:
        yield from streams[0].rest
        return
    while waiting := [stream for stream in streams if stream.fill()]:
        limit, shortest = min((int(stream.keys[-1]), number) for number, stream in enumerate(waiting))
        # The shortest may go on with the same time, and comes before those behind it.
        taken = [stream.take(limit, equal=number <= shortest) for number, stream in enumerate(waiting)]
        keys = np.concatenate([keys for _, keys in taken])
        order = None if np.all(keys[:-1] <= keys[1:]) else pa.array(np.argsort(keys, kind="stable"))
        yield joined([batch for batch, _ in taken if batch.num_rows], order)


class _Stream(Struct):
    """What is left of one source.

    Attributes:
        rest: Batches still to come.
        batch: The current one.
        keys: For each of its rows the latest time up to it in the source.
    """

    rest: Iterator[Any]
    batch: Any = None
    keys: Any = None
    latest: int = _BEFORE_ALL

    def fill(self) -> bool:
        """Fetch a batch if need be; return whether there are rows."""
        while self.batch is None or not self.batch.num_rows:
            self.batch = next(self.rest, None)
            if self.batch is None:
                return False
            times = self.batch.column("time").cast(pa.int64()).fill_null(_BEFORE_ALL).to_numpy()
            self.keys = np.maximum(np.maximum.accumulate(times), self.latest) if len(times) else times
            self.latest = int(self.keys[-1]) if len(times) else self.latest
        return True

    def take(self, limit: int, *, equal: bool) -> tuple[Any, Any]:
        """Return (rows before the time `limit`, or up to it, their keys) and go on behind them."""
        count = int(np.searchsorted(self.keys, limit, "right" if equal else "left"))
        found = self.batch.slice(0, count), self.keys[:count]
        self.batch, self.keys = self.batch.slice(count), self.keys[count:]
        return found


def _rows(source: Source, selection: Selection) -> Iterator[Any]:
    return source.in_order(selection) if isinstance(source, Ordered) else source.batches("log", selection)


def joined(batches: Sequence[Any], order: Any | None = None) -> Any:
    """Return one batch of the rows of several of one schema, in this order (Arrow row numbers; None: as they come).

    Dictionaries that continue each other, as those of one source do, are not built anew.
    """
    rows = sum(batch.num_rows for batch in batches) if order is None else len(order)
    taken = []
    for field, column in zip(batches[0].schema, zip(*(batch.columns for batch in batches), strict=True), strict=True):
        if all(part.null_count == len(part) for part in column):
            taken.append(pa.nulls(rows, field.type))
            continue
        if len(column) == 1:
            whole = column[0]
        elif pa.types.is_dictionary(field.type):
            whole = _joined_names(column)
        else:
            whole = pa.concat_arrays(column)
        taken.append(whole if order is None else whole.take(order))
    return pa.RecordBatch.from_arrays(taken, schema=batches[0].schema)


def _joined_names(column: Sequence[Any]) -> Any:
    """Concatenate dictionary arrays over the longest dictionary and what the others have beyond it."""
    names = max((part.dictionary for part in column), key=len)
    indices = []
    for part in column:
        own = part.dictionary
        if len(part) == part.null_count:
            indices.append(pa.nulls(len(part), pa.int32()))
            continue
        if _is_same(own, names) or own.equals(names.slice(0, len(own))):
            indices.append(part.indices)
            continue
        places = pc.index_in(own, names)
        if places.null_count:
            names = pa.concat_arrays([names, own.filter(places.is_null())])
            places = pc.index_in(own, names)
        indices.append(places.take(part.indices))
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(indices), names, safe=False)  # they were checked before


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two arrays are one: the same memory, without looking into it."""
    return _memory(one) == _memory(other)


def _memory(array: Any) -> list[int | None]:
    """Return where an array lies."""
    return [len(array), array.offset, *(None if part is None else part.address for part in array.buffers())]


def boots_of(sources: Sequence[Source]) -> list[str]:
    """Return the boot UUIDs of the log, oldest first; those of sources that must be read for it in their order."""
    found: dict[str, None] = {}
    for source in sources:
        if isinstance(source, Booted):
            found |= dict.fromkeys(source.boots())
            continue
        for batch in source.batches("log"):
            found |= dict.fromkeys(boot for boot in batch.column("boot_uuid").unique().to_pylist() if boot)
    return list(found)


def end_of(sources: Sequence[Source], boots: frozenset[str] | None = None) -> int | None:
    """Return the time of the last row of the log, of all boots or of these; of sources that are not `Ended` all is read."""
    ends = (_end(source, boots) for source in sources)
    return max((end for end in ends if end is not None), default=None)


def span_of(sources: Sequence[Source], boots: frozenset[str] | None = None) -> tuple[int, int] | None:
    """Return the times of the first and the last row of the log, of all boots or of these; None where no row has a time.

    A source that can give its rows by time, and knows its end, is read there alone; others are read whole.
    """
    spans = [span for source in sources if (span := _span(source, boots)) is not None]
    return (min(begin for begin, _ in spans), max(end for _, end in spans)) if spans else None


def _span(source: Source, boots: frozenset[str] | None) -> tuple[int, int] | None:
    selection = Selection(boots=boots)
    if isinstance(source, Ordered) and isinstance(source, Ended):
        earliest = (pc.min(batch.column("time").cast(pa.int64())).as_py() for batch in source.in_order(selection))
        begin, end = next((time for time in earliest if time is not None), None), _end(source, boots)
        return None if begin is None or end is None else (begin, end)
    found = [pc.min_max(batch.column("time").cast(pa.int64())).as_py() for batch in source.batches("log", selection)]
    timed = [one for one in found if one["min"] is not None]
    return (min(one["min"] for one in timed), max(one["max"] for one in timed)) if timed else None


def _end(source: Source, boots: frozenset[str] | None) -> int | None:
    latest = source.end_ns(boots) if isinstance(source, Ended) else None
    if latest is not None:
        back = _LAST_ROWS_NS
        while latest - back > _BEFORE_ALL:
            if (end := _latest(source, Selection(start_ns=latest - back, boots=boots))) is not None:
                return end
            back *= 16
    return _latest(source, Selection(boots=boots))


def _latest(source: Source, selection: Selection) -> int | None:
    times = (pc.max(batch.column("time").cast(pa.int64())).as_py() for batch in source.batches("log", selection))
    return max((time for time in times if time is not None), default=None)
