"""What other tables tell of sessions, held against a comparison of each session with each row."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from traceview.episodes import audio_measures
from traceview.episodes.schema import EPISODES
from traceview.episodes.tables import Context, Span, table

END = 30
PIDS = st.sampled_from([None, 700, 701])
IDS = st.sampled_from([None, "0x1", "0x2"])
Rows = list[dict[str, Any]]


@st.composite
def windows(draw: st.DrawFn, **columns: st.SearchStrategy[Any]) -> Rows:
    rows = draw(st.lists(st.tuples(st.integers(0, END), st.none() | st.integers(0, 9)), max_size=6))
    told = [{name: draw(values) for name, values in columns.items()} for _ in rows]
    ends = [None if length is None else min(start + length, END) for start, length in rows]
    return [{"start": start, "end": end, **one} for (start, _), end, one in zip(rows, ends, told, strict=True)]


def naive(session: dict[str, Any], settings: Rows, interruptions: Rows) -> tuple[Any, ...]:
    over = END if session["end"] is None else session["end"]
    same = [one for one in settings if one["pid"] == session["pid"] is not None]
    mine = [
        one
        for one in same
        if one["start"] <= over
        and (END if one["end"] is None else one["end"]) >= session["start"]
        and (None in (one["session_id"], session["session_id"]) or one["session_id"] == session["session_id"])
    ]
    routes = sorted((one["start"], at) for at, one in enumerate(mine) if one["route"])
    inside = [
        one
        for one in interruptions
        if one["pid"] == session["pid"] is not None
        and session["start"] <= one["start"]
        and (session["end"] is None or one["start"] <= session["end"])
    ]
    latest = {one["route"] for one in mine if one["route"] and routes and one["start"] == routes[-1][0]}
    return len(mine), latest or {None}, len(inside)


@given(
    windows(pid=PIDS, session_id=IDS),
    windows(pid=PIDS, session_id=IDS, route=st.sampled_from([None, "Speaker", "Receiver"])),
    windows(pid=PIDS),
)
def test_settings_and_interruptions_of_each_session(told: Rows, settings: Rows, interruptions: Rows) -> None:
    sessions = table("audio_sessions", told)
    context = Context(pl.DataFrame(), pl.DataFrame(), Span(0, END))
    counts, routes, *_ = audio_measures.settings_of(sessions, table("audio_settings", settings), context)
    begun = audio_measures.interruptions_of(sessions, table("interruptions", interruptions))
    assert routes.dtype == EPISODES["audio_sessions"]["route"]
    plain = sessions.with_columns(pl.col("start", "end").cast(pl.Int64)).to_dicts()
    expected = [naive(session, settings, interruptions) for session in plain]
    assert [(one, three) for one, _, three in expected] == list(zip(counts, begun, strict=True))
    assert all(route in allowed for route, (_, allowed, _) in zip(routes, expected, strict=True))


def test_many_sessions_of_one_process_cost_no_product() -> None:
    many = range(20_000)
    told = [{"start": at * 10, "end": at * 10 + 5, "pid": 700, "session_id": f"{at:#x}"} for at in many]
    sessions, settings = table("audio_sessions", told), table("audio_settings", told)
    context = Context(pl.DataFrame(), pl.DataFrame(), Span(0, 200_000))
    assert audio_measures.settings_of(sessions, settings, context)[0].to_list() == [1 for _ in many]
    assert audio_measures.interruptions_of(sessions, table("interruptions", told)).to_list() == [1 for _ in many]
