"""What only the other tables tell of an audio session: who activated it, its IO, its settings, its interruptions."""

from typing import Final

import polars as pl

from traceview.episodes import audio_io, call_audio, states
from traceview.episodes.intervals import in_seconds
from traceview.episodes.relate import Relations
from traceview.episodes.tables import Context

_LAST: Final = ("route", "sample_rate_hz", "buffer_s")


def complete(
    sessions: pl.DataFrame,
    context: Context,
    relations: Relations,
    settings: pl.DataFrame,
    interruptions: pl.DataFrame,
) -> pl.DataFrame:
    """Return ``audio_sessions`` with the columns that follow from other tables.

    Args:
        sessions: The table, complete but for these columns.
        context: Events and processes.
        relations: Calls, states and audio IO.
        settings: The table ``audio_settings``.
        interruptions: The table ``interruptions``.
    """
    if sessions.is_empty():
        return sessions
    far = pl.lit(context.span.end)
    start, end = pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64)
    owners = context.processes.filter(pl.col("pid").is_not_null()).select(
        "pid", owner="owner", lived_from="start", lived_to=pl.coalesce("end", far)
    )
    numbered = sessions.with_row_index("row")
    lived = (
        numbered.select("row", "pid", start)
        .join(owners, on="pid")
        .filter(pl.col("start").is_between(pl.col("lived_from"), pl.col("lived_to")))
        .sort("lived_from")
        .unique("row", keep="last")
        .select("row", "owner")
    )
    windows = numbered.select("row", start, end).join(lived, on="row", how="left", maintain_order="left")
    length = in_seconds(pl.max_horizontal("start", pl.coalesce("end", far)) - pl.col("start"))
    activator = (
        pl.when(pl.col("activated_by") == "callkit")
        .then(pl.lit(call_audio.SERVICE))
        .when(pl.col("activated_by") == "app")
        .then(pl.col("process"))
    )
    measured = numbered.with_columns(
        activator.alias("activator"),
        relations.seconds_in(windows, states.SUSPENDED).alias("suspended_s"),
        (windows.select(length.alias("s"))["s"] - pl.col("in_call_s"))
        .clip(lower_bound=0.0)
        .round(9)
        .alias("outside_call_s"),
        *audio_io.measured(sessions, relations.io, context).get_columns(),
    )
    found = _settings(numbered, settings, context)
    return (
        measured.drop(*_LAST, "settings", "interruptions")
        .join(found, on="row", how="left", maintain_order="left")
        .join(_interrupted(numbered, interruptions), on="row", how="left", maintain_order="left")
        .with_columns(pl.col("settings", "interruptions").fill_null(0))
        .select(sessions.columns)
    )


def _near(rows: pl.DataFrame, others: pl.DataFrame, far: pl.Expr) -> pl.DataFrame:
    """Pairs of a session and a row of another table of its process that touch."""
    mine = rows.select("row", "pid", "session_id", begun="start", over=pl.coalesce("end", far))
    return mine.join(others, on="pid", suffix="_other").filter(
        (pl.col("start") <= pl.col("over")) & (pl.coalesce("end", far) >= pl.col("begun"))
    )


def _settings(rows: pl.DataFrame, settings: pl.DataFrame, context: Context) -> pl.DataFrame:
    """For each session how many settings it had, and the last of each that is a figure or a route."""
    far = pl.lit(context.span.end).cast(rows.schema["end"])
    pairs = _near(rows, settings.drop("app", "process", "id"), far)
    same = (pl.col("session_id") == pl.col("session_id_other")).fill_null(value=True)
    return (
        pairs.filter(same)
        .sort("row", "start")
        .group_by("row", maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("settings"), *(pl.col(name).drop_nulls().last() for name in _LAST))
    )


def _interrupted(rows: pl.DataFrame, interruptions: pl.DataFrame) -> pl.DataFrame:
    """For each session how many interruptions began while it was active."""
    mine = rows.select("row", "pid", begun="start", over="end")
    pairs = mine.join(interruptions.select("pid", "start"), on="pid")
    within = (pl.col("start") >= pl.col("begun")) & (pl.col("over").is_null() | (pl.col("start") <= pl.col("over")))
    return pairs.filter(within).group_by("row").agg(pl.len().cast(pl.Int64).alias("interruptions"))
