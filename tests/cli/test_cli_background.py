"""What apps did in the background, in a line for each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from traceview.cli.background import in_background
from traceview.episodes.schema import empty_episodes
from traceview_parsers.trace import Coverage

START = datetime(2026, 1, 15, 10, tzinfo=UTC)


def runs(*rows: dict[str, Any]) -> pl.DataFrame:
    schema = empty_episodes()["background_runs"].schema
    known = [{"app": "com.acme", "start": START, "verdict": "held"} | row for row in rows]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in known], schema=schema)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([{"end": after(20), "uncovered_s": 20.0}], "20.0 s in 1 stretch; 20.0 s by nothing that a line names"),
        (
            [{"end": after(300), "location_s": 290.0, "uncovered_s": 0.01}, {"end": after(10), "call_s": 10.0}],
            "310 s in 2 stretches; held by calls 10.0 s, location 290 s",
        ),
        (
            [{"end": after(200), "verdict": "overstayed", "uncovered_s": 170.0}, {"verdict": "not_known"}],
            (
                "at least 200 s in 2 stretches; 170 s by nothing that a line names; 1 stretch was longer than iOS grants "
                "without a reason; what held 1 stretch cannot be told from these sources"
            ),
        ),
    ],
)
def test_how_long_and_what_held_the_app(rows: list[dict[str, Any]], line: str) -> None:
    assert in_background(runs(*rows), ["com.other", "com.acme"]).splitlines()[1:] == [f"  com.acme: {line}"]


def test_apps_that_were_not_in_the_background_are_not_told() -> None:
    assert in_background(runs(), ["com.acme"]) == ""
    assert in_background(runs({"end": after(1)}), ["com.other"]) == ""
    many = [{"app": f"app.{at}", "end": after(1)} for at in range(7)]
    assert (
        in_background(runs(*many), [f"app.{at}" for at in range(7)])
        .splitlines()[-1]
        .strip()
        .startswith("… 2 more apps")
    )


def test_a_stretch_that_the_capture_cuts_lasts_until_the_last_time_covered() -> None:
    def ends(second: float) -> Coverage:
        moments = (round(moment.timestamp()) * 10**9 for moment in (START, after(second)))
        return Coverage("a.log", "log_text", *moments, None, "")

    cut = runs({"call_s": 37.4}, {"end": after(10), "call_s": 10.0})
    told = in_background(cut, ["com.acme"], [ends(20), ends(38)]).splitlines()[1]
    assert told.strip() == "com.acme: at least 48.0 s in 2 stretches; held by calls 47.4 s"
    early = in_background(runs({"start": after(5)}), ["com.acme"], [ends(2)])
    assert "at least 0.00 s in 1 stretch" in early
