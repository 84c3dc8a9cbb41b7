"""How a call was set up: push, launch, report, ringing, answer, audio, first IO; and what audio it lacked."""

from typing import Final

import polars as pl

from traceview.episodes import intervals
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context

AUDIO_NS: Final = 3 * NS
"""CallKit activates the audio of an answered call within this time (heuristic, pattern "answer without activation")."""
IO_NS: Final = 5 * NS
"""An app whose session is active starts IO within this time (heuristic, pattern "active session never starts IO")."""
_FAR: Final = 1 << 62
"""The end of what has none."""
_SERVERS: Final = ("audiomxd", "mediaserverd")
_PHASES: Final = {
    "push_to_launch_s": ("pushed", "launched"),
    "launch_to_report_s": ("launched", "reported"),
    "push_to_report_s": ("pushed", "reported"),
    "report_to_ring_s": ("reported", "ringing"),
    "ring_to_answer_s": ("ringing", "answered"),
    "report_to_answer_s": ("reported", "answered"),
    "answer_to_audio_s": ("answered", "audio_activated"),
    "audio_to_io_s": ("audio_activated", "first_io"),
}


def with_setup(calls: pl.DataFrame, pushes: pl.DataFrame, io: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return the table ``calls`` with ``pushed``, ``launched``, ``first_io``, the latencies and ``audio_fault``.

    Args:
        calls: The table, complete but for these columns.
        pushes: The table ``pushes``.
        io: When audio IO ran (`audio_io.windows`).
        context: Events and processes.
    """
    if calls.is_empty():
        return calls
    brought = pushes.filter(pl.col("call").is_not_null()).select(
        id="call", by_push=pl.coalesce("received", "delivered", "start"), opened="launched"
    )
    known = calls.join(brought.unique("id", keep="first"), on="id", how="left", maintain_order="left")
    known = known.with_columns(pl.col("by_push").alias("pushed"))
    known = _with_launch(known, context)
    known = _with_audio(known, io, context)
    known = known.with_columns(_latency(*phase).alias(name) for name, phase in _PHASES.items())
    return known.select(calls.columns)


def _latency(begin: str, end: str) -> pl.Expr:
    """Seconds between two phases; null where one is not told, or they come the other way round."""
    taken = (pl.col(end) - pl.col(begin)).dt.total_nanoseconds()
    return pl.when(taken >= 0).then((taken / NS).round(9))


def _with_launch(calls: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Fill ``launched``: the observed launch of the call's process between push and report, else the system's request.

    An app that ran before its push was not launched by it: newer systems print the request all the same.
    """
    lives = context.processes.filter(pl.col("is_app") & pl.col("app").is_not_null()).select(
        "app",
        pl.col("start").cast(pl.Datetime("ns", "UTC")).alias("began"),
        (pl.col("start_how") == "observed").alias("seen"),
        pl.col("end").cast(pl.Datetime("ns", "UTC")).alias("gone"),
    )
    pairs = calls.select("id", "app", "pushed", "reported").join(lives, on="app")
    during = (pl.col("began") >= pl.col("pushed")) & (pl.col("began") <= pl.col("reported"))
    before = (pl.col("began") < pl.col("pushed")) & (pl.col("gone").is_null() | (pl.col("gone") > pl.col("pushed")))
    told = pairs.group_by("id").agg(
        pl.col("began").filter(during & pl.col("seen")).min().alias("launch"),
        before.fill_null(value=False).any().alias("ran"),
    )
    asked = pl.when(~pl.col("ran").fill_null(value=False)).then(pl.col("opened"))
    return calls.join(told, on="id", how="left", maintain_order="left").with_columns(
        pl.coalesce("launch", asked).alias("launched")
    )


def _with_audio(calls: pl.DataFrame, io: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Fill ``first_io`` and ``audio_fault``."""
    told = _audio_of(calls, context)
    events = context.events
    server = pl.col("process").is_in(_SERVERS)
    by_callkit = (pl.col("kind") == "audio_session.activated") & (pl.col("reason") == "CallKit")
    tells_activation = bool(events.select((server | by_callkit).fill_null(value=False).any()).item())
    tells_io = bool(events.select(_starts_io().any()).item())
    far = pl.lit(context.span.end).cast(pl.Datetime("ns", "UTC"))
    until = pl.col("end").fill_null(far)
    waited = (until - pl.col("answered")).dt.total_nanoseconds() > AUDIO_NS
    ran = (until - pl.col("audio_activated")).dt.total_nanoseconds() > IO_NS
    callkit = (pl.col("witness") == "callkit") & (pl.col("kind") == "callkit") & pl.col("app").is_not_null()
    runs = pl.col("id").is_in(_with_running_io(calls, io).implode())
    shares = pl.col("id").is_in(_sharing(calls).implode())
    fault = (
        pl.when(
            pl.lit(tells_activation)
            & callkit
            & pl.col("answered").is_not_null()
            & pl.col("audio_activated").is_null()
            & waited
            & ~shares
        )
        .then(pl.lit("not_activated"))
        .when(pl.lit(tells_io) & pl.col("audio_activated").is_not_null() & pl.col("io_told").is_null() & ran & ~runs)
        .then(pl.lit("no_io"))
        .when(pl.col("not_recording") & ~pl.col("recorded") & (pl.col("played") | pl.col("first_io").is_not_null()))
        .then(pl.lit("no_input"))
        .when(pl.col("not_playing") & ~pl.col("played") & pl.col("recorded"))
        .then(pl.lit("no_output"))
    )
    return (
        calls.drop("first_io")
        .join(told, on="id", how="left", maintain_order="left")
        .with_columns(fault.alias("audio_fault"))
    )


def _with_running_io(calls: pl.DataFrame, io: pl.DataFrame) -> pl.Series:
    """Return calls during which IO of their process runs, since whenever."""
    told = calls.select("id", key="pid", begin=pl.col("start").cast(pl.Int64), over=pl.col("end").cast(pl.Int64))
    runs = io.sort("start").select(key="pid", since="start", reach=pl.col("end").cum_max().over("pid"))
    last = (
        told.filter(pl.col("key").is_not_null())
        .with_columns(pl.col("over").fill_null(_FAR))
        .sort("over")
        .join_asof(runs, left_on="over", right_on="since", by="key", check_sortedness=False)
    )
    return last.filter(pl.col("reach") >= pl.col("begin"))["id"]


def _sharing(calls: pl.DataFrame) -> pl.Series:
    """Return calls that are answered while the audio of another call of their app is active: it is not activated again."""
    if calls.height == 1:
        return calls["id"].clear()
    cut = pl.col("audio_activated").is_null() & (pl.col("start_how") == "capture_edge")
    ever = pl.lit(0).cast(pl.Datetime("ns", "UTC"))  # a call that was up before the capture may have had its audio then
    known = calls.select(
        "id",
        key="app",
        t=pl.col("answered").cast(pl.Int64),
        start=pl.when(cut).then(ever).otherwise("audio_activated").cast(pl.Int64),
        end=pl.col("end").cast(pl.Int64).fill_null(_FAR),
    )
    answered = known.filter(pl.col("t").is_not_null())
    own = pl.col("start").is_not_null() & pl.col("t").is_between("start", "end")
    beside = intervals.depth(answered, known.filter(pl.col("start").is_not_null())) - answered.select(own).to_series()
    return answered.filter(beside > 0)["id"]


def _starts_io() -> pl.Expr:
    """The line tells that IO starts: not one that says that it was running already."""
    was_running = pl.col("active").fill_null(value=False)
    started = (pl.col("kind") == "audio_io.started") & ~was_running
    return (started | (pl.col("playing") | pl.col("recording"))).fill_null(value=False)


def _audio_of(calls: pl.DataFrame, context: Context) -> pl.DataFrame:
    """What the lines of each call's process say of its IO from the activation (else the answer) to its end.

    Columns ``id``, ``first_io``, ``io_told`` (any IO within the call), ``played``, ``recorded``, ``not_playing``,
    ``not_recording``.
    """
    from_audio = pl.coalesce("audio_activated", "answered", "connected").cast(pl.Int64)
    far = pl.max_horizontal(pl.lit(context.span.end), pl.col("start").cast(pl.Int64))
    windows = calls.filter(pl.col("app").is_not_null()).select(
        "id",
        call_app="app",
        begin=pl.col("start").cast(pl.Int64),
        since=from_audio,
        until=pl.coalesce(pl.col("end").cast(pl.Int64), far),
    )
    lines = context.events.filter(
        pl.col("app").is_not_null()
        & (
            (pl.col("kind") == "audio_io.started")
            | (
                (pl.col("kind").str.starts_with("audio_"))
                & (pl.col("playing").is_not_null() | pl.col("recording").is_not_null())
            )
        )
    ).select("t", "app", "playing", "recording", _starts_io().alias("starts"))
    pairs = windows.join_where(
        lines,
        pl.col("call_app") == pl.col("app"),
        pl.col("t") >= pl.col("begin"),
        pl.col("t") <= pl.col("until"),
    )
    later = pl.col("t") >= pl.col("since")
    found = pairs.group_by("id").agg(
        pl.col("t").filter(pl.col("starts") & later).min().cast(pl.Datetime("ns", "UTC")).alias("first_io"),
        pl.col("t").filter("starts").min().alias("io_told"),
        *(
            (pl.col(column) == value).fill_null(value=False).any().alias(name)
            for name, column, value in (
                ("played", "playing", True),
                ("recorded", "recording", True),
                ("not_playing", "playing", False),
                ("not_recording", "recording", False),
            )
        ),
    )
    return (
        calls.select("id")
        .join(found, on="id", how="left", maintain_order="left")
        .with_columns(pl.col("played", "recorded", "not_playing", "not_recording").fill_null(value=False))
    )
