"""Terminations, resources and the quality of the evidence."""

from datetime import UTC, datetime
from typing import Any

import pytest

from traceview.rules import resources, terminations
from traceview.rules.registry import CaptureFacts, Severity


@pytest.mark.parametrize(
    ("kind", "code", "rule", "number", "severity"),
    [
        ("watchdog", "0x8badf00d", "watchdog-termination", "T07", Severity.high),
        ("unknown", "2343432205", "watchdog-termination", "T07", Severity.high),
        ("watchdog", "0xfa1cdead", "watchdog-termination", "T07", Severity.high),
        ("lock_held", "0xdead10cc", "lock-held-termination", "T06", Severity.critical),
        ("cpu", None, "cpu-kill", "T08", Severity.critical),
        ("resumed_too_often", "0xbad22222", "system-kill", "T13", Severity.high),
        ("thermal", "0xc00010ff", "system-kill", "T14", Severity.high),
        ("disk", "0xbaddd15c", "system-kill", "T14", Severity.high),
        ("resource", "0xd00d2bad", "system-kill", "T14", Severity.high),
        ("background_task", "0x2182bad3", "system-kill", "T04", Severity.critical),
        ("background_task", "0x2182bad4", "system-kill", "T04", Severity.critical),
        ("user", "0xdeadfa11", "user-force-quit", "T15", Severity.info),
        ("crash", "0xb", "unexplained-termination", "T19", Severity.high),
        ("unknown", "0x1234", "unexplained-termination", "T19", Severity.medium),
        ("jetsam", "0x7", "jetsam", "T11", Severity.critical),
    ],
)
def test_each_end_is_told_once(  # noqa: PLR0917 - one row of a table
    case: Any, kind: str, code: str | None, rule: str, number: str, severity: Severity | None
) -> None:
    case.add("terminations", 10, 10, kind=kind, code=code, in_call=False)
    found, _ = case.evaluate()
    assert [(one.rule, one.number, one.severity) for one in found] == [(rule, number, severity)]


@pytest.mark.parametrize(
    ("kind", "rule"), [("watchdog", "watchdog-termination"), ("crash", "crash-in-call"), ("jetsam", "jetsam")]
)
def test_ends_in_a_call_are_critical(case: Any, kind: str, rule: str) -> None:
    case.add("calls", 0, 10, kind="callkit").add("terminations", 10, 10, kind=kind, in_call=True)
    found, _ = case.evaluate()
    assert [(one.rule, one.severity) for one in found] == [(rule, Severity.critical)]


def test_a_hidden_call_is_not_blamed_on_an_app_that_never_calls(case: Any) -> None:
    case.add("calls", 0, 10, kind="callkit", app=None, process=None, pid=None)
    case.add("terminations", 5, 5, kind="crash", in_call=True)
    found, _ = case.evaluate()
    assert [one.rule for one in found] == ["unexplained-termination"]


@pytest.mark.parametrize(
    ("kind", "code"), [("normal_exit", "0x0"), ("service_owner_exited", None), ("unknown", "0"), ("unknown", None)]
)
def test_peaceful_ends_are_silent(case: Any, kind: str, code: str | None) -> None:
    case.add("terminations", 10, 10, kind=kind, code=code)
    assert case.evaluate()[0] == []


def test_debug_kill(case: Any) -> None:
    case.add("terminations", 10, 10, kind="unknown", explanation="<RBSTerminateContext| explanation:BG Kill Demo>")
    found, _ = case.evaluate()
    assert [(one.rule, one.severity) for one in found] == [("debug-kill", Severity.low)]


def test_daemons_and_apples_apps_are_left_alone(case: Any) -> None:
    case.add("processes", 0, 20, app=None, process="somed", pid=70, is_app=False)
    case.add("terminations", 10, 10, kind="crash", app=None, process="somed", pid=70)
    case.add("terminations", 10, 10, kind="crash", app="com.apple.news", process="News", pid=71)
    assert case.evaluate()[0] == []
    assert len(case.evaluate(apps=["com.apple.news"])[0]) == 1
    assert len(case.evaluate(apps=["somed"])[0]) == 1


def test_crash_loop(case: Any) -> None:
    for start in (0, 100, 200):
        case.add("terminations", start, start, kind="crash", code="0xb")
    (found,) = case.findings("crash-loop")
    assert "3 times in 200 s (crash)" in found.title
    assert case.findings("crash-loop", {"exits": 4}) == []
    assert case.findings("crash-loop", {"span": 150}) == []


def test_user_quits_are_no_crash_loop(case: Any) -> None:
    for start in (0, 1, 2, 3):
        case.add("terminations", start, start, kind="user", code="0xdeadfa11")
    assert case.findings("crash-loop") == []


@pytest.mark.parametrize(
    "rule",
    [rule.id for rule in (*terminations.RULES, *resources.RULES) if rule.id != "resource-warning"],
)
def test_terminations_need_a_witness(case: Any, rule: str) -> None:
    case.kinds, case.witnesses = frozenset({"call.reported"}), frozenset({"callservicesd", "audiomxd"})
    assert case.needs(rule)


@pytest.mark.parametrize(
    ("reason", "state", "severity"),
    [
        ("per-process-limit", "background", Severity.critical),
        ("vm-pageshortage", "suspended", Severity.low),
        ("vm-pageshortage", "background", Severity.medium),
        ("long-idle-exit", "suspended", None),
    ],
)
def test_jetsam(case: Any, reason: str, state: str, severity: Severity | None) -> None:
    case.add("terminations", 10, 10, kind="jetsam", explanation=f"jettisoned: {reason}", app_state=state)
    found = case.findings("jetsam")
    assert [one.severity for one in found] == ([severity] if severity else [])
    where = {"background": "while in the background", "suspended": "while suspended"}[state]
    assert all(one.title == f"iOS removed com.acme.voip from memory {where} ({reason})" for one in found)


@pytest.mark.parametrize(
    ("told", "advice", "absent"),
    [
        ({"app_state": "background", "in_call": True}, "during a call", "suspended"),
        ({"app_state": "foreground"}, "Find what grew", "suspended"),
        ({"app_state": "suspended"}, "below 50 MB while suspended", "Instruments"),
        ({}, "below 50 MB while suspended", "during a call"),
    ],
)
def test_advice_on_memory_fits_the_state(case: Any, told: dict[str, Any], advice: str, absent: str) -> None:
    case.add("calls", 0, 60, kind="callkit", direction="incoming", answered=1)
    case.add("terminations", 10, 10, kind="jetsam", explanation="per-process-limit", **told)
    (found,) = case.findings("jetsam")
    assert advice in found.advice
    assert absent not in found.advice


@pytest.mark.parametrize(
    ("held", "words"),
    [(2097152.0 * 1024, " (per-process-limit, it held 2,048 MB)"), (None, " (per-process-limit)")],
)
def test_what_a_victim_of_jetsam_held_is_told(case: Any, held: float | None, words: str) -> None:
    case.add("terminations", 10, 10, kind="jetsam", explanation="per-process-limit", memory_bytes=held)
    (found,) = case.findings("jetsam")
    assert found.title == f"iOS removed com.acme.voip from memory{words}"
    assert found.measures == ({"memory_bytes": held} if held else {})


def test_jetsam_of_helpers(case: Any) -> None:
    case.add(
        "processes", 0, 10, app="com.acme.voip.nse", process="AcmeNSE", pid=80, is_app=False, host_app="com.acme.voip"
    )
    case.add("terminations", 10, 10, kind="jetsam", app="com.acme.voip.nse", process="AcmeNSE", pid=80)
    case.add("terminations", 20, 20, kind="jetsam", app=None, process="audiomxd", pid=81)
    case.add("terminations", 30, 30, kind="jetsam", app=None, process="photoanalysisd", pid=82)
    case.add("processes", 0, 30, app=None, process="photoanalysisd", pid=82, is_app=False)
    titles = [one.title for one in case.findings("jetsam-of-helper", apps=["com.acme.voip"])]
    assert titles == [
        "iOS removed com.acme.voip.nse, an extension of com.acme.voip, from memory",
        "iOS removed audiomxd, the system's call or audio service, from memory",
    ]


@pytest.mark.parametrize(("kind", "number"), [("cpu", "T10"), ("wakeups", "G11"), ("disk", "G13")])
def test_resource_warnings(case: Any, kind: str, number: str) -> None:
    case.add("resource_events", 10, 10, kind=kind, value=90.0, limit=50.0, fatal=False)
    case.add("resource_events", 10, 10, kind="thermal", level="2")
    (found,) = case.findings("resource-warning")
    assert (found.number, found.severity) == (number, Severity.medium)
    figures = {"cpu": "(90 s of CPU time, limit 50 s)", "wakeups": "(90 times, limit 50)", "disk": "(0 MB, limit 0 MB)"}
    assert figures[kind] in found.title


def test_lines_and_reports_that_are_taken_for_one_load_are_said_to_be(case: Any) -> None:
    case.add("resource_events", 30, 180, kind="cpu", limit=90.0, fatal=False)
    case.add("resource_events", 53, 203, kind="cpu", value=90.0, limit=90.0, fatal=False)
    (found,) = case.findings("resource-warning")
    assert "(90 s of CPU time in 150 s, limit 90 s)" in found.title
    assert (
        "2 lines or reports, written within 23.0 s, tell of such an excess and are taken for one load: the figures"
        in (found.explanation)
    )
    assert "the time told here (173 s) spans" in found.explanation


def test_an_end_that_no_line_explains_is_told_where_audio_was_held(case: Any) -> None:
    case.add("processes", 0, 20, app="com.acme.voip", process="AcmeVoIP", pid=77, is_app=True)
    case.add("terminations", 10, 10, kind="unknown")
    assert case.findings("unexplained-termination") == []
    case.add("terminations", 20, 20, kind="unknown", explanation="audio client died")
    (found,) = case.findings("unexplained-termination")
    assert (found.severity, found.confidence) == (Severity.low, 0.5)
    assert "no line tells why" in found.title


def test_a_crash_of_ios_itself_is_no_work_for_an_app(case: Any) -> None:
    case.witnesses = frozenset()
    case.add("processes", 0, 60, app=None, process="itunescloudd", pid=90, is_app=False)
    crash = {"kind": "crash", "namespace": "SIGNAL", "code": "0x6", "app": None, "process": "itunescloudd", "pid": 90}
    case.add("terminations", 10, 10, **crash)
    (known,) = case.findings("unexplained-termination")
    assert (known.severity, known.app) == (Severity.info, None)
    assert known.title == "itunescloudd, a process of iOS, crashed (SIGABRT)"
    assert "dSYM" not in known.advice
    (asked,) = case.findings("unexplained-termination", apps=["itunescloudd"])
    assert (asked.severity, asked.title) == (Severity.high, "itunescloudd crashed (SIGABRT)")


def test_daemons_over_a_limit_are_reported_only_where_no_app_is_known(case: Any) -> None:
    case.add("processes", 0, 60, app=None, process="assetsd", pid=90, is_app=False)
    case.add("resource_events", 10, 10, kind="disk", app=None, process="assetsd", pid=90, fatal=False)
    (known,) = case.findings("resource-warning")
    assert (known.severity, known.app) == (Severity.info, None)
    assert known.title == "assetsd, a process of iOS, wrote more to disk than iOS allows"
    case.add("processes", 0, 60, app="com.acme.voip", process="AcmeVoIP", pid=77, is_app=True)
    assert case.findings("resource-warning") == []
    (asked,) = case.findings("resource-warning", apps=["assetsd"])
    assert (asked.severity, asked.app) == (Severity.medium, "assetsd")


def test_processes_of_ios_removed_from_memory_are_one_remark_with_all_of_them_as_evidence(case: Any) -> None:
    names = ["dasd", "wifianalyticsd", "cloudd", "healthd", "audiomxd"]
    for pid, name in enumerate(names, 90):
        case.add("processes", 0, 60, app=None, process=name, pid=pid, is_app=False)
        told = {"explanation": "highwater", "evidence": [pid], "in_call": False}
        case.add("terminations", pid, pid, app=None, process=name, pid=pid, kind="jetsam", **told)
    case.kinds, case.witnesses = frozenset({"jetsam.killed"}), frozenset()
    (found,) = case.findings("jetsam")
    assert (
        found.title
        == "iOS removed 4 processes of iOS (dasd, wifianalyticsd, cloudd and 1 more) from memory (highwater)"
    )
    assert (found.severity, found.app, found.evidence) == (Severity.info, None, (90, 91, 92, 93))
    assert len(found.episodes) == found.measures["processes_count"] == 4
    assert [one.severity for one in case.findings("jetsam-of-helper")] == [Severity.high]
    (asked,) = case.findings("jetsam", apps=["cloudd"])
    assert (asked.severity, asked.app) == (Severity.medium, "cloudd")


def test_threads_are_no_cpu_limit(case: Any) -> None:
    case.add("resource_events", 10, 10, kind="cpu", level="thread count", limit=1024.0, fatal=False)
    case.add("resource_events", 11, 71, kind="cpu", value=48.0, limit=48.0, fatal=False)
    titles = {one.title for one in case.findings("resource-warning")}
    assert titles == {
        "com.acme.voip exceeded a CPU limit of iOS (48 s of CPU time in 60.0 s, limit 48 s)",
        "com.acme.voip runs more threads than iOS allows",
    }


def test_a_limit_of_the_kernel_is_told_with_its_time(case: Any) -> None:
    """Its line says no more than that so much was passed within that time."""
    case.add("resource_events", 0, 180, kind="cpu", limit=90.0, fatal=False)
    (found,) = case.findings("resource-warning")
    assert found.title == "com.acme.voip exceeded a CPU limit of iOS (more than 90 s of CPU time within 180 s)"


def test_cpu_warning_in_a_call_is_worse(case: Any) -> None:
    case.add("calls", 0, 60, kind="callkit").add("resource_events", 10, 10, kind="cpu")
    assert [one.severity for one in case.findings("resource-warning")] == [Severity.high]
    case.kinds, case.witnesses = frozenset({"call.reported"}), frozenset({"callservicesd"})
    assert case.needs("resource-warning")


def test_lost_and_private_messages(case: Any) -> None:
    assert case.needs("log-incomplete")
    case.facts = CaptureFacts(private_share=0.4)
    assert case.needs("log-incomplete")
    case.facts = CaptureFacts(lost_messages=0, private_share=0.4)
    assert case.findings("log-incomplete") == []
    assert len(case.findings("log-incomplete", {"private_share": 0.3})) == 1
    case.facts = CaptureFacts(lost_messages=12, private_share=0.7)
    titles = [one.title for one in case.findings("log-incomplete")]
    assert titles == [
        "The device lost 12 log messages before they were stored",
        "70% of the recognised lines hide values as <private>",
    ]


def test_captured_late(case: Any) -> None:
    case.add("terminations", 10, 10, kind="crash")
    case.facts = CaptureFacts(taken=datetime(2026, 1, 15, 12, tzinfo=UTC), first=datetime(2026, 1, 15, 11, tzinfo=UTC))
    (found,) = case.findings("captured-late")
    assert found.severity is Severity.info
    case.facts = CaptureFacts(taken=case.facts.taken, first=datetime(2026, 1, 15, 9, tzinfo=UTC))
    assert case.findings("captured-late") == []


def test_call_with_a_single_witness(case: Any) -> None:
    case.add("calls", 10, 20, witness="audio_session").add("calls", 30, 40, witness="callkit")
    assert len(case.findings("call-single-witness")) == 1


@pytest.mark.parametrize(("build", "count"), [("23A5276f", 1), ("22F76", 0), ("20F770750d", 0), (None, 0)])
def test_beta_builds(case: Any, build: str | None, count: int) -> None:
    case.facts = CaptureFacts(os_build=build)
    assert len(case.findings("unusual-device")) == count


@pytest.mark.parametrize(
    ("model", "count"),
    [("Macmini9,1", 1), ("Mac14,2", 1), ("iMac21,1", 1), ("iPhone16,1", 0), ("iPad14,3", 0), (None, 0)],
)
def test_a_mac_is_no_iphone(case: Any, model: str | None, count: int) -> None:
    case.facts = CaptureFacts(model=model)
    assert len(case.findings("unusual-device")) == count


def test_debugger_and_simulator(case: Any) -> None:
    case.witnesses |= {"debugserver", "launchd_sim"}
    assert len(case.findings("unusual-device")) == 2


def test_a_kill_known_from_the_kernel_alone_may_be_that_of_an_app(case: Any) -> None:
    case.add("processes", 0, 9, app=None, is_app=None)
    case.add("terminations", 9, 9, app=None, kind="jetsam", explanation="per-process-limit")
    (found,) = case.findings("jetsam")
    assert (found.app, found.severity, found.confidence) == ("AcmeVoIP", Severity.critical, 0.5)
    assert "No line tells whether AcmeVoIP is an app" in found.explanation
    (asked,) = case.findings("jetsam", apps=["AcmeVoIP"])
    assert asked.confidence == 1.0


def test_a_kill_of_what_is_known_to_be_a_daemon_is_none_of_ours(case: Any) -> None:
    case.add("processes", 0, 9, app=None, is_app=False)
    case.add("terminations", 9, 9, app=None, kind="jetsam", explanation="per-process-limit")
    assert not case.findings("jetsam")


def test_a_cpu_kill_names_its_own_limit_instead_of_the_usual_one(case: Any) -> None:
    told = "9 seconds cpu time over 38 seconds (24% cpu average), exceeding limit of 15% cpu over 60 seconds"
    case.add("terminations", 9, 9, kind="cpu", explanation=told)
    case.add("terminations", 20, 20, kind="cpu")
    exact, bare = case.findings("cpu-kill")
    assert exact.title.endswith("too much CPU in the background (9 s of CPU time in 38 s, limit 15 % over 60 s)")
    assert "often 80 %" not in exact.explanation
    assert bare.title.endswith("too much CPU in the background")
    assert "often 80 % over 60 s" in bare.explanation
    assert exact.fingerprint == bare.fingerprint


def test_a_report_without_a_time_is_a_verdict_that_says_so(case: Any) -> None:
    case.add("terminations", 0, kind="cpu", evidence=[5, 4])
    case.add("resource_events", 0, kind="wakeups", value=45_001.0, limit=45_000.0, fatal=False)
    for table in ("terminations", "resource_events"):
        case.rows[table][-1] |= dict.fromkeys(("start", "end", "start_how", "end_how"))
    found, skipped = case.evaluate()
    assert [(one.rule, one.start, one.end, one.evidence[:2]) for one in found] == [
        ("cpu-kill", None, None, (4, 5)),
        ("resource-warning", None, None, (20, 21)),
    ]
    assert all("prints no time" in one.explanation for one in found)
    assert not [rule for rule in skipped if "internal error" in rule.needs]


@pytest.mark.parametrize(("log", "app", "judged"), [(False, False, 1), (True, False, 0), (False, True, 0)])
def test_a_picked_report_is_judged_even_where_it_tells_of_a_daemon(
    case: Any, *, log: bool, app: bool, judged: int
) -> None:
    daemon = {"app": None, "process": "dasd", "pid": 2303}
    case.add("processes", 0, 9, **daemon, is_app=False)
    case.add("terminations", 5, 5, **daemon, kind="jetsam", explanation="highwater", in_call=False)
    case.kinds = frozenset({"jetsam.killed"})
    case.witnesses = frozenset({"kernel"} if log else ())
    if app:
        case.add("processes", 0, 9, is_app=True)
    found = [one for one in case.evaluate()[0] if one.rule == "jetsam"]
    assert len(found) == judged
    assert all("high-water mark" in one.explanation for one in found)
