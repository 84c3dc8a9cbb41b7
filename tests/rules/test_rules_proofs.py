"""Each claim of a finding has its line among the evidence: the state of the app, the call around it, the allowance."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import traceview as tv
from traceview.episodes.tables import EVIDENCE_CAP
from traceview.rules.evaluate import in_order
from traceview.rules.kill_texts import allowance
from traceview.rules.registry import Finding

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces"
APP = "com.acme.voip"


@pytest.mark.parametrize(
    ("sample", "rule", "proofs"),
    [
        ("overload-burst.ios18.compact.txt", "io-overload", ["Thermal pressure level 20"]),
        ("low-power-overload.ios26.logarchive.tar.gz", "io-overload", ["isLowPowerModeEnabled changed: YES"]),
        (
            "silent-audio-keepalive.ios26.default.txt",
            "session-active-without-call",
            ["visibility: Background", "role: UserInteractiveFocal", "Deactivated session"],
        ),
        (
            "never-suspended.ios26.default.txt",
            "background-without-reason",
            ["visibility: Background", "Invalidating assertion 34-533-5010", "Suspending task."],
        ),
        ("watchdog-in-background.ios26.default.txt", "watchdog-termination", ["visibility: Background", "10.0s"]),
    ],
)
def test_samples_show_the_line_behind_each_claim(sample: str, rule: str, proofs: list[str]) -> None:
    with tv.open(SAMPLES / sample, apps=[APP]) as capture:
        analysis = capture.analysis
    (found,) = [one for one in analysis.findings if one.rule == rule]
    lines = analysis.lines.filter(pl.col("ref").is_in(list(found.evidence)))
    for proof in proofs:
        assert lines["message"].str.contains(proof, literal=True).any(), proof
    times = dict(lines.select("ref", "time").iter_rows())
    told = [times[ref] for ref in found.evidence]
    assert told == sorted(told)


def test_a_session_without_a_call_proves_the_background_and_its_end(case: Any) -> None:
    case.add("app_states", 0, 10, state="foreground", evidence=[1])
    case.add("app_states", 10, 400, state="background", evidence=[2, 3])
    case.add("app_states", 400, 500, state="foreground", evidence=[4, 5])
    case.add("pushes", 600, 601, voip=True, outcome="reported")
    case.add("audio_sessions", 5, 405, category="PlayAndRecord", activated_by="app", evidence=[60, 61])
    (found,) = case.findings("session-active-without-call")
    assert set(found.evidence) == {2, 4, 60, 61}


def test_of_many_states_the_first_and_last_edges_are_kept(case: Any) -> None:
    case.add("audio_sessions", 0, 3000, category="PlayAndRecord", activated_by="app", evidence=[9998, 9999])
    for turn in range(60):
        case.add("app_states", 50 * turn, 50 * turn + 40, state="background", evidence=[1000 + turn])
        case.add("app_states", 50 * turn + 40, 50 * turn + 50, state="foreground", evidence=[2000 + turn])
    (found,) = case.findings("session-active-without-call")
    edges = [ref for ref in found.evidence if ref < 9998]
    assert len(edges) == EVIDENCE_CAP
    assert {1000, 2000, 1059, 2059} <= set(edges)


def test_a_suspension_in_a_call_proves_its_end_and_what_let_go(case: Any) -> None:
    case.add("calls", 0, 120, kind="callkit", direction="incoming", witness="callkit", answered=5, evidence=[1, 2])
    case.add("app_states", 0, 30, state="background", evidence=[3])
    case.add("app_states", 30, 60, state="suspended", evidence=[4, 5])
    case.add("app_states", 60, 130, state="background", evidence=[6])
    case.add("audio_sessions", 6, 29, category="PlayAndRecord", activated_by="callkit", evidence=[7, 8])
    case.add("suspensions", 30, 60, kept_awake_by="audio session", held_until=29, evidence=[4, 5])
    (found,) = case.findings("suspended-during-call")
    assert set(found.evidence) == {1, 2, 4, 5, 6, 8}


def test_an_end_in_a_call_proves_the_call(case: Any) -> None:
    case.add("calls", 0, 58, kind="callkit", evidence=[1, 2])  # ended because of the crash, 2 s before its report
    case.add("terminations", 60, 60, kind="crash", in_call=True, app_state="background", evidence=[30])
    (found,) = case.findings("crash-in-call")
    assert set(found.evidence) == {1, 2, 30}


def test_a_removal_in_the_background_proves_the_background(case: Any) -> None:
    case.add("app_states", 10, 60, state="background", evidence=[3, 4])
    case.add("terminations", 60, 60, kind="jetsam", in_call=False, app_state="background", evidence=[30])
    (found,) = case.findings("jetsam")
    assert set(found.evidence) == {3, 30}


def test_a_refusal_in_a_call_proves_the_call(case: Any) -> None:
    case.add("calls", 0, 100, kind="callkit", evidence=[1, 2])
    case.add("audio_sessions", 50, 50, refused_error="560030580", evidence=[30])
    (found,) = case.findings("activation-refused")
    assert "in a call" in found.title
    assert set(found.evidence) == {1, 2, 30}


@pytest.mark.parametrize(
    ("table", "values", "proof"),
    [
        ("app_states", {"state": "foreground", "evidence": [3, 4]}, {3}),
        ("calls", {"kind": "callkit", "evidence": [5, 6, 7]}, {5, 7}),
    ],
)
def test_why_a_push_need_not_be_reported_is_proved(
    case: Any, table: str, values: dict[str, Any], proof: set[int]
) -> None:
    case.add(table, 0, 100, **values)
    case.add("pushes", 50, 51, voip=True, outcome="unreported", delivered=50, evidence=[30])
    (found,) = case.findings("push-unreported")
    assert found.title.endswith(")")
    assert set(found.evidence) == {30, *proof}


TEXT = "scene-update watchdog transgression: app<com.acme.voip((null))>:77 exhausted "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{TEXT}real (wall clock) time allowance of 10.00 seconds", "scene-update: 10 s"),
        (f"{TEXT}CPU time allowance of 2.50 seconds", "scene-update: 2.5 s of CPU time"),
        (TEXT, None),
        (None, None),
        (TEXT + "x" * 5000 + " time allowance of 10 seconds", None),
    ],
)
def test_the_allowance_of_a_watchdog(case: Any, text: str | None, told: str | None) -> None:
    given = allowance(text)
    assert (None if given is None else f"{given.event}: {given}") == told
    case.add("terminations", 60, 60, kind="watchdog", code="0x8badf00d", explanation=text, in_call=False)
    (found,) = case.findings("watchdog-termination")
    assert ("exceeded its allowance" in found.title) == (told is not None)
    assert ("does not tell" in found.explanation) == (told is None)
    assert dict(found.measures) == ({} if given is None else {"allowance_s": given.seconds})


def test_no_action_is_claimed_that_no_line_denies(real: Path) -> None:
    with tv.open(real / "ips/cpu202/faisalmemon-brain_cpu_ios.crash") as capture:
        (found,) = [one for one in capture.analysis.findings if one.rule == "resource-warning"]
    assert "no action that it took is recorded" in found.explanation


def test_evidence_is_put_in_the_order_of_time(case: Any) -> None:
    case.add("terminations", 60, 60, kind="jetsam", in_call=False, evidence=[4, 3, 2, 1])
    (found,) = case.findings("jetsam")
    seconds = pl.Datetime("ns", "UTC")
    events = pl.DataFrame({"ref": [1, 2, 3], "time": [30, 10, None]}, schema={"ref": pl.UInt64, "time": seconds})
    windows = pl.DataFrame({"ref": [4], "start": [20]}, schema={"ref": pl.UInt64, "start": seconds})
    (ordered,) = in_order([found], events, windows)
    assert isinstance(ordered, Finding)
    assert ordered.evidence == (2, 4, 1, 3)
    assert ordered.fingerprint == found.fingerprint


def test_each_wake_proves_that_the_app_slept(case: Any) -> None:
    for turn in range(12):
        case.add("app_states", 20 * turn, 20 * turn + 10, state="suspended", evidence=[1000 + turn])
        case.add("app_states", 20 * turn + 10, 20 * turn + 20, state="background", evidence=[2000 + turn])
    (found,) = case.findings("wake-churn", {"medium": 5})
    assert {1000, 2000, 1011, 2011} <= set(found.evidence)


def test_an_extension_is_proved_to_be_that_of_its_app(case: Any) -> None:
    case.add("processes", 10, 60, app=f"{APP}.nse", pid=77, host_app=APP, evidence=[3, 4])
    case.add("terminations", 60, 60, app=f"{APP}.nse", pid=77, kind="jetsam", in_call=False, evidence=[30])
    (found,) = case.findings("jetsam-of-helper")
    assert set(found.evidence) == {3, 30}
