"""Interval algebra on half-open windows ``[start, end)``, vectorised.

All functions take and return frames with the columns ``key`` (any type: which process, session or app), ``start`` and
``end`` (Int64, nanoseconds, never null). Windows of different keys never meet. Windows without length are allowed.
"""

from typing import Final

import polars as pl

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""


def in_seconds(nanoseconds: pl.Expr) -> pl.Expr:
    """Expression: nanoseconds as seconds, correctly rounded (polars multiplies by the inexact 1e-9)."""
    return (nanoseconds / NS).round(9)


def merge(windows: pl.DataFrame) -> pl.DataFrame:
    """Return the union of the windows of each key: sorted by key and start, disjoint, not touching."""
    ordered = windows.select("key", "start", "end").sort("key", "start", "end")
    reach = pl.col("end").cum_max().shift(1).over("key")
    return (
        ordered.with_columns((reach.is_null() | (pl.col("start") > reach)).cum_sum().alias("island"))
        .group_by("island", maintain_order=True)
        .agg(pl.col("key").first(), pl.col("start").first(), pl.col("end").max())
        .drop("island")
    )


def clip(windows: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Cut the windows to ``[start, end)``; what lies outside disappears, except windows without length inside."""
    cut = windows.with_columns(pl.col("start").clip(start, end), pl.col("end").clip(start, end))
    inside = (windows["start"] <= end) & (windows["end"] >= start)
    had_length = windows["end"] > windows["start"]
    return cut.filter(inside & ((cut["end"] > cut["start"]) | ~had_length))


def gaps(windows: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Return, for each key that occurs, what its windows leave free of ``[start, end)``."""
    union = merge(clip(windows, start, end))
    keys = windows.select("key").unique()
    edges = pl.concat(
        [
            keys.select("key", pl.lit(start, pl.Int64).alias("start"), pl.lit(start, pl.Int64).alias("end")),
            union,
            keys.select("key", pl.lit(end, pl.Int64).alias("start"), pl.lit(end, pl.Int64).alias("end")),
        ]
    ).sort("key", "start", "end")
    return (
        edges.select(
            "key",
            pl.col("end").cum_max().over("key").alias("start"),
            pl.col("start").shift(-1).over("key").alias("end"),
        )
        .drop_nulls("end")
        .filter(pl.col("end") > pl.col("start"))
    )


def overlap_s(windows: pl.DataFrame, others: pl.DataFrame) -> pl.Series:
    """Return for each window the seconds that the union of ``others`` of the same key covers (order of ``windows``)."""
    if windows.is_empty() or others.is_empty():
        return pl.repeat(0.0, windows.height, eager=True, dtype=pl.Float64).alias("overlap_s")
    union = merge(others).with_columns(
        (pl.col("end") - pl.col("start")).cum_sum().over("key").alias("through"),
    )
    covered = _covered_until(windows, union, "end") - _covered_until(windows, union, "start")
    return covered.to_frame().select(in_seconds(pl.col("covered")).alias("overlap_s")).to_series()


def _covered_until(windows: pl.DataFrame, union: pl.DataFrame, edge: str) -> pl.Series:
    """Nanoseconds of ``union`` (disjoint, with running total ``through``) before the given edge of each window."""
    probe = windows.select("key", pl.col(edge).alias("t")).with_row_index("row").sort("t")
    found = probe.join_asof(union.sort("start"), left_on="t", right_on="start", by="key", check_sortedness=False)
    total = pl.col("through") - (pl.col("end") - pl.min_horizontal("t", "end"))
    return found.sort("row").select(total.fill_null(0).alias("covered")).to_series()


def window_at(points: pl.DataFrame, windows: pl.DataFrame, slack: int = 0) -> pl.DataFrame:
    """Find the window of the same key that holds each point.

    Args:
        points: Columns ``key`` and ``t`` (Int64, nanoseconds).
        windows: Columns ``key``, ``start``, ``end`` and any others; where several hold a point, the last begun wins.
        slack: Nanoseconds that a point may lie behind the end of its window.

    Returns:
        The points in their order with the columns of ``windows`` (null where no window holds the point).
    """
    probe = points.with_row_index("row").sort("t")
    found = probe.join_asof(
        windows.sort("start"), left_on="t", right_on="start", by="key", check_sortedness=False, coalesce=False
    )
    outside = pl.col("t") > pl.col("end") + slack
    extra = [name for name in windows.columns if name != "key"]
    return (
        found.with_columns(pl.when(outside).then(None).otherwise(pl.col(name)).alias(name) for name in extra)
        .sort("row")
        .drop("row")
    )
