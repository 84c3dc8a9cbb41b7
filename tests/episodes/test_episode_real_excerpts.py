"""Whole real excerpts through reader, matcher and reconstruction: what a careful reader finds in them by hand."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import Episodes
from traceview.signals.matcher import match
from traceview_parsers import ReadOptions, open_trace

pytestmark = pytest.mark.real

# The excerpts show no date; any will do.
DATE = dt.date(2024, 7, 1)


def episodes_of(path: Path) -> Episodes:
    with open_trace(path, ReadOptions(date=DATE, tz=dt.UTC)) as trace:
        events = pl.concat([match(batch) for batch in trace.batches("log")])
    return reconstruct(events, Span.of(events))


def clock(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    times = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime)]
    return table.with_columns(pl.col(name).dt.strftime("%M:%S%.6f") for name in times).select(columns).rows()


def nothing_but(episodes: Episodes, *tables: str) -> None:
    assert {name for name, table in episodes.items() if table.height} == set(tables)


def test_watchdog_kill_on_ios_14(real: Path) -> None:
    # FrontBoard tells of the exit with its reason, then tidies up; runningboardd agrees twice. All in one second.
    # It says nothing about the time before, so there is no state but "not running" afterwards.
    episodes = episodes_of(real / "excerpts" / "03.log")
    nothing_but(episodes, "processes", "app_states", "terminations")
    assert clock(episodes["terminations"], "app", "pid", "kind", "start") == [
        ("com.REDACTED", 796, "watchdog", "24:57.000000")
    ]
    assert episodes["terminations"]["explanation"][0].startswith("watchdog")
    assert episodes["app_states"].select("state", "pid", "start_how", "end_how").rows() == [
        ("not_running", None, "observed", "capture_edge")
    ]
    app = episodes["processes"].filter(pl.col("is_app"))
    assert app.select("app", "pid", "start_how", "end_how").rows() == [
        ("com.REDACTED", 796, "capture_edge", "observed")
    ]


def test_background_audio_app_dies_on_ios_15(real: Path) -> None:
    # The audio server sees its client 716 die first, runningboardd 30 ms later names the bundle. The reason is not told.
    # WebContent 722 and 717 go with it; 721 is suspended and then gone for the audio server.
    episodes = episodes_of(real / "excerpts" / "04.log")
    nothing_but(episodes, "processes", "app_states", "suspensions", "network", "terminations")
    # RunningBoard shuts the sockets of two extensions that it suspends; they belong to a daemon, not to the app.
    shut = episodes["network"].select("pid", "kind", "reason", "after_suspension").rows()
    assert shut == [(pid, "connection_lost", "sockets shut down", True) for pid in (614, 613)]
    app = episodes["processes"].filter(pl.col("is_app"))
    assert clock(app, "app", "process", "pid", "end", "end_how") == [
        ("com.xxx.xxx", "My_App", 716, "55:03.964390", "observed")
    ]
    services = episodes["processes"].filter(pl.col("app") == "com.apple.WebKit.WebContent")
    assert set(services.select("pid", "host_app").rows()) == {(pid, "com.xxx.xxx") for pid in (717, 721, 722)}
    assert clock(episodes["suspensions"], "pid", "start", "end", "ended_by") == [
        (721, "55:04.002595", "55:04.120137", "terminated")
    ]
    deaths = episodes["terminations"]
    assert set(deaths.select("pid", "kind").rows()) == {(pid, "unknown") for pid in (716, 717, 721, 722)}


def test_audio_engine_stops_at_a_format_change_on_ios_26(real: Path) -> None:
    # The author's columns leave out the process. The app activates its session, the route configuration changes twice,
    # and 7 ms before the second time (1 s after the first) the IO unit fails. No call, so the format change is no glitch.
    episodes = episodes_of(real / "excerpts" / "05.log")
    nothing_but(episodes, "processes", "audio_sessions", "route_changes", "glitches")
    assert clock(episodes["audio_sessions"], "session_id", "activated_by", "start", "end", "io_started") == [
        ("0xd90994a", "app", "30:32.700701", None, "30:32.852000")
    ]
    assert clock(episodes["route_changes"], "start", "session_id") == [
        ("30:32.815000", "0xd90994a"),
        ("30:33.815000", "0xd90994a"),
    ]
    assert clock(episodes["glitches"], "kind", "start", "count", "in_call", "cause") == [
        ("io_failed", "30:33.808000", 1, False, "route_change")
    ]


def test_voip_app_without_a_call_is_suspended_on_ios_17(real: Path) -> None:
    # dasd, locationd (three ways) tell one suspension; the audio server stopped the client 0.16 ms before. The title of
    # the thread quotes a kill without a time: it is a developer's switch, and no end of the suspension.
    episodes = episodes_of(real / "excerpts" / "06.log")
    nothing_but(episodes, "processes", "app_states", "suspensions", "audio_sessions", "terminations")
    columns = ("app", "pid", "start", "start_how", "end", "in_call")
    assert clock(episodes["suspensions"], *columns) == [
        ("com.myapp.bundleid", 2933, "29:55.265753", "observed", None, False)
    ]
    assert episodes["suspensions"]["evidence"].list.len().to_list() == [5]
    assert episodes["audio_sessions"].select("pid", "stopped_by", "start_how").rows() == [
        (2933, "system_suspended", "capture_edge")
    ]
    assert episodes["terminations"].select("app", "kind", "start_how", "app_state").rows() == [
        ("com.myapp.bundleid", "debug", "inferred", "suspended")
    ]
