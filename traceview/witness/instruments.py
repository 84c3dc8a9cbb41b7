"""Intervals of Instruments as windows; only those with wall time have a place beside other sources."""

from typing import Final

import polars as pl

from traceview.witness.schema import WITNESS_SCHEMA, windows

KEPT: Final = 2000
"""Most intervals of one kind: the ones that lasted longest."""
LONG_NS: Final = 250_000_000
"""A main run loop that is busy for longer is a hang (Apple, Instruments: microhangs begin at 250 ms)."""
_LANES: Final = {
    "hang": "hang",
    "runloop": "runloop",
    "life_cycle": "life_cycle",
    "thermal": "thermal",
    "audio_io_cycle": "audio_io",
}
"""Lane by kind of interval. Thread states are left out: they come by the million and speak of one thread each."""


def longest(intervals: pl.DataFrame) -> pl.DataFrame:
    """Return the intervals of one kind each that matter most: audio cycles that were not normal, then by length."""
    calm = (pl.col("kind") == "audio_io_cycle") & (pl.col("state") == "Normal").fill_null(value=True)
    order = pl.struct(calm, -pl.col("duration_ns").fill_null(0)).rank("ordinal").over("kind")
    return intervals.filter(order <= KEPT)


def telling(intervals: pl.DataFrame) -> pl.DataFrame:
    """Return intervals that have a lane and a time; of run loops only when the main one is busy, without those nested in it."""
    text = intervals.with_columns(pl.col("kind", "label", "state", "process", "thread", "narrative").cast(pl.String))
    busy = (pl.col("label") == "Busy") & pl.col("thread").str.starts_with("Main Thread") & (pl.col("nesting") <= 1)
    return text.filter(
        pl.col("kind").is_in(list(_LANES)),
        pl.col("start").is_not_null(),
        (pl.col("kind") != "runloop") | busy.fill_null(value=False),
    )


def instruments_windows(intervals: pl.DataFrame) -> pl.DataFrame:
    """Return the windows of ``intervals`` that `telling` has chosen (`WITNESS_SCHEMA` without `source` and `clock`)."""
    parts = [pl.DataFrame(schema=WITNESS_SCHEMA)]
    for kind, lane in _LANES.items():
        chosen = intervals.filter(pl.col("kind") == kind)
        if chosen.height:
            parts.append(_windows(chosen, lane))
    return pl.concat(parts)


def _windows(chosen: pl.DataFrame, lane: str) -> pl.DataFrame:
    long = pl.when(pl.col("duration_ns") >= LONG_NS).then(pl.lit("long"))
    looks = {
        "hang": pl.col("label"),
        "runloop": long.otherwise(pl.lit("busy")),
        "life_cycle": pl.col("label"),
        "thermal": pl.coalesce("state", "label").str.to_lowercase(),
        "audio_io": pl.when(pl.col("state") == "Normal").then(pl.lit("normal")).otherwise(pl.lit("late")),
    }
    end = pl.max_horizontal(pl.coalesce("end", "start"), "start")
    return windows(
        chosen,
        lane,
        kind=looks[lane].fill_null("unknown"),
        end=end,
        end_known=pl.col("end").is_not_null(),
        value=pl.col("duration_ns") / 1e6,
        text=pl.col("state"),
        explanation=pl.concat_str("thread", "narrative", separator="; ", ignore_nulls=True),
    )
