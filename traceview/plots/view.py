"""What part of the time a figure shows first, and on which clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.analysis import Analysis
from traceview.completeness import LOG_READERS
from traceview.episodes.schema import TIME
from traceview.plots.clock import DisplayClock, display_clock
from traceview.plots.shapes import Span
from traceview.plots.witness_lanes import TABLE
from traceview.witness.schema import WITNESS_SCHEMA
from traceview_parsers.trace import Coverage

_MUCH: Final = 4
"""Heuristic: a figure opens with all of its time unless that is more than four times what matters."""
_APART: Final = timedelta(hours=2)
"""Heuristic: what an app did after two hours without any word about it is another matter."""


def witness_rows(analysis: Analysis) -> pl.DataFrame:
    """Return what other witnesses than the log tell, or no rows (`WITNESS_SCHEMA`)."""
    return analysis.tables.get(TABLE, pl.DataFrame(schema=WITNESS_SCHEMA))


def log_span(coverage: Sequence[Coverage]) -> Span | None:
    """Return the time that the logs cover, or None where there is no log."""
    logs = [
        one for one in coverage if one.reader in LOG_READERS and one.start_ns is not None and one.end_ns is not None
    ]
    if not logs:
        return None
    edges = pl.Series([min(one.start_ns or 0 for one in logs), max(one.end_ns or 0 for one in logs)]).cast(TIME)
    first, last = edges.to_list()
    return first, last


def within(told: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Return the windows that reach into `span`, cut to it; `whole_begin` and `whole_finish` keep their own edges."""
    first, last = (pl.lit(edge).cast(TIME) for edge in span)
    end = pl.coalesce("end", "start")
    inside = told.filter((pl.col("start") <= last) & (end >= first))
    return inside.with_columns(
        whole_begin=pl.col("start"),
        whole_finish=end,
        start=pl.max_horizontal("start", first),
        end=pl.min_horizontal(end, last),
    )


def opening(analysis: Analysis, shown: Span) -> Span | None:
    """Return the part of `shown` to open with: that of the logs, else the last time that a witness speaks of an app.

    None: all of it, since there is not much more.
    """
    logs = log_span(analysis.coverage)
    part = logs if logs is not None else _latest(witness_rows(analysis))
    if part is None:
        return None
    first, last = max(part[0], shown[0]), min(part[1], shown[1])
    if last <= first or (last - first) * _MUCH >= shown[1] - shown[0]:
        return None
    return first, last


def _latest(told: pl.DataFrame) -> Span | None:
    rows = told.filter(pl.col("app").is_not_null()).sort("start")
    if not rows.height:
        return None
    before = pl.col("end").cum_max().shift(1)
    groups = rows.with_columns(group=((pl.col("start") - before) > _APART).fill_null(value=False).cum_sum())
    last = groups.filter(pl.col("group") == pl.col("group").max())
    first, end = last.select(pl.col("start").min(), pl.col("end").max()).row(0)
    return first, end


def clock_of(analysis: Analysis, span: Span | None) -> DisplayClock:
    """Return the clock of figures and pages: the device's at the moment with which the figure opens."""
    opens = opening(analysis, span) if span else None
    moment: datetime | None = opens[0] if opens else span[0] if span else None
    return display_clock(analysis.capture, moment)
