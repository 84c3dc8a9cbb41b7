"""A selection, evaluated on what is known before messages are written: processes, call sites, subsystems, levels.

It only ever drops rows that `Selection.mask` would drop; the mask itself decides in the end.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from traceview_parsers.schema import EVENTS, LEVELS
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.unified_log.arguments import PRIVATE_TEXT
from traceview_parsers.unified_log.callsites import CallSites, Images
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.formats import missing
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.plans import Plans
from traceview_parsers.unified_log.words import WordSearch

_NUMBER_LETTERS: Final = frozenset("-0123456789<>[]%")
"""What decimal numbers consist of, and what stands where a text in place of a number meets the literals around it."""

_STAND_INS: Final = (
    PRIVATE_TEXT,
    missing(),
    "decode: mismatch for ",
    " got ",
    *(f"{kind} sz:" for kind in ("SCALAR", "COUNT", "STRING", "POINTER", "OBJECT", "TYPE")),
)
"""Texts that may stand where a number is expected."""


_HEAD: Final = 4
"""Letters of a word that index it."""

NO: Final = 0
MAYBE: Final = 1
"""The message decides."""
YES: Final = 2


class _Growing:
    """A table over rows that are only ever added; each row is judged once."""

    def __init__(self, judge: Callable[[int, int], Iterable[int]], kind: type[Any] = np.bool_) -> None:
        self._judge = judge
        self._table = np.zeros(0, kind)

    def upto(self, size: int) -> Array:
        if size > self._table.size:
            fresh = np.fromiter(self._judge(self._table.size, size), self._table.dtype, size - self._table.size)
            self._table = np.concatenate([self._table, fresh])
        return self._table


class _Words:
    """Words of all clauses, looked for in the literals of formats at once; found by their first letters."""

    def __init__(self, words: list[frozenset[str]]) -> None:
        self._heads: dict[str, list[tuple[str, int]]] = {}
        self._short: list[tuple[str, int]] = []
        for number, clause in enumerate(words):
            for word in clause:
                if len(word) < _HEAD:
                    self._short.append((word, 1 << number))
                else:
                    self._heads.setdefault(word[:_HEAD], []).append((word, 1 << number))
        self._crossing = [
            any(not _NUMBER_LETTERS.isdisjoint(word) or any(word in text for text in _STAND_INS) for word in clause)
            for clause in words
        ]
        self._plans: dict[int, int] = {}

    def in_plan(self, plans: Plans, plan: int, clause: int) -> int:
        """Return whether messages of a plan contain a word of a clause: a literal tells, or the values decide."""
        literals, decimal = plans.literals(plan)
        found = self._plans.get(plan)
        if found is None:
            found = self._plans[plan] = self._clauses(literals)
        if found >> clause & 1:
            return YES
        return MAYBE if not decimal or (len(literals) > 1 and self._crossing[clause]) else NO

    def _clauses(self, literals: list[str]) -> int:
        """Return which clauses have a word in one of these texts, as bits."""
        found = 0
        heads = self._heads
        for text in literals:
            for at in range(len(text) - _HEAD + 1):
                head = text[at : at + _HEAD]
                if head in heads:
                    for word, bit in heads[head]:
                        if text.startswith(word, at):
                            found |= bit
            for word, bit in self._short:
                if word in text:
                    found |= bit
        return found


class _ClauseFilter:
    """One clause, as truth tables over processes, call sites, subsystem pairs, levels and events."""

    def __init__(self, clause: Clause, known: "Known", words: _Words, number: int) -> None:
        self._clause = clause
        self._words = words
        self._number = number
        self._known = known
        self.by_process = _Growing(self._processes)
        self._by_site = _Growing(self._sites, np.uint8)
        self._by_pair = _Growing(self._pairs)
        self._levels = _members(LEVELS, clause.levels)
        self._events = _members(EVENTS, clause.events)

    def processes(self) -> Array:
        """Return, for each process, whether rows of it may be wanted."""
        self._known.name_processes()
        return self.by_process.upto(self._known.processes.table.size)

    def firehose_processes(self) -> Array:
        """Return the same for tracepoints: their subsystems stand in the catalog, by process; those of dumps do not."""
        keep = self.processes()
        if self._clause.subsystems is None and self._clause.categories is None:
            return keep
        pairs = self._known.processes.pairs
        having = np.zeros(keep.size, bool)
        having[pairs["process"][np.flatnonzero(self._by_pair.upto(pairs.size))]] = True
        found: Array = keep & having
        return found

    def mask(self, process: Array, site: Array, pair: Callable[[], Array], level: Array, event: Array) -> Array:
        """Return, for each record, `NO`, `MAYBE` or `YES`."""
        keep: Array = self.processes().take(process)
        clause = self._clause
        if clause.levels is not None:
            keep = keep & self._levels.take(level)
        if clause.events is not None:
            keep = keep & self._events.take(event)
        if clause.subsystems is not None or clause.categories is not None:
            pairs = self._by_pair.upto(self._known.processes.pairs.size)
            rows = pair()
            keep = keep & (rows >= 0)
            if pairs.size:
                keep = keep & pairs.take(rows, mode="clip").astype(bool)
        if clause.senders is None and clause.words is None:
            return keep.astype(np.uint8) * np.uint8(YES)
        sites = self._by_site.upto(self._known.sites.table.size)
        return keep.astype(np.uint8) * sites.take(site)

    def _processes(self, start: int, end: int) -> Iterable[bool]:
        clause = self._clause
        names = self._known.images.names.texts()
        table = self._known.processes.table
        for row in range(start, end):
            name = self._known.images.table["name"][self._known.process_images[row]]
            wanted = clause.processes is None or (name >= 0 and names[name] in clause.processes)
            wanted = wanted and self._path_fits(self._known.process_images[row])
            yield wanted and (clause.pids is None or int(table["pid"][row]) in clause.pids)

    def _path_fits(self, image: int) -> bool:
        parts = self._clause.process_paths
        number = int(self._known.images.table["path"][image])
        if parts is None or number < 0:
            return True
        path = self._known.images.paths.texts()[number]
        return any(part in path for part in parts)

    def _sites(self, start: int, end: int) -> Iterable[int]:
        clause = self._clause
        names = self._known.images.names.texts()
        table, images = self._known.sites.table, self._known.images.table["name"]
        for image, plan in zip(table["image"][start:end].tolist(), table["plan"][start:end].tolist(), strict=True):
            name = int(images[image])
            if clause.senders is not None and (name < 0 or names[name] not in clause.senders):
                yield NO
            else:
                yield YES if clause.words is None else self._words.in_plan(self._known.plans, plan, self._number)

    def _pairs(self, start: int, end: int) -> Iterable[bool]:
        clause = self._clause
        pairs = self._known.processes.pairs
        subsystems, categories = self._known.processes.subsystems.texts(), self._known.processes.categories.texts()
        for subsystem, category in zip(
            pairs["subsystem"][start:end].tolist(), pairs["category"][start:end].tolist(), strict=True
        ):
            yield (clause.subsystems is None or subsystems[subsystem] in clause.subsystems) and (
                clause.categories is None or categories[category] in clause.categories
            )


class Known:
    """What an archive's records refer to, so far.

    Attributes:
        process_images: Row of `images` of each process.
    """

    def __init__(self, processes: Processes, sites: CallSites, images: Images, plans: Plans) -> None:
        self.processes = processes
        self.sites = sites
        self.images = images
        self.plans = plans
        self.process_images: list[int] = []

    def name_processes(self) -> None:
        """Look up the images of processes that are new."""
        for number in range(len(self.process_images), self.processes.table.size):
            self.process_images.append(self.sites.image_of_process(number))


class Prefilter:
    """A whole selection."""

    def __init__(self, selection: Selection, known: Known) -> None:
        self.selection = selection
        self._known = known
        self._possible = _Growing(self._any_clause)
        words = _Words([clause.words or frozenset() for clause in selection.clauses])
        self._clauses = [_ClauseFilter(clause, known, words, number) for number, clause in enumerate(selection.clauses)]
        worded = [clause.words for clause in selection.clauses if clause.words is not None]
        self._search = WordSearch(frozenset[str]().union(*worded)) if worded else None
        self._all_worded = bool(worded) and len(worded) == len(selection.clauses)

    def processes(self, process: Array) -> Array:
        """Return, for each of these processes, whether any of its rows may be wanted."""
        if not self._clauses:
            return np.ones(process.size, bool)
        self._known.name_processes()
        found: Array = self._possible.upto(self._known.processes.table.size).take(process)
        return found

    def firehose_processes(self, process: Array) -> Array:
        """Return, for each of these processes, whether any of its tracepoints may be wanted."""
        if not self._clauses:
            return np.ones(process.size, bool)
        found: Any = np.logical_or.reduce([clause.firehose_processes() for clause in self._clauses])
        return np.asarray(found.take(process))

    def _any_clause(self, start: int, end: int) -> Iterable[bool]:
        tables = [clause.processes()[start:end].tolist() for clause in self._clauses]
        return map(any, zip(*tables, strict=True))

    def rows(self, process: Array, site: Array, pair: Callable[[], Array], level: Array, event: Array) -> Array:
        """Return `NO`, `MAYBE` or `YES` for each record; level and event as in `columns`, -1 for null."""
        if not self._clauses:
            return np.full(process.size, YES, np.uint8)
        found: Any = np.maximum.reduce([clause.mask(process, site, pair, level, event) for clause in self._clauses])
        return np.asarray(found)

    def settle(self, verdict: Array, messages: Any) -> Array:
        """Return the records that may still be wanted now that their messages are known (row numbers)."""
        rows = np.arange(verdict.size)
        unsure = verdict == MAYBE
        if self._search is None or not unsure.any():
            return rows
        # Only clauses with words leave a record open.
        hits: Array = np.concatenate([rows[~unsure], self._search.rows(messages, rows[unsure])])
        return np.sort(hits)

    def settle_dumps(self, messages: Any) -> Array:
        """Return the rows with these messages that may be wanted, where nothing else was looked at."""
        rows = np.arange(len(messages))
        return self._search.rows(messages, rows) if self._search is not None and self._all_worded else rows

    def times(self, wall: Array, sane: Array) -> Array:
        """Return, for each record, whether its time lies in the wanted ranges."""
        selection = self.selection
        keep = sane.copy()
        if selection.start_ns is not None:
            keep &= wall >= selection.start_ns
        if selection.end_ns is not None:
            keep &= wall < selection.end_ns
        if selection.ranges:
            starts, ends = np.array(selection.ranges, np.int64).T
            window = np.searchsorted(starts, wall, "right") - 1
            keep &= (window >= 0) & (wall < ends[window])
        return keep

    def span(self, start_ns: int, end_ns: int) -> bool:
        """Return whether rows between these times, both included, may be wanted."""
        first, last, ranges = self.selection.start_ns, self.selection.end_ns, self.selection.ranges
        if (first is not None and end_ns < first) or (last is not None and start_ns >= last):
            return False
        return not ranges or any(start <= end_ns and start_ns < end for start, end in ranges)


def _members(all_names: tuple[str, ...], wanted: frozenset[str] | None) -> Array:
    """Return a truth table over the indices of `all_names`; its last element, index -1, is the null."""
    return np.array([wanted is None or name in wanted for name in all_names] + [wanted is None])
