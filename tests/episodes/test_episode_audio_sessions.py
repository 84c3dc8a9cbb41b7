"""Audio sessions, interruptions and route changes: client and server tell of the same things."""

from collections.abc import Callable
from typing import Any

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
CLIENT = {"process": "MobileJarvisNative", "pid": 1766, "session_id": "0x6f6a3"}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "MobileJarvisNati", "subject_pid": 1766, "session_id": "0x6f6a3"}
APP = {"bundle": "com.acme.voip", "subject_pid": 1766}
WINDOW = ("start", "end", "start_how", "end_how")


def visible(t: float, visibility: str) -> tuple[float, str, dict[str, Any]]:
    message = "Received state update for 1766 (app<com.acme.voip((null))>"
    return (
        t,
        "process.state",
        {**APP, "process": "dasd", "state": "running-active", "visibility": visibility, "message": message},
    )


def test_client_and_server_tell_of_one_session(story: Story, seconds: Seconds) -> None:
    # Foreground 5 to 20, then background; a call from 15 to 30; the session is active from 10 to 40.
    episodes = story(
        visible(5, "Visible"),
        (9, "audio_session.configured", {**SERVER, "category": "PlayAndRecord", "mode": "VoiceChat"}),
        (10, "audio_session.activated", {**SERVER, "options": "NonMixable"}),
        (10.01, "audio_session.activated", CLIENT),
        (10.5, "audio_io.started", {"process": "MobileJarvisNative", "pid": 1766}),
        (15, "call.reported", {"process": "MobileJarvisNative", "pid": 1766, "direction": "incoming"}),
        visible(20, "NotVisible"),
        (30, "call.ended", {"process": "MobileJarvisNative", "pid": 1766}),
        (40, "audio_session.deactivated", CLIENT),
        (40.01, "audio_session.deactivated", SERVER),
    )
    sessions = episodes["audio_sessions"]
    assert seconds(sessions, *WINDOW) == [(10, 40, "observed", "observed")]
    assert sessions.select("category", "mode", "options", "activated_by", "stopped_by").rows() == [
        ("PlayAndRecord", "VoiceChat", "NonMixable", "app", "app")
    ]
    assert seconds(sessions, "in_call_s", "foreground_s", "background_s", "io_started") == [(15, 10, 20, 10.5)]


def test_a_refusal_is_a_window_without_length(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "audio_session.refused", {**SERVER, "error": "-12983", "reason": "Insufficient priority"}),
        (10.1, "audio_session.refused", {**CLIENT, "error": "561017449"}),  # the same refusal as the client sees it
        (12, "audio_session.refused", {**CLIENT, "error": "561017449"}),
    )
    rows = seconds(episodes["audio_sessions"], *WINDOW, "refused_error")
    assert rows == [(10, 10, "observed", "observed", "-12983"), (12, 12, "observed", "observed", "561017449")]


def test_the_server_stops_a_suspended_client(story: Story, seconds: Seconds) -> None:
    stop = {"process": "audiomxd", "pid": 80, **APP, "reason": "client is background suspended"}
    episodes = story((10, "audio_session.activated", CLIENT), (30, "audio_session.stopped", stop))
    assert seconds(episodes["audio_sessions"], "start", "end", "stopped_by") == [(10, 30, "system_suspended")]


def test_a_stop_of_a_session_from_before_the_capture(story: Story, seconds: Seconds) -> None:
    stop = {"process": "audiomxd", "pid": 80, **APP, "reason": "client is background suspended"}
    episodes = story((30, "audio_session.stopped", stop))
    assert seconds(episodes["audio_sessions"], *WINDOW, "stopped_by") == [
        (30, 30, "capture_edge", "observed", "system_suspended")
    ]


def test_a_destroyed_session_need_not_have_been_active(story: Story) -> None:
    assert story((9, "audio_session.deactivated", {**SERVER, "reason": "session destroyed"}))[
        "audio_sessions"
    ].is_empty()


def test_the_death_of_the_process_ends_its_session(story: Story, seconds: Seconds) -> None:
    episodes = story((10, "audio_session.activated", CLIENT), (30, "process.exited", APP))
    assert seconds(episodes["audio_sessions"], "start", "end", "end_how", "stopped_by") == [
        (10, 30, "inferred", "process_exit")
    ]


def test_background_audio_is_denied_to_an_active_session_only_outside_the_foreground(
    story: Story, seconds: Seconds
) -> None:
    denied = {"process": "audiomxd", "pid": 80, **APP}
    episodes = story(
        (8, "audio_session.not_allowed", {**denied, "state": "BackgroundRunning"}),
        (10, "audio_session.activated", CLIENT),
        (11, "audio_session.not_allowed", {**denied, "state": "ForegroundRunning"}),
        (20, "audio_session.not_allowed", {**denied, "state": "BackgroundRunning"}),
    )
    assert seconds(episodes["audio_sessions"], "background_denied") == [(20,)]


def test_an_interruption_from_three_witnesses_and_its_end(story: Story, seconds: Seconds) -> None:
    by = {"interrupter": "callservicesd(130)", "reason": "PHONE CALL"}
    episodes = story(
        (10, "audio_session.activated", CLIENT),
        (20, "audio_session.interrupted", {**SERVER, **by}),
        (20.1, "audio_session.interrupted", {"process": "MobileJarvisNative", "pid": 1766}),
        (20.2, "audio_session.interrupted", {"process": "callservicesd", "pid": 90}),
        (50, "audio_session.interruption_ended", {"process": "MobileJarvisNative", "pid": 1766}),
        (52, "audio_session.activated", CLIENT),
    )
    rows = seconds(episodes["interruptions"], "start", "end", "end_how", "interrupter", "resumed")
    assert rows == [(20, 50, "observed", "callservicesd(130)", True)]
    assert seconds(episodes["audio_sessions"], "start", "end", "stopped_by") == [
        (10, 20, "interruption"),
        (52, None, None),
    ]


def test_an_interruption_that_never_ends(story: Story, seconds: Seconds) -> None:
    episodes = story((10, "audio_session.activated", CLIENT), (20, "audio_session.interrupted", SERVER))
    assert seconds(episodes["interruptions"], "start", "end", "end_how", "resumed") == [
        (20, None, "capture_edge", False)
    ]


def test_audio_that_is_active_again_ends_the_interruption(story: Story, seconds: Seconds) -> None:
    episodes = story((20, "audio_session.interrupted", SERVER), (30, "audio_session.activated", CLIENT))
    assert seconds(episodes["interruptions"], "end", "end_how", "resumed") == [(30, "inferred", True)]


def test_a_route_change_told_to_all_clients_is_one(story: Story, seconds: Seconds) -> None:
    # Real iOS 14/15 devices: the server, wifid, corespeechd and the app within 16 ms.
    app = {"process": "MobileJarvisNative", "pid": 1766, "reason": "OldDeviceUnavailable"}
    episodes = story(
        (5, "process.identity", {**APP, "message": "[app<com.acme.voip>:1766]"}),
        (
            10,
            "audio_session.route_changed",
            {"process": "mediaserverd", "pid": 80, "reason": "ActiveAudioRouteDidChange"},
        ),
        (10.012, "audio_session.route_changed", {"process": "wifid", "pid": 50, "reason": "CategoryChange"}),
        (10.016, "audio_session.route_changed", app),
        (11, "audio_session.route_changed", {"process": "wifid", "pid": 50, "reason": "Override"}),
    )
    rows = seconds(episodes["route_changes"], "app", "start", "end", "reason")
    assert rows == [("com.acme.voip", 10, 10, "OldDeviceUnavailable"), (None, 11, 11, "Override")]
    assert episodes["route_changes"]["evidence"].list.len().to_list() == [3, 1]


def test_callkit_takes_over_a_session_that_the_app_had_activated(story: Story, seconds: Seconds) -> None:
    # As on a real iOS 14/15 device: active without control at 10, activated by callservicesd's pid 22 s later.
    service = {"process": "callservicesd", "pid": 150}
    episodes = story(
        (5, "process.identity", {**service, "subject": "callservicesd", "subject_pid": 150}),
        (10, "audio_session.activated", CLIENT),
        (32, "audio_session.activated", {**SERVER, "controlling_pid": 150}),
        (60, "audio_session.deactivated", {**SERVER, "controlling_pid": 150}),
    )
    rows = seconds(episodes["audio_sessions"], "start", "end", "end_how", "activated_by", "stopped_by")
    assert rows == [(10, 32, "inferred", "app", "callkit"), (32, 60, "observed", "callkit", "callkit")]
