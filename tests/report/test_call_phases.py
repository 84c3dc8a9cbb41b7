"""Phases of calls: audio is claimed where a table tells it, cut where it was silent, and left open elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from report_analysis import build_rich
from report_rows import APP, MUSIC, at, table

from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.episodes.schema import empty_episodes
from traceview.plots import timeline
from traceview.plots.call_phases import call_shapes
from traceview.plots.lanes import LANES
from traceview.plots.shapes import Span
from traceview.plots.view import known_span, log_span
from traceview.report.views.calls import CallView, calls_view
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moments

CALL = {"start": at(0), "reported": at(0), "answered": at(10), "end": at(100), "ended": at(100), "holds": 0}
SPAN: Span = (at(-50), at(200))


def _phases(call: Mapping[str, Any], **tables: Sequence[Mapping[str, Any]]) -> list[tuple[str, float, float]]:
    """Return look, begin and end (seconds) of what is drawn of a call."""
    rows = {"calls": [{**CALL, **call}], **tables}
    shapes = call_shapes({**empty_episodes(), **{name: table(name, own) for name, own in rows.items()}}, SPAN)
    seconds = [(pl.col(edge) - at(0)).dt.total_milliseconds() / 1000 for edge in ("begin", "finish")]
    return shapes.select("look", *seconds).rows()


def test_audio_is_active_while_a_session_is() -> None:
    sessions = [{"start": at(12), "end": at(60)}, {"start": at(70), "end": at(120)}]
    assert _phases({"audio_activated": at(12)}, audio_sessions=sessions) == [
        ("ringing", 0, 10),
        ("connecting", 10, 12),
        ("talking", 12, 60),
        ("silent", 60, 70),
        ("talking", 70, 100),
    ]


def test_interruptions_and_gaps_are_no_audio() -> None:
    gaps = [
        {"start": at(50), "end": at(60), "kind": "silence"},
        {"start": at(58), "end": at(70), "kind": "suspension_gap"},
        {"start": at(80), "end": at(85), "kind": "overload"},
    ]
    told = _phases(
        {},
        audio_sessions=[{"start": at(5), "end": at(150)}],
        interruptions=[{"start": at(20), "end": at(30)}, {"start": at(35), "end": at(40), "app": MUSIC}],
        glitches=gaps,
    )
    assert told[1:] == [
        ("talking", 10, 20),
        ("silent", 20, 30),
        ("talking", 30, 50),
        ("silent", 50, 70),
        ("talking", 70, 100),
    ]


def test_an_interruption_that_lasts_is_silent_to_the_end() -> None:
    lasting = {"start": at(40), "end": None, "end_how": "capture_edge"}
    assert _phases({}, interruptions=[lasting])[1:] == [("connected", 10, 40), ("silent", 40, 100)]


def test_without_audio_lines_nothing_is_claimed() -> None:
    assert _phases({}) == [("ringing", 0, 10), ("connected", 10, 100)]
    assert _phases({}, audio_sessions=[{"start": at(5), "end": at(150), "app": MUSIC}])[1:] == [("connected", 10, 100)]
    assert _phases({"app": None}, audio_sessions=[{"start": at(5), "end": at(150)}])[1:] == [("connected", 10, 100)]
    assert _phases({"audio_activated": at(14)})[1:] == [("connecting", 10, 14), ("connected", 14, 100)]
    refused = [{"start": at(15), "end": at(15), "refused_error": "!pri"}]
    assert _phases({}, audio_sessions=refused)[1:] == [("connected", 10, 100)]


def test_a_session_that_falls_silent_ends_in_the_unknown() -> None:
    lost = {"start": at(12), "end": at(60), "end_how": "capture_edge"}
    assert _phases({}, audio_sessions=[lost])[2:] == [("talking", 12, 60), ("connected", 60, 100)]


@pytest.mark.parametrize(
    ("fault", "sessions", "after"),
    [
        ("not_activated", [], [("connecting", 10, 100)]),
        ("no_io", [{"start": at(12), "end": at(100)}], [("connecting", 10, 100)]),
        ("not_activated", [{"start": at(40), "end": at(100)}], [("connecting", 10, 40), ("talking", 40, 100)]),
    ],
)
def test_a_call_without_audio_says_so(fault: str, sessions: list[dict[str, Any]], after: list[Any]) -> None:
    assert _phases({"audio_fault": fault}, audio_sessions=sessions)[1:] == after


def test_a_call_is_on_hold_when_lines_tell_so() -> None:
    sessions = [{"start": at(10), "end": at(40)}, {"start": at(60), "end": at(100)}]
    held = {"holds": 2, "hold_starts": [at(38), at(70)], "hold_ends": [at(55), at(75)]}
    assert _phases(held, audio_sessions=sessions)[1:] == [
        ("talking", 10, 38),
        ("held", 38, 55),
        ("silent", 55, 60),
        ("talking", 60, 70),
        ("held", 70, 75),
        ("talking", 75, 100),
    ]
    assert _phases({"holds": None}, audio_sessions=sessions[:1])[1:] == [("talking", 10, 40), ("silent", 40, 100)]


def test_outgoing_calls_dial_until_they_are_connected() -> None:
    call = {"direction": "outgoing", "answered": None, "connected": at(6), "audio_activated": at(1)}
    sessions = [{"start": at(1), "end": at(100)}]
    assert _phases(call, audio_sessions=sessions) == [("dialling", 0, 6), ("talking", 6, 100)]


def test_a_call_of_which_only_its_time_is_told_does_not_ring() -> None:
    bare = {"reported": None, "answered": None}
    assert _phases(bare) == [("unknown", 0, 100)]
    assert _phases({**bare, "ringing": at(1)}) == [("ringing", 0, 100)]
    assert _phases({**bare, "connected": at(10)}) == [("unknown", 0, 10), ("connected", 10, 100)]
    assert _phases({**bare, "connected": at(0)}) == [("connected", 0, 100)]
    assert _phases({**bare, "connected": at(100)}) == [("unknown", 0, 100)]
    assert _phases({**bare, "end": at(0), "ended": at(0)}) == [("unknown", 0, 0)]


def test_open_calls_reach_to_the_end_and_only_their_last_phase_is_open() -> None:
    rows = {
        "calls": [{**CALL, "end": None, "ended": None, "end_how": "capture_edge", "start_how": "capture_edge"}],
        "audio_sessions": [{"start": at(12), "end": at(60)}],
    }
    shapes = call_shapes({**empty_episodes(), **{name: table(name, own) for name, own in rows.items()}}, SPAN)
    assert shapes["finish"].max() == at(200)
    assert shapes.select("look", "start_how", "end_how").rows() == [
        ("ringing", "capture_edge", "observed"),
        ("connecting", "observed", "observed"),
        ("talking", "observed", "observed"),
        ("silent", "observed", "capture_edge"),
    ]


@given(st.lists(st.tuples(st.integers(-40, 150), st.integers(0, 60), st.booleans()), max_size=12))
def test_phases_follow_on_each_other_and_fill_the_call(windows: list[tuple[int, int, bool]]) -> None:
    sessions = [{"start": at(since), "end": at(since + length)} for since, length, cut in windows if not cut]
    cuts = [{"start": at(since), "end": at(since + length)} for since, length, cut in windows if cut]
    told = _phases({}, audio_sessions=sessions, interruptions=cuts)
    assert told[0] == ("ringing", 0, 10)
    assert [begin for _, begin, _ in told[1:]] == [end for _, _, end in told[:-1]]
    assert told[-1][2] == 100
    talking = {second for look, begin, end in told if look == "talking" for second in range(round(begin), round(end))}
    runs = {second for since, length, cut in windows if not cut for second in range(since, since + length)}
    cut_off = {second for since, length, cut in windows if cut for second in range(since, since + length)}
    assert talking == {second for second in runs - cut_off if 10 <= second < 100}


def test_every_phase_has_a_look() -> None:
    looks = LANES[0].looks
    assert {"ringing", "dialling", "connecting", "talking", "silent", "held", "connected", "unknown"} == set(looks)
    css = Path(__file__).parents[2] / "traceview" / "report" / "assets" / "report.css"
    assert all(f".phase.{look}" in css.read_text(encoding="utf-8") for look in looks)


def test_open_bars_end_where_the_log_does(rich: Analysis) -> None:
    span = log_span(rich.coverage)
    assert span == (at(0), at(600))
    silent = replace(rich, events=rich.events.clear(), findings=[])
    assert known_span(silent, [silent.episodes["calls"]]) == (at(0), at(600))
    assert known_span(silent, []) is None
    bars = [trace for trace in timeline(silent).data if trace.name == "background"]
    ends = {text.split("<br>")[1] for trace in bars for text in trace.hovertext if "still open" in text}
    assert ends == {"14:06:39.500 to 14:10:00.000 (3 min 20 s)"}


def test_the_sample_with_a_provider_reset_is_open_to_its_last_line(samples: Path) -> None:
    analysis = _analysis(samples / "provider-reset.ios18.default.txt")
    (session,) = [trace for trace in timeline(analysis).data if trace.name == "activated by CallKit"]
    assert "09:12:37.650 to 09:13:17.585 (39.9 s)" in session.hovertext[0]
    card = _card(analysis, "call-1")
    assert dict(card.facts)["end"] == "provider reset (inferred)"
    assert card.steps[-1].name == "ended (inferred)"


def test_the_phone_call_does_not_get_what_happened_to_the_app(samples: Path) -> None:
    analysis = _analysis(samples / "cellular-interruption.ios26.console.txt")
    phone, own = _card(analysis, "call-2"), _card(analysis, "call-1")
    assert analysis.episodes["calls"].filter(pl.col("id") == "call-2")["app"].to_list() == [None]
    assert phone.disturbances == ()
    assert [segment.key for segment in phone.segments] == ["ringing", "connected"]
    assert [one.kind for one in own.disturbances] == ["interruption"]
    assert [segment.key for segment in own.segments] == ["ringing", "connecting", "talking", "held", "talking"]


def test_the_card_of_a_suspended_call_is_not_green_to_its_end(samples: Path) -> None:
    card = _card(_analysis(samples / "suspended-in-call.ios26.compact.txt"), "call-1")
    assert [segment.key for segment in card.segments] == ["ringing", "connecting", "talking", "silent"]


def test_what_has_no_app_belongs_to_a_call_without_one() -> None:
    rich = build_rich()
    nameless = rich.episodes["calls"].with_columns(app=pl.lit(None, dtype=pl.String()))
    routes = rich.episodes["route_changes"].head(1).with_columns(app=pl.lit(None, dtype=pl.String()), start=at(100))
    tables = {**rich.episodes, "calls": nameless, "route_changes": routes}
    card = _card(replace(rich, episodes=tables), "call-1")
    assert [one.kind for one in card.disturbances] == ["route"]
    assert card.app in {"", APP}


def _card(analysis: Analysis, name: str) -> CallView:
    cards, _ = calls_view(analysis, Moments.of(analysis), Limits())
    return next(card for card in cards if card.id == name)


def _analysis(file: Path) -> Analysis:
    with open_capture(file) as capture:
        return capture.analysis
