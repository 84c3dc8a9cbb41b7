"""Single lines of any layout, mixed."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import schema
from traceview_parsers.device_syslog.lines import split_lines
from traceview_parsers.trace import ReadOptions

Row = dict[str, Any]
CASES: list[tuple[str, Row]] = [
    (
        "10:15:29.248 audioaccessoryd com.apple.coreaudio SessionCore_iOS.mm:311   Session",
        {
            "process": "audioaccessoryd",
            "subsystem": "com.apple.coreaudio",
            "message": "SessionCore_iOS.mm:311   Session",
        },
    ),
    (
        "10:30:32.853 +   2 ms SpringBoard com.apple.SpringBoard Updated audioSessionPlaying to true",
        {
            "process": "SpringBoard",
            "subsystem": "com.apple.SpringBoard",
            "message": "Updated audioSessionPlaying to true",
        },
    ),
    ("17:45:59.562 symptomsd New RRC 0", {"process": "symptomsd", "message": "New RRC 0"}),
    ("Dec 28 16:01:36.853683 corespeechd: MediaRemote x", {"process": "corespeechd", "message": "MediaRemote x"}),
    ("Dec 28 16:40:27.527844 - Creating MXSession", {"message": "Creating MXSession"}),
    ("13:07:47.496617-0400\theard\t-[HUNear x", {"process": "heard", "message": "-[HUNear x"}),
    (
        "2026-10-05 10:55:28.018 Df fileproviderd[12472:e802] [com.apple.runningboard:monitor] Received",
        {
            "process": "fileproviderd",
            "pid": 12472,
            "tid": 0xE802,
            "level": "default",
            "subsystem": "com.apple.runningboard",
            "category": "monitor",
            "message": "Received",
        },
    ),
    (
        "2024-09-03 16:18:47.331890 +0530 default AT&T EPTT <private>: Created background task <private>.",
        {"process": "AT&T EPTT", "level": "default", "message": "Created background task <private>."},
    ),
    (
        "2024-09-03 16:18:47.352+0530  [as_client]     AVAudioSession_iOS.mm:2654  Activated session 0x6800c",
        {"category": "as_client", "message": "    AVAudioSession_iOS.mm:2654  Activated session 0x6800c"},
    ),
    ("2025-08-29 16:21:32.669000+0530 283  <exec name>: {", {"process": "<exec name>", "pid": 283, "message": "{"}),
    (
        "2025-08-29 16:21:19.348953+0530 callservicesd: [com.apple.calls.callservicesd:Default] Successfully",
        {
            "process": "callservicesd",
            "subsystem": "com.apple.calls.callservicesd",
            "category": "Default",
            "message": "Successfully",
        },
    ),
    (
        "2026-09-14 10:30:32.700701-0400 · com.apple.coreaudio · AVAudioSession_iOS.mm:996   Activated",
        {"subsystem": "com.apple.coreaudio", "message": "AVAudioSession_iOS.mm:996   Activated"},
    ),
    (
        "2018-02-07 18:08:29.169529-0800 AudioDeviceExample[2798:888745] [aqme] message",
        {"process": "AudioDeviceExample", "pid": 2798, "tid": 888745, "category": "aqme", "message": "message"},
    ),
    (
        "2019-09-03 13:44:21.979 VideoCallKitQuickStart[983:48546] Can't end",
        {"process": "VideoCallKitQuickStart", "pid": 983, "tid": 48546, "message": "Can't end"},
    ),
    (
        "Jun  9 15:06:06.533981 novio (R14)(CoreFoundation)[2768] <Debug>: looked up value",
        {
            "process": "novio (R14)",
            "sender": "CoreFoundation",
            "pid": 2768,
            "level": "debug",
            "message": "looked up value",
        },
    ),
    (
        "06:21:10.913 ERROR:    [0x16e19f000] >aurioc> 1275: error -308",
        {"level": "error", "tid": 0x16E19F000, "message": ">aurioc> 1275: error -308"},
    ),
    ("06:54:25 HALB_PowerAssertion.cpp:115 taking", {"message": "HALB_PowerAssertion.cpp:115 taking"}),
    (
        "1418\tdefault\t21:23:40.152194+0800\tcom.apple.audio.helper\t HALC_ProxyIOContext",
        {"pid": 1418, "level": "default", "process": "com.apple.audio.helper", "message": " HALC_ProxyIOContext"},
    ),
    (
        "default\t08:00:54.235871-0600\trunningboardd\tRunningBoard\tCalculated state for x",
        {"level": "default", "process": "runningboardd", "sender": "RunningBoard", "message": "Calculated state for x"},
    ),
    ("SoundPusher\t HALC_ProxyIOContext", {"process": "SoundPusher", "message": " HALC_ProxyIOContext"}),
    (
        "… [com.apple.calls.callservicesd:Default] Handling incoming call: <private>",
        {
            "subsystem": "com.apple.calls.callservicesd",
            "category": "Default",
            "message": "Handling incoming call: <private>",
        },
    ),
    (
        "audiomxd(MediaExperience): -CMSessionMgr- cmsSetIsActive:5522",
        {"process": "audiomxd", "sender": "MediaExperience", "message": "-CMSessionMgr- cmsSetIsActive:5522"},
    ),
    (
        "Type: Error | Timestamp: 2026-09-27 15:35:50.995178+0500 | Library: UIKitCore | TID: 0x1693770",
        {"level": "error", "sender": "UIKitCore", "tid": 0x1693770},
    ),
    ("failed: -66635 (enable 3, outf< 1 ch>)", {"message": "failed: -66635 (enable 3, outf< 1 ch>)"}),
    ("[app<com.acme>:812] Suspending task.", {"message": "[app<com.acme>:812] Suspending task."}),
    ("    AVAudioSessionRouteChangeReasonKey = 3;", {"message": "    AVAudioSessionRouteChangeReasonKey = 3;"}),
    ("81,923 HALC_ProxyIOContext.cpp:1,314 x", {"message": "81,923 HALC_ProxyIOContext.cpp:1,314 x"}),
    ("", {"message": ""}),
]
IGNORED = {"ref", "time", "time_how", "event"}


def fields(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None and key not in IGNORED}


def test_every_line_in_one_mixture() -> None:
    batch = split_lines([line for line, _ in CASES])
    assert batch.schema == schema.SCHEMAS["log"]
    rows = batch.to_pylist()
    assert [row["ref"] for row in rows] == list(range(1, len(CASES) + 1))
    assert [(line, fields(row)) for (line, _), row in zip(CASES, rows, strict=True)] == CASES


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_every_line_alone(line: str, expected: Any) -> None:
    (row,) = split_lines([line + "\r\n"]).to_pylist()
    assert fields(row) == expected


def test_bare_messages_have_nothing_else() -> None:
    (row,) = split_lines(["Suspending task."]).to_pylist()
    assert {key: value for key, value in row.items() if value is not None} == {
        "ref": 1,
        "message": "Suspending task.",
        "time_how": "unknown",
    }


def test_times_need_a_date() -> None:
    line = "default\t10:00:00.000001+0200\tapsd\tx"
    assert split_lines([line]).to_pylist()[0]["time"] is None
    (row,) = split_lines([line], ReadOptions(date(2026, 1, 2))).to_pylist()
    assert (row["time"].isoformat(), row["time_how"]) == ("2026-01-02T08:00:00.000001+00:00", "exact")


def test_json_lines() -> None:
    line = json.dumps({"eventMessage": "hello", "processImagePath": "/a/b", "timestamp": "2026-01-01 00:00:00.5+0000"})
    rows = split_lines(["x", line, '{"eventMessage": broken}', "\tline"]).to_pylist()
    assert [(row["message"], row["process"]) for row in rows] == [
        ("x", None),
        ("hello", "b"),
        ('{"eventMessage": broken}', None),
        ("\tline", None),
    ]


def test_no_lines() -> None:
    assert split_lines([]).num_rows == 0


@given(st.lists(st.text() | st.sampled_from([line for line, _ in CASES])))
def test_any_text_gives_one_row_a_line(lines: list[str]) -> None:
    batch = split_lines(lines)
    assert batch.num_rows == len(lines)
    assert batch.column("ref").to_pylist() == list(range(1, len(lines) + 1))


def test_every_real_line(real: Path) -> None:
    lines = [json.loads(text)["line"] for text in (real / "lines/lines.jsonl").read_text().splitlines()]
    rows = split_lines(lines).to_pylist()
    tabbed = [(line, row) for line, row in zip(lines, rows, strict=True) if line.startswith(("default\t", "error\t"))]
    assert len(tabbed) > 100
    for line, row in tabbed:
        level, _, process, rest = line.split("\t", 3)
        assert (row["level"], row["process"]) == (level, process)
        library, _, message = rest.partition("\t")
        assert row["message"] == (message if row["sender"] else rest)
        assert row["sender"] in {None, library}
