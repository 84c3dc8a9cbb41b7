"""Comparisons of two versions in words."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet import amounts, rates
from traceview.plots.text import duration, number, plural

_UNIT: Final = {"calls": "call", "background_h": "background hour"}
_SAME: Final = 0.05
"""Difference of two rates below which they are called the same (heuristic)."""


class ChangeRow(Struct, frozen=True):
    """A comparison of two versions in words; `ratio` and `interval` are words or empty where nobody measured them."""

    rule: str
    title: str
    severity: str
    verdict: str
    app: str
    before: str
    after: str
    was: str
    now: str
    ratio: str
    interval: str
    p: str
    sentence: str
    watched: bool

    @property
    def of(self) -> str:
        """What has the versions, in a word: ``OS``, or the last part of a bundle id."""
        return self.app.rpartition(".")[2] if self.app else "OS"

    @property
    def says(self) -> str:
        """The verdict in words."""
        if self.watched:
            return "watched longer"
        return {rates.TOO_FEW: "too few captures", rates.UNCLEAR: "no clear change"}.get(self.verdict, self.verdict)


def change_rows(changes: pl.DataFrame, title: Callable[[str], str], releases: Mapping[str, str]) -> list[ChangeRow]:
    """Return all comparisons in words, in the given order.

    Args:
        changes: Of `traceview.fleet.rates.FleetRates.changes`.
        title: What a rule looks for, by its id.
        releases: Names of versions of the system.
    """
    return [_change(row, title(row["rule"]), releases) for row in changes.iter_rows(named=True)]


def _change(row: Mapping[str, Any], title: str, releases: Mapping[str, str]) -> ChangeRow:
    before, after = (row[one] if row["app"] else releases.get(row[one], row[one]) for one in ("before", "after"))
    was = amounts.share(row["hit_before"], row["captures_before"])
    now = amounts.share(row["hit_after"], row["captures_after"])
    change = f"{row['app'] or 'OS'} {before} → {after}: {_shares(row, was, now)}"
    parts = [change, _said(row, before, after)]
    if row["verdict"] != rates.TOO_FEW:
        parts.append(_exposure(row))
    if row["app_or_os"]:
        parts.append("the same captures differ in app and OS version, so this cannot tell app from system")
    return ChangeRow(
        rule=row["rule"],
        title=title,
        severity=row["severity"],
        verdict=row["verdict"],
        app=row["app"] or "",
        before=before,
        after=after,
        was=was,
        now=now,
        ratio=_ratio(row),
        interval=_interval(row),
        p=_probability(row["p_adjusted"]),
        sentence="; ".join(parts),
        watched=row["watched"] is not None,
    )


def _shares(row: Mapping[str, Any], was: str, now: str) -> str:
    if row["verdict"] in (rates.WORSE, rates.BETTER):
        if not row["hit_before"]:
            return f"never before (0 of {row['captures_before']:,}) → {now}"
        if not row["hit_after"]:
            return f"{was} → gone (0 of {row['captures_after']:,})"
    return f"{was} → {now}"


def _ratio(row: Mapping[str, Any]) -> str:
    if row["ratio"] is not None:
        return number(row["ratio"])
    return "none after" if row["hit_before"] else "none before"


def _interval(row: Mapping[str, Any]) -> str:
    return "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"


def _said(row: Mapping[str, Any], before: str, after: str) -> str:
    if row["verdict"] == rates.TOO_FEW:
        return "too few captures to tell"
    p = f"corrected p {_probability(row['p_adjusted'])}"
    told = f"95 % interval {_interval(row)}, {p}" if row["low"] is not None else p
    ratio = "" if row["ratio"] is None else f"{number(row['ratio'])} times as often "
    if row["watched"] is not None:
        return f"{ratio}({told}), but {_longer(row, before, after)}"
    if row["verdict"] == rates.UNCLEAR:
        return f"no clear change ({'' if row['ratio'] is None else f'ratio {_ratio(row)}, '}{told})"
    return f"{ratio}({told})" if ratio else told


def _longer(row: Mapping[str, Any], before: str, after: str) -> str:
    """Return which captures were watched longer, and that this could be all."""
    rose = row["hit_after"] * row["captures_before"] > row["hit_before"] * row["captures_after"]
    unit = f"{_UNIT[row['watched_by']]}s"
    more, fewer = (after, before) if rose else (before, after)
    much = f"no {unit} are known of {fewer}"
    if math.isfinite(row["watched"]):
        much = f"a capture of {more} has {number(row['watched'])} times as many {unit}"
    return f"{much}, which alone could explain it (heuristic)"


def _exposure(row: Mapping[str, Any]) -> str:
    """Return findings in what was watched on both sides, and how their rates compare where both are known."""
    sides = [
        f"{plural(row[f'findings_{one}'], 'finding')} in {plural(row[f'calls_{one}'], 'call')}, "
        f"{_time(row[f'background_h_{one}'])} in the background"
        for one in ("before", "after")
    ]
    rated = [
        f"{_times(row, name)} per {unit}"
        for name, unit in _UNIT.items()
        if row["findings_before"] and row["findings_after"] and row[f"{name}_before"] and row[f"{name}_after"]
    ]
    return " → ".join(sides) + (f": {', '.join(rated)}" if rated else "")


def _times(row: Mapping[str, Any], name: str) -> str:
    old, new = (row[f"findings_{one}"] / row[f"{name}_{one}"] for one in ("before", "after"))
    return "the same" if abs(new / old - 1) < _SAME else f"{number(new / old)} times as many"


def _time(hours: float) -> str:
    return f"{number(round(hours, 1))} h" if hours >= 1 else duration(hours * 3600)


def _probability(p: float | None) -> str:
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
