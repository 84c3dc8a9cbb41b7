"""Calls from CallKit's lines of both sides, most of them without UUIDs, and from the audio server."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
APP = {"process": "Acme", "pid": 700, "bundle": "com.acme.voip", "subject_pid": 700}
"""CallKit in the app; the bundle stands for the other witnesses that name it."""
DAEMON = {"process": "callservicesd", "pid": 90}
SERVER = {
    "process": "audiomxd",
    "pid": 80,
    "subject": "Acme",
    "subject_pid": 700,
    "session_id": "0x6f",
    "bundle": "com.acme.voip",
}
TIMES = ("reported", "answered", "audio_activated", "connected", "ended")


def test_an_incoming_call_told_twice_is_one_call(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10.0, "call.reported", {**APP, "direction": "incoming"}),
        (10.1, "call.reported", {**DAEMON, "signal": "cs-incoming-request"}),
        (10.2, "call.reported", {**DAEMON, "signal": "cs-ringing-timer"}),
        (15.0, "call.answered", {**DAEMON, "direction": "incoming"}),
        (15.1, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (15.2, "audio_session.activated", {**APP, "reason": "CallKit"}),
        (40.0, "call.ended", {**DAEMON, "reason": "remote hangup", "code": "0x2"}),
        (40.1, "call.ended", {**APP, "code": "0x2"}),
    )
    assert seconds(episodes["calls"], *TIMES) == [(10, 15, 15.1, None, 40)]
    assert episodes["calls"].select("app", "direction", "end_reason", "outcome", "kind", "witness").rows() == [
        ("com.acme.voip", "incoming", "remote hangup", "answered", "callkit", "callkit")
    ]
    assert episodes["calls"]["evidence"].list.len().to_list() == [8]


def test_an_outgoing_call_connects(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "call.action", {**APP, "action": "<CXStartCallAction 0x1>"}),
        (10.1, "call.started", {**DAEMON, "direction": "outgoing"}),
        (11, "call.action", {**APP, "direction": "outgoing", "action": "started connecting"}),
        (14, "call.connected", {**APP, "direction": "outgoing"}),
        (30, "call.ended", {**DAEMON, "reason": "ended by the user or the app"}),
    )
    assert seconds(episodes["calls"], "direction", *TIMES) == [("outgoing", 10, None, None, 14, 30)]
    assert episodes["calls"]["outcome"].to_list() == ["answered"]


@pytest.mark.parametrize(
    ("reason", "code", "outcome"),
    [
        ("unanswered", None, "missed"),
        ("remote hangup", None, "missed"),  # the caller gave up
        ("answered elsewhere", None, "missed"),
        ("declined elsewhere", None, "declined"),
        ("ended by the user or the app", None, "declined"),
        ("user busy", None, "declined"),
        ("failed", None, "failed"),
        (None, "0x3", "missed"),  # CXCallEndedReason.unanswered
        (None, None, "unknown"),
        ("something new", None, "unknown"),
    ],
)
def test_how_an_unanswered_call_ended(story: Story, reason: str | None, code: str | None, outcome: str) -> None:
    episodes = story(
        (10, "call.reported", {**APP, "direction": "incoming"}),
        (20, "call.ended", {**DAEMON, "reason": reason, "code": code}),
    )
    assert episodes["calls"]["outcome"].to_list() == [outcome]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("ended by the user or the app", "cancelled"),
        ("local hangup", "cancelled"),
        ("unanswered", "unanswered"),
        ("remote hangup", "unanswered"),  # refused, or a network that gave up: the line does not tell
        ("user busy", "declined"),
        ("failed", "failed"),
        ("answered elsewhere", "unknown"),
    ],
)
def test_who_calls_misses_nothing(story: Story, reason: str, outcome: str) -> None:
    episodes = story(
        (10, "call.started", {**APP, "direction": "outgoing"}), (20, "call.ended", {**DAEMON, "reason": reason})
    )
    assert episodes["calls"].select("direction", "outcome").rows() == [("outgoing", outcome)]


def test_a_disconnected_reason_is_no_ended_reason(story: Story) -> None:
    # TUCallDisconnectedReason counts otherwise than CXCallEndedReason: 1 is not "failed" there.
    line = {**DAEMON, "code": "0x1", "message": "Disconnecting call with disconnected reason 1: <private>"}
    episodes = story((10, "call.reported", {**APP, "direction": "incoming"}), (20, "call.ended", line))
    assert episodes["calls"].select("end_reason", "outcome").rows() == [(None, "unknown")]


def test_two_calls_at_once_keep_their_own_steps(story: Story, seconds: Seconds) -> None:
    # UUIDs are shown: the second call is answered while the first is held, and ends first.
    a, b = {**DAEMON, "call_id": "A"}, {**DAEMON, "call_id": "B"}
    episodes = story(
        (10, "call.reported", a),
        (12, "call.answered", a),
        (20, "call.reported", b),
        (22, "call.held", a),
        (22.1, "call.answered", b),
        (40, "call.ended", {**b, "reason": "remote hangup"}),
        (41, "call.resumed", a),
        (60, "call.ended", {**a, "reason": "remote hangup"}),
    )
    rows = seconds(episodes["calls"], "call_id", "answered", "ended", "holds")
    assert rows == [("A", 12, 60, 1), ("B", 22.1, 40, 0)]


def test_two_calls_at_once_without_uuids(story: Story, seconds: Seconds) -> None:
    # Same story, all private: order and state tell. The ringing call is the one that can be answered; after the hold
    # the last begun call ends; what is resumed is what was held.
    episodes = story(
        (10, "call.reported", APP),
        (12, "call.answered", DAEMON),
        (20, "call.reported", {**DAEMON, "signal": "cs-incoming-request"}),
        (22, "call.held", DAEMON),
        (22.1, "call.answered", DAEMON),
        (40, "call.ended", {**DAEMON, "reason": "remote hangup"}),
        (41, "call.resumed", DAEMON),
        (60, "call.ended", {**DAEMON, "reason": "remote hangup"}),
    )
    rows = seconds(episodes["calls"], "app", "reported", "answered", "ended", "holds")
    assert rows == [("com.acme.voip", 10, 12, 60, 1), (None, 20, 22.1, 40, 0)]


def test_an_action_does_not_tell_which_of_two_calls_is_the_apps(story: Story) -> None:
    # The app is asked to hold its call because a phone call was answered: the phone call stays nobody's.
    episodes = story(
        (10, "call.reported", APP),
        (12, "call.answered", DAEMON),
        (20, "call.reported", {**DAEMON, "signal": "cs-incoming-handling"}),
        (22, "call.answered", DAEMON),
        (22.1, "call.action", APP),
        (40, "call.ended", {**DAEMON, "reason": "remote hangup"}),
        (60, "call.ended", {**DAEMON, "reason": "remote hangup"}),
    )
    assert episodes["calls"]["app"].to_list() == ["com.acme.voip", None]


def test_all_calls_ended_ends_them_all(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "call.reported", {**DAEMON, "call_id": "A"}),
        (11, "call.reported", {**DAEMON, "call_id": "B"}),
        (30, "call.ended", {**DAEMON, "reason": "all calls ended"}),
    )
    assert seconds(episodes["calls"], "ended") == [(30,), (30,)]


def test_a_call_seen_from_its_middle_on(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "call.held", {**DAEMON, "confidence": 0.9}), (30, "call.ended", {**DAEMON, "reason": "remote hangup"})
    )
    assert seconds(episodes["calls"], "start", "start_how", "ended", "holds", "outcome") == [
        (10, "capture_edge", 30, 1, "unknown")
    ]


def test_a_refused_action_leaves_the_call_alone(story: Story, seconds: Seconds) -> None:
    refused = {**APP, "reason": "action timed out", "action": "<CXAnswerCallAction 0x1>"}
    episodes = story(
        (10, "call.reported", {**APP, "direction": "incoming"}),
        (20, "call.failed", refused),
        (30, "call.ended", {**DAEMON, "reason": "unanswered"}),
    )
    assert seconds(episodes["calls"], "ended", "outcome") == [(30, "missed")]


def test_a_call_that_callkit_refuses_failed(story: Story, seconds: Seconds) -> None:
    refusal = {**DAEMON, "direction": "incoming", "reason": "Do Not Disturb"}
    episodes = story((10, "call.reported", {**APP, "direction": "incoming"}), (10.2, "call.failed", refusal))
    assert seconds(episodes["calls"], "ended", "end_reason", "outcome") == [(10.2, "Do Not Disturb", "failed")]


def test_the_death_of_the_app_ends_its_call(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "call.reported", {**APP, "direction": "incoming"}),
        (12, "call.answered", DAEMON),
        (30, "process.exited", {"bundle": "com.acme.voip", "subject_pid": 700}),
    )
    assert seconds(episodes["calls"], "ended", "end_how", "end_reason") == [(30, "inferred", "process exited")]


@pytest.mark.parametrize(("died", "reason"), [(28, "process exited"), (20, None), (31, None)])
def test_that_no_call_is_left_is_no_reason(story: Story, died: float, reason: str | None) -> None:
    episodes = story(
        (10, "call.reported", {**APP, "direction": "incoming"}),
        (12, "call.answered", DAEMON),
        (died, "process.exited", {"bundle": "com.acme.voip", "subject_pid": 700}),
        (30, "call.ended", {**DAEMON, "reason": "all calls ended"}),
    )
    assert episodes["calls"].select("end_how", "end_reason").rows() == [("observed", reason)]


def test_the_audio_server_alone_proves_a_call(story: Story, seconds: Seconds) -> None:
    # CallKit's lines are missing; the server names callservicesd's pid as the one in control.
    episodes = story(
        (5, "process.identity", {**DAEMON, "subject": "callservicesd", "subject_pid": 90}),
        (10, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (40, "audio_session.deactivated", {**SERVER, "controlling_pid": 90}),
    )
    columns = ("app", "start", "start_how", "audio_activated", "end", "end_how", "witness")
    assert seconds(episodes["calls"], *columns) == [
        ("com.acme.voip", 10, "inferred", 10, 40, "inferred", "audio_session")
    ]


def test_an_app_that_controls_its_own_session_is_in_no_call(story: Story) -> None:
    episodes = story(
        (5, "process.identity", {**DAEMON, "subject": "callservicesd", "subject_pid": 90}),
        (10, "audio_session.activated", {**SERVER, "controlling_pid": 700}),
    )
    assert episodes["calls"].is_empty()
    assert episodes["audio_sessions"]["activated_by"].to_list() == ["app"]


def test_audio_right_after_an_answer_names_the_call(story: Story, seconds: Seconds) -> None:
    # iOS 26: the server does not say who is in control, and all of callservicesd's arguments are private.
    episodes = story(
        (10, "call.reported", DAEMON), (12, "call.answered", DAEMON), (12.1, "audio_session.activated", SERVER)
    )
    assert seconds(episodes["calls"], "app", "audio_activated") == [("com.acme.voip", 12.1)]
    assert episodes["audio_sessions"]["activated_by"].to_list() == ["callkit"]


def test_audio_that_the_app_activated_itself_is_not_callkits(story: Story) -> None:
    episodes = story(
        (10, "call.reported", APP),
        (12, "call.answered", DAEMON),
        (12.1, "audio_session.activated", SERVER),
        (12.1, "audio_session.activated", {"process": "Acme", "pid": 700, "session_id": "0x6f"}),
    )
    assert episodes["calls"]["audio_activated"].to_list() == [None]
    assert episodes["audio_sessions"]["activated_by"].to_list() == ["app"]


def test_a_phone_call_interrupts(story: Story, seconds: Seconds) -> None:
    # No CallKit line at all: the server says PHONE CALL.
    episodes = story(
        (20, "audio_session.interrupted", {**SERVER, "interrupter": "callservicesd(90)", "reason": "(PHONE CALL)"}),
        (50, "audio_session.interruption_ended", SERVER),
    )
    assert seconds(episodes["calls"], "app", "start", "end", "kind", "witness") == [
        (None, 20, 50, "unknown", "audio_session")
    ]


@pytest.mark.parametrize(
    ("provider", "kind", "app"),
    [
        ("com.apple.coretelephony", "cellular", None),
        ("com.apple.telephonyutilities.callservicesd.FaceTimeProvider", "facetime", None),
        ("Q22QQV3L2L.com.net2phone.unite", "callkit", "com.net2phone.unite"),
    ],
)
def test_the_provider_tells_kind_and_app(story: Story, provider: str, kind: str, app: str | None) -> None:
    episodes = story((10, "call.reported", {**DAEMON, "provider": provider}))
    assert episodes["calls"].select("kind", "app").rows() == [(kind, app)]


def test_the_mere_registration_of_a_provider_is_no_call(story: Story) -> None:
    episodes = story((10, "call.provider", APP), (11, "call.action", {**APP, "action": "update"}))
    assert episodes["calls"].is_empty()


def test_calls_of_unknown_apps_count_for_no_app(story: Story) -> None:
    # A phone call rings while the app is suspended: that is no suspension in the app's call.
    episodes = story(
        (10, "call.reported", {**DAEMON, "signal": "cs-incoming-handling"}),
        (12, "process.suspended", {"bundle": "com.acme.voip", "subject_pid": 700}),
    )
    assert episodes["calls"].filter(pl.col("app").is_null()).height == 1
    assert episodes["suspensions"]["in_call"].to_list() == [False]


def test_a_push_to_talk_channel_is_no_call(story: Story) -> None:
    channel = {**APP, "call_id": "A", "reason": "PushToTalk channel"}
    assert story((10, "call.connected", channel), (60, "call.ended", channel))["calls"].is_empty()


def test_a_hidden_end_is_of_the_app_in_which_callkit_speaks(story: Story, seconds: Seconds) -> None:
    # Two apps have calls, and neither UUIDs nor bundles are shown: the first call ends first.
    service = {"process": "callservicesd", "pid": 90}
    first, second = {"process": "Acme", "pid": 700}, {"process": "Beta", "pid": 701}
    calls = story(
        (10, "call.reported", first | {"direction": "incoming"}),
        (12, "call.action", first | {"action": "CXAnswerCallAction"}),
        (30, "call.reported", second | {"direction": "incoming"}),
        (32, "call.action", second | {"action": "CXAnswerCallAction"}),
        (50, "call.ended", service | {"reason": "local hangup"}),
        (50.01, "call.action", first | {"action": "perform"}),
        (80, "call.ended", second | {"code": "2"}),
    )["calls"]
    assert seconds(calls, "process", "start", "end", "end_reason") == [
        ("Acme", 10, 50, "local hangup"),
        ("Beta", 30, 80, "remote hangup"),
    ]
