"""Text reports and ``taskinfo.txt`` that are cut short: each cut that loses a fact is told."""

from pathlib import Path
from typing import Any

import pytest

from traceview.sources import unread
from traceview_parsers import open_trace
from traceview_parsers.problems import Problems

SAMPLES = Path(__file__).parents[2] / "sample_traces"
SIDECARS = Path(__file__).parent / "sidecars"
CPU = """\
Date/Time:        2026-01-15 09:50:29.200 +0100
End time:         2026-01-15 09:51:39.400 +0100
OS Version:       iPhone OS 26.2 (Build 23C55)
Architecture:     arm64e
Command:          AcmeVoIP
PID:              611
Event:            cpu usage
Action taken:     none
CPU:              48 seconds cpu time over 59 seconds (81% cpu average), exceeding limit of 80% cpu over 60 seconds
Duration:         70.20s
"""
CRASH = """\
Incident Identifier: 5E6F0000-0000-0000-0000-000000000000
Process:             AcmeVoIP [611]
Date/Time:           2026-01-15 09:05:10.1234 +0100
OS Version:          iPhone OS 14.8 (18H17)
Exception Type:  EXC_CRASH (SIGKILL)
Termination Reason: Namespace RUNNINGBOARD, Code 0xdead10cc

EOF"""


def told(path: Path) -> tuple[list[str], dict[str, Any]]:
    with open_trace(path) as trace:
        (row,) = trace.table("reports").to_pylist()
        kinds = {"truncated", "no-last-line-feed"}
        return [problem.message for problem in trace.problems if problem.kind in kinds], row


@pytest.mark.parametrize(
    ("text", "cut", "message"),
    [
        (CPU, len(CPU), None),
        (CPU, CPU.index("Duration"), None),
        (CPU, CPU.index("CPU:"), "it tells no limit"),
        (CPU, CPU.index("% cpu over 60"), "it tells no limit"),
        (CPU, CPU.index(":  ", CPU.index("Duration")), "does not end with a line feed"),
        (CRASH, len(CRASH), None),
        (CRASH, CRASH.index("\nEOF"), None),
        (CRASH, CRASH.index("Exception Type"), "it tells no exception"),
        (CRASH, CRASH.index("0xdead"), "does not end with a line feed"),
    ],
)
def test_what_a_text_report_lacks_is_told(tmp_path: Path, text: str, cut: int, message: str | None) -> None:
    path = tmp_path / "AcmeVoIP.ips"
    header = '{"bug_type":"202","timestamp":"2026-01-15 09:51:39.00 +0100","name":"AcmeVoIP"}\n'
    path.write_text((header if text is CPU else header.replace("202", "109")) + text[:cut])
    messages, row = told(path)
    assert len(messages) == (message is not None)
    assert message is None or message in messages[0]
    assert row["process"] == "AcmeVoIP"


@pytest.mark.parametrize(
    ("text", "doubtful"), [(CPU, False), (CPU.removesuffix("\n"), False), (CPU[: CPU.index("CPU:")], True)]
)
def test_a_report_copied_without_its_last_line_feed_is_not_called_unread(
    tmp_path: Path, text: str, *, doubtful: bool
) -> None:
    path = tmp_path / "AcmeVoIP.ips"
    path.write_text('{"bug_type":"202","timestamp":"2026-01-15 09:51:39.00 +0100","name":"AcmeVoIP"}\n' + text)
    with open_trace(path) as trace:
        assert trace.table("reports").num_rows == 1
        assert (unread(trace.problems) is not None) is doubtful
        assert len(list(trace.problems)) == (text != CPU)


@pytest.mark.parametrize("name", ["cpu_resource-2020", "diskwrites_resource-2020", "snapchat_many_wakes"])
def test_any_cut_of_a_real_report_that_loses_its_limit_is_told(real: Path, tmp_path: Path, name: str) -> None:
    (path,) = [file for file in (real / "ips").rglob("*") if name in file.name]
    whole = path.read_bytes()
    messages, row = told(path)
    assert not messages
    limit = row["limit"]
    cut = tmp_path / path.name
    for share in range(1, 60, 2):
        cut.write_bytes(whole[: len(whole) * share // 1000 + 700])
        messages, row = told(cut)
        assert row["limit"] == limit or messages


@pytest.mark.parametrize(("keep", "kind"), [(1.0, None), (0.5, "truncated"), (0.9, "truncated")])
def test_a_cut_taskinfo_is_told(sidecar: Any, keep: float, kind: str | None) -> None:
    text = (SIDECARS / "taskinfo.txt").read_text("utf-8")
    problems = Problems()
    list(sidecar("taskinfo.txt", text[: int(len(text) * keep)], problems).batches("processes_at_capture"))
    assert [problem.kind for problem in problems if problem.kind != "unreadable-line"] == ([kind] if kind else [])


def test_fewer_tasks_than_announced_are_told(sidecar: Any) -> None:
    text = (SIDECARS / "taskinfo.txt").read_text("utf-8")
    problems = Problems()
    list(
        sidecar("taskinfo.txt", text.replace("num tasks: 2", "num tasks: 412"), problems).batches(
            "processes_at_capture"
        )
    )
    assert [(problem.kind, problem.count) for problem in problems] == [("fewer-tasks", 410)]
