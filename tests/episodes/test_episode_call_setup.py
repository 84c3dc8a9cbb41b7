"""Phases of a call's setup, holds and swaps, failed actions, missing audio, resets, Push-to-Talk."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
ID = {"bundle": "com.acme.voip", "subject_pid": 700}
APP = {"process": "Acme", "pid": 700, **ID}
DAEMON = {"process": "callservicesd", "pid": 90}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "Acme", "session_id": "0x6f", **ID}
HANDLE = {**ID, "message": "[app<com.acme.voip((null))>:700]"}
PHASES = (
    "push_to_launch_s",
    "launch_to_report_s",
    "push_to_report_s",
    "report_to_ring_s",
    "ring_to_answer_s",
    "report_to_answer_s",
    "answer_to_audio_s",
    "audio_to_io_s",
)


def incoming(*, launched: bool = True) -> list[Row]:
    launch: list[Row] = [(10.5, "process.launched", HANDLE)] if launched else [(1, "process.launched", HANDLE)]
    return [
        *launch,
        (10, "push.received", {**DAEMON, "bundle": "com.acme.voip", "topic": "com.acme.voip.voip"}),
        (10.2, "push.launched_app", {**DAEMON, "bundle": "com.acme.voip"}),
        (11, "push.delivered", {**DAEMON, "bundle": "com.acme.voip"}),
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (12.25, "call.reported", {**DAEMON, "signal": "cs-ringing-timer", "direction": "incoming"}),
        (16, "call.answered", DAEMON),
        (16.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (17, "audio_io.started", APP),
    ]


def test_every_phase_has_its_latency(story: Story, seconds: Seconds) -> None:
    calls = story(incoming(), (60, "call.ended", DAEMON))["calls"]
    assert seconds(calls, "pushed", "launched", "ringing", "first_io") == [(10, 10.5, 12.25, 17)]
    assert calls.select(PHASES).rows() == [(0.5, 1.5, 2.0, 0.25, 3.75, 4.0, 0.5, 0.5)]


def test_an_app_that_ran_was_not_launched_by_the_push(story: Story) -> None:
    # Newer systems print the request to open the app all the same.
    calls = story(incoming(launched=False), (60, "call.ended", DAEMON))["calls"]
    assert calls.select("launched", "push_to_launch_s", "launch_to_report_s").rows() == [(None, None, None)]
    assert calls["push_to_report_s"].to_list() == [2.0]


def test_what_nobody_tells_is_null(story: Story) -> None:
    calls = story((12, "call.reported", {**APP, "direction": "incoming"}), (14, "call.ended", DAEMON))["calls"]
    assert calls.select(PHASES).rows() == [(None,) * len(PHASES)]
    assert calls["audio_fault"].to_list() == [None]


def test_holds_and_swaps_of_two_calls(story: Story, seconds: Seconds) -> None:
    # B is answered while A goes on hold; the user swaps once; B ends on hold, A goes on.
    a, b = {**DAEMON, "call_id": "A"}, {**DAEMON, "call_id": "B"}
    calls = story(
        (10, "call.reported", a),
        (12, "call.answered", a),
        (20, "call.reported", b),
        (22, "call.held", a),
        (22.1, "call.answered", b),
        (30, "call.held", b),
        (30.1, "call.resumed", a),
        (40, "call.ended", b),
        (60, "call.ended", a),
    )["calls"]
    assert seconds(calls, "call_id", "holds", "held_s", "swaps", "other_calls") == [
        ("A", 1, 8.1, 1, 1),
        ("B", 1, 10.0, 1, 1),
    ]


def test_a_timed_out_action_is_told_once_and_the_call_goes_on(story: Story) -> None:
    trouble = {**APP, "action": "<CXAnswerCallAction 0x1>", "reason": "action timed out"}
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (20, "call.failed", {**trouble, "signal": "one"}),
        (20.01, "call.failed", {**trouble, "signal": "two"}),
        (30, "call.ended", {**DAEMON, "reason": "remote hangup"}),
    )["calls"]
    assert calls.select("failed_actions", "failed_action", "end_reason").rows() == [
        (1, "CXAnswerCallAction 0x1: action timed out", "remote hangup")
    ]


def test_a_handed_off_call(story: Story) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.answered", DAEMON),
        (30, "call.ended", {**DAEMON, "code": "0x66", "message": "because ended reason is 102"}),
    )["calls"]
    assert calls.select("end_reason", "outcome").rows() == [("handed off", "answered")]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], "not_activated"),
        ([(14.5, "audio_session.activated", {**SERVER, "controlling_pid": 90})], "no_io"),
        (
            [
                (14.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
                (15, "audio_io.started", {**SERVER, "playing": True, "recording": False}),
            ],
            "no_input",
        ),
        (
            [
                (14.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
                (15, "audio_io.started", {**SERVER, "recording": True}),
                (16, "audio_session.client_state", {**SERVER, "playing": False}),
            ],
            "no_output",
        ),
        (
            [
                (14.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
                (15, "audio_io.started", {**SERVER, "playing": True, "recording": True}),
            ],
            None,
        ),
    ],
)
def test_what_the_audio_lacked(story: Story, rows: list[Row], fault: str | None) -> None:
    # Another app's session and IO show that the capture tells of both.
    other = {"process": "audiomxd", "pid": 80, "subject": "Other", "subject_pid": 900, "session_id": "0x1"}
    calls = story(
        (1, "audio_session.activated", other),
        (2, "audio_io.started", other),
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.answered", DAEMON),
        rows,
        (40, "call.ended", DAEMON),
    )["calls"]
    assert calls["audio_fault"].to_list() == [fault]


def test_io_that_ran_before_the_call_is_io(story: Story) -> None:
    calls = story(
        (2, "audio_io.started", APP),
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.answered", DAEMON),
        (14.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (40, "call.ended", DAEMON),
    )["calls"]
    assert calls.select("audio_fault", "first_io").rows() == [(None, None)]


def test_a_second_call_shares_the_audio_of_the_first(story: Story) -> None:
    a, b = {**DAEMON, "call_id": "A", "bundle": "com.acme.voip"}, {**DAEMON, "call_id": "B", "bundle": "com.acme.voip"}
    calls = story(
        (10, "call.reported", {**a, "direction": "incoming"}),
        (12, "call.answered", a),
        (12.5, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (12.6, "audio_io.started", APP),
        (20, "call.reported", {**b, "direction": "incoming"}),
        (22, "call.held", a),
        (22.1, "call.answered", b),
        (40, "call.ended", b),
        (60, "call.ended", a),
    )["calls"]
    assert calls.select("call_id", "audio_fault").rows() == [("A", None), ("B", None)]


def test_a_capture_without_the_audio_server_knows_no_fault(story: Story) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.answered", DAEMON),
        (40, "call.ended", DAEMON),
    )["calls"]
    assert calls["audio_fault"].to_list() == [None]


def test_the_death_of_callservicesd_resets_the_provider(story: Story, seconds: Seconds) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.answered", DAEMON),
        (25, "process.exited", {"process": "launchd", "pid": 1, "subject": "callservicesd", "subject_pid": 90}),
    )["calls"]
    assert seconds(calls, "end", "end_how", "end_reason") == [(25, "inferred", "provider reset")]


def test_a_system_without_calls_ends_what_is_open(story: Story, seconds: Seconds) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (14, "call.provider", {**APP, "count": 0}),  # too soon: this witness may not know of it yet
        (50, "call.provider", {**APP, "count": 0}),
    )["calls"]
    assert seconds(calls, "end", "end_how", "end_reason") == [(50, "inferred", None)]


@pytest.mark.parametrize(
    ("late", "end"),
    [
        ([], 50),
        ([(51, "call.answered", DAEMON)], None),
        ([(51, "call.held", DAEMON)], None),
        ([(51, "call.answered", DAEMON), (80, "call.provider", {**APP, "count": 0})], 80),
    ],
)
def test_a_call_of_which_a_line_tells_later_was_not_over(
    story: Story, seconds: Seconds, late: list[Any], end: float | None
) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}), (50, "call.provider", {**APP, "count": 0}), late
    )
    assert seconds(calls["calls"], "end") == [(end,)]


def test_a_call_that_is_answered_after_a_reset_was_not_lost_to_it(story: Story, seconds: Seconds) -> None:
    calls = story(
        (12, "call.reported", {**APP, "direction": "incoming"}),
        (20, "process.exited", {"process": "launchd", "pid": 1, "subject": "callservicesd", "subject_pid": 90}),
        (30, "call.answered", APP),
    )["calls"]
    assert seconds(calls, "answered", "end", "end_reason") == [(30, None, None)]


def test_a_step_after_the_end_is_a_contradiction(story: Story) -> None:
    a = {**DAEMON, "call_id": "A"}
    calls = story(
        (12, "call.reported", a),
        (14, "call.answered", a),
        (20, "call.ended", {**a, "reason": "remote hangup"}),
        (40, "call.connected", {**APP, "call_id": "A"}),
    )["calls"]
    assert calls["contradicted_by"].to_list() == [[3]]


def test_push_to_talk_is_no_call(story: Story, seconds: Seconds) -> None:
    channel = {**APP, "call_id": "C1"}
    episodes = story(
        (5, "ptt.channel", {**channel, "action": "joined"}),
        (20, "push.received", {**DAEMON, "bundle": "com.acme.voip", "topic": "com.acme.voip.voip-ptt"}),
        (21, "ptt.transmission", {**channel, "action": "transmission started"}),
        (22, "audio_session.activated", {**SERVER, "controlling_pid": 90}),
        (30, "ptt.transmission", {**channel, "action": "transmission ended", "code": "0x1"}),
        (31, "audio_session.deactivated", {**SERVER, "controlling_pid": 90}),
        (60, "ptt.channel", {**channel, "action": "left"}),
    )
    assert episodes["calls"].is_empty()
    columns = ("kind", "channel_id", "start", "end", "pushed", "audio_activated", "activate_s", "end_reason")
    assert seconds(episodes["push_to_talk"], *columns) == [
        ("channel", "C1", 5, 60, None, None, None, None),
        ("transmission", "C1", 21, 30, 20, 22, 2.0, "0x1"),
    ]


def test_a_channel_that_is_left_ends_the_transmission(story: Story, seconds: Seconds) -> None:
    channel = {**APP, "call_id": "C1"}
    talk = story(
        (21, "ptt.transmission", {**channel, "action": "transmission started"}),
        (60, "ptt.channel", {**channel, "action": "left"}),
    )["push_to_talk"]
    assert seconds(talk, "kind", "start", "start_how", "end", "end_how") == [
        ("transmission", 21, "observed", 60, "inferred"),
        ("channel", 60, "capture_edge", 60, "observed"),
    ]


def test_a_call_known_only_from_the_audio_routing(story: Story, seconds: Seconds) -> None:
    routing = {"process": "PerfPowerServices", "pid": None, "signal": "powerlog.audio_routing", "confidence": 0.8}
    calls = story((10, "call.running", routing), (50, "call.ended", routing))["calls"]
    assert seconds(calls, "start", "end", "witness", "outcome") == [(10, 50, "audio_routing", "unknown")]


def test_a_better_witness_of_the_same_call(story: Story) -> None:
    powerlog = {"process": "PerfPowerServices", "pid": None, "bundle": "com.acme.voip", "confidence": 0.9}
    rows = [
        (10, "call.running", {**powerlog, "bundle": None, "signal": "powerlog.audio_routing"}),
        (10, "call.running", {**powerlog, "signal": "powerlog.call_service"}),
    ]
    end = (50, "call.ended", {**powerlog, "signal": "powerlog.call_service"})
    assert story(rows, end)["calls"].select("app", "witness").rows() == [("com.acme.voip", "powerlog")]
    assert story(rows, (11, "call.answered", DAEMON), end)["calls"]["witness"].to_list() == ["callkit"]
