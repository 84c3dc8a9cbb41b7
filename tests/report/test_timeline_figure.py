"""The timeline figure: lanes, looks, edges, apps, and what happens when there are too many shapes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.episodes.schema import EPISODES, TIME, empty_episodes
from traceview.plots import CONFIG, timeline
from traceview.plots.binning import bin_shapes
from traceview.plots.clock import display_clock
from traceview.plots.lanes import LANES
from traceview.plots.shapes import finding_ids
from traceview.plots.text import duration, number, plural, shorten, size
from traceview.visible import visible
from traceview_parsers.trace import CaptureInfo

APP = "com.acme.voip"


def _names(figure: Any) -> dict[str, int]:
    return {trace.name: len(trace.y) for trace in figure.data if trace.name}


def test_every_lane_with_episodes_has_its_row(rich: Analysis) -> None:
    figure = timeline(rich)
    titles = [row["title"] for row in figure.layout.meta["rows"]]
    assert titles == [
        "Findings",
        "Calls",
        "Pushes",
        "App state: com.acme.voip",
        "App state: com.tunes.player",
        "Audio session: com.acme.voip",
        "Audio session: com.tunes.player",
        "Interruptions, routes",
        "Glitches",
        "Terminations",
        "Background tasks: com.acme.voip",
        "CPU, memory, thermal",
        "Sources",
    ]
    assert figure.layout.meta["binned"] == []


def test_a_call_is_drawn_in_phases(rich: Analysis) -> None:
    figure = timeline(rich)
    (connecting,) = [trace for trace in figure.data if trace.name == "answered, no audio yet"]
    assert list(connecting.customdata) == ["call-1"]
    assert connecting.x[0] == pytest.approx(5800)  # answered at 66.1 s, audio active from 71.9 s on
    names = _names(figure)
    assert names["on hold"] == 1
    assert names["no audio: session not active, interrupted or suspended"] == 1
    assert names["answered or connected, audio not known"] == 1  # of the outgoing call no session is told


def test_who_activated_the_audio_is_told_apart(rich: Analysis) -> None:
    names = _names(timeline(rich))
    assert names["activated by CallKit"] == 1
    assert names["activated by the app"] == 1
    assert names["activation refused"] == 1


def test_times_are_on_the_clock_of_the_device(rich: Analysis) -> None:
    figure = timeline(rich)
    assert figure.layout.meta["clock"] == "UTC+02:00"
    (bars,) = [trace for trace in figure.data if trace.name == "answered, no audio yet"]
    answered = rich.episodes["calls"]["answered"][0]
    assert bars.base[0] == pytest.approx(answered.timestamp() * 1000 + 2 * 3600 * 1000)


def test_an_app_can_be_singled_out_and_other_audio_stays(rich: Analysis) -> None:
    titles = [row["title"] for row in timeline(rich, APP).layout.meta["rows"]]
    assert "App state: com.tunes.player" not in titles
    assert "Audio session: other apps" in titles


def test_open_edges_are_told(rich: Analysis) -> None:
    hovers = [text for trace in timeline(rich).data for text in trace.hovertext or () if text]
    assert any("began before the capture" in text for text in hovers)
    assert any("still open at the end of the capture" in text for text in hovers)


def test_names_cannot_smuggle_markup(rich: Analysis) -> None:
    evil = "<a href='javascript:alert(1)'>com\u202eexe</a>"
    tables = {
        name: table.with_columns(app=pl.when(pl.col("app") == APP).then(pl.lit(evil)).otherwise("app"))
        for name, table in rich.episodes.items()
    }
    figure = timeline(replace(rich, episodes=tables, apps=[evil]))
    ticks = list(figure.layout.yaxis.ticktext)
    assert any("&lt;a href" in text for text in ticks)
    hovers = [text for trace in figure.data for text in trace.hovertext or () if text]
    for text in [*ticks, *hovers]:
        assert "<a" not in text
        assert "\u202e" not in text


def test_nothing_to_draw_is_said(empty: Analysis) -> None:
    figure = timeline(empty)
    assert not figure.data
    assert "Nothing to draw" in figure.layout.annotations[0].text


def test_the_upload_button_is_off() -> None:
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG.get("plotlyServerURL", "") == ""
    assert CONFIG["displaylogo"] is False


def test_crowded_lanes_become_overviews_and_say_so(crowded: Callable[[int, int], Analysis]) -> None:
    analysis = crowded(20_000, 200)
    figure = timeline(analysis)
    (sentence,) = figure.layout.meta["binned"]
    assert sentence.startswith("Background tasks: com.acme.voip: 20,000 windows shown as time per bin")
    assert any("20,000 windows" in note.text for note in figure.layout.annotations)
    drawn = sum(len(trace.customdata) for trace in figure.data if trace.customdata is not None)
    assert drawn <= 5000
    assert len(figure.to_json()) < 2_000_000


def test_few_shapes_are_all_drawn(crowded: Callable[[int, int], Analysis]) -> None:
    figure = timeline(crowded(3000, 200))
    assert figure.layout.meta["binned"] == []
    assert _names(figure)["ended in time"] == 3000


def test_the_figure_is_the_same_each_time(rich: Analysis) -> None:
    assert timeline(rich).to_json() == timeline(rich).to_json()
    assert json.loads(timeline(rich).to_json())


def test_findings_with_one_fingerprint_get_different_ids(rich: Analysis) -> None:
    one = rich.findings[0]
    assert finding_ids([one, one, one]) == [one.fingerprint, f"{one.fingerprint}-2", f"{one.fingerprint}-3"]


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.key)
def test_details_of_a_lane_are_columns(lane: Any) -> None:
    known = {column for table in EPISODES.values() for column in table} | {"who"}
    assert {column for _, column in lane.details} <= known
    span = (pl.Series([0], dtype=TIME)[0], pl.Series([1], dtype=TIME)[0])
    assert lane.shapes(empty_episodes(), span).height == 0


windows = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 3000), st.sampled_from(["a", "b"])), min_size=1, max_size=30
)


@given(windows)
def test_binned_time_is_exact(spans: list[tuple[int, int, str]]) -> None:
    origin = pl.Series([0], dtype=TIME)[0]
    shapes = pl.DataFrame(
        {
            "begin": [origin + timedelta(milliseconds=begin) for begin, _, _ in spans],
            "finish": [origin + timedelta(milliseconds=begin + length) for begin, length, _ in spans],
            "look": [look for _, _, look in spans],
        },
        schema_overrides={"begin": TIME, "finish": TIME},
    )
    edges = np.linspace(-100, 14_000, 48)
    bins = bin_shapes(shapes, edges, instants=False)
    for look in {look for _, _, look in spans}:
        for index in range(len(edges) - 1):
            low, high = edges[index], edges[index + 1]
            filled = sum(max(0.0, min(b + n, high) - max(b, low)) for b, n, key in spans if key == look)
            assert bins.shares[look][index] * bins.full == pytest.approx(filled / (high - low), abs=1e-6)
    assert bins.counts.max() <= len(spans)
    assert sum(bins.shares.values()).max() <= 1 + 1e-9


def test_instants_are_counted() -> None:
    origin = pl.Series([0], dtype=TIME)[0]
    moments = [origin + timedelta(milliseconds=at) for at in (1, 2, 3, 25)]
    shapes = pl.DataFrame({"begin": moments, "finish": moments, "look": ["x"] * 4}).cast(
        {"begin": TIME, "finish": TIME}
    )
    bins = bin_shapes(shapes, np.array([0.0, 10.0, 20.0, 30.0]), instants=True)
    assert bins.full == 3
    assert bins.counts.tolist() == [3, 0, 1]
    assert bins.shares["x"].tolist() == pytest.approx([1, 0, 1 / 3])


@pytest.mark.parametrize(
    ("tz", "how", "label"),
    [
        ("+02:00", "archive name", "UTC+02:00"),
        ("-0530", "log", "UTC-05:30"),
        ("Europe/Berlin", "user", "UTC+02:00"),
        ("+02:00", "assumed", "UTC"),
        ("nonsense/zone", "log", "UTC"),
        ("+9x:00", "log", "UTC"),
        (None, "unknown", "UTC"),
    ],
)
def test_the_clock_is_the_device_zone_where_it_is_known(tz: str | None, how: str, label: str) -> None:
    assert display_clock(CaptureInfo("x", 1777896720_000000000, tz, how)).label == label


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.00002, "20 µs"),
        (0.0004, "0.4 ms"),
        (0.812, "812 ms"),
        (0.9999, "1.00 s"),
        (6.4, "6.40 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (200, "3 min 20 s"),
        (3599.9, "1 h"),
        (5430, "1 h 30 min"),
        (90000, "1 d 1 h"),
        (-1.5, "-1.50 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures() -> None:
    assert (number(12345.0), number(1.23456), number(12345.6)) == ("12,345", "1.23", "12,346")
    assert (size(999), size(2_084_000)) == ("999 bytes", "2.08 MB")
    assert (plural(1, "push", "pushes"), plural(1200, "push", "pushes")) == ("1 push", "1,200 pushes")
    assert shorten("com.example.a.very.long.bundle", 13) == "com.…g.bundle"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    shown = visible(text + "\x00\u202e\u2066\ud800")
    assert not set(shown) & set("\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f\ud800")
    shown.encode()
