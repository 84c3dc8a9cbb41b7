"""A trace: all sources of one capture behind lazily read Arrow tables."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, runtime_checkable
from weakref import finalize

import pyarrow as pa
from msgspec import Struct, field

from traceview_parsers import schema
from traceview_parsers.errors import UsageError
from traceview_parsers.merging import merged
from traceview_parsers.problems import Problems
from traceview_parsers.selection import EVERYTHING, Selection


class ReadOptions(Struct, frozen=True):
    """What the user tells about a capture that its files leave open.

    Attributes:
        date: Date of the first line, for layouts without a date or a year.
        tz: Zone of times that are printed without one.
        os_version: Version of the system, such as ``26.2``, for captures that name none.
    """

    date: dt.date | None = None
    tz: dt.tzinfo | None = None
    os_version: str | None = None


class Device(Struct):
    """Who made the capture. Unknown facts are None."""

    model: str | None = None
    """Product type such as ``iPhone14,2``."""
    os_name: str | None = None
    os_version: str | None = None
    os_build: str | None = None
    name: str | None = None
    serial: str | None = None
    udid: str | None = None
    board: str | None = None
    """Name of the main board, ``D53gAP``: all that the headers of a unified log tell of most devices."""

    @property
    def hardware(self) -> str | None:
        """The model, or the board where only that is known; Apple publishes no list of which board is which model."""
        return self.model or (self.board and f"{self.board} (board)")

    @property
    def system(self) -> str | None:
        """System, version and build: ``iOS 26.2 (23C55)``; ``iOS build 23C55`` where the version is not known."""
        build = self.os_build and (f"({self.os_build})" if self.os_version else f"build {self.os_build}")
        return " ".join(part for part in (self.os_name, self.os_version, build) if part) or None


PRINTED: Final = "printed"
"""How a zone is known in which a tool printed a log: people read times in it, but it need not be the device's."""


class CaptureInfo(Struct):
    """Name and moment of the capture. `time_ns` is UTC; `tz` is the device's zone (``+02:00`` or an IANA name)."""

    name: str = ""
    time_ns: int | None = None
    tz: str | None = None
    tz_how: str = "unknown"
    """Where the zone came from: ``archive name``, ``file name``, ``powerlog`` or ``log`` (the device's), ``user``, ``printed``
    (that of the tool that printed the log), ``assumed`` or ``unknown``."""


class Coverage(Struct, frozen=True):
    """From when to when one source speaks, and how its clock was mapped.

    Attributes:
        source: Path inside the capture.
        reader: Name of the reader.
        start_ns: First time, UTC nanoseconds, or None where no row has a time.
        end_ns: Last time.
        rows: Rows read (log rows or rows of its main table), or None where it was not read yet.
        clock: How times were reached, for people: ``timesync``, ``printed with zone``, ``zone assumed (UTC)`` …
        certainty_ns: Bound of the times' error where known: how finely they are printed, what the clock drifts between
            two looks at wall time, how far a zone that was assumed may be off. Each reader says where its figure is from.
        notes: What is missing or doubtful (lost messages, missing strings, windowed recording).
        lost: Messages that the device itself reports as lost, at least; None where the source cannot tell.
        clock_step_s: Largest step by which the wall clock was set in the covered time, with its sign; 0.0: it was not set;
            None where the source cannot tell.
        clock_steps: When it was set (UTC nanoseconds, by the clock before it) and by how many seconds, where no row tells.
        gaps: Times within, UTC nanoseconds (from, to), of which it holds nothing at all, so that it cannot tell of them.
    """

    source: str
    reader: str
    start_ns: int | None = None
    end_ns: int | None = None
    rows: int | None = None
    clock: str = ""
    certainty_ns: int | None = None
    notes: tuple[str, ...] = ()
    lost: int | None = None
    clock_step_s: float | None = None
    clock_steps: tuple[tuple[int, float], ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()


class Candidate(Struct, frozen=True):
    """Something that a reader may claim: a file (with its first bytes) or a folder.

    Attributes:
        name: Path inside the capture, forward slashes.
        path: Where it lies on disk; None for an archive member that is not kept yet.
        head: Its first 4,096 bytes; empty for a folder.
        is_dir: Whether it is a folder.
    """

    name: str
    path: Path | None
    head: bytes = b""
    is_dir: bool = False


class Context(Struct):
    """What a reader is given to open a source."""

    source_index: int
    options: ReadOptions
    problems: Problems
    device: Device
    capture: CaptureInfo


class Source(Protocol):
    """One opened source of a trace."""

    reader: str
    name: str
    tables: tuple[str, ...]

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield record batches of `table` with its columns from `schema`; `selection` applies to ``log`` only."""

    def coverage(self) -> Coverage:
        """Return what is known of the covered time; complete once the source was read."""


@runtime_checkable
class Placed(Source, Protocol):
    """A source whose positions are no line numbers."""

    def place(self, position: int) -> str:
        """Return where a person finds the row of this position: ``TABLE:ROW`` of a database."""


class Reader(Protocol):
    """One format. Instances hold no state; `open` returns a `Source` that does."""

    name: str
    tables: tuple[str, ...]

    def claims(self, candidate: Candidate) -> int:
        """Return how surely this is the reader's format: 0 no, 50 by name, 100 by content."""

    def open(self, candidate: Candidate, context: Context) -> Source:
        """Open the candidate. May fill `context.device` and `context.capture`; damage goes to `context.problems`."""


class Input(Struct):
    """One path that the user gave.

    Attributes:
        name: Its last component.
        device: Who made it, as far as its own files tell.
        sources: Indices of the sources it gave.
    """

    name: str
    device: Device = field(default_factory=Device)
    sources: list[int] = field(default_factory=list)


class Trace(Struct, weakref=True):
    """All sources of one capture.

    Use as a context manager: closing removes temporary copies of archive members.
    """

    sources: list[Source] = field(default_factory=list)
    device: Device = field(default_factory=Device)
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    problems: Problems = field(default_factory=Problems)
    inputs: list[Input] = field(default_factory=list)
    _temporary: list["finalize[..., Any]"] = field(default_factory=list)
    _closed: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of all tables that some source offers."""
        return tuple(dict.fromkeys(table for source in self.sources for table in source.tables))

    def sources_of(self, table: str) -> list[Source]:
        """Return the sources that offer `table`.

        Raises UsageError where the trace is closed: files that are gone must not look like a table without rows.
        """
        if self._closed:
            raise UsageError(f"{self.capture.name}: the capture is closed; read its tables before close()")
        return [source for source in self.sources if table in source.tables]

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Stream record batches of `table` from every source that has it, source by source.

        Tables that several files fill (reports, processes at the capture, those of PowerLogs that overlap) have one row a
        fact: `merging`.
        """
        sources = self.sources_of(table)
        batches = (batch for source in sources for batch in source.batches(table, selection))
        yield from merged(table, batches, [source.name for source in self.sources], several=len(sources) > 1)

    def table(self, table: str, selection: Selection = EVERYTHING) -> Any:
        """Read `table` whole into an Arrow table. Raises KeyError where neither a source nor the schema knows it."""
        empty = None if table not in schema.SCHEMAS else schema.SCHEMAS[table].empty_table()
        batches = []
        for batch in self.batches(table, selection):
            if batch.num_rows:
                batches.append(batch)
            elif empty is None:
                empty = pa.Table.from_batches([batch])
        if batches:
            return pa.Table.from_batches(batches)
        if empty is None:
            raise KeyError(table)
        return empty

    def coverage(self) -> list[Coverage]:
        """Return what every source tells of itself, once its tables were read; whether they agree is for who understands them."""
        return [source.coverage() for source in self.sources]

    def source_of(self, ref: int) -> tuple[Source, int]:
        """Return the source and the position inside it of a row identity."""
        index, position = schema.split_ref(ref)
        return self.sources[index], position

    def place_of(self, ref: int) -> str | None:
        """Return where a person finds a row; None where its position, a line or record number, tells it."""
        index, position = schema.split_ref(ref)
        source = self.sources[index] if index < len(self.sources) else None
        return source.place(position) if isinstance(source, Placed) else None

    def remove_at_close(self, folder: Path) -> None:
        """Remove a temporary folder at the close, or at the end of the process where an interrupt prevents that."""
        self._temporary.append(finalize(self, shutil.rmtree, folder, ignore_errors=True))

    def close(self) -> None:
        """Remove temporary files, all of them also where it is interrupted. The trace cannot be read afterwards."""
        interrupted: BaseException | None = None
        for one in reversed(self._temporary):
            if (left := one.peek()) is None:
                continue
            _, remove, what, how = left
            try:
                remove(*what, **how)
            except (KeyboardInterrupt, SystemExit) as error:
                interrupted = error
                remove(*what, **how)
            one.detach()
        self._temporary.clear()
        self._closed = True
        if interrupted is not None:
            raise interrupted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()
