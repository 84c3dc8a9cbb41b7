"""Where the tables of an export lie: one pass over the file finds its nodes without reading their rows."""

import re
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from traceview_parsers.xctrace.markup import Element, attributes, parse

_ENDS: Final = (b"</trace-query-result>", b"<trace-query-result/>")
_NODE: Final = b"<node"
_STEP: Final = 4 << 20
_HEADER_BYTES: Final = 1 << 20
"""The longest schema seen in a real export takes 6 KB."""
_XPATH: Final = re.compile(r"run\[(\d{1,6})\]/data\[\d{1,6}\]/table\[(\d{1,6})\]")
_HEAD: Final = re.compile(rb"<node((?:\s[^<>]*)?)(/?)>\s*")


class Column(Struct, frozen=True):
    """One column of a table: its mnemonic and its engineering type, both as printed."""

    mnemonic: str
    kind: str


class Node(Struct, frozen=True):
    """One ``<node>``: a table.

    Attributes:
        start: Byte where it begins.
        rows: Byte where its rows begin.
        end: Byte where the next node begins, or the file ends.
        run: Number of the recording in the table's xpath; where that does not say, that of the node before, else 1.
        place: Number of the table in the recording, from 1, or None.
        schema: Name of the schema; empty where the node has none of its own.
        columns: Columns in the order of the cells.
        details: Whether its rows hold attributes instead of cells (Allocations, Leaks, VM Tracker).
        damaged: Whether its own tag is none, and not just cut off: it may be no table at all, but damage inside a row.
    """

    start: int
    rows: int
    end: int
    run: int
    place: int | None
    schema: str
    columns: tuple[Column, ...]
    details: bool = False
    damaged: bool = False


class Document(Struct):
    """One export file.

    Attributes:
        name: Path inside the capture.
        path: Where it lies.
        base: Position of its first byte among all files of the source.
        size: In bytes.
        nodes: Its tables, in order.
        closed: Whether the end of the document is there.
    """

    name: str
    path: Path
    base: int
    size: int
    nodes: list[Node] = field(default_factory=list)
    closed: bool = False


def read_document(name: str, path: Path, base: int) -> Document:
    """Find the nodes of an export. Raises OSError."""
    size = path.stat().st_size
    document = Document(name, path, base, size)
    with path.open("rb") as file:
        starts = []
        tail, offset = b"", 0
        while chunk := file.read(_STEP):
            data = tail + chunk
            at = data.find(_NODE)
            while 0 <= at < len(data) - len(_NODE):
                if not data[at + len(_NODE) : at + len(_NODE) + 1].isalnum():
                    starts.append(offset - len(tail) + at)
                at = data.find(_NODE, at + 1)
            offset += len(chunk)
            tail = data[-len(_NODE) :]
        for number, start in enumerate(starts):
            end = starts[number + 1] if number + 1 < len(starts) else size
            file.seek(start)
            run = document.nodes[-1].run if document.nodes else 1
            document.nodes.append(_node(file.read(min(_HEADER_BYTES, end - start)), start, end, run))
        file.seek(max(0, size - 256))
        document.closed = file.read().rstrip().endswith(_ENDS)
    document.nodes = _inherit(document.nodes)
    return document


def _node(data: bytes, start: int, end: int, run: int) -> Node:
    head = _HEAD.match(data)
    xpath = attributes(head[1]).get("xpath", "") if head else ""
    place = _XPATH.search(xpath)
    body = head.end() if head else _behind_damage(data)
    schema, columns = "", []
    if data.startswith(b"<schema", body):
        element, complete = parse(data, body)
        if element is not None and complete:
            schema = element.get("name") or ""
            columns = [_column(column) for column in element.children if column.tag == "col"]
    first = data.find(b"<row", body)
    details = data[first + 4 : first + 5].isspace() and "/detail[" in xpath
    return Node(
        start,
        start + (first if first >= 0 else body),
        end,
        int(place[1]) if place else run,
        int(place[2]) if place else None,
        schema,
        tuple(columns),
        details,
        damaged=head is None and b">" in data,
    )


def _behind_damage(data: bytes) -> int:
    """Return where a node goes on whose own tag is none: at its schema, if it has one before its rows, else right behind its name."""
    first = data.find(b"<row", len(_NODE))
    schema = data.find(b"<schema", len(_NODE), first if first >= 0 else len(data))
    return max(schema, len(_NODE))


def _column(column: Element) -> Column:
    def text(tag: str) -> str:
        child = column.find(tag)
        return child.text.strip() if child else ""

    return Column(text("mnemonic"), text("engineering-type"))


def _inherit(nodes: list[Node]) -> list[Node]:
    """Give nodes without a schema the one before: Xcode 26.6 writes some tables as two nodes, the second without.

    Whether the columns fit is known when the cells are counted.
    """
    whole: list[Node] = []
    for node in nodes:
        if node.schema or node.details or not whole:
            whole.append(node)
            continue
        last = whole[-1]
        whole.append(replace(node, schema=last.schema, columns=last.columns))
    return whole
