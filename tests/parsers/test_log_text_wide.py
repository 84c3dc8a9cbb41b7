"""UTF-16 and UTF-32 that lost bytes, texts of several encodings in one file, and marks inside of it."""

import time
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import traceview as tv
from traceview_parsers import open_trace
from traceview_parsers.log_text import blocks
from traceview_parsers.log_text.wide import as_utf8
from traceview_parsers.problems import Problem, Problems

SAMPLE: Final = "jetsam-in-call.ios15.default.txt"
ENCODINGS: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
LINE: Final = "2026-10-09 09:06:13.125 Df Acme[10112:19172] [com.acme:call] "


def read(folder: Path, data: bytes) -> tuple[list[Any], dict[str, Problem]]:
    path = folder / "log.txt"
    path.write_bytes(data)
    with open_trace(path) as trace:
        rows = trace.table("log").select(["time", "message"]).to_pylist()
        return [tuple(row.values()) for row in rows], {one.kind: one for one in trace.problems}


def utf8(data: bytes, encoding: str, *chunks: int) -> str:
    stops = [*chunks, len(data)]
    parts = (data[start:stop] for start, stop in zip([0, *stops], stops, strict=False))
    return b"".join(as_utf8(parts, encoding, "a", Problems())).decode("utf-8", "replace")


@pytest.fixture
def text(samples: Path) -> str:
    return (samples / SAMPLE).read_text()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("block", [500, 1 << 20])
def test_a_lost_byte_costs_one_record(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, block: int
) -> None:
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (block,))
    whole, _ = read(tmp_path, text.encode())
    data = ("\ufeff" + text).encode(encoding)
    for at in (len(data) // 3, len(data) // 2 + 1):
        rows, problems = read(tmp_path, data[:at] + data[at + 1 :])
        assert len(set(whole) - set(rows)) <= 2
        assert len(rows) >= len(whole) - 1
        assert set(problems) == {f"invalid-{encoding[:6].replace('-', '')}"}


def test_the_finding_behind_a_lost_byte_is_found(text: str, tmp_path: Path) -> None:
    data = ("\ufeff" + text).encode("utf-16-le")
    path = tmp_path / "log.txt"
    path.write_bytes(data[:3001] + data[3002:])
    with tv.open(path) as one:
        assert one.findings["severity"].to_list() == ["critical"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ended", [True, False])
def test_utf8_behind_other_text_is_read(text: str, tmp_path: Path, encoding: str, mark: bytes, *, ended: bool) -> None:
    lines = text.splitlines(keepends=True)
    first, second = "".join(lines[:30]), "".join(lines[30:])
    first = first if ended else first.rstrip("\n")
    rows, problems = read(tmp_path, ("\ufeff" + first).encode(encoding) + mark + second.encode())
    assert len(rows) == len(read(tmp_path, text.encode())[0]) - (not ended)
    assert "mixed-encodings" in problems


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=40), st.integers(1, 200))
def test_sound_text_stays_as_it_is(encoding: str, text: str, cut: int) -> None:
    whole = f"{LINE}{text}\n{LINE}上上ఀĀ{text}"
    assert utf8(whole.encode(encoding), encoding, cut) == whole


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(
    st.text(st.sampled_from("═─•…上传中┊"), min_size=1, max_size=4),
    st.integers(33, 300),
    st.sampled_from(["", "上传", "é", " x"]),
    st.integers(1, 400),
)
def test_rows_of_one_character_separate_lines(encoding: str, row: str, times: int, behind: str, cut: int) -> None:
    whole = f"{LINE}a\n{row * times}{behind}\n{LINE}при\n{row * times}"
    assert utf8(whole.encode(encoding), encoding, cut) == whole


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_many_misplaced_line_feeds_cost_one_look_each(encoding: str) -> None:
    def seconds(times: int) -> float:
        lost = ("abcd".encode(encoding) + b"x" + "\n".encode(encoding)) * times
        begun = time.process_time()
        found = utf8(f"{LINE}\n".encode(encoding) + lost, encoding)
        took = time.process_time() - begun
        assert found.count("abcd") == times
        assert len(found.splitlines()) == times + 1
        return took

    few = min(seconds(4_000) for _ in range(3))
    assert seconds(32_000) < 24 * few, "8 times where it grows with their number, 64 times where with its square"


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=3))
def test_no_bytes_are_too_strange(encoding: str, data: bytes, cuts: list[int]) -> None:
    start = f"{LINE}a\n".encode(encoding)
    found = utf8(start + data, encoding, *sorted(len(start) + cut for cut in cuts))
    assert found.startswith(f"{LINE}a\n")


@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
def test_marks_at_the_beginning_of_lines_are_dropped(text: str, tmp_path: Path, encoding: str) -> None:
    lines = text.splitlines(keepends=True)
    halves = ("".join(lines[:30]), "".join(lines[30:]))
    rows, problems = read(tmp_path, "".join("\ufeff" + half for half in halves).encode(encoding))
    assert rows == read(tmp_path, text.encode())[0]
    assert [(one.kind, one.position, one.count) for one in problems.values()] == [("byte-order-marks", 31, 1)]


def test_marks_inside_of_lines_belong_to_messages(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, f"{LINE}a\ufeffb\n".encode())
    assert rows[0][1] == "a\ufeffb"
    assert not problems
