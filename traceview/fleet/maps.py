"""Heat maps of the fleet page: rules by OS version, and by version of the apps with most captures."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet.amounts import share
from traceview.fleet.order import ALONE, SEVERAL, UNKNOWN, has_place, version_order
from traceview.fleet.rates import FleetRates
from traceview.fleet.view import Names
from traceview.plots.fleet import heat_map
from traceview.plots.text import plural

APP_MAPS: Final = 4
"""Apps that get a heat map of their own."""


class HeatMap(Struct, frozen=True):
    """A heat map and the same as a table.

    Attributes:
        name: For scripts.
        title: Heading; untrusted.
        note: What it spans.
        columns: Versions.
        rows: Rule id, title, and a text for each column.
        figure: Plotly figure.
        left_out: Versions that found no place.
    """

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    figure: Any
    left_out: int


def heat_maps(rated: FleetRates, names: Names, columns: int) -> list[HeatMap]:
    """Return one of OS versions, and one for each app whose versions are known, with at most so many columns."""
    titles = {
        rule: " ".join(part for part in (names.number(rule), names.title(rule)) if part) for rule in rated.rules()
    }
    if not titles or not rated.units.height:
        return []
    versions = _columns(rated.units["os_version"], columns)
    maps = [_heat_map("os", "OS versions", rated.by_os, titles, versions, releases=rated.releases)]
    for place, app in enumerate(_apps(rated)):
        table = rated.by_app.filter(pl.col("app") == app)
        hit = set(table.filter(pl.col("findings") > 0)["rule"])
        versions = _columns(rated.apps.filter(pl.col("app") == app)["app_version"], columns)
        found = {rule: title for rule, title in titles.items() if rule in hit}
        maps.append(_heat_map(f"app-{place}", f"Versions of {app}", table, found, versions))
    return maps


def _apps(rated: FleetRates) -> list[str]:
    """Return apps with a finding and a known version, those with most captures first."""
    found = rated.by_app.filter(pl.col("findings") > 0)["app"].unique()
    placed = [version for version in rated.apps["app_version"].unique() if has_place(version)]
    known = rated.apps.filter(pl.col("app_version").is_in(placed) & pl.col("app").is_in(found.implode()))
    counts = known.group_by("app").agg(pl.len().alias("n")).sort("n", "app", descending=[True, False])
    return counts["app"].head(APP_MAPS).to_list()


def _columns(versions: pl.Series, limit: int) -> tuple[list[str], int]:
    """Return the versions with the most captures, in order, and how many are left out."""
    counts = versions.value_counts(name="n").sort("n", versions.name, descending=[True, False])
    kept = version_order(counts.head(limit)[versions.name].to_list())
    return kept, counts.height - len(kept)


def _heat_map(
    name: str,
    title: str,
    table: pl.DataFrame,
    rules: Mapping[str, str],
    versions: tuple[list[str], int],
    *,
    releases: Mapping[str, str] = MappingProxyType({}),
) -> HeatMap:
    """Draw and write the same; `releases` are the names of versions that are not shown as they are."""
    columns, left_out = versions
    columns = [releases.get(column, column) for column in columns]
    by = "app_version" if "app" in table.columns else "os_version"
    table = table.with_columns(pl.col(by).replace(dict(releases)))
    cells = {(row["rule"], row[by]): row for row in table.iter_rows(named=True)}
    rows = [
        (rule, words, tuple(_cell(cells.get((rule, column))) for column in columns)) for rule, words in rules.items()
    ]
    note = f"{_counted(columns)}, {plural(len(rules), 'rule')}"
    return HeatMap(name, title, note, tuple(columns), tuple(rows), heat_map(table, by, rules, columns), left_out)


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None or not cell["captures"]:
        return "not evaluated"
    return share(cell["captures_hit"], cell["captures"])


def _counted(columns: Sequence[str]) -> str:
    """Return what the columns are: only what has a name and a place in order is a version."""
    builds = sum(column.startswith(ALONE) for column in columns)
    unknown = UNKNOWN in columns
    several = SEVERAL in columns
    versions = len(columns) - builds - unknown - several
    told = [plural(versions, "version")] if versions else []
    if builds:
        told.append(f"{plural(builds, 'build')} of unknown version")
    if several:
        told.append("captures that reach over an update")
    if unknown:
        told.append("captures that name none")
    return ", ".join(told)
