"""Pushes: received, app launched, delivered, call reported; and what came of it.

apsd and callservicesd tell one push several times, often without the app. Lines join the push that fits: same app where
both are known, each stage once, in the order received, launched, delivered.
"""

from bisect import bisect_left, bisect_right
from itertools import islice
from typing import Any, Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes.intervals import NS
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

JOIN_NS: Final = 30 * NS
"""Longest way of one push from apsd to the app (heuristic; callservicesd gives an app at most 30 s to report, as read
from its iOS 26.1 code)."""
ECHO_NS: Final = 2 * NS
"""Lines of one stage within this time are the same push unless their witness repeats itself (heuristic)."""
AT_ONCE: Final = 64
"""A line belongs to one of so many latest pushes; bounds the work (heuristic)."""
REPORT_NS: Final = 60 * NS
"""A call reported later than this after a push belongs to something else (heuristic)."""
UNNAMED_NS: Final = 10 * NS
"""A call or push whose app no line names belong together within this time (heuristic; Apple DTS: about 7 s to report)."""
LEAST_CONFIDENCE: Final = 0.5
"""Pushes below this have no time of their own (PowerLog notes them in batches of minutes): nothing is joined by it."""
VERDICT_NS: Final = 120 * NS
"""Callservicesd's verdict, or the kill, follows the push within this time (heuristic)."""

_STAGES: Final = {"push.received": "received", "push.launched_app": "launched", "push.delivered": "delivered"}
_VERDICTS: Final = {"push.unreported": "unreported", "push.blocked": "blocked"}
_VOIP_SUFFIX: Final = ".voip"
_VOIP_DAEMON: Final = "callservicesd"
"""It hands over VoIP pushes, and rarely those of network extensions and Push-to-Talk channels, as `_OTHER` tells."""
_OTHER: Final = "cs-push-delivering-other"
_PUNISHED: Final = "cs-push-punished"
"""The app gets no more pushes: told as it failed once too often, too, not of a push that was dropped alone."""


class _Push(Struct):
    """A push under construction; times in UTC nanoseconds."""

    start: int
    last: int
    app: str | None = None
    owner: int | None = None
    push_id: str | None = None
    topic: str | None = None
    voip: bool | None = None
    other: bool = False
    stages: dict[str, int] = field(default_factory=dict)
    left_apsd: bool = False
    """Delivered, as far as apsd tells: to callservicesd, should it turn out to be a VoIP push."""
    verdict: str | None = None
    told: set[tuple[str | None, str | None]] = field(default_factory=set)
    evidence: list[int] = field(default_factory=list)
    call: Row | None = None

    def fits(self, event: Row) -> bool:
        pairs: list[tuple[Any, Any]] = [(self.push_id, event["push_id"]), (self.app, event["push_app"])]
        stage = event["kind"] in _STAGES
        if not (stage and (self.other or event["signal"] == _OTHER)) or self.topic is not None:
            pairs.append((self.voip, event["voip"]))
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)

    @property
    def reached_app(self) -> bool:
        return self.verdict == "unreported" or not self.stages.keys().isdisjoint(("launched", "delivered"))

    def learn(self, event: Row) -> None:
        self.last = max(self.last, event["t"])
        self.app = self.app or event["push_app"]
        self.push_id = self.push_id or event["push_id"]
        self.topic = self.topic or event["topic"]
        self.voip = event["voip"] if self.voip is None else self.voip
        if event["signal"] == _OTHER and self.topic is None:
            self.voip, self.other = False, True
        if self.voip and self.left_apsd:
            self.left_apsd = False
            del self.stages["delivered"]
        if self.owner is None:
            self.owner = event["owner"]
        self.told.add((event["process"], event["signal"]))
        self.evidence.append(event["ref"])


def with_calls(context: Context, calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table ``calls``, completed by the apps that pushes tell, and the table ``pushes``."""
    pushes = build(context, calls)
    if pushes.is_empty():
        return calls, pushes
    brought = pushes.filter(pl.col("call").is_not_null() & pl.col("app").is_not_null()).select(
        id="call", by_push="app", process_by_push="process", pid_by_push="pid"
    )
    unnamed = pl.col("app").is_null()
    columns = ("process", "pid", "app")
    named = calls.join(brought, on="id", how="left", maintain_order="left").with_columns(
        pl.when(unnamed).then(pl.coalesce(name, other)).otherwise(pl.col(name)).alias(name)
        for name, other in zip(columns, ("process_by_push", "pid_by_push", "by_push"), strict=True)
    )
    return named.select(calls.columns), pushes


def build(context: Context, calls: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``pushes``.

    Args:
        context: Events and processes.
        calls: The table ``calls``.
    """
    if not context.tells(*_STAGES, *_VERDICTS):
        return empty_table("pushes")
    book: list[_Push] = []
    for event in _events(context).iter_rows(named=True):
        if event["kind"] in _STAGES:
            _stage(book, event)
        else:
            _judge(book, event)
    _join_calls(book, calls)
    _join_kills(book, context)
    owners = {
        row["owner"]: row for row in context.processes.select("owner", "app", "process", "pid").iter_rows(named=True)
    }
    return table("pushes", [_row(push, owners.get(push.owner, {})) for push in book])


def _events(context: Context) -> pl.DataFrame:
    """Push events with ``push_app`` (bundle, else the topic) and ``voip``; addresses of messages are no push ids."""
    topic = pl.col("topic")
    # The bundle id of an app may itself end like the topic of its VoIP pushes does.
    bundles = pl.concat([context.processes["app"], context.events["bundle"]]).drop_nulls().unique().implode()
    voip_topic = topic.str.ends_with(_VOIP_SUFFIX) & ~topic.is_in(bundles)
    of_topic = pl.when(voip_topic).then(topic.str.strip_suffix(_VOIP_SUFFIX)).otherwise(topic)
    voip = (
        pl.when(topic.is_not_null())
        .then(voip_topic)
        .when(pl.col("signal") == _OTHER)
        .then(pl.lit(value=False))
        .when(pl.col("process") == _VOIP_DAEMON)
        .then(pl.lit(value=True))
    )
    told = context.of_kind(*_STAGES, *_VERDICTS).filter(pl.col("confidence").fill_null(1.0) >= LEAST_CONFIDENCE)
    return told.select(
        *("t", "ref", "kind", "signal", "process", "owner", "topic"),
        pl.when(~pl.col("push_id").str.starts_with("0x")).then(pl.col("push_id")).alias("push_id"),
        pl.coalesce("app", of_topic).alias("push_app"),
        voip.alias("voip"),
    )


def _stage(book: list[_Push], event: Row) -> None:
    stage, t = _STAGES[event["kind"]], event["t"]
    order = list(_STAGES.values())
    told = (event["process"], event["signal"])

    def takes(push: _Push) -> bool:
        if not push.fits(event) or t - push.start > JOIN_NS:
            return False
        if push.push_id is not None and push.push_id == event["push_id"]:
            return True
        echo = t - push.last <= ECHO_NS and told not in push.told
        passed = any(later in push.stages for later in order[order.index(stage) :])
        return echo or not passed

    fitting = [push for push in book[-AT_ONCE:] if takes(push)]
    if fitting:
        push = fitting[-1]
    else:
        push = _Push(t, t)
        book.append(push)
    push.learn(event)
    by_apsd = stage == "delivered" and event["process"] == "apsd"
    if stage not in push.stages and not (by_apsd and push.voip):
        push.stages[stage] = t
        push.left_apsd = push.left_apsd or by_apsd


def _judge(book: list[_Push], event: Row) -> None:
    """Attach callservicesd's verdict to the last push that fits, or keep it as a push of its own."""
    verdict, t = _VERDICTS[event["kind"]], event["t"]
    told = (event["process"], event["signal"])

    def takes(push: _Push) -> bool:
        if not push.fits(event) or t - push.last > (ECHO_NS if told in push.told else VERDICT_NS):
            return False
        by_id = push.push_id is not None and push.push_id == event["push_id"]
        punished = push.verdict is not None and event["signal"] == _PUNISHED
        return by_id or punished or verdict != "blocked" or not push.reached_app

    push = next((push for push in reversed(book[-AT_ONCE:]) if takes(push)), None)
    if push is None:
        push = _Push(t, t)
        book.append(push)
    push.verdict = push.verdict or verdict
    push.learn(event)


def _join_calls(book: list[_Push], calls: pl.DataFrame) -> None:
    """Give each VoIP push the first incoming call of its app that was reported after it and has no push yet."""
    incoming = calls.filter((pl.col("direction") == "incoming") & pl.col("reported").is_not_null()).select(
        "id", "app", pl.col("reported").cast(pl.Int64).alias("t"), pl.col("evidence").list.first().alias("ref")
    )
    reports = incoming.sort("t").rows(named=True)
    times = [call["t"] for call in reports]
    taken: set[str] = set()
    for push in sorted(book, key=lambda push: push.start):
        if push.voip is False or push.verdict:
            continue
        since, until = bisect_left(times, push.start), bisect_right(times, push.start + REPORT_NS)
        for call in reports[since:until]:
            known = push.app is not None and push.app == call["app"]
            possible = None in (push.app, call["app"]) and call["t"] - push.last <= UNNAMED_NS
            if (known or possible) and call["id"] not in taken:
                push.call = call
                push.app = push.app or call["app"]
                push.evidence.append(call["ref"])
                taken.add(call["id"])
                break


def _join_kills(book: list[_Push], context: Context) -> None:
    """A kill for an unreported push (code 0xbaadca11 or its exception) is the verdict on the last push before it."""
    code = pl.col("code").str.to_lowercase().is_in(["0xbaadca11", "3131951633"])
    text = pl.col("reason").str.contains("never posted an incoming call", literal=True)
    kills = context.of_kind("process.terminated", "process.exited").filter(code | text)
    starts = [push.start for push in book]
    for kill in kills.select("t", "ref", "app", "owner").iter_rows(named=True):
        since, until = bisect_left(starts, kill["t"] - VERDICT_NS), bisect_right(starts, kill["t"])
        suspects = (
            push
            for push in reversed(book[since:until])
            if push.call is None
            and push.voip is not False
            and (push.app is None or kill["app"] is None or push.app == kill["app"])
        )
        for push in islice(suspects, 1):
            push.verdict = push.verdict or "unreported"
            push.evidence.append(kill["ref"])


def _row(push: _Push, owner: Row) -> Row:
    reported = push.call["t"] if push.call else None
    handed_over = push.stages.get("delivered", push.stages.get("received"))
    outcome = "reported" if push.call else push.verdict or "unknown"
    end = max(push.last, reported or push.last)
    return {
        "app": push.app or owner.get("app"),
        "process": owner.get("process"),
        "pid": owner.get("pid"),
        "start": push.start,
        "end": end,
        "start_how": "observed" if "received" in push.stages else "inferred",
        "end_how": "observed",
        "evidence": push.evidence,
        "push_id": push.push_id,
        "topic": push.topic,
        "voip": push.voip,
        **push.stages,
        "reported": reported,
        "report_latency_s": (reported - handed_over) / NS if reported is not None and handed_over is not None else None,
        "outcome": outcome,
        "call": push.call["id"] if push.call else None,
    }
