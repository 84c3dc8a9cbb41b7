"""Whose hold a line tells of that hides its call: callservicesd answers one call and holds the others, actions are fulfilled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from traceview.episodes.call_record import Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Row

SWAP_NS: Final = 2 * NS
"""One call goes on hold and another takes its place within this time (heuristic)."""
ACTION_NS: Final = 10 * NS
"""An action is fulfilled within this time of the line that announces it, or it timed out (heuristic)."""

_MAKE_ROOM: Final = r"\b(hold active|end active|end held) calls and answer ringing call"
_FULFILLED: Final = frozenset({"cs-held-fulfilled"})
_ASKED: Final = frozenset({"ck-action-asked"})
_ACTION: Final = "setheldcallaction"


def of_others() -> pl.Expr:
    """Expression over events: what becomes of which other calls for the one that is answered (``end held``), or null."""
    said = pl.col("message").str.extract(_MAKE_ROOM, 1)
    return pl.when(pl.col("kind") == "call.answered").then(said)


def windows(call: Row) -> list[tuple[datetime, datetime]]:
    """Return when a row of ``calls`` was on hold: begin and end of each known hold, in time order."""
    return list(zip(call["hold_starts"] or (), call["hold_ends"] or (), strict=True))


def make_room(calls: Sequence[Call], event: Row, answered: Sequence[Call]) -> list[Call]:
    """Put on hold, or expect the end of, whoever talked before another call was answered: all of them, so that no name is needed.

    Args:
        calls: Those that may be meant.
        event: The line.
        answered: The call that it answers.

    Returns:
        The call that must have talked, where none is known: it began before the capture.
    """
    t = event["t"]
    others = [call for call in calls if call not in answered and call.open_at(t)]
    active = [call for call in others if call.active_at(t - SWAP_NS)]
    new = [] if others or not answered else [Call(t, "capture_edge", None)]
    over = _to_end(active or new, event["others"])
    for call in over:
        call.doomed = t
        call.note(event["ref"])
    for call in active or new:
        if event["others"] != "end active" and call not in over and not call.held:
            call.hold(t)
            call.hold_implied = t
            call.note(event["ref"])
    return new


def _to_end(calls: Sequence[Call], others: str) -> list[Call]:
    """Return which of the calls end for the one that is answered: the held or the active ones; a single one must be meant."""
    if others == "hold active":
        return []
    going = [call for call in calls if call.held == (others == "end held")]
    return going or (list(calls) if len(calls) == 1 else [])


def doomed(calls: Sequence[Call], event: Row) -> list[Call]:
    """Return the calls that end for another one that was answered, of which no line has told it yet, or this one has not."""
    told = (event["process"], event["signal"])
    near = [call for call in calls if call.doomed is not None and 0 <= event["t"] - call.doomed <= ACTION_NS]
    return [call for call in near if call.fits(event) and (call.open_at(event["t"]) or told not in call.told)]


def just_implied(calls: Sequence[Call], event: Row) -> list[Call]:
    """Return the calls that `hold_active` put on hold a moment ago: a line that holds a hidden call repeats it."""
    recent = (call for call in calls if call.hold_implied is not None)
    return [call for call in recent if event["t"] - (call.hold_implied or 0) <= SWAP_NS]


def not_just_turned(calls: Sequence[Call], event: Row) -> list[Call]:
    """Return the active calls that did not turn a moment ago: of two lines about a swap the second tells of the other call."""
    t = event["t"]
    active = (call for call in calls if call.active_at(t))
    return [call for call in active if not call.held_windows or t - call.turned > SWAP_NS]


def follow(calls: Sequence[Call], event: Row, step: str) -> None:
    """Take in what a line about a hold or its end leaves open, once its step is done.

    An action that holds or resumes is told before it is asked of the app and fulfilled; where only that is told, it turns
    the state of the one call that can be meant. Where several can be, or the begin is missing, none of their holds is known.

    Args:
        calls: Those that the line may be about.
        event: The line.
        step: What it tells (`step_of`).
    """
    t, meant = event["t"], _meant(calls, event)
    announced = [call for call in meant if _expects(call, step, t)]
    began_before = any(call.start_how == "capture_edge" and not call.held_windows for call in meant)
    if step == "failed" or (not announced and (step == "resumed" or began_before or len(meant) > 1)):
        for call in announced or meant:
            call.doubt_holds(_doubtful_from(call, step, t))
    elif announced:
        announced[0].hold_awaits.pop(step, None)
    elif meant:
        meant[0].turn(t)
        meant[0].hold_awaits = {"fulfilled": t} if step == "asked" else {}
        meant[0].note(event["ref"])


def correct(call: Call, event: Row, calls: Sequence[Call]) -> None:
    """Let the line that holds the call tell when, where it followed from another one that it goes on hold, and in which app.

    Args:
        call: Which goes on hold.
        event: The line.
        calls: Those that may be meant; the app that speaks at that moment speaks of its own, if it has any.
    """
    if not call.held or call.hold_implied != call.held_windows[-1][0]:
        return
    call.held_windows[-1] = (event["t"], None)
    if call.owner is None and not any(other.owner == event["near"] for other in calls):
        call.owner = event["near"]


def step_of(event: Row) -> str | None:
    """Return what the line tells of a hold that it does not begin: asked, fulfilled, failed, resumed, or None."""
    if event["kind"] == "call.resumed":
        return "resumed"
    if event["signal"] in _FULFILLED:
        return "fulfilled"
    if _ACTION not in (event["action"] or "").lower():
        return None
    return "failed" if event["kind"] == "call.failed" else "asked" if event["signal"] in _ASKED else None


def _expects(call: Call, step: str, t: int) -> bool:
    """Tell whether the line repeats of the call what is known."""
    if step == "resumed":
        over = call.held_windows[-1][1] if call.held_windows else None
        return over is not None and t - over <= SWAP_NS
    since = call.hold_awaits.get(step)
    return since is not None and t - since <= ACTION_NS


def _doubtful_from(call: Call, step: str, t: int) -> int:
    """Return from when on the line at ``t`` leaves open whether the call was on hold: it may turn what an earlier line told."""
    undone = step == "failed" and t - call.turned <= ACTION_NS
    begun_unseen = not call.held and (step == "resumed" or call.start_how == "capture_edge")
    return call.turned if undone or begun_unseen else t


def _meant(calls: Sequence[Call], event: Row) -> list[Call]:
    """Return the calls that were active then: of the app that speaks at that moment, if it has any."""
    active = [call for call in calls if call.active_at(event["t"])]
    return [call for call in active if _speaks(call, event)] or active


def _speaks(call: Call, event: Row) -> bool:
    """Tell whether the line is told by, or next to, the app of the call."""
    of_app = call.app is not None and call.app == event["call_app"]
    return of_app or (call.owner is not None and call.owner in (event["near"], event["owner"]))
