"""PowerLog files: the real one with its exact figures, synthetic ones for what it lacks."""

import contextlib
import gzip
import io
import sqlite3
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
import pytest

from traceview_parsers import ReadOptions, open_trace, schema
from traceview_parsers.powerlog import READER
from traceview_parsers.powerlog.layout import LAYOUTS
from traceview_parsers.trace import Candidate, Trace

SAMPLE = "powerlog/powerlog_2021-12-16_05-54_84E2141B.PLSQL.gz"
APP = "com.anonyome.mysudo"
T0 = 1_768_470_000.0
STATES = "PLApplicationAgent_EventForward_Application(timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER)"


def frame(trace: Trace, table: str) -> pl.DataFrame:
    found = pl.from_arrow(trace.table(table))
    assert isinstance(found, pl.DataFrame)
    return found


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture(scope="module")
def sample(real: Path) -> Any:
    with open_trace(real / SAMPLE) as trace:
        yield trace


def dwells(states: pl.DataFrame, state: str) -> list[float]:
    """Seconds from each row of a state to the next row."""
    lengths = states.with_columns((pl.col("time").shift(-1) - pl.col("time")).dt.total_microseconds() / 1e6)
    return lengths.filter(states["state"] == state)["time"].to_list()


def test_background_windows_agree_with_run_time(sample: Trace) -> None:
    states = frame(sample, "power_app_states").filter(pl.col("bundle") == APP)
    in_background = dwells(states, "background")
    assert in_background == pytest.approx([0.010613, 34.102134, 3.835186], abs=1e-5)
    run_time = frame(sample, "power_app_run_time").filter(pl.col("bundle") == APP)["background_s"].to_list()
    assert run_time == [34.112747, 3.835186]
    assert sum(in_background[:2]) == pytest.approx(run_time[0], abs=1e-5)
    assert in_background[2] == pytest.approx(run_time[1], abs=1e-5)


def test_newest_wall_time_is_the_one_in_the_name(sample: Trace) -> None:
    """The file is named 05-54, device time five hours west; without the offsets it would end at 11:05:13 UTC."""
    (covered,) = sample.coverage()
    assert covered.end_ns is not None
    assert covered.start_ns is not None
    assert utc(covered.end_ns // 10**9) == datetime(2021, 12, 16, 10, 54, 41, tzinfo=UTC)
    assert utc(covered.start_ns // 10**9) == datetime(2021, 11, 2, 9, 59, 31, tzinfo=UTC)
    assert covered.rows == 10_079 + 132 + 220 + 2 + 3
    assert any("UTC-04:00, then UTC-05:00" in note for note in covered.notes)
    assert any("Lite mode" in note and "no evidence" in note for note in covered.notes)
    assert any("set 2 times" in note and "220 s" in note for note in covered.notes)


def test_real_call_and_pushes(sample: Trace) -> None:
    calls = frame(sample, "power_call_service")
    assert calls.select("bundle", "provider", "status").rows() == [(APP, f"UU2W43R8JA.{APP}", "callStop")]
    pushes = frame(sample, "power_received_pushes")
    assert pushes.height == 9
    assert pushes.filter(pl.col("bundle") == APP)["bytes"].to_list() == [370]


def test_real_assertion_joins_the_log(sample: Trace) -> None:
    taken = frame(sample, "power_assertions").filter(pl.col("identity") == APP)
    assert taken.select("identity_kind", "assertion_id", "label").unique().rows() == [
        ("application", "31-60-286", "FBApplicationProcess")
    ]
    assert taken["time"][0].replace(tzinfo=UTC) == datetime(2021, 12, 16, 10, 53, 58, 57098, tzinfo=UTC)


def test_every_row_of_every_known_table_is_read(real: Path, sample: Trace, tmp_path: Path) -> None:
    plain = tmp_path / "copy.db"
    plain.write_bytes(gzip.decompress((real / SAMPLE).read_bytes()))
    with sqlite3.connect(plain) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        sources = {one.source for one in LAYOUTS} & names
        rows = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
    database.close()
    counts = sum(rows[name] for name in sources)
    read = sum(frame(sample, table).height for table in sample.tables if table != "clock_steps")
    assert read == counts == sample.coverage()[0].rows
    (rest,) = sample.problems
    looked_up = ("PLStorageOperator_EventForward_TimeOffset", "PLStorageOperator_EventForward_Configuration")
    assert rest.kind == "tables-not-read"
    assert read + rest.count + sum(rows[name] for name in looked_up) == sum(rows.values())
    refs = pl.concat([frame(sample, table)["ref"] for table in sample.tables])
    assert refs.n_unique() == read + frame(sample, "clock_steps").height


def test_a_row_is_found_again_with_sqlite(real: Path, sample: Trace, tmp_path: Path) -> None:
    path = tmp_path / "sample.PLSQL"
    path.write_bytes(gzip.decompress((real / SAMPLE).read_bytes()))
    looked_up = {"power_app_states": ("Identifier", "bundle"), "clock_steps": ("system", "offset_s")}
    with contextlib.closing(sqlite3.connect(path)) as database:
        for name, (column, ours) in looked_up.items():
            for ref, value in frame(sample, name).select("ref", ours).head(50).iter_rows():
                place = sample.place_of(ref)
                assert place is not None
                table, _, row = place.rpartition(":")
                query = f"SELECT {column} FROM {table} WHERE rowid = {row}"  # noqa: S608  (names of this very file)
                (found,) = database.execute(query).fetchone()
                assert found == (pytest.approx(value, abs=1e-6) if name == "clock_steps" else value)


def test_identity_and_zone(sample: Trace) -> None:
    assert sample.device.os_build == "19A404"
    assert (sample.capture.tz, sample.capture.tz_how) == ("America/Toronto", "powerlog")


def test_boots_and_apps_of_the_sample(sample: Trace) -> None:
    device = frame(sample, "power_device")
    assert device["boot_time"].dt.strftime("%F %T").to_list() == ["2021-11-02 10:16:29", "2021-12-16 10:23:30"]
    assert device.select("os_build", "hardware").unique().rows() == [("19A404", "J210")]
    apps = frame(sample, "power_apps").filter(pl.col("bundle") == APP)
    assert apps["name"].to_list() == ["MySudo"]
    extensions = frame(sample, "power_apps").filter(pl.col("host") == APP)
    assert extensions["extension_point"].n_unique() == extensions.height > 0


def test_time_zones_of_the_sample(sample: Trace) -> None:
    zones = frame(sample, "time_zones").select("zone", "utc_offset_s", "dst").rows()
    assert zones == [("America/Toronto", -14_400, True)] * 2 + [("America/Toronto", -18_000, False)]


def test_clock_steps_of_the_sample(sample: Trace) -> None:
    steps = frame(sample, "clock_steps")
    assert steps["step_s"].to_list()[0] is None
    assert steps["step_s"].drop_nulls().to_list() == pytest.approx([-38.107647, 0, 0, 0, 0, -220.366045], abs=1e-6)


def test_steps_of_months_and_of_a_minute(powerlog_file: Any) -> None:
    """Two clocks that public notes tell of: 32 days late, and 69 seconds early."""
    month = 32 * 86_400.0
    offsets = [(T0, month), (T0 + 100, -69.0)]
    path = powerlog_file(
        {STATES: [(T0 + second, "com.acme.voip", 7, 4) for second in (-50, 50, 100, 150)]}, offsets=offsets
    )
    with open_trace(path) as trace:
        times = frame(trace, "power_app_states")["time"].dt.epoch("us").to_list()
        assert [time / 1e6 for time in times] == [T0 - 50 + month, T0 + 50 + month, T0 + 100 - 69, T0 + 150 - 69]
        assert frame(trace, "clock_steps")["step_s"].to_list() == [None, -month - 69]
        assert any("set once" in note for note in trace.coverage()[0].notes)


def test_an_interval_ends_after_its_length_even_where_the_clock_steps(powerlog_file: Any) -> None:
    table = "PLProcessNetworkAgent_EventInterval_UsageDiff(timestamp REAL, BundleName TEXT, WifiIn INTEGER, timestampEnd REAL)"
    path = powerlog_file({table: [(T0, "com.acme.voip", 5, T0 + 300)]}, offsets=[(T0 - 1, 0.0), (T0 + 10, -100.0)])
    with open_trace(path) as trace:
        use = frame(trace, "power_network_use")
    assert (use["end"] - use["time"]).dt.total_seconds().to_list() == [300]
    assert use["time"].dt.epoch("s").to_list() == [T0]
    assert use["cell_in_bytes"].to_list() == [None]


def test_assertion_times_are_stamp_plus_action_offset(powerlog_file: Any) -> None:
    table = (
        "PLPowerAssertionAgent_EventForward_Assertion(timestamp REAL, Action INTEGER, AssertName TEXT, "
        "timestampActionOffset INTEGER)"
    )
    names = [
        "xpcservice<com.apple.WebKit.Networking([application<com.acme.voip>:425])>:42731-427-766:Network Process (locked files)",
        "app<com.acme.voip(3F2504E0-4F89-11D3-9A0C-0305E82C3301)>31-88-9:com.apple.callkit(Voip)",
        "NSURLSessionTask 45D41AB9",
        None,
    ]
    path = powerlog_file({table: [(T0, 0, name, -2500) for name in names]}, offsets=[(T0, -999.0)])
    with open_trace(path) as trace:
        read = frame(trace, "power_assertions")
    assert read["time"].dt.epoch("ms").unique().to_list() == [int(T0 * 1000) - 2500]
    assert read.select("identity_kind", "identity", "host", "assertion_id", "label", "domain").rows() == [
        (
            "xpcservice",
            "com.apple.WebKit.Networking",
            "com.acme.voip",
            "42731-427-766",
            "Network Process ",
            "locked files",
        ),
        ("app", "com.acme.voip", None, "31-88-9", "com.apple.callkit", "Voip"),
        (None,) * 6,
        (None,) * 6,
    ]


def test_names_with_retention_suffix_and_array_tables(powerlog_file: Any) -> None:
    tables = {
        "PLAudioAgent_EventForward_Routing_1_2(timestamp REAL, Active INTEGER, ActiveRoute TEXT, BTEndpointType TEXT)": [
            (T0, 1, "HeadphonesBT", "HFP")
        ],
        "PLAudioAgent_EventForward_Routing_Array_Reason(FK_ID INTEGER, value TEXT)": [(1, "x")],
        "PLAudioAgent_EventForward_RoutingOther(timestamp REAL, Active INTEGER)": [(T0, 0)],
    }
    with open_trace(powerlog_file(tables, offsets=[(T0, 0.0)])) as trace:
        routes = frame(trace, "power_audio_routing")
    assert routes.select("active", "active_pid", "route", "bluetooth_endpoint").rows() == [
        (True, None, "HeadphonesBT", "HFP")
    ]


def test_full_mode_tables(powerlog_file: Any) -> None:
    tables = {
        "PLProcessMonitorAgent_EventPoint_ProcessExit(timestamp REAL, ProcessName TEXT, ReasonNamespace INTEGER, ReasonCode INTEGER)": [
            (T0, "Acme Voice", 15, 0x2182BAD2)
        ],
        "PLApplicationAgent_EventPoint_ApplicationExitReason(timestamp REAL, Identifier TEXT, Reason INTEGER, pid INTEGER, Subcode INTEGER)": [
            (T0 + 1, "com.acme.voip", 1, 812, 7),
            (T0 + 2, "com.acme.voip", 99, 813, -1),
        ],
        "PLAudioAgent_EventPoint_AudioApp(timestamp REAL, ApplicationName TEXT, Operation TEXT, PID INTEGER)": [
            (T0, "Acme Voice", "AudioPlayback_Start", 812)
        ],
        "PLXPCAgent_EventForward_ThermalLevel(timestamp REAL, pressureLevel INTEGER, thermalLevel INTEGER)": [
            (T0, 20, 3)
        ],
        "PLAppTimeService_Aggregate_AppRunTime(timestamp REAL, timeInterval REAL, BundleID TEXT, InCallBackgroundTime REAL)": [
            (T0, 3600, "com.apple.cloudd:[com.acme.voip:(null)]", 12.5)
        ],
    }
    with open_trace(powerlog_file(tables, offsets=[(T0, 0.0)])) as trace:
        exits = frame(trace, "power_process_exits").select(
            "process", "bundle", "pid", "namespace", "namespace_code", "code"
        )
        assert exits.rows() == [
            (None, "com.acme.voip", 812, "JETSAM", 1, "0x7"),
            (None, "com.acme.voip", 813, None, 99, "0xffffffffffffffff"),
            ("Acme Voice", None, None, "RUNNINGBOARD", 15, "0x2182bad2"),
        ]
        assert frame(trace, "power_audio_app")["operation"].to_list() == ["AudioPlayback_Start"]
        assert frame(trace, "power_thermal").select("thermal_level", "pressure_level").rows() == [(3, 20)]
        run = frame(trace, "power_app_run_time")
        assert run.select("bundle", "on_behalf_of", "in_call_background_s").rows() == [
            ("com.apple.cloudd", "com.acme.voip:(null)", 12.5)
        ]
        assert (run["end"] - run["time"]).dt.total_seconds().to_list() == [3600]


def test_background_tasks_of_ios_26(powerlog_file: Any) -> None:
    """Dates are wall time already; the task's name comes from the other table."""
    tables = {
        "BackgroundProcessing_TimeOffset_24_5(timestamp REAL, system REAL)": [(T0 - 5000, -5000.0)],
        (
            "BackgroundProcessing_TaskInstanceData_24_5(timestamp REAL, ProcessName TEXT, PID INTEGER, StartDate REAL, "
            "EndDate REAL, StartedOnBattery INTEGER, TaskID INTEGER, CPUTimeConsumed INTEGER, DiskIOWrites INTEGER)"
        ): [
            (T0 + 5000, "Acme Voice", 812, T0, T0 + 28, 1, 77, 1500, 4096),
            (T0 + 5000, "x", 1, T0, None, 0, None, None, None),
        ],
        "BackgroundProcessing_TaskMetadata_24_5(timestamp REAL, TaskID INTEGER, BundleID TEXT, Name TEXT)": [
            (T0, 77, "com.acme.voip", "com.acme.voip.refresh")
        ],
    }
    with open_trace(powerlog_file(tables, name="powerlog.BGSQL")) as trace:
        tasks = frame(trace, "power_background_tasks")
    assert tasks["time"].dt.epoch("s").to_list() == [T0, T0]
    assert tasks.select("bundle", "task", "task_id", "on_battery", "cpu_s", "disk_written_bytes").rows() == [
        ("com.acme.voip", "com.acme.voip.refresh", "77", True, 1.5, 4096),
        (None, None, None, False, None, None),
    ]
    assert (tasks["end"] - tasks["time"]).dt.total_seconds().to_list() == [28, None]


def test_without_offsets_the_doubt_is_said(powerlog_file: Any) -> None:
    with open_trace(powerlog_file({STATES: [(T0, "com.acme.voip", 7, 8)]})) as trace:
        assert "clock_steps" not in trace.tables
        assert "offsets is missing" in trace.coverage()[0].clock
        assert frame(trace, "power_app_states")["state"].to_list() == ["foreground"]


def test_states_older_than_the_file_do_not_stretch_its_coverage(powerlog_file: Any) -> None:
    battery = "PLBatteryAgent_EventBackward_Battery(timestamp REAL, Level REAL)"
    path = powerlog_file({STATES: [(T0 - 9e6, "com.acme.voip", 7, 2)], battery: [(T0, 50.0)]}, offsets=[(T0, 0.0)])
    with open_trace(path) as trace:
        (covered,) = trace.coverage()
    assert covered.start_ns == covered.end_ns == int(T0) * 10**9


def test_claims() -> None:
    magic = b"SQLite format 3\0" + bytes(84)
    packed = gzip.compress(magic)
    cases = [("a/b/powerlog_x.PLSQL", magic, 90), ("x.BGSQL", magic, 90), ("photos.db", magic, 0)]
    cases += [("x.PLSQL.gz", packed, 90), ("x.db.gz", packed, 0), ("x.PLSQL", b"\x93" * 64, 40), ("x.txt", b"text", 0)]
    for name, head, sure in cases:
        assert READER.claims(Candidate(name, None, head)) == sure, name
    assert READER.claims(Candidate("x.PLSQL", None, is_dir=True)) == 0


def test_write_ahead_log_beside_the_file_is_read(tmp_path: Path, powerlog_file: Any) -> None:
    path = powerlog_file({STATES: [(T0, "com.acme.voip", 7, 8)]}, offsets=[(T0, 0.0)])
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    table = STATES.partition("(")[0]
    database.execute(f"INSERT INTO {table} (timestamp, Identifier, pid, State) VALUES (?, 'b', 8, 2)", (T0 + 1,))  # noqa: S608
    database.commit()
    folder = tmp_path / "copied"
    folder.mkdir()
    for name in (path.name, path.name + "-wal"):
        (folder / name).write_bytes((tmp_path / name).read_bytes())
    database.close()
    before = sorted(folder.iterdir())
    with open_trace(folder / path.name, ReadOptions()) as trace:
        assert frame(trace, "power_app_states")["bundle"].to_list() == ["com.acme.voip", "b"]
    assert sorted(folder.iterdir()) == before
    assert (folder / path.name).read_bytes()[:16] == b"SQLite format 3\0"


def test_inside_a_sysdiagnose(tmp_path: Path, powerlog_file: Any) -> None:
    """A gzipped file of an earlier day, and the current one whose newest row is still in its write-ahead log."""
    offsets = [(T0, 0.0)]
    older = powerlog_file({STATES: [(T0 - 9, "older", 7, 8)]}, name="powerlog_2026-01-14.PLSQL", offsets=offsets)
    current = powerlog_file({STATES: [(T0, "current", 7, 8)]}, offsets=offsets)
    database = sqlite3.connect(current)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute(f"UPDATE {STATES.partition('(')[0]} SET Identifier = 'newest'")  # noqa: S608
    database.commit()
    members = {
        "powerlog_2026-01-14.PLSQL.gz": gzip.compress(older.read_bytes()),
        current.name: current.read_bytes(),
        current.name + "-wal": current.with_name(current.name + "-wal").read_bytes(),
        "other.sqlite": b"SQLite format 3\0" + bytes(84),
    }
    database.close()
    path = tmp_path / "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"sysdiagnose_x/logs/powerlogs/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with open_trace(path) as trace:
        assert frame(trace, "power_app_states")["bundle"].to_list() == ["older", "newest"]
        assert [PurePosixPath(source.name).name for source in trace.sources] == list(members)[:2]


def test_gzipped_files_in_a_folder_leave_nothing_behind(
    tmp_path: Path, powerlog_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = powerlog_file({STATES: [(T0, "com.acme.voip", 7, 8)]}, offsets=[(T0, 0.0)])
    folder, scratch = tmp_path / "sysdiagnose", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    (folder / "powerlog_1.PLSQL.gz").write_bytes(gzip.compress(path.read_bytes()))
    trace = open_trace(folder)
    assert frame(trace, "power_app_states").height == 1
    assert list(scratch.iterdir())
    trace.close()
    del trace
    assert not list(scratch.iterdir()) or sys.implementation.name != "cpython"


def test_schemas_hold_every_column_that_is_read() -> None:
    for layout in LAYOUTS:
        names = set(schema.SCHEMAS[layout.table].names)
        assert {*layout.columns, *layout.instants} <= names, layout.table
