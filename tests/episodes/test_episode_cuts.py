"""A capture cut in two: up to the cut the first half tells the same, and both halves together tell everything."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import Episodes

SECOND = 1_000_000_000
LENGTH_S = 400
SETTLE_S = 12
"""Lines that come this long after something may still change how it is told (echoes, verdicts, kills)."""
Row = tuple[float, str, dict[str, Any]]

APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip((null))>:700]"}
UI = {"process": "Acme", "pid": 700}
DAEMON = {"process": "callservicesd", "pid": 90}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "Acme", "subject_pid": 700, "session_id": "0x6f"}


def fan_out(t: float, state: str, visibility: str) -> list[Row]:
    return [
        (
            t + at * 0.001,
            "process.state",
            {**APP, "process": name, "pid": None, "state": state, "visibility": visibility},
        )
        for at, name in enumerate(("dasd", "locationd", "symptomsd", "audiomxd"))
    ]


def one_call(t: float) -> list[Row]:
    """Push, call, audio, interruption, glitches, suspension: 90 seconds of a bad day."""
    return [
        (t, "push.received", {**DAEMON, "bundle": "com.acme.voip", "topic": "com.acme.voip.voip"}),
        (t + 0.5, "push.delivered", {**DAEMON, "bundle": "com.acme.voip"}),
        *fan_out(t + 0.6, "running-active", "NotVisible"),
        (t + 1, "call.reported", {**UI, "direction": "incoming"}),
        (t + 5, "call.answered", DAEMON),
        (t + 5.2, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (t + 5.4, "audio_io.started", UI),
        *fan_out(t + 10, "running-active", "Visible"),
        *[(t + 20 + at * 0.3, "audio_io.overload", UI) for at in range(10)],
        (t + 22, "audio_session.route_changed", {**UI, "reason": "OldDeviceUnavailable"}),
        (t + 40, "audio_session.interrupted", {**SERVER, "interrupter": "Other(800)"}),
        (t + 50, "audio_session.interruption_ended", UI),
        (t + 50.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (t + 60, "call.ended", {**DAEMON, "reason": "remote hangup"}),
        (t + 60.2, "audio_session.deactivated", {**SERVER, "controlling_pid": 90}),
        *fan_out(t + 62, "running-active", "NotVisible"),
        (t + 62.1, "background_task.began", UI),
        (t + 70, "background_task.ended", UI),
        *fan_out(t + 75, "running-suspended", "NotVisible"),
    ]


@pytest.fixture(scope="module")
def day() -> list[Row]:
    rows: list[Row] = [(2, "process.launched", APP), *[row for start in (5, 105, 205) for row in one_call(start)]]
    return [*rows, (320, "process.terminated", {**APP, "code": "0xdead10cc"}), (320.2, "process.exited", APP)]


def told(episodes: Episodes, until_s: float) -> dict[str, set[tuple[Any, ...]]]:
    """What is over (with all echoes) before that second: start, end and what it was."""
    facts = {
        "app_states": ["state"],
        "suspensions": ["in_call", "grace_s"],
        "calls": ["reported", "answered", "audio_activated", "end_reason", "outcome"],
        "pushes": ["received", "delivered", "reported", "outcome"],
        "audio_sessions": ["session_id", "activated_by", "stopped_by", "in_call_s", "background_s"],
        "interruptions": ["interrupter", "resumed"],
        "route_changes": ["reason", "in_call"],
        "glitches": ["kind", "count", "cause", "in_call"],
        "background_tasks": ["outcome", "background_held_s"],
        "terminations": ["kind", "code", "app_state"],
    }
    limit = pl.lit(round(until_s * SECOND)).cast(pl.Datetime("ns", "UTC"))
    return {
        name: set(episodes[name].filter(pl.col("end") <= limit).select("app", "pid", "start", "end", *columns).rows())
        for name, columns in facts.items()
    }


@pytest.mark.parametrize("cut_s", [3.0, 30.0, 70.0, 104.9, 128.0, 160.0, 199.0, 266.0, 321.0, 399.0])
def test_up_to_the_cut_the_first_half_tells_the_same(
    day: list[Row], cut_s: float, make_events: Callable[[list[Row]], pl.DataFrame]
) -> None:
    events = make_events(day)
    whole = reconstruct(events, Span(0, LENGTH_S * SECOND))
    before = pl.col("time").cast(pl.Int64) < round(cut_s * SECOND)
    half = reconstruct(events.filter(before), Span(0, round(cut_s * SECOND)))
    settled = cut_s - SETTLE_S
    assert told(half, settled) == told(whole, settled)


def test_both_halves_together_tell_the_whole(day: list[Row], make_events: Callable[[list[Row]], pl.DataFrame]) -> None:
    events = make_events(day)
    span = Span(0, LENGTH_S * SECOND)
    whole = reconstruct(events, span)
    middle = events.height // 2
    joined = reconstruct(pl.concat([events[middle - 20 :], events[: middle + 20]]), span)  # overlapping, swapped
    assert all(joined[name].equals(table) for name, table in whole.items())


def test_the_day_is_what_it_was_made_of(day: list[Row], make_events: Callable[[list[Row]], pl.DataFrame]) -> None:
    episodes = reconstruct(make_events(day), Span(0, LENGTH_S * SECOND))
    heights = {name: table.height for name, table in episodes.items()}
    assert heights["calls"] == heights["pushes"] == heights["suspensions"] == heights["interruptions"] == 3
    assert heights["audio_sessions"] == 6
    assert episodes["calls"]["outcome"].to_list() == ["answered"] * 3
    assert episodes["terminations"].select("kind", "app_state").rows() == [("lock_held", "suspended")]
