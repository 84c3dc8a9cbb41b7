"""Two shares compared: ratio with its interval, exact probability, correction for many comparisons.

The unit is the capture: it shows the trouble or it does not. Findings of one capture are no independent events, so their
counts are shown as rates but never tested.
"""

import math
from functools import cache
from typing import Any, Final

import numpy as np
from msgspec import Struct

NORMAL_95: Final = 1.959963984540054
"""Quantile of the normal distribution for a 95 % interval."""
ALPHA: Final = 0.05
"""Probability of error that is accepted after correction: the usual one of a 95 % interval."""
_HALF: Final = 0.5
_TIE: Final = 1 + 1e-7
"""Relative tolerance for tables that are as probable as the observed one: sums of logarithms are not exact."""


class Comparison(Struct, frozen=True):
    """How a share compares with the one before.

    Attributes:
        ratio: New share over old share.
        low: Lower end of the 95 % interval of the ratio.
        high: Upper end.
        p: Probability, two-sided and exact, of a difference at least as improbable if nothing had changed.
        best_p: The smallest probability that these numbers of captures and hits could give at all: where it is not
            below `ALPHA`, the captures are too few to tell anything.
    """

    ratio: float
    low: float
    high: float
    p: float
    best_p: float


def compare(hits: int, captures: int, base_hits: int, base_captures: int) -> Comparison | None:
    """Compare ``hits / captures`` with ``base_hits / base_captures``.

    The interval is that of the log ratio (Katz et al., Biometrics 1978), with half a capture added to each cell where
    one is empty on either side or both sides are full; the probability is Fisher's exact test.

    Returns None where a side has no capture or nothing was found on either.
    """
    if captures <= 0 or base_captures <= 0 or (hits == 0 and base_hits == 0):
        return None
    full = hits == captures and base_hits == base_captures
    shift = _HALF if full or 0 in (hits, base_hits) else 0.0
    a, n, b, m = hits + shift, captures + 2 * shift, base_hits + shift, base_captures + 2 * shift
    log_ratio = math.log((a / n) / (b / m))
    margin = NORMAL_95 * math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    p, best = _fisher(hits, captures, base_hits, base_captures)
    return Comparison(math.exp(log_ratio), math.exp(log_ratio - margin), math.exp(log_ratio + margin), p, best)


def _fisher(hits: int, captures: int, base_hits: int, base_captures: int) -> tuple[float, float]:
    """Return Fisher's two-sided probability, and the smallest one that tables with these margins can have."""
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

    return two_sided(hits - lowest), min(two_sided(0), two_sided(-1))


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
