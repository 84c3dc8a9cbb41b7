"""Ratios, exact probabilities, corrections."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.fleet.statistics import ALPHA, adjusted, compare


def test_ratio_against_a_published_example() -> None:
    # Myocardial infarction under aspirin (104 of 11,037) and placebo (189 of 11,034): Physicians' Health Study,
    # N Engl J Med 1989;321:129. Ratio 0.55, interval 0.43 to 0.70.
    found = compare(104, 11_037, 189, 11_034)
    assert found is not None
    assert found.ratio == pytest.approx(0.550, abs=0.001)
    assert (found.low, found.high) == (pytest.approx(0.434, abs=0.002), pytest.approx(0.698, abs=0.002))
    assert found.p < 1e-5


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 4, 1, 4), 0.4857142857),  # Fisher's tea tasting: 34/70
        ((8, 10, 1, 6), 0.0349650350),  # 280/8008 by hand from the hypergeometric distribution
        ((10, 10, 0, 10), 2 / 184_756),  # 2 of C(20, 10) ways
        ((5, 10, 5, 10), 1.0),
    ],
)
def test_probability_against_worked_examples(table: tuple[int, int, int, int], p: float) -> None:
    found = compare(*table)
    assert found is not None
    assert found.p == pytest.approx(p, rel=1e-6)


def test_nothing_to_compare() -> None:
    assert compare(0, 10, 0, 10) is None
    assert compare(1, 0, 1, 10) is None
    assert compare(1, 10, 0, 0) is None


def test_few_captures_cannot_tell() -> None:
    few, enough = compare(3, 3, 0, 3), compare(4, 4, 0, 4)
    assert few is not None
    assert enough is not None
    assert few.best_p == pytest.approx(0.1)  # 2 of C(6, 3) ways: the most extreme table is not improbable
    assert enough.best_p == pytest.approx(2 / 70)
    assert few.best_p >= ALPHA > enough.best_p


tables = st.integers(1, 300).flatmap(
    lambda n: st.integers(1, 300).flatmap(
        lambda m: st.tuples(st.integers(0, n), st.just(n), st.integers(0, m), st.just(m))
    )
)


@given(tables)
def test_comparisons_are_sound(table: tuple[int, int, int, int]) -> None:
    found = compare(*table)
    if found is None:
        assert table[0] == table[2] == 0
        return
    assert 0 < found.low <= found.ratio <= found.high
    assert math.isfinite(found.high)
    assert 0 < found.best_p <= found.p * (1 + 1e-6) <= 1 + 1e-6
    a, n, b, m = table
    turned = compare(b, m, a, n)
    assert turned is not None
    assert turned.ratio == pytest.approx(1 / found.ratio)
    assert turned.p == pytest.approx(found.p, rel=1e-6)


def test_large_fleets() -> None:
    found = compare(60_000, 100_000, 30_000, 100_000)
    assert found is not None
    assert found.ratio == pytest.approx(2)
    assert found.p == pytest.approx(0, abs=1e-12)


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
