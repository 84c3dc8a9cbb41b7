"""When calls lasted, were up and were not on hold, as far as lines tell: one answer for all rules."""

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from typing import Final, Self

from msgspec import Struct

from traceview.episodes.call_holds import windows as hold_windows
from traceview.rules.registry import Inputs
from traceview.rules.rows import Row, owned_calls, remembered, rows, rows_of, window_of
from traceview.rules.windows import FAR, ByTime, Window, subtract

_HOLD_TO_AUDIO: Final = timedelta(seconds=1)
"""CallKit's deactivation may be told this much before the line that puts the call on hold (heuristic; milliseconds on devices)."""


def lasting(inputs: Inputs, call: Row) -> Window | None:
    """Return the call's window. Where no line tells its end, CallKit's deactivation of the audio tells it.

    CallKit deactivates the audio of a call that goes on hold as well: then the call was over where no hold of it is known
    and no session went active again before another call of the app began. One that the app activated by itself is no sign of
    a call: CallKit activates those of calls.
    """
    return remembered(inputs, ("lasting", call["id"]), lambda: _lasting(inputs, call))


def _lasting(inputs: Inputs, call: Row) -> Window | None:
    window = window_of(inputs, call)
    if window is None or call["end"] is not None:
        return window
    turns = remembered(inputs, ("turns", call["app"], call["pid"]), lambda: _Turns.of(inputs, call))
    for end in turns.closed[bisect_right(turns.closed, window[0]) :]:
        goes_on_hold = on_hold_at(call, end) or on_hold_at(call, end + _HOLD_TO_AUDIO)
        if not goes_on_hold and not turns.active_again(end):
            return (window[0], end)
    return window


class _Turns(Struct, frozen=True):
    """When sessions of an app went active (not by itself), when CallKit deactivated them, when its calls began; each by time."""

    activated: list[datetime]
    closed: list[datetime]
    begun: list[datetime]

    @classmethod
    def of(cls, inputs: Inputs, row: Row) -> Self:
        sessions = [one for one in rows_of(inputs, "audio_sessions", row) if one["refused_error"] is None]
        closed = (one["end"] for one in sessions if one["stopped_by"] == "callkit" and one["end"] is not None)
        begun = (call["start"] for call in rows_of(inputs, "calls", row))
        activated = (one["start"] for one in sessions if one["activated_by"] != "app")
        return cls(list(activated), sorted(closed), list(begun))

    def active_again(self, end: datetime) -> bool:
        """Whether a session went active from `end` on, and not for a call that began after it."""
        at, following = bisect_left(self.activated, end), bisect_left(self.begun, end)
        if at == len(self.activated):
            return False
        return following == len(self.begun) or self.activated[at] < self.begun[following]


def picked_up(call: Row) -> datetime | None:
    """Return when the call was answered or connected, where a line tells it."""
    moment: datetime | None = call["answered"] or call["connected"]
    return moment


def up(inputs: Inputs, call: Row) -> Window | None:
    """Return when the call was up, on hold or not: from the answer on, or from the begin of the capture, which may lie after it."""
    begun = picked_up(call) or (call["start"] if call["start_how"] == "capture_edge" else None)
    window = lasting(inputs, call)
    return (begun, window[1]) if begun is not None and window is not None and begun < window[1] else None


def talking(inputs: Inputs, call: Row) -> list[Window]:
    """Return when the call was up and no line puts it on hold. Whether that is sure: `holds_in_doubt`."""
    window = up(inputs, call)
    return subtract([window], hold_windows(call)) if window is not None else []


def on_hold_at(call: Row, moment: datetime) -> bool:
    """Whether the call is known to have been on hold at `moment`, the begin of a hold included."""
    return any(since <= moment < until for since, until in hold_windows(call))


def holds_in_doubt(call: Row) -> bool:
    """Whether lines tell of holds that may or may not be this call's: it may have been on hold more often than is known."""
    return bool(call["holds"] is None and call["witness"] == "callkit")


def own_calls_in(inputs: Inputs, row: Row, window: Window) -> list[Row]:
    """Return the calls of the row's app (`owned_calls`) that lasted in a part of `window`."""
    key = ("own calls by time", row.get("app"), row.get("pid"))
    return list(remembered(inputs, key, lambda: _own(inputs, row)).meeting(*window))


def _own(inputs: Inputs, row: Row) -> ByTime[Row]:
    own = ((call, lasting(inputs, call)) for call in owned_calls(inputs, row))
    return ByTime.of((call, span) for call, span in own if span is not None)


def calls_in(inputs: Inputs, since: datetime, until: datetime) -> list[Row]:
    """Return the calls of anybody that began before `until` and had not ended by `since`, as far as lines tell."""
    found = remembered(
        inputs,
        "calls by time",
        lambda: ByTime.of((call, (call["start"], call["end"] or FAR)) for call in rows(inputs, "calls")),
    )
    return list(found.meeting(since, until))
