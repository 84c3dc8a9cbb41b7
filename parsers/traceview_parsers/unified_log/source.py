"""One opened archive: streams its ``log`` table, as stored or by time, and ``signposts`` made of it."""

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import starmap
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.packed import unpack
from traceview_parsers.problems import Problems
from traceview_parsers.schema import SCHEMAS
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import CaptureInfo, Context, Coverage, Device, ReadOptions
from traceview_parsers.unified_log.archive import Files, file_heads
from traceview_parsers.unified_log.callsites import uuid_text
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.decoder import Decoder
from traceview_parsers.unified_log.emitter import Emitter, Part
from traceview_parsers.unified_log.passes import Pass, Sets
from traceview_parsers.unified_log.prefilter import Prefilter
from traceview_parsers.unified_log.strings import StringFiles
from traceview_parsers.unified_log.survey import Survey
from traceview_parsers.unified_log.timeline import Seen, Timeline
from traceview_parsers.unified_log.timesync import clock_steps, sureness

BATCH_BYTES: Final = 4 << 20
"""Decompressed bytes decoded at a time: measured fastest (caches), and memory stays small."""

WINDOW_BYTES: Final = 8 << 20
"""The same for rows by time, where each window has its price (measured: printing takes a fourteenth longer with 4 MB, and a
fourteenth less with 12 MB, but 50 MB more memory)."""

_SHARED_WINDOW: Final = 1.5
"""How many times as large windows are where several processes read together, which keep fewer sets: a fortieth less time, and no
more memory (measured)."""

_SIFTED_BYTES: Final = 16 << 20
"""The same where clauses leave few rows: there most of the time goes to what a batch costs whatever it holds."""

COUNTED_BY_SHARE: Final = frozenset(
    {
        *("damaged-record", "unknown-process", "missing-oversize"),
        *("damaged-chunk", "skipped-bytes", "damaged-chunk-set", "unsupported-compression", "unknown-inner-chunk"),
    }
)
"""Kinds of problems that each share counts in its own rows and sets; all else is met by every share."""

MISSING_STRINGS: Final = "missing-strings"
"""Kind of the problem that each share counts for the call sites that it met: together they miss what any of them does."""

UNKNOWN_RECORD: Final = "unknown-record"
"""Kind of the problem that each share counts in its own rows, of the types that it met."""

_PRODUCT_TYPE: Final = re.compile(r"[A-Za-z]+[0-9]+,[0-9]+")
_BOARD: Final = re.compile(r"[A-Za-z]{1,2}[0-9]+[A-Za-z]*AP")


_SURVEYED_BYTES: Final = 1 << 20
"""Packed bytes that one of several processes looks into before the next one's turn."""

Exchange = Callable[[list[Seen]], list[list[Seen]]]
"""Gives what this process found out of each boot to the others that read the archive, and returns what each of all did."""


class UnifiedLogSource:
    """A ``.logarchive``, an on-device ``diagnostics`` folder, or a loose tracev3 file.

    `batches` yields rows in storage order, which is not the order of time: files overlap, and chunks of several processes
    alternate. `in_order` yields them by time, with rows that tell of boots and clock adjustments among them.
    """

    reader: str = "unified_log"
    tables: tuple[str, ...] = ("log", "signposts")

    def __init__(self, name: str, files: Files, context: Context) -> None:
        self.name = name
        self._files = files
        self._context = context
        self._strings: StringFiles | None = None
        self._survey = Survey(name, files, context.source_index, context.problems)
        self._reported: Counter[tuple[str, str]] = Counter()
        self._coverage = Coverage(name, self.reader)
        self._unknown: set[int] = set()
        self._describe_device()

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of ``log`` with the rows for which `selection` holds, or of ``signposts``.

        Raises KeyError for other tables.
        """
        if table not in self.tables:
            raise KeyError(table)
        if table == "signposts":
            from traceview_parsers.unified_log.signposts import SELECTION, pair_signposts  # noqa: PLC0415  (needs polars)

            run = self._begin(SELECTION)
            # Small batches: measured with 300 MB, a query takes 100 MB less at its peak, and a twentieth more time.
            yield from pair_signposts(self._emit(run, partial(self._as_stored, enough=BATCH_BYTES)), run.clocks)
            return
        yield from self._emit(self._begin(selection), self._as_stored)

    def in_order(self, selection: Selection = EVERYTHING, *, packed: bool = False) -> Iterator[Any]:
        """Yield record batches of ``log`` by time: boot after boot, each by its continuous clock.

        Equal times come in the order of the files' names, then of the places in them. The continuous clock never goes
        back, but the wall clock may be set back within a boot; ``time`` goes back there, as it does in ``log show``.
        Like ``log show`` this adds rows of event ``timesync`` for the boot and each adjustment of the wall clock.

        `packed`: the batches may be packed (`traceview_parsers.packed`), which takes less time.
        """

        def parts(run: Pass) -> Iterator[Part]:
            show = partial(_shown, run, packed=packed and selection.everything)
            # No name keeps what was decoded while its rows are in use.
            return map(show, filter(None, map(itemgetter(0), _windows(self._timelines(run), 0, 1))))

        yield from self._emit(self._begin(selection, packed=True), parts)

    def share_in_order(
        self,
        number: int,
        count: int,
        selection: Selection = EVERYTHING,
        exchange: Exchange | None = None,
        *,
        packed: bool = False,
    ) -> Iterator[tuple[Any, bool]]:
        """Yield (batch, whether its turn ends with it) of what one of `count` processes takes that read this archive together.

        They take turns: the batches of the first turn of share 0 (which may be empty) are followed in time by those of the first
        turn of share 1, and so on; behind the first turn of the last share comes the second of share 0. All together are
        what `in_order` yields.

        Args:
            number: Which share.
            count: How many there are.
            selection: The wanted rows.
            exchange: Lets each process look into its part of the chunk sets only, to find out when which chunks begin. Damage of
                a set is told by the one that looked into it.
            packed: Whether the batches may be packed, as those of `in_order`.
        """
        run = self._begin(selection, packed=True)
        timelines = self._timelines(run, (number, count), exchange)
        show = partial(_shown, run, packed=packed and selection.everything)
        try:
            yield from starmap(partial(_decided, selection, show), _windows(timelines, number, count))
        finally:
            self._finish(run)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let other processes open the same archive: files and name go along, what was found in it does not."""
        fresh = Context(self._context.source_index, ReadOptions(), Problems(), Device(), CaptureInfo())
        return UnifiedLogSource, (self.name, self._files, fresh)

    @property
    def missing_strings(self) -> frozenset[bytes]:
        """Return the UUIDs of string files that were asked for and are not there."""
        return frozenset(self._strings.missing if self._strings is not None else ())

    @property
    def unknown_types(self) -> frozenset[int]:
        """Return the unknown types of records that were met."""
        return frozenset(self._unknown)

    @property
    def problems(self) -> Problems:
        """What was reported so far, where this source was opened by itself."""
        return self._context.problems

    def boots(self) -> list[str]:
        """Return the boots of which there are records, oldest first: UUIDs, dashed and upper case."""
        run = self._begin(EVERYTHING)
        clocks = {place.boot_uuid: place.clock for place, _ in self._survey.sets(run)}
        first = {boot: run.spans.get(boot, (0, 0))[0] for boot in clocks}
        return sorted(clocks, key=lambda boot: clocks[boot].span_ns(first[boot], first[boot]))

    def names(self) -> dict[str, list[str]]:
        """Return the processes, and the subsystems and categories of their messages, that the catalogs tell, by column."""
        run = self._begin(EVERYTHING)
        deque(self._survey.sets(run), 0)  # reads the catalogs; the sets stay packed
        known = run.decoder.known
        known.name_processes()
        return {
            "process": known.images.names.texts(),
            "subsystem": known.processes.subsystems.texts(),
            "category": known.processes.categories.texts(),
        }

    def end_ns(self, boots: Collection[str] | None = None) -> int | None:
        """Return the end of all boots, or of these, as the catalogs tell."""
        run = self._begin(EVERYTHING)
        clocks = {place.boot_uuid: place.clock for place, _ in self._survey.sets(run)}
        ends = [clocks[boot].span_ns(*span)[1] for boot, span in run.spans.items() if boots is None or boot in boots]
        return max(ends, default=None)

    def coverage(self) -> Coverage:
        """Return what is known of the covered time; complete once the source was read."""
        return self._coverage

    def _emit(self, run: Pass, parts: Callable[[Pass], Iterator[Part]]) -> Iterator[Any]:
        emitter = Emitter(run.wanted.selection)
        try:
            for batch, unsure in parts(run):
                yield from emitter.add(batch, unsure)
                del batch, unsure  # not both this and the next one in memory
            yield from emitter.flush()
        finally:
            self._finish(run)

    def _begin(self, selection: Selection, *, packed: bool = False) -> Pass:
        processes = Processes()
        if self._strings is None:
            problems = self._context.problems
            self._strings = StringFiles(
                self._files.strings,
                lambda path, kind, message: problems.add(self._inside(Path(path)), kind, message),
            )
        decoder = Decoder(self._context.source_index, processes, self._strings, packed=packed)
        return Pass(decoder, Prefilter(selection, decoder.known))

    def _inside(self, path: Path) -> str:
        for folder in self._files.strings:
            if path.is_relative_to(folder):
                return f"{self.name}/{path.relative_to(folder).as_posix()}"
        return path.name

    def _as_stored(self, run: Pass, enough: int | None = None) -> Iterator[Part]:
        sets: Sets = []
        size = 0
        enough = enough or (_SIFTED_BYTES if run.wanted.selection.clauses else BATCH_BYTES)
        for place, packed in self._survey.sets(run):
            last = sets[-1][0] if sets else place
            if size >= enough or (place.path, place.boot_uuid) != (last.path, last.boot_uuid):
                yield from run.decode(sets)
                sets, size = [], 0
            if run.skippable(place):
                run.skipped[place.unit] = place.bare()
                continue
            sets.append((place, run.unpack(place, packed)))
            size += len(sets[-1][1])
        yield from run.decode(sets)
        if run.waiting:
            run.collect_oversize(list(run.skipped.values()))
            yield from run.resolve()

    def _timelines(
        self, run: Pass, share: tuple[int, int] = (0, 1), exchange: Exchange | None = None
    ) -> list[Timeline]:
        """Return the boots, oldest first; of the processes that read the archive this one has the number `share`."""
        number, count = share
        timelines: dict[str, Timeline] = {}
        passed = 0
        for place, packed in self._survey.sets(run):
            mine = exchange is None or passed // _SURVEYED_BYTES % count == number
            passed += len(packed)
            if not run.skippable(place):
                if place.boot_uuid not in timelines:
                    window_bytes = int(WINDOW_BYTES * (_SHARED_WINDOW if count > 1 else 1))
                    timelines[place.boot_uuid] = Timeline(run, place, window_bytes, shared=count > 1)
                timelines[place.boot_uuid].add(place, packed if mine else None)
            elif run.wanted.selection.boots is None or place.boot_uuid in run.wanted.selection.boots:
                run.skipped[place.unit] = place
        boots = list(timelines.values())
        if exchange is not None:
            told = exchange([timeline.seen() for timeline in boots])
            for number, timeline in enumerate(boots):
                timeline.join([seen[number] for seen in told if number < len(seen)])
        return sorted(boots, key=lambda timeline: timeline.begin())

    def _finish(self, run: Pass) -> None:
        tally = run.tally
        notes = []
        if tally.unknown:
            self._unknown |= tally.unknown.keys()
            run.report(self.name, UNKNOWN_RECORD, unknown_types_text(self._unknown), count=sum(tally.unknown.values()))
        for kind, count, text in (
            ("damaged-chunk", tally.damaged, "firehose chunks are damaged, or end inside a record; the rest is kept"),
            ("skipped-bytes", tally.skipped, "bytes in firehose chunks make no record; they were left out"),
            ("damaged-record", tally.broken, "the arguments of a record reach beyond its end; those are left out"),
            ("unknown-process", tally.homeless, "no catalog names the process of a record"),
            ("missing-oversize", tally.incomplete, "the arguments of large records are no longer in the archive"),
        ):
            if count:
                run.report(self.name, kind, text, count=count)
        strings = self._strings
        if strings is not None and strings.missing:
            run.report(self.name, MISSING_STRINGS, missing_strings_text(strings.missing), count=len(strings.missing))
            notes.append(f"strings of {len(strings.missing)} images are missing")
        if tally.lost:
            notes.append(f"the device lost at least {tally.lost} messages")
        if tally.incomplete:
            notes.append(f"{tally.incomplete} large records without their arguments")
        run.publish(self._reported, self._context.problems)
        self._coverage = self._covered(run, notes)

    def _covered(self, run: Pass, notes: list[str]) -> Coverage:
        walls = [
            int(run.clocks[boot].to_ns(np.array(span, np.uint64))[0][end])
            for boot, span in run.spans.items()
            for end in (0, 1)
        ]
        if len(run.spans) > 1:
            notes.append(f"{len(run.spans)} boots")
        if run.skipped:
            notes.append(
                f"{len(run.skipped)} chunk sets that hold no wanted rows were not opened, so their rows are not counted"
            )
        mapped = [(run.clocks[boot], span) for boot, span in run.spans.items()]
        sure = sureness(mapped)
        return Coverage(
            source=self.name,
            reader=self.reader,
            start_ns=min(walls, default=None),
            end_ns=max(walls, default=None),
            rows=run.tally.records,
            clock=", ".join(dict.fromkeys(clock.how for clock in run.clocks.values())),
            certainty_ns=sure.bound_ns,
            notes=(*notes, *sure.notes),
            lost=run.tally.lost,
            clock_step_s=sure.step_s,
            clock_steps=clock_steps(mapped),
        )

    def _describe_device(self) -> None:
        """Fill what the newest header tells and nobody else has told yet."""
        device, capture = self._context.device, self._context.capture
        headers = [header for _, header in file_heads(self._files)]
        if not headers:
            return
        newest = max(headers, key=lambda header: header.wall_ns)
        device.os_build = device.os_build or newest.os_build or None
        if device.model is None and _PRODUCT_TYPE.fullmatch(newest.hardware):
            device.model = newest.hardware
        if device.board is None and _BOARD.fullmatch(newest.hardware):
            device.board = newest.hardware
        if capture.tz is None and newest.zone:
            capture.tz, capture.tz_how = newest.zone, "log"


def missing_strings_text(uuids: Collection[bytes]) -> str:
    """Return what is said of string files that are not there."""
    shown = sorted(map(uuid_text, uuids))
    return "string files are missing, so that some messages have no text: " + ", ".join(shown[:3])


def unknown_types_text(types: Collection[int]) -> str:
    """Return what is said of records of unknown types."""
    return f"records of unknown types ({', '.join(f'{one:#x}' for one in sorted(types))}) were left out"


def _windows(timelines: Sequence[Timeline], number: int, count: int) -> Iterator[tuple[Part | None, bool]]:
    """Yield what `Timeline.rows` yields of all boots, of every `count`-th turn from `number` on."""
    before = 0
    for timeline in timelines:
        yield from timeline.rows((number - before) % count, count)
        before += timeline.windows.turns


def _shown(run: Pass, part: Part, *, packed: bool) -> Part:
    """Return rows as they leave: packed or not."""
    batch, unsure = part
    batch = run.decoder.shown(batch)
    return batch if packed else unpack(batch), unsure


def _decided(
    selection: Selection,
    show: Callable[[Part], Part],
    part: Part | None,
    last: bool,  # noqa: FBT001  (of a pair)
) -> tuple[Any, bool]:
    """Return the wanted rows of a part, and whether it is the last of its turn."""
    return _wanted(selection, show, part), last


def _wanted(selection: Selection, show: Callable[[Part], Part], part: Part | None) -> Any:
    if part is None:
        return pa.RecordBatch.from_pylist([], SCHEMAS["log"])
    batch, unsure = show(part)
    keep = ~unsure
    rows = np.flatnonzero(unsure)
    if selection.everything or not rows.size:
        return batch
    keep[rows] = selection.mask(batch.take(pa.array(rows)))
    return batch.filter(pa.array(keep))
