"""Which log rows are wanted, stated before they are decoded.

A `Selection` is an OR of `Clause`s (each an AND of its conditions) within a time range. `Selection.mask` is the
meaning: a reader may skip work as it likes but yields exactly the rows for which the mask is true.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.errors import UsageError

Names = frozenset[str]
Marks = frozenset[str | None]
"""Names of levels, events or libraries; None in it: rows without one are wanted too."""
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_LONG_WORD: Final = 1_000
"""Characters beyond which a word is searched by itself: an automaton of "aaa…" takes quadratic time (120,000: 25 s)."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Conditions that must all hold; a condition left empty (None) always holds.

    Attributes:
        processes: Exact process names (last path component).
        senders: Exact library names (last path component), and None for rows whose library is unknown.
        subsystems: Exact subsystem names.
        categories: Exact category names.
        levels: Members of `schema.LEVELS`, and None for rows without a level (activities, signposts, losses …).
        events: Members of `schema.EVENTS`, and None for rows without an event.
        pids: Process ids.
        words: The message contains at least one of these (case-sensitive).
        process_paths: The path of the executable contains at least one of these; an unknown path holds too.
    """

    processes: Names | None = None
    senders: Marks | None = None
    subsystems: Names | None = None
    categories: Names | None = None
    levels: Marks | None = None
    events: Marks | None = None
    pids: frozenset[int] | None = None
    words: Names | None = None
    process_paths: Names | None = None

    def by_column(self) -> list[tuple[str, Names | Marks]]:
        """Return the conditions on dictionary columns of ``log`` as (column, accepted values)."""
        pairs: list[tuple[str, Names | Marks | None]] = [
            ("process", self.processes),
            ("sender", self.senders),
            ("subsystem", self.subsystems),
            ("category", self.categories),
            ("level", self.levels),
            ("event", self.events),
        ]
        return [(name, values) for name, values in pairs if values is not None]

    def mask(self, batch: Any) -> Mask:
        """Return one boolean a row of a ``log`` record batch."""
        keep = np.ones(batch.num_rows, bool)
        for column, values in self.by_column():
            keep &= _is_in(batch.column(column), values)
        if self.pids is not None:
            pids = pa.array(sorted(self.pids), pa.int64())
            keep &= pc.is_in(batch.column("pid"), pids).to_numpy(zero_copy_only=False)
        if self.process_paths is not None:
            keep &= _may_contain(batch.column("process_path"), self.process_paths)
        if self.words is not None:
            rows = np.flatnonzero(keep)
            messages = batch.column("message").take(pa.array(rows))
            hits = contains_any(messages, self.words)
            keep[rows[~hits]] = False
        return keep


@dataclass(frozen=True, slots=True)
class Selection:
    """The wanted rows: any clause holds (no clause: every row), within [start_ns, end_ns) and `ranges`.

    Attributes:
        clauses: Alternatives.
        start_ns: First wanted time, UTC nanoseconds, or None.
        end_ns: First time that is no longer wanted, or None. Rows without a time are outside any range.
        arguments: Also produce the ``arguments`` column where the source has typed arguments.
        ranges: Wanted windows of time, each [first, last) in UTC nanoseconds, sorted; empty: no such condition.
        boots: Wanted boots, UUIDs dashed and upper case; None: all. Rows without a boot are of none.
    """

    clauses: tuple[Clause, ...] = field(default=())
    start_ns: int | None = None
    end_ns: int | None = None
    arguments: bool = False
    ranges: tuple[tuple[int, int], ...] = ()
    boots: Names | None = None

    @property
    def timed(self) -> bool:
        """Whether there is a condition on time."""
        return self.start_ns is not None or self.end_ns is not None or bool(self.ranges)

    @property
    def everything(self) -> bool:
        """Whether no row is left out."""
        return not self.clauses and not self.timed and self.boots is None

    def mask(self, batch: Any) -> Mask:
        """Return one boolean a row of a ``log`` record batch: the meaning of the selection."""
        keep = np.ones(batch.num_rows, bool)
        if self.timed:
            time = batch.column("time")
            values = time.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
            keep &= ~time.is_null().to_numpy(zero_copy_only=False)
            if self.start_ns is not None:
                keep &= values >= self.start_ns
            if self.end_ns is not None:
                keep &= values < self.end_ns
            if self.ranges:
                starts, ends = np.array(self.ranges, np.int64).T
                window = np.searchsorted(starts, values, "right") - 1
                keep &= (window >= 0) & (values < ends[window])
        if self.boots is not None:
            keep &= _is_in(batch.column("boot_uuid"), self.boots)
        if self.clauses:
            keep &= reduce(np.logical_or, (clause.mask(batch) for clause in self.clauses))
        return keep

    def filter(self, batch: Any) -> Any:
        """Return the wanted rows of a ``log`` record batch."""
        if self.everything:
            return batch
        keep = self.mask(batch)
        return batch if keep.all() else batch.filter(pa.array(keep))


EVERYTHING = Selection()


def contains_any(messages: Any, words: Names) -> Mask:
    """Return one boolean a message: does it contain at least one of `words`? One Aho-Corasick pass; null is no."""
    if not words or not len(messages):
        return np.zeros(len(messages), bool)
    long = frozenset(word for word in words if len(word) > _LONG_WORD)
    found: Mask = np.zeros(len(messages), bool)
    if words - long:
        import polars as pl  # noqa: PLC0415  (a quarter of the start-up, and most logs are printed without a search)

        found = pl.Series(messages).str.contains_any(sorted(words - long)).fill_null(value=False).to_numpy()
    for word in long:
        found = found | pc.match_substring(messages, word).fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _is_in(column: Any, values: Names | Marks) -> Mask:
    wanted = pa.array(sorted(value for value in values if value is not None), pa.string())
    hits = pc.is_in(column.dictionary, wanted).to_numpy(zero_copy_only=False)
    indices = column.indices.fill_null(len(hits)).to_numpy(zero_copy_only=False)
    mask: Mask = np.append(hits, None in values).astype(bool)[indices]
    return mask


def _may_contain(column: Any, parts: Names) -> Mask:
    paths = column.dictionary.to_pylist()
    hits = np.array([*(any(part in path for part in parts) for path in paths), True], bool)
    indices = column.indices.fill_null(len(paths)).to_numpy(zero_copy_only=False)
    mask: Mask = hits[indices]
    return mask


def to_ns(time: datetime | None) -> int | None:
    """Return UTC nanoseconds of a time, exact to the microsecond. Raises UsageError where it has no zone."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise UsageError(f"{time}: give the time with its zone")
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
