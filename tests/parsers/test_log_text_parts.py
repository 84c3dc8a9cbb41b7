"""What one tool wrote behind another in one text file is read whole, and told."""

from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import pytest

import traceview as tv
from traceview.sources import unread
from traceview_parsers import open_trace
from traceview_parsers.log_text import blocks, parts
from traceview_parsers.problems import Problem

SAMPLES: Final = {
    "default": "jetsam-in-call.ios15.default.txt",
    "compact": "handed-off.ios15.compact.txt",
    "syslog": "connection-lost-at-suspension.ios26.syslog.txt",
    "idevicesyslog": "lock-held-at-suspension.ios15.idevicesyslog.txt",
    "console": "cellular-interruption.ios26.console.txt",
    "pymobiledevice3": "handover-in-call.ios18.pymobiledevice3.txt",
    "ndjson": "push-never-reported.ios26.ndjson",
    "json": "user-force-quit.ios18.json",
    "pymobiledevice3 json": "lock-held-at-suspension.ios18.pymobiledevice3.json",
}
COLUMNS: Final = ("process", "pid", "level", "message")
UNDATED: Final = "10:00:01.250\tstarted\tby the user"


def read(path: Path, columns: Iterable[str] = COLUMNS) -> tuple[list[tuple[Any, ...]], list[Problem]]:
    with open_trace(path) as trace:
        rows = trace.table("log").select(list(columns)).to_pylist()
        return [tuple(row.values()) for row in rows], list(trace.problems)


def lines_of(samples: Path, layout: str) -> bytes:
    return (samples / SAMPLES[layout]).read_bytes().rstrip(b"\n") + b"\n"


def write(folder: Path, data: bytes) -> Path:
    path = folder / "log.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("first", "second"), list(permutations(SAMPLES, 2)))
def test_each_of_two_logs_in_one_file_is_read(samples: Path, tmp_path: Path, first: str, second: str) -> None:
    one, other = lines_of(samples, first), lines_of(samples, second)
    rows, problems = read(write(tmp_path, one + other), (*COLUMNS, "ref"))
    alone = [read(write(tmp_path, data))[0] for data in (one, other)]
    assert sorted((row[:-1] for row in rows), key=repr) == sorted(alone[0] + alone[1], key=repr)
    refs = [row[-1] for row in rows]
    assert len(set(refs)) == len(refs)
    assert max(refs) <= (one + other).count(b"\n")
    assert {problem.kind for problem in problems} <= {"mixed-layouts", "layout-changes", "mixed-json"}


def test_the_finding_of_the_second_log_is_found(samples: Path, tmp_path: Path) -> None:
    both = lines_of(samples, "default") + lines_of(samples, "idevicesyslog")
    with tv.open(write(tmp_path, both)) as one:
        assert "critical" in set(one.findings["severity"])
        (problem,) = (problem for problem in one.analysis.problems if problem.kind == "mixed-layouts")
        assert problem.count == 53


@pytest.mark.parametrize("size", [100, 700, 5000])
@pytest.mark.parametrize("order", ["text first", "JSON first"])
def test_parts_may_begin_anywhere_in_a_block(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, order: str
) -> None:
    layouts = ["default", "json", "idevicesyslog", "pymobiledevice3 json"]
    layouts = layouts if order == "text first" else layouts[1:]
    path = write(tmp_path, b"".join(lines_of(samples, layout) for layout in layouts))
    whole = read(path, (*COLUMNS, "ref"))[0]
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (size,))
    assert read(path, (*COLUMNS, "ref"))[0] == whole


def test_lines_between_the_objects_of_a_log_are_read_or_counted(samples: Path, tmp_path: Path) -> None:
    for layout in ("ndjson", "pymobiledevice3 json"):
        data = lines_of(samples, layout)
        cut = data.rindex(b"\n{") + 1
        record = b"2026-01-15 10:00:00.123 log[12:34] a line of the tool\n"
        rows, problems = read(write(tmp_path, data[:cut] + b"no log\n" + record + data[cut:] + b"nor is this\n"))
        assert len(rows) == len(read(write(tmp_path, data))[0]) + 1
        counts = {problem.kind: problem.count for problem in problems}
        assert counts == {"layout-changes": 2, "unrecognised-line": 2}


def test_objects_of_another_kind_are_no_records(samples: Path, tmp_path: Path) -> None:
    data = lines_of(samples, "pymobiledevice3 json")
    rows, problems = read(write(tmp_path, data + b'{"timestamp": "2026-01-15T10:00:00.0", "a": 1}\n{}\n'))
    assert len(rows) == len(read(write(tmp_path, data))[0])
    assert [(problem.kind, problem.count) for problem in problems] == [("not-a-record", 2)]


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp": "2026-01-15", "level": 3}',
        '[{"pid": 1, "name": "call", "timestamp": 4}]',
        UNDATED,
        "state\t10:00:01\tby the user",
        "10:00:01.250 by the user",
        "Jan 15 is the day",
    ],
)
def test_what_messages_hold_stays_in_them(samples: Path, tmp_path: Path, line: str) -> None:
    data = lines_of(samples, "default")
    rows, problems = read(write(tmp_path, data + line.encode() + b"\n"))
    assert rows[-1][3].endswith("\n" + line)
    assert not problems


def test_a_file_of_very_many_parts_is_read_as_far_as_they_are_told_apart(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_MOST", 5)
    text, other = lines_of(samples, "default").splitlines()[3], lines_of(samples, "ndjson").splitlines()[0]
    rows, problems = read(write(tmp_path, (text + b"\n" + other + b"\n") * 10))
    counts = {problem.kind: problem.count for problem in problems}
    assert counts["layout-changes"] == 5
    assert counts["too-many-parts"] == 1
    assert len(rows) >= 6
    assert unread(problems)


def test_the_year_is_that_of_the_dated_lines_before(samples: Path, tmp_path: Path) -> None:
    dated = lines_of(samples, "default").replace(b"2026-01-15", b"2019-01-15")
    path = write(tmp_path, dated + lines_of(samples, "idevicesyslog") + lines_of(samples, "console"))
    times = [row[0] for row in read(path, ["time"])[0]]
    assert {(time.year, time.month, time.day) for time in times} == {(2019, 1, 15)}
    with open_trace(path) as trace:
        trace.table("log")
        (coverage,) = (source.coverage() for source in trace.sources)
        assert "year assumed: first line in 2019 (dated line before 2019-01-15)" in coverage.clock


def test_the_year_is_the_one_nearest_to_the_dated_lines(samples: Path, tmp_path: Path) -> None:
    dated = lines_of(samples, "compact").replace(b"2026-01-15", b"2019-12-30")
    times = [row[0] for row in read(write(tmp_path, dated + lines_of(samples, "idevicesyslog")), ["time"])[0]]
    assert {time.year for time in times} == {2019, 2020}
