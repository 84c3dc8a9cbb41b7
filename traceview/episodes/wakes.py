"""What woke a suspended app: the line that explains why it was resumed, close to the moment."""

from typing import Final

import polars as pl

from traceview.episodes import holders, states
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context

BEFORE_NS: Final = 2 * NS
"""The cause is told at most this long before the state changes (heuristic)."""
AFTER_NS: Final = NS // 2
"""Daemons may tell the cause this long after the state (heuristic; the fan-out of states takes milliseconds)."""

_BY_KIND: Final = (
    ("push.", "push", 0),
    ("call.reported", "call", 1),
    ("call.started", "call", 1),
    ("network.background_session", "background_session", 2),
    ("audio_session.interruption_ended", "audio", 5),
)
"""Begin of a kind, what it is as a cause, and its rank: the first one explains the others."""
_BY_ASSERTION: Final = {
    "push": 0,
    "call": 1,
    "location": 2,
    "bluetooth": 2,
    "background_task": 3,
    "audio": 5,
    holders.OTHER: 6,
}
_USER: Final = 4
_WORDS: Final = {"transfer": "background_session"}


def cause(rows: pl.DataFrame, context: Context, windows: pl.DataFrame) -> pl.Series:
    """Return what woke the app at the end of each suspension; null where it was not woken, or no line tells.

    Args:
        rows: Suspended windows with ``owner``, ``app``, ``end`` and ``ended_by``.
        context: Events and processes.
        windows: All state windows, by ``owner``.
    """
    ends = rows.with_row_index("row").filter(pl.col("ended_by") == "resumed").select("row", "owner", "app", "end")
    if ends.is_empty():
        return pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    near = _near(ends, _candidates(context))
    by_owner = near.filter(pl.col("owner") == pl.col("owner_told"))
    by_app = near.filter(pl.col("owner_told").is_null() & (pl.col("app") == pl.col("app_told")))
    seen = windows.filter(pl.col("state") == states.FOREGROUND).select("owner", end="start")
    by_user = ends.join(seen, on=["owner", "end"], how="semi").select(
        "row", pl.lit("user").alias("cause"), pl.lit(_USER).alias("rank"), pl.col("end").alias("t")
    )
    found = pl.concat(
        [frame.select("row", "cause", pl.col("rank").cast(pl.Int32), "t") for frame in (by_owner, by_app, by_user)]
    )
    best = found.sort("rank", "t", "cause").unique("row", keep="first")
    return rows.with_row_index("row").join(best, on="row", how="left", maintain_order="left")["cause"]


def _near(ends: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Each end with the candidates (by time) around it, of whichever app: there are few, a join by app has many."""
    times = candidates["t"]
    first = times.search_sorted(ends["end"] - BEFORE_NS, side="left")
    after = times.search_sorted(ends["end"] + AFTER_NS, side="right")
    pairs = ends.with_columns(at=pl.int_ranges(pl.lit(first), pl.lit(after))).explode("at").drop_nulls("at")
    told = candidates[pairs["at"]].rename({"owner": "owner_told", "app": "app_told"})
    return pairs.drop("at").hstack(told)


def _candidates(context: Context) -> pl.DataFrame:
    """Lines that may explain a resumption, by time: ``t``, ``owner``, ``app``, ``cause``, ``rank``."""
    kind = pl.col("kind")
    name, rank = pl.lit(None, pl.String), pl.lit(None, pl.Int32)
    for begin, word, order in _BY_KIND:
        name = pl.when(kind.str.starts_with(begin)).then(pl.lit(word)).otherwise(name)
        rank = pl.when(kind.str.starts_with(begin)).then(order).otherwise(rank)
    assertion = holders.class_of_assertion(pl.col("assertion_name"), pl.col("originator"))
    taken = kind == "assertion.acquired"
    # What an app takes by itself it takes because it runs already.
    foreign = pl.col("originator_pid").is_null() | (pl.col("originator_pid") != pl.col("owner_pid"))
    return (
        context.of_kind("assertion.acquired", *(begin for begin, *_ in _BY_KIND))
        .select("t", "kind", "owner", "owner_pid", "app", "assertion_name", "originator", "originator_pid")
        .with_columns(
            pl.when(taken).then(assertion.replace(_WORDS)).otherwise(name).alias("cause"),
            pl.when(taken)
            .then(assertion.replace_strict(_BY_ASSERTION, default=6, return_dtype=pl.Int32))
            .otherwise(rank)
            .alias("rank"),
        )
        .filter(pl.col("cause").is_not_null() & (~taken | foreign.fill_null(value=True)))
        .select("t", "owner", "app", "cause", "rank")
    )
