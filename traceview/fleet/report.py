"""One offline HTML file for a fleet: verdict, what got worse, rules by version, captures to open first, gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl

from traceview.fleet import rates
from traceview.fleet.contents import Contents, load
from traceview.fleet.view import (
    BAD,
    SEVERITIES,
    STEPS,
    ChangeRow,
    Limits,
    Names,
    capture_rows,
    change_rows,
    facts,
    link,
    rule_order,
    rule_rows,
    silent_rows,
)
from traceview.plots.fleet import METRICS, heat_map, percent, ratios
from traceview.plots.text import plural
from traceview.report.page import page, render
from traceview.report.payload import pack
from traceview.rules.builtin import load_rules

BUDGET: Final = 15_000_000
"""Bytes above which the page leaves more out, as for a report of one capture."""
DRAWN: Final = 24
"""Comparisons in the figure; all others are in its table."""


@dataclass(frozen=True, slots=True)
class FleetSize:
    """What was written.

    Attributes:
        path: The file.
        captures: Captures that it speaks of.
        total_bytes: Size of the file.
        degraded: What it leaves out because of its limits, one sentence each; the page says the same.
    """

    path: Path
    captures: int
    total_bytes: int
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A heat map and its place in the page."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    figure: Any


def write(dataset: Path, out: Path, *, budget: int = BUDGET) -> FleetSize:
    """Write the report of a data set that `traceview batch` made.

    Args:
        dataset: Its folder.
        out: File to write; an existing one is replaced. Links to captures are relative to it where possible.
        budget: Size in bytes above which more is left out. The last step of `STEPS` is written in any case.

    Raises:
        InputError: `dataset` is none, or is damaged.
        OSError: The file cannot be written.
    """
    contents = load(dataset)
    base = out.absolute().parent
    html, degraded = _page(contents, dataset, base, STEPS[0])
    for limits in STEPS[1:]:
        if len(html) <= budget:
            break
        html, degraded = _page(contents, dataset, base, limits)
    out.write_bytes(html)
    return FleetSize(out, contents.captures.height, len(html), tuple(degraded))


def _page(contents: Contents, dataset: Path, base: Path, limits: Limits) -> tuple[bytes, list[str]]:
    names = Names(load_rules()[0])
    units = rates.capture_units(contents.captures, contents.exposure)
    apps = rates.app_units(contents.findings, contents.exposure)
    whole = rates.rates(contents.findings, units, contents.silent)
    by_os = rates.rates(contents.findings, units, contents.silent, ["os_version"])
    by_app = rates.rates(contents.findings, apps, contents.silent, ["app", "app_version"])
    order = rule_order(whole)
    compared = pl.concat([rates.changes(by_os, "os_version"), rates.changes(by_app, "app_version")])
    changed = change_rows(compared, names)
    rules = rule_rows(contents, whole, changed, names, base, limits)
    captures = capture_rows(contents, base, limits.captures)
    maps, degraded = _heat_maps(by_os, by_app, units, apps, order, names, limits)
    degraded += _left_out(contents.captures.height - len(captures), "row of the table of captures", "captures")
    degraded += _left_out(contents.failures.height - limits.captures, "row of the table of failures", "failures")
    degraded += _left_out(len(changed) - limits.comparisons, "comparison of versions", None)
    figures = {one.name: pack(one.figure.to_json()) for one in maps}
    clear = compared.filter(pl.col("verdict") != rates.TOO_FEW).head(DRAWN)
    if clear.height:
        labels = [_label(row) for row in change_rows(clear, names)]
        figures["ratios"] = pack(ratios(clear, labels).to_json())
    silent = silent_rows(contents, names)
    never = {one.rule for one in silent if one.silent == one.captures}
    body = render(
        "fleet.html.j2",
        verdict=_verdict(contents, units, rules, changed),
        facts=facts(contents, units, apps),
        rules=rules,
        maps=maps,
        metrics=METRICS,
        changes=changed[: limits.comparisons],
        changes_in_all=len(changed),
        drawn=clear.height,
        verdicts=[(name, sum(one.verdict == name for one in changed)) for name in rates.VERDICTS],
        captures=captures,
        captures_in_all=contents.captures.height,
        failures=_failures(contents.failures, base, limits.captures),
        failures_in_all=contents.failures.height,
        kinds=list(
            contents.failures["kind"].value_counts().sort("count", "kind", descending=[True, False]).iter_rows()
        ),
        silent=silent,
        unmatched=[(rule, names.title(rule)) for rule in names.unmatched(set(order)) if rule not in never]
        if contents.captures.height
        else [],
        silent_by_rule={one.rule: one.silent for one in silent},
        redactions=sorted(set(contents.captures["redaction"].to_list())),
        degraded=degraded,
        dataset=str(dataset),
        version=version("traceview"),
    )
    scripts = ("theme.js", "unpack.js", "fleet.js")
    html = page("Fleet", body, figures, styles=("report.css", "fleet.css"), scripts=scripts)
    return html.encode(), degraded


def _left_out(count: int, noun: str, table: str | None) -> list[str]:
    if count <= 0:
        return []
    what = plural(count, noun, noun.replace("row ", "rows ").replace("comparison ", "comparisons "))
    return [f"{what} left out" + (f": the data set has them all in {table}/." if table else ".")]


def _label(change: ChangeRow) -> str:
    return f"{change.before} → {change.after} {change.title}"


def _verdict(
    contents: Contents, units: pl.DataFrame, rules: Sequence[Any], changed: Sequence[ChangeRow]
) -> dict[str, Any]:
    """Return the words at the top."""
    counting = contents.findings.join(units, on="capture", how="semi")
    worst = rates.ranked_captures(counting, units.select("capture").with_columns(name="capture"))["worst"]
    bad = int(worst.is_in(list(BAD)).sum())
    level = next((name for name in SEVERITIES if (worst == name).any()), "none")
    clean = units.join(counting, on="capture", how="anti")
    total = units.height
    captures = plural(total, "capture")
    if not contents.captures.height:
        headline = f"No capture could be analysed: {plural(contents.failures.height, 'failure')}"
    elif not total:
        headline = "No capture shows an app that was asked for"
    elif not rules:
        headline = f"Nothing found in {captures}"
    elif bad:
        headline = f"{bad:,} of {captures} {'shows' if bad == 1 else 'show'} critical or high trouble"
    else:
        headline = f"Nothing critical or high in {captures}; {plural(len(rules), 'rule')} found something"
    return {
        "headline": headline,
        "severity": level,
        "counts": [(name, int((worst == name).sum())) for name in SEVERITIES if (worst == name).any()],
        "clean": clean.height,
        "checked": clean.join(contents.silent, on="capture", how="anti").height,
        "share": percent(bad / total) if total else "",
        "top": [rule for rule in rules if rule.captures][:5],
        "worse": [one for one in changed if one.verdict == rates.WORSE],
        "better": sum(one.verdict == rates.BETTER for one in changed),
        "compared": len(changed),
        "too_few": sum(one.verdict == rates.TOO_FEW for one in changed),
    }


def _heat_maps(
    by_os: pl.DataFrame,
    by_app: pl.DataFrame,
    units: pl.DataFrame,
    apps: pl.DataFrame,
    order: list[str],
    names: Names,
    limits: Limits,
) -> tuple[list[HeatMap], list[str]]:
    maps, degraded = [], []
    titles = {rule: " ".join(part for part in (names.number(rule), names.title(rule)) if part) for rule in order}
    if order and units.height:
        columns, dropped = _columns(units["os_version"], limits.columns)
        degraded += _left_out(dropped, "OS version with few captures", None)
        maps.append(_heat_map("os", "OS versions", by_os, "os_version", titles, columns))
    for place, (app,) in enumerate(
        apps.group_by("app").len().sort("len", "app", descending=[True, False]).select("app").rows()
    ):
        own = apps.filter(pl.col("app") == app)
        versions = own["app_version"].unique().to_list()
        if versions == [rates.UNKNOWN]:
            continue
        table = by_app.filter(pl.col("app") == app)
        found = {
            rule: title for rule, title in titles.items() if rule in set(table.filter(pl.col("findings") > 0)["rule"])
        }
        if found:
            columns, dropped = _columns(own["app_version"], limits.columns)
            degraded += _left_out(dropped, f"version of {app} with few captures", None)
            maps.append(_heat_map(f"app-{place}", f"Versions of {app}", table, "app_version", found, columns))
        if len(maps) > APP_MAPS:
            degraded.append(f"Heat maps show the {APP_MAPS} apps with most captures.")
            break
    return maps, degraded


APP_MAPS: Final = 4


def _columns(versions: pl.Series, limit: int) -> tuple[list[str], int]:
    """Return the versions with the most captures, in order, and how many are left out."""
    counts = versions.value_counts(name="n").sort("n", versions.name, descending=[True, False])
    kept = rates.version_order(counts.head(limit)[versions.name].to_list())
    return kept, counts.height - len(kept)


def _heat_map(
    name: str, title: str, table: pl.DataFrame, by: str, rules: Mapping[str, str], columns: list[str]
) -> HeatMap:
    cells = {(row["rule"], row[by]): row for row in table.iter_rows(named=True)}
    rows = [
        (rule, words, tuple(_cell(cells.get((rule, column))) for column in columns)) for rule, words in rules.items()
    ]
    note = f"{plural(len(columns), 'version')}, {plural(len(rules), 'rule')}"
    return HeatMap(name, title, note, tuple(columns), tuple(rows), heat_map(table, by, rules, columns))


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or not cell["captures"]:
        return "not evaluated"
    return f"{percent(cell['share'])} ({cell['captures_hit']:,} of {cell['captures']:,})"


def _failures(failures: pl.DataFrame, base: Path, limit: int) -> list[dict[str, str]]:
    return [
        {"path": row["path"], "href": link(row["uri"], base), "kind": row["kind"], "message": row["message"]}
        for row in failures.head(limit).iter_rows(named=True)
    ]
