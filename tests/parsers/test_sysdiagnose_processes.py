"""Processes and threads at the capture: taskinfo, ps_thread, jetsam_priority, spindump. All texts are synthetic, in the layouts that the readers name as their source."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose.sidecar import integer, size, yes

CAPTURE = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
SIDECARS = Path(__file__).parent / "sidecars"

TASKINFO = (SIDECARS / "taskinfo.txt").read_text("utf-8")
PS_THREAD = (SIDECARS / "ps_thread.txt").read_text("utf-8")
JETSAM_TEXT = (SIDECARS / "jetsam_priority.txt").read_text("utf-8")
JETSAM_CSV = (SIDECARS / "jetsam_priority.csv").read_text("utf-8")
SPINDUMP = (SIDECARS / "spindump-nosymbols.txt").read_text("utf-8")


def test_taskinfo_tells_launches_and_threads(sidecar: Any) -> None:
    problems = Problems()
    source = sidecar("taskinfo.txt", TASKINFO, problems)
    launchd, app = sidecar.rows(source, "processes_at_capture")
    assert launchd["launch_time"] == CAPTURE - timedelta(seconds=216)
    assert launchd["cpu_time_s"] == pytest.approx(2.870602)
    assert (launchd["threads"], launchd["suspended"], launchd["is_app"]) == (1, False, False)
    assert (app["pid"], app["process"], app["run_time_s"], app["threads"]) == (951, "AcmeVoIP", 2510, 2)
    assert (app["role"], app["darwin_background"], app["suspended"]) == ("TASK_BACKGROUND_APPLICATION", True, True)
    assert (app["footprint_bytes"], app["footprint_peak_bytes"]) == (80 << 20, 3 << 29)
    threads = sidecar.rows(source, "threads_at_capture")
    assert [(row["pid"], row["tid"], row["state"], row["name"]) for row in threads] == [
        (1, 0x338, "TH_STATE_WAITING", None),
        (951, 0x400, "TH_STATE_STOPPED", None),
        (951, 0x401, "TH_STATE_STOPPED", "com.apple.audio.IOThread.client"),
    ]
    assert (threads[0]["base_priority"], threads[0]["priority"], threads[0]["qos"]) == (31, 30, "THREAD_QOS_LEGACY")
    assert threads[1]["cpu_time_s"] == 1.25
    assert source.coverage().certainty_ns == 600 * 10**9
    assert not list(problems)


def test_threads_are_counted_by_process(sidecar: Any) -> None:
    rows = sidecar.rows(sidecar("ps_thread.txt", PS_THREAD), "processes_at_capture")
    assert [(row["pid"], row["process"], row["threads"]) for row in rows] == [(1, "launchd", 3), (951, "AcmeVoIP", 1)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("jetsam_priority.txt", JETSAM_TEXT, (951, 100, "FG", 120 << 20, round(1.4 * (1 << 30)))),
        ("jetsam_priority.csv", JETSAM_CSV, (951, 120, "Audio", 122_880 << 10, 1_433_600 << 10)),
    ],
)
def test_jetsam_priorities_follow_the_header(sidecar: Any, name: str, text: str, expected: tuple[object, ...]) -> None:
    problems = Problems()
    rows = {row["process"]: row for row in sidecar.rows(sidecar(name, text, problems), "processes_at_capture")}
    columns = ("pid", "jetsam_priority", "jetsam_band", "footprint_bytes", "jetsam_limit_bytes")
    assert tuple(rows["AcmeVoIP"][column] for column in columns) == expected
    assert (rows["heard"]["jetsam_band"], rows["heard"]["jetsam_limit_bytes"]) == ("Idle", 6 << 20)
    assert set(rows) == {"AcmeVoIP", "heard"}
    assert [problem.kind for problem in problems] == (["unreadable-line"] if name.endswith("txt") else [])


def test_an_unknown_jetsam_layout_is_no_guess(sidecar: Any) -> None:
    problems = Problems()
    source = sidecar("jetsam_priority.txt", "pid band pages\n1 2 3\n", problems)
    assert sidecar.rows(source, "processes_at_capture") == []
    assert [(problem.kind, problem.sample) for problem in problems] == [("unknown-layout", "pid band pages")]


def test_spindump(sidecar: Any) -> None:
    source = sidecar("spindump-nosymbols.txt", SPINDUMP)
    (app,) = sidecar.rows(source, "processes_at_capture")
    begun = datetime(2026, 1, 15, 9, 30, 1, 250_000, tzinfo=UTC)
    assert (app["time"], app["launch_time"]) == (begun, begun - timedelta(seconds=2511))
    assert (app["ppid"], app["footprint_bytes"], app["threads"]) == (1, 3792 << 10, 2)
    main, audio = sidecar.rows(source, "threads_at_capture")
    assert (main["queue"], main["tid"], main["priority"]) == ("com.apple.main-thread", 0x8B6, 31)
    assert (audio["name"], audio["priority"], audio["base_priority"]) == ("AURemoteIO::IOThread", 80, 63)
    assert (audio["cpu_time_s"], main["cpu_time_s"]) == (0.005, None)


def test_a_spindump_without_samples_says_so(sidecar: Any) -> None:
    text = SPINDUMP.partition("-----")[0] + "No samples\n"
    source = sidecar("spindump-nosymbols.txt", text)
    assert sidecar.rows(source, "threads_at_capture") == []
    assert source.coverage().notes == ("no samples were taken",)


def test_small_texts() -> None:
    assert [size(text) for text in ("1.5KB", "4096", "12.23 MB", "---", "1" * 30)] == [
        1536,
        4096,
        12_824_084,
        None,
        None,
    ]
    assert [integer(text) for text in ("-1", "12", "", "1" * 30, "²")] == [-1, 12, None, None, None]
    assert [yes(text) for text in ("YES (boosted)", "N", "-")] == [True, False, None]
