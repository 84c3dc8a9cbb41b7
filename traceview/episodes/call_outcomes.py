"""How a call ended, in words.

Public reasons are CallKit's ``CXCallEndedReason`` (1 failed … 5 declined elsewhere, Apple documentation). callservicesd
prints private ones: 102 handed off, 103 user busy, 104 remote hangup (read from its strings, iOS 18 to 26).
"""

from typing import Final

from traceview.episodes import codes
from traceview.episodes.call_record import Call
from traceview.episodes.tables import Row

_REASONS: Final = {
    1: "failed",
    2: "remote hangup",
    3: "unanswered",
    4: "answered elsewhere",
    5: "declined elsewhere",
    102: "handed off",
    103: "user busy",
    104: "remote hangup",
}
_UNANSWERED_OUTCOMES: Final = {
    "failed": "failed",
    "call failed": "failed",
    "declined": "declined",
    "local hangup": "declined",
    "ended by the user or the app": "declined",
    "declined elsewhere": "declined",
    "user busy": "declined",
    "remote hangup": "missed",
    "unanswered": "missed",
    "answered elsewhere": "missed",
    "process exited": "failed",
}


_OUTGOING_OUTCOMES: Final = {
    "failed": "failed",
    "call failed": "failed",
    "process exited": "failed",
    "local hangup": "cancelled",
    "ended by the user or the app": "cancelled",
    "declined": "declined",
    "user busy": "declined",
    "remote hangup": "unanswered",
    "unanswered": "unanswered",
}
"""Who calls misses nothing: he gave up, or nobody answered him."""

_ACTION_TROUBLE: Final = frozenset(
    {
        "action timed out",
        "delegate lacks the method",
        "empty transaction",
        "no delegate queue",
        "not allowed",
        "unknown call UUID",
    }
)
_TRANSACTION_ERROR: Final = "com.apple.CallKit.error.requesttransaction"


def is_terminal(event: Row) -> bool:
    """Tell whether ``call.failed`` means the call itself, not one action on it (which leaves the call as it is)."""
    if "startcall" in (event["action"] or "").lower():
        return True
    return event["action"] is None and event["reason"] not in _ACTION_TROUBLE and event["error"] != _TRANSACTION_ERROR


def reason_text(reason: str | None, code: str | None) -> str | None:
    """Return the reason in words, from the number where the line gives only that."""
    given = reason if reason is not None else code
    if given is None:
        return None
    value = codes.number(given)
    return _REASONS.get(value, given.strip()) if value is not None else given.strip()


def outcome_of(call: Call) -> str:
    """Return answered, missed, declined, cancelled, unanswered, failed or unknown."""
    if call.failed:
        return "failed"
    if call.answered is not None or call.connected is not None:
        return "answered"
    if call.audio_activated is not None and call.direction != "outgoing" and call.end_reason != "failed":
        return "answered"  # CallKit activates the audio of an incoming call when it is answered
    if call.end is None or call.start_how == "capture_edge" or call.end_reason is None:
        return "unknown"
    outcomes = _OUTGOING_OUTCOMES if call.direction == "outgoing" else _UNANSWERED_OUTCOMES
    return outcomes.get(call.end_reason, "unknown")
