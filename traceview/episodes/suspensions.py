"""Suspensions: from the state windows, with what kept the app awake before and what ended them."""

from typing import Final

import polars as pl

from traceview.episodes import states
from traceview.episodes.intervals import NS, in_seconds
from traceview.episodes.relate import Relations
from traceview.episodes.tables import Context, table

LET_GO_NS: Final = 10 * NS
"""What ended at most this long before the suspension may have held the app until then (heuristic; after the last
assertion goes, RunningBoard suspends within seconds)."""

_HOLDERS: Final = {
    "audio_session.deactivated": "audio session",
    "background_task.ended": "background task",
    "assertion.invalidated": "assertion",
    "assertion.expired": "assertion",
    "call.ended": "call",
}


def build(context: Context, windows: pl.DataFrame, relations: Relations) -> pl.DataFrame:
    """Return the table ``suspensions``.

    Args:
        context: Events and processes.
        windows: State windows with ``owner``.
        relations: Calls and states.
    """
    previous = pl.col("end", "state", "start", "start_how").shift(1).over("owner").name.prefix("previous_")
    following = pl.col("start", "state").shift(-1).over("owner").name.prefix("next_")
    life = context.processes.select("owner", left="end")
    rows = (
        windows.sort("owner", "start")
        .with_columns(previous, following)
        .filter(pl.col("state") == states.SUSPENDED)
        .join(life, on="owner", how="left", maintain_order="left")
    )
    from_background = (
        (pl.col("previous_state") == states.BACKGROUND)
        & (pl.col("previous_end") == pl.col("start"))
        & (pl.col("previous_start_how") != "capture_edge")
    )
    rows = rows.with_columns(
        pl.when(from_background).then(in_seconds(pl.col("start") - pl.col("previous_start"))).alias("grace_s"),
        pl.when(pl.col("end").is_null())
        .then(None)
        .when(pl.col("end") == pl.col("left"))
        .then(pl.lit("terminated"))
        .otherwise(pl.lit("resumed"))
        .alias("ended_by"),
        relations.in_call(rows).alias("in_call"),
    )
    return table("suspensions", _with_holder(rows, context))


def _with_holder(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add ``kept_awake_by``: the last thing that let go of the app shortly before."""
    holders = context.of_kind(*_HOLDERS).filter(pl.col("owner").is_not_null())
    named = pl.coalesce(pl.lit(": ") + pl.coalesce("task_name", "assertion_name"), pl.lit(""))
    released = holders.select(
        pl.col("owner"),
        pl.col("t").alias("released"),
        (pl.col("kind").replace_strict(_HOLDERS, default=None) + named).alias("kept_awake_by"),
    ).sort("released")
    return rows.sort("start").join_asof(
        released,
        left_on="start",
        right_on="released",
        by="owner",
        tolerance=LET_GO_NS,
        check_sortedness=False,
    )
