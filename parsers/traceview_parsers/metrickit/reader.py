"""Reader of one file of payloads."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.errors import InputError
from traceview_parsers.metrickit.records import records
from traceview_parsers.metrickit.shapes import SHAPES, Row
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import Candidate, Context, Coverage

_MOST_BYTES: Final = 256 << 20
"""A payload is some tens of kilobytes; this is years of one app."""
_ROWS_AT_ONCE: Final = 65_536
CERTAINTY_NS: Final = 1_000_000_000
"""Payloads print their window to the second (Apple's examples, ``2019-10-21 07:00:00 +0000``)."""
_BARE: Final = "a call stack without the payload it came in: neither time nor app nor cause is known"
_KEYS: Final = (
    b'"timeStampBegin"',
    b'"timeStampEnd"',
    b'"metaData"',
    b'"diagnosticMetaData"',
    b'"callStackTree"',
    b'"callStacks"',
    b'"callStackRootFrames"',
    b'"callStackPerThread"',
    b'"threadAttributed"',
    b'"applicationTimeMetrics"',
    b'"applicationExitMetrics"',
    b'"applicationLaunchMetrics"',
    b'"applicationResponsivenessMetrics"',
    b'"cellularConditionMetrics"',
    b'"locationActivityMetrics"',
    b'"networkTransferMetrics"',
    b'"signpostMetrics"',
    b'"cpuMetrics"',
    b'"gpuMetrics"',
    b'"memoryMetrics"',
    b'"diskIOMetrics"',
    b'"displayMetrics"',
    b'"animationMetrics"',
    b'"crashDiagnostics"',
    b'"hangDiagnostics"',
    b'"cpuExceptionDiagnostics"',
    b'"diskWriteExceptionDiagnostics"',
    b'"appLaunchDiagnostics"',
)
"""Keys of payloads; two of them in the first bytes are no accident."""


class MetricKitSource:
    """The payloads of one file."""

    reader = "metrickit"

    def __init__(self, name: str, rows: dict[str, list[Row]]) -> None:
        self.name = name
        self._rows = rows
        self.tables: tuple[str, ...] = tuple(table for table, found in rows.items() if found)

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the rows of a table; `selection` does not apply."""
        del selection
        rows = self._rows[table] if table in self.tables else []
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            yield pa.RecordBatch.from_pylist(rows[first : first + _ROWS_AT_ONCE], schema=schema.SCHEMAS[table])

    def coverage(self) -> Coverage:
        """Return the window of all payloads."""
        rows = [row for found in self._rows.values() for row in found]
        ends = [end for row in rows if (end := row.get("end", row.get("time"))) is not None]
        starts = [start for row in rows if (start := row.get("start")) is not None]
        return Coverage(
            self.name,
            self.reader,
            min(starts or ends, default=None),
            max(ends or starts, default=None),
            len(rows),
            clock="printed with zone" if ends else "no times in the payloads",
            certainty_ns=CERTAINTY_NS if ends else None,
            notes=(_BARE,) if any(row.get("kind") == "other" for row in self._rows["reports"]) else (),
        )


class MetricKitReader:
    """Claims JSON with keys of MetricKit payloads."""

    name = "metrickit"
    tables: tuple[str, ...] = ("metrics", "reports")

    def claims(self, candidate: Candidate) -> int:
        """Return 90 for JSON with two keys of payloads."""
        head = candidate.head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if candidate.is_dir or not head.startswith((b"{", b"[")):
            return 0
        return 90 if sum(key in head for key in _KEYS) >= 2 else 0

    def open(self, candidate: Candidate, context: Context) -> MetricKitSource:
        """Read the payloads. Raises InputError where there is none."""
        if candidate.path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        with candidate.path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputError(f"{candidate.name}: larger than {_MOST_BYTES >> 20} MiB; split it into several files")
        rows: dict[str, list[Row]] = {table: [] for table in self.tables}
        count = 0
        for payload in records(data.decode("utf-8-sig", "replace"), candidate.name, context.problems):
            shapes = [shape for shape in SHAPES if shape.fits(payload)]
            if not shapes:
                context.problems.add(
                    candidate.name,
                    "unknown-payload",
                    "JSON objects that are no payload of a known form were left out",
                    sample=", ".join(payload)[:200],
                )
            for shape in shapes:
                for row in shape.read(payload, candidate.name, context.problems):
                    count += 1
                    rows[shape.table].append({"ref": schema.make_ref(context.source_index, count), **row})
        if not count:
            raise InputError(f"{PurePosixPath(candidate.name).name}: no MetricKit payload with any content was found")
        _tell_device(rows, context)
        return MetricKitSource(candidate.name, rows)


def _tell_device(rows: dict[str, list[Row]], context: Context) -> None:
    """Fill device facts where all payloads are of one device, and nobody else knows."""
    every = [row for found in rows.values() for row in found]
    models = {model for row in every if (model := row.get("device") or row.get("model"))}
    if len(models) == 1:
        newest = every[-1]
        context.device.model = context.device.model or models.pop()
        context.device.os_version = context.device.os_version or newest.get("os_version")
        context.device.os_build = context.device.os_build or newest.get("os_build")


READER = MetricKitReader()
