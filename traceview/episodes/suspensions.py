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
    return table("suspensions", _with_holder(rows, context, relations))


def _with_holder(rows: pl.DataFrame, context: Context, relations: Relations) -> pl.DataFrame:
    """Add ``kept_awake_by``: what let go of the app last, shortly before. Assertions count where nothing says more."""
    holders = context.of_kind(*_HOLDERS).filter(pl.col("owner").is_not_null())
    named = pl.coalesce(pl.lit(": ") + pl.coalesce("task_name", "assertion_name"), pl.lit(""))
    released = holders.select(
        pl.col("owner").alias("key"),
        "t",
        "kind",
        (pl.col("kind").replace_strict(_HOLDERS, default=None) + named).alias("holder"),
    )
    assertion = pl.col("kind").str.starts_with("assertion.")
    calls = relations.calls.select(key="app", t="end", holder=pl.lit("call")).drop_nulls()
    told = [
        _last_before(rows, "owner", released.filter(~assertion)),
        _last_before(rows, "app", calls),
        _last_before(rows, "owner", released.filter(assertion)),
    ]
    times, names = ([one[column] for one in told] for column in ("released", "holder"))
    known = rows.with_columns(
        *(time.alias(f"t{at}") for at, time in enumerate(times)),
        *(name.alias(f"h{at}") for at, name in enumerate(names)),
    )
    call_is_later = pl.col("h0").is_null() | (pl.col("t1") > pl.col("t0"))
    by_call = pl.when(pl.col("h1").is_not_null() & call_is_later).then(pl.col("h1"))
    return known.with_columns(pl.coalesce(by_call, "h0", "h2").alias("kept_awake_by"))


def _last_before(rows: pl.DataFrame, key: str, released: pl.DataFrame) -> pl.DataFrame:
    """For each row (in order) the last release of its ``key`` at most `LET_GO_NS` before: ``released``, ``holder``."""
    found = (
        rows.select(pl.col(key).alias("key"), pl.col("start").alias("t"))
        .with_row_index("row")
        .sort("t")
        .join_asof(
            released.select("key", "t", "holder").sort("t").with_columns(pl.col("t").alias("released")),
            on="t",
            by="key",
            tolerance=LET_GO_NS,
            check_sortedness=False,
        )
    )
    return found.sort("row")
