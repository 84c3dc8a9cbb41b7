"""Which of several calls a line is about: the one it names, else the one that fits; whose end a hidden line tells."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, Self

import polars as pl
from msgspec import Struct

from traceview.episodes import call_holds, call_neighbours, subjects
from traceview.episodes.call_audio import ANSWER_TO_AUDIO_NS, AROUND_NS, BEFORE_NS
from traceview.episodes.call_outcomes import reason_text
from traceview.episodes.call_record import AT_ONCE, Call
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Row

END_ECHO_NS: Final = 5 * NS
"""Lines that still belong to a call after its end (heuristic)."""

_OF_RINGING: Final = frozenset({"unanswered", "answered elsewhere", "declined elsewhere", "user busy"})
"""Reasons for which only a call ends that nobody has answered."""


class Witnesses(Struct, frozen=True):
    """What others than callservicesd tell of calls.

    Attributes:
        speakers: Processes in which CallKit prints at all, so that it would tell the end of a call of theirs as well.
        lives: End of each process, or None.
        audio: By process, when its audio session went active (True) and inactive (False), in time order.
        activations: All that went active: when, and of which process.
        far: Where the capture ends.
    """

    speakers: frozenset[int]
    lives: dict[int, int | None]
    audio: dict[int, list[tuple[int, bool]]]
    activations: list[tuple[int, int]]
    far: int

    @classmethod
    def of(cls, context: Context) -> Self:
        """Return what the events tell."""
        kinds = ("audio_session.activated", "audio_session.deactivated", "audio_session.stopped")
        turns = context.of_kind(*kinds).filter(~subjects.is_daemon("name") & pl.col("owner").is_not_null())
        turned = turns.select("owner", "t", pl.col("kind") == kinds[0]).sort("t").rows()
        audio: dict[int, list[tuple[int, bool]]] = {}
        for owner, t, active in turned:
            audio.setdefault(owner, []).append((t, active))
        return cls(
            speakers=frozenset(call_neighbours.spoken(context)["speaker"]),
            lives=dict(context.processes.select("owner", "end").iter_rows()),
            audio=audio,
            activations=[(t, owner) for owner, t, active in turned if active],
            far=context.span.end,
        )

    def gone(self, call: Call, event: Row) -> bool:
        """Tell whether the call was over before the line, which a later instance of callservicesd prints, or its app died."""
        died = None if call.owner is None else self.lives.get(call.owner)
        if event["kind"] != "call.ended" and died is not None and call.start <= died < event["t"] - END_ECHO_NS:
            return True
        return event["service_died"] is not None and call.start <= event["service_died"]

    def goes_on(self, call: Call, event: Row) -> bool | None:
        """Tell whether the call goes on at a line that ends some call and names none; None where nothing tells.

        A call ends with the process of its app. CallKit in the app tells each end of a call of its own, or asks it to end
        one, and the audio that it activated goes inactive with the call.
        """
        t, owner = event["t"], call.owner
        died = None if owner is None else self.lives.get(owner)
        if died is not None and -BEFORE_NS <= t - died <= END_ECHO_NS:
            return False
        if owner in self.speakers and not event["heard"]:
            return True
        if owner is None:
            owner = next((one for at, one in self.activations if _answers(call, at)), None)
        turns = self.audio.get(owner, []) if owner is not None else []
        around = [active for at, active in turns if t - BEFORE_NS <= at <= t + AROUND_NS]
        if around:
            return around[-1]
        before = turns[: bisect_right(turns, (t, True))]
        active = bool(before) and before[-1][1]
        return True if active and t + AROUND_NS <= self.far else None


def _answers(call: Call, t: int) -> bool:
    return call.answered is not None and call.answered <= t <= call.answered + ANSWER_TO_AUDIO_NS


def around(book: Sequence[Call], event: Row, witnesses: Witnesses) -> list[Call]:
    """Return the latest calls that were not gone before the line."""
    return [call for call in book[-AT_ONCE:] if not witnesses.gone(call, event)]


def by_id(calls: Sequence[Call], event: Row) -> Call | None:
    """Return the call that the line names by its UUID."""
    if event["call_id"] is None:
        return None
    return next((call for call in reversed(calls) if call.call_id == event["call_id"]), None)


def fitting(calls: Sequence[Call], event: Row) -> list[Call]:
    """Calls that a step may belong to; where it names none, those of the app that speaks at that moment, if there are any."""
    fits = [call for call in calls if call.fits(event) and call.open_at(event["t"], END_ECHO_NS)]
    if event["near"] is None:
        return fits
    # Where another app's call (one of Phone) ends, an app that takes its call off hold speaks as well.
    nobodys = [call for call in fits if call.owner is None]
    own = [call for call in fits if call.owner == event["near"]]
    if nobodys and not event["by_app"] and (event["kind"] != "call.ended" or _back_from_hold(own, event["t"])):
        return fits
    return own or nobodys or fits


def _back_from_hold(calls: Iterable[Call], t: int) -> bool:
    recent = (call.held_windows[-1][1] for call in calls if call.held_windows)
    return any(over is None or over >= t - call_holds.SWAP_NS for over in recent)


def meant(calls: Sequence[Call], event: Row, witnesses: Witnesses) -> list[Call]:
    """Return the call to which this step belongs; none where none fits, several where any of them may have ended."""
    if (known := by_id(calls, event)) is not None:
        return [known]
    ending = event["kind"] == "call.ended"
    asked_to_end = event["kind"] == "call.action" and "endcall" in (event["action"] or "").lower()
    if (ending or asked_to_end) and (doomed := call_holds.doomed(calls, event)):
        return doomed[-1:]
    fits = fitting(calls, event)
    if ending:
        told = (event["process"], event["signal"])
        over = [call for call in fits if not call.open_at(event["t"]) and told not in call.told]
        if over:  # another witness of an end just told, not the end of another call that goes on
            return over[-1:]
    still_open = [call for call in fits if call.open_at(event["t"])]
    if event["kind"] == "call.held":
        still_open = call_holds.just_implied(still_open, event) or still_open
    if event["kind"] in ("call.held", "call.resumed"):
        still_open = call_holds.not_just_turned(still_open, event) or still_open
    if event["kind"] in ("call.ended", "call.failed") and len(still_open) > 1:
        return _ended(still_open, event, witnesses)
    preferred = [call for call in still_open if _prefers(call, event)]
    return _last(preferred or still_open or fits, event)


def _last(calls: Sequence[Call], event: Row) -> list[Call]:
    own = [call for call in calls if call.app is not None and call.app == event["call_app"]]
    return list(own or calls)[-1:]


def _prefers(call: Call, event: Row) -> bool:
    match event["kind"]:
        case "call.answered":
            return call.direction == "incoming" and call.answered is None
        case "call.connected":
            return call.direction == "outgoing" and call.connected is None
        case "call.held":
            return not call.held and (call.answered or call.connected) is not None
        case "call.resumed":
            return call.held
    return False


def _ended(calls: Sequence[Call], event: Row, witnesses: Witnesses) -> list[Call]:
    """Of several calls that run or ring, return that which ended, or all that may have."""
    ringing = [call for call in calls if not call.active_at(event["t"])]
    if reason_text(event["reason"], event["code"]) in _OF_RINGING:
        return _last(ringing or calls, event)
    if event["call_app"] is not None:
        return _last([call for call in calls if call not in ringing] or calls, event)
    told = [(call, witnesses.goes_on(call, event)) for call in calls]
    left = [call for call, on in told if on is False] or [call for call, on in told if on is None] or list(calls)
    talking = [call for call in left if call not in ringing]
    if talking and len(talking) < len(left):
        return left
    return _last(left, event)
