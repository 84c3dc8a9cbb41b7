"""Who is who: pids, bundles and names joined from witnesses that each know a part."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from traceview.episodes.identity import identify
from traceview.episodes.schema import Episodes
from traceview.episodes.tables import Span

Make = Callable[[list[tuple[float, str, dict[str, Any]]]], pl.DataFrame]
Story = Callable[..., Episodes]
Seconds = Callable[..., list[tuple[Any, ...]]]
APP = {"bundle": "com.acme.voip", "subject_pid": 700}


def owner_of(episodes: Episodes, pid: int) -> dict[str, Any]:
    return episodes["processes"].filter(pl.col("pid") == pid).row(0, named=True)


def test_bundle_name_and_pid_come_from_three_witnesses(story: Story) -> None:
    # RunningBoard ties bundle and pid, the audio server a cut name and pid, the app's own line tells the whole name.
    episodes = story(
        (1, "process.identity", APP),
        (
            2,
            "audio_session.activated",
            {"process": "audiomxd", "pid": 80, "subject": "MobileJarvisNati", "subject_pid": 700},
        ),
        (3, "audio_io.started", {"process": "MobileJarvisNative", "pid": 700}),
        (4, "background_task.began", {"process": "MobileJarvisNative", "pid": 700}),
    )
    process = owner_of(episodes, 700)
    assert (process["app"], process["process"], process["is_app"]) == ("com.acme.voip", "MobileJarvisNative", True)
    assert episodes["background_tasks"]["app"].to_list() == ["com.acme.voip"]


def test_a_pid_after_an_exit_is_another_process(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (1, "process.launched", APP),
        (10, "process.exited", APP),
        (11, "process.state", {**APP, "state": "none"}),  # clean-up of the same death
        (30, "process.state", {**APP, "state": "running-active", "visibility": "Visible"}),
    )
    lives = seconds(episodes["processes"].filter(pl.col("pid") == 700), "start", "end", "start_how", "end_how")
    assert lives == [(1, 10, "observed", "observed"), (30, None, "inferred", "capture_edge")]


def test_a_pid_that_another_bundle_takes_over_is_another_process(story: Story) -> None:
    episodes = story(
        (1, "process.identity", APP),
        (5, "process.identity", APP),
        (9, "process.identity", {**APP, "bundle": "com.other"}),
    )
    apps = episodes["processes"].filter(pl.col("pid") == 700).sort("start")
    assert apps["app"].to_list() == ["com.acme.voip", "com.other"]
    assert apps["end_how"].to_list() == ["inferred", "capture_edge"]


def test_a_launch_request_without_pid_belongs_to_the_process_that_follows(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (1, "process.launched", APP),
        (10, "process.exited", APP),
        (20, "process.launched", {"bundle": "com.acme.voip", "reason": "FBApplicationProcess"}),
        (20.1, "process.launched", {**APP, "subject_pid": 701}),
    )
    assert seconds(episodes["processes"].filter(pl.col("app").is_not_null()), "pid", "start", "end") == [
        (700, 1, 10),
        (701, 20.1, None),
    ]


def test_console_copies_without_pids_join_by_name(story: Story) -> None:
    # The app's own lines carry no pid; the audio server's do. The cut name joins them.
    no_pid = {"process": "MobileJarvisNative", "pid": None}
    episodes = story(
        (
            1,
            "audio_session.created",
            {"process": "audiomxd", "pid": None, "subject": "MobileJarvisNati", "subject_pid": 1766},
        ),
        (2, "background_task.began", no_pid),
    )
    assert episodes["background_tasks"]["pid"].to_list() == [1766]


def test_without_any_pid_the_product_name_leads_to_the_bundle(story: Story) -> None:
    # Xcode's default: the last component of the bundle id is the product name.
    episodes = story(
        (1, "app.foreground", {"process": "SpringBoard", "pid": None, "bundle": "com.acme.Voice-App"}),
        (2, "background_task.began", {"process": "Voice App", "pid": None}),
        (3, "background_task.began", {"process": "Stranger", "pid": None}),
    )
    assert episodes["background_tasks"].select("app", "process").rows() == [
        ("com.acme.Voice-App", "Voice App"),
        (None, "Stranger"),
    ]


def test_two_spellings_of_a_product_name_lead_to_one_bundle(story: Story) -> None:
    episodes = story(
        (1, "app.foreground", {"process": "SpringBoard", "pid": None, "bundle": "com.acme.Voice-App"}),
        (2, "background_task.began", {"process": "Voice App", "pid": None}),
        (3, "background_task.began", {"process": "voice-app", "pid": None}),
    )
    assert episodes["background_tasks"]["app"].to_list() == ["com.acme.Voice-App"] * 2


def test_the_product_name_gives_a_pid_its_bundle(story: Story) -> None:
    # SpringBoard names the bundle, the app's own lines the pid; no line has both.
    episodes = story(
        (1, "app.foreground", {"process": "SpringBoard", "pid": 60, "bundle": "com.acme.VoiceApp"}),
        (2, "background_task.began", {"process": "VoiceApp", "pid": 700}),
    )
    process = owner_of(episodes, 700)
    assert (process["app"], process["process"], process["is_app"]) == ("com.acme.VoiceApp", "VoiceApp", True)
    assert episodes["app_states"].select("app", "pid", "state").rows() == [("com.acme.VoiceApp", 700, "foreground")]


def test_lines_without_printer_are_one_nameless_process(story: Story) -> None:
    nobody = {"process": None, "pid": None}
    episodes = story((1, "audio_session.activated", {**nobody, "session_id": "0x1"}), (2, "audio_io.started", nobody))
    assert episodes["audio_sessions"].select("process", "activated_by", "session_id").rows() == [(None, "app", "0x1")]
    assert episodes["audio_sessions"]["io_started"].null_count() == 0


def test_extensions_are_no_apps_but_name_their_host(story: Story) -> None:
    service = {"bundle": "com.acme.voip.push", "subject_pid": 710, "host_bundle": "com.acme.voip", "host_pid": 700}
    episodes = story(
        (1, "process.state", {**service, "state": "running-active"}),
        (2, "background_task.began", {"process": "Acme", "pid": 700}),
    )
    extension, app = owner_of(episodes, 710), owner_of(episodes, 700)
    assert (extension["is_app"], extension["host_app"]) == (False, "com.acme.voip")
    assert (app["app"], app["is_app"]) == ("com.acme.voip", True)


def test_one_boot_after_another_reuses_pids(story: Story, seconds: Seconds) -> None:
    episodes = story(
        (1, "process.identity", {**APP, "boot_uuid": "A"}),
        (50, "process.identity", {**APP, "bundle": "com.x", "boot_uuid": "B"}),
    )
    lives = seconds(episodes["processes"].filter(pl.col("pid") == 700), "app", "boot_uuid", "start", "end", "end_how")
    assert lives == [("com.acme.voip", "A", 1, 1, "inferred"), ("com.x", "B", 50, None, "capture_edge")]


def test_an_old_crash_report_is_not_the_process_that_has_its_pid_today(story: Story) -> None:
    episodes = story(
        (
            1,
            "process.terminated",
            {
                **APP,
                "bundle": "com.acme.voip",
                "signal": "report.crash",
                "process": "ReportCrash",
                "code": "0xb",
                "namespace": "SIGNAL",
            },
        ),
        (90, "process.state", {**APP, "state": "running-active", "visibility": "Visible"}),
    )
    assert episodes["terminations"]["kind"].to_list() == ["crash"]
    assert episodes["app_states"].filter(pl.col("state") == "foreground").height == 1
    assert episodes["processes"].filter(pl.col("pid") == 700).height == 2


@pytest.mark.parametrize("printer", ["SpringBoard", "callservicesd", "locationd"])
def test_daemons_never_speak_of_themselves(story: Story, printer: str) -> None:
    episodes = story((1, "call.answered", {"process": printer, "pid": 60, "direction": "incoming"}))
    assert episodes["calls"].select("app", "process", "pid").rows() == [(None, None, None)]


def test_a_line_that_two_files_of_the_capture_hold_counts_once(story: Story) -> None:
    overload = {
        "process": "Acme",
        "pid": 700,
        "tid": 5,
        "message": "skipping cycle due to overload",
        "bundle": "com.acme.voip",
    }
    twice = story(*[(t, "audio_io.overload", overload) for t in (10.000123, 10.000123, 10.020456)])
    assert twice["glitches"]["count"].to_list() == [2]
    # Times of whole milliseconds may be those of two lines.
    coarse = story(*[(t, "audio_io.overload", overload) for t in (10.001, 10.001)])
    assert coarse["glitches"]["count"].to_list() == [2]


def test_events_of_a_kind_or_of_a_family_of_kinds(make_events: Make) -> None:
    events = make_events([(1, "call.reported", APP), (2, "call.ended", APP), (3, "push.received", APP)])
    context = identify(events, Span.of(events))
    assert context.of_kind("call.")["kind"].to_list() == ["call.reported", "call.ended"]
    assert context.of_kind("push.received", "call.ended")["kind"].to_list() == ["call.ended", "push.received"]
    assert context.of_kind("call").is_empty()
    assert context.of_kind("call.report").is_empty()
    assert context.tells("ptt.", "push.received")
    assert not context.tells("ptt.", "push")
