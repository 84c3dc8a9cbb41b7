"""Which log rows are wanted, stated before they are decoded.

A `Selection` is an OR of `Clause`s (each an AND of its conditions) within a time range. `Selection.mask` is the
meaning: a reader may skip work as it likes but yields exactly the rows for which the mask is true.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct, field

from traceview_parsers.errors import UsageError

Names = frozenset[str]
Marks = frozenset[str | None]
"""Names of levels, events or libraries; None in it: rows without one are wanted too."""
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Rows = np.ndarray[Any, np.dtype[np.int64]]

_LONG_WORD: Final = 1_000
"""Characters beyond which a word is searched by itself: an automaton of "aaa…" takes quadratic time (120,000: 25 s)."""

_SPECIAL: Final = str.maketrans({letter: f"\\{letter}" for letter in r"\.+*?()|[]{}^$#&-~"})
_LONGEST: Final = 50_000
"""Bytes of all words above which they are not compiled into one expression: from 75,000 on some are ten times as slow, and from
140,000 on some are too large (measured)."""

_MANY_MESSAGES: Final = 5_000
"""Messages from which on an expression pays (measured, with 11 to 437 words)."""


class Clause(Struct, frozen=True):
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

    def rows(self, columns: "_Columns") -> Rows:
        """Return the rows of a ``log`` record batch that fulfil the conditions."""
        rows = np.arange(columns.batch.num_rows)
        for column, values in self.by_column():
            if not rows.size:
                return rows
            rows = rows[columns.are_in(column, values, rows)]
        if self.pids is not None:
            pids = pa.array(sorted(self.pids), pa.int64())
            wanted = pc.is_in(columns.batch.column("pid"), pids).to_numpy(zero_copy_only=False)
            rows = rows[wanted[rows]]
        if self.process_paths is not None:
            rows = rows[columns.may_contain("process_path", self.process_paths, rows)]
        if self.words is not None:
            rows = rows[contains_any(columns.batch.column("message").take(pa.array(rows)), self.words)]
        return rows


class Selection(Struct, frozen=True):
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
        columns = _Columns(batch)
        if self.boots is not None:
            keep &= columns.are_in("boot_uuid", self.boots, np.arange(batch.num_rows))
        if self.clauses:
            wanted = np.zeros(batch.num_rows, bool)
            for clause in self.clauses:
                wanted[clause.rows(columns)] = True
            keep &= wanted
        return keep

    def filter(self, batch: Any) -> Any:
        """Return the wanted rows of a ``log`` record batch."""
        if self.everything:
            return batch
        keep = self.mask(batch)
        return batch if keep.all() else batch.filter(pa.array(keep))


EVERYTHING = Selection()


def contains_any(messages: Any, words: Names) -> Mask:
    """Return one boolean a message (Arrow or polars): does it contain at least one of `words`? Null is no.

    Many messages are searched with one regular expression of alternatives, 1.6 times as fast as an Aho-Corasick automaton (measured
    with 50 and 700 words). It takes ten times as long to build, and longer than a few messages are worth, even though
    polars keeps the last 32 expressions and the same words are asked for batch after batch.
    """
    if not words or not len(messages):
        return np.zeros(len(messages), bool)
    import polars as pl  # noqa: PLC0415  (a quarter of the start-up, and most logs are printed without a search)

    texts = pl.Series(messages)
    pattern, short, long = _searched(words)
    found: Mask = np.zeros(len(texts), bool)
    if short:
        few = len(texts) < _MANY_MESSAGES
        hits = texts.str.contains_any(short) if few or pattern is None else texts.str.contains(pattern)
        found = hits.fill_null(value=False).to_numpy()
    for word in long:
        found = found | pc.match_substring(texts.to_arrow(), word).fill_null(False).to_numpy(zero_copy_only=False)
    return found


@lru_cache(maxsize=256)
def _searched(words: Names) -> tuple[str | None, list[str], list[str]]:
    """Return (an expression of the words that are not long, None where it would be too large; these words; the long ones)."""
    short = sorted(word for word in words if len(word) <= _LONG_WORD)
    pattern = "|".join(word.translate(_SPECIAL) for word in short)
    small = len(pattern.encode("utf-8", "replace")) <= _LONGEST
    return pattern if small else None, short, [word for word in words if len(word) > _LONG_WORD]


class _Columns:
    """Dictionary columns of a ``log`` record batch, of which each is looked at for many clauses."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        self._indices: dict[str, Rows] = {}

    def are_in(self, name: str, values: Names | Marks, rows: Rows) -> Mask:
        """Return which of these rows have one of the values; None among them stands for null."""
        wanted = pa.array(sorted(value for value in values if value is not None), pa.string())
        hits = pc.is_in(self.batch.column(name).dictionary, wanted).to_numpy(zero_copy_only=False)
        return self._spread(name, np.append(hits, None in values), rows)

    def may_contain(self, name: str, parts: Names, rows: Rows) -> Mask:
        """Return which of these rows have one of the parts in their value; null may."""
        paths = self.batch.column(name).dictionary.to_pylist()
        hits = np.array([*(any(part in path for part in parts) for path in paths), True], bool)
        return self._spread(name, hits, rows)

    def _spread(self, name: str, hits: Mask, rows: Rows) -> Mask:
        """Return, for these rows, what is told of their value, by its number; the last stands for null."""
        indices = self._indices.get(name)
        if indices is None:
            filled = self.batch.column(name).indices.fill_null(len(hits) - 1)
            indices = self._indices[name] = filled.to_numpy(zero_copy_only=False)
        found: Mask = hits.astype(bool)[indices[rows]]
        return found


def to_ns(time: datetime | None) -> int | None:
    """Return UTC nanoseconds of a time, exact to the microsecond. Raises UsageError where it has no zone."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise UsageError(f"{time}: give the time with its zone")
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
