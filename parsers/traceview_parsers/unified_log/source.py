"""One opened archive: streams its ``log`` table, and ``signposts`` made of it."""

import mmap
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from traceview_parsers.problems import Problems
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Context, Coverage
from traceview_parsers.unified_log import tracev3
from traceview_parsers.unified_log.archive import Files
from traceview_parsers.unified_log.callsites import uuid_text
from traceview_parsers.unified_log.catalog import UNKNOWN, Catalog, Processes, SubChunk
from traceview_parsers.unified_log.chunksets import index_sets, unpack
from traceview_parsers.unified_log.decoder import Decoder, Job, Tally, Waiting
from traceview_parsers.unified_log.emitter import Emitter, Part
from traceview_parsers.unified_log.prefilter import Prefilter
from traceview_parsers.unified_log.rows import Load
from traceview_parsers.unified_log.signposts import SELECTION, pair_signposts
from traceview_parsers.unified_log.strings import StringFiles
from traceview_parsers.unified_log.timesync import Boot, Clock, clock_for, read_timesync

BATCH_BYTES: Final = 4 << 20
"""Decompressed bytes decoded at a time: measured fastest (caches), and memory stays small."""

_NO_CATALOG: Final = Catalog.nothing()
_PRODUCT_TYPE: Final = re.compile(r"[A-Za-z]+[0-9]+,[0-9]+")


class SetPlace(NamedTuple):
    """Where a chunk set lies, and what goes with it."""

    path: Path
    name: str
    start: int
    end: int
    unit: int
    catalog: Catalog
    sub_chunk: SubChunk | None
    clock: Clock
    boot_uuid: str


@dataclass(slots=True)
class _Pass:
    """One run over the archive."""

    decoder: Decoder
    wanted: Prefilter
    tally: Tally = field(default_factory=Tally)
    units: int = 0
    skipped: list[SetPlace] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    places: dict[int, SetPlace] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: dict[tuple[str, str], tuple[str, int | None]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def report(self, source: str, kind: str, message: str, position: int | None = None, count: int = 1) -> None:
        """Note a problem."""
        self.problems.setdefault((source, kind), (message, position))
        self.counts[source, kind] += count


@dataclass(slots=True)
class _State:
    """Where in a file the reading is."""

    path: Path
    name: str
    catalog: Catalog
    sub_chunks: Iterator[SubChunk] = field(default_factory=lambda: iter(()))
    clock: Clock | None = None
    boot_uuid: str = ""

    def place(self, run: _Pass, chunk: tracev3.Chunk) -> SetPlace:
        """Return the place of the next chunk set, which takes the catalog's next entry."""
        sub_chunk = next(self.sub_chunks, None)
        clock = self.clock or Clock("", 1, 1, [(0, 0)])
        if sub_chunk is not None:
            first, last = run.spans.get(self.boot_uuid, (sub_chunk.start, sub_chunk.end))
            run.spans[self.boot_uuid] = min(first, sub_chunk.start), max(last, sub_chunk.end)
        run.units += 1
        return SetPlace(
            self.path, self.name, chunk.start, chunk.end, run.units - 1, self.catalog, sub_chunk, clock, self.boot_uuid
        )


class UnifiedLogSource:
    """A ``.logarchive``, an on-device ``diagnostics`` folder, or a loose tracev3 file.

    Rows come in storage order, which is not the order of time: files overlap, and chunks of several processes alternate.
    """

    reader: str = "unified_log"
    tables: tuple[str, ...] = ("log", "signposts")

    def __init__(self, name: str, files: Files, context: Context) -> None:
        self.name = name
        self._files = files
        self._context = context
        self._strings: StringFiles | None = None
        self._boots: dict[bytes, Boot] | None = None
        self._reported: Counter[tuple[str, str]] = Counter()
        self._coverage = Coverage(name, self.reader)
        self._describe_device()

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of ``log`` with the rows for which `selection` holds, or of ``signposts``.

        Raises KeyError for other tables.
        """
        if table not in self.tables:
            raise KeyError(table)
        if table == "signposts":
            yield from pair_signposts(self.batches("log", SELECTION))
            return
        run = self._begin(selection)
        emitter = Emitter(selection)
        try:
            for batch, unsure in self._parts(run):
                yield from emitter.add(batch, unsure)
            yield from emitter.flush()
        finally:
            self._finish(run)

    def coverage(self) -> Coverage:
        """Return what is known of the covered time; complete once the source was read."""
        return self._coverage

    def _parts(self, run: _Pass) -> Iterator[Part]:
        for name, path in self._files.traces:
            try:
                yield from self._read_file(run, name, path)
            except OSError as error:
                run.report(f"{self.name}/{name}", "unreadable-file", f"the file cannot be read: {error.strerror}")
        yield from self._resolve_waiting(run)

    def _begin(self, selection: Selection) -> _Pass:
        processes = Processes()
        if self._strings is None:
            problems = self._context.problems
            self._strings = StringFiles(
                self._files.strings,
                lambda path, kind, message: problems.add(self._inside(Path(path)), kind, message),
            )
        decoder = Decoder(self._context.source_index, processes, self._strings)
        return _Pass(decoder, Prefilter(selection, decoder.known))

    def _inside(self, path: Path) -> str:
        for folder in self._files.strings:
            if path.is_relative_to(folder):
                return f"{self.name}/{path.relative_to(folder).as_posix()}"
        return path.name

    def _read_file(self, run: _Pass, name: str, path: Path) -> Iterator[Part]:
        source = f"{self.name}/{name}" if name != self.name else name
        if not path.stat().st_size:
            run.report(source, "empty-file", "the file is empty")
            return
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(data)
        state = _State(path, source, Catalog.nothing())
        sets: list[tuple[SetPlace, bytes]] = []
        size = 0
        for chunk in tracev3.walk_chunks(data, lambda kind, text, at: run.report(source, kind, text, at)):
            if chunk.tag == tracev3.HEADER:
                yield from self._decode(run, sets)
                sets, size = [], 0
                self._enter(run, state, tracev3.parse_header(data[chunk.start : chunk.end]))
            elif chunk.tag == tracev3.CATALOG:
                state.catalog = run.decoder.processes.add(data[chunk.start : chunk.end], state.boot_uuid)
                state.sub_chunks = iter(state.catalog.sub_chunks)
                if state.catalog.trouble:
                    run.report(source, "damaged-catalog", state.catalog.trouble, chunk.start)
            else:
                if state.clock is None:
                    self._enter(run, state, tracev3.Header())
                place = state.place(run, chunk)
                if _skippable(run, place):
                    run.skipped.append(place._replace(catalog=_NO_CATALOG))  # catalogs would add up
                    continue
                unpacked = unpack(view[chunk.start : chunk.end])
                if unpacked.trouble:
                    text = f"a chunk set is damaged: {unpacked.trouble}; what could be read is kept"
                    run.report(source, "damaged-chunk-set", text, chunk.start)
                sets.append((place, unpacked.data))
                size += len(unpacked.data)
                if size >= BATCH_BYTES:
                    yield from self._decode(run, sets)
                    sets, size = [], 0
        yield from self._decode(run, sets)

    def _enter(self, run: _Pass, state: "_State", header: tracev3.Header) -> None:
        """Begin a file, or another boot in it."""
        state.boot_uuid = uuid_text(header.boot_uuid)
        if state.boot_uuid not in run.clocks:
            run.clocks[state.boot_uuid] = self._clock(header)
        state.clock = run.clocks[state.boot_uuid]

    def _clock(self, header: tracev3.Header) -> Clock:
        if self._boots is None:
            self._boots, odd = read_timesync(path.read_bytes() for path in self._files.timesync)
            if odd:
                text = "timesync records that make no sense were left out"
                self._context.problems.add(f"{self.name}/timesync", "damaged-timesync", text, count=odd)
        return clock_for(self._boots, header.boot_uuid, header.anchor)

    def _decode(
        self, run: _Pass, sets: list[tuple[SetPlace, bytes]], only: dict[int, list[int]] | None = None
    ) -> Iterator[Part]:
        """Decode sets of one header; `only`: byte positions in each unit, for records that waited."""
        if not sets:
            return
        batch = index_sets([data for _, data in sets])
        places = [place for place, _ in sets]
        for number, position, tag in batch.unknown:
            text = f"chunk tag {tag:#x} inside a chunk set is unknown; it is left out"
            run.report(places[number].name, "unknown-chunk", text, places[number].start, count=int(position >= 0))
        catalogs = {place.catalog.serial: place.catalog for place in places}
        load = Load(
            batch=batch,
            units=np.array([place.unit for place in places], np.int64),
            serials=np.array([place.catalog.serial for place in places], np.uint64),
            catalogs=[catalogs[serial] for serial in sorted(catalogs)],
            clock=places[0].clock,
            boot_uuid=places[0].boot_uuid,
        )
        if only is None:
            before = len(run.waiting)
            yield from run.decoder.decode(Job(load, run.wanted, run.tally, run.waiting))
            by_unit = {place.unit: place for place in places}
            run.places.update({late.unit: by_unit[late.unit] for late in run.waiting[before:]})
            return
        begins = batch.starts.tolist()
        positions = [begins[number] + offset for number, place in enumerate(places) for offset in only[place.unit]]
        yield from run.decoder.decode(Job(load, run.wanted, run.tally, None, np.array(positions, np.int64)))

    def _resolve_waiting(self, run: _Pass) -> Iterator[Part]:
        """Decode the records whose oversize data came after them, or in sets that the selection skipped."""
        for place in run.skipped:
            sub_chunk = place.sub_chunk
            if sub_chunk is None or not any(
                late.key.boot == place.boot_uuid and sub_chunk.start <= late.key.ticks <= sub_chunk.end
                for late in run.waiting
            ):
                continue
            run.decoder.collect_oversize(index_sets([_unpack_again(place)]), place.boot_uuid)
        units: dict[int, list[int]] = {}
        for late in run.waiting:
            units.setdefault(late.unit, []).append(late.offset)
        for unit in sorted(units):
            place = run.places[unit]
            yield from self._decode(run, [(place, _unpack_again(place))], units)

    def _finish(self, run: _Pass) -> None:
        tally = run.tally
        notes = []
        if tally.unknown:
            kinds = ", ".join(f"{kind:#x}" for kind in sorted(tally.unknown))
            text = f"records of unknown types ({kinds}) were left out"
            run.report(self.name, "unknown-record", text, count=sum(tally.unknown.values()))
        for kind, count, text in (
            ("damaged-chunk", tally.overrun, "firehose chunks end inside a record"),
            ("damaged-record", tally.broken, "the arguments of a record reach beyond its end; those are left out"),
            ("unknown-process", tally.homeless, "no catalog names the process of a record"),
            ("missing-oversize", tally.incomplete, "the arguments of large records are no longer in the archive"),
        ):
            if count:
                run.report(self.name, kind, text, count=count)
        strings = self._strings
        if strings is not None and strings.missing:
            shown = sorted(uuid_text(uuid) for uuid in strings.missing)
            text = "string files are missing, so that some messages have no text: " + ", ".join(shown[:3])
            run.report(self.name, "missing-strings", text, count=len(shown))
            notes.append(f"strings of {len(shown)} images are missing")
        if tally.lost:
            notes.append(f"the device lost at least {tally.lost} messages")
        if tally.incomplete:
            notes.append(f"{tally.incomplete} large records without their arguments")
        _publish(run, self._reported, self._context.problems)
        self._coverage = self._covered(run, notes)

    def _covered(self, run: _Pass, notes: list[str]) -> Coverage:
        walls = [
            int(run.clocks[boot].to_ns(np.array(span, np.uint64))[0][end])
            for boot, span in run.spans.items()
            for end in (0, 1)
        ]
        if len(run.spans) > 1:
            notes.append(f"{len(run.spans)} boots")
        if run.skipped:
            notes.append(f"{len(run.skipped)} chunk sets hold no wanted rows and were not counted")
        return Coverage(
            source=self.name,
            reader=self.reader,
            start_ns=min(walls, default=None),
            end_ns=max(walls, default=None),
            rows=run.tally.records,
            clock=", ".join(dict.fromkeys(clock.how for clock in run.clocks.values())),
            notes=tuple(notes),
            lost=run.tally.lost,
        )

    def _describe_device(self) -> None:
        """Fill what the newest header tells and nobody else has told yet."""
        device, capture = self._context.device, self._context.capture
        headers = []
        for _, path in self._files.traces:
            try:
                with path.open("rb") as file:
                    head = file.read(4096)
            except OSError:  # `batches` reports the file
                continue
            chunk = next(iter(tracev3.walk_chunks(head, _ignore)), None)
            if chunk is not None and chunk.tag == tracev3.HEADER:
                headers.append(tracev3.parse_header(head[chunk.start : chunk.end]))
        if not headers:
            return
        newest = max(headers, key=lambda header: header.wall_ns)
        device.os_build = device.os_build or newest.os_build or None
        if device.model is None and _PRODUCT_TYPE.fullmatch(newest.hardware):
            device.model = newest.hardware
        if capture.tz is None and newest.zone:
            capture.tz, capture.tz_how = newest.zone, "log"


def _skippable(run: _Pass, place: SetPlace) -> bool:
    """Return whether the catalog tells that a chunk set holds nothing wanted."""
    sub_chunk = place.sub_chunk
    if sub_chunk is None or run.wanted.selection.everything or place.catalog.trouble:
        return False
    if run.wanted.selection.timed and not run.wanted.span(*place.clock.span_ns(sub_chunk.start, sub_chunk.end)):
        return True
    if not run.wanted.selection.clauses:
        return False
    entries = np.array(sub_chunk.entries, np.int64)
    if UNKNOWN in sub_chunk.entries or not entries.size:
        return False
    return not run.wanted.processes(run.decoder.processes.process_of.take(entries)).any()


def _unpack_again(place: SetPlace) -> bytes:
    with place.path.open("rb") as file:
        file.seek(place.start)
        return unpack(memoryview(file.read(place.end - place.start))).data


def _publish(run: _Pass, reported: Counter[tuple[str, str]], problems: Problems) -> None:
    """Add what this run found beyond what earlier runs did: reading twice is no second trouble."""
    for (source, kind), (message, position) in run.problems.items():
        more = run.counts[source, kind] - reported[source, kind]
        if more > 0:
            problems.add(source, kind, message, position=position, count=more)
            reported[source, kind] += more


def _ignore(kind: str, message: str, position: int) -> None:
    """Take a problem that `batches` will report."""
