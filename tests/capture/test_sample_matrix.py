"""Every scenario, on every OS generation whose wording it knows, in every input format, through the whole chain.

What the scenario states is held against its NDJSON export: every stated row once, no row more in the tables that tell of
events, the app's states in full, these findings and no other. Every other format must then give the same rows and the same
findings, all columns alike, except for what the format cannot carry (`LOSSES`).

By default each scenario runs on three generations in NDJSON, and on two of them in one other format, which takes turns so that every
format meets every generation; ``TRACEVIEW_SAMPLE_MATRIX=all`` runs every combination of all generations (minutes).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from generator import scenarios
from generator.carriers import CARRIERS, Carrier
from generator.samples import START
from generator.story import APP_BUNDLE, ZONE, Expected, Generation, Story

import traceview as tv
from traceview.analysis import Analysis
from traceview.episodes.schema import EPISODES, TIME

EVERYTHING = os.environ.get("TRACEVIEW_SAMPLE_MATRIX") == "all"
MODULES = tuple(scenarios.modules())

IN_DETAIL = frozenset({"assertions", "processes", "background_runs", "audio_settings", "conditions"})
"""Tables that a story need not tell in full: its rows must be found there, others may be."""

BY_POSITION = frozenset({"id", "evidence", "cause_evidence", "contradicted_by"})
"""Columns that say where in the file something stands, or in which order rows came."""


@dataclass(frozen=True)
class Loss:
    """What a format cannot carry, and what of the result goes with it.

    Attributes:
        why: What the format does not say.
        time_s: Its times are cut to so many seconds.
        columns: Columns of results that go with it, by table; ``*``: of every table.
        tables: Tables whose rows may differ, because lines join there by what the format does not say.
    """

    why: str
    time_s: float = 0.0
    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()

    def of(self, table: str) -> frozenset[str]:
        """Return the lost columns of `table`."""
        return self.columns.get(table, frozenset()) | self.columns.get("*", frozenset())


NO_BOOT = {"processes": frozenset({"boot_uuid"})}
LOSSES = {
    "ndjson": Loss("nothing is lost"),
    "json": Loss("nothing is lost"),
    "logarchive": Loss("a synthetic archive has a boot of its own", columns=NO_BOOT),
    "sysdiagnose": Loss("a synthetic archive has a boot of its own", columns=NO_BOOT),
    "xctrace": Loss("no boot", columns=NO_BOOT),
    "default": Loss("no boot", columns=NO_BOOT),
    "syslog": Loss("no boot, no level, no thread", columns=NO_BOOT),
    "compact": Loss(
        "milliseconds: what came first in one is not known; no boot",
        time_s=0.001,
        columns={**NO_BOOT, "audio_sessions": frozenset({"io_stopped"})},
    ),
    "idevicesyslog": Loss("no year, no zone, no subsystem, no thread, no boot", columns=NO_BOOT),
    "old_relay": Loss(
        "whole seconds: what begins and ends within one is not seen, and what came first in one is not known; no year, no "
        "zone, no subsystem, no thread, no boot",
        time_s=1.0,
        columns={
            **NO_BOOT,
            "audio_sessions": frozenset({"io_stopped"}),
            "background_runs": frozenset({"ended_by", "holders", "uncovered_from", "verdict"}),
            "glitches": frozenset({"facts_for"}),
            "network": frozenset({"app_state", "call", "in_call"}),
            "terminations": frozenset({"app_state"}),
        },
    ),
    "pymobiledevice3": Loss("no zone, no thread, no boot", columns=NO_BOOT),
    "pymobiledevice3_json": Loss("no zone, no boot", columns=NO_BOOT),
    "console_columns": Loss("no date, no boot", columns=NO_BOOT),
    "console": Loss(
        "no date, no boot, no pid, no library, no subsystem: a process is known by the lines of others that name its pid",
        columns={
            "*": frozenset({"process"}),
            "background_runs": frozenset({"holders"}),
            "network": frozenset({"pid"}),
        },
        tables=frozenset({"processes", "background_tasks"}),
    ),
}


@dataclass(frozen=True)
class Cell:
    """One scenario on one generation."""

    module: ModuleType
    generation: Generation

    @property
    def name(self) -> str:
        return f"{scenarios.slug(self.module)}.ios{self.generation.ios}"


def _generations(module: ModuleType) -> tuple[Generation, ...]:
    """Return all generations that the scenario knows, or by default three of them, the oldest and the newest among them."""
    known = scenarios.generations(module)
    return known if EVERYTHING or len(known) <= 3 else (known[0], *known[-2:])


CELLS = tuple(Cell(module, generation) for module in MODULES for generation in _generations(module))
OTHERS = tuple(name for name in LOSSES if name != "ndjson")
LOGS = tuple(cell for cell in CELLS if not scenarios.formats(cell.module))
"""Cells that every format of a log can carry."""


def _first(cell: Cell) -> Carrier:
    """Return the format that the scenario's statements are held against."""
    told = scenarios.formats(cell.module)
    return CARRIERS[told[0] if told else "ndjson"]


def _chosen() -> Iterator[tuple[Cell, str]]:
    """Yield cell and format: all, or for two generations of each scenario (in turns) the next format of the round."""
    if EVERYTHING:
        yield from ((cell, name) for cell in LOGS for name in OTHERS)
    else:
        turns = [cell for place, cell in enumerate(LOGS) if (place + place // 3) % 3]
        yield from ((cell, OTHERS[turn % len(OTHERS)]) for turn, cell in enumerate(turns))
    for cell in CELLS:
        yield from ((cell, name) for name in scenarios.formats(cell.module)[1:])


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


def _stage(cell: Cell) -> Story:
    """Return the stage of a cell: private data stays hidden, except in stories that cannot do without."""
    kept = scenarios.keeps_private(cell.module, "")
    return Story(scenarios.slug(cell.module), cell.generation, START, private_kept=kept)


def _written(cell: Cell, carrier: Carrier, folder: Path) -> tuple[Path, Expected]:
    """Write a cell in a format; return the file and what is expected."""
    story = _stage(cell)
    expected = scenarios.play(cell.module, story)
    file = folder / f"{cell.name}{carrier.suffix}"
    if not file.exists():
        carrier.write(story, file)
    return file, expected


@cache
def _analysed(file: Path, carrier: str) -> Analysis:
    options = CARRIERS[carrier].options
    day = date.fromisoformat(options["date"]) if "date" in options else None
    with tv.open(file, apps=[APP_BUNDLE], date=day, tz=ZONE if "tz" in options else None) as capture:
        return capture.analysis


def _mine(analysis: Analysis, table: str) -> pl.DataFrame:
    """Return the rows that are about the app under test, or about the whole device."""
    return analysis.episodes[table].filter(pl.col("app").is_null() | (pl.col("app") == APP_BUNDLE))


def _same(found: Any, stated: Any, *, tolerance_s: float) -> bool:
    if isinstance(found, datetime) and isinstance(stated, int):
        return abs(found - (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stated // 1000))) <= timedelta(
            seconds=tolerance_s
        )
    if isinstance(found, float) and isinstance(stated, float):
        return abs(found - stated) <= 0.01
    return bool(found == stated)


def _wrong(row: dict[str, Any], stated: dict[str, object]) -> list[str]:
    # Several lines tell of one moment; which of them counts is the reader's choice.
    return [
        f"{name}: {row[name]!s}, stated {value!s}"
        for name, value in stated.items()
        if not _same(row[name], value, tolerance_s=0.5)
    ]


def _unstated(analysis: Analysis, expected: Expected) -> Iterator[str]:
    """Yield where rows of the analysis and the stated ones differ; every stated row takes the row that fits it best."""
    for table in analysis.episodes:
        rows = _mine(analysis, table).to_dicts()
        for stated in expected.episodes.get(table, []):
            if not rows:
                yield f"{table}: no row for {stated}"
                continue
            best = min(rows, key=lambda row: len(_wrong(row, stated)))
            rows.remove(best)
            yield from (f"{table}: {one}" for one in _wrong(best, stated))
        if table not in IN_DETAIL:
            yield from (f"{table}: nobody stated {row}" for row in rows)
    found = sorted((one.rule, one.severity.name) for one in analysis.findings if one.app in (None, APP_BUNDLE))
    if found != sorted(expected.findings):
        yield f"findings {found}, stated {sorted(expected.findings)}"


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_the_story_comes_out_as_stated(cell: Cell, workshop: Path) -> None:
    carrier = _first(cell)
    file, expected = _written(cell, carrier, workshop)
    analysis = _analysed(file, carrier.name)
    assert list(_unstated(analysis, expected)) == []
    assert analysis.problems == []


def _comparable(analysis: Analysis, table: str, loss: Loss) -> pl.DataFrame:
    frame = _mine(analysis, table).drop(BY_POSITION | loss.of(table), strict=False)
    order = [
        name for name in ("app", "pid", "start", "assertion_id", "session_id", "name", "state") if name in frame.columns
    ]
    keys = [pl.col(name).dt.truncate("1s") if name == "start" else pl.col(name) for name in order]
    return frame.sort(keys, maintain_order=True)


def _differences(found: Analysis, wanted: Analysis, loss: Loss) -> Iterator[str]:
    for table, columns in EPISODES.items():
        if table in loss.tables:
            continue
        ours, theirs = _comparable(found, table, loss), _comparable(wanted, table, loss)
        if loss.time_s and ours.height < theirs.height:  # what began and ended within one second was not seen
            length = (pl.col("end") - pl.col("start")).dt.total_microseconds() / 1e6
            theirs = theirs.filter((~length.is_between(1e-6, loss.time_s)).fill_null(value=True))
        if ours.height != theirs.height:
            yield f"{table}: {ours.height} rows, {theirs.height} in NDJSON"
            continue
        for name in ours.columns:
            one, other = ours[name], theirs[name]
            if loss.time_s and columns[name] == TIME:
                far = ((one - other).dt.total_microseconds().abs() / 1e6 > loss.time_s).any()
                alike = not far and one.is_null().equals(other.is_null())
            elif loss.time_s and name.endswith("_s"):
                far = ((one - other).abs() > 2 * loss.time_s).any()
                alike = not far and one.is_null().equals(other.is_null())
            else:
                alike = one.equals(other, null_equal=True)
            if not alike:
                yield f"{table}.{name}: {one.to_list()}, in NDJSON {other.to_list()}"


@pytest.mark.parametrize(("cell", "carrier"), list(_chosen()), ids=lambda one: getattr(one, "name", one))
def test_every_format_tells_the_same(cell: Cell, carrier: str, workshop: Path) -> None:
    file, _ = _written(cell, CARRIERS[carrier], workshop)
    reference, _ = _written(cell, CARRIERS["ndjson"], workshop)
    found, wanted = _analysed(file, carrier), _analysed(reference, "ndjson")
    assert list(_differences(found, wanted, LOSSES[carrier])) == []
    assert [(one.rule, one.severity, one.app) for one in found.findings] == [
        (one.rule, one.severity, one.app) for one in wanted.findings
    ]
    assert found.problems == []


@pytest.mark.parametrize("cell", LOGS[:: 1 if EVERYTHING else 8], ids=lambda cell: cell.name)
def test_the_xcode_console_tells_of_the_app_alone(cell: Cell, workshop: Path) -> None:
    """It shows no line of another process, so no episode can be whole: the app's own lines must be recognised alike."""
    file, _ = _written(cell, CARRIERS["xcode"], workshop)
    reference, _ = _written(cell, CARRIERS["ndjson"], workshop)
    columns = ("time", "kind", "signal", "message")
    wanted = _analysed(reference, "ndjson").events.filter(pl.col("process").is_in(_apps(cell))).select(columns)
    with tv.open(file) as capture:
        found = capture.analysis.events
    assert found.select(columns).sort(columns).equals(wanted.sort(columns))


def _apps(cell: Cell) -> list[str]:
    story = _stage(cell)
    scenarios.play(cell.module, story)
    return sorted({line.actor.name for line in story.lines() if line.actor.bundle})


def test_every_scenario_is_told_on_three_generations_and_every_format_is_used() -> None:
    for module in MODULES:
        assert len(_generations(module)) >= 3, module.__name__
    of_stories = {name for module in MODULES for name in scenarios.formats(module)}
    assert {*LOSSES, *of_stories, "xcode"} == set(CARRIERS)
    common = {15, 18, 26}
    met = {(cell.generation.ios, name) for cell, name in _chosen() if cell in LOGS and cell.generation.ios in common}
    assert met == {(ios, name) for ios in common for name in OTHERS}
