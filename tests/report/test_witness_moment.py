"""What the describing files of a capture tell of the analysed apps. All rows are synthetic."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.episodes.schema import EPISODES
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moments
from traceview.report.views.witnesses import witnesses_view
from traceview.witness.moment import capture_facts
from traceview_parsers import schema

APP = "com.acme.voip"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def table(name: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    full = [{"ref": number, "time": NOON, **row} for number, row in enumerate(rows, 1)]
    return pl.DataFrame(pa.Table.from_pylist(full, schema=schema.SCHEMAS[name]))


PROCESSES = pl.DataFrame(
    [{"app": APP, "process": "AcmeVoIPNativeClient", "pid": 951, "is_app": True}, {"app": APP, "process": "Widget", "pid": 12, "is_app": False}],
    schema=EPISODES["processes"],
)  # fmt: skip


def told(**tables: pl.DataFrame) -> list[tuple[str, str, str]]:
    return [(fact.title, fact.who, fact.told) for fact in capture_facts(tables, PROCESSES, [APP])]


def test_the_process_of_the_app_with_memory_band_and_state() -> None:
    other = {"pid": 951, "process": "SomebodyElse", "suspended": True}  # the pid of another boot, or of another device
    app = {"pid": 951, "process": "AcmeVoIPNativeCl", "suspended": True, "role": "TASK_BACKGROUND_APPLICATION"}
    app |= {"darwin_background": True, "jetsam_priority": 30, "jetsam_band": "BG", "footprint_bytes": 80 << 20}
    app |= {"jetsam_limit_bytes": 3 << 29, "threads": 12, "cpu_time_s": 3.25, "run_time_s": 2510.0}
    assert told(processes_at_capture=table("processes_at_capture", other, app)) == [
        (
            "Process at the capture",
            f"{APP} (951)",
            (
                "suspended; role TASK_BACKGROUND_APPLICATION; in the scheduler's background band; jetsam priority 30; "
                "band BG; 80.0 MB of memory, limit 1.5 GB; 12 threads; 3.2 s of CPU; 2,510 s since launch"
            ),
        )
    ]


def test_threads_by_priority() -> None:
    named = [
        ("main", 31, "com.apple.main-thread"),
        ("AURemoteIO::IOThread", 80, None),
        (None, 4, "com.acme.work"),
        (None, 90, None),
    ]
    rows = [{"pid": 951, "process": "AcmeVoIPNativeClient", "name": name, "priority": priority, "queue": queue, "state": "TH_STATE_WAITING"} for name, priority, queue in named]  # fmt: skip
    ((_, _, text),) = told(threads_at_capture=table("threads_at_capture", *rows))
    assert text == (
        "4 in all; AURemoteIO::IOThread (priority 80, waiting); main (priority 31, waiting); com.acme.work (priority 4, waiting)"
    )


def test_shutdowns_quarantine_and_zones() -> None:
    found = told(
        shutdown_clients=table("shutdown_clients", {"pid": 77, "process": "AcmeVoIPNativeClient", "waited_s": 3.1}, {"pid": 951, "process": "other"}),
        log_volume=table("log_volume", {"record": "quarantine", "process": "audiomxd", "bytes": 5 << 20, "total_bytes": 9 << 20}, {"record": "statistics", "process": "apsd", "bytes": 1}),
        time_zones=table("time_zones", {"zone": "America/Toronto", "utc_offset_s": -14400}, {"utc_offset_s": -14400}, {"utc_offset_s": 19800}),
    )  # fmt: skip
    assert found == [
        ("Shutdown", f"{APP} (77)", "still ran 3.1 s into the shutdown of 2026-01-15 12:00 UTC"),
        ("Log volume", "audiomxd", "logged 5.0 MB of 9.0 MB and was put under quarantine: logd keeps its lines for a shorter time"),
        ("Time zone", "", "UTC-04:00 America/Toronto from 2026-01-15 12:00 UTC; UTC+05:30 from 2026-01-15 12:00 UTC"),
    ]  # fmt: skip


def test_one_zone_and_no_tables_tell_nothing() -> None:
    assert told() == []
    assert told(time_zones=table("time_zones", {"utc_offset_s": 3600}, {"utc_offset_s": 3600})) == []


def test_the_report_shows_them(samples: Any) -> None:
    (sample,) = samples.glob("sysdiagnose_*.tar.gz")
    with open_capture(sample, apps=[APP]) as capture:
        analysis: Analysis = capture.analysis
    lines = {line.title: line for line in witnesses_view(analysis, Moments.of(analysis), Limits()).lanes}
    assert "suspended; role TASK_BACKGROUND_APPLICATION" in lines["Process at the capture"].told
    assert "taskinfo.txt" in lines["Process at the capture"].source
    assert "quarantine" in lines["Log volume"].told
