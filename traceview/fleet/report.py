"""One offline HTML file for a fleet: verdict, what got worse, rules by version, captures to open first, gaps."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct

from traceview.fleet.accepted import Accepted
from traceview.fleet.changed import ChangeRow, change_rows, news, trend, untold
from traceview.fleet.comparisons import BETTER, NOT_EVALUATED, TOO_FEW, UNCLEAR, VERDICTS, WORSE
from traceview.fleet.contents import Contents, load
from traceview.fleet.maps import heat_maps
from traceview.fleet.places import WHOLE, place
from traceview.fleet.places import told as message_of
from traceview.fleet.rates import FleetRates, ranked_captures
from traceview.fleet.uncompared import Uncompared
from traceview.fleet.view import (
    BAD,
    SEVERITIES,
    STEPS,
    Limits,
    Names,
    RuleRow,
    capture_rows,
    facts,
    rule_rows,
    silent_rows,
    unmatched_rows,
)
from traceview.plots.fleet import METRICS, ratios
from traceview.plots.text import plural
from traceview.report.page import page, render
from traceview.report.payload import pack
from traceview.rules.builtin import load_rules
from traceview.rules.lacking import MOST_SILENT
from traceview_parsers.errors import UsageError

BUDGET: Final = 15_000_000
"""Bytes above which the page leaves more out, as for a report of one capture."""
CLEAR: Final = 20
"""Clear changes in the figure; all others are in its table."""
UNSURE: Final = 8
"""Unclear ones in the figure, those least like chance."""


class FleetSize(Struct, frozen=True):
    """What was written.

    Attributes:
        path: The file.
        captures: Captures that it speaks of.
        total_bytes: Size of the file.
        degraded: What it leaves out because of its limits, one sentence each; the page says the same.
        headline: What it says first, with how many of the captures without a finding were hardly checked.
    """

    path: Path
    captures: int
    total_bytes: int
    degraded: tuple[str, ...]
    headline: str


def write(dataset: Path, out: Path, *, budget: int = BUDGET, base: str | None = None) -> FleetSize:
    """Write the report of a data set that `traceview batch` made.

    Args:
        dataset: Its folder.
        out: File to write; an existing one is replaced. Links to captures are relative to it where possible.
        budget: Size in bytes above which more is left out. The last step of `STEPS` is written in any case.
        base: Version of an app or of the system with which later ones are compared, instead of the one before each.

    Raises:
        InputError: `dataset` is none, or is damaged.
        UsageError: Nothing in it has the version `base`, or nothing that has it has a later one.
        OSError: The file cannot be written.
    """
    contents = load(dataset)
    folder = out.absolute().parent
    told = _Told.of(contents, dataset, base)
    html, degraded, headline = _page(told, dataset, folder, STEPS[0])
    for limits in STEPS[1:]:
        if len(html) <= budget:
            break
        html, degraded, headline = _page(told, dataset, folder, limits)
    out.write_bytes(html)
    return FleetSize(out, contents.captures.height, len(html), tuple(degraded), headline)


class _Told(Struct, frozen=True):
    """What a fleet says, which is the same however much of it a page shows."""

    contents: Contents
    names: Names
    rated: FleetRates
    compared: pl.DataFrame
    changed: Sequence[ChangeRow]
    base: str

    @classmethod
    def of(cls, contents: Contents, dataset: Path, base: str | None) -> Self:
        names, rated = Names(load_rules()[0]), FleetRates.of(contents)
        if base is not None and not rated.has_version(base):
            raise UsageError(f"{dataset}: nothing of version {base} to compare with")
        if base is not None and not rated.has_later(base):
            raise UsageError(f"{dataset}: {base} is the newest version: nothing later to compare with it")
        compared = rated.changes(base)
        return cls(contents, names, rated, compared, change_rows(compared, names.title, rated.releases), base or "")


def _page(told: _Told, dataset: Path, folder: Path, limits: Limits) -> tuple[bytes, list[str], str]:
    """Return the page, what it leaves out, and its headline for a terminal."""
    contents, names, rated, compared, changed = told.contents, told.names, told.rated, told.compared, told.changed
    rules = rule_rows(contents, rated, changed, names, base=folder, limit=limits.first)
    captures = capture_rows(contents, folder, limits.captures)
    maps = heat_maps(rated, names, limits.columns)
    drawn = compared.filter(~pl.col("verdict").is_in([TOO_FEW, NOT_EVALUATED]) & pl.col("low").is_not_null())
    drawn = pl.concat(
        [
            drawn.filter(pl.col("verdict") != UNCLEAR).head(CLEAR),
            drawn.filter(pl.col("verdict") == UNCLEAR).head(UNSURE),
        ]
    )
    figures = {one.name: pack(one.figure.to_json()) for one in maps}
    if drawn.height:
        labels = [f"{one.of} {one.versions}: {one.title}" for one in change_rows(drawn, names.title, rated.releases)]
        figures["ratios"] = pack(ratios(drawn, labels).to_json())
    left_out = {
        "row of the table of captures": contents.captures.height - len(captures),
        "row of the table of failures": contents.failures.height - limits.captures,
        "comparison of versions": len(changed) - limits.comparisons,
        "version with few captures in a heat map": sum(one.left_out for one in maps),
    }
    degraded = [f"{_many(count, noun)} left out." for noun, count in left_out.items() if count > 0]
    accepted = Accepted.of(contents.accepted)
    verdict = _verdict(told, rules, accepted)
    unfinished = _unfinished(contents)
    redactions = sorted(set(contents.captures["redaction"].drop_nulls().to_list()))
    redacted = bool({*redactions} - {WHOLE})
    body = render(
        "fleet.html.j2",
        verdict=verdict,
        facts=facts(contents, rated),
        unfinished=unfinished,
        accepted=accepted,
        accepted_rules=[(rule, names.title(rule), accepted.of_rule(rule)) for rule in accepted.rules],
        rules=rules,
        maps=maps,
        by_build=contents.by_build,
        uncompared=Uncompared.of(rated, told.base),
        metrics=METRICS,
        changes=changed[: limits.comparisons],
        changes_in_all=len(changed),
        drawn=drawn.height,
        undrawn=[one for one in changed if one.clear and not one.drawn],
        base=told.base,
        verdicts=[(name, sum(one.verdict == name for one in changed)) for name in VERDICTS],
        captures=captures,
        counting=rated.units.height,
        captures_in_all=contents.captures.height,
        failures=_failures(contents.failures.head(limits.captures), folder, redacted=redacted),
        failures_in_all=contents.failures.height,
        kinds=_kinds(contents.failures),
        silent=silent_rows(contents, names),
        unmatched=[one for one in unmatched_rows(contents, names) if one[0] not in accepted.rules],
        redactions=redactions,
        degraded=degraded,
        dataset=dataset.name if redacted else str(dataset),
        version=version("traceview"),
    )
    scripts = ("theme.js", "unpack.js", "fleet.js")
    html = page("Fleet", body, figures, styles=("report.css", "fleet.css"), scripts=scripts)
    return html.encode(), degraded, _told(verdict | {"unfinished": unfinished})


def _told(verdict: dict[str, Any]) -> str:
    said = [one for one in (verdict["unfinished"], verdict["left_out"], verdict["hardly_told"]) if one]
    return "; ".join([verdict["headline"], *(f"{one[0].lower()}{one[1:]}" for one in said)])


def _unfinished(contents: Contents) -> str:
    """Return that the batch is not done; an empty text where it is."""
    if not contents.unfinished:
        return ""
    done = contents.captures.height + contents.duplicates + contents.contained + contents.failures.height
    are = "is" if contents.unfinished == 1 else "are"
    return f"{contents.unfinished:,} of {contents.unfinished + done:,} captures of this batch {are} not analysed yet"


def _hardly(hardly: int, clean: int, finding: str) -> str:
    """Return how many of the captures without a finding were hardly checked; an empty text where none was."""
    if not hardly:
        return ""
    which = "The only capture" if clean == 1 else f"{hardly:,} of the {clean:,} captures"
    return f"{which} without {finding} {'was' if hardly == 1 else 'were'} hardly checked"


def _many(count: int, noun: str) -> str:
    first, _, rest = noun.partition(" ")
    return plural(count, noun, f"{first}s {rest}")


def _kinds(failures: pl.DataFrame) -> list[tuple[str, int]]:
    counts = failures["kind"].value_counts(name="n").sort("n", "kind", descending=[True, False])
    return [(kind, count) for kind, count in counts.iter_rows()]


def _verdict(told: _Told, rules: Sequence[RuleRow], accepted: Accepted) -> dict[str, Any]:
    """Return the words at the top."""
    contents, units, changed = told.contents, told.rated.units, told.changed
    counting = contents.findings.join(units, on="capture", how="semi")
    worst = ranked_captures(counting, units.select("capture").with_columns(name="capture"))["worst"]
    bad = int(worst.is_in(list(BAD)).sum())
    level = next((name for name in SEVERITIES if (worst == name).any()), "none")
    clean = units.join(counting, on="capture", how="anti")
    silent = contents.silent.join(clean, on="capture", how="semi")
    missing = silent.group_by("capture").agg(pl.col("rule").n_unique())
    hardly = missing.filter(pl.col("rule") > MOST_SILENT).height
    total = units.height
    captures = plural(total, "capture")
    finding = "another finding" if accepted.findings else "a finding"
    if not contents.captures.height:
        headline = f"No capture could be analysed: {plural(contents.failures.height, 'failure')}"
    elif not total:
        headline = "No capture shows an app that was asked for"
    elif not rules and accepted.findings:
        headline = f"No other findings in {captures} than {accepted.findings:,} that the configuration accepts"
    elif not rules:
        headline = f"Nothing found in {captures}"
    elif bad:
        which = "The only capture" if total == 1 else f"{bad:,} of {captures}"
        headline = f"{which} {'shows' if bad == 1 else 'show'} critical or high trouble"
    else:
        headline = f"Nothing critical or high in {captures}; {plural(len(rules), 'rule')} found something"
    return {
        "headline": headline,
        "severity": level,
        "counts": [(name, int((worst == name).sum())) for name in SEVERITIES if (worst == name).any()],
        "clean": clean.height,
        "hardly": hardly,
        "hardly_told": _hardly(hardly, clean.height, finding),
        "left_out": accepted.told if rules or not total else "",
        "without": f"without {finding}",
        "most_silent": MOST_SILENT,
        "silent": silent["rule"].n_unique(),
        "top": [rule for rule in rules if rule.captures][:5],
        "trend": trend(changed, told.base),
        "untold": untold(changed),
        "unevaluated": untold(changed, evaluated=False),
        "worse": news(changed, WORSE),
        "better": len(news(changed, BETTER)),
        "compared": sum(one.compares for one in changed),
        "watched": sum(one.watched for one in changed),
        "masked": sum(one.masked and not one.watched for one in changed),
        "within": sum(one.within and not one.watched and not one.masked for one in changed),
        "too_few": sum(one.verdict == TOO_FEW for one in changed),
    }


def _failures(failures: pl.DataFrame, base: Path, *, redacted: bool) -> list[dict[str, str]]:
    rows = []
    for row in failures.iter_rows(named=True):
        path, href = place(row["path"], row["uri"], base, redacted=redacted)
        message = message_of(row["message"], row["path"], redacted=redacted)
        rows.append({"path": path, "href": href, "kind": row["kind"], "message": message})
    return rows
