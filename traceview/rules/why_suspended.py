"""Why iOS suspended an app in its call: what let go of it last, and which of the usual causes its lines leave open."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from traceview.rules.registry import Inputs
from traceview.rules.rows import Row, duration, rows_of, shown

_ALWAYS: Final = (
    "fulfil every CXAction, declare the voip and audio background modes and keep audio I/O running in the session that CallKit "
    "activated"
)
SUSPENDED_FIX: Final = (
    "Keep CallKit's call alive for as long as the real one: do not report it ended (reportCall(with:endedAt:reason:) or "
    f"CXEndCallAction) before it is over, {_ALWAYS}."
)
"""What to do where no line tells which cause it was."""
_LOOK: Final = "Look at what callservicesd and the app print right before that moment."


class _Cause(Struct, frozen=True):
    """A usual cause.

    Attributes:
        what: The cause, to follow "that".
        fix: What to change.
        against: What the rows tell against it; empty: they leave it open.
    """

    what: str
    fix: str
    against: str


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


def reasons(inputs: Inputs, row: Row, calls: Sequence[Row]) -> tuple[str, str]:
    """Return what the rows tell of the usual causes, in sentences, and the advice for those that they leave open.

    Args:
        inputs: The tables.
        row: Of ``suspensions``.
        calls: The calls in which the app was suspended; at least one.
    """
    causes = _causes(inputs, row, calls)
    against = [cause.against for cause in causes if cause.against]
    left = [cause for cause in causes if not cause.against]
    told = f" {_joined(against)[0].upper()}{_joined(against)[1:]}." if against else ""
    if not left:
        return (
            f"{told} So none of the usual causes is left, and no line tells why it was let go.",
            f"{_LOOK} Also {_ALWAYS}.",
        )
    open_ones = f" Nothing excludes that {_joined([cause.what for cause in left], 'or that')}."
    return told + open_ones, " ".join([*(cause.fix for cause in left), f"{_ALWAYS[0].upper()}{_ALWAYS[1:]}."])


def _causes(inputs: Inputs, row: Row, calls: Sequence[Row]) -> list[_Cause]:
    later = [call["end"] for call in calls if call["end"] is not None and call["end"] > row["start"]]
    ended = f"its call ended only {duration((max(later) - row['start']).total_seconds())} later" if later else ""
    never_held = all(call["witness"] == "callkit" and call["holds"] == 0 for call in calls)
    by_callkit = any(call["audio_activated"] and call["audio_activated"] <= row["start"] for call in calls)
    owned = by_callkit or any(_covers(session, row) for session in rows_of(inputs, "audio_sessions", row))
    activated = "CallKit had activated its audio" if by_callkit else "its audio session was active"
    early = _Cause(
        "the call was reported as ended before it was over",
        "Do not report a call ended (reportCall(with:endedAt:reason:) or CXEndCallAction) before it is over.",
        ended,
    )
    if not any(call["answered"] or call["connected"] for call in calls):
        return [early]
    return [
        early,
        _Cause(
            "the call was on hold",
            "Take a call off hold with CXSetHeldCallAction(isOnHold: false) as soon as it goes on.",
            "no line puts it on hold" if never_held else "",
        ),
        _Cause(
            "the app never owned the audio session",
            "Start audio I/O in provider(_:didActivate:), not before.",
            activated if owned else "",
        ),
    ]


def _covers(session: Row, row: Row) -> bool:
    """Whether the session, which was not refused, was active right up to the suspension."""
    lasting = session["end"] is None or session["end"] >= row["start"]
    return bool(session["refused_error"] is None and session["start"] <= row["start"] and lasting)


def _joined(parts: Sequence[str], word: str = "and") -> str:
    """Return ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
