"""Ends of calls that no line about the call itself tells: a provider that is reset, a system without calls."""

from typing import Final

import polars as pl

from traceview.episodes.call_audio import SERVICE
from traceview.episodes.call_record import Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context

RESET: Final = "provider reset"
SETTLED_NS: Final = 5 * NS
"""A call this young may not yet be known to a witness that says that there are none (heuristic)."""


def close_rest(book: list[Call], context: Context) -> None:
    """End the calls that are still open at a reset of their provider, or when the system says that it has no calls.

    CallKit resets all providers when callservicesd dies: the calls are gone and the app has to clean up (Apple,
    ``providerDidReset``). All of it is inferred.
    """
    for t, ref, app, reason in _moments(context):
        for call in book:
            waited = t - call.start >= (0 if reason else SETTLED_NS)
            if call.end is None and call.start <= t and waited and (app is None or call.app in (None, app)):
                call.end, call.end_how = t, "inferred"
                call.end_reason = call.end_reason or reason
                call.evidence.append(ref)


def _moments(context: Context) -> list[tuple[int, int, str | None, str | None]]:
    """When calls must be over, by time: ``t``, ``ref``, the app or None for all, the reason or None."""
    told = context.of_kind("call.provider")
    resets = told.filter(pl.col("reason").str.contains("(?i)reset")).select(
        "t", "ref", "app", pl.lit(RESET).alias("reason")
    )
    none_left = told.filter(pl.col("count") == 0).select(
        "t", "ref", pl.lit(None, pl.String).alias("app"), pl.lit(None, pl.String).alias("reason")
    )
    # RunningBoard names a daemon by its label: com.apple.telephonyutilities.callservicesd.
    named = (pl.col("process") == SERVICE) | pl.col("process").str.ends_with(f".{SERVICE}")
    service = context.processes.filter(named & (pl.col("end_how") == "observed"))
    deaths = service.filter(pl.col("evidence").list.len() > 0).select(
        pl.col("end").alias("t"),
        pl.col("evidence").list.last().alias("ref"),
        pl.lit(None, pl.String).alias("app"),
        pl.lit(RESET).alias("reason"),
    )
    return pl.concat([resets, none_left, deaths]).sort("t", "ref").rows()
