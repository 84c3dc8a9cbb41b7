"""Where the log and PowerLog contradict each other about the state of an app."""

from datetime import timedelta
from typing import Final

import polars as pl

from traceview.witness.schema import windows

TOLERANCE: Final = timedelta(seconds=2)
"""Heuristic: both write a change down within a second; what differs for longer is no matter of delay."""
_COMPARED: Final = ("foreground", "background", "suspended", "not_running")


def disagreements(app_states: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Return windows in which both know the state of an app and name different ones.

    Args:
        app_states: Episode table, from the log.
        told: Rows of lane ``app_state``, from PowerLog.

    Returns:
        Rows of lane ``differs`` (`WITNESS_SCHEMA`); only the overlap of two windows whose ends are known.
    """
    of_log = app_states.filter(pl.col("state").is_in(_COMPARED)).drop_nulls(["app", "start", "end"])
    of_log = of_log.select("app", "state", since="start", until="end")
    other = told.filter(pl.col("kind").is_in(_COMPARED)).drop_nulls(["app", "start", "end"])
    both = other.join(of_log, on="app").filter(pl.col("kind") != pl.col("state"))
    overlap = both.with_columns(start=pl.max_horizontal("start", "since"), end=pl.min_horizontal("end", "until"))
    text = pl.format("the log says {}, PowerLog says {}", pl.col("state").str.replace("_", " "), pl.col("kind").str.replace("_", " "))  # fmt: skip
    return windows(
        overlap.filter(pl.col("end") - pl.col("start") > TOLERANCE), "differs", text=text, kind=pl.lit("differs")
    )
