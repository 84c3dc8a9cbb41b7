"""Intervals of Instruments as events."""

from pathlib import Path
from typing import Any

import polars as pl

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.signals.instruments import instruments_events, interval_events
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers import open_trace

TIME = pl.Datetime("ns", "UTC")
MS = 1_000_000
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("kind", "label", "state", "process", "thread"), pl.String),
    **dict.fromkeys(("ref", "tid"), pl.UInt64),
    **dict.fromkeys(("start", "pid", "duration_ns"), pl.Int64),
}
AUDIO = {"process": "Acme", "pid": 700, "thread": "AURemoteIO::IOThread (0x1f)", "tid": 31}


def intervals(*rows: dict[str, Any]) -> pl.DataFrame:
    full = [{name: row.get(name) for name in SCHEMA} | {"ref": at} for at, row in enumerate(rows)]
    return pl.DataFrame(full, schema=SCHEMA).with_columns(pl.col("start").cast(TIME))


def test_what_tells_of_trouble() -> None:
    events = interval_events(
        [
            intervals(
                {"kind": "audio_io_cycle", "state": "Normal", "start": 10 * MS, "duration_ns": 5 * MS, **AUDIO},
                {"kind": "audio_io_cycle", "state": "Overload", "start": 20 * MS, "duration_ns": 9 * MS, **AUDIO},
                {"kind": "thread_state", "state": "Preempted", "start": 21 * MS, "duration_ns": 4 * MS, **AUDIO},
                {"kind": "thread_state", "state": "Preempted", "start": 22 * MS, "duration_ns": MS // 50, **AUDIO},
                {"kind": "thread_state", "state": "Running", "start": 23 * MS, "duration_ns": 4 * MS, **AUDIO},
                {"kind": "thread_state", "state": "Blocked", "start": 24 * MS, "duration_ns": 4 * MS, **AUDIO},
                {
                    "kind": "thread_state",
                    "state": "Preempted",
                    "start": 25 * MS,
                    "duration_ns": 4 * MS,
                    **AUDIO,
                    "thread": "Main Thread (0x1)",
                },
                {"kind": "thermal", "state": "Serious", "start": 26 * MS, "duration_ns": 100 * MS},
                {"kind": "audio_io_cycle", "state": "Overload", "duration_ns": 9 * MS, **AUDIO},  # no wall time
            )
        ]
    )
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.select("ref", "kind", "process", "pid", "reason", "value", "duration_s").rows() == [
        (1, "audio_io.overload", "Acme", 700, "overload", None, 0.009),
        (2, "audio_io.preempted", "Acme", 700, "preempted", None, 0.004),
        (7, "resource.thermal", "Instruments", None, "thermal pressure", 2.0, None),
    ]
    assert events["message"][1] == "Instruments thread state Preempted, AURemoteIO::IOThread (0x1f), 4.0 ms"


def test_a_late_cycle_is_a_glitch_with_its_cause() -> None:
    events = interval_events(
        [
            intervals(
                {"kind": "thread_state", "state": "Preempted", "start": 1000 * MS, "duration_ns": 12 * MS, **AUDIO},
                {"kind": "audio_io_cycle", "state": "Overload", "start": 1010 * MS, "duration_ns": 20 * MS, **AUDIO},
            )
        ]
    )
    glitches = reconstruct(events, Span.of(events))["glitches"]
    assert glitches.select("process", "pid", "kind", "cause", "evidence", "cause_evidence").rows() == [
        ("Acme", 700, "overload", "preemption", [1], [0])
    ]


def test_real_thread_states_tell_of_no_trouble(real: Path) -> None:
    file = real / "xctrace" / "probe-cli-xcode26.3" / "system-trace.thread-state.no-target.xml"
    with open_trace(file) as trace:
        assert instruments_events(trace).is_empty()
