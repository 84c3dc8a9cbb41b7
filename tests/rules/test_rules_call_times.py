"""When calls were up and not on hold: of several calls, of one whose holds or whose end no line tells, and what rules make of it."""

from datetime import timedelta
from typing import Any

import pytest

from traceview.rules.registry import Severity

CALL = {"kind": "callkit", "direction": "incoming", "witness": "callkit", "outcome": "answered"}
HELD = {"holds": 1, "hold_starts": [40], "hold_ends": [90]}


def call(case: Any, start: float, end: float | None, **values: Any) -> Any:
    return case.add("calls", start, end, **{**CALL, "holds": 0, "reported": start, "answered": start + 2, **values})


def swapped(case: Any) -> Any:
    """Two calls of one app: the first on hold from 20 to 40, the second from 40 to 90."""
    call(case, 0, 100, holds=1, hold_starts=[20], hold_ends=[40])
    return call(case, 15, 120, **HELD)


def test_one_of_two_calls_on_hold_leaves_a_talk_that_is_cut(case: Any) -> None:
    swapped(case).add("suspensions", 50, 60)
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.pattern) == (Severity.critical, "answered")
    assert "while its call lasted" in found.title
    assert "had been on hold" not in found.explanation
    assert "it had come off hold 10.0 s before" in found.explanation


def test_two_calls_on_hold_are_no_talk(case: Any) -> None:
    call(case, 0, 100, holds=1, hold_starts=[45], hold_ends=[80])
    call(case, 15, 120, **HELD).add("suspensions", 50, 60)
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.pattern) == (Severity.medium, "on-hold")
    assert "had been on hold for 5.0 s and stayed so for 30.0 s more" in found.explanation


@pytest.mark.parametrize(("start", "severity"), [(50, Severity.high), (22, Severity.medium)])
def test_holds_in_doubt_lower_no_finding_to_that_of_a_held_call(case: Any, start: float, severity: Severity) -> None:
    call(case, 0, 100, holds=None, hold_starts=[20], hold_ends=[35]).add("suspensions", start, start + 10)
    (found,) = case.findings("suspended-during-call")
    assert found.severity is severity
    assert ("Nothing excludes that the call was on hold" in found.explanation) == (severity is Severity.high)


def test_a_hold_is_no_end_of_a_call_that_the_capture_cuts(case: Any) -> None:
    case.end = 99
    call(case, 0, None, holds=1, hold_starts=[34], hold_ends=[50])
    case.add("audio_sessions", 2.5, 33.9, activated_by="callkit", stopped_by="callkit")
    case.add("audio_sessions", 51, None, activated_by="callkit")
    case.add("suspensions", 70, 90)
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.end - found.start) == (Severity.critical, timedelta(seconds=20))


@pytest.mark.parametrize(
    ("again", "other", "found"),
    [
        (None, None, False),  # over: CallKit took the audio away for good
        (45, None, True),  # it came back: a hold of which no line tells
        (45, 44, False),  # for another call, which began meanwhile
        (45, 20, True),
    ],
)
def test_audio_that_comes_back_shows_that_a_call_goes_on(
    case: Any,
    again: float | None,
    other: float | None,
    found: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    case.end = 99
    call(case, 0, None).add("audio_sessions", 2.5, 40, activated_by="callkit", stopped_by="callkit")
    if again:
        case.add("audio_sessions", again, 60, activated_by="callkit", stopped_by="callkit")
    if other:
        call(case, other, 60, app="com.acme.voip")
    case.add("suspensions", 41, 44)
    assert bool(case.findings("suspended-during-call")) == found


def test_audio_that_the_app_activates_later_is_no_sign_that_a_call_goes_on(case: Any) -> None:
    case.end = 99
    call(case, 0, None).add("audio_sessions", 2.5, 40, activated_by="callkit", stopped_by="callkit")
    case.add("audio_sessions", 60, 65, activated_by="app", stopped_by="app")
    case.add("suspensions", 70, 90)
    assert not case.findings("suspended-during-call")


def test_a_stop_in_a_talk_is_critical_whichever_call_talks(case: Any) -> None:
    swapped(case).add("audio_sessions", 3, 50, stopped_by="system_suspended", category="PlayAndRecord")
    (found,) = case.findings("stopped-because-suspended")
    assert (found.severity, found.pattern) == (Severity.critical, "in-call")


def test_a_stop_while_every_call_is_on_hold_cuts_no_talk(case: Any) -> None:
    call(case, 15, 120, **HELD).add("audio_sessions", 3, 50, stopped_by="system_suspended", category="PlayAndRecord")
    (found,) = case.findings("stopped-because-suspended")
    assert (found.severity, found.pattern) == (Severity.medium, "on-hold")
    assert found.title.endswith("because the app was suspended while its call was on hold")


def test_an_interruption_in_a_call_whose_holds_are_in_doubt_says_so(case: Any) -> None:
    call(case, 0, 200, holds=None).add("interruptions", 30, None, resumed=False)
    (found,) = case.findings("interruption-not-resumed")
    assert found.confidence == 0.5
    assert "it may have been on hold meanwhile" in found.explanation
