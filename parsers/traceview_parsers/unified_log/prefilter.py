"""A selection, evaluated on what is known before messages are written: processes, call sites, subsystems, levels.

It only ever drops rows that `Selection.mask` would drop; the mask itself decides in the end. Up to 64 clauses are
evaluated together, each of them one bit of a 64-bit word: tables say which clauses a process, a call site, a subsystem
pair, a level or an event can fulfil, and a record can fulfil those that all of its tables agree on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.schema import EVENTS, LEVELS
from traceview_parsers.selection import Clause, Marks, Selection
from traceview_parsers.unified_log.callsites import CallSites, Images
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.clause_bits import Accepting, Growing, as_bits
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.plans import Plans
from traceview_parsers.unified_log.refusals import Refusals
from traceview_parsers.unified_log.words import LiteralSearch, Texts, WordSearch, bytes_as_texts

NO: Final = 0
MAYBE: Final = 1
"""The message decides."""
YES: Final = 2

_GROUP: Final = 64
"""Clauses that are evaluated together."""


class Verdicts(Struct, frozen=True):
    """What is known of records whose messages are not written yet.

    Attributes:
        verdict: `NO`, `MAYBE` or `YES` for each.
        clauses: For each 64 clauses, those (bits) that a record fulfils if its message has one of their words; uint64.
    """

    verdict: Array
    clauses: Array

    def take(self, rows: Array) -> "Verdicts":
        """Return those of some records."""
        return Verdicts(self.verdict[rows], self.clauses[:, rows])


class Candidates(Struct, frozen=True):
    """What is known of records whose messages are not written yet; arrays of one element a record.

    Attributes:
        process: Process number.
        site: Row of the call sites.
        level: Index into `schema.LEVELS`, -1 null.
        event: Index into `schema.EVENTS`.
        pair: Gives the subsystem pair's row (-1 none) of some records.
    """

    process: Array
    site: Array
    level: Array
    event: Array
    pair: Callable[[Array], Array]


class Dumps(Struct, frozen=True):
    """What is known of simple dumps; arrays of one element a dump.

    Attributes:
        process: Process number.
        image: Row of the images.
        subsystem: Gives the numbers of the subsystems (-1 none) of some dumps.
        initial: First byte of the subsystem, or anything where there is none.
        data: uint8, the bytes of the batch.
        begin: Where the texts of a dump begin.
        end: Where they end.
    """

    process: Array
    image: Array
    subsystem: Callable[[Array], Array]
    initial: Array
    data: Array
    begin: Array
    end: Array


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
        self.refused = Refusals()
        clauses = selection.clauses
        self._known = known
        self._possible: Array = np.zeros(0, bool)
        self._likely: list[bool] = []
        self._groups = [_Group(clauses[at : at + _GROUP], known) for at in range(0, len(clauses), _GROUP)]

    def processes(self, process: Array) -> Array:
        """Return, for each of these processes, whether any of its rows may be wanted."""
        self._know_processes()
        return self._possible.take(process)

    def any_process(self, processes: Iterable[int]) -> bool:
        """Return whether any row of these few processes may be wanted."""
        self._know_processes()
        return any(map(self._likely.__getitem__, processes))

    def _know_processes(self) -> None:
        size = self._known.processes.table.size
        if self._possible.size == size:
            return
        possible = [group.processes() != 0 for group in self._groups]
        self._possible = np.logical_or.reduce(possible) if possible else np.ones(size, bool)
        self._likely = self._possible.tolist()

    def firehose_processes(self, process: Array) -> Array:
        """Return the same for tracepoints: their subsystems stand in the catalog, by process; those of dumps do not."""
        if not self._groups:
            return np.ones(process.size, bool)
        found: Array = np.bitwise_or.reduce([group.firehose_processes() for group in self._groups]) != 0
        return found.take(process)

    def event(self, name: str) -> bool:
        """Return whether rows of this event may be wanted."""
        clauses = self.selection.clauses
        return not clauses or any(clause.events is None or name in clause.events for clause in clauses)

    def rows(self, records: Candidates) -> Verdicts:
        """Judge records."""
        if not self._groups:
            size = records.process.size
            return Verdicts(np.full(size, YES, np.uint8), np.zeros((0, size), np.uint64))
        found = [group.rows(records) for group in self._groups]
        return Verdicts(
            np.maximum.reduce([verdict for verdict, _ in found]), np.stack([clauses for _, clauses in found])
        )

    def dumps(self, dumps: Dumps) -> Array:
        """Return, for each simple dump, whether it may be wanted."""
        if not self._groups:
            return np.ones(dumps.process.size, bool)
        return np.asarray(np.logical_or.reduce([group.dumps(dumps) for group in self._groups]))

    def settle(self, verdicts: Verdicts, messages: Any) -> Array:
        """Return the records that may still be wanted now that their messages are known (row numbers)."""
        keep = verdicts.verdict == YES
        rows = np.flatnonzero(verdicts.verdict == MAYBE)
        if rows.size:
            texts = messages.take(pa.array(rows))
            for group, clauses in zip(self._groups, verdicts.clauses, strict=True):
                keep[rows] |= group.settle(texts, clauses[rows])
        return np.flatnonzero(keep)

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


class _Group:
    """Up to 64 clauses."""

    def __init__(self, clauses: Sequence[Clause], known: Known) -> None:
        self._clauses = clauses
        self._known = known
        self._words = [clause.words for clause in clauses]
        self._word_sets: dict[int, frozenset[str]] = {}
        self._in_literals = LiteralSearch(self._words)
        self._by_process = Growing(self._judge_processes)
        self._by_pair = Growing(self._judge_pairs)
        self._by_image = Growing(self._judge_images)
        self._by_subsystem = Growing(self._judge_subsystems)
        self._in_dumps = WordSearch(self._words_of)
        self._in_messages = WordSearch(self._words_of)
        self._plans: dict[int, tuple[int, int]] = {}
        self._judged = np.zeros(0, bool)
        self._has = self._may = np.zeros(0, np.uint64)
        self._levels = _table(LEVELS, [clause.levels for clause in clauses])
        self._events = _table(EVENTS, [clause.events for clause in clauses])
        self._processes = Accepting([clause.processes for clause in clauses])
        self._subsystems = Accepting([clause.subsystems for clause in clauses])
        self._categories = Accepting([clause.categories for clause in clauses])
        self._senders = Accepting([clause.senders for clause in clauses])
        self._unpaired = self._subsystems.anything & self._categories.anything
        self._paths = [
            (1 << at, clause.process_paths) for at, clause in enumerate(clauses) if clause.process_paths is not None
        ]
        self._pids = [(1 << at, clause.pids) for at, clause in enumerate(clauses) if clause.pids is not None]
        self._programs: dict[tuple[int, int], int] = {}
        self._wordless = as_bits(clause.words is None for clause in clauses)
        self._everything = (1 << len(clauses)) - 1

    def processes(self) -> Array:
        """Return, for each process, which clauses its rows may fulfil."""
        self._known.name_processes()
        return self._by_process.upto(self._known.processes.table.size)

    def firehose_processes(self) -> Array:
        """Return, for each process, which clauses its tracepoints may fulfil."""
        found: Array = self.processes()
        if self._unpaired == self._everything:
            return found
        pairs = self._known.processes.pairs
        having = np.full(found.size, self._unpaired, np.uint64)
        np.bitwise_or.at(having, pairs["process"], self._by_pair.upto(pairs.size))
        return found & having

    def rows(self, records: Candidates) -> tuple[Array, Array]:
        """Return `NO`, `MAYBE` or `YES` for each record, and the clauses whose words decide where it is `MAYBE`."""
        verdict = np.zeros(records.process.size, np.uint8)
        open_clauses = np.zeros(records.process.size, np.uint64)
        bits = self.firehose_processes().take(records.process)
        rows = np.flatnonzero(bits)
        bits = bits[rows] & self._of_columns(records, rows)
        rows, bits = _nonzero(rows, bits)
        site = records.site[rows]
        self._judge_sites(site)
        has = bits & self._has.take(site)
        may = bits & self._may.take(site)
        verdict[rows] = np.where(has != 0, YES, np.where(may != 0, MAYBE, NO))
        open_clauses[rows] = may
        return verdict, open_clauses

    def settle(self, messages: Any, clauses: Array) -> Array:
        """Return which messages hold a word of the clauses (bits) given for each, or of another one."""
        return self._in_messages.find(lambda order: Texts(messages.take(pa.array(order))), clauses)

    def dumps(self, dumps: Dumps) -> Array:
        """Return, for each simple dump, whether a clause may hold; level and event are not looked at."""
        bits = self.processes().take(dumps.process)
        bits &= self._by_image.upto(self._known.images.table.size).take(dumps.image)
        if self._unpaired != self._everything:
            rows = np.flatnonzero(bits & ~np.uint64(self._unpaired))
            if rows.size:
                # Most dumps are launchd's, whose own subsystems begin otherwise than those that clauses name.
                likely = self._subsystems.begins().take(dumps.initial[rows])
                bits[rows[~likely]] &= np.uint64(self._unpaired)
                rows = rows[likely]
                numbers = dumps.subsystem(rows)  # may be names that are new
                names = self._by_subsystem.upto(len(self._known.processes.subsystems))
                bits[rows] &= np.append(names, np.uint64(self._unpaired)).take(numbers)
        found: Array = bits & np.uint64(self._wordless) != 0
        rows = np.flatnonzero(~found & (bits != 0))
        if rows.size:
            begin, end = dumps.begin[rows], dumps.end[rows]
            found[rows] = self._in_dumps.find(
                lambda order: bytes_as_texts(dumps.data, begin[order], end[order]),
                bits[rows],
            )
        return found

    def _of_columns(self, records: Candidates, rows: Array) -> Array:
        """Return which clauses these records may fulfil as far as level, event, subsystem and category tell."""
        found: Array = self._levels.take(records.level[rows]) & self._events.take(records.event[rows])
        if self._unpaired == self._everything:
            return found
        pairs: Array = np.append(self._by_pair.upto(self._known.processes.pairs.size), np.uint64(0))
        found &= pairs.take(records.pair(rows)) | np.uint64(self._unpaired)
        return found

    def _judge_processes(self, start: int, end: int) -> Iterator[int]:
        known = self._known
        pids = known.processes.table["pid"]
        images = known.images.table
        names, paths = known.images.names.texts(), known.images.paths.texts()
        for row in range(start, end):
            image = known.process_images[row]
            name, path = int(images["name"][image]), int(images["path"][image])
            found = self._programs.get((name, path))
            if found is None:
                found = self._processes.of(names[name] if name >= 0 else None)
                found &= self._of_path(paths[path] if path >= 0 else None)
                self._programs[name, path] = found
            yield found & self._of_pid(int(pids[row]))

    def _of_path(self, path: str | None) -> int:
        """Return the clauses that want programs in this place."""
        found = self._everything
        for clause, parts in self._paths:
            if path is not None and not any(part in path for part in parts):
                found &= ~clause
        return found

    def _of_pid(self, pid: int) -> int:
        """Return the clauses that want the process of this id."""
        found = self._everything
        for clause, pids in self._pids:
            if pid not in pids:
                found &= ~clause
        return found

    def _judge_pairs(self, start: int, end: int) -> Iterator[int]:
        processes = self._known.processes
        subsystems, categories = processes.subsystems.texts(), processes.categories.texts()
        for subsystem, category in zip(
            processes.pairs["subsystem"][start:end].tolist(),
            processes.pairs["category"][start:end].tolist(),
            strict=True,
        ):
            yield self._subsystems.of(subsystems[subsystem]) & self._categories.of(categories[category])

    def _judge_images(self, start: int, end: int) -> Iterator[int]:
        return map(self._of_sender, self._known.images.table["name"][start:end].tolist())

    def _of_sender(self, name: int) -> int:
        """Return the clauses that want the library of this number."""
        return self._senders.of(self._known.images.names.texts()[name] if name >= 0 else None)

    def _judge_subsystems(self, start: int, end: int) -> Iterator[int]:
        """Judge subsystems of dumps, which have no category."""
        for name in self._known.processes.subsystems.texts()[start:end]:
            yield self._subsystems.of(name) & self._categories.anything

    def _judge_sites(self, sites: Array) -> None:
        """Judge those of these call sites that are new: which clauses their records fulfil, or do so with a word."""
        known = self._known
        size = known.sites.table.size
        if size > self._judged.size:
            grown = (0, size - self._judged.size)
            self._judged, self._has, self._may = (np.pad(old, grown) for old in (self._judged, self._has, self._may))
        asked = np.zeros(size, bool)
        asked[sites] = True
        fresh = np.flatnonzero(asked & ~self._judged)
        if fresh.size:
            self._judged[fresh] = True
            plans = known.sites.table["plan"][fresh].tolist()
            self._judge_plans(sorted(set(plans) - self._plans.keys()))
            images = known.images.table["name"].take(known.sites.table["image"][fresh]).tolist()
            senders = np.array([self._of_sender(name) for name in images], np.uint64)
            self._has[fresh], self._may[fresh] = senders & np.array([self._plans[plan] for plan in plans], np.uint64).T

    def _judge_plans(self, plans: Sequence[int]) -> None:
        """Tell of each of these plans which clauses its messages fulfil, and which they may fulfil by their values."""
        literals = [self._known.plans.literals(plan) for plan in plans]
        for plan, texts, has in zip(plans, literals, self._in_literals.find(literals), strict=True):
            self._plans[plan] = has, self._everything & ~has if len(texts) > 1 else 0

    def _words_of(self, clauses: int) -> frozenset[str]:
        """Return the words of these clauses (bits)."""
        known = self._word_sets.get(clauses)
        if known is None:
            chosen = (words or () for at, words in enumerate(self._words) if clauses >> at & 1)
            known = self._word_sets[clauses] = frozenset().union(*chosen)
        return known


def _table(all_names: tuple[str, ...], accepted: Sequence[Marks | None]) -> Array:
    """Return the clauses by the indices of `all_names`; the last element, index -1, is the null."""
    accepting = Accepting(accepted)
    return np.array([accepting.of(name) for name in (*all_names, None)], np.uint64)


def _nonzero(rows: Array, bits: Array) -> tuple[Array, Array]:
    """Return the rows that still have a clause, and their clauses."""
    keep = bits != 0
    return (rows, bits) if keep.all() else (rows[keep], bits[keep])
