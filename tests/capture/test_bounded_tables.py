"""Source tables beside the log: an analysis reads the last rows of them, query and export give all. Synthetic."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import traceview as tv
from traceview.export import export
from traceview.witness import tables
from traceview_parsers import schema
from traceview_parsers.problems import Problems


class _Trace:
    """A trace with one table in batches of ten rows."""

    def __init__(self) -> None:
        self.problems = Problems()

    def batches(self, table: str) -> Any:
        for start in range(0, 95, 10):
            rows = [{"ref": ref, "locked": True} for ref in range(start, min(start + 10, 95))]
            yield pa.RecordBatch.from_pylist(rows, schema=schema.SCHEMAS[table])


def test_the_last_rows_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 30)
    trace: Any = _Trace()
    kept = tables.newest_rows(trace, "power_lock")
    assert kept["ref"].to_list() == list(range(60, 95))
    (problem,) = trace.problems
    assert (problem.kind, problem.count) == ("too-many-rows", 60)
    assert "query and export give all" in problem.message


def test_export_writes_what_an_analysis_leaves_in_the_file(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 1)
    with tv.open(next(samples.glob("sysdiagnose_*.tar.gz"))) as capture:
        files = {path.stem for path in export(capture, tmp_path, "ndjson")}
        rows = capture.trace.table("processes_at_capture").num_rows
    assert {"processes_at_capture", "log", "terminations"} <= files
    assert len((tmp_path / "processes_at_capture.ndjson").read_text("utf-8").splitlines()) == rows > 1
