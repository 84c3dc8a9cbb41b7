"""Nothing is claimed for times that no source covers: windows end where those who could have seen the end fall silent."""

from collections.abc import Callable
from typing import Any

import polars as pl

from traceview.episodes.reconstruct import reconstruct
from traceview.episodes.tables import Span
from traceview_parsers.schema import make_ref

SECOND = 1_000_000_000
Row = tuple[float, str, dict[str, Any]]
Make = Callable[[list[Row]], pl.DataFrame]
Seconds = Callable[..., list[tuple[Any, ...]]]
POWERLOG = {"process": "PerfPowerServices", "pid": None, "bundle": "com.acme.voip", "subject_pid": 700}
LOG = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip((null))>:700]"}


def ns(*seconds: float) -> tuple[int, ...]:
    return tuple(round(one * SECOND) for one in seconds)


def source(index: int, start: float, end: float) -> tuple[int, int, int, int]:
    return (make_ref(index, 0), make_ref(index + 1, 0) - 1, round(start * SECOND), round(end * SECOND))


def of_source(events: pl.DataFrame, where: dict[int, int]) -> pl.DataFrame:
    """The same events, with the row of each moved to the source it is said to come from."""
    refs = [make_ref(where[ref], ref) for ref in events["ref"].to_list()]
    return events.with_columns(pl.Series("ref", refs, pl.UInt64))


def two_sources(make_events: Make) -> pl.DataFrame:
    rows: list[Row] = [
        (10, "app.foreground", {**POWERLOG, "state": "foreground-running"}),
        (50, "app.background", {**POWERLOG, "state": "suspended"}),
        (60, "call.reported", {"process": "callservicesd", "pid": 90, "direction": "incoming"}),
    ]
    return of_source(make_events(rows), {0: 0, 1: 0, 2: 1})


def test_a_state_is_known_as_far_as_its_witness_goes(make_events: Make, seconds: Seconds) -> None:
    # PowerLog ends at 55 s; the log goes on to 300 s but says nothing about states.
    span = Span(*ns(0, 300), sources=(source(0, 0, 55), source(1, 40, 300)))
    episodes = reconstruct(two_sources(make_events), span)
    columns = ("state", "start", "end", "end_how")
    assert seconds(episodes["app_states"], *columns) == [
        ("foreground", 10, 50, "observed"),
        ("suspended", 50, 55, "capture_edge"),
    ]
    assert seconds(episodes["suspensions"], "start", "end", "ended_by") == [(50, 55, None)]
    assert seconds(episodes["calls"], "start", "end", "end_how") == [(60, None, "capture_edge")]


def test_a_log_that_tells_states_could_have_told_the_end(make_events: Make, seconds: Seconds) -> None:
    rows: list[Row] = [
        (50, "app.background", {**POWERLOG, "state": "suspended"}),
        (60, "process.state", {"bundle": "com.other", "subject_pid": 800, "state": "running-suspended"}),
    ]
    events = of_source(make_events(rows), {0: 0, 1: 1})
    episodes = reconstruct(events, Span(*ns(0, 300), sources=(source(0, 0, 55), source(1, 40, 300))))
    mine = episodes["app_states"].filter(pl.col("app") == "com.acme.voip")
    assert seconds(mine, "state", "start", "end") == [("suspended", 50, None)]


def test_a_hole_between_two_logs_is_a_hole(make_events: Make, seconds: Seconds) -> None:
    active = {**LOG, "state": "running-active", "visibility": "Visible"}
    rows: list[Row] = [(10, "process.state", active), (510, "process.state", active)]
    events = of_source(make_events(rows), {0: 0, 1: 1})
    episodes = reconstruct(events, Span(*ns(0, 600), sources=(source(0, 0, 100), source(1, 500, 600))))
    assert seconds(episodes["app_states"], "state", "start", "start_how", "end", "end_how") == [
        ("foreground", 10, "capture_edge", 100, "capture_edge"),
        ("foreground", 510, "capture_edge", None, "capture_edge"),
    ]


def test_an_app_that_is_gone_is_gone_as_far_as_anybody_looks(make_events: Make, seconds: Seconds) -> None:
    rows: list[Row] = [(20, "process.launched", LOG), (30, "process.exited", LOG)]
    episodes = reconstruct(make_events(rows), Span(*ns(0, 300), sources=(source(0, 5, 100), source(1, 40, 300))))
    gone = episodes["app_states"].filter(pl.col("state") == "not_running")
    assert seconds(gone, "start", "start_how", "end", "end_how") == [
        (5, "capture_edge", 20, "observed"),
        (30, "observed", 100, "capture_edge"),
    ]


def test_what_a_source_tells_from_outside_of_its_coverage_makes_no_window(make_events: Make) -> None:
    # A real PowerLog keeps the end of a call of three months before its first covered moment.
    rows: list[Row] = [
        (5, "call.ended", {**POWERLOG, "signal": "powerlog.call_service", "confidence": 0.9}),
        (150, "app.background", {**POWERLOG, "state": "suspended"}),
    ]
    episodes = reconstruct(make_events(rows), Span(*ns(100, 300), sources=(source(0, 100, 300),)))
    assert episodes["calls"].is_empty()
    assert episodes["app_states"].height == 1


def test_without_word_of_sources_the_span_is_what_is_covered(make_events: Make, seconds: Seconds) -> None:
    episodes = reconstruct(two_sources(make_events), Span(*ns(0, 300)))
    assert seconds(episodes["app_states"], "state", "end") == [("foreground", 50), ("suspended", None)]
