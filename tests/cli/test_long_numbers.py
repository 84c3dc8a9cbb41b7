"""A log line may hold a number of any length: the capture is read, and what is written stays JSON."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview import cli
from traceview.serialise import frame_to_rows, json_text

HEAD = "2026-01-15 10:30:{:02}.000000+0100 0x1 Default 0x0 {} 0 {}: "
TASK = (
    '(UIKitCore) [com.apple.UIKit:BackgroundTask] Background Task 3 ("sync"), was created over {} seconds ago. In '
    "applications running in the background, this creates a risk of termination. Remember to call "
    "UIApplication.endBackgroundTask(_:) for your task in a timely manner to avoid this."
)
CPU = "process AcmeVoIP[700] thread 7 caught burning CPU! It used more than {}% CPU over 60 seconds"
LENGTHS = ["18446744073709551615", "99999999999", "9300000000", "1" + "0" * 400]


def capture(tmp_path: Path, number: str) -> str:
    lines = [
        HEAD.format(1, 700, "AcmeVoIP") + TASK.format(number),
        HEAD.format(2, 0, "kernel") + CPU.format(number),
        HEAD.format(3, 700, "AcmeVoIP") + "(AcmeVoIP) [com.acme:x] bye",
    ]
    file = tmp_path / "log.txt"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def strict(text: str) -> Any:
    def refuse(word: str) -> NoReturn:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("number", LENGTHS)
def test_a_task_of_an_impossible_age_has_no_known_begin(tmp_path: Path, number: str) -> None:
    result = CliRunner().invoke(cli.app, ["analyze", capture(tmp_path, number), "--format", "json"])
    assert result.exit_code == 0, result.exception
    (task,) = strict(result.stdout)["background_tasks"]
    assert (task["name"], task["start_how"], task["outcome"]) == ("sync", "capture_edge", "overrun")
    assert task["start"] == "2026-01-15T09:30:01.000000000Z"


def test_a_task_of_a_possible_age_has_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["analyze", capture(tmp_path, "30"), "--format", "json"])
    (task,) = strict(result.stdout)["background_tasks"]
    assert (task["start_how"], task["start"]) == ("inferred", "2026-01-15T09:29:31.000000000Z")


@pytest.mark.parametrize("number", LENGTHS)
@pytest.mark.parametrize(("form", "name"), [("perfetto", "trace.perfetto.json"), ("sarif", "findings.sarif")])
def test_exports_are_json(tmp_path: Path, number: str, form: str, name: str) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(cli.app, ["export", capture(tmp_path, number), "--format", form, "-o", str(out)])
    assert result.exit_code == 0, result.exception
    assert strict((out / name).read_text("utf-8"))


def test_ndjson_of_every_table_is_json(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(
        cli.app, ["export", capture(tmp_path, LENGTHS[-1]), "--format", "ndjson", "-o", str(out)]
    )
    assert result.exit_code == 0, result.exception
    rows = [strict(line) for file in out.glob("*.ndjson") for line in file.read_text("utf-8").splitlines()]
    assert [row["limit"] for row in rows if row.get("kind") == "resource.cpu"] == [None]


def test_what_json_cannot_say_is_null() -> None:
    content = {"a": [1.5, math.inf, (math.nan,)], "b": {"c": -math.inf, "d": "Infinity"}, "e": None}
    assert strict(json_text(content)) == {"a": [1.5, None, [None]], "b": {"c": None, "d": "Infinity"}, "e": None}
    frame = pl.DataFrame({"a": [1.0, math.inf, math.nan, None], "b": [1, 2, 3, 4]})
    assert [row["a"] for row in frame_to_rows(frame)] == [1.0, None, None, None]
