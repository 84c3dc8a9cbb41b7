"""Holds of calls whose lines hide which call they are about: assigned where one call can be meant, else not known."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes import call_holds
from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"process": "Acme", "pid": 700, "bundle": "com.acme.voip", "subject_pid": 700}
DAEMON = {"process": "callservicesd", "pid": 90}
HOLDS = ("app", "holds", "held_s", "swaps")
HOLD_AND_ANSWER = {
    **DAEMON,
    "direction": "incoming",
    "message": "Performing hold active calls and answer ringing call <private> for answer request <private>",
}
FULFILLED = {**DAEMON, "signal": "cs-held-fulfilled", "action": "set held"}
ASKED = {**APP, "signal": "ck-action-asked", "action": "<CXSetHeldCallAction 0x1>"}
OWN: list[Row] = [(10, "call.reported", {**APP, "direction": "incoming"}), (12, "call.answered", DAEMON)]
OTHER: Row = (20, "call.reported", {**DAEMON, "signal": "cs-incoming-handling"})
SECOND: list[Row] = [
    (20, "call.reported", {**APP, "signal": "ck-new-incoming", "direction": "incoming"}),
    (25, "call.answered", HOLD_AND_ANSWER),
    (25.01, "call.held", DAEMON),
]
"""Another call of the same app, for which its first one goes on hold."""
OTHER_ENDS: Row = (40, "call.ended", {**DAEMON, "reason": "remote hangup"})
OWN_ENDS: Row = (60, "call.ended", {**DAEMON, "reason": "remote hangup"})


def test_answering_another_call_holds_the_active_one(story: Story, seconds: Seconds) -> None:
    calls = story(
        OWN,
        OTHER,
        (25, "call.answered", HOLD_AND_ANSWER),
        (25.01, "call.held", DAEMON),
        (25.015, "call.held", {**DAEMON, "signal": "another witness"}),
        (25.02, "call.action", FULFILLED),
        OTHER_ENDS,
        (40.01, "call.resumed", DAEMON),
        (40.02, "call.action", FULFILLED),
        OWN_ENDS,
    )["calls"]
    assert seconds(calls, *HOLDS) == [("com.acme.voip", 1, 15.0, 0), (None, 0, 0.0, 1)]
    assert 3 in calls["evidence"][0].to_list()


def test_only_the_fulfilled_action_tells(story: Story, seconds: Seconds) -> None:
    calls = story(OWN, (25, "call.action", FULFILLED), (40, "call.action", FULFILLED), OWN_ENDS)["calls"]
    assert seconds(calls, *HOLDS) == [("com.acme.voip", 1, 15.0, 0)]


def test_a_call_that_rings_cannot_be_the_one_on_hold(story: Story, seconds: Seconds) -> None:
    unanswered = (40, "call.ended", {**DAEMON, "reason": "unanswered"})
    calls = story(OWN, OTHER, (25, "call.action", FULFILLED), unanswered, (41, "call.action", FULFILLED), OWN_ENDS)
    assert seconds(calls["calls"], "app", "holds", "held_s") == [("com.acme.voip", 1, 16.0), (None, 0, 0.0)]


def test_a_slow_app_fulfils_once(story: Story, seconds: Seconds) -> None:
    calls = story(
        OWN,
        (20, "call.held", DAEMON),
        (20.01, "call.action", ASKED),
        (26, "call.action", FULFILLED),
        (30, "call.resumed", DAEMON),
        (30.01, "call.action", ASKED),
        (33, "call.action", FULFILLED),
        OWN_ENDS,
    )["calls"]
    assert seconds(calls, *HOLDS) == [("com.acme.voip", 1, 10.0, 0)]


def test_only_the_app_tells(story: Story, seconds: Seconds) -> None:
    calls = story(OWN, (20, "call.action", ASKED), (30, "call.action", ASKED), OWN_ENDS)["calls"]
    assert seconds(calls, *HOLDS) == [("com.acme.voip", 1, 10.0, 0)]


@pytest.mark.parametrize("row", [(30, "call.action", FULFILLED), (30, "call.resumed", DAEMON)])
def test_either_of_two_calls_may_be_meant(story: Story, seconds: Seconds, row: Row) -> None:
    calls = story(OWN, OTHER, (22, "call.answered", DAEMON), row, OTHER_ENDS, OWN_ENDS)["calls"]
    assert seconds(calls, *HOLDS) == [("com.acme.voip", None, None, None), (None, None, None, None)]


def test_of_two_calls_the_app_that_speaks_has_one(story: Story, seconds: Seconds) -> None:
    calls = story(
        OWN, OTHER, (22, "call.answered", DAEMON), (30, "call.action", ASKED), (30.01, "call.action", FULFILLED)
    )["calls"]
    assert seconds(calls, "app", "holds", "held_s") == [("com.acme.voip", 1, 70.0), (None, 0, 0.0)]


@pytest.mark.parametrize(
    "rows",
    [
        [(20.0, "call.resumed", {**DAEMON, "confidence": 0.9})],  # held before the capture began
        [(18.0, "call.connected", APP), (20.0, "call.resumed", DAEMON)],
        [*OWN, (20.0, "call.failed", {**APP, "action": "<CXSetHeldCallAction 0x1>", "reason": "action timed out"})],
    ],
)
def test_a_hold_of_which_a_part_is_missing_is_not_known(story: Story, seconds: Seconds, rows: list[Row]) -> None:
    assert seconds(story(rows, OWN_ENDS)["calls"], "holds", "held_s") == [(None, None)]


def test_who_tells_only_that_a_call_runs_tells_of_no_hold(story: Story, seconds: Seconds) -> None:
    server = {"process": "audiomxd", "pid": 80, "subject": "Acme", "subject_pid": 700, "session_id": "0x6f"}
    calls = story(
        (5, "process.identity", {**DAEMON, "subject": "callservicesd", "subject_pid": 90}),
        (10, "audio_session.activated", {**server, "controlling_pid": 90}),
        (40, "audio_session.deactivated", {**server, "controlling_pid": 90}),
    )["calls"]
    assert seconds(calls, "witness", "holds", "held_s") == [("audio_session", None, None)]


def test_holds_have_their_times_and_end_with_the_call(story: Story, seconds: Seconds) -> None:
    calls = story(OWN, (20, "call.held", DAEMON), (30, "call.resumed", DAEMON), (50, "call.held", DAEMON), OWN_ENDS)
    (row,) = calls["calls"].iter_rows(named=True)
    begun = [(start.timestamp(), end.timestamp()) for start, end in call_holds.windows(row)]
    assert begun == [(20, 30), (50, 60)]
    assert seconds(calls["calls"], *HOLDS) == [("com.acme.voip", 2, 20.0, 0)]


def test_nothing_is_on_hold_after_its_end(story: Story, seconds: Seconds) -> None:
    dies = (20, "process.exited", {"subject": "callservicesd", "subject_pid": 90})
    calls = story(OWN, dies, (50, "call.held", DAEMON), (55, "call.resumed", DAEMON))["calls"]
    assert seconds(calls, "end", "end_how", "holds", "held_s") == [(20.0, "inferred", 0, 0.0)]


@pytest.mark.parametrize(("first", "second"), [("call.held", "call.resumed"), ("call.resumed", "call.held")])
@pytest.mark.parametrize("asked", [[], [(30.03, "call.action", ASKED), (30.04, "call.action", ASKED)]])
def test_the_second_line_of_a_swap_is_about_the_other_call(
    story: Story, seconds: Seconds, first: str, second: str, asked: list[Row]
) -> None:
    there: list[Row] = [(30.01, first, DAEMON), (30.02, second, DAEMON)]
    back: list[Row] = [(35.01, first, DAEMON), (35.02, second, DAEMON)]
    calls = story(OWN, SECOND, there, asked, back)["calls"]
    edges = [
        [(since.timestamp(), until.timestamp()) for since, until in call_holds.windows(row)]
        for row in calls.iter_rows(named=True)
    ]
    held, came = (0, 1) if first == "call.held" else (1, 0)
    assert edges == [
        [(25.01, (30.01, 30.02)[came]), ((35.01, 35.02)[held], 100.0)],
        [((30.01, 30.02)[held], (35.01, 35.02)[came])],
    ]
    assert seconds(calls, "holds") == [(2,), (1,)]


def _ends_and_answers(whom: str) -> list[Row]:
    message = f"Performing end {whom} calls and answer ringing call <private> for answer request <private>"
    return [
        (40, "call.answered", {**HOLD_AND_ANSWER, "message": message}),
        (40.01, "call.action", {**APP, "action": "<CXEndCallAction 0x1>"}),
        (40.02, "call.ended", {**DAEMON, "reason": "local hangup"}),
    ]


def test_a_held_call_ends_for_the_one_that_is_answered(story: Story, seconds: Seconds) -> None:
    third: Row = (38, "call.reported", {**APP, "signal": "ck-new-incoming", "direction": "incoming"})
    calls = story(OWN, SECOND, third, _ends_and_answers("held"))["calls"]
    assert seconds(calls, "answered", "end", "holds", "held_s") == [
        (12.0, 40.02, 1, 15.01),
        (25.0, None, 1, 60.0),  # it goes on hold meanwhile
        (40.0, None, 0, 0.0),
    ]


def test_an_active_call_ends_for_the_one_that_is_answered_and_the_held_one_stays(
    story: Story, seconds: Seconds
) -> None:
    third: Row = (38, "call.reported", {**APP, "signal": "ck-new-incoming", "direction": "incoming"})
    calls = story(OWN, SECOND, third, _ends_and_answers("active"))["calls"]
    assert seconds(calls, "answered", "end", "holds") == [(12.0, None, 1), (25.0, 40.02, 0), (40.0, None, 0)]


@pytest.mark.parametrize("whom", ["held", "active"])
def test_the_only_other_call_ends_whatever_is_known_of_its_holds(story: Story, seconds: Seconds, whom: str) -> None:
    held = [] if whom == "held" else [(20, "call.held", DAEMON)]
    second: Row = (38, "call.reported", {**APP, "signal": "ck-new-incoming", "direction": "incoming"})
    calls = story(OWN, held, second, _ends_and_answers(whom))["calls"]
    assert seconds(calls, "answered", "end") == [(12.0, 40.02), (40.0, None)]


def test_no_hold_is_told_from_when_on_nothing_is_sure(story: Story) -> None:
    failed = (27, "call.failed", {**APP, "action": "<CXSetHeldCallAction 0x1>", "reason": "action timed out"})
    sure: list[Row] = [(14, "call.held", DAEMON), (16, "call.resumed", DAEMON)]
    (row,) = story(OWN, sure, (20, "call.held", DAEMON), failed, OWN_ENDS)["calls"].iter_rows(named=True)
    assert (row["holds"], row["held_s"]) == (None, None)
    assert [(since.timestamp(), until.timestamp()) for since, until in call_holds.windows(row)] == [(14, 16)]


def test_an_open_hold_is_sure_until_a_line_may_have_ended_it(story: Story) -> None:
    asked = (38, "call.action", {**ASKED, "process": "callservicesd", "pid": 90, "bundle": None, "subject_pid": None})
    first, second = story(OWN, SECOND, asked)["calls"].iter_rows(named=True)
    assert (first["holds"], second["holds"]) == (None, None)
    assert [(since.timestamp(), until.timestamp()) for since, until in call_holds.windows(first)] == [(25.01, 38)]
    assert call_holds.windows(second) == []
