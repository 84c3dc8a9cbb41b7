"""Deaths: kinds, codes and witnesses."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes import codes
from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
HANDLE = "[app<com.acme.voip((null))>:700]"
APP = {"bundle": "com.acme.voip", "subject_pid": 700, "message": HANDLE}


def test_four_witnesses_of_one_death(story: Story, seconds: Seconds) -> None:
    # RunningBoard decides, launchd reports signal 9, FrontBoard sees it gone, the report follows 4 s later.
    episodes = story(
        (10, "process.terminated", {**APP, "code": "0x8badf00d", "namespace": "10", "reason": "scene-update watchdog"}),
        (10.3, "process.exited", {**APP, "code": "0x9", "namespace": "2"}),
        (10.4, "process.exited", {**APP, "process": "SpringBoard", "pid": 60}),
        (14, "process.terminated", {**APP, "signal": "report.crash", "code": "0x8badf00d", "namespace": "FRONTBOARD"}),
    )
    columns = ("start", "end", "kind", "code", "namespace", "explanation")
    assert seconds(episodes["terminations"], *columns) == [
        (10, 10.3, "watchdog", "0x8badf00d", "FRONTBOARD", "scene-update watchdog")
    ]
    assert episodes["terminations"]["evidence"].list.len().to_list() == [4]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("watchdog", {"code": "0x8badf00d"}),
        ("watchdog", {"code": "2343432205"}),  # as .ips files print it
        ("lock_held", {"code": "0xdead10cc"}),
        ("lock_held", {"reason": "was suspended with locked system files"}),
        ("push_unreported", {"code": "0xBAADCA11"}),
        (
            "push_unreported",
            {"reason": "Killing app because it never posted an incoming call to the system after a push"},
        ),
        ("background_task", {"code": "0x2182bad2", "namespace": "15"}),
        ("background_task", {"code": "0x2182bad4"}),
        ("resumed_too_often", {"code": "0xbad22222"}),
        ("thermal", {"code": "0xc00010ff"}),
        ("disk", {"code": "0xbaddd15c"}),
        ("resource", {"code": "0xd00d2bad"}),
        ("user", {"code": "0xdeadfa11", "reason": "killed from app switcher"}),
        ("debug", {"reason": "BG Kill Demo"}),
        ("cpu", {"reason": "CPU limit exceeded", "namespace": "RESOURCE"}),
        ("jetsam", {"namespace": "1", "code": "0x7"}),
        ("crash", {"namespace": "2", "code": "0xb"}),  # SIGSEGV
        ("crash", {"namespace": "SIGNAL", "code": "0xa"}),  # SIGBUS, iOS 14.5 line: (2, 10, 10)
        ("unknown", {"namespace": "2", "code": "0x9"}),  # SIGKILL says nothing about the cause
        ("normal_exit", {"code": "0x0"}),
        ("unknown", {}),
    ],
)
def test_kinds(story: Story, kind: str, fields: dict[str, Any]) -> None:
    episodes = story((10, "process.terminated", {**APP, **fields}), (10.1, "process.exited", APP))
    assert episodes["terminations"]["kind"].to_list() == [kind]


def test_the_kernel_names_jetsam(story: Story) -> None:
    kill = {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700, "reason": "per-process-limit"}
    episodes = story((5, "process.identity", APP), (10, "jetsam.killed", kill))
    assert episodes["terminations"].select("app", "kind", "explanation").rows() == [
        ("com.acme.voip", "jetsam", "per-process-limit")
    ]


def test_a_request_that_the_process_outlives_is_no_death(story: Story) -> None:
    episodes = story(
        (10, "process.terminated", {**APP, "reason": "too many assertions"}),
        (60, "process.state", {**APP, "state": "running-active", "visibility": "Visible"}),
    )
    assert episodes["terminations"].is_empty()
    assert episodes["processes"]["end_how"].to_list() == ["capture_edge", "capture_edge"]


def test_a_kill_without_a_time_stands_behind_the_line_above(story: Story, seconds: Seconds) -> None:
    demo = {**APP, "time": None, "reason": "BG Kill Demo"}
    episodes = story((10, "process.suspended", APP), (0, "process.terminated", demo))
    assert seconds(episodes["terminations"], "start", "start_how", "kind") == [(10, "inferred", "debug")]
    # Its moment is unknown, so it does not end the suspension.
    assert seconds(episodes["suspensions"], "end") == [(None,)]


def test_state_and_call_at_the_time_of_death(story: Story) -> None:
    episodes = story(
        (5, "process.state", {**APP, "process": "dasd", "state": "running-active", "visibility": "NotVisible"}),
        (6, "call.reported", {"process": "Acme", "pid": 700, "direction": "incoming"}),
        (10, "process.terminated", {**APP, "code": "0x8badf00d"}),
        (10.1, "process.exited", APP),
    )
    assert episodes["terminations"].select("app_state", "in_call").rows() == [("background", True)]


@pytest.mark.parametrize(("value", "held"), [(2048.0, 2097152.0), (0.0, None), (None, None)])
def test_what_a_victim_held_is_in_bytes(story: Story, value: float | None, held: float | None) -> None:
    told = {**APP, "process": "kernel", "pid": 0, "reason": "per-process-limit", "value": value}
    episodes = story((5, "process.launched", APP), (10, "jetsam.killed", told), (10.1, "process.exited", APP))
    assert episodes["terminations"].select("kind", "memory_bytes").rows() == [("jetsam", held)]


def test_idle_daemons_come_and_go_without_a_row(story: Story) -> None:
    service = {"bundle": "com.apple.Maps.widget", "subject_pid": 800, "message": "xpcservice<com.apple.Maps.widget>"}
    audio = {"subject": "mediaserverd", "subject_pid": 80}
    episodes = story((10, "process.exited", service), (20, "process.exited", audio))
    assert episodes["terminations"]["process"].to_list() == ["mediaserverd"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0x8BADF00D", 0x8BADF00D),
        (" 10 ", 10),
        ("", None),
        ("0x", None),
        ("12ab", None),
        ("-1", None),
        ("9" * 30, None),
        (None, None),
        ("٣", None),
    ],
)
def test_codes_as_numbers(text: str | None, number: int | None) -> None:
    assert codes.number(text) == number


def test_codes_that_are_no_numbers_stay_as_printed() -> None:
    assert codes.normalised("0xDEAD10CC") == "0xdead10cc"
    assert codes.normalised("EXC_GUARD") == "EXC_GUARD"
    assert codes.namespace("OS_REASON_RUNNINGBOARD") == "RUNNINGBOARD"
    assert codes.namespace("SPRINGBOARD") == codes.namespace("10") == "FRONTBOARD"


def test_a_corpse_alone_is_no_death(story: Story) -> None:
    # Real macOS 12 archive: kernelmanagerd crosses a soft memory limit, the kernel takes a corpse, the process lives on.
    kernel = {"process": "kernel", "pid": 0, "subject": "Acme", "subject_pid": 700}
    corpse = (10.0, "process.exited", {**kernel, "confidence": 0.6, "reason": "crash report"})
    limit = (10.1, "resource.memory", {**kernel, "reason": "InactiveSoft", "action": "non-fatal", "limit": 15.0})
    episodes = story((5, "process.identity", APP), corpse, limit)
    assert episodes["terminations"].is_empty()
    assert episodes["resource_events"]["fatal"].to_list() == [False]
    # Together with launchd's word it is evidence of the crash.
    crash = story(
        (5, "process.identity", APP), corpse, (10.2, "process.exited", {**APP, "namespace": "2", "code": "0xa"})
    )
    assert crash["terminations"].select("kind", pl.col("evidence").list.len()).rows() == [("crash", 2)]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"visibility": "Background", "state": "Suspended"}, "suspended"),
        ({"visibility": "Background", "state": "Running"}, "background"),
        ({"state": "Foreground"}, "foreground"),  # procRole of a crash report
        ({"state": "Non UI"}, None),
    ],
)
def test_the_kill_itself_tells_the_state_where_nothing_else_does(
    story: Story, fields: dict[str, Any], state: str
) -> None:
    episodes = story((10, "process.terminated", {**APP, "code": "0x8badf00d", **fields}))
    assert episodes["terminations"]["app_state"].to_list() == [state]
