"""Audio sessions: refused, not allowed in the background, reset, churned; the rules of `audio_stops`, too."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.audio_stops import SESSION_END_FIX, not_resumed, stopped_suspended
from traceview.rules.by_app import by_name
from traceview.rules.osstatus import AudioError, decode, describe, number
from traceview.rules.proofs import calls_around
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    AUDIO_SERVERS,
    STATE_DAEMONS,
    Row,
    any_of,
    call_apps,
    duration,
    finding,
    has_rows,
    is_apple,
    name_of,
    owned_calls,
    plural,
    rows,
    seen,
    wanted,
)
from traceview.rules.windows import busiest

_IS_RESET: Final = pl.col("kind") == "media_services_reset"
_DENIED: Final = pl.col("background_denied").is_not_null()
_UNKNOWN: Final = AudioError(
    "unknown",
    0,
    "A06",
    Severity.medium,
    Severity.high,
    "of an error that the catalogue does not know",
    "Look at the audio server's lines around this moment, and at the error that setActive(true) threw in the app.",
)


def _call_of(inputs: Inputs, row: Row) -> Row | None:
    """Return the call of the row's app in which the row begins, or None."""
    moment, own = row["start"], owned_calls(inputs, row)
    return next(
        (call for call in own if call["start"] <= moment and (call["end"] is None or moment < call["end"])), None
    )


def _refused(inputs: Inputs) -> Iterator[Finding]:
    refused = [
        row
        for row in rows(inputs, "audio_sessions", pl.col("refused_error").is_not_null())
        if wanted(inputs, row) and number(row["refused_error"]) != 0
    ]
    keyed: dict[tuple[str, str, bool], list[tuple[Row, Row | None]]] = {}
    for row in refused:
        call = _call_of(inputs, row)
        keyed.setdefault((name_of(row), _code_key(row), call is not None), []).append((row, call))
    for (app, _, in_call), pairs in keyed.items():
        about = [row for row, _ in pairs]
        calls = {str(call["id"]): call for _, call in pairs if call is not None}
        text = about[0]["refused_error"]
        error = decode(text) or _UNKNOWN
        times = "" if len(about) == 1 else f" {len(about)} times"
        yield finding(
            "activation-refused",
            error.number,
            error.in_call if in_call else error.outside,
            about,
            context=list(calls.values()),
            title=f"iOS refused {app} audio{times}{' in a call' if in_call else ''}: {describe(text)}",
            explanation=f"The activation failed because {error.meaning}."
            if error is not _UNKNOWN
            else f"The activation failed with {describe(text)}, a code that is not in AVAudioSession.ErrorCode.",
            advice=error.advice,
            pattern=f"{_code_key(about[0])}{':in-call' if in_call else ''}",
            measures={"refused_count": float(len(about))},
        )


def _code_key(row: Row) -> str:
    error = decode(row["refused_error"])
    value = number(row["refused_error"])
    return error.name if error else str(value) if value is not None else "other"


def _not_allowed(inputs: Inputs) -> Iterator[Finding]:
    found = [row for row in rows(inputs, "audio_sessions", _DENIED) if wanted(inputs, row)]
    for app, about in by_name(found).items():
        calling = about[0]["app"] in call_apps(inputs)
        denied = min(row["background_denied"] for row in about)
        yield finding(
            "background-audio-not-allowed",
            "A08",
            Severity.high if calling else Severity.low,
            about,
            title=f"{app} is not allowed to play in the background ({plural(len(about), 'time')})",
            explanation="The audio server checked the app as it moved to the background and found no right to play there: "
            "no audio background mode, or a category that does not allow it. Nothing then keeps the app running for its audio, "
            f"which stops at the latest as iOS suspends the app, usually seconds later.{_played_on(about)}",
            window=(denied, max(denied, *(row["end"] or row["background_denied"] for row in about))),
            advice="Add the audio background mode where the app plays audible content or runs calls, use .playback or "
            ".playAndRecord, and hold a CallKit call during conversations.",
            measures={"denied_count": float(len(about))},
        )


def _played_on(about: list[Row]) -> str:
    """Return how long sessions stayed active after the line that denied it, where their end is told."""
    seconds = [(row["end"] - row["background_denied"]).total_seconds() for row in about if row["end"] is not None]
    longest = max(seconds, default=0.0)
    return f" Here its session stayed active for {duration(longest)} after that line." if longest > 0 else ""


def _reset(inputs: Inputs) -> Iterator[Finding]:
    for row in rows(inputs, "glitches", _IS_RESET):
        in_call = bool(row["in_call"])
        yield finding(
            "media-services-reset",
            "A10",
            Severity.critical if in_call else Severity.high,
            [{**row, "app": None if is_apple(row["app"]) else row["app"], "process": None}],
            context=calls_around(inputs, [row]),
            title="The audio server was reset" + (f" during a call of {name_of(row)}" if in_call else ""),
            explanation="The process behind all audio ended and came back. Every audio object of every app is dead from this "
            "moment: engines, units, players and the session's settings.",
            advice="Observe AVAudioSession.mediaServicesWereResetNotification: drop all audio objects, set category and mode "
            "again and rebuild the engine; in a call wait for CallKit to activate anew.",
            pattern="in-call" if in_call else "",
        )


def _churn(inputs: Inputs) -> Iterator[Finding]:
    least = inputs.thresholds["per_minute"]
    fine = pl.col("refused_error").is_null() & (pl.col("activated_by").fill_null("") != "callkit")
    sessions = [
        row for row in rows(inputs, "audio_sessions", fine) if wanted(inputs, row) and row["start_how"] == "observed"
    ]
    for app, about in by_name(sessions).items():
        first, last = busiest([row["start"] for row in about], 60)
        if last - first <= least:
            continue
        yield finding(
            "session-churn",
            "A11",
            Severity.medium,
            about[first:last],
            title=f"{app} activated its audio session {last - first} times within a minute",
            explanation="Each activation blocks, may change the route and interrupts or ducks other apps; in quick succession "
            "they cause clicks and route changes.",
            advice="Activate once before audio starts and deactivate once after it stopped; leave a CallKit call's session to "
            "the system.",
            measures={"activation_count": float(last - first)},
        )


_CAN_SEE_SESSIONS: Final = seen("audio_session.", by=AUDIO_SERVERS)
_NEEDS_SESSIONS: Final = (
    "lines of the audio server (audiomxd, mediaserverd on older systems) or of AVAudioSession in the app"
)
_TELL_OF_DAEMONS: Final = STATE_DAEMONS - {"SpringBoard"} | {"launchd"}
"""They tell the ends of processes that are no apps, too."""
_NEEDS_SERVER: Final = "lines of the audio server (audiomxd, mediaserverd on older systems)"


RULES: Final = (
    Rule(
        id="activation-refused",
        numbers=("A01", "A02", "A03", "A04", "A05", "A06"),
        title="Audio session activation refused",
        severity=Severity.critical,
        why="Without an active session there is no sound; the code says which rule of iOS stood in the way.",
        fix="See the advice of the finding: each code has its own remedy.",
        needs=_NEEDS_SESSIONS,
        can_run=_CAN_SEE_SESSIONS,
        check=_refused,
        links=(links.AUDIO_ERRORS, links.AUDIO_SESSION, links.FORUM_CALLKIT_AUDIO),
    ),
    Rule(
        id="stopped-because-suspended",
        numbers=("A07",),
        title="Audio stopped because the app was suspended",
        severity=Severity.critical,
        why="Audio dies in mid-sentence; the app learns of it only when it runs again.",
        fix=SESSION_END_FIX,
        needs=_NEEDS_SERVER,
        can_run=seen("audio_session.stopped", by=AUDIO_SERVERS),
        check=stopped_suspended,
        links=(links.BACKGROUND_MODES, links.FORUM_SUSPENDED),
    ),
    Rule(
        id="background-audio-not-allowed",
        numbers=("A08",),
        title="Background audio is not allowed",
        severity=Severity.high,
        why="Audio stops as soon as the user leaves the app.",
        fix="Declare the audio background mode and use a category that allows it.",
        needs=_NEEDS_SERVER,
        can_run=seen("audio_session.not_allowed", by=AUDIO_SERVERS),
        check=_not_allowed,
        links=(links.BACKGROUND_MODES, links.AUDIO_SESSION),
    ),
    Rule(
        id="media-services-reset",
        numbers=("A10",),
        title="Audio server reset",
        severity=Severity.critical,
        why="All audio objects die; apps that do not rebuild them stay silent until relaunch.",
        fix="Rebuild audio in mediaServicesWereResetNotification.",
        needs="lines of the audio server, or of runningboardd or launchd about the end of processes",
        can_run=any_of(
            seen("media_services.reset", by=AUDIO_SERVERS | _TELL_OF_DAEMONS), has_rows("glitches", _IS_RESET)
        ),
        check=_reset,
        links=(links.MEDIA_RESET,),
    ),
    Rule(
        id="interruption-not-resumed",
        numbers=("A09",),
        title="Audio not resumed after an interruption",
        severity=Severity.high,
        why="The call goes on in silence.",
        fix="Resume in the interruption notification, or un-hold the CallKit call.",
        needs=_NEEDS_SESSIONS,
        can_run=any_of(seen("audio_session.interrupted", by=AUDIO_SERVERS), has_rows("interruptions")),
        check=not_resumed,
        thresholds=(
            Threshold("grace", 5.0, "s", "heuristic", "time that the app has to become active again"),
            Threshold(
                "endless", 30.0, "s", "heuristic", "an interruption without an end that its call outlasts by more"
            ),
        ),
        links=(links.INTERRUPTIONS,),
    ),
    Rule(
        id="session-churn",
        numbers=("A11",),
        title="Audio session switched on and off",
        severity=Severity.medium,
        why="Every switch may click, change the route and stop other apps.",
        fix="Activate once, deactivate once.",
        needs=_NEEDS_SESSIONS,
        can_run=_CAN_SEE_SESSIONS,
        check=_churn,
        thresholds=(Threshold("per_minute", 6.0, "activations per minute", "heuristic", "more are reported"),),
        links=(links.AUDIO_SESSION,),
    ),
)
