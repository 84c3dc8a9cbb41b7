"""What the audio server knows about calls: sessions that callservicesd activates, and "PHONE CALL" interruptions.

In a CallKit call the system activates the app's session: the audio server prints callservicesd's pid as
``controlling_PID`` (real iOS 14/15 lines). That joins a call with its app even where CallKit's own lines are private.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.call_record import AT_ONCE, Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Row

BEFORE_NS: Final = NS
"""The activation may be told this much before the line that starts the call (heuristic)."""
AROUND_NS: Final = 3 * NS
"""A call that rings or ends within this time explains a PHONE CALL interruption (heuristic)."""

KINDS: Final = ("audio_session.activated", "audio_session.interrupted")
"""Kinds of event by which the audio server tells of a call."""
SERVICE: Final = "callservicesd"
"""The daemon that runs CallKit's calls."""
ANSWER_TO_AUDIO_NS: Final = 3 * NS
"""CallKit activates the audio within this time of an answer (heuristic, as in pattern "answer without activation")."""
TRANSMISSION_NS: Final = 30 * NS
"""The system activates the audio of a Push-to-Talk transmission within this time: that is no call (heuristic)."""
CALLKIT_REASON: Final = "CallKit"
"""Reason of activations that the CallKit framework in the app tells."""
OWN_REQUEST: Final = "own request"
"""Reason of activations that an audio server tells without a process in control (real iOS 14/15 lines)."""
_PID: Final = re.compile(r"\((\d{1,9})\)")


def by_callkit(context: Context) -> pl.Expr:
    """Expression over events: this activation (or deactivation) of an app's session is CallKit's work."""
    controlled = pl.col("controlling_pid").is_in(_service_pids(context).implode()).fill_null(value=False)
    told_by_callkit = (pl.col("reason") == CALLKIT_REASON).fill_null(value=False)
    return (controlled | told_by_callkit) & ~subjects.is_daemon("name")


def _service_pids(context: Context) -> pl.Series:
    """The pids of callservicesd, from its own lines or from the assertions that it takes out.

    A console copy may show neither. There, whoever controls another process's session and bears no name is taken for
    callservicesd if that prints at all: no other process is known to activate apps' sessions.
    """
    events = context.events
    originates = pl.col("originator").str.ends_with(SERVICE)
    told = pl.concat(
        [
            context.processes.select(pl.col("pid").filter(pl.col("process") == SERVICE)).to_series(),
            events.select(pl.col("originator_pid").filter(originates)).to_series(),
        ]
    )
    pids = told.drop_nulls().unique()
    if pids.is_empty() and (events["process"] == SERVICE).any():
        named = context.processes["pid"].drop_nulls().unique()
        pids = events["controlling_pid"].drop_nulls().unique()
        pids = pids.filter(~pids.is_in(named.implode()))
    return pids.sort()


def attach(book: list[Call], context: Context) -> None:
    """Give the calls their ``audio_activated``, and add calls that only the audio server tells of."""
    if not context.tells(*KINDS):
        return
    mine = by_callkit(context)
    columns = ("t", "ref", "owner", "app", "session_id")
    ends = context.of_kind("audio_session.deactivated", "audio_session.stopped")
    spoken = context.of_kind("ptt.transmission").select("t", "app").rows()
    running = _Running(book, before=BEFORE_NS)
    for event in context.of_kind("audio_session.activated").filter(mine).select(columns).iter_rows(named=True):
        if not any(app == event["app"] and 0 <= event["t"] - t <= TRANSMISSION_NS for t, app in spoken):
            _activated(book, running, event, ends)
    _after_answers(book, context)
    phone = pl.col("reason").str.to_uppercase().str.contains("PHONE CALL", literal=True)
    interruptions = context.of_kind("audio_session.interrupted").filter(phone)
    running = _Running(book, before=AROUND_NS, after=AROUND_NS)
    for event in interruptions.select(*columns, "interrupter").iter_rows(named=True):
        _interrupted(book, running, event, context)


class _Running:
    """The calls that run at moments which are asked for in the order of time."""

    def __init__(self, book: Sequence[Call], before: int, after: int = 0) -> None:
        """Take calls to run from ``before`` nanoseconds before they begin to ``after`` nanoseconds after they end."""
        self._before, self._after = before, after
        self._next = sorted(book, key=lambda call: call.start)[::-1]
        self._begun: list[Call] = []

    def at(self, t: int) -> list[Call]:
        """Return the calls that run at ``t``, by their begin: the latest ones (`AT_ONCE`)."""
        while self._next and self._next[-1].start - self._before <= t:
            self._begun.append(self._next.pop())
        self._begun = [call for call in self._begun if call.open_at(t, self._after)][-AT_ONCE:]
        return self._begun

    def coming(self) -> Iterator[Call]:
        """Yield the calls that begin later, by their begin."""
        return reversed(self._next)

    def add(self, call: Call) -> None:
        """Take in a call that begins at the moment last asked for, and no later."""
        self._next = [one for one in self._next if one is not call]
        self._begun.append(call)


def _activated(book: list[Call], running: _Running, event: Row, ends: pl.DataFrame) -> None:
    """Give the activation to the call of its app that waits for it, else to a call of unknown app, else to a new one."""
    covering = [call for call in running.at(event["t"]) if call.app in (None, event["app"])]
    covering = covering or _known_from_its_end(running, event, ends)
    own = [call for call in covering if call.app is not None]
    covering = own or covering
    waiting = [call for call in covering if call.audio_activated is None]
    ready = [call for call in waiting if call.answered is not None or call.direction == "outgoing"]
    for choice in (ready, waiting, covering):
        if choice:
            call = choice[-1]
            break
    else:
        call = Call(event["t"], "inferred", None, witness="audio_session")
        ended = _next_end(event, ends)
        if ended:
            call.end, call.end_how = ended["t"], "inferred"
            call.evidence.append(ended["ref"])
        book.append(call)
        running.add(call)
    if call.audio_activated is None:
        call.audio_activated = event["t"]
    call.start = min(call.start, event["t"]) if call.start_how == "capture_edge" else call.start
    call.app = call.app or event["app"]
    if call.owner is None:
        call.owner = event["owner"]
    call.evidence.append(event["ref"])


def _known_from_its_end(running: _Running, event: Row, ends: pl.DataFrame) -> list[Call]:
    """Calls of which only a later line tells, so that they may have run already: the next one, while the session lasts."""
    over = _next_end(event, ends)
    for call in running.coming():
        if over is not None and call.start > over["t"] + AROUND_NS:
            break
        unseen = call.start_how == "capture_edge" and call.audio_activated is None
        if unseen and (None in (call.app, event["app"]) or call.app == event["app"]):
            running.add(call)
            return [call]
    return []


def _after_answers(book: list[Call], context: Context) -> None:
    """Newer audio servers do not print who controls a session: what goes active right after an answer is the call's.

    Unless the app itself prints that it activated its session, or the server that nobody else asked for it.
    """
    activations = context.of_kind("audio_session.activated").filter(~subjects.is_daemon("name"))
    printed = (pl.col("process") == pl.col("name")).fill_null(value=False)
    own = printed | (pl.col("reason") == OWN_REQUEST).fill_null(value=False)
    by_itself: dict[int | None, list[int]] = {}
    for owner, t in activations.filter(own).select("owner", "t").iter_rows():
        by_itself.setdefault(owner, []).append(t)
    candidates = (
        activations.filter(~own & pl.col("app").is_not_null()).select("t", "ref", "owner", "app").rows(named=True)
    )
    times = [event["t"] for event in candidates]
    for call in book:
        if call.answered is None or call.audio_activated is not None:
            continue
        soon = slice(bisect_left(times, call.answered), bisect_right(times, call.answered + ANSWER_TO_AUDIO_NS))
        for event in candidates[soon]:
            if call.app not in (None, event["app"]):
                continue
            if not _beside(by_itself.get(event["owner"], []), event["t"]):
                call.audio_activated = event["t"]
                call.app = event["app"]
                call.owner = event["owner"] if call.owner is None else call.owner
                call.evidence.append(event["ref"])
                break


def _beside(times: Sequence[int], t: int) -> bool:
    """Tell whether one of the times lies within `BEFORE_NS` of ``t``."""
    at = bisect_left(times, t - BEFORE_NS)
    return at < len(times) and times[at] <= t + BEFORE_NS


def _next_end(event: Row, ends: pl.DataFrame) -> Row | None:
    """The next end of that session, else None."""
    if event["session_id"] is not None:
        same = pl.col("session_id") == event["session_id"]
    elif event["owner"] is not None:
        same = pl.col("owner") == event["owner"]
    else:
        return None
    found = ends.filter(same & (pl.col("t") > event["t"])).select("t", "ref").head(1)
    return found.row(0, named=True) if found.height else None


def _interrupted(book: list[Call], running: _Running, event: Row, context: Context) -> None:
    """A phone call interrupted somebody: a call of its own where no known call explains it."""
    t = event["t"]
    if running.at(t):
        return
    pid = _PID.search(event["interrupter"] or "")
    owners = context.processes.filter(pl.col("pid") == int(pid.group(1))) if pid else context.processes.clear()
    caller = owners.filter(~subjects.is_daemon("process")).select("owner", "app").head(1).rows()
    owner, app = caller[0] if caller else (None, None)
    ends = context.of_kind("audio_session.interruption_ended")
    found = (
        ends.filter(pl.col("owner").eq_missing(event["owner"]) & (pl.col("t") > t)).select("t", "ref").head(1).rows()
    )
    call = Call(t, "inferred", None, app=app, owner=owner, kind="unknown", witness="audio_session")
    call.evidence.append(event["ref"])
    if found:
        call.end, call.end_how = found[0][0], "inferred"
        call.evidence.append(found[0][1])
    book.append(call)
    running.add(call)
