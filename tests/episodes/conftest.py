"""Hand-made events: only the fields that matter, times in seconds."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import Episodes
from traceview.signals.vocabulary import EVENT_SCHEMA

SECOND = 1_000_000_000
Row = tuple[float, str, dict[str, Any]]
Story = Callable[..., Episodes]


def events_of(rows: list[Row]) -> pl.DataFrame:
    """Events in the given order; ``ref`` is the position. Default printer: runningboardd[31]."""
    default = {"process": "runningboardd", "pid": 31}
    full = [
        {"ref": ref, "time": round(t * SECOND), "kind": kind, "signal": kind, **default, **fields}
        for ref, (t, kind, fields) in enumerate(rows)
    ]
    raw = {name: pl.Int64() if name == "time" else dtype for name, dtype in EVENT_SCHEMA.items()}
    columns = {name: [row.get(name) for row in full] for name in raw}
    return pl.DataFrame(columns, schema=raw).cast({"time": EVENT_SCHEMA["time"]})


def _story(*rows: Row | list[Row], end: float = 100.0) -> Episodes:
    flat = [one for row in rows for one in (row if isinstance(row, list) else [row])]
    return reconstruct(events_of(flat), Span(0, round(end * SECOND)))


@pytest.fixture(scope="session")
def story() -> Story:
    """Reconstruct a capture of 100 s (or ``end``) from rows ``(seconds, kind, fields)``."""
    return _story


@pytest.fixture(scope="session")
def make_events() -> Callable[[list[Row]], pl.DataFrame]:
    """Make an event table of rows ``(seconds, kind, fields)``."""
    return events_of


@pytest.fixture(scope="session")
def seconds() -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of a table: the named columns, times as seconds."""

    def rows(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
        times = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime)]
        plain = table.with_columns((pl.col(name).cast(pl.Int64) / SECOND).round(6) for name in times)
        return plain.select(columns).rows()

    return rows
