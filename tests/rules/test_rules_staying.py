"""Time in the background that nothing explains, location, scheduled tasks that expire."""

from typing import Any

import pytest

from traceview.rules.registry import Severity


def _run(case: Any, start: float, end: float, **values: Any) -> None:
    figures = {"uncovered_s": end - start, "longest_uncovered_s": end - start, "location_s": 0.0}
    case.add("background_runs", start, end, **{"verdict": "overstayed", **figures, **values})


@pytest.fixture
def calling(case: Any) -> Any:
    return case.add("pushes", 0, 1, voip=True, outcome="reported")


@pytest.mark.parametrize(("hours", "severity"), [(0.4, None), (0.6, Severity.medium), (2.5, Severity.high)])
def test_unexplained_time_adds_up(calling: Any, hours: float, severity: Severity | None) -> None:
    half = hours * 1800
    _run(calling, 0, half)
    _run(calling, 20_000, 20_000 + half)
    _run(calling, 40_000, 80_000, verdict="held", uncovered_s=40_000.0)
    found = calling.findings("background-time-unexplained")
    assert [(one.number, one.severity) for one in found] == ([("B02", severity)] if severity else [])


def test_an_allowance_for_a_day_grows_with_the_days(calling: Any) -> None:
    for day in range(4):
        _run(calling, 86_400 * day, 86_400 * day + 1200)
    assert calling.findings("background-time-unexplained") == []


def test_apps_that_do_not_call_are_left_alone(case: Any) -> None:
    _run(case, 0, 9000)
    assert case.findings("background-time-unexplained") == []
    (found,) = case.findings("background-without-reason")
    assert found.severity is Severity.low


def test_location_as_a_keep_alive_of_a_calling_app(calling: Any) -> None:
    _run(calling, 0, 800, verdict="held", location_s=800.0)
    assert calling.findings("location-keep-alive") == []
    _run(calling, 2000, 2500, verdict="held", location_s=500.0)
    (found,) = calling.findings("location-keep-alive")
    assert (found.number, found.severity, found.measures) == ("B04", Severity.medium, {"location_s": 1300.0})


def test_scheduled_tasks_that_expire(case: Any) -> None:
    for at in (0, 100):
        case.add("background_tasks", at, at + 30, name="com.acme.refresh", outcome="overrun")
    case.add("background_tasks", 200, 230, name="com.acme.refresh", outcome="ended")
    case.add("background_tasks", 300, 330, name="com.acme.refresh", outcome="overrun", task_id="7")
    case.add("background_tasks", 400, 430, name="upload", outcome="overrun")
    assert case.findings("scheduled-task-expires") == []
    case.add("background_tasks", 500, 530, name="com.acme.refresh", outcome="expired")
    (found,) = case.findings("scheduled-task-expires")
    assert (found.number, found.severity, found.measures) == ("B08", Severity.medium, {"expiration_count": 3.0})
