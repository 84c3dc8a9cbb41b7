"""Two shares compared: ratio with its interval, exact probability, correction for many comparisons.

The unit is the capture: it shows the trouble or it does not. Findings of one capture are no independent events, so their
counts are shown as rates but never tested.
"""

import math
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
from msgspec import Struct

NORMAL_95: Final = 1.959963984540054
"""Quantile of the normal distribution for a 95 % interval."""
ALPHA: Final = 0.05
"""Probability of error that is accepted after correction: the usual one of a 95 % interval."""
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
    Heuristic: exposure within a side is taken for equal, and the probability is not corrected here.

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


def could_tell(captures: int, share: float, base_captures: int, base_share: float) -> bool:
    """Return whether so few captures could tell a difference of this size, if each side had the share that it is given.

    Heuristic: the probability is that of the table which is closest to these shares, not corrected.
    """
    found = compare(round(captures * share), captures, round(base_captures * base_share), base_captures)
    return found is not None and found.p < ALPHA


@lru_cache(maxsize=1 << 16)
def _fisher(hits: int, captures: int, base_hits: int, base_captures: int) -> tuple[float, float, float]:
    """Return Fisher's two-sided probability, and those of the two most extreme tables with these margins, smaller first."""
    all_hits, everything = hits + base_hits, captures + base_captures
    lowest = max(0, all_hits - base_captures)
    possible = np.arange(lowest, min(captures, all_hits) + 1)
    log_factorial = _log_factorials(1 << everything.bit_length())

    def log_choose(n: Any, k: Any) -> Any:
        return log_factorial[n] - log_factorial[k] - log_factorial[n - k]

    density = np.exp(
        log_choose(captures, possible)
        + log_choose(base_captures, all_hits - possible)
        - log_choose(everything, all_hits)
    )

    def two_sided(index: int) -> float:
        return min(1.0, float(density[density <= density[index] * _TIE].sum()))

    ends = two_sided(0), two_sided(-1)
    return two_sided(hits - lowest), min(ends), max(ends)


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
