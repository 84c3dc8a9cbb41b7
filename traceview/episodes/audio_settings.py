"""What each audio session was set to over time: category, mode, options, route, rate, buffer."""

from typing import Final

import polars as pl

from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

_SETTINGS: Final = ("category", "mode", "options", "route", "sample_rate_hz", "buffer_s")
_BUFFER: Final = r"(?i)BufferFrameDuration$|IOBufferDuration$"
"""Properties whose value is the preferred length of the IO buffer in seconds (real iOS 14/15 lines)."""
_ACTIVITY: Final = {
    "audio_session.activated": True,
    "audio_session.deactivated": False,
    "audio_session.stopped": False,
    "audio_session.interrupted": False,
}


def build(context: Context, sessions: pl.DataFrame, relations: Relations) -> pl.DataFrame:
    """Return the table ``audio_settings``.

    Args:
        context: Events and processes.
        sessions: Lines about sessions, as `audio_sessions.lines` returns them.
        relations: Calls and states.
    """
    if sessions.is_empty():
        return empty_table("audio_settings")
    who = ["who", "session"]
    buffer = pl.when(pl.col("action").str.contains(_BUFFER)).then(pl.col("value"))
    told = sessions.filter(pl.col("kind") != "audio_session.refused").with_columns(buffer.alias("buffer_s"))
    told = told.with_columns(pl.any_horizontal(pl.col(_SETTINGS).is_not_null()).alias("sets"))
    told = told.with_columns(
        *(pl.col(name).forward_fill().over(who) for name in _SETTINGS),
        pl.col("kind")
        .replace_strict(_ACTIVITY, default=None, return_dtype=pl.Boolean)
        .forward_fill()
        .over(who)
        .alias("active"),
    ).filter("sets")
    before = [pl.col(name).shift(1).over(who).alias(f"before_{name}") for name in _SETTINGS]
    told = told.with_columns(before)
    differs = [pl.col(name).ne_missing(pl.col(f"before_{name}")) for name in _SETTINGS]
    names = pl.concat_str(
        [pl.when(differ).then(pl.lit(name)) for differ, name in zip(differs, _SETTINGS, strict=True)],
        separator=", ",
        ignore_nulls=True,
    )
    told = told.with_columns(names.alias("changed")).filter(pl.any_horizontal(differs))
    # Lines of one moment set one thing after the other: what nobody heard in between is no setting.
    following = pl.col("t").shift(-1).over(who)
    life = context.processes.select("owner", left="end")
    told = told.with_columns(following.alias("next")).join(life, on="owner", how="left", maintain_order="left")
    left = pl.when(pl.col("left") >= pl.col("t")).then(pl.col("left"))
    rows = told.with_columns(
        pl.col("t").alias("start"),
        pl.coalesce("next", left).alias("end"),
        pl.lit("observed").alias("start_how"),
        pl.when(pl.col("next").is_not_null())
        .then(pl.lit("observed"))
        .when(left.is_not_null())
        .then(pl.lit("inferred"))
        .otherwise(pl.lit("capture_edge"))
        .alias("end_how"),
        pl.col("name").alias("process"),
        pl.col("owner_pid").alias("pid"),
        pl.col("session").alias("session_id"),
        pl.concat_list("ref").alias("evidence"),
        pl.col("active").fill_null(value=False),
    )
    return table("audio_settings", rows.with_columns(relations.in_call(rows).alias("in_call")))
