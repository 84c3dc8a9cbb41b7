"""Hand-made events: only the fields that matter, times in seconds."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.tables import Span
from traceview.signals.vocabulary import EVENT_SCHEMA

SECOND = 1_000_000_000
Row = tuple[float, str, dict[str, Any]]


def events_of(rows: list[Row]) -> pl.DataFrame:
    """Events in the given order; ``ref`` is the position unless given. Default printer: runningboardd[31]."""
    full = [
        {
            "ref": ref,
            "time": round(t * SECOND),
            "kind": kind,
            "signal": kind,
            "process": "runningboardd",
            "pid": 31,
            **fields,
        }
        for ref, (t, kind, fields) in enumerate(rows)
    ]
    raw = {name: pl.Int64() if name == "time" else dtype for name, dtype in EVENT_SCHEMA.items()}
    columns = {name: [row.get(name) for row in full] for name in raw}
    return pl.DataFrame(columns, schema=raw).cast({"time": EVENT_SCHEMA["time"]})


def span_of(start: float, end: float) -> Span:
    return Span(round(start * SECOND), round(end * SECOND))


@pytest.fixture(scope="session")
def make_events() -> Callable[[list[Row]], pl.DataFrame]:
    return events_of


@pytest.fixture(scope="session")
def make_span() -> Callable[[float, float], Span]:
    return span_of
