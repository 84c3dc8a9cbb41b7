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
    assert "No call of an app is told to have run then." in one.explanation
    assert one.advice.startswith("No app has to change")


@pytest.mark.parametrize(
    "call",
    [
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
