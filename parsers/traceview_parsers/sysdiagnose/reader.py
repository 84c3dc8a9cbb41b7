"""Reader of the files that describe the sysdiagnose itself."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from traceview_parsers.errors import InputError
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.sysdiagnose import identity, processes
from traceview_parsers.trace import Candidate, Context, Coverage

_MAX_BYTES = 64 << 20
"""These files are kilobytes; ps.txt may reach a few megabytes."""
_CAPTURE_LOG_BYTES = 1 << 20
"""The capture's name stands in the first lines of ``sysdiagnose.log``."""
_NAMES = ("sysdiagnose.log", "remotectl_dumpstate.txt", "SystemVersion.plist", "ps.txt")


class SysdiagnoseSource:
    """One describing file; ``ps.txt`` has a table, the others fill device and capture."""

    reader = "sysdiagnose"

    def __init__(self, name: str, batch: Any | None, note: str) -> None:
        self.name = name
        self.tables: tuple[str, ...] = ("processes_at_capture",) if batch is not None else ()
        self._batch = batch
        self._note = note

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the processes of ``ps.txt``; `selection` does not apply."""
        del selection
        if table in self.tables:
            yield self._batch

    def coverage(self) -> Coverage:
        """Return what the file gave; it covers a moment, not a span."""
        rows = self._batch.num_rows if self._batch is not None else None
        return Coverage(self.name, self.reader, rows=rows, clock="moment of the capture", notes=(self._note,))


class SysdiagnoseReader:
    """Claims the files by name; `open` checks their content."""

    name = "sysdiagnose"
    tables: tuple[str, ...] = ("processes_at_capture",)

    def claims(self, candidate: Candidate) -> int:
        """Return 60 for the known files, 0 for everything else."""
        return 60 if not candidate.is_dir and PurePosixPath(candidate.name).name in _NAMES else 0

    def open(self, candidate: Candidate, context: Context) -> SysdiagnoseSource:
        """Read the file. Raises InputError where its content is not what its name says."""
        path = candidate.path
        if path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        kind = PurePosixPath(candidate.name).name
        if kind == "ps.txt":
            return _open_ps(path, candidate.name, context)
        if not _describe(kind, path, context):
            raise InputError(f"{candidate.name}: does not hold what a sysdiagnose writes there; its facts are missing")
        return SysdiagnoseSource(candidate.name, None, _NOTE[kind])


_NOTE = {
    "sysdiagnose.log": "capture time and zone",
    "remotectl_dumpstate.txt": "device identity",
    "SystemVersion.plist": "OS version and build",
}


def _describe(kind: str, path: Path, context: Context) -> bool:
    if kind == "sysdiagnose.log":
        return identity.from_capture_log(_text(path, _CAPTURE_LOG_BYTES), context.capture, context.device)
    if kind == "remotectl_dumpstate.txt":
        return identity.from_remotectl(_text(path, _MAX_BYTES), context.device)
    return identity.from_system_version(_data(path, _MAX_BYTES), context.device)


def _open_ps(path: Path, name: str, context: Context) -> SysdiagnoseSource:
    text = _text(path, _MAX_BYTES)
    if not processes.looks_like_ps(text):
        raise InputError(f"{name}: has no ps header; the processes at the capture are unknown")
    batch, misfits = processes.read_ps(text, context.source_index, context.capture.time_ns)
    if misfits:
        context.problems.add(
            name,
            "unreadable-line",
            "lines that do not fit the header",
            position=misfits[0],
            unit="line",
            count=len(misfits),
        )
    return SysdiagnoseSource(name, batch, "processes at the moment of the capture")


def _text(path: Path, limit: int) -> str:
    return _data(path, limit).decode("utf-8", "replace")


def _data(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)
