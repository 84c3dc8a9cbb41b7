"""Source tables of other witnesses as windows. All rows are synthetic."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.episodes.schema import EPISODES
from traceview.witness.collect import ROWS, collect, with_notes
from traceview.witness.disagreement import TOLERANCE, disagreements
from traceview.witness.instruments import KEPT, instruments_windows, longest, telling
from traceview.witness.powerlog import OTHERS, POWER_TABLES, powerlog_windows
from traceview.witness.reports import report_windows
from traceview.witness.schema import WITNESS_SCHEMA
from traceview.witness.states import SILENCE, stops, until_next
from traceview_parsers import Trace, schema
from traceview_parsers.trace import Coverage

APP = "com.acme.voip"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def table(name: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with ``s`` (and ``until``) in seconds after noon."""
    times = {"s": "start" if name == "intervals" else "time", "until": "end"}
    full = [
        {"ref": number, **{times.get(key, key): at(value) if key in times else value for key, value in row.items()}}
        for number, row in enumerate(rows, 1)
    ]
    return pl.DataFrame(pa.Table.from_pylist(full, schema=schema.SCHEMAS[name]))


def told(name: str, *rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = powerlog_windows({name: table(name, *rows)}, [APP])
    assert dict(found.schema) == WITNESS_SCHEMA
    return found.to_dicts()


def test_a_state_lasts_until_the_next_or_until_the_recording_stops() -> None:
    rows = told(
        "power_app_states",
        {"s": 0, "bundle": APP, "pid": 7, "state": "foreground"},
        {"s": 5, "bundle": "com.other.app", "pid": 8, "state": "foreground"},
        {"s": 10, "bundle": APP, "pid": 7, "state": "foreground"},
        {"s": 30, "bundle": APP, "pid": 7, "state": "background"},
        {"s": 90_000, "bundle": APP, "pid": 9, "state": "suspended"},
        {"s": 90_100, "bundle": APP, "pid": 9, "state": "terminated"},
    )
    shown = [(row["kind"], (row["end"] - row["start"]).total_seconds(), row["end_known"]) for row in rows]
    assert shown == [("foreground", 30, True), ("background", 0, False), ("suspended", 100, True), ("not_running", 0, False)]  # fmt: skip
    assert {row["app"] for row in rows} == {APP}


def test_cpu_is_percent_of_a_core_and_other_apps_are_added_up() -> None:
    rows = told(
        "power_coalition",
        {"s": 0, "until": 300, "bundle": APP, "cpu_s": 150.0, "cpu_billed_to_me_s": 1.0},
        {"s": 0, "until": 300, "bundle": "", "cpu_s": 30.0},
        {"s": 0, "until": 300, "bundle": "com.other.app", "cpu_s": 60.0},
        {"s": 300, "until": 300, "bundle": APP, "cpu_s": 60.0},
    )
    values = [(row["app"], row["process"], row["value"], row["kind"]) for row in rows]
    assert values == [(APP, None, pytest.approx(50), "high"), (None, OTHERS, pytest.approx(30), "medium")]
    assert rows[0]["text"] == "150.0 s of CPU in 300 s; 1.0 s billed to it by daemons"
    assert "billed" not in rows[1]["text"]


def test_device_wide_tables() -> None:
    thermal = told("power_thermal", {"s": 0, "pressure_level": 0}, {"s": 60, "pressure_level": 20}, {"s": 90, "pressure_level": 7})  # fmt: skip
    assert [row["kind"] for row in thermal] == ["nominal", "moderate", "unknown"]
    lock = told("power_lock", {"s": 0, "locked": True}, {"s": 5, "locked": True}, {"s": 9, "locked": False})
    assert [(row["kind"], row["end_known"]) for row in lock] == [("locked", True), ("unlocked", False)]
    routes = told(
        "power_audio_routing",
        {"s": 0, "active": True, "route": "Receiver", "category": "PhoneCall", "active_pid": 7},
        {"s": 5, "active": True, "route": "Jane's Car", "category": "PhoneCall", "active_pid": 7},
        {"s": 9, "active": False, "route": "Speaker", "category": "Audio/Video", "active_pid": 0},
    )
    assert [(row["kind"], row["route"], row["pid"]) for row in routes] == [
        ("Receiver", "Receiver", 7),
        ("other", "Jane's Car", 7),
        ("inactive", "Speaker", None),
    ]
    modes = told("power_modes", {"s": 0, "mode": "com.apple.system.lowpowermode", "value": 1}, {"s": 9, "mode": "com.apple.system.lowpowermode", "value": 0})  # fmt: skip
    assert [(row["kind"], row["end"]) for row in modes] == [("low power mode", at(9))]
    assert [row["kind"] for row in told("power_sleep_wake", {"s": 0, "state": 0}, {"s": 9, "state": 1})] == ["asleep"]


def test_calls_and_playback_are_paired_and_lone_rows_stay_moments() -> None:
    calls = told(
        "power_call_service",
        {"s": 0, "bundle": APP, "status": "callStop"},
        {"s": 10, "bundle": APP, "status": "callStart"},
        {"s": 70, "bundle": APP, "status": "callStop"},
        {"s": 80, "bundle": "com.other.app", "status": "callStart"},
    )
    assert [(row["kind"], row["start"], row["end"]) for row in calls] == [
        ("callStop", at(0), at(0)),
        ("call", at(10), at(70)),
        ("another app", at(80), at(80)),
    ]
    playback = told("power_audio_app", {"s": 0, "pid": 7, "operation": "AudioPlayback_Start"}, {"s": 9, "pid": 7, "operation": "AudioPlayback_Stop"})  # fmt: skip
    assert [(row["kind"], row["end"]) for row in playback] == [("playback", at(9))]


def test_reports_have_figures_with_units() -> None:
    rows = report_windows(
        table(
            "reports",
            {"s": 0, "kind": "crash", "bundle": APP, "namespace": "FRONTBOARD", "code": "0x8badf00d", "role": "Background"},
            {"s": 9, "kind": "cpu", "process": "Acme", "used": 144.0, "window_s": 151.0, "limit": 80.0, "limit_window_s": 180.0},
            {"s": 9, "kind": "disk_writes", "process": "Acme", "used": 2.5e9, "limit": 12_428.0},
        )
    )  # fmt: skip
    assert rows["text"].to_list() == [
        "FRONTBOARD 0x8badf00d; role Background",
        "144 s of CPU in 151 s; limit 80 % of a core over 180 s",
        "2500 MB written; limit 0.01243 MB/s",
    ]
    assert rows["app"].to_list() == [APP, "Acme", "Acme"]


def test_late_audio_cycles_and_long_run_loops_of_the_main_thread() -> None:
    rows = table(
        "intervals",
        {"s": 0, "until": 1, "duration_ns": 10**9, "kind": "audio_io_cycle", "state": "Normal"},
        {"s": 2, "until": 3, "duration_ns": 10**9, "kind": "audio_io_cycle", "state": "Overload"},
        {"s": 4, "until": 5, "duration_ns": 10**9, "kind": "runloop", "label": "Busy", "thread": "Main Thread 0x1", "nesting": 1},
        {"s": 4, "until": 5, "duration_ns": 10**9, "kind": "runloop", "label": "Busy", "thread": "Worker", "nesting": 1},
        {"s": 6, "until": 7, "duration_ns": 10**9, "kind": "hang", "label": "Severe Hang"},
        {"s": 6, "until": 7, "duration_ns": 10**9, "kind": "thread_state", "label": "Blocked"},
        {"kind": "hang", "label": "Hang", "duration_ns": 10**9},
    )  # fmt: skip
    found = instruments_windows(telling(rows))
    assert sorted(found.select("lane", "kind").rows()) == [
        ("audio_io", "late"),
        ("audio_io", "normal"),
        ("hang", "Severe Hang"),
        ("runloop", "long"),
    ]


def test_of_many_audio_cycles_the_late_ones_stay() -> None:
    many = pl.DataFrame(
        {"kind": "audio_io_cycle", "state": ["Normal"] * (KEPT + 50) + ["Overload"], "duration_ns": [9] * (KEPT + 50) + [1]}
    )  # fmt: skip
    kept = longest(many)
    assert kept.height == KEPT
    assert "Overload" in kept["state"]


def _states(*rows: tuple[float, float, str]) -> pl.DataFrame:
    made = [{"app": APP, "start": at(start), "end": at(end), "state": state} for start, end, state in rows]
    return pl.DataFrame(made, schema=EPISODES["app_states"])


def test_contradictions_are_longer_than_a_delay() -> None:
    power = powerlog_windows(
        {"power_app_states": table("power_app_states", {"s": 1, "bundle": APP, "state": "background"}, {"s": 31, "bundle": APP, "state": "suspended"}, {"s": 40, "bundle": APP, "state": "foreground"})},
        [APP],
    )  # fmt: skip
    found = disagreements(_states((0, 10, "background"), (10, 30, "suspended"), (30, 50, "suspended")), power)
    assert found.select("start", "end").rows() == [(at(10), at(30))]
    assert found["text"].to_list() == ["the log says suspended, PowerLog says background"]
    assert timedelta(seconds=1) < TOLERANCE


@given(st.lists(st.tuples(st.integers(0, 200_000), st.sampled_from("ab")), min_size=1, max_size=40))
def test_windows_of_states_never_overlap_and_never_cross_a_silence(rows: list[tuple[int, str]]) -> None:
    frame = pl.DataFrame(
        {"time": [at(s) for s, _ in rows], "state": [state for _, state in rows]},
        schema={"time": WITNESS_SCHEMA["start"], "state": pl.String},
    )
    stretches = stops([frame["time"]])
    found = until_next(frame, stretches, [], ["state"]).sort("start", "end")
    assert found.filter(pl.col("end") < pl.col("start")).is_empty()
    assert found.filter(pl.col("start").shift(-1) < pl.col("end")).is_empty()
    times = frame["time"].sort().to_list()
    for before, after in pairwise(times):
        if after - before > SILENCE:
            assert found.filter((pl.col("start") <= before) & (pl.col("end") > before)).is_empty()


class _Source:
    reader = "powerlog"

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self.name = "power.PLSQL"
        self.tables = tuple(tables)


def _collect(tables: Mapping[str, pl.DataFrame], start: float = 0) -> Any:
    coverage = [Coverage("logs/power.PLSQL", "powerlog", int(at(start).timestamp()) * 10**9, int(at(9e5).timestamp()) * 10**9, 1, "offsets", 500_000_000)]  # fmt: skip
    source: Any = _Source(tables)
    trace = Trace(sources=[source])
    return collect(trace, [APP], coverage, episodes={"app_states": _states()}, read=tables), coverage


def test_every_row_names_its_source_and_its_clock() -> None:
    witnesses, _ = _collect({"power_lock": table("power_lock", {"s": -50, "locked": False}, {"s": 5, "locked": True})})
    (row,) = witnesses.windows.to_dicts()
    assert (row["kind"], row["source"], row["clock"]) == ("locked", "logs/power.PLSQL", "offsets, ± 500 ms")


def test_a_lane_is_bounded_and_says_so() -> None:
    rows = [{"s": 10 * index, "locked": bool(index % 2)} for index in range(ROWS + 7)]
    witnesses, coverage = _collect({"power_lock": table("power_lock", *rows)})
    assert witnesses.windows.height == ROWS
    (noted,) = with_notes(coverage, witnesses.notes)
    assert noted.notes == (f"lane lock shows the newest {ROWS:,} windows; 7 older ones are left out",)


@pytest.mark.parametrize("name", POWER_TABLES)
def test_rows_of_nulls_and_no_rows_do_no_harm(name: str) -> None:
    assert powerlog_windows({name: table(name)}, [APP]).is_empty()
    empty = table(name, {}, {"s": 5})
    assert powerlog_windows({name: empty}, [APP])["start"].null_count() == 0


class _Instruments:
    """A source that gives intervals in several batches."""

    reader = "xctrace"
    name = "trace.xml"
    tables = ("intervals",)

    def batches(self, _table: str) -> Any:
        for second in range(3):
            row = {"s": second, "until": second + 1, "duration_ns": 10**9, "kind": "hang", "label": "Hang"}
            yield from table("intervals", *[row] * (KEPT // 2)).to_arrow().to_batches()


def test_intervals_are_streamed_and_the_longest_stay() -> None:
    source: Any = _Instruments()
    coverage = [Coverage("trace.xml", "xctrace", clock="time-info")]
    witnesses = collect(Trace(sources=[source]), [APP], coverage, episodes={"app_states": _states()}, read={})
    assert witnesses.windows.height == KEPT
    assert witnesses.windows["clock"].unique().to_list() == ["time-info, error not known"]
    assert witnesses.notes == {"trace.xml": ["the 2,000 longest of 3,000 intervals of kind hang are in the timeline"]}


def test_no_window_reaches_beyond_what_its_source_covers() -> None:
    rows = table("power_coalition", {"s": 0, "until": 300, "bundle": APP, "cpu_s": 150.0}, {"s": 40, "until": 340, "bundle": APP, "cpu_s": 3.0})  # fmt: skip
    tables = {"power_coalition": rows}
    source: Any = _Source(tables)
    coverage = [Coverage("logs/power.PLSQL", "powerlog", _ns(0), _ns(80), 2, "offsets")]
    found = collect(Trace(sources=[source]), [APP], coverage, episodes={"app_states": _states()}, read=tables).windows
    assert found.select("start", "end").rows() == [(at(0), at(80)), (at(40), at(80))]
    assert found["value"].to_list() == [50.0, 1.0]  # of the whole interval


def _ns(seconds: float) -> int:
    return int(at(seconds).timestamp()) * 10**9


def test_run_time_of_a_bucket_is_that_of_the_app_itself() -> None:
    rows = told(
        "power_app_run_time",
        {"s": 0, "until": 3600, "bundle": APP, "screen_on_s": 12.0, "background_s": 34.12, "background_audio_playing_s": 0.0},
        {"s": 3600, "until": 7200, "bundle": APP, "background_s": 900.0, "background_audio_playing_s": 890.0},
        {"s": 0, "until": 3600, "bundle": APP, "background_s": 0.0},
        {"s": 0, "until": 3600, "bundle": "com.apple.cloudd", "on_behalf_of": APP, "background_s": 5.0},
    )  # fmt: skip
    assert [(row["kind"], row["value"], row["text"]) for row in rows] == [
        ("background", 34.12, "12.0 s on screen, 34.1 s in the background"),
        ("audio", 900.0, "900.0 s in the background, 890.0 s playing audio in the background"),
    ]
    assert {row["app"] for row in rows} == {APP}


def test_now_playing_and_location_last_until_the_next_row() -> None:
    rows = told("power_now_playing", {"s": 0, "bundle": APP, "playing": True}, {"s": 90, "bundle": APP, "playing": False})  # fmt: skip
    assert [(row["lane"], row["kind"], row["end"]) for row in rows] == [("playback", "now playing", at(90))]
    rows = told(
        "power_location_clients",
        {"s": 0, "bundle": APP, "client": APP, "type": "location", "accuracy_m": 100.0},
        {"s": 60, "bundle": APP, "client": APP, "type": ""},
        {"s": 0, "bundle": "com.other.app", "client": "x", "type": "location"},
    )
    assert [(row["kind"], row["text"], row["end"]) for row in rows] == [("client", "location, accuracy 100.0 m", at(60))]  # fmt: skip


def test_assertions_of_powerlog_are_joined_with_those_of_the_log() -> None:
    own = {"identity": APP, "label": "Finish Task", "domain": "FinishTask", "on_behalf_of_pid": 90}
    rows = table(
        "power_assertions",
        {"s": 1, "action": 0, "unique_id": 7, "assertion_id": "31-60-286", **own},
        {"s": 9, "action": 4, "unique_id": 7},
        {"s": 2, "action": 0, "unique_id": 8, "assertion_id": "31-60-287", **own},
        {"s": 3, "action": 0, "unique_id": 9, "identity": "com.apple.atc", "assertion_id": "31-60-288"},
    )
    source: Any = _Source({"power_assertions": rows})
    coverage = [Coverage("logs/power.PLSQL", "powerlog", _ns(0), _ns(80), 4, "offsets")]
    episodes = {"app_states": _states(), "assertions": pl.DataFrame({"assertion_id": ["31-60-286", None]})}
    found = collect(
        Trace(sources=[source]), [APP], coverage, episodes=episodes, read={"power_assertions": rows}
    ).windows
    assert found.select("start", "end", "end_known", "kind", "text", "pid").rows() == [
        (at(1), at(9), True, "also in the log", "id 31-60-286; FinishTask", 90),
        (at(2), at(2), False, "PowerLog alone", "id 31-60-287; FinishTask", 90),
    ]
