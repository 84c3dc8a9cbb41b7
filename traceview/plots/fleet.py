"""Figures of a fleet: rules by version, and what changed between versions.

They take the frames of `traceview.fleet.rates` and draw them as they are: no figure computes a rate.
"""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from msgspec import Struct

from traceview.plots.draw import escape
from traceview.plots.text import number, plural, shorten
from traceview.plots.theme import FONT, GREEN, GREY, GRID, RED, TEXT
from traceview.visible import visible

FEW: Final = 10
"""Captures below which a cell shows counts: one capture more would move a percentage by ten points or more."""
FEW_CALLS: Final = 100
"""Calls below which they are counted: one finding more would move a rate of a thousand by ten or more (heuristic)."""
CELL: Final = 27
LINE: Final = 15
"""Pixels of a cell, and of each further line of its name."""
HEAT: Final = ((0.0, "#f3f4f6"), (0.5, "#eda36a"), (1.0, "#b01e25"))
"""Colours of a cell from nothing to the most; lightness alone tells the order. A page may put its theme's in place."""
VERDICT_COLORS: Final = {"worse": RED, "better": GREEN}
_LEFT: Final = 330
"""Pixels left of the cells; a page that can measure its text gives names what they need."""
_LINE: Final = 48
"""Characters that fit there in a line."""
_MOST_LABEL: Final = 160
"""Characters of a name: titles of rules are shorter, what others call theirs may be anything."""
_CLOSE: Final = 0.95
_DARK_SHARE: Final = 40.0
"""Per cent from which a share may be darkest (heuristic): what is rare everywhere stays pale."""
_NORMAL_95: Final = 1.959963984540054


class Metric(Struct, frozen=True):
    """One way to count.

    Attributes:
        column: Of the frame.
        name: For buttons.
        meaning: For the text beside the figure.
        unit: Printed behind each figure, without a space: cells are narrow.
        factor: From the column to the figure that is printed.
    """

    column: str
    name: str
    meaning: str
    unit: str
    factor: float = 1.0


METRICS: Final = (
    Metric(
        "share", "% of captures", "captures with the finding, of those in which the rule could be evaluated", "%", 100
    ),
    Metric(
        "per_1000_calls",
        "per 1,000 calls",
        "findings per 1,000 calls (/1k) in the captures that could be evaluated",
        "/1k",
    ),
    Metric(
        "per_background_h",
        "per background hour",
        "findings per hour (/h) that apps spent running in the background",
        "/h",
    ),
)


def heat_map(
    table: pl.DataFrame, by: str, rules: Mapping[str, str], columns: Sequence[str], metric: Metric = METRICS[0]
) -> "go.Figure":
    """Draw how often each rule found something in each version.

    Args:
        table: Of `traceview.fleet.rates.rates`.
        by: Its column of versions.
        rules: Rows from top to bottom: rule id → title.
        columns: Versions from left to right.
        metric: What is shown; the traces of the others are there, hidden.

    ``layout.meta`` names the metric of each trace, and holds the names of the rows in full. Cells without a figure (the rule could be evaluated in no capture, or there is nothing to divide by) show a dot, never a zero.
    """
    cells = {(row["rule"], row[by]): row for row in table.iter_rows(named=True)}
    grid = [[cells.get((rule, column)) for column in columns] for rule in rules]
    traces, names = [], []
    for one in METRICS:
        shown = one == metric
        traces += [_cells(one, grid, rules, columns, visible=shown), _dots(one, grid, rules, columns, visible=shown)]
        names += [one.column, one.column]
    figure = go.Figure(traces)
    figure.update_layout(
        template=go.layout.Template(),
        meta={"metrics": names, **_named(rules.values())},
        height=50 + _row_height(rules.values()) * len(rules),
        margin={"l": _LEFT, "r": 8, "t": 40, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": TEXT},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(columns))),
        ticktext=[escape(column, 24) for column in columns],
        range=[-0.5, len(columns) - 0.5],
        ticks="",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rules))),
        ticktext=[_label(title) for title in rules.values()],
        ticklabelstandoff=6,
        ticks="",
        range=[len(rules) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


_Grid = list[list[dict[str, Any] | None]]


def _cells(metric: Metric, grid: _Grid, rules: Mapping[str, str], columns: Sequence[str], *, visible: bool) -> Any:
    values = [[_strength(metric, cell) for cell in row] for row in grid]
    known = sorted(value for row in values for value in row if value)
    return go.Heatmap(
        z=values,
        x=list(range(len(columns))),
        y=list(range(len(rules))),
        text=[[_text(metric, cell) for cell in row] for row in grid],
        texttemplate="%{text}",
        customdata=[[rule] * len(columns) for rule in rules],
        hovertext=[
            [_hover(title, column, cell) for column, cell in zip(columns, row, strict=True)]
            for title, row in zip(rules.values(), grid, strict=True)
        ],
        hoverinfo="text",
        colorscale=HEAT,
        zmin=0,
        zmax=_darkest(metric, known),
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        visible=visible,
    )


def _darkest(metric: Metric, known: list[float]) -> float:
    """Return the figure of the darkest colour. Of rates the top 5 % share it: one call alone can give any rate."""
    if metric.column == "share":
        return max([_DARK_SHARE, *known[-1:]])
    if not known:
        return 1.0
    return known[int(_CLOSE * (len(known) - 1))]


def _dots(metric: Metric, grid: _Grid, rules: Mapping[str, str], columns: Sequence[str], *, visible: bool) -> Any:
    places = [(x, y) for y, row in enumerate(grid) for x, cell in enumerate(row) if _value(metric, cell) is None]
    titles = list(rules.values())
    return go.Scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="text",
        text=["·"] * len(places),
        hovertext=[_hover(titles[y], columns[x], grid[y][x]) for x, y in places],
        hoverinfo="text",
        showlegend=False,
        visible=visible,
    )


def _value(metric: Metric, cell: dict[str, Any] | None) -> float | None:
    value = None if cell is None else cell[metric.column]
    return None if value is None else metric.factor * value


def _strength(metric: Metric, cell: dict[str, Any] | None) -> float | None:
    """Return what the colour of a cell stands for: of a share the lower end of its 95 % interval.

    One hit in one capture is 100 %, and says little: it must not look worse than 60 of 100 (interval: Wilson, 1927).
    """
    value = _value(metric, cell)
    if cell is None or value is None or metric.column != "share":
        return value
    share, count = cell["share"], cell["captures"]
    spread: float = _NORMAL_95**2 / count
    middle = share + spread / 2
    margin = math.sqrt(share * (1 - share) * spread + spread**2 / 4)
    return float(metric.factor * max(0.0, middle - margin) / (1 + spread))


def _text(metric: Metric, cell: dict[str, Any] | None) -> str:
    value = _value(metric, cell)
    if cell is None or value is None:
        return ""
    if metric.column == "share" and cell["captures"] < FEW:
        return f"{cell['captures_hit']}/{cell['captures']}"
    if metric.column == "per_1000_calls" and cell["calls"] < FEW_CALLS:
        return f"{cell['findings']}/{cell['calls']}"
    if metric.column == "per_background_h" and cell["background_h"] < 1:
        return f"{cell['findings']}/{brief(60 * cell['background_h'])}m"
    return f"{brief(value)}{metric.unit}"


def brief(value: float) -> str:
    """Return a figure that fits a cell: ``0``, ``0.4``, ``37``, ``12k``."""
    if value >= 9999.5:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value == 0 or value >= 9.95 else f"{value:.2g}" if value >= 0.01 else "<0.01"


def _hover(title: str, column: str, cell: dict[str, Any] | None) -> str:
    # No markup but line breaks: bold text would need an inline style, which the page's policy forbids.
    lines = [escape(title), escape(column)]
    if cell is None or not cell["captures"]:
        silent = plural(cell["not_evaluated"], "capture") if cell is not None else "any capture"
        return "<br>".join([*lines, f"could not be evaluated in {silent}"])
    hit = f"{cell['captures_hit']:,} of {plural(cell['captures'], 'capture')} ({percent(cell['share'])})"
    lines.append(f"{hit}, {plural(cell['findings'], 'finding')}")
    if cell["per_1000_calls"] is not None:
        lines.append(f"{number(cell['per_1000_calls'])} per 1,000 calls ({plural(cell['calls'], 'call')})")
    if cell["per_background_h"] is not None:
        lines.append(f"{number(cell['per_background_h'])} per background hour ({number(cell['background_h'])} h)")
    if cell["not_evaluated"]:
        lines.append(f"not evaluated in {plural(cell['not_evaluated'], 'more capture')}")
    return "<br>".join(lines)


def percent(share: float) -> str:
    """Return a share for people: ``0 %``, ``0.4 %``, ``31 %``; never ``0 %`` or ``100 %`` for almost."""
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.5 <= value < 100:
        return ">99 %"
    return f"{value:.0f} %" if value == 0 or value >= 9.95 else f"{value:.1f} %"


def ratios(changes: pl.DataFrame, labels: Sequence[str]) -> "go.Figure":
    """Draw ratios of shares with their 95 % intervals on a logarithmic axis, first row at the top.

    Args:
        changes: Of `traceview.fleet.comparisons.changes`; rows as they are to be drawn.
        labels: One for each row.
    """
    rows = changes.to_dicts()
    figure = go.Figure()
    for verdict in dict.fromkeys(row["verdict"] for row in rows):
        chosen = [index for index, row in enumerate(rows) if row["verdict"] == verdict]
        own = [rows[index] for index in chosen]
        figure.add_scatter(
            x=[row["ratio"] for row in own],
            y=chosen,
            mode="markers",
            name=verdict,
            marker={"color": VERDICT_COLORS.get(verdict, GREY), "size": 9, "symbol": _symbol(verdict)},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["ratio"] for row in own],
                "arrayminus": [row["ratio"] - row["low"] for row in own],
                "color": VERDICT_COLORS.get(verdict, GREY),
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[row["rule"] for row in own],
            hovertext=[
                f"{escape(labels[index])}<br>{number(rows[index]['ratio'])} times as often, "
                f"95 % interval {number(rows[index]['low'])} to {number(rows[index]['high'])}"
                for index in chosen
            ],
            hoverinfo="text",
        )
    figure.update_layout(
        template=go.layout.Template(),
        meta={"metrics": [], **_named(labels)},
        height=76 + _row_height(labels) * len(rows),
        margin={"l": _LEFT, "r": 14, "t": 10, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": TEXT},
        showlegend=False,
        shapes=[
            {
                "type": "line",
                "x0": 1,
                "x1": 1,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": GREY, "dash": "dot"},
            }
        ],
    )
    figure.update_xaxes(
        type="log",
        title="times as often as before",
        tickvals=_round_ratios(rows),
        ticktext=[f"{tick:g}" for tick in _round_ratios(rows)],
        gridcolor=GRID,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_label(label) for label in labels],
        ticklabelstandoff=6,
        ticks="",
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def _plain(title: str) -> str:
    return " ".join(visible(shorten(title, _MOST_LABEL)).split())


def _label(title: str) -> str:
    """Return a name in as many lines as it needs beside the cells."""
    return "<br>".join(escape(line) for line in _wrapped(title))


def _named(titles: Iterable[str]) -> dict[str, Any]:
    """Return the names of rows and what a page needs to give them other room."""
    return {"left": _LEFT, "cell": CELL, "line": LINE, "labels": [_plain(title) for title in titles]}


def _row_height(titles: Iterable[str]) -> int:
    return CELL + LINE * (max((len(_wrapped(title)) for title in titles), default=1) - 1)


def _wrapped(title: str) -> list[str]:
    return textwrap.wrap(_plain(title), _LINE) or [""]


def _symbol(verdict: str) -> str:
    return {"worse": "triangle-right", "better": "triangle-left"}.get(verdict, "circle-open")


def _round_ratios(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return round figures between the lowest and the highest end of all intervals, and 1."""
    low, high = min((row["low"] for row in rows), default=1.0), max((row["high"] for row in rows), default=1.0)
    first, last = math.floor(math.log10(min(low, 1.0))), math.ceil(math.log10(max(high, 1.0)))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
    return [tick for tick in ticks if tick == 1 or low <= tick <= high]
