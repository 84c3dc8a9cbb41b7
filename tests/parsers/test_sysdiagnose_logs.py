"""Log volume, shutdowns, listed reports and call settings of a sysdiagnose. All texts are synthetic, in the layouts that the readers name as their source."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError
from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose import READER
from traceview_parsers.sysdiagnose.report_listing import process_of
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Coverage, Device, ReadOptions

CAPTURE = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
CAPTURE_NS = int(CAPTURE.timestamp()) * 10**9

STATISTICS = """--- !logd statistics record
type  : Memory Rollover
time  : 2026-01-15 07:42:54-0700
total : 9733361
procs :
    - [    3117304,  32.0, /usr/libexec/backboardd ]
    - [     188800,   1.9, /private/var/containers/Bundle/Application/4B6E/Acme, Inc.app/Acme ]

--- !logd quarantine record
type         : Quaratine
file         : /private/var/db/diagnostics/Persist/00000000000004d2.tracev3
client       : /private/var/containers/Bundle/Application/4B6E/AcmeVoIP.app/AcmeVoIP
time         : 2026-01-15 07:45:00-0700
time covered : 3600
client total : 5117304
overall total: 9733361

"""
STATISTICS_JSON = "\n".join(
    json.dumps(record)
    for record in (
        {
            "record": "logd statistics",
            "type": "File Rotate",
            "file": "/private/var/db/diagnostics/Persist/00000000000004d2.tracev3",
            "unixTime": 1_768_460_000,
            "totalBytes": 10_000,
            "processList": [{"process": "/usr/libexec/runningboardd", "sizeBytes": 6_000}, {"sizeBytes": 1}],
        },
        {
            "record": "logd quarantine",
            "superQuarantine": True,
            "file": "Persist/1.tracev3",
            "client": "/usr/sbin/mediaserverd",
            "unixTime": 1_768_460_100,
            "timeCovered": 60,
            "sizeBytes": 9_000,
            "totalBytes": 10_000,
        },
    )
)
SHUTDOWN = """After 1.27s, these clients are still here:
\t\tremaining client pid: 905 (/private/var/containers/Bundle/Application/X/AcmeVoIP.app/AcmeVoIP)
\t\tremaining client pid: 77 (/usr/libexec/locationd)
After 3.10s, these clients are still here:
\t\tremaining client pid: 905 (/private/var/containers/Bundle/Application/X/AcmeVoIP.app/AcmeVoIP)
SIGTERM: [1768453180] All buffers flushed
After 0.50s, these clients are still here:
\t\tremaining client pid: 12 (/usr/sbin/notifyd)
"""
LISTING = """Candidate reports:
/private/var/mobile/Library/Logs/CrashReporter/AcmeVoIP-2026-01-15-090510.ips, 1234 bytes
/private/var/mobile/Library/Logs/CrashReporter/Retired/AcmeVoIP.cpu_resource-2026-01-10-095139.ips, 99 bytes
/private/var/mobile/Library/Logs/CrashReporter/ExcUserFault_AcmeVoIP-2026-01-12-120000.000.ips, retired
/private/var/mobile/Library/Logs/CrashReporter/AcmeVoIP-2026-01-15-090510.ips, seen again
/nothing here
"""


def opened(folder: Path, name: str, data: str | bytes, problems: Problems | None = None) -> Any:
    path = folder / name
    content = data.encode() if isinstance(data, str) else data
    path.write_bytes(content)
    capture = CaptureInfo(time_ns=CAPTURE_NS, tz="+01:00")
    context = Context(3, ReadOptions(), problems if problems is not None else Problems(), Device(), capture)
    return READER.open(Candidate(name, path, content[:4096]), context)


def rows_of(source: Any, table: str) -> list[dict[str, Any]]:
    return [row for batch in source.batches(table) for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("name", "text", "expected", "note"),
    [
        (
            "logdata.statistics.0.txt",
            STATISTICS,
            [
                ("statistics", "Memory Rollover", "backboardd", 3_117_304, 9_733_361, None),
                ("statistics", "Memory Rollover", "Acme", 188_800, 9_733_361, None),
                ("quarantine", "Quarantine", "AcmeVoIP", 5_117_304, 9_733_361, 3600.0),
            ],
            "AcmeVoIP",
        ),
        (
            "logdata.statistics.1.jsonl",
            STATISTICS_JSON,
            [
                ("statistics", "File Rotate", "runningboardd", 6_000, 10_000, None),
                ("quarantine", "Super Quarantine", "mediaserverd", 9_000, 10_000, 60.0),
            ],
            "mediaserverd",
        ),
    ],
)
def test_log_volume_and_who_was_cut_down(
    tmp_path: Path, name: str, text: str, expected: list[tuple[object, ...]], note: str
) -> None:
    source = opened(tmp_path, name, text)
    rows = rows_of(source, "log_volume")
    columns = ("record", "reason", "process", "bytes", "total_bytes", "covered_s")
    assert [tuple(row[column] for column in columns) for row in rows] == expected
    coverage: Coverage = source.coverage()
    assert coverage.notes[-1].endswith(f"logged too much: {note}")
    assert coverage.start_ns is not None
    assert coverage.start_ns < (coverage.end_ns or 0)


def test_text_statistics_print_their_zone(tmp_path: Path) -> None:
    first, *_ = rows_of(opened(tmp_path, "logdata.statistics.0.txt", STATISTICS), "log_volume")
    assert first["time"] == datetime(2026, 1, 15, 14, 42, 54, tzinfo=UTC)


def test_a_shutdown_without_its_end_has_no_time(tmp_path: Path) -> None:
    source = opened(tmp_path, "shutdown.log", SHUTDOWN)
    rows = rows_of(source, "shutdown_clients")
    assert [(row["pid"], row["process"], row["waited_s"], row["times_seen"]) for row in rows] == [
        (905, "AcmeVoIP", 3.1, 2),
        (77, "locationd", 1.27, 1),
        (12, "notifyd", 0.5, 1),
    ]
    assert rows[0]["time"] == datetime.fromtimestamp(1_768_453_180, UTC)
    assert rows[2]["time"] is None
    assert "has no end" in " ".join(source.coverage().notes)


def test_listed_reports(tmp_path: Path) -> None:
    problems = Problems()
    source = opened(tmp_path, "crashes_and_spins.log", LISTING, problems)
    rows = rows_of(source, "listed_reports")
    assert [(row["process"], row["retired"]) for row in rows] == [
        ("AcmeVoIP", False),
        ("AcmeVoIP", True),
        ("AcmeVoIP", False),
    ]
    assert rows[0]["time"] == datetime(2026, 1, 15, 8, 5, 10, tzinfo=UTC)
    assert {row["time_how"] for row in rows} == {"zone_assumed"}
    assert [(problem.kind, problem.count) for problem in problems] == [("unreadable-line", 1)]


@pytest.mark.parametrize(
    ("name", "process"),
    [
        ("UIKit-runloop-AcmeVoIP-2026-06-09-202159.ips", "AcmeVoIP"),
        ("Raycast Keyboard-2026-09-29-173246.ips", "Raycast Keyboard"),
        ("AcmeVoIP.diskwrites_resource-2026-09-28-003322 2.ips", "AcmeVoIP"),
        ("AcmeVoIP.cpu_resource_fatal-2026-09-28-00-33-22.ips", "AcmeVoIP"),
        ("stacks-2026-07-08-134437.ips", "stacks"),
    ],
)
def test_processes_by_file_name(name: str, process: str) -> None:
    assert process_of(name) == process


def test_call_settings_are_kept_as_text(tmp_path: Path) -> None:
    text = "header line\n235959.500000 late\n000001.000000 after midnight\n"
    name = "20260114-235950-CallSettings.calldump.gz"
    rows = rows_of(opened(tmp_path, name, gzip.compress(text.encode())), "call_settings")
    assert [row["text"] for row in rows] == ["header line", "late", "after midnight"]
    assert [row["time"] for row in rows] == [
        datetime(2026, 1, 14, 23, 59, 50, tzinfo=UTC),
        datetime(2026, 1, 14, 23, 59, 59, 500_000, tzinfo=UTC),
        datetime(2026, 1, 15, 0, 0, 1, tzinfo=UTC),
    ]
    assert {row["time_how"] for row in rows} == {"zone_assumed"}


def test_a_damaged_gzip_file_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress(b"line\n" * 1000)
    with pytest.raises(InputError, match="damaged"):
        opened(tmp_path, "20260114-235950-CallSettings.calldump.gz", whole[: len(whole) // 2])


@pytest.mark.parametrize(("text", "table"), [(STATISTICS, "log_volume"), (STATISTICS_JSON, "log_volume")])
def test_renamed_files_are_known_by_content(tmp_path: Path, text: str, table: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with open_trace(path) as trace:
        assert table in trace.tables
        assert trace.table(table).num_rows


def test_a_log_archive_keeps_texts_in_extra(samples: Path) -> None:
    archive = next(samples.glob("*.logarchive.tar.gz"))
    with open_trace(archive) as trace:
        assert not any("Extra" in source.name for source in trace.sources)
    with open_trace(next(samples.glob("sysdiagnose_*.tar.gz"))) as trace:
        assert any(source.name.endswith("system_logs.logarchive/Extra/shutdown.log") for source in trace.sources)


FILES = {
    "logdata.statistics.0.txt": STATISTICS,
    "logdata.statistics.0.jsonl": STATISTICS_JSON,
    "shutdown.log": SHUTDOWN,
    "crashes_and_spins.log": LISTING,
    "20260114-235950-CallSettings.calldump": "235959.500000 late\n",
}


def everything(source: Any) -> Iterator[dict[str, Any]]:
    for table in source.tables:
        yield from rows_of(source, table)
    source.coverage()


@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_cut_files_keep_what_is_whole(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    text = FILES[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    folder = tmp_path_factory.mktemp("cut")
    try:
        rows = list(everything(opened(folder, name, cut)))
    except InputError:
        return
    whole = list(everything(opened(folder, name, text)))
    assert len(rows) <= len(whole) + 1


@given(
    name=st.sampled_from(sorted(FILES)),
    data=st.data(),
    junk=st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"[0-9]{1,40}", fullmatch=True),
)
def test_junk_anywhere_is_no_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject, junk: str
) -> None:
    text = FILES[name]
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(at + 30, len(text))))
    source = None
    try:
        source = opened(tmp_path_factory.mktemp("junk"), name, text[:at] + junk + text[end:])
    except InputError:
        return
    list(everything(source))


def test_other_texts_in_extra_are_no_captures(tmp_path: Path, samples: Path) -> None:
    with tarfile.open(next(samples.glob("*.logarchive.tar.gz"))) as packed:
        packed.extractall(tmp_path, filter="data")
    (archive,) = tmp_path.glob("*.logarchive")
    extra = archive / "Extra"
    extra.mkdir(exist_ok=True)
    (extra / "shutdown.log").write_text(SHUTDOWN)
    (extra / "other.log").write_text("2026-01-15 10:00:00.000000+0100 0x1 Default 0x0 1 0 launchd: hello\n")
    with open_trace(archive) as trace:
        assert [source.name for source in trace.sources] == [f"{archive.name}/Extra/shutdown.log", archive.name]
        assert trace.table("shutdown_clients").num_rows == 3
