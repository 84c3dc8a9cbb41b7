"""Background tasks of UIKit and the assertions behind them."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
UIKIT = {"process": "Acme", "pid": 700}
APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip>:700]"}
SHARED = {**APP, "assertion_id": "34-700-1", "assertion_name": "Shared Background Assertion 1 for com.acme.voip"}


def visible(t: float, visibility: str) -> tuple[float, str, dict[str, Any]]:
    return (t, "process.state", {**APP, "process": "dasd", "state": "running-active", "visibility": visibility})


def test_tasks_pair_by_id_and_by_name(story: Story, seconds: Seconds) -> None:
    episodes = story(
        visible(5, "Visible"),
        (10, "background_task.began", {**UIKIT, "task_id": "1", "task_name": "a"}),
        (11, "background_task.began", {**UIKIT, "task_id": "2", "task_name": "b"}),
        visible(12, "NotVisible"),
        (20, "background_task.ended", {**UIKIT, "task_name": "b"}),
        (30, "background_task.ended", {**UIKIT, "task_id": "1"}),
    )
    columns = ("name", "start", "end", "outcome", "held_s", "background_held_s")
    assert seconds(episodes["background_tasks"], *columns) == [
        ("a", 10, 30, "ended", 20, 18),
        ("b", 11, 20, "ended", 9, 8),
    ]


def test_private_tasks_end_in_the_order_they_began(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "background_task.began", UIKIT), (11, "background_task.began", UIKIT), (20, "background_task.ended", UIKIT)
    )
    assert seconds(episodes["background_tasks"], "start", "end", "outcome") == [(10, 20, "ended"), (11, None, "open")]


def test_an_end_that_finds_no_task_ends_none(story: Story) -> None:
    episodes = story(
        (10, "background_task.began", {**UIKIT, "task_id": "3"}),
        (12, "background_task.ended", {**UIKIT, "task_id": "3", "error": "no such task"}),
    )
    assert episodes["background_tasks"]["outcome"].to_list() == ["open"]


def test_uikits_warning_tells_of_a_task_from_before(story: Story, seconds: Seconds) -> None:
    # UIKit says that task 3 was created over 30 seconds ago; its begin lies before the capture.
    warning = {**UIKIT, "task_id": "3", "task_name": "Saving library", "duration_s": 30.0}
    episodes = story((50, "background_task.overrun", warning), (60, "background_task.ended", {**UIKIT, "task_id": "3"}))
    columns = ("task_id", "start", "start_how", "end", "outcome", "held_s")
    assert seconds(episodes["background_tasks"], *columns) == [("3", 20, "inferred", 60, "overrun", 40)]


@pytest.mark.parametrize("impossible", [1.9e10, 9.3e9, -1.0, 1e300, float("inf"), float("nan")])
def test_a_warning_of_an_impossible_age_leaves_the_begin_open(impossible: float, story: Story) -> None:
    warning = {**UIKIT, "task_id": "3", "task_name": "sync", "duration_s": impossible}
    tasks = story((50, "background_task.overrun", warning))["background_tasks"]
    assert tasks.select("start_how", "outcome", "held_s").rows() == [("capture_edge", "overrun", 50.0)]


def test_the_expiry_of_the_shared_assertion_ends_all_tasks(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "background_task.began", UIKIT),
        (10.1, "assertion.acquired", SHARED),
        (11, "background_task.began", UIKIT),
        (41, "assertion.expired", {**SHARED, "assertion_name": None}),
    )
    assert seconds(episodes["background_tasks"], "end", "end_how", "outcome") == [(41, "inferred", "expired")] * 2


def test_the_kill_after_the_expiry(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "background_task.began", UIKIT),
        (10.1, "assertion.acquired", SHARED),
        (40, "assertion.expired", {**SHARED, "assertion_name": None}),
        (40.2, "process.terminated", {**APP, "code": "0x2182bad2"}),
        (40.4, "process.exited", APP),
    )
    assert seconds(episodes["background_tasks"], "end", "outcome") == [(40, "killed")]


def test_giving_up_the_shared_assertion_ends_the_tasks_but_renewing_it_does_not(story: Story, seconds: Seconds) -> None:
    # Real iOS 15 lines: the old assertion is invalidated 0.7 ms before the next is acquired.
    episodes = story(
        (10, "background_task.began", UIKIT),
        (10.1, "assertion.acquired", SHARED),
        (20, "assertion.invalidated", {**SHARED, "assertion_name": None}),
        (20.0007, "assertion.acquired", {**SHARED, "assertion_id": "34-700-2"}),
        (35, "assertion.invalidated", {**SHARED, "assertion_id": "34-700-2", "assertion_name": None}),
    )
    assert seconds(episodes["background_tasks"], "end", "end_how", "outcome") == [(35, "inferred", "ended")]


def test_assertions_stand_for_tasks_where_the_app_is_silent(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "assertion.acquired", SHARED), (35, "assertion.invalidated", {**SHARED, "assertion_name": None})
    )
    rows = seconds(episodes["background_tasks"], "start", "end", "name", "outcome")
    assert rows == [(10, 35, SHARED["assertion_name"], "ended")]


def test_a_suspended_app_holds_no_task_any_more(story: Story, seconds: Seconds) -> None:
    # The line of the end was lost: the suspension proves that it was over.
    episodes = story((10, "background_task.began", UIKIT), (30, "process.suspended", APP))
    assert seconds(episodes["background_tasks"], "end", "end_how", "outcome") == [(30, "inferred", "ended")]


def test_several_lines_of_one_begin(story: Story) -> None:
    episodes = story(
        (10, "background_task.began", {**UIKIT, "signal": "uikit-task-created"}),
        (10.002, "background_task.began", {**UIKIT, "signal": "uikit-task-incremented"}),
        (10.004, "background_task.began", {**UIKIT, "signal": "uikit-task-created"}),  # a second task
    )
    assert episodes["background_tasks"].height == 2


def test_an_assertion_from_four_lines(story: Story, seconds: Seconds) -> None:
    named = {
        **APP,
        "assertion_id": "31-60-286",
        "assertion_name": "FBWorkspace",
        "originator": "com.apple.SpringBoard",
        "originator_pid": 60,
    }
    again = {**APP, "assertion_id": "31-60-286"}
    episodes = story(
        (10, "assertion.acquired", named),
        (10.1, "assertion.acquired", {**again, "active": False}),
        (20, "assertion.invalidated", {**again, "reason": "suspended"}),  # set aside, not given up
        (30, "assertion.invalidated", again),
    )
    columns = ("assertion_id", "name", "originator_pid", "start", "end", "end_how", "end_reason")
    assert seconds(episodes["assertions"], *columns) == [
        ("31-60-286", "FBWorkspace", 60, 10, 30, "observed", "invalidated")
    ]


def test_an_assertion_from_before_the_capture_expires(story: Story, seconds: Seconds) -> None:
    episodes = story((10, "assertion.expired", {**APP, "assertion_id": "31-60-1"}))
    assert seconds(episodes["assertions"], "start", "start_how", "end", "end_reason") == [
        (10, "capture_edge", 10, "timeout")
    ]


def test_a_name_can_be_taken_again(story: Story, seconds: Seconds) -> None:
    named = {**APP, "assertion_name": "VoIP push"}
    episodes = story(
        (10, "assertion.acquired", named),
        (20, "assertion.invalidated", named),
        (30, "assertion.acquired", named),
        (50, "process.exited", APP),
    )
    assert seconds(episodes["assertions"], "start", "end", "end_how") == [(10, 20, "observed"), (30, 50, "inferred")]
