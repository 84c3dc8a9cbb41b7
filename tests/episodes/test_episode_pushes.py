"""Pushes from apsd and callservicesd, most of them private, and what came of them."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
APSD = {"process": "apsd", "pid": 70}
DAEMON = {"process": "callservicesd", "pid": 90}
APP = {"process": "Acme", "pid": 700}
NAMED = {"bundle": "com.acme.voip", "topic": "com.acme.voip.voip"}
STAGES = ("received", "launched", "delivered", "reported")


def way(t: float, **fields: Any) -> list[tuple[float, str, dict[str, Any]]]:
    """The usual way of one push, as ten lines of both daemons tell it."""
    return [
        (t, "push.received", {**APSD, "signal": "apsd-received", **fields}),
        (t + 0.1, "push.received", {**DAEMON, "signal": "connection", **fields}),
        (t + 0.2, "push.received", {**DAEMON, "signal": "received", **fields}),
        (t + 0.3, "push.launched_app", {**DAEMON, "signal": "opening", **fields}),
        (t + 0.9, "push.launched_app", {**DAEMON, "signal": "opened", **fields}),
        (t + 1.0, "push.delivered", {**DAEMON, "signal": "asked", "push_id": "0xc70d028c0", **fields}),
        (t + 1.1, "push.received", {**DAEMON, "signal": "pending", **fields}),
        (t + 1.4, "push.delivered", {**DAEMON, "signal": "delivering", **fields}),
    ]


@pytest.mark.parametrize("fields", [NAMED, {}])
def test_one_push_whether_named_or_private(story: Story, seconds: Seconds, fields: dict[str, Any]) -> None:
    episodes = story(
        way(10, **fields), (12, "call.reported", {**APP, "direction": "incoming", "bundle": "com.acme.voip"})
    )
    assert seconds(episodes["pushes"], "app", *STAGES, "outcome", "call") == [
        ("com.acme.voip", 10, 10.3, 11, 12, "reported", "call-1")
    ]
    assert episodes["pushes"]["report_latency_s"].to_list() == [1.0]  # from delivered at 11 to reported at 12


def test_what_callservicesd_hands_to_a_channel_or_an_extension_is_no_voip_push(story: Story, seconds: Seconds) -> None:
    *before, (t, kind, delivering) = way(10)
    channel = (t, kind, {**delivering, "signal": "cs-push-delivering-other"})
    episodes = story([*before, channel], way(20))
    assert seconds(episodes["pushes"], "received", "delivered", "voip") == [(10, 11, False), (20, 21, True)]
    named = story(way(10, **NAMED), (11.6, kind, {**delivering, "signal": "cs-push-delivering-other"}))
    assert named["pushes"]["voip"].to_list() == [True, False]  # a topic tells more


def test_two_private_pushes_in_a_row_are_two(story: Story, seconds: Seconds) -> None:
    episodes = story(way(10), way(20))
    assert seconds(episodes["pushes"], "received", "delivered") == [(10, 11), (20, 21)]
    assert episodes["pushes"]["outcome"].to_list() == ["unknown", "unknown"]


def test_pushes_of_two_apps_at_once_stay_apart(story: Story, seconds: Seconds) -> None:
    other = {"bundle": "com.other", "topic": "com.other.voip"}
    mixed = sorted([*way(10, **NAMED), *way(10.05, **other)], key=lambda row: row[0])
    episodes = story(mixed, (12, "call.reported", {**DAEMON, "bundle": "com.other"}))
    assert seconds(episodes["pushes"], "app", "received", "outcome") == [
        ("com.acme.voip", 10, "unknown"),
        ("com.other", 10.05, "reported"),
    ]


def test_a_push_names_the_call_that_nobody_names(story: Story) -> None:
    episodes = story(way(10, **NAMED), (12, "call.reported", DAEMON))
    assert episodes["calls"]["app"].to_list() == ["com.acme.voip"]


def test_a_private_call_long_after_a_push_is_not_its_call(story: Story) -> None:
    episodes = story(way(10, **NAMED), (35, "call.reported", DAEMON))
    assert episodes["pushes"]["outcome"].to_list() == ["unknown"]
    assert episodes["calls"]["app"].to_list() == [None]


def test_callservicesd_says_that_nothing_was_reported(story: Story, seconds: Seconds) -> None:
    episodes = story(way(10, **NAMED), (18, "push.unreported", {**DAEMON, "bundle": "com.acme.voip"}))
    assert seconds(episodes["pushes"], "received", "end", "outcome") == [(10, 18, "unreported")]


@pytest.mark.parametrize(
    "cause", [{"code": "0xbaadca11"}, {"reason": "Killing app because it never posted an incoming call to the system"}]
)
def test_the_kill_proves_that_nothing_was_reported(story: Story, cause: dict[str, Any]) -> None:
    episodes = story(
        way(10, **NAMED), (18, "process.terminated", {"bundle": "com.acme.voip", "subject_pid": 700, **cause})
    )
    assert episodes["pushes"]["outcome"].to_list() == ["unreported"]
    assert episodes["terminations"]["kind"].to_list() == ["push_unreported"]


def test_a_blocked_push_is_told_by_several_lines(story: Story, seconds: Seconds) -> None:
    blocked = {**DAEMON, "bundle": "com.acme.voip"}
    lines = [
        [
            (t, "push.received", {**DAEMON, **NAMED, "signal": "received"}),
            (t + 0.1, "push.blocked", {**blocked, "signal": "no-longer-eligible"}),
            (t + 0.2, "push.blocked", {**blocked, "signal": "dropped"}),
        ]
        for t in (10.0, 40.0)
    ]
    episodes = story(*lines, (12, "call.reported", {**DAEMON, "bundle": "com.acme.voip"}))
    # The call that the app reported by another way does not turn a blocked push into a reported one.
    assert seconds(episodes["pushes"], "received", "outcome") == [(10, "blocked"), (40, "blocked")]


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        pytest.param((12, "call.reported", {**DAEMON, "bundle": "com.acme.voip"}), "reported", id="reported"),
        pytest.param((18, "push.unreported", {**DAEMON, "bundle": "com.acme.voip"}), "unreported", id="unreported"),
    ],
)
def test_a_push_that_reached_the_app_is_not_the_one_that_was_dropped(
    story: Story, seconds: Seconds, came: Any, outcome: str
) -> None:
    dropped = {**DAEMON, "bundle": "com.acme.voip", "signal": "dropped"}
    episodes = story(way(10, **NAMED), came, (80, "push.blocked", dropped))
    assert seconds(episodes["pushes"], "start", "outcome") == [(10, outcome), (80, "blocked")]


@pytest.mark.parametrize("topic", [{"topic": "com.acme.voip.voip"}, {}], ids=["named", "private"])
def test_a_push_that_only_left_apsd_may_be_the_one_that_was_dropped(
    story: Story, seconds: Seconds, topic: dict[str, Any]
) -> None:
    rows = [
        (10, "push.received", {**APSD, **topic}),
        (10.01, "push.delivered", {**APSD, "push_id": "E0E211"}),
        (10.02, "push.received", {**DAEMON, **topic}),
        (10.03, "push.blocked", {**DAEMON, "signal": "dropped"}),
    ]
    assert seconds(story(rows)["pushes"], "received", "delivered", "outcome") == [(10, None, "blocked")]


def test_the_push_that_was_one_too_many_stays_unreported(story: Story, seconds: Seconds) -> None:
    told = {**DAEMON, "bundle": "com.acme.voip"}
    rows = [
        (18, "push.unreported", {**told, "signal": "cs-push-unreported"}),
        (18.2, "push.blocked", {**told, "signal": "cs-push-punished"}),
        (60, "push.blocked", {**told, "signal": "cs-push-punished"}),
        (60.1, "push.blocked", {**told, "signal": "cs-push-dropped"}),
    ]
    pushes = story(way(10, **NAMED), rows)["pushes"]
    assert seconds(pushes, "start", "end", "outcome") == [(10, 18.2, "unreported"), (60, 60.1, "blocked")]


def test_a_push_that_was_cancelled_by_its_id_is_that_one(story: Story, seconds: Seconds) -> None:
    sent = {**APSD, "topic": "com.acme.voip", "push_id": "E0E211"}
    cancelled = {"process": "dasd", "bundle": "com.acme.voip", "push_id": "E0E211"}
    episodes = story((10, "push.delivered", sent), (12, "push.blocked", cancelled))
    assert seconds(episodes["pushes"], "start", "outcome") == [(10, "blocked")]


def test_blocked_pushes_count_even_where_nobody_told_that_they_came(story: Story) -> None:
    blocked = {**DAEMON, "bundle": "com.acme.voip"}
    episodes = story((10, "push.blocked", blocked), (40, "push.blocked", blocked))
    assert episodes["pushes"].select("outcome", "start_how").rows() == [("blocked", "inferred")] * 2


def test_an_ordinary_push_brings_no_call(story: Story) -> None:
    episodes = story(
        (10, "push.received", {**APSD, "topic": "com.acme.voip"}),
        (11, "call.reported", {**DAEMON, "bundle": "com.acme.voip"}),
    )
    assert episodes["pushes"].select("voip", "outcome").rows() == [(False, "unknown")]


def test_apsd_delivers_voip_pushes_to_callservicesd_not_to_the_app(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (10, "push.received", {**APSD, **NAMED, "push_id": "P"}),
        (10.1, "push.delivered", {**APSD, **NAMED, "push_id": "P"}),
        (11, "push.delivered", {**DAEMON, "bundle": "com.acme.voip"}),
    )
    assert seconds(episodes["pushes"], "received", "delivered") == [(10, 11)]
