"""Exports as folders, archives and single files, and their clocks. The rows are made up."""

import shutil
from pathlib import Path

import pytest
from xctrace_export import LOG_ROW, MESSAGE, START_NS, contents, export, node, one_row

from traceview_parsers import open_trace
from traceview_parsers.errors import UnknownFormatError


def test_a_folder_of_contents_and_tables_is_one_trace(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(
        contents("os-log", "small", "kdebug", "kdebug", "time-info", mode="Windowed (5 seconds)")
    )
    (tmp_path / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    (tmp_path / "small.xml").write_bytes(export(node("small", '<row><string id="1">a</string><sentinel/></row>', 2)))
    assert one_row(tmp_path, "log") == {
        "time": START_NS + 10**9, "time_how": "exact", "process": "App", "pid": 77, "tid": 31, "level": "error",
        "process_path": "/var/containers/App.app/App", "subsystem": "a.b", "category": "c", "event": "log",
        "message": MESSAGE, "format": "sent %d of %llx to %@",
    }  # fmt: skip
    with open_trace(tmp_path) as trace:
        assert len(trace.sources) == 1
        assert trace.tables == ("log", "xctrace_small")
        refs = [trace.table(table).column("ref")[0].as_py() for table in trace.tables]
        assert len(set(refs)) == 2
        (coverage,) = trace.coverage()
        assert (coverage.start_ns, coverage.end_ns, coverage.rows) == (START_NS + 10**9, START_NS + 10**9, 1)
        assert coverage.clock == "start date of the table of contents"
        assert coverage.certainty_ns == 1_000_000
        assert "Windowed (5 seconds)" in coverage.notes[0]
        assert coverage.notes[1:] == ("recorded, but not exported: time-info, kdebug",)
        assert (trace.device.model, trace.device.os_build) == ("iPhone17,1", "23D8133")
        assert trace.capture.tz == "-03:00"


def test_a_zip_of_an_export_is_one_trace(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "toc.xml").write_bytes(contents("os-log"))
    (tmp_path / "export" / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    archive = shutil.make_archive(str(tmp_path / "call"), "zip", tmp_path, "export")
    assert one_row(Path(archive), "log")["time"] == START_NS + 10**9


def test_a_slice_of_the_log_is_noted(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents('schema="os-log" category="PointsOfInterest"'))
    (tmp_path / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    with open_trace(tmp_path) as trace:
        assert "category PointsOfInterest" in trace.coverage()[0].notes[0]


def test_other_captures_in_the_folder_are_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log"))
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    (tmp_path / "crash.ips").write_text('{"bug_type":"309","timestamp":"2026-01-01 00:00:00.00 +0000"}\n{}')
    with open_trace(tmp_path) as trace:
        assert [source.reader for source in trace.sources].count("ips") == 1
        assert trace.table("log").column("time")[0].value == START_NS + 10**9


def test_contents_of_another_trace_beside_a_file_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("small", "os-log"))
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    assert "time" not in one_row(tmp_path / "tables.xml", "log")


def test_without_any_clock_rows_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    row = one_row(tmp_path / "tables.xml", "log")
    assert "time" not in row
    assert row["time_how"] == "unknown"
    with open_trace(tmp_path / "tables.xml") as trace:
        (problem,) = trace.problems
        assert problem.kind == "no-start-time"
        assert "xctrace export --input X.trace --toc" in problem.message


TIME_INFO = (
    '<row><sample-time id="90" fmt="0">0</sample-time><mach-absolute-time id="91" fmt="1">1</mach-absolute-time>'
    '<mach-continuous-time id="92" fmt="1">1</mach-continuous-time><mach-timebase-info id="93" fmt="125/3">'
    '<mach-timebase-info-field id="94">125</mach-timebase-info-field></mach-timebase-info>'
    '<time-since-epoch id="95" fmt="10/4/26">{}</time-since-epoch></row>'
)


@pytest.mark.parametrize("written", ["1775788271.270123", "797481071.270123", "1775788271270123000"])
def test_time_info_is_finer_than_the_start_date(tmp_path: Path, written: str) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log", "time-info"))
    (tmp_path / "tables.xml").write_bytes(
        export(node("os-log", LOG_ROW), node("time-info", TIME_INFO.format(written), 2))
    )
    assert one_row(tmp_path, "log")["time"] == START_NS + 123_000 + 10**9
    assert one_row(tmp_path / "tables.xml", "log")["time"] == START_NS + 123_000 + 10**9
    with open_trace(tmp_path) as trace:
        assert trace.coverage()[0].clock == "time-info"
        assert trace.coverage()[0].certainty_ns == 1000
        assert trace.table("xctrace_time_info").column("trace_start_time_ns").to_pylist() == [START_NS + 123_000]


def test_a_start_time_keeps_its_last_digit(tmp_path: Path) -> None:
    rows = TIME_INFO.format("1775788271270123457") + TIME_INFO.format("soon").replace(' id="', ' id="1')
    (tmp_path / "tables.xml").write_bytes(export(node("time-info", rows + "<row>" + "<sentinel/>" * 5 + "</row>")))
    with open_trace(tmp_path / "tables.xml") as trace:
        moments = trace.table("xctrace_time_info").column("trace_start_time_ns").to_pylist()
        assert moments == [1775788271270123457, None, None]
        assert [one.count for one in trace.problems if one.kind == "not-a-number"] == [1]


@pytest.mark.parametrize("written", ["1775788271", "5", "nonsense", "", "9" * 30, "1990000000.5"])
def test_a_useless_time_info_leaves_the_start_date(tmp_path: Path, written: str) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log", "time-info"))
    (tmp_path / "tables.xml").write_bytes(
        export(node("os-log", LOG_ROW), node("time-info", TIME_INFO.format(written), 2))
    )
    assert one_row(tmp_path, "log")["time"] == START_NS + 10**9


def test_other_xml_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><plist><dict/></plist>')
    with pytest.raises(UnknownFormatError):
        open_trace(tmp_path / "a.xml")
