"""VoIP pushes: not reported, reported late, no longer delivered."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.kills import code_text, has_kill, kills
from traceview.rules.proofs import first_line, last_line, state_edges
from traceview.rules.push_owner import KILL_JOIN, VOIP, arrival, identified
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    CALL_DAEMONS,
    Line,
    Row,
    any_of,
    calls_of,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    owned_calls,
    plural,
    remembered,
    rows,
    same_app,
    seen,
    state_at,
    wanted,
)

_REPORT_FIX: Final = (
    "Call reportNewIncomingCall(with:update:completion:) synchronously in "
    "pushRegistry(_:didReceiveIncomingPushWith:for:completion:), before any network request, decryption or database access; "
    "update the call later with reportCall(with:updated:) or end it with reportCall(with:endedAt:reason:). Call completion() "
    "only after CallKit's completion ran. Stop the push on the server where the call is already over."
)


def _unreported(inputs: Inputs) -> Iterator[Finding]:
    deaths = kills(inputs, "push_unreported")
    explained: set[str] = set()
    for row in rows(inputs, "pushes", VOIP & pl.col("outcome").is_in(["unreported", "unknown"])):
        push = identified(inputs, row)
        if not wanted(inputs, push):
            continue
        death = next((one for one in deaths if _follows(push, one) and one["id"] not in explained), None)
        if death is not None:
            explained.add(str(death["id"]))
            yield _killed(death, push)
        elif push["outcome"] == "unreported":
            yield _failed(inputs, push)
        elif _stayed_silent(inputs, push):
            yield _silent(inputs, push)
    for death in deaths:
        if death["id"] not in explained:
            yield _killed(death, None)


def _stayed_silent(inputs: Inputs, push: Row) -> bool:
    """Whether a delivered push brought no call, for long enough, in a capture where a call would be told."""
    over = arrival(push) + timedelta(seconds=inputs.thresholds["deadline"])
    watched = push["delivered"] is not None and push["voip"] is True
    if not watched or not _reports_are_told(inputs) or inputs.capture_end is None or over > inputs.capture_end:
        return False
    return not any(arrival(push) <= call["start"] <= over for call in calls_of(inputs, push))


def _reports_are_told(inputs: Inputs) -> bool:
    """Whether reports of calls are in the capture, or callservicesd, which tells each one."""
    return "call.reported" in inputs.kinds or bool(CALL_DAEMONS & inputs.witnesses)


def _follows(push: Row, death: Row) -> bool:
    if death["start"] is None:
        return False
    return same_app(push, death) and timedelta(0) <= death["start"] - arrival(push) <= KILL_JOIN


def _killed(death: Row, push: Row | None) -> Finding:
    by_check = "T02" if death["code"] and "baadca11" in death["code"].lower() else "T01"
    about = [push, death] if push else [death]
    when = "after a VoIP push"
    measures = {}
    if push:
        gap = (death["start"] - arrival(push)).total_seconds()
        when = f"{duration(gap)} after a VoIP push"
        measures["push_to_kill_s"] = gap
    return finding(
        "push-unreported",
        by_check,
        Severity.critical,
        about,
        title=f"iOS killed {name_of(death)} {when} because it reported no call{code_text(death)}",
        explanation="A VoIP push promises an incoming call. The app did not report one to CallKit in time, so iOS terminated "
        "it and the caller's ringing went nowhere. After repeated failures iOS stops delivering VoIP pushes to the app.",
        advice=_REPORT_FIX,
        pattern="killed",
        measures=measures,
    )


def _exemption(inputs: Inputs, push: Row) -> tuple[str | None, list[Line]]:
    """Return why iOS tolerates a missing report, or None, and the lines that tell it."""
    moment = arrival(push)
    if state_at(inputs, push, moment) == "foreground":
        now = (moment, moment + timedelta(microseconds=1))
        return "the app was in the foreground", state_edges(inputs, push, ["foreground"], [now])
    ongoing = (call for call in owned_calls(inputs, push) if call["id"] != push["call"])
    up = [call for call in ongoing if call["start"] <= moment and (call["end"] is None or call["end"] > moment)]
    return ("a call was already up", [*first_line(up[0]), *last_line(up[0])]) if up else (None, [])


def _failed(inputs: Inputs, push: Row) -> Finding:
    exemption, told = _exemption(inputs, push)
    return finding(
        "push-unreported",
        "T02",
        Severity.info if exemption else Severity.critical,
        [push],
        lines=told,
        title=f"{name_of(push)} reported no call for a VoIP push, says iOS" + (f" ({exemption})" if exemption else ""),
        explanation="iOS tolerates this in the foreground and during a call."
        if exemption
        else "callservicesd or PushKit counted this push as a failure. After a few of them iOS stops delivering VoIP pushes "
        "to the app. No line of this capture tells that the app was killed for it.",
        advice=_REPORT_FIX,
        pattern="exempt" if exemption else "failed",
    )


def _silent(inputs: Inputs, push: Row) -> Finding:
    exemption, told = _exemption(inputs, push)
    wait = duration(inputs.thresholds["deadline"])
    blocked = None if exemption else _blocked_after(inputs, push)
    if blocked is not None:
        return _counted(push, blocked, wait)
    return finding(
        "push-unreported",
        "T02",
        Severity.info if exemption else Severity.high,
        [push],
        lines=told,
        title=f"No call of {name_of(push)} appears within {wait} of a VoIP push"
        + (f" ({exemption})" if exemption else ""),
        explanation="The push was handed to the app, and no line shows a call for it. If the app really reported none, iOS "
        "counts a failure and may kill it. From iOS 26.4 a push may say that it need not be reported.",
        advice=_REPORT_FIX,
        confidence=0.6 if "call.reported" in inputs.kinds else 0.5,
        pattern="silent",
    )


def _counted(push: Row, blocked: Row, wait: str) -> Finding:
    """Return what a push without a call is where iOS no longer launched the app afterwards."""
    after = (blocked["end"] or blocked["start"]) - arrival(push)
    return finding(
        "push-unreported",
        "T02",
        Severity.critical,
        [push],
        lines=last_line(blocked),
        title=f"No call of {name_of(push)} appears within {wait} of a VoIP push, and later iOS blocked its pushes",
        explanation="The push was handed to the app, and no line shows a call for it. "
        f"{duration(after.total_seconds())} later callservicesd no longer launched the app for VoIP "
        "pushes, as it does after repeated pushes without a call: iOS has counted failures, most likely this one too.",
        advice=_REPORT_FIX,
        confidence=0.8,
        pattern="silent-blocked",
    )


def _blocked_after(inputs: Inputs, push: Row) -> Row | None:
    """Return the first VoIP push of the app after this one for which iOS did not launch it."""
    later = (row for row in _blocked_pushes(inputs) if row["voip"] is not False and row["start"] > arrival(push))
    return next((row for row in later if same_app(row, push)), None)


def _blocked_pushes(inputs: Inputs) -> list[Row]:
    blocked = pl.col("outcome") == "blocked"
    return remembered(
        inputs, "blocked pushes", lambda: [identified(inputs, row) for row in rows(inputs, "pushes", blocked)]
    )


def _blocked(inputs: Inputs) -> Iterator[Finding]:
    blocked = [row for row in _blocked_pushes(inputs) if wanted(inputs, row)]
    for app in dict.fromkeys(name_of(row) for row in blocked):
        about = [row for row in blocked if name_of(row) == app]
        yield finding(
            "push-delivery-blocked",
            "T03",
            Severity.critical,
            about,
            title=f"iOS dropped {plural(len(about), 'VoIP push', 'VoIP pushes')} for {app} instead of launching it",
            explanation="After repeated pushes without a reported call (or repeated crashes) callservicesd stops launching the "
            "app for VoIP pushes. The app cannot see this; incoming calls are lost until it is reinstalled.",
            advice="Fix the unreported pushes first: "
            + _REPORT_FIX
            + " Then delete and reinstall the app on the device; "
            "installing over the old one is reported not to lift the ban.",
            measures={"blocked_count": float(len(about))},
        )


def _slow(inputs: Inputs) -> Iterator[Finding]:
    limits = inputs.thresholds
    late = VOIP & (pl.col("report_latency_s") > limits["medium"])
    for push in rows(inputs, "pushes", late):
        if not wanted(inputs, push):
            continue
        latency = push["report_latency_s"]
        if latency >= limits["critical"]:
            severity = Severity.critical
        else:
            severity = Severity.high if latency > limits["high"] else Severity.medium
        yield finding(
            "call-reported-slowly",
            "V01",
            severity,
            [push],
            title=f"{name_of(push)} took {duration(latency)} from the VoIP push to reporting the call",
            explanation="Until the call is reported nothing rings, and iOS may kill the app "
            f"{duration(limits['critical'])} after delivery. Launch work, network requests or a busy main thread delay it.",
            advice=_REPORT_FIX,
            measures={"report_latency_s": latency},
        )


def _misused(inputs: Inputs) -> Iterator[Finding]:
    pushes = [
        row for row in rows(inputs, "pushes", pl.col("voip") & (pl.col("outcome") != "unknown")) if wanted(inputs, row)
    ]
    for app in dict.fromkeys(row["app"] for row in pushes if row["app"]):
        about = [row for row in pushes if row["app"] == app]
        incoming = [call for call in calls_of(inputs, about[0]) if call["direction"] != "outgoing"]
        calls = max(len(incoming), sum(row["outcome"] == "reported" for row in about))
        ratio = len(about) / max(calls, 1)
        if len(about) < inputs.thresholds["pushes"] or ratio <= inputs.thresholds["ratio"]:
            continue
        yield finding(
            "non-call-use-of-voip-push",
            "V03",
            Severity.high,
            about,
            context=incoming,
            title=f"{app} received {plural(len(about), 'VoIP push', 'VoIP pushes')} for {plural(calls, 'call')}",
            explanation="VoIP pushes are for incoming calls only. Each one without a call counts as a failure and leads to "
            "termination, then to a ban on VoIP pushes.",
            advice="Send messages, presence and sync as ordinary pushes (apns-push-type alert or background), or use a "
            "notification service extension with the usernotifications.filtering entitlement.",
            measures={"push_count": float(len(about)), "call_count": float(calls)},
        )


_CAN_SEE_REPORTS: Final = seen(
    "push.delivered", "push.launched_app", "push.unreported", "push.blocked", by=CALL_DAEMONS
)

RULES: Final = (
    Rule(
        id="push-unreported",
        numbers=("T01", "T02"),
        title="VoIP push without a reported call",
        severity=Severity.critical,
        why="iOS kills an app that receives a VoIP push and reports no call to CallKit, and later stops delivering pushes.",
        fix=_REPORT_FIX,
        needs="lines of callservicesd, or of PushKit and CallKit in the app, about VoIP pushes and reports of calls, or a "
        "termination that names the cause",
        can_run=any_of(
            seen("push.unreported", "push.blocked", by=CALL_DAEMONS),
            every(seen("push.delivered", "push.launched_app"), seen("call.reported")),
            has_kill("push_unreported"),
        ),
        check=_unreported,
        thresholds=(
            Threshold(
                "deadline",
                30.0,
                "s",
                "callservicesd of iOS 26.1 waits 7 s under its strict policy, else 30 s",
                "a delivered push without verdict is judged after this time",
            ),
        ),
        links=(links.VOIP_PUSH, links.SIGKILL, links.FORUM_PUSH_DEADLINE),
    ),
    Rule(
        id="push-delivery-blocked",
        numbers=("T03",),
        title="iOS no longer delivers VoIP pushes",
        severity=Severity.critical,
        why="The app misses every incoming call and cannot notice it.",
        fix="Report a call for every VoIP push, then reinstall the app on the devices that are banned.",
        needs="lines of callservicesd (it alone says that it will not launch the app)",
        can_run=any_of(seen("push.blocked", by=CALL_DAEMONS), has_rows("pushes", pl.col("outcome") == "blocked")),
        check=_blocked,
        links=(links.PUSH_TYPE_VOIP, links.FORUM_PUSH_BLOCKED),
    ),
    Rule(
        id="call-reported-slowly",
        numbers=("V01",),
        title="Slow report of an incoming call",
        severity=Severity.critical,
        why="The phone rings late, and beyond the deadline iOS kills the app.",
        fix=_REPORT_FIX,
        needs="lines of callservicesd (or PushKit and CallKit in the app) for both the delivery of the push and the call",
        can_run=any_of(
            seen("push.delivered", "push.launched_app", by=CALL_DAEMONS),
            has_rows("pushes", pl.col("report_latency_s").is_not_null()),
        ),
        check=_slow,
        thresholds=(
            Threshold("medium", 1.0, "s", "heuristic", "medium above this latency"),
            Threshold("high", 3.0, "s", "heuristic", "high above this latency"),
            Threshold(
                "critical", 7.0, "s", "Apple Developer Forums 817976 (observed)", "critical from this latency on"
            ),
        ),
        links=(links.VOIP_PUSH, links.FORUM_PUSH_DEADLINE),
    ),
    Rule(
        id="non-call-use-of-voip-push",
        numbers=("V03",),
        title="VoIP pushes for something else than calls",
        severity=Severity.high,
        why="iOS terminates and then bans apps that use VoIP pushes as a wake-up call.",
        fix="Use ordinary pushes for everything that is no incoming call.",
        needs="lines of callservicesd about pushes and calls",
        can_run=_CAN_SEE_REPORTS,
        check=_misused,
        thresholds=(
            Threshold("pushes", 5.0, "pushes", "heuristic", "fewer pushes are not judged"),
            Threshold("ratio", 2.0, "pushes per call", "heuristic", "more pushes per call than this are a misuse"),
        ),
        links=(links.PUSH_TYPE_VOIP,),
    ),
)
