"""Suspensions of an app in its call: while it rang, while people talked, while it was on hold, and how sure that is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from traceview.episodes.call_holds import windows as hold_windows
from traceview.rules.proofs import last_line, state_edges
from traceview.rules.registry import Finding, Inputs, Severity
from traceview.rules.rows import (
    CALL_DAEMONS,
    Line,
    Row,
    at_least,
    duration,
    finding,
    name_of,
    owned_calls,
    rows,
    rows_of,
    wanted,
    window_of,
)
from traceview.rules.why_suspended import DOUBTFUL, SUSPENDED_FIX, begun_before, certainty, reasons, released
from traceview.rules.windows import Window, intersect, length_s, subtract

_HOLDERS: Final = ("calls", "audio_sessions", "background_tasks", "assertions")
_HARM: Final = {
    "answered": "A suspended app runs no code: audio stops in both directions, the media connection times out and signalling stalls.",
    "ringing": "A suspended app runs no code: while its call rings it can neither prepare the media nor see that the caller gave up.",
    "on-hold": "A suspended app runs no code. No audio of a held call is lost by that, but its media connection may time out, "
    "signalling stalls, and it does not learn when the other side hangs up.",
}
_WHILE: Final = {"answered": "its call lasted", "ringing": "its call rang", "on-hold": "its call was on hold"}


def suspended_in_call(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each suspension of an app in its call."""
    for row in rows(inputs, "suspensions"):
        own = owned_calls(inputs, row)
        window = window_of(inputs, row)
        if not wanted(inputs, row) or window is None:
            continue
        inside = intersect([window], [part for call in own if (part := _lasting(inputs, call)) is not None])
        seconds = length_s(inside)
        if seconds < inputs.thresholds["least"]:
            yield from _perhaps_in_call(inputs, row, own, window)
            continue
        calls = [call for call in own if (part := _lasting(inputs, call)) is not None and intersect([part], inside)]
        phase = _phase(inputs, calls, inside)
        sure = certainty(inputs, row, calls)
        if sure < DOUBTFUL:
            yield _maybe_over(inputs, row, calls, inside)
            continue
        why, advice = reasons(inputs, row, calls, talking=phase != "ringing")
        yield finding(
            "suspended-during-call",
            "G14",
            _severity(phase, calls, sure),
            [row],
            context=calls,
            lines=[*state_edges(inputs, row, ["suspended"], inside), *_let_go(inputs, row)],
            title=f"iOS suspended {name_of(row)} for {at_least(row)}{duration(seconds)} while {_WHILE[phase]}",
            explanation=_HARM[phase]
            + (
                ""
                if phase == "on-hold"
                else " A call that CallKit knows and that has not ended usually keeps the app running."
            )
            + released(row)
            + why
            + _answered_later(row, calls, phase),
            advice=advice,
            confidence=min(sure, 1.0 if all(call["app"] is not None for call in calls) else 0.7),
            pattern=phase,
            measures={"suspended_in_call_s": seconds},
            window=(inside[0][0], inside[-1][1]),
        )


def _phase(inputs: Inputs, calls: list[Row], inside: list[Window]) -> str:
    """Return what the calls were while the app was suspended (a key of `_WHILE`): the worst of what lasted long enough."""
    least = inputs.thresholds["least"]
    up = intersect(inside, _up(inputs, calls))
    if length_s(subtract(up, [window for call in calls for window in hold_windows(call)])) >= least:
        return "answered"
    return "on-hold" if length_s(up) >= least else "ringing"


def _up(inputs: Inputs, calls: list[Row]) -> list[Window]:
    """Return when the calls were up: from the answer on, or from the begin of the capture, which may lie after the answer."""
    parts = []
    for call in calls:
        picked_up = _picked_up(call) or (call["start"] if call["start_how"] == "capture_edge" else None)
        window = _lasting(inputs, call)
        if picked_up is not None and window is not None and picked_up < window[1]:
            parts.append((picked_up, window[1]))
    return parts


def _picked_up(call: Row) -> datetime | None:
    moment: datetime | None = call["answered"] or call["connected"]
    return moment


def _severity(phase: str, calls: list[Row], sure: float) -> Severity:
    if phase == "on-hold":
        return Severity.medium
    told = phase == "answered" and any(_picked_up(call) for call in calls)
    return Severity.critical if told and sure > DOUBTFUL else Severity.high


def _answered_later(row: Row, calls: list[Row], phase: str) -> str:
    """Return when a call that rang during the suspension was answered, if it was."""
    later = [
        one for call in calls if phase == "ringing" and (one := _picked_up(call)) and row["end"] and one >= row["end"]
    ]
    return (
        f" The call was answered {duration((min(later) - row['end']).total_seconds())} after the app ran again."
        if later
        else ""
    )


def _let_go(inputs: Inputs, row: Row) -> list[Line]:
    """Return the line with which ended what had kept the app awake until its suspension."""
    if row["held_until"] is None:
        return []
    holders = (one for table in _HOLDERS for one in rows_of(inputs, table, row))
    return [line for one in holders if one["end"] == row["held_until"] for line in last_line(one)][:1]


def _perhaps_in_call(inputs: Inputs, row: Row, own: list[Row], window: Window) -> Iterator[Finding]:
    """Yield a finding where a call of which the capture does not hold the begin comes to light after the suspension.

    Only the first suspension, of an app that ran since before the capture: a call that began later would be told.
    """
    later = [call for call in begun_before(own) if call["start"] > window[0]]
    if row["ran_before_s"] is not None or not later or not CALL_DAEMONS & inputs.witnesses:
        return
    inside = (window[0], min(window[1], later[0]["start"]))
    seconds = length_s([inside])
    if seconds < inputs.thresholds["least"]:
        return
    yield finding(
        "suspended-during-call",
        "G14",
        Severity.high,
        [row],
        context=later[:1],
        lines=state_edges(inputs, row, ["suspended"], [inside]),
        title=f"iOS suspended {name_of(row)} for {at_least(row)}{duration(seconds)}, perhaps in a call (its begin is not in the capture)",
        explanation=f"The first line of its call comes {duration((later[0]['start'] - window[0]).total_seconds())} after the "
        "suspension began and does not tell the begin: the call may have run since before the capture. "
        "If it did, it was dead meanwhile: a suspended app runs no code.",
        advice="To be sure, capture from before the call on. " + SUSPENDED_FIX,
        confidence=0.5,
        pattern="begin-unknown",
        measures={"suspended_in_call_s": seconds},
        window=inside,
    )


def _maybe_over(inputs: Inputs, row: Row, calls: list[Row], inside: list[Window]) -> Finding:
    seconds = length_s(inside)
    return finding(
        "suspended-during-call",
        "G14",
        Severity.info,
        [row],
        context=calls,
        lines=state_edges(inputs, row, ["suspended"], inside),
        title=f"iOS suspended {name_of(row)} for {at_least(row)}{duration(seconds)} after a call whose end no line tells",
        explanation="The capture has no line of callservicesd, and CallKit in the app does not print every end. iOS suspends an "
        "app whose call is over, so that most likely it was.",
        advice="To be sure, capture callservicesd as well. " + SUSPENDED_FIX,
        confidence=0.3,
        pattern="end-unknown",
        measures={"suspended_in_call_s": seconds},
        window=(inside[0][0], inside[-1][1]),
    )


def _lasting(inputs: Inputs, call: Row) -> Window | None:
    """Return the call's window. Where no line tells its end, CallKit's deactivation of the audio tells it."""
    window = window_of(inputs, call)
    if window is None or call["end"] is not None:
        return window
    closed = [
        session["end"]
        for session in rows_of(inputs, "audio_sessions", call)
        if session["stopped_by"] == "callkit" and session["end"] is not None and session["end"] > window[0]
    ]
    return (window[0], min(closed, default=window[1]))
