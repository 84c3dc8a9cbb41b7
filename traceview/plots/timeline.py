"""The timeline: linked lanes of one capture on one time axis."""

from datetime import datetime
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from traceview.analysis import Analysis
from traceview.episodes.schema import TIME
from traceview.plots.binning import milliseconds
from traceview.plots.clock import DisplayClock
from traceview.plots.draw import BINS, Place, escape, place, traces
from traceview.plots.lanes import COVERAGE, FINDINGS, Lane
from traceview.plots.rows import Row, fit, split_rows
from traceview.plots.shapes import Span, coverage_shapes, finding_shapes
from traceview.plots.stretches import Stretch
from traceview.plots.theme import FONT, GRID, TEXT
from traceview.plots.view import clock_of, elsewhere, known_span, log_span, opening, within, witness_rows
from traceview.plots.witness_lanes import ALL_LANES, TABLE

CAP: Final = 5000
"""Bars and markers in one figure: plotly.js needs about a second for the first drawing of this many, and a zoom stays
under half a second; at 25,000 each zoom takes two seconds (measured with plotly.js 4.1 in Chromium 156)."""
TABLES: Final = (
    "calls",
    "pushes",
    "app_states",
    "suspensions",
    "audio_sessions",
    "interruptions",
    "route_changes",
    "glitches",
    "terminations",
    "background_tasks",
    "resource_events",
)
_TOP, _BOTTOM = 8, 54


def timeline(analysis: Analysis, app: str | None = None, *, cap: int = CAP) -> Any:
    """Draw calls, pushes, app states, audio sessions, disturbances, glitches, ends and findings above each other.

    What PowerLog, Instruments and reports tell stands below the lane of the log that it bears on. Where a log covers a
    small part of the time, the figure opens with that part, or with the stretch that has a worse finding;
    ``layout.meta["whole"]`` is all of it, ``layout.meta["elsewhere"]`` what lies outside of the first view.

    The background is transparent and the text mid-grey, so that the figure reads on light and dark pages. Rows with too
    many shapes become overviews (time per bin and class), with single shapes only near findings; the figure says so
    below the axis and in ``layout.meta["binned"]``. Pass `traceview.plots.theme.CONFIG` when showing it.

    Args:
        analysis: The result of analysing one capture.
        app: Only this bundle id; what other apps did with audio stays, in a row of its own.
        cap: Most bars and markers to draw one by one.

    Returns:
        A ``plotly.graph_objects.Figure``. Times are milliseconds of the clock named in ``layout.meta["clock"]``
        (UTC plus ``offset_ms``); ``customdata`` of a shape is its episode id, or the id of a finding.
    """
    findings = [finding for finding in analysis.findings if app is None or finding.app in {app, None}]
    found = finding_shapes(findings)
    told = witness_rows(analysis)
    frames = [*(analysis.episodes[table] for table in TABLES), found, analysis.events.select("time")]
    if log_span(analysis.coverage) is None:
        frames.append(told)
    span = known_span(analysis, frames)
    clock = clock_of(analysis, span)
    rows = split_rows(FINDINGS, found, ())
    if span:
        tables = {**analysis.episodes, TABLE: within(told, span)}
        for lane in ALL_LANES:
            rows += split_rows(lane, _of_app(lane.shapes(tables, span), lane, app), _apps(analysis, app))
    shown = known_span(analysis, [row.shapes.select("begin", "finish") for row in rows])
    if shown:
        rows += split_rows(COVERAGE, _edges_within(coverage_shapes(analysis.coverage), shown), ())
    fit(rows, cap, findings)
    places = place(rows)
    whole: list[float] = []
    opens = opening(analysis, shown, app) if shown else None
    figure = go.Figure()
    if shown:
        begin, end = _margins(shown)
        view = _margins(opens or shown)
        figure.add_traces(list(traces(places, clock, np.linspace(begin, end, BINS + 1), view[1] - view[0])))
        figure.update_xaxes(range=[edge + clock.offset_ms for edge in view])
        whole = [edge + clock.offset_ms for edge in (begin, end)]
    _lay_out(figure, places, clock.label)
    figure.update_layout(
        meta={
            "clock": clock.label,
            "offset_ms": clock.offset_ms,
            "whole": whole,
            "opens": [] if opens is None else [_opens_with(clock, opens, shown or opens)],
            "elsewhere": [] if opens is None else _stretches(clock, elsewhere(analysis, opens, app)),
            "rows": [{"title": spot.row.title, "top": spot.top, "height": spot.height} for spot in places],
            "binned": [row.statement() for row in rows if row.binned],
            "shapes": sum(row.drawn.height for row in rows),
            "looks": _legend(rows),
        }
    )
    return figure


def _opens_with(clock: DisplayClock, part: Span, shown: Span) -> str:
    return (
        f"Opens with {_from_to(clock, *part)}; all of it, {_from_to(clock, *shown)}, is one zoom out away (All, or 0)."
    )


def _stretches(clock: DisplayClock, found: list[Stretch]) -> list[dict[str, Any]]:
    """Return what lies outside of the first view: edges (RFC 3339, UTC), both in words, content, and rank (0: most)."""
    ranks = {one: rank for rank, one in enumerate(sorted(found, key=lambda one: one.weight, reverse=True))}
    return [
        {
            "begin": one.begin.isoformat(),
            "end": one.end.isoformat(),
            "label": _from_to(clock, one.begin, one.end),
            "holds": str(one),
            "rank": ranks[one],
        }
        for one in found
    ]


def _from_to(clock: DisplayClock, begin: datetime, end: datetime) -> str:
    first, last = (f"{clock.local(edge):%Y-%m-%d %H:%M}" for edge in (begin, end))
    return first if first == last else f"{first} to {last.removeprefix(first[:11])}"


def _edges_within(coverage: pl.DataFrame, shown: Span) -> pl.DataFrame:
    """Return what is covered, cut to the shown time; nothing where no source begins or ends within it."""
    first, last = (pl.lit(edge).cast(TIME) for edge in shown)
    inside = pl.col("begin").is_between(first, last, closed="none") | pl.col("finish").is_between(
        first, last, closed="none"
    )
    if not coverage.select(inside.any()).item():
        return coverage.clear()
    overlap = coverage.filter((pl.col("finish") > first) & (pl.col("begin") < last))
    return overlap.with_columns(begin=pl.max_horizontal("begin", first), finish=pl.min_horizontal("finish", last))


def _apps(analysis: Analysis, app: str | None) -> list[str]:
    return [app] if app is not None else analysis.apps


def _of_app(shapes: pl.DataFrame, lane: Lane, app: str | None) -> pl.DataFrame:
    if app is None or lane.key == "audio_sessions":
        return shapes
    return shapes.filter(pl.col("who").is_null() | (pl.col("who") == app))


def _margins(shown: Span) -> tuple[float, float]:
    """Return the shown range in milliseconds, a little wider than the shapes and never empty."""
    edges = milliseconds(pl.Series(list(shown), dtype=pl.Datetime("ns", "UTC")))
    margin = max((edges[1] - edges[0]) * 0.015, 500.0)
    return float(edges[0] - margin), float(edges[1] + margin)


def _legend(rows: list[Row]) -> list[dict[str, str]]:
    """Return the looks that occur, lane by lane."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        present = set(row.shapes["look"].unique().to_list())
        named = {key: look for key, look in row.lane.looks.items() if key in present}
        if present - named.keys():
            named["other"] = row.lane.look("other")
        for key, look in named.items():
            entry = {"lane": row.lane.title, "name": look.name, "color": look.color}
            seen[row.lane.key, key] = {**entry, "pattern": look.pattern, "symbol": look.symbol}
    return list(seen.values())


def _lay_out(figure: Any, places: list[Place], clock: str) -> None:
    bottom = places[-1].top + places[-1].height if places else 120.0
    binned = [spot.row.statement() for spot in places if spot.row.binned]
    figure.update_layout(
        height=bottom + _TOP + _BOTTOM + 16 * len(binned),
        margin={"l": 10, "r": 14, "t": _TOP, "b": _BOTTOM + 16 * len(binned)},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": TEXT},
        barmode="overlay",
        bargap=0,
        hovermode="closest",
        hoverdistance=12,
        hoverlabel={"font": {"family": FONT, "size": 12}, "align": "left", "namelength": 0},
        dragmode="zoom",
        showlegend=True,
        legend={"orientation": "h", "yanchor": "top", "y": -0.14, "font": {"size": 11}, "groupclick": "togglegroup"},
        uirevision="traceview",
        shapes=[_separator(spot.top) for spot in places[1:]],
    )
    figure.update_xaxes(
        type="date",
        title={"text": clock, "font": {"size": 11}},
        gridcolor=GRID,
        linecolor=GRID,
        ticks="outside",
        tickcolor=GRID,
        zeroline=False,
        showspikes=True,
        spikemode="across",
        spikesnap="cursor",
        spikethickness=1,
        spikedash="dot",
        spikecolor=TEXT,
        hoverformat="%H:%M:%S.%3f",
    )
    figure.update_yaxes(
        range=[bottom, 0],
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        automargin=True,
        tickmode="array",
        tickvals=[spot.middle for spot in places],
        ticktext=[escape(spot.row.title) for spot in places],
    )
    if not places:
        _note(figure, "Nothing to draw: no episode and no finding has a time.", y=0.5, yref="paper")
    for index, sentence in enumerate(binned):
        _note(figure, sentence, y=0, yref="paper", yshift=-_BOTTOM - 16 * index)


def _separator(y: float) -> dict[str, Any]:
    line = {"color": GRID, "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line, "layer": "below"}


def _note(figure: Any, text: str, **where: Any) -> None:
    figure.add_annotation(
        text=escape(text, 400),
        x=0,
        xref="paper",
        xanchor="left",
        yanchor="top",
        showarrow=False,
        font={"size": 11},
        **where,
    )
