"""Under what conditions an app ran, and what happened to its connections."""

from collections.abc import Callable
from typing import Any

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip((null))>:700]"}
UI = {"process": "Acme", "pid": 700, "bundle": "com.acme.voip", "subject_pid": 700}
APSD = {"process": "apsd", "pid": 42}
HEAT = {"process": "thermalmonitord", "pid": 40, "reason": "thermal pressure"}


def suspension(start: float, end: float) -> list[Row]:
    return [
        (start, "process.state", {**APP, "state": "running-suspended", "visibility": "NotVisible"}),
        (end, "process.state", {**APP, "state": "running-active", "visibility": "Visible"}),
    ]


def call(start: float, end: float) -> list[Row]:
    return [
        (start, "call.reported", {**UI, "direction": "incoming"}),
        (end, "call.ended", {"process": "callservicesd", "pid": 90}),
    ]


def test_a_condition_lasts_until_the_next_of_its_kind(story: Story, seconds: Seconds) -> None:
    conditions = story(
        (10, "process.priority", {**APP, "role": "UserInteractive"}),
        (10, "process.priority", {**APP, "priority": 10}),
        (20, "process.priority", {**APP, "role": "Background"}),
        (21, "process.priority", {**APP, "role": "Background"}),
        (20, "process.priority", {**APP, "priority": 3}),
        (50, "process.exited", APP),
    )["conditions"]
    assert seconds(conditions, "kind", "level", "value", "start", "end", "end_how") == [
        ("darwin_role", "UserInteractive", None, 10, 20, "observed"),
        ("jetsam_priority", None, 10.0, 10, 20, "observed"),
        ("darwin_role", "Background", None, 20, 50, "inferred"),
        ("jetsam_priority", None, 3.0, 20, 50, "inferred"),
    ]
    assert conditions["app"].unique().to_list() == ["com.acme.voip"]


def test_limits_have_units(story: Story) -> None:
    conditions = story(
        (10, "process.priority", {**APP, "reason": "CPU limit", "limit": 80.0, "duration_s": 60.0}),
        (11, "process.priority", {**APP, "reason": "no CPU limit"}),
        (12, "resource.memory", {**APP, "reason": "Hard Inactive", "limit": 50.0, "confidence": 0.6}),
        (13, "process.priority", {**APP, "reason": "jetsam lenient mode", "active": True}),
    )["conditions"]
    assert conditions.select("kind", "level", "value").rows() == [
        ("cpu_limit", "80.0 % over 60.0 s", 80.0),
        ("cpu_limit", "none", None),
        ("memory_limit", "Hard Inactive", 50.0 * (1 << 20)),
        ("jetsam_lenient", "on", None),
    ]


def test_heat_and_low_power_are_the_devices(story: Story, seconds: Seconds) -> None:
    conditions = story(
        call(5, 35),
        (10, "resource.thermal", {**HEAT, "value": 20.0}),
        (30, "resource.thermal", {**HEAT, "value": 0.0}),
        (40, "resource.low_power", {"process": "powerd", "pid": 41, "active": True}),
    )["conditions"]
    assert seconds(conditions, "kind", "app", "level", "value", "start", "end", "in_call") == [
        ("thermal", None, "thermal pressure", 20.0, 10, 30, True),
        ("thermal", None, "thermal pressure", 0.0, 30, None, True),
        ("low_power", None, "on", None, 40, None, False),
    ]


def test_heat_that_log_and_powerlog_tell_is_one_window(story: Story, seconds: Seconds) -> None:
    noted = {**HEAT, "signal": "powerlog.thermal"}
    conditions = story(
        (10, "resource.thermal", {**HEAT, "value": 20.0}),
        (10.2, "resource.thermal", {**noted, "value": 20.0}),
        (30, "resource.thermal", {**noted, "value": 0.0}),
    )["conditions"]
    assert seconds(conditions, "value", "start", "end", "end_how") == [
        (20.0, 10, 30, "observed"),
        (0.0, 30, None, "capture_edge"),
    ]


def test_sockets_break_because_the_app_was_suspended(story: Story, seconds: Seconds) -> None:
    network = story(
        suspension(20, 40),
        (41, "network.lost", {**UI, "error": "53"}),
        (41.5, "network.lost", {**UI, "error": "53"}),
        (44, "network.restored", UI),
        (80, "network.lost", {**UI, "error": "54"}),
    )["network"]
    assert seconds(network, "kind", "start", "end", "end_how", "count", "error", "after_suspension") == [
        ("connection_lost", 41, 44, "observed", 2, "53", True),
        ("connection_lost", 80, 80, "inferred", 1, "54", False),
    ]


def test_the_path_is_lost_in_a_call(story: Story, seconds: Seconds) -> None:
    episodes = story(call(5, 60), (20, "network.lost", {**UI, "reason": "unsatisfied_change"}))
    assert seconds(episodes["network"], "kind", "in_call", "call") == [("path_lost", True, "call-1")]


def test_a_hand_over_from_wifi_to_cellular_in_a_call(story: Story, seconds: Seconds) -> None:
    network = story(
        call(5, 60),
        (10, "network.path_changed", {**UI, "interface": "en0", "reason": "satisfied"}),
        (30, "network.path_changed", {**UI, "interface": "pdp_ip0", "reason": "satisfied_change"}),
    )["network"]
    assert seconds(network, "kind", "start", "previous_interface", "interface", "in_call") == [
        ("handover", 30, "en0", "pdp_ip0", True)
    ]


def test_connections_over_both_media_are_no_hand_over(story: Story) -> None:
    media = ["en0", "pdp_ip0", "en0", "pdp_ip0", "en0"]
    rows = [(10 + at, "network.path_changed", {**UI, "interface": name}) for at, name in enumerate(media)]
    assert story(*rows)["network"].is_empty()


def test_the_push_channel_is_down_until_it_is_up(story: Story, seconds: Seconds) -> None:
    network = story(
        call(5, 25),
        (20, "system.push_channel", {**APSD, "active": False, "error": "connection failure"}),
        (22, "system.push_channel", {**APSD, "active": False}),
        (50, "system.push_channel", {**APSD, "active": True}),
        (60, "system.push_channel", {**APSD, "active": False}),
        (61, "system.push_channel", {**APSD, "active": True}),  # another courier: that is no outage
        (70, "system.push_channel", {**APSD, "active": False}),
    )["network"]
    assert seconds(network, "kind", "start", "end", "end_how", "count", "error", "in_call") == [
        ("push_channel_down", 20, 50, "observed", 2, "connection failure", True),
        ("push_channel_down", 70, None, "capture_edge", 1, None, False),
    ]


def test_a_background_transfer_wakes_an_app(story: Story, seconds: Seconds) -> None:
    woken = {"process": "nsurlsessiond", "pid": 60, "bundle": "com.acme.voip", "reason": "client woken"}
    episodes = story(suspension(20, 40), (39.5, "network.background_session", woken))
    assert seconds(episodes["network"], "kind", "app", "reason") == [
        ("background_session", "com.acme.voip", "client woken")
    ]
    assert episodes["suspensions"]["woken_by"].to_list() == ["background_session"]
