"""States and suspensions from witnesses that repeat, lag and contradict each other."""

from collections.abc import Callable
from typing import Any

import polars as pl

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"bundle": "com.acme.voip", "subject_pid": 700}
SPRINGBOARD = {"process": "SpringBoard", "pid": 60}


def told(t: float, printer: str, state: str, visibility: str | None = None) -> Row:
    message = f"Received state update for 700 (app<com.acme.voip((null))>, {state}-{visibility}"
    fields = {"process": printer, "pid": None, "message": message, "state": state, "visibility": visibility}
    return (t, "process.state", {**APP, **fields})


def fan_out(t: float, state: str, visibility: str) -> list[Row]:
    printers = ("dasd", "locationd", "symptomsd", "audiomxd", "callservicesd")
    return [told(t + at * 0.001, name, state, visibility) for at, name in enumerate(printers)]


def states(episodes: Episodes, seconds: Seconds) -> list[tuple[Any, ...]]:
    return seconds(episodes["app_states"].filter(pl.col("pid") == 700), "state", "start", "end")


def test_a_fan_out_is_one_window_with_many_witnesses(story: Story, seconds: Seconds) -> None:
    episodes = story(fan_out(10, "running-active", "Visible"), fan_out(40, "running-active", "NotVisible"))
    assert states(episodes, seconds) == [("foreground", 10, 40), ("background", 40, None)]
    assert episodes["app_states"]["evidence"].list.len().to_list() == [5, 5]


def test_gamepolicyd_does_not_count_for_visibility(story: Story, seconds: Seconds) -> None:
    episodes = story(
        fan_out(10, "running-active", "Visible"), told(10.01, "gamepolicyd", "running-active", "NotVisible")
    )
    assert states(episodes, seconds) == [("foreground", 10, None)]


def test_interleaved_echoes_of_two_changes_are_two_changes(story: Story, seconds: Seconds) -> None:
    # Background and suspension within 20 ms: slow daemons still tell the first while fast ones tell the second.
    episodes = story(
        fan_out(10, "running-active", "Visible"),
        told(20.000, "dasd", "running-active", "NotVisible"),
        told(20.010, "dasd", "running-suspended", "NotVisible"),
        told(20.012, "locationd", "running-active", "NotVisible"),
        told(20.014, "locationd", "running-suspended", "NotVisible"),
        told(20.016, "symptomsd", "running-active", "NotVisible"),
        told(20.018, "symptomsd", "running-suspended", "NotVisible"),
    )
    assert states(episodes, seconds) == [("foreground", 10, 20), ("background", 20, 20.01), ("suspended", 20.01, None)]
    assert episodes["app_states"]["contradicted_by"].list.len().sum() == 0


def test_who_never_comes_round_contradicts(story: Story, seconds: Seconds) -> None:
    episodes = story(
        fan_out(10, "running-active", "Visible"),
        fan_out(20, "running-suspended", "NotVisible"),
        told(20.02, "wifid", "running-active", "Visible"),
    )
    assert states(episodes, seconds) == [("foreground", 10, 20), ("suspended", 20, None)]
    assert episodes["app_states"]["contradicted_by"].to_list() == [[], [10]]


def test_active_without_visibility_is_decided_by_what_follows(story: Story, seconds: Seconds) -> None:
    # RunningBoard tells of the resumption, SpringBoard 300 ms later what the user sees.
    episodes = story(
        fan_out(10, "running-suspended", "NotVisible"),
        (20, "process.resumed", APP),
        (20.3, "app.foreground", {**APP, **SPRINGBOARD, "visibility": "Foreground"}),
    )
    assert states(episodes, seconds) == [("suspended", 10, 20), ("foreground", 20, None)]


def test_resumed_without_any_word_on_visibility_is_a_gap(story: Story, seconds: Seconds) -> None:
    # Nobody in the capture ever says what was visible: after the suspension nothing is claimed.
    episodes = story((10, "process.suspended", APP), (20, "process.resumed", APP))
    assert states(episodes, seconds) == [("suspended", 10, 20)]
    assert episodes["suspensions"]["ended_by"].to_list() == ["resumed"]


def test_roles_are_inferred_states(story: Story) -> None:
    episodes = story((10, "process.state", {**APP, "state": "running-active", "role": "NonUserInteractive"}))
    assert episodes["app_states"].select("state", "start_how", "role").rows() == [
        ("background", "capture_edge", "NonUserInteractive")
    ]


def test_macos_never_suspends_what_it_does_not_manage(story: Story) -> None:
    episodes = story(
        (10, "process.state", {**APP, "state": "running-suspended"}),
        (10.1, "process.state", {**APP, "state": "suspend-ignored"}),
        fan_out(30, "running-suspended", "NotVisible"),
    )
    assert episodes["app_states"].is_empty()
    assert episodes["suspensions"].is_empty()


def test_a_weak_signal_claims_nothing(story: Story) -> None:
    # "Received request to open" may come from a push: no proof that the app became visible.
    episodes = story((10, "app.foreground", {**APP, **SPRINGBOARD, "confidence": 0.5}))
    assert episodes["app_states"].is_empty()


def test_not_running_before_a_launch_and_after_an_exit(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (20, "process.launched", APP),
        fan_out(21, "running-active", "NotVisible"),
        (50, "process.exited", APP),
        (70, "process.launched", {**APP, "subject_pid": 701}),
    )
    absent = episodes["app_states"].filter(pl.col("state") == "not_running")
    assert seconds(absent, "start", "end", "start_how", "end_how", "pid") == [
        (0, 20, "capture_edge", "observed", None),
        (50, 70, "observed", "observed", None),
    ]


def test_what_is_told_of_a_dead_process_is_not_a_state(story: Story, seconds: Seconds) -> None:
    episodes = story(
        fan_out(10, "running-active", "Visible"),
        (20, "process.exited", APP),
        told(20.5, "locationd", "running-suspended", "NotVisible"),
    )
    assert states(episodes, seconds) == [("foreground", 10, 20)]


def test_a_suspension_knows_its_grace_time_and_what_held_the_app(story: Story, seconds: Seconds) -> None:
    # Background at 20, a background task until 48, suspension at 50.1: 30.1 s of grace.
    app = {"process": "Acme", "pid": 700}
    episodes = story(
        fan_out(10, "running-active", "Visible"),
        fan_out(20, "running-active", "NotVisible"),
        (21, "background_task.began", {**app, "task_name": "sync"}),
        (48, "background_task.ended", {**app, "task_name": "sync"}),
        fan_out(50.1, "running-suspended", "NotVisible"),
        (80, "process.exited", APP),
    )
    columns = ("start", "end", "grace_s", "kept_awake_by", "ended_by", "in_call")
    assert seconds(episodes["suspensions"], *columns) == [
        (50.1, 80, 30.1, "background task: sync", "terminated", False)
    ]


def test_a_capture_that_begins_in_the_background_tells_no_grace_time(story: Story) -> None:
    episodes = story(
        (5, "process.state", {**APP, "state": "running-active", "role": "Background"}),
        fan_out(9, "running-suspended", "NotVisible"),
    )
    assert episodes["suspensions"]["grace_s"].to_list() == [None]


def test_a_late_word_on_visibility_does_not_wake_a_suspended_app(story: Story, seconds: Seconds) -> None:
    # symptomsd tells "not in the foreground" when the app is already suspended.
    episodes = story(
        fan_out(10, "running-active", "Visible"),
        fan_out(20, "running-active", "NotVisible"),
        fan_out(21, "running-suspended", "NotVisible"),
        (22, "app.background", {**APP, "process": "symptomsd"}),
        (60, "process.resumed", APP),
        (61, "app.background", {**APP, **SPRINGBOARD, "visibility": "Background", "state": "Running"}),
    )
    assert states(episodes, seconds) == [
        ("foreground", 10, 20),
        ("background", 20, 21),
        ("suspended", 21, 60),
        ("background", 60, None),
    ]


def test_active_again_is_no_news_of_a_background_app(story: Story, seconds: Seconds) -> None:
    # RunningBoard recalculates at 30; the app comes to the foreground at 31, not at 30.
    episodes = story(
        fan_out(20, "running-active", "NotVisible"),
        (30, "process.state", {**APP, "state": "running-active", "role": "None"}),
        fan_out(31, "running-active", "Visible"),
    )
    assert states(episodes, seconds) == [("background", 20, 31), ("foreground", 31, None)]


def test_a_call_that_ended_kept_the_app_awake(story: Story) -> None:
    ui = {"process": "Acme", "pid": 700, "direction": "incoming"}
    episodes = story(
        fan_out(10, "running-active", "NotVisible"),
        (11, "call.reported", ui),
        (30, "audio_session.deactivated", {"process": "Acme", "pid": 700}),
        (31, "call.ended", {"process": "callservicesd", "pid": 90}),
        (34, "assertion.invalidated", {**APP, "assertion_id": "31-1-1", "assertion_name": "VoIP"}),
        fan_out(35, "running-suspended", "NotVisible"),
    )
    assert episodes["suspensions"]["kept_awake_by"].to_list() == ["call"]


def test_an_exit_before_the_log_tells_nothing_about_the_time_after(
    make_events: Callable[[list[Row]], pl.DataFrame],
) -> None:
    # A crash report of an hour before the log: the app may have been started any number of times since.
    old = (100.0, "process.terminated", {**APP, "signal": "report.crash", "process": "ReportCrash"})
    later = (4000.0, "process.state", {**APP, "process": "dasd", "state": "running-active", "visibility": "Visible"})
    episodes = reconstruct(make_events([old, later]), Span(3700 * 10**9, 4100 * 10**9))
    assert episodes["app_states"]["state"].to_list() == ["foreground"]
    assert episodes["terminations"].height == 1
