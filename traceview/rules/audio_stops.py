"""What stopped the audio of an app: its suspension, or an interruption from which it did not come back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.episodes.call_holds import windows as hold_windows
from traceview.rules.call_times import holds_in_doubt, on_hold_at
from traceview.rules.registry import Finding, Inputs, Severity
from traceview.rules.rows import (
    Row,
    at_least,
    call_apps,
    duration,
    finding,
    name_of,
    owned_calls,
    rows,
    rows_of,
    shown,
    wanted,
    window_of,
    windows_of,
)
from traceview.rules.why_suspended import DOUBTFUL, HELD_FIX, begun_before, certainty
from traceview.rules.windows import Window, length_s, subtract

_STOP_TO_SUSPENSION: Final = timedelta(seconds=1)
"""The audio server stops a client within milliseconds of its suspension; heuristic, with room for slow lines."""
SESSION_END_FIX: Final = (
    "Declare the audio background mode (UIBackgroundModes) where the app may play there, keep the CallKit call alive for the "
    "whole conversation, and deactivate the session with setActive(false, options: .notifyOthersOnDeactivation) when it ends."
)
_IN_CALL_FIX: Final = (
    "Find what let go of the app (a finding suspended-during-call tells it, where there is one). Declare the voip and audio background "
    "modes, keep audio I/O running in the session that CallKit activated, and start it again as soon as the app runs on."
)
_AFTER_CALL_FIX: Final = (
    "Stop audio I/O in provider(_:didDeactivate:), and deactivate a session of the app's own with setActive(false, options: "
    ".notifyOthersOnDeactivation) as the call ends."
)


def stopped_suspended(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each session that the audio server stopped because its app was suspended."""
    for row in rows(inputs, "audio_sessions", pl.col("stopped_by") == "system_suspended"):
        if not wanted(inputs, row):
            continue
        stop = row["end"] or row["start"]
        own = owned_calls(inputs, row)
        lasted = [one for one in own if one["start"] <= stop and (one["end"] is None or stop < one["end"])]
        call = min(lasted, key=lambda one: on_hold_at(one, stop), default=None)
        sure = certainty(inputs, {**row, "start": stop}, [call]) if call else 1.0
        if call and on_hold_at(call, stop):
            yield _stopped_on_hold(row, stop, call)
        elif call and sure >= DOUBTFUL:
            yield _stopped_in_call(inputs, row, stop, call, sure)
        else:
            yield _stopped_elsewhere(inputs, row, stop, own, call)


def _stopped_in_call(inputs: Inputs, row: Row, stop: datetime, call: Row, sure: float) -> Finding:
    silent_until, told = _silence(inputs, row, stop, call)
    return finding(
        "stopped-because-suspended",
        "A07",
        Severity.critical if sure > DOUBTFUL else Severity.high,
        [row],
        context=[call],
        window=(stop, max(stop, silent_until)),
        title=f"iOS stopped the audio of {name_of(row)}{_after(row)} because the app was suspended in a call",
        explanation="The audio server stops a client whose process is suspended: iOS no longer saw a reason to keep the app "
        "running although its call had not ended." + _had_played(row) + told,
        advice=_IN_CALL_FIX,
        confidence=sure,
        pattern="in-call",
        measures=_active(row),
    )


def _stopped_on_hold(row: Row, stop: datetime, call: Row) -> Finding:
    """Return a stop in a call that was on hold, as was any other call of the app."""
    return finding(
        "stopped-because-suspended",
        "A07",
        Severity.medium,
        [row],
        context=[call],
        window=(stop, stop),
        title=f"iOS stopped the audio of {name_of(row)}{_after(row)} because the app was suspended while its call was on hold",
        explanation="The audio server stops a client whose process is suspended. CallKit takes the audio from a held call: nobody's "
        "talk was cut, but a session was still active." + _had_played(row),
        advice="Stop audio I/O in provider(_:didDeactivate:). " + HELD_FIX,
        pattern="on-hold",
        measures=_active(row),
    )


def _stopped_elsewhere(inputs: Inputs, row: Row, stop: datetime, own: list[Row], maybe: Row | None) -> Finding:
    """Return what is known of a stop outside a call, or in one (`maybe`) that was over, most likely."""
    over = max((call["end"] for call in own if call["end"] and row["start"] < call["end"] <= stop), default=None)
    later = min((one["start"] for one in begun_before(own) if one["start"] > stop), default=None)
    later = later if row["start_how"] == "capture_edge" else None
    played = _played(row)
    severity = Severity.high if row["app"] in call_apps(inputs) and played else Severity.low
    title, sure, advice, pattern = "", 1.0 if played else 0.5, SESSION_END_FIX, ""
    if over:
        severity, advice, pattern, title = Severity.low, _AFTER_CALL_FIX, "after-call", " after its call had ended"
        why = f"Its call had ended {_seconds(over, stop)} before, and its session was still active. Nobody's talk was cut."
    elif maybe:
        sure, why = 0.5, "No line tells whether its call had ended by then; most likely it had."
    elif later:
        severity, sure, pattern = Severity.high, 0.5, "maybe-in-call"
        title, advice = ", perhaps in a call (its begin is not in the capture)", _IN_CALL_FIX
        why = f"A call may have run then: the first line of it comes {_seconds(stop, later)} later and does not tell its begin."
    elif row["start_how"] == "capture_edge":
        sure, why = (
            0.5,
            "Its session had begun before the capture did, so that a call of which no line tells may have run.",
        )
    else:
        why = "No call ran that CallKit knows, and no playback that the audio background mode covers."
    silent_until, told = _silence(inputs, row, stop, None)
    # The begin of the capture may hide what had played.
    lost = (
        _had_played(row)
        if played
        else ""
        if later
        else " No line shows that audio was playing: the app may have lost nothing."
    )
    return finding(
        "stopped-because-suspended",
        "A07",
        severity,
        [row],
        context=[maybe] if maybe else (),
        window=(stop, stop if over else max(stop, silent_until)),
        title=f"iOS stopped the audio of {name_of(row)}{_after(row)} because the app was suspended{title}",
        explanation=f"The audio server stops a client whose process is suspended. {why}{lost}" + ("" if over else told),
        advice=advice,
        confidence=sure,
        pattern=pattern,
        measures=_active(row),
    )


def _played(row: Row) -> bool:
    return bool(row["start_how"] != "capture_edge" or (row["end"] or row["start"]) > row["start"])


def _after(row: Row) -> str:
    active = _active(row)
    return f" after {duration(active['active_s'])}" if active else ""


def _active(row: Row) -> dict[str, float]:
    """Return for how long the session was active, where its begin is told."""
    if row["start_how"] == "capture_edge":
        return {}
    return {"active_s": ((row["end"] or row["start"]) - row["start"]).total_seconds()}


def _silence(inputs: Inputs, row: Row, stop: datetime, call: Row | None) -> tuple[datetime, str]:
    """Return until when nothing was heard, also in words: until audio came back, the call ended, or (no call) the app ran."""
    back = _came_back(inputs, row, stop)
    ran = next(
        (one for one in rows_of(inputs, "suspensions", row) if abs(one["start"] - stop) <= _STOP_TO_SUSPENSION), None
    )
    awake = ran["end"] if ran else None
    words = f" The app ran again after {_seconds(stop, awake)}." if awake and awake > stop else ""
    over = call["end"] if call else awake
    until = over or (inputs.capture_end if call or ran else None)
    if back and (until is None or back[0] <= until):
        return back[0], f"{words if back[0] != awake else ''} {back[1]} {_seconds(stop, back[0])} after the stop."
    if until is None or until <= stop:
        return stop, words
    if call is None:
        return (
            until,
            words or f" It stayed suspended to the end of what the capture covers, {_seconds(stop, until)} later.",
        )
    end = "its call ended" if over else "the end of what the capture covers"
    return (
        until,
        f"{words} No line tells that its audio came back before {end}, {_seconds(stop, until)} after the stop.",
    )


def _came_back(inputs: Inputs, row: Row, stop: datetime) -> tuple[datetime, str] | None:
    """Return when the app had audio again, and which line tells it: I/O that starts, else a session that is active."""
    later = [
        one for one in rows_of(inputs, "audio_sessions", row) if one["start"] > stop and one["refused_error"] is None
    ]
    if not later:
        return None
    first = later[0]
    return (
        (first["io_started"], "Its audio I/O ran again")
        if first["io_started"]
        else (first["start"], "Its session was active again")
    )


def _had_played(row: Row) -> str:
    """Return how long audio had run by the stop command; without lines about IO, how long the session was active."""
    if row["io_running_s"]:
        return f" Until then its audio I/O had run for {duration(row['io_running_s'])}."
    active = ((row["end"] or row["start"]) - row["start"]).total_seconds()
    return f" Its session had been active for {at_least(row)}{duration(active)} by then." if active else ""


def not_resumed(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each interruption from which the audio of a call that went on did not come back."""
    for row in rows(inputs, "interruptions", pl.col("resumed") == False):  # noqa: E712 - a column
        if not wanted(inputs, row):
            continue
        if row["end"] is None or row["end_how"] == "capture_edge":
            yield from _endless(inputs, row)
        else:
            yield from _ended(inputs, row)


def _ended(inputs: Inputs, row: Row) -> Iterator[Finding]:
    grace = timedelta(seconds=inputs.thresholds["grace"])
    if inputs.capture_end is None or row["end"] + grace > inputs.capture_end:
        return
    call = _call_around(inputs, row, row["end"] + grace)
    if call is None:
        return
    yield finding(
        "interruption-not-resumed",
        "A09",
        Severity.high,
        [row],
        context=[call],
        title=f"Audio of {name_of(row)} did not come back after an interruption{_by(row)} of "
        f"{duration((row['end'] - row['start']).total_seconds())}",
        explanation="The interruption ended while the call still lasted, but the session was not active again "
        f"{duration(grace.total_seconds())} later: the call goes on in silence.",
        advice=_RESUME_FIX,
    )


_RESUME_FIX: Final = (
    "Handle AVAudioSession.interruptionNotification: on .ended with .shouldResume restart audio I/O; in CallKit calls perform "
    "CXSetHeldCallAction(isOnHold: false) and wait for provider(_:didActivate:)."
)


def _endless(inputs: Inputs, row: Row) -> Iterator[Finding]:
    """Yield a finding where no line ends the interruption and the call goes on without audio for long.

    While the call is on hold or another one is up nobody expects it back: that time does not count.
    """
    call = _call_around(inputs, row, row["start"])
    window = window_of(inputs, call) if call else None
    if call is None or window is None:
        return
    quiet = subtract([(row["start"], window[1])], _excused(inputs, row, call))
    seconds = length_s(quiet)
    if seconds <= inputs.thresholds["endless"]:
        return
    doubt = (
        " Lines tell of holds that may be this call's or another's: it may have been on hold meanwhile."
        if holds_in_doubt(call)
        else ""
    )
    yield finding(
        "interruption-not-resumed",
        "A09",
        Severity.high,
        [row],
        context=[call],
        window=(quiet[0][0], quiet[-1][1]),
        title=f"Audio of {name_of(row)} did not come back after an interruption{_by(row)}: its call went on for "
        f"{at_least(call)}{duration(seconds)} without it",
        explanation="No line tells that the interruption ended or that the session was active again, and the call lasted on: "
        "neither side heard the other. iOS does not tell the end of every interruption to the app." + doubt,
        advice=_RESUME_FIX
        + " Do not wait for .ended alone: try again when the app becomes active and when the user takes the call off hold.",
        confidence=0.5 if doubt else 0.8,
        pattern="endless",
        measures={"silent_s": seconds},
    )


def _excused(inputs: Inputs, row: Row, call: Row) -> list[Window]:
    """Return when the call was on hold, when another call was up, and when the app had a session again."""
    others = [
        (other["answered"] or other["connected"] or other["start"], window[1])
        for other in rows(inputs, "calls")
        if other["id"] != call["id"] and (window := window_of(inputs, other)) is not None
    ]
    back = [
        one
        for one in rows_of(inputs, "audio_sessions", row)
        if one["start"] > row["start"] and one["refused_error"] is None
    ]
    return [*hold_windows(call), *others, *windows_of(inputs, back)]


def _call_around(inputs: Inputs, row: Row, until: datetime) -> Row | None:
    """Return the app's call in which the interruption began, and which lasted beyond `until`."""
    for call in owned_calls(inputs, row):
        window = window_of(inputs, call)
        if window is not None and window[0] <= row["start"] and until < window[1]:
            return call
    return None


def _by(row: Row) -> str:
    return f" by {shown(row['interrupter'])}" if row["interrupter"] else ""


def _seconds(since: datetime, until: datetime) -> str:
    return duration((until - since).total_seconds())
