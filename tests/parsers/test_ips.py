"""Crash, jetsam and resource reports."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.errors import InputError
from traceview_parsers.ips import READER
from traceview_parsers.ips.fields import time_ns, version
from traceview_parsers.ips.limits import usage
from traceview_parsers.ips.rows import read_report
from traceview_parsers.ips.termination import termination
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

# Synthetic report in the layout of iOS 16 and later, of the kill that Apple's "EXC_CRASH (SIGKILL)" article describes.
HEADER = {
    "app_name": "AcmeVoIP",
    "timestamp": "2026-01-15 10:11:12.00 +0100",
    "app_version": "4.2",
    "build_version": "420",
    "bundleID": "com.acme.voip",
    "bug_type": "309",
    "os_version": "iPhone OS 26.2 (23C55)",
    "incident_id": "00000000-0000-0000-0000-000000000001",
    "name": "AcmeVoIP",
}
BODY = {
    "captureTime": "2026-01-15 10:11:11.5004 +0100",
    "procLaunch": "2026-01-15 10:11:03.1000 +0100",
    "procRole": "Background",
    "pid": 913,
    "procName": "AcmeVoIP",
    "modelCode": "iPhone14,2",
    "exception": {"type": "EXC_CRASH", "signal": "SIGKILL"},
    "termination": {
        "namespace": "FRONTBOARD",
        "code": 3131951633,
        "reasons": [
            (
                "<RBSTerminateContext| domain:10 code:0xBAADCA11 explanation:<no explanation given> "
                "reportType:CrashLog maxTerminationResistance:Interactive>"
            )
        ],
    },
}


def report(body: dict[str, Any] = BODY) -> str:
    return json.dumps(HEADER) + "\n" + json.dumps(body, indent=2)


def read(path: Path) -> tuple[dict[str, list[dict[str, Any]]], Problems, Device]:
    problems, device = Problems(), Device()
    candidate = Candidate(path.name, path, path.read_bytes()[:4096])
    assert READER.claims(candidate) > 0
    source = READER.open(candidate, Context(2, ReadOptions(), problems, device, CaptureInfo()))
    tables = {table: [row for batch in source.batches(table) for row in batch.to_pylist()] for table in source.tables}
    return tables, problems, device


def test_unreported_push_kill(tmp_path: Path) -> None:
    path = tmp_path / "AcmeVoIP-2026-01-15-101112.ips"
    path.write_text(report())
    tables, problems, device = read(path)
    (row,) = tables["reports"]
    assert row["time"] == datetime(2026, 1, 15, 9, 11, 11, 500_400, UTC)
    assert (row["kind"], row["bundle"], row["pid"], row["role"]) == ("crash", "com.acme.voip", 913, "Background")
    assert (row["namespace"], row["code"], row["app_version"]) == ("FRONTBOARD", "0xbaadca11", "4.2")
    assert row["explanation"] is None
    assert not list(problems)
    assert (device.model, device.os_version, device.os_build) == ("iPhone14,2", "26.2", "23C55")


def test_the_push_exception_is_the_explanation() -> None:
    text = "Killing app because it never posted an incoming call to the system after receiving a PushKit VoIP push."
    row, _, _ = read_report(
        report(BODY | {"termination": {"namespace": "SIGNAL", "code": 6}, "asi": {"CoreFoundation": [text]}})
    )
    assert (row["explanation"], row["code"]) == (text, "0x6")


@pytest.mark.parametrize(
    ("text", "namespace", "code", "extra"),
    [
        # forms of real reports: iOS 11, 14, 17 and 26
        ("Namespace SPRINGBOARD, Code 0x8badf00d", "SPRINGBOARD", "0x8badf00d", {}),
        ("RUNNINGBOARD 0xdead10cc ", "RUNNINGBOARD", "0xdead10cc", {}),
        (
            "FRONTBOARD 0xbaadca11 \n<RBSTerminateContext| domain:10 code:0xBAADCA11 explanation:<no explanation given> reportType:CrashLog>",
            "FRONTBOARD",
            "0xbaadca11",
            {},
        ),
        (
            (
                "FRONTBOARD 2343432205 <RBSTerminateContext| domain:10 code:0x8BADF00D explanation:scene-update watchdog "
                "transgression: app exhausted real (wall clock) time allowance of 10.00 seconds ProcessVisibility: Background "
                "ProcessState: Running WatchdogEvent: scene-update WatchdogVisibility: Background reportType:CrashLog>"
            ),
            "FRONTBOARD",
            "0x8badf00d",
            {"visibility": "Background", "watchdog_event": "scene-update", "allowance_s": 10.0},
        ),
    ],
)
def test_terminations(text: str, namespace: str, code: str, extra: dict[str, object]) -> None:
    found = termination(text)
    assert (found.namespace, found.code) == (namespace, code)
    assert {name: getattr(found, name) for name in extra} == extra


def test_times_keep_their_decimals() -> None:
    assert time_ns("2022-09-18 15:28:37.3451 +0900") == 1_663_482_517_345_100_000
    assert time_ns("2020-12-10 11:46:29 -0500") == 1_607_618_789_000_000_000
    assert time_ns("2020-13-10 11:46:29 -0500") is None
    assert time_ns("yesterday") is None
    assert time_ns(None) is None


def test_limits_are_read_from_the_report() -> None:
    cpu = usage("9 seconds cpu time over 38 seconds (24% cpu average), exceeding limit of 15% cpu over 60 seconds")
    assert cpu is not None
    assert (cpu.used, cpu.window_s, cpu.limit, cpu.limit_window_s) == (9, 38, 15, 60)
    assert usage("no figures") is None
    assert version("1.4.5 (52)") == ("1.4.5", "52")
    assert version("??? (???)") == (None, None)


EXPECTED_REAL = {
    # file → (rows, kind, process, pid, code): read by hand in the files
    "apfs_defragd.cpu_resource": (1, "cpu", "apfs_defragd", 7877, None),
    "brain_cpu_ios": (1, "cpu", "com.apple.MobileSoftwareUpdate.UpdateBrainService", 147, None),
    "forum-700124": (1, "cpu_fatal", "XXXX", 771, None),
    "kiosk_startup": (1, "crash", "CDAYourStoreAppiPadKiosk", 280, "0x8badf00d"),
    "macsymbolicator-ios-crash.ips": (1, "crash", "iOSCrashingTest", 455, "0x5"),
    "macsymbolicator-ios-crash-json-header": (1, "crash", "iOSCrashingTest", 455, "0x5"),
    "pycrashreport-ios14-abort": (1, "crash", "itunescloudd", 692, None),
    "assetsd.diskwrites": (1, "disk_writes", "assetsd", 124, None),
    "jetsam_highwater": (1, "jetsam", "SpringBoard", 22873, None),
    "snapchat_many_wakes": (1, "wakeups", "Snapchat", 3151, None),
    "cnblogs-9686826": (1, "wakeups", "LABroadcastUpload", 437, None),
    "stackshot_ios": (1, "stackshot", None, None, None),
    "forceReset": (1, "force_reset", None, None, None),
}


@pytest.mark.parametrize("name", EXPECTED_REAL)
def test_real_reports(real: Path, name: str) -> None:
    (path,) = [file for file in (real / "ips").rglob("*") if name in file.name]
    tables, problems, _ = read(path)
    rows = tables["reports"]
    row = rows[0]
    assert (len(rows), row["kind"], row["process"], row["pid"], row["code"]) == EXPECTED_REAL[name]
    cut = ["truncated"] if name == "stackshot_ios" else []  # it ends within an address
    assert [problem.kind for problem in problems] == cut + (["no-time"] if row["time"] is None else [])


def test_every_real_report_is_read(real: Path) -> None:
    files = [file for file in sorted((real / "ips").rglob("*")) if file.is_file() and file.name != "bug_types.json"]
    assert len(files) >= 15
    for file in files:
        tables, _, _ = read(file)
        assert tables["reports"], file.name


def test_jetsam_victims_are_those_with_a_reason(real: Path) -> None:
    (path,) = (real / "ips" / "jetsam298").glob("*JetsamEvent-2020-10-15*")
    tables, _, _ = read(path)
    victims = [row for row in tables["jetsam_processes"] if row["reason"]]
    assert len(tables["jetsam_processes"]) == 442
    assert [row["process"] for row in tables["reports"]] == [row["process"] for row in victims]
    assert {row["ref"] for row in tables["reports"]} == {row["ref"] for row in victims}
    assert "AppStore" not in {row["process"] for row in victims}  # the largest process is no victim


@given(cut=st.integers(0, len(report())))
def test_a_cut_report_keeps_its_header(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "cut.ips"
    path.write_text(report()[:cut])
    candidate = Candidate(path.name, path, path.read_bytes()[:4096])
    try:
        source = READER.open(candidate, Context(2, ReadOptions(), Problems(), Device(), CaptureInfo()))
    except InputError:
        assert cut < len(json.dumps(HEADER))
        return
    assert source.tables[0] == "reports"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from([*BODY, "processes", "memoryStatus", "asi", "bundleInfo"]), inner)
        ),
    )
)
def test_bodies_of_any_shape_are_read(tmp_path_factory: pytest.TempPathFactory, body: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "any.ips"
    path.write_text(json.dumps(HEADER) + "\n" + json.dumps(body), encoding="utf-8", errors="replace")
    tables, _, _ = read(path)
    assert tables["reports"]


def test_other_files_are_not_claimed() -> None:
    for head in (b"", b"\0\0", b'{"timestamp":"x","eventMessage":"y"}', b"<?xml", b"hello"):
        assert READER.claims(Candidate("a.txt", None, head)) == 0
