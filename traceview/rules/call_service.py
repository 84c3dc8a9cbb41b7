"""The service of iOS that carries CallKit's calls ended while a call ran: CallKit resets every provider, and the call is gone."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from traceview.episodes.call_ends import RESET
from traceview.episodes.terminations import CALL_SLACK_NS
from traceview.rules.call_times import calls_in
from traceview.rules.kills import daemon_name, is_harmless, kill_class, memory_text, reason_text
from traceview.rules.registry import Finding, Inputs, Severity
from traceview.rules.rows import CALL_DAEMONS, SYSTEM_CALLS, Row, duration, finding, name_of, plural, rows, wanted

_SLACK: Final = timedelta(microseconds=CALL_SLACK_NS // 1000)
_CLEAN_UP: Final = timedelta(seconds=5)
"""An app whose provider is reset reports its calls ended within this time (heuristic)."""
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


def removals(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each time that the kernel removed the service from memory, by app whose calls ran."""
    for death in _deaths(inputs):
        if kill_class(death) == "jetsam" and not is_harmless(death):
            yield from _findings(inputs, death, "jetsam-of-helper", "T12", "was removed from memory")


def other_ends(inputs: Inputs) -> Iterator[Finding]:
    """Yield a finding for each other end of the service, by app whose calls ran."""
    for death in _deaths(inputs):
        if kill_class(death) not in {"crash", "jetsam"}:
            yield from _findings(inputs, death, "unexplained-termination", "T19", "ended")


def ends_calls(inputs: Inputs, death: Row) -> bool:
    """Whether a call of an app that may be told of ran when this process of iOS ended, and it carries calls."""
    return daemon_name(death) in CALL_DAEMONS and death["start"] is not None and bool(_touched(inputs, death))


def _deaths(inputs: Inputs) -> list[Row]:
    return [row for row in rows(inputs, "terminations") if daemon_name(row) in CALL_DAEMONS]


def _findings(inputs: Inputs, death: Row, rule: str, number: str, how: str) -> Iterator[Finding]:
    touched = _touched(inputs, death)
    for app in dict.fromkeys(call["app"] for call in touched):
        yield _finding(death, [call for call in touched if call["app"] == app], rule, number, how)


def _touched(inputs: Inputs, death: Row) -> list[Row]:
    near = calls_in(inputs, death["start"] - _SLACK, death["start"] + _SLACK)
    return [call for call in near if _ran(call, death) and (call["app"] is None or wanted(inputs, call))]


def _ran(call: Row, death: Row) -> bool:
    """Whether the call, one that an app carries, ran when the service ended, or ended by it."""
    if call["kind"] in SYSTEM_CALLS or call["start"] > death["start"]:
        return False
    return call["end"] is None or _reset(call, death) or bool(call["end"] > death["start"])


def _reset(call: Row, death: Row) -> bool:
    """Whether no line tells the call's end but the one about the service."""
    return bool(call["end_reason"] == RESET and call["end"] and abs(call["end"] - death["start"]) <= _SLACK)


def _lost(call: Row, death: Row) -> bool:
    """Whether the call ended by it: nor does a line tell of it later, but that the app cleaned up."""
    return (_reset(call, death) or _cleaned_up(call, death)) and not call["contradicted_by"]


def _cleaned_up(call: Row, death: Row) -> bool:
    """Whether the call's end, told right after the service ended, is all that lines tell of it since."""
    steps = (call["answered"], call["connected"], call["audio_activated"], *(call["hold_starts"] or ()))
    if call["end"] is None or any(step is not None and step > death["start"] for step in steps):
        return False
    return bool(death["start"] < call["end"] <= death["start"] + _CLEAN_UP)


def _why_lost(lost: Sequence[Row], death: Row) -> str:
    cleaned = [call["end"] for call in lost if not _reset(call, death)]
    if not cleaned:
        return "No line tells why the call itself ended; that this was the reason is concluded."
    after = duration((max(cleaned) - death["start"]).total_seconds())
    return (
        f"A line ends the call {after} later, and none tells of it otherwise: that the app cleaned up by then, as it should, is "
        "concluded."
    )


def _finding(death: Row, calls: Sequence[Row], rule: str, number: str, how: str) -> Finding:
    service, crashed = daemon_name(death), kill_class(death) == "crash"
    lost = [call for call in calls if _lost(call, death)]
    removed = kill_class(death) == "jetsam"
    reason = memory_text(death) if removed else f" ({told})" if (told := reason_text(death)) else ""
    about = "a call" if len(calls) == 1 else plural(len(calls), "call")
    whose = name_of(calls[0]) if calls[0]["app"] else "an app that no line names"
    return finding(
        rule,
        number,
        Severity.critical if lost and (crashed or removed) else Severity.high,
        [{**death, "app": calls[0]["app"], "process": None}],
        context=calls,
        title=f"{service}, the service of iOS that carries calls, {how} during {about} of {whose}"
        + reason
        + (f", which {'were' if len(lost) > 1 else 'was'} lost" if lost else ""),
        explanation="When this service ends, CallKit resets the provider of every app: its calls are gone, and so is the audio "
        "that CallKit activated for them. "
        + (_why_lost(lost, death) if lost else "Lines still tell of the call afterwards, so that it may have gone on."),
        advice=_FIX.format(service=service),
        pattern=f"service:{'lost' if lost else 'touched'}",
        confidence=(0.9 if crashed or removed else 0.7) * (1.0 if lost else 0.5),
    )
