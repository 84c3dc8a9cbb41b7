"""Which of several calls a line is about that names none: what the app, its audio and the lines before tell; else not known."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"process": "Acme", "pid": 700, "bundle": "com.acme.voip", "subject_pid": 700}
DAEMON = {"process": "callservicesd", "pid": 90}
RESTARTED = {"process": "callservicesd", "pid": 95}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "Acme", "subject_pid": 700, "session_id": "0x6f"}
ENDS = ("app", "end", "end_how", "end_reason")
REPORTED: Row = (10, "call.reported", {**DAEMON, "direction": "incoming"})
ANSWERED: Row = (12, "call.answered", DAEMON)
OWN: list[Row] = [(10, "call.reported", {**APP, "direction": "incoming"}), ANSWERED]
RINGS: Row = (30, "call.reported", {**DAEMON, "signal": "cs-incoming-handling", "direction": "incoming"})
DIES: Row = (40, "process.exited", {"subject": "callservicesd", "subject_pid": 90})


def ended(t: float, reason: str | None = "remote hangup", **fields: Any) -> Row:
    return (t, "call.ended", {**DAEMON, "reason": reason, **fields})


@pytest.mark.parametrize(("reason", "outcome"), [("remote hangup", "missed"), ("local hangup", "declined")])
def test_an_app_that_prints_nothing_ends_no_call_of_its_own(
    story: Story, seconds: Seconds, reason: str, outcome: str
) -> None:
    own_end = (90, "call.ended", {**APP, "reason": "remote hangup"})
    calls = story(OWN, RINGS, ended(36, reason), own_end, ended(90.01))["calls"]
    assert seconds(calls, *ENDS, "outcome") == [
        ("com.acme.voip", 90.0, "observed", "remote hangup", "answered"),
        (None, 36.0, "observed", reason, outcome),
    ]


def test_the_app_that_speaks_ends_its_own_call_while_another_rings(story: Story, seconds: Seconds) -> None:
    asked = (36, "call.action", {**APP, "action": "<CXEndCallAction 0x1>"})
    calls = story(OWN, RINGS, asked, ended(36.01, "local hangup"), ended(50))["calls"]
    assert seconds(calls, *ENDS) == [
        ("com.acme.voip", 36.01, "observed", "local hangup"),
        (None, 50.0, "observed", "remote hangup"),
    ]


@pytest.mark.parametrize(("silent", "own", "other"), [(60.1, 60.0, 36.0), (36.1, 36.0, 60.0)])
def test_audio_tells_whose_call_ended(story: Story, seconds: Seconds, silent: float, own: float, other: float) -> None:
    active = (12.1, "audio_session.activated", SERVER)
    calls = story(
        REPORTED, ANSWERED, active, RINGS, ended(36), (silent, "audio_session.deactivated", SERVER), ended(60)
    )["calls"]
    assert seconds(calls, "answered", "end") == [(12.0, own), (None, other)]


def test_where_nothing_decides_the_end_is_not_known(story: Story, seconds: Seconds) -> None:
    calls = story(REPORTED, ANSWERED, RINGS, ended(36), ended(36.01, None))["calls"]
    assert seconds(calls, "end", "end_how", "end_reason") == [(None, "capture_edge", None)] * 2


def test_calls_that_ended_in_unknown_order_are_over(story: Story, seconds: Seconds) -> None:
    calls = story(REPORTED, ANSWERED, RINGS, ended(36), ended(60))["calls"]
    assert seconds(calls, "end", "end_how") == [(60.0, "inferred")] * 2


def test_a_call_that_is_answered_had_not_ended(story: Story, seconds: Seconds) -> None:
    calls = story(REPORTED, ANSWERED, RINGS, ended(36), (40, "call.answered", DAEMON), ended(60))["calls"]
    assert seconds(calls, "answered", "end", "end_how") == [(12.0, 36.0, "observed"), (40.0, 60.0, "observed")]


def test_a_call_ends_for_the_one_that_is_answered(story: Story, seconds: Seconds) -> None:
    message = "Performing end active calls and answer ringing call <private> for answer request <private>"
    answer = (34, "call.answered", {**DAEMON, "direction": "incoming", "message": message})
    asked = (34.02, "call.action", {**APP, "action": "<private>"})
    calls = story(OWN, RINGS, answer, ended(34.01, "local hangup"), asked, ended(34.03, None), ended(60))["calls"]
    assert seconds(calls, "app", "answered", "end", "end_reason") == [
        ("com.acme.voip", 12.0, 34.01, "local hangup"),
        (None, 34.0, 60.0, "remote hangup"),
    ]


def test_callservicesd_that_starts_again_says_nothing_of_the_calls_before(story: Story, seconds: Seconds) -> None:
    none_left = (45, "call.ended", {**RESTARTED, "reason": "all calls ended", "confidence": 0.8})
    again: list[Row] = [
        (60, "call.reported", {**APP, "direction": "incoming"}),
        (64, "call.answered", RESTARTED),
        (80, "call.ended", {**RESTARTED, "reason": "all calls ended"}),
    ]
    calls = story(OWN, DIES, none_left, again)["calls"]
    assert seconds(calls, *ENDS) == [
        ("com.acme.voip", 40.0, "inferred", "provider reset"),
        ("com.acme.voip", 80.0, "observed", None),
    ]


def test_a_call_before_the_capture_is_held_for_the_one_that_is_answered(story: Story, seconds: Seconds) -> None:
    message = "Performing hold active calls and answer ringing call <private> for answer request <private>"
    calls = story(
        RINGS,
        (34, "call.answered", {**DAEMON, "direction": "incoming", "message": message}),
        (34.01, "call.held", DAEMON),
        (34.02, "call.action", {**APP, "action": "<private>"}),
        ended(60),
        (61.5, "call.resumed", DAEMON),
        (90, "call.ended", {**APP, "reason": "remote hangup"}),
    )["calls"]
    assert seconds(calls, "app", "start", "start_how", "end", "holds", "held_s") == [
        (None, 30.0, "observed", 60.0, 0, 0.0),
        ("com.acme.voip", 34.0, "capture_edge", 90.0, 1, 27.49),
    ]


def test_two_lines_about_one_start_are_one_call(story: Story, seconds: Seconds) -> None:
    def line(t: float, message: str) -> Row:
        return (t, "call.started", {**DAEMON, "signal": "cs-start-action", "direction": "outgoing", "message": message})

    asked = "Asked to perform start call action <private> for call <private>"
    dialing = "Dialing new call due to requested start call action: <private>"
    calls = story(line(10, asked), line(10.01, dialing), line(30, asked), line(30.01, dialing))["calls"]
    assert seconds(calls, "start") == [(10.0,), (30.0,)]


def test_a_call_ends_with_its_app_and_not_the_other_one(story: Story, seconds: Seconds) -> None:
    # On hold behind a call of Phone as the app dies: callservicesd tells an end and hides whose.
    dies = (40, "process.exited", {"subject": "Acme", "subject_pid": 700, "bundle": "com.acme.voip"})
    message = "Performing hold active calls and answer ringing call <private> for answer request <private>"
    taken = (34, "call.answered", {**DAEMON, "direction": "incoming", "message": message})
    calls = story(OWN, RINGS, taken, (34.01, "call.held", DAEMON), dies, ended(40.1, "failed"), ended(70))["calls"]
    assert seconds(calls, *ENDS) == [
        ("com.acme.voip", 40.1, "observed", "failed"),
        (None, 70.0, "observed", "remote hangup"),
    ]


def test_a_call_that_rings_outlasts_the_app_of_another(story: Story, seconds: Seconds) -> None:
    dies = (36, "jetsam.killed", {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700})
    calls = story(OWN, RINGS, dies, ended(36.2, None), (40, "call.answered", DAEMON), ended(70))["calls"]
    assert seconds(calls, "app", "answered", "end", "end_reason") == [
        ("com.acme.voip", 12.0, 36.2, "process exited"),
        (None, 40.0, 70.0, "remote hangup"),
    ]
