"""Real lines that belong together, from public threads: what a careful reader finds in them by hand."""

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import Episodes
from traceview.signals.matcher import match
from traceview_parsers import ReadOptions, open_trace

pytestmark = pytest.mark.real

CLOCK = re.compile(r"\d\d:\d\d:\d\d\.\d+")
Read = Callable[[str], Episodes]


@pytest.fixture
def read(real: Path, tmp_path: Path) -> Read:
    """Episodes of the lines of one thread (a part of its source), by the time that they show."""

    def episodes(source: str) -> Episodes:
        told = [json.loads(row) for row in (real / "lines" / "lines.jsonl").read_text(encoding="utf-8").splitlines()]
        lines = [one["line"] for one in told if source in str(one.get("source")) and one["kind"] == "verbatim"]
        timed = [line for line in lines if CLOCK.search(line)]
        timed.sort(key=lambda line: CLOCK.findall(line)[0])
        path = tmp_path / "thread.log"
        path.write_text("\n".join(timed) + "\n", encoding="utf-8")
        with open_trace(path, ReadOptions(date=dt.date(2024, 7, 1), tz=dt.UTC)) as trace:
            events = pl.concat([match(batch) for batch in trace.batches("log")])
        return reconstruct(events, Span.of(events))

    return episodes


def clock(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    times = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime)]
    return table.with_columns(pl.col(name).dt.strftime("%M:%S%.6f") for name in times).select(columns).rows()


def test_a_launch_in_the_background_on_ios_14(read: Read) -> None:
    # SpringBoard asks for a launch (49.592072) before there is a pid; the process 1957 appears 150 ms later, at once in
    # the background: jetsam band 3, role NonUserInteractive. Two assertions, both FrontBoard's own; the run is 2 ms long.
    episodes = read("flutterfire/issues/5702")
    app = episodes["processes"]
    assert clock(app, "app", "pid", "start", "start_how", "launch_reason") == [
        ("com.elsystm.elsystm", 1957, "31:49.742520", "observed", "FBApplicationProcess")
    ]
    running = episodes["app_states"].filter(pl.col("pid").is_not_null())
    assert clock(running, "state", "start", "role") == [("background", "31:49.742520", "Background")]
    assert episodes["conditions"].select("kind", "level", "value").rows() == [
        ("jetsam_priority", None, 3.0),
        ("darwin_role", "NonUserInteractive", None),
        ("role", "Background", None),
    ]
    assert episodes["assertions"]["name"].to_list() == ["FBApplicationProcess", "FBWorkspace (BackgroundActive)"]
    assert episodes["background_runs"]["verdict"].to_list() == ["within_budget"]


def test_an_activation_refused_and_then_callkits_on_ios_14(read: Read) -> None:
    # pid 2145 sets rate and buffer, is refused (-12983, insufficient priority), activates its session by itself 0.7 s
    # later; its IO stops, and 0.16 s later callservicesd (pid 150) activates the session. 10 s later the daemon heard
    # tells that the call of com.net2phone.unite is over: one call, whose begin nobody tells.
    episodes = read("callkeep/issues/489")
    assert clock(episodes["audio_sessions"], "start", "end", "activated_by", "refused_error") == [
        ("07:14.088829", "07:14.088829", "unknown", "-12983"),
        ("07:14.802565", "07:37.049175", "app", None),
        ("07:37.049175", None, "callkit", None),
    ]
    columns = ("app", "pid", "start", "start_how", "audio_activated", "end", "outcome", "witness")
    assert clock(episodes["calls"], *columns) == [
        (
            "com.net2phone.unite",
            2145,
            "07:37.049175",
            "capture_edge",
            "07:37.049175",
            "07:47.494225",
            "answered",
            "callkit",
        )
    ]
    settings = episodes["audio_settings"].select("changed", "sample_rate_hz", pl.col("buffer_s").round(6)).rows()
    assert settings == [("sample_rate_hz", 44100.0, None), ("buffer_s", 44100.0, 0.005)]
    assert episodes["audio_sessions"]["io_running_s"].to_list() == [None, 0.0, 0.0]


def test_a_facetime_call_told_by_callservicesd_alone_on_macos_26(read: Read) -> None:
    # Everything private: reported, answered 2.632 s later, ended 9 s later with reason 2. Nobody tells of its audio.
    episodes = read("VERBATIM lines from live log-stream")
    columns = (
        "direction",
        "reported",
        "answered",
        "ended",
        "end_reason",
        "outcome",
        "report_to_answer_s",
        "audio_fault",
    )
    assert clock(episodes["calls"], *columns) == [
        ("incoming", "57:08.426000", "57:11.058000", "57:20.116000", "remote hangup", "answered", 2.632, None)
    ]


def test_an_app_comes_to_the_foreground_on_ios_26(read: Read) -> None:
    # Seven witnesses say visible, gamepolicyd says NotVisible as it always does: no contradiction. The app takes a
    # background task; its RunningBoard assertion is the same fact. "Connection established" shows that it was just launched.
    episodes = read("public repo file, app com.hightowerai.MobileJarvisNative ( id 1864483723)")
    columns = ("app", "pid", "state", "start", "end_how", "contradicted_by")
    assert clock(episodes["app_states"], *columns) == [
        ("com.hightowerai.MobileJarvisNative", 1259, "foreground", "25:59.310427", "capture_edge", [])
    ]
    assert clock(episodes["background_tasks"], "start", "outcome", "background_held_s") == [
        ("25:59.606815", "open", 0.0)
    ]
    assert episodes["assertions"].select("assertion_id", "domain", "originator_pid").rows() == [
        ("33-1259-1991253", "FinishTask", 1259)
    ]
    assert episodes["background_runs"].is_empty()


def test_a_crash_in_the_foreground_on_ios_14(read: Read) -> None:
    # The kernel allows a corpse, the workspace connection breaks, launchd reports signal 10 (SIGBUS): one death. What
    # RunningBoard then tells of an assertion of the dead process holds nothing.
    episodes = read("ms-intune-app-sdk-ios/issues/137")
    assert clock(episodes["terminations"], "app", "pid", "start", "end", "kind", "code", "app_state") == [
        ("com.AppCo.MyApp", 432, "00:54.679702", "00:54.684199", "crash", "0xa", "foreground")
    ]
    states = episodes["app_states"].select("state", "start_how", "end_how").rows()
    assert states == [("foreground", "observed", "observed"), ("not_running", "observed", "capture_edge")]
    assert clock(episodes["assertions"], "start", "end", "end_how") == [("00:54.703605", "00:54.703605", "inferred")]


def test_recording_for_a_second_on_macos_26(read: Read) -> None:
    # The HAL context is paused and resumed (20 ms: a restart), the session goes active to record, the input starts
    # (56.83) and stops (57.99). The category is set twice within a millisecond.
    episodes = read("file id 12669214702")
    session = episodes["audio_sessions"]
    assert clock(session, "app", "session_id", "category", "start", "end_how", "io_stopped") == [
        ("com.nexy.assistant", "0x1ef186", "Record_WithBluetooth", "24:56.829173", "capture_edge", "24:57.994029")
    ]
    assert episodes["audio_settings"]["changed"].to_list() == ["category", "category, mode"]
    assert episodes["glitches"].select("kind", "in_call").rows() == [("io_restart", False)]


def test_a_process_that_is_not_managed_is_not_suspended_on_macos_26(read: Read) -> None:
    # "running-suspended" after "Ignoring suspend because this process is not lifecycle managed": its role is gone, so it is
    # no longer in the foreground; it runs, and nobody tells more.
    episodes = read("file id 12653984578")
    assert clock(episodes["app_states"], "state", "start", "end", "end_how") == [
        ("foreground", "22:38.313958", "22:38.756429", "inferred"),
    ]
    assert episodes["suspensions"].is_empty()
