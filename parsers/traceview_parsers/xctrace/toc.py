"""The table of contents of a trace: recordings, device, processes, tables."""

import datetime as dt
import re
from typing import Final

from msgspec import Struct, field

from traceview_parsers.xctrace.claims import CONTENTS
from traceview_parsers.xctrace.markup import Element, parse

_VERSION: Final = re.compile(r"(\S+)(?: \((\w+)\))?")
_MAX_BYTES: Final = 64 << 20


class Run(Struct, frozen=True):
    """One recording of a trace.

    Attributes:
        number: As printed, from 1.
        start_ns: ``start-date`` in UTC nanoseconds (printed to the millisecond), or None.
        end_ns: ``end-date`` likewise.
        offset: Zone of these dates as printed, ``-03:00``.
        device: Attributes of the recorded device: uuid, model, name, os-version, platform.
        recording_mode: ``Deferred``, ``Windowed (5 seconds)``, …
        paths: Path of each process by pid.
        tables: Attributes of each table in the order of the file; ``schema`` among them.
    """

    number: int
    start_ns: int | None
    end_ns: int | None
    offset: str | None
    device: dict[str, str]
    recording_mode: str
    paths: dict[int, str]
    tables: list[dict[str, str]] = field(default_factory=list)

    @property
    def os_version(self) -> tuple[str | None, str | None]:
        """Version and build of the recorded system: ``26.3.1 (23D8133)``."""
        match = _VERSION.match(self.device.get("os-version", ""))
        return (match[1], match[2]) if match else (None, None)


def read_toc(data: bytes) -> tuple[list[Run], bool]:
    """Return the recordings of a table of contents, and whether the file is complete."""
    start = data.find(CONTENTS)
    root, complete = parse(data[:_MAX_BYTES], max(start, 0))
    if root is None:
        return [], False
    return [_run(run, place) for place, run in enumerate(root.all("run"), 1)], complete


def _run(run: Element, place: int) -> Run:
    summary = run.find("info", "summary") or Element("summary")
    start, offset = _instant(_text(summary, "start-date"))
    end, _ = _instant(_text(summary, "end-date"))
    device = run.find("info", "target", "device")
    number = run.get("number") or ""
    data = run.find("data")
    processes = run.find("processes")
    return Run(
        number=int(number) if number.isdecimal() and len(number) < 10 else place,
        start_ns=start,
        end_ns=end,
        offset=offset,
        device=dict(device.attributes) if device else {},
        recording_mode=_text(summary, "recording-mode"),
        paths=dict(_paths(processes)) if processes else {},
        tables=[dict(table.attributes) for table in data.all("table")] if data else [],
    )


def _paths(processes: Element) -> list[tuple[int, str]]:
    return [
        (int(pid), path)
        for process in processes.children
        if (pid := process.get("pid")) and pid.isdecimal() and len(pid) < 19 and (path := process.get("path"))
    ]


def _text(parent: Element, tag: str) -> str:
    child = parent.find(tag)
    return child.text.strip() if child else ""


def _instant(text: str) -> tuple[int | None, str | None]:
    """Return UTC nanoseconds and the printed zone of ``2026-04-09T23:31:11.270-03:00``; (None, None) for anything else."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None, None
    if moment.tzinfo is None:
        return None, None
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    seconds = since // dt.timedelta(microseconds=1) * 1000
    return seconds, moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:5]
