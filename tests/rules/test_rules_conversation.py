"""What a call sounds like, held calls, Push-to-Talk, routes, and the connection to the push service."""

from typing import Any

import pytest

from traceview.rules.registry import Severity

CALL = {"kind": "callkit", "direction": "incoming", "witness": "callkit", "outcome": "answered"}


@pytest.fixture
def call(case: Any) -> Any:
    return case.add("calls", 0, 120, answered=5, audio_activated=6, ended=120, **CALL)


def test_silence_in_an_answered_call(call: Any) -> None:
    call.add(
        *("glitches", 20, 32),
        kind="silence",
        in_call=True,
        cause="route_change",
        cause_confidence=0.7,
        facts_for="route change 0.2 s before",
        cause_evidence=[5],
        evidence=[50, 51],
    )
    call.add("calls", -300, -200, answered=-290, evidence=[1, 2], **CALL)  # an earlier call proves nothing
    (found,) = call.findings("silence-in-call")
    assert (found.number, found.severity, found.measures) == ("G09", Severity.medium, {"silent_s": 12.0})
    assert "Most likely cause: route change (70 % sure; route change 0.2 s before)." in found.explanation
    assert set(found.evidence) == {5, 10, 11, 50, 51}
    assert call.findings("silence-in-call", {"least": 12}) == []


@pytest.mark.parametrize(
    "values", [{"cause": "suspension", "in_call": True}, {"cause": "interruption", "in_call": True}, {"in_call": False}]
)
def test_silence_that_other_rules_tell_or_outside_calls(call: Any, values: dict[str, Any]) -> None:
    call.add("glitches", 20, 60, kind="silence", **values)
    assert call.findings("silence-in-call") == []


@pytest.mark.parametrize(
    ("fault", "told"), [("no_input", "nothing from the microphone"), ("no_output", "nothing to the speaker")]
)
def test_one_way_audio(case: Any, fault: str, told: str) -> None:
    case.add("calls", 0, 120, audio_fault=fault, **CALL)
    (found,) = case.findings("one-way-audio")
    assert (found.number, found.severity, found.pattern) == ("G10", Severity.high, fault)
    assert told in found.title


def test_a_muted_microphone_in_a_call(call: Any) -> None:
    call.add("interruptions", 30, 40, reason="BuiltInMicMuted", in_call=True)
    call.add("interruptions", 50, 60, reason="default", in_call=True)
    call.add("interruptions", 300, 310, reason="BuiltInMicMuted", in_call=False)
    (found,) = call.findings("one-way-audio")
    assert (found.pattern, found.severity) == ("mic-muted", Severity.medium)


def hold(since: float, until: float) -> dict[str, Any]:
    return {"holds": 1, "held_s": until - since, "hold_starts": [since], "hold_ends": [until]}


@pytest.mark.parametrize(
    ("since", "until", "stuck"), [(35, 64, None), (35, 58, None), (35, 90, 30.0), (35, 120, 60.0), (70, 120, None)]
)
def test_a_held_call_stays_held_after_the_other_one_ended(
    case: Any, since: float, until: float, stuck: float | None
) -> None:
    case.add("calls", 0, 120, **hold(since, until), **CALL)
    case.add("calls", 30, 60, app="com.other", pid=9, **CALL)
    found = case.findings("held-call-not-resumed")
    assert [one.measures["stuck_s"] for one in found] == ([stuck] if stuck else [])
    assert all((one.number, one.severity) == ("V07", Severity.medium) for one in found)
    assert all((one.end - one.start).total_seconds() == stuck for one in found)
    assert all(("until it ended itself" in one.title) == (until == 120) for one in found)


def test_a_hold_that_the_capture_cuts_lasted_longer(case: Any) -> None:
    case.end = 200
    case.add("calls", 0, None, **hold(35, 200), **CALL).add("calls", 30, 60, app="com.other", pid=9, **CALL)
    (found,) = case.findings("held-call-not-resumed")
    assert "stayed on hold for at least 140 s after" in found.title


@pytest.mark.parametrize("change", [{"end": None}, {"end": 130}, {"outcome": "missed"}])
def test_a_call_that_goes_on_or_was_never_up_leaves_nobody_waiting(case: Any, change: dict[str, Any]) -> None:
    case.add("calls", 0, 120, **hold(35, 120), **CALL)
    case.add("calls", 30, **{"end": 60, "app": "com.other", "pid": 9, **CALL, **change})
    assert case.findings("held-call-not-resumed") == []


def test_an_app_that_ended_takes_no_call_off_hold(case: Any) -> None:
    case.add("calls", 0, 120, **hold(35, 120), **CALL).add("calls", 30, 60, app="com.other", pid=9, **CALL)
    case.add("terminations", 45, 45, kind="crash")
    assert case.findings("held-call-not-resumed") == []


def test_a_hold_without_another_call_is_the_users(case: Any) -> None:
    case.add("calls", 0, 120, **hold(20, 120), **CALL)
    assert case.findings("held-call-not-resumed") == []


@pytest.mark.parametrize(("came", "pattern"), [(None, "never"), (9, "late"), (2, None)])
def test_push_to_talk_without_audio(case: Any, came: float | None, pattern: str | None) -> None:
    case.add("push_to_talk", 1, 30, kind="transmission", pushed=0, audio_activated=came)
    case.add("push_to_talk", 0, 300, kind="channel")
    case.add("push_to_talk", 200, 203, kind="transmission")
    found = case.findings("push-to-talk-without-audio")
    assert [(one.number, one.severity, one.pattern) for one in found] == (
        [("V08", Severity.high, pattern)] if pattern else []
    )


def _moved(case: Any, at: float, before: str, after: str) -> None:
    case.add("route_changes", at, at, previous_route=before, route=after, in_call=True)


def test_routes_that_move_in_a_call_are_listed(call: Any) -> None:
    _moved(call, 6.5, "Speaker", "Receiver")  # as the call got its audio
    _moved(call, 40, "Receiver", "Speaker")
    _moved(call, 60, "Speaker", "BluetoothHFP")
    _moved(call, 119, "BluetoothHFP", "Speaker")  # as it ended
    (found,) = call.findings("route-moved-in-call")
    assert (found.number, found.severity, found.measures) == ("G05", Severity.info, {"move_count": 2.0})
    assert "Receiver → Speaker → BluetoothHFP" in found.title
    assert call.findings("bluetooth-profile-flip") == []


def test_bluetooth_profiles(call: Any) -> None:
    _moved(call, 6.5, "BluetoothA2DPOutput", "BluetoothHFP")  # every call on a headset begins so
    assert call.findings("bluetooth-profile-flip") == []
    _moved(call, 40, "BluetoothHFP", "BluetoothA2DPOutput")
    (found,) = call.findings("bluetooth-profile-flip")
    assert (found.number, found.severity, found.measures) == ("G06", Severity.medium, {"flip_count": 1.0})


NOBODY = {"app": None, "process": None, "pid": None}


@pytest.mark.parametrize(("end", "told"), [(150, True), (60, False)])
def test_a_push_channel_that_is_down_for_long(case: Any, end: float, told: bool) -> None:  # noqa: FBT001  (a parameter)
    case.add("network", 0, end, kind="push_channel_down", **NOBODY)
    found = case.findings("push-channel-down")
    assert [(one.number, one.severity, one.pattern) for one in found] == (
        [("V10", Severity.info, "idle")] if told else []
    )


def test_a_push_that_waited_for_the_channel(case: Any) -> None:
    case.add("network", 0, 150, kind="push_channel_down", **NOBODY)
    case.add("pushes", 155, 156, voip=True, received=155, delivered=155.2, outcome="reported")
    (found,) = case.findings("push-channel-down")
    assert (found.severity, found.pattern, found.app) == (Severity.medium, "late", "com.acme.voip")
    assert "1 VoIP push came right afterwards" in found.title
