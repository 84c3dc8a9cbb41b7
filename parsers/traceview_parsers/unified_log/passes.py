"""One run over an archive: chunk sets to record batches, and what is noted on the way."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Struct, field

from traceview_parsers.problems import Problems
from traceview_parsers.unified_log.catalog import UNKNOWN, Catalog, SubChunk
from traceview_parsers.unified_log.chunksets import Batch, index_sets, unpack
from traceview_parsers.unified_log.decoder import Decoder, Job, Waiting
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.prefilter import Prefilter
from traceview_parsers.unified_log.rows import OFFSET_BITS, Load, with_arguments
from traceview_parsers.unified_log.tally import Tally
from traceview_parsers.unified_log.timesync import Clock
from traceview_parsers.unified_log.typed import no_arguments
from traceview_parsers.unified_log.windows import Share

_NO_CATALOG: Final = Catalog.nothing()


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

    def bare(self) -> "SetPlace":
        """Return it without its catalog, for keeping: catalogs would add up."""
        return self._replace(catalog=_NO_CATALOG)


_LAST_TICK: Final = 2**64 - 1

Sets = list[tuple[SetPlace, bytes]]
"""Chunk sets with their decompressed data."""


class Pass(Struct):
    """One run over the archive.

    Attributes:
        decoder: Decodes, and holds what is known of the archive so far.
        wanted: The selection.
        tally: What was met.
        skipped: Sets that hold nothing wanted, by their numbers.
        waiting: Records whose oversize data was not met yet.
        places: Where these records are, by the numbers of their sets.
        clocks: Clock of each boot.
        marks: What timesync tells of each boot, as rows.
        spans: First and last tick of each boot.
    """

    decoder: Decoder
    wanted: Prefilter
    tally: Tally = field(default_factory=Tally)
    skipped: dict[int, SetPlace] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    places: dict[int, SetPlace] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: dict[tuple[str, str], tuple[str, int | None]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def report(self, source: str, kind: str, message: str, position: int | None = None, count: int = 1) -> None:
        """Note a problem."""
        self.problems.setdefault((source, kind), (message, position))
        self.counts[source, kind] += count

    def publish(self, reported: Counter[tuple[str, str]], problems: Problems) -> None:
        """Add what this run found beyond what earlier runs did: reading twice is no second trouble."""
        for (source, kind), (message, position) in self.problems.items():
            more = self.counts[source, kind] - reported[source, kind]
            if more > 0:
                problems.add(source, kind, message, position=position, count=more)
                reported[source, kind] += more

    def skippable(self, place: SetPlace) -> bool:
        """Return whether the catalog tells that a chunk set holds nothing wanted."""
        sub_chunk, wanted = place.sub_chunk, self.wanted
        if wanted.selection.boots is not None and place.boot_uuid not in wanted.selection.boots:
            return True
        if sub_chunk is None or wanted.selection.everything or place.catalog.trouble:
            return False
        if wanted.selection.timed and not wanted.span(*place.clock.span_ns(sub_chunk.start, sub_chunk.end)):
            return True
        if not wanted.selection.clauses:
            return False
        if UNKNOWN in sub_chunk.processes or not sub_chunk.processes:
            return False
        return not wanted.any_process(sub_chunk.processes)

    def marks_of(self, boot_uuid: str, first: int = 0, last: int = _LAST_TICK) -> Iterator[Part]:
        """Yield the marks of a boot within these ticks."""
        marks = self.marks.get(boot_uuid)
        if marks is None:
            return
        ticks = marks.column("mach_time").to_numpy()
        begin, end = np.searchsorted(ticks, np.array([first, last], np.uint64), "left")
        end += int(end < ticks.size and ticks[end] == last)
        if begin < end:
            found = self.decoder.packed(marks.slice(int(begin), int(end - begin)))
            if self.wanted.selection.arguments:
                found = with_arguments(found, no_arguments(found.num_rows))
            yield found, np.ones(found.num_rows, bool)

    def unpack(self, place: SetPlace, packed: memoryview, *, again: bool = False) -> bytes:
        """Return the decompressed data of a set; damage, and what is not read, is told the first time."""
        unpacked = unpack(packed)
        if unpacked.unsupported and not again:
            text = f"chunk sets are packed with {unpacked.unsupported}, which this version does not read; their records are missing"
            self.report(place.name, "unsupported-compression", text, place.start)
        if unpacked.trouble and not again:
            text = f"a chunk set is damaged: {unpacked.trouble}; what could be read is kept"
            self.report(place.name, "damaged-chunk-set", text, place.start)
        return unpacked.data

    def decode(self, sets: Sets) -> Iterator[Part]:
        """Decode sets of one boot, and empty their list; records whose oversize data is not known yet go to `waiting`."""
        if not sets:
            return
        batch = index_sets([data for _, data in sets])
        places = [place for place, _ in sets]
        sets.clear()  # what is decoded takes their memory
        self.report_unknown(batch, places)
        yield from self.decode_parts(batch, places, np.zeros(len(places), np.int64))

    def decode_parts(
        self, batch: Batch, places: Sequence[SetPlace], at: Array, share: Share | None = None
    ) -> Iterator[Part]:
        """Decode parts of sets of one boot: each begins at this byte position of the set at this place."""
        before = len(self.waiting)
        load = _load(batch, places, at)
        yield from self.decoder.decode(Job(load, self.wanted, self.tally, self.waiting, share=share))
        if len(self.waiting) > before:
            by_unit = {place.unit: place for place in places}
            units = {late.position >> OFFSET_BITS for late in self.waiting[before:]}
            self.places.update({unit: by_unit[unit] for unit in units})

    def resolve(self) -> Iterator[Part]:
        """Decode the waiting records with what is known by now; those that still lack their data go without."""
        units: dict[int, list[int]] = {}
        for late in self.waiting:
            unit, offset = divmod(late.position, 1 << OFFSET_BITS)
            units.setdefault(unit, []).append(offset << 3)
        self.waiting.clear()
        for unit in sorted(units):
            place = self.places[unit]
            load = _load(index_sets([unpack_again(place)]), [place], np.zeros(1, np.int64))
            positions: Array = np.array(units[unit], np.int64)
            yield from self.decoder.decode(Job(load, self.wanted, self.tally, None, positions))
        self.places.clear()

    def collect_oversize(self, places: Sequence[SetPlace]) -> None:
        """Take the oversize data of sets that were not decoded, where a waiting record may need them."""
        ticks: dict[str, list[int]] = {}
        for late in sorted(self.waiting, key=lambda late: late.key.ticks):
            ticks.setdefault(late.key.boot, []).append(late.key.ticks)
        for place in places:
            sub_chunk, wanted = place.sub_chunk, ticks.get(place.boot_uuid, [])
            if sub_chunk is None or bisect_left(wanted, sub_chunk.start) < bisect_right(wanted, sub_chunk.end):
                self.decoder.collect_oversize(index_sets([unpack_again(place)]), place.boot_uuid)

    def report_unknown(self, batch: Batch, places: Sequence[SetPlace]) -> None:
        """Tell of chunks of unknown kinds in the sets of a batch."""
        for number, position, tag in batch.unknown:
            text = f"chunk tag {tag:#x} inside a chunk set is unknown; it is left out"
            self.report(
                places[number].name, "unknown-inner-chunk", text, places[number].start, count=int(position >= 0)
            )


def _load(batch: Batch, places: Sequence[SetPlace], at: Array) -> Load:
    catalogs = {place.catalog.serial: place.catalog for place in places}
    units = np.array([place.unit for place in places], np.int64)
    return Load(
        batch=batch,
        origins=(units << OFFSET_BITS) + (at >> 3),
        serials=np.array([place.catalog.serial for place in places], np.uint64),
        catalogs=[catalogs[serial] for serial in sorted(catalogs)],
        clock=places[0].clock,
        boot_uuid=places[0].boot_uuid,
    )


def unpack_again(place: SetPlace) -> bytes:
    """Return the decompressed data of a set that was met before."""
    with place.path.open("rb") as file:
        file.seek(place.start)
        return unpack(memoryview(file.read(place.end - place.start))).data
