"""Whose call a line of callservicesd is about that names none: the app in which CallKit speaks at that moment."""

from typing import Final

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context

NEAR_NS: Final = NS
"""callservicesd and CallKit in the app tell of one step within this time (heuristic; milliseconds on real devices)."""


def add(steps: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return ``steps`` (by ``t``) with ``near``: the process instance in which CallKit speaks, and ``heard``: any does.

    Of a line of the app that is its own process; of a daemon's line, the one that spoke last before and first after it.
    Null where the line names call or app itself, where nobody spoke within `NEAR_NS`, or two did.
    """
    told = spoken(context)
    near = [
        steps.select("t").join_asof(told, on="t", strategy=way, tolerance=NEAR_NS)["speaker"]
        for way in ("backward", "forward")
    ]
    before, after = pl.lit(near[0]), pl.lit(near[1])
    hidden = pl.col("call_id").is_null() & pl.col("call_app").is_null()
    agreed = before.is_null() | after.is_null() | (before == after)
    speaker = pl.coalesce(pl.when("by_app").then(pl.col("owner")), pl.when(agreed).then(pl.coalesce(before, after)))
    return steps.with_columns(
        pl.when(hidden).then(speaker).alias("near"), pl.coalesce(before, after).is_not_null().alias("heard")
    )


def spoken(context: Context) -> pl.DataFrame:
    """Return when CallKit prints in apps: ``t`` and ``speaker``, the process instance; by time."""
    own = pl.col("kind").str.starts_with("call.") & (pl.col("kind") != "call.provider")
    released = (pl.col("kind") == "audio_session.deactivated") & (pl.col("reason") == "CallKit")
    return (
        context.events.filter((own | released) & ~subjects.is_daemon() & pl.col("owner").is_not_null())
        .select("t", speaker="owner")
        .sort("t", "speaker")
    )
