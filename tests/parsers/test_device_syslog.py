"""Real device logs and pasted excerpts: every row."""

import os
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest

from traceview_parsers.device_syslog import READER
from traceview_parsers.log_text import READER as LOG_TEXT
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source

Row = dict[str, Any]
OPTIONS = ReadOptions(date(2024, 7, 9), timezone(timedelta(hours=2)))


def read(
    path: Path, options: ReadOptions = OPTIONS, name: str | None = None, capture: CaptureInfo | None = None
) -> tuple[list[Row], Source, dict[str, Problem]]:
    one = Candidate(name or path.name, path, path.read_bytes()[:4096])
    assert READER.claims(one) >= 50
    assert LOG_TEXT.claims(one) == 0
    source = READER.open(one, Context(0, options, Problems(), Device(), capture or CaptureInfo()))
    rows = []
    for batch in source.batches("log"):
        times = batch.column("time").cast("string").to_pylist()
        rows += [
            {key: value for key, value in (row | {"time": time}).items() if value is not None}
            for row, time in zip(batch.to_pylist(), times, strict=True)
        ]
    return rows, source, {problem.kind: problem for problem in source._context.problems}


def pasted(
    tmp_path: Path, text: str, options: ReadOptions = OPTIONS, name: str = "pasted.txt"
) -> tuple[list[Row], Source, dict[str, Problem]]:
    path = tmp_path / name
    path.write_text(text)
    return read(path, options)


def test_console_copies(real: Path) -> None:
    rows, source, problems = read(real / "log_text/console_app_copy_multiline.txt")
    assert [row["ref"] for row in rows] == [1, 3, 4]
    assert rows[0] == {
        "ref": 1,
        "time": "2024-07-10 01:42:13.335918000Z",
        "time_how": "exact",
        "process": "SpringBoard",
        "level": "default",
        "event": "log",
        "message": "SBIconView touches began with event: <UITouchesEvent: 0x865746a00> timestamp: 2.93488e+06 touches: {(\n"
        "    <UITouch: 0x865d8af40> type: Direct; phase: Began; is pointer: NO; tap count: 1; force: 0.000; window: "
        "<SBHomeScreenWindow: 0x865c80000; HomeScr",
    }
    assert rows[1]["message"] == "Deleting searchable items with bundleID: com.hightowerai.MobileJarvisNative"
    # Lines of three captures in one file: 23:30 back to 18:44 is no midnight.
    assert [row["time"][:10] for row in rows] == ["2024-07-10", "2024-07-10", "2024-07-09"]
    assert source.coverage().clock == "printed with zone; date given: first line on 2024-07-09 (user)"
    assert problems == {}


def test_console_copies_with_a_blank_before_the_zone_and_a_foreign_level(real: Path) -> None:
    rows, _, problems = read(real / "log_text/console_app_copy_variants.txt")
    assert [(row["time"], row["level"], row["process"], row["message"]) for row in rows] == [
        (
            "2024-07-09 12:36:58.000000000Z",
            "default",
            "SpringBoard",
            " Application 'UIKitApplication:www.perivalebluebell.icdab-nsdata[0x51b9]' crashed.",
        ),
        (
            "2024-07-09 18:56:46.851288000Z",
            "default",
            "SpringBoard",
            "[BrokenHUD] bsW = 7.000000, bsH = 5.000000, pX = 105.000000, pY = 1.000000",
        ),
        (
            "2024-07-09 09:07:47.916811000Z",
            "default",
            "SpringBoard",
            "Requested application <private> has policy 0, associated category:DH1009",
        ),
    ]
    assert problems == {}


def test_idevicesyslog_old_relay(real: Path) -> None:
    rows, source, problems = read(real / "log_text/idevicesyslog_old_relay.txt")
    assert rows == [
        {
            "ref": 2,
            "time": "2024-06-22 08:15:32.000000000Z",
            "time_how": "exact",
            "process": "SpringBoard",
            "pid": 63,
            "sender": "FrontBoard",
            "level": "default",
            "event": "log",
            "message": "msg",
        }
    ]
    assert "year given: first line in 2024 (user 2024-07-09)" in source.coverage().clock
    assert problems == {}


def test_pymobiledevice3(real: Path) -> None:
    rows, _, _ = read(real / "log_text/pymobiledevice3_syslog.txt")
    assert rows == [
        {
            "ref": 1,
            "time": "2026-09-08 22:54:19.046506000Z",
            "time_how": "exact",
            "process": "knowledgeconstructiond",
            "pid": 2123,
            "sender": "CoreFoundation",
            "level": "debug",
            "event": "log",
            "message": "msg",
        }
    ]


def test_xcode_console_copy(real: Path) -> None:
    rows, _, problems = read(real / "log_text/xcode_console_copy.txt")
    assert rows[0] == {
        "ref": 1,
        "time": "2026-01-13 02:27:56.482798000Z",
        "time_how": "exact",
        "process": "ElementalWarrior",
        "tid": 0xB1F10,
        "sender": "Network",
        "subsystem": "com.apple.network",
        "category": "connection",
        "level": "error",
        "event": "log",
        "message": "nw_socket_copy_info [C1:2] getsockopt TCP_INFO failed [102: Operation not supported on socket]",
    }
    assert rows[1]["message"] == "<<<< FigXPCUtilities >>>> signalled err=-17281 at <>:308"
    assert "category" not in rows[1]
    assert rows[2]["category"] == "Assert"
    assert "process" not in rows[2]
    assert [row["ref"] for row in rows] == [1, 3, 5]
    assert problems == {}


def test_excerpt_of_the_old_relay(real: Path) -> None:
    rows, source, problems = read(real / "excerpts/03.log")
    assert [row["ref"] for row in rows] == list(range(3, 13))
    assert {row["time"] for row in rows} == {"2024-11-12 10:24:57.000000000Z"}
    assert [(row["process"], row["sender"], row["pid"]) for row in rows] == [
        ("SpringBoard", "FrontBoard", 510) if number not in {9, 10, 12} else ("runningboardd", "RunningBoard", 31)
        for number in range(3, 13)
    ]
    assert rows[0]["message"] == (
        '[application<com.REDACTED>:796] Process exited: <FBProcessExitContext; watchdog ("watchdog provision violated")>.'
    )
    assert rows[-1]["message"] == "Calculated state for application<com.REDACTED>: none (role: None)"
    assert source.coverage().notes == ("comment line skipped (2 times)",)
    assert problems == {}


def test_excerpt_of_a_console_copy_with_tabs(real: Path) -> None:
    rows, source, problems = read(real / "excerpts/04.log")
    assert [row["ref"] for row in rows] == [3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23]
    assert rows[0]["time"] == "2024-07-09 13:55:03.007180000Z"
    assert rows[-1]["time"] == "2024-07-09 13:55:04.120460000Z"
    assert [row["process"] for row in rows] == ["mediaserverd"] * 3 + ["runningboardd"] * 10 + ["mediaserverd"] * 5
    assert rows[8]["message"].endswith(":716])>:721:721] Suspending task.")
    assert rows[2]["message"].endswith("Current MXSessions count for CoreSession = 1")  # nothing of the gap behind it
    assert source.coverage().notes == ("comment line skipped (5 times)",)
    assert problems == {}


def test_excerpt_that_is_a_projection(real: Path) -> None:
    rows, _, problems = read(real / "excerpts/05.log")
    assert [row["ref"] for row in rows] == list(range(4, 27))
    assert rows[0] == {
        "ref": 4,
        "time": "2024-07-09 08:30:32.700701000Z",
        "time_how": "exact",
        "subsystem": "com.apple.coreaudio",
        "event": "log",
        "message": "AVAudioSession_iOS.mm:996   Activated session 0xd90994a",
    }
    assert {row["subsystem"] for row in rows} == {"com.apple.coreaudio", "com.apple.avfaudio"}
    assert rows[7]["message"] == "AVAudioEngine.mm:1182  Engine@0x105db6fa0: start, was running 0"
    assert rows[7]["time"] == "2024-07-09 08:30:32.852000000Z"
    assert problems == {}


def test_excerpt_flattened_to_blanks(real: Path) -> None:
    rows, _, problems = read(real / "excerpts/06.log")
    assert [(row["ref"], row.get("process")) for row in rows] == [
        (3, "audiomxd"),
        (4, "dasd"),
        (5, "locationd"),
        (6, "locationd"),
        (7, "locationd"),
        (8, "locationd"),
        (10, None),
    ]
    assert rows[0]["message"].startswith(
        "-CMSessionMgr- CMSessionMgrHandleApplicationStateChange: Sending stop command"
    )
    assert rows[5]["message"].endswith('"ClientKey":"icom.myapp')
    assert rows[6]["message"].startswith("Received termination request from [osservice<com.apple.dasd>:76]")
    assert rows[6]["time_how"] == "unknown"
    assert (problems["unrecognised-line"].position, problems["unrecognised-line"].count) == (10, 1)


def test_connection_lines_and_colours(tmp_path: Path) -> None:
    text = (
        "[connected:00008030-000000000000002E]\n"
        "\x1b[0;35mNov  3 10:15:32.123456\x1b[0m \x1b[0;36mSpringBoard(FrontBoard)\x1b[0m[63] \x1b[0;32m<Notice>\x1b[0m: one\n"
        "[disconnected:00008030-000000000000002E]\n"
        "Nov  3 10:15:33.000001 kernel[0] <Error>: two\n"
    )
    rows, _, problems = pasted(tmp_path, text)
    assert [(r["ref"], r["process"], r["pid"], r["level"], r["message"]) for r in rows] == [
        (2, "SpringBoard", 63, "default", "one"),
        (4, "kernel", 0, "error", "two"),
    ]
    assert problems == {}


def test_pymobiledevice3_json(tmp_path: Path) -> None:
    text = (
        '{\n "pid": 7,\n "procid": 9,\n "thread_id": 3,\n "timestamp": "2026-09-09T00:54:19.046506",\n "level": "ERROR",\n'
        ' "image_name": "/usr/lib/libx.dylib", "image_offset": 18446744073709551615, "image_uuid": "ab", '
        '"process_image_uuid": "cd", "filename": "/usr/libexec/apsd", "mach_timestamp": 5, "message": "a } b",\n'
        ' "label": {"subsystem": "com.apple.apsd", "category": "push"}\n}\n'
        '{"pid": 8, "timestamp": "2026-09-09T00:54:20", "image_name": null, "message": "c", "label": null}\n'
    )
    rows, _, problems = pasted(tmp_path, text)
    assert rows == [
        {
            "ref": 1,
            "time": "2026-09-08 22:54:19.046506000Z",
            "time_how": "exact",
            "mach_time": 5,
            "process": "apsd",
            "process_path": "/usr/libexec/apsd",
            "process_uuid": "CD",
            "pid": 7,
            "tid": 3,
            "sender": "libx.dylib",
            "sender_path": "/usr/lib/libx.dylib",
            "sender_uuid": "AB",
            "sender_offset": 2**64 - 1,
            "subsystem": "com.apple.apsd",
            "category": "push",
            "level": "error",
            "event": "log",
            "message": "a } b",
        },
        {
            "ref": 10,
            "time": "2026-09-08 22:54:20.000000000Z",
            "time_how": "exact",
            "pid": 8,
            "event": "log",
            "message": "c",
        },
    ]
    assert problems == {}


def test_console_copy_with_column_names(tmp_path: Path) -> None:
    text = (
        "Type\tTime\tProcess\tSubsystem\tCategory\tMessage\nerror\t10:00:00.000001+0200\tMy App\tcom.acme\tcall\ta\tb\n"
    )
    rows, _, problems = pasted(tmp_path, text)
    assert [(r["ref"], r["process"], r["subsystem"], r["category"], r["message"]) for r in rows] == [
        (2, "My App", "com.acme", "call", "a\tb")
    ]
    assert problems == {}


def test_columns_of_the_kernel_take_nothing_off_its_messages(tmp_path: Path) -> None:
    title = "Type\tTime\tProcess\tLibrary\tSubsystem\tCategory\tMessage\n"
    text = "".join(
        f"default\t10:00:00.000000+0000\tkernel\tkernel\t{label}\tvm: segments\n" for label in ("\t", "DCP\tx")
    )
    rows, _, _ = pasted(tmp_path, title + text, ReadOptions(date=date(2026, 1, 15)))
    assert [(row.get("subsystem"), row.get("category"), row["message"]) for row in rows] == [
        (None, None, "vm: segments"),
        ("DCP", "x", "vm: segments"),
    ]
    line = "2026-01-15 10:00:00 kernel{AppleDCP+0x0}[0] <NOTICE>: link is up [DCP][x]\n"
    rows, _, _ = pasted(tmp_path, line, ReadOptions())
    assert [(row["subsystem"], row["message"]) for row in rows] == [("DCP", "link is up")]


def test_a_tab_in_one_message_is_no_library_column(tmp_path: Path) -> None:
    line = "default\t10:00:00.00000{}+0200\tapsd\t{}\n"
    rows, _, _ = pasted(tmp_path, line.format(1, "one\tmore") + line.format(2, "two words"))
    assert [(row["message"], row.get("sender")) for row in rows] == [("one\tmore", None), ("two words", None)]
    rows, _, _ = pasted(tmp_path, line.format(1, "APSCore\tone more") + line.format(2, "Foundation\ttwo"))
    assert [(row["message"], row["sender"]) for row in rows] == [("one more", "APSCore"), ("two", "Foundation")]


def test_unknown_levels_are_counted(tmp_path: Path) -> None:
    line = "vikatila\t10:00:00.000001+0200\tapsd\tmessage\n"
    rows, _, problems = pasted(tmp_path, line * 3)
    assert "level" not in rows[0]
    assert (problems["unknown-level"].sample, problems["unknown-level"].count) == ("vikatila", 3)


def test_the_date_comes_from_the_name_then_from_the_file_time(tmp_path: Path) -> None:
    line = "default\t23:59:59.000000+0000\tapsd\tone\ndefault\t00:00:01.000000+0000\tapsd\ttwo\n"
    rows, source, _ = pasted(tmp_path, line, ReadOptions(), "call 2025-02-28.txt")
    assert [(row["time"][:10], row["time_how"]) for row in rows] == [("2025-02-28", "exact"), ("2025-03-01", "exact")]
    assert "date given: first line on 2025-02-28 (file name)" in source.coverage().clock
    path = tmp_path / "call.txt"
    path.write_text(line)
    moment = datetime(2023, 5, 6, 7, 8, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    rows, source, _ = read(path, ReadOptions())
    assert [(row["time"][:10], row["time_how"]) for row in rows] == [
        ("2023-05-05", "date_assumed"),
        ("2023-05-06", "date_assumed"),
    ]
    assert "date assumed: first line on 2023-05-05 (file time)" in source.coverage().clock


@pytest.mark.parametrize(
    ("clocks", "options", "first"),
    [
        (["07:07:59.5", "07:08:00.5"], ReadOptions(), "2023-05-06"),  # the file's time may be cut to seconds
        (["07:07:59.5+0000", "07:22:00.0+0000"], ReadOptions(), "2023-05-06"),  # a device's clock may be ahead
        (["07:07:59.5+0000", "07:24:00.0+0000"], ReadOptions(), "2023-05-05"),
        (["23:59:59.0", "00:00:01.0", "12:00:00.0", "23:59:59.0", "06:00:00.0"], ReadOptions(), "2023-05-04"),
        (["08:30:00.0"], ReadOptions(), "2023-05-06"),  # in no zone that is known: it may be one to the east
        (["19:22:00.0"], ReadOptions(), "2023-05-06"),
        (["19:24:00.0"], ReadOptions(), "2023-05-05"),  # or in one to the west, where it is so late no more
        (["08:30:00.0"], ReadOptions(tz=UTC), "2023-05-05"),
        (["08:30:00.0"], ReadOptions(tz=timezone(timedelta(hours=2))), "2023-05-06"),
        (["20:00:00.0-1200"], ReadOptions(), "2023-05-04"),
        (["19:00:00.0-1200"], ReadOptions(tz=timezone(timedelta(hours=2))), "2023-05-05"),
        (["20:00:00.0+1400"], ReadOptions(), "2023-05-06"),
        (["00:30:00.0", "23:59:00.0", "00:31:00.0"], ReadOptions(), "2023-05-06"),  # one line was written late
        (
            ["05:00:00.0+0000", "10:00:00.0+0000", "06:00:00.0+0000"],
            ReadOptions(),
            "2023-05-05",
        ),  # two captures in one text
        (["10:00:00.0+0900", "06:00:00.0"], ReadOptions(), "2023-05-06"),
        (["10:00:00.0"], ReadOptions(date=date(2023, 5, 6)), "2023-05-06"),
    ],
)
def test_no_assumed_date_puts_a_line_behind_its_file(
    tmp_path: Path, clocks: list[str], options: ReadOptions, first: str
) -> None:
    path = tmp_path / "call.txt"
    path.write_text("".join(f"default\t{_six_digits(clock)}\tapsd\tone\n" for clock in clocks))
    written = datetime(2023, 5, 6, 7, 8, tzinfo=UTC).timestamp()
    os.utime(path, (written, written))
    _, source, _ = read(path, options)
    assert f"first line on {first} (" in source.coverage().clock
    again = [batch.column("time").to_pylist() for batch in source.batches("log")]
    assert again == [batch.column("time").to_pylist() for batch in source.batches("log")]


@pytest.mark.parametrize(
    ("clocks", "first"),
    [
        (["23:58:00.0+0200", "00:04:00.0+0200"], "2024-07-08"),
        (["23:58:00.0", "00:04:00.0"], "2024-07-08"),
        (["00:01:00.0+0200", "00:30:00.0+0200"], "2024-07-09"),  # the log went on when the sysdiagnose was taken
        (["09:00:00.0+0200", "11:00:00.0+0200"], "2024-07-09"),
        (["14:00:00.0+0200"], "2024-07-08"),
    ],
)
def test_a_log_without_dates_lies_nearest_to_the_capture_beside_it(
    tmp_path: Path, clocks: list[str], first: str
) -> None:
    path = tmp_path / "call.txt"
    path.write_text("".join(f"default\t{_six_digits(clock)}\tapsd\tone\n" for clock in clocks))
    taken = datetime(2024, 7, 8, 22, 5, 30, tzinfo=UTC).timestamp()
    capture = CaptureInfo("sysdiagnose", round(taken) * 1_000_000_000, "+02:00", "archive name")
    _, source, _ = read(path, ReadOptions(), capture=capture)
    assert f"first line on {first} (capture time)" in source.coverage().clock


CONSOLE: Final = "default\t{}\tapsd\tone\n"
DATED: Final = "2022-03-04 {} 0x1        Default     0x0                  77     0    apsd: old\n"


def _days(folder: Path, text: str, options: ReadOptions, name: str = "call.txt") -> tuple[list[str], str]:
    path = folder / name
    path.write_text(text)
    moment = datetime(2023, 5, 6, 23, 30, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    rows, source, _ = read(path, options)
    return [f"{row['time'][:10]} {row['time_how']}" for row in rows], source.coverage().clock


def test_a_message_that_quotes_an_old_log_moves_no_line(tmp_path: Path) -> None:
    undated = CONSOLE.format("09:12:31.000000+0000")
    text = undated + DATED.format("10:00:00.123456+0000") * 3 + undated * 2
    days, _ = _days(tmp_path, text, ReadOptions(date=date(2026, 1, 15)))
    assert days == ["2026-01-15 exact", *["2022-03-04 exact"] * 3, *["2026-01-15 exact"] * 2]
    days, _ = _days(tmp_path, text, ReadOptions(), "call 2026-01-14.txt")
    assert days == ["2026-01-14 exact", *["2022-03-04 exact"] * 3, *["2026-01-14 exact"] * 2]
    days, _ = _days(tmp_path, text, ReadOptions())
    assert days == ["2023-05-06 date_assumed", *["2022-03-04 exact"] * 3, *["2023-05-06 date_assumed"] * 2]
    days, _ = _days(tmp_path, undated * 2 + DATED.format("10:00:00.123456+0000"), ReadOptions())
    assert days == [*["2023-05-06 date_assumed"] * 2, "2022-03-04 exact"]


def test_lines_without_a_date_before_dated_ones_are_not_after_them(tmp_path: Path) -> None:
    late, early = CONSOLE.format("23:12:31.000000+0000"), CONSOLE.format("01:00:00.000000+0000")
    dated = DATED.format("02:00:00.123456+0000")
    days, said = _days(tmp_path, late + early + dated * 2, ReadOptions())
    assert days == ["2022-03-03 date_assumed", "2022-03-04 date_assumed", *["2022-03-04 exact"] * 2]
    assert "date assumed: first line on 2022-03-03 (dated line behind)" in said
    days, _ = _days(tmp_path, late + dated + CONSOLE.format("02:00:01.000000+0000"), ReadOptions())
    assert days == ["2022-03-03 date_assumed", "2022-03-04 exact", "2022-03-04 exact"]


def _six_digits(clock: str) -> str:
    """``07:08:00.5+0200`` → ``07:08:00.500000+0200``."""
    return f"{clock[:10]}00000{clock[10:]}"


def test_the_day_of_real_lines_is_the_last_possible_one(real: Path, tmp_path: Path) -> None:
    path = tmp_path / "call.txt"
    path.write_bytes((real / "excerpts" / "04.log").read_bytes())  # 14:55:03 to 14:55:04+0100
    for hour, day in ((11, 22), (14, 23)):
        written = datetime(2026, 11, 23, hour, 9, tzinfo=UTC).timestamp()
        os.utime(path, (written, written))
        rows, _, _ = read(path, ReadOptions())
        assert {row["time"][:13] for row in rows} == {f"2026-11-{day} 13"}


@pytest.mark.parametrize("name", ["sysdiagnose_x/logs/a.log", "Logs/b.txt"])
def test_loose_layouts_inside_folders_are_not_claimed(name: str) -> None:
    for text in ("10:00:00.123 word message\n" * 4, "2024-01-01 10:00:00.123+0000 app[1:2] message\n" * 3):
        assert READER.claims(Candidate(name, None, text.encode())) == 0
        assert READER.claims(Candidate("b.txt", None, text.encode())) >= 50
    relay = b"Nov  3 10:15:32.123456 SpringBoard(FrontBoard)[63] <Notice>: x\n"
    assert READER.claims(Candidate(name, None, relay)) == 90
