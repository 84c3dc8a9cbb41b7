"""A frame as text for people: a table where it fits the terminal, else one block of lines a row."""

import textwrap
from typing import Final

import polars as pl

from traceview.cli.options import visible

MOST_ROWS: Final = 200
_NARROWEST: Final = 16
"""Characters below which a cut cell says too little."""
_GAP: Final = "  "
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.fZ"


def render(frame: pl.DataFrame, width: int, *, table: bool = False) -> tuple[list[str], list[str]]:
    """Return (lines, remarks) of the first `MOST_ROWS` rows.

    Args:
        frame: Any columns.
        width: Characters of a line.
        table: Whether a table is wanted even where it is wider than that.
    """
    if frame.is_empty():
        return [], [no_rows(frame)]
    remarks = []
    if frame.height > MOST_ROWS:
        remarks.append(f"the first {MOST_ROWS:,} of {frame.height:,} rows; --format csv prints all")
    names = [visible(name) for name in frame.columns]
    columns = [_cells(frame[name].head(MOST_ROWS)) for name in frame.columns]
    right = [kind.is_numeric() for kind in frame.dtypes]
    natural = [max(map(len, [name, *cells])) for name, cells in zip(names, columns, strict=True)]
    widths = natural if table else _fitted(natural, names, right, width)
    if widths is None:
        return _blocks(names, columns, width), remarks
    if widths != natural:
        remarks.append("long cells are cut; --format table or csv prints them whole")
    rule = ["-" * one for one in widths]
    rows = [names, rule, *(list(row) for row in zip(*columns, strict=True))]
    return [_row(row, widths, right) for row in rows], remarks


def no_rows(frame: pl.DataFrame) -> str:
    """Return what is said of a frame without rows: which columns it has."""
    return f"no rows; columns: {', '.join(map(visible, frame.columns))}"


def _cells(column: pl.Series) -> list[str]:
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column
        return [text or "" for text in column.dt.strftime(_TIME).to_list()]
    return [visible(_text(value)) for value in column.to_list()]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _fitted(natural: list[int], names: list[str], right: list[bool], width: int) -> list[int] | None:
    """Return widths that fit: the widest columns are cut, no number, no name, no cell below `_NARROWEST`; None where that is too wide."""
    room = width - len(_GAP) * (len(natural) - 1)
    widths = list(natural)
    least = [
        one if number else min(one, max(_NARROWEST, len(name)))
        for one, name, number in zip(natural, names, right, strict=True)
    ]
    if sum(least) > room:
        return None
    while (over := sum(widths) - room) > 0:
        most = max(one for one, floor in zip(widths, least, strict=True) if one > floor)
        at = widths.index(most)
        second = max((one for one in widths if one < most), default=0)
        widths[at] = max(least[at], most - over, min(second, most - 1))
    return widths


def _row(cells: list[str], widths: list[int], right: list[bool]) -> str:
    placed = [
        cell.rjust(width) if to_right else _cut(cell, width).ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return _GAP.join(placed).rstrip()


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def _blocks(names: list[str], columns: list[list[str]], width: int) -> list[str]:
    """One line a column and row, long values wrapped; columns without a value are left out."""
    longest = max(map(len, names))
    lines = []
    for number, cells in enumerate(zip(*columns, strict=True), 1):
        lines.append(f"--- row {number} ".ljust(min(width, 40), "-"))
        for name, cell in zip(names, cells, strict=True):
            if cell:
                parts = textwrap.wrap(cell, max(_NARROWEST, width - longest - len(_GAP)), break_on_hyphens=False)
                lines += [f"{name if not at else '':<{longest}}{_GAP}{part}" for at, part in enumerate(parts)]
    return lines
