"""What a call sounds like: silence, one way only, a held call that stays held, Push-to-Talk without audio, moved routes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.episodes.call_holds import windows as hold_windows
from traceview.rules import links
from traceview.rules.call_times import calls_in
from traceview.rules.glitches import cause_lines, cause_sentence
from traceview.rules.proofs import calls_around
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    Row,
    any_of,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    plural,
    rows,
    rows_of,
    same_app,
    seen,
    shown,
    wanted,
    window_of,
)

_SETTLED: Final = timedelta(seconds=3)
"""Routes move while a call gets its audio and as it ends; within this time of either they mean nothing (heuristic)."""
_TOLD_ELSEWHERE: Final = frozenset({"suspension", "interruption"})
"""Causes of silence that have rules of their own."""


def _silence(inputs: Inputs) -> Iterator[Finding]:
    for row in rows(inputs, "glitches", (pl.col("kind") == "silence") & pl.col("in_call")):
        window = window_of(inputs, row)
        if window is None or not wanted(inputs, row) or row["cause"] in _TOLD_ELSEWHERE:
            continue
        seconds = (window[1] - window[0]).total_seconds()
        if seconds <= inputs.thresholds["least"]:
            continue
        yield finding(
            "silence-in-call",
            "G09",
            Severity.medium,
            [row],
            context=calls_around(inputs, [row]),
            lines=cause_lines([row], row),
            title=f"{name_of(row)} moved no audio for {duration(seconds)} of an answered call",
            explanation="The audio session was active and the call was up, but no audio unit of the app ran: the other side "
            "heard nothing, and neither did the user." + cause_sentence(row),
            advice="Start the engine or unit in provider(_:didActivate:), check the error of start(), and start again after a "
            "route or configuration change.",
            confidence=0.7,
            pattern=str(row["cause"] or ""),
            measures={"silent_s": seconds},
        )


_WAYS: Final = {
    "no_input": ("nothing from the microphone", "The other side heard nothing."),
    "no_output": ("nothing to the speaker", "The user heard nothing."),
}
_MIC_MUTED: Final = "micmuted"
_ENDED_BY_MUTED_MIC: Final = "built-in microphone muted"
"""End reason of calls that callservicesd ends for an interruption by the muted microphone."""


def _one_way(inputs: Inputs) -> Iterator[Finding]:
    for call in rows(inputs, "calls", pl.col("audio_fault").is_in(list(_WAYS))):
        if not wanted(inputs, call):
            continue
        what, heard = _WAYS[call["audio_fault"]]
        yield finding(
            "one-way-audio",
            "G10",
            Severity.high,
            [call],
            title=f"A call of {name_of(call)} was one-way: {what}",
            explanation=f"{heard} Lines of the audio server show one direction of the call's audio and never the other.",
            advice="Check the microphone permission, enable input on the audio unit (kAudioOutputUnitProperty_EnableIO on bus 1), "
            "use .playAndRecord, and start the unit only after provider(_:didActivate:).",
            confidence=0.7,
            pattern=str(call["audio_fault"]),
        )
    for call in rows(inputs, "calls", pl.col("end_reason") == _ENDED_BY_MUTED_MIC):
        if wanted(inputs, call):
            yield finding(
                "one-way-audio",
                "G10",
                Severity.medium,
                [call],
                title=f"iOS ended a call of {name_of(call)} because the built-in microphone is muted",
                explanation="The system interrupted the call's audio since the device's own microphone is muted (a closed Smart "
                "Folio does that), and callservicesd then ended all calls.",
                advice="Tell the user (AVAudioSession.InterruptionReason.builtInMicMuted).",
                pattern="mic-muted",
            )
    reason = pl.col("reason").str.to_lowercase().str.replace_all(r"[^a-z]", "")
    muted = reason.str.contains(_MIC_MUTED, literal=True) & pl.col("in_call")
    for row in rows(inputs, "interruptions", muted.fill_null(value=False)):
        if wanted(inputs, row):
            yield finding(
                "one-way-audio",
                "G10",
                Severity.medium,
                [row],
                context=calls_around(inputs, [row]),
                title=f"iOS muted the built-in microphone while {name_of(row)} was in a call",
                explanation="The system interrupted the session because the microphone of the device is muted (a closed Smart "
                "Folio does that). The other side heard nothing.",
                advice="Tell the user (AVAudioSession.InterruptionReason.builtInMicMuted).",
                pattern="mic-muted",
            )


def _stuck_hold(inputs: Inputs) -> Iterator[Finding]:
    grace = timedelta(seconds=inputs.thresholds["grace"])
    for call in rows(inputs, "calls", pl.col("holds") > 0):
        if not wanted(inputs, call):
            continue
        for since, until in hold_windows(call):
            other = _ended_meanwhile(inputs, call, since, until)
            if other is None or until - other["end"] <= grace or _died(inputs, call, since, until):
                continue
            stuck = (until - other["end"]).total_seconds()
            cut = "at least " if call["end"] is None and until == inputs.capture_end else ""
            yield finding(
                "held-call-not-resumed",
                "V07",
                Severity.medium,
                [call],
                context=[other],
                title=f"A held call of {name_of(call)} stayed on hold for {cut}{duration(stuck)} after the other call ended"
                + (", until it ended itself" if until == call["end"] else ""),
                explanation="CallKit does not take a call off hold by itself when the other one ends. Until the app or the user "
                "asks for it, both sides hear nothing; activating the session oneself then fails with '!pri'.",
                advice="When the other call ends, request CXSetHeldCallAction(call:onHold: false) and start audio in "
                "provider(_:didActivate:).",
                confidence=0.8,
                measures={"stuck_s": stuck},
                window=(other["end"], until),
            )


_NEVER_UP: Final = frozenset({"missed", "declined", "cancelled", "unanswered", "failed"})
"""Outcomes of a call for which no other one waits on hold."""


def _ended_meanwhile(inputs: Inputs, call: Row, since: datetime, until: datetime) -> Row | None:
    """Return the last call that ended while this one was on hold; None where there is none, or another one goes on."""
    beside = [
        other
        for other in calls_in(inputs, since, until)
        if other["id"] != call["id"] and other["outcome"] not in _NEVER_UP
    ]
    if any(other["end"] is None or other["end"] >= until for other in beside):
        return None
    return max(beside, key=lambda other: other["end"], default=None)


def _died(inputs: Inputs, call: Row, since: datetime, until: datetime) -> bool:
    """Whether the app ended meanwhile: there was nobody to take the call off hold."""
    return any(since <= death["start"] < until for death in rows_of(inputs, "terminations", call))


def _ptt_silent(inputs: Inputs) -> Iterator[Finding]:
    grace = timedelta(seconds=inputs.thresholds["grace"])
    for row in rows(inputs, "push_to_talk", pl.col("kind") == "transmission"):
        began = row["pushed"] or row["start"]
        over = row["end"] or inputs.capture_end
        due = began + grace
        came = row["audio_activated"]
        if not wanted(inputs, row) or (came is not None and came <= due) or over is None or over < due:
            continue
        wait = duration(((came or over) - began).total_seconds())
        yield finding(
            "push-to-talk-without-audio",
            "V08",
            Severity.high,
            [row],
            title=f"{name_of(row)}: a Push-to-Talk transmission "
            + (f"waited {wait} for its audio" if came else f"got no audio for {wait}"),
            explanation="The system activates the audio session of a transmission and calls channelManager(_:didActivate:). "
            "Without it nothing is heard, and starting audio oneself is refused in the background.",
            advice="Return .activeRemoteParticipant from incomingPushResult (or call setActiveRemoteParticipant) at once, and "
            "start audio in channelManager(_:didActivate:) only. Clear the participant when the transmission ends, else the "
            "next one activates nothing.",
            confidence=0.7,
            pattern="late" if came else "never",
        )


def _in_call_routes(inputs: Inputs) -> Iterator[tuple[Row, list[Row]]]:
    """Return each call with the route changes of its app inside it, away from its begin and end, that named two routes."""
    told = pl.col("in_call") & pl.col("route").is_not_null() & pl.col("previous_route").is_not_null()
    moved = rows(inputs, "route_changes", told & (pl.col("route") != pl.col("previous_route")))
    for call in rows(inputs, "calls", pl.col("answered").is_not_null() | pl.col("connected").is_not_null()):
        since = (call["audio_activated"] or call["answered"] or call["connected"]) + _SETTLED
        until = call["ended"] or call["end"] or inputs.capture_end
        if until is None or not wanted(inputs, call):
            continue
        own = [row for row in moved if row["app"] is None or same_app(row, call) or call["app"] is None]
        inside = [row for row in own if since <= row["start"] <= until - _SETTLED]
        if inside:
            yield call, inside


def _route_moved(inputs: Inputs) -> Iterator[Finding]:
    for call, moves in _in_call_routes(inputs):
        ways = " → ".join(shown(way, 40) for way in (moves[0]["previous_route"], *(row["route"] for row in moves))[:6])
        yield finding(
            "route-moved-in-call",
            "G05",
            Severity.info,
            moves,
            context=[call],
            title=f"The audio route moved {plural(len(moves), 'time')} in a call of {name_of(call)}: {ways}",
            explanation="No defect by itself: users switch to the speaker and put headsets on. Where nobody did, a category or "
            "override set by the app, or a headset that lost its link, moved it.",
            advice="Compare with what the user did; log AVAudioSession.RouteChangeReason in the app.",
            confidence=0.8,
            measures={"move_count": float(len(moves))},
        )


def _profile(route: str) -> str | None:
    """Return the Bluetooth profile of a route, by its port type or the end of its UID (``…-tsco``, ``…-tacl``), as AVFAudio prints them."""
    text = route.lower()
    if "hfp" in text or text.endswith("-tsco"):
        return "calls"
    return "music" if "a2dp" in text or text.endswith("-tacl") else None


def _profile_flip(inputs: Inputs) -> Iterator[Finding]:
    for call, moves in _in_call_routes(inputs):
        flips = [
            row for row in moves if {_profile(row["previous_route"]), _profile(row["route"])} == {"calls", "music"}
        ]
        if flips:
            yield finding(
                "bluetooth-profile-flip",
                "G06",
                Severity.medium,
                flips,
                context=[call],
                title=f"Bluetooth changed between its call and its music profile {plural(len(flips), 'time')} in a call of "
                + name_of(call),
                explanation="The music profile (A2DP) has no microphone, and each change silences the headset for a second or more.",
                advice="Allow .allowBluetooth alone (.allowBluetoothHFP) for calls, do not add .allowBluetoothA2DP, and leave the "
                "category alone while the call lasts.",
                measures={"flip_count": float(len(flips))},
            )


_CAN_SEE_CALLS: Final = any_of(seen("call.", by=CALL_DAEMONS), has_rows("calls"))
_CAN_SEE_IO: Final = seen("audio_io.", by=AUDIO_SERVERS)
_CAN_SEE_ROUTES: Final = any_of(seen("audio_session.route_changed", by=AUDIO_SERVERS), has_rows("route_changes"))
_NEEDS_ROUTES: Final = "lines about calls, and about route changes (audio server, or AVAudioSession in the app)"

RULES: Final = (
    Rule(
        id="silence-in-call",
        numbers=("G09",),
        title="No audio moves in an answered call",
        severity=Severity.medium,
        why="The call is up and nobody hears anything.",
        fix="Start audio in provider(_:didActivate:), and again after a configuration change.",
        needs="lines about calls, and CoreAudio lines of the app or of the audio server that tell when audio runs",
        can_run=every(_CAN_SEE_CALLS, _CAN_SEE_IO),
        check=_silence,
        thresholds=(Threshold("least", 5.0, "s", "heuristic", "shorter silence is not reported"),),
        links=(links.DID_ACTIVATE,),
    ),
    Rule(
        id="one-way-audio",
        numbers=("G10",),
        title="One-way audio",
        severity=Severity.high,
        why="One side hears nothing.",
        fix="Check permission, category and the direction that the audio unit enables.",
        needs="lines about calls, and lines of the audio server that tell both directions, or why it interrupted the app",
        can_run=every(_CAN_SEE_CALLS, any_of(_CAN_SEE_IO, seen("audio_session.", by=AUDIO_SERVERS))),
        check=_one_way,
        links=(links.AUDIO_SESSION, links.DID_ACTIVATE),
    ),
    Rule(
        id="held-call-not-resumed",
        numbers=("V07",),
        title="Held call not resumed",
        severity=Severity.medium,
        why="Both sides wait in silence.",
        fix="Request CXSetHeldCallAction(onHold: false) when the other call ends.",
        needs="lines of callservicesd or CallKit in the app about calls that are held",
        can_run=any_of(seen("call.held", "call.resumed", by=CALL_DAEMONS), has_rows("calls", pl.col("holds") > 0)),
        check=_stuck_hold,
        thresholds=(Threshold("grace", 5.0, "s", "heuristic", "a hold that lasts longer after the other call's end"),),
        links=(links.PROVIDER_DELEGATE,),
    ),
    Rule(
        id="push-to-talk-without-audio",
        numbers=("V08",),
        title="Push-to-Talk transmission without audio",
        severity=Severity.high,
        why="The transmission is not heard.",
        fix="Set the active remote participant at once, and start audio in channelManager(_:didActivate:).",
        needs="lines of callservicesd or of the app's PushToTalk framework",
        can_run=any_of(has_rows("push_to_talk"), seen(by=CALL_DAEMONS)),
        check=_ptt_silent,
        thresholds=(Threshold("grace", 5.0, "s", "heuristic", "audio that comes later than this is late"),),
        links=(links.PTT_DID_ACTIVATE, links.PUSH_TO_TALK, links.FORUM_PTT_AUDIO),
    ),
    Rule(
        id="route-moved-in-call",
        numbers=("G05",),
        title="Audio route moved in a call",
        severity=Severity.info,
        why="It explains a gap, an echo or a call that goes on from the speaker.",
        fix="Nothing where the user did it; else find what set category, override or headset.",
        needs=_NEEDS_ROUTES,
        can_run=every(_CAN_SEE_CALLS, _CAN_SEE_ROUTES),
        check=_route_moved,
        links=(links.ROUTE_CHANGES,),
    ),
    Rule(
        id="bluetooth-profile-flip",
        numbers=("G06",),
        title="Bluetooth changes its profile in a call",
        severity=Severity.medium,
        why="Each change silences the headset, and the music profile has no microphone.",
        fix="Allow only the call profile during calls, and leave the category alone.",
        needs=_NEEDS_ROUTES,
        can_run=every(_CAN_SEE_CALLS, _CAN_SEE_ROUTES),
        check=_profile_flip,
        links=(links.ROUTE_CHANGES, links.AUDIO_SESSION),
    ),
)
