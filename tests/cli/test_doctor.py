"""``doctor``: from when to when each source speaks, how sure its times are, and which of them disagree."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from traceview import cli
from traceview.cli.troubles import problem_lines, times_of
from traceview_parsers.problems import Problem
from traceview_parsers.trace import Coverage

PowerlogMaker = Callable[..., Path]


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def disagreeing(tmp_path: Path, samples: Path) -> list[Path]:
    """A synthetic capture and a synthetic report of a death in it whose clock is an hour ahead."""
    at = "2026-01-15 10:05:10.3446 +0100"
    head = {"bug_type": "309", "timestamp": at, "name": "AcmeVoIP", "bundleID": "com.acme.voip", "synthetic": True}
    body = {
        "procName": "AcmeVoIP",
        "pid": 905,
        "captureTime": at,
        "procLaunch": at.replace(":10.", ":03."),
        "bundleInfo": {"CFBundleIdentifier": "com.acme.voip"},
        "termination": {"namespace": "FRONTBOARD", "code": 0xBAADCA11},
    }
    path = tmp_path / "wrong.ips"
    path.write_text(json.dumps(head) + "\n" + json.dumps(body))
    return [next(samples.glob("sysdiagnose_*.tar.gz")), path]


def test_sources_that_disagree_are_told_everywhere(disagreeing: list[Path], tmp_path: Path) -> None:
    words = r"clock differs from system_logs\.logarchive by \+36\d\d\.\d{3} s .*probably the wrong time zone"
    told = run("doctor", *disagreeing)
    assert re.search(rf"source    wrong\.ips .*\n          times: printed with zone; ± 1 h\n +{words}", told)
    assert re.search(rf"problem   wrong\.ips: {words}", told)
    assert re.search(r"logarchive \(unified_log\).*\n          times: timesync; ± \d+ [nµ]s\n", told)
    assert re.search(r"clock agrees with system_logs\.logarchive within [\d.]+ s \(measured on", told)
    assert re.search(words, run("analyze", *disagreeing))
    found = json.loads(run("analyze", "--format", "json", *disagreeing))
    (row,) = [one for one in found["clocks"] if one["source"] == "wrong.ips"]
    assert (row["agrees"], round(row["offset_s"])) == (False, 3600)
    assert [one["kind"] for one in found["problems"] if one["source"] == "wrong.ips"] == ["clock-differs"]
    (covered,) = [one for one in found["coverage"] if one["source"] == "wrong.ips"]
    assert covered["certainty_s"] == pytest.approx(3600, rel=0.01)
    page = tmp_path / "report.html"
    run("report", *disagreeing, "-o", page)
    assert re.search("clock differs from system_logs.logarchive", page.read_text("utf-8"))


def test_the_sample_sysdiagnose(samples: Path) -> None:
    told = run("doctor", next(samples.glob("sysdiagnose_*.tar.gz")))
    timed = re.findall(r"^source .*Z.*\n          times: (.*)$", told, re.MULTILINE)
    assert len(timed) > 5
    assert [one for one in timed if "±" not in one and "error not known" not in one] == []


def test_times_are_the_same_at_the_terminal_and_in_the_report(powerlog: Path, tmp_path: Path) -> None:
    """A zone with summer time, and rows on both sides of a change: one offset counts, that of the last moment."""
    found = json.loads(run("analyze", "--format", "json", powerlog))
    assert (found["trace"]["tz"], found["trace"]["tz_how"]) == ("-05:00", "powerlog, America/Toronto")
    assert "UTC-05:00" in run("analyze", powerlog)
    page = tmp_path / "report.html"
    run("report", powerlog, "-o", page)
    assert "UTC-05:00" in page.read_text("utf-8")
    assert "UTC-04:00" not in page.read_text("utf-8")


@pytest.fixture
def powerlog(tmp_path: Path) -> Path:
    import sqlite3  # noqa: PLC0415  (only this fixture)

    path = tmp_path / "powerlog_2025-11-10_10-00.PLSQL"
    october, november = 1_761_500_000.0, 1_762_790_000.0  # before and after the end of summer time
    with sqlite3.connect(path) as database:
        for table, columns, rows in (
            ("PLStorageOperator_EventForward_TimeOffset", "timestamp, system", [(october, 0.0)]),
            ("PLLocaleAgent_EventForward_TimeZone", "timestamp, TimeZoneName", [(october, "America/Toronto")]),
            (
                "PLApplicationAgent_EventForward_Application",
                "timestamp, Identifier, pid, State, Reason",
                [(october, "com.acme.voip", 7, 8, 0), (november, "com.acme.voip", 7, 4, 0)],
            ),
        ):
            database.execute(f"CREATE TABLE {table} (ID INTEGER PRIMARY KEY, {columns})")
            for row in rows:
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608
    database.close()
    return path


def problems(*rows: tuple[str, str, int, str]) -> list[str]:
    told: Iterable[Any] = problem_lines(
        Problem(source, "kind", message, None, "byte", count, sample) for source, message, count, sample in rows
    )
    return ["|".join(one) for one in told]


def test_the_same_trouble_of_many_files_is_one_line() -> None:
    assert problems(("a/x", "odd", 1, "")) == ["a/x: odd|"]
    assert problems(("a/x", "odd", 3, "b\x1b[")) == ["a/x: odd (3 in all)|b␛["]
    assert problems(*((f"a/{name}", "odd", 1, "") for name in "xyz")) == ["x, y, z: odd|"]
    assert problems(("a/x", "odd", 2, "s"), ("b/y", "odd", 2, "t"), ("c", "even", 1, "")) == [
        "a/x, b/y: odd (4 in all)|s",
        "c: even|",
    ]


@pytest.mark.parametrize(
    ("certainty", "words"),
    [(None, "error not known"), (42, "± 42 ns"), (2584, "± 2.58 µs"), (10**9, "± 1 s"), (50_400 * 10**9, "± 14 h")],
)
def test_how_sure_times_are(certainty: int | None, words: str) -> None:
    assert times_of(Coverage("a", "ips", 1, 2, 3, "a clock", certainty)) == f"a clock; {words}"
    assert times_of(Coverage("a", "ips", clock="none")) == "none"
