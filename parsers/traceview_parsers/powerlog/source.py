"""One opened PowerLog file: its tables as Arrow batches, its clock, and what it covers."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers import schema
from traceview_parsers.clock import offset_text
from traceview_parsers.powerlog import silence, values
from traceview_parsers.powerlog.clock import MICROSECOND, Longs, PowerlogClock, ticks
from traceview_parsers.powerlog.database import ERRORS, Block, Database, DbTable, Lost, opened
from traceview_parsers.powerlog.layout import ACTION_OFFSET, CLOCK_TABLE, LAYOUTS, OFFSETS, Layout, Lookup, Names
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Context, Coverage

_ROW_BITS: Final = 32
"""A row's position: number of its table in `PowerlogSource.parts` above, row id (cut to 32 bits) below."""
_MOST_PARTS: Final = 1 << (schema.REF_POSITION_BITS - _ROW_BITS)
_BLOCKS_AT_ONCE: Final = 64
_LITE: Final = (
    "recorded in Lite mode: many tables stay empty, so that nothing was noted is no evidence that nothing was"
)
_CERTAINTY_NS: Final = 1_000_000_000
"""Pushes and calls are noted in whole seconds. The clock itself is better: the closing rows of one real file of iPadOS 15,
which hold wall time beside the stamp, agree with the table of offsets within 0.1 s."""
_NO_OFFSETS: Final = (
    "PowerLog's own clock as it is: the table of offsets is missing, times may be off by minutes to days"
)

_CONFIGURATION: Final = "PLStorageOperator_EventForward_Configuration"
_ZONES: Final = "PLLocaleAgent_EventForward_TimeZone"
_DAY_S: Final = 86_400
_SHOWN: Final = 5
_PREFIXES: Final = ("PL", "BackgroundProcessing_")

Part = tuple[Layout, DbTable]


class PowerlogSource:
    """A PowerLog file. Tables that it does not have are not offered."""

    reader = "powerlog"

    def __init__(self, name: str, path: Path, context: Context, database: Database) -> None:
        self.name = name
        self._path = path
        self._index = context.source_index
        self._problems = context.problems
        self._told: set[str] = set()
        self._coverage: Coverage | None = None
        if database.damage:
            self._problem("damaged", f"the database is damaged or cut off; what is left was read ({database.damage})")
        self.clock, self._offsets = _clock(database)
        self._parts: list[Part] = [(layout, table) for layout in LAYOUTS for table in database.find(layout.source)]
        if len(self._parts) >= _MOST_PARTS:  # the last number stands for the table of offsets
            self._problem(
                "too-many-tables", "more tables of the same name than any PowerLog has; the rest was not read"
            )
            del self._parts[_MOST_PARTS - 1 :]
        found = dict.fromkeys(layout.table for layout, _ in self._parts)
        self.tables: tuple[str, ...] = (*found, CLOCK_TABLE) if self.clock.known else tuple(found)
        self._mode = self._newest(database, _CONFIGURATION, "Mode")
        self._tell_device(database, context)

    def _newest(self, database: Database, table: str, column: str) -> str | None:
        """Return the newest text of a column, or None."""
        try:
            found = database.last(table, column)
        except ERRORS as error:
            self._problem(f"damaged-table:{table}", f"{table} is damaged and was not read", sample=str(error))
            return None
        return found if isinstance(found, str) and found else None

    def _tell_device(self, database: Database, context: Context) -> None:
        """Fill device facts that nobody else knows."""
        build = self._newest(database, "PLConfigAgent_EventNone_Config", "Build")
        context.device.os_build = context.device.os_build or build
        zone = self._newest(database, _ZONES, "TimeZoneName")
        if context.capture.tz is None and zone is not None:
            context.capture.tz, context.capture.tz_how = zone, "powerlog"

    def place(self, position: int) -> str:
        """Return ``TABLE:ROW``: the file's own table and the id (``ROWID``) of the row in it."""
        ordinal, row = position >> _ROW_BITS, position & ((1 << _ROW_BITS) - 1)
        return f"{self._parts[ordinal][1].name if ordinal < len(self._parts) else self._offsets}:{row}"

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of a table in the order of the file's rows; `selection` does not apply."""
        del selection
        if table == CLOCK_TABLE and table in self.tables:
            yield self._clock_steps()
        for ordinal, (layout, of_file) in enumerate(self._parts):
            if layout.table == table:
                with opened(self._path) as database:
                    yield from self._read(database, ordinal, layout, of_file)

    def coverage(self) -> Coverage:
        """Return the covered time: from the first measurement (states of forward tables may be older) to the last."""
        if self._coverage is None:
            self._coverage = self._measure()
        return self._coverage

    def _read(self, database: Database, ordinal: int, layout: Layout, table: DbTable) -> Iterator[Any]:
        plan = _Plan(layout, table)
        lookup = self._lookup(database, layout.lookup) if layout.lookup else None
        for ids, arrays in self._chunks(database, plan):
            if lookup is not None:
                arrays.update(_joined(arrays, *lookup))
            if layout.derive:
                arrays.update(layout.derive(arrays))
            arrays.update(self._times(plan, arrays))
            positions = (ordinal << _ROW_BITS) | (ids & ((1 << _ROW_BITS) - 1))
            arrays["ref"] = pa.array((self._index << schema.REF_POSITION_BITS) | positions, pa.uint64())
            yield _batch(layout.table, arrays, len(ids))
        self._told.add(table.name)

    def _chunks(self, database: Database, plan: "_Plan") -> Iterator[tuple[Longs, dict[str, Any]]]:
        """Yield row ids and columns as Arrow has them, many blocks at once."""
        ids: list[Longs] = []
        columns: list[list[Any]] = []
        for block in database.blocks(plan.table, plan.columns):
            if isinstance(block, Lost):
                self._problem(
                    f"damaged-table:{plan.table.name}",
                    f"a part of {plan.table.name} is damaged; the rows before and after it were read",
                    sample=f"{block.message} (after row {block.after_row})",
                )
                continue
            ids.append(block.ids)
            columns.append(self._arrays(plan, block))
            if len(ids) == _BLOCKS_AT_ONCE:
                yield _whole(plan, ids, columns)
                ids, columns = [], []
        if ids:
            yield _whole(plan, ids, columns)

    def _arrays(self, plan: "_Plan", block: Block) -> list[Any]:
        arrays = []
        for (name, kind), column in zip(plan.wanted, block.columns, strict=True):
            found, unfit = values.array(column, kind)
            arrays.append(found)
            if unfit:
                self._problem(
                    f"wrong-type:{plan.table.name}.{name}",
                    f"{plan.table.name} has values that are no {kind}; they were left out",
                    count=unfit,
                )
            if name in plan.layout.columns:
                arrays[-1], impossible = values.possible(found, plan.layout.table, name)
                if impossible:
                    self._problem(
                        f"impossible-value:{plan.table.name}.{name}",
                        f"{plan.table.name} has values of {name} that cannot be; they were left out",
                        count=impossible,
                    )
        return arrays

    def _times(self, plan: "_Plan", arrays: dict[str, Any]) -> dict[str, Any]:
        """Wall time of the stamps, and of interval ends by the length of the interval on PowerLog's clock."""
        stamps, timed = _ticks(arrays["_start"])
        if plan.layout.clock == "assertion":
            late, known = _ticks(pc.divide(arrays["_action_offset"], 1000.0))
            start = np.where(known, stamps + late, self.clock.wall(stamps))
        else:
            start = stamps if plan.layout.clock == "wall" else self.clock.wall(stamps)
        untimed = len(timed) - int(np.count_nonzero(timed)) - arrays["_start"].null_count
        if untimed:
            self._problem(
                f"impossible-time:{plan.table.name}", f"{plan.table.name} has stamps that are no times", count=untimed
            )
        found = {"time": _instants(start, timed)}
        if plan.layout.end:
            ends, ended = _ticks(arrays["_end"])
            found["end"] = _instants(start + (ends - stamps), timed & ended)
        elif plan.layout.length:
            lengths, measured = _ticks(arrays["_length"])
            found["end"] = _instants(start + lengths, timed & measured)
        for name in plan.layout.instants:
            further, known = _ticks(arrays[name])
            found[name] = _instants(self.clock.wall(further), known)
        return found

    def _lookup(self, database: Database, lookup: Lookup) -> tuple[Lookup, dict[str, Any]]:
        kinds = {name: pa.string() for name in ("_key", *lookup.columns)}
        chunks: dict[str, list[Any]] = {name: [] for name in kinds}
        for table in database.find(lookup.table):
            sources = {"_key": lookup.key, **lookup.columns}
            present = {name: column for name, column in sources.items() if column in table.columns}
            for block in database.blocks(table, list(present.values())) if "_key" in present else ():
                if isinstance(block, Lost):
                    self._problem(
                        f"damaged-table:{table.name}", f"a part of {table.name} is damaged; some tasks have no name"
                    )
                    continue
                read = dict(zip(present, block.columns, strict=True))
                for name, kind in kinds.items():
                    missing = pa.nulls(len(block.ids), kind)
                    chunks[name].append(values.array(read[name], kind)[0] if name in read else missing)
        return lookup, {name: pa.chunked_array(parts, pa.string()).combine_chunks() for name, parts in chunks.items()}

    def _clock_steps(self) -> Any:
        clock = self.clock
        step = np.diff(clock.offsets, prepend=clock.offsets[:1]) / 1e6
        rows = len(clock.stamps)
        position = (_MOST_PARTS - 1 << _ROW_BITS) | (clock.ids & ((1 << _ROW_BITS) - 1))
        arrays = {
            "ref": pa.array((self._index << schema.REF_POSITION_BITS) | position, pa.uint64()),
            "time": _instants(clock.stamps + clock.offsets, np.ones(rows, bool)),
            "offset_s": pa.array(clock.offsets / 1e6),
            "step_s": pa.array(step, mask=np.arange(rows) == 0),
        }
        return _batch(CLOCK_TABLE, arrays, rows)

    def _measure(self) -> Coverage:
        """Every measurement counts for the start, only those of the last rows (of all of the file's tables) for the end."""
        measured: list[int | None] = []
        carried: list[int | None] = []
        noted: list[tuple[int | None, int | None]] = []
        rows = 0
        with opened(self._path) as database:
            for layout, table in self._parts:
                if layout.start not in table.columns:
                    continue
                try:
                    hours = database.hours(table, layout.start)
                except ERRORS as error:
                    self._problem(
                        f"damaged-table:{table.name}", f"a part of {table.name} is damaged", sample=str(error)
                    )
                    continue
                rows += sum(count for count, _, _ in hours)
                first = min((least for _, least, _ in hours if least is not None), default=None)
                wall = layout.clock == "wall"
                noted += ((self._instant(least, wall=wall), self._instant(most, wall=wall)) for _, least, most in hours)
                (carried if layout.carried else measured).append(self._instant(first, wall=wall))
            end = self._instant(database.newest("timestamp", _PREFIXES))
            self._count_the_rest(database)
            zones = tuple(self._zones(database))
        starts = [one for one in measured if one is not None] or [one for one in carried if one is not None]
        start = min(starts, default=None)
        gaps = silence.gaps(noted, start)
        return Coverage(
            self.name,
            self.reader,
            start,
            end,
            rows,
            clock=self._describe_clock(),
            certainty_ns=_CERTAINTY_NS if self.clock.known else None,
            notes=(*self._notes(), *silence.told(gaps), *zones),
            gaps=gaps,
        )

    def _count_the_rest(self, database: Database) -> None:
        """Count the rows of all tables that are not read, as one problem."""
        read = {table.name for _, table in self._parts} | set(self._looked_up(database))
        counts: dict[str, int] = {}
        damaged = 0
        for name in database.names:
            if name not in read:
                try:
                    counts[name] = database.rows(name)
                except ERRORS:
                    damaged += 1
        filled = sorted((name for name, rows in counts.items() if rows), key=lambda name: -counts[name])
        if filled or damaged:
            lost = f", and {damaged} of them are damaged" if damaged else ""
            self._problem(
                "tables-not-read",
                f"{len(filled) + damaged} tables tell of other things than apps, calls, audio and load{lost}: "
                "their rows were not read",
                count=sum(counts.values()),
                sample=", ".join(filled),
            )

    @staticmethod
    def _looked_up(database: Database) -> Iterator[str]:
        """Yield the tables that are read besides those of `LAYOUTS`: clocks, names of tasks, configuration."""
        for name in (*OFFSETS, _CONFIGURATION, *(one.lookup.table for one in LAYOUTS if one.lookup)):
            yield from (table.name for table in database.find(name))

    def _zones(self, database: Database) -> Iterator[str]:
        """Tell the offsets from UTC that the device had, where there are several."""
        told: list[int] = []
        for table in database.find(_ZONES):
            if "SecondsFromGMT" in table.columns:
                blocks = (block for block in database.blocks(table, ["SecondsFromGMT"]) if isinstance(block, Block))
                told += [one for block in blocks for one in block.columns[0] if isinstance(one, int)]
        changes = [one for one, _ in groupby(told) if abs(one) < _DAY_S]
        if len(changes) > 1:
            shown = ", then ".join(f"UTC{offset_text(one)}" for one in changes[:_SHOWN])
            more = ", …" if len(changes) > _SHOWN else ""
            yield f"the device changed its zone (a journey, or daylight saving): {shown}{more}"

    def _instant(self, stamp: float | None, *, wall: bool = False) -> int | None:
        """Return a stamp in UTC nanoseconds, or None where it is no time."""
        stamps, valid = ticks(np.array([np.nan if stamp is None else stamp]))
        return int((stamps if wall else self.clock.wall(stamps))[0]) * MICROSECOND if valid[0] else None

    def _describe_clock(self) -> str:
        if not self.clock.known:
            return _NO_OFFSETS
        rows = len(self.clock.stamps)
        return f"PowerLog's table of offsets ({rows} row{'s' * (rows != 1)})"

    def _notes(self) -> Iterator[str]:
        if not self._parts:
            yield "holds none of the tables that are read"
        if self._mode == "Lite":
            yield _LITE
        if self.clock.steps:
            largest = float(np.abs(np.diff(self.clock.offsets)).max()) / 1e6
            times = "once" if self.clock.steps == 1 else f"{self.clock.steps} times"
            yield f"the wall clock was set {times} while this was recorded, by up to {largest:,.0f} s"

    def _problem(self, kind: str, message: str, *, count: int = 1, sample: str = "") -> None:
        """Count a problem once, however often a table is read."""
        table = kind.partition(":")[2].split(".")[0]
        if table not in self._told or not table:
            self._problems.add(self.name, kind, message, count=count, sample=sample)


class _Plan:
    """What to read of one table of the file, and as what."""

    def __init__(self, layout: Layout, table: DbTable) -> None:
        self.layout = layout
        self.table = table
        kinds = {one.name: one.type for one in schema.SCHEMAS[layout.table]}
        sources: dict[str, Names] = {**layout.columns, "_start": layout.start}
        self.kinds: dict[str, Any] = {**{name: kinds.get(name) for name in layout.columns}, "_start": pa.float64()}
        for name, column in (("_end", layout.end), ("_length", layout.length), *layout.instants.items()):
            if column:
                sources[name], self.kinds[name] = column, pa.float64()
        if layout.clock == "assertion":
            sources["_action_offset"], self.kinds["_action_offset"] = ACTION_OFFSET, pa.float64()
        for name, (choices, kind) in layout.extra.items():
            sources[name], self.kinds[name] = choices, kind
        present = {name: _first(names, table) for name, names in sources.items()}
        self.columns = [column for column in present.values() if column is not None]
        self.wanted = [(name, self.kinds[name]) for name, column in present.items() if column is not None]


def _whole(plan: _Plan, ids: list[Longs], columns: list[list[Any]]) -> tuple[Longs, dict[str, Any]]:
    """Put blocks together; columns that the file does not have are null."""
    whole = np.concatenate(ids)
    parts = {name: part for (name, _), part in zip(plan.wanted, zip(*columns, strict=True), strict=True)}
    return whole, {
        name: pa.concat_arrays(parts[name]) if name in parts else pa.nulls(len(whole), kind)
        for name, kind in plan.kinds.items()
    }


def _first(names: Names, table: DbTable) -> str | None:
    candidates = (names,) if isinstance(names, str) else names
    return next((name for name in candidates if name in table.columns), None)


def _clock(database: Database) -> tuple[PowerlogClock, str]:
    """Return the clock of the file and the name of the table that tells it."""
    stamps: list[Any] = []
    offsets: list[Any] = []
    ids: list[Any] = []
    told = OFFSETS[0]
    for name in OFFSETS:
        for table in database.find(name):
            if {"timestamp", "system"} <= table.columns:
                for block in database.blocks(table, ["timestamp", "system"]):
                    if isinstance(block, Block):
                        stamps.append(_reals(block.columns[0]))
                        offsets.append(_reals(block.columns[1]))
                        ids.append(block.ids)
                        told = table.name
    if not stamps:
        return PowerlogClock.unknown(), told
    return PowerlogClock(np.concatenate(stamps), np.concatenate(offsets), np.concatenate(ids)), told


def _reals(column: tuple[Any, ...]) -> Any:
    return values.array(column, pa.float64())[0].fill_null(float("nan")).to_numpy(zero_copy_only=False)


def _ticks(seconds: Any) -> tuple[Longs, Any]:
    return ticks(seconds.fill_null(float("nan")).to_numpy(zero_copy_only=False))


def _instants(microseconds: Longs, valid: Any) -> Any:
    """Arrow times of microseconds, null where not valid or beyond 64 bits of nanoseconds."""
    limit = np.iinfo(np.int64).max // MICROSECOND
    fits = valid & (np.abs(microseconds) <= limit)
    nanoseconds = np.where(fits, microseconds, 0) * MICROSECOND
    return pa.array(nanoseconds, pa.int64(), mask=~fits).cast(schema.TIME)


def _joined(arrays: dict[str, Any], lookup: Lookup, others: dict[str, Any]) -> dict[str, Any]:
    rows = pc.index_in(arrays[lookup.our_key], others["_key"], skip_nulls=True)
    return {name: others[name].take(rows) for name in lookup.columns}


def _batch(table: str, arrays: dict[str, Any], rows: int) -> Any:
    fields = schema.SCHEMAS[table]
    columns = [arrays[one.name].cast(one.type) if one.name in arrays else pa.nulls(rows, one.type) for one in fields]
    return pa.RecordBatch.from_arrays(columns, schema=fields)
