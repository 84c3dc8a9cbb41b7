"""Bursts of audio trouble and their causes; resource events."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.glitch_causes import cause_in_words
from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"process": "Acme", "pid": 700}
NAME: Row = (
    1,
    "process.identity",
    {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip>:700]"},
)


def overloads(*times: float, **fields: Any) -> list[Row]:
    return [(t, "audio_io.overload", {**APP, **fields}) for t in times]


def test_a_pause_of_more_than_ten_seconds_begins_a_new_burst(story: Story, seconds: Seconds) -> None:
    episodes = story(NAME, overloads(10, 12, 20, 30, 40.1))
    # 30 is 10 s after 20: still the same burst; 40.1 is 10.1 s after 30.
    assert seconds(episodes["glitches"], "start", "end", "count", "peak_per_10s") == [
        (10, 30, 4, 3),
        (40.1, 40.1, 1, 1),
    ]


def test_the_peak_is_the_busiest_ten_seconds(story: Story) -> None:
    # 5 lines at once, then one every 9 s: never more than 6 within 10 s (0 to 9 inclusive).
    episodes = story(NAME, overloads(10, 10, 10, 10, 10, 19, 28, 37))
    assert episodes["glitches"].select("count", "peak_per_10s").rows() == [(8, 6)]


def test_a_counted_line_counts_as_many(story: Story) -> None:
    assert story(NAME, overloads(10, 11, count=40))["glitches"]["count"].to_list() == [80]


def test_server_lines_belong_to_the_app_in_whose_call_they_fall(story: Story) -> None:
    call = {"process": "Acme", "pid": 700, "direction": "incoming"}
    server = {"process": "mediaserverd", "pid": 80}
    episodes = story(
        NAME, (5, "call.reported", call), overloads(10, **server), (20, "call.ended", call), overloads(50, **server)
    )
    assert episodes["glitches"].select("app", "process", "in_call").rows() == [
        ("com.acme.voip", "mediaserverd", True),
        (None, "mediaserverd", False),
    ]


@pytest.mark.parametrize(
    ("cause", "fact"),
    [
        ("thermal", (12.0, "resource.thermal", {"process": "thermalmonitord", "pid": 33, "value": 2.0})),
        ("cpu", (14.0, "resource.cpu", {"process": "symptomsd", "pid": 34, "subject": "Acme", "subject_pid": 700})),
        ("memory", (9.0, "resource.memory", {"process": "kernel", "pid": 0, "subject_pid": 700})),
        ("route_change", (9.0, "audio_session.route_changed", {**APP, "reason": "NewDeviceAvailable"})),
        ("interruption", (9.0, "audio_session.interrupted", APP)),
        ("suspension", (9.5, "process.suspended", {"bundle": "com.acme.voip", "subject_pid": 700})),
        ("unknown", (4.0, "resource.thermal", {"process": "thermalmonitord", "pid": 33})),  # 6 s before
        ("unknown", (13.0, "audio_session.interrupted", APP)),  # an effect cannot precede its cause by 3 s
    ],
)
def test_causes(story: Story, cause: str, fact: Row) -> None:
    glitch = story(NAME, fact, overloads(10, 10.5))["glitches"].row(0, named=True)
    assert glitch["cause"] == cause
    assert (glitch["cause_confidence"] is None) == (cause == "unknown")
    assert glitch["cause_evidence"] == ([] if cause == "unknown" else [1])


def test_each_fact_that_is_named_has_its_line(story: Story) -> None:
    told: dict[str, Any] = {"process": "symptomsd", "pid": 34, "subject": "Acme", "subject_pid": 700}
    rows: list[Row] = [(t, "resource.cpu", {**told, "value": t}) for t in (1.0, 6.0, 7.0, 8.5)]
    glitch = story(NAME, rows, overloads(10, 10.5))["glitches"].row(0, named=True)
    assert len(glitch["facts_for"].split("; ")) == len(glitch["cause_evidence"]) == 3
    assert sorted(glitch["cause_evidence"]) == [2, 3, 4]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cause": "unknown"}, None),
        ({"cause": None}, None),
        ({"cause": "route_change", "cause_confidence": 0.5}, "most likely cause: route change (50 % sure)"),
        (
            {"cause": "cpu", "cause_confidence": 0.3, "facts_for": "Low Power Mode was on for 38.3 s by then"},
            "possible cause: lack of CPU time (30 % sure; Low Power Mode was on for 38.3 s by then)",
        ),
        ({"cause": "memory"}, "possible cause: memory pressure"),
    ],
)
def test_a_cause_in_words(values: dict[str, Any], words: str | None) -> None:
    assert cause_in_words({"cause_confidence": None, "facts_for": None, **values}) == words


def test_the_most_telling_cause_wins(story: Story) -> None:
    episodes = story(
        NAME,
        (9, "audio_session.route_changed", {**APP, "reason": "NewDeviceAvailable"}),
        (9.5, "process.suspended", {"bundle": "com.acme.voip", "subject_pid": 700}),
        overloads(10),
    )
    assert episodes["glitches"]["cause"].to_list() == ["suspension"]


def test_io_that_stops_and_starts_at_once_was_restarted(story: Story, seconds: Seconds) -> None:
    episodes = story(
        NAME,
        (10, "audio_io.started", APP),
        (20, "audio_io.stopped", APP),
        (20.4, "audio_io.started", APP),
        (40, "audio_io.stopped", APP),
        (60, "audio_io.started", APP),  # 20 s later: started anew
    )
    assert seconds(episodes["glitches"], "kind", "start", "count") == [("io_restart", 20.4, 1)]


def test_an_engine_that_was_not_running_cannot_be_stopped(story: Story) -> None:
    episodes = story(
        NAME,
        (10, "audio_io.started", {**APP, "active": False}),
        (20, "audio_io.stopped", {**APP, "active": False}),
        (20.4, "audio_io.started", {**APP, "active": True}),
    )
    assert episodes["glitches"].is_empty()


def test_format_changes_count_in_calls_only(story: Story) -> None:
    call = {**APP, "direction": "incoming"}
    change = {**APP, "sample_rate_hz": 16000.0}
    episodes = story(
        NAME,
        (5, "audio_io.format_changed", change),
        (20, "call.reported", call),
        (25, "audio_io.format_changed", change),
        (40, "call.ended", call),
    )
    assert episodes["glitches"].select("kind", "in_call").rows() == [("format_change", True)]


def test_a_media_services_reset_concerns_everybody_once(story: Story, seconds: Seconds) -> None:
    episodes = story(
        NAME,
        (10, "media_services.reset", {"process": "audiomxd", "pid": 80}),
        (10.2, "media_services.reset", APP),
        (10.3, "media_services.reset", {"process": "Other", "pid": 701}),
    )
    assert seconds(episodes["glitches"], "kind", "app", "start", "count", "cause") == [
        ("media_services_reset", None, 10, 1, "unknown")
    ]


def test_a_violation_told_by_kernel_and_symptomsd_is_one(story: Story, seconds: Seconds) -> None:
    cpu = {"subject": "Acme", "subject_pid": 700, "value": 48.0, "limit": 48.0}
    episodes = story(
        NAME,
        (70, "resource.cpu", {**cpu, "process": "kernel", "pid": 0, "duration_s": 60.0}),
        (71, "resource.cpu", {**cpu, "process": "symptomsd", "pid": 34, "reason": "Fatal RESOURCE_NOTIFY trigger"}),
        (90, "resource.cpu", {**cpu, "process": "symptomsd", "pid": 34, "confidence": 0.6}),  # a setting, not an event
    )
    rows = seconds(episodes["resource_events"], "app", "kind", "start", "end", "fatal", "value", "limit")
    assert rows == [("com.acme.voip", "cpu", 10, 70, True, 48, 48)]


@pytest.mark.parametrize(
    ("signal", "kind", "printed", "told"),
    [
        ("symptomsd-cpu-fatal", "cpu", (48_003_536_458.0, 48_000_000_000.0, 48.0), (48.003536458, 48.0)),
        ("kernel-disk", "disk", (1074.0, 1024.0, None), (1074.0 * 2**20, 2.0**30)),
        ("kernel-cpu-burning", "cpu", (62.0, 50.0, 180.0), (None, 90.0)),
        ("symptomsd-cpu-trigger", "cpu", (48.0, 48.0, 48.15), (48.0, 48.0)),
    ],
)
def test_figures_have_one_unit_whoever_prints_them(
    story: Story, signal: str, kind: str, printed: tuple[float | None, ...], told: tuple[float | None, ...]
) -> None:
    figures = dict(zip(("value", "limit", "duration_s"), printed, strict=True))
    event = {"process": "kernel", "subject": "Acme", "subject_pid": 700, "signal": signal, **figures}
    (row,) = story(NAME, (70, f"resource.{kind}", event))["resource_events"].to_dicts()
    assert [row["value"], row["limit"]] == [None if one is None else pytest.approx(one) for one in told]


@pytest.mark.parametrize("kernel_first", [True, False])
def test_the_window_of_an_excess_is_the_measured_one(story: Story, seconds: Seconds, kernel_first: bool) -> None:  # noqa: FBT001
    """The kernel prints the time of its limit, a report how long it took to use that much."""
    kernel = {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700, "signal": "kernel-cpu-burning"}
    kernel |= {"limit": 50.0, "duration_s": 180.0}
    report = {"process": "ReportCrash", "subject": "Acme", "subject_pid": 700, "value": 90.0, "limit": 90.0}
    lines = [("resource.cpu", kernel), ("resource.cpu", {**report, "duration_s": 150.0})]
    first, last = lines if kernel_first else lines[::-1]
    episodes = story(NAME, (400, *first), (400.5, *last), (900, *lines[0]), end=1000)
    rows = seconds(episodes["resource_events"], "kind", "start", "end", "value", "limit")
    assert rows == [("cpu", 250, 400, 90, 90), ("cpu", 720, 900, None, 90)]


def test_limits_that_differ_are_passed_one_by_one(story: Story, seconds: Seconds) -> None:
    """The kernel's own limit, and a fatal one for the background that symptomsd watches."""
    kernel = {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700, "signal": "kernel-cpu-burning"}
    fatal = {"process": "symptomsd", "subject": "Acme", "subject_pid": 700, "value": 48.0, "limit": 48.0}
    lines = [
        (400, "resource.cpu", {**kernel, "limit": 50.0, "duration_s": 180.0}),
        (401, "resource.cpu", {**fatal, "duration_s": 48.0, "reason": "Fatal"}),
    ]
    rows = seconds(story(NAME, *lines, end=1000)["resource_events"], "level", "start", "end", "value", "limit")
    assert sorted(rows, key=lambda row: row[2]) == [(None, 220, 400, None, 90), ("Fatal", 353, 401, 48, 48)]


@pytest.mark.parametrize("threads_first", [True, False])
def test_a_limit_of_threads_is_no_word_on_an_excess_of_cpu(story: Story, seconds: Seconds, threads_first: bool) -> None:  # noqa: FBT001
    kernel = {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700}
    lines = [
        ("resource.cpu", {**kernel, "signal": "kernel-cpu-burning", "limit": 50.0, "duration_s": 180.0}),
        ("resource.cpu", {**kernel, "signal": "kernel-threads", "limit": 1024.0, "reason": "thread count"}),
    ]
    first, last = lines[::-1] if threads_first else lines
    events = story(NAME, (400, *first), (401, *last), end=1000)["resource_events"]
    found = seconds(events, "level", "end", "limit")
    assert sorted(found, key=lambda row: row[2]) == [
        (None, 401 if threads_first else 400, 90),
        ("thread count", 400 if threads_first else 401, 1024),
    ]


def test_thermal_levels_are_all_kept(story: Story) -> None:
    levels = [
        (t, "resource.thermal", {"process": "thermalmonitord", "pid": 33, "value": value})
        for t, value in ((10, 1.0), (10.5, 2.0))
    ]
    assert story(levels)["resource_events"].select(pl.col("value")).to_series().to_list() == [1.0, 2.0]
