"""What held an app before its suspension, what woke it, and how long it ran before and after."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip((null))>:700]"}
UI = {"process": "Acme", "pid": 700}
DAEMON = {"process": "callservicesd", "pid": 90, "bundle": "com.acme.voip"}


def state(t: float, word: str, visibility: str = "NotVisible") -> Row:
    return (t, "process.state", {**APP, "state": word, "visibility": visibility})


def test_how_long_it_had_the_processor(story: Story, seconds: Seconds) -> None:
    suspensions = story(
        (5, "process.launched", {**APP, "visibility": "Visible", "state": "running-active"}),
        state(20, "running-active"),
        state(30, "running-suspended"),
        state(50, "running-active"),
        state(57, "running-suspended"),
        state(80, "running-active", "Visible"),
    )["suspensions"]
    assert seconds(suspensions, "start", "end", "ran_before_s", "ran_after_s", "grace_s") == [
        (30, 50, 25.0, 7.0, 10.0),
        (57, 80, 7.0, None, 7.0),
    ]


def test_what_ran_before_the_capture_has_no_length(story: Story) -> None:
    suspensions = story(state(20, "running-active"), state(30, "running-suspended"))["suspensions"]
    assert suspensions.select("ran_before_s", "ran_after_s", "woken_by").rows() == [(None, None, None)]


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([(49.9, "push.delivered", DAEMON)], "push"),
        ([(50.2, "call.reported", {**DAEMON, "direction": "incoming"})], "call"),
        (
            [
                (
                    49.8,
                    "assertion.acquired",
                    {**APP, "assertion_id": "31-1-1", "originator": "locationd", "originator_pid": 60},
                )
            ],
            "location",
        ),
        ([(49.8, "assertion.acquired", {**APP, "assertion_id": "31-1-1", "originator_pid": 61})], "assertion"),
        # What the app takes by itself it takes because it runs already.
        ([(50.1, "assertion.acquired", {**APP, "assertion_id": "31-1-1", "originator_pid": 700})], None),
        ([(40, "push.delivered", DAEMON)], None),
    ],
)
def test_what_woke_it(story: Story, rows: list[Row], cause: str | None) -> None:
    suspensions = story(
        state(20, "running-active"),
        state(30, "running-suspended"),
        rows,
        state(50, "running-active"),
    )["suspensions"]
    assert suspensions["woken_by"].to_list() == [cause]


def test_the_user_opened_it(story: Story) -> None:
    suspensions = story(
        state(20, "running-active"), state(30, "running-suspended"), state(50, "running-active", "Visible")
    )["suspensions"]
    assert suspensions["woken_by"].to_list() == ["user"]


@pytest.mark.parametrize(
    ("row", "held"),
    [
        (
            (
                28,
                "assertion.invalidated",
                {**APP, "assertion_id": "31-1-1", "assertion_name": "CLLocation", "originator": "locationd"},
            ),
            ("location", "CLLocation", "locationd"),
        ),
        ((28, "background_task.ended", {**UI, "task_name": "upload"}), ("background_task", "upload", None)),
        ((28, "audio_session.deactivated", {**UI, "session_id": "0x6f"}), ("audio", "0x6f", None)),
    ],
)
def test_what_let_go_of_it(story: Story, row: Row, held: tuple[str, str, str | None]) -> None:
    suspensions = story(state(20, "running-active"), row, state(30, "running-suspended"))["suspensions"]
    assert suspensions.select("held_by", "held_by_name", "held_by_originator").rows() == [held]
    assert suspensions["held_until"].dt.epoch("s").to_list() == [28]


def test_the_end_of_the_capture_ends_no_suspension(story: Story) -> None:
    suspensions = story(state(20, "running-active"), state(30, "running-suspended"))["suspensions"]
    assert suspensions.select("end", "end_how", "ended_by").rows() == [(None, "capture_edge", None)]
