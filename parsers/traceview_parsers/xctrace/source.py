"""One opened export: a file, or a folder of files of one trace."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct, field

from traceview_parsers.schema import REF_POSITION_BITS, SCHEMAS, TIME
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Context, Coverage
from traceview_parsers.xctrace.block import read_block
from traceview_parsers.xctrace.blocks import row_blocks
from traceview_parsers.xctrace.cells import Cells
from traceview_parsers.xctrace.definitions import Definitions, Ids
from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.document import Column, Document, Node
from traceview_parsers.xctrace.layout import is_logged, table_of
from traceview_parsers.xctrace.names import Names
from traceview_parsers.xctrace.rows import Frame, batch, with_arguments
from traceview_parsers.xctrace.spool import merged_by_time
from traceview_parsers.xctrace.toc import Run
from traceview_parsers.xctrace.wall_clock import Start

_MESSAGES: Final = {
    "damaged-row": "a row is cut, not closed, or holds markup that is none; it was left out",
    "cells-do-not-fit": "a row has not as many cells as its table has columns; it was left out",
    "unknown-reference": "a cell refers to a value that nothing before it defines; it is empty",
    "reference-to-other-type": "a cell refers to a value of another type; it is empty",
    "id-out-of-range": "an id is larger than any can be at this place of a document; what refers to it is empty",
}
_SHOWN: Final = 8
"""Schemas that a note lists; a System Trace has some forty."""


class _Known(Struct):
    """What earlier passes over a document found."""

    ids: Ids = field(default_factory=Ids)
    names: Names = field(default_factory=Names)
    read: set[int] = field(default_factory=set)


class _Seen(Struct):
    """What passes over a node found so far; each row is counted once, however often it is read.

    Attributes:
        rows: Whole rows.
        start_ns: First time.
        end_ns: Last time.
        scanned: Byte up to which rows were counted and their damage was told.
        built: Byte up to which times were noted and unreadable cells were told.
    """

    rows: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    scanned: int = 0
    built: int = 0

    def note(self, made: Any) -> None:
        """Extend the covered time by the rows of a batch."""
        column = next((name for name in ("time", "start") if made.schema.get_field_index(name) >= 0), None)
        times = None if column is None else made.column(made.schema.get_field_index(column))
        if times is None or times.type != TIME or times.null_count == len(times):
            return
        bounds = pc.min_max(times.cast(pa.int64())).as_py()
        self.start_ns = bounds["min"] if self.start_ns is None else min(bounds["min"], self.start_ns)
        self.end_ns = bounds["max"] if self.end_ns is None else max(bounds["max"], self.end_ns)


class XctraceSource:
    """Tables of one trace. Positions of rows are byte positions, counted through the files in order.

    Attributes:
        unexported: Schemas that the table of contents lists and no file holds.
    """

    reader = "xctrace"

    def __init__(
        self,
        name: str,
        documents: Sequence[Document],
        runs: dict[int, Run],
        starts: dict[int, Start],
        context: Context,
    ) -> None:
        self.name = name
        self._documents = documents
        self._runs = runs
        self._starts = starts
        self._problems = context.problems
        self._base = context.source_index << REF_POSITION_BITS
        self._tables = _tables(documents)
        self._logged = {(one.name, n) for one in documents for n, node in enumerate(one.nodes) if is_logged(node)}
        tables = dict.fromkeys(self._tables.values()) | ({"log": None} if self._logged else {})
        self.tables: tuple[str, ...] = tuple(tables)
        self.unexported: tuple[str, ...] = ()
        self._known = {document.name: _Known() for document in documents}
        self._seen: defaultdict[tuple[str, int], _Seen] = defaultdict(_Seen)

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of `table`; `selection` applies to ``log`` only."""
        some = False
        for document in self._documents:
            wanted = [number for number in range(len(document.nodes)) if self._gives(document, number, table)]
            if wanted:
                for made in self._read(document, table, wanted, selection):
                    some = True
                    yield made
        if not some and table in self.tables and table not in SCHEMAS:
            yield self._empty(table)

    def in_order(self, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the rows of ``log`` by time: an export holds messages and signposts one table after the other."""
        logged = [(one, n) for one in self._documents for n in range(len(one.nodes)) if (one.name, n) in self._logged]
        if len(logged) < 2:
            yield from self.batches("log", selection)
            return
        nodes = [self._read(document, "log", [number], selection) for document, number in logged]
        yield from merged_by_time(nodes, self.reader, self.name)

    def _table(self, document: Document, number: int) -> str | None:
        return self._tables.get((document.name, number))

    def _gives(self, document: Document, number: int, table: str) -> bool:
        if table == "log":
            return (document.name, number) in self._logged
        return self._table(document, number) == table

    def _empty(self, table: str) -> Any:
        """Return a batch without rows of a table whose columns only its file knows."""
        document, number = next(
            (one, number)
            for one in self._documents
            for number in range(len(one.nodes))
            if self._table(one, number) == table
        )
        definitions, names = Definitions(BytesIO(), Ids()), Names()
        block = read_block(b"<row></row>", 0, len(document.nodes[number].columns), definitions, names)
        return batch(table, Cells(block, definitions, names), self._frame(document, number))

    def _read(self, document: Document, table: str, wanted: list[int], selection: Selection) -> Iterator[Any]:
        known = self._known[document.name]
        if known.ids.redefined:
            # What an id stands for depends on the place: begin anew.
            known = self._known[document.name] = _Known(names=known.names)
        with document.path.open("rb") as file, document.path.open("rb", buffering=0) as lookups:
            definitions = Definitions(lookups, known.ids)
            for number in range(wanted[-1] + 1):
                blocks = self._blocks(document, number, file, definitions, known.names)
                if number in wanted:
                    for cells, end in blocks:
                        made = self._rows(table, document, number, cells, end)
                        made = self._selected(made, selection, document, number, cells) if table == "log" else made
                        if made.num_rows:
                            yield made
                elif number not in known.read and self._table(document, number):
                    for _ in blocks:  # only for what its ids stand for
                        pass
                known.read.add(number)

    def _selected(self, made: Any, selection: Selection, document: Document, number: int, cells: Cells) -> Any:
        kept = selection.filter(made)
        wanted = selection.arguments and kept.num_rows
        return with_arguments(kept, cells, self._frame(document, number)) if wanted else kept

    def _rows(self, table: str, document: Document, number: int, cells: Cells, end: int) -> Any:
        seen = self._seen[document.name, number]
        made = batch(table, cells, self._frame(document, number))
        if end > seen.built:
            seen.note(made)
            seen.built = end
        return made

    def _frame(self, document: Document, number: int) -> Frame:
        node = document.nodes[number]
        start = self._starts.get(node.run)
        run = self._runs.get(node.run)
        return Frame(
            node,
            start.ns if start else None,
            run.paths if run else {},
            self._base + document.base,
            partial(self._complain, document.name, self._seen[document.name, number]),
        )

    def _complain(self, document: str, seen: _Seen, kind: str, message: str, positions: Longs) -> None:
        """Count cells of rows that were not built before."""
        new = positions[positions >= seen.built]
        if len(new):
            self._problems.add(document, kind, message, position=int(new[0]), count=len(new))

    def _blocks(
        self, document: Document, number: int, file: BinaryIO, definitions: Definitions, names: Names
    ) -> Iterator[tuple[Cells, int]]:
        """Yield the cells of each block of a node, and the byte where the block ends."""
        node, seen = document.nodes[number], self._seen[document.name, number]
        for rows in row_blocks(file, node):
            new, end = rows.offset >= seen.scanned, rows.offset + len(rows.data)
            seen.scanned = max(seen.scanned, end)
            if rows.lost:
                if new and (document.closed or node.end < document.size):
                    self._tell(document, "damaged-row", rows.offset, 1)
                continue
            block = read_block(rows.data, rows.offset, len(node.columns), definitions, names)
            if new:
                seen.rows += len(block.cells)
                for kind, count in block.faults.counts.items():
                    self._tell(document, kind, block.faults.first[kind], count)
            yield Cells(block, definitions, names), end

    def _tell(self, document: Document, kind: str, position: int, count: int) -> None:
        self._problems.add(document.name, kind, _MESSAGES[kind], position=position, count=count)

    def coverage(self) -> Coverage:
        """Return the covered time of the rows that were read so far."""
        seen = [one for one in self._seen.values() if one.scanned]
        starts = [one.start_ns for one in seen if one.start_ns is not None]
        ends = [one.end_ns for one in seen if one.end_ns is not None]
        hows = sorted({start.how for start in self._starts.values()})
        return Coverage(
            self.name,
            self.reader,
            min(starts, default=None),
            max(ends, default=None),
            self._counted(),
            clock=" and ".join(hows) or "unknown: no time-info and no start date",
            certainty_ns=max((start.certainty_ns for start in self._starts.values()), default=None),
            notes=tuple(dict.fromkeys(self._notes())),
        )

    def _counted(self) -> int | None:
        """Return the rows of the log that were read, where there is a log, else of all tables; None before any."""
        read = [(place, seen.rows) for place, seen in self._seen.items() if seen.scanned and place in self._tables]
        log = [rows for place, rows in read if place in self._logged]
        return sum(log or (rows for _, rows in read)) if read else None

    def _notes(self) -> Iterator[str]:
        for run in self._runs.values():
            if run.recording_mode.startswith("Windowed"):
                yield f"recording mode {run.recording_mode}: only the end of the recording was kept"
        if self.unexported:
            shown, rest = self.unexported[:_SHOWN], len(self.unexported) - _SHOWN
            more = f" and {rest} more" if rest > 0 else ""
            yield f"recorded, but not exported: {', '.join(shown)}{more}"
        for document in self._documents:
            for node in document.nodes:
                run_of = self._runs.get(node.run)
                slice_of = _filters(run_of, node) if run_of and node.schema == "os-log" else ""
                if slice_of:
                    yield f"{document.name}: a slice of the log only ({slice_of})"


def _tables(documents: Sequence[Document]) -> dict[tuple[str, int], str]:
    """Return the table of each readable node; equal schemas with unequal columns become tables of their own."""
    tables: dict[tuple[str, int], str] = {}
    columns: dict[str, tuple[Column, ...]] = {}
    for document in documents:
        for number, node in enumerate(document.nodes):
            table = name = table_of(node)
            if table is None or name is None:
                continue
            other = 2
            while name not in SCHEMAS and columns.setdefault(name, node.columns) != node.columns:
                name, other = f"{table}_{other}", other + 1
            tables[document.name, number] = name
    return tables


def _filters(run: Run, node: Node) -> str:
    """Return the attributes by which a table of the log is narrowed."""
    table = run.tables[node.place - 1] if node.place and node.place <= len(run.tables) else {}
    narrowing = ("category", "subsystem", "message-type", "target-pid")
    return ", ".join(f"{name} {table[name]}" for name in narrowing if table.get(name) and table[name] != "ALL")
