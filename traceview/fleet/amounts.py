"""How often, in words: a share or a rate where enough stands behind it, else the counts themselves."""

from collections.abc import Mapping
from typing import Any, Final

from traceview.plots.fleet import FEW, FEW_CALLS, percent
from traceview.plots.text import duration, number, plural

_HOUR_S: Final = 3600
"""Seconds below which they are told: a rate of an hour would speak of more time than was seen."""


def share(hit: int, captures: int) -> str:
    """Return ``31 % (30 of 97)``; of fewer than `FEW` captures ``1 of 6``, as a heat map shows them."""
    counts, rate = f"{hit:,} of {captures:,}", per_cent(hit, captures)
    return f"{rate} ({counts})" if rate else counts


def per_cent(hit: int, captures: int) -> str:
    """Return ``31 %``; of fewer than `FEW` captures nothing: these are counted."""
    return "" if captures < FEW else percent(hit / captures)


def per_calls(row: Mapping[str, Any]) -> str:
    """Return ``2.4 findings per 1,000 calls``, ``1 finding in 7 calls``, or nothing without a call.

    Args:
        row: Of `traceview.fleet.rates.rates`.
    """
    rate = row["per_1000_calls"]
    if rate is None:
        return ""
    if row["calls"] < FEW_CALLS:
        return f"{plural(row['findings'], 'finding')} in {plural(row['calls'], 'call')}"
    return f"{number(round(rate, 2))} findings per 1,000 calls"


def per_hour(row: Mapping[str, Any]) -> str:
    """Return ``5.6 per background hour``, ``1 finding in 12 min in the background``, or nothing without such time.

    Args:
        row: Of `traceview.fleet.rates.rates`.
    """
    rate = row["per_background_h"]
    if rate is None:
        return ""
    seconds = _HOUR_S * row["background_h"]
    if seconds < _HOUR_S:
        return f"{plural(row['findings'], 'finding')} in {background(seconds)}"
    return f"{number(round(rate, 2))} per background hour"


def background(seconds: float) -> str:
    """Return ``14 background hours``, or the minutes of less than one."""
    if 0 < seconds < _HOUR_S:
        return f"{duration(seconds)} in the background"
    return f"{number(round(seconds / _HOUR_S, 1))} background hours"
