"""Audio sessions over time, their IO, interruptions; silence, gaps, and the facts for and against a cause."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
ID = {"bundle": "com.acme.voip", "subject_pid": 700}
APP = {"process": "Acme", "pid": 700, **ID}
DAEMON = {"process": "callservicesd", "pid": 90}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "Acme", "session_id": "0x6f", **ID}


def call(start: float, end: float) -> list[Row]:
    return [
        (start, "call.reported", {**APP, "direction": "incoming"}),
        (start + 1, "call.answered", DAEMON),
        (start + 1.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (start + 2, "audio_io.started", APP),
        (end, "call.ended", DAEMON),
        (end, "audio_session.deactivated", {**SERVER, "controlling_pid": 90}),
    ]


def state(t: float, word: str, visibility: str = "NotVisible") -> Row:
    return (t, "process.state", {**ID, "state": word, "visibility": visibility})


def test_settings_over_time(story: Story, seconds: Seconds) -> None:
    buffer = {"action": "PreferredAudioHardwareIOBufferFrameDuration", "value": 0.005}
    settings = story(
        (10, "audio_session.configured", {**SERVER, "category": "PlayAndRecord", "mode": "VoiceChat"}),
        (12, "audio_session.activated", SERVER),
        (15, "audio_session.configured", {**SERVER, "category": "PlayAndRecord"}),  # nothing new
        (20, "audio_session.configured", {**SERVER, "sample_rate_hz": 16000.0}),
        (21, "audio_session.configured", {**SERVER, **buffer}),
        (30, "audio_session.route_changed", {**SERVER, "route": "HeadsetBT"}),
        (40, "process.exited", ID),
    )["audio_settings"]
    columns = ("start", "end", "changed", "category", "route", "sample_rate_hz", "buffer_s", "active")
    assert seconds(settings, *columns) == [
        (10, 20, "category, mode", "PlayAndRecord", None, None, None, False),
        (20, 21, "sample_rate_hz", "PlayAndRecord", None, 16000.0, None, True),
        (21, 30, "buffer_s", "PlayAndRecord", None, 16000.0, 0.005, True),
        (30, 40, "route", "PlayAndRecord", "HeadsetBT", 16000.0, 0.005, True),
    ]


def test_what_other_tables_tell_of_a_session(story: Story, seconds: Seconds) -> None:
    sessions = story(
        call(10, 60),
        (20, "audio_session.route_changed", {**SERVER, "route": "Speaker"}),
        state(5, "running-active", "Visible"),
        (50, "audio_io.stopped", APP),
        (70, "audio_session.activated", {**APP, "session_id": "0x6f"}),
        (90, "audio_session.deactivated", {**APP, "session_id": "0x6f"}),
    )["audio_sessions"]
    columns = ("activated_by", "activator", "route", "settings", "io_running_s", "io_silent_s", "io_stopped")
    assert seconds(sessions, *columns) == [
        ("callkit", "callservicesd", "Speaker", 1, 38.0, 10.5, 50),
        ("app", "Acme", "Speaker", 1, 0.0, 20.0, None),
    ]
    assert sessions.select("in_call_s", "outside_call_s", "foreground_s").rows() == [
        (48.5, 0.0, 48.5),
        (0.0, 20.0, 20.0),
    ]


def test_without_word_of_io_nothing_is_said_of_it(story: Story) -> None:
    sessions = story((10, "audio_session.activated", SERVER), (20, "audio_session.deactivated", SERVER))[
        "audio_sessions"
    ]
    assert sessions.select("io_running_s", "io_silent_s", "io_stopped").rows() == [(None, None, None)]


def test_who_interrupted_and_how_soon_the_session_was_back(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (1, "process.identity", {"bundle": "com.apple.mobilephone", "subject": "MobilePhone", "subject_pid": 120}),
        (10, "audio_session.activated", SERVER),
        (20, "audio_session.interrupted", {**SERVER, "interrupter": "MobilePhone(120)"}),
        (30, "audio_session.interruption_ended", APP),
        (32.5, "audio_session.activated", SERVER),
        (50, "audio_session.deactivated", SERVER),
    )
    columns = ("interrupter_app", "interrupter_pid", "resumed", "resumed_after_s")
    assert seconds(episodes["interruptions"], *columns) == [("com.apple.mobilephone", 120, True, 2.5)]
    assert episodes["audio_sessions"]["interruptions"].to_list() == [1, 0]


def test_io_that_stops_in_a_call_is_silence(story: Story, seconds: Seconds) -> None:
    episodes = story(call(10, 60), (20, "audio_io.stopped", APP), (35, "audio_io.started", APP))
    assert seconds(episodes["glitches"], "kind", "app", "start", "end", "in_call") == [
        ("silence", "com.acme.voip", 20, 35, True)
    ]


def test_a_restart_a_hold_and_an_interruption_are_no_silence(story: Story) -> None:
    restart = story(call(10, 60), (20, "audio_io.stopped", APP), (22, "audio_io.started", APP))
    assert restart["glitches"]["kind"].to_list() == ["io_restart"]
    held = story(
        call(10, 60),
        (19, "call.held", DAEMON),
        (20, "audio_io.stopped", APP),
        (35, "call.resumed", DAEMON),
        (35, "audio_io.started", APP),
    )
    assert held["glitches"].is_empty()
    assert held["calls"]["held_s"].to_list() == [16.0]


def test_a_suspension_in_the_midst_of_audio(story: Story, seconds: Seconds) -> None:
    episodes = story(
        call(10, 60), state(9, "running-active"), state(30, "running-suspended"), state(45, "running-active")
    )
    columns = ("kind", "start", "end", "cause", "cause_confidence", "facts_for")
    assert seconds(episodes["glitches"], *columns) == [
        ("suspension_gap", 30, 45, "suspension", 0.9, "the app was suspended at the same moment")
    ]


def test_facts_for_and_against(story: Story) -> None:
    glitches = story(
        call(10, 60),
        (5, "resource.thermal", {"process": "thermalmonitord", "reason": "thermal pressure", "value": 20.0}),
        (29, "audio_session.route_changed", {**APP, "route": "Speaker"}),
        [(30 + at * 0.1, "audio_io.overload", APP) for at in range(5)],
    )["glitches"]
    assert glitches.select("cause", "cause_confidence", "facts_for", "facts_against").rows() == [
        (
            "route_change",
            0.7,
            "route change to Speaker 1.0 s before",
            "moderate heat (thermal pressure 20) for 25.0 s by then",
        )
    ]
    assert glitches["against_evidence"].to_list() == [[6]]


@pytest.mark.parametrize(
    ("value", "words"),
    [(30.0, "heavy heat (thermal pressure 30)"), (3.0, "heat (thermal pressure 3)"), (None, "critical heat")],
)
def test_heat_is_named_by_its_level(story: Story, value: float | None, words: str) -> None:
    told = {"process": "thermalmonitord", "reason": "thermal pressure" if value else "critical", "value": value}
    glitches = story(
        call(10, 60), (5, "resource.thermal", told), [(30 + at * 0.1, "audio_io.overload", APP) for at in range(5)]
    )
    assert glitches["glitches"]["facts_for"].to_list() == [f"{words} for 25.0 s by then"]


def test_what_is_told_late_speaks_against_itself(story: Story) -> None:
    glitches = story(
        call(10, 60), (30, "audio_io.overload", APP), (33, "resource.cpu", {**ID, "process": "kernel", "pid": 0})
    )["glitches"]
    assert glitches.select("cause", "facts_for", "facts_against").rows() == [
        ("cpu", "CPU 3.0 s after its begin", "it began 3.0 s before the first line about that")
    ]


def test_an_unknown_cause_says_what_could_have_been_told(story: Story) -> None:
    glitches = story(call(10, 90), (5, "audio_session.route_changed", APP), (60, "audio_io.overload", APP))["glitches"]
    assert glitches.select("cause", "facts_for", "facts_against").rows() == [
        ("unknown", None, "no route change within 5 s")
    ]


def test_a_thread_that_waits_for_a_core(story: Story) -> None:
    glitches = story(
        call(10, 60),
        (29.99, "audio_io.preempted", {**APP, "duration_s": 0.012}),
        (30, "audio_io.overload", APP),
    )["glitches"]
    assert glitches.select("cause", "facts_for").rows() == [
        ("preemption", "audio thread waited for a core for 12.0 ms 0.01 s before")
    ]


def test_low_power_mode_is_a_weak_cause(story: Story) -> None:
    glitches = story(
        call(10, 60),
        (5, "resource.low_power", {"process": "powerd", "pid": 41, "active": True}),
        (30, "audio_io.overload", APP),
    )["glitches"]
    assert glitches.select("cause", "cause_confidence", "facts_for").rows() == [
        ("cpu", 0.3, "Low Power Mode was on for 25.0 s by then")
    ]


def test_a_daemon_that_names_only_the_new_route_tells_the_one_before(story: Story, seconds: Seconds) -> None:
    # Input and output of one change stand side by side: a move is from output to output.
    def line(t: float, signal: str, route: str) -> Row:
        return (t, "audio_session.route_changed", {"process": "callservicesd", "signal": signal, "route": route})

    rows = [
        line(10, "cs-route-output", "Receiver"),
        line(10.01, "cs-route-input", "Mic"),
        line(20, "cs-route-input", "Headset-tsco"),
        line(20.01, "cs-route-output", "Headset-tsco"),
        line(30, "cs-route-output", "Headset-tsco"),
    ]
    changes = story(rows)["route_changes"]
    assert seconds(changes, "start", "previous_route", "route") == [
        (10, None, "Receiver"),
        (20, "Receiver", "Headset-tsco"),
        (30, "Headset-tsco", "Headset-tsco"),
    ]


@pytest.mark.parametrize("reasons", [("Lost", "Reset"), ("Reset",)])
def test_every_session_goes_with_the_audio_server(story: Story, seconds: Seconds, reasons: tuple[str, ...]) -> None:
    told = {"process": "Acme", "pid": 700, "signal": "avas-services-reset"}
    resets = [(40.0 + at, "media_services.reset", {**told, "reason": reason}) for at, reason in enumerate(reasons)]
    active = "audio_session.activated"
    episodes = story((10, active, SERVER), resets, (60, active, SERVER))
    sessions = episodes["audio_sessions"]
    assert seconds(sessions, "start", "end", "stopped_by") == [
        (10.0, 40.0, "media_services_reset"),
        (60.0, None, None),
    ]
    glitches = episodes["glitches"].filter(kind="media_services_reset")
    assert seconds(glitches, "count", "peak_per_10s") == [(1, 1)]


def test_each_reset_counts_once_and_each_time(story: Story, seconds: Seconds) -> None:
    rows = [
        (at, "media_services.reset", {"process": name, "pid": pid, "signal": "avas-services-reset", "reason": reason})
        for begin in (40, 43)
        for at, reason in ((begin, "Lost"), (begin + 1, "Reset"))
        for name, pid in (("Acme", 700), ("Music", 800))
    ]
    glitches = story(rows)["glitches"]
    assert seconds(glitches, "start", "end", "count", "peak_per_10s") == [(40.0, 44.0, 2, 2)]
