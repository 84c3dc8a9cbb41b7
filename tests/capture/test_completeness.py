"""The sample sysdiagnose with all its witnesses, and files of several kinds given together. All of it is synthetic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

import traceview as tv
from traceview.capture import Capture
from traceview.cli import app as command_line
from traceview.report.redact import redact

APP = 951
KILLED = datetime(2026, 1, 15, 8, 5, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def capture() -> Iterator[Capture]:
    samples = Path(__file__).resolve().parents[2] / "sample_traces"
    with tv.open(next(samples.glob("sysdiagnose_*.tar.gz"))) as opened:
        yield opened


def notes(capture: Capture, end: str) -> str:
    return " · ".join(note for one in capture.analysis.coverage if one.source.endswith(end) for note in one.notes)


def test_what_lay_on_the_device_and_is_missing(capture: Capture) -> None:
    assert "1 report lay on the device and is not in the capture: AcmeVoIP 1" in notes(capture, "crashes_and_spins.log")
    assert capture.analysis.tables["listed_reports"]["in_capture"].to_list() == [True, True, False]


def test_whose_lines_were_cut_down(capture: Capture) -> None:
    assert notes(capture, "logdata.statistics.0.txt").endswith("logged too much: audiomxd")
    quarantined = capture.sql("select process, covered_s from log_volume where record = 'quarantine'")
    assert quarantined.rows() == [("audiomxd", 7200.0)]


def test_the_app_at_the_capture_is_one_row_of_three_files(capture: Capture) -> None:
    (app,) = capture.analysis.tables["processes_at_capture"].filter(pl.col("pid") == APP).to_dicts()
    assert [Path(name).name for name in app["witnesses"]] == ["jetsam_priority.csv", "ps.txt", "taskinfo.txt"]
    assert (app["jetsam_band"], app["state"], app["suspended"], app["threads"]) == ("Idle", "T", True, 2)
    launched = capture.analysis.episodes["processes"].filter(pl.col("pid") == APP)["start"].item()
    assert abs(app["launch_time"] - launched) < timedelta(seconds=2)


def test_shutdowns(capture: Capture) -> None:
    (row,) = capture.analysis.tables["shutdown_clients"].to_dicts()
    assert (row["process"], row["waited_s"], row["times_seen"]) == ("AcmeVoIP", 2.1, 2)


def test_old_texts_do_not_stretch_the_capture(capture: Capture) -> None:
    first = capture.analysis.episodes["processes"]["start"].drop_nulls().min()
    assert isinstance(first, datetime)
    assert first >= datetime(2026, 1, 15, 5, tzinfo=UTC)  # the shutdown and the listed reports are older


def test_file_names_in_lists_are_redacted(capture: Capture) -> None:
    tables = {"reports": pl.DataFrame({"sources": [["jane.doe@example.com.ips", "plain.ips"], [], None]})}
    redacted = redact(replace(capture.analysis, tables=tables), "ids")
    first, *others = redacted.tables["reports"]["sources"].to_list()
    assert "jane" not in first[0]
    assert first[1] == "plain.ips"
    assert others == [[], None]


INSTRUMENTS = """<?xml version="1.0"?>
<trace-query-result>
<node xpath='//trace-toc[1]/run[1]/data[1]/table[1]'><schema name="os-log"><col><mnemonic>time</mnemonic><name>Timestamp</name>
<engineering-type>event-time</engineering-type></col><col><mnemonic>message</mnemonic><name>Message</name>
<engineering-type>os-log-metadata</engineering-type></col></schema>
<row><event-time id="1" fmt="00:01.000">1000000000</event-time><os-log-metadata id="2" fmt="hello">hello</os-log-metadata></row>
</node></trace-query-result>
"""


def test_a_log_archive_a_report_and_an_instruments_export_are_one_trace(tmp_path: Path, samples: Path) -> None:
    report = tmp_path / "AcmeVoIP-2026-01-15-090510.ips"
    stamp = "2026-01-15 09:05:10.3446 +0100"
    head = {"bug_type": "309", "timestamp": stamp, "name": "AcmeVoIP", "bundleID": "com.acme.voip", "synthetic": True}
    body = {"procName": "AcmeVoIP", "pid": 905, "captureTime": stamp, "modelCode": "iPhone18,1"}
    report.write_text(json.dumps(head) + "\n" + json.dumps(body))
    instruments = tmp_path / "trace.xml"
    instruments.write_text(INSTRUMENTS)
    archive = next(samples.glob("*.logarchive.tar.gz"))
    with tv.open([archive, report, instruments]) as together:
        trace = together.trace
        readers = {source.reader for source in trace.sources}
        assert readers == {"unified_log", "ips", "xctrace"}
        assert [len(given.sources) for given in trace.inputs] == [1, 1, 1]
        analysis = together.analysis
        deaths = analysis.episodes["terminations"].filter(pl.col("pid") == 905)
        assert [abs(time - KILLED) < timedelta(seconds=2) for time in deaths["start"]] == [True]
        log = together.log()
    refs = log["ref"].to_list()
    assert len(set(refs)) == len(refs)
    assert {ref >> 40 for ref in refs} >= {0}
    assert any(problem.source == report.name and problem.kind == "no-overlap" for problem in analysis.problems)


def test_one_report_of_several_files_is_written(tmp_path: Path, samples: Path) -> None:
    report = tmp_path / "AcmeVoIP.ips"
    report.write_text(
        json.dumps(
            {"bug_type": "309", "timestamp": "2026-01-15 09:05:10.00 +0100", "name": "AcmeVoIP", "synthetic": True}
        )
        + "\n{}"
    )
    page = tmp_path / "out.html"
    sysdiagnose = next(samples.glob("sysdiagnose_*.tar.gz"))
    result = CliRunner().invoke(command_line, ["report", str(sysdiagnose), str(report), "-o", str(page)])
    assert result.exit_code == 0, result.output
    html = page.read_text(encoding="utf-8")
    assert "clock agrees with system_logs.logarchive" in html
    assert "is not in the capture: AcmeVoIP 1" in html
