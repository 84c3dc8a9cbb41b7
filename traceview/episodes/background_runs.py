"""Stretches outside the foreground and not suspended: what held the app, and whether it should have been suspended.

iOS suspends an app soon after it leaves the foreground; a background task buys about 30 s. What runs longer needs a
holder: a call, an active audio session, location, an assertion. Where the lines of runningboardd, of the audio server and
of callservicesd (or the app's own about audio and calls) are in the capture and name none for longer than that, the app
should have been suspended and was not.
"""

from collections import defaultdict
from operator import itemgetter
from typing import Final

import polars as pl

from traceview.episodes import audio_io, holders, states
from traceview.episodes.intervals import NS, free, in_seconds, meeting, overlap_s
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, capped, table

BUDGET_S: Final = 30.0
"""What a background task buys (Apple DTS: "about 30 seconds"; measured as 25 to 35 s from iOS 13 on)."""
_MANAGERS: Final = ("runningboardd", "assertiond")
_SERVERS: Final = ("audiomxd", "mediaserverd")
_CALLS: Final = "callservicesd"
_TIMED: Final = ("call", "audio", "background_task", "location", "assertion")
_AS_ASSERTION: Final = {"push": "assertion", "transfer": "assertion", "bluetooth": "assertion"}
_STATE_LINES: Final = 12
"""So many lines about the state itself are kept of a run, the first and the last ones: those of its holders need room."""
_NAMED: Final = 4
"""So many holders are named, longest first."""


def build(
    context: Context, windows: pl.DataFrame, tables: dict[str, pl.DataFrame], silent: pl.DataFrame
) -> pl.DataFrame:
    """Return the table ``background_runs``.

    Args:
        context: Events and processes.
        windows: State windows with ``owner``.
        tables: The tables ``calls``, ``audio_sessions``, ``background_tasks`` and ``assertions``.
        silent: Times when a session was active and its IO told to be stopped: ``pid``, ``start``, ``end``.
    """
    runs = _runs(context, windows)
    if runs.is_empty():
        return empty_table("background_runs")
    held = _holders(runs, tables, context.span.end)
    # One key for each run: what another run of the same process had does not count.
    far = pl.max_horizontal(pl.coalesce("end", pl.lit(context.span.end)), "start")
    closed = runs.select(pl.col("run").alias("key"), "start", far.alias("end"))
    uncovered = _uncovered(closed, held)
    turns = _turns(runs, uncovered, held)
    by_kind = held.partition_by("kind", as_dict=True)
    measured = runs.with_columns(
        in_seconds(far - pl.col("start")).alias("lasted_s"),
        *(overlap_s(closed, by_kind.get((kind,), held.clear())).alias(f"{kind}_s") for kind in _TIMED),
        _silent_s(runs, silent, context),
    )
    named = _named(held).drop("located")
    rows = measured.join(uncovered, left_on="run", right_on="key", how="left", maintain_order="left").join(
        named, left_on="run", right_on="key", how="left", maintain_order="left"
    )
    rows = rows.with_columns(pl.col("uncovered_s", "longest_uncovered_s").fill_null(0.0))
    hidden_s = _hidden_call_s(closed.with_columns(runs["app"]), tables["calls"], context)
    tells = _would_be_told(context) & (pl.col("longest_uncovered_s") - hidden_s > BUDGET_S)
    verdict = (
        pl.when(pl.col("lasted_s") <= BUDGET_S)
        .then(pl.lit("within_budget"))
        .when(pl.col("longest_uncovered_s") <= BUDGET_S)
        .then(pl.lit("held"))
        .when(tells)
        .then(pl.lit("overstayed"))
        .otherwise(pl.lit("not_known"))
    )
    rows = rows.with_columns(
        verdict.alias("verdict"),
        pl.lit(BUDGET_S).alias("budget_s"),
        pl.concat_list(
            capped(pl.col("evidence"), _STATE_LINES, _STATE_LINES // 2), pl.col("proof").fill_null([])
        ).alias("evidence"),
    )
    return table("background_runs", _with_turns(rows, turns, context))


def _turns(runs: pl.DataFrame, uncovered: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Lines at the edges of each run's longest piece that nothing covers, and the one that ends the run: ``key``, ``ref``.

    The piece begins as a holder lets go and ends as the next one begins, unless it does so with the run.
    """
    ended = runs.select(pl.col("run").alias("key"), pl.col("next_ref").alias("ref"))
    if held.is_empty() or uncovered.is_empty():
        return ended.drop_nulls()
    begin = pl.col("uncovered_from")
    over = begin + (pl.col("longest_uncovered_s") * NS).round().cast(pl.Int64)
    edges = held.join(
        uncovered.select("key", begin.alias("begin"), over.alias("over")), on="key", maintain_order="left"
    )
    freed = edges.filter(pl.col("end") == pl.col("begin")).select("key", pl.col("last_ref").alias("ref"))
    taken = edges.filter(pl.col("start") == pl.col("over")).select("key", "ref")
    return pl.concat(
        [*(some.drop_nulls().unique("key", keep="first", maintain_order=True) for some in (freed, taken, ended))]
    )


def _with_turns(rows: pl.DataFrame, turns: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add these lines to the evidence, and put it in the order of time."""
    told = pl.concat([rows.select(key="run", ref="evidence").explode("ref"), turns]).drop_nulls().unique()
    lines = context.events.filter(pl.col("ref").is_in(told["ref"].implode())).group_by("ref").agg(pl.col("t").first())
    timed = told.join(lines, on="ref", how="left").sort("key", "t", "ref", nulls_last=True)
    ordered = timed.group_by("key", maintain_order=True).agg(pl.col("ref").alias("evidence"))
    return rows.drop("evidence").join(ordered, left_on="run", right_on="key", how="left", maintain_order="left")


def _would_be_told(context: Context) -> pl.Expr:
    """Whether holders would show: lines of runningboardd about assertions, and of those who tell of calls and of audio."""
    kind, process = pl.col("kind"), pl.col("process")
    told = context.events.select(
        (process.is_in(_MANAGERS) & kind.str.starts_with("assertion."))
        .fill_null(value=False)
        .any()
        .alias("assertions"),
        ((process == _CALLS) | kind.str.starts_with("call.")).fill_null(value=False).any().alias("calls"),
        (process.is_in(_SERVERS) | kind.str.starts_with("audio_session.")).fill_null(value=False).any().alias("audio"),
    )
    return pl.lit(value=all(told.row(0)))


def _hidden_call_s(runs: pl.DataFrame, calls: pl.DataFrame, context: Context) -> pl.Series:
    """Seconds of each run (with ``app``) in which a call may be the reason: one whose app no line names, or one of its app before its first line."""
    if calls.is_empty():
        return pl.repeat(0.0, runs.height, eager=True)
    start, end = pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64).fill_null(context.span.end)
    since = end.shift(1).over("app", order_by="start").fill_null(context.span.start)
    begun = pl.when(pl.col("start_how") == "capture_edge").then(pl.min_horizontal(since, start)).otherwise(start)
    placed = calls.with_columns(begun=begun, start=start, end=end)
    nobodys = placed.filter(pl.col("app").is_null() & pl.col("pid").is_null())
    hidden = overlap_s(
        runs.with_columns(key=pl.lit(0)), nobodys.select(pl.lit(0).alias("key"), start="begun", end="end")
    )
    early = placed.filter(pl.col("app").is_not_null() & (pl.col("begun") < pl.col("start")))
    before = overlap_s(runs.with_columns(key="app"), early.select(key="app", start="begun", end="start"))
    return hidden + before


def _runs(context: Context, windows: pl.DataFrame) -> pl.DataFrame:
    """Background windows of apps, numbered by ``run``, with how they ended."""
    last = pl.col("evidence").list.last()
    apps = context.processes.filter(pl.col("is_app")).select("owner", left="end", exit_line=last)
    following = pl.col("state", "start").shift(-1).over("owner").name.prefix("next_")
    next_line = pl.col("evidence").list.first().shift(-1).over("owner").alias("next_line")
    joins = pl.col("next_start") == pl.col("end")
    ended = (
        pl.when(pl.col("end").is_null() | (pl.col("end_how") == "capture_edge"))
        .then(None)
        .when(joins & (pl.col("next_state") == states.SUSPENDED))
        .then(pl.lit("suspended"))
        .when(joins & (pl.col("next_state") == states.FOREGROUND))
        .then(pl.lit("foreground"))
        .when(pl.col("end") == pl.col("left"))
        .then(pl.lit("terminated"))
    )
    gone = pl.when(pl.col("end") == pl.col("left")).then("exit_line")
    next_ref = pl.when(joins).then("next_line").otherwise(gone)
    return (
        windows.drop("run", strict=False)
        .sort("owner", "start")
        .with_columns(following, next_line)
        .join(apps, on="owner", how="inner", maintain_order="left")
        .filter(pl.col("state") == states.BACKGROUND)
        .with_columns(ended.alias("ended_by"), next_ref.alias("next_ref"))
        .with_row_index("run")
    )


def _holders(runs: pl.DataFrame, tables: dict[str, pl.DataFrame], far: int) -> pl.DataFrame:
    """What may have held each run: ``key`` (its run), ``kind``, ``holder`` (in words), ``start``, ``end``, ``ref``, ``last_ref``."""
    # A window without length is an activation that was refused.
    sessions = tables["audio_sessions"].filter(pl.col("refused_error").is_null())
    assertions = tables["assertions"].filter(holders.may_hold(pl.col("name")))
    granted = holders.class_of_assertion(pl.col("name"), pl.col("originator"), pl.col("domain"))
    kind, name = pl.col("kind"), pl.col("name")
    known = (
        pl.concat(
            [
                tables["calls"].select(kind=pl.lit("call"), name=pl.lit(None, pl.String), **_common("app")),
                sessions.select(kind=pl.lit("audio"), name="session_id", **_common("pid")),
                tables["background_tasks"].select(kind=pl.lit("background_task"), name="name", **_common("pid")),
                assertions.select(kind=granted, name="name", **_common("pid")),
            ]
        )
        .drop_nulls("whose")
        .with_columns(kind=kind.replace(_AS_ASSERTION), holder=holders.in_words(kind, name))
    )
    lasted = (pl.col("start"), pl.coalesce("end", pl.lit(far)).alias("end"))
    by_app = runs.select("run", _key(pl.lit("app"), pl.col("app")), *lasted)
    by_pid = runs.select("run", _key(pl.lit("pid"), pl.col("pid").cast(pl.String)), *lasted)
    told = pl.concat([by_app, by_pid])
    held = known.with_columns(
        _key(pl.col("by"), pl.col("whose")), pl.col("from").alias("start"), pl.coalesce("to", pl.lit(far)).alias("end")
    )
    pairs = meeting(told, held)
    run, its = told[pairs["row"]], held[pairs["other"]]
    return its.select(
        run["run"].alias("key"),
        *("kind", "holder"),
        pl.max_horizontal("start", run["start"]),
        pl.min_horizontal("end", run["end"]),
        *("ref", "last_ref"),
    )


def _key(by: pl.Expr, whose: pl.Expr) -> pl.Expr:
    """Expression: whose holders these are, by app or by pid; null where that is not known."""
    return (by + pl.lit(" ") + whose).alias("key")


def _common(whose: str) -> dict[str, pl.Expr]:
    """Columns of a holder; ``whose`` is its pid where it belongs to a process or its app is hidden, else its app."""
    pid, app = pl.col("pid").cast(pl.String), pl.col("app")
    by_pid = pid.is_not_null() if whose == "pid" else pid.is_not_null() & app.is_null()
    return {
        "whose": pl.when(by_pid).then(pid).otherwise(app),
        "by": pl.when(by_pid).then(pl.lit("pid")).otherwise(pl.lit("app")),
        "from": pl.col("start").cast(pl.Int64),
        "to": pl.col("end").cast(pl.Int64),
        "ref": pl.col("evidence").list.first(),
        "last_ref": pl.col("evidence").list.last(),
    }


def _uncovered(runs: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """What no holder covers of each run: ``key``, ``uncovered_s``, the longest piece and its begin."""
    covered: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for key, start, end in held.select("key", "start", "end").iter_rows():
        covered[key].append((start, end))
    rows = []
    for key, start, end in runs.iter_rows():
        pieces = [(over - begin, begin) for begin, over in free(covered[key], start, end)]
        if pieces:
            longest, begin = max(pieces, key=itemgetter(0))  # of equal ones the first
            rows.append((key, sum(length for length, _ in pieces), longest, begin))
    names = ("uncovered_s", "longest_uncovered_s", "uncovered_from")
    schema = {"key": runs.schema["key"], **dict.fromkeys(names, pl.Int64())}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(in_seconds(pl.col(names[:2])))


def _named(held: pl.DataFrame) -> pl.DataFrame:
    """The longest holders of each run in words, and a line that proves each (and location): ``key``, ``holders``, ``proof``."""
    by_name = held.group_by("key", "holder").agg(
        (pl.col("end") - pl.col("start")).sum().alias("length"),
        pl.col("ref").drop_nulls().first(),
        pl.col("kind").first(),
    )
    return (
        by_name.sort("length", "holder", descending=[True, False])
        .group_by("key", maintain_order=True)
        .agg(
            pl.col("holder").head(_NAMED).str.join(", ").alias("holders"),
            pl.col("ref").head(_NAMED).drop_nulls().alias("proof"),
            pl.col("ref").filter(pl.col("kind") == "location").head(1).drop_nulls().alias("located"),
        )
        .with_columns(pl.concat_list("proof", "located").list.unique(maintain_order=True).alias("proof"))
    )


def _silent_s(runs: pl.DataFrame, silent: pl.DataFrame, context: Context) -> pl.Series:
    """Seconds of each run in which a session was active without IO; null where no line tells of the app's IO."""
    tellers = audio_io.tellers(context)
    if tellers.is_empty():
        return pl.repeat(None, runs.height, dtype=pl.Float64, eager=True).alias("silent_audio_s")
    far = pl.max_horizontal(pl.coalesce("end", pl.lit(context.span.end)), "start")
    windows = runs.select("owner", pl.col("pid").fill_null(-1).alias("key"), "start", far.alias("end"))
    seconds = overlap_s(windows, silent.select(pl.col("pid").fill_null(-1).alias("key"), "start", "end"))
    told = pl.col("owner").is_in(tellers.implode())
    return windows.select(pl.when(told).then(pl.lit(seconds)).alias("silent_audio_s")).to_series()
