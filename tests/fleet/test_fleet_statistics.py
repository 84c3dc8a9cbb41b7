"""Ratios, exact probabilities, corrections."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.fleet.statistics import ALPHA, Side, Table, adjusted, compare, could_deny, explained, stratified


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
    assert enough.both_p == enough.best_p
    one = compare(0, 1, 1, 24)
    assert one is not None
    assert (one.best_p, one.both_p) == (
        pytest.approx(1 / 25),
        1.0,
    )  # it could have the one hit; that it has none says nothing


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
    assert 0 < found.best_p <= found.both_p <= 1
    assert found.best_p <= found.p * (1 + 1e-6) <= 1 + 1e-6
    a, n, b, m = table
    turned = compare(b, m, a, n)
    assert turned is not None
    assert turned.p == pytest.approx(found.p, rel=1e-6)
    assert (found.ratio is None) == (0 in (a, b))
    if found.ratio is None:
        assert found.low is found.high is None
        return
    assert turned.ratio == pytest.approx(1 / found.ratio)
    if found.low is None or found.high is None:
        assert (a, b) == (n, m)
        return
    assert 0 < found.low <= found.ratio <= found.high
    assert math.isfinite(found.high)


def test_where_one_side_has_none_nobody_measured_a_ratio() -> None:
    new, gone, full = compare(12, 45, 0, 40), compare(0, 3, 6, 45), compare(5, 5, 7, 7)
    assert new is not None
    assert gone is not None
    assert full is not None
    assert (new.ratio, new.low, new.high) == (None, None, None)
    assert (gone.ratio, gone.low, gone.high) == (None, None, None)
    assert (full.ratio, full.low, full.high, full.p) == (1.0, None, None, 1.0)
    # By hand: all twelve hits among the 45 of 85, C(45, 12) of C(85, 12) ways; or none of them, which is less probable.
    one_end, other_end = math.comb(45, 12) / math.comb(85, 12), math.comb(40, 12) / math.comb(85, 12)
    assert new.p == pytest.approx(one_end + other_end)


@pytest.mark.parametrize(
    ("more", "fewer", "factor"),
    [
        ((21, 40, 210), (5, 40, 35), 6.0),  # 30 of 210 calls and 5 of 35 failed: ratio 4.2 from 1.76, watched 6 times
        ((21, 40, 35), (5, 40, 35), None),  # watched alike
        ((21, 40, 20), (5, 40, 35), None),  # watched less
        ((21, 40, 52.5), (5, 40, 35), None),  # 1.5 times as much is less than the lower end of the interval, 1.76
        ((21, 40, 63), (5, 40, 35), 1.8),
        ((12, 40, 40), (0, 40, 40), None),  # never before, watched alike
        ((12, 40, 800), (0, 40, 40), 20.0),  # 40 calls are two captures of 20: 0 of 2 tells nothing
        ((12, 40, 80), (0, 40, 40), None),  # 0 of 20 and 12 of 40: p 0.0054
        ((12, 40, 80), (0, 40, 0), math.inf),
    ],
)
def test_what_was_watched_longer_shows_more(
    more: tuple[int, int, float], fewer: tuple[int, int, float], factor: float | None
) -> None:
    found = explained(Side(*more), Side(*fewer))
    assert found == (factor if factor is None else pytest.approx(factor))


@pytest.mark.parametrize(
    ("captures", "base", "enough"),
    [
        (1, (0, 100), False),  # a rise to half of them would be seen in one capture half of the time
        (2, (0, 100), False),
        (3, (0, 100), True),  # at least one of three with 0.875, and one of three is told from 0 of 100: p 0.029
        (11, (0, 11), False),  # five are told from 0 of 11; so many of 11 with 0.73
        (12, (0, 12), True),  # five of 12 with 0.81
        (40, (10, 40), True),
        (24, (24, 24), True),  # no room for a rise: it would tell a fall
        (3, (3, 3), False),
        (3, (27, 63), False),
        (100_000, (400, 100_000), True),
        (5, (0, 0), False),
    ],
)
def test_how_many_captures_could_deny(captures: int, base: tuple[int, int], *, enough: bool) -> None:
    assert could_deny(captures, *base) == enough


def strata_by_hand(strata: list[tuple[int, int, int, int]]) -> dict[int, Fraction]:
    """Probability of each number of hits in all strata, from all ways to deal out those of each."""
    ways = {0: 1}
    for a, n, b, m in strata:
        own = {k: math.comb(n, k) * math.comb(m, a + b - k) for k in range(max(0, a + b - m), min(n, a + b) + 1)}
        ways = {
            total: sum(ways.get(total - k, 0) * way for k, way in own.items())
            for total in {one + k for one in ways for k in own}
        }
    return {total: Fraction(way, sum(ways.values())) for total, way in ways.items()}


small = st.integers(1, 9).flatmap(
    lambda n: st.integers(1, 9).flatmap(
        lambda m: st.tuples(st.integers(0, n), st.just(n), st.integers(0, m), st.just(m))
    )
)


@given(st.lists(small, min_size=1, max_size=4))
def test_strata_are_those_of_plain_arithmetic(strata: list[tuple[int, int, int, int]]) -> None:
    whole = Table(*(sum(one) for one in zip(*strata, strict=True)))
    found = stratified([Table(*one) for one in strata], whole)
    ways = strata_by_hand(strata)
    p = sum(way for way in ways.values() if way <= ways[whole.hits])
    assert found.p == pytest.approx(float(p))
    mean = sum(total * way for total, way in ways.items())
    assert not found.holds or (found.p < ALPHA and (whole.hits > mean) == (whole.odds > 1))
    tilted = {total: float(way) * whole.odds**total for total, way in ways.items()}
    less = [way for total, way in tilted.items() if (total <= whole.hits if whole.odds > 1 else total >= whole.hits)]
    assert found.less == pytest.approx(sum(less) / sum(tilted.values()))


@given(tables)
def test_one_stratum_is_fishers_test(table: tuple[int, int, int, int]) -> None:
    plain = compare(*table)
    found = stratified([Table(*table)], Table(*table))
    assert found.p == pytest.approx(1.0 if plain is None else plain.p)


def test_no_strata_tell_nothing() -> None:
    found = stratified([], Table(20, 40, 2, 40))
    assert (found.holds, found.p, found.less) == (False, 1.0, 1.0)
    lone = stratified([Table(20, 40, 0, 0), Table(0, 0, 2, 40)], Table(20, 40, 2, 40))
    assert (lone.p, lone.less) == (1.0, 1.0)


def test_large_strata() -> None:
    whole = Table(60_000, 100_000, 30_000, 100_000)
    found = stratified([Table(30_000, 50_000, 15_000, 50_000)] * 2, whole)
    assert (found.holds, found.p) == (True, pytest.approx(0, abs=1e-12))
    nothing = stratified([Table(50_000, 60_000, 10_000, 12_000), Table(10_000, 40_000, 20_000, 80_000)], whole)
    assert not nothing.holds
    assert nothing.less < 1e-12


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
