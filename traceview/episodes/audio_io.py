"""When the audio IO of a process ran: from the lines that tell its starts and stops."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import accumulate
from operator import itemgetter
from typing import Final

import polars as pl

from traceview.episodes.intervals import free, in_seconds, overlap_s
from traceview.episodes.tables import Context

_KINDS: Final = ("audio_io.started", "audio_io.stopped")
_SILENT: Final = {"session": pl.String, "pid": pl.Int64, "start": pl.Int64, "end": pl.Int64}


def changes() -> pl.Expr:
    """Expression over events of IO: not an engine that says it was not running before its stop, or was before its start."""
    return pl.col("active").is_null() | (pl.col("active") == (pl.col("kind") == "audio_io.stopped"))


def windows(context: Context) -> pl.DataFrame:
    """Return when IO ran: ``owner``, ``pid``, ``start``, ``end`` (nanoseconds), the end being that of the capture where it is open.

    Units of one process (engine, remote IO, HAL context) start and stop together: the last line told counts.
    """
    if not context.tells(*_KINDS):
        return pl.DataFrame(schema=dict.fromkeys(("owner", "pid", "start", "end"), pl.Int64))
    told = context.of_kind(*_KINDS).filter(pl.col("owner").is_not_null() & changes())
    starts = pl.col("kind") == "audio_io.started"
    life = context.processes.select("owner", left="end")
    return (
        told.sort("owner", "t", "ref")
        .with_columns(starts.alias("runs"))
        .filter((pl.col("runs") != pl.col("runs").shift(1).over("owner")).fill_null(value=True))
        .with_columns(pl.col("t").shift(-1).over("owner").alias("next"))
        .filter("runs")
        .join(life, on="owner", how="left", maintain_order="left")
        .select(
            "owner",
            pl.col("owner_pid").alias("pid"),
            pl.col("t").alias("start"),
            pl.max_horizontal("t", pl.coalesce("next", "left", pl.lit(context.span.end))).alias("end"),
        )
    )


def tellers(context: Context) -> pl.Series:
    """Return the processes (``owner``) of whose IO any line tells."""
    told = context.events.select(pl.col("owner").filter(pl.col("kind").is_in(_KINDS)))
    return told.to_series().drop_nulls().unique().sort()


def _keys(context: Context) -> pl.Series:
    """The pids of whose IO any line tells; -1 stands for the only process without a pid."""
    nameless = context.processes["pid"].null_count() == 1
    telling = context.processes.filter(pl.col("owner").is_in(tellers(context).implode()))["pid"]
    return telling.fill_null(-1) if nameless else telling.drop_nulls()


def silent(sessions: pl.DataFrame, io: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return when a session was active and no IO of its process ran: ``pid``, ``start``, ``end``, ``session`` (its ``id``).

    Only of processes of whose IO lines tell.

    Args:
        sessions: The table ``audio_sessions``.
        io: When IO ran (`windows`).
        context: Events and processes.
    """
    if sessions.is_empty() or not context.tells(*_KINDS):
        return pl.DataFrame(schema=_SILENT)
    far = context.span.end
    known = _keys(context).implode()
    active = sessions.filter(pl.col("refused_error").is_null() & pl.col("pid").fill_null(-1).is_in(known)).select(
        "id",
        "pid",
        pl.col("start").cast(pl.Int64),
        pl.max_horizontal("start", pl.coalesce("end", pl.lit(far).cast(sessions.schema["end"])))
        .cast(pl.Int64)
        .alias("end"),
    )
    runs: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
    for pid, start, end in io.select("pid", "start", "end").sort("start", "end").iter_rows():
        runs[pid].append((start, end))
    reach = {pid: list(accumulate((end for _, end in mine), max)) for pid, mine in runs.items()}
    quiet = [
        (session, pid, *stretch)
        for session, pid, start, end in active.iter_rows()
        for stretch in free(_around(runs.get(pid, []), reach.get(pid, []), start, end), start, end)
    ]
    return pl.DataFrame(quiet, schema=_SILENT, orient="row")


def _around(runs: list[tuple[int, int]], reach: list[int], start: int, end: int) -> list[tuple[int, int]]:
    """Those of the runs (by start, with how far they reach so far) among which all are that touch the window."""
    return runs[bisect_left(reach, start) : bisect_right(runs, end, key=itemgetter(0))]


def measured(sessions: pl.DataFrame, io: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return ``io_running_s``, ``io_silent_s`` and ``io_stopped`` for each row of ``audio_sessions`` (same order)."""
    if not context.tells(*_KINDS):
        return pl.select(
            *(
                pl.repeat(None, sessions.height, dtype=pl.Float64).alias(name)
                for name in ("io_running_s", "io_silent_s")
            ),
            pl.repeat(None, sessions.height, dtype=pl.Datetime("ns", "UTC")).alias("io_stopped"),
        )
    far = pl.lit(context.span.end)
    closed = sessions.select(
        pl.col("pid").fill_null(-1).alias("key"),
        pl.col("start").cast(pl.Int64),
        pl.max_horizontal(pl.col("start").cast(pl.Int64), pl.coalesce(pl.col("end").cast(pl.Int64), far)).alias("end"),
    )
    running = overlap_s(closed, io.select(pl.col("pid").fill_null(-1).alias("key"), "start", "end"))
    known = _keys(context).implode()
    stops = io.select(pl.col("pid").fill_null(-1).alias("key"), pl.col("end").alias("stop")).sort("stop")
    last = (
        closed.with_row_index("row")
        .sort("end")
        .join_asof(stops, left_on="end", right_on="stop", by="key", check_sortedness=False)
        .sort("row")
    )
    inside = (pl.col("stop") >= pl.col("start")) & (pl.col("stop") < far)
    told = pl.col("key").is_in(known) & pl.lit(sessions["refused_error"].is_null())
    length = in_seconds(pl.col("end") - pl.col("start"))
    return last.with_columns(running.alias("running")).select(
        pl.when(told).then(pl.col("running")).alias("io_running_s"),
        pl.when(told).then((length - pl.col("running")).round(9)).alias("io_silent_s"),
        pl.when(inside).then(pl.col("stop")).cast(pl.Datetime("ns", "UTC")).alias("io_stopped"),
    )
