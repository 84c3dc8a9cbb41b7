"""What a fleet says: how often, on which OS and app version, what got worse, which captures to open first.

A finding only counts against captures in which its rule could be evaluated: elsewhere its absence proves nothing.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct

from traceview.fleet.contents import Contents
from traceview.fleet.releases import ALONE, release_names
from traceview.fleet.statistics import ALPHA, Side, adjusted, compare, could_tell, explained
from traceview.rules.registry import Severity

UNKNOWN: Final = "unknown"
UNIT: Final = {"calls": pl.Int64(), "background_s": pl.Float64()}
WORSE, BETTER, UNCLEAR, TOO_FEW = "worse", "better", "unclear", "too few"
VERDICTS: Final = (WORSE, BETTER, UNCLEAR, TOO_FEW)
"""What a comparison says, in the order of interest."""


def capture_units(captures: pl.DataFrame, exposure: pl.DataFrame) -> pl.DataFrame:
    """Return one row a capture that counts: ``capture``, ``os_version``, ``model``, ``calls``, ``background_s``.

    Calls and background time are those of all third-party apps, or of those that were asked for. A capture that shows
    none of the apps asked for does not count: that nothing was found there says nothing about them.
    """
    spent = exposure.group_by("capture").agg(
        pl.col("seen").any(), pl.col("calls", "background_s").filter(~_apple()).sum()
    )
    return (
        captures.join(spent, on="capture", how="left", maintain_order="left")
        .filter(pl.col("seen").fill_null(value=True))
        .select(
            "capture",
            system_version(),
            pl.col("model").fill_null(UNKNOWN),
            *(pl.col(name).cast(kind).fill_null(0) for name, kind in UNIT.items()),
        )
    )


def system_version() -> pl.Expr:
    """Return column ``os_version``: the version, else the build, else unknown."""
    return pl.coalesce("os_version", pl.format(f"{ALONE}{{}}", "os_build"), pl.lit(UNKNOWN)).alias("os_version")


def app_units(findings: pl.DataFrame, exposure: pl.DataFrame) -> pl.DataFrame:
    """Return one row a capture and app: ``capture``, ``app``, ``app_version``, ``calls``, ``background_s``.

    Apps are those with a finding or a call anywhere in the fleet.
    """
    called = exposure.filter((pl.col("calls") > 0) & ~_apple())["app"]
    apps = pl.concat([findings["app"], called]).drop_nulls().unique()
    pairs = pl.concat(
        [
            exposure.filter(pl.col("app").is_in(apps.implode()) & pl.col("seen")).select("capture", "app"),
            findings.drop_nulls("app").select("capture", "app"),
        ]
    ).unique()
    return pairs.join(exposure, on=["capture", "app"], how="left").select(
        "capture",
        "app",
        pl.col("app_version").fill_null(UNKNOWN),
        *(pl.col(name).fill_null(0) for name in UNIT),
    )


def _apple() -> pl.Expr:
    return pl.col("app").str.starts_with("com.apple.")


def rates(findings: pl.DataFrame, units: pl.DataFrame, silent: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Return how often each rule with a finding found something, for each value of `by`.

    Args:
        findings: Table ``findings``; at least ``capture``, ``rule``, ``app``, ``severity``.
        units: `capture_units` or `app_units`; with the column ``app``, findings count for their own app only.
        silent: Table ``rules_not_evaluated``.
        by: Columns of `units`; none: the whole fleet.

    Returns:
        Columns ``rule``, ``severity`` (worst in the fleet), those of `by`, ``findings``, ``captures_hit``, ``captures``
        (in which the rule could be evaluated), ``not_evaluated``, ``calls`` and ``background_h`` of these captures,
        ``share`` (0 to 1), ``per_1000_calls``, ``per_background_h``; null where there is nothing to divide by.
    """
    keys = ["capture", "app"] if "app" in units.columns else ["capture"]
    place, cell = list(by), ["rule", *by]
    rules = findings.select("rule").unique()
    grouped = units.with_columns(pl.lit(0).alias("_all"))
    places = grouped.group_by(["_all", *place]).agg(
        pl.len().cast(pl.Int64).alias("units"), *(pl.col(name).sum() for name in UNIT)
    )
    mute = silent.select("capture", "rule").unique().join(rules, on="rule", how="semi")
    muted = (
        mute.join(units, on="capture")
        .group_by(cell)
        .agg(
            pl.len().cast(pl.Int64).alias("not_evaluated"), *(pl.col(name).sum().alias(f"mute_{name}") for name in UNIT)
        )
    )
    counts = findings.group_by([*keys, "rule"]).agg(pl.len().cast(pl.Int64).alias("findings"))
    found = (
        counts.join(units, on=keys)
        .join(mute, on=["capture", "rule"], how="anti")
        .group_by(cell)
        .agg(pl.col("findings").sum(), pl.len().cast(pl.Int64).alias("captures_hit"))
    )
    table = rules.join(places, how="cross").join(found, on=cell, how="left").join(muted, on=cell, how="left")
    return _divided(table.fill_null(0)).join(_worst(findings), on="rule", how="left").select(
        *("rule", "severity", *by, "findings", "captures_hit", "captures", "not_evaluated", "calls", "background_h"),
        *("share", "per_1000_calls", "per_background_h"),
    ).sort("rule", *by)  # fmt: skip


def _divided(table: pl.DataFrame) -> pl.DataFrame:
    table = table.with_columns(
        (pl.col("units") - pl.col("not_evaluated")).alias("captures"),
        (pl.col("calls") - pl.col("mute_calls")).alias("calls"),
        ((pl.col("background_s") - pl.col("mute_background_s")).clip(0) / 3600).alias("background_h"),
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
        silent: Table ``rules_not_evaluated``.
        releases: How versions of the system are named to people, with their builds, where these are known.
    """

    units: pl.DataFrame
    apps: pl.DataFrame
    whole: pl.DataFrame
    by_os: pl.DataFrame
    by_app: pl.DataFrame
    silent: pl.DataFrame
    releases: Mapping[str, str]

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
            by_os=rates(found, units, silent, ["os_version"]),
            by_app=rates(found, apps, silent, ["app", "app_version"]),
            silent=silent,
            releases=release_names(contents.captures),
        )

    def rules(self) -> list[str]:
        """Return the rules with findings: worst severity first, then by the share of captures."""
        order = [severity_rank(), pl.col("share").fill_null(-1), pl.col("rule")]
        return self.whole.sort(order, descending=[True, True, False])["rule"].to_list()

    def changes(self) -> pl.DataFrame:
        """Return all comparisons of a version with the one before, what is clearest first."""
        found = changes((self.by_os, "os_version"), (self.by_app, "app_version"))
        return found.with_columns(pl.Series("app_or_os", self._mixed(found.to_dicts()), dtype=pl.Boolean()))

    def _mixed(self, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Return for each comparison whether the same change is told of an app and of the system, and cannot be told apart."""
        marked = [False] * len(rows)
        clear = [(index, row) for index, row in enumerate(rows) if row["verdict"] in (WORSE, BETTER)]
        for one, app in clear:
            for other, system in clear:
                alike = all(app[name] == system[name] for name in ("rule", "verdict"))
                if app["app"] and not system["app"] and alike and self._inseparable(app, system):
                    marked[one] = marked[other] = True
        return marked

    def _inseparable(self, app: Mapping[str, Any], system: Mapping[str, Any]) -> bool:
        """Return whether the captures that differ in the app differ in the system, and too few differ in one alone."""
        own = self.apps.filter(pl.col("app") == app["app"]).join(
            self.units.select("capture", "os_version"), on="capture"
        )
        known = own.join(self.silent.filter(pl.col("rule") == app["rule"]), on="capture", how="anti")
        counts = {
            (release, version): count
            for release, version, count in known.group_by("app_version", "os_version").len().iter_rows()
        }

        def told(after: tuple[str, str], before: tuple[str, str], change: Mapping[str, Any]) -> bool:
            was, now = (change[f"hit_{one}"] / change[f"captures_{one}"] for one in ("before", "after"))
            return could_tell(counts.get(after, 0), now, counts.get(before, 0), was)

        old, new, before, after = app["before"], app["after"], system["before"], system["after"]
        told_apart = any(told((new, one), (old, one), app) for one in {version for _, version in counts}) or any(
            told((one, after), (one, before), system) for one in {release for release, _ in counts}
        )
        return told((new, after), (old, before), app) and not told_apart


CHANGES: Final = {
    "rule": pl.String(),
    "severity": pl.String(),
    "app": pl.String(),  # null for OS versions
    "before": pl.String(),
    "after": pl.String(),
    "hit_before": pl.Int64(),
    "captures_before": pl.Int64(),
    "hit_after": pl.Int64(),
    "captures_after": pl.Int64(),
    "ratio": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "p": pl.Float64(),
    "p_adjusted": pl.Float64(),
    "verdict": pl.String(),
    "findings_before": pl.Int64(),
    "findings_after": pl.Int64(),
    "calls_before": pl.Int64(),
    "calls_after": pl.Int64(),
    "background_h_before": pl.Float64(),
    "background_h_after": pl.Float64(),
    "watched": pl.Float64(),  # times as much a capture with the larger share was watched, where that explains it
    "watched_by": pl.String(),  # calls, background_h
    "app_or_os": pl.Boolean(),  # told of an app and of the system by the same captures
}
"""Columns of `changes`."""
_SEEN: Final = ("findings", "calls", "background_h")


def changes(*tables: tuple[pl.DataFrame, str]) -> pl.DataFrame:
    """Compare each version with the one before it: what got worse, or better.

    Args:
        tables: Each of `rates` by ``os_version``, or by ``app`` and ``app_version``, with its column of versions.

    Returns:
        `CHANGES`, worsenings first. The probability is corrected over all comparisons of all tables whose captures could
        tell at all (Tarone, Biometrics 1990, is the reason to leave the others out); for these the verdict is
        ``too few``, and ``p_adjusted`` is null. A change that captures which were watched longer could explain is
        ``unclear``, with ``watched`` (`traceview.fleet.statistics.explained`).
    """
    rows = [row for table, by in tables for versions in _by_rule(table, by) for row in _compared(versions, by)]
    able = [row for row in rows if row["verdict"] != TOO_FEW]
    for row, p in zip(able, adjusted([row["p"] for row in able]), strict=True):
        row["p_adjusted"] = p
        if p < ALPHA:
            row["watched"], row["watched_by"] = _watched(row)
            if row["watched"] is None:
                row["verdict"] = WORSE if _rose(row) else BETTER
    return by_interest(pl.DataFrame(rows, schema=CHANGES))


def _rose(row: Mapping[str, Any]) -> bool:
    return bool(row["hit_after"] * row["captures_before"] > row["hit_before"] * row["captures_after"])


def _watched(row: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """Return the smallest factor of what was watched, and of what, where each that is known explains the larger share."""
    more, fewer = ("after", "before") if _rose(row) else ("before", "after")
    found: list[tuple[float, str]] = []
    for name in ("calls", "background_h"):
        if not row[f"{name}_{more}"] and not row[f"{name}_{fewer}"]:
            continue
        sides = [Side(row[f"hit_{one}"], row[f"captures_{one}"], row[f"{name}_{one}"]) for one in (more, fewer)]
        factor = explained(*sides)
        if factor is None:
            return None, None
        found.append((factor, name))
    return min(found, key=itemgetter(0), default=(None, None))


def by_interest(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort comparisons: worse, better, unclear, too few; what matters most first, or what is least like chance."""
    order = pl.col("verdict").replace_strict(list(VERDICTS), list(range(len(VERDICTS))), return_dtype=pl.Int64)
    clear = pl.col("verdict").is_in([WORSE, BETTER])
    rank = pl.when(clear).then(-severity_rank()).otherwise(0)
    ratio = pl.when(pl.col("hit_before") == 0).then(math.inf).otherwise(pl.col("ratio").fill_null(0.0))
    return frame.sort(order, rank, "p", -ratio, "rule", "app", "after", nulls_last=True)


def _by_rule(table: pl.DataFrame, by: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each rule (and app) by version; versions without a name or a capture have no place in order."""
    known = table.filter((pl.col(by) != UNKNOWN) & ~pl.col(by).str.starts_with(ALONE) & (pl.col("captures") > 0)).sort(
        "rule"
    )
    keys = ["rule", *(["app"] if "app" in table.columns else [])]
    for _, group in known.group_by(keys, maintain_order=True):
        yield sorted(group.to_dicts(), key=lambda row: version_key(row[by]))


def _compared(versions: list[dict[str, Any]], by: str) -> Iterator[dict[str, Any]]:
    for old, new in pairwise(versions):
        found = compare(new["captures_hit"], new["captures"], old["captures_hit"], old["captures"])
        if found is not None:
            yield {
                "rule": new["rule"],
                "severity": new["severity"],
                "app": new.get("app"),
                "before": old[by],
                "after": new[by],
                "hit_before": old["captures_hit"],
                "captures_before": old["captures"],
                "hit_after": new["captures_hit"],
                "captures_after": new["captures"],
                "ratio": found.ratio,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "p_adjusted": None,
                "verdict": UNCLEAR if found.best_p < ALPHA else TOO_FEW,
                "app_or_os": False,
                **{f"{name}_before": old[name] for name in _SEEN},
                **{f"{name}_after": new[name] for name in _SEEN},
            }


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


_TOKEN: Final = re.compile(r"\d+|[^\W\d_]+")


def version_key(version: str) -> list[tuple[int, int, str]]:
    """Order versions by their numbers: ``9.3`` before ``15.0b2`` before ``15.0`` before ``15.0.2`` before ``26``."""
    tokens = [
        (2, int(token), "") if token.isdecimal() else (0, 0, token.casefold()) for token in _TOKEN.findall(version)
    ]
    return [*tokens, (1, 0, "")]


def version_order(versions: Sequence[str]) -> list[str]:
    """Return distinct versions in order; builds of no known version come after them, ``unknown`` last."""
    return sorted(set(versions), key=lambda one: (one == UNKNOWN, one.startswith(ALONE), version_key(one)))


def severity_rank() -> pl.Expr:
    """Rank of the column ``severity``, 0 (info) to 4 (critical); -1 for a severity of another version."""
    ranks = {severity.name: int(severity) for severity in Severity}
    return pl.col("severity").replace_strict(ranks, default=-1, return_dtype=pl.Int64)
