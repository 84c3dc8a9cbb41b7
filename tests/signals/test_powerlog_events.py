"""PowerLog's tables as events, and what episodes make of them."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import traceview as tv
from traceview.episodes.reconstruct import Span, reconstruct
from traceview.signals.powerlog import LANE_TABLES, TABLES, kinds_in_full, powerlog_events
from traceview.signals.vocabulary import EVENT_SCHEMA, KINDS
from traceview_parsers import schema

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
APP = "com.acme.voip"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def table(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Rows with ``s`` (seconds after noon) instead of ``time``."""
    full = [
        {"ref": number, **{key: value for key, value in row.items() if key != "s"}, "time": at(row["s"])}
        for number, row in enumerate(rows, 1)
    ]
    return pl.DataFrame(pa.Table.from_pylist(full, schema=schema.SCHEMAS[name]))


INSTALLED = table(
    "power_apps",
    {"s": -9e6, "bundle": APP, "name": "Acme"},
    {"s": -9e6, "bundle": "com.acme.voip.widget", "host": APP},
)


def events_of(**tables: pl.DataFrame) -> pl.DataFrame:
    events = powerlog_events({"power_apps": INSTALLED, **tables})
    assert dict(events.schema) == EVENT_SCHEMA
    assert set(events["kind"].unique()) <= KINDS
    assert events["process"].unique().to_list() in ([], ["PerfPowerServices"])
    return events


def line(seconds: float, kind: str, **fields: Any) -> pl.DataFrame:
    """One event of the log."""
    row = {
        "ref": 1 << 40 | int(seconds * 10),
        "time": at(seconds),
        "kind": kind,
        "signal": "x",
        "confidence": 0.95,
    } | fields
    return pl.DataFrame({name: [row.get(name)] for name in EVENT_SCHEMA}, schema=EVENT_SCHEMA, strict=False)


def rebuilt(*frames: pl.DataFrame) -> dict[str, pl.DataFrame]:
    edges = [int(at(seconds).timestamp()) * 10**9 for seconds in (-600, 600)]
    return reconstruct(pl.concat(frames), Span(*edges))


def seconds(frame: pl.DataFrame, column: str) -> list[float | None]:
    return [None if time is None else (time - NOON).total_seconds() for time in frame[column].to_list()]


def test_app_states_become_windows() -> None:
    states = [("background", 0.0), ("suspended", 34.1), ("foreground", 60.0), ("obscured", 61.0), ("terminated", 90.0)]
    rows = [{"s": second, "bundle": APP, "pid": 257, "state": state} for state, second in states]
    rows += [{"s": 5.0, "bundle": APP, "pid": 257, "state": None, "state_code": 0}]
    rows += [{"s": 6.0, "bundle": "com.acme.voip.widget", "pid": 300, "state": "background"}]
    events = events_of(power_app_states=table("power_app_states", *rows))
    assert events["kind"].to_list() == [
        "app.background",
        "process.state",
        "app.background",
        "app.foreground",
        "app.foreground",
        "process.exited",
    ]
    assert events.filter(pl.col("subject_pid") == 300)["host_bundle"].to_list() == [APP]
    windows = rebuilt(events)["app_states"].filter(pl.col("pid") == 257)
    assert list(zip(windows["state"], seconds(windows, "start"), seconds(windows, "end"), strict=True)) == [
        ("background", 0.0, 34.1),
        ("suspended", 34.1, 60.0),
        ("foreground", 60.0, 90.0),
    ]


def test_a_call_that_only_powerlog_knows() -> None:
    rows = [
        {"s": second, "bundle": APP, "provider": f"ABCDE12345.{APP}", "status": status}
        for second, status in ((10, "callStart"), (70, "callStop"), (200, "callStop"), (300, "somethingElse"))
    ]
    calls = rebuilt(events_of(power_call_service=table("power_call_service", *rows)))["calls"]
    assert calls["witness"].to_list() == ["powerlog", "powerlog"]
    assert calls["app"].to_list() == [APP, APP]
    assert list(zip(seconds(calls, "start"), seconds(calls, "end"), strict=True)) == [(10, 70), (200, 200)]
    assert calls["start_how"].to_list() == ["observed", "capture_edge"]
    assert calls["outcome"].to_list() == ["unknown", "unknown"]
    assert calls["direction"].to_list() == [None, None]


def test_powerlog_and_the_log_tell_of_one_call() -> None:
    """Whole seconds lie before the true times: the log's count."""
    rows = [{"s": second, "bundle": APP, "status": status} for second, status in ((10, "callStart"), (70, "callStop"))]
    told = events_of(power_call_service=table("power_call_service", *rows))
    daemon = {"process": "callservicesd", "bundle": APP}
    calls = rebuilt(
        told,
        line(10.4, "call.reported", **daemon),
        line(14.0, "call.answered", **daemon),
        line(70.7, "call.ended", reason="remote hangup", **daemon),
    )["calls"]
    assert calls.height == 1
    call = calls.row(0, named=True)
    assert (call["witness"], call["direction"], call["outcome"], call["end_reason"]) == (
        "callkit",
        "incoming",
        "answered",
        "remote hangup",
    )
    assert (seconds(calls, "start"), seconds(calls, "end")) == ([10.4], [70.7])
    assert len(call["evidence"]) == 5


def test_pushes_in_batches_are_told_but_not_joined() -> None:
    rows = [
        {"s": 0, "bundle": bundle, "topic": topic}
        for bundle, topic in ((APP, f"{APP}.voip"), ("com.apple.x", "com.apple.x"))
    ]
    events = events_of(power_received_pushes=table("power_received_pushes", *rows))
    assert events["bundle"].to_list() == [APP, None]
    assert (events["confidence"] < 0.5).all()
    episodes = rebuilt(events, line(20.0, "call.reported", process="callservicesd", bundle=APP))
    assert episodes["pushes"].is_empty()
    assert episodes["calls"].height == 1


def test_exits_routes_heat_modes_and_clock() -> None:
    events = events_of(
        power_process_exits=table(
            "power_process_exits",
            {
                "s": 1,
                "bundle": APP,
                "pid": 812,
                "namespace": "RUNNINGBOARD",
                "namespace_code": 15,
                "code": "0x2182bad2",
            },
        ),
        power_audio_routing=table(
            "power_audio_routing",
            *(
                {"s": second, "active": True, "route": route}
                for second, route in ((2, "Speaker"), (3, "Speaker"), (4, "HeadphonesBT"))
            ),
        ),
        power_thermal=table(
            "power_thermal",
            *({"s": second, "pressure_level": level} for second, level in ((5, 0), (6, 20), (7, 20), (8, 0))),
        ),
        power_modes=table(
            "power_modes",
            *(
                {"s": second, "mode": "com.apple.system.lowpowermode", "value": value}
                for second, value in ((9, 0), (10, 1), (11, 1), (12, 0))
            ),
        ),
        clock_steps=table(
            "clock_steps", {"s": 13, "step_s": None}, {"s": 14, "step_s": -220.366}, {"s": 15, "step_s": 0.0}
        ),
        power_audio_app=table(
            "power_audio_app", {"s": 16, "process": "Acme", "pid": 812, "operation": "AudioPlayback_Start"}
        ),
    )
    told = [(seconds(events, "time")[at], row["kind"]) for at, row in enumerate(events.iter_rows(named=True))]
    assert told == [
        (1, "process.exited"),
        (4, "audio_session.route_changed"),
        (6, "resource.thermal"),
        (8, "resource.thermal"),
        (10, "resource.power"),
        (12, "resource.power"),
        (14, "system.clock"),
        (16, "audio_io.started"),
    ]
    route = events.row(1, named=True)
    assert (route["previous_route"], route["route"], route["bundle"]) == ("Speaker", "HeadphonesBT", None)
    assert events["active"].drop_nulls().to_list() == [True, False]
    episodes = rebuilt(events)
    assert episodes["route_changes"].select("app", "route").rows() == [(None, "HeadphonesBT")]
    assert episodes["terminations"].select("kind", "code").rows() == [("background_task", "0x2182bad2")]
    assert episodes["resource_events"]["kind"].to_list() == ["thermal", "thermal", "power", "power"]
    assert "PerfPowerServices" not in episodes["processes"]["process"].to_list()


def test_only_what_is_noted_in_full_counts_as_seen() -> None:
    """A route change is no proof that PowerLog would have told of a refused activation."""
    events = events_of(
        power_app_states=table(
            "power_app_states",
            *({"s": s, "bundle": APP, "pid": 7, "state": state} for s, state in ((1, "foreground"), (2, "terminated"))),
        ),
        power_call_service=table("power_call_service", {"s": 3, "bundle": APP, "status": "callStop"}),
        power_audio_routing=table("power_audio_routing", {"s": 4, "route": "Speaker"}, {"s": 5, "route": "Receiver"}),
    )
    assert {"process.exited", "call.ended", "audio_session.route_changed"} <= set(events["kind"])
    assert kinds_in_full(events) == {"app.foreground"}
    exits = table("power_process_exits", {"s": 6, "process": "Acme", "namespace_code": 2, "code": "0xb"})
    assert kinds_in_full(events_of(power_process_exits=exits)) == {"process.exited"}


def test_boots_get_the_uuid_of_the_log_where_it_has_lines_of_them() -> None:
    device = table("power_device", *({"s": s, "boot_time": at(b)} for s, b in ((-400, -500), (-390, -499), (100, 50))))
    states = table(
        "power_app_states", *({"s": s, "bundle": APP, "pid": 7, "state": "background"} for s in (-550, -450, 60))
    )
    log = line(55.0, "process.identity", boot_uuid="0A0B")
    events = powerlog_events({"power_apps": INSTALLED, "power_device": device, "power_app_states": states}, log)
    assert events["boot_uuid"].to_list() == [None, "PowerLog boot 2026-01-15T11:51:40Z", "0A0B"]


def test_no_tables_no_events() -> None:
    assert powerlog_events({}).is_empty()
    assert powerlog_events({name: table(name) for name in (*TABLES, *LANE_TABLES)}).is_empty()


def test_a_suspension_in_a_call_is_found_in_powerlog_alone(tmp_path: Path) -> None:
    path = tmp_path / "powerlog.PLSQL"
    start = NOON.timestamp()
    states = [(start + second, APP, 812, state) for second, state in ((0, 8), (20, 4), (50, 2), (95, 4))]
    calls = [
        (start + second, APP, f"ABCDE12345.{APP}", status) for second, status in ((10, "callStart"), (100, "callStop"))
    ]
    tables = {
        "PLStorageOperator_EventForward_TimeOffset (ID INTEGER PRIMARY KEY, timestamp, system)": [(start - 9, 0.0)],
        "PLApplicationAgent_EventForward_Application (ID INTEGER PRIMARY KEY, timestamp, Identifier, pid, State)": states,
        "PLXPCAgent_EventForward_InCallService (ID INTEGER PRIMARY KEY, timestamp, bundleID, providerIdentifier, status)": calls,
        "PLApplicationAgent_EventNone_AllApps (ID INTEGER PRIMARY KEY, timestamp, AppBundleId)": [(start, APP)],
    }
    with sqlite3.connect(path) as database:
        for definition, rows in tables.items():
            database.execute(f"CREATE TABLE {definition}")
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {definition.split()[0]} VALUES (NULL, {marks})", rows)  # noqa: S608
    database.close()
    with tv.open(path) as capture:
        analysis = capture.analysis
    assert {"suspended-during-call", "call-single-witness"} <= {finding.rule for finding in analysis.findings}
    (found,) = [finding for finding in analysis.findings if finding.rule == "suspended-during-call"]
    assert "45" in found.title


@pytest.fixture(scope="module")
def real_analysis(real: Path) -> Any:
    with tv.open(real / "powerlog/powerlog_2021-12-16_05-54_84E2141B.PLSQL.gz") as capture:
        yield capture.analysis


def test_real_file_alone(real_analysis: Any) -> None:
    windows = real_analysis.episodes["app_states"].filter(
        (pl.col("app") == "com.anonyome.mysudo") & (pl.col("state") == "background")
    )
    lengths = (windows["end"] - windows["start"]).dt.total_microseconds().to_list()
    assert [round(length / 1e6, 3) for length in lengths] == [0.011, 34.102, 3.835]
    # A call's end of three months before the first covered moment is a left-over, no call of this capture.
    assert "call.ended" in real_analysis.events["kind"].to_list()
    assert real_analysis.episodes["calls"].is_empty()
    assert "call-single-witness" not in {finding.rule for finding in real_analysis.findings}
    lanes = set(real_analysis.tables["witnesses"]["lane"])
    assert {"app_state", "battery", "cpu", "lock", "network", "push", "route", "shown"} <= lanes
