"""One opened export: a file, or a folder of files of one trace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.schema import REF_POSITION_BITS, SCHEMAS
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Context, Coverage
from traceview_parsers.xctrace.block import read_block
from traceview_parsers.xctrace.blocks import row_blocks
from traceview_parsers.xctrace.cells import Cells
from traceview_parsers.xctrace.definitions import Definitions, Ids
from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.document import Column, Document, Node
from traceview_parsers.xctrace.layout import table_of
from traceview_parsers.xctrace.names import Names
from traceview_parsers.xctrace.rows import Frame, batch
from traceview_parsers.xctrace.toc import Run
from traceview_parsers.xctrace.wall_clock import CERTAINTY_NS, Start

_MESSAGES: Final = {
    "damaged-row": "a row is cut, not closed, or holds markup that is none; it was left out",
    "cells-do-not-fit": "a row has not as many cells as its table has columns; it was left out",
    "unknown-reference": "a cell refers to a value that nothing before it defines; it is empty",
    "reference-to-other-type": "a cell refers to a value of another type; it is empty",
    "id-out-of-range": "an id is larger than any document of this size can have; what refers to it is empty",
}


class _Complain(Protocol):
    def __call__(self, kind: str, message: str, positions: Longs | list[int], count: int | None = None) -> None: ...


@dataclass(slots=True)
class _Known:
    """What earlier passes over a document found."""

    ids: Ids = field(default_factory=Ids)
    names: Names = field(default_factory=Names)
    read: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Seen:
    """Rows of a node, and the first and last time of those that were built."""

    rows: int = 0
    start_ns: int | None = None
    end_ns: int | None = None


class XctraceSource:
    """Tables of one trace. Positions of rows are byte positions, counted through the files in order."""

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
        self.tables: tuple[str, ...] = tuple(dict.fromkeys(self._tables.values()))
        self._known = {document.name: _Known() for document in documents}
        self._seen: dict[tuple[str, int], _Seen] = {}
        self._reported: set[tuple[str, int]] = set()

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of `table`; `selection` applies to ``log`` only."""
        some = False
        for document in self._documents:
            wanted = [number for number in range(len(document.nodes)) if self._table(document, number) == table]
            if wanted:
                for made in self._read(document, table, wanted, selection):
                    some = True
                    yield made
        if not some and table in self.tables and table not in SCHEMAS:
            yield self._empty(table)

    def _table(self, document: Document, number: int) -> str | None:
        return self._tables.get((document.name, number))

    def _empty(self, table: str) -> Any:
        """Return a batch without rows of a table whose columns only its file knows."""
        document, number = next(
            (one, number)
            for one in self._documents
            for number in range(len(one.nodes))
            if self._table(one, number) == table
        )
        definitions, names = Definitions(BytesIO(), 0, Ids()), Names()
        block = read_block(b"<row></row>", 0, len(document.nodes[number].columns), definitions, names)
        return batch(table, Cells(block, definitions, names), self._frame(document, number, EVERYTHING))

    def _read(self, document: Document, table: str, wanted: list[int], selection: Selection) -> Iterator[Any]:
        known = self._known[document.name]
        if known.ids.redefined:
            # What an id stands for depends on the place: begin anew.
            known = self._known[document.name] = _Known(names=known.names)
        with document.path.open("rb") as file, document.path.open("rb") as lookups:
            definitions = Definitions(lookups, document.size, known.ids)
            for number in range(wanted[-1] + 1):
                if number in wanted:
                    frame = self._frame(document, number, selection)
                    for cells in self._blocks(document, number, file, definitions, known.names):
                        made = batch(table, cells, frame)
                        self._note(document, number, made)
                        if made.num_rows:
                            yield made
                elif number not in known.read and self._table(document, number):
                    for _ in self._blocks(document, number, file, definitions, known.names):
                        pass
                known.read.add(number)
                self._reported.add((document.name, number))

    def _frame(self, document: Document, number: int, selection: Selection) -> Frame:
        node = document.nodes[number]
        start = self._starts.get(node.run)
        run = self._runs.get(node.run)
        first = (document.name, number) not in self._reported or number not in self._built(document)
        return Frame(
            node,
            start.ns if start else None,
            run.paths if run else {},
            self._base + document.base,
            selection,
            partial(self._complain, document.name) if first else _silent,
        )

    def _built(self, document: Document) -> set[int]:
        return {number for (name, number), seen in self._seen.items() if name == document.name and seen.rows}

    def _blocks(
        self, document: Document, number: int, file: BinaryIO, definitions: Definitions, names: Names
    ) -> Iterator[Cells]:
        node = document.nodes[number]
        complain: _Complain = partial(self._complain, document.name)
        if (document.name, number) in self._reported:
            complain = _silent
        for rows in row_blocks(file, node):
            if rows.lost:
                if document.closed or node.end < document.size:
                    complain("damaged-row", _MESSAGES["damaged-row"], [rows.offset])
                continue
            block = read_block(rows.data, rows.offset, len(node.columns), definitions, names)
            for kind, count in block.faults.counts.items():
                complain(kind, _MESSAGES[kind], [block.faults.first[kind]], count)
            yield Cells(block, definitions, names)

    def _complain(
        self, document: str, kind: str, message: str, positions: Longs | list[int], count: int | None = None
    ) -> None:
        self._problems.add(
            document, kind, message, position=int(positions[0]), count=len(positions) if count is None else count
        )

    def _note(self, document: Document, number: int, made: Any) -> None:
        seen = self._seen.setdefault((document.name, number), _Seen())
        names = made.schema.names
        column = next((name for name in ("time", "start") if name in names), None)
        seen.rows += made.num_rows
        if column is None or not made.num_rows:
            return
        bounds = pc.min_max(made.column(made.schema.get_field_index(column)).cast(pa.int64())).as_py()
        if bounds["min"] is not None:
            seen.start_ns = min(bounds["min"], seen.start_ns if seen.start_ns is not None else bounds["min"])
            seen.end_ns = max(bounds["max"], seen.end_ns if seen.end_ns is not None else bounds["max"])

    def coverage(self) -> Coverage:
        """Return the covered time of the rows that were read so far."""
        seen = list(self._seen.values())
        starts = [one.start_ns for one in seen if one.start_ns is not None]
        ends = [one.end_ns for one in seen if one.end_ns is not None]
        hows = sorted({start.how for start in self._starts.values()})
        return Coverage(
            self.name,
            self.reader,
            min(starts, default=None),
            max(ends, default=None),
            sum(one.rows for one in seen) if seen else None,
            clock=" and ".join(hows) or "unknown: no time-info and no start date",
            certainty_ns=CERTAINTY_NS if hows else None,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        for run in self._runs.values():
            if run.recording_mode.startswith("Windowed"):
                yield f"recording mode {run.recording_mode}: only the end of the recording was kept"
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


def _silent(kind: str, message: str, positions: Longs | list[int], count: int | None = None) -> None:
    """Do nothing: an earlier pass over the same rows has counted it."""
