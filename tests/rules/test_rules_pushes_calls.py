"""Pushes and calls."""

from typing import Any

import pytest

from traceview.rules.registry import Severity

PUSH = {"voip": True, "received": 10, "delivered": 10.5, "outcome": "unreported"}


def test_push_unreported_and_killed(case: Any) -> None:
    case.add("pushes", 10, 10.5, **PUSH)
    case.add("terminations", 17.5, 17.5, kind="push_unreported", code="0xbaadca11", namespace="FRONTBOARD")
    (found,) = case.findings("push-unreported")
    assert found.severity is Severity.critical
    assert found.number == "T02"
    assert found.title == "iOS killed com.acme.voip 7.0 s after a VoIP push because it reported no call (0xbaadca11)"
    assert len(found.episodes) == 2
    assert len(found.evidence) == 4
    assert found.measures == {"push_to_kill_s": 7.0}


def test_push_unreported_exception_without_push_lines(case: Any) -> None:
    case.add(
        "terminations",
        17,
        17,
        kind="crash",
        namespace="SIGNAL",
        code="0x6",
        explanation="Killing app because it never posted an incoming call to the system after receiving a PushKit VoIP push.",
    )
    case.kinds = case.witnesses = frozenset()
    (found,) = case.findings("push-unreported")
    assert found.number == "T01"
    assert found.severity is Severity.critical


def test_hidden_pushes_are_joined_with_the_kill_and_the_only_app(case: Any) -> None:
    hidden = {"app": None, "process": None, "pid": None}
    case.add("pushes", 10, 10.5, **PUSH, **hidden)
    case.add("terminations", 17.5, 17.5, kind="push_unreported", code="0xbaadca11")
    case.add("pushes", 100, 100, **{**PUSH, **hidden, "outcome": "blocked"})
    found, _ = case.evaluate(apps=["com.acme.voip"])
    assert {(one.rule, one.app) for one in found} == {
        ("push-unreported", "com.acme.voip"),
        ("push-delivery-blocked", "com.acme.voip"),
    }


def test_hidden_pushes_stay_hidden_where_two_apps_may_be_meant(case: Any) -> None:
    case.add("pushes", 10, 10, voip=True, outcome="reported")
    case.add("pushes", 20, 20, voip=True, outcome="reported", app="com.other", pid=3)
    case.add("pushes", 100, 100, **{**PUSH, "app": None, "process": None, "pid": None, "outcome": "blocked"})
    (found,) = case.findings("push-delivery-blocked")
    assert found.app is None


HIDDEN = {"app": None, "process": None, "pid": None}


def test_hidden_push_belongs_to_the_app_killed_for_it_although_another_one_calls_too(case: Any) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, **HIDDEN})
    case.add("pushes", 500, 500.5, voip=True, outcome="reported", app="com.other", pid=3)
    case.add("terminations", 17.5, 17.5, kind="push_unreported", code="0xbaadca11")
    (found,) = case.findings("push-unreported")
    assert (found.app, found.pattern, found.measures) == ("com.acme.voip", "killed", {"push_to_kill_s": 7.0})


def test_hidden_push_is_not_that_of_a_kill_which_a_named_push_explains(case: Any) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, **HIDDEN})
    case.add("pushes", 40, 40.5, **{**PUSH, "delivered": 40.5, "received": 40, "app": "com.other", "pid": 3})
    case.add("terminations", 47.5, 47.5, kind="push_unreported", code="0xbaadca11", app="com.other", pid=3)
    case.add("pushes", 500, 500.5, voip=True, outcome="reported")
    found = case.findings("push-unreported")
    assert {(one.app, one.pattern) for one in found} == {("com.other", "killed"), (None, "failed")}


@pytest.mark.parametrize("witness", ["launched", "woken"])
def test_hidden_push_belongs_to_the_app_that_it_launched_or_woke(case: Any, witness: str) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, **HIDDEN})
    case.add("pushes", 400, 400, voip=True, outcome="reported")
    case.add("pushes", 500, 500, voip=True, outcome="reported", app="com.other", pid=3)
    case.add("app_states", 10, 60, state="background", app="com.chess", pid=9)
    if witness == "launched":
        case.add("processes", 10.2, None, is_app=True)
    else:
        case.add("app_states", 0, 10.2, state="suspended").add("app_states", 10.2, 60, state="background")
    (found,) = case.findings("push-unreported")
    assert found.app == "com.acme.voip"


def test_hidden_push_stays_hidden_where_two_callers_woke_or_the_user_moved_the_app(case: Any) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, **HIDDEN})
    case.add("pushes", 400, 400, voip=True, outcome="reported")
    case.add("pushes", 500, 500, voip=True, outcome="reported", app="com.other", pid=3)
    case.add("app_states", 0, 10.2, state="foreground").add("app_states", 10.2, 60, state="background")
    (found,) = case.findings("push-unreported")
    assert found.app is None
    case.add("processes", 10.1, None, app="com.other", pid=3, is_app=True)
    case.add("processes", 10.2, None, is_app=True, pid=600)
    assert [one.app for one in case.findings("push-unreported")] == [None]


def test_push_verdict_of_the_daemon_without_a_kill(case: Any) -> None:
    case.add("pushes", 10, 10.5, **PUSH)
    (found,) = case.findings("push-unreported")
    assert found.severity is Severity.critical
    assert found.pattern == "failed"


@pytest.mark.parametrize("exemption", ["foreground", "call"])
def test_push_unreported_is_information_where_ios_tolerates_it(case: Any, exemption: str) -> None:
    case.add("pushes", 10, 10.5, **PUSH)
    if exemption == "foreground":
        case.add("app_states", 0, 100, state="foreground")
    else:
        case.add("calls", 0, 60, kind="callkit", direction="incoming")
    (found,) = case.findings("push-unreported")
    assert found.severity is Severity.info


def test_the_abort_that_launchd_tells_is_the_kill_for_the_push(case: Any) -> None:
    case.add("pushes", 10, 17.5, voip=True, received=10, delivered=10.1, outcome="unreported")
    case.add("terminations", 17.7, 17.7, kind="crash", namespace="SIGNAL", code="0x6", in_call=False)
    (found,) = case.findings("push-unreported")
    assert (found.severity, found.number) == (Severity.critical, "T01")
    assert "iOS killed com.acme.voip 7.6 s after a VoIP push because it reported no call (SIGABRT)" in found.title
    assert case.findings("unexplained-termination") == []


@pytest.mark.parametrize("change", [{"code": "0xb"}, {"start": 40, "end": 40}, {"app": "com.other", "pid": 9}])
def test_another_end_is_not_the_kill_for_the_push(case: Any, change: dict[str, Any]) -> None:
    case.add("pushes", 10, 17.5, voip=True, received=10, delivered=10.1, outcome="unreported")
    death = {
        "start": 17.7,
        "end": 17.7,
        "kind": "crash",
        "namespace": "SIGNAL",
        "code": "0x6",
        "in_call": False,
        **change,
    }
    case.add("terminations", **death)
    (found,) = case.findings("push-unreported")
    assert found.pattern == "failed"
    assert "No line of this capture tells that the app was killed for it." in found.explanation
    assert len(case.findings("unexplained-termination")) == 1


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({}, "silent-blocked"),
        ({"app": "com.other", "pid": 9}, "silent"),
        ({"start": 5, "end": 5}, "silent"),
        ({"voip": False}, "silent"),
    ],
)
def test_a_push_without_a_call_before_a_block_was_counted(case: Any, change: dict[str, Any], pattern: str) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, "outcome": "unknown"})
    case.add("pushes", **{"start": 60, "end": 60, "voip": True, "outcome": "blocked", **change})
    found = case.findings("push-unreported")[0]
    counted = pattern == "silent-blocked"
    assert (found.pattern, found.severity) == (pattern, Severity.critical if counted else Severity.high)
    assert ("If the app really reported none" in found.explanation) == (not counted)
    assert (found.confidence == 0.8) == counted
    assert (21 in found.evidence) == counted


def test_silent_push_needs_time_and_a_capture_that_shows_reports(case: Any) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, "outcome": "unknown"})
    (found,) = case.findings("push-unreported")
    assert found.severity is Severity.high
    assert found.confidence < 1
    case.end = 30
    assert case.findings("push-unreported") == []
    assert len(case.findings("push-unreported", {"deadline": 5})) == 1
    case.end = 3600
    case.kinds -= {"call.reported"}
    (found,) = case.findings("push-unreported")
    assert found.confidence == 0.5
    case.witnesses -= {"callservicesd"}
    assert case.needs("push-unreported")


def test_silent_push_with_a_call_near_by_is_fine(case: Any) -> None:
    case.add("pushes", 10, 10.5, **{**PUSH, "outcome": "unknown"})
    case.add("calls", 12, 60, kind="callkit", app=None, pid=None, process=None)
    assert case.findings("push-unreported") == []


def test_push_unreported_needs_callservicesd(case: Any) -> None:
    case.witnesses -= {"callservicesd"}
    case.kinds = frozenset({"process.exited", "push.received"})
    assert "callservicesd" in case.needs("push-unreported")
    assert case.needs("push-delivery-blocked")
    assert case.needs("call-reported-slowly")
    assert case.needs("non-call-use-of-voip-push")


def test_push_delivery_blocked(case: Any) -> None:
    for start in (10, 20, 30):
        case.add("pushes", start, start, **{**PUSH, "delivered": None, "outcome": "blocked"})
    (found,) = case.findings("push-delivery-blocked")
    assert found.severity is Severity.critical
    assert found.title == "iOS dropped 3 VoIP pushes for com.acme.voip instead of launching it"


@pytest.mark.parametrize(
    ("latency", "severity"),
    [(1.0, None), (1.5, Severity.medium), (4.0, Severity.high), (7.0, Severity.critical)],
)
def test_call_reported_slowly(case: Any, latency: float, severity: Severity | None) -> None:
    case.add("pushes", 10, 20, **{**PUSH, "outcome": "reported", "report_latency_s": latency})
    assert [one.severity for one in case.findings("call-reported-slowly")] == ([severity] if severity else [])


def test_call_reported_slowly_threshold(case: Any) -> None:
    case.add("pushes", 10, 20, **{**PUSH, "outcome": "reported", "report_latency_s": 0.8})
    assert case.findings("call-reported-slowly") == []
    assert len(case.findings("call-reported-slowly", {"medium": 0.5})) == 1


def test_non_call_use_of_voip_push(case: Any) -> None:
    for start in range(0, 60, 10):
        case.add("pushes", start, start, **{**PUSH, "outcome": "unreported"})
    case.add("calls", 5, 50, kind="callkit", direction="incoming")
    (found,) = case.findings("non-call-use-of-voip-push")
    assert found.title == "com.acme.voip received 6 VoIP pushes for 1 call"
    assert case.findings("non-call-use-of-voip-push", {"pushes": 7}) == []
    assert case.findings("non-call-use-of-voip-push", {"ratio": 6}) == []


def test_pushes_of_other_kinds_are_left_alone(case: Any) -> None:
    case.add("pushes", 10, 10, voip=False, outcome="unreported")
    assert case.findings("push-unreported") == []
    assert case.findings("non-call-use-of-voip-push", {"pushes": 1, "ratio": 0.5}) == []


CALL = {"kind": "callkit", "direction": "incoming", "reported": 10, "answered": 15, "ended": 75}


def test_audio_activated_by_app_in_call(case: Any) -> None:
    case.add("calls", 10, 75, **CALL)
    case.add("audio_sessions", 15.4, 70, activated_by="app", category="PlayAndRecord")
    (found,) = case.findings("audio-activated-by-app-in-call")
    assert found.severity is Severity.high
    assert found.number == "V05"
    assert "0.40 s after the call was answered, and CallKit never activated it" in found.title


@pytest.mark.parametrize(
    ("start", "activated_by", "kind"),
    [(14.0, "app", "callkit"), (16.5, "app", "callkit"), (15.4, "callkit", "callkit"), (15.4, "app", "cellular")],
)
def test_audio_activated_elsewhere_is_fine(case: Any, start: float, activated_by: str, kind: str) -> None:
    case.add("calls", 10, 75, **{**CALL, "kind": kind, "audio_activated": 16})
    case.add("audio_sessions", start, 70, activated_by=activated_by)
    assert case.findings("audio-activated-by-app-in-call") == []


def test_audio_activated_by_app_needs_both_witnesses(case: Any) -> None:
    case.witnesses = frozenset({"audiomxd"})
    case.kinds = frozenset({"audio_session.activated"})
    assert "callservicesd" in case.needs("audio-activated-by-app-in-call")
    assert case.needs("answer-without-audio-activation")
    assert case.needs("category-unfit-for-call")


def test_answer_without_audio_activation(case: Any) -> None:
    case.add("calls", 10, 75, **CALL)
    (found,) = case.findings("answer-without-audio-activation")
    assert found.severity is Severity.critical
    assert found.title == "com.acme.voip: answered call lasted 60.0 s without audio activation"


def test_answer_in_a_capture_that_tells_no_activation_at_all(case: Any) -> None:
    case.add("calls", 10, 75, **CALL)
    case.kinds -= {"audio_session.activated"}
    (found,) = case.findings("answer-without-audio-activation")
    assert (found.severity, found.confidence) == (Severity.high, 0.5)


def test_audio_activation_may_come_late(case: Any) -> None:
    case.add("calls", 10, 75, **{**CALL, "audio_activated": 20})
    (found,) = case.findings("answer-without-audio-activation")
    assert found.severity is Severity.high
    assert case.findings("answer-without-audio-activation", {"grace": 6}) == []


@pytest.mark.parametrize("change", [{"audio_activated": 17.5}, {"answered": None}, {"ended": 17}, {"kind": "facetime"}])
def test_answer_with_audio_is_fine(case: Any, change: dict[str, Any]) -> None:
    case.add("calls", 10, change.get("ended", 75), **{**CALL, **change})
    assert case.findings("answer-without-audio-activation") == []


def test_a_hidden_call_without_audio_is_only_a_doubt(case: Any) -> None:
    hidden = {"app": None, "process": None, "pid": None}
    case.add("calls", 10, 75, **CALL, **hidden)
    (found,) = case.findings("answer-without-audio-activation")
    assert found.severity is Severity.low
    case.add("interruptions", 15.2, 70, in_call=True)
    assert case.findings("answer-without-audio-activation") == []


def test_answer_is_not_judged_at_the_end_of_the_capture(case: Any) -> None:
    case.end = 17
    case.add("calls", 10, None, **{**CALL, "ended": None})
    assert case.findings("answer-without-audio-activation") == []


def test_session_of_unknown_origin_counts_as_audio(case: Any) -> None:
    case.add("calls", 10, 75, **CALL).add("audio_sessions", 15.5, 75, activated_by="unknown")
    assert case.findings("answer-without-audio-activation") == []


def test_category_unfit_for_a_call(case: Any) -> None:
    case.add("calls", 10, 75, **CALL).add("audio_sessions", 14, 75, activated_by="callkit", category="MediaPlayback")
    (found,) = case.findings("category-unfit-for-call")
    assert found.title == "com.acme.voip ran 60.0 s of a call with audio category MediaPlayback"
    assert case.findings("category-unfit-for-call", {"least": 60}) == []


@pytest.mark.parametrize(("category", "start", "end"), [("PlayAndRecord", 14, 75), ("MediaPlayback", 14, 18)])
def test_fit_category_or_short_use(case: Any, category: str, start: float, end: float) -> None:
    case.add("calls", 10, 75, **CALL).add("audio_sessions", start, end, activated_by="callkit", category=category)
    assert case.findings("category-unfit-for-call") == []


def test_phantom_calls(case: Any) -> None:
    for start in (10, 100, 200):
        case.add("calls", start, start + 0.5, kind="callkit", direction="incoming", reported=start, ended=start + 0.5)
    (found,) = case.findings("phantom-call")
    assert "3 calls" in found.title
    assert case.findings("phantom-call", {"calls": 4}) == []
    assert case.findings("phantom-call", {"shorter_than": 0.2}) == []


def test_call_action_timeout(case: Any) -> None:
    case.add("calls", 10, 20, kind="callkit", end_reason="action timed out", outcome="failed")
    (found,) = case.findings("call-action-timeout")
    assert found.severity is Severity.high


def test_call_that_failed_otherwise_is_no_timeout(case: Any) -> None:
    case.add("calls", 10, 20, kind="callkit", end_reason="remote hangup", outcome="missed")
    assert case.findings("call-action-timeout") == []


def test_call_action_timeout_needs_calls(case: Any) -> None:
    case.kinds, case.witnesses = frozenset({"process.state"}), frozenset({"runningboardd"})
    assert case.needs("call-action-timeout")
    assert case.needs("phantom-call")


def test_an_action_that_timed_out_is_told_with_the_action(case: Any) -> None:
    uuid = "15318DD0-E531-47D1-AA1D-D17B0BFC78CF"
    case.add(
        "calls",
        0,
        20,
        kind="callkit",
        failed_action=f"CXAnswerCallAction {uuid}: action timed out",
        end_reason="failed",
    )
    case.add("calls", 30, 50, kind="callkit", failed_action="CXEndCallAction: unknown call", end_reason="failed")
    (found,) = case.findings("call-action-timeout")
    assert "CXAnswerCallAction" in found.title
    assert uuid not in found.pattern


def test_a_call_from_before_the_capture_may_share_its_audio(case: Any) -> None:
    second = {"kind": "callkit", "direction": "incoming", "reported": 20, "answered": 24}
    case.add("calls", 20, 80, **second)
    assert [found.number for found in case.findings("answer-without-audio-activation")] == ["V04"]
    case.add("calls", 1, 100, kind="callkit", start_how="capture_edge")
    assert case.findings("answer-without-audio-activation") == []
