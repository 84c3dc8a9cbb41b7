"""Identity, capture time and processes of a sysdiagnose."""

import plistlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traceview_parsers.errors import InputError
from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose import READER, reader
from traceview_parsers.sysdiagnose.identity import from_capture_log, from_remotectl, from_system_version
from traceview_parsers.sysdiagnose.names import capture_from_name, major_of_build
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("name", "time", "tz", "build"),
    [
        # names of real archives, facts of the layout notes
        (
            "sysdiagnose_2019.02.13_15-50-14+0100_iPhone_OS_iPhone_16C101.tar.gz",
            "2019-02-13T15:50:14+01:00",
            "+01:00",
            "16C101",
        ),
        (
            "sysdiagnose_2023.05.24_13-29-15-0700_iPhone-OS_iPhone_19H349.tar.gz",
            "2023-05-24T13:29:15-07:00",
            "-07:00",
            "19H349",
        ),
        (
            "sysdiagnose_2026.04.08_00-00-42+0800_iPhone-OS_iPhone_23D8133",
            "2026-04-08T00:00:42+08:00",
            "+08:00",
            "23D8133",
        ),
        (
            "IN_PROGRESS_sysdiagnose_2026.04.08_00-00-42+0800_iPhone-OS_iPad_22A3354",
            "2026-04-08T00:00:42+08:00",
            "+08:00",
            "22A3354",
        ),
    ],
)
def test_archive_names(name: str, time: str, tz: str, build: str) -> None:
    capture, device = CaptureInfo(), Device()
    capture_from_name(name, capture, device)
    assert (capture.time_ns, capture.tz, capture.tz_how) == (ns(time), tz, "archive name")
    assert (device.os_name, device.os_build) == ("iOS", build)


@pytest.mark.parametrize("name", ["call.log", "sysdiagnose_2026.99.99_00-00-42+0800_iPhone-OS_iPhone_23D8133", ""])
def test_other_names_say_nothing(name: str) -> None:
    capture, device = CaptureInfo(), Device()
    capture_from_name(name, capture, device)
    assert (capture, device) == (CaptureInfo(), Device())


def test_builds_skip_from_18_to_26() -> None:
    assert [major_of_build(build) for build in ("16C101", "22A3354", "23B85", "99A1", "x")] == [12, 18, 26, None, None]


def test_capture_log_is_the_authority_for_the_time() -> None:
    capture, device = CaptureInfo(time_ns=1), Device()
    text = "noise\nwriting to /tmp/IN_PROGRESS_sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55/ now\n"
    assert from_capture_log(text, capture, device)
    assert capture.time_ns == ns("2026-01-15T10:30:00+01:00")
    assert not from_capture_log("nothing here", capture, device)


def test_identity_comes_from_the_local_device_only() -> None:
    text = (
        "Local device\n\tUUID: x\n\tProperties: {\n\t\tProductType => iPhone14,2\n\t\tOSVersion => 26.1\n"
        "\t\tBuildVersion => 23B85\n\t\tSerialNumber => C39XXXXX\n\t}\n"
        "Found other (ncm-device)\n\tProperties: {\n\t\tProductType => Mac15,3\n\t}\n"
    )
    device = Device()
    assert from_remotectl(text, device)
    assert (device.model, device.os_version, device.os_build, device.serial) == (
        "iPhone14,2",
        "26.1",
        "23B85",
        "C39XXXXX",
    )
    assert not from_remotectl("no such block", Device())


def test_system_version_does_not_overrule() -> None:
    device = Device(os_version="26.1")
    data = plistlib.dumps({"ProductName": "iPhone OS", "ProductVersion": "1.0", "ProductBuildVersion": "23B85"})
    assert from_system_version(data, device)
    assert (device.os_name, device.os_version, device.os_build) == ("iOS", "26.1", "23B85")
    assert not from_system_version(b"bplist00junk", Device())
    assert not from_system_version(b"<!DOCTYPE x [<!ENTITY a 'b'>]><plist>&a;</plist>", Device())


def context(problems: Problems) -> Context:
    return Context(3, ReadOptions(), problems, Device(), CaptureInfo(time_ns=ns("2026-01-15T10:30:00+01:00")))


def open_text(tmp_path: Path, name: str, text: str, problems: Problems) -> object:
    path = tmp_path / name
    path.write_text(text)
    return READER.open(Candidate(name, path, text.encode()[:4096]), context(problems))


PS = """USER             UID   PID  PPID  %CPU %MEM PRI NI      VSZ    RSS WCHAN    TT  STAT STARTED      TIME COMMAND
root               0     1     0   0,3  0.4  31  0 408012160   9280 -        ??  Ss   Mon08AM   0:35.59 /sbin/launchd
mobile           501   412     1   0.0  0.1   4  0 407962608   2112 -        ??  Ss   Mon08AM   0:01.09 /usr/libexec/callservicesd -x
mobile           501   913     1     -    -   -  -         -      - -        ??  Z     9:41AM   0:00.00 (AcmeVoIP)
broken line
"""


def test_ps_follows_its_header(tmp_path: Path) -> None:
    problems = Problems()
    source = open_text(tmp_path, "ps.txt", PS, problems)
    (batch,) = source.batches("processes_at_capture")  # type: ignore[attr-defined]
    rows = batch.to_pylist()
    assert [(row["pid"], row["ppid"], row["process"], row["cpu_percent"]) for row in rows] == [
        (1, 0, "launchd", 0.3),
        (412, 1, "callservicesd", 0.0),
        (913, 1, "AcmeVoIP", None),
    ]
    assert rows[0]["resident_bytes"] == 9280 * 1024
    assert rows[1]["command"] == "/usr/libexec/callservicesd -x"
    assert [(problem.kind, problem.position, problem.unit) for problem in problems] == [("unreadable-line", 5, "line")]


@pytest.mark.parametrize("name", ["ps.txt", "sysdiagnose.log", "remotectl_dumpstate.txt", "SystemVersion.plist"])
def test_a_file_of_another_content_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=name):
        open_text(tmp_path, name, "something else\n", Problems())


def test_the_reader_names_the_tables_of_its_subjects() -> None:
    told = [table for subject in reader._SUBJECTS for table in subject.tables]
    assert (*dict.fromkeys(told), "time_zones") == reader.READER.tables == READER.tables
