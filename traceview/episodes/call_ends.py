"""Ends of calls that no line about the call itself tells: a provider that is reset, a system without calls."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from traceview.episodes.call_audio import SERVICE
from traceview.episodes.call_record import Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Row

RESET: Final = "provider reset"
ECHO_NS: Final = 2 * NS
"""callservicesd tells one end in several lines within this time (heuristic; milliseconds on real devices)."""
SETTLED_NS: Final = 5 * NS
"""A call this young may not yet be known to a witness that says that there are none (heuristic)."""


def close_rest(book: list[Call], context: Context) -> None:
    """End the calls that are still open at a reset of their provider, or when the system says that it has no calls.

    CallKit resets all providers when callservicesd dies: the calls are gone and the app has to clean up (Apple,
    ``providerDidReset``). All of it is inferred, so that a later step of the call tells more.
    """
    still_open = [call for call in book if call.end is None]
    for t, ref, app, reason in _moments(context):
        for call in still_open:
            waited = t - call.start >= (0 if reason else SETTLED_NS)
            if (
                call.start <= t
                and waited
                and (app is None or call.app in (None, app))
                and not _went_on(call, t, reason)
            ):
                call.end, call.end_how = t, "inferred"
                call.end_reason = call.end_reason or reason
                call.evidence.append(ref)
        still_open = [call for call in still_open if call.end is None]


def _went_on(call: Call, t: int, reason: str | None) -> bool:
    """Tell whether the call was not over at ``t``: it was taken later, or runs on after a mere word that there are no calls.

    What runs on after a reset contradicts it, and is told as that.
    """
    taken = [step for step in (call.answered, call.connected) if step is not None]
    ran = [] if reason else [step for step, _ in call.ran]
    return max((*taken, *ran), default=t) > t


def _moments(context: Context) -> list[tuple[int, int, str | None, str | None]]:
    """When calls must be over, by time: ``t``, ``ref``, the app or None for all, the reason or None."""
    told = context.of_kind("call.provider")
    resets = told.filter(pl.col("reason").str.contains("(?i)reset")).select(
        "t", "ref", "app", pl.lit(RESET).alias("reason")
    )
    none_left = told.filter(pl.col("count") == 0).select(
        "t", "ref", pl.lit(None, pl.String).alias("app"), pl.lit(None, pl.String).alias("reason")
    )
    deaths = service_deaths(context).select(
        "t", "ref", pl.lit(None, pl.String).alias("app"), pl.lit(RESET).alias("reason")
    )
    return pl.concat([resets, none_left, deaths]).sort("t", "ref").rows()


def service_deaths(context: Context) -> pl.DataFrame:
    """Return the ends of callservicesd that a line tells: ``t``, ``ref`` of that line, ``pid``; by time."""
    # RunningBoard names a daemon by its label: com.apple.telephonyutilities.callservicesd.
    named = (pl.col("process") == SERVICE) | pl.col("process").str.ends_with(f".{SERVICE}")
    service = context.processes.filter(named & (pl.col("end_how") == "observed"))
    return (
        service.filter(pl.col("evidence").list.len() > 0)
        .select(pl.col("end").alias("t"), pl.col("evidence").list.last().alias("ref"), "pid")
        .sort("t", "ref")
    )


def with_deaths(steps: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return ``steps`` (by ``t``) with ``service_died``: of a line of callservicesd, when its instance before it ended; else null.

    A new instance knows no call of the one before: what it tells is about others.
    """
    deaths = service_deaths(context).filter(pl.col("pid").is_not_null())
    if deaths.is_empty():
        return steps.with_columns(pl.lit(None, pl.Int64).alias("service_died"))
    last = steps.select("t").join_asof(deaths.select("t", died="t", of="pid"), on="t")
    another = (pl.col("process") == SERVICE) & (pl.col("pid") != last["of"])
    return steps.with_columns(pl.when(another).then(last["died"]).alias("service_died"))


def one_of(calls: Sequence[Call], event: Row) -> None:
    """Note an end that is one of these calls', nobody knows whose; once all of them must be over, none goes on."""
    t, ref = event["t"], event["ref"]
    for call in calls:
        call.note(ref)
        if not call.unclear_ends or t - call.unclear_ends[-1][0] > ECHO_NS:
            call.unclear_ends.append((t, ref))
    if all(len(call.unclear_ends) >= len(calls) for call in calls):
        for call in calls:
            call.end, call.end_how = t, "inferred"


def goes_on(call: Call, others: Sequence[Call]) -> None:
    """Take in that the call runs: ends that may have been its own were those of the other one, if there is one."""
    for t, ref in call.unclear_ends:
        rivals = [other for other in others if other is not call and (t, ref) in other.unclear_ends]
        if len(rivals) == 1 and rivals[0].end is None:
            rivals[0].end, rivals[0].end_how = t, "observed"
    call.unclear_ends.clear()
