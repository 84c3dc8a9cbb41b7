"""The committed sample captures: current, labelled, small, and their expectations well-formed."""

import gzip
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest
from generator import day, scenarios
from generator.carriers import CARRIERS
from generator.render import message
from generator.samples import START, write_all
from generator.story import LABEL, Line, Story
from generator.sysdiagnose import NAME
from generator.table import with_table

from traceview.episodes.schema import EPISODES, TIME
from traceview.rules.registry import Severity

ROOT = Path(__file__).resolve().parents[2] / "sample_traces"
EXPECTED = sorted(ROOT.glob("*.expected.json"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("samples"))


def _place(file: Path) -> str:
    """Return where a sample lies in the folder of samples."""
    inside = file.parent.suffix == ".xctrace"
    return f"{file.parent.name}/{file.name}" if inside else file.name


def test_committed_samples_are_what_the_generator_writes(fresh: list[Path]) -> None:
    kinds = {".json", ".txt", ".ndjson", ".gz", ".zip", ".xml"}
    committed_files = [*ROOT.iterdir(), *(file for folder in ROOT.glob("*.xctrace") for file in folder.iterdir())]
    assert {_place(file) for file in fresh} == {
        _place(file) for file in committed_files if file.is_file() and file.suffix in kinds
    }
    for file in fresh:
        made, committed = file.read_bytes(), (ROOT / _place(file)).read_bytes()
        if file.suffix == ".gz":  # the packer's version may differ, what is packed may not
            made, committed = gzip.decompress(made), gzip.decompress(committed)
        assert made == committed, f"{file.name} is stale: run sample_traces/generate.py"


def test_the_table_of_scenarios_is_current() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == with_table(readme)


def test_samples_are_small_and_say_that_they_are_synthetic(fresh: list[Path]) -> None:
    assert sum(file.stat().st_size for file in fresh) < 3_000_000
    for file in fresh:
        data = file.read_bytes()
        if file.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("utf-8", "replace")
        assert LABEL.replace("/", "\\/") in text or LABEL in text or '"synthetic": true' in text, file.name


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file.name.removesuffix(".expected.json"))
def test_expectations_name_real_columns_and_severities(file: Path) -> None:
    expected = json.loads(file.read_text(encoding="utf-8"))
    assert (ROOT / expected["sample"]).exists()
    assert expected["synthetic"] is True
    for table, rows in expected["episodes"].items():
        for row in rows:
            assert set(row) <= set(EPISODES[table])
            known = {name: value for name, value in row.items() if EPISODES[table][name] == TIME and value is not None}
            times = {name: datetime.fromisoformat(value) for name, value in known.items()}
            if {"start", "end"} <= set(times):
                assert times["start"] <= times["end"]
            assert all(time.year == 2026 for time in times.values())
    for finding in expected["findings"]:
        assert finding["severity"] in Severity.__members__


def test_every_format_is_shown() -> None:
    used = {name for module in scenarios.modules() for _, name in module.VARIANTS}
    # The Xcode console shows no line of iOS, so no story comes out of it; the whole day is the sample of a sysdiagnose.
    assert used == set(CARRIERS) - {"xcode", "sysdiagnose"}
    assert (ROOT / f"{NAME}.tar.gz").is_file()


@pytest.mark.parametrize("module", list(scenarios.modules()), ids=lambda module: module.__name__.rpartition(".")[2])
def test_lines_are_in_order_and_printed_whole(module: ModuleType) -> None:
    for generation in scenarios.generations(module):
        story = Story("test", generation, START)
        module.tell(story)
        lines = story.lines()
        times = [line.time_ns for line in lines]
        assert times == sorted(times)
        assert all(time % 1000 == 0 for time in times)
        for carrier in CARRIERS.values():
            if carrier.layout and carrier.name != "xcode":
                assert carrier.layout(lines, "boot").count("\n") >= len(lines)


def _impossible(lines: Sequence[Line]) -> list[str]:
    """Lines that cannot be: by a process that is suspended or gone, about an assertion that nobody took."""
    silent: set[int] = set()
    assertions: set[str] = set()
    wrong = []
    for line in lines:
        text = message(line.text, line.arguments, keep_private=True)
        if line.actor.bundle and line.actor.pid in silent:
            wrong.append(f"{line.actor.name}[{line.actor.pid}] is not running: {text}")
        handle = re.search(r":(\d+)\]", text)
        if handle and line.actor.name == "runningboardd":
            if "Suspending task." in text or "Removing process:" in text:
                silent.add(int(handle[1]))
            elif "Resuming task." in text or "Now tracking process:" in text:
                silent.discard(int(handle[1]))
        assertions.update(re.findall(r"\bID:(\d+-\d+-\d+)", text))
        given_up = re.search(r"(?:Invalidating assertion|due to timeout:) (\d+-\d+-\d+)", text)
        if given_up and given_up[1] not in assertions:
            wrong.append(f"nobody took {given_up[1]}: {text}")
    return wrong


@pytest.mark.parametrize("module", list(scenarios.modules()), ids=lambda module: module.__name__.rpartition(".")[2])
def test_stories_hold_together(module: ModuleType) -> None:
    for generation in scenarios.generations(module):
        story = Story("test", generation, START)
        module.tell(story)
        assert _impossible(story.lines()) == []


def test_the_day_holds_together() -> None:
    assert _impossible(day.live().story.lines()) == []
