"""What one tool wrote behind another in one text file is read whole, and told."""

import json
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import pytest

import traceview as tv
from traceview.sources import unread
from traceview_parsers import open_trace
from traceview_parsers.log_text import blocks, changes, parts
from traceview_parsers.problems import Problem

SAMPLES: Final = {
    "default": "jetsam-in-call.ios15.default.txt",
    "compact": "handed-off.ios15.compact.txt",
    "syslog": "connection-lost-at-suspension.ios26.syslog.txt",
    "idevicesyslog": "lock-held-at-suspension.ios15.idevicesyslog.txt",
    "console": "cellular-interruption.ios26.console.txt",
    "console with column names": "route-flapping.ios18.console-columns.txt",
    "pymobiledevice3": "handover-in-call.ios18.pymobiledevice3.txt",
    "ndjson": "push-never-reported.ios26.ndjson",
    "json": "user-force-quit.ios18.json",
    "pymobiledevice3 json": "lock-held-at-suspension.ios18.pymobiledevice3.json",
}
XCODE: Final = b"""nw_socket_copy_info [C1:2] getsockopt TCP_INFO failed
Type: Error | Timestamp: 2026-01-12 21:27:56.482798-05:00 | Process: Acme | Library: Network | TID: 0xb1f10
options: {
    a = 1;
}
Type: Info | Timestamp: 2026-01-12 21:27:57.912971-05:00 | Process: Acme | Subsystem: com.acme | TID: 0x16fc80
Feb 10 12:32:48 is no time of a log
Type: Debug | Timestamp: 2026-01-12 21:27:58.995178-05:00 | Process: Acme | TID: 0x1693770
"""
COLUMNS: Final = ("process", "pid", "level", "message")
UNDATED: Final = "10:00:01.250\tstarted\tby the user"


def read(path: Path, columns: Iterable[str] = COLUMNS) -> tuple[list[tuple[Any, ...]], list[Problem]]:
    with open_trace(path) as trace:
        rows = trace.table("log").select(list(columns)).to_pylist()
        return [tuple(row.values()) for row in rows], list(trace.problems)


def lines_of(samples: Path, layout: str) -> bytes:
    if layout == "xcode":
        return XCODE
    return (samples / SAMPLES[layout]).read_bytes().rstrip(b"\n") + b"\n"


def write(folder: Path, data: bytes) -> Path:
    path = folder / "log.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("first", "second"), list(permutations([*SAMPLES, "xcode"], 2)))
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
    layouts = ["default", "json", "idevicesyslog", "pymobiledevice3 json", "xcode", "console with column names"]
    layouts += ["xcode", "pymobiledevice3 json", "xcode", "compact"]
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


def test_the_findings_of_a_log_beside_an_xcode_copy_are_found(samples: Path, tmp_path: Path) -> None:
    log = lines_of(samples, "default")
    for data in (XCODE + log, log + XCODE, log + XCODE + log.replace(b"2026-01-15", b"2026-01-16")):
        path = write(tmp_path, data)
        with tv.open(path) as one:
            assert "critical" in set(one.findings["severity"])
            assert {problem.kind for problem in one.analysis.problems} == {"layout-changes"}


def test_what_stands_before_xcodes_metadata_is_its_message(samples: Path, tmp_path: Path) -> None:
    quoted = lines_of(samples, "default").splitlines()[3]
    metadata = XCODE.splitlines()[1]
    rows, problems = read(write(tmp_path, XCODE + quoted + b"\n" + metadata + b"\n"), ("message",))
    assert rows[-1] == (quoted.decode(),)
    assert not problems
    log = lines_of(samples, "default") + b"    goes on\n\n"
    rows, _ = read(write(tmp_path, log + XCODE), ("message",))
    assert rows[-4][0].endswith("\n    goes on")
    assert rows[-3:] == read(write(tmp_path, XCODE), ("message",))[0]


def test_lines_like_xcodes_metadata_without_a_time_stay_in_messages(samples: Path, tmp_path: Path) -> None:
    rows, problems = read(write(tmp_path, lines_of(samples, "default") + b"Process: a | PID: 4\n"), ("message",))
    assert rows[-1][0].endswith("\nProcess: a | PID: 4")
    assert not problems


def test_columns_behind_another_log_are_no_part_of_its_messages(samples: Path, tmp_path: Path) -> None:
    columns = lines_of(samples, "console with column names")
    for layout in ("console", "default", "idevicesyslog"):
        rows, _ = read(write(tmp_path, lines_of(samples, layout) + columns), ("subsystem", "message"))
        alone, _ = read(write(tmp_path, columns), ("subsystem", "message"))
        assert rows[-len(alone) :] == alone
    twice, problems = read(write(tmp_path, columns + columns), ("message",))
    assert len(twice) == 2 * len(alone)
    assert not problems


@pytest.mark.parametrize(
    ("first", "indent"),
    [(first, indent) for first in ("default", "ndjson", "xcode") for indent in (None, 0, 1, 2, 4, 8, "\t")]
    + [("json cut", indent) for indent in (None, 1, 4, "\t")],
)
def test_json_of_any_printer_is_read_behind_another_log(
    samples: Path, tmp_path: Path, first: str, indent: int | str | None
) -> None:
    objects = [json.loads(line) for line in lines_of(samples, "ndjson").splitlines()[:-1]]
    printed = json.dumps(objects, indent=indent).encode() + b"\n"
    before = lines_of(samples, "json")[:-100] + b"\n" if first == "json cut" else lines_of(samples, first)
    rows, problems = read(write(tmp_path, before + printed))
    alone = [read(write(tmp_path, data))[0] for data in (before, printed)]
    assert sorted(rows, key=repr) == sorted(alone[0] + alone[1], key=repr)
    assert problems


@pytest.mark.parametrize("second", ["ndjson", "json", "pymobiledevice3 json", "default"])
def test_a_json_log_that_was_cut_costs_one_record_of_it(samples: Path, tmp_path: Path, second: str) -> None:
    first, other = lines_of(samples, "json"), lines_of(samples, second)
    for cut in (first[:-100] + b"\n", first[: first.rindex(b"\n", 0, -200)] + b"\n"):
        rows, problems = read(write(tmp_path, cut + other))
        assert len(rows) == sum(len(read(write(tmp_path, data))[0]) for data in (first, other)) - 1
        assert problems


def test_json_of_apps_is_looked_at_quickly(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(changes, "decoder_of_part", asked.append)
    line = lines_of(samples, "default").splitlines()[3]
    body = b'\n{"timestamp":"2026-01-15T09:12:30Z","source":"srv","body":"hello"}\n'
    telling = line + b' {"eventMessage":"x"}\n'
    rows, problems = read(write(tmp_path, telling + (line + body) * 500))
    assert len(rows) == 501
    assert not problems
    assert not asked
