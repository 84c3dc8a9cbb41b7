"""The service of iOS that carries calls ends while a call runs: the call is lost, and somebody says so."""

from typing import Any

import pytest

from traceview.rules.registry import Severity

LABEL = "com.apple.telephonyutilities.callservicesd"
SERVICE = {"app": None, "process": LABEL, "pid": 130, "in_call": True}
CRASH = {**SERVICE, "kind": "crash", "namespace": "SIGNAL", "code": "0x6"}
LOST = {"kind": "callkit", "end_reason": "provider reset", "end_how": "inferred"}


@pytest.fixture
def service(case: Any) -> Any:
    return case.add("processes", 0, 60, app=None, process=LABEL, pid=130, is_app=False)


def test_a_crash_of_the_service_loses_the_call(service: Any) -> None:
    service.add("calls", 10, 40, **LOST).add("terminations", 40, 40, **CRASH)
    found, _ = service.evaluate()
    (one,) = found
    assert (one.rule, one.number, one.severity, one.app) == ("crash-in-call", "T16", Severity.critical, "com.acme.voip")
    assert one.title == (
        "callservicesd, the service of iOS that carries calls, crashed during a call of com.acme.voip (SIGABRT), which was lost"
    )
    assert one.confidence == 0.9
    assert set(one.episodes) == {"calls-2", "terminations-3"}
    assert service.findings("crash-in-call", apps=["com.acme.voip"]) == [one]
    assert service.findings("crash-in-call", apps=["com.other"]) == []


@pytest.mark.parametrize("process", ["callservicesd", LABEL])
def test_a_service_of_which_nothing_else_is_told_is_no_app(case: Any, process: str) -> None:
    case.add("processes", 0, 60, app=None, process=process, pid=130)
    case.add("calls", 10, 40, **LOST).add("terminations", 40, 40, **{**CRASH, "process": process})
    found, _ = case.evaluate()
    assert [(one.rule, one.app) for one in found] == [("crash-in-call", "com.acme.voip")]


@pytest.mark.parametrize("kind", ["unknown", "normal_exit"])
def test_another_end_of_the_service_is_told_with_less_confidence(service: Any, kind: str) -> None:
    service.add("calls", 10, 40, **LOST).add("terminations", 40, 40, **SERVICE, kind=kind)
    found, _ = service.evaluate()
    assert [(one.rule, one.number, one.severity, one.confidence) for one in found] == [
        ("unexplained-termination", "T19", Severity.high, 0.7)
    ]


@pytest.mark.parametrize("process", ["callservicesd", "com.apple.telephonyutilities.callservicesd"])
def test_a_service_removed_from_memory_loses_the_call_too(service: Any, process: str) -> None:
    jetsam = {**SERVICE, "process": process, "kind": "jetsam", "code": "0x7", "memory_bytes": 64.0 * (1 << 20)}
    service.add("calls", 10, 40, **LOST).add("terminations", 40, 40, **jetsam)
    ((one,), _) = service.evaluate()
    assert (one.rule, one.number, one.severity, one.app) == (
        "jetsam-of-helper",
        "T12",
        Severity.critical,
        "com.acme.voip",
    )
    assert one.title == (
        "callservicesd, the service of iOS that carries calls, was removed from memory during a call of com.acme.voip "
        "(per-process-limit, it held 64 MB), which was lost"
    )
    assert "providerDidReset(_:)" in one.advice
    assert "caches" not in one.advice


def test_a_service_removed_from_memory_outside_calls_is_told_without_an_app(service: Any) -> None:
    service.add("terminations", 40, 40, **SERVICE, kind="jetsam")
    ((one,), _) = service.evaluate()
    assert (one.rule, one.severity, one.app) == ("jetsam-of-helper", Severity.high, None)
    assert "No call is told to have run then." in one.explanation
    assert one.advice.startswith("No app has to change")


AUDIO_SERVER = {"app": None, "process": "audiomxd", "pid": 80, "kind": "jetsam"}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({}, "A call ran then: of com.acme.voip."),
        ({"end": None}, "A call ran then: of com.acme.voip."),
        ({"app": None, "process": None, "pid": None}, "A call ran then: of an app that no line names."),
        ({"app": None, "kind": "cellular"}, "A call ran then: of Phone."),
        ({"end": 40}, "No call is told to have run then."),
        ({"start": 41}, "No call is told to have run then."),
    ],
)
def test_an_audio_server_removed_from_memory_names_the_calls_that_ran(
    case: Any, call: dict[str, Any], sentence: str
) -> None:
    case.add("calls", **{"start": 10, "end": 70, "kind": "callkit", **call}).add("terminations", 40, 40, **AUDIO_SERVER)
    (one,) = case.findings("jetsam-of-helper")
    assert sentence in one.explanation
    assert one.explanation.count("ran then") + one.explanation.count("run then") == 1
    assert ("calls-1" in one.episodes) == sentence.startswith("A call")


def test_an_audio_server_whose_end_has_no_time_is_not_said_to_end_outside_calls(case: Any) -> None:
    case.add("calls", 10, 70, kind="callkit").add("terminations", 0, None, **AUDIO_SERVER)
    case.rows["terminations"][0] |= dict.fromkeys(("start", "end", "start_how", "end_how"))
    (one,) = case.findings("jetsam-of-helper")
    assert "run then" not in one.explanation
    assert "it is not known when this happened" in one.explanation


@pytest.mark.parametrize(
    ("end", "reason", "lost"), [(40.3, "failed", True), (44, "remote hangup", True), (46, "failed", False)]
)
def test_an_app_that_cleans_up_has_lost_its_call_nonetheless(
    service: Any,
    end: float,
    reason: str,
    lost: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    service.add("calls", 10, end, kind="callkit", answered=12, end_reason=reason).add("terminations", 40, 40, **CRASH)
    (one,) = service.findings("crash-in-call")
    assert (one.severity, one.confidence) == ((Severity.critical, 0.9) if lost else (Severity.high, 0.45))
    assert ("which was lost" in one.title) == lost
    assert ("that the app cleaned up by then" in one.explanation) == lost


@pytest.mark.parametrize("step", [{"answered": 41}, {"hold_starts": [41], "hold_ends": [42]}, {"contradicted_by": [7]}])
def test_a_call_with_a_later_step_was_not_only_cleaned_up(service: Any, step: dict[str, Any]) -> None:
    service.add("calls", 10, 42, kind="callkit", end_reason="failed", **step).add("terminations", 40, 40, **CRASH)
    (one,) = service.findings("crash-in-call")
    assert one.severity is Severity.high


@pytest.mark.parametrize(
    "call",
    [
        {"end": None},
        {"end": 70, "end_reason": "remote hangup"},
        {"end": 40, **LOST, "contradicted_by": [7]},
    ],
)
def test_a_call_that_lines_tell_of_afterwards_may_have_gone_on(service: Any, call: dict[str, Any]) -> None:
    service.add("calls", 10, **{"kind": "callkit", **call}).add("terminations", 40, 40, **CRASH)
    (one,) = service.findings("crash-in-call")
    assert (one.severity, one.confidence) == (Severity.high, 0.45)
    assert "lost" not in one.title


def test_all_calls_of_an_app_and_each_app_apart(service: Any) -> None:
    service.add("calls", 10, 40, **LOST).add("calls", 20, 40, **LOST).add("calls", 20, 40, **{**LOST, "app": None})
    service.add("terminations", 40, 40, **CRASH)
    titles = [one.title for one in service.findings("crash-in-call")]
    assert len(titles) == 2
    assert any("during 2 calls of com.acme.voip (SIGABRT), which were lost" in title for title in titles)
    assert any("during a call of an app that no line names" in title for title in titles)


@pytest.mark.parametrize(
    "call",
    [
        {"start": 10, "end": 38, "kind": "callkit", "end_reason": "remote hangup"},  # over before
        {"start": 50, "end": 55, "kind": "callkit"},
        {"start": 10, "end": 40, "kind": "cellular", "end_reason": "provider reset"},  # the baseband's, not an app's
        {"start": 10, "end": 40, **LOST, "app": "com.apple.facetime"},
    ],
)
def test_calls_that_the_service_did_not_take_along(service: Any, call: dict[str, Any]) -> None:
    service.add("calls", **call).add("terminations", 40, 40, **CRASH)
    assert service.findings("crash-in-call") == []
