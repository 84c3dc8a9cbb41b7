"""Route changes: one row per change and app, whoever else was told of it."""

from typing import Final

import polars as pl

from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

ECHO_NS: Final = 3 * NS // 10
"""The audio server tells all clients of one change within this time (heuristic; 16 ms on a real iOS 14/15 device)."""

_NO_CHANGE: Final = ("routes_available",)
_INPUT: Final = "cs-route-input"
"""Beside a line about the output, one about the input tells nothing of where the audio goes."""
_TOLD: Final = ("session_id", "reason")


def build(context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``route_changes``: windows without length, at the first line that tells of the change.

    A change that only daemons tell of has no app. Daemons' lines are evidence of the apps' changes too.
    """
    if not context.tells("audio_session.route_changed"):
        return empty_table("route_changes")
    before = pl.col("route").forward_fill().shift(1).over("signal")
    route_told = pl.col("route").is_not_null()
    outputs = route_told & (pl.col("signal") != _INPUT)
    routes = [
        pl.when(outputs.any())
        .then(pl.col(name).filter(outputs).first())
        .otherwise(pl.col(name).filter(route_told).first())
        .alias(name)
        for name in ("route", "previous_route")
    ]
    apps = context.processes.filter(pl.col("is_app")).select("owner", pl.lit(value=True).alias("is_app"))
    events = (
        context.of_kind("audio_session.route_changed")
        .filter(~pl.col("reason").is_in(_NO_CHANGE).fill_null(value=False))
        # Lines of callservicesd name the new route alone: it was the one before that the last such line named.
        .with_columns(pl.coalesce("previous_route", pl.when(route_told).then(before)).alias("previous_route"))
        .with_columns((pl.col("t").diff() > ECHO_NS).fill_null(value=True).cum_sum().alias("change"))
        .join(apps, on="owner", how="left", maintain_order="left")
    )
    client = pl.when("is_app").then(pl.col("owner"))
    changes = events.group_by("change", maintain_order=True).agg(
        pl.col("t").first().alias("start"),
        pl.col("ref").filter(pl.col("is_app").is_null()).alias("others"),
        *(pl.col(name).drop_nulls().first().alias(f"any_{name}") for name in _TOLD),
        *(one.name.prefix("any_") for one in routes),
        client.drop_nulls().unique().sort().alias("client"),
    )
    nobody = pl.lit([None], dtype=pl.List(pl.Int64))
    changes = changes.with_columns(
        pl.when(pl.col("client").list.len() == 0).then(nobody).otherwise(pl.col("client")).alias("client")
    )
    mine = events.group_by("change", client.alias("client"), maintain_order=True).agg(
        pl.col("ref").alias("own"),
        pl.col("app").first(),
        pl.col("name").first().alias("process"),
        pl.col("owner_pid").first().alias("pid"),
        *(pl.col(name).drop_nulls().first() for name in _TOLD),
        *routes,
    )
    rows = (
        changes.explode("client")
        .join(mine.filter(pl.col("client").is_not_null()), on=["change", "client"], how="left", maintain_order="left")
        .with_columns(
            pl.col("start").alias("end"),
            pl.lit("observed").alias("start_how"),
            pl.lit("observed").alias("end_how"),
            pl.concat_list(pl.col("own").fill_null([]), "others").alias("evidence"),
            *(pl.coalesce(name, f"any_{name}").alias(name) for name in _TOLD),
            # Both ends of a move come from one line.
            *(
                pl.when(route_told).then(pl.col(name)).otherwise(pl.col(f"any_{name}")).alias(name)
                for name in ("route", "previous_route")
            ),
        )
    )
    return table("route_changes", rows.with_columns(relations.in_call(rows)))
