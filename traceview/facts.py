"""What is known of a capture itself, for the rules about the quality of its evidence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from traceview.rules.registry import CaptureFacts, ClockStep
from traceview.zones import from_ns
from traceview_parsers import Trace
from traceview_parsers.trace import Coverage

_POWERLOG: Final = "powerlog"
_LITE: Final = "Lite mode"
"""Part of the note that the PowerLog reader makes of such a recording."""
_EXPECTED: Final = (
    *("power_app_states", "power_call_service", "power_received_pushes", "power_audio_routing", "power_coalition"),
)
"""Tables that tell of apps and calls."""


def capture_facts(
    trace: Trace,
    coverage: Sequence[Coverage],
    logs: Sequence[Coverage],
    *,
    events: pl.DataFrame,
    clocks: pl.DataFrame,
    private_share: float | None,
    simulator: bool | None,
) -> CaptureFacts:
    """Return the facts.

    Args:
        trace: Read to its end, so that its sources know what they lost.
        coverage: Of all sources.
        logs: Of the sources that hold log lines.
        events: Recognised events of PowerLog (`EVENT_SCHEMA`), which tell its clock steps; a log archive tells its own.
        clocks: What comparing the sources found (`clocks.CLOCK_SCHEMA`).
        private_share: Share (0 to 1) of the recognised lines that hide values.
        simulator: Whether the log comes from a simulator.
    """
    lost = [one.lost for one in logs if one.lost is not None]
    power = [one for one in coverage if one.reader == _POWERLOG]
    tables = {table for source in trace.sources if source.reader == _POWERLOG for table in source.tables}
    steps = [one.clock_step_s for one in coverage if one.clock_step_s is not None]
    set_ = events.filter(pl.col("kind") == "system.clock")
    if power:
        steps.append(_largest(set_["value"]))
    return CaptureFacts(
        taken=utc(trace.capture.time_ns),
        first=utc(min((one.start_ns for one in logs if one.start_ns is not None), default=None)),
        lost_messages=sum(lost) if lost else None,
        private_share=private_share,
        os_build=trace.device.os_build,
        model=trace.device.model,
        simulator=simulator,
        clock_step_s=max(steps, key=abs, default=None),
        clock_steps=_clock_steps(coverage, set_),
        clock_offset_s=_largest(clocks.filter(~pl.col("agrees"))["offset_s"]) if clocks.height else None,
        powerlog_lite=any(_LITE in note for one in power for note in one.notes) if power else None,
        powerlog_lacks=tuple(table for table in _EXPECTED if table not in tables) if power else (),
    )


def _clock_steps(coverage: Sequence[Coverage], rows: pl.DataFrame) -> tuple[ClockStep, ...]:
    """Return when clocks were set, by time: as the sources themselves tell, and the rows about it."""
    told = [ClockStep(from_ns(moment), by_s) for one in coverage for moment, by_s in one.clock_steps]
    timed = rows.select(pl.col("time").dt.epoch("ns"), "value", "ref").drop_nulls()
    told += [ClockStep(from_ns(moment), by_s, ref) for moment, by_s, ref in timed.iter_rows()]
    return tuple(sorted(told, key=lambda step: step.time))


def utc(time_ns: int | None) -> datetime | None:
    """Return the time, cut to microseconds; 0 stands for a capture without any time."""
    return from_ns(time_ns) if time_ns else None


def _largest(values: pl.Series) -> float:
    """Return the value furthest from zero, with its sign; 0.0 where there is none."""
    told = [float(value) for value in values.drop_nulls().to_list()]
    return max(told, key=abs, default=0.0)
