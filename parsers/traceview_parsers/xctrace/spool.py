"""Log rows of several nodes by time: each node is read once, in the file's order, and waits on disk for the others."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.temporary import unused_folder
from traceview_parsers.time_order import by_time
from traceview_parsers.trace import Coverage


class _Node:
    """Rows of one node on disk, as a source that `by_time` reads."""

    tables: tuple[str, ...] = ("log",)

    def __init__(self, reader: str, name: str, path: Path) -> None:
        self.reader, self.name, self._path = reader, name, path

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the rows; they were selected before they were written."""
        del table, selection
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as stream:
            yield from stream

    def coverage(self) -> Coverage:
        """Return nothing but the name: the export's own source knows what it covers."""
        return Coverage(self.name, self.reader)


def merged_by_time(nodes: list[Iterator[Any]], reader: str, name: str) -> Iterator[Any]:
    """Yield the rows of all nodes by time; `nodes` are read one after the other, each to its end."""
    folder = unused_folder()
    try:
        folder.mkdir(mode=0o700)
        waiting = [_spooled(batches, folder / str(number)) for number, batches in enumerate(nodes)]
        yield from by_time([_Node(reader, name, path) for path in waiting if path is not None])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _spooled(batches: Iterator[Any], path: Path) -> Path | None:
    first = next(batches, None)
    if first is None:
        return None
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, first.schema) as stream:
        stream.write_batch(first)
        for batch in batches:
            stream.write_batch(batch)
    return path
