"""``traceview log`` with --predicate, --last and --ignore-case."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from two_boots import ANEW, LEVELS, PROGRAM, SECOND, START, ndjson_rows, two_boots
from typer.testing import CliRunner

from traceview import cli
from traceview.cli.log_selection import Window
from traceview_parsers.errors import UsageError

UNREPORTED = "push-never-reported.ios26.ndjson"
Log = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return two_boots(tmp_path / "two.logarchive", signposts=False)


@pytest.fixture
def log(archive: Path) -> Log:
    return partial(ndjson_rows, archive)


def run(*arguments: str, program: list[str] = PROGRAM) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*program, "log", *arguments], capture_output=True, text=True, check=False)


def messages(rows: list[dict[str, Any]]) -> list[str]:
    return [row["eventMessage"] for row in rows if row["eventType"] == "logEvent"]


def test_a_predicate_selects_rows(log: Log) -> None:
    assert messages(log("--predicate", "messageType >= error")) == ["error 0", "fault 0", "error 1", "fault 1"]
    assert messages(log("--predicate", 'eventMessage ENDSWITH " 1" AND NOT type=debug')) == [
        f"{level} 1" for level in LEVELS if level != "debug"
    ]
    assert log("--predicate", "FALSEPREDICATE") == []
    assert log("--predicate", "TRUEPREDICATE") == log()


def test_a_predicate_holds_together_with_the_other_options(log: Log) -> None:
    assert messages(log("--predicate", "m:'1'", "--level", "fault", "--contains", "fault")) == ["fault 1"]
    assert messages(log("--predicate", "m:0", "--no-debug", "--no-info", "--boot", "-1", "--pid", "50")) == [
        "default 0",
        "error 0",
        "fault 0",
    ]
    assert messages(log("--predicate", "m:'1'", "--boot", "-1")) == []
    assert messages(log("--predicate", "type=info", "-i", "--contains", "O 1")) == ["info 1"]


def test_letter_case_of_contains(log: Log) -> None:
    assert log("--contains", "ERROR") == []
    assert messages(log("--contains", "ERROR", "--contains", "info 1", "--ignore-case")) == [
        "error 0",
        "info 1",
        "error 1",
    ]
    with pytest.raises(UsageError, match=r"CONTAINS\[c\]"):
        CliRunner().invoke(cli.app, ["log", "x", "-i"], catch_exceptions=False)


def test_times_of_a_predicate_are_in_the_zone_that_lines_are_printed_in(log: Log) -> None:
    (row,) = log("--predicate", "type=fault AND m:'0'", "--tz", "+02:00")
    assert row["timestamp"].endswith("+0200")
    at = row["timestamp"][:19]
    assert log("--predicate", f"type=fault AND date >= '{at}' AND m:'0'", "--tz", "+02:00") == [row]
    assert log("--predicate", f"type=fault AND date >= '{at}' AND m:'0'", "--tz", "-02:00") == []


def test_the_last_rows_of_a_log(log: Log) -> None:
    assert messages(log("--last", "1s")) == ["error 1", "fault 1"]
    assert messages(log("--last", "3")) == ["info 1", "debug 1", "error 1", "fault 1"]
    assert messages(log("--last", "1m")) == [f"{level} 1" for level in LEVELS]
    assert log("--last", "2h") == log() == log("--last", "999999999999d")
    assert log("--last", "boot") == log("--boot", "last")
    assert messages(log("--last", "1s", "--boot", "-1")) == ["error 0", "fault 0"]
    assert messages(log("--last", "1s", "--predicate", "type=error")) == ["error 1"]
    assert messages(log("--last", "2s", "--end", f"@{START // SECOND + 3_605}")) == ["debug 1", "error 1"]


def test_the_last_rows_of_a_text(samples: Path) -> None:
    result = CliRunner().invoke(cli.app, ["log", str(samples / UNREPORTED), "--style", "ndjson"])
    *lines, _ = result.stdout.splitlines()
    late = CliRunner().invoke(cli.app, ["log", str(samples / UNREPORTED), "--style", "ndjson", "--last", "10s"])
    *found, end = late.stdout.splitlines()
    assert 0 < len(found) < len(lines)
    assert found == lines[-len(found) :]
    assert json.loads(end)["count"] == len(found)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--last", "5m", "--start", "@5"), "--last and --start exclude each other"),
        (("--last", "boot", "--boot", "-1"), "exclude each other"),
        (("--last", "5w"), "give it as 30s, 5m, 2h, 1d or boot"),
        (("--last", ""), "--last is empty; is a variable of the shell not set?"),
        (("--last", "-5m"), "give it as"),
        (("--predicate", " "), "the predicate is empty"),
        (("--predicate", "process == '\udcff'"), "the predicate is no UTF-8 text"),
        (("--contains", "é\udcff"), "--contains: the text is no UTF-8"),
        (("--contains", "\udcff", "-i"), "--contains: the text is no UTF-8"),
        (("--process", "\udcff"), "--process: the text is no UTF-8"),
    ],
)
def test_what_is_wrong_is_told_before_the_capture_is_opened(options: tuple[str, ...], told: str) -> None:
    result = run("/nowhere/at/all", *options)
    assert result.returncode == cli.EXIT_USAGE
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_text_without_boots_has_no_last_one(tmp_path: Path) -> None:
    text = tmp_path / "app.log"
    text.write_text("2026-01-15 10:00:00.000 Df MyApp[10:1f] [com.acme:ui] tapped\n")
    result = run(str(text), "--last", "boot")
    assert result.returncode == cli.EXIT_USAGE
    assert "--last boot: the log does not tell boots apart" in result.stderr


def test_a_predicate_that_the_shell_took_apart_is_shown_as_received() -> None:
    result = run("/nowhere", "--predicate", "process == kernel AND x")
    assert result.returncode == cli.EXIT_USAGE
    shown, caret, told = result.stderr.splitlines()
    assert shown == "process == kernel AND x"
    assert caret == " " * shown.index("kernel") + "^"
    assert told.startswith('traceview: --predicate: kernel is a text without quotes: write "kernel"')
    assert "single quotes" in told


def test_a_dropped_backslash_is_told_once(archive: Path) -> None:
    result = run(str(archive), "--predicate", r"eventMessage MATCHES '.* \d'")
    assert result.stderr.count("drops a backslash") == 1
    assert result.returncode == 0


@pytest.mark.parametrize("style", ["ndjson", "json", "default", "syslog", "compact"])
def test_all_styles(archive: Path, style: str) -> None:
    call = ["log", str(archive), "--style", style]
    whole = CliRunner().invoke(cli.app, [*call, "--level", "error"]).stdout
    assert CliRunner().invoke(cli.app, [*call, "--predicate", "type=error"]).stdout == whole
    assert "error 1" in whole


@pytest.mark.parametrize("program", [PROGRAM, ANEW])
def test_several_processes_print_what_one_prints(archive: Path, program: list[str]) -> None:
    options = [str(archive), "--style", "ndjson", "--predicate", "eventMessage MATCHES[c] 'ERR.*|.*1'", "--jobs"]
    alone, together = (run(*options, jobs, program=program) for jobs in ("1", "3"))
    assert together.stdout == alone.stdout
    assert alone.stdout.splitlines()[-1] == '{"count":6,"finished":1}'
    assert together.stderr == alone.stderr == ""


@pytest.mark.parametrize("program", [PROGRAM, ANEW])
def test_damage_is_told_once_although_the_end_was_looked_for_before(archive: Path, program: list[str]) -> None:
    file = max(archive.rglob("*.tracev3"))
    file.write_bytes(file.read_bytes()[:-20])
    options = [str(archive), "--style", "ndjson", "--last", "1h", "--jobs"]
    alone, together = (run(*options, jobs, program=program) for jobs in ("1", "3"))
    assert "damaged" in alone.stderr
    assert together.stderr == alone.stderr
    assert together.stdout == alone.stdout


def test_several_captures(archive: Path, samples: Path) -> None:
    result = run(str(archive), str(samples / UNREPORTED), "--style", "ndjson", "--predicate", "p=acmed|callservicesd")
    *lines, last = result.stdout.splitlines()
    names = {json.loads(line)["processImagePath"].rpartition("/")[2] for line in lines}
    assert names == {"acmed", "callservicesd"}
    assert json.loads(last)["count"] == len(lines)


def test_an_input_without_a_log_has_no_end() -> None:
    selection = Window(None, None, "5m", None).select([], UTC)
    assert selection.everything
