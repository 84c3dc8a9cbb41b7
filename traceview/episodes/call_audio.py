"""What the audio server knows about calls: sessions that callservicesd activates, and "PHONE CALL" interruptions.

In a CallKit call the system activates the app's session: the audio server prints callservicesd's pid as
``controlling_PID`` (real iOS 14/15 lines). That joins a call with its app even where CallKit's own lines are private.
"""

import re
from typing import Final

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.call_record import Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Row

BEFORE_NS: Final = NS
"""The activation may be told this much before the line that starts the call (heuristic)."""
AROUND_NS: Final = 3 * NS
"""A call that rings or ends within this time explains a PHONE CALL interruption (heuristic)."""

SERVICE: Final = "callservicesd"
CALLKIT_REASON: Final = "CallKit"
"""Reason of activations that the CallKit framework in the app tells."""
_PID: Final = re.compile(r"\((\d{1,9})\)")


def by_callkit(context: Context) -> pl.Expr:
    """Expression over events: this activation (or deactivation) of an app's session is CallKit's work.

    Console copies show no pids of printers. There, whoever controls another process's session and bears no name is taken
    for callservicesd, if callservicesd is among the printers: no other process is known to activate apps' sessions.
    """
    services = context.processes.filter(pl.col("process") == SERVICE)
    pids = services["pid"].drop_nulls().unique()
    controlled = pl.col("controlling_pid").is_in(pids.implode())
    if pids.is_empty() and services.height:
        named = context.processes["pid"].drop_nulls().unique()
        controlled = ~pl.col("controlling_pid").is_in(named.implode())
    controlled = controlled.fill_null(value=False)
    told_by_callkit = (pl.col("reason") == CALLKIT_REASON).fill_null(value=False)
    return (controlled | told_by_callkit) & ~subjects.is_daemon("name")


def attach(book: list[Call], context: Context) -> None:
    """Give the calls their ``audio_activated``, and add calls that only the audio server tells of."""
    mine = by_callkit(context)
    columns = ("t", "ref", "owner", "app", "session_id")
    for event in context.of_kind("audio_session.activated").filter(mine).select(columns).iter_rows(named=True):
        _activated(book, event, context)
    phone = pl.col("reason").str.to_uppercase().str.contains("PHONE CALL", literal=True)
    interruptions = context.of_kind("audio_session.interrupted").filter(phone)
    for event in interruptions.select(*columns, "interrupter").iter_rows(named=True):
        _interrupted(book, event, context)


def _activated(book: list[Call], event: Row, context: Context) -> None:
    covering = [
        call
        for call in book
        if call.start - BEFORE_NS <= event["t"] and call.open_at(event["t"]) and call.app in (None, event["app"])
    ]
    waiting = [call for call in covering if call.audio_activated is None]
    ready = [call for call in waiting if call.answered is not None or call.direction == "outgoing"]
    for choice in (ready, waiting, covering):
        if choice:
            call = choice[-1]
            break
    else:
        call = Call(event["t"], "inferred", None, witness="audio_session")
        ended = _next_end(event, context)
        if ended:
            call.end, call.end_how = ended["t"], "inferred"
            call.evidence.append(ended["ref"])
        book.append(call)
    if call.audio_activated is None:
        call.audio_activated = event["t"]
    call.app = call.app or event["app"]
    if call.owner is None:
        call.owner = event["owner"]
    call.evidence.append(event["ref"])


def _next_end(event: Row, context: Context) -> Row | None:
    """The next end of that session, else None."""
    if event["session_id"] is not None:
        same = pl.col("session_id") == event["session_id"]
    elif event["owner"] is not None:
        same = pl.col("owner") == event["owner"]
    else:
        return None
    ends = context.of_kind("audio_session.deactivated", "audio_session.stopped")
    found = ends.filter(same & (pl.col("t") > event["t"])).select("t", "ref").head(1)
    return found.row(0, named=True) if found.height else None


def _interrupted(book: list[Call], event: Row, context: Context) -> None:
    """A phone call interrupted somebody: a call of its own where no known call explains it."""
    t = event["t"]
    if any(call.start - AROUND_NS <= t and call.open_at(t, AROUND_NS) for call in book):
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
