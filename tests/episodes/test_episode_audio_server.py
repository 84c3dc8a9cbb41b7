"""The end of the audio server: told by its process, by a new one, or by apps, some of them late."""

from collections.abc import Callable
from typing import Any

import pytest

from traceview.episodes.schema import Episodes

Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
Row = tuple[float, str, dict[str, Any]]
ID = {"bundle": "com.acme.voip", "subject_pid": 700}
APP = {"process": "Acme", "pid": 700, **ID}
CALLS = {"process": "callservicesd", "pid": 90}
OTHER = {"process": "Other", "pid": 800, "signal": "avas-services-reset"}
KIND = "media_services.reset"


def line(t: float, what: str, pid: int = 80) -> Row:
    return (
        t,
        f"audio_session.{what}",
        {"process": "audiomxd", "pid": pid, "subject": "Acme", "session_id": "0x6f", **ID},
    )


def call(start: float, end: float, *, until: int = 80) -> list[Row]:
    return [
        (start, "call.reported", {**APP, "direction": "incoming"}),
        (start + 1, "call.answered", CALLS),
        line(start + 2, "activated"),
        (end, "call.ended", CALLS),
        line(end, "deactivated", until),
    ]


def died(t: float, label: str = "com.apple.audiomxd", **told: Any) -> Row:
    return (t, "process.exited", {"subject": label, "subject_pid": 80, "code": "6", **told})


def said(t: float, what: str, **by: Any) -> Row:
    return (t, KIND, {**OTHER, "reason": what, **by})


def resets(episodes: Episodes, seconds: Seconds) -> list[tuple[Any, ...]]:
    return seconds(episodes["glitches"].filter(kind="media_services_reset"), "start", "in_call", "count")


def sessions(episodes: Episodes, seconds: Seconds) -> list[tuple[Any, ...]]:
    return seconds(episodes["audio_sessions"], "start", "end", "end_how", "stopped_by")


@pytest.mark.parametrize("label", ["com.apple.audiomxd", "com.apple.mediaserverd", "audiomxd"])
def test_the_end_of_its_process_is_a_reset(story: Story, seconds: Seconds, label: str) -> None:
    server = label.rpartition(".")[2]
    rows = [*call(10, 60, until=85), line(31, "activated", 85)]
    rows = [(t, kind, {**told, "process": told["process"].replace("audiomxd", server)}) for t, kind, told in rows]
    episodes = story(rows, died(30, label))
    assert resets(episodes, seconds) == [(30, True, 1)]
    assert sessions(episodes, seconds) == [
        (12, 30, "observed", "media_services_reset"),
        (31, 60, "observed", "app"),
    ]


def test_a_new_process_shows_it_where_an_app_lived_through_it(story: Story, seconds: Seconds) -> None:
    episodes = story(call(10, 60, until=85), line(31, "activated", 85))
    assert resets(episodes, seconds) == [(31, True, 1)]
    assert sessions(episodes, seconds)[0] == (12, 31, "inferred", "media_services_reset")


def test_another_process_after_a_restart_of_the_device_shows_nothing(story: Story, seconds: Seconds) -> None:
    later = {"bundle": "com.acme.voip", "subject_pid": 712}
    another = {"process": "audiomxd", "pid": 85, "subject": "Acme", "session_id": "0x70", **later}
    episodes = story(line(10, "activated"), line(20, "deactivated"), (70, "audio_session.activated", another))
    assert resets(episodes, seconds) == []


@pytest.mark.parametrize("both", [("audiomxd", "mediaserverd"), ("audiomxd", "audiomxd")])
def test_two_servers_at_a_time_are_no_reset(story: Story, seconds: Seconds, both: tuple[str, str]) -> None:
    active = {"subject": "Acme", "session_id": "0x6f", **ID}
    rows = [
        (10.0 + at, "audio_session.client_state", {"process": both[at % 2], "pid": 80 + at % 2, **active})
        for at in range(4)
    ]
    assert resets(story(rows), seconds) == []


@pytest.mark.parametrize("told", [True, False])
def test_where_audiomxd_runs_the_end_of_mediaserverd_is_no_reset(
    story: Story,
    seconds: Seconds,
    told: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    older = {"subject": "Music", "subject_pid": 900, "session_id": "0x9", "process": "mediaserverd"}
    rows = [(15, "audio_session.client_state", {**older, "pid": 81})]
    rows += [died(20, "com.apple.mediaserverd", subject_pid=81)] if told else []
    episodes = story(call(10, 60), rows, (26, "audio_session.client_state", {**older, "pid": 381}))
    assert resets(episodes, seconds) == []
    assert sessions(episodes, seconds)[0] == (12, 60, "observed", "app")


def test_a_server_that_nobody_used_takes_no_audio_with_it(story: Story, seconds: Seconds) -> None:
    killed = {"process": "kernel", "pid": 0, "reason": "idle-exit"}
    episodes = story((30, "jetsam.killed", {"subject": "mediaserverd", "subject_pid": 81, **killed}))
    assert resets(episodes, seconds) == []


def test_an_app_that_slept_tells_of_a_reset_long_before(story: Story, seconds: Seconds) -> None:
    episodes = story(died(5), call(40, 90, until=80), said(60, "Lost"), said(60.1, "Reset"))
    assert resets(episodes, seconds) == [(5, False, 1)]
    assert sessions(episodes, seconds) == [(42, 90, "observed", "app")]


def test_an_app_that_ran_since_tells_of_another_one(story: Story, seconds: Seconds) -> None:
    ran = (30, "audio_session.configured", {"process": "Other", "pid": 800, "category": "Playback"})
    episodes = story(died(5), ran, said(60, "Lost"))
    assert resets(episodes, seconds) == [(5, False, 1), (60, False, 1)]


def test_a_session_that_lives_on_was_not_lost(story: Story, seconds: Seconds) -> None:
    episodes = story(call(40, 90), said(60, "Lost"), said(60.1, "Reset"))
    assert resets(episodes, seconds) == [(60, False, 1)]
    assert sessions(episodes, seconds) == [(42, 90, "observed", "app")]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([], id="not heard of any more"),
        pytest.param([line(63, "deactivated")], id="its app cleans up"),
        pytest.param([line(63, "activated"), line(90, "deactivated")], id="activated again"),
    ],
)
def test_a_session_that_shows_no_life_went_with_it(story: Story, seconds: Seconds, after: list[Row]) -> None:
    episodes = story(line(42, "activated"), said(60, "Lost"), said(60.1, "Reset"), after)
    assert sessions(episodes, seconds)[0] == (42, 60, "observed", "media_services_reset")


def test_a_process_of_ios_is_told_at_once(story: Story, seconds: Seconds) -> None:
    episodes = story(call(40, 90), said(60, "Lost", process="SpringBoard", pid=34))
    assert resets(episodes, seconds) == [(60, True, 1)]
    assert sessions(episodes, seconds)[0] == (42, 60, "observed", "media_services_reset")
