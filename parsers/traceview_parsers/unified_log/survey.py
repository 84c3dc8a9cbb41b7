"""Where the chunk sets of an archive lie: its files walked, with catalogs and clocks."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from traceview_parsers.problems import Problems
from traceview_parsers.unified_log import tracev3
from traceview_parsers.unified_log.archive import Files
from traceview_parsers.unified_log.boot_marks import boot_marks
from traceview_parsers.unified_log.callsites import uuid_text
from traceview_parsers.unified_log.catalog import Catalog, SubChunk
from traceview_parsers.unified_log.passes import Pass, SetPlace
from traceview_parsers.unified_log.timesync import Boots, Clock

_NO_HEADER: Final = tracev3.Header()


class _State(Struct):
    """Where in a file the reading is."""

    path: Path
    name: str
    catalog: Catalog
    sub_chunks: Iterator[SubChunk] = field(default_factory=lambda: iter(()))
    clock: Clock | None = None
    boot_uuid: str = ""


class Survey:
    """Walks the files of an archive, for one source called `name`."""

    def __init__(self, name: str, files: Files, source_index: int, problems: Problems) -> None:
        self._name = name
        self._source_index = source_index
        self._files = files
        self._problems = problems
        self._boots: Boots | None = None

    def sets(self, run: Pass) -> Iterator[tuple[SetPlace, memoryview]]:
        """Yield each chunk set with its packed data, in storage order; fills the run's clocks, spans and processes."""
        unit = 0
        for name, path in self._files.traces:
            source = f"{self._name}/{name}" if name != self._name else name
            try:
                for state, chunk, packed in self._chunks(run, source, path):
                    yield _place(run, state, chunk, unit), packed
                    unit += 1
            except OSError as error:
                run.report(source, "unreadable-file", f"the file cannot be read: {error.strerror}")

    def _chunks(self, run: Pass, source: str, path: Path) -> Iterator[tuple[_State, tracev3.Chunk, memoryview]]:
        if not path.stat().st_size:
            run.report(source, "empty-file", "the file is empty")
            return
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(data)
        state = _State(path, source, Catalog.nothing())
        for chunk in tracev3.walk_chunks(data, lambda kind, text, at: run.report(source, kind, text, at)):
            if chunk.tag == tracev3.HEADER:
                self._enter(run, state, tracev3.parse_header(data[chunk.start : chunk.end]))
            elif chunk.tag == tracev3.CATALOG:
                state.catalog = run.decoder.processes.add(data[chunk.start : chunk.end], state.boot_uuid)
                state.sub_chunks = iter(state.catalog.sub_chunks)
                if state.catalog.trouble:
                    run.report(source, "damaged-catalog", state.catalog.trouble, chunk.start)
            else:
                if state.clock is None:
                    self._enter(run, state, _NO_HEADER)
                yield state, chunk, view[chunk.start : chunk.end]

    def _enter(self, run: Pass, state: _State, header: tracev3.Header) -> None:
        """Begin a file, or another boot in it."""
        if header == _NO_HEADER:
            run.report(state.name, "no-header", "the file has no head that can be read: boot and times are unknown")
        state.boot_uuid = uuid_text(header.boot_uuid)
        if state.boot_uuid not in run.clocks:
            if self._boots is None:
                self._boots = Boots(self._name, self._files, self._problems)
            boot = self._boots.find(header.boot_uuid)
            run.clocks[state.boot_uuid] = self._boots.clock(header.boot_uuid, header.anchor)
            if boot is None and header != _NO_HEADER:
                text = f"no timesync record of boot {state.boot_uuid}: its times come from the clock of the file's head"
                run.report(f"{self._name}/timesync", "no-timesync", text)
            elif boot is not None:
                run.marks[state.boot_uuid] = boot_marks(state.boot_uuid, boot, self._source_index, len(run.marks))
        state.clock = run.clocks[state.boot_uuid]


def _place(run: Pass, state: _State, chunk: tracev3.Chunk, unit: int) -> SetPlace:
    """Return the place of the next chunk set, which takes the catalog's next entry."""
    sub_chunk = next(state.sub_chunks, None)
    clock = state.clock or Clock("", 1, 1, [(0, 0)])
    if sub_chunk is not None:
        first, last = run.spans.get(state.boot_uuid, (sub_chunk.start, sub_chunk.end))
        run.spans[state.boot_uuid] = min(first, sub_chunk.start), max(last, sub_chunk.end)
    return SetPlace(
        state.path, state.name, chunk.start, chunk.end, unit, state.catalog, sub_chunk, clock, state.boot_uuid
    )
