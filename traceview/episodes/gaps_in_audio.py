"""Stretches in which nobody hears anything although a session is active in a call: IO that stopped, an app that was suspended."""

from typing import Final

import polars as pl

from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.tables import Context

SILENCE_NS: Final = 5 * NS
"""IO that is gone for longer than a restart takes is silence (heuristic, pattern "silence while playing")."""
_COLUMNS: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("kind", "app", "process", "start_how", "end_how"), pl.String()),
    **dict.fromkeys(("owner", "pid", "start", "end", "count", "peak_per_10s"), pl.Int64()),
    "evidence": pl.List(pl.UInt64()),
}


def find(
    context: Context, relations: Relations, tables: dict[str, pl.DataFrame], silent: pl.DataFrame, held: pl.DataFrame
) -> pl.DataFrame:
    """Return bursts of the kinds ``silence`` and ``suspension_gap``, as `glitches` gathers them.

    Args:
        context: Events and processes.
        relations: Calls, states and audio IO.
        tables: The tables ``audio_sessions``, ``calls``, ``interruptions`` and ``suspensions``.
        silent: Times when a session was active and its IO told to be stopped (`audio_io.silent`).
        held: Times on hold: ``app``, ``start``, ``end``.
    """
    sessions, suspensions = tables["audio_sessions"], tables["suspensions"]
    parts = []
    if not silent.is_empty():
        parts.append(_silences(context, relations, tables, silent, held))
    if not (sessions.is_empty() or suspensions.is_empty()):
        parts.append(_suspension_gaps(context, sessions, suspensions))
    return pl.concat(
        [
            pl.DataFrame(schema=_COLUMNS),
            *(part.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items()) for part in parts),
        ]
    )


def _silences(
    context: Context, relations: Relations, tables: dict[str, pl.DataFrame], silent: pl.DataFrame, held: pl.DataFrame
) -> pl.DataFrame:
    """IO that had run stops in an answered call whose session stays active, for longer than a restart takes."""
    sessions, calls, interruptions = tables["audio_sessions"], tables["calls"], tables["interruptions"]
    runs = relations.io.select("pid", stopped="end")
    talking = calls.filter(pl.col("app").is_not_null() & pl.coalesce("answered", "connected").is_not_null()).select(
        call_app="app",
        begun=pl.coalesce("answered", "connected").cast(pl.Int64),
        over=pl.coalesce(pl.col("end").cast(pl.Int64), pl.lit(context.span.end)),
    )
    quiet = silent.join(sessions.select("id", "app", "process"), left_on="session", right_on="id", how="left")
    within = (
        quiet.join(runs, left_on=["pid", "start"], right_on=["pid", "stopped"], how="semi")
        .join(talking, left_on="app", right_on="call_app")
        .with_columns(pl.max_horizontal("start", "begun").alias("start"), pl.min_horizontal("end", "over").alias("end"))
        .filter(pl.col("end") - pl.col("start") > SILENCE_NS)
        .with_row_index("row")
    )
    if within.is_empty():
        return pl.DataFrame(schema=_COLUMNS)
    far = 1 << 62
    broken = interruptions.select(
        other_app="app", since=pl.col("start").cast(pl.Int64), until=pl.col("end").cast(pl.Int64).fill_null(far)
    )
    on_hold = held.select(other_app="app", since="start", until=pl.col("end").fill_null(far))
    excused = within.select("row", "app", "start", "end").join_where(
        pl.concat([broken, on_hold]),
        pl.col("app") == pl.col("other_app"),
        pl.col("start") <= pl.col("until"),
        pl.col("end") >= pl.col("since"),
    )
    stops = context.of_kind("audio_io.stopped").select(pl.col("owner_pid").alias("pid"), "owner", start="t", ref="ref")
    return (
        within.join(excused, on="row", how="anti")
        .join(stops.unique(["pid", "start"], keep="first"), on=["pid", "start"], how="inner")
        .with_columns(
            *_as_burst("silence"),
            pl.lit("observed").alias("start_how"),
            pl.when(pl.col("end") >= context.span.end)
            .then(pl.lit("capture_edge"))
            .otherwise(pl.lit("observed"))
            .alias("end_how"),
            pl.concat_list("ref").alias("evidence"),
        )
    )


def _suspension_gaps(context: Context, sessions: pl.DataFrame, suspensions: pl.DataFrame) -> pl.DataFrame:
    """Suspensions of an app while its session was active and its IO ran, or in the midst of its call."""
    far = context.span.end
    active = sessions.filter(pl.col("refused_error").is_null() & pl.col("io_started").is_not_null()).select(
        "pid", begun=pl.col("io_started").cast(pl.Int64), over=pl.col("end").cast(pl.Int64).fill_null(1 << 62)
    )
    slept = suspensions.filter(pl.col("pid").is_not_null()).with_columns(
        pl.col("start").cast(pl.Int64),
        pl.coalesce(pl.col("end").cast(pl.Int64), pl.lit(far)).alias("until"),
    )
    # The audio server stops the session of a suspended client within the second (real iOS 17 lines).
    pairs = slept.join(active, on="pid").filter(
        (pl.col("begun") <= pl.col("start")) & (pl.col("over") >= pl.col("start") - NS)
    )
    return pairs.unique("id", keep="first", maintain_order=True).with_columns(
        *_as_burst("suspension_gap"),
        pl.max_horizontal("until", "start").alias("end"),
        pl.lit(None, pl.Int64).alias("owner"),
    )


def _as_burst(kind: str) -> list[pl.Expr]:
    one = pl.lit(1, pl.Int64)
    return [pl.lit(kind).alias("kind"), one.alias("count"), one.alias("peak_per_10s")]
