"""States that hold until the next one, in a source that is silent for hours or weeks at times."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from traceview.witness.schema import TIME

SILENCE: Final = timedelta(hours=2)
"""Heuristic: PowerLog sums run times up every hour, so that two hours without any row mean that it did not record."""


def stops(times: Iterable[pl.Series]) -> pl.DataFrame:
    """Return the last moment of each stretch of recording (`stop`), from the times of all rows of a source."""
    parts = [one.cast(TIME).drop_nulls() for one in times]
    ordered = pl.concat([pl.Series("stop", [], TIME), *(one.alias("stop") for one in parts)]).unique().sort()
    last = (ordered.diff().shift(-1) > SILENCE).fill_null(value=True)
    return ordered.filter(last).to_frame()


def until_next(states: pl.DataFrame, stretches: pl.DataFrame, key: Sequence[str], shown: Sequence[str]) -> pl.DataFrame:
    """Return states with `start`, `end` and `end_known`: each lasts until the next one of its key, or until the recording stops.

    Rows that repeat what the row before says (columns `shown`) are dropped.

    Args:
        states: Column `time`, those of `key` and of `shown`, and any others.
        stretches: See `stops`.
        key: Columns that tell whose state it is; none: there is only one.
        shown: Columns whose change begins a new window.
    """
    placed = states.drop_nulls("time").sort("time", maintain_order=True)
    placed = placed.join_asof(stretches, left_on="time", right_on="stop", strategy="forward", coalesce=False)
    whose = [*key, "stop"]
    said = pl.struct(shown)
    placed = placed.filter(said.ne_missing(said.shift(1).over(whose)) | (pl.int_range(pl.len()).over(whose) == 0))
    following = pl.col("time").shift(-1).over(whose)
    return placed.with_columns(
        start=pl.col("time"), end=pl.coalesce(following, "stop"), end_known=following.is_not_null()
    )
