"""Background time and its abuse."""

from typing import Any

import pytest

from traceview.rules.registry import Severity


@pytest.mark.parametrize(
    ("held", "outcome", "severity"),
    [
        (24.0, "ended", None),
        (26.0, "ended", Severity.medium),
        (31.0, "ended", Severity.high),
        (31.0, "open", Severity.high),
        (3.0, "expired", Severity.high),
        (3.0, "overrun", Severity.low),
        (None, "overrun", Severity.medium),
        (None, "ended", None),
        (31.0, "killed", Severity.critical),
    ],
)
def test_background_task_overrun(case: Any, held: float | None, outcome: str, severity: Severity | None) -> None:
    case.add("background_tasks", 10, 60, name="sync", outcome=outcome, held_s=50.0, background_held_s=held)
    assert [one.severity for one in case.findings("background-task-overrun")] == ([severity] if severity else [])


def test_background_task_and_its_kill_are_one_finding(case: Any) -> None:
    case.add("background_tasks", 10, 45, name="sync", outcome="killed", held_s=35.0, background_held_s=33.0)
    case.add("terminations", 45, 45, kind="background_task", code="0x2182bad2", namespace="RUNNINGBOARD")
    (found,) = case.findings("background-task-overrun")
    assert found.number == "T04"
    assert found.title == 'com.acme.voip held background task "sync" for 33.0 s until iOS killed it (0x2182bad2)'
    assert len(found.episodes) == 2


def test_background_task_kill_without_the_task(case: Any) -> None:
    case.add("terminations", 45, 45, kind="background_task", code="0x2182bad2")
    case.kinds = case.witnesses = frozenset()
    (found,) = case.findings("background-task-overrun")
    assert found.severity is Severity.critical


def test_background_tasks_of_one_name_are_grouped(case: Any) -> None:
    for start in (0, 100, 200):
        case.add(
            "background_tasks", start, start + 40, name="sync", outcome="ended", background_held_s=28.0 + start / 100
        )
    case.add("background_tasks", 300, 340, name="other", outcome="ended", background_held_s=29.0)
    found = case.findings("background-task-overrun")
    assert len(found) == 2
    assert any("for 30.0 s (3 times)" in one.title for one in found)
    assert case.findings("background-task-overrun", {"warn": 35, "high": 40}) == []


def test_background_tasks_need_their_witness(case: Any) -> None:
    case.kinds, case.witnesses = frozenset({"call.reported"}), frozenset({"callservicesd"})
    assert case.needs("background-task-overrun")
    assert case.needs("background-task-chaining")


def test_background_task_chaining(case: Any) -> None:
    for index in range(6):
        case.add(
            "background_tasks", index * 20, index * 20 + 19.5, name="keep", outcome="ended", background_held_s=19.5
        )
    (found,) = case.findings("background-task-chaining")
    assert "chained 6 background tasks over 120 s" in found.title
    assert case.findings("background-task-chaining", {"tasks": 6}) == []
    assert case.findings("background-task-chaining", {"gap": 0.2}) == []


CALL = {"kind": "callkit", "direction": "incoming", "reported": 10, "answered": 15}


def test_suspended_during_call(case: Any) -> None:
    case.add("calls", 10, 100, **CALL).add("suspensions", 40, 80, kept_awake_by="background task: sync")
    (found,) = case.findings("suspended-during-call")
    assert found.severity is Severity.critical
    assert found.title == "iOS suspended com.acme.voip for 40.0 s while its call lasted"
    assert found.number == "G14"


RELEASED = {
    "held_by": "call",
    "held_by_originator": "com.apple.telephonyutilities.callservicesd",
    "held_until": 39.1,
}


PLAYING = {"activated_by": "callkit", "io_started": 16.1, "io_running_s": 84.0, "io_silent_s": 0.1}


def test_causes_that_the_rows_exclude_are_not_given(case: Any) -> None:
    told = {**CALL, "witness": "callkit", "holds": 0, "audio_activated": 16}
    case.add("calls", 10, 100, **told).add("suspensions", 40, 80, **RELEASED).add(
        "audio_sessions", 16, 100.1, **PLAYING
    )
    (found,) = case.findings("suspended-during-call")
    assert "callservicesd had released the assertion that the call held on it 0.90 s before." in found.explanation
    assert (
        "Its call ended only 60.0 s later, no line puts it on hold and its audio session was active with audio I/O running. "
        "So none of the usual causes is left" in found.explanation
    )
    assert "Nothing excludes" not in found.explanation
    assert "reportCall(with:endedAt:reason:)" not in found.advice


@pytest.mark.parametrize(
    ("end", "change", "left"),
    [
        (None, {"holds": 0}, "that the call was reported as ended before it was over."),
        (100, {"holds": 1, "witness": "powerlog"}, "that the call was on hold."),
        (100, {"holds": None}, "that the call was on hold."),
    ],
)
def test_causes_that_the_rows_leave_open(case: Any, end: float | None, change: dict[str, Any], left: str) -> None:
    case.add("calls", 10, end, **{**CALL, "witness": "callkit", **change}).add("suspensions", 40, 80)
    case.add("audio_sessions", 16, 100.1, **{**PLAYING, "activated_by": "unknown"})
    assert f"Nothing excludes {left}" in case.findings("suspended-during-call")[0].explanation


@pytest.mark.parametrize(
    ("activated", "session", "sentence"),
    [
        (None, None, "Nothing excludes that the app never owned the audio session."),
        (60, None, "Nothing excludes that the app never owned the audio session."),
        (16, None, "Nothing excludes that its audio had stopped although CallKit had activated it."),
        (16, {}, "Nothing excludes that no audio I/O of it ran although its session was active."),
        (16, {"end": 30}, "It had been for 10.0 s without an active audio session, which is one of the usual causes."),
        (16, PLAYING, "So none of the usual causes is left"),
        # It stopped once, 15 s before, and all that it ran lies before that.
        (16, {**PLAYING, "io_stopped": 25.0, "io_running_s": 8.9}, "but no audio I/O of it had run for 15.0 s"),
        # It ran for longer than that: it was started again, and stood at some time since.
        (
            16,
            {**PLAYING, "io_stopped": 25.0, "io_running_s": 60.0, "io_silent_s": 24.0},
            "Nothing excludes that no audio I/O of it ran although its session was active.",
        ),
        (16, {"io_running_s": 0.0}, "no audio I/O had ever run in it, which is one of the usual causes."),
    ],
)
def test_audio_as_the_cause(case: Any, activated: float | None, session: dict[str, Any] | None, sentence: str) -> None:
    case.add("calls", 10, 100, **CALL, witness="callkit", holds=0, audio_activated=activated).add("suspensions", 40, 80)
    if session is not None:
        case.add("audio_sessions", 16, **{"end": 100.1, "activated_by": "callkit", **session})
    assert sentence in case.findings("suspended-during-call")[0].explanation


def test_silence_right_before_a_suspension_is_its_cause(case: Any) -> None:
    case.add("calls", 10, 100, **CALL, witness="callkit", holds=0, audio_activated=16).add("suspensions", 40, 80)
    case.add("audio_sessions", 16, 100, activated_by="callkit", io_started=16, io_stopped=90, io_running_s=50.0)
    case.rows["audio_sessions"][-1] |= {"io_silent_s": 34.0}
    case.add("glitches", 28, 40.05, kind="silence", in_call=True, cause="unknown")
    (found,) = case.findings("suspended-during-call")
    assert "Its audio session was active, but no audio I/O of it had run for 12.0 s" in found.explanation
    assert found.advice.startswith("Keep audio I/O running from provider(_:didActivate:)")


def test_a_call_on_hold_explains_the_suspension(case: Any) -> None:
    held = {"holds": 1, "hold_starts": [30], "hold_ends": [85], "audio_activated": 16, "witness": "callkit"}
    case.add("calls", 10, 100, **CALL, **held).add("suspensions", 40, 80)
    (found,) = case.findings("suspended-during-call")
    assert found.severity is Severity.medium
    assert found.title == "iOS suspended com.acme.voip for 40.0 s while its call was on hold"
    assert "The call had been on hold for 10.0 s and stayed so for 45.0 s more" in found.explanation
    assert "Nothing excludes" not in found.explanation
    assert "audio stops" not in found.explanation


def test_a_hold_that_ends_before_the_suspension_does_leaves_a_talk_that_was_cut(case: Any) -> None:
    held = {"holds": 1, "hold_starts": [30], "hold_ends": [60], "witness": "callkit"}
    case.add("calls", 10, 100, **CALL, **held).add("suspensions", 40, 80)
    (found,) = case.findings("suspended-during-call")
    assert found.severity is Severity.critical
    assert "The call had been on hold for 10.0 s" in found.explanation


def test_a_hold_that_is_over_is_no_cause(case: Any) -> None:
    held = {"holds": 1, "hold_starts": [20], "hold_ends": [25], "witness": "callkit"}
    case.add("calls", 10, 100, **CALL, **held).add("suspensions", 40, 80).add("audio_sessions", 16, 100.1, **PLAYING)
    (found,) = case.findings("suspended-during-call")
    assert found.severity is Severity.critical
    assert "it had come off hold 15.0 s before" in found.explanation


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ({"held_by": "call"}, "A call of it had ended 1.0 s before."),
        ({"held_by": "audio", "held_by_name": "0x6f"}, "Its audio session 0x6f had been deactivated 1.0 s before."),
        ({"held_by": "background_task", "held_by_name": "sync"}, "Its background task sync had ended 1.0 s before."),
        (
            {"held_by": "location", "held_by_name": "fix", "held_by_originator": "locationd"},
            "The assertion (location) fix that had kept it awake for locationd was released 1.0 s before.",
        ),
        ({"held_by": "assertion"}, "The assertion that had kept it awake was released 1.0 s before."),
    ],
)
def test_what_let_go_of_the_app_is_told(case: Any, held: dict[str, str], sentence: str) -> None:
    case.add("calls", 10, 100, **CALL).add("suspensions", 40, 80, held_until=39, **held)
    assert sentence in case.findings("suspended-during-call")[0].explanation


@pytest.mark.parametrize("answered", [None, 65])
def test_suspended_while_ringing(case: Any, answered: float | None) -> None:
    case.add("calls", 10, 90, **{**CALL, "answered": answered}).add("suspensions", 30, 60)
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.pattern) == (Severity.high, "ringing")
    assert "for 30.0 s while its call rang" in found.title
    assert "audio stops" not in found.explanation
    assert "usual causes" not in found.explanation
    assert ("answered 5.0 s after the app ran again" in found.explanation) == (answered is not None)


def test_a_call_that_the_capture_begins_in_is_not_said_to_ring(case: Any) -> None:
    case.add("calls", 10, 90, kind="callkit", start_how="capture_edge").add("suspensions", 30, 60)
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.pattern) == (Severity.high, "answered")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, True),
        ({"ran_before_s": 20.0}, False),  # it had run since a moment that the capture holds
        ({"start": 60, "end": 70}, False),
    ],
)
def test_a_call_without_a_begin_may_have_run_during_the_first_suspension(
    case: Any,
    change: dict[str, Any],
    told: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    case.add("calls", 60, 60, kind="callkit", start_how="capture_edge")
    case.add("suspensions", **{"start": 30, "end": 50, **change})
    found = case.findings("suspended-during-call")
    assert [(one.severity, one.confidence, one.pattern) for one in found] == (
        [(Severity.high, 0.5, "begin-unknown")] if told else []
    )
    assert all("for 20.0 s, perhaps in a call (its begin is not in the capture)" in one.title for one in found)


@pytest.mark.parametrize(
    ("start", "end", "change"),
    [
        (100, 200, {}),
        (99.5, 200, {}),
        (0, 9, {}),
        (40, 80, {"kind": "cellular"}),
        (40, 80, {"app": "com.other", "pid": 9}),
    ],
)
def test_suspended_outside_calls_is_fine(case: Any, start: float, end: float, change: dict[str, Any]) -> None:
    case.add("calls", 10, 100, **{**CALL, **change}).add("suspensions", start, end, in_call=False)
    assert case.findings("suspended-during-call") == []


def test_an_end_that_no_line_tells_weakens_the_finding(case: Any) -> None:
    case.add("calls", 10, None, **CALL).add("suspensions", 40, 80)
    assert case.findings("suspended-during-call")[0].severity is Severity.critical
    case.kinds -= {"call.ended"}
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.confidence) == (Severity.high, 0.5)
    case.add("audio_sessions", 15, 40.1, activated_by="callkit", stopped_by="system_suspended")
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.confidence) == (Severity.critical, 0.9)
    assert "CallKit had not taken its audio away, as it does when a call ends" in found.explanation
    case.rows["audio_sessions"].clear()
    case.add("audio_sessions", 15, 35, activated_by="callkit", stopped_by="callkit")
    assert case.findings("suspended-during-call") == []


def test_a_task_whose_end_nobody_would_tell_is_not_judged_by_its_length(case: Any) -> None:
    case.add("app_states", 10, 300, state="background")
    case.add("background_tasks", 10, 200, end_how="inferred", outcome="ended", background_held_s=190.0)
    assert case.findings("background-task-overrun")
    case.witnesses -= {"runningboardd"}
    assert case.findings("background-task-overrun") == []
    case.kinds |= {"background_task.ended"}
    assert case.findings("background-task-overrun")


def test_without_callservicesd_a_call_without_an_end_was_most_likely_over(case: Any) -> None:
    # CallKit in the app prints neither a remote hang-up nor (its action is private) that the user ended the call.
    case.add("calls", 10, None, **CALL, witness="callkit").add("suspensions", 40, 80)
    case.witnesses -= {"callservicesd"}
    (found,) = case.findings("suspended-during-call")
    assert (found.severity, found.confidence) == (Severity.info, 0.3)
    assert "after a call whose end no line tells" in found.title


HIDDEN = {"app": None, "process": None, "pid": None}


def test_a_hidden_call_is_nobodys(case: Any) -> None:
    case.add("calls", 10, 100, **CALL, **HIDDEN).add("suspensions", 40, 80, in_call=True)
    assert case.findings("suspended-during-call") == []


@pytest.mark.parametrize("witness", ["push", "session"])
def test_a_hidden_call_is_joined_by_push_or_session(case: Any, witness: str) -> None:
    case.add("calls", 10, 100, **CALL, **HIDDEN).add("suspensions", 40, 80, in_call=True)
    if witness == "push":
        case.add("pushes", 9, 10, voip=True, outcome="reported", call="calls-1")
    else:
        case.add("audio_sessions", 15.5, 40, activated_by="unknown")
    (found,) = case.findings("suspended-during-call")
    assert found.severity is Severity.critical
    assert found.confidence < 1


def test_suspended_during_call_threshold_and_needs(case: Any) -> None:
    case.add("calls", 10, 100, **CALL).add("suspensions", 40, 80)
    assert case.findings("suspended-during-call", {"least": 50}) == []
    case.witnesses -= {"callservicesd"}
    case.kinds = frozenset({"process.state"})
    assert "callservicesd" in case.needs("suspended-during-call")


def test_wake_churn(case: Any) -> None:
    for index in range(13):
        case.add("app_states", index * 60, index * 60 + 30, state="suspended")
        case.add("app_states", index * 60 + 30, index * 60 + 60, state="background")
    (found,) = case.findings("wake-churn")
    assert found.severity is Severity.medium
    assert "13 times" in found.title
    assert case.findings("wake-churn", {"medium": 13}) == []
    assert case.findings("wake-churn", {"high": 5})[0].severity is Severity.high


def idle_session(case: Any, seconds: float, **values: Any) -> Any:
    case.add("app_states", 0, 500, state="background")
    case.add("calls", 0.5, 20, kind="callkit", direction="incoming", ended=20)
    merged = {"activated_by": "app", "category": "PlayAndRecord", **values}
    return case.add("audio_sessions", 5, 20 + seconds, **merged)


@pytest.mark.parametrize(("seconds", "severity"), [(9, None), (30, Severity.medium), (312, Severity.high)])
def test_session_left_active_after_the_call(case: Any, seconds: float, severity: Severity | None) -> None:
    found = idle_session(case, seconds).findings("session-active-without-call")
    assert [one.severity for one in found] == ([severity] if severity else [])
    if seconds == 312:
        assert found[0].number == "A12"
        assert found[0].title == (
            "Audio session of com.acme.voip stayed active for 312 s in the background without a call after its call ended"
        )


def test_session_left_active_by_callkit_counts_too(case: Any) -> None:
    assert idle_session(case, 100, activated_by="callkit").findings("session-active-without-call")


def test_recording_session_that_no_call_explains(case: Any) -> None:
    case.add("app_states", 0, 500, state="background")
    case.add("audio_sessions", 5, 100, activated_by="app", category="PlayAndRecord")
    (found,) = case.findings("session-active-without-call")
    assert found.number == "V09"
    assert found.pattern == "recording-without-call"


def test_silent_player_of_a_calling_app(case: Any) -> None:
    case.add("app_states", 0, 500, state="background")
    case.add("pushes", 1, 2, voip=True, outcome="reported")
    case.add("audio_sessions", 5, 100, activated_by="app", category="Playback")
    (found,) = case.findings("session-active-without-call")
    assert found.number == "B01"


def test_music_apps_may_play(case: Any) -> None:
    case.add("app_states", 0, 500, state="background")
    case.add("audio_sessions", 5, 400, activated_by="app", category="Playback")
    assert case.findings("session-active-without-call") == []


@pytest.mark.parametrize(("options", "count"), [("Mixable", 1), ("NonMixable", 0), ("MixWithOthers", 1), (None, 0)])
def test_mixable_players_that_play_on_for_long(case: Any, options: str | None, count: int) -> None:
    case.add("app_states", 0, 900, state="background")
    case.add("audio_sessions", 5, 700, activated_by="app", category="MediaPlayback", options=options)
    found = case.findings("session-active-without-call")
    assert [(one.number, one.severity) for one in found] == [("B01", Severity.medium)] * count
    assert case.findings("session-active-without-call", {"mixable": 700}) == []
    (asked,) = case.findings("session-active-without-call", apps=["com.acme.voip"])
    assert asked.severity is Severity.high
    assert "Doubtful" not in asked.explanation
    for one in found:
        assert "`--app com.acme.voip` tells that it does" in one.explanation
        assert "Whether what it played was silence no line tells" in one.explanation


@pytest.mark.parametrize("state", ["foreground", "suspended"])
def test_active_session_elsewhere_is_fine(case: Any, state: str) -> None:
    case.add("app_states", 0, 500, state=state)
    case.add("audio_sessions", 5, 400, activated_by="app", category="PlayAndRecord")
    assert case.findings("session-active-without-call") == []


def test_a_private_call_may_be_the_reason(case: Any) -> None:
    case.add("app_states", 0, 500, state="background")
    case.add("calls", 0, 450, kind="callkit", app=None, pid=None, process=None)
    case.add("audio_sessions", 5, 400, activated_by="app", category="PlayAndRecord")
    assert case.findings("session-active-without-call") == []


def test_refused_sessions_are_not_active(case: Any) -> None:
    idle_session(case, 100, refused_error="561017449")
    assert case.findings("session-active-without-call") == []


def test_session_without_known_state_is_a_doubt(case: Any) -> None:
    case.add("audio_sessions", 5, 100, activated_by="app", category="PlayAndRecord")
    (found,) = case.findings("session-active-without-call")
    assert found.severity is Severity.low
    assert found.confidence < 0.5


@pytest.mark.parametrize(
    ("kinds", "witnesses"),
    [
        ({"audio_session.activated", "process.state"}, {"audiomxd", "runningboardd"}),
        ({"call.reported", "process.state"}, {"callservicesd", "runningboardd"}),
        ({"audio_session.activated", "call.reported"}, {"audiomxd", "callservicesd"}),
    ],
)
def test_session_without_call_needs_three_witnesses(case: Any, kinds: set[str], witnesses: set[str]) -> None:
    case.kinds, case.witnesses = frozenset(kinds), frozenset(witnesses)
    assert "three witnesses" in case.needs("session-active-without-call")


def test_session_without_call_thresholds(case: Any) -> None:
    idle_session(case, 30)
    assert case.findings("session-active-without-call", {"medium": 40}) == []
    assert case.findings("session-active-without-call", {"high": 20})[0].severity is Severity.high


def test_background_without_reason(case: Any) -> None:
    case.add("pushes", 0, 1, voip=True, outcome="reported")
    run = {"longest_uncovered_s": 90.0, "uncovered_s": 95.0, "uncovered_from": 5.0, "holders": 'background task "sync"'}
    case.add("background_runs", 0, 100, verdict="overstayed", **run)
    (found,) = case.findings("background-without-reason")
    assert found.severity is Severity.low
    assert found.title.startswith("com.acme.voip ran on for 90.0 s in the background")
    assert 'background task "sync"' in found.explanation
    assert (found.end - found.start).total_seconds() == 90
    assert case.findings("background-without-reason", {"background": 120}) == []


@pytest.mark.parametrize("verdict", ["held", "within_budget", "not_known"])
def test_background_with_a_reason_or_without_its_witnesses(case: Any, verdict: str) -> None:
    case.add("pushes", 0, 1, voip=True, outcome="reported")
    case.add("background_runs", 0, 100, verdict=verdict, longest_uncovered_s=90.0, uncovered_s=90.0)
    assert case.findings("background-without-reason") == []


def test_background_without_reason_needs_all_its_witnesses(case: Any) -> None:
    case.witnesses -= {"runningboardd"}
    assert case.needs("background-without-reason")
