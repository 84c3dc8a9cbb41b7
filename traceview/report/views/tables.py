"""Episode tables as rows of text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.plots.text import number, plural
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moment, Moments

EDGE_WORDS: Final = {"inferred": "inferred", "capture_edge": "capture edge"}
FIXED: Final = ("id", "app", "process", "pid", "start", "end")
MERGED: Final = frozenset({*FIXED, "start_how", "end_how", "evidence"})
CELL_CHARACTERS: Final = 200


class Cell(Struct, frozen=True):
    """One cell: text, or a moment with a remark on how it is known."""

    text: str = ""
    time: Moment | None = None
    remark: str = ""
    figure: bool = False


class RowView(Struct, frozen=True):
    """One episode; `window` zooms the timeline to it."""

    id: str
    window: str
    cells: tuple[Cell, ...]


class TableView(Struct, frozen=True):
    """One episode table without the columns that hold nothing."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[RowView, ...]
    total: int

    @property
    def hidden(self) -> int:
        """Rows that a cap left out."""
        return self.total - len(self.rows)


def tables_view(analysis: Analysis, moments: Moments, limits: Limits) -> tuple[TableView, ...]:
    """Return all tables that have rows, in their usual order."""
    return tuple(_table(name, table, moments, limits.rows) for name, table in analysis.episodes.items() if table.height)


def _table(name: str, table: pl.DataFrame, moments: Moments, cap: int) -> TableView:
    shown = table.sort("start", maintain_order=True).head(cap)
    filled = [column for column in shown.columns if _holds_any(shown[column])]
    columns: list[str] = [column for column in FIXED[1:] if column in filled]
    columns += [column for column in shown.columns if column not in MERGED and column in filled]
    rows = tuple(_row(row, columns, moments) for row in shown.iter_rows(named=True))
    titles = tuple(column.replace("_", " ") for column in columns)
    return TableView(name, name.replace("_", " "), titles, rows, table.height)


def _holds_any(column: pl.Series) -> bool:
    told = column.drop_nulls()
    return bool((told.list.len() > 0).any()) if isinstance(column.dtype, pl.List) else not told.is_empty()


def _row(row: Mapping[str, Any], columns: list[str], moments: Moments) -> RowView:
    cells = tuple(_cell(column, row, moments) for column in columns)
    return RowView(row["id"] or "", moments.permalink(row["start"], row["end"]), cells)


def _cell(column: str, row: Mapping[str, Any], moments: Moments) -> Cell:
    value = row[column]
    remark = EDGE_WORDS.get(row.get(f"{column}_how") or "", "")
    if isinstance(value, datetime):
        return Cell(time=moments.moment(value), remark=remark)
    if isinstance(value, list) and value and isinstance(value[0], datetime):
        value = ", ".join(moments.moment(each).text for each in value)
    figure = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(_text(value), remark=remark, figure=figure)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case list():
            return plural(len(value), "line") if value else ""
    text = str(value)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"
