"""Kinds of reports, limits, hangs and stackshots.

Bodies marked synthetic are made here, in the layouts that the readers name as their source: no whole real report of
these kinds is public.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.ips import kinds
from traceview_parsers.ips.fields import time_ns, utc_offset_s
from traceview_parsers.ips.kinds import of_name
from traceview_parsers.ips.limits import hang_seconds, usage
from traceview_parsers.ips.rows import read_report

STAMP = "2026-01-15 10:11:12.00 +0100"


def header(bug_type: str, **more: object) -> str:
    return json.dumps(
        {"bug_type": bug_type, "timestamp": STAMP, "os_version": "iPhone OS 26.2 (23C55)", "synthetic": True} | more
    )


def row_of(text: str, name: str = "") -> dict[str, Any]:
    row, _, _ = read_report(text, name)
    return row


def resource(subtype: str, message: str) -> str:
    body = {"synthetic": True, "procName": "AcmeVoIP", "pid": 913, "captureTime": STAMP}
    exception = {"type": "EXC_RESOURCE", "subtype": subtype, "message": message}
    return header("385", name="AcmeVoIP") + "\n" + json.dumps(body | {"exception": exception})


@pytest.mark.parametrize(
    ("subtype", "message", "kind", "figures"),
    [
        ("CPU", " (Limit 50%) Observed 60% over 180 secs", "cpu", (108.0, 180.0, 50.0)),
        ("CPU_FATAL", " (Limit 80%) Observed 89% over 60 secs", "cpu_fatal", (53.4, 60.0, 80.0)),
        ("WAKEUPS", " (Limit 150/sec) Observed 195/sec over 300 secs", "wakeups", (58_500.0, 300.0, 150.0)),
        ("MEMORY", " (Limit 50 MB) Crossed High Water Mark", "memory", (None, None, 50.0 * 2**20)),
        ("IO", " (Limit 1024 MB) Observed 2048 MB over 64 secs", "disk_writes", (2.0**31, 64.0, 2.0**24)),
        ("THREADS", " (Limit 4096 threads) Crossed Thread Limit", "resource", (None, None, 4096.0)),
        (
            "PORTS",
            " (Limit 20000 ports) Crossed system-wide per-process Port Limit",
            "resource",
            (None, None, 20_000.0),
        ),
        ("NEW", "something else", "resource", (None, None, None)),
    ],
)
def test_exceptions_of_resources(subtype: str, message: str, kind: str, figures: tuple[float | None, ...]) -> None:
    row = row_of(resource(subtype, message))
    assert row["kind"] == kind
    assert tuple(row.get(column) for column in ("used", "window_s", "limit")) == pytest.approx(figures)
    assert (row["exception"], row["pid"]) == ("EXC_RESOURCE", 913)


def test_old_wording_of_cpu_time() -> None:
    # quoted from a report of 2017
    used = usage("144s cpu time over 173 seconds (83% cpu average), exceeding limit of 80% cpu over 180 seconds")
    assert used is not None
    assert (used.used, used.window_s, used.limit) == (144, 173, 80)


@pytest.mark.parametrize("code", [3735883980, "3735883980", "0xDEAD10CC"])
def test_codes_in_decimal_and_hexadecimal(code: object) -> None:
    body = {"synthetic": True, "procName": "AcmeVoIP", "termination": {"namespace": "RUNNINGBOARD", "code": code}}
    assert row_of(header("309") + "\n" + json.dumps(body))["code"] == "0xdead10cc"


HANG = """Date/Time:        2026-01-15 10:11:02.150 +0100
End time:         2026-01-15 10:11:12.000 +0100
OS Version:       iPhone OS 26.2 (Build 23C55)
Architecture:     arm64e
Report Version:   65
Incident Identifier: D6718F0D-3223-4EE2-AC47-1BFE70B7C96D

Reason:           UIKit-runloop-AcmeVoIP: timeout 9850ms
Data Source:      Stackshots

Command:          AcmeVoIP
Path:             /private/var/containers/Bundle/Application/synthetic/AcmeVoIP.app/AcmeVoIP
Identifier:       com.acme.voip
Version:          4.2 (420)
PID:              913

Event:            Timed Out Runloop Hang
Duration:         9.85s
Steps:            60
"""


def test_hangs_have_a_length(tmp_path: Path) -> None:
    path = tmp_path / "UIKit-runloop-AcmeVoIP-2026-01-15-101112.ips"
    path.write_text(header("228", app_name="AcmeVoIP") + "\n" + HANG)
    with open_trace(path) as trace:
        (row,) = trace.table("reports").to_pylist()
    assert (row["kind"], row["duration_s"], row["pid"], row["bundle"]) == ("hang", 9.85, 913, "com.acme.voip")
    assert row["start"] == datetime(2026, 1, 15, 9, 11, 2, 150_000, UTC)
    assert row["explanation"] == "UIKit-runloop-AcmeVoIP: timeout 9850ms"
    assert row_of(HANG, path.name)["kind"] == "hang"
    assert hang_seconds(None, "4.31s") == 4.31
    assert hang_seconds("slow", "?") is None


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (header("309") + "\n{}", "stacks-2026-01-15-101112.ips", "crash"),  # the header counts more than the name
        (
            header("211") + '\n{"processes":[],"memoryStatus":{}}',
            "x.ips",
            "jetsam",
        ),  # and the body more than the header
        (
            '{"procName":"A","captureTime":"2026-01-15 10:11:12 +0100"}',
            "ExcUserFault_A-2026-01-15-101112.ips",
            "os_fault",
        ),
        ('{"procName":"A","exception":{"type":"EXC_CRASH"}}', "a.json", "crash"),
        (header("308") + '\n{"procName":"A","exception":{"type":"EXC_GUARD"}}', "x.ips", "os_fault"),
        (header("309", is_simulated=1) + '\n{"procName":"A"}', "x.ips", "os_fault"),
        (header("210") + '\n{"panicString":"panic(cpu 2 caller 0xfff): watchdog timeout\\n@x"}', "x.ips", "panic"),
        (header("999") + "\n{}", "JetsamEvent-2026.ips", "other"),
    ],
)
def test_header_then_body_then_name(text: str, name: str, kind: str) -> None:
    row = row_of(text, name)
    assert row["kind"] == kind
    if kind == "panic":
        assert row["explanation"] == "panic(cpu 2 caller 0xfff): watchdog timeout"


def test_apples_note_that_it_is_no_crash() -> None:
    text = (
        "Incident Identifier: 00000000-0000-0000-0000-000000000001\nProcess: AcmeVoIP [913]\n"
        f"Date/Time: {STAMP}\nException Type: EXC_CRASH (Code Signature Invalid)\n"
        "Exception Note: SIMULATED (this is NOT a crash)\n"
    )
    assert row_of(header("109") + "\n" + text)["kind"] == "os_fault"


def test_kinds_by_name() -> None:
    names = ("A.cpu_resource-x", "A.cpu_resource_fatal-x", "A.wakeups_resource-x", "JetsamEvent-x", "AcmeVoIP-x")
    assert [of_name(name) for name in names] == ["cpu", "cpu_fatal", "wakeups", "jetsam", None]


STACKSHOT = {
    "synthetic": True,
    "date": STAMP,
    "reason": "gave up waiting for AcmeVoIP",
    "processByPid": {
        "951": {
            "pid": 951,
            "procname": "AcmeVoIP",
            "residentMemoryBytes": 1000,
            "timesThrottled": 3,
            "suspendCount": 1,
            "userTimeTask": 1.5,
            "systemTimeTask": 0.25,
            "threadById": {"1": {}, "2": {}},
            "flags": ["boosted", "isImpDonor"],
        },
        "12": {"procname": "launchd", "residentMemoryBytes": "many"},
        "x": [],
    },
}


def test_stackshots_list_processes(tmp_path: Path) -> None:
    path = tmp_path / "stacks-2026-01-15-101112.ips"
    path.write_text(header("288", incident_id="ABC") + "\n" + json.dumps(STACKSHOT))
    with open_trace(path) as trace:
        (report,) = trace.table("reports").to_pylist()
        app, other = trace.table("stackshot_processes").to_pylist()
    assert (report["kind"], report["explanation"]) == ("stackshot", "gave up waiting for AcmeVoIP")
    assert (app["pid"], app["threads"], app["cpu_time_s"], app["flags"]) == (951, 2, 1.75, "boosted isImpDonor")
    assert (other["pid"], other["resident_bytes"], other["threads"]) == (12, None, 0)


def test_a_real_stackshot_and_a_real_forced_reset(real: Path) -> None:
    (old,) = (real / "ips" / "stackshot288").glob("*.crash")
    with open_trace(old) as trace:
        rows = trace.table("stackshot_processes").to_pylist()
    assert [(row["pid"], row["process"], row["times_throttled"]) for row in rows][:2] == [
        (0, "kernel_task", 4604),
        (1, "launchd", 962),
    ]
    (reset,) = (real / "ips" / "other").glob("*forceReset*")
    with open_trace(reset) as trace:
        assert trace.table("reports")["explanation"].to_pylist() == ["panic(cpu 1 caller 0xfffffff02e156784): btn_rst"]
        assert "launchd" in trace.table("stackshot_processes")["process"].to_pylist()


# In the layout of Apple's Technical Q&A on memory limits of WatchKit apps (iOS 8.3).
OLD_JETSAM = """Incident Identifier: 31C24A37-0000-0000-0000-0000000BBE95
Hardware Model: iPhone6,1
OS Version: iPhone OS 8.3 (12F70)
Date: 2015-05-01 11:13:20 -0700
Page Size: 16384
Largest process: Maps

Processes
     Name       | <UUID> |     CPU Time|     rpages|       purgeable| recent_max| lifetime_max| fds | [reason] | (state)
Acme Watch Extension <2ccb94f29239352189cb94a831218c95> 0.248        4255                0 - 5597   50 [per-process-limit] (frontmost) (resume)
Maps <3ccb94f29239352189cb94a831218c95> 12.500        9000                0 - 9100   200  (suspended)
"""


def test_old_jetsam_tables(tmp_path: Path) -> None:
    path = tmp_path / "JetsamEvent-2015-05-01-111320.ips"
    path.write_text(json.dumps({"bug_type": "198", "os_version": "iPhone OS 8.3 (12F70)"}) + "\n" + OLD_JETSAM)
    with open_trace(path) as trace:
        (victim,) = trace.table("reports").to_pylist()
        rows = trace.table("jetsam_processes").to_pylist()
    assert (victim["process"], victim["explanation"], victim["role"]) == (
        "Acme Watch Extension",
        "per-process-limit",
        "frontmost resume",
    )
    assert victim["victim_bytes"] == 4255 * 16_384
    assert [(row["process"], row["cpu_time_s"], row["lifetime_max_bytes"]) for row in rows] == [
        ("Acme Watch Extension", 0.248, 5597 * 16_384),
        ("Maps", 12.5, 9100 * 16_384),
    ]


def test_real_watchdog_figures(real: Path) -> None:
    (path,) = (real / "ips" / "crash309").glob("*kiosk*")
    row = row_of(path.read_text())
    figures = ("allowance_s", "cpu_total_s", "cpu_total_percent", "cpu_app_s", "cpu_app_percent")
    assert [row[column] for column in figures] == [10.0, 11.48, 57, 5.812, 29]
    assert row["utc_offset_s"] == -4 * 3600


def test_times_without_an_offset_are_utc_only_where_they_say_so() -> None:
    assert time_ns("2026-01-15T10:11:12Z") == time_ns("2026-01-15 11:11:12 +0100")
    assert time_ns("2026-01-15 10:11:12") is None
    assert [utc_offset_s(text) for text in (STAMP, "2026-01-15 10:11:12.1 -0330", "2026-01-15 10:11:12Z", None)] == [
        3600,
        -12_600,
        None,
        None,
    ]


def test_times_that_no_table_can_hold_are_none(tmp_path: Path) -> None:
    assert time_ns("2262-04-11 23:47:16.8 +0000") is not None
    assert time_ns("2262-04-12 00:00:00 +0000") is None
    path = tmp_path / "AcmeVoIP-2026-01-15-101112.ips"
    body = {"procName": "AcmeVoIP", "captureTime": STAMP, "procLaunch": "9999-12-31 23:59:59.0000 +0000"}
    path.write_text(f"{header('309')}\n{json.dumps(body)}", "utf-8")
    (row,) = open_trace(path).table("reports").to_pylist()
    assert row["time"] is not None
    assert row["launch_time"] is None


def test_who_ended_a_process_and_how() -> None:
    context = "<RBSTerminateContext| domain:15 code:0xDEAD10CC explanation:x reportType:CrashLog maxTerminationResistance:NonInteractive>"
    body = {"procName": "AcmeVoIP", "termination": {"namespace": "RUNNINGBOARD", "code": 3735883980, "flags": 6, "reasons": [context], "byProc": "runningboardd", "byPid": 34}}  # fmt: skip
    row, _, _ = read_report(f"{header('309')}\n{json.dumps(body)}")
    names = (
        "namespace",
        "code",
        "termination_flags",
        "terminated_by",
        "terminated_by_pid",
        "report_type",
        "resistance",
    )
    assert [row[name] for name in names] == ["RUNNINGBOARD", "0xdead10cc", 6, "runningboardd", 34, "CrashLog", "NonInteractive"]  # fmt: skip
    old = "Process: AcmeVoIP [5]\nException Type: EXC_CRASH (SIGKILL)\nTermination Reason: Namespace SIGNAL, Code 0x9\nTerminating Process: exc handler [351]\n"
    row, _, _ = read_report(f"{header('109')}\n{old}")
    assert (row["terminated_by"], row["terminated_by_pid"]) == ("exc handler", 351)


def test_numbers_longer_than_any_are_not_read_in_part() -> None:
    told = "{} seconds cpu time over 60 seconds (80% cpu average), exceeding limit of 80% cpu over 60 seconds"
    assert usage(told.format("9" * 30)) is None


def test_kinds_that_are_not_read_are_counted_by_folder(tmp_path: Path) -> None:
    folder = tmp_path / "crashes_and_spins"
    folder.mkdir()
    for place, bug_type in enumerate(("240", "240", "999", "\x1b[31m", "309")):
        (folder / f"report-{place}.ips").write_text(header(bug_type) + "\n{}")
    with open_trace(tmp_path) as trace:
        told = {one.message: (one.source, one.count) for one in trace.problems if one.kind.startswith("unread-report")}
        kinds_told = {note for one in trace.coverage() for note in one.notes}
    only = "only their first line was read"
    assert told == {
        f"reports of AVConference (bug type 240): {only}": ("crashes_and_spins", 2),
        f"reports of no known kind (bug type 999): {only}": ("crashes_and_spins", 1),
        f"reports of no known kind (bug type none): {only}": ("crashes_and_spins", 1),
    }
    assert kinds_told == {"names no process, so that it cannot be laid at anybody's door"}


ANALYTICS = """\
{"_marker":"<metadata>","startTimestamp":"2026-01-14T00:00:30Z","version":"1.0","synthetic":true}
{"message":{"Count":7,"size":1},"name":"AverageSize"}
{"message":{"Count":3,"audio":true,"name":"AcmeVoIP","priority":120,"reason":"per-process-limit","suspended":false},"name":"JetsamAggregationV2"}
{"message":{"Count":2,"audio":true,"name":"AcmeVoIP","priority":120,"reason":"per-process-limit","visible":false},"name":"JetsamAggregationV3"}
{"message":{"Count":1,"audio":"yes","name":"AcmeVoIP","reason":"highwater"},"name":"JetsamAggregationV3"}
{"message":{"Count":"x"},"name":"JetsamAggregationV3"}
{"message":null,"name":"JetsamAggregationV4"}
{"name":"JetsamAggregationV3","message":{"Count
"""


def test_counts_of_jetsam_are_those_of_the_newest_version(tmp_path: Path) -> None:
    path = tmp_path / "Analytics-2026-01-15-101112.ips.ca.synced"
    path.write_text(header("211", incident_id="CED7B1F4-C643-48C9-882D-209F9C91D0AA") + "\n" + ANALYTICS)
    path.with_name("retired.ips").write_bytes(path.read_bytes())
    with open_trace(tmp_path) as trace:
        rows = trace.table("jetsam_counts").to_pylist()
        assert trace.table("reports")["kind"].to_pylist() == ["other"]
        (told,) = {one.message for one in trace.problems}
    shown = [(row["process"], row["reason"], row["count"], row["audio"], row["visible"]) for row in rows]
    assert shown == [("AcmeVoIP", "per-process-limit", 2, True, False), ("AcmeVoIP", "highwater", 1, None, None)]
    assert {row["start"] for row in rows} == {datetime(2026, 1, 14, 0, 0, 30, tzinfo=UTC)}
    assert {row["time"] for row in rows} == {datetime(2026, 1, 15, 9, 11, 12, tzinfo=UTC)}
    assert told.endswith("only their first line and counts of jetsam were read")


def test_counts_of_jetsam_of_a_real_file(real: Path) -> None:
    with open_trace(real / "ips/jetsam298/faisalmemon-jetsam_per-process-limit.crash") as trace:
        rows = trace.table("jetsam_counts").to_pylist()
    assert [(row["process"], row["count"]) for row in rows][:2] == [("CAReportingService", 3), ("assetsd", 2)]
    assert sum(row["count"] for row in rows) == 8


def test_the_readme_lists_every_bug_type() -> None:
    text = (Path(kinds.__file__).parent / "README.md").read_text("utf-8")
    listed = set(re.findall(r"\b\d{2,3}\b", text.partition("## Bug types")[2]))
    assert listed == {*kinds.BY_BUG_TYPE, *kinds.UNREAD}
    assert not set(kinds.UNREAD) & set(kinds.BY_BUG_TYPE)


@pytest.mark.parametrize("rest", ["", "\n", "\n{", "\n[1, 2]", '\n{"procName": "Acm'])
@pytest.mark.parametrize("bug_type", ["309", "308", "298", "288", "210", "202", "385"])
def test_a_header_alone_is_told(tmp_path: Path, bug_type: str, rest: str) -> None:
    path = tmp_path / "AcmeVoIP-2026-01-15-101112.ips"
    path.write_text(header(bug_type) + rest, "utf-8")
    trace = open_trace(path)
    assert [row["bug_type"] for row in trace.table("reports").to_pylist()] == [bug_type]
    assert [problem.kind for problem in trace.problems] == ["truncated"]


def test_hostile_texts_cost_no_time_and_no_crash(tmp_path: Path) -> None:
    blanks = " " * 300_000
    for text in (
        f"Processes\n x <{'0' * 32}> 1{blanks}x\n",
        f"{blanks}Processes\n{blanks}\n",
        f"Exception Type: A\nTermination Reason: Namespace SIGNAL, Code 11 explanation:{blanks}x",
        "CPU: " + "1 wakeups over 1 seconds " * 20_000,
        f"Process: x [{'9' * 5_000}]\nDate/Time: {STAMP}\n",
        '{"procName":"\\ud800x","asi":{"\\udfff":["\\ud83d"]}}',
    ):
        path = tmp_path / "hostile.ips"
        path.write_text(header("198" if "Processes" in text else "309") + "\n" + text)
        with open_trace(path) as trace:
            assert trace.table("reports").num_rows


@given(cut=st.integers(0, len(OLD_JETSAM)))
def test_cut_old_jetsam_tables(cut: int) -> None:
    row_of(json.dumps({"bug_type": "198"}) + "\n" + OLD_JETSAM[:cut])
