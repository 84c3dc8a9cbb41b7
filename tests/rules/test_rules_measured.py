"""What PowerLog and Instruments measured, and what the capture says of its own clocks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from traceview.rules.registry import CaptureFacts, ClockStep, Severity

ZERO = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
CALL = {"kind": "callkit", "direction": "incoming", "answered": 100, "witness": "callkit"}


@pytest.fixture
def background(case: Any) -> Any:
    return case.add("app_states", 0, 3600, state="background")


@pytest.mark.parametrize(
    ("seconds", "percent", "told"), [(60, 50, True), (60, 40, False), (300, 30, True), (300, 20, False)]
)
def test_cpu_near_the_limit_by_length_of_the_interval(
    background: Any,
    seconds: int,
    percent: float,
    told: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    background.measure("cpu", 0, seconds, value=percent)
    found = background.findings("cpu-near-limit")
    assert bool(found) is told
    if told:
        assert (found[0].number, found[0].severity, found[0].measures) == (
            "T09",
            Severity.medium,
            {"cpu_percent": percent},
        )
        assert found[0].episodes == ()
        assert set(found[0].evidence) == {9000, 10}  # and the line that tells of the background


def test_cpu_in_the_foreground_or_of_others_is_none_of_this(case: Any) -> None:
    case.add("app_states", 0, 3600, state="foreground")
    case.measure("cpu", 0, 60, value=90.0)
    case.measure("cpu", 0, 60, value=90.0, app=None, process="all other apps").measure("cpu", 0, 60, app="com.apple.x")
    assert case.findings("cpu-near-limit") == []


def test_background_cpu_share_leaves_calls_out(background: Any) -> None:
    for at in range(0, 1200, 300):
        background.measure("cpu", at, at + 300, value=10.0)
    (found,) = background.findings("background-cpu-share")
    assert (found.number, found.measures) == ("B09", {"background_cpu_s": 120.0, "background_share": 1.0})
    assert background.findings("background-cpu-share", {"seconds": 130}) == []
    background.add("calls", 0, 1200, **CALL)
    assert background.findings("background-cpu-share") == []


def test_background_network(background: Any) -> None:
    background.measure("network", 0, 600, value=40e6).measure("network", 600, 1200, value=30e6)
    (found,) = background.findings("background-network-use")
    assert (found.number, found.measures) == ("B10", {"background_mb": 70.0})
    background.add("calls", 0, 600, **CALL)
    assert background.findings("background-network-use") == []


def test_dropped_pushes_of_a_calling_app(case: Any) -> None:
    case.measure("push", 10, kind="dropped", text="priority 10").measure(
        "push", 20, kind="received", text="priority 10"
    )
    assert case.findings("push-dropped") == []
    case.add("calls", 0, 60, **CALL)
    (found,) = case.findings("push-dropped")
    assert (found.number, found.severity, found.measures) == ("V11", Severity.medium, {"dropped_count": 1.0})


@pytest.mark.parametrize(("count", "severity"), [(3, None), (4, Severity.medium), (11, Severity.high)])
def test_silent_pushes_are_counted_by_the_hour(case: Any, count: int, severity: Severity | None) -> None:
    for at in range(count):
        case.measure("push", 60 * at, kind="received", text="noted in the minutes after it came; priority 5")
    case.measure("push", 30, kind="received", text="over Wifi; priority 10")
    assert [one.severity for one in case.findings("silent-push-overuse")] == ([severity] if severity else [])


def test_hangs_count_in_calls_only(case: Any) -> None:
    case.measure("hang", 20, 23, kind="Hang", pid=512).measure("hang", 200, 210, kind="Hang", pid=512)
    assert case.findings("hang-in-call") == []
    case.add("calls", 0, 60, **CALL)
    (found,) = case.findings("hang-in-call")
    assert (found.number, found.title) == ("G12", "The main thread of com.acme.voip hung for 3.0 s in a call")
    assert case.findings("hang-in-call", {"least": 4}) == []


@pytest.mark.parametrize(
    ("facts", "told"), [({"clock_step_s": -220.4}, "set back by 220.4 s"), ({"clock_offset_s": 7200.0}, "2 h 00 min")]
)
def test_clocks_that_were_set_or_disagree(case: Any, facts: dict[str, float], told: str) -> None:
    case.facts = CaptureFacts(**facts)
    (found,) = case.findings("clock-changed")
    assert (found.number, found.severity) == ("Q01", Severity.info)
    assert told in found.title
    assert case.findings("clock-changed", {"step": 10_000}) == []


def test_each_clock_step_above_the_threshold_has_its_moment(case: Any) -> None:
    steps = [ClockStep(ZERO + timedelta(seconds=at), by) for at, by in ((60, -5.02), (90, 1.0), (130, -11.8))]
    case.facts = CaptureFacts(clock_step_s=-11.8, clock_steps=tuple(steps))
    (found,) = case.findings("clock-changed")
    assert (found.start, found.end, found.evidence) == (steps[0].time, steps[2].time, ())
    moments = "by -5.0 s at 2026-01-15 10:01:00 UTC, by -11.8 s at 2026-01-15 10:02:10 UTC."
    assert moments in found.explanation
    assert "no log lines" in found.explanation


def test_a_clock_step_that_a_row_tells_quotes_it(case: Any) -> None:
    many = tuple(ClockStep(ZERO + timedelta(seconds=at), 3.0 + at, 70 + at) for at in range(7))
    case.facts = CaptureFacts(clock_step_s=9.0, clock_steps=many)
    (found,) = case.findings("clock-changed")
    assert found.evidence == tuple(range(70, 77))
    assert "and 2 more times." in found.explanation
    assert "no log lines" not in found.explanation


def test_a_powerlog_in_lite_mode_or_without_its_tables(case: Any) -> None:
    case.facts = CaptureFacts(powerlog_lite=False)
    assert case.findings("powerlog-limited") == []
    case.facts = CaptureFacts(powerlog_lite=True, powerlog_lacks=("power_call_service",))
    lacks, lite = case.findings("powerlog-limited")
    assert (lite.number, lite.pattern, lacks.pattern) == ("Q03", "lite", "lacks")
    assert "power_call_service" in lacks.explanation


@pytest.mark.parametrize(
    ("value", "asleep", "title"),
    [
        (32.0, [(100, 195)], "com.acme.voip used 47 % of a core for 205 s in the background"),
        (10.0, [(30, 300)], "com.acme.voip used 30.0 s of CPU time in the background, 50 % of a core over 60.0 s"),
        (3.0, [(9, 300)], None),  # too short to come near a limit that counts over a minute
        (20.0, [(150, 160)], None),
        (30.0, [(0, 300)], "com.acme.voip used 30 % of a core for 300 s in the background"),
    ],
)
def test_a_suspended_app_uses_no_cpu(case: Any, value: float, asleep: list[tuple[float, float]], title: str) -> None:
    case.add("app_states", -100, 0, state="foreground").add("app_states", 300, 900, state="foreground")
    edges = [0, *(edge for pair in asleep for edge in pair), 300]
    for at, (start, end) in enumerate(pairwise(edges)):
        if end > start:
            case.add("app_states", start, end, state="suspended" if at % 2 else "background")
    case.measure("cpu", 0, 300, value=value)
    found = case.findings("cpu-near-limit")
    assert [one.title for one in found] == ([title] if title else [])
    assert all(("of which it was suspended" in one.explanation) == (asleep != [(0, 300)]) for one in found)


@pytest.mark.parametrize("awake", [0, 2])
def test_cpu_time_for_which_the_states_leave_no_room_is_a_contradiction(case: Any, awake: float) -> None:
    case.add("app_states", -100, 0, state="foreground").add("app_states", 300, 900, state="foreground")
    case.add("app_states", 0, awake, state="background").add("app_states", awake, 300, state="suspended")
    case.measure("cpu", 0, 300, value=30.0)
    (found,) = case.findings("cpu-near-limit")
    assert "the two contradict each other" in found.explanation
    assert found.confidence == 0.4
    assert "for 2.0 s" not in found.title
