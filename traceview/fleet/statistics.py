"""What a fleet says: how often, on which OS and app version, and what got worse.

A finding only counts against captures in which its rule could be evaluated: elsewhere its absence proves nothing.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

NORMAL_95: Final = 1.959963984540054
"""Quantile of the normal distribution for a 95 % interval."""

CONTINUITY: Final = 0.5
"""Added to both counts when one is zero (Haldane, 1956; Anscombe, 1956), so that the ratio stays finite."""


@dataclass(frozen=True, slots=True)
class RateRatio:
    """How a rate compares with another.

    Attributes:
        ratio: New rate over old rate.
        low: Lower end of the 95 % interval.
        high: Upper end.
        p: Two-sided probability of a ratio at least that far from 1 if nothing had changed.
    """

    ratio: float
    low: float
    high: float
    p: float


def rate_ratio(events: float, exposure: float, base_events: float, base_exposure: float) -> RateRatio | None:
    """Compare two Poisson rates by the normal approximation of the log ratio (Rothman, Epidemiology).

    Returns None where an exposure is zero or nothing happened on either side.
    """
    if exposure <= 0 or base_exposure <= 0 or (events == 0 and base_events == 0):
        return None
    shift = CONTINUITY if 0 in (events, base_events) else 0.0
    a, b = events + shift, base_events + shift
    log_ratio = math.log((a / exposure) / (b / base_exposure))
    error = math.sqrt(1 / a + 1 / b)
    p = math.erfc(abs(log_ratio) / error / math.sqrt(2))
    margin = NORMAL_95 * error
    return RateRatio(math.exp(log_ratio), math.exp(log_ratio - margin), math.exp(log_ratio + margin), p)


def adjusted(p_values: list[float]) -> list[float]:
    """Return p values corrected for many comparisons (Benjamini and Hochberg, 1995), in the given order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    corrected = [1.0] * len(p_values)
    smallest = 1.0
    for rank_from_top, index in enumerate(order):
        rank = len(p_values) - rank_from_top
        smallest = min(smallest, p_values[index] * len(p_values) / rank)
        corrected[index] = smallest
    return corrected


def rates(
    findings: pl.DataFrame, captures: pl.DataFrame, exposure: pl.DataFrame, silent: pl.DataFrame, by: str
) -> pl.DataFrame:
    """Return how often each rule found something, for each value of `by`.

    Args:
        findings: Table ``findings``.
        captures: Table ``captures``.
        exposure: Table ``exposure``.
        silent: Table ``rules_not_evaluated``.
        by: ``os_version``, ``model`` or ``app_version``.

    Returns:
        Columns ``rule``, ``severity`` (worst), `by`, ``findings``, ``captures_hit``, ``captures`` (in which the rule
        could be evaluated), ``calls`` and ``background_h`` of these, ``per_1000_calls``, ``per_background_h``.
    """
    # The unit is (capture, app): one device may run several versions of nothing, but several apps.
    units = exposure.join(captures.select("capture", "os_version", "model"), on="capture", how="left")
    units = units.with_columns(pl.col(by).fill_null("unknown"))
    rules = findings.select("rule").unique()
    seen = units.join(rules, how="cross").join(silent, on=["capture", "rule"], how="anti")
    counts = findings.group_by("capture", "app", "rule").agg(pl.len().alias("findings"))
    joined = seen.join(counts, on=["capture", "app", "rule"], how="left").with_columns(pl.col("findings").fill_null(0))
    table = joined.group_by("rule", by).agg(
        pl.col("findings").sum().cast(pl.Int64),
        pl.col("capture").filter(pl.col("findings") > 0).n_unique().cast(pl.Int64).alias("captures_hit"),
        pl.col("capture").n_unique().cast(pl.Int64).alias("captures"),
        pl.col("calls").sum(),
        (pl.col("background_s").sum() / 3600).alias("background_h"),
    )
    severity = findings.with_columns(_severity_rank().alias("rank")).sort("rank", descending=True)
    worst = severity.group_by("rule", maintain_order=True).agg(pl.col("severity").first())
    return (
        table.join(worst, on="rule", how="left")
        .with_columns(
            pl.when(pl.col("calls") > 0).then(1000 * pl.col("findings") / pl.col("calls")).alias("per_1000_calls"),
            pl.when(pl.col("background_h") > 0)
            .then(pl.col("findings") / pl.col("background_h"))
            .alias("per_background_h"),
        )
        .select(
            *("rule", "severity", by, "findings", "captures_hit", "captures", "calls", "background_h"),
            *("per_1000_calls", "per_background_h"),
        )
        .sort("rule", by)
    )


def changes(table: pl.DataFrame, by: str, order: list[str]) -> pl.DataFrame:
    """Compare each value of `by` with the one before it in `order`: what got worse.

    The rate is captures with the finding over captures in which its rule could be evaluated.

    Returns:
        Columns ``rule``, ``severity``, ``before``, ``after``, ``rate_before``, ``rate_after``, ``ratio``, ``low``,
        ``high``, ``p_adjusted``; most significant worsening first.
    """
    rows = []
    by_key = {(row["rule"], row[by]): row for row in table.iter_rows(named=True)}
    for rule in dict.fromkeys(table["rule"].to_list()):
        for before, after in pairwise(order):
            old, new = by_key.get((rule, before)), by_key.get((rule, after))
            if old is None or new is None:
                continue
            ratio = rate_ratio(new["captures_hit"], new["captures"], old["captures_hit"], old["captures"])
            if ratio is not None:
                rows.append(
                    {
                        "rule": rule,
                        "severity": new["severity"],
                        "before": before,
                        "after": after,
                        "rate_before": old["captures_hit"] / old["captures"],
                        "rate_after": new["captures_hit"] / new["captures"],
                        "ratio": ratio.ratio,
                        "low": ratio.low,
                        "high": ratio.high,
                        "p": ratio.p,
                    }
                )
    p_values = adjusted([float(str(row["p"])) for row in rows])
    frame = pl.DataFrame(rows, schema=_CHANGES | {"p": pl.Float64()})
    return (
        frame.with_columns(pl.Series("p_adjusted", p_values, pl.Float64()))
        .drop("p")
        .sort("p_adjusted", "ratio", descending=[False, True])
    )


_CHANGES: Final = {
    "rule": pl.String(),
    "severity": pl.String(),
    "before": pl.String(),
    "after": pl.String(),
    "rate_before": pl.Float64(),
    "rate_after": pl.Float64(),
    "ratio": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
}


def open_first(findings: pl.DataFrame, captures: pl.DataFrame, limit: int = 20) -> pl.DataFrame:
    """Return the captures worth opening first: worst severity, then number of findings.

    Columns ``capture``, ``path``, ``name``, ``os_version``, ``worst``, ``findings``, ``rules`` (list).
    """
    ranked = findings.with_columns(_severity_rank().alias("rank")).filter(pl.col("rank") > 0)
    best = ranked.sort("rank", descending=True).group_by("capture", maintain_order=True)
    scored = best.agg(
        pl.col("severity").first().alias("worst"),
        pl.col("rank").first(),
        pl.len().cast(pl.Int64).alias("findings"),
        pl.col("rule").unique(maintain_order=True).alias("rules"),
    )
    return (
        scored.join(captures.select("capture", "path", "name", "os_version"), on="capture", how="left")
        .sort("rank", "findings", "name", descending=[True, True, False])
        .head(limit)
        .select("capture", "path", "name", "os_version", "worst", "findings", "rules")
    )


def version_order(versions: list[str]) -> list[str]:
    """Sort version texts by their numbers: ``9.3`` before ``15.0.2`` before ``26``; ``unknown`` is left out."""

    def numbers(version: str) -> list[tuple[int, str]]:
        parts = version.replace("-", ".").split(".")
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted((version for version in set(versions) if version != "unknown"), key=numbers)


def _severity_rank() -> pl.Expr:
    return pl.col("severity").replace_strict({"info": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}, default=0)
