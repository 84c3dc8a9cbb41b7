"""Traces of the timeline: bars and markers for single shapes, stacked steps for binned rows."""

import html
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from msgspec import Struct

from traceview.plots.binning import bin_shapes, milliseconds
from traceview.plots.clock import DisplayClock
from traceview.plots.lanes import Lane
from traceview.plots.rows import Row
from traceview.plots.text import duration, number, plural, shorten
from traceview.plots.theme import GREY, Look, faded
from traceview.visible import visible

LEVEL: Final = 13
ROW_PADDING: Final = 11
BAR: Final = 11
BINNED_HEIGHT: Final = 26
BINS: Final = 2000
DETAIL_CHARACTERS: Final = 160
SHORT: Final = 0.006
"""Shapes below this share of the whole span are marked by a symbol: their bars are a few pixels wide."""
LEAST_HEIGHT: Final = 2.0
EDGES: Final = {
    ("start_how", "capture_edge"): "began before the capture",
    ("end_how", "capture_edge"): "still open at the end of the capture",
    ("end_how", "silent"): "nothing tells that it ended: the source falls silent",
}


class Place(Struct, frozen=True):
    """Where a row lies, in pixels from the top of the plot."""

    row: Row
    top: float

    @property
    def inner(self) -> float:
        """Height without padding."""
        levels = self.row.depth * LEVEL
        return max(BINNED_HEIGHT, levels) if self.row.binned or self.row.lane.full is not None else levels

    @property
    def height(self) -> float:
        """Height of the row with its padding."""
        return self.inner + ROW_PADDING

    @property
    def middle(self) -> float:
        """Middle of the row."""
        return self.top + self.height / 2


def place(rows: Sequence[Row]) -> list[Place]:
    """Lay rows out from top to bottom."""
    places: list[Place] = []
    top = 0.0
    for row in rows:
        places.append(Place(row, top))
        top += places[-1].height
    return places


def traces(places: Sequence[Place], clock: DisplayClock, edges_ms: Any, view_ms: float) -> Iterator[Any]:
    """Yield all traces, overviews first so that single shapes lie above them.

    Args:
        places: Rows with their places.
        clock: For axis and hover texts.
        edges_ms: Bins of overviews, over all of the time.
        view_ms: How much of the time the figure shows first.
    """
    for spot in places:
        if spot.row.binned:
            yield from _overview(spot, clock, edges_ms)
    by_lane: dict[str, list[Place]] = {}
    for spot in places:
        by_lane.setdefault(spot.row.lane.key, []).append(spot)
    for spots in by_lane.values():
        yield from _lane(spots, clock, view_ms)


def _lane(spots: Sequence[Place], clock: DisplayClock, view_ms: float) -> Iterator[Any]:
    lane = spots[0].row.lane
    frames = [_positioned(spot) for spot in spots if spot.row.drawn.height]
    if not frames:
        return
    shapes = pl.concat(frames, how="diagonal").with_columns(
        known=pl.when(pl.col("look").is_in(list(lane.looks))).then("look").otherwise(pl.lit("other"))
    )
    for key in (*lane.looks, "other"):
        chosen = shapes.filter(pl.col("known") == key)
        if not chosen.height:
            continue
        look = lane.look(key)
        hover = [_hover(lane, look, row, clock) for row in chosen.iter_rows(named=True)]
        begin = milliseconds(chosen["begin"]) + clock.offset_ms
        length = milliseconds(chosen["finish"]) - milliseconds(chosen["begin"])
        short = length < view_ms * SHORT
        instants_only = bool(look.symbol) and float(length.max(initial=0.0)) == 0
        common = {
            "name": look.name,
            "legendgroup": lane.key,
            "legendgrouptitle": {"text": lane.title},
            "hoverinfo": "text",
        }
        y, ids = chosen["y"].to_numpy(), chosen["id"].to_list()
        if not instants_only:
            width = chosen["width"].to_numpy()
            yield _bars(look, begin, length, {**common, "y": y, "width": width, "customdata": ids, "hovertext": hover})
        if look.symbol and short.any():
            kept = np.flatnonzero(short).tolist()
            own = {"customdata": [ids[at] for at in kept], "hovertext": [hover[at] for at in kept]}
            middle = (begin + length / 2)[short]
            yield _markers(look, middle, {**common, **own, "y": y[short]}, first=instants_only)


def _positioned(spot: Place) -> pl.DataFrame:
    if spot.row.lane.full is not None:
        bottom = spot.top + spot.height - ROW_PADDING / 2
        height = (pl.col("value").fill_null(0.0) / spot.row.full * spot.inner).clip(LEAST_HEIGHT, spot.inner)
        return spot.row.drawn.with_columns(width=height, y=bottom - height / 2)
    first = spot.middle - (spot.row.depth - 1) * LEVEL / 2
    return spot.row.drawn.with_columns(y=first + pl.col("slot").cast(pl.Float64) * LEVEL, width=pl.lit(float(BAR)))


def _bars(look: Look, begin: Any, length: Any, common: dict[str, Any]) -> Any:
    return go.Bar(
        orientation="h",
        base=begin,
        x=length,
        marker={
            "color": look.color,
            "line": {"color": look.color, "width": 1},
            "pattern": {"shape": look.pattern, "fgcolor": "rgba(255,255,255,0.75)", "size": 5, "solidity": 0.25},
        },
        **common,
    )


def _markers(look: Look, moments: Any, common: dict[str, Any], *, first: bool) -> Any:
    return go.Scatter(
        x=moments,
        mode="markers",
        marker={
            "symbol": look.symbol,
            "color": look.color,
            "size": 9,
            "line": {"color": look.color, "width": 2 if look.symbol.endswith("open") else 0},
        },
        showlegend=first,
        cliponaxis=False,
        **common,
    )


def _hover(lane: Lane, look: Look, row: dict[str, Any], clock: DisplayClock) -> str:
    """Return hover text; its only markup is the line break: for any other, plotly.js writes style attributes."""
    begin, finish = (clock.local(row.get(f"whole_{edge}") or row[edge]) for edge in ("begin", "finish"))
    seconds = (finish - begin).total_seconds()
    title = f"{lane.title}: {look.name if row['known'] != 'other' else row['look']}"
    lines = [escape(title)]
    if seconds:
        lines.append(f"{begin:%H:%M:%S.%f}"[:-3] + f" to {finish:%H:%M:%S.%f}"[:-3] + f" ({duration(seconds)})")
    else:
        lines.append(f"{begin:%H:%M:%S.%f}")
    for label, column in lane.details:
        value = row.get(column)
        if value is None or value == "":
            continue
        text = escape(number(value) if isinstance(value, float) else str(value))
        lines.append(f"{label}: {text}" if label else text)
    lines += [words for (column, value), words in EDGES.items() if row.get(column) == value]
    return "<br>".join(lines)


def escape(text: str, limit: int = DETAIL_CHARACTERS) -> str:
    """Escape for plotly's pseudo-HTML, which knows tags and a few entities."""
    flat = " ".join(shorten(text, limit).split())
    return html.escape(visible(flat), quote=False)


def _overview(spot: Place, clock: DisplayClock, edges_ms: Any) -> Iterator[Any]:
    """Stack one step area per class; what stands highest fills most of the bin."""
    row = spot.row
    bins = bin_shapes(row.shapes, edges_ms, instants=row.lane.instants)
    bottom = spot.top + spot.height - ROW_PADDING / 2
    x = bins.edges_ms + clock.offset_ms
    level = np.full(len(x), bottom)
    yield go.Scatter(x=x[[0, -1]], y=level[[0, -1]], mode="lines", line={"width": 0}, **_SILENT)
    scale = f"full height = {number(bins.full)} {'in a bin' if row.lane.instants else 'at once'}"
    width = duration(float(edges_ms[1] - edges_ms[0]) / 1e3)
    hover = [
        f"{escape(row.title)}<br>{plural(count, 'window')} in this bin of {width}<br>{scale}" if count else ""
        for count in bins.counts.tolist()
    ]
    order = [key for key in (*row.lane.looks, *bins.shares) if key in bins.shares]
    for key in dict.fromkeys(order):
        level = level - np.append(bins.shares[key], bins.shares[key][-1]) * spot.inner
        yield go.Scatter(
            x=x,
            y=level,
            mode="lines",
            line={"shape": "hv", "width": 0, "color": row.lane.look(key).color},
            fill="tonexty",
            fillcolor=faded(row.lane.look(key).color),
            **_SILENT,
        )
    filled = np.flatnonzero(bins.counts)
    yield go.Scatter(
        x=(x[:-1] + np.diff(x) / 2)[filled],
        y=np.full(len(filled), spot.middle),
        mode="markers",
        marker={"size": 12, "color": GREY, "opacity": 0},
        hovertext=[hover[index] for index in filled.tolist()],
        hoverinfo="text",
        showlegend=False,
    )


_SILENT: Final[dict[str, Any]] = {"hoverinfo": "skip", "showlegend": False}
