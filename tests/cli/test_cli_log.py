"""``traceview log``: order, what is hidden on demand, boots, several processes."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from generator.images import stable_uuid
from two_boots import ANEW, LEVELS, PROGRAM, ndjson_rows, two_boots
from typer.testing import CliRunner

from traceview import cli

BOOTS = [str(stable_uuid(name)).upper() for name in ("first", "second")]
Log = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return two_boots(tmp_path / "two.logarchive", signposts=True)


@pytest.fixture
def log(archive: Path) -> Log:
    return partial(ndjson_rows, archive)


def kinds(rows: list[dict[str, Any]]) -> list[str]:
    return [row.get("messageType", row["eventType"]).lower() for row in rows]


def test_everything_shows_by_time_unless_asked_otherwise(log: Log) -> None:
    rows = log()
    assert kinds(rows) == ["timesyncevent", *LEVELS, "signpostevent"] * 2
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert log("--info", "--debug", "--signpost") == rows
    assert kinds(log("--no-info")) == ["timesyncevent", "default", "debug", "error", "fault", "signpostevent"] * 2
    assert kinds(log("--no-debug", "--no-info")) == ["timesyncevent", "default", "error", "fault", "signpostevent"] * 2
    assert kinds(log("--no-signpost")) == ["timesyncevent", *LEVELS] * 2
    assert kinds(log("--level", "debug", "--level", "error")) == ["debug", "error"] * 2
    assert kinds(log("--level", "debug", "--level", "error", "--no-debug")) == ["error"] * 2


def test_a_boot_is_chosen_by_place_or_name(log: Log) -> None:
    rows = log()
    assert [row["bootUUID"] for row in rows] == [boot for boot in BOOTS for _ in range(7)]
    assert log("--boot", "last") == rows[7:]
    assert log("--boot", "-1") == rows[:7]
    assert log("--boot", BOOTS[0][:10].lower()) == rows[:7]
    assert log("--boot", "-1", "--level", "fault", "--contains", "fault 0") == [rows[5]]


@pytest.mark.parametrize("boot", ["-2", "x"])
def test_a_boot_that_is_not_there_is_told(archive: Path, boot: str) -> None:
    command = [*PROGRAM, "log", str(archive), "--boot", boot]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == cli.EXIT_USAGE
    assert BOOTS[1] in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_times_and_boots_of_texts(samples: Path) -> None:
    text = str(samples / "push-never-reported.ios26.ndjson")
    result = CliRunner().invoke(cli.app, ["log", text, "--style", "ndjson", "--boot", "last"])
    whole = CliRunner().invoke(cli.app, ["log", text, "--style", "ndjson"])
    assert result.exit_code == 0
    assert result.stdout == whole.stdout


@pytest.mark.parametrize(("program", "style"), [(PROGRAM, "json"), (PROGRAM, "default"), (ANEW, "json")])
def test_several_processes_print_what_one_prints(archive: Path, program: list[str], style: str) -> None:
    command = [*program, "log", str(archive), "--style", style, "--jobs"]
    alone, together = (
        subprocess.run([*command, jobs], capture_output=True, check=True, text=True) for jobs in ("1", "3")
    )
    assert together.stdout == alone.stdout
    assert together.stderr == alone.stderr == ""


def test_jobs_without_effect_are_told(samples: Path) -> None:
    text = str(samples / "push-never-reported.ios26.ndjson")
    result = CliRunner().invoke(cli.app, ["log", text, "--jobs", "2"])
    assert result.exit_code == 0
    assert "--jobs has no effect" in result.stderr


def test_several_captures_come_by_time(samples: Path, archive: Path) -> None:
    text = samples / "push-never-reported.ios26.ndjson"
    result = CliRunner().invoke(cli.app, ["log", str(archive), str(text), "--style", "ndjson", "--tz", "UTC"])
    rows = [json.loads(line) for line in result.stdout.splitlines()[:-1]]
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert {"acmed", "callservicesd"} <= {
        row["processImagePath"].rpartition("/")[2] for row in rows if "processID" in row
    }


@pytest.mark.parametrize("program", [PROGRAM, ANEW])
def test_the_order_of_a_reader_that_goes_away(archive: Path, program: list[str]) -> None:
    command = [*program, "log", str(archive), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert "Traceback" not in run.stderr.read()
