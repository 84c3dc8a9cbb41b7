"""Rates, ratios and corrections."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.fleet.statistics import adjusted, changes, open_first, rate_ratio, rates, version_order
from traceview.fleet.tables import CAPTURES, EXPOSURE, NOT_EVALUATED, TABLES


def test_rate_ratio_against_a_worked_example() -> None:
    # 41 events in 28,010 and 15 in 19,017 person-years: ratio 1.86, 95 % interval 1.03 to 3.35 (Rothman, Modern
    # Epidemiology: breast cancer after fluoroscopy).
    ratio = rate_ratio(41, 28_010, 15, 19_017)
    assert ratio is not None
    assert ratio.ratio == pytest.approx(1.86, abs=0.005)
    assert (ratio.low, ratio.high) == (pytest.approx(1.03, abs=0.01), pytest.approx(3.35, abs=0.02))
    assert 0.03 < ratio.p < 0.05


def test_rate_ratio_needs_exposure_and_events() -> None:
    assert rate_ratio(0, 10, 0, 10) is None
    assert rate_ratio(1, 0, 1, 10) is None
    finite = rate_ratio(3, 10, 0, 10)
    assert finite is not None
    assert math.isfinite(finite.ratio)
    assert finite.ratio == pytest.approx(7.0)


def test_adjusted_is_benjamini_hochberg() -> None:
    # worked by hand: p·n/rank = .02, .02, .02667, .04 (ranks 1 to 4), made monotone from the largest down
    assert adjusted([0.04, 0.005, 0.01, 0.02]) == pytest.approx([0.04, 0.02, 0.02, 0.02666667])
    assert adjusted([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_never_shrinks_and_keeps_the_order(values: list[float]) -> None:
    result = adjusted(values)
    assert all(new >= old * (1 - 1e-12) for new, old in zip(result, values, strict=True))
    pairs = sorted(zip(values, result, strict=True))
    assert [new for _, new in pairs] == sorted(result)


def test_versions_sort_by_number() -> None:
    assert version_order(["26.1", "9.3", "unknown", "15.0.2", "15.0", "26.1"]) == ["9.3", "15.0", "15.0.2", "26.1"]


def fleet() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Ten captures on 18.0 and ten on 26.0; the rule hits 1 and 8 of them; two on 26.0 could not be evaluated."""
    keys = [f"c{n}" for n in range(20)]
    captures = pl.DataFrame(
        {
            "capture": keys,
            "name": keys,
            "path": keys,
            "os_version": ["18.0"] * 10 + ["26.0"] * 10,
            "model": ["iPhone14,2"] * 20,
        },
        schema_overrides=CAPTURES,
    )
    exposure = pl.DataFrame(
        {"capture": keys, "app": ["com.acme.voip"] * 20, "calls": [5] * 20, "background_s": [1800.0] * 20},
        schema_overrides=EXPOSURE,
    )
    hits = ["c0", *(f"c{n}" for n in range(10, 18)), "c10"]
    findings = pl.DataFrame(
        {"capture": hits, "rule": ["io-overload"] * 10, "app": ["com.acme.voip"] * 10, "severity": ["high"] * 10},
        schema_overrides=TABLES["findings"],
    )
    silent = pl.DataFrame(
        {"capture": ["c18", "c19"], "rule": ["io-overload"] * 2, "needs": ["audio"] * 2}, schema=NOT_EVALUATED
    )
    return findings, captures, exposure, silent


def test_rates_count_only_where_the_rule_could_speak() -> None:
    table = rates(*fleet(), by="os_version")
    rows = {row["os_version"]: row for row in table.iter_rows(named=True)}
    old, new = rows["18.0"], rows["26.0"]
    assert (old["findings"], old["captures_hit"], old["captures"], old["calls"]) == (1, 1, 10, 50)
    assert (new["findings"], new["captures_hit"], new["captures"], new["calls"]) == (9, 8, 8, 40)
    assert new["per_1000_calls"] == pytest.approx(225)
    assert new["per_background_h"] == pytest.approx(9 / 4)


def test_changes_name_what_got_worse() -> None:
    table = rates(*fleet(), by="os_version")
    (row,) = changes(table, "os_version", ["18.0", "26.0"]).iter_rows(named=True)
    assert (row["rule"], row["before"], row["after"]) == ("io-overload", "18.0", "26.0")
    assert row["ratio"] == pytest.approx(10)
    assert row["low"] > 1
    assert row["p_adjusted"] < 0.05


def test_captures_to_open_first() -> None:
    findings, captures, *_ = fleet()
    first = open_first(findings, captures, limit=2)
    assert first["capture"].to_list() == ["c10", "c0"]
    assert first["findings"].to_list() == [2, 1]
