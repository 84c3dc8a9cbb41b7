"""Suspensions of an app in its call: while it rang, while people talked, while it was on hold, and how sure that is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from traceview.rules.call_times import holds_in_doubt, lasting, own_calls_in, picked_up, talking, up
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
    remembered,
    rows,
    rows_of,
    wanted,
    window_of,
)
from traceview.rules.why_suspended import DOUBTFUL, SUSPENDED_FIX, begun_before, certainty, reasons, released
from traceview.rules.windows import Window, intersect, length_s

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
        window = window_of(inputs, row)
        if not wanted(inputs, row) or window is None:
            continue
        calls = own_calls_in(inputs, row, window)
        inside = intersect([window], [part for call in calls if (part := lasting(inputs, call)) is not None])
        seconds = length_s(inside)
        if seconds < inputs.thresholds["least"]:
            yield from _perhaps_in_call(inputs, row, window)
            continue
        phase = _phase(inputs, calls, inside)
        sure = certainty(inputs, row, calls)
        if sure < DOUBTFUL:
            yield _maybe_over(inputs, row, calls, inside)
            continue
        why, advice = reasons(inputs, row, calls, talking=phase != "ringing")
        yield finding(
            "suspended-during-call",
            "G14",
            _severity(inputs, phase, calls, inside, sure),
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
    if length_s(intersect(inside, [window for call in calls for window in talking(inputs, call)])) >= least:
        return "answered"
    answered = [window for call in calls if (window := up(inputs, call)) is not None]
    return "on-hold" if length_s(intersect(inside, answered)) >= least else "ringing"


def _severity(inputs: Inputs, phase: str, calls: list[Row], inside: list[Window], sure: float) -> Severity:
    """Return how bad it is; what lines leave open, be it the answer, the end or the holds of a call, is no critical finding."""
    if phase == "on-hold":
        return Severity.medium
    told = phase == "answered" and any(
        picked_up(call) and not holds_in_doubt(call) and intersect(inside, talking(inputs, call)) for call in calls
    )
    return Severity.critical if told and sure > DOUBTFUL else Severity.high


def _answered_later(row: Row, calls: list[Row], phase: str) -> str:
    """Return when a call that rang during the suspension was answered, if it was."""
    later = [
        one for call in calls if phase == "ringing" and (one := picked_up(call)) and row["end"] and one >= row["end"]
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
    ended = remembered(inputs, ("holders by end", row["app"], row["pid"]), lambda: _by_end(inputs, row))
    return ended.get(row["held_until"], [])


def _by_end(inputs: Inputs, row: Row) -> dict[datetime, list[Line]]:
    """Return by its time the line with which each holder of the row's app ended; of several the first that has one."""
    ended: dict[datetime, list[Line]] = {}
    for one in (one for table in _HOLDERS for one in rows_of(inputs, table, row)):
        if one["end"] is not None and not ended.get(one["end"]):
            ended[one["end"]] = last_line(one)
    return ended


def _perhaps_in_call(inputs: Inputs, row: Row, window: Window) -> Iterator[Finding]:
    """Yield a finding where a call of which the capture does not hold the begin comes to light after the suspension.

    Only the first suspension, of an app that ran since before the capture: a call that began later would be told.
    """
    if row["ran_before_s"] is not None or not CALL_DAEMONS & inputs.witnesses:
        return
    later = [call for call in begun_before(owned_calls(inputs, row)) if call["start"] > window[0]]
    if not later:
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
