"""The end of the audio server: told by the end of its process, by a new one, or by the apps whose audio went with it.

It ends every session and every audio object at once (Apple, ``mediaServicesWereResetNotification``). An app is told of
it when it runs: a suspended one long afterwards, so that the word of an app only says that the server ended by then.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import Final

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context

SERVERS: Final = ("audiomxd", "mediaserverd")
"""The processes of iOS that carry all audio: the second one on older systems."""
KIND: Final = "media_services.reset"
REPLACED: Final = "server replaced"
"""Reason of a reset that a new audio server shows: no line tells the end of the one before."""
LOST: Final = ("lost", "server died", "server ended", REPLACED)
"""Reasons of a reset that is told as the server goes; others tell that it is back."""
BACK: Final = ("reset", "session recreated", "session not recreated")
RESET_NS: Final = 10 * NS
"""A running app is told within this time, and has made its session active again (heuristic, as a burst of glitches)."""

_COLUMNS: Final = {
    "t": pl.Int64(),
    "ref": pl.UInt64(),
    "who": pl.String(),
    "process": pl.String(),
    "pid": pl.Int64(),
    "signal": pl.String(),
    "reason": pl.String(),
    "device": pl.String(),
    "count": pl.Int64(),
}


def who() -> pl.Expr:
    """Expression: which process this is, by ``pid``, else by the name ``process``."""
    return pl.coalesce(pl.col("pid").cast(pl.String()), pl.col("process"))


def resets(context: Context) -> pl.DataFrame:
    """Return what tells of an end of the audio server, by ``t``.

    A word of an app that did not run since the server's own end is placed at that end.

    Returns:
        One row a line: ``t``, ``ref``; ``who`` (`who`), the app whose word it is, null where the time is sure: of the
        server's own end, and of what the processes of iOS tell; ``process``, ``pid`` and ``signal`` of the line;
        ``reason`` in small letters; ``device``, ``count``.
    """
    words, servers = _words(context), _servers(context)
    if servers.is_empty():
        return words
    ends = _ends(servers, context)
    if not ends.is_empty() and not words.is_empty():
        words = _placed(words, ends, context)
    told = pl.concat([words, ends])
    if servers.height > 1:
        told = pl.concat([told, _untold(servers, told["t"].to_list(), context)])
    return told.sort("t", "ref")


def with_belated(told: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return `resets` with ``belated``: a session of another process ran through it, and ended by itself afterwards.

    The server then ended before that session began, and the app that tells has learned of it long after.

    Args:
        told: As `resets` returns it.
        sessions: The table ``audio_sessions``.
    """
    if told.is_empty():
        return told.with_columns(pl.lit(value=False).alias("belated"))
    observed = (pl.col("start_how") == "observed") & (pl.col("end_how") == "observed")
    by_itself = pl.col("stopped_by").is_in(["app", "callkit", "interruption"]) & pl.col("refused_error").is_null()
    lasting = sessions.filter(observed & by_itself).select(
        who().alias("who"),
        since=pl.col("start").cast(pl.Int64) + RESET_NS,
        until=pl.col("end").cast(pl.Int64) - RESET_NS,
    )
    everybody, alone = _Running(), defaultdict[str | None, _Running](_Running)
    for name, since, until in lasting.filter(pl.col("since") < pl.col("until")).iter_rows():
        everybody.add(since, until)
        alone[name].add(since, until)
    late = [
        name is not None and reason in (*LOST, *BACK) and everybody.at(t) > alone[name].at(t)
        for t, name, reason in told.select("t", "who", "reason").iter_rows()
    ]
    return told.with_columns(pl.Series("belated", late, pl.Boolean))


class _Running:
    """How many windows run at a time."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        insort(self._starts, start)
        insort(self._ends, end)

    def at(self, t: int) -> int:
        return bisect_left(self._starts, t) - bisect_right(self._ends, t)


def _servers(context: Context) -> pl.DataFrame:
    """The instances of the audio server, as `Context.processes` has them; where both run, mediaserverd carries no audio."""
    servers = context.processes.filter(_label().is_in(SERVERS))
    newer = servers.filter(_label() == SERVERS[0])
    return servers if newer.is_empty() else newer


def _label() -> pl.Expr:
    """Expression: the name of a daemon, which RunningBoard calls by its label: com.apple.audiomxd."""
    return pl.col("process").str.split(".").list.last()


def _ends(servers: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The ends that a line tells; a server that left because nobody used it took no audio with it."""
    over = servers.filter(pl.col("end_how") == "observed").select("owner", t="end")
    told = context.events.filter(pl.col("owner").is_in(over["owner"].implode()) & pl.col("timed"))
    lines = told.join(over, on=["owner", "t"], how="semi", maintain_order="left")
    unused = lines.filter(pl.col("reason").str.contains("idle-exit", literal=True))["owner"]
    first = lines.filter(~pl.col("owner").is_in(unused.implode())).unique("owner", keep="first", maintain_order=True)
    return _by_server(first.select("t", "ref", process="name", pid="owner_pid"), "server ended")


def _untold(servers: pl.DataFrame, told: list[int], context: Context) -> pl.DataFrame:
    """The first lines that a server prints after another one, of whose end nothing tells.

    Where an app lived through it: else the device may have been restarted.
    """
    span = (pl.col("t").min().alias("first"), pl.col("t").max().alias("last"), pl.col("ref").first())
    names = servers.select(_label().unique()).to_series()
    printed = context.events.filter(pl.col("process").is_in(names.implode()) & pl.col("pid").is_not_null())
    spoke = printed.group_by("boot", "process", "pid").agg(span).sort("first")
    over = servers.filter(pl.col("end_how") == "observed")["pid"]
    before = [pl.col(name).shift(1).over("boot", "process").alias(f"{name}_before") for name in ("last", "pid")]
    another = (pl.col("last_before") < pl.col("first")) & ~pl.col("pid_before").is_in(over.implode())
    apps = context.processes.filter(pl.col("is_app") & pl.col("pid").is_not_null()).join(
        context.events.group_by("owner").agg(span), on="owner"
    )
    lives = apps.select("first", "last").rows()
    followers = spoke.with_columns(before).filter(another).rename({"first": "t"})
    new = [
        any(first <= left and came <= last for first, last in lives)
        and not any(left <= t <= came + RESET_NS for t in told)
        for left, came in followers.select("last_before", "t").rows()
    ]
    return _by_server(followers.filter(pl.Series(new, dtype=pl.Boolean)), REPLACED)


def _by_server(lines: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Rows of `resets` for lines about the server itself: ``t``, ``ref``, ``process``, ``pid``."""
    given = lines.with_columns(pl.lit(reason).alias("reason"))
    lacking = [pl.lit(None, kind).alias(name) for name, kind in _COLUMNS.items() if name not in given.columns]
    return given.with_columns(lacking).select(*_COLUMNS)


def _words(context: Context) -> pl.DataFrame:
    """The lines that tell of a reset."""
    of_app = pl.when(~subjects.is_daemon()).then(who())
    return context.of_kind(KIND).select(
        *("t", "ref"),
        of_app.alias("who"),
        *("process", pl.col("pid").cast(pl.Int64), "signal"),
        pl.col("reason").str.to_lowercase(),
        *("device", pl.col("count").cast(pl.Int64)),
    )


def _placed(words: pl.DataFrame, ends: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Place words at the server's last end, where their app has not run since: it could not be told before."""
    tellers = pl.col("who").is_in(words["who"].unique().implode())
    printed = context.events.select(who().alias("who"), ran="t").filter(tellers)
    activated = context.of_kind("audio_session.activated").select(
        pl.coalesce(pl.col("owner_pid").cast(pl.String()), "name").alias("who"), ran="t"
    )
    launched = context.processes.filter(pl.col("start_how") == "observed").select(who().alias("who"), ran="start")
    told = (
        words.with_row_index("row")
        .with_columns((pl.col("t") - RESET_NS).alias("before"))
        .sort("before")
        .join_asof(ends.select("t", ended="t"), left_on="before", right_on="t")
        .join_asof(
            pl.concat([printed, activated, launched]).sort("ran"),
            left_on="before",
            right_on="ran",
            by="who",
            check_sortedness=False,
        )
        .sort("row")
    )
    asleep = pl.col("ran").is_null() | (pl.col("ran") <= pl.col("ended"))
    late = pl.col("who").is_not_null() & pl.col("reason").is_in([*LOST, *BACK]) & asleep
    moved = pl.when(late.fill_null(value=False)).then(pl.coalesce("ended", "t")).otherwise("t")
    return told.select(moved.alias("t"), *(name for name in words.columns if name != "t"))
