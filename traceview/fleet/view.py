"""What the fleet page prints: plain values, in order, nothing computed in templates."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet import amounts, rates
from traceview.fleet.changed import ChangeRow
from traceview.fleet.comparisons import TOO_FEW
from traceview.fleet.contents import Contents
from traceview.fleet.order import UNKNOWN, severity_rank
from traceview.fleet.places import WHOLE, place
from traceview.fleet.releases import systems
from traceview.plots.text import duration, plural
from traceview.rules.lacking import MOST_SILENT
from traceview.rules.registry import Registry, Severity
from traceview_parsers.trace import Device

SEVERITIES: Final = tuple(severity.name for severity in sorted(Severity, reverse=True))
BAD: Final = ("critical", "high")


class Limits(Struct, frozen=True):
    """How much a page shows.

    Attributes:
        captures: Rows of the table of captures, and of failures.
        first: Captures to open first of each rule.
        columns: Versions in a heat map.
        comparisons: Rows of the table of changes.
    """

    captures: int
    first: int = 6
    columns: int = 16
    comparisons: int = 200


STEPS: Final = (Limits(2000), Limits(500, 3), Limits(100, 1, 12, 50))
"""Tried in order until the page fits its budget."""


class CaptureRow(Struct, frozen=True):
    """A capture in a table. `href` is empty where it cannot be linked; `versions` are those of its apps, in words."""

    name: str
    path: str
    href: str
    system: str
    versions: str
    model: str
    when: str
    length: str
    worst: str
    findings: int
    rules: tuple[str, ...]
    silent: int
    problems: int

    @property
    def hardly(self) -> bool:
        """Whether it has no finding because most rules lacked their evidence."""
        return not self.findings and self.silent > MOST_SILENT


class RuleRow(Struct, frozen=True):
    """A rule with findings."""

    id: str
    number: str
    title: str
    severity: str
    why: str
    fix: str
    links: tuple[str, ...]
    hit: int
    captures: int
    share: float
    findings: int
    per_calls: str
    per_hour: str
    silent: int
    apps: tuple[tuple[str, int], ...]
    examples: tuple[tuple[str, int], ...]
    first: tuple[CaptureRow, ...]
    more: int
    changes: tuple[str, ...]

    @property
    def percent(self) -> str:
        """Share of captures, for people; nothing where they are so few that they are counted."""
        return amounts.per_cent(self.hit, self.captures)

    @property
    def width(self) -> int:
        """Share in thousandths, for a bar."""
        return round(1000 * self.share)


class SilentRow(Struct, frozen=True):
    """A rule that could not be evaluated everywhere."""

    rule: str
    title: str
    silent: int
    captures: int
    needs: str

    @property
    def told(self) -> str:
        """Share of captures in which it could not be evaluated."""
        return amounts.share(self.silent, self.captures)


class Names:
    """Titles and reasons of rules; a rule that is not installed here is known by its id only."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def title(self, rule: str) -> str:
        """What the rule looks for."""
        return self._registry[rule].title if rule in self._registry else rule

    def number(self, rule: str) -> str:
        """Catalogue number, or nothing."""
        numbers = self._registry[rule].numbers if rule in self._registry else ()
        return numbers[0] if numbers else ""

    def reasons(self, rule: str) -> tuple[str, str, tuple[str, ...]]:
        """Why it matters, how to fix it, documentation."""
        if rule not in self._registry:
            return "", "", ()
        known = self._registry[rule]
        return known.why, known.fix, known.links

    def unmatched(self, seen: set[str]) -> list[str]:
        """Ids of rules without a finding."""
        return [rule.id for rule in self._registry if rule.id not in seen]


def capture_rows(contents: Contents, base: Path, limit: int) -> list[CaptureRow]:
    """Return captures, those to open first at the top."""
    ranked = rates.ranked_captures(contents.findings, contents.captures).head(limit)
    return _capture_rows(ranked, contents, base)


def _capture_rows(frame: pl.DataFrame, contents: Contents, base: Path) -> list[CaptureRow]:
    silent = dict(contents.silent.group_by("capture").agg(pl.col("rule").n_unique()).iter_rows())
    versions = _versions(contents.exposure.join(frame, on="capture", how="semi"))
    return [
        _capture_row(row, silent.get(row["capture"], 0), versions.get(row["capture"], ""), base)
        for row in frame.iter_rows(named=True)
    ]


def _versions(exposure: pl.DataFrame, limit: int = 3) -> dict[str, str]:
    """Return for each capture the apps whose versions it tells, ``voip 5.3, talk 1.0 and 2 more``, most calls first."""
    known = exposure.filter(pl.col("seen") & ~pl.col("app").str.starts_with("com.apple.")).drop_nulls("app_version")
    ranked = known.sort("calls", "app", descending=[True, False]).with_columns(
        pl.format("{} {}", pl.col("app").str.split(".").list.last(), "app_version").alias("told")
    )
    told = ranked.group_by("capture", maintain_order=True).agg("told")
    return {
        capture: ", ".join(apps[:limit]) + (f" and {len(apps) - limit:,} more" if len(apps) > limit else "")
        for capture, apps in told.iter_rows()
    }


def _capture_row(row: Mapping[str, Any], silent: int, versions: str, base: Path) -> CaptureRow:
    path, href = place(row["path"], row["uri"], base, redacted=(row["redaction"] or WHOLE) != WHOLE)
    return CaptureRow(
        name=row["name"],
        path=path,
        href=href,
        system=Device(**{name: row[name] for name in ("os_name", "os_version", "os_build")}).system or "",
        versions=versions,
        model=row["model"] or "",
        when=f"{row['start']:%Y-%m-%d %H:%M}" if row["start"] else "",
        length=_length(row["start"], row["end"]),
        worst=row["worst"] or "",
        findings=row["findings"],
        rules=tuple(row["rules"]),
        silent=silent,
        problems=row["problems"] or 0,
    )


def _length(start: datetime | None, end: datetime | None) -> str:
    return duration((end - start).total_seconds()) if start and end else ""


def rule_rows(
    contents: Contents,
    rated: rates.FleetRates,
    changed: Sequence[ChangeRow],
    names: Names,
    *,
    base: Path,
    limit: int,
) -> list[RuleRow]:
    """Return rules with findings, in the order of `FleetRates.rules`, with `limit` captures to open first."""
    by_rule = {row["rule"]: row for row in rated.whole.iter_rows(named=True)}
    first = _first(contents, limit)
    rows = []
    for rule in rated.rules():
        row = by_rule[rule]
        own = contents.findings.filter(pl.col("rule") == rule)
        why, fix, links = names.reasons(rule)
        opened = _capture_rows(first.filter(pl.col("rule") == rule), contents, base)
        rows.append(
            RuleRow(
                id=rule,
                number=names.number(rule) or next(iter(own["number"].drop_nulls()), ""),
                title=names.title(rule),
                severity=row["severity"],
                why=why,
                fix=fix,
                links=links,
                hit=row["captures_hit"],
                captures=row["captures"],
                share=row["share"] or 0.0,
                findings=row["findings"],
                per_calls=amounts.per_calls(row),
                per_hour=amounts.per_hour(row),
                silent=row["not_evaluated"],
                apps=_captures_by(own.drop_nulls("app"), "app"),
                examples=_examples(own),
                first=tuple(opened),
                more=own["capture"].n_unique() - len(opened),
                changes=_changes_of(rule, changed),
            )
        )
    return rows


def _changes_of(rule: str, changed: Sequence[ChangeRow]) -> tuple[str, ...]:
    """Return what changed clearly, or would without longer captures, else how many comparisons say nothing."""
    own = [one for one in changed if one.rule == rule and one.compares]
    clear = tuple(one.sentence for one in own if one.clear or one.watched or one.masked or one.within)
    if clear or not own:
        return clear
    few = sum(one.verdict == TOO_FEW for one in own)
    told = f", {few:,} of them with too few to tell" if few else ""
    return (f"No clear change in {plural(len(own), 'comparison')}{told}.",)


def _first(contents: Contents, limit: int) -> pl.DataFrame:
    """Return for each rule the captures to open first: worst severity, most findings."""
    scored = contents.findings.group_by("rule", "capture").agg(
        severity_rank().max().alias("rank"),
        pl.len().cast(pl.Int64).alias("findings"),
        pl.col("severity").sort_by(severity_rank()).last().alias("worst"),
    )
    best = scored.sort("rank", "findings", "capture", descending=[True, True, False])
    head = best.group_by("rule", maintain_order=True).head(limit)
    joined = head.join(contents.captures, on="capture", maintain_order="left")
    return joined.with_columns(rules=pl.concat_list("rule"))


def _captures_by(frame: pl.DataFrame, column: str, limit: int = 6) -> tuple[tuple[str, int], ...]:
    counts = frame.group_by(column).agg(pl.col("capture").n_unique().alias("n"))
    return tuple(counts.sort("n", column, descending=[True, False]).head(limit).iter_rows())


def _examples(frame: pl.DataFrame, limit: int = 4) -> tuple[tuple[str, int], ...]:
    """Return a sentence for each of the most frequent fingerprints: the same trouble in several captures."""
    same = frame.group_by("fingerprint", maintain_order=True).agg(
        pl.col("title").first(), pl.col("capture").n_unique().alias("n")
    )
    return tuple(same.sort("n", descending=True, maintain_order=True).head(limit).select("title", "n").iter_rows())


def silent_rows(contents: Contents, names: Names) -> list[SilentRow]:
    """Return rules by the share of captures in which they could not be evaluated, with the most frequent reason."""
    reasons = (
        contents.silent.group_by("rule", "needs")
        .agg(pl.col("capture").n_unique().alias("n"))
        .sort("n", "needs", descending=[True, False])
    )
    counted = contents.silent.group_by("rule").agg(pl.col("capture").n_unique().alias("silent"))
    common = reasons.group_by("rule", maintain_order=True).agg(pl.col("needs").first())
    joined = counted.join(common, on="rule").sort("silent", "rule", descending=[True, False])
    total = contents.captures.height
    return [SilentRow(rule, names.title(rule), silent, total, needs) for rule, silent, needs in joined.iter_rows()]


def unmatched_rows(contents: Contents, names: Names) -> list[tuple[str, str, int]]:
    """Return id, title and captures of each rule that could be evaluated somewhere and found nothing."""
    silent = dict(contents.silent.group_by("rule").agg(pl.col("capture").n_unique()).iter_rows())
    total = contents.captures.height
    rules = names.unmatched(set(contents.findings["rule"]))
    return [(rule, names.title(rule), total - silent.get(rule, 0)) for rule in rules if total > silent.get(rule, 0)]


def mix(values: pl.Series, limit: int = 6) -> str:
    """Return ``18.5: 41, 26.0: 12 and 3 more`` for the most frequent values."""
    counts = values.fill_null(UNKNOWN).value_counts(name="n").sort("n", values.name, descending=[True, False])
    shown = ", ".join(f"{value}: {count:,}" for value, count in counts.head(limit).iter_rows())
    more = counts.height - limit
    return f"{shown} and {more:,} more" if more > 0 else shown


def some(names: Sequence[str], limit: int = 6) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more:,} more" if more > 0 else "")


def facts(contents: Contents, rated: rates.FleetRates) -> list[tuple[str, str]]:
    """Return what the fleet is made of."""
    captures, units = contents.captures, rated.units
    found = [("Captures", f"{captures.height:,} analysed"), *_beside(contents)]
    if captures.height > units.height:
        found.append(
            ("No app", f"{plural(captures.height - units.height, 'capture')} without an app that was asked for")
        )
    start, end = captures["start"].min(), captures["end"].max()
    if isinstance(start, datetime) and isinstance(end, datetime):
        found.append(("Span", f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"))
    if captures.height:
        versions = systems(captures)["os_version"]
        found.append(("OS (captures)", mix(versions.replace(dict(rated.releases)))))
        found.append(("Devices (captures)", mix(captures["model"])))
    if rated.apps.height:
        found.append(("Apps (captures)", mix(rated.apps.unique(["capture", "app"])["app"])))
    calls, seconds = int(units["calls"].sum()), float(units["background_s"].sum())
    unnamed = int(contents.unnamed.is_in(units["capture"].implode()).sum())
    beside = f"; {plural(unnamed, 'call')} of no known app beside them, in no rate" if unnamed else ""
    found.append(("Exposure", f"{plural(calls, 'call')}, {amounts.background(seconds)}{beside}"))
    return found


def _beside(contents: Contents) -> list[tuple[str, str]]:
    """Return which captures are not among those analysed, or are in part the same."""
    found: list[tuple[str, str]] = []
    if contents.failures.height:
        found.append(("Failed", plural(contents.failures.height, "capture")))
    if contents.duplicates:
        found.append(("Twice", f"{plural(contents.duplicates, 'capture')} left out: same bytes as another"))
    if contents.unfinished:
        found.append(("Not yet", f"{plural(contents.unfinished, 'capture')} asked for and not analysed"))
    if contents.changed:
        what = plural(contents.changed, "capture")
        found.append(("Changed", f"{what} changed since the analysis: what was analysed then counts"))
    if contents.contained:
        left = f"{plural(contents.contained, 'capture')} left out: another one shows all that they do"
        found.append(("Within", f"{left} ({some(contents.within)})"))
    if contents.overlapping:
        found.append(("Overlap", f"{plural(contents.overlapping, 'capture')} share calls, which count in each of them"))
    return found
