"""Shares and rates in words: counts where little stands behind them."""

import pytest

from traceview.fleet.amounts import background, per_calls, per_hour, share
from traceview.plots.fleet import FEW_CALLS


@pytest.mark.parametrize(
    ("hit", "captures", "text"),
    [
        (1, 6, "1 of 6"),
        (9, 9, "9 of 9"),
        (1, 10, "10 % (1 of 10)"),
        (0, 0, "0 of 0"),
        (1200, 4800, "25 % (1,200 of 4,800)"),
    ],
)
def test_few_captures_are_counted(hit: int, captures: int, text: str) -> None:
    assert share(hit, captures) == text


@pytest.mark.parametrize(
    ("findings", "calls", "text"),
    [
        (1, 7, "1 finding in 7 calls"),
        (3, 1, "3 findings in 1 call"),
        (5, FEW_CALLS - 1, "5 findings in 99 calls"),
        (5, FEW_CALLS, "50 findings per 1,000 calls"),
        (1, 4000, "0.25 findings per 1,000 calls"),
    ],
)
def test_few_calls_are_counted(findings: int, calls: int, text: str) -> None:
    assert per_calls({"findings": findings, "calls": calls, "per_1000_calls": 1000 * findings / calls}) == text


@pytest.mark.parametrize(
    ("findings", "hours", "text"),
    [
        (1, 0.2, "1 finding in 12 min in the background"),
        (2, 1.0, "2 per background hour"),
        (9, 36.0, "0.25 per background hour"),
    ],
)
def test_less_than_an_hour_is_told(findings: int, hours: float, text: str) -> None:
    assert per_hour({"findings": findings, "background_h": hours, "per_background_h": findings / hours}) == text


def test_without_calls_or_time_nothing_is_said() -> None:
    assert not per_calls({"findings": 1, "calls": 0, "per_1000_calls": None})
    assert not per_hour({"findings": 1, "background_h": 0.0, "per_background_h": None})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 background hours"), (90, "1 min 30 s in the background"), (5400, "1.5 background hours")],
)
def test_background_time_has_its_unit(seconds: float, text: str) -> None:
    assert background(seconds) == text
