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
from traceview_parsers.errors import UsageError

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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--start", "09:13:18"), ("--start", "2026-01-15 09:13:18")),  # the zone of printed times: +01:00
        (("--start", "09:13", "--end", "09:13:18.25"), ("--start", "@1768464780", "--end", "2026-01-15 09:13:18.25")),
        (("--start", "08:13:18Z", "--end", "2026-01-16"), ("--start", "2026-01-15 08:13:18Z")),
        (("--start", "13:13:18", "--tz", "+05:00"), ("--start", "2026-01-15 08:13:18Z", "--tz", "+05:00")),
    ],
)
def test_a_time_of_day_is_that_of_the_only_day(
    samples: Path, options: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    texts = [
        CliRunner().invoke(cli.app, ["log", str(samples / "push-never-reported.ios26.ndjson"), *one]).stdout
        for one in (options, expected)
    ]
    assert texts[0] == texts[1]
    assert 1 < len(texts[0].splitlines()) < 60


def test_a_time_of_day_in_several_days_is_refused_with_the_days(samples: Path, tmp_path: Path) -> None:
    text = samples / "push-never-reported.ios26.ndjson"
    earlier = tmp_path / "earlier.ndjson"
    earlier.write_text(text.read_text("utf-8").replace("2026-01-15", "2026-01-13"), "utf-8")
    told = CliRunner().invoke(cli.app, ["log", str(text), str(earlier), "--end", "09:13:18"])
    assert isinstance(told.exception, UsageError)
    assert str(told.exception) == (
        "--end 09:13:18: the log is of several days, 2026-01-13 to 2026-01-15 (UTC+01:00); "
        "name the day: --end '2026-01-15 09:13:18'"
    )
    assert not told.stdout
    night = CliRunner().invoke(cli.app, ["log", str(text), "--tz", "+15:47", "--start", "23:59:59"])
    assert "several days, 2026-01-15 to 2026-01-16 (UTC+15:47)" in str(night.exception)


@pytest.mark.parametrize("text", ["09:61", "25:00", "9:13", "09:13:18 pm"])
def test_what_is_no_time_of_day_is_told(samples: Path, text: str) -> None:
    told = CliRunner().invoke(cli.app, ["log", str(samples / "no such file"), "--start", text])
    assert isinstance(told.exception, UsageError)
    assert "give it as" in str(told.exception)


def test_times_of_day_in_disorder_are_refused_in_a_log_of_one_day(samples: Path) -> None:
    text = samples / "push-never-reported.ios26.ndjson"
    told = CliRunner().invoke(cli.app, ["log", str(text), "--start", "09:14", "--end", "09:13"])
    assert isinstance(told.exception, UsageError)
    assert str(told.exception) == "--end lies before --start"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--start", "23:57", "--end", "00:05"), "--start '2024-10-27 23:57'"),
        (("--start", "23:59"), "--start '2024-10-27 23:59'"),
        (("--start", "00:01"), "--start '2024-10-28 00:01'"),
        (("--start", "2024-10-27 23:57", "--end", "00:05"), "--end '2024-10-28 00:05'"),
        (("--end", "00:01"), "--end '2024-10-28 00:01'"),
        (("--end", "23:59"), "--end '2024-10-27 23:59'"),
        (("--end", "23:50"), "--end '2024-10-28 23:50'"),
    ],
)
def test_of_a_log_over_midnight_a_day_is_named_on_which_the_time_is_in_it(
    tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    text = tmp_path / "two.txt"
    text.write_text("2024-10-27 23:58:00.000 Df MyApp[55:1] a\n2024-10-28 00:02:00.000 Df MyApp[55:1] b\n")
    told = CliRunner().invoke(cli.app, ["log", str(text), *options])
    assert isinstance(told.exception, UsageError)
    assert str(told.exception).endswith(f"2024-10-27 to 2024-10-28 (UTC); name the day: {named}")
    day_named = CliRunner().invoke(cli.app, ["log", str(text), named[: named.index(" ")], named.split("'")[1]])
    assert "MyApp" in day_named.stdout


def test_of_an_archive_of_two_days_one_boot_may_be_of_one(archive: Path) -> None:
    over_midnight = ("log", str(archive), "--tz", "+13:45", "--start", "00:00")
    told = CliRunner().invoke(cli.app, over_midnight)
    assert "several days, 2026-01-15 to 2026-01-16 (UTC+13:45)" in str(told.exception)
    found = CliRunner().invoke(cli.app, [*over_midnight, "--boot", "last"])
    whole = CliRunner().invoke(cli.app, ["log", str(archive), "--tz", "+13:45", "--boot", "last"])
    assert found.stdout == whole.stdout
    assert len(found.stdout.splitlines()) > len(LEVELS)


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
