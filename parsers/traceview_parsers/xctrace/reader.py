"""Opens exports of Instruments: device facts, the start of the recording, what was not exported."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from traceview_parsers.errors import InputError
from traceview_parsers.trace import Context
from traceview_parsers.xctrace import bundle
from traceview_parsers.xctrace.claims import CONTENTS, TABLES, contents_beside, head_of
from traceview_parsers.xctrace.document import Document, Node, read_document
from traceview_parsers.xctrace.layout import table_of
from traceview_parsers.xctrace.markup import parse
from traceview_parsers.xctrace.source import XctraceSource
from traceview_parsers.xctrace.toc import Run, read_toc
from traceview_parsers.xctrace.wall_clock import Start, from_time_info

_TIME_INFO_BYTES: Final = 1 << 20
_COUNT_STEP: Final = 4 << 20


def open_files(name: str, files: Sequence[tuple[str, Path]], context: Context, *, lone: bool = False) -> XctraceSource:
    """Open the files of one export.

    Args:
        name: Of the export.
        files: Names and paths.
        context: Gets problems, and what is known of device and capture.
        lone: The user named this file alone; a table of contents beside it may speak for it.

    Raises InputError for document types.
    """
    documents: list[Document] = []
    runs: dict[int, Run] = {}
    base = 0
    for inner, path in files:
        head = head_of(path)
        _refuse_document_type(inner, head)
        if CONTENTS in head:
            runs |= _contents(inner, path, context)
        elif TABLES in head:
            documents.append(read_document(inner, path, base))
            base += documents[-1].size
        else:
            context.problems.add(inner, "not-an-export", "neither a table of contents nor tables of xctrace")
    if lone and documents:
        runs = _sibling(files[0][1], documents[0])
    for one in documents:
        _report(one, context)
    starts = _starts(documents, runs)
    _describe(runs, context)
    source = XctraceSource(name, documents, runs, starts, context)
    if not (lone and documents):  # a table alone does not claim to be all of a recording
        source.unexported = _unexported(documents, runs)
    missing = [number for number in _runs_with_tables(documents) if number not in starts]
    if missing:
        context.problems.add(
            name,
            "no-start-time",
            "nothing says when the recording began, so its rows have no time: export the table of contents too "
            "(`xctrace export --input X.trace --toc --output toc.xml`) and keep both files in one folder",
        )
    return source


def _refuse_document_type(name: str, head: bytes) -> None:
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise InputError(f"{name}: declares a document type, which exports of xctrace never do; it is not read")


def _contents(name: str, path: Path, context: Context) -> dict[int, Run]:
    runs, complete = read_toc(path.read_bytes())
    if not complete:
        context.problems.add(name, "truncated", "the table of contents is cut off", position=path.stat().st_size)
    return {run.number: run for run in runs}


def _sibling(path: Path, one: Document) -> dict[int, Run]:
    """Return the recordings of the only table of contents beside a file, where it lists exactly the file's tables."""
    found = []
    for other in contents_beside(path):
        runs = {run.number: run for run in read_toc(other.read_bytes())[0]}
        if one.nodes and all(_agrees(runs, node) for node in one.nodes):
            found.append(runs)
    return found[0] if len(found) == 1 else {}


def _agrees(runs: dict[int, Run], node: Node) -> bool:
    run = runs.get(node.run)
    if run is None or node.place is None or not 0 < node.place <= len(run.tables):
        return False
    return run.tables[node.place - 1].get("schema") == node.schema


def _report(one: Document, context: Context) -> None:
    """Say what of a document cannot be read."""
    if not one.closed:
        context.problems.add(
            one.name,
            "truncated",
            "the export ends in the middle; rows before the cut were read (xctrace export sometimes crashes: repeat it)",
            position=one.size,
        )
    elif not one.nodes:
        context.problems.add(one.name, "no-tables", "the export holds no table: its xpath matched nothing")
    for node in one.nodes:
        if node.damaged:
            text = (
                "the tag of a table is damaged, or damage looks like one: what follows was read by the schema behind it, "
                "else as rows of the table before"
            )
            context.problems.add(one.name, "damaged-tag", text, position=node.start)
        if table_of(node) is not None:
            continue
        rows = _count(one, node)
        kind = "track-details" if node.details else "no-schema"
        message = (
            "rows of a track's details (Allocations, Leaks, VM Tracker) hold attributes instead of cells; not read"
            if node.details
            else "a table without a schema cannot be read"
        )
        if rows:
            context.problems.add(one.name, kind, message, position=node.start, count=rows)


def _count(one: Document, node: Node) -> int:
    count, tail = 0, b""
    with one.path.open("rb") as file:
        file.seek(node.rows)
        left = node.end - node.rows
        while left > 0 and (chunk := file.read(min(_COUNT_STEP, left))):
            left -= len(chunk)
            data = tail + chunk
            count += data.count(b"<row")
            tail = data[-3:]
    return count


def _runs_with_tables(documents: Sequence[Document]) -> list[int]:
    return sorted({node.run for one in documents for node in one.nodes if table_of(node) is not None})


def _starts(documents: Sequence[Document], runs: dict[int, Run]) -> dict[int, Start]:
    """Return the start of each recording: from ``time-info``, else from the table of contents."""
    printed = {number: run.start_ns for number, run in runs.items() if run.start_ns is not None}
    starts = {number: Start(start, "start date of the table of contents") for number, start in printed.items()}
    for one in documents:
        for node in one.nodes:
            if node.schema == "time-info" and node.columns:
                start = _time_info(one, node, printed.get(node.run))
                if start is not None:
                    starts[node.run] = start
    return starts


def _unexported(documents: Sequence[Document], runs: dict[int, Run]) -> tuple[str, ...]:
    """Return the schemas that the tables of contents list and no document holds: those of calls and audio first."""
    held = {(node.run, node.schema) for one in documents for node in one.nodes}
    missing = {
        schema
        for number, run in runs.items()
        for table in run.tables
        if (schema := table.get("schema")) and (number, schema) not in held
    }
    first = [schema for schema in bundle.SCHEMAS if schema in missing]
    return (*first, *sorted(missing.difference(first)))


def _time_info(one: Document, node: Node, printed: int | None) -> Start | None:
    with one.path.open("rb") as file:
        file.seek(node.rows)
        row, complete = parse(file.read(min(_TIME_INFO_BYTES, node.end - node.rows)))
    if row is None or not complete or row.tag != "row":
        return None
    return from_time_info(row, [column.mnemonic for column in node.columns], printed)


def _describe(runs: dict[int, Run], context: Context) -> None:
    """Fill what is known of device and capture; other sources are not overruled."""
    device, capture = context.device, context.capture
    for run in runs.values():
        version, build = run.os_version
        device.model = device.model or run.device.get("model") or None
        device.os_name = device.os_name or run.device.get("platform") or None
        device.os_version = device.os_version or version
        device.os_build = device.os_build or build
        device.name = device.name or run.device.get("name") or None
        device.udid = device.udid or run.device.get("uuid") or None
        if capture.time_ns is None:
            capture.time_ns = run.end_ns if run.end_ns is not None else run.start_ns
        if capture.tz is None and run.offset:
            capture.tz, capture.tz_how = run.offset, "log"
