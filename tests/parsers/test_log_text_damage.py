"""Line ends, encodings and zones that were damaged on a log's way: read all the same, and told."""

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import traceview as tv
from traceview_parsers import open_trace
from traceview_parsers.log_text import blocks
from traceview_parsers.problems import Problem, Problems

SAMPLE: Final = "never-suspended.ios26.default.txt"
LINES: Final = "0123456789 {}\n"


def told(path: Path) -> tuple[list[Any], dict[str, Problem], str | None]:
    with open_trace(path) as trace:
        rows = trace.table("log").select(["ref", "time", "message"]).to_pylist()
        return rows, {one.kind: one for one in trace.problems}, trace.capture.tz


def write(folder: Path, data: bytes, name: str = SAMPLE) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        SAMPLE,
        "push-never-reported.ios15.idevicesyslog.txt",
        "cellular-interruption.ios26.console.txt",
        "handover-in-call.ios18.pymobiledevice3.txt",
        "connection-lost-at-suspension.ios26.syslog.txt",
        "handed-off.ios15.compact.txt",
        "push-never-reported.ios26.ndjson",
    ],
)
@pytest.mark.parametrize("part", [(0, 1), (0.3, 0.6)])
def test_carriage_returns_alone_end_lines_where_records_begin_behind_them(
    samples: Path, tmp_path: Path, name: str, part: tuple[float, float]
) -> None:
    data = (samples / name).read_bytes().replace(b"\r\n", b"\n")
    start, stop = (data.find(b"\n", int(share * (len(data) - 1))) for share in part)
    start = start if part[0] else 0
    whole, _, zone = told(samples / name)
    rows, problems, same_zone = told(
        write(tmp_path, data[:start] + data[start:stop].replace(b"\n", b"\r") + data[stop:], name)
    )
    assert rows == whole
    assert same_zone == zone
    assert problems["line-ends"].position == data.count(b"\n", 0, start) + 1
    assert problems["line-ends"].count == data.count(b"\n", start, stop)


def test_the_verdict_is_that_of_the_log_with_line_feeds(samples: Path, tmp_path: Path) -> None:
    data = (samples / SAMPLE).read_bytes()
    damaged = write(tmp_path, data[:8000] + data[8000:16000].replace(b"\n", b"\r") + data[16000:])
    with tv.open(damaged) as one, tv.open(samples / SAMPLE) as other:
        assert one.findings["fingerprint"].to_list() == other.findings["fingerprint"].to_list()


def test_a_log_of_carriage_returns_may_be_longer_than_any_line(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 2000)
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (700,))
    rows, problems, _ = told(write(tmp_path, (samples / SAMPLE).read_bytes().replace(b"\n", b"\r")))
    monkeypatch.undo()
    assert rows == told(samples / SAMPLE)[0]
    assert set(problems) == {"line-ends"}


def test_carriage_returns_of_messages_are_no_line_ends() -> None:
    data = b"2026-10-09 09:06:13.125 x 10 %\r20 %\r at 10:10:10\nnext\r\n"
    assert blocks._with_line_feeds(data) == (data, 0, 0)


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"10:10:10.1 a", b'{"', b"x y", b"Type: a | ", b"\t"])).map(
        b"".join
    )
)
def test_line_feeds_are_only_put_for_carriage_returns(data: bytes) -> None:
    better, count, before = blocks._with_line_feeds(data)
    assert better.replace(b"\r", b"\n") == data.replace(b"\r", b"\n")
    assert better.count(b"\n") - data.count(b"\n") == count
    assert better.count(b"\r\n") == data.count(b"\r\n")
    assert before <= data.count(b"\n")
    assert count or better is data


SPREAD: Final = (
    '{{\n  "traceID" : {0},\n  "eventMessage" : "m{0}",\n  "eventType" : "logEvent",\n'
    '  "timestamp" : "2026-01-15 09:12:{0}.000000+0100"\n}}'
)
XCODE: Final = "hello {0}\nType: Error | Timestamp: 2026-01-12 21:27:{0}.482798-05:00 | Process: E | TID: 0x1\n"


@pytest.mark.parametrize("part", [slice(0, None), slice(600, 1500)])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", f"[{','.join(SPREAD.format(second) for second in range(10, 50))}]\n"),
        ("a.txt", "".join(XCODE.format(second) for second in range(10, 50))),
    ],
)
def test_records_of_several_lines_keep_their_place(tmp_path: Path, name: str, text: str, part: slice) -> None:
    whole, _, _ = told(write(tmp_path, text.encode(), name))
    assert len(whole) == 40
    mixed = text.replace(text[part], text[part].replace("\n", "\r"))
    rows, problems, _ = told(write(tmp_path, mixed.encode(), name))
    assert rows == whole
    assert set(problems) == {"line-ends"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", [SAMPLE, "push-never-reported.ios26.ndjson"])
def test_the_printed_zone_is_known_in_any_encoding(samples: Path, tmp_path: Path, encoding: str, name: str) -> None:
    whole, _, zone = told(samples / name)
    rows, problems, same = told(write(tmp_path, (samples / name).read_text("utf-8").encode(encoding), name))
    assert (rows, same, problems) == (whole, zone, {})
    assert zone is not None


def test_utf_32_of_the_other_order_is_read(samples: Path, tmp_path: Path) -> None:
    text = "\ufeff" + (samples / SAMPLE).read_text("utf-8")
    assert told(write(tmp_path, text.encode("utf-32-be")))[0] == told(samples / SAMPLE)[0]


@pytest.mark.parametrize(("encoding", "unit"), [("utf-16-le", 2), ("utf-16-be", 2), ("utf-32-le", 4)])
@pytest.mark.parametrize("block", [64, 600, 1 << 20])
def test_damage_in_wide_encodings_is_counted_with_its_line(
    tmp_path: Path, encoding: str, unit: int, block: int
) -> None:
    text = "\ufeff" + LINES.format("a") * 99 + LINES.format("b@c@") + LINES.format("\ufffd \U0001f600") * 99
    lone = "\ud83d".encode(encoding, "surrogatepass")
    data = text.encode(encoding).replace("@".encode(encoding), lone) + b"x"
    problems = Problems()
    found = b"".join(
        lines.data for lines in blocks.read_blocks(write(tmp_path, data, "a.txt"), "a.txt", problems, block)
    )
    assert found.decode() == text[1:].replace("@", "\ufffd") + "\ufffd\n"
    (problem,) = problems
    assert (problem.kind, problem.position, problem.unit, problem.count) == (f"invalid-utf{unit * 8}", 100, "line", 3)
    assert f"no UTF-{unit * 8} were replaced" in problem.message


@pytest.mark.parametrize("zone", ["+9999", "-2400", "+0160"])
def test_a_zone_that_cannot_be_counts_as_none_and_is_told(samples: Path, tmp_path: Path, zone: str) -> None:
    data = (samples / SAMPLE).read_bytes()
    with open_trace(write(tmp_path, data.replace(b"+0100", zone.encode()))) as trace:
        trace.table("log")
        assert (trace.capture.tz, trace.capture.tz_how) == (None, "unknown")
        (source,) = trace.sources
        assert source.coverage().clock == (
            "zone assumed (UTC); printed zones of 24 hours or more, or of minutes above 59, count as none"
        )
