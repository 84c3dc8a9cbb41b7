"""The service of iOS that carries CallKit's calls ended while a call ran: CallKit resets every provider, and the call is gone."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from traceview.episodes.call_ends import RESET
from traceview.episodes.terminations import CALL_SLACK_NS
from traceview.rules.kills import daemon_name, kill_class, reason_text
from traceview.rules.registry import Finding, Inputs, Severity
from traceview.rules.rows import CALL_DAEMONS, SYSTEM_CALLS, Row, finding, name_of, plural, rows, wanted

_SLACK: Final = timedelta(microseconds=CALL_SLACK_NS // 1000)
_NEVER_ALONE: Final = "jetsam"
"""What `jetsam-of-helper` reports."""
_FIX: Final = (
    "No app can prevent it: send the report of {service} to Apple (Feedback Assistant, with a sysdiagnose). In "
    "providerDidReset(_:) end the app's own state of every call, stop audio, close the media connections and tell the server, so "
    "that the other side does not wait; then let the users call again."
)


def crashes(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each crash of the service, by app whose calls ran (pattern "crash while in call")."""
    for death in _deaths(inputs):
        if kill_class(death) == "crash":
            yield from _findings(inputs, death, "crash-in-call", "T16", "crashed")


def other_ends(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each other end of the service, by app whose calls ran; of jetsam another rule tells."""
    for death in _deaths(inputs):
        if kill_class(death) not in {"crash", _NEVER_ALONE}:
            yield from _findings(inputs, death, "unexplained-termination", "T19", "ended")


def _deaths(inputs: Inputs) -> list[Row]:
    return [row for row in rows(inputs, "terminations") if daemon_name(row) in CALL_DAEMONS]


def _findings(inputs: Inputs, death: Row, rule: str, number: str, how: str) -> Iterator[Finding]:
    touched = [
        call for call in rows(inputs, "calls") if _ran(call, death) and (call["app"] is None or wanted(inputs, call))
    ]
    for app in dict.fromkeys(call["app"] for call in touched):
        yield _finding(death, [call for call in touched if call["app"] == app], rule, number, how)


def _ran(call: Row, death: Row) -> bool:
    """Whether the call, one that an app carries, ran when the service ended, or ended by it."""
    if call["kind"] in SYSTEM_CALLS or call["start"] > death["start"] or call["end"] is None:
        return False
    return _lost(call, death) or bool(call["end"] > death["start"])


def _lost(call: Row, death: Row) -> bool:
    """Whether the call ended by it: no line tells its end but the one about the service."""
    return bool(call["end_reason"] == RESET and abs(call["end"] - death["start"]) <= _SLACK)


def _finding(death: Row, calls: Sequence[Row], rule: str, number: str, how: str) -> Finding:
    service, reason = daemon_name(death), reason_text(death)
    lost = [call for call in calls if _lost(call, death)]
    crashed = number == "T16"
    about = "a call" if len(calls) == 1 else plural(len(calls), "call")
    whose = name_of(calls[0]) if calls[0]["app"] else "an app that no line names"
    return finding(
        rule,
        number,
        Severity.critical if crashed and lost else Severity.high,
        [{**death, "app": calls[0]["app"], "process": None}],
        context=calls,
        title=f"{service}, the service of iOS that carries calls, {how} during {about} of {whose}"
        + (f" ({reason})" if reason else "")
        + (f", which {'were' if len(lost) > 1 else 'was'} lost" if lost else ""),
        explanation="When this service ends, CallKit resets the provider of every app: its calls are gone, and so is the audio "
        "that CallKit activated for them. "
        + (
            "No line tells the end of the call itself; that it ended then is concluded from this."
            if lost
            else "Lines still tell of the call afterwards, so that it may have gone on."
        ),
        advice=_FIX.format(service=service),
        pattern=f"service:{'lost' if lost else 'touched'}",
        confidence=(0.9 if crashed else 0.7) * (1.0 if lost else 0.5),
    )
