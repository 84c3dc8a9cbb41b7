"""Intervals of Instruments as events: audio cycles that were late, audio threads that waited for a core, heat.

Instruments' Thread State Trace calls a thread that is ready to run and does not ``Runnable`` (not yet given a core) or
``Preempted`` (its core was taken away); the Audio System Trace calls a cycle ``Normal`` or what else it was. Neither has
been seen in a real export yet: evidence class ``documented``.
"""

from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers import Trace

SIGNAL_PREFIX: Final = "instruments."
LEAST_WAIT_NS: Final = 1_000_000
"""A thread may wait this long without harm: an IO cycle of 128 frames lasts 2.7 ms at 48 kHz (heuristic)."""
MOST: Final = 20_000
"""Most events of one kind of interval, the longest: threads change their state by the million."""
_AUDIO_THREAD: Final = r"(?i)audio.*io ?thread|IOThread|AURemoteIO|AUHAL|com\.apple\.audio|AQConverterThread"
"""Names of the threads that CoreAudio runs render callbacks on (``com.apple.audio.IOThread.client``, ``AURemoteIO::IOThread``)."""
_WAITING: Final = ("Preempted", "Runnable")
_HEAT: Final = {"Nominal": 0.0, "Fair": 1.0, "Serious": 2.0, "Critical": 3.0}
"""Thermal states with the values of Foundation's ``ProcessInfo.ThermalState``."""
_KIND: Final = {
    "audio_io_cycle": "audio_io.overload",
    "thread_state": "audio_io.preempted",
    "thermal": "resource.thermal",
}


def instruments_events(trace: Trace) -> pl.DataFrame:
    """Return the events of the intervals of all sources (`EVENT_SCHEMA`), by time; none where there are no intervals."""
    batches = (
        batch for source in trace.sources if "intervals" in source.tables for batch in source.batches("intervals")
    )
    return interval_events(batches)


def interval_events(batches: Iterable[Any]) -> pl.DataFrame:
    """Return the events of batches of the table ``intervals``, by time.

    Args:
        batches: Arrow record batches or tables, or polars frames.
    """
    kept = pl.DataFrame(schema=EVENT_SCHEMA)
    for batch in batches:
        frame = batch if isinstance(batch, pl.DataFrame) else pl.DataFrame(pl.from_arrow(batch))
        kept = pl.concat([kept, _events(_telling(frame))])
        longest = pl.col("duration_s").fill_null(0.0).rank("ordinal", descending=True).over("kind")
        kept = kept.filter(longest <= MOST)
    return kept.sort("time", "ref")


def _telling(frame: pl.DataFrame) -> pl.DataFrame:
    """Intervals with wall time that tell of trouble, texts as strings."""
    texts = ("kind", "label", "state", "process", "thread")
    plain = frame.with_columns(pl.col(name).cast(pl.String) for name in texts)
    kind, state = pl.col("kind"), pl.col("state")
    late = (kind == "audio_io_cycle") & (state != "Normal")
    waits = (
        (kind == "thread_state")
        & state.is_in(_WAITING)
        & pl.col("thread").str.contains(_AUDIO_THREAD)
        & (pl.col("duration_ns") >= LEAST_WAIT_NS)
    )
    heat = (kind == "thermal") & pl.coalesce("state", "label").is_in(list(_HEAT))
    return plain.filter(pl.col("start").is_not_null() & (late | waits | heat).fill_null(value=False))


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    heat = pl.col("kind") == "thermal"
    word = pl.coalesce("state", "label")
    took = pl.format("{} ms", (pl.col("duration_ns") / 1e6).round(3))
    message = pl.concat_str(
        [pl.format("Instruments {} {}", pl.col("kind").str.replace_all("_", " "), word), pl.col("thread"), took],
        separator=", ",
        ignore_nulls=True,
    )
    columns = {
        "ref": pl.col("ref"),
        "time": pl.col("start"),
        "kind": pl.col("kind").replace_strict(_KIND),
        "signal": pl.lit(SIGNAL_PREFIX) + pl.col("kind"),
        "confidence": pl.lit(0.9),
        "process": pl.when(~heat).then(pl.col("process")).otherwise(pl.lit("Instruments")),
        "pid": pl.when(~heat).then(pl.col("pid")),
        "tid": pl.when(~heat).then(pl.col("tid")),
        "message": message,
        "reason": pl.when(heat).then(pl.lit("thermal pressure")).otherwise(word.str.to_lowercase()),
        "value": pl.when(heat).then(word.replace_strict(_HEAT, default=None, return_dtype=pl.Float64)),
        "duration_s": pl.when(~heat).then(pl.col("duration_ns") / 1e9).round(9),
    }
    missing = {name: pl.lit(None, kind) for name, kind in EVENT_SCHEMA.items() if name not in columns}
    named = {name: expression.cast(EVENT_SCHEMA[name]) for name, expression in (columns | missing).items()}
    return rows.select(**named).select(list(EVENT_SCHEMA))
