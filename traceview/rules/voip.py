"""Calls: who activates the audio, whether it comes at all, calls that end at once, actions that time out."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    ANSWER_TO_AUDIO,
    AUDIO_SERVERS,
    CALL_DAEMONS,
    SYSTEM_CALLS,
    Row,
    any_of,
    call_apps_by_push,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    owned_calls,
    plural,
    rows,
    same_app,
    seen,
    shown,
    stable,
    wanted,
    window_of,
)
from traceview.rules.windows import busiest, intersect, length_s

_ACTIVATE_FIX: Final = (
    "Configure the category (.playAndRecord, .voiceChat) before fulfilling the CXAnswerCallAction or CXStartCallAction, but "
    "never call setActive(true) in a CallKit call: start audio I/O in provider(_:didActivate:) and stop it in "
    "provider(_:didDeactivate:). Check that the WebRTC or SIP library does not activate by itself (RTCAudioSession: "
    "useManualAudio = true, isAudioEnabled = true in didActivate)."
)


def _own_calls(inputs: Inputs) -> list[Row]:
    return [
        call
        for call in rows(inputs, "calls")
        if call["kind"] not in SYSTEM_CALLS and call["kind"] != "unknown" and wanted(inputs, call)
    ]


def _picked_up(call: Row) -> datetime | None:
    """Return when the call needs audio: answered by the user, or begun by the user."""
    return call["answered"] or (call["start"] if call["direction"] == "outgoing" else None)


def _activated_by_app(inputs: Inputs) -> Iterator[Finding]:
    sessions = rows(inputs, "audio_sessions", (pl.col("activated_by") == "app") & pl.col("refused_error").is_null())
    for call in _own_calls(inputs):
        since = _picked_up(call)
        until = call["audio_activated"] or call["ended"] or call["end"] or inputs.capture_end
        if since is None or until is None:
            continue
        own = [row for row in sessions if same_app(row, call) and since <= row["start"] < until]
        if not own:
            continue
        after = (own[0]["start"] - since).total_seconds()
        never = call["audio_activated"] is None
        yield finding(
            "audio-activated-by-app-in-call",
            "V05",
            Severity.high,
            own,
            context=[call],
            title=f"{name_of(call)} activated its audio session itself {duration(after)} after the call was "
            + ("begun" if call["answered"] is None else "answered")
            + (", and CallKit never activated it" if never else ", before CallKit did"),
            explanation="In a CallKit call the system activates the session with the priority of a phone call. A session that "
            "the app activated first stands in its way: provider(_:didActivate:) comes late or not at all, and the "
            "microphone stays silent from the background.",
            advice=_ACTIVATE_FIX,
            pattern="never" if never else "early",
            measures={"activated_after_s": after},
        )


def _answered_without_audio(inputs: Inputs) -> Iterator[Finding]:
    grace = timedelta(seconds=inputs.thresholds["grace"])
    by_push = call_apps_by_push(inputs)
    sessions = rows(inputs, "audio_sessions", pl.col("refused_error").is_null())
    interruptions = rows(inputs, "interruptions")
    for call in rows(inputs, "calls", pl.col("answered").is_not_null() & (pl.col("kind") == "callkit")):
        named = {**call, "app": call["app"] or by_push.get(str(call["id"]))}
        over = call["ended"] or call["end"] or inputs.capture_end
        due = call["answered"] + grace
        if call["direction"] == "outgoing" or over is None or over < due or not wanted(inputs, named):
            continue  # an outgoing call gets its audio when the app decides that it connects
        came = call["audio_activated"]
        if (came is not None and came <= due) or _has_audio(sessions, named, call["answered"], due):
            continue
        if any(_may_share(other, call, due) for other in rows(inputs, "calls")):
            continue
        if any(abs(row["start"] - call["answered"]) <= ANSWER_TO_AUDIO for row in interruptions):
            continue  # the answer interrupted another session: this call has its audio, whoever owns it
        yield _without_audio(named, came, over, told="audio_session.activated" in inputs.kinds)


def _may_share(other: Row, call: Row, due: datetime) -> bool:
    """Whether the other call was up before the capture: its audio, which both use, may have been active then."""
    up = other["start"] <= due and (other["end"] is None or other["end"] > call["answered"])
    cut = other["start_how"] == "capture_edge" and other["audio_activated"] is None
    return other["id"] != call["id"] and cut and up and same_app(other, call)


def _has_audio(sessions: list[Row], call: Row, answered: datetime, due: datetime) -> bool:
    """Whether a session that may be the call's, not activated by the app itself, starts with the answer or runs after it."""
    return any(
        (call["app"] is None or same_app(row, call))
        and row["activated_by"] != "app"
        and row["start"] <= due
        and (row["end"] is None or row["end"] > answered)
        for row in sessions
    )


def _without_audio(call: Row, came: datetime | None, over: datetime, *, told: bool) -> Finding:
    late = came is not None
    wait = ((came or over) - call["answered"]).total_seconds()
    severity = Severity.high if late or not told else Severity.critical
    if call["app"] is None:
        severity = Severity.low
    doubt = "" if told else " No activation of any session is told in this capture, so such lines may be missing."
    return finding(
        "answer-without-audio-activation",
        "V04",
        severity,
        [call],
        title=f"{name_of(call)}: answered call "
        + (f"waited {duration(wait)} for its audio" if late else f"lasted {duration(wait)} without audio activation"),
        explanation="After CXAnswerCallAction the system activates the audio session and calls provider(_:didActivate:). "
        + ("It came late." if late else "No line shows that it did: the users hear nothing, or only one of them does.")
        + ("" if call["app"] else " No line names the app either, so this may be a cellular call.")
        + doubt,
        advice=_ACTIVATE_FIX
        + " Fulfil the CXAnswerCallAction promptly, and do not hold another active session when it arrives.",
        confidence=0.3 if call["app"] is None else 0.9 if told else 0.5,
        pattern="late" if late else "never",
        measures={"without_audio_s": wait},
    )


def _phantom(inputs: Inputs) -> Iterator[Finding]:
    limit = timedelta(seconds=inputs.thresholds["shorter_than"])
    brief = [
        call
        for call in _own_calls(inputs)
        if call["direction"] != "outgoing"
        and call["answered"] is None
        and call["outcome"] != "declined"
        and (call["ended"] or call["end"]) is not None
        and (call["ended"] or call["end"]) - (call["reported"] or call["start"]) < limit
    ]
    for app in dict.fromkeys(name_of(call) for call in brief):
        about = [call for call in brief if name_of(call) == app]
        first, last = busiest([call["start"] for call in about], 86_400)
        if last - first < inputs.thresholds["calls"]:
            continue
        yield finding(
            "phantom-call",
            "V02",
            Severity.medium,
            about[first:last],
            title=f"{app} reported {plural(last - first, 'call')} that ended within {duration(limit.total_seconds())}",
            explanation="Reporting a call only to end it at once satisfies PushKit's check but flashes the call screen and "
            "stops other audio. It usually hides pushes that are no calls, or calls that were over before the push arrived.",
            advice="Do not send a VoIP push for calls that are over; end the call with the true reason "
            "(CXCallEndedReason.answeredElsewhere, .remoteEnded), and use ordinary pushes for anything else.",
            confidence=0.8,
            measures={"call_count": float(last - first)},
        )


def _timed_out(inputs: Inputs) -> Iterator[Finding]:
    late = pl.any_horizontal(
        pl.col(name).str.to_lowercase().str.replace_all(r"[^a-z]", "").str.contains("timedout", literal=True)
        for name in ("end_reason", "failed_action")
    )
    for call in rows(inputs, "calls", late):
        told = str(call["failed_action"] or call["end_reason"])
        if wanted(inputs, call):
            yield finding(
                "call-action-timeout",
                "V06",
                Severity.high,
                [call],
                title=f"{name_of(call)} let a CallKit action time out ({shown(told)})",
                explanation="CallKit asked the app to perform an action and the app neither fulfilled nor failed it in time; "
                "CallKit then treats the call as failed.",
                advice="Call fulfill() or fail() on every CXAction in every path, and reset state in "
                "provider(_:timedOutPerforming:). Do not wait for the network before fulfilling an answer.",
                pattern=stable(told),
            )


def _wrong_category(inputs: Inputs) -> Iterator[Finding]:
    known = pl.col("category").is_not_null() & pl.col("refused_error").is_null()
    for row in rows(inputs, "audio_sessions", known & (pl.col("activated_by") != "app")):
        category = row["category"].lower()
        window = window_of(inputs, row)
        if window is None or not wanted(inputs, row) or any(word in category for word in _CALL_CATEGORIES):
            continue
        calls = [call for call in owned_calls(inputs, row) if call["answered"] or call["connected"]]
        spoken = [
            (call["answered"] or call["connected"], part[1]) for call in calls if (part := window_of(inputs, call))
        ]
        seconds = length_s(intersect([window], spoken))
        if seconds <= inputs.thresholds["least"]:
            continue
        yield finding(
            "category-unfit-for-call",
            "A13",
            Severity.medium,
            [row],
            context=calls,
            title=f"{name_of(row)} ran {duration(seconds)} of a call with audio category {shown(row['category'])}",
            explanation="A session without recording gives the call no microphone, and iOS neither chooses the receiver nor "
            "applies voice processing.",
            advice="Set .playAndRecord with mode .voiceChat (.videoChat) before fulfilling the answer or start action.",
            confidence=0.8,
            pattern=stable(row["category"]),
            measures={"unfit_s": seconds},
        )


_CALL_CATEGORIES: Final = ("record", "phonecall", "voicechat")
_CAN_SEE_CALLS: Final = seen("call.reported", "call.started", "call.answered", by=CALL_DAEMONS)
_CAN_SEE_AUDIO: Final = seen("audio_session.activated", "audio_session.refused", by=AUDIO_SERVERS)

RULES: Final = (
    Rule(
        id="audio-activated-by-app-in-call",
        numbers=("V05",),
        title="App activates the audio session of a CallKit call",
        severity=Severity.high,
        why="CallKit cannot take over a session that the app activated: one-way or no audio.",
        fix=_ACTIVATE_FIX,
        needs="lines about calls (callservicesd or CallKit in the app) and lines of the audio server (audiomxd or "
        "mediaserverd) or of AVAudioSession that tell who activated the session",
        can_run=every(_CAN_SEE_CALLS, any_of(_CAN_SEE_AUDIO, has_rows("audio_sessions"))),
        check=_activated_by_app,
        links=(links.DID_ACTIVATE, links.FORUM_CALLKIT_AUDIO),
    ),
    Rule(
        id="answer-without-audio-activation",
        numbers=("V04",),
        title="Answered call without audio activation",
        severity=Severity.critical,
        why="The call is up but nobody hears anything.",
        fix=_ACTIVATE_FIX,
        needs="a line about the answer (callservicesd or CallKit in the app) and lines of the audio server or of "
        "AVAudioSession in the app",
        can_run=every(_CAN_SEE_CALLS, _CAN_SEE_AUDIO),
        check=_answered_without_audio,
        thresholds=(
            Threshold("grace", 3.0, "s", "heuristic", "audio that comes later than this after the answer is late"),
        ),
        links=(links.DID_ACTIVATE, links.PROVIDER_DELEGATE, links.FORUM_CALLKIT_AUDIO),
    ),
    Rule(
        id="category-unfit-for-call",
        numbers=("A13",),
        title="Audio category unfit for a call",
        severity=Severity.medium,
        why="The other side hears nothing, or echo.",
        fix="Set .playAndRecord with mode .voiceChat before the call gets its audio.",
        needs="lines about calls (callservicesd or CallKit in the app) and lines of the audio server or of AVAudioSession "
        "that name the category",
        can_run=every(_CAN_SEE_CALLS, _CAN_SEE_AUDIO),
        check=_wrong_category,
        thresholds=(Threshold("least", 5.0, "s", "heuristic", "shorter use is not reported (ringback tones)"),),
        links=(links.AUDIO_SESSION, links.DID_ACTIVATE),
    ),
    Rule(
        id="phantom-call",
        numbers=("V02",),
        title="Calls that are reported and ended at once",
        severity=Severity.medium,
        why="The call screen flashes up, other audio stops, and users lose trust.",
        fix="Push only for calls that still ring.",
        needs="lines of callservicesd or CallKit in the app about calls and their end",
        can_run=_CAN_SEE_CALLS,
        check=_phantom,
        thresholds=(
            Threshold("shorter_than", 2.0, "s", "heuristic", "unanswered incoming calls shorter than this count"),
            Threshold("calls", 3.0, "calls per day", "heuristic", "fewer are not reported"),
        ),
        links=(links.VOIP_PUSH, links.FORUM_PUSH_DEADLINE),
    ),
    Rule(
        id="call-action-timeout",
        numbers=("V06",),
        title="CallKit action timed out",
        severity=Severity.high,
        why="CallKit ends calls whose actions the app does not answer.",
        fix="Fulfil or fail every CXAction.",
        needs="lines of CallKit in the app or of callservicesd about actions or the reason why a call ended",
        can_run=seen("call.action", "call.ended", "call.failed", by=CALL_DAEMONS),
        check=_timed_out,
        links=(links.PROVIDER_DELEGATE,),
    ),
)
