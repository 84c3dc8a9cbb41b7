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

_AUDIO: Final = "audio_session.deactivated"
_TASK: Final = "background_task.ended"
_ASSERTIONS: Final = ("assertion.invalidated", "assertion.expired")
_HELD: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("kept_awake_by", "held_by", "held_by_name", "held_by_originator"), pl.String()),
    "held_until": pl.Int64(),
}
_IN_WORDS: Final = {"audio": "audio session", "background_task": "background task"}


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
    kind = pl.when(pl.col("kind") == _AUDIO).then(pl.lit("audio")).otherwise(pl.lit("background_task"))
    own = _released(context.of_kind(_AUDIO, _TASK), kind, kind.replace(_IN_WORDS))
    purpose = holders.class_of_assertion(pl.col("assertion_name"), pl.col("originator"))
    assertions = _released(context.of_kind(*_ASSERTIONS), purpose, pl.lit(holders.OTHER))
    calls = relations.calls.drop_nulls(["app", "end"]).select(
        *(pl.lit("call").alias(name) for name in ("kept_awake_by", "held_by")),
        *(pl.lit(None, pl.String).alias(name) for name in ("held_by_name", "held_by_originator")),
        key="app",
        held_until="end",
    )
    releases = ((own, "owner"), (calls, "app"), (assertions, "owner"))
    found = (_last_before(rows, key, released) for released, key in releases)
    return rows.hstack(pl.DataFrame([_which(*each) for each in zip(*found, strict=True)], schema=_HELD))


def _released(lines: pl.DataFrame, kind: pl.Expr, word: pl.Expr) -> pl.DataFrame:
    """What these lines say that a process let go of: ``key`` (its ``owner``), ``_HELD``."""
    name = pl.coalesce("task_name", "assertion_name")
    audio = pl.col("kind").str.starts_with("audio_session.")
    return lines.select(
        (word + pl.coalesce(pl.lit(": ") + name, pl.lit(""))).alias("kept_awake_by"),
        kind.alias("held_by"),
        pl.coalesce(name, pl.when(audio).then("session_id")).alias("held_by_name"),
        pl.col("originator").alias("held_by_originator"),
        key="owner",
        held_until="t",
    )


def _which(told: Row, call: Row, assertion: Row) -> Row:
    """Which of the last releases let go of the app: the later one of a call and what the app itself holds."""
    if call["held_by"] is not None and (told["held_by"] is None or call["held_until"] > told["held_until"]):
        return call
    return assertion if told["held_by"] is None else told


def _last_before(rows: pl.DataFrame, key: str, released: pl.DataFrame) -> list[Row]:
    """For each row (in order) the last release of its ``key`` at most `LET_GO_NS` before, all null without one."""
    if released.is_empty():
        return [dict.fromkeys(_HELD)] * rows.height
    moments = released.with_columns(start="held_until", end="held_until")
    return window_at(rows.select(key=key, t="start"), moments, LET_GO_NS).select(list(_HELD)).rows(named=True)
