"""Encodings, blocks, strange lines."""

from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.device_syslog import READER as DEVICE_SYSLOG
from traceview_parsers.errors import UnknownFormatError
from traceview_parsers.log_text import READER as LOG_TEXT
from traceview_parsers.log_text import blocks, decode
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Coverage, Device, Reader, ReadOptions

Row = dict[str, Any]
HEADER = "Timestamp               Ty Process[PID:TID]\n"


def compact(number: int, message: str) -> str:
    return f"2026-10-09 09:06:{number // 1000 % 60:02d}.{number % 1000:03d} Df Acme Voice[10112:19172] [com.acme:call] {message}\n"


def read(path: Path, reader: Reader = LOG_TEXT) -> tuple[list[Row], dict[str, Problem], Coverage]:
    problems = Problems()
    one = Candidate(path.name, path, path.read_bytes()[:4096])
    where = Context(0, ReadOptions(tz=timezone(timedelta(0))), problems, Device(), CaptureInfo())
    source = reader.open(one, where)
    rows = [row for batch in source.batches("log") for row in batch.to_pylist()]
    return rows, {problem.kind: problem for problem in problems}, source.coverage()


def write(tmp_path: Path, data: bytes | str) -> Path:
    path = tmp_path / "x.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_encodings(tmp_path: Path, encoding: str, ending: str) -> None:
    text = (HEADER + compact(1, "é\n\t二") + compact(2, "\U0001f600")).replace("\n", ending)
    path = write(tmp_path, text.encode(encoding))
    assert LOG_TEXT.claims(Candidate("x.txt", path, path.read_bytes()[:4096])) == 100
    rows, problems, _ = read(path)
    assert [row["message"] for row in rows] == ["é\n\t二", "\U0001f600"]
    assert problems == {}


def test_big_endian(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER + compact(1, "é")
    rows, _, _ = read(write(tmp_path, text.encode("utf-16-be")))
    assert rows[0]["message"] == "é"


def test_invalid_bytes_and_nuls_are_counted(tmp_path: Path) -> None:
    data = (HEADER + compact(1, "a@b") + compact(2, "c#d")).encode().replace(b"@", b"\xff\xfe").replace(b"#", b"\0\0")
    rows, problems, _ = read(write(tmp_path, data))
    assert [row["message"] for row in rows] == ["a\ufffd\ufffdb", "cd"]
    assert (problems["invalid-utf8"].position, problems["invalid-utf8"].count) == (2, 2)
    assert (problems["nul-bytes"].position, problems["nul-bytes"].count) == (3, 2)


@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_records_may_cross_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (size,))
    texts = [f"m{i}" + "\n  more" * (i % 3) for i in range(40)]
    path = write(tmp_path, HEADER + "".join(compact(i, text) for i, text in enumerate(texts)))
    rows, problems, coverage = read(path)
    assert [row["message"] for row in rows] == texts
    assert [row["ref"] for row in rows] == [2 + sum(1 + j % 3 for j in range(i)) for i in range(40)]
    assert problems == {}
    assert (coverage.rows, coverage.end_ns - coverage.start_ns) == (40, 39_000_000)


def test_lines_of_megabytes(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path, compact(1, "x" * 10_000_000) + compact(2, "y")))
    assert [len(row["message"]) for row in rows] == [10_000_000, 1]


def test_lines_without_end_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 1 << 20)
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (1 << 18,))
    rows, problems, _ = read(write(tmp_path, compact(1, "a") + compact(2, "x" * 3_000_000) + compact(3, "b")))
    assert [row["message"][:1] for row in rows] == ["a", "x", "b"]
    assert rows[1]["message"].replace("\n", "") == "x" * 3_000_000
    assert problems["line-too-long"].count >= 1


def test_a_record_that_never_ends_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (400,))
    rows, problems, _ = read(write(tmp_path, compact(1, "a") + "  dump\n" * 1000 + compact(2, "b")))
    assert rows[0]["message"].startswith("a\n  dump")
    assert rows[-1]["message"] == "b"
    assert sum(row["message"].count("  dump") for row in rows) == 1000
    assert problems["unrecognised-line"].count >= 1


def test_lines_that_look_like_records_stay_with_their_message_and_are_counted(tmp_path: Path) -> None:
    text = HEADER + compact(1, "a") + "2026-10-09 09:06:13.125 nothing more\n" + compact(2, "b")
    rows, problems, _ = read(write(tmp_path, text))
    assert [row["message"] for row in rows] == ["a\n2026-10-09 09:06:13.125 nothing more", "b"]
    assert (problems["unrecognised-line"].position, problems["unrecognised-line"].count) == (3, 1)


def test_headers_in_the_middle_belong_to_no_message(tmp_path: Path) -> None:
    text = HEADER + compact(1, "a") + 'Filtering the log data using "x"\n' + HEADER + compact(2, "b")
    rows, problems, _ = read(write(tmp_path, text))
    assert [row["message"] for row in rows] == ["a", "b"]
    assert problems == {}


def test_text_before_the_first_record_is_counted(tmp_path: Path) -> None:
    rows, problems, _ = read(write(tmp_path, f"\nhello\nthere\n{HEADER}" + compact(1, "a")))
    assert len(rows) == 1
    assert (problems["preamble"].position, problems["preamble"].count, problems["preamble"].sample) == (2, 2, "hello")


FIXED = "2023-01-11 17:36:27.212366-0800 0x7cb      {:<11} 0x0                  50     0    "
INSIDE = [
    # As rendered from a real macOS 12 archive; layouts of signposts follow real output.
    (
        FIXED.format("Signpost")
        + "[spid 0xeeeeb0b5b2b2eeee, process, begin] kerneld: (Lib) [com.a:Speed] Init: took 3 s",
        {
            "process": "kerneld",
            "sender": "Lib",
            "subsystem": "com.a",
            "category": "Speed",
            "event": "signpost",
            "level": None,
            "signpost_id": 0xEEEEB0B5B2B2EEEE,
            "signpost_scope": "process",
            "signpost_type": "begin",
            "signpost_name": "Init",
            "message": "took 3 s",
        },
    ),
    (
        "2023-01-11 17:36:27.212366-0800  localhost kerneld[50]: [com.a:Speed] [spid 0x1, thread, end] Init",
        {"event": "signpost", "signpost_id": 1, "signpost_type": "end", "signpost_name": "Init", "message": ""},
    ),
    (
        "2023-01-11 17:36:27.212 Sp kerneld[50:7cb] [com.a:Speed] [spid 0x1, system, event] A::b: text",
        {"event": "signpost", "signpost_scope": "system", "signpost_name": "A::b", "message": "text"},
    ),
    (
        FIXED.format("Loss")
        + "kernel: lost >=63 unreliable messages from 1-2 (Mach continuous exact start-approx. end)",
        {"event": "loss", "level": None, "loss_count": 63},
    ),
    (
        FIXED.format("Default") + "launchd: [system/com.apple.WindowServer [93]:] xpcproxy spawned with pid 93",
        {
            "subsystem": "system/com.apple.WindowServer [93]",
            "category": None,
            "message": "xpcproxy spawned with pid 93",
        },
    ),
    (FIXED.format("Default") + "launchd: [pid/9 [mds]:] exited", {"subsystem": "pid/9 [mds]", "message": "exited"}),
    (FIXED.format("Default") + "launchd: [system:] Setting", {"subsystem": "system", "message": "Setting"}),
    (
        FIXED.format("Default") + "kernel: (ANS) [ANS2:client1] New BlogBuf low 29",
        {"sender": "ANS", "subsystem": None, "category": None, "message": "[ANS2:client1] New BlogBuf low 29"},
    ),
    (FIXED.format("Error") + "1Pass: word: [x", {"process": "1Pass", "message": "word: [x"}),
]


@pytest.mark.parametrize(("text", "expected"), INSIDE)
def test_fields_inside_messages(tmp_path: Path, text: str, expected: Row) -> None:
    plain = FIXED.format("Info") + "app: [com.a:b] plain"
    rows, problems, _ = read(write(tmp_path, f"{plain}\n{text}\n{plain}\n"))
    assert [row["message"] for row in rows[::2]] == ["plain", "plain"]
    assert {key: rows[1][key] for key in expected} == expected
    assert problems == {}


def test_carriage_returns_of_messages_are_kept(tmp_path: Path) -> None:
    rows, _, _ = read(write(tmp_path, compact(1, "a\r") + compact(2, "b") + compact(3, "c")))
    assert [row["message"] for row in rows] == ["a\r", "b", "c"]


def test_impossible_dates_have_no_time(tmp_path: Path) -> None:
    rows, _, coverage = read(write(tmp_path, compact(1, "a").replace("10-09", "02-31") + compact(2, "b")))
    assert (rows[0]["time"], rows[0]["time_how"], rows[0]["message"]) == (None, "unknown", "a")
    assert rows[1]["time"] is not None
    assert coverage.start_ns == coverage.end_ns


@pytest.mark.parametrize("reader", [LOG_TEXT, DEVICE_SYSLOG])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            [
                b"\n",
                b"{",
                b'"',
                b"\\",
                b"# x\n",
                b"Nov  3 10:15:32.123456 a(b)[6] <Notice>: x\n",
                b"default\t10:00:00.1+0000\tp\tm\n",
                b"Type: Error | Timestamp: 2026-01-12 21:27:56.482798-05:00 | Process: E\n",
                b'{"eventMessage":"x","machTimestamp":1}\n',
                compact(1, "x").encode(),
            ]
        ),
        min_size=1,
    ).map(b"".join)
)
def test_any_bytes_are_read_without_an_error(tmp_path: Path, reader: Reader, data: bytes) -> None:
    path = write(tmp_path, data or b"\n")
    rows, _, coverage = read(path, reader)
    assert coverage.rows == len(rows)
    refs = [row["ref"] for row in rows]
    assert refs == sorted(refs)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["activation-refused.ios26.default.txt", "push-never-reported.ios26.ndjson"])
def test_utf_16_without_a_mark_is_read(samples: Path, tmp_path: Path, encoding: str, name: str) -> None:
    source = samples / name
    path = tmp_path / source.name
    path.write_bytes(source.read_text("utf-8").encode(encoding))
    with open_trace(path) as wide, open_trace(source) as plain:
        assert wide.table("log")["message"].to_pylist() == plain.table("log")["message"].to_pylist()


@pytest.mark.parametrize(
    "name", ["push-never-reported.ios15.idevicesyslog.txt", "activation-refused.ios26.default.txt"]
)
def test_a_log_behind_much_other_text_is_found(samples: Path, tmp_path: Path, name: str) -> None:
    source = samples / name
    path = tmp_path / name
    path.write_text("Compiling AcmeVoIP for device, all warnings on\n" * 300 + source.read_text("utf-8"), "utf-8")
    with open_trace(path) as trace, open_trace(source) as plain:
        found, expected = (one.table("log")["message"].to_pylist() for one in (trace, plain))
    assert found[-len(expected) + 1 :] == expected[1:]


def test_text_without_a_log_is_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "build.txt"
    path.write_text("Compiling AcmeVoIP for device at 10:30:00, all warnings on\n" * 3000, "utf-8")
    with pytest.raises(UnknownFormatError):
        open_trace(path)
