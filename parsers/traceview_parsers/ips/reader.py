"""Reader of one report file."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.clock import resolution_ns
from traceview_parsers.errors import InputError
from traceview_parsers.ips import core_analytics, jetsam, kinds, stackshot
from traceview_parsers.ips.values import Row, filled
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Candidate, Context, Coverage

_MAX_BYTES: Final = 256 << 20
"""Stackshots reach tens of megabytes; nothing real is larger."""
_SUFFIXES: Final = (".ips", ".crash", ".ips.synced", ".ips.beta", ".ips.ca.synced")
_MARKS: Final = (
    b"Incident Identifier:",
    b"\nAction taken:",
    b"Exception Type:",
    b"exceeding limit of",
    b" Runloop Hang",
)
"""Words of text reports that stand in their first lines."""
_LONGEST_BUG_TYPE: Final = 16
"""Apple's longest is ``system_profile``."""
_NO_REPORTS: Final = ("WiFiLQMMetrics", "OTAUpdate", "SFA-")
"""Files among the reports that report nothing of a process."""


class IpsSource:
    """One report: a row of ``reports`` (of a jetsam event one a victim), and the processes that it lists."""

    reader = "ips"

    def __init__(self, name: str, tables: dict[str, list[Row]]) -> None:
        self.name = name
        self._rows = tables
        self.tables: tuple[str, ...] = tuple(table for table, rows in tables.items() if rows)

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the one batch of a table; `selection` does not apply."""
        del selection
        if table in self.tables:
            yield pa.RecordBatch.from_pylist(self._rows[table], schema=schema.SCHEMAS[table])

    def coverage(self) -> Coverage:
        """Return the moment of the report, or the window that it measured; sure to the last digit that it prints.

        Crash reports print 0.1 ms, headers 10 ms, resource reports milliseconds or (before iOS 14) whole seconds.
        """
        reports = self._rows["reports"]
        times = [row[key] for row in reports for key in ("time", "start") if row.get(key) is not None]
        return Coverage(
            self.name,
            self.reader,
            min(times, default=None),
            max(times, default=None),
            len(reports),
            clock="printed with zone" if times else "no time in the report",
            certainty_ns=resolution_ns(np.array(times, np.int64)),
            notes=tuple(_notes(reports)),
        )


class IpsReader:
    """Claims ``.ips`` and ``.crash`` files and texts that look like one."""

    name = "ips"
    tables: tuple[str, ...] = ("reports", "jetsam_processes", "jetsam_counts", "stackshot_processes")

    def claims(self, candidate: Candidate) -> int:
        """Return 95 for a header line, 80 for a text report, 40 for a name alone."""
        head = candidate.head.removeprefix(b"\xef\xbb\xbf")
        name = PurePosixPath(candidate.name).name
        if candidate.is_dir or not head or b"\0" in head[:64] or name.startswith(_NO_REPORTS):
            return 0
        if head.startswith(b"{") and b'"bug_type"' in head.split(b"\n", 1)[0]:
            return 95
        if sum(mark in head for mark in _MARKS) >= 1 and b"OS Version:" in head:
            return 80
        if b"exceeding limit of" in head and b"Action taken:" in head:
            return 80
        named = name.lower().endswith(_SUFFIXES)
        return 40 if named and head.lstrip()[:1] in (b"{", b"I", b"P", b"D") else 0

    def open(self, candidate: Candidate, context: Context) -> IpsSource:
        """Read the report. Raises InputError where it holds none."""
        if candidate.path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        from traceview_parsers.ips.cuts import cut_off  # noqa: PLC0415  (every reader is asked, few are used)
        from traceview_parsers.ips.rows import read_report  # noqa: PLC0415

        with candidate.path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        name = candidate.name
        if len(data) > _MAX_BYTES:
            text = f"larger than {_MAX_BYTES >> 20} MiB; the rest was not read"
            context.problems.add(name, "truncated", text, position=_MAX_BYTES)
        try:
            row, body, rest = read_report(data[:_MAX_BYTES].decode("utf-8-sig", "replace"), PurePosixPath(name).name)
        except ValueError as error:
            raise InputError(f"{name}: no crash, jetsam or resource report ({error})") from error
        if body is None and (not rest.strip() or (row["kind"] != kinds.OTHER and rest.lstrip()[0] in "{[")):
            text = "the report's body is missing, cut off or damaged; only its header was read"
            context.problems.add(name, "truncated", text, position=len(data))
        elif body is None and row["kind"] != kinds.OTHER and (lacking := cut_off(row, rest)) is not None:
            context.problems.add(name, *lacking, position=len(data))
        if row.get("time") is None:
            context.problems.add(
                name, "no-time", "the report has no time: what it tells is judged, but has no place beside the log"
            )
        if row["kind"] == kinds.OTHER:
            _tell_unread(name, str(row.get("bug_type") or ""), context)
        _device(row, context)
        return IpsSource(name, _tables(row, body, rest, context.source_index))


def _tell_unread(name: str, bug_type: str, context: Context) -> None:
    """Count a report of a kind that is not known: there may be hundreds in a folder, and they are told by kind."""
    number = bug_type if bug_type.isascii() and bug_type.isalnum() and len(bug_type) <= _LONGEST_BUG_TYPE else "none"
    known = kinds.UNREAD.get(number)
    kind = f"{known} (bug type {number})" if known else f"no known kind (bug type {number})"
    read = (
        "only their first line and counts of jetsam were"
        if number == core_analytics.BUG_TYPE
        else "only their first line was"
    )
    text = f"reports of {kind}: {read} read"
    folder = name.rpartition("/")[0]
    context.problems.add(folder or name, f"unread-report-{number}", text, sample=PurePosixPath(name).name)


def _tables(row: Row, body: dict[str, Any] | None, rest: str, source_index: int) -> dict[str, list[Row]]:
    identity = {"ref": schema.make_ref(source_index, 1), **row}
    shared = {"time": row.get("time"), "incident": row.get("incident")}

    def placed(rows: list[Row]) -> list[Row]:
        return [{"ref": schema.make_ref(source_index, at), **shared, **one} for at, one in enumerate(rows, 2)]

    if row["kind"] == "jetsam" or (body is not None and kinds.of_body(body) == "jetsam"):
        rows = placed(jetsam.processes(body) if body and isinstance(body.get("processes"), list) else [])
        rows = rows or placed(jetsam.text_processes(rest) if body is None else [])
        killed = [_killed(identity, victim) for victim in jetsam.victims(rows)]
        return {"reports": killed or [identity | {"kind": "jetsam"}], "jetsam_processes": rows}
    if row.get("bug_type") == core_analytics.BUG_TYPE:
        return {"reports": [identity], core_analytics.TABLE: placed(core_analytics.jetsam_counts(rest))}
    rows = placed(stackshot.processes(body) if body is not None else [])
    if row["kind"] == "stackshot" and body is None:
        rows = placed(stackshot.text_processes(rest))
    return {"reports": [identity], "stackshot_processes": rows}


def _notes(reports: list[Row]) -> Iterator[str]:
    """Tell why a report proves no end of a process and no limit that one passed."""
    kind = reports[0]["kind"]
    if kind in kinds.SILENT:
        yield f"tells of {kinds.SILENT[kind]}: neither of the end of a process nor of a limit"
    elif kind != kinds.OTHER and not any(row.get("process") for row in reports):
        yield "names no process, so that it cannot be laid at anybody's door"


def _killed(identity: Row, victim: Row) -> Row:
    return filled(
        identity,
        {
            "ref": victim["ref"],
            "kind": "jetsam",
            "process": victim["process"],
            "pid": victim["pid"],
            "explanation": victim["reason"],
            "role": victim["states"] or None,
            "victim_bytes": victim["resident_bytes"],
        },
    )


def _device(row: Row, context: Context) -> None:
    """Fill device facts that nobody else knows; a report may come from another device, so it never overrules."""
    device = context.device
    device.model = device.model or row.get("model")
    device.os_version = device.os_version or row.get("os_version")
    device.os_build = device.os_build or row.get("os_build")


READER = IpsReader()
