"""Real output of ``log``: every row, and which files are recognised."""

import json
from datetime import date, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from traceview_parsers import schema
from traceview_parsers.device_syslog import READER as DEVICE_SYSLOG
from traceview_parsers.errors import InputError
from traceview_parsers.log_text import READER
from traceview_parsers.problems import Problems
from traceview_parsers.selection import EVERYTHING, Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source

Row = dict[str, Any]
UTC_ZONE = timezone(timedelta(0))


def context(options: ReadOptions = ReadOptions(tz=UTC_ZONE), capture: CaptureInfo | None = None) -> Context:  # noqa: B008 immutable
    return Context(3, options, Problems(), Device(), capture or CaptureInfo())


def candidate(path: Path, name: str | None = None) -> Candidate:
    return Candidate(name or path.name, path, path.read_bytes()[:4096])


def rows_of(source: Source, selection: Selection = EVERYTHING) -> list[Row]:
    """Rows as dictionaries without nulls; ``time`` as RFC 3339 text, ``ref`` as the line number."""
    rows = []
    for batch in source.batches("log", selection):
        assert batch.schema == schema.SCHEMAS["log"]
        times = batch.column("time").cast("string").to_pylist()
        for row, time in zip(batch.to_pylist(), times, strict=True):
            row["time"] = time
            index, row["ref"] = schema.split_ref(row["ref"])
            assert index == 3
            rows.append({key: value for key, value in row.items() if value is not None})
    return rows


def read(path: Path, where: Context | None = None, selection: Selection = EVERYTHING) -> list[Row]:
    where = where or context()
    return rows_of(READER.open(candidate(path), where), selection)


@pytest.mark.parametrize(
    "name",
    [
        "log_show_compact_multiline.txt",
        "log_show_compact_multiline_tab.txt",
        "log_show_compact_simulator.txt",
        "log_show_default.txt",
        "log_show_json_default_event.json",
        "log_show_ndjson.ndjson",
        "log_stream_default_2017_no_ttl.txt",
        "log_stream_default_ios.txt",
        "log_stream_syslog.txt",
    ],
)
def test_output_of_log_is_claimed_by_this_reader_alone(real: Path, name: str) -> None:
    one = candidate(real / "log_text" / name)
    assert READER.claims(one) == 100
    assert DEVICE_SYSLOG.claims(one) == 0


def test_default_style(real: Path) -> None:
    where = context()
    rows = read(real / "log_text/log_show_default.txt", where)
    assert rows[0] == {
        "ref": 4,
        "time": "2026-01-25 21:03:22.041859000Z",
        "time_how": "exact",
        "process": "logger",
        "pid": 6103,
        "tid": 0x150D23A,
        "level": "info",
        "event": "log",
        "activity_id": 0,
        "ttl": 0,
        "message": "vmnet-broker: Downloading vmnet-broker latest",
    }
    assert [row["message"] for row in rows[1:]] == [
        "vmnet-broker: Created system group _vmnetbroker",
        "vmnet-broker: Install completed",
    ]
    assert not len(where.problems)


def test_default_style_of_a_device_with_library_and_subsystem(real: Path) -> None:
    first, second = read(real / "log_text/log_stream_default_ios.txt")
    assert first == {
        "ref": 2,
        "time": "2023-07-19 05:22:51.916784000Z",
        "time_how": "exact",
        "process": "remotepairingd",
        "pid": 599,
        "tid": 0x3058,
        "sender": "RemotePairing",
        "subsystem": "com.apple.dt.remotepairing",
        "category": "networktunnelmanager",
        "level": "info",
        "event": "log",
        "activity_id": 0,
        "ttl": 0,
        "message": "tunnel-1: Tunnel established for interface: utun3, local fd41:8efc:c0f8::2 -> fd41:8efc:c0f8::1",
    }
    assert "sender" not in second
    assert second["category"] == "remotepairingd"
    assert second["message"].startswith("device-0: Tunnel established - interface: utun3")


def test_default_style_of_2017_has_no_ttl_and_blanks_in_names(real: Path) -> None:
    first, second = read(real / "log_text/log_stream_default_2017_no_ttl.txt")
    assert first == {
        "ref": 3,
        "time": "2017-12-07 10:33:56.230481000Z",
        "time_how": "exact",
        "process": "Ur iOS AppName",
        "pid": 48240,
        "tid": 0x1DAA15,
        "sender": "UIKit",
        "event": "activity",
        "activity_id": 0x80000000000AB54B,
        "message": "send gesture actions",
    }
    # Its author cut the last line inside the process name, which therefore stays unknown.
    assert second["time"] == "2017-12-07 10:33:57.087589000Z"
    assert second["message"] == "Ur iOS A"
    assert "process" not in second


def test_syslog_style(real: Path) -> None:
    first, second = read(real / "log_text/log_stream_syslog.txt")
    assert first == {
        "ref": 2,
        "time": "2023-09-27 20:55:39.622369000Z",
        "time_how": "exact",
        "process": "legacyScreenSaver",
        "pid": 41737,
        "sender": "ScreenSaverExample",
        "event": "log",
        "message": "hello_screensaver void custom(int, const char **)",
    }
    assert second["message"] == "hello_screensaver -[ScreenSaverExampleView initWithFrame:isPreview:]"


def test_compact_style_of_a_simulator(real: Path) -> None:
    rows = read(real / "log_text/log_show_compact_simulator.txt")
    assert [row["ref"] for row in rows] == [3, 4, 5, 6, 7]
    assert rows[0]["subsystem"] == "com.apple.libsystem.libdispatch"
    assert "category" not in rows[0]
    assert rows[1] == {
        "ref": 4,
        "time": "2026-10-09 09:06:13.125000000Z",
        "time_how": "exact",
        "process": "Tideline",
        "pid": 10112,
        "tid": 0x19172,
        "subsystem": "com.apple.xpc",
        "category": "connection",
        "level": "default",
        "event": "log",
        "message": "[0x103e29630] activating connection: mach=true listener=false peer=false "
        "name=com.apple.cfprefsd.daemon",
    }
    assert rows[2]["sender"] == "libMobileGestalt.dylib"
    assert rows[3]["event"] == "activity"
    assert "level" not in rows[3]
    assert rows[4]["message"] == "Fetching stations near 51.5, -0.1"


def test_messages_of_several_lines(real: Path) -> None:
    braces = read(real / "log_text/log_show_compact_multiline.txt")
    assert [row["ref"] for row in braces] == [2, 6]
    assert braces[0]["message"].count("\n") == 3
    assert braces[0]["message"].startswith("Request received for installation of file:///Users/u/NeonDrift.app/")
    assert braces[0]["message"].endswith('RuntimeRoot";\n}')
    assert braces[1]["category"] == "framework"
    tab, activity = read(real / "log_text/log_show_compact_multiline_tab.txt")
    assert tab["message"].endswith("developer]\n\tlibinfo check path: <private>")
    assert activity["sender"] == "Security"
    assert activity["tid"] == 0xB199C5


def test_ndjson(real: Path) -> None:
    where = context()
    log, signpost, activity = read(real / "log_text/log_show_ndjson.ndjson", where)
    assert log == {
        "ref": 1,
        "time": "2020-12-10 16:00:10.150141000Z",
        "time_how": "exact",
        "mach_time": 356419412323030,
        "boot_uuid": "4044A0BF-330C-4FB9-8D90-D5BF55C7B63C",
        "process": "kernel",
        "process_path": "/kernel",
        "process_uuid": "9B5A7191-5B84-3990-8710-D9BD9273A8E5",
        "pid": 0,
        "tid": 7070658,
        "sender": "Sandbox",
        "sender_path": "/System/Library/Extensions/Sandbox.kext/Contents/MacOS/Sandbox",
        "sender_uuid": "EFCEFC07-848B-3EA7-87A0-E967111ABE77",
        "sender_offset": 104220,
        "level": "error",
        "event": "log",
        "message": "(Sandbox) Sandbox: bluetoothd(171) deny(1) mach-lookup com.apple.server.bluetooth",
        "format": "Sandbox: %s(%d) %s%s",
        "trace_id": 762098997530628,
    }
    assert signpost == {
        "ref": 2,
        "time": "2026-06-26 12:23:32.715547000Z",
        "time_how": "exact",
        "process": "emitter",
        "process_path": "/usr/bin/emitter",
        "pid": 4242,
        "subsystem": "com.slog.test",
        "category": "signpost",
        "event": "signpost",
        "message": "len 208123 batch=1",
        "signpost_id": 1,
        "signpost_name": "parse.postImage",
        "signpost_type": "begin",
        "signpost_scope": "process",
    }
    assert activity["event"] == "activity"
    assert activity["process"] == "PosterBoard"
    assert not len(where.problems)


def test_json(real: Path) -> None:
    (row,) = read(real / "log_text/log_show_json_default_event.json")
    assert row == {
        "ref": 1,
        "time": "2025-07-26 22:10:17.745652000Z",
        "time_how": "exact",
        "mach_time": 163259674292,
        "boot_uuid": "E312ED28-914E-4C3C-9B9E-4926AFCCD890",
        "process": "launchd",
        "process_path": "/sbin/launchd",
        "process_uuid": "05BA185B-9D21-3EE8-B7D8-5CE21382B5E5",
        "pid": 1,
        "tid": 64102,
        "sender": "launchd",
        "sender_path": "/sbin/launchd",
        "sender_uuid": "05BA185B-9D21-3EE8-B7D8-5CE21382B5E5",
        "sender_offset": 203948,
        "subsystem": "system",
        "level": "default",
        "event": "log",
        "message": "Setting service com.apple.screensharing to enabled (initiated by smd[379])",
        "trace_id": 0,
    }


def test_the_zone_of_the_capture_serves_styles_that_print_none(real: Path) -> None:
    path = real / "log_text/log_show_compact_simulator.txt"
    known = context(ReadOptions(), CaptureInfo(tz="+02:00", tz_how="archive name"))
    source = READER.open(candidate(path), known)
    row = rows_of(source)[0]
    assert (row["time"], row["time_how"]) == ("2026-10-09 07:06:13.119000000Z", "exact")
    assert source.coverage().clock == "zone UTC+02:00 (the capture's, from archive name)"
    guessed = context(ReadOptions(), CaptureInfo(tz="+02:00", tz_how="assumed"))
    row = rows_of(READER.open(candidate(path), guessed))[0]
    assert (row["time"], row["time_how"]) == ("2026-10-09 09:06:13.119000000Z", "zone_assumed")


def test_coverage_and_selection(real: Path) -> None:
    source = READER.open(candidate(real / "log_text/log_show_compact_simulator.txt"), context())
    wanted = Selection(
        clauses=(Clause(words=frozenset({"Fetching"})), Clause(senders=frozenset({"libMobileGestalt.dylib"})))
    )
    assert [row["ref"] for row in rows_of(source, wanted)] == [5, 7]
    coverage = source.coverage()
    assert coverage.rows == 5
    assert coverage.end_ns - coverage.start_ns == 91_000_000
    assert coverage.clock == "zone UTC (given by the user)"


FOREIGN = {
    "ps.txt": b"USER PID  PPID  F %CPU %MEM PRI NI VSZ RSS WCHAN TT STAT STARTED TIME COMMAND\n"
    b"root   1     0  4004 0.0  0.1 37  0  407 11 -  ?? Ss  8:05AM  1:22.10 /sbin/launchd\n",
    "shutdown.log": b"After 1.26s, these clients are still here:\n\t\tremaining client pid: 81 (/usr/libexec/x)\n"
    b"SIGTERM: [1688974800] All buffers synced\n",
    "spindump.txt": b"Date/Time:        2023-07-19 08:22:51.916 +0300\nEnd time: 2023-07-19 08:22:58.916 +0300\n"
    b"OS Version: iPhone OS 16.5 (Build 20F66)\n",
    "crash.ips": b'{"app_name":"Acme","timestamp":"2023-07-19 08:22:51.00 +0300","bug_type":"309"}\n{\n  "pid" : 3\n}\n',
    "mx.json": b'{"timeStampBegin":"2023-07-19 08:22:51 +0300","metaData":{"bundleIdentifier":"com.acme"}}\n',
    "toc.xml": b'<?xml version="1.0"?>\n<trace-toc><run number="1"/></trace-toc>\n',
    "x.plist": b"bplist00\xd4\x01\x02",
    "x.tracev3": b"\x00\x10\x00\x00\x11\x00\x00\x00\xd0\x00" + bytes(64),
    "README.md": b"# Notes\n\nCalls drop after 30 s.\n",
    "empty": b"",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("folder", ["", "sysdiagnose_2023.07.19_08-22-51+0300_iPhone-OS_iPhone_20F66/"])
def test_other_files_are_not_claimed(name: str, folder: str) -> None:
    one = Candidate(folder + name, None, FOREIGN[name])
    assert READER.claims(one) == 0
    assert DEVICE_SYSLOG.claims(one) == 0


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "nothing.ndjson"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"nothing\.ndjson is empty"):
        READER.open(candidate(path), context())


def test_a_folder_or_member_without_a_file_is_an_error() -> None:
    with pytest.raises(InputError):
        READER.open(Candidate("x", None), context())


def test_headers_without_records_are_an_empty_log(tmp_path: Path) -> None:
    for name, text in (
        (
            "a.txt",
            'Filtering the log data using "x"\nTimestamp                       Thread     Type        Activity\n',
        ),
        ("b.ndjson", '{"count":0,"finished":1}\n'),
    ):
        path = tmp_path / name
        path.write_text(text)
        assert READER.claims(candidate(path)) == 100
        where = context()
        assert read(path, where) == []
        assert not len(where.problems)


def test_unknown_tables_are_key_errors(real: Path) -> None:
    source = READER.open(candidate(real / "log_text/log_show_default.txt"), context())
    with pytest.raises(KeyError):
        next(iter(source.batches("samples")))


def test_problems_are_counted_once_however_often_a_source_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    record = json.dumps({"timestamp": "2026-01-01 00:00:00.000000+0000", "eventMessage": "x", "machTimestamp": 1})
    path.write_text(f"{record}\n{{broken}}\n")
    where = context(ReadOptions(date=date(2026, 1, 1)))
    source = READER.open(candidate(path), where)
    assert len(rows_of(source)) == len(rows_of(source)) == 1
    (problem,) = where.problems
    assert (problem.kind, problem.position, problem.count, problem.sample) == ("unrecognised-line", 2, 1, "{broken}")
