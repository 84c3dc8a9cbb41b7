"""What a fleet says: how often, on which OS and app version, what got worse, which captures to open first.

A finding only counts against captures in which its rule could be evaluated: elsewhere its absence proves nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct

from traceview.app_versions import is_several
from traceview.fleet.comparisons import by_interest, changes, is_version
from traceview.fleet.contents import Contents
from traceview.fleet.order import SEVERAL, UNKNOWN, has_place, one_spelling, severity_rank, version_key
from traceview.fleet.releases import release_names, systems
from traceview.fleet.strata import Strata, checked
from traceview.fleet.tables import ACCEPTED

UNIT: Final = {"calls": pl.Int64(), "background_s": pl.Float64()}
USUAL: Final = 10
"""What one capture counts at most where versions are compared by what was watched, in medians of its version (heuristic)."""
_PER_CALL, _PER_HOUR = "V", "B"
"""Families of the catalogue: rules about calls, and about what an app does in the background."""
_NOT_PER_CALL: Final = ("V03", "V09", "V10", "V11")
"""Rules of the first about pushes, and about sessions without a call."""


def capture_units(captures: pl.DataFrame, exposure: pl.DataFrame) -> pl.DataFrame:
    """Return one row a capture that counts: ``capture``, ``system``, ``os_version``, ``model``, ``calls``, ``background_s``.

    Calls and background time are those of all third-party apps, or of those that were asked for. A capture that shows
    none of the apps asked for does not count: that nothing was found there says nothing about them.
    """
    spent = exposure.group_by("capture").agg(
        pl.col("seen").any(), pl.col("calls", "background_s").filter(~_apple()).sum()
    )
    return (
        captures.join(spent, on="capture", how="left", maintain_order="left")
        .filter(pl.col("seen").fill_null(value=True))
        .join(systems(captures), on="capture", maintain_order="left")
        .select(
            *("capture", "system", pl.col("os_version_right").alias("os_version")),
            pl.col("model").fill_null(UNKNOWN),
            *(pl.col(name).cast(kind).fill_null(0) for name, kind in UNIT.items()),
        )
    )


def app_units(findings: pl.DataFrame, exposure: pl.DataFrame) -> pl.DataFrame:
    """Return one row a capture and app: ``capture``, ``app``, ``app_version``, ``calls``, ``background_s``.

    Apps are those with a finding or a call anywhere in the fleet. A version that captures spell in several ways (``5.3``,
    ``5.3.0``) has one spelling; that of captures which reach over an update is ``several``.
    """
    called = exposure.filter((pl.col("calls") > 0) & ~_apple())["app"]
    apps = pl.concat([findings["app"], called]).drop_nulls().unique()
    pairs = pl.concat(
        [
            exposure.filter(pl.col("app").is_in(apps.implode()) & pl.col("seen")).select("capture", "app"),
            findings.drop_nulls("app").select("capture", "app"),
        ]
    ).unique()
    return (
        pairs.join(exposure, on=["capture", "app"], how="left")
        .join(_spelled(exposure), on=["app", "app_version"], how="left")
        .select(
            "capture",
            "app",
            pl.col("spelled").fill_null(UNKNOWN).alias("app_version"),
            *(pl.col(name).fill_null(0) for name in UNIT),
        )
    )


def _spelled(exposure: pl.DataFrame) -> pl.DataFrame:
    """Return how each version of each app is spelled: ``app``, ``app_version``, ``spelled``."""
    told = exposure.drop_nulls("app_version").select("app", "app_version").unique()
    rows = [
        (app, version, SEVERAL if is_several(version) else shown)
        for (app,), own in told.group_by("app")
        for version, shown in one_spelling(own["app_version"].to_list()).items()
    ]
    schema = {"app": pl.String, "app_version": pl.String, "spelled": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _apple() -> pl.Expr:
    return pl.col("app").str.starts_with("com.apple.")


def rates(
    findings: pl.DataFrame,
    units: pl.DataFrame,
    silent: pl.DataFrame,
    by: Sequence[str] = (),
    accepted: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return how often each rule with a finding found something, for each value of `by`.

    Args:
        findings: Table ``findings``; at least ``capture``, ``rule``, ``app``, ``severity``.
        units: `capture_units` or `app_units`; with the column ``app``, findings count for their own app only.
        silent: Table ``rules_not_evaluated``.
        by: Columns of `units`; none: the whole fleet.
        accepted: Table ``findings_accepted``; it does not say of which app a finding is, so it counts for all of them.

    Returns:
        Columns ``rule``, ``severity`` (worst in the fleet), those of `by`, ``findings``, ``captures_hit``, ``captures``
        (in which the rule could be evaluated), ``not_evaluated``, ``calls`` and ``background_h`` of these captures,
        ``share`` (0 to 1), ``per_1000_calls``, ``per_background_h``; null where there is nothing to divide by;
        ``accepted``: captures that count as not hit, in which the configuration accepts findings of the rule; and
        ``calls_capped`` and ``background_h_capped``, of which no capture has more than `USUAL` medians of those that have any.
    """
    keys = ["capture", "app"] if "app" in units.columns else ["capture"]
    place, cell = list(by), ["rule", *by]
    rules = findings.select("rule").unique()
    grouped = units.with_columns(pl.lit(0).alias("_all"))
    grouped = grouped.with_columns(_capped(name).over(["_all", *place]).alias(f"{name}_capped") for name in UNIT)
    amounts = [*UNIT, *(f"{name}_capped" for name in UNIT)]
    places = grouped.group_by(["_all", *place]).agg(
        pl.len().cast(pl.Int64).alias("units"), *(pl.col(name).sum() for name in amounts)
    )
    mute = silent.select("capture", "rule").unique().join(rules, on="rule", how="semi")
    muted = (
        mute.join(grouped, on="capture")
        .group_by(cell)
        .agg(
            pl.len().cast(pl.Int64).alias("not_evaluated"),
            *(pl.col(name).sum().alias(f"mute_{name}") for name in amounts),
        )
    )
    counts = findings.group_by([*keys, "rule"]).agg(pl.len().cast(pl.Int64).alias("findings"))
    known = counts.join(units, on=keys).join(mute, on=["capture", "rule"], how="anti")
    left_out = pl.DataFrame(schema=ACCEPTED) if accepted is None else accepted
    excused = (
        left_out.select("capture", "rule")
        .unique()
        .join(units, on="capture")
        .join(known, on=[*keys, "rule"], how="anti")
        .join(mute, on=["capture", "rule"], how="anti")
        .group_by(cell)
        .agg(pl.len().cast(pl.Int64).alias("accepted"))
    )
    found = known.group_by(cell).agg(pl.col("findings").sum(), pl.len().cast(pl.Int64).alias("captures_hit"))
    table = rules.join(places, how="cross")
    for counted in (found, muted, excused):
        table = table.join(counted, on=cell, how="left")
    return _divided(table.fill_null(0)).join(_worst(findings), on="rule", how="left").select(
        *("rule", "severity", *by, "findings", "captures_hit", "captures", "not_evaluated", "calls", "background_h"),
        *("share", "per_1000_calls", "per_background_h", "accepted", "calls_capped", "background_h_capped"),
    ).sort("rule", *by)  # fmt: skip


def _capped(name: str) -> pl.Expr:
    own = pl.col(name).cast(pl.Float64())
    return pl.min_horizontal(own, USUAL * own.filter(own > 0).median())


def _divided(table: pl.DataFrame) -> pl.DataFrame:
    def left(name: str) -> pl.Expr:
        return (pl.col(name) - pl.col(f"mute_{name}")).clip(0)

    table = table.with_columns(
        (pl.col("units") - pl.col("not_evaluated")).alias("captures"),
        *(left(name) for name in ("calls", "calls_capped")),
        *((left(name) / 3600).alias(name.replace("_s", "_h", 1)) for name in ("background_s", "background_s_capped")),
    )

    def per(amount: str, base: str) -> pl.Expr:
        # A millisecond of background time is what is left of sums that cancel, no exposure.
        return pl.when((pl.col("captures") > 0) & (pl.col(base) > 1e-6)).then(pl.col(amount) / pl.col(base))

    return table.with_columns(
        per("captures_hit", "captures").alias("share"),
        (1000 * per("findings", "calls")).alias("per_1000_calls"),
        per("findings", "background_h").alias("per_background_h"),
    )


def _worst(findings: pl.DataFrame) -> pl.DataFrame:
    ranked = findings.with_columns(severity_rank().alias("rank")).sort("rank", descending=True)
    return ranked.group_by("rule", maintain_order=True).agg(pl.col("severity").first())


class FleetRates(Struct, frozen=True):
    """All rates of a fleet.

    Attributes:
        units: Of `capture_units`.
        apps: Of `app_units`.
        whole: Rates of the whole fleet.
        by_os: Rates by ``os_version``.
        by_app: Rates by ``app`` and ``app_version``.
        findings: Table ``findings``.
        silent: Table ``rules_not_evaluated``.
        systems: Names of systems that captures tell.
        releases: How versions of the system are named to people, with their builds, where these are known.
        measures: What captures were watched for that counts for a rule, of rules that count by one measure alone.
    """

    units: pl.DataFrame
    apps: pl.DataFrame
    whole: pl.DataFrame
    by_os: pl.DataFrame
    by_app: pl.DataFrame
    findings: pl.DataFrame
    silent: pl.DataFrame
    systems: Sequence[str]
    releases: Mapping[str, str]
    measures: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, contents: Contents) -> Self:
        """Compute them."""
        found, silent = contents.findings, contents.silent
        units = capture_units(contents.captures, contents.exposure)
        apps = app_units(found, contents.exposure)
        return cls(
            units=units,
            apps=apps,
            whole=rates(found, units, silent),
            by_os=rates(found, units, silent, ["system", "os_version"], contents.accepted),
            by_app=rates(found, apps, silent, ["app", "app_version"], contents.accepted),
            findings=found,
            silent=silent,
            systems=contents.captures["os_name"].drop_nulls().unique().sort().to_list(),
            releases=release_names(contents.captures),
            measures=_measures(found),
        )

    def rules(self) -> list[str]:
        """Return the rules with findings: worst severity first, then by the share of captures."""
        order = [severity_rank(), pl.col("share").fill_null(-1), pl.col("rule")]
        return self.whole.sort(order, descending=[True, True, False])["rule"].to_list()

    def changes(self, base: str | None = None) -> pl.DataFrame:
        """Return all comparisons of versions, what is clearest first; `base` as in `traceview.fleet.comparisons.changes`."""
        base = None if base is None else self._version(base)
        found = changes((self.by_os, "os_version"), (self.by_app, "app_version"), measures=self.measures, base=base)
        return by_interest(checked(found, Strata(self.units, self.apps, self.findings, self.silent)))

    def has_version(self, version: str) -> bool:
        """Tell whether an app or the system has this version, so that others can be compared with it."""
        return any(is_version(row, by, self._version(version)) for row, by in self._placed())

    def has_later(self, version: str) -> bool:
        """Tell whether something that has this version has a later one, too."""
        base = self._version(version)
        own: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for row, by in self._placed():
            own.setdefault((by, row.get("app") or row.get("system") or ""), []).append(row)
        return any(
            is_version(row, by, base)
            for (by, _), rows in own.items()
            for row in sorted(rows, key=lambda one: version_key(one[by]))[:-1]
        )

    def _placed(self) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Yield versions of the system and of apps that have a place in order, each with its column."""
        for table, by in ((self.by_os, "os_version"), (self.by_app, "app_version")):
            keys = [name for name in ("app", "system") if name in table.columns]
            yield from ((row, by) for row in table.unique([*keys, by]).iter_rows(named=True) if has_place(row[by]))

    def _version(self, shown: str) -> str:
        """Return the version of the system that the page shows like this: ``18.5 (22F76)``, ``iOS 18.5``; else the same text."""
        only = f"{self.systems[0]} " if len(self.systems) == 1 else ""
        plain = shown.removeprefix(only)
        return next((version for version, name in self.releases.items() if name == plain), plain)


def _measures(findings: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return by what rules count that belong to one family of the catalogue: those about calls by calls (heuristic)."""
    known = findings.drop_nulls("number").group_by("rule").agg(pl.col("number").unique())
    found: dict[str, tuple[str, ...]] = {}
    for rule, numbers in known.iter_rows():
        families = {number[:1] for number in numbers}
        if families == {_PER_CALL} and not {*numbers} & {*_NOT_PER_CALL}:
            found[rule] = ("calls",)
        elif families == {_PER_HOUR}:
            found[rule] = ("background_h",)
    return found


def ranked_captures(findings: pl.DataFrame, captures: pl.DataFrame) -> pl.DataFrame:
    """Return all captures, those to open first at the top: worst severity, then number of findings, then name.

    Columns of `captures` and ``worst`` (null without a finding), ``findings``, ``rules`` (list, worst first).
    """
    best = findings.with_columns(severity_rank().alias("rank")).sort("rank", "rule", descending=[True, False])
    scored = best.group_by("capture", maintain_order=True).agg(
        pl.col("severity").first().alias("worst"),
        pl.col("rank").first(),
        pl.len().cast(pl.Int64).alias("findings"),
        pl.col("rule").unique(maintain_order=True).alias("rules"),
    )
    return (
        captures.join(scored, on="capture", how="left")
        .with_columns(
            pl.col("rank").fill_null(-1),
            pl.col("findings").fill_null(0),
            pl.col("rules").fill_null(pl.lit([], dtype=pl.List(pl.String()))),
        )
        .sort("rank", "findings", "name", "capture", descending=[True, True, False, False])
        .drop("rank")
    )
