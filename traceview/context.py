"""Evidence lines with their neighbours in time."""

import polars as pl
import pyarrow as pa

from traceview.analysis import LINE_SCHEMA
from traceview.rules.registry import Finding
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.selection import Selection
from traceview_parsers.trace import Trace

NEIGHBOUR_NS = 250_000_000
"""Neighbours are shown within a quarter of a second: the fan-out of one state change over daemons takes milliseconds."""
WINDOWS_PER_FINDING = 6
LINES_PER_WINDOW = 40
LINES_IN_ALL = 5_000

_COLUMNS = ["ref", "time", "time_how", "process", "pid", "tid", "sender", "subsystem", "category", "level", "message"]


def lines_around(trace: Trace, events: pl.DataFrame, findings: list[Finding], windows: pl.DataFrame) -> pl.DataFrame:
    """Return evidence lines of all findings and their neighbours (`LINE_SCHEMA`), by time.

    Evidence is always complete; neighbours are those nearest in time, bounded in number. What no line tells but another
    witness measured (`WITNESS_SCHEMA`, `windows`) stands as a line in words.
    """
    refs = {ref for finding in findings for ref in finding.evidence}
    if not refs:
        return pl.DataFrame(schema=LINE_SCHEMA)
    evidence = events.filter(pl.col("ref").is_in(list(refs)))
    told = [_evidence_lines(evidence)]
    if not windows.is_empty():
        told.append(_measured_lines(windows, refs - set(evidence["ref"].to_list())))
    wanted = {ref for finding in findings for ref in finding.evidence[:WINDOWS_PER_FINDING]}
    centres = evidence.filter(pl.col("ref").is_in(list(wanted)))["time"].drop_nulls()
    frame = pl.concat([*told, *_neighbours(trace, centres, refs)])
    if frame.is_empty():
        return pl.DataFrame(schema=LINE_SCHEMA)
    signals = events.select("ref", "signal").unique("ref")
    return _located(trace, frame.join(signals, on="ref", how="left", maintain_order="left")).sort("time", "ref")


def _evidence_lines(evidence: pl.DataFrame) -> pl.DataFrame:
    return evidence.unique("ref").select(
        *("ref", "time", pl.lit(None, pl.String).alias("time_how"), "process", "pid", "tid", "sender", "subsystem"),
        *(pl.col("log_category").alias("category"), "level", "message"),
    )


def _measured_lines(windows: pl.DataFrame, refs: set[int]) -> pl.DataFrame:
    """Measurements in words; those of one row of a table (CPU and what daemons billed) are one line."""
    lasting = pl.format("for {} s", ((pl.col("end") - pl.col("start")).dt.total_milliseconds() / 1000).round(1))
    words = pl.concat_str(
        pl.col("lane"),
        pl.col("kind"),
        pl.col("text"),
        pl.col("explanation"),
        pl.when(pl.col("end") > pl.col("start")).then(lasting),
        separator=", ",
        ignore_nulls=True,
    )
    found = windows.filter(pl.col("ref").is_in(list(refs))).unique("ref", keep="first", maintain_order=True)
    nothing = {name: pl.lit(None, LINE_SCHEMA[name]) for name in _COLUMNS}
    told = nothing | {
        "ref": pl.col("ref"),
        "time": pl.col("start"),
        "process": pl.coalesce("app", "process"),
        "pid": pl.col("pid"),
        "message": words,
    }
    return found.select(**{name: told[name] for name in _COLUMNS})


def _neighbours(trace: Trace, centres: pl.Series, evidence: set[int]) -> list[pl.DataFrame]:
    """Return the lines near to the moments `centres` that are no evidence, in at most one frame."""
    times = centres.dt.epoch("ns").unique().sort().to_list()
    windows = _merge([(time - NEIGHBOUR_NS, time + NEIGHBOUR_NS + 1) for time in times])
    if not windows:
        return []
    selection = Selection(start_ns=windows[0][0], end_ns=windows[-1][1], ranges=tuple(windows))
    frames = []
    for batch in trace.batches("log", selection):
        frame = pl.from_arrow(pa.Table.from_batches([batch.select(_COLUMNS)]))
        if isinstance(frame, pl.DataFrame):
            frames.append(_nearest(frame.cast({name: LINE_SCHEMA[name] for name in _COLUMNS}), times, evidence))
    near = frames if len(frames) < 2 else [_nearest(pl.concat(frames), times, evidence)]
    return [frame.head(LINES_IN_ALL) for frame in near]


def _nearest(frame: pl.DataFrame, times: list[int], evidence: set[int]) -> pl.DataFrame:
    """Keep the rows nearest to each centre, `LINES_PER_WINDOW` for each."""
    centres = pl.DataFrame({"centre": times}).with_columns(pl.col("centre").cast(LINE_SCHEMA["time"])).sort("centre")
    rows = frame.filter(~pl.col("ref").is_in(list(evidence))).drop_nulls("time").sort("time")
    near = rows.join_asof(centres, left_on="time", right_on="centre", strategy="nearest")
    distance = (pl.col("time") - pl.col("centre")).abs()
    return near.filter(distance.rank("ordinal").over("centre") <= LINES_PER_WINDOW).drop("centre")


def _merge(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in windows:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _located(trace: Trace, frame: pl.DataFrame) -> pl.DataFrame:
    names = pl.Series([source.name for source in trace.sources], dtype=pl.String)
    size = 1 << REF_POSITION_BITS
    places = [trace.place_of(ref) for ref in frame["ref"].to_list()]
    located = frame.with_columns(
        (pl.col("ref") % size).alias("position"),
        pl.Series("place", places, pl.String),
        names[frame["ref"] // size].alias("source"),
    )
    return located.select(list(LINE_SCHEMA))
