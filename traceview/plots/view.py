"""What part of the time a figure shows first, and on which clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.analysis import Analysis
from traceview.completeness import LOG_READERS
from traceview.episodes.schema import TIME
from traceview.plots.clock import DisplayClock, display_clock
from traceview.plots.rows import shown_span
from traceview.plots.shapes import Span
from traceview.plots.stretches import Stretch, stretches
from traceview.plots.witness_lanes import TABLE
from traceview.witness.schema import WITNESS_SCHEMA
from traceview_parsers.trace import Coverage

_MUCH: Final = 4
"""Heuristic: a figure opens with all of its time unless that is more than four times what matters."""

_LEAST: Final = timedelta(minutes=1)
"""Heuristic: a moment is shown with half a minute before and after it."""


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


def known_span(analysis: Analysis, frames: Sequence[pl.DataFrame]) -> Span | None:
    """Return the time that `frames` tell of and logs cover: where open windows end. None where `frames` have no time."""
    span, log = shown_span(frames), log_span(analysis.coverage)
    if span is None or log is None:
        return span
    return min(span[0], log[0]), max(span[1], log[1])


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


def opening(analysis: Analysis, shown: Span, app: str | None = None) -> Span | None:
    """Return the part of `shown` to open with; `app` where the figure is about one.

    That is the stretch with the worst findings, all of them where there are several; the logs where they hold some as
    bad, or where there is no finding with a time. Without either it is from the first to the last that the main lanes
    tell. None: all of it, since there is not much more.
    """
    found = stretches(analysis, log_span(analysis.coverage), app)
    if not found:
        return None
    best = max(found, key=lambda stretch: stretch.weight)
    alike = [one for one in found if one.worst == best.worst and one.counts] or [best]
    begin, end = (best.begin, best.end) if best.of_log else (alike[0].begin, max(one.end for one in alike))
    margin = max(_LEAST - (end - begin), timedelta()) / 2
    first, last = max(begin - margin, shown[0]), min(end + margin, shown[1])
    if last <= first or (last - first) * _MUCH >= shown[1] - shown[0]:
        return None
    return first, last


def elsewhere(analysis: Analysis, opens: Span, app: str | None = None) -> list[Stretch]:
    """Return the stretches that lie outside of the part that a figure opens with, by time."""
    found = stretches(analysis, log_span(analysis.coverage), app)
    return [one for one in found if one.end < opens[0] or one.begin > opens[1]]


def clock_of(analysis: Analysis, span: Span | None) -> DisplayClock:
    """Return the clock of figures and pages: the device's at the moment with which the figure opens."""
    opens = opening(analysis, span) if span else None
    moment: datetime | None = opens[0] if opens else span[0] if span else None
    return display_clock(analysis.capture, moment)
