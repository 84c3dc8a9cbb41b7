"""The calls of an analysis, a line each, as text for people at a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import polars as pl
import typer

from traceview.cli.options import visible
from traceview.cli.summary import fold
from traceview.episodes.schema import Episodes
from traceview.rules.rows import duration, plural

_MOST: Final = 20
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_STEPS: Final = ("reported", "answered", "audio_activated", "connected", "ended")
_Row = dict[str, Any]


class Clock(Protocol):
    """How times are written; `told` is a time that was written before, whose date need not be repeated."""

    def __call__(self, time: datetime, told: datetime | None = None) -> str:
        """Return the time as text."""


def calls(episodes: Episodes, clock: Clock) -> str:
    """Return the paragraph on calls: steps, how the end is known, holds and interruptions; empty where there are none."""
    table = episodes["calls"]
    if table.is_empty():
        return ""
    interruptions = episodes["interruptions"].filter(pl.col("start").is_not_null()).to_dicts()
    lines = [typer.style("Calls", bold=True)]
    lines += [fold(_line(call, interruptions, clock)) for call in table.head(_MOST).iter_rows(named=True)]
    if table.height > _MOST:
        lines.append(f"  … {table.height - _MOST} more: traceview export")
    return "\n".join(lines)


def _line(call: _Row, interruptions: Sequence[_Row], clock: Clock) -> str:
    times = _times(call)
    told = ", ".join(f"{name} {clock(time, times[0][1] if at else None)}" for at, (name, time) in enumerate(times))
    who = visible(call["app"] or call["provider"] or call["kind"] or "unknown app")
    outcome = call["outcome"] if call["outcome"] not in {None, "unknown"} else "outcome unknown"
    head = " ".join(part for part in (call["id"], call["direction"], f"{who}: {outcome}") if part)
    return "; ".join(
        part for part in (head, told + _end(call), _holds(call), _interrupted(call, interruptions)) if part
    )


def _times(call: _Row) -> list[tuple[str, datetime]]:
    """Return the moments that are known of a call; its edges too where no line names them, but not the capture's."""
    times = [(name.replace("_", " "), call[name]) for name in _STEPS if call[name] is not None]
    first = min((time for _, time in times), default=_NEVER)
    if call["start"] is not None and call["start_how"] == "capture_edge":
        times.insert(0, ("begin not in the capture, first told", call["start"]))
    elif call["start"] is not None and call["start"] < first:
        times.insert(0, ("began", call["start"]))
    if call["ended"] is None and call["end"] is not None and call["end_how"] != "capture_edge":
        times.append(("over", call["end"]))
    return times


def _end(call: _Row) -> str:
    """Return `` (remote hangup, observed)``: why, and whether a line says that it ended or that only follows."""
    if call["end"] is None or call["end_how"] == "capture_edge":
        return ", no end seen"
    doubt = "contradicted by later lines" if call["contradicted_by"] else None
    return f" ({', '.join(visible(part) for part in (call['end_reason'], call['end_how'], doubt) if part)})"


def _holds(call: _Row) -> str:
    if call["holds"] is None:
        return "holds not known" if call["witness"] == "callkit" else ""
    return _times_and_seconds(call["holds"], "hold", call["held_s"])


def _interrupted(call: _Row, interruptions: Sequence[_Row]) -> str:
    """Return how often and how long the audio of the call's app was interrupted while the call lasted."""
    own = [one for one in interruptions if _of_call(one, call)]
    ends = [min(filter(None, (one["end"], call["end"])), default=None) for one in own]
    spans = [
        (end - max(one["start"], call["start"])).total_seconds() for one, end in zip(own, ends, strict=True) if end
    ]
    return _times_and_seconds(len(own), "interruption", sum(spans) if len(spans) == len(own) else None)


def _of_call(one: _Row, call: _Row) -> bool:
    same = (
        one["app"] == call["app"]
        if one["app"] and call["app"]
        else one["pid"] is not None and one["pid"] == call["pid"]
    )
    if not same or call["start"] is None:
        return False
    return bool(
        (call["end"] is None or one["start"] < call["end"]) and (one["end"] is None or call["start"] < one["end"])
    )


def _times_and_seconds(count: int, what: str, seconds: float | None) -> str:
    if not count:
        return ""
    return plural(count, what) + ("" if seconds is None else f" ({duration(seconds)})")
