"""Windows and findings for ui.perfetto.dev, which reads the JSON form of Chrome's trace events ("Trace Event Format").

One process a track group (the app), one asynchronous track a table, so that windows may overlap. Times are microseconds
since 1970-01-01 UTC.
"""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from traceview.analysis import Analysis
from traceview.serialise import findings_frame, frame_to_rows

_LABELS: Final = {
    "app_states": ("state",),
    "assertions": ("name",),
    "audio_sessions": ("category", "refused_error"),
    "background_tasks": ("name",),
    "calls": ("direction", "outcome"),
    "findings": ("title",),
    "glitches": ("kind", "count"),
    "interruptions": ("interrupter",),
    "processes": ("process",),
    "pushes": ("outcome",),
    "resource_events": ("kind", "level"),
    "route_changes": ("reason", "route"),
    "terminations": ("kind", "code"),
}
"""Columns that name a window on its track; without them it is named by its id."""
_EVERYBODY: Final = "the device"


def perfetto(analysis: Analysis) -> dict[str, Any]:
    """Return a trace in Chrome's JSON format; a window that is still open ends with the capture."""
    tables = {**analysis.episodes, "findings": findings_frame(analysis.findings).with_row_index("id")}
    placed = {name: frame.filter(pl.col("start").is_not_null()) for name, frame in tables.items()}
    edges = [frame.select(pl.max_horizontal("start", "end").dt.epoch("ns").max()).item() for frame in placed.values()]
    covered = [one.end_ns for one in analysis.coverage]
    last = max((edge for edge in (*edges, *covered) if edge is not None), default=0) / 1000
    groups: dict[str, int] = {}
    events = [event for name, frame in placed.items() for event in _windows(name, frame, last, groups)]
    names = [
        {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": group}}
        for group, number in groups.items()
    ]
    return {"displayTimeUnit": "ms", "traceEvents": [*names, *events]}


def _windows(table: str, frame: pl.DataFrame, last: float, groups: dict[str, int]) -> Iterator[dict[str, Any]]:
    ends = frame.select(pl.col("start", "end").dt.epoch("ns"))
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    rows = frame_to_rows(frame.drop(lists))
    for row, (start_ns, end_ns) in zip(rows, ends.iter_rows(), strict=True):
        group = groups.setdefault(row.get("app") or row.get("process") or _EVERYBODY, len(groups) + 1)
        start, end = start_ns / 1000, last if end_ns is None else end_ns / 1000
        label = " ".join(str(row[column]) for column in _LABELS.get(table, ()) if row[column] is not None)
        shared = {"cat": table, "pid": group, "tid": 0, "name": label or str(row["id"])}
        args = {name: value for name, value in row.items() if value is not None}
        if end <= start:
            yield {**shared, "ph": "n", "id": f"{table}-{row['id']}", "ts": start, "args": args}
            continue
        yield {**shared, "ph": "b", "id": f"{table}-{row['id']}", "ts": start, "args": args}
        yield {**shared, "ph": "e", "id": f"{table}-{row['id']}", "ts": end}
