"""Two shares compared: ratio with its interval, exact probability, correction for many comparisons.

The unit is the capture: it shows the trouble or it does not. Findings of one capture are no independent events, so their
counts are shown as rates but never tested.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from msgspec import Struct

NORMAL_95: Final = 1.959963984540054
"""Quantile of the normal distribution for a 95 % interval."""
ALPHA: Final = 0.05
"""Probability of error that is accepted after correction: the usual one of a 95 % interval."""
POWER: Final = 0.8
"""Probability with which captures should tell a change if it is there: the usual one (Cohen, Statistical Power Analysis, 1988)."""
GROSS: Final = 0.5
"""Part of all captures by which a share changes grossly (heuristic)."""
_TIE: Final = 1 + 1e-7
"""Relative tolerance for tables that are as probable as the observed one: sums of logarithms are not exact."""


class Comparison(Struct, frozen=True):
    """How a share compares with the one before.

    Attributes:
        ratio: New share over old share; None where one side has none: nobody measured how often that is.
        low: Lower end of the 95 % interval of the ratio; None without a ratio, or where all captures of both sides show it.
        high: Upper end.
        p: Probability, two-sided and exact, of a difference at least as improbable if nothing had changed.
        best_p: The smallest probability that these numbers of captures and hits could give at all: where it is not
            below `ALPHA`, the captures are too few to tell anything.
        both_p: The same for the one of more and fewer that they tell worse: where it is below `ALPHA`, they could tell a
            rise and a fall alike. One capture among hundreds could tell a rise if it had a hit, but never a fall.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float
    best_p: float
    both_p: float


def compare(hits: int, captures: int, base_hits: int, base_captures: int) -> Comparison | None:
    """Compare ``hits / captures`` with ``base_hits / base_captures``.

    The interval is that of the log ratio (Katz et al., Biometrics 1978), and nothing is added to empty cells: where one
    side has none there is a probability alone. The probability is Fisher's exact test.

    Returns None where a side has no capture or nothing was found on either.
    """
    if captures <= 0 or base_captures <= 0 or (hits == 0 and base_hits == 0):
        return None
    p, best, both = _fisher(hits, captures, base_hits, base_captures)
    if 0 in (hits, base_hits):
        return Comparison(None, None, None, p, best, both)
    ratio = (hits / captures) / (base_hits / base_captures)
    if hits == captures and base_hits == base_captures:
        return Comparison(ratio, None, None, p, best, both)
    factor = math.exp(NORMAL_95 * math.sqrt(1 / hits - 1 / captures + 1 / base_hits - 1 / base_captures))
    return Comparison(ratio, ratio / factor, ratio * factor, p, best, both)


_ROUNDING: Final = 1e-9
"""By which quotients of equal sums of hours may differ."""


class Side(Struct, frozen=True):
    """Captures of one version.

    Attributes:
        hits: Those with the finding.
        captures: All in which the rule could be evaluated.
        exposure: Calls in them, or hours in the background.
    """

    hits: int
    captures: int
    exposure: float


def explained(more: Side, fewer: Side) -> float | None:
    """Return how many times as much a capture of `more` was watched, where that alone could explain its larger share.

    At one rate, captures that were watched k times as long show the finding at most k times as often: 1 - (1 - s)^k <= k s
    (Bernoulli's inequality). So the lower end of the interval of the ratio has to exceed k. Where `fewer` has no hit, what
    counts is all that was watched: its captures are as many as would hold the same exposure at the length of the others.
    Heuristic: exposure within a side is taken for equal, and the probability is not corrected here. One capture shows the
    finding once, however long it was watched, so the callers cap what single captures count.

    Returns infinity where only `more` was watched at all, None where the share is not explained by what was watched.
    """
    watched = fewer.exposure / fewer.captures
    factor = more.exposure / more.captures / watched if watched else math.inf
    if factor <= 1 + _ROUNDING:
        return None
    comparable = fewer.captures if fewer.hits else int(fewer.captures / factor + _ROUNDING)
    found = compare(more.hits, more.captures, fewer.hits, comparable)
    if found is None:
        return factor
    if found.low is None:
        return factor if found.p >= ALPHA else None
    return factor if factor >= found.low else None


@lru_cache(maxsize=1 << 14)
def could_deny(captures: int, base_hits: int, base_captures: int) -> bool:
    """Return whether so many captures would tell a gross change of this base, so that none told means none of that size.

    Gross is `GROSS` more than the share of the base, or as much less where there is no room for more. It has to be told
    with the probability `POWER` (binomial), by Fisher's exact test, not corrected. What the captures hold does not matter.
    """
    if base_captures <= 0 or captures <= 0:
        return False
    if base_hits > (1 - GROSS) * base_captures:
        base_hits = base_captures - base_hits
    share = base_hits / base_captures

    def told(hits: int) -> bool:
        return _fisher(hits, captures, base_hits, base_captures)[0] < ALPHA

    first = math.floor(share * captures) + 1
    fewest = first + bisect_left(range(first, captures + 1), True, key=told)
    return _binomial_tail(fewest, captures, share + GROSS) >= POWER


def _binomial_tail(fewest: int, captures: int, share: float) -> float:
    if share >= 1:
        return float(fewest <= captures)
    hits = np.arange(fewest, captures + 1)
    ways = _log_choose(captures, hits)
    return float(np.exp(ways + hits * math.log(share) + (captures - hits) * math.log1p(-share)).sum())


class Table(Struct, frozen=True):
    """Two shares of one stratum."""

    hits: int
    captures: int
    base_hits: int
    base_captures: int

    @property
    def odds(self) -> float:
        """Odds ratio; half a capture is added to all cells where one is empty (Haldane, Annals of Human Genetics 1956)."""
        cells = (self.hits, self.captures - self.hits, self.base_hits, self.base_captures - self.base_hits)
        a, b, c, d = (cell + (0.5 if 0 in cells else 0.0) for cell in cells)
        return a * d / (b * c)


class Stratified(Struct, frozen=True):
    """What strata say of a change that all captures together show.

    Attributes:
        holds: They show it, too.
        p: Probability, two-sided and exact, of what they show if nothing had changed within them.
        less: Probability of as little as they show or less, if the change were as large within them as it is in the whole.
    """

    holds: bool
    p: float
    less: float


def stratified(strata: Iterable[Table], whole: Table) -> Stratified:
    """Test a change within strata, so that what differs between these is no cause of it.

    Strata are those of Mantel and Haenszel (J Natl Cancer Inst 1959;22:719). The test is exact: given the margins of each
    stratum, the hits of all of them together have the convolution of hypergeometric distributions, and with a common
    odds ratio that distribution weighted by its powers (Mehta, Patel, Gray, J Am Stat Assoc 1985;80:969). Tables no more
    probable than the observed one make the probability, as in Fisher's test, which this is for a single stratum.
    """
    density, observed, lowest = np.ones(1), 0, 0
    for one in strata:
        if one.captures and one.base_captures:
            low, own = _hypergeometric(one.captures, one.base_captures, one.hits + one.base_hits)
            kept = np.flatnonzero(own > _NEGLIGIBLE)
            density = np.convolve(density, own[kept[0] : kept[-1] + 1])
            observed, lowest = observed + one.hits, lowest + low + int(kept[0])
    place = min(max(observed - lowest, 0), len(density) - 1)
    hits = np.arange(len(density))
    odds = whole.odds
    with np.errstate(divide="ignore"):
        logs = np.log(density) + hits * math.log(odds)
    weights = np.exp(logs - logs.max())
    less = weights[: place + 1] if odds > 1 else weights[place:]
    same = (place > density @ hits) == (odds > 1)
    p = float(_two_sided(density)[place])
    return Stratified(same and p < ALPHA, p, float(less.sum() / weights.sum()))


_NEGLIGIBLE: Final = 1e-30
"""Probability of tables that are left out of sums: far less than what a sum of others can resolve."""


def _two_sided(density: Any) -> Any:
    """Return for each table the probability of all that are no more probable."""
    ranked = np.sort(density)
    places = np.searchsorted(ranked, density * _TIE, side="right")
    return np.minimum(1.0, np.cumsum(ranked)[places - 1])


@lru_cache(maxsize=1 << 16)
def _fisher(hits: int, captures: int, base_hits: int, base_captures: int) -> tuple[float, float, float]:
    """Return Fisher's two-sided probability, and those of the two most extreme tables with these margins, smaller first."""
    lowest, density = _hypergeometric(captures, base_captures, hits + base_hits)

    def two_sided(index: int) -> float:
        return min(1.0, float(density[density <= density[index] * _TIE].sum()))

    ends = two_sided(0), two_sided(-1)
    return two_sided(hits - lowest), min(ends), max(ends)


def _hypergeometric(captures: int, base_captures: int, all_hits: int) -> tuple[int, Any]:
    """Return the smallest number of hits that is possible among `captures`, and the probability of each from there on."""
    lowest = max(0, all_hits - base_captures)
    possible = np.arange(lowest, min(captures, all_hits) + 1)
    ways = _log_choose(captures, possible) + _log_choose(base_captures, all_hits - possible)
    return lowest, np.exp(ways - _log_choose(captures + base_captures, all_hits))


def _log_choose(n: int, k: Any) -> Any:
    """Return the logarithm of the number of ways to choose `k` of `n`, which is one number."""
    log_factorial = _log_factorials(1 << n.bit_length())
    return log_factorial[n] - log_factorial[k] - log_factorial[n - k]


@cache
def _log_factorials(count: int) -> Any:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])


def adjusted(p_values: list[float]) -> list[float]:
    """Return p values corrected for many comparisons (Benjamini and Hochberg, 1995), in the given order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    corrected = [1.0] * len(p_values)
    smallest = 1.0
    for rank_from_top, index in enumerate(order):
        rank = len(p_values) - rank_from_top
        smallest = min(smallest, p_values[index] * len(p_values) / rank)
        corrected[index] = smallest
    return corrected
