"""Background modes used for something else: an active session without a call, running on without a reason."""

from collections.abc import Iterator
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.rules import by_app, links
from traceview.rules.by_app import call_windows, held_windows, state_windows
from traceview.rules.proofs import state_edges
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    STATE_KINDS,
    Row,
    any_of,
    at_least,
    call_apps,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    rows,
    rows_of,
    seen,
    voip_apps,
    wanted,
    window_of,
)
from traceview.rules.windows import Window, intersect, length_s, subtract

_SESSION_FIX: Final = (
    "When a call ends, stop audio I/O and let CallKit deactivate (provider(_:didDeactivate:)); outside CallKit call "
    "setActive(false, options: .notifyOthersOnDeactivation). Remove silent players and open microphones that only keep the "
    "app alive: a VoIP push launches the app when a call comes. App Review rejects the rest under 2.5.4."
)


_AWAY: Final = "background"
"""State of an app that runs unseen."""


_UNHEARD: Final = " Whether what it played was silence no line tells."


class _Use(Struct, frozen=True):
    """What an active session without a call looks like."""

    number: str
    pattern: str
    how: str


_LEFT_ACTIVE: Final = _Use("A12", "left-active", " after its call ended")
_NO_CALLKIT: Final = _Use("V09", "recording-without-call", "")
_SILENT: Final = _Use("B01", "keep-alive", "")


def _active_without_call(inputs: Inputs) -> Iterator[Finding]:
    calling = call_apps(inputs)
    sure = voip_apps(inputs)
    ends_are_told = bool({"audio_session.deactivated", "audio_session.stopped"} & inputs.kinds)
    active = pl.col("refused_error").is_null() & (pl.col("activated_by").fill_null("") != "callkit")
    left_over = pl.col("refused_error").is_null() & (pl.col("activated_by") == "callkit")
    for row in rows(inputs, "audio_sessions", active | left_over):
        window = window_of(inputs, row)
        if window is None or not wanted(inputs, row) or not (row["app"] in calling or _records(row) or _mixes(row)):
            continue
        calls = by_app.calls(inputs, row)
        if row["activated_by"] == "callkit" and (not calls or (row["end"] is None and not ends_are_told)):
            continue  # CallKit activates for a call and deactivates after it: lines that lack are a gap of the capture
        # callservicesd holds assertions on the app for a call or its push, even where no line tells of the call.
        held = held_windows(inputs, row, window, CALL_DAEMONS)
        idle = subtract([window], [*call_windows(inputs, row, window), *held])
        state_known = bool(rows_of(inputs, "app_states", row))
        if state_known:
            idle = intersect(idle, state_windows(inputs, row, window, _AWAY))
        yield from _judge(inputs, row, calls, idle, state_known=state_known, calling=row["app"] in sure)


def _records(row: Row) -> bool:
    return "record" in (row["category"] or "").lower()


def _mixes(row: Row) -> bool:
    """Whether the session lets others play on: no player for the user's ears needs that for long (a silent one does)."""
    options = (row["options"] or "").lower()
    return "mix" in options and "nonmix" not in options


def _judge(
    inputs: Inputs, row: Row, calls: list[Row], idle: list[Window], *, state_known: bool, calling: bool
) -> Iterator[Finding]:
    seconds = length_s(idle)
    limit = "medium" if state_known else "high"
    if seconds <= inputs.thresholds[limit if calling or _records(row) else "mixable"]:
        return
    use = _use(row, calls, idle[0])
    long = seconds > inputs.thresholds["high"]
    severity = (Severity.high if long and calling else Severity.medium) if state_known else Severity.low
    where = "in the background " if state_known else ""
    doubt = " No line tells whether the app was in the background: in the foreground this may be right."
    owner = [call for call in calls if call["app"] is not None]
    yield finding(
        "session-active-without-call",
        use.number,
        severity,
        [row],
        context=owner[-1:] if use is _LEFT_ACTIVE else (),
        lines=state_edges(inputs, row, [_AWAY], idle),
        title=f"Audio session of {name_of(row)} stayed active for {at_least(row)}{duration(seconds)} {where}without a call{use.how}",
        explanation="An active session keeps the app running at the priority of audio. With a call that is its purpose; "
        "without one it works as a keep-alive: it drains the battery, keeps the microphone indicator on or other apps' audio "
        "down, and suspends all limits on background tasks."
        + (_UNHEARD if use is _SILENT else "")
        + ("" if state_known else doubt)
        + ("" if calling else _not_known_to_call(row)),
        advice=_SESSION_FIX,
        confidence=_confidence(state_known=state_known, calling=calling, closed=row["end"] is not None),
        pattern=use.pattern,
        measures={"active_without_call_s": seconds},
        window=(idle[0][0], idle[-1][1]),
    )


def _not_known_to_call(row: Row) -> str:
    """Return why the finding is doubtful for an app of which no call and no VoIP push is in the capture."""
    purpose = "record" if _records(row) else "play for the user's ears"
    settled = f" `--app {name_of(row)}` tells that it does, and judges it so." if row["app"] else ""
    return (
        f" Doubtful: no call and no VoIP push here shows that {name_of(row)} makes calls, and an app may {purpose} in the "
        f"background.{settled}"
    )


def _confidence(*, state_known: bool, calling: bool, closed: bool) -> float:
    """A known state weighs most; a recorder may record, and a session without an end may have ended unseen."""
    if not state_known:
        return 0.4
    if not calling:
        return 0.5
    return 0.9 if closed else 0.7


def _use(row: Row, calls: list[Row], first: Window) -> _Use:
    if any(call["end"] is not None and row["start"] <= call["end"] <= first[1] for call in calls):
        return _LEFT_ACTIVE
    return _NO_CALLKIT if _records(row) else _SILENT


_CAN_SEE_CALLS: Final = seen("call.", by=CALL_DAEMONS)
_CAN_SEE_STATES: Final = any_of(seen(*STATE_KINDS), has_rows("app_states"))
_CAN_SEE_SESSIONS: Final = seen("audio_session.", by=AUDIO_SERVERS)

RULES: Final = (
    Rule(
        id="session-active-without-call",
        numbers=("A12", "V09", "B01"),
        title="Audio session active in the background without a call",
        severity=Severity.high,
        why="It is the classic keep-alive hack: it drains the battery, disturbs other audio and is rejected by App Review.",
        fix=_SESSION_FIX,
        needs="three witnesses: the audio server or AVAudioSession in the app, callservicesd or CallKit in the app (to know "
        "that there was no call), and lines about the app's state",
        can_run=every(_CAN_SEE_SESSIONS, _CAN_SEE_CALLS, _CAN_SEE_STATES),
        check=_active_without_call,
        thresholds=(
            Threshold("medium", 10.0, "s", "heuristic", "medium above this"),
            Threshold("high", 60.0, "s", "heuristic", "high above this"),
            Threshold(
                "mixable", 600.0, "s", "heuristic", "a mixable player of an app that is not known to call, above this"
            ),
        ),
        links=(links.REVIEW, links.BACKGROUND_MODES, links.FORUM_ACTIVE_SESSION),
    ),
)
