"""A cell of a PowerLog that cannot be is left out and told; the rest of the capture is shown."""

import math
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from traceview.capture import open_capture
from traceview.perfetto import perfetto
from traceview.plots.text import duration
from traceview.report.html import write
from traceview.serialise import json_text, to_json
from traceview.witness.schema import TIME, windows
from traceview_parsers.powerlog.values import array, possible

APP = "com.acme.voip"
T0 = datetime(2026, 1, 15, 9, 0, tzinfo=UTC).timestamp()
TABLES: dict[str, list[tuple[Any, ...]]] = {
    "PLBatteryAgent_EventBackward_Battery(timestamp REAL, Level REAL, IsCharging INTEGER, ExternalConnected INTEGER)": [
        (T0 + 60 * n, 80.0 - n, 0, 0) for n in range(4)
    ],
    "PLCoalitionAgent_EventInterval_CoalitionInterval(timestamp REAL, timestampEnd REAL, BundleId TEXT, cpu_time REAL)": [
        (T0 + 60 * n, T0 + 60 * n + 60, APP, 30.0) for n in range(4)
    ],
    "PLAppTimeService_Aggregate_AppRunTime(timestamp REAL, timeInterval REAL, BundleID TEXT, BackgroundTime REAL)": [
        (T0 + 60 * n, 60.0, APP, 20.0) for n in range(4)
    ],
    "PLLocaleAgent_EventForward_TimeZone(timestamp REAL, TimeZoneName TEXT, SecondsFromGMT INTEGER, TimeZoneIsInDST INTEGER)": [
        (T0 + 60 * n, "Europe/Berlin", 3600, 0) for n in range(4)
    ],
    "PLApplicationAgent_EventForward_Application(timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER)": [
        (T0 + 60 * n, APP, 7, (8, 4)[n % 2]) for n in range(4)
    ],
}
CELLS = {"Level": ("power_battery", "level"), "cpu_time": ("power_coalition", "cpu_s")} | {
    "BackgroundTime": ("power_app_run_time", "background_s"),
    "SecondsFromGMT": ("time_zones", "utc_offset_s"),
}


@pytest.fixture
def powerlog(tmp_path: Path) -> Path:
    path = tmp_path / "powerlog_2026-01-15_10-30.PLSQL"
    with sqlite3.connect(path) as database:
        for definition, rows in TABLES.items():
            database.execute(f"CREATE TABLE {definition}")
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {definition.partition('(')[0]} VALUES ({marks})", rows)  # noqa: S608
    database.close()
    return path


@pytest.mark.parametrize("value", ["1e300", "9e999", "-9e999", "-1e18", "9223372036854775807"])
@pytest.mark.parametrize("column", CELLS)
def test_an_impossible_cell_costs_itself_alone(powerlog: Path, column: str, value: str) -> None:
    (table,) = (definition.partition("(")[0] for definition in TABLES if f"{column} " in definition)
    with sqlite3.connect(powerlog) as database:
        database.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = 2")  # noqa: S608
    database.close()
    with open_capture(powerlog) as capture:
        ours, name = CELLS[column]
        read = pl.DataFrame(pl.from_arrow(capture.trace.table(ours)))
        assert read[name].is_null().to_list() == [False, True, False, False]
        analysis = capture.analysis
        told = {one.kind: one.count for one in analysis.problems if f"{table}.{name}" in one.kind}
        assert list(told.values()) == [1]
        assert "Infinity" not in json_text(to_json(analysis)) + json_text(perfetto(analysis))
        write(analysis, powerlog.with_name("page.html"))
    assert powerlog.with_name("page.html").stat().st_size


def test_sound_cells_are_kept_as_they_are(powerlog: Path) -> None:
    with open_capture(powerlog) as capture:
        for ours, name in CELLS.values():
            assert capture.trace.table(ours)[name].null_count == 0
        assert not [one for one in capture.analysis.problems if one.kind.startswith(("impossible", "wrong"))]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64(), pa.bool_()])
def test_integers_that_do_not_fit_become_null(kind: pa.DataType) -> None:
    found, lost = array([1, 1 << 70, -(1 << 70), 0.5, math.inf, b"7", None], kind)
    assert found.is_valid().to_pylist() == [True] + [False] * 6
    assert lost == 5


def test_only_numbers_that_cannot_be_become_null() -> None:
    values = pa.array([0.0, 100.0, -0.1, 100.1, None, math.nan])
    level, lost = possible(values, "power_battery", "level")
    assert (level.to_pylist(), lost) == ([0.0, 100.0, None, None, None, None], 3)
    same, lost = possible(pa.array([9e9, -9e9, None]), "power_coalition", "cpu_s")
    assert (same.to_pylist(), lost) == ([9e9, -9e9, None], 0)
    assert possible(pa.array([1 << 62]), "power_network_use", "wifi_in_bytes")[1] == 0
    assert possible(pa.array([], pa.float64()), "power_coalition", "cpu_s")[1] == 0


def test_windows_show_no_value_that_is_not_finite() -> None:
    start = pl.Series("start", [0, 1, 2, 3], pl.Int64).cast(TIME)
    frame = pl.DataFrame([start, pl.Series("value", [1.0, math.inf, math.nan, None])])
    assert windows(frame, "cpu")["value"].to_list() == [1.0, None, None, None]


def test_a_duration_that_is_not_finite_is_unknown() -> None:
    assert {duration(value) for value in (math.inf, -math.inf, math.nan)} == {"an unknown time"}
