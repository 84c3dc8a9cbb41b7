"""Whether a change told of an app is one of the system, or the other way round: looked at within versions of the other."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from traceview.fleet.comparisons import BETTER, UNCLEAR, WORSE
from traceview.fleet.order import has_place
from traceview.fleet.statistics import ALPHA, Stratified, Table, stratified


class Strata:
    """The captures of a fleet by versions of an app and of the system."""

    def __init__(self, units: pl.DataFrame, apps: pl.DataFrame, findings: pl.DataFrame, silent: pl.DataFrame) -> None:
        """Take `capture_units`, `app_units` and the tables ``findings`` and ``rules_not_evaluated``."""
        self._units = units
        self._apps = apps
        self._findings = findings.select("capture", "rule", "app")
        self._silent = silent.select("capture", "rule")
        self._counted: dict[tuple[str, str | None], pl.DataFrame] = {}

    def of(self, row: Mapping[str, Any]) -> Stratified:
        """Return what is left of a comparison of an app within versions of the system, or of the system within those of apps.

        Args:
            row: Of `traceview.fleet.comparisons.CHANGES`; one side has a larger share than the other.
        """
        side = (
            pl.when(pl.col("version").is_in(row["afters"]))
            .then(pl.lit("after"))
            .when(pl.col("version").is_in(row["befores"]))
            .then(pl.lit("before"))
        )
        counts = (
            self._counts(row["rule"], row["app"])
            .group_by("stratum", side.alias("side"))
            .agg(pl.col("hits").sum(), pl.col("captures").sum())
        )
        sides = {(stratum, one): (hits, captures) for stratum, one, hits, captures in counts.iter_rows()}
        strata = {stratum for stratum, one in sides if one}
        whole = Table(row["hit_after"], row["captures_after"], row["hit_before"], row["captures_before"])
        return stratified(
            (Table(*sides.get((one, "after"), (0, 0)), *sides.get((one, "before"), (0, 0))) for one in strata), whole
        )

    def _counts(self, rule: str, app: str | None) -> pl.DataFrame:
        """Return hits and captures by ``version`` and ``stratum``, of captures that tell both and could evaluate the rule."""
        known = self._counted.get((rule, app))
        if known is None:
            found = self._findings.filter(pl.col("rule") == rule)
            units = self._system(found) if app is None else self._app(app)
            own = found if app is None else found.filter(pl.col("app") == app)
            known = self._counted[rule, app] = (
                units.join(self._silent.filter(pl.col("rule") == rule), on="capture", how="anti")
                .join(own.select("capture", hit=pl.lit(1)).unique(), on="capture", how="left")
                .group_by("version", "stratum")
                .agg(pl.col("hit").sum().alias("hits"), pl.len().alias("captures"))
            )
        return known

    def _app(self, app: str) -> pl.DataFrame:
        """Return ``capture``, ``version`` (of the app) and ``stratum`` (version of the system)."""
        own = self._apps.filter(pl.col("app") == app).join(self._units.select("capture", "os_version"), on="capture")
        return own.select("capture", version="app_version", stratum="os_version").filter(
            _placed("stratum", own["os_version"])
        )

    def _system(self, found: pl.DataFrame) -> pl.DataFrame:
        """Return ``capture``, ``version`` (of the system) and ``stratum`` (versions of the apps in which the rule found something)."""
        apps = self._apps.join(found.select("app").drop_nulls().unique(), on="app", how="semi")
        named = (
            apps.with_columns(placed=_placed("app_version", apps["app_version"]))
            .sort("app")
            .group_by("capture")
            .agg(
                pl.concat_str("app", "app_version", separator=" ").str.join(", ").alias("stratum"),
                pl.col("placed").all(),
            )
        )
        joined = self._units.select("capture", version="os_version").join(named, on="capture", how="left")
        return joined.filter(pl.col("placed").fill_null(value=True)).select(
            "capture", "version", pl.col("stratum").fill_null("")
        )


def _placed(column: str, versions: pl.Series) -> pl.Expr:
    return pl.col(column).is_in([version for version in versions.unique() if has_place(version)])


def checked(changes: pl.DataFrame, strata: Strata) -> pl.DataFrame:
    """Return the comparisons, clear ones only where they are not those of the other of app and system.

    What captures do not show within versions of the other, and not for want of captures (`ALPHA`), is ``unclear``, with
    ``within``, if the same is told of the other and not lost as well: something has changed. Else it is marked
    (``app_or_os``), as is what too few captures show within versions of the other, where the same is told of that.
    """
    clear = changes["verdict"].is_in([WORSE, BETTER])
    rows = changes.filter(clear).to_dicts()
    found = [strata.of(row) for row in rows]
    lost = [not one.holds and one.less < ALPHA for one in found]
    kept = {_event(row) for row, none in zip(rows, lost, strict=True) if not none}
    of_other = [_event(row, other=True) in kept for row in rows]
    gone = [none and other for none, other in zip(lost, of_other, strict=True)]
    mixed = [not one.holds and none != other for one, none, other in zip(found, lost, of_other, strict=True)]
    own = pl.DataFrame(
        {"_place": clear.arg_true(), "_gone": gone, "_p": [one.p for one in found], "_mixed": mixed},
        schema={"_place": pl.UInt32(), "_gone": pl.Boolean(), "_p": pl.Float64(), "_mixed": pl.Boolean()},
    )
    joined = changes.with_row_index("_place").join(own, on="_place", how="left", maintain_order="left")
    unclear = pl.col("_gone").fill_null(value=False)
    return joined.with_columns(
        verdict=pl.when(unclear).then(pl.lit(UNCLEAR)).otherwise("verdict"),
        within=pl.when(unclear).then("_p"),
        app_or_os=pl.col("_mixed").fill_null(value=False),
    ).select(changes.columns)


def _event(row: Mapping[str, Any], *, other: bool = False) -> tuple[str, str, bool]:
    """Return what a comparison says, and whether of an app; or the same of the other of app and system."""
    return row["rule"], row["verdict"], (row["app"] is not None) != other
