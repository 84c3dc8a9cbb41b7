"""Assertions: what keeps a process running, from acquired to invalidated or expired."""

from typing import Final

import polars as pl

from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

_ENDS: Final = ("assertion.invalidated", "assertion.expired")
_PAUSED: Final = "suspended"
"""Reason of an assertion that is set aside while its process is suspended: it goes on existing."""


def build(context: Context) -> pl.DataFrame:
    """Return the table ``assertions``.

    Lines join by assertion id (``31-60-286``), else by name and process. Lines with neither are left out.
    """
    if not context.tells("assertion.acquired", *_ENDS):
        return empty_table("assertions")
    named = pl.col("assertion_name").is_not_null() & pl.col("owner").is_not_null()
    key = pl.coalesce(
        "assertion_id",
        pl.when(named).then(pl.concat_str(pl.col("owner").cast(pl.String()), pl.lit(" "), pl.col("assertion_name"))),
    )
    acquired = pl.col("kind") == "assertion.acquired"
    ends = pl.col("kind").is_in(_ENDS) & (pl.col("reason").fill_null("") != _PAUSED)
    events = (
        context.of_kind("assertion.acquired", *_ENDS)
        .with_columns(key.alias("key"), acquired.alias("acquired"), ends.alias("ends"))
        .filter(pl.col("key").is_not_null())
    )
    # A name can be taken again after it was given up; an id is never used twice.
    ended_before = pl.col("ends").cast(pl.Int32).cum_sum().shift(1, fill_value=0).over("boot", "key")
    again = pl.when(pl.col("assertion_id").is_null() & pl.col("acquired")).then(ended_before).forward_fill()
    events = events.with_columns(again.over("boot", "key").fill_null(0).alias("turn"))
    life = context.processes.select("owner", "process", "pid", left="end")
    first = [
        pl.col(name).drop_nulls().first()
        for name in ("owner", "app", "assertion_id", "originator", "originator_pid", "assertion_name", "domain")
    ]
    rows = (
        events.group_by("boot", "key", "turn", maintain_order=True)
        .agg(
            *first,
            pl.col("t").first().alias("first"),
            pl.col("t").filter("acquired").first().alias("acquired_at"),
            pl.col("t").filter("ends").first().alias("ended_at"),
            _end_reason().alias("end_reason"),
            pl.col("ref").alias("evidence"),
        )
        .join(life, on="owner", how="left", maintain_order="left")
    )
    start = pl.coalesce("acquired_at", "first")
    known_start = pl.col("acquired_at").is_not_null() & (
        pl.col("ended_at").is_null() | (pl.col("acquired_at") <= pl.col("ended_at"))
    )
    start = pl.when(known_start).then(start).otherwise(pl.col("first"))
    end = pl.when(pl.col("ended_at") >= start).then(pl.col("ended_at"))
    # What is told of the assertion of a process that is gone holds nothing any more.
    left = pl.max_horizontal("left", pl.when(pl.col("left").is_not_null()).then(start))
    return table(
        "assertions",
        rows.with_columns(
            start.alias("start"),
            pl.coalesce(end, left).alias("end"),
            pl.when(known_start).then(pl.lit("observed")).otherwise(pl.lit("capture_edge")).alias("start_how"),
            pl.when(end.is_not_null())
            .then(pl.lit("observed"))
            .when(left.is_not_null())
            .then(pl.lit("inferred"))
            .otherwise(pl.lit("capture_edge"))
            .alias("end_how"),
            pl.col("assertion_name").alias("name"),
        ),
    )


def _end_reason() -> pl.Expr:
    word = (
        pl.when(pl.col("kind") == "assertion.expired")
        .then(pl.coalesce("reason", pl.lit("timeout")))
        .otherwise(pl.coalesce("reason", pl.lit("invalidated")))
    )
    return word.filter("ends").first()
