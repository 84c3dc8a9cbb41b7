"""Comparisons of two versions in words."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet import amounts
from traceview.fleet.comparisons import BETTER, MEASURES, TOO_FEW, UNCLEAR, WORSE, rose
from traceview.fleet.statistics import could_tell
from traceview.plots.text import duration, number, plural

_UNIT: Final = {"calls": "call", "background_h": "background hour"}
_SAME: Final = 0.05
"""Difference of two rates below which they are called the same (heuristic)."""


class ChangeRow(Struct, frozen=True):
    """A comparison of two versions in words; `ratio` and `interval` are words or empty where nobody measured them.

    Attributes:
        subject: What has the versions: a bundle id, the system where a fleet has several, else ``OS``.
        over: How many versions lie from `before` to `after`, where the newest is compared with the oldest; else 0.
        unknown: Whether `after` is the newest version, and may be worse or not: its captures are too few to tell a rise and a
            fall, and it is not that many captures before all had the finding.
        drawn: Whether there is a ratio with an interval.
    """

    rule: str
    title: str
    severity: str
    verdict: str
    subject: str
    before: str
    after: str
    over: int
    unknown: bool
    was: str
    now: str
    ratio: str
    interval: str
    p: str
    change: str
    sentence: str
    watched: bool
    masked: bool
    drawn: bool

    @property
    def of(self) -> str:
        """What has the versions, in a word: the last part of a bundle id."""
        return self.subject.rpartition(".")[2]

    @property
    def versions(self) -> str:
        """Both versions, and how many lie between them."""
        return f"{self.before} → {self.after}{f' ({self.over} versions)' if self.over else ''}"

    @property
    def clear(self) -> bool:
        """Whether something changed."""
        return self.verdict in (WORSE, BETTER)

    @property
    def says(self) -> str:
        """The verdict in words."""
        if self.watched:
            return "watched longer"
        if self.masked:
            return "unclear: accepted findings"
        return {TOO_FEW: "too few captures", UNCLEAR: "no clear change"}.get(self.verdict, self.verdict)


def news(rows: Sequence[ChangeRow], verdict: str) -> list[ChangeRow]:
    """Return comparisons with this verdict, and of oldest and newest only what no single step says."""
    told = {(one.rule, one.subject) for one in rows if one.verdict == verdict and not one.over}
    return [one for one in rows if one.verdict == verdict and not (one.over and (one.rule, one.subject) in told)]


def trend(rows: Sequence[ChangeRow]) -> str:
    """Return in a line whether anything got worse, which too few captures never deny."""
    if any(one.verdict == WORSE for one in rows):
        return "What got worse"
    if untold(rows) and all(one.unknown or one.verdict == TOO_FEW for one in rows):
        return "Too few captures to tell whether anything got worse"
    if untold(rows):
        return "Nothing got clearly worse where enough captures could tell"
    return "Nothing got clearly worse from one version to the next"


def untold(rows: Sequence[ChangeRow]) -> list[str]:
    """Return the newest versions that have too few captures to tell for some rules: ``com.acme.voip 5.3 (2 rules)``."""
    counts = Counter(f"{one.subject} {one.after}" for one in rows if one.unknown)
    return [f"{version} ({plural(count, 'rule')})" for version, count in counts.items()]


def change_rows(changes: pl.DataFrame, title: Callable[[str], str], releases: Mapping[str, str]) -> list[ChangeRow]:
    """Return all comparisons in words, in the given order.

    Args:
        changes: Of `traceview.fleet.FleetRates.changes`.
        title: What a rule looks for, by its id.
        releases: Names of versions of the system.
    """
    return [_change(row, title(row["rule"]), releases) for row in changes.iter_rows(named=True)]


def _change(row: Mapping[str, Any], title: str, releases: Mapping[str, str]) -> ChangeRow:
    system = f"{row['system']} "
    before, after = (
        row[one] if row["app"] else releases.get(row[one], row[one]).removeprefix(system) for one in ("before", "after")
    )
    was, now = (_share(row, one) for one in ("before", "after"))
    subject = row["app"] or row["system"] or "OS"
    change = f"{subject} {before} → {after}{_far(row)}: {_shares(row, was, now)}"
    parts = [change, _said(row, before, after)]
    if row["verdict"] != TOO_FEW:
        parts.append(_exposure(row))
    if row["app_or_os"]:
        parts.append("the same captures differ in app and OS version, so this cannot tell app from system")
    return ChangeRow(
        rule=row["rule"],
        title=title,
        severity=row["severity"],
        verdict=row["verdict"],
        subject=subject,
        before=before,
        after=after,
        over=row["over"] or 0,
        unknown=_is_unknown(row),
        was=was,
        now=now,
        ratio=_ratio(row),
        interval=_interval(row),
        p=_probability(row["p_adjusted"]),
        change=change,
        sentence="; ".join(parts),
        watched=row["watched"] is not None,
        masked=row["masked"],
        drawn=row["low"] is not None,
    )


def _is_unknown(row: Mapping[str, Any]) -> bool:
    clear, full = row["verdict"] in (WORSE, BETTER), row["hit_before"] == row["captures_before"]
    no_room = full and could_tell(row["captures_after"], 1.0, row["captures_before"], 0.0)
    return bool(row["newest"] and not row["over"] and not row["enough"] and not clear and not no_room)


def _far(row: Mapping[str, Any]) -> str:
    """Return what lies between the two versions, where they are no neighbours."""
    if row["over"]:
        return f" (oldest and newest of {row['over']} versions)"
    if not row["between"]:
        return ""
    has = "have" if ", " in row["between"] else "has"
    return f" ({row['between']} between them {has} too few captures)"


def _share(row: Mapping[str, Any], one: str) -> str:
    hit, captures, accepted = (row[f"{name}_{one}"] for name in ("hit", "captures", "accepted"))
    if not accepted:
        return amounts.share(hit, captures)
    if not hit:
        return f"0 other than {accepted:,} accepted of {captures:,}"
    return f"{amounts.share(hit, captures)} beside {accepted:,} accepted"


def _shares(row: Mapping[str, Any], was: str, now: str) -> str:
    if row["verdict"] in (WORSE, BETTER):
        if not row["hit_before"] and not row["accepted_before"]:
            return f"never before (0 of {row['captures_before']:,}) → {now}"
        if not row["hit_after"] and not row["accepted_after"]:
            return f"{was} → gone (0 of {row['captures_after']:,})"
    return f"{was} → {now}"


def _ratio(row: Mapping[str, Any]) -> str:
    if row["ratio"] is not None:
        return number(row["ratio"])
    return "none after" if row["hit_before"] else "none before"


def _interval(row: Mapping[str, Any]) -> str:
    return "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"


def _said(row: Mapping[str, Any], before: str, after: str) -> str:
    if row["verdict"] == TOO_FEW:
        return "too few captures to tell"
    p = f"corrected p {_probability(row['p_adjusted'])}"
    told = f"95 % interval {_interval(row)}, {p}" if row["low"] is not None else p
    ratio = "" if row["ratio"] is None else f"{number(row['ratio'])} times as often "
    doubts = [_longer(row, before, after)] if row["watched"] is not None else []
    if row["masked"]:
        doubts.append("nothing clear is left of it where captures with accepted findings count")
    if doubts:
        return f"{ratio}({told}), but {', and '.join(doubts)}"
    if row["verdict"] == UNCLEAR:
        return f"no clear change ({'' if row['ratio'] is None else f'ratio {_ratio(row)}, '}{told})"
    return f"{ratio}({told})" if ratio else told


def _longer(row: Mapping[str, Any], before: str, after: str) -> str:
    """Return which captures were watched longer, and that this could be all."""
    unit = f"{_UNIT[row['watched_by']]}s"
    more, fewer = (after, before) if rose(row) else (before, after)
    much = f"no {unit} are known of {fewer}"
    if math.isfinite(row["watched"]):
        much = f"a capture of {more} has {number(row['watched'])} times as many {unit}"
    return f"{much}, which alone could explain it (heuristic)"


def _exposure(row: Mapping[str, Any]) -> str:
    """Return findings in what was watched on both sides, and how their rates compare where both are known."""
    if not any(row[f"{name}_{one}"] for name in MEASURES for one in ("before", "after")):
        return "no calls and no time in the background are known of either, so one may have been watched longer"
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
