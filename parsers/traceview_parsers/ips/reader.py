"""Reader of one report file."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.errors import InputError
from traceview_parsers.ips import jetsam
from traceview_parsers.ips.rows import Row, merged, read_report
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Candidate, Context, Coverage

_MAX_BYTES = 256 << 20
"""Stackshots reach tens of megabytes; nothing real is larger."""
_SUFFIXES = (".ips", ".crash", ".ips.synced", ".ips.beta", ".ips.ca.synced")
_MARKS = (
    b"Incident Identifier:",
    b"\nAction taken:",
    b"Exception Type:",
    b"exceeding limit of",
)
"""Words of text reports that stand in their first lines."""


_JSON_KINDS = ("crash", "jetsam", "stackshot", "force_reset", "panic")
"""Kinds whose body is one JSON object where it begins with a brace."""


class IpsSource:
    """One report: a row of ``reports`` (of a jetsam event one a victim), and the processes of a jetsam event."""

    reader = "ips"

    def __init__(self, name: str, reports: list[Row], processes: list[Row]) -> None:
        self.name = name
        self._rows = {"reports": reports, "jetsam_processes": processes}
        self.tables: tuple[str, ...] = tuple(table for table, rows in self._rows.items() if rows)

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the one batch of a table; `selection` does not apply."""
        del selection
        if table in self.tables:
            yield pa.RecordBatch.from_pylist(self._rows[table], schema=schema.SCHEMAS[table])

    def coverage(self) -> Coverage:
        """Return the moment of the report."""
        times = [row["time"] for row in self._rows["reports"] if row.get("time") is not None]
        return Coverage(
            self.name,
            self.reader,
            min(times, default=None),
            max(times, default=None),
            len(self._rows["reports"]),
            clock="printed with zone" if times else "no time in the report",
        )


class IpsReader:
    """Claims reports by their JSON header, by their text, or by name."""

    name = "ips"
    tables: tuple[str, ...] = ("reports", "jetsam_processes")

    def claims(self, candidate: Candidate) -> int:
        """Return 95 for a JSON header with ``bug_type``, 80 for the text of a report, 40 for a name alone."""
        head = candidate.head.lstrip(b"\xef\xbb\xbf")
        if candidate.is_dir or not head or b"\0" in head[:64]:
            return 0
        if head.startswith(b"{") and b'"bug_type"' in head.split(b"\n", 1)[0]:
            return 95
        if sum(mark in head for mark in _MARKS) >= 1 and b"OS Version:" in head:
            return 80
        if b"exceeding limit of" in head and b"Action taken:" in head:
            return 80
        named = PurePosixPath(candidate.name).name.lower().endswith(_SUFFIXES)
        return 40 if named and head.lstrip()[:1] in (b"{", b"I", b"P", b"D") else 0

    def open(self, candidate: Candidate, context: Context) -> IpsSource:
        """Read the report. Raises InputError where it holds none."""
        if candidate.path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        with candidate.path.open("rb") as file:
            data = file.read(_MAX_BYTES)
        try:
            row, body = read_report(data.decode("utf-8-sig", "replace"))
        except ValueError as error:
            raise InputError(f"{candidate.name}: no crash, jetsam or resource report ({error})") from error
        if body is None and row["kind"] in _JSON_KINDS and b"\n{" in data[:8192]:
            context.problems.add(
                candidate.name,
                "truncated",
                "the report's body is cut off or damaged; only its header was read",
                position=len(data),
            )
        if row.get("time") is None:
            context.problems.add(candidate.name, "no-time", "the report has no time and cannot be placed")
        _device(row, context)
        return _source(candidate.name, row, body, context.source_index)


def _source(name: str, row: Row, body: dict[str, Any] | None, source_index: int) -> IpsSource:
    identity = {"ref": schema.make_ref(source_index, 1), **row}
    if body is None or not jetsam.is_jetsam(body):
        return IpsSource(name, [identity], [])
    shared = {"time": row.get("time"), "incident": row.get("incident")}
    rows = [
        {"ref": schema.make_ref(source_index, position), **shared, **one}
        for position, one in enumerate(jetsam.processes(body), 2)
    ]
    killed = [
        merged(
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
        for victim in jetsam.victims(rows)
    ]
    return IpsSource(name, killed or [identity | {"kind": "jetsam"}], rows)


def _device(row: Row, context: Context) -> None:
    """Fill device facts that nobody else knows; a report may come from another device, so it never overrules."""
    device = context.device
    device.model = device.model or row.get("model")
    device.os_version = device.os_version or row.get("os_version")
    device.os_build = device.os_build or row.get("os_build")


READER = IpsReader()
