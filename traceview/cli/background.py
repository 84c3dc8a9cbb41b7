"""What apps did in the background, in a line for each: how long, and what held them."""

from collections.abc import Sequence
from typing import Final

import polars as pl
import typer

from traceview.cli.options import visible
from traceview.cli.summary import fold
from traceview.completeness import spanning
from traceview.rules.rows import duration, plural
from traceview_parsers.trace import Coverage

_MOST_APPS: Final = 5
_HOLDERS: Final = {
    "call_s": "calls",
    "audio_s": "audio sessions",
    "background_task_s": "background tasks",
    "location_s": "location",
    "assertion_s": "other assertions",
}
"""Columns of ``background_runs``, as people call what they tell of. Holders may hold at the same time."""
_SHORTEST_S: Final = 0.05
"""Shorter times are shown as 0.0 s, which says nothing."""


def in_background(runs: pl.DataFrame, apps: Sequence[str], coverage: Sequence[Coverage] = ()) -> str:
    """Return a paragraph about the apps that ran in the background, empty where none did.

    Args:
        runs: Table ``background_runs``.
        apps: The apps to tell of, most relevant first.
        coverage: Of all sources: a stretch that has no end lasted at least until the last time that they cover.
    """
    until = max((one.end_ns for one in spanning(coverage) if one.end_ns is not None), default=None)
    covered = pl.lit(until, pl.Int64).cast(runs.schema["end"])
    runs = runs.with_columns(pl.max_horizontal("start", pl.coalesce("end", covered)).alias("far"))
    told = [app for app in apps if app in set(runs["app"].drop_nulls())]
    if not told:
        return ""
    rows = [fold(f"{visible(app)}: {_of_app(runs.filter(pl.col('app') == app))}") for app in told[:_MOST_APPS]]
    if len(told) > _MOST_APPS:
        rows.append(f"  … {plural(len(told) - _MOST_APPS, 'more app')}: table background_runs")
    return "\n".join([typer.style("In the background", bold=True), *rows])


def _of_app(runs: pl.DataFrame) -> str:
    length = (runs["far"] - runs["start"]).dt.total_microseconds() / 1e6
    at_least = "at least " if runs["end"].null_count() else ""  # the capture ends within one
    told = [f"{at_least}{duration(float(length.sum()))} in {plural(runs.height, 'stretch', 'stretches')}"]
    held = {name: float(runs[column].fill_null(0.0).sum()) for column, name in _HOLDERS.items()}
    if some := [f"{name} {duration(seconds)}" for name, seconds in held.items() if seconds >= _SHORTEST_S]:
        told.append(f"held by {', '.join(some)}")
    uncovered = float(runs["uncovered_s"].fill_null(0.0).sum())
    if uncovered >= _SHORTEST_S:
        told.append(f"{duration(uncovered)} by nothing that a line names")
    over, unknown = (int((runs["verdict"] == verdict).sum()) for verdict in ("overstayed", "not_known"))
    if over:
        told.append(f"{plural(over, 'stretch was', 'stretches were')} longer than iOS grants without a reason")
    if unknown:
        told.append(f"what held {plural(unknown, 'stretch', 'stretches')} cannot be told from these sources")
    return "; ".join(told)
