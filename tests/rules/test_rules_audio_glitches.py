"""Audio sessions, glitches and the error codes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.rules import osstatus
from traceview.rules.quotes import settled
from traceview.rules.registry import CaptureFacts, Severity

ZERO = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
CALL = {"kind": "callkit", "direction": "incoming", "reported": 0, "answered": 5}


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["561017449", "'!pri'", "!pri", "0x21707269", "-12983", "insufficientPriority", "err=561017449"]
)
def test_one_code_in_many_spellings(text: str) -> None:
    error = osstatus.decode(text)
    assert error is not None
    assert (error.name, error.fourcc, error.number) == ("insufficientPriority", "!pri", "A03")


def test_every_known_value_reads_back() -> None:
    for error in osstatus.ERRORS:
        assert osstatus.decode(str(error.value)) is error
        if error.fourcc:
            assert osstatus.decode(f"'{error.fourcc}'") is error


def test_describe() -> None:
    assert osstatus.describe("561017449") == "'!pri' (561017449, insufficientPriority)"
    assert osstatus.describe("-50") == "-50 (badParam)"
    assert osstatus.describe("-66748") == "-66748"
    assert osstatus.describe("1919379045") == "'rgfe' (1919379045)"
    assert settled(osstatus.describe("denied by policy"))[0] == "denied by policy"


@given(st.text(max_size=40))
def test_decode_takes_any_text(text: str) -> None:
    osstatus.decode(text)
    assert isinstance(osstatus.describe(text), str)


@given(st.integers(0, 2**32 - 1))
def test_fourcc_reads_back(value: int) -> None:
    characters = osstatus.fourcc(value)
    if characters is not None:
        assert osstatus.number(f"'{characters}'") == value


@pytest.mark.parametrize(
    ("code", "in_call", "number", "severity"),
    [
        ("561015905", True, "A01", Severity.critical),
        ("561015905", False, "A01", Severity.high),
        ("'!rec'", True, "A02", Severity.critical),
        ("-12983", True, "A03", Severity.high),
        ("560557684", False, "A04", Severity.medium),
        ("1701737535", True, "A05", Severity.high),
        ("'siri'", True, "A06", Severity.low),
        ("-66748", False, "A06", Severity.medium),
    ],
)
def test_activation_refused(case: Any, code: str | None, in_call: Any, number: str, severity: Severity | None) -> None:
    if in_call:
        case.add("calls", 0, 100, **CALL)
    case.add("audio_sessions", 10, 10, refused_error=code, activated_by="app")
    (found,) = case.findings("activation-refused")
    assert (found.number, found.severity) == (number, severity)


def test_refusals_are_grouped_by_code(case: Any) -> None:
    for start in range(5):
        case.add("audio_sessions", start, start, refused_error="561017449")
    case.add("audio_sessions", 9, 9, refused_error="'!int'")
    found = case.findings("activation-refused")
    assert len(found) == 2
    assert any("audio 5 times: '!pri'" in one.title for one in found)


def test_error_zero_is_no_refusal(case: Any) -> None:
    case.add("audio_sessions", 10, 20, refused_error="0").add("audio_sessions", 30, 40)
    assert case.findings("activation-refused") == []


def test_audio_rules_need_the_audio_server(case: Any) -> None:
    case.kinds, case.witnesses = (
        frozenset({"process.state", "call.reported"}),
        frozenset({"runningboardd", "callservicesd"}),
    )
    rules = (
        "activation-refused",
        "stopped-because-suspended",
        "background-audio-not-allowed",
        "interruption-not-resumed",
    )
    for rule in (*rules, "session-churn", "io-overload", "io-restart", "format-change-in-call", "route-flapping"):
        assert "audio server" in case.needs(rule)


def test_stopped_because_suspended_in_a_call(case: Any) -> None:
    case.add("calls", 0, 100, **CALL)
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended", category="PlayAndRecord")
    (found,) = case.findings("stopped-because-suspended")
    assert found.severity is Severity.critical
    assert "after 40.0 s because the app was suspended in a call" in found.title
    assert (found.start, found.end) == (at(50), at(100))  # no line tells that audio came back
    assert "Its session had been active for 40.0 s by then." in found.explanation


@pytest.mark.parametrize(
    ("call_ends", "back", "silent_until", "words"),
    [
        (
            100,
            None,
            100,
            "ran again after 20.0 s. No line tells that its audio came back before its call ended, 50.0 s",
        ),
        (100, 85, 85, "The app ran again after 20.0 s. Its session was active again 35.0 s after the stop."),
        (60, 85, 60, "No line tells that its audio came back before its call ended, 10.0 s after the stop."),
        (None, None, 3600, "before the end of what the capture covers, 3550 s after the stop."),
    ],
)
def test_the_window_of_audio_that_stopped_is_the_silence(
    case: Any, call_ends: float | None, back: float | None, silent_until: float, words: str
) -> None:
    case.add("calls", 0, call_ends, **CALL)
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended", category="PlayAndRecord", io_running_s=39.0)
    case.add("suspensions", 49.99, 70)
    if back:
        case.add("audio_sessions", back, 99)
    (found,) = case.findings("stopped-because-suspended")
    assert (found.start, found.end) == (at(50), at(silent_until))
    assert "Until then its audio I/O had run for 39.0 s." in found.explanation
    assert words in found.explanation
    assert "keep the CallKit call alive" not in found.advice  # it was


def test_audio_is_back_when_its_io_runs(case: Any) -> None:
    case.add("calls", 0, 100, **CALL).add("suspensions", 50, 70)
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended").add("audio_sessions", 71, 99, io_started=80)
    (found,) = case.findings("stopped-because-suspended")
    assert (found.start, found.end) == (at(50), at(80))
    assert "Its audio I/O ran again 30.0 s after the stop." in found.explanation


@pytest.mark.parametrize(
    ("witnesses", "kinds", "severity", "confidence"),
    [
        ({"callservicesd"}, {"call.ended"}, Severity.critical, 1.0),
        ({"callservicesd"}, set(), Severity.high, 0.5),
        (set(), {"call.ended"}, Severity.high, 0.5),
    ],
)
def test_both_rules_are_as_sure_that_a_call_without_an_end_lasted(
    case: Any, witnesses: set[str], kinds: set[str], severity: Severity, confidence: float
) -> None:
    case.witnesses = case.witnesses - {"callservicesd"} | witnesses
    case.kinds = case.kinds - {"call.ended"} | kinds | {"audio_session.stopped"}
    case.add("calls", 0, None, **CALL).add("suspensions", 50, 70)
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended", category="PlayAndRecord")
    (stopped,) = case.findings("stopped-because-suspended")
    (suspended,) = case.findings("suspended-during-call")
    assert (stopped.severity, stopped.confidence) == (severity, confidence)
    if witnesses:
        assert (suspended.severity, suspended.confidence) == (severity, confidence)
    else:
        assert "most likely it had" in stopped.explanation
        assert "after a call whose end no line tells" in suspended.title


def test_a_session_that_outlives_its_call_cuts_nobody(case: Any) -> None:
    case.add("calls", 0, 49.8, **CALL).add("suspensions", 50, None)
    case.add("audio_sessions", 10, 50.05, stopped_by="system_suspended", category="PlayAndRecord")
    (found,) = case.findings("stopped-because-suspended")
    assert found.severity is Severity.low
    assert (found.start, found.end) == (at(50.05), at(50.05))
    assert "Its call had ended 0.25 s before" in found.explanation


def test_a_call_whose_begin_is_not_in_the_capture_may_have_run(case: Any) -> None:
    case.add("calls", 60, 60, kind="callkit", start_how="capture_edge").add("suspensions", 30, 50)
    case.add("audio_sessions", 30, 30, start_how="capture_edge", stopped_by="system_suspended")
    (found,) = case.findings("stopped-because-suspended")
    assert (found.severity, found.confidence) == (Severity.high, 0.5)
    assert "A call may have run then: the first line of it comes 30.0 s later" in found.explanation
    assert found.measures == {}
    case.rows["calls"].clear()
    (found,) = case.findings("stopped-because-suspended")
    assert found.confidence == 0.5
    assert "so that a call of which no line tells may have run" in found.explanation


def test_stopped_because_suspended_outside_calls(case: Any) -> None:
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended", category="PlayAndRecord")
    case.add("audio_sessions", 10, 50, stopped_by="system_suspended", app="com.game", pid=7, category="Ambient")
    case.add("audio_sessions", 60, 90, stopped_by="app")
    severities = {one.app: one.severity for one in case.findings("stopped-because-suspended")}
    assert severities == {"com.acme.voip": Severity.high, "com.game": Severity.low}


def test_a_stop_command_alone_does_not_prove_that_audio_played(case: Any) -> None:
    case.add("audio_sessions", 50, 50, start_how="capture_edge", stopped_by="system_suspended", mode="VoiceChat")
    (found,) = case.findings("stopped-because-suspended")
    assert found.severity is Severity.low
    assert "after" not in found.title


def test_background_audio_not_allowed(case: Any) -> None:
    case.add("audio_sessions", 10, 50, background_denied=45, stopped_by="system_suspended", mode="VoiceChat")
    case.kinds |= {"audio_session.not_allowed"}
    (found,) = case.findings("background-audio-not-allowed")
    assert found.severity is Severity.high
    assert (found.start, found.end) == (at(45), at(50))
    assert "Here its session stayed active for 5.0 s after that line." in found.explanation


def test_route_flapping_of_lines_that_name_only_the_reason(case: Any) -> None:
    for index in range(7):
        reason = "OldDeviceUnavailable" if index % 2 else "NewDeviceAvailable"
        case.add("route_changes", index, index, reason=reason)
        case.add("route_changes", index, index, reason="CategoryChange")
    (found,) = case.findings("route-flapping")
    assert found.severity is Severity.high
    assert found.measures == {"change_count": 7}


@pytest.mark.parametrize(("in_call", "severity"), [(True, Severity.critical), (False, Severity.high)])
def test_media_services_reset(case: Any, in_call: Any, severity: Severity | None) -> None:
    case.add("glitches", 10, 10, kind="media_services_reset", in_call=in_call)
    (found,) = case.findings("media-services-reset", apps=["com.acme.voip"])
    assert found.severity is severity


@pytest.mark.parametrize("told", ["AcmeVoIP", "SpringBoard"])
def test_who_tells_of_no_process_of_ios_cannot_show_a_reset(case: Any, told: str) -> None:
    case.kinds, case.witnesses = frozenset({"call.reported"}), frozenset({told})
    assert case.needs("media-services-reset")
    case.witnesses = frozenset({told, "runningboardd"})
    assert case.findings("media-services-reset") == []


def test_interruption_not_resumed(case: Any) -> None:
    case.add("calls", 0, 100, **CALL)
    case.add("interruptions", 20, 40, resumed=False, in_call=True, interrupter="com.apple.InCallService")
    (found,) = case.findings("interruption-not-resumed")
    assert found.severity is Severity.high
    assert case.findings("interruption-not-resumed", {"grace": 70}) == []


@pytest.mark.parametrize("change", [{"resumed": True}, {"start": 80, "end": None}, {"start": 70, "end": 97}])
def test_interruption_that_needs_no_resumption(case: Any, change: dict[str, Any]) -> None:
    case.add("calls", 0, 100, **CALL)
    values = {"start": 20, "end": 40, "resumed": False, "in_call": True, **change}
    case.add("interruptions", values.pop("start"), values.pop("end"), **values)
    assert case.findings("interruption-not-resumed") == []


def test_an_interruption_without_an_end_silences_the_rest_of_the_call(case: Any) -> None:
    case.add("calls", 0, 100, **CALL).add("interruptions", 30, None, resumed=False, interrupter="SpringBoard(35)")
    (found,) = case.findings("interruption-not-resumed")
    assert found.severity is Severity.high
    assert found.confidence < 1
    assert (found.start, found.end) == (at(30), at(100))
    assert "its call went on for 70.0 s without it" in found.title
    assert case.findings("interruption-not-resumed", {"endless": 70}) == []


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("calls", {"start": 32, "end": 90, "kind": "cellular", "app": None, "answered": 35}),
        ("calls", {"start": 32, "end": None, "kind": "callkit", "app": None, "answered": 35}),
        ("audio_sessions", {"start": 45, "end": 100}),
        ("hold", {}),
    ],
)
def test_nobody_waits_for_the_audio_of_an_interrupted_call(case: Any, table: str, values: dict[str, Any]) -> None:
    case.add("calls", 0, 100, **CALL)
    if table == "hold":
        case.rows["calls"][0] |= {"holds": 1, "hold_starts": [at(31)], "hold_ends": [at(95)]}
    else:
        case.add(table, values.pop("start"), values.pop("end"), **values)
    case.add("interruptions", 30, None, resumed=False)
    assert case.findings("interruption-not-resumed") == []


def test_session_churn(case: Any) -> None:
    for index in range(7):
        case.add("audio_sessions", index * 5, index * 5 + 4, activated_by="app")
    (found,) = case.findings("session-churn")
    assert "7 times within a minute" in found.title
    assert case.findings("session-churn", {"per_minute": 7}) == []


def overload(case: Any, count: int, peak: int, *, in_call: bool = True, **values: Any) -> Any:
    return case.add("glitches", 10, 12, kind="overload", count=count, peak_per_10s=peak, in_call=in_call, **values)


@pytest.mark.parametrize(
    ("count", "peak", "in_call", "severity"),
    [
        (1, 1, True, Severity.low),
        (3, 3, True, Severity.medium),
        (12, 12, True, Severity.high),
        (51, 40, True, Severity.critical),
        (51, 40, False, Severity.medium),
    ],
)
def test_io_overload(case: Any, count: int, peak: int, in_call: Any, severity: Severity | None) -> None:
    (found,) = overload(case, count, peak, in_call=in_call).findings("io-overload")
    assert found.severity is severity
    assert found.measures == {"overload_count": count, "peak_per_10s_count": peak}


def test_io_overload_on_a_simulator_says_nothing_about_devices(case: Any) -> None:
    overload(case, 500, 100)
    case.facts = CaptureFacts(simulator=True)
    assert case.findings("io-overload")[0].severity is Severity.info
    case.facts, case.witnesses = CaptureFacts(), case.witnesses | {"CoreSimulatorBridge"}
    assert case.findings("io-overload")[0].severity is Severity.info


def test_io_overload_of_the_audio_server_concerns_every_app(case: Any) -> None:
    overload(case, 12, 12, app=None, process="audiomxd", pid=40, cause="thermal", cause_confidence=0.7)
    (found,) = case.findings("io-overload", apps=["com.acme.voip"])
    assert found.app is None
    assert found.number == "G03"
    assert "Most likely cause: heat (70 % sure)." in found.explanation


def test_a_cause_that_is_hardly_sure_is_called_possible(case: Any) -> None:
    fact = "Low Power Mode was on for 38.3 s by then"
    overload(case, 12, 12, cause="cpu", cause_confidence=0.3, facts_for=fact, cause_evidence=[7])
    (found,) = case.findings("io-overload")
    assert f"Possible cause: lack of CPU time (30 % sure; {fact})." in found.explanation
    assert "likely" not in found.explanation
    assert found.evidence[0] == 7
    assert found.advice.startswith("Low Power Mode slows the processor")


@pytest.mark.parametrize(
    ("cause", "spoken_of"),
    [
        ("thermal", "ProcessInfo.thermalState"),
        ("cpu", "Time Profiler"),
        ("route_change", "sample rate"),
        ("other", "Keep locks"),
    ],
)
def test_the_advice_speaks_to_the_cause(case: Any, cause: str, spoken_of: str) -> None:
    overload(case, 12, 12, cause=cause, cause_confidence=0.7)
    (found,) = case.findings("io-overload")
    assert spoken_of in found.advice
    assert "Keep locks" in found.advice


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ("moderate heat (thermal pressure 20) for 14.1 s by then", ".fair"),
        ("heavy heat (thermal pressure 30) for 2.0 s by then", ".serious"),
        ("moderate heat (thermal pressure 20) 2.0 s before, heavy heat (thermal pressure 30) 1.0 s before", ".serious"),
        ("heat (thermal pressure 3) for 14.1 s by then", ".serious"),
        (None, ".serious"),
    ],
)
def test_advice_about_heat_fits_its_level(case: Any, facts: str | None, state: str) -> None:
    overload(case, 12, 12, cause="thermal", cause_confidence=0.7, facts_for=facts)
    (found,) = case.findings("io-overload")
    assert f"from {state} on" in found.advice


def test_missed_deadlines_prove_their_cause_and_their_call(case: Any) -> None:
    told = {"kind": "overload", "count": 2, "peak_per_10s": 2, "in_call": True}
    heat = {
        "cause": "thermal",
        "cause_confidence": 0.6,
        "facts_for": "moderate heat (thermal pressure 20) for 14.1 s by then",
    }
    case.add("calls", 0, 100, kind="callkit", evidence=[1, 2, 99])
    case.add("calls", 200, 300, kind="callkit", evidence=[201, 299])
    case.add("glitches", 30, 31, **told, **heat, cause_evidence=[8], evidence=[30, 31])
    case.add("glitches", 40, 41, **told, **heat, cause_evidence=[8, 9], evidence=[40, 41])
    case.add("glitches", 50, 51, **told, cause="memory", cause_confidence=0.4, cause_evidence=[7], evidence=[50, 51])
    (found,) = case.findings("io-overload")
    assert set(found.evidence) == {1, 8, 9, 30, 31, 40, 41, 50, 51, 99}
    assert "moderate heat (thermal pressure 20)" in found.explanation


def test_io_overloads_far_apart_are_told_apart(case: Any) -> None:
    for start in (0, 30, 600):
        case.add("glitches", start, start, kind="overload", count=2, peak_per_10s=2, in_call=True)
    found = case.findings("io-overload")
    assert [one.measures["overload_count"] for one in found] == [4, 2]
    assert len({one.fingerprint for one in found}) == 1
    assert case.findings("io-overload", {"medium": 2})[0].severity is Severity.medium


def test_io_restart(case: Any) -> None:
    case.add("glitches", 10, 10, kind="io_failed", count=1, in_call=True)
    (once,) = case.findings("io-restart")
    assert (once.severity, once.pattern) == (Severity.info, "once")
    case.add("glitches", 14, 14, kind="io_restart", count=1, in_call=True)
    (found,) = case.findings("io-restart")
    assert found.severity is Severity.high
    assert [one.severity for one in case.findings("io-restart", {"restarts": 3})] == [Severity.info]


def test_a_failure_of_an_unknown_process_is_not_blamed_on_the_audio_server(case: Any) -> None:
    case.add("glitches", 10, 10, kind="io_failed", count=1, app=None, process=None, pid=None)
    case.add("glitches", 11, 11, kind="io_failed", count=1, app=None, process="audiomxd", pid=40)
    titles = {one.title for one in case.findings("io-restart")}
    assert titles == {
        "Audio I/O of an unidentified app failed 1 time",
        "Audio I/O of the audio server failed 1 time",
    }


def test_format_change_in_call(case: Any) -> None:
    case.add("glitches", 10, 10, kind="format_change", count=1, in_call=True)
    assert case.findings("format-change-in-call") == []
    case.add("glitches", 20, 20, kind="format_change", count=1, in_call=True)
    (found,) = case.findings("format-change-in-call")
    assert "changed 2 times in a call" in found.title
    assert case.findings("format-change-in-call", {"changes": 2}) == []


def test_audio_io_stalled(case: Any) -> None:
    case.add("glitches", 10, 20, kind="stalled", count=1, in_call=True)
    assert [one.severity for one in case.findings("audio-io-stalled")] == [Severity.high]


def flaps(case: Any, routes: list[str | None]) -> Any:
    for index, (before, after) in enumerate(pairwise(routes)):
        case.add("route_changes", index, index, previous_route=before, route=after, in_call=True)
    return case


def test_route_flapping(case: Any) -> None:
    flaps(case, ["Receiver", "Speaker", "Receiver", "Speaker"])
    (found,) = case.findings("route-flapping")
    assert found.severity is Severity.medium
    assert "changed 3 times in 2.0 s (Speaker, Receiver)" in found.title
    assert case.findings("route-flapping", {"medium": 4}) == []
    assert case.findings("route-flapping", {"high": 3})[0].severity is Severity.high
    assert case.findings("route-flapping", {"span": 1}) == []


@pytest.mark.parametrize(
    "routes",
    [["Speaker", "Receiver", "Speaker"], ["Speaker", "Receiver", "Headset", "Bluetooth"], [None, None, None, None]],
)
def test_settling_routes_are_no_flapping(case: Any, routes: list[str | None]) -> None:
    assert flaps(case, routes).findings("route-flapping") == []
