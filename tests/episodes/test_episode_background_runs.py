"""Outside the foreground and not suspended: who held the app, and should it have been suspended?"""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.schema import Episodes
from traceview.episodes.tables import EVIDENCE_CAP

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": "[app<com.acme.voip((null))>:700]"}
UI = {"process": "Acme", "pid": 700}
SERVER = {"process": "audiomxd", "pid": 80, "subject": "Acme", "subject_pid": 700, "session_id": "0x6f"}


def state(t: float, word: str, visibility: str) -> Row:
    return (t, "process.state", {**APP, "state": word, "visibility": visibility})


def in_background(start: float, end: float) -> list[Row]:
    return [
        state(0, "running-active", "Visible"),
        state(start, "running-active", "NotVisible"),
        state(end, "running-suspended", "NotVisible"),
    ]


OTHERS: list[Row] = [
    (1.0, "assertion.acquired", {"assertion_id": "31-60-1", "subject_pid": 900, "bundle": "com.other"}),
    (1.0, "process.state", {"process": "callservicesd", "subject_pid": 900, "state": "running-active"}),
    (1.0, "audio_session.created", {"process": "audiomxd", "subject_pid": 900, "session_id": "0x7"}),
]
"""RunningBoard tells of assertions in this capture, and those speak who would tell of calls and of audio."""
FRONTBOARD = {**APP, "assertion_id": "31-60-2", "assertion_name": "FBApplicationProcess"}


def test_five_seconds_are_within_the_budget(story: Story, seconds: Seconds) -> None:
    runs = story(in_background(20, 25))["background_runs"]
    assert seconds(runs, "app", "start", "end", "verdict", "ended_by", "uncovered_s") == [
        ("com.acme.voip", 20, 25, "within_budget", "suspended", 5.0)
    ]


def test_nothing_holds_it_and_it_runs_on(story: Story, seconds: Seconds) -> None:
    # The assertion of the process itself lasts as long as the process: it holds nothing.
    rows = [*OTHERS, (0.5, "assertion.acquired", FRONTBOARD), *in_background(20, 90)]
    runs = story(rows)["background_runs"]
    assert runs.select("verdict", "holders", "budget_s").rows() == [("overstayed", None, 30.0)]
    assert seconds(runs, "longest_uncovered_s", "uncovered_from") == [(70.0, 20)]


def test_without_runningboard_nobody_can_tell(story: Story) -> None:
    lines = [(t, kind, {**fields, "process": "symptomsd"}) for t, kind, fields in in_background(20, 90)]
    assert story(lines)["background_runs"]["verdict"].to_list() == ["not_known"]


@pytest.mark.parametrize("missing", [1, 2])
def test_without_callservicesd_or_the_audio_server_nobody_can_tell(story: Story, missing: int) -> None:
    rows = [row for at, row in enumerate(OTHERS) if at != missing]
    assert story([*rows, *in_background(20, 90)])["background_runs"]["verdict"].to_list() == ["not_known"]


def test_a_call_of_an_unknown_app_may_be_the_reason(story: Story, seconds: Seconds) -> None:
    daemon = {"process": "callservicesd", "pid": 90}
    call: list[Row] = [(21, "call.reported", {**daemon, "direction": "incoming"}), (88, "call.ended", daemon)]
    runs = story([*OTHERS, *call, *in_background(20, 90)])["background_runs"]
    assert seconds(runs, "verdict", "call_s", "uncovered_s") == [("not_known", 0.0, 70.0)]
    # Over at 40 s, it explains nothing of the 50 s that follow.
    call[1] = (40, "call.ended", daemon)
    assert story([*OTHERS, *call, *in_background(20, 90)])["background_runs"]["verdict"].to_list() == ["overstayed"]


@pytest.mark.parametrize(("app", "verdict"), [("com.acme.voip", "not_known"), ("com.other", "overstayed")])
def test_a_call_that_began_before_the_capture_may_be_the_reason(story: Story, app: str, verdict: str) -> None:
    over = (92, "call.ended", {"process": "Acme", "pid": 700, "subject_pid": 700, "bundle": app})
    other = (92, "call.ended", {"process": "Other", "pid": 900, "subject_pid": 900, "bundle": app})
    rows = [*OTHERS, over if app == APP["bundle"] else other, *in_background(20, 90)]
    assert story(rows)["background_runs"].filter(app="com.acme.voip")["verdict"].to_list() == [verdict]


def test_a_call_known_by_the_pid_of_its_app_alone_holds_it(story: Story, seconds: Seconds) -> None:
    hidden = {key: value for key, value in APP.items() if key == "subject_pid"}
    rows: list[Row] = [
        *OTHERS,
        (0, "process.state", hidden | {"state": "running-active", "visibility": "Visible"}),
        (20, "process.state", hidden | {"state": "running-active", "visibility": "NotVisible"}),
        (21, "call.reported", {**UI, "direction": "incoming"}),
        (88, "call.ended", {**UI}),
        (90, "process.state", hidden | {"state": "running-suspended", "visibility": "NotVisible"}),
        (91, "audio_session.activated", {**UI, "session_id": "0x6f", "reason": "CallKit"}),
    ]
    runs = story(rows)["background_runs"].filter(pl.col("pid") == 700)
    assert seconds(runs, "app", "verdict", "call_s") == [(None, "held", 67.0)]


@pytest.mark.parametrize(
    ("name", "originator", "seconds_of", "words"),
    [
        ("CLLocationManager", "com.apple.locationd", "location_s", "location: CLLocationManager"),
        ("CSDVoIPProcessAssertion", "callservicesd", "assertion_s", "push: CSDVoIPProcessAssertion"),
        ("something new", "com.apple.newd", "assertion_s", "assertion: something new"),
    ],
)
def test_an_assertion_is_a_holder_with_a_name(
    story: Story, seconds: Seconds, *, name: str, originator: str, seconds_of: str, words: str
) -> None:
    taken = {**APP, "assertion_id": "31-60-3", "assertion_name": name, "originator": originator}
    rows = [
        (21, "assertion.acquired", taken),
        (88, "assertion.invalidated", {**APP, "assertion_id": "31-60-3"}),
        *in_background(20, 90),
    ]
    runs = story(rows)["background_runs"]
    assert seconds(runs, "verdict", "holders", seconds_of, "uncovered_s") == [("held", words, 67.0, 3.0)]


def test_a_silent_session_is_named(story: Story, seconds: Seconds) -> None:
    rows = [
        (19, "audio_session.activated", UI | {"session_id": "0x6f"}),
        (20, "audio_io.started", UI),
        (30, "audio_io.stopped", UI),
        (89, "audio_session.deactivated", UI | {"session_id": "0x6f"}),
        *in_background(20, 90),
    ]
    runs = story(rows)["background_runs"]
    assert seconds(runs, "verdict", "holders", "audio_s", "silent_audio_s") == [
        ("held", "audio session: 0x6f", 69.0, 59.0)
    ]


def test_a_call_and_then_nothing(story: Story, seconds: Seconds) -> None:
    # The call ends at 40 s; the app stays for another 50 s that nothing explains.
    rows = [
        *OTHERS,
        (15, "call.reported", {**UI, "bundle": "com.acme.voip", "direction": "incoming"}),
        (16, "call.answered", {"process": "callservicesd", "pid": 90}),
        (40, "call.ended", {"process": "callservicesd", "pid": 90}),
        *in_background(20, 90),
    ]
    runs = story(rows)["background_runs"]
    assert seconds(runs, "verdict", "holders", "call_s", "longest_uncovered_s", "uncovered_from") == [
        ("overstayed", "call", 20.0, 50.0, 40)
    ]


def test_a_background_task_is_a_holder(story: Story, seconds: Seconds) -> None:
    rows = [
        (20.5, "background_task.began", {**UI, "task_id": "1", "task_name": "upload"}),
        (80, "background_task.ended", {**UI, "task_id": "1"}),
        *in_background(20, 90),
    ]
    runs = story(rows)["background_runs"]
    assert seconds(runs, "verdict", "holders", "background_task_s", "uncovered_s") == [
        ("held", "background task: upload", 59.5, 10.5)
    ]


def test_at_the_end_of_the_capture_the_run_is_open(story: Story, seconds: Seconds) -> None:
    rows = [*OTHERS, *in_background(20, 90)[:2]]
    runs = story(rows, end=60)["background_runs"]
    assert seconds(runs, "start", "end", "end_how", "verdict", "ended_by") == [
        (20, None, "capture_edge", "overstayed", None)
    ]


def test_the_evidence_of_a_run_tells_what_let_go_and_what_ended_it(story: Story) -> None:
    taken = {**APP, "assertion_id": "31-60-3", "assertion_name": "something new", "originator": "com.apple.newd"}
    given_up = (30.0, "assertion.invalidated", {**APP, "assertion_id": "31-60-3"})
    lines = [*OTHERS, *in_background(20, 90), (21.0, "assertion.acquired", taken), given_up]
    lines.sort(key=lambda line: line[0])
    (evidence,) = story(lines)["background_runs"]["evidence"].to_list()
    assert [lines[ref][0] for ref in evidence] == [20, 21, 30, 90]


def test_the_evidence_of_a_run_keeps_its_edges_among_many_lines(story: Story) -> None:
    echoes = [state(20 + t / 2, "running-active", "NotVisible") for t in range(1, 100)]
    lines = [*OTHERS, *in_background(20, 90), *echoes]
    lines.sort(key=lambda line: line[0])
    (evidence,) = story(lines)["background_runs"]["evidence"].to_list()
    assert len(evidence) <= EVIDENCE_CAP
    assert (lines[evidence[0]][0], lines[evidence[-1]][0]) == (20, 90)


def test_the_evidence_of_a_run_that_ends_with_the_process_tells_its_exit(story: Story) -> None:
    lines = [*OTHERS, *in_background(20, 90)[:2], (80.0, "process.exited", APP)]
    run = story(lines)["background_runs"].row(0, named=True)
    assert run["ended_by"] == "terminated"
    assert run["evidence"][-1] == len(lines) - 1


def test_location_is_proved_though_others_held_for_longer(story: Story) -> None:
    names = [f"holder {number}" for number in range(6)]
    held = [(name, 21.0, 88.0) for name in names] + [("CLLocationManager", 50.0, 60.0)]
    lines = [*OTHERS, *in_background(20, 90)]
    for number, (name, start, end) in enumerate(held):
        printer = "com.apple.newd" if name in names else "com.apple.locationd"
        taken = {**APP, "assertion_id": f"31-60-{number}", "assertion_name": name, "originator": printer}
        lines += [(start, "assertion.acquired", taken), (end, "assertion.invalidated", taken)]
    lines.sort(key=lambda line: line[0])
    run = story(lines)["background_runs"].row(0, named=True)
    assert run["location_s"] > 0
    assert 50.0 in [lines[ref][0] for ref in run["evidence"]]
