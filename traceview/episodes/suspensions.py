"""Suspensions: from the state windows, with what kept the app awake before, what ended them, and how long it then ran."""

from typing import Final

import polars as pl

from traceview.episodes import holders, states, wakes
from traceview.episodes.intervals import NS, in_seconds, window_at
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

LET_GO_NS: Final = 10 * NS
"""What ended at most this long before the suspension may have held the app until then (heuristic; after the last
assertion goes, RunningBoard suspends within seconds)."""

_HOLDERS: Final = {
    "audio_session.deactivated": "audio",
    "background_task.ended": "background_task",
    "assertion.invalidated": holders.OTHER,
    "assertion.expired": holders.OTHER,
}
_HELD: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("kept_awake_by", "held_by", "held_by_name", "held_by_originator"), pl.String()),
    "held_until": pl.Int64(),
}
_LEGACY_WORDS: Final = {"audio": "audio session", "background_task": "background task"}


def build(context: Context, windows: pl.DataFrame, relations: Relations) -> pl.DataFrame:
    """Return the table ``suspensions``.

    Args:
        context: Events and processes.
        windows: State windows with ``owner``.
        relations: Calls and states.
    """
    if not (windows["state"] == states.SUSPENDED).any():
        return empty_table("suspensions")
    previous = pl.col("end", "state", "start", "start_how").shift(1).over("owner").name.prefix("previous_")
    life = context.processes.select("owner", left="end", began="start", began_how="start_how")
    rows = windows.sort("owner", "start").join(life, on="owner", how="left", maintain_order="left")
    rows = _with_runs(rows.with_columns(previous)).filter(pl.col("state") == states.SUSPENDED)
    from_background = (
        (pl.col("previous_state") == states.BACKGROUND)
        & (pl.col("previous_end") == pl.col("start"))
        & (pl.col("previous_start_how") != "capture_edge")
    )
    rows = rows.with_columns(
        pl.when(from_background).then(in_seconds(pl.col("start") - pl.col("previous_start"))).alias("grace_s"),
        pl.when(pl.col("end").is_null() | (pl.col("end_how") == "capture_edge"))
        .then(None)
        .when(pl.col("end") == pl.col("left"))
        .then(pl.lit("terminated"))
        .otherwise(pl.lit("resumed"))
        .alias("ended_by"),
        relations.in_call(rows).alias("in_call"),
    )
    rows = _with_holder(rows, context, relations)
    return table("suspensions", rows.with_columns(wakes.cause(rows, context, windows).alias("woken_by")))


def _with_runs(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``ran_before_s`` and ``ran_after_s`` to suspended windows: what runs between two suspensions without a gap.

    A run has a known begin after a suspension or at an observed launch, a known end at a suspension or at an exit.
    """
    suspended = pl.col("state") == states.SUSPENDED
    told = rows.with_columns(
        (pl.col("start") == pl.col("end").shift(1).over("owner")).fill_null(value=False).alias("follows"),
        (pl.col("end") == pl.col("start").shift(-1).over("owner")).fill_null(value=False).alias("followed"),
        suspended.shift(1).over("owner").fill_null(value=False).alias("after"),
        suspended.shift(-1).over("owner").fill_null(value=False).alias("before"),
    )
    same_run = pl.col("follows") & ~suspended & ~pl.col("after")
    at_launch = (pl.col("start") == pl.col("began")) & (pl.col("began_how") == "observed")
    at_exit = (pl.col("end") == pl.col("left")).fill_null(value=False) & (pl.col("end_how") != "capture_edge")
    told = told.with_columns(
        (~same_run).cum_sum().over("owner").alias("run"),
        pl.when((pl.col("follows") & pl.col("after")) | at_launch).then(pl.col("start")).alias("begin"),
        pl.when((pl.col("followed") & pl.col("before")) | at_exit).then(pl.col("end")).alias("finish"),
    )
    told = told.with_columns(
        pl.col("begin").first().over("owner", "run"), pl.col("finish").last().over("owner", "run")
    ).with_columns(
        pl.col("begin").shift(1).over("owner").alias("begin"), pl.col("finish").shift(-1).over("owner").alias("finish")
    )
    before = pl.when(pl.col("follows") & ~pl.col("after")).then(pl.col("begin"))
    later = pl.when(pl.col("followed") & ~pl.col("before")).then(pl.col("finish"))
    return told.with_columns(
        in_seconds(pl.col("start") - before).alias("ran_before_s"),
        in_seconds(later - pl.col("end")).alias("ran_after_s"),
    )


def _with_holder(rows: pl.DataFrame, context: Context, relations: Relations) -> pl.DataFrame:
    """Add what let go of the app last, shortly before. Assertions count where nothing says more."""
    released = context.of_kind(*_HOLDERS).filter(pl.col("owner").is_not_null())
    assertion = pl.col("kind").str.starts_with("assertion.")
    told = pl.col("kind").replace_strict(_HOLDERS, default=holders.OTHER)
    kind = pl.when(assertion).then(holders.class_of_assertion(pl.col("assertion_name"), pl.col("originator")))
    name = pl.coalesce("task_name", "assertion_name")
    released = released.select(
        pl.col("owner").alias("key"),
        "t",
        "kind",
        kind.otherwise(told).alias("class"),
        (told.replace(_LEGACY_WORDS) + pl.coalesce(pl.lit(": ") + name, pl.lit(""))).alias("holder"),
        pl.coalesce(name, pl.when(pl.col("kind").str.starts_with("audio")).then(pl.col("session_id"))).alias("name"),
        "originator",
    )
    calls = relations.calls.drop_nulls(["app", "end"]).select(
        *(pl.lit("call").alias(name) for name in ("class", "holder")),
        *(pl.lit(None, pl.String).alias(name) for name in ("name", "originator")),
        key="app",
        t="end",
    )
    chosen = [
        _which(told, call, taken)
        for told, call, taken in zip(
            _last_before(rows, "owner", released.filter(~assertion)),
            _last_before(rows, "app", calls),
            _last_before(rows, "owner", released.filter(assertion)),
            strict=True,
        )
    ]
    return rows.hstack(pl.DataFrame(chosen, schema=_HELD))


def _which(told: Row, call: Row, assertion: Row) -> Row:
    """Which of the last releases let go of the app: the later one of a call and what the app itself holds."""
    if call["held_by"] is not None and (told["held_by"] is None or call["held_until"] > told["held_until"]):
        return call
    return assertion if told["held_by"] is None else told


def _last_before(rows: pl.DataFrame, key: str, released: pl.DataFrame) -> list[Row]:
    """For each row (in order) the last release of its ``key`` at most `LET_GO_NS` before: columns of the table, null without one."""
    moments = released.select(
        "key",
        start="t",
        end="t",
        kept_awake_by="holder",
        held_by="class",
        held_by_name="name",
        held_by_originator="originator",
        held_until="t",
    )
    return window_at(rows.select(key=key, t="start"), moments, LET_GO_NS).select(list(_HELD)).rows(named=True)
