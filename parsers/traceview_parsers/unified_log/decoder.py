"""From decompressed chunk sets to record batches of ``log``."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.unified_log import chunksets, columns, firehose, lockstep
from traceview_parsers.unified_log.callsites import CallSites, Images
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.dumps import SIMPLE_HEAD, STATE_HEAD, SimpleDumps, StateDumps, UuidImages
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.firehose import Chunks, FieldReader, Fields, Tracepoints
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import Places
from traceview_parsers.unified_log.messages import Composer
from traceview_parsers.unified_log.oversize import Blob, Key, Oversize, append_blobs, trace_blob
from traceview_parsers.unified_log.packing import Packing
from traceview_parsers.unified_log.page import Page
from traceview_parsers.unified_log.plans import Plans
from traceview_parsers.unified_log.prefilter import MAYBE, NO, Candidates, Dumps, Known, Prefilter, Verdicts
from traceview_parsers.unified_log.rows import Found, Load, RowBuilder, levels_and_events, with_arguments
from traceview_parsers.unified_log.strings import StringFiles
from traceview_parsers.unified_log.tally import Tally
from traceview_parsers.unified_log.typed import no_arguments, typed_arguments
from traceview_parsers.unified_log.windows import Share

_CHUNK_HEAD: Final = 48
_TOGETHER: Final = 4 << 20
"""Bytes of firehose chunks whose tracepoints are decoded together, so that memory stays small."""
_TOGETHER_SIFTED: Final = 6 << 20
"""The same where clauses leave few of them (a twentieth less time; measured)."""
_MOST_LOST: Final = np.uint64(1 << 32)
"""Larger counts of lost messages are damage; they do not spoil the sum."""


class Waiting(Struct, frozen=True):
    """A record whose oversize data was not met yet: its position in the archive (`rows.OFFSET_BITS`)."""

    position: int
    key: Key


class Job(Struct):
    """What to decode of a load.

    Attributes:
        load: The load.
        wanted: Rows that it rules out are not decoded.
        tally: Counts what is met.
        waiting: Takes the records whose oversize data was not met yet, which are left out then. None: decode them
            without their data.
        only: Byte positions of the only tracepoints to decode; None: all, and the dumps.
        share: Which ticks of each set to decode; None: all.
    """

    load: Load
    wanted: Prefilter
    tally: Tally
    waiting: list[Waiting] | None
    only: Array | None = None
    share: Share | None = None

    def of_share(self, chunks: Array) -> Array:
        """Return those of these dumps (indices of inner chunks that are one record each) that are to be decoded."""
        if self.share is None or not chunks.size:
            return chunks
        batch = self.load.batch
        rows = self.share.choose(batch.set_of[chunks], batch.words.take((batch.at[chunks] >> 3) + 4))
        return chunks if rows is None else chunks[rows]


class _Records(Struct):
    """Tracepoints with all that is known of them, and whether they are wanted."""

    points: Tracepoints
    fields: Fields
    found: Found
    verdicts: Verdicts
    prints: Array | None

    def take(self, rows: Array) -> "_Records":
        prints = None if self.prints is None else self.prints[:, rows]
        return _Records(
            self.points.take(rows), self.fields.take(rows), self.found.take(rows), self.verdicts.take(rows), prints
        )


class Decoder:
    """Turns loads into record batches; holds what they share.

    Args:
        source_index: Number of the source.
        processes: The archive's processes.
        files: Its format strings.
        packed: Whether batches are packed: `shown` makes of them what others can read.
    """

    def __init__(self, source_index: int, processes: Processes, files: StringFiles, *, packed: bool = False) -> None:
        self.processes = processes
        images, plans = Images(), Plans()
        self.sites = CallSites(processes, files, images, plans)
        self.known = Known(processes, self.sites, images, plans)
        self.oversize = Oversize()
        self._packing = Packing(processes) if packed else None
        self._rows = RowBuilder(source_index, self.known, self._packing)
        self._composer = Composer(plans)
        self._images = UuidImages()

    def decode(self, job: Job) -> Iterator[Part]:
        """Yield the record batches of a load: simple dumps, state dumps, losses, other tracepoints."""
        load, batch = job.load, job.load.batch
        first, second = _process_ids(batch)
        entry = self.processes.entries_of(load.catalogs, first, second, load.serials.take(batch.set_of))
        process = self.processes.process_of.take(entry)
        size = batch.end - batch.at
        self.collect_oversize(batch, load.boot_uuid)
        possible = size >= _CHUNK_HEAD
        if job.only is None:
            possible &= job.wanted.processes(process)
            simple, state = (batch.tag == tag for tag in (chunksets.SIMPLE_DUMP, chunksets.STATE_DUMP))
            yield from self._simple_dumps(job, process, job.of_share(np.flatnonzero(simple & possible)))
            yield from self._state_dumps(job, process, job.of_share(np.flatnonzero(state & possible)))
            dumps = (simple & (size >= SIMPLE_HEAD)) | (state & (size >= STATE_HEAD))
            unread = dumps & ~possible, (batch.tag == chunksets.FIREHOSE) & (size >= _CHUNK_HEAD)
            possible &= job.wanted.firehose_processes(process)
            if job.share is None and not possible.all():
                self._count(job, int(np.count_nonzero(unread[0])), np.flatnonzero(unread[1] & ~possible))
        hits = np.flatnonzero((batch.tag == chunksets.FIREHOSE) & possible)
        most = _TOGETHER_SIFTED if job.wanted.selection.clauses else _TOGETHER
        for some in _together(hits, size[hits], most):
            base = batch.words.take((batch.at[some] >> 3) + 5)
            chunks = Chunks(batch.at[some], batch.end[some], base, entry[some], first[some], second[some])
            yield from self._firehose(job, chunks)

    def packed(self, batch: Any) -> Any:
        """Return a batch of ``log`` as those of this decoder are."""
        return batch if self._packing is None else self._packing.pack(batch)

    def shown(self, batch: Any) -> Any:
        """Return a batch of this decoder as one that others can read."""
        return batch if self._packing is None else self._packing.shown(batch)

    def collect_oversize(self, batch: chunksets.Batch, boot_uuid: str) -> None:
        """Keep the oversize data of a batch."""
        over = np.flatnonzero((batch.tag == chunksets.OVERSIZE) & (batch.end - batch.at >= _CHUNK_HEAD))
        if over.size:
            self.oversize.collect(boot_uuid, batch, _process_ids(batch), over)

    def _count(self, job: Job, dumps: int, hits: Array) -> None:
        """Count what is not read: so many dumps, and the tracepoints of these chunks."""
        job.tally.records += dumps
        if hits.size:
            batch = job.load.batch
            known, losses = lockstep.count_known(batch, batch.at[hits], batch.end[hits])
            job.tally.records += known
            lost = self._rows.loss_counts(job.load, losses)
            job.tally.lost += int(np.minimum(lost, _MOST_LOST).sum())

    def _firehose(self, job: Job, chunks: Chunks) -> Iterator[Part]:
        points = self._points(job, chunks)
        loss = points.kind == firehose.LOSS
        if loss.any():
            whole = loss & (points.end - points.at >= firehose.LOSS_BYTES)
            job.tally.broken += int(np.count_nonzero(loss & ~whole))
            lost = points.take(np.flatnonzero(whole))
            job.tally.lost += int(np.minimum(self._rows.loss_counts(job.load, lost.at), _MOST_LOST).sum())
            process = self.processes.process_of.take(chunks.entry.take(lost.chunk))
            yield self._unsure(job, self._rows.losses(job.load, lost, process))
            points = points.take(np.flatnonzero(~loss))
        records = self._records(job, chunks, points)
        blobs, late = self._blobs(job, chunks, records)
        if late and job.waiting is not None:
            rows = np.setdiff1d(np.arange(records.points.at.size), late)
            renumbered = {row: number for number, row in enumerate(rows.tolist())}
            blobs = {renumbered[row]: blob for row, blob in blobs.items()}
            records = records.take(rows)
        elif late:
            job.tally.incomplete += len(late)
        if records.points.at.size:
            yield self._tracepoints(job, chunks, records, blobs)

    def _points(self, job: Job, chunks: Chunks) -> Tracepoints:
        tally = job.tally
        walk = lockstep.walk(job.load.batch, chunks.at, chunks.end)
        points = firehose.read_heads(job.load.batch, chunks, walk.at, walk.chunk)
        points.end[walk.resized] = walk.resized_end
        if job.only is not None:
            return points.take(np.flatnonzero(np.isin(points.at, job.only)))
        skipped = walk.skipped
        if job.share is not None:
            sets = np.searchsorted(job.load.batch.starts, chunks.at, "right") - 1
            rows = job.share.choose(sets.take(points.chunk), points.ticks)
            points = points if rows is None else points.take(rows)
            own = job.share.choose(sets.take(walk.damaged), np.zeros(skipped.size, np.uint64))
            skipped = skipped if own is None else skipped[own]
        tally.damaged += skipped.size
        tally.skipped += int(skipped.sum())
        known = firehose.IS_KNOWN.take(points.kind)
        if not known.all():
            # One whose first eight bytes are zero, which are written last (libdispatch), was never finished by its process.
            for kind in points.kind[~known & (points.head != 0)].tolist():
                tally.unknown[kind] = tally.unknown.get(kind, 0) + 1
            points = points.take(np.flatnonzero(known))
        tally.records += points.at.size
        tally.homeless += int(np.count_nonzero(chunks.entry.take(points.chunk) == 0))
        return points

    def _records(self, job: Job, chunks: Chunks, points: Tracepoints) -> _Records:
        """Look up where tracepoints come from, and read the rest of those that may be wanted."""
        batch, wanted = job.load.batch, job.wanted
        origins = FieldReader(batch, points).origins()
        entry = chunks.entry.take(points.chunk)
        process = self.processes.process_of.take(entry)
        site, strings = self.sites.find(batch, points, origins, entry, job.load.catalogs)
        level, event = levels_and_events(points)
        subsystem = origins.subsystem
        verdicts = wanted.rows(
            Candidates(
                process,
                site,
                level,
                event,
                pair=lambda rows: self.processes.subsystem_rows(process[rows], subsystem[rows]),
            )
        )
        if wanted.selection.timed:
            verdicts.verdict[~wanted.times(*job.load.clock.to_ns(points.ticks))] = NO
        if (verdicts.verdict == NO).any():
            rows = np.flatnonzero(verdicts.verdict)
            points, verdicts, process, subsystem = (
                points.take(rows),
                verdicts.take(rows),
                process[rows],
                subsystem[rows],
            )
            site, strings, level, event = site[rows], strings[rows], level[rows], event[rows]
        fields = FieldReader(batch, points).fields()
        prints = self._fingerprints(job, points, fields, site, verdicts)
        pair = self.processes.subsystem_rows(process, subsystem)
        name = self.sites.signpost_names(fields, strings)
        records = _Records(points, fields, Found(process, site, pair, level, event, name), verdicts, prints)
        return records if prints is None else records.take(np.flatnonzero(~wanted.refused.contain(prints)))

    def _fingerprints(
        self, job: Job, points: Tracepoints, fields: Fields, site: Array, verdicts: Verdicts
    ) -> Array | None:
        """Return the fingerprints of the records that their messages decide about, if there are any.

        Only of those whose arguments all lie in the record.
        """
        if not job.wanted.refused.pay:
            return None
        undecided = verdicts.verdict == MAYBE
        elsewhere = firehose.HAS_OVERSIZE | firehose.HAS_PRIVATE_DATA
        own = _has_items(points) & (points.flags & elsewhere == 0) & (fields.items < points.end)
        rows = np.flatnonzero(undecided & own)
        if not rows.size:
            return None
        prints = np.zeros((2, site.size), np.uint64)
        plan = self.sites.table["plan"].take(site[rows])
        decisive = [plan, *verdicts.clauses[:, rows]]
        prints[:, rows] = job.wanted.refused.fingerprints(
            job.load.batch.data, fields.items[rows], points.end[rows], decisive
        )
        return prints

    def _blobs(self, job: Job, chunks: Chunks, records: _Records) -> tuple[dict[int, Blob], list[int]]:
        """Return (arguments that lie outside of their records, by record; records whose oversize data is missing)."""
        load, points, fields = job.load, records.points, records.fields
        blobs: dict[int, Blob] = {}
        late: list[int] = []
        for row in np.flatnonzero(_has_items(points) & (points.flags & firehose.HAS_OVERSIZE != 0)).tolist():
            chunk = int(points.chunk[row])
            ids = int(chunks.first[chunk]), int(chunks.second[chunk])
            key = Key(load.boot_uuid, *ids, int(fields.oversize[row]), int(points.ticks[row]))
            blob = self.oversize.find(key)
            if blob is not None:
                blobs[row] = blob
                continue
            late.append(row)
            if job.waiting is not None:
                job.waiting.append(Waiting(int(load.positions(points.at[row : row + 1])[0]), key))
        for row in np.flatnonzero(points.kind == firehose.TRACE).tolist():
            begin, end = int(fields.items[row]) - 1, int(points.end[row])
            blobs[row] = trace_blob(load.batch.data[begin:end].tobytes())
        return blobs, late

    def _tracepoints(self, job: Job, chunks: Chunks, records: _Records, blobs: dict[int, Blob]) -> Part:
        different, place = records, np.arange(0)
        if records.prints is not None:
            first, place = job.wanted.refused.alike(records.prints)
            different, blobs = records.take(first), {int(place[row]): blob for row, blob in blobs.items()}
        page = self._page(job.load, chunks, different, blobs)
        broken = np.zeros(different.points.at.size, bool)
        broken[page.items.broken] = True
        messages = page.messages()
        rows = job.wanted.settle(different.verdicts, messages)
        arguments = typed_arguments(page, rows) if job.wanted.selection.arguments else None
        if different.prints is not None:
            refused = ~broken
            refused[rows] = False
            job.wanted.refused.add(different.prints[:, refused])
            broken = broken[place]
            wanted = np.full(different.points.at.size, -1)
            wanted[rows] = np.arange(rows.size)
            place = wanted[place]
            keep = np.flatnonzero(place >= 0)
            records, messages = records.take(keep), messages.take(pa.array(rows[place[keep]]))
            arguments = None if arguments is None else arguments.take(pa.array(place[keep]))
        elif rows.size < len(messages):
            records, messages = records.take(rows), messages.take(pa.array(rows))
        job.tally.broken += int(np.count_nonzero(broken))
        batch = self._rows.tracepoints(job.load, records.points, records.fields, records.found, messages)
        return (batch if arguments is None else with_arguments(batch, arguments)), records.verdicts.verdict == MAYBE

    def _page(self, load: Load, chunks: Chunks, records: _Records, blobs: dict[int, Blob]) -> Page:
        """Write the values of records."""
        points, fields = records.points, records.fields
        places = Places(
            count_at=np.where(_has_items(points) & (fields.items < points.end), fields.items, -1),
            end=points.end.copy(),
            private=firehose.private_begin(load.batch, chunks, points.chunk, fields.private_offset.view(np.int64)),
            private_end=chunks.end.take(points.chunk),
        )
        data = append_blobs(load.batch, places, blobs) if blobs else load.batch.data
        return self._composer.compose(data, places, self.sites.table["plan"].take(records.found.site))

    def _simple_dumps(self, job: Job, process: Array, hits: Array) -> Iterator[Part]:
        batch = job.load.batch
        hits = hits[batch.end[hits] - batch.at[hits] >= SIMPLE_HEAD]
        if not hits.size:
            return
        job.tally.records += hits.size
        dumps, image = self._simple(batch, hits)
        if job.wanted.selection.clauses:
            names = self.processes.subsystems
            begin, end = batch.at[hits] + SIMPLE_HEAD, batch.end[hits]
            subsystem = partial(dumps.subsystems, names)
            known = Dumps(process[hits], image, subsystem, dumps.initials(), batch.data, begin, end)
            hits = hits[job.wanted.dumps(known)]
            if not hits.size:
                return
            dumps, image = self._simple(batch, hits)
        messages = columns.text(dumps.messages())
        yield self._unsure(
            job, self._rows.simple_dumps(job.load, batch.at[hits], (process[hits], image), dumps, messages)
        )

    def _simple(self, batch: chunksets.Batch, hits: Array) -> tuple[SimpleDumps, Array]:
        """Return simple dumps, and the image row of each."""
        dumps = SimpleDumps(batch, batch.at[hits], batch.end[hits])
        return dumps, self._images.find(dumps.image, lambda uuid, at: self.sites.image_of_uuid(uuid, dumps.cache(at)))

    def _state_dumps(self, job: Job, process: Array, hits: Array) -> Iterator[Part]:
        batch = job.load.batch
        hits = hits[batch.end[hits] - batch.at[hits] >= STATE_HEAD]
        if not hits.size:
            return
        job.tally.records += hits.size
        if not job.wanted.event("state"):
            return
        dumps = StateDumps(batch, batch.at[hits], batch.end[hits])
        uuids = [*self.processes.uuids, bytes(16)]
        dsc = self.processes.table["dsc"].take(process[hits])
        image = self._images.find(dumps.image, lambda uuid, at: self.sites.image_of_uuid(uuid, uuids[dsc[at]]))
        yield self._unsure(job, self._rows.state_dumps(job.load, batch.at[hits], process[hits], dumps, image))

    def _unsure(self, job: Job, batch: Any) -> Part:
        """Return rows that the prefilter did not look at."""
        if job.wanted.selection.arguments:
            batch = with_arguments(batch, no_arguments(batch.num_rows))
        return batch, np.ones(batch.num_rows, bool)


def _process_ids(batch: chunksets.Batch) -> tuple[Array, Array]:
    """Return the process id pair that stands at the beginning of each inner chunk's data."""
    word = batch.at >> 3
    return batch.words.take(word + 2), batch.words.take(word + 3) & np.uint64(0xFFFFFFFF)


def _together(chunks: Array, size: Array, most: int) -> list[Array]:
    """Return chunks in parts of about that many bytes at most, in their order."""
    if not chunks.size:
        return []
    part = np.cumsum(size) // most
    return np.split(chunks, np.flatnonzero(np.diff(part)) + 1)


def _has_items(points: Tracepoints) -> Array:
    answer: Array = (points.kind == firehose.LOG) | (points.kind == firehose.SIGNPOST)
    return answer
