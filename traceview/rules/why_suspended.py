"""Why iOS suspended an app in its call: what let go of it last, and which of the usual causes its lines leave open."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from traceview.episodes.call_holds import windows as hold_windows
from traceview.rules.call_times import on_hold_at, up
from traceview.rules.registry import Inputs
from traceview.rules.rows import CALL_DAEMONS, Row, duration, remembered, rows_of, shown
from traceview.rules.windows import FAR, ByTime

_DECLARE: Final = "fulfil every CXAction, declare the voip and audio background modes"
_ALWAYS: Final = f"{_DECLARE} and keep audio I/O running in the session that CallKit activated"
SUSPENDED_FIX: Final = (
    "Keep CallKit's call alive for as long as the real one: do not report it ended (reportCall(with:endedAt:reason:) or "
    f"CXEndCallAction) before it is over, {_ALWAYS}."
)
"""What to do where no line tells which cause it was."""
_KEEP_AUDIO: Final = (
    "Keep audio I/O running from provider(_:didActivate:) to the end of the call, also while it is muted or silent."
)
HELD_FIX: Final = (
    "Expect to be suspended while the call is on hold: let the server keep it, and reconnect as soon as the app runs again. Where "
    "nothing else needs the call to wait, take it off hold with CXSetHeldCallAction(isOnHold: false)."
)
_AT_ONCE: Final = timedelta(seconds=1)
"""The audio server stops a client within milliseconds of its suspension, and a restart of I/O is short; heuristic, with room."""
_LEAST: Final = timedelta.resolution
_CLOCK_S: Final = 0.05
"""Sums of times that differ by less are the same (heuristic)."""
_LOOK: Final = "Look at what callservicesd and the app print right before that moment."


class _Cause(Struct, frozen=True):
    """A usual cause.

    Attributes:
        what: The cause, to follow "that".
        fix: What to change.
        against: What the rows tell against it; empty: they do not exclude it.
        told: What the rows tell for it, in a sentence; empty: they do not prove it.
    """

    what: str
    fix: str
    against: str = ""
    told: str = ""


def released(row: Row) -> str:
    """Return in a sentence what let go of the app last before its suspension (a row of ``suspensions``), or nothing."""
    if row["held_until"] is None or row["held_by"] is None:
        return ""
    before = f"{duration(max(0.0, (row['start'] - row['held_until']).total_seconds()))} before"
    name = f" {shown(row['held_by_name'])}" if row["held_by_name"] else ""
    by = shown((row["held_by_originator"] or "").rpartition(".")[2])
    if row["held_by"] == "audio":
        return f" Its audio session{name} had been deactivated {before}."
    if row["held_by"] == "background_task":
        return f" Its background task{name} had ended {before}."
    if row["held_by"] == "call":
        return (
            f" {by} had released the assertion that the call held on it {before}."
            if by
            else f" A call of it had ended {before}."
        )
    kind = "assertion" if row["held_by"] == "assertion" else f"assertion ({row['held_by'].replace('_', ' ')})"
    return f" The {kind}{name} that had kept it awake{f' for {by}' if by else ''} was released {before}."


DOUBTFUL: Final = 0.5
"""How sure it is (`certainty`) that a call lasted whose end the capture may not tell; less: it was over, most likely."""
_UNLIKELY: Final = 0.3


def certainty(inputs: Inputs, row: Row, calls: Sequence[Row]) -> float:
    """Return how sure it is (0 to 1) that one of the calls had not ended as the row, about its app, begins.

    Without callservicesd no line need tell an end: CallKit in the app prints neither a remote hang-up nor (its action is
    private) that the user ended the call. CallKit deactivates the audio of a call that is over.
    """
    if any(call["end"] is not None for call in calls):
        return 1.0
    told = bool(CALL_DAEMONS & inputs.witnesses) or any(
        call["witness"] in {"powerlog", "audio_routing"} for call in calls
    )
    if told and "call.ended" in inputs.kinds:
        return 1.0
    if _callkit_audio(inputs, row):
        return 0.9
    return DOUBTFUL if told else _UNLIKELY


def begun_before(calls: Sequence[Row]) -> list[Row]:
    """Return the calls whose begin no line tells: they may have run since before the capture."""
    return [
        call for call in calls if call["start_how"] == "capture_edge" and not call["reported"] and not call["ringing"]
    ]


def reasons(inputs: Inputs, row: Row, calls: Sequence[Row], *, talking: bool) -> tuple[str, str]:
    """Return what the rows tell of the usual causes, in sentences, and the advice for those that they leave open.

    Args:
        inputs: The tables.
        row: Of ``suspensions``.
        calls: The calls in which the app was suspended; at least one.
        talking: Whether one of them was answered before the suspension was over.
    """
    causes = [_ended_early(inputs, row, calls)]
    if talking:
        hold = _on_hold(inputs, row, calls)
        # CallKit takes the audio from a call that it puts on hold: nothing more is told by that.
        if hold.told:
            return f" {hold.told} {_capital(causes[0].against)}".rstrip(), hold.fix
        causes += [hold, _audio(inputs, row, calls)]
    told = [cause for cause in causes if cause.told]
    left = [cause for cause in causes if not cause.against and not cause.told]
    against = [cause.against for cause in causes if cause.against]
    text = "".join(f" {cause.told}" for cause in told)
    if against:
        text += f" {_capital(_joined(against))}"
    if left:
        opened = "Nor does anything exclude" if told else "Nothing excludes"
        text += f" {opened} that {_joined([cause.what for cause in left], 'or that')}."
    if told or left:
        fixes = list(dict.fromkeys(cause.fix for cause in (*told, *left)))
        return text, " ".join([*fixes, _capital(_DECLARE if _KEEP_AUDIO in fixes else _ALWAYS)])
    none_left = "So none of the usual causes is left, and no" if talking else "No"
    return f"{text} {none_left} line tells why it was let go.", f"{_LOOK} Also {_ALWAYS}."


def _ended_early(inputs: Inputs, row: Row, calls: Sequence[Row]) -> _Cause:
    later = [call["end"] for call in calls if call["end"] is not None and call["end"] > row["start"]]
    against = f"its call ended only {_seconds(row['start'], max(later))} later" if later else ""
    if not against and _callkit_audio(inputs, row):
        against = "CallKit had not taken its audio away, as it does when a call ends"
    return _Cause(
        "the call was reported as ended before it was over",
        "Do not report a call ended (reportCall(with:endedAt:reason:) or CXEndCallAction) before it is over.",
        against,
    )


def _on_hold(inputs: Inputs, row: Row, calls: Sequence[Row]) -> _Cause:
    """Return whether each call that was up was on hold as the app was suspended; what is not known of holds is left open."""
    moment = row["start"]
    answered = [call for call in calls if (window := up(inputs, call)) and window[0] <= moment < window[1]]
    talking = [call for call in answered if not on_hold_at(call, moment)]
    if answered and not talking:
        around = [window for call in answered for window in hold_windows(call) if window[0] <= moment < window[1]]
        since, until = max(one for one, _ in around), min(one for _, one in around)
        return _Cause(
            "",
            HELD_FIX,
            told=f"The call had been on hold for {_seconds(since, moment)} and stayed so for {_seconds(moment, until)} more: "
            "CallKit takes the audio from a held call, and that is one of the usual causes.",
        )
    against, judged = "", talking or calls
    windows = [window for call in judged for window in hold_windows(call)]
    if all(call["witness"] == "callkit" and call["holds"] is not None for call in judged):
        over = [until for _, until in windows if until <= moment]
        against = (
            f"it had come off hold {_seconds(max(over), moment)} before" if over else "no line puts it on hold before"
        )
        against = against if windows else "no line puts it on hold"
    return _Cause(
        "the call was on hold",
        "Take a call off hold with CXSetHeldCallAction(isOnHold: false) as soon as it goes on.",
        against,
    )


def _audio(inputs: Inputs, row: Row, calls: Sequence[Row]) -> _Cause:
    """Return what kept or did not keep the app awake by its audio: a session, and I/O that runs in it."""
    moment = row["start"]
    sessions = _sessions(inputs, row)
    active = _active(sessions, row)
    by_callkit = any(call["audio_activated"] and call["audio_activated"] <= moment for call in calls)
    if active:
        return _io(inputs, row, active)
    if (over := sessions.reached(moment)) is not None:
        past = _seconds(over, moment)
        told = "That left it" if row["held_by"] == "audio" else f"It had been for {past}"
        return _Cause(
            "no audio session of it was active",
            _KEEP_AUDIO,
            told=f"{told} without an active audio session, which is one of the usual causes.",
        )
    if by_callkit:
        return _Cause("its audio had stopped although CallKit had activated it", _KEEP_AUDIO)
    return _Cause("the app never owned the audio session", "Start audio I/O in provider(_:didActivate:), not before.")


def _io(inputs: Inputs, row: Row, active: Sequence[Row]) -> _Cause:
    """Return whether audio I/O ran in one of the sessions that were active right up to the suspension."""
    what, moment = "no audio I/O of it ran", row["start"]
    if any(_ran_throughout(one, moment) for one in active):
        return _Cause(what, _KEEP_AUDIO, against="its audio session was active with audio I/O running")
    silences = [
        one["start"]
        for one in rows_of(inputs, "glitches", row)
        if one["kind"] == "silence"
        and one["start"] <= moment
        and (one["end"] is None or one["end"] >= moment - _AT_ONCE)
    ]
    stops = [one["io_stopped"] if _stopped_for_good(one, moment) else None for one in active]
    since = min(silences, default=None) or (max(stop for stop in stops if stop) if all(stops) else None)
    if since is not None:
        return _Cause(
            what,
            _KEEP_AUDIO,
            told=f"Its audio session was active, but no audio I/O of it had run for {_seconds(since, moment)}, which is one of "
            "the usual causes.",
        )
    if all(one["io_started"] is None and one["io_running_s"] is not None for one in active):
        return _Cause(
            what,
            _KEEP_AUDIO,
            told="Its audio session was active, but no audio I/O had ever run in it, which is one of the usual causes.",
        )
    return _Cause(f"{what} although its session was active", _KEEP_AUDIO)


def _ran_throughout(session: Row, moment: datetime) -> bool:
    """Whether I/O that had started never stopped before `moment`, or never for long."""
    if session["io_started"] is None or session["io_started"] > moment:
        return False
    if session["io_stopped"] is None or session["io_silent_s"] is None:
        return session["io_stopped"] is None
    pauses = session["io_silent_s"] - (session["io_started"] - session["start"]).total_seconds()
    return bool(session["io_stopped"] >= moment - _AT_ONCE and pauses < _AT_ONCE.total_seconds())


def _stopped_for_good(session: Row, moment: datetime) -> bool:
    """Whether I/O stopped once and had not run again by `moment`: all that it ran lies before its one stop."""
    started, stopped = session["io_started"], session["io_stopped"]
    if None in (started, stopped, session["io_running_s"]) or stopped > moment:
        return False
    return bool(abs((stopped - started).total_seconds() - session["io_running_s"]) < _CLOCK_S)


def _callkit_audio(inputs: Inputs, row: Row) -> bool:
    """Whether a session that CallKit activated was active right up to the suspension."""
    return any(one["activated_by"] == "callkit" for one in _active(_sessions(inputs, row), row))


def _sessions(inputs: Inputs, row: Row) -> ByTime[Row]:
    """Return the sessions of the row's app that were not refused."""
    own = rows_of(inputs, "audio_sessions", row)
    return remembered(
        inputs,
        ("sessions by time", row["app"], row["pid"]),
        lambda: ByTime.of((one, (one["start"], one["end"] or FAR)) for one in own if one["refused_error"] is None),
    )


def _active(sessions: ByTime[Row], row: Row) -> list[Row]:
    """Return those that were active right up to the suspension."""
    return list(sessions.meeting(row["start"] - _LEAST, row["start"] + _LEAST))


def _seconds(since: datetime, until: datetime) -> str:
    return duration((until - since).total_seconds())


def _capital(clause: str) -> str:
    """Return the clause as a sentence; nothing where there is none."""
    return f"{clause[0].upper()}{clause[1:]}." if clause else ""


def _joined(parts: Sequence[str], word: str = "and") -> str:
    """Return ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
