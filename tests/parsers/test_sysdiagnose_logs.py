"""Log volume, shutdowns, listed reports and call settings of a sysdiagnose. All texts are synthetic, in the layouts that the readers name as their source."""

import gzip
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError
from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose.report_listing import process_of
from traceview_parsers.trace import Coverage

SIDECARS = Path(__file__).parent / "sidecars"

STATISTICS = (SIDECARS / "logdata.statistics.0.txt").read_text("utf-8")
STATISTICS_JSON = (SIDECARS / "logdata.statistics.1.jsonl").read_text("utf-8")
SHUTDOWN = (SIDECARS / "shutdown.log").read_text("utf-8")
LISTING = (SIDECARS / "crashes_and_spins.log").read_text("utf-8")


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
    sidecar: Any, name: str, text: str, expected: list[tuple[object, ...]], note: str
) -> None:
    source = sidecar(name, text)
    rows = sidecar.rows(source, "log_volume")
    columns = ("record", "reason", "process", "bytes", "total_bytes", "covered_s")
    assert [tuple(row[column] for column in columns) for row in rows] == expected
    coverage: Coverage = source.coverage()
    assert coverage.notes[-1].endswith(f"logged too much: {note}")
    assert coverage.start_ns is not None
    assert coverage.start_ns < (coverage.end_ns or 0)


def test_text_statistics_print_their_zone(sidecar: Any) -> None:
    first, *_ = sidecar.rows(sidecar("logdata.statistics.0.txt", STATISTICS), "log_volume")
    assert first["time"] == datetime(2026, 1, 15, 14, 42, 54, tzinfo=UTC)


def test_a_shutdown_without_its_end_has_no_time(sidecar: Any) -> None:
    source = sidecar("shutdown.log", SHUTDOWN)
    rows = sidecar.rows(source, "shutdown_clients")
    assert [(row["pid"], row["process"], row["waited_s"], row["times_seen"]) for row in rows] == [
        (905, "AcmeVoIP", 3.1, 2),
        (77, "locationd", 1.27, 1),
        (12, "notifyd", 0.5, 1),
    ]
    assert rows[0]["time"] == datetime.fromtimestamp(1_768_453_180, UTC)
    assert rows[2]["time"] is None
    assert "has no end" in " ".join(source.coverage().notes)


def test_listed_reports(sidecar: Any) -> None:
    problems = Problems()
    source = sidecar("crashes_and_spins.log", LISTING, problems)
    rows = sidecar.rows(source, "listed_reports")
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


def test_state_of_running_board_is_kept_as_text_with_what_joins_the_log(sidecar: Any) -> None:
    text = (SIDECARS / "RunningBoard_state.log").read_text("utf-8")
    source = sidecar("RunningBoard/RunningBoard_state.log", text)
    rows = sidecar.rows(source, "running_board_state")
    assert [row["text"] for row in rows] == [line for line in text.splitlines() if line]
    assert [(row["identity"], row["assertion_id"]) for row in rows] == [
        (None, None),
        ("com.acme.voip", "31-60-286"),
        ("com.apple.locationd", "42-427-766"),
        (None, None),
        ("com.acme.voip", None),
        (None, None),
    ]
    assert "not documented" in source.coverage().notes[0]


def test_zone_of_the_capture(tmp_path: Path) -> None:
    path = tmp_path / "sysdiagnose.log"
    path.write_text("IN_PROGRESS_sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55\n")
    with open_trace(path) as trace:
        (row,) = trace.table("time_zones").to_pylist()
    assert (row["time"], row["zone"]) == (datetime(2026, 1, 15, 9, 30, tzinfo=UTC), None)
    assert row["utc_offset_s"] == 3600


def test_call_settings_are_kept_as_text(sidecar: Any) -> None:
    text = "header line\n235959.500000 late\n000001.000000 after midnight\n"
    name = "20260114-235950-CallSettings.calldump.gz"
    rows = sidecar.rows(sidecar(name, gzip.compress(text.encode())), "call_settings")
    assert [row["text"] for row in rows] == ["header line", "late", "after midnight"]
    assert [row["time"] for row in rows] == [
        datetime(2026, 1, 14, 23, 59, 50, tzinfo=UTC),
        datetime(2026, 1, 14, 23, 59, 59, 500_000, tzinfo=UTC),
        datetime(2026, 1, 15, 0, 0, 1, tzinfo=UTC),
    ]
    assert {row["time_how"] for row in rows} == {"zone_assumed"}


def test_a_damaged_gzip_file_is_an_error(sidecar: Any) -> None:
    whole = gzip.compress(b"line\n" * 1000)
    with pytest.raises(InputError, match="damaged"):
        sidecar("20260114-235950-CallSettings.calldump.gz", whole[: len(whole) // 2])


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
