"""Record batches of a node: the fixed tables, and one table of its own for every other schema."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from traceview_parsers.schema import ARGUMENTS_FIELD, LEVELS, NAME, TIME, table_batch
from traceview_parsers.xctrace.block import NOTHING
from traceview_parsers.xctrace.cells import Cells, pick
from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.document import Node
from traceview_parsers.xctrace.entities import Process, Thread
from traceview_parsers.xctrace.kinds import NO_VALUE, Kind, kind_of
from traceview_parsers.xctrace.layout import INTERVALS, free_name
from traceview_parsers.xctrace.messages import Messages
from traceview_parsers.xctrace.stacks import stacks
from traceview_parsers.xctrace.wall_clock import readings_of

_MAX: Final = (1 << 63) - 1
_NAMED: Final = (Kind.SHOWN, Kind.THREAD, Kind.PROCESS)
_NAMED_NUMBERS: Final = frozenset({"boolean", "address"})
"""Kinds and types whose cells people know by their display text."""
_EMPTY: Final = pa.array(["", str(NO_VALUE)])
_SIGNPOST_TYPES: Final = frozenset({"begin", "end", "event"})

Arrays = dict[str, Any]


class Frame(Struct, frozen=True):
    """What all rows of a node share.

    Attributes:
        node: The node.
        start_ns: UTC nanoseconds of the recording's start, None where unknown.
        paths: Path of each process by pid.
        base: Added to a row's file position to give its reference.
        complain: Called with (kind, message, file positions) for cells that cannot be read.
    """

    node: Node
    start_ns: int | None
    paths: dict[int, str]
    base: int
    complain: Callable[[str, str, Longs], None]


def batch(table: str, cells: Cells, frame: Frame) -> Any:
    """Return the rows of a block as a record batch of `table`."""
    rows = _Rows(cells, frame)
    makers = {"log": rows.log, "signposts": rows.signposts, "intervals": rows.intervals, "samples": rows.samples}
    make = makers.get(table)
    return rows.own() if make is None else make()


def with_arguments(made: Any, cells: Cells, frame: Frame) -> Any:
    """Return rows of ``log`` with the column ``arguments``; `made` is what a selection left of the rows of a block."""
    positions = made.column("ref").to_numpy().view(np.int64) - frame.base
    rows = np.searchsorted(cells.block.row, positions)
    return made.append_column(ARGUMENTS_FIELD, _Rows(cells, frame).arguments(rows))


class _Rows:
    def __init__(self, cells: Cells, frame: Frame) -> None:
        self._cells = cells
        self._frame = frame
        self._count = cells.rows
        self._used: set[int] = set()
        self._ref = pa.array((cells.block.row + frame.base).view(np.uint64))

    def log(self) -> Any:
        """``os-log`` and ``os-signpost``: the unified log as Instruments recorded it."""
        columns = self._actors() | {
            "time": self._time("time"),
            "time_how": "unknown" if self._frame.start_ns is None else "exact",
            "subsystem": self._name("subsystem"),
            "category": self._name("category"),
            "level": self._word("message-type", frozenset(LEVELS)),
            "event": "log",
            "format": self._name("format-string"),
        }
        if self._frame.node.schema != "os-log":
            columns |= self._signpost_of_log()
        columns["process_path"] = self._paths(columns["pid"])
        columns["message"] = Messages(self._cells, self._target("message")).text()
        return table_batch("log", self._count, columns | {"ref": self._ref})

    def arguments(self, rows: Longs) -> Any:
        """Return the typed arguments of some rows of ``log``."""
        return Messages(self._cells, self._target("message")[rows]).arguments()

    def _signpost_of_log(self) -> Arrays:
        return {
            "event": "signpost",
            "level": None,
            "signpost_id": self._unsigned("identifier"),
            "signpost_name": self._name("name"),
            "signpost_type": self._word("event-type", _SIGNPOST_TYPES, "event"),
            "signpost_scope": self._word("scope", None),
        }

    def signposts(self) -> Any:
        """``os-signpost`` and its relatives: single signposts, or intervals that are already paired."""
        duration = self._duration("duration")
        time = self._time("time", "start")
        paired = self._has("duration")
        return table_batch(
            "signposts",
            self._count,
            self._actors("start-thread")
            | {
                "ref": self._ref,
                "time": time,
                "relative_ns": self._relative("time", "start"),
                "end": self._end(time, duration) if paired else None,
                "duration_ns": duration if paired else None,
                "type": "interval" if paired else self._word("event-type", _SIGNPOST_TYPES, "event"),
                "name": self._name("name"),
                "subsystem": self._name("subsystem"),
                "category": self._name("category"),
                "signpost_id": self._unsigned("identifier"),
                "scope": self._word("scope", None),
                "message": self._messages("message", "start-message", "end-message"),
                "format": self._name("format-string"),
                "source_schema": self._frame.node.schema,
            },
        )

    def intervals(self) -> Any:
        """Hangs, run loop and life cycle intervals, thermal states, thread states, audio cycles."""
        duration = self._duration("duration")
        start = self._time("start")
        schema = self._frame.node.schema
        kind = INTERVALS[schema]
        columns = self._actors() | {
            "ref": self._ref,
            "start": start,
            "relative_ns": self._relative("start"),
            "end": self._end(start, duration),
            "duration_ns": duration,
            "kind": kind,
            "label": self._name(
                "hang-type", "interval-type", "period", "thermal-state" if kind == "thermal" else "label"
            ),
            "state": self._name("state", "mode", "thermal-state", kind="event-concept")
            if kind != "runloop"
            else self._name("mode"),
            "nesting": self._signed("nesting-level"),
            "narrative": self._message("narrative", "summary"),
            "core": self._signed("core"),
            "cpu_ns": self._integers(self._target("cputime"), signed=True),
            "wait_ns": self._integers(self._target("waittime"), signed=True),
            "priority": self._signed("priority"),
            "source_schema": schema,
        }
        self._place("end")  # start and duration tell it
        return table_batch("intervals", self._count, columns | {"attributes": self._attributes()})

    def samples(self) -> Any:
        """Profiles: a call stack each time the profiler looked."""
        weight = self._place("weight")
        cycles = weight is not None and self._frame.node.columns[weight].kind == "cycle-weight"
        return table_batch(
            "samples",
            self._count,
            self._actors()
            | {
                "ref": self._ref,
                "time": self._time("time"),
                "relative_ns": self._relative("time"),
                "state": self._name("thread-state"),
                "core": self._signed("core", "core-index"),
                "weight_ns": None if cycles else self._duration("weight"),
                "weight_cycles": self._unsigned("weight") if cycles else None,
                "frames": self._frames(),
                "source_schema": self._frame.node.schema,
            },
        )

    def own(self) -> Any:
        """Any other schema: ``ref``, ``time`` (of its first time column), then its columns by engineering type."""
        columns: Arrays = {"ref": self._ref}
        times = [place for place, column in enumerate(self._frame.node.columns) if kind_of(column.kind) is Kind.TIME]
        if times:
            columns["time"] = self._utc(self._cells.column(times[0]))
        for place, column in enumerate(self._frame.node.columns):
            for name, array in self._own(place, kind_of(column.kind)):
                columns[free_name(f"{column.mnemonic or column.kind}{name}", columns)] = array
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def _own(self, place: int, kind: Kind) -> Iterator[tuple[str, Any]]:
        target = self._cells.column(place)
        if kind in (Kind.TIME, Kind.DURATION):
            yield "_ns", self._integers(target, signed=True)
        elif kind in (Kind.SIGNED, Kind.UNSIGNED):
            yield "", self._integers(target, signed=kind is Kind.SIGNED)
        elif kind is Kind.REAL:
            array, strange = self._cells.reals(target)
            self._strange(strange)
            yield "", array
        elif kind is Kind.EPOCH:
            yield "_ns", self._moments(target)
        elif kind is Kind.THREAD:
            codes, threads = self._cells.threads(target)
            yield "", pick(codes, [thread.name for thread in threads], NAME)
            yield "_tid", pick(codes, [thread.tid for thread in threads], pa.uint64())
            yield "_process", pick(codes, [thread.process.name for thread in threads], NAME)
            yield "_pid", pick(codes, [thread.process.pid for thread in threads], pa.int64())
        elif kind is Kind.PROCESS:
            codes, processes = self._cells.processes(target)
            yield "", pick(codes, [process.name for process in processes], NAME)
            yield "_pid", pick(codes, [process.pid for process in processes], pa.int64())
        elif kind is Kind.MESSAGE:
            yield "", Messages(self._cells, target).text()
        elif kind is Kind.STACK:
            yield "", stacks(self._cells, target)
        else:
            yield "", self._cells.text(target, shown=kind is Kind.SHOWN)

    def _attributes(self) -> Any:
        """Return the cells that no column took, as ``mnemonic=value``; null where all of them are empty."""
        named = []
        for place, column in enumerate(self._frame.node.columns):
            target = self._cells.column(place)
            if place in self._used or (target == NOTHING).all():
                continue
            shown = kind_of(column.kind) in _NAMED or column.kind in _NAMED_NUMBERS
            values = self._cells.text(target, shown=shown).cast(pa.string())
            values = pc.if_else(pc.is_in(values, _EMPTY), pa.scalar(None, pa.string()), values)
            named.append(pc.binary_join_element_wise(f"{column.mnemonic or column.kind}=", values, ""))
        if not named:
            return None
        place_of = np.arange(len(named)) * self._count + np.arange(self._count)[:, None]  # row by row
        values = pa.concat_arrays(named).take(pa.array(place_of.ravel()))
        there = pc.is_valid(values).to_numpy(zero_copy_only=False).reshape(place_of.shape).sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(there)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values.drop_null(), mask=pa.array(there == 0))

    def _place(self, *mnemonics: str, kind: str = "") -> int | None:
        found = self._place_of(*mnemonics, kind=kind)
        if found is not None:
            self._used.add(found)
        return found

    def _place_of(self, *mnemonics: str, kind: str = "") -> int | None:
        columns = self._frame.node.columns
        for mnemonic in mnemonics:
            for place, column in enumerate(columns):
                if column.mnemonic == mnemonic:
                    return place
        return next((place for place, column in enumerate(columns) if kind and column.kind == kind), None)

    def _has(self, mnemonic: str) -> bool:
        return self._place(mnemonic) is not None

    def _target(self, *mnemonics: str, kind: str = "") -> Longs:
        place = self._place(*mnemonics, kind=kind)
        return np.full(self._count, NOTHING, np.int64) if place is None else self._cells.column(place)

    def _actors(self, thread: str = "thread") -> Arrays:
        """Return process, pid, thread and tid; the process of the thread where the row names none itself."""
        thread_codes, threads = self._cells.threads(self._target(thread, kind="thread"))
        place = self._place("process", kind="process")
        processes: list[Process]
        if place is None:
            codes, processes = thread_codes, [one.process for one in threads]
        else:
            codes, processes = self._cells.processes(self._cells.column(place))
            codes, processes = _joined(codes, processes, thread_codes, threads)
        return {
            "process": pick(codes, [one.name for one in processes], NAME),
            "pid": pick(codes, [one.pid for one in processes], pa.int64()),
            "thread": pick(thread_codes, [one.name for one in threads], NAME),
            "tid": pick(thread_codes, [one.tid for one in threads], pa.uint64()),
        }

    def _paths(self, pids: Any) -> Any:
        paths = self._frame.paths
        if not paths:
            return None
        found = pc.index_in(pids, pa.array(list(paths), pa.int64()))
        return pa.DictionaryArray.from_arrays(found, pa.array(list(paths.values()), pa.string()))

    def _name(self, *mnemonics: str, kind: str = "") -> Any:
        place = self._place(*mnemonics, kind=kind)
        if place is None:
            return None
        shown = kind_of(self._frame.node.columns[place].kind) is Kind.SHOWN
        return self._cells.text(self._cells.column(place), shown=shown)

    def _word(self, mnemonic: str, allowed: frozenset[str] | None, default: str | None = None) -> Any:
        """Return a column of lower-case words; what is not allowed becomes null and is counted."""
        codes, values = self._cells.distinct_text(self._target(mnemonic))
        words = [value.lower() or None for value in values.to_pylist()]
        known = [word if allowed is None or word in allowed else None for word in words]
        strange = [number for number, word in enumerate(words) if word is not None and known[number] is None]
        if strange:
            where = self._cells.block.row[np.isin(codes, strange)]
            self._frame.complain("unknown-value", f"{mnemonic} {words[strange[0]]!r} is not known", where)
        return pick(codes, [*known, default], NAME)

    def _message(self, *mnemonics: str) -> Any:
        place = self._place(*mnemonics)
        return None if place is None else Messages(self._cells, self._cells.column(place)).text()

    def _messages(self, *mnemonics: str) -> Any:
        """Return the messages of several columns, of those that are there, one a line."""
        found = [text for mnemonic in mnemonics if (text := self._message(mnemonic)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        texts = [pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text) for text in found]
        joined = pc.binary_join_element_wise(*texts, pa.scalar("\n", texts[0].type), null_handling="skip")
        return pc.if_else(pc.equal(joined, ""), found[0], joined)

    def _frames(self) -> Any:
        """Return the stacks of a profile; of two columns the user's, where it is empty the kernel's."""
        columns = [
            stacks(self._cells, self._cells.column(place))
            for place, column in enumerate(self._frame.node.columns)
            if kind_of(column.kind) is Kind.STACK
        ]
        if not columns:
            return None
        return columns[0] if len(columns) == 1 else pc.if_else(columns[-1].is_null(), columns[0], columns[-1])

    def _moment(self, *mnemonics: str) -> Longs:
        """Return the column of a moment by mnemonic, else the first column of times."""
        place = self._place(*mnemonics)
        if place is None:
            times = (n for n, column in enumerate(self._frame.node.columns) if kind_of(column.kind) is Kind.TIME)
            place = next(times, None)
        return np.full(self._count, NOTHING, np.int64) if place is None else self._cells.column(place)

    def _time(self, *mnemonics: str) -> Any:
        return self._utc(self._moment(*mnemonics))

    def _relative(self, *mnemonics: str) -> Any:
        return self._integers(self._moment(*mnemonics), signed=True)

    def _utc(self, target: Longs) -> Any:
        value, there = self._cells.signed(target)
        start = self._frame.start_ns
        if start is None:
            return pa.nulls(self._count, TIME)
        there &= (value < _MAX - max(start, 0)) & (value > -_MAX - min(start, 0))
        return pa.array(np.where(there, value, 0) + start, mask=~there).cast(TIME)

    def _end(self, start: Any, duration: Any) -> Any:
        return pc.add(start.cast(pa.int64()), duration).cast(TIME)

    def _duration(self, mnemonic: str) -> Any:
        return self._integers(self._target(mnemonic, kind=mnemonic), signed=True)

    def _signed(self, *mnemonics: str) -> Any:
        return self._integers(self._target(*mnemonics), signed=True)

    def _unsigned(self, *mnemonics: str) -> Any:
        return self._integers(self._target(*mnemonics), signed=False)

    def _moments(self, target: Longs) -> Any:
        """Return moments since an epoch, which may be written in any unit: floating point would cost their last digits."""
        codes, values = self._cells.distinct_text(target)
        found = [next(iter(readings_of(text)), None) for text in values.to_pylist()]
        unread = [number for number, moment in enumerate(found) if moment is None]
        self._strange(np.flatnonzero(np.isin(codes, unread)))
        return pa.array(found, pa.int64()).take(pa.array(codes, mask=codes < 0))

    def _integers(self, target: Longs, *, signed: bool) -> Any:
        self._strange(self._cells.unreadable(target, signed=signed))
        value, there = self._cells.signed(target) if signed else self._cells.unsigned(target)
        return pa.array(value, mask=~there)

    def _strange(self, rows: Longs) -> None:
        if len(rows):
            message = f"a cell of {self._frame.node.schema} is no number of its column's type; it is null"
            self._frame.complain("not-a-number", message, self._cells.block.row[rows])


def _joined(
    codes: Longs, processes: list[Process], thread_codes: Longs, threads: list[Thread]
) -> tuple[Longs, list[Process]]:
    """Return the rows' processes, taken from the thread where the cell is empty."""
    unnamed = np.array([one == Process() for one in processes], bool)
    if not unnamed.any():
        return codes, processes
    codes = np.where(unnamed[codes], len(processes) + thread_codes, codes)
    return codes, processes + [one.process for one in threads]
