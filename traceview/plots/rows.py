"""Plan of the timeline: which rows there are, what is drawn one by one, what is binned, and what is said about it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.episodes.schema import TIME
from traceview.plots.lanes import Lane
from traceview.plots.shapes import Span
from traceview.plots.text import plural, shorten
from traceview.rules.registry import Finding
from traceview.visible import visible

APPS_SHOWN: Final = 4
TITLE_CHARACTERS: Final = 40
MAX_DEPTH: Final = 4
WINDOWS: Final = 50
WINDOW_MARGIN: Final = timedelta(seconds=2)
OTHER_APPS: Final = "other apps"


class Row(Struct):
    """One row of the timeline.

    Attributes:
        lane: Whose row.
        app: Bundle id, `OTHER_APPS`, or None where the lane is not split by app.
        shapes: All its shapes, by time.
        drawn: Those drawn one by one, with `slot` (0-based level among overlapping ones).
        depth: Levels.
        binned: Whether an overview stands for the shapes that are not drawn.
        in_windows: Shapes that lie in windows of findings, where binned.
    """

    lane: Lane
    app: str | None
    shapes: pl.DataFrame
    drawn: pl.DataFrame
    depth: int = 1
    binned: bool = False
    in_windows: int = 0

    @property
    def title(self) -> str:
        """Name of the row for people."""
        if self.app is None:
            return self.lane.title
        return f"{self.lane.title}: {shorten(visible(self.app), TITLE_CHARACTERS)}"

    @property
    def full(self) -> float:
        """What the full height of a measured row stands for."""
        highest = self.shapes["value"].max() if self.lane.full is not None else None
        return max(float(highest) if isinstance(highest, float) else 0.0, self.lane.full or 0.0)

    @property
    def cost(self) -> int:
        """Elements that drawing all shapes one by one would take: a bar each, and a marker for instants."""
        symbols = any(look.symbol for look in self.lane.looks.values())
        return self.shapes.height * (2 if symbols else 1)

    def statement(self) -> str:
        """Return what is not drawn one by one, or an empty string."""
        if not self.binned:
            return ""
        detail = f"{self.drawn.height:,} of the {self.in_windows:,} around findings are drawn one by one"
        return f"{self.title}: {plural(self.shapes.height, 'window')} shown as time per bin; {detail}."


def split_rows(lane: Lane, shapes: pl.DataFrame, apps: Sequence[str]) -> list[Row]:
    """Return the rows of a lane: one, or one for each of `apps` and one for all others."""
    shapes = shapes.sort("begin", maintain_order=True)
    if not lane.per_app:
        return [Row(lane, None, shapes, shapes)] if shapes.height else []
    named = apps or shapes["who"].drop_nulls().value_counts(sort=True)["who"].to_list()
    named = list(named)[:APPS_SHOWN]
    groups: list[tuple[str, pl.DataFrame]] = [(app, shapes.filter(pl.col("who") == app)) for app in named]
    groups.append((OTHER_APPS, shapes.filter(pl.col("who").is_in(named).not_().fill_null(value=True))))
    return [Row(lane, app, group, group) for app, group in groups if group.height]


def fit(rows: Sequence[Row], cap: int, findings: Sequence[Finding]) -> None:
    """Decide what is drawn so that the whole figure stays under `cap` elements: the fullest rows are binned first."""
    used = 0
    crowded: list[Row] = []
    for row in sorted(rows, key=lambda row: row.cost):
        if crowded or used + row.cost > cap:
            crowded.append(row)
        else:
            used += row.cost
    for index, row in enumerate(crowded):
        row.binned = True
        share = (cap - used) // (len(crowded) - index)
        inside = _in_windows(row.shapes, findings)
        row.in_windows = inside.height
        row.drawn = inside.head(share * row.shapes.height // row.cost)
        used += row.drawn.height * row.cost // row.shapes.height
    for row in rows:
        if row.lane.full is None:
            _stack(row)


def _in_windows(shapes: pl.DataFrame, findings: Sequence[Finding]) -> pl.DataFrame:
    """Return the shapes near the first (worst) findings."""
    windows = [(finding.start, finding.end or finding.start) for finding in findings if finding.start is not None]
    near = [
        (pl.col("begin") <= _time(end + WINDOW_MARGIN)) & (pl.col("finish") >= _time(start - WINDOW_MARGIN))
        for start, end in windows[:WINDOWS]
    ]
    return shapes.filter(pl.any_horizontal(near)) if near else shapes.clear()


def _time(moment: datetime) -> pl.Expr:
    return pl.lit(moment).cast(TIME)


def _stack(row: Row) -> None:
    """Give overlapping shapes levels; beyond `MAX_DEPTH` they share the last one."""
    busy: list[tuple[datetime, int]] = []
    free: list[int] = []
    slots = []
    levels = 0
    for begin, finish in zip(row.drawn["begin"].to_list(), row.drawn["finish"].to_list(), strict=True):
        while busy and busy[0][0] <= begin:
            heappush(free, heappop(busy)[1])
        if not free:
            heappush(free, levels)
            levels += 1
        slot = heappop(free)
        heappush(busy, (finish, slot))
        slots.append(min(slot, MAX_DEPTH - 1))
    row.drawn = row.drawn.with_columns(slot=pl.Series(slots, dtype=pl.Int64))
    row.depth = max(1, min(levels, MAX_DEPTH))


def shown_span(frames: Sequence[pl.DataFrame]) -> Span | None:
    """Return the first and last time in any time column of `frames`, or None where there is none."""
    times = [
        edge
        for frame in frames
        for name, kind in frame.schema.items()
        if kind == TIME
        for edge in (frame[name].min(), frame[name].max())
        if isinstance(edge, datetime)
    ]
    return (min(times), max(times)) if times else None
