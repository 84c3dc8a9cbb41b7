"""Reader of the files that describe the sysdiagnose itself: one reader, one subject a module."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from traceview_parsers import schema
from traceview_parsers.errors import InputError
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.sysdiagnose import (
    TABLES,
    call_settings,
    identity,
    jetsam_priority,
    log_statistics,
    processes,
    report_listing,
    running_board,
    shutdown,
    spindump,
    taskinfo,
)
from traceview_parsers.sysdiagnose.sidecar import MOMENT, Place, Reading, times_of
from traceview_parsers.trace import Candidate, Context, Coverage, Reader

_MAX_BYTES: Final = 64 << 20
"""Most of these files are kilobytes; spindumps reach tens of megabytes."""
_HEAD_BYTES: Final = 16_384
_CAPTURE_LOG_BYTES: Final = 1 << 20
"""The capture's name stands in the first lines of ``sysdiagnose.log``."""
_BY_NAME: Final = 60
_BY_CONTENT: Final = 70


class _Subject(Struct, frozen=True):
    """One kind of file: how it is called, how it begins, how it is read into tables."""

    names: re.Pattern[str]
    begins: Callable[[str], bool] | None
    read: Callable[[str, Place], Reading]
    tables: tuple[str, ...]
    missing: str
    alone: bool = True
    """Whether its first characters are so unlike other files that they suffice under any name."""


_SUBJECTS: Final = (
    _Subject(
        re.compile(r"ps\.txt"),
        processes.is_ps,
        processes.read_ps,
        ("processes_at_capture",),
        "has no ps header; the processes at the capture are unknown",
        alone=False,
    ),
    _Subject(
        re.compile(r"ps_thread\.txt"),
        processes.is_ps,
        processes.read_ps_threads,
        ("processes_at_capture",),
        "has no ps header; the numbers of threads are unknown",
        alone=False,
    ),
    _Subject(
        re.compile(r"taskinfo\.txt"),
        taskinfo.is_taskinfo,
        taskinfo.read_taskinfo,
        ("processes_at_capture", "threads_at_capture"),
        "lists no tasks; run times and scheduling at the capture are unknown",
    ),
    _Subject(
        re.compile(r"jetsam_priority\.(?:txt|csv)"),
        None,
        jetsam_priority.read_jetsam_priority,
        ("processes_at_capture",),
        "",
    ),
    _Subject(
        re.compile(r"logdata\.statistics\.\d+\.(?:txt|jsonl)"),
        log_statistics.is_log_statistics,
        log_statistics.read_log_statistics,
        ("log_volume",),
        "holds no logd record; how much each process logged is unknown",
    ),
    _Subject(
        re.compile(r"shutdown.*\.log"),
        shutdown.is_shutdown_log,
        shutdown.read_shutdown_log,
        ("shutdown_clients",),
        "tells of no shutdown",
        alone=False,
    ),
    _Subject(
        re.compile(r"crashes_and_spins\.log"),
        report_listing.is_report_listing,
        report_listing.read_report_listing,
        ("listed_reports",),
        "lists no reports",
        alone=False,
    ),
    _Subject(
        re.compile(r".*-CallSettings\.calldump(?:\.gz)?", re.IGNORECASE),
        None,
        call_settings.read_call_settings,
        ("call_settings",),
        "",
    ),
    _Subject(
        re.compile(r"RunningBoard_state\.log"),
        None,
        running_board.read_running_board,
        ("running_board_state",),
        "",
    ),
    _Subject(
        re.compile(r"spindump.*\.txt"),
        spindump.is_spindump,
        spindump.read_spindump,
        ("processes_at_capture", "threads_at_capture"),
        "has no spindump header",
    ),
)
_IDENTITY: Final = {
    "sysdiagnose.log": "capture time and zone",
    "remotectl_dumpstate.txt": "device identity",
    "SystemVersion.plist": "OS version and build",
}


class SysdiagnoseSource:
    """One describing file; it is read when one of its tables, or what it covers, is first asked for."""

    reader = "sysdiagnose"

    def __init__(self, name: str, tables: tuple[str, ...], read: Callable[[], Reading]) -> None:
        self.name = name
        self.tables = tables
        self._read = read
        self._reading: Reading | None = None

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the one batch of a table; `selection` does not apply."""
        del selection
        if table in self.tables:
            rows = self._known().tables.get(table, [])
            yield pa.RecordBatch.from_pylist(rows, schema=schema.SCHEMAS[table])

    def coverage(self) -> Coverage:
        """Return what the file gave. Most files cover the moment of the capture alone."""
        reading = self._known()
        rows = len(reading.tables.get(self.tables[0], [])) if self.tables else None
        times = times_of(row for rows in reading.tables.values() for row in rows)
        unknown = reading.clock == MOMENT and not times
        return Coverage(
            self.name,
            self.reader,
            min(times, default=None),
            max(times, default=None),
            rows,
            "no capture time known" if unknown else reading.clock,
            None if unknown else reading.certainty_ns,
            reading.notes,
        )

    def _known(self) -> Reading:
        if self._reading is None:
            self._reading = self._read()
        return self._reading


class SysdiagnoseReader:
    """Claims the files by name, and by content where that is unmistakable; `open` checks their content."""

    name = "sysdiagnose"
    tables: tuple[str, ...] = TABLES

    def claims(self, candidate: Candidate) -> int:
        """Return 60 for the known names, 70 for a known content, 0 for everything else."""
        if candidate.is_dir:
            return 0
        name = PurePosixPath(candidate.name).name
        if name in _IDENTITY or _named(name) is not None:
            return _BY_NAME
        head = candidate.head.decode("utf-8", "replace")
        return _BY_CONTENT if head and _begun(head) is not None else 0

    def open(self, candidate: Candidate, context: Context) -> SysdiagnoseSource:
        """Open the file. Raises InputError where its content is not what its name says."""
        path = candidate.path
        if path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        name = PurePosixPath(candidate.name).name
        if name in _IDENTITY:
            if not _describe(name, path, context):
                raise InputError(
                    f"{candidate.name}: does not hold what a sysdiagnose writes there; its facts are missing"
                )
            zoned = name == "sysdiagnose.log" and context.capture.tz_how == "archive name"
            return SysdiagnoseSource(
                candidate.name, ("time_zones",) if zoned else (), partial(_identity, name, candidate.name, context)
            )
        head = _data(path, candidate.name, _HEAD_BYTES).decode("utf-8", "replace")
        subject = _named(name) or _begun(head)
        if subject is None or (subject.begins is not None and not subject.begins(head)):
            raise InputError(f"{candidate.name}: {subject.missing if subject else 'of an unknown kind'}")
        return SysdiagnoseSource(candidate.name, subject.tables, partial(_read, subject, path, candidate.name, context))


def _named(name: str) -> _Subject | None:
    return next((subject for subject in _SUBJECTS if subject.names.fullmatch(name)), None)


def _begun(head: str) -> _Subject | None:
    return next(
        (subject for subject in _SUBJECTS if subject.alone and subject.begins is not None and subject.begins(head)),
        None,
    )


def _read(subject: _Subject, path: Path, name: str, context: Context) -> Reading:
    """Read one file. The capture time may have become known only after the file was opened."""
    capture = context.capture
    place = Place(name, context.source_index, capture.time_ns, capture.tz, context.problems)
    data = _data(path, name, _MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        text = f"larger than {_MAX_BYTES >> 20} MiB; the rest was not read"
        context.problems.add(name, "truncated", text, position=_MAX_BYTES)
    return subject.read(data[:_MAX_BYTES].decode("utf-8", "replace"), place)


def _identity(kind: str, name: str, context: Context) -> Reading:
    """Return what a file about the capture itself tells beside the facts of device and capture: its zone."""
    capture = context.capture
    offset = identity.offset_s(capture.tz) if kind == "sysdiagnose.log" else None
    rows = []
    if offset is not None and capture.time_ns is not None:
        place = Place(name, context.source_index, capture.time_ns, capture.tz, context.problems)
        rows.append({"ref": place.ref(1), "time": capture.time_ns, "utc_offset_s": offset})
    return Reading({"time_zones": rows}, (_IDENTITY[kind],), *(() if rows else ("facts of device and capture",)))


def _describe(kind: str, path: Path, context: Context) -> bool:
    if kind == "sysdiagnose.log":
        text = _data(path, kind, _CAPTURE_LOG_BYTES).decode("utf-8", "replace")
        return identity.from_capture_log(text, context.capture, context.device)
    data = _data(path, kind, _MAX_BYTES)
    if kind == "remotectl_dumpstate.txt":
        return identity.from_remotectl(data.decode("utf-8", "replace"), context.device)
    return identity.from_system_version(data, context.device)


def _data(path: Path, name: str, limit: int) -> bytes:
    """Return at most `limit` bytes of the file, unpacked where it is packed. Raises InputError where it is damaged."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return file.read(limit)
        try:
            with gzip.open(file) as unpacked:
                return unpacked.read(limit)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{name}: damaged gzip file ({error})") from error


READER: Final[Reader] = SysdiagnoseReader()
