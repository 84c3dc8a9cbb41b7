"""Push-to-Talk: channels from joined to left, and the transmissions in them.

Joining a channel is no call and keeps no app running (Apple, PushToTalk); a transmission is announced by a push, and the
system then activates the audio session of the app.
"""

from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes import call_audio
from traceview.episodes.intervals import NS
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

REASON: Final = "PushToTalk channel"
"""Reason of older signals about channels."""
ACTIVATE_NS: Final = 30 * NS
"""Audio that is activated later than this belongs to something else (heuristic; the pattern's limit is 5 s)."""
PUSH_NS: Final = 30 * NS
"""A push this long before a transmission may have announced it (heuristic; callservicesd waits at most 30 s)."""

_TRANSMISSION: Final = "transmission"
_KINDS: Final = ("ptt.channel", "ptt.transmission", "call.action", "call.connected", "call.ended")


def is_about() -> pl.Expr:
    """Expression over events: the line is about a channel or a transmission, not about a call."""
    action = pl.col("action").fill_null("")
    return (
        pl.col("kind").str.starts_with("ptt.")
        | (pl.col("reason").fill_null("") == REASON)
        | action.is_in(["transmission started", "transmission ended"])
    )


class _Stretch(Struct):
    """A channel or a transmission under construction; times in UTC nanoseconds."""

    kind: str
    start: int
    owner: int | None
    app: str | None
    process: str | None
    pid: int | None
    channel_id: str | None
    provider: str | None
    start_how: str = "observed"
    end: int | None = None
    end_how: str = "capture_edge"
    end_reason: str | None = None
    pushed: int | None = None
    audio_activated: int | None = None
    evidence: list[int] = field(default_factory=list)


def build(context: Context) -> pl.DataFrame:
    """Return the table ``push_to_talk``."""
    told = context.of_kind(*_KINDS).filter(is_about())
    if told.is_empty():
        return empty_table("push_to_talk")
    book: list[_Stretch] = []
    running: dict[tuple[str, object], _Stretch] = {}
    for event in _read(told).iter_rows(named=True):
        key = (event["what"], event["channel"])
        known = running.get(key)
        if event["begins"]:
            if known is None:
                running[key] = _new(book, event, "observed")
            else:
                known.evidence.append(event["ref"])
        elif event["ends"]:
            stretch = running.pop(key, None) or _new(book, event, "capture_edge")
            stretch.end, stretch.end_how, stretch.end_reason = event["t"], "observed", event["code"]
            stretch.evidence.append(event["ref"])
            if event["what"] == "channel":
                _end_transmission(running, event)
    _end_with_process(book, context)
    _attach(book, context)
    return table("push_to_talk", [_row(stretch) for stretch in book])


def _read(rows: pl.DataFrame) -> pl.DataFrame:
    """Lines about channels with ``what`` (channel, transmission), ``begins``, ``ends`` and ``channel`` (id, else the app)."""
    action = pl.col("action").fill_null("").str.to_lowercase()
    transmission = action.str.contains(_TRANSMISSION, literal=True)
    joined = (pl.col("kind") == "call.connected") | action.str.contains("joined|restored|connected")
    left = (pl.col("kind") == "call.ended") | action.str.contains("left|disconnected")
    begins = pl.when(transmission).then(action.str.contains("started|began")).otherwise(joined & ~left)
    ends = pl.when(transmission).then(action.str.contains("ended|stopped")).otherwise(left)
    return rows.select(
        *("t", "ref", "owner", "app", "name", "owner_pid", "call_id", "provider", "code"),
        pl.when(transmission).then(pl.lit(_TRANSMISSION)).otherwise(pl.lit("channel")).alias("what"),
        begins.alias("begins"),
        ends.alias("ends"),
        pl.coalesce("call_id", "app", pl.col("owner").cast(pl.String)).alias("channel"),
    )


def _new(book: list[_Stretch], event: Row, start_how: str) -> _Stretch:
    stretch = _Stretch(
        kind=event["what"],
        start=event["t"],
        start_how=start_how,
        owner=event["owner"],
        app=event["app"],
        process=event["name"],
        pid=event["owner_pid"],
        channel_id=event["call_id"],
        provider=event["provider"],
        evidence=[event["ref"]],
    )
    book.append(stretch)
    return stretch


def _end_transmission(running: dict[tuple[str, object], _Stretch], event: Row) -> None:
    """Leaving a channel ends what was being transmitted in it."""
    stretch = running.pop((_TRANSMISSION, event["channel"]), None)
    if stretch is not None:
        stretch.end, stretch.end_how = event["t"], "inferred"
        stretch.evidence.append(event["ref"])


def _end_with_process(book: list[_Stretch], context: Context) -> None:
    lives = dict(context.processes.select("owner", "end").iter_rows())
    for stretch in book:
        left = lives.get(stretch.owner) if stretch.owner is not None else None
        # A channel outlives its app: the system restores it (Apple, PTChannelRestorationDelegate).
        if stretch.kind == _TRANSMISSION and left is not None and (stretch.end is None or stretch.end > left):
            stretch.end, stretch.end_how = max(left, stretch.start), "inferred"


def _attach(book: list[_Stretch], context: Context) -> None:
    """Give transmissions the audio that the system activated for them, and the push that announced them."""
    activations = (
        context.of_kind("audio_session.activated")
        .filter(call_audio.by_callkit(context))
        .select("t", "ref", "app")
        .rows(named=True)
    )
    pushes = context.of_kind("push.received", "push.delivered").select("t", "ref", "app", "topic").rows(named=True)
    for stretch in book:
        if stretch.kind != _TRANSMISSION:
            continue
        for event in activations:
            limit = (
                stretch.start + ACTIVATE_NS if stretch.end is None else min(stretch.end, stretch.start + ACTIVATE_NS)
            )
            if event["app"] == stretch.app and stretch.start <= event["t"] <= limit:
                stretch.audio_activated = event["t"]
                stretch.evidence.append(event["ref"])
                break
        announced = [
            event
            for event in pushes
            if 0 <= stretch.start - event["t"] <= PUSH_NS and event["app"] in (None, stretch.app)
        ]
        if announced:
            stretch.pushed = announced[-1]["t"]
            stretch.evidence.append(announced[-1]["ref"])


def _row(stretch: _Stretch) -> Row:
    begin = stretch.start if stretch.pushed is None else stretch.pushed
    activated = stretch.audio_activated
    names = (
        "kind",
        "app",
        "process",
        "pid",
        "start",
        "end",
        "start_how",
        "end_how",
        "channel_id",
        "provider",
        "pushed",
    )
    return {
        **{name: getattr(stretch, name) for name in names},
        "audio_activated": activated,
        "activate_s": None if activated is None else (activated - begin) / NS,
        "end_reason": stretch.end_reason,
        "evidence": sorted(set(stretch.evidence)),
    }
