"""Comparisons of two versions in words."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet import amounts
from traceview.fleet.comparisons import BETTER, MEASURES, NOT_EVALUATED, TOO_FEW, UNCLEAR, WORSE, rose
from traceview.plots.text import duration, number, plural

_UNIT: Final = {"calls": "call", "background_h": "background hour"}
_SAME: Final = 0.05
"""Difference of two rates below which they are called the same (heuristic)."""


class ChangeRow(Struct, frozen=True):
    """A comparison of two versions in words; `ratio` and `interval` are words or empty where nobody measured them.

    Attributes:
        subject: What has the versions: a bundle id, the system where a fleet has several, else ``OS``.
        before: The version before, or several: ``5.1 to 5.2.1``.
        first: Place of the first version that takes part among those of the subject.
        last: Place of the last one.
        over: How many versions lie from the first to the last, where the newest is compared with the oldest; else 0.
        newest: Whether `after` is the newest version.
        enough: Whether captures of the newest version would have told a gross change.
        within: Whether little is left of the change within versions of the system, or of the app.
        drawn: Whether there is a ratio with an interval.
    """

    rule: str
    title: str
    severity: str
    verdict: str
    subject: str
    before: str
    after: str
    first: int
    last: int
    over: int
    newest: bool
    enough: bool
    was: str
    now: str
    ratio: str
    interval: str
    p: str
    change: str
    sentence: str
    watched: bool
    masked: bool
    within: bool
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
        if self.within:
            return "unclear: app or OS"
        return {TOO_FEW: "too few to tell", UNCLEAR: "no clear change"}.get(self.verdict, self.verdict)

    @property
    def compares(self) -> bool:
        """Whether the rule could be evaluated on both sides."""
        return self.verdict != NOT_EVALUATED


def news(rows: Sequence[ChangeRow], verdict: str) -> list[ChangeRow]:
    """Return comparisons with this verdict, without those that span another of the same: it says better where it changed."""
    own = [one for one in rows if one.verdict == verdict]
    return [one for one in own if not any(_spans(one, other) for other in own)]


def _spans(one: ChangeRow, other: ChangeRow) -> bool:
    same = (one.rule, one.subject) == (other.rule, other.subject)
    return (
        same
        and one.first <= other.first
        and other.last <= one.last
        and (one.first, one.last) != (other.first, other.last)
    )


def trend(rows: Sequence[ChangeRow], base: str = "") -> str:
    """Return in a line whether anything got worse, which a newest version that was not looked at never denies."""
    if any(one.verdict == WORSE for one in rows):
        return "What got worse"
    if not _unknown(rows):
        return f"Nothing got clearly worse {f'than in {base}' if base else 'from one version to the next'}"
    if any(one.verdict in (BETTER, UNCLEAR) and (one.enough or not one.newest) for one in rows):
        return "Nothing got clearly worse where enough captures could tell"
    return "Too few captures to tell whether anything got worse"


def untold(rows: Sequence[ChangeRow], *, evaluated: bool = True) -> list[str]:
    """Return the newest versions of which rules may be worse or not: ``com.acme.voip 5.3 (2 rules)``.

    Args:
        rows: Of `change_rows`.
        evaluated: Those that have too few captures to tell; else those in which the rules, or all before, told nothing.
    """
    own = [one for one in _unknown(rows) if one.compares == evaluated]
    counts = Counter(subject for subject, _ in {(f"{one.subject} {one.after}", one.rule): None for one in own})
    return [f"{version} ({plural(count, 'rule')})" for version, count in counts.items()]


def _unknown(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Return comparisons of newest versions, of rules that none of them says anything about."""
    told = {(one.rule, one.subject) for one in rows if one.newest and (one.clear or one.enough)}
    return [one for one in rows if one.newest and (one.rule, one.subject) not in told]


def change_rows(changes: pl.DataFrame, title: Callable[[str], str], releases: Mapping[str, str]) -> list[ChangeRow]:
    """Return all comparisons in words, in the given order.

    Args:
        changes: Of `traceview.fleet.FleetRates.changes`.
        title: What a rule looks for, by its id.
        releases: Names of versions of the system.
    """
    return [_change(row, title(row["rule"]), releases) for row in changes.iter_rows(named=True)]


def _change(row: Mapping[str, Any], title: str, releases: Mapping[str, str]) -> ChangeRow:
    before, after, between = (_versions(row, row[one], releases) for one in ("befores", "afters", "between"))
    was, now = (_share(row, one) for one in ("before", "after"))
    subject = row["app"] or row["system"] or "OS"
    change = f"{subject} {before} → {after}{_far(row, between)}: {_shares(row, was, now)}"
    parts = [change, _said(row, before, after)]
    if row["verdict"] not in (TOO_FEW, NOT_EVALUATED):
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
        first=row["first"],
        last=row["last"],
        over=row["over"] or 0,
        newest=row["newest"],
        enough=row["enough"],
        was=was,
        now=now,
        ratio=_ratio(row),
        interval=_interval(row),
        p=_probability(row["p_adjusted"]),
        change=change,
        sentence="; ".join(parts),
        watched=row["watched"] is not None,
        masked=row["masked"],
        within=row["within"] is not None,
        drawn=row["low"] is not None,
    )


def _versions(row: Mapping[str, Any], versions: Sequence[str], releases: Mapping[str, str]) -> str:
    """Return the first and the last of these versions as people know them."""
    system = f"{row['system']} "
    named = versions if row["app"] else [releases.get(one, one).removeprefix(system) for one in versions]
    return " to ".join(dict.fromkeys((*named[:1], *named[-1:])))


def _far(row: Mapping[str, Any], between: str) -> str:
    """Return what lies between the two sides, where they are no neighbours."""
    if row["over"]:
        return f" (oldest and newest of {row['over']} versions)"
    if not between:
        return ""
    return f" ({between} between them {'has' if len(row['between']) == 1 else 'have'} too few captures)"


def _share(row: Mapping[str, Any], one: str) -> str:
    hit, captures, accepted = (row[f"{name}_{one}"] for name in ("hit", "captures", "accepted"))
    if not captures:
        return "evaluated in none"
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
    if row["p"] is None:
        return ""
    return "none after" if row["hit_before"] else "none before"


def _interval(row: Mapping[str, Any]) -> str:
    return "" if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"


def _said(row: Mapping[str, Any], before: str, after: str) -> str:
    if row["verdict"] == TOO_FEW:
        return "too few to tell"
    if row["verdict"] == NOT_EVALUATED:
        return "nothing to compare"
    p = f"corrected p {_probability(row['p_adjusted'])}"
    told = f"95 % interval {_interval(row)}, {p}" if row["low"] is not None else p
    ratio = "" if row["ratio"] is None else f"{number(row['ratio'])} times as often "
    doubts = [_longer(row, before, after)] if row["watched"] is not None else []
    if row["masked"]:
        doubts.append("nothing clear is left of it where captures with accepted findings count")
    if row["within"] is not None:
        doubts.append(_lost(row))
    if doubts:
        return f"{ratio}({told}), but {', and '.join(doubts)}"
    if row["verdict"] == UNCLEAR:
        return f"no clear change ({'' if row['ratio'] is None else f'ratio {_ratio(row)}, '}{told})"
    return f"{ratio}({told})" if ratio else told


def _lost(row: Mapping[str, Any]) -> str:
    of, other = ("the OS", "the OS") if row["app"] else ("the app", "an app")
    return f"nothing clear is left of it within versions of {of} (p {_probability(row['within'])}): {other} may be the cause"


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
