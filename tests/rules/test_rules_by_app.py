"""What is gathered by app gives what a look at every row gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from traceview.episodes.schema import EPISODES, empty_episodes
from traceview.rules import by_app
from traceview.rules.registry import Inputs
from traceview.rules.rows import calls_of, rows_of, windows_of
from traceview.rules.windows import intersect, subtract

ZERO = datetime(2026, 1, 15, tzinfo=UTC)
APPS = st.sampled_from([None, "com.acme.voip", "com.other"])
TOLD = st.tuples(st.integers(0, 30), st.none() | st.integers(0, 9), APPS, st.sampled_from(["suspended", "background"]))
Told = list[tuple[int, int | None, str | None, str]]


def at(seconds: int) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def table(name: str, told: Told) -> pl.DataFrame:
    rows = [
        {
            "app": app,
            "pid": 512,
            "start": at(start),
            "end": None if length is None else at(start + length),
            "state": state,
        }
        for start, length, app, state in sorted(told, key=lambda one: one[0])
    ]
    columns = {column: [row.get(column) for row in rows] for column in EPISODES[name]}
    return pl.DataFrame(columns, schema=EPISODES[name])


@given(st.lists(TOLD, max_size=6), st.lists(TOLD, max_size=6), st.integers(0, 30), st.integers(1, 9), APPS)
def test_windows_of_an_app_are_those_that_a_look_at_all_finds(
    states: Told, calls: Told, since: int, length: int, app: str | None
) -> None:
    episodes = empty_episodes() | {"app_states": table("app_states", states), "calls": table("calls", calls)}
    inputs = Inputs(episodes, frozenset(), frozenset(), {}, capture_end=at(40))
    row: dict[str, Any] = {"app": app, "pid": 512}
    window = (at(since), at(since + length))
    asleep = [one for one in rows_of(inputs, "app_states", row) if one["state"] == "suspended"]
    found = by_app.state_windows(inputs, row, window, "suspended")
    assert intersect([window], found) == intersect([window], windows_of(inputs, asleep))
    up = by_app.call_windows(inputs, row, window)
    assert subtract([window], up) == subtract([window], windows_of(inputs, calls_of(inputs, row)))
    starts = [one["start"] for one in asleep if window[0] <= one["start"] < window[1]]
    assert by_app.first_suspension(inputs, row, window) == min(starts, default=None)
