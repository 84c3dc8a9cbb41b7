"""From decompressed chunk sets to record batches of ``log``."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from traceview_parsers.unified_log import chunksets, firehose
from traceview_parsers.unified_log.callsites import CallSites, Images
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.dumps import SIMPLE_HEAD, STATE_HEAD, SimpleDumps, StateDumps, UuidImages
from traceview_parsers.unified_log.firehose import Chunks, FieldReader, Fields, Tracepoints
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import Places
from traceview_parsers.unified_log.messages import Composer
from traceview_parsers.unified_log.oversize import Blob, Key, Oversize, append_blobs, trace_blob
from traceview_parsers.unified_log.plans import Plans
from traceview_parsers.unified_log.prefilter import Known, Prefilter
from traceview_parsers.unified_log.rows import Found, Load, RowBuilder, levels_and_events
from traceview_parsers.unified_log.strings import StringFiles

_CHUNK_HEAD: Final = 48


@dataclass(slots=True)
class Tally:
    """What was met while decoding.

    Attributes:
        records: Records read, wanted or not.
        lost: Messages that the device reports as lost.
        unknown: Tracepoints of unknown types, by type.
        overrun: Firehose chunks that end inside a tracepoint.
        broken: Records whose arguments reach beyond their end.
        homeless: Records whose process no catalog names.
        incomplete: Records whose oversize data are not in the archive.
    """

    records: int = 0
    lost: int = 0
    unknown: dict[int, int] = field(default_factory=dict)
    overrun: int = 0
    broken: int = 0
    homeless: int = 0
    incomplete: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record whose oversize data was not met yet: its chunk set and its byte position in it."""

    unit: int
    offset: int
    key: Key


class Decoder:
    """Turns loads into record batches; holds what they share."""

    def __init__(self, source_index: int, processes: Processes, files: StringFiles) -> None:
        self.processes = processes
        images, plans = Images(), Plans()
        self.sites = CallSites(processes, files, images, plans)
        self.known = Known(processes, self.sites, images, plans)
        self.oversize = Oversize()
        self._rows = RowBuilder(source_index, self.known)
        self._composer = Composer(plans)
        self._images = UuidImages()

    def decode(
        self, load: Load, wanted: Prefilter, tally: Tally, waiting: list[Waiting] | None, only: Array | None = None
    ) -> Iterator[Any]:
        """Yield the record batches of a load: tracepoints, losses, simple dumps, state dumps.

        Args:
            load: What to decode.
            wanted: Rows that it rules out are not decoded; others may still be unwanted.
            tally: Counts what is met.
            waiting: Takes the records whose oversize data was not met yet, which are left out then. None: decode them
                without their data.
            only: Byte positions of the only tracepoints to decode.
        """
        batch = load.batch
        first = batch.words.take((batch.at >> 3) + 2)
        second = batch.words.take((batch.at >> 3) + 3) & np.uint64(0xFFFFFFFF)
        entry = self.processes.entries_of(load.catalogs, first, second, load.serials.take(batch.set_of))
        process = self.processes.process_of.take(entry)
        size = batch.end - batch.at
        over = np.flatnonzero((batch.tag == chunksets.OVERSIZE) & (size >= _CHUNK_HEAD))
        self.oversize.collect(load.boot_uuid, batch, (first, second), over)
        if only is None:
            possible = wanted.processes(process)
            yield from self._dumps(load, process, possible & (size >= SIMPLE_HEAD), wanted, tally)
        else:
            possible = np.ones(entry.size, bool)
        hits = np.flatnonzero((batch.tag == chunksets.FIREHOSE) & (size >= _CHUNK_HEAD) & possible)
        if hits.size:
            base = batch.words.take((batch.at[hits] >> 3) + 5)
            chunks = Chunks(batch.at[hits], batch.end[hits], base, entry[hits], first[hits], second[hits])
            yield from self._firehose(load, chunks, wanted, tally, waiting, only)

    def collect_oversize(self, batch: chunksets.Batch, boot_uuid: str) -> None:
        """Keep the oversize data of a batch, of which nothing else is wanted."""
        first = batch.words.take((batch.at >> 3) + 2)
        second = batch.words.take((batch.at >> 3) + 3) & np.uint64(0xFFFFFFFF)
        over = np.flatnonzero((batch.tag == chunksets.OVERSIZE) & (batch.end - batch.at >= _CHUNK_HEAD))
        self.oversize.collect(boot_uuid, batch, (first, second), over)

    def _firehose(
        self,
        load: Load,
        chunks: Chunks,
        wanted: Prefilter,
        tally: Tally,
        waiting: list[Waiting] | None,
        only: Array | None,
    ) -> Iterator[Any]:
        points = self._points(load, chunks, tally, only)
        loss = points.kind == firehose.LOSS
        if loss.any():
            lost = points.take(np.flatnonzero(loss))
            yield self._losses(load, chunks, lost, tally)
            points = points.take(np.flatnonzero(~loss))
        fields = FieldReader(load.batch, points).read()
        found = self._find(load, chunks, points, fields)
        selection = wanted.selection
        if not selection.everything:
            keep = wanted.rows(found.process, found.site, found.pair, found.level, found.event)
            if selection.timed:
                keep = keep & wanted.times(*load.clock.to_ns(points.ticks))
            if not keep.all():
                rows = np.flatnonzero(keep)
                points, fields, found = points.take(rows), fields.take(rows), found.take(rows)
        blobs, late = self._blobs(load, chunks, points, fields, waiting)
        tally.incomplete += 0 if waiting is not None else len(late)
        if late and waiting is not None:
            rows = np.setdiff1d(np.arange(points.at.size), late)
            renumbered = {row: number for number, row in enumerate(rows.tolist())}
            blobs = {renumbered[row]: blob for row, blob in blobs.items()}
            points, fields, found = points.take(rows), fields.take(rows), found.take(rows)
        if points.at.size:
            yield self._tracepoints(load, chunks, points, fields, found, blobs, tally)

    def _points(self, load: Load, chunks: Chunks, tally: Tally, only: Array | None) -> Tracepoints:
        at, owner, overrun = firehose.walk(load.batch, chunks)
        points = firehose.read_heads(load.batch, chunks, at, owner)
        if only is not None:
            return points.take(np.flatnonzero(np.isin(points.at, only)))
        tally.overrun += overrun
        known = firehose.IS_KNOWN.take(points.kind)
        if not known.all():
            for kind in points.kind[~known & (points.kind != 0)].tolist():
                tally.unknown[kind] = tally.unknown.get(kind, 0) + 1
            points = points.take(np.flatnonzero(known))
        tally.records += points.at.size
        tally.homeless += int(np.count_nonzero(chunks.entry.take(points.chunk) == 0))
        return points

    def _losses(self, load: Load, chunks: Chunks, points: Tracepoints, tally: Tally) -> Any:
        batch = self._rows.losses(load, points, self.processes.process_of.take(chunks.entry.take(points.chunk)))
        tally.lost += sum(count for count in batch.column("loss_count").to_pylist() if 0 < count < 1 << 32)
        return batch

    def _find(self, load: Load, chunks: Chunks, points: Tracepoints, fields: Fields) -> Found:
        entry = chunks.entry.take(points.chunk)
        site, name = self.sites.find(load.batch, points, fields, entry, load.catalogs)
        process = self.processes.process_of.take(entry)
        pair = self.processes.subsystem_rows(process, fields.subsystem)
        level, event = levels_and_events(points)
        return Found(process, site, pair, level, event, name)

    def _blobs(
        self, load: Load, chunks: Chunks, points: Tracepoints, fields: Fields, waiting: list[Waiting] | None
    ) -> tuple[dict[int, Blob], list[int]]:
        """Return (arguments that lie outside of their records, by record; records whose oversize data is missing)."""
        blobs: dict[int, Blob] = {}
        late: list[int] = []
        message = (points.kind == firehose.LOG) | (points.kind == firehose.SIGNPOST)
        for row in np.flatnonzero(message & (points.flags & firehose.HAS_OVERSIZE != 0)).tolist():
            chunk = int(points.chunk[row])
            key = Key(
                load.boot_uuid,
                int(chunks.first[chunk]),
                int(chunks.second[chunk]),
                int(fields.oversize[row]),
                int(points.ticks[row]),
            )
            blob = self.oversize.find(key)
            if blob is not None:
                blobs[row] = blob
                continue
            late.append(row)
            if waiting is not None:
                number = int(np.searchsorted(load.batch.starts, points.at[row], "right")) - 1
                waiting.append(Waiting(int(load.units[number]), int(points.at[row] - load.batch.starts[number]), key))
        for row in np.flatnonzero(points.kind == firehose.TRACE).tolist():
            begin, end = int(fields.items[row]) - 1, int(points.end[row])
            blobs[row] = trace_blob(load.batch.data[begin:end].tobytes())
        return blobs, late

    def _tracepoints(
        self,
        load: Load,
        chunks: Chunks,
        points: Tracepoints,
        fields: Fields,
        found: Found,
        blobs: dict[int, Blob],
        tally: Tally,
    ) -> Any:
        message = (points.kind == firehose.LOG) | (points.kind == firehose.SIGNPOST)
        private = firehose.private_base(load.batch, chunks)
        places = Places(
            count_at=np.where(message & (fields.items < points.end), fields.items, -1),
            end=points.end.copy(),
            private=private.take(points.chunk) + fields.private_offset.view(np.int64),
            private_end=chunks.end.take(points.chunk),
        )
        data = append_blobs(load.batch.data, places, blobs) if blobs else load.batch.data
        plan = self.sites.table["plan"].take(found.site)
        messages, items = self._composer.compose(data, places, plan)
        tally.broken += items.broken.size
        return self._rows.tracepoints(load, points, fields, found, messages)

    def _dumps(self, load: Load, process: Array, possible: Array, wanted: Prefilter, tally: Tally) -> Iterator[Any]:
        batch = load.batch
        del wanted
        hits = np.flatnonzero((batch.tag == chunksets.SIMPLE_DUMP) & possible)
        if hits.size:
            tally.records += hits.size
            simple = SimpleDumps(batch, batch.at[hits], batch.end[hits])
            caches = simple.cache
            image = self._images.find(
                simple.image, lambda uuid, at: self.sites.image_of_uuid(uuid, caches[at].tobytes())
            )
            yield self._rows.simple_dumps(load, batch.at[hits], process[hits], simple, image)
        hits = np.flatnonzero((batch.tag == chunksets.STATE_DUMP) & possible & (batch.end - batch.at >= STATE_HEAD))
        if hits.size:
            tally.records += hits.size
            state = StateDumps(batch, batch.at[hits], batch.end[hits])
            dsc = self.processes.table["dsc"].take(process[hits])
            uuids = self.processes.uuids
            image = self._images.find(
                state.image,
                lambda uuid, at: self.sites.image_of_uuid(uuid, uuids[dsc[at]] if dsc[at] >= 0 else bytes(16)),
            )
            yield self._rows.state_dumps(load, batch.at[hits], process[hits], state, image)
