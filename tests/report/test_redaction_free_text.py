"""Level ``all``: every column of text is decided on, and nothing that a line says in several words gets through."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import traceview.signals
from traceview.analysis import LINE_SCHEMA, Analysis
from traceview.capture import open_capture
from traceview.clocks import CLOCK_SCHEMA
from traceview.episodes.schema import EPISODES
from traceview.report.free_text import CLASSES, Class, class_of, keeper, pieces
from traceview.report.html import write
from traceview.report.redact import redact
from traceview.serialise import FINDING_SCHEMA, to_json
from traceview.signals.catalogue import catalogue
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview.witness.schema import WITNESS_SCHEMA
from traceview.witness.tables import KEPT
from traceview_parsers.schema import SCHEMAS

TEMPLATE = Path(__file__).parents[2] / "sample_traces" / "healthy-incoming-call.ios26.ndjson"


def _columns() -> Iterator[tuple[str, str]]:
    """Yield table and column of all text that an analysis holds."""
    ours = {**EPISODES, "events": EVENT_SCHEMA, "lines": LINE_SCHEMA, "findings": FINDING_SCHEMA}
    for table, columns in {**ours, "witnesses": WITNESS_SCHEMA, "clocks": CLOCK_SCHEMA}.items():
        yield from ((table, name) for name, kind in columns.items() if kind in {pl.String(), pl.List(pl.String())})
    for table in KEPT:
        yield from ((table, one.name) for one in SCHEMAS[table] if one.type in {pa.string(), pa.list_(pa.string())})


@pytest.mark.parametrize(("table", "column"), [pytest.param(*one, id=".".join(one)) for one in _columns()])
def test_somebody_decided_on_each_column(table: str, column: str) -> None:
    """Put a new column into one of the lists of `traceview.report.free_text`."""
    assert column in CLASSES, f"{table}.{column}"


def test_the_lists_name_no_column_that_is_gone() -> None:
    assert set(CLASSES) - {column for _, column in _columns()} == set()


def test_a_column_that_nobody_knows_is_free_text() -> None:
    assert class_of("new", "thing_said") is Class.free
    assert not keeper("new", "thing_said")("jane doe")


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        ("action", "<CXAnswerCallAction 15318DD0-E531-47D1-AA1D-D17B0BFC78CF>"),
        ("action", "transaction accepted"),
        ("failed_action", "CXAnswerCallAction 15318DD0-E531-47D1-AA1D-D17B0BFC78CF: action timed out"),
        ("provider", "<CXProvider com.acme.voip>"),
        ("interrupter", "callservicesd(130)"),
        ("reason", "EXC_CRASH (SIGKILL)"),
        ("end_reason", "ended by the user or the app"),
        ("options", "AllowBluetooth | DefaultToSpeaker"),
        ("changed", "category, mode, options"),
        ("error", "!pri"),
        ("route", "Speaker"),
        ("zone", "Europe/Berlin"),
        ("task_name", "sync"),
        ("app_name", "Acme"),
        ("app_name", "Acme (NotificationService)"),
        ("incident", "15318DD0-E531-47D1-AA1D-D17B0BFC78CF"),
        ("name", "Shared Background Assertion 1 for com.acme.voip"),
        ("explanation", "abort() called"),
        ("level", "(Limit 150/sec) Observed 195/sec over 300 secs"),
        (
            "explanation",
            "scene-update watchdog transgression: exhausted real (wall clock) time allowance of 10.00 seconds",
        ),
        ("reason", "scene-create watchdog transgression: app<com.acme>:7 exhausted CPU time allowance of 5.00 seconds"),
    ],
)
def test_words_of_the_system_stay(column: str, kept: str) -> None:
    assert keeper("events", column)(kept)


@pytest.mark.parametrize(
    ("column", "gone"),
    [
        ("action", "<CXStartCallAction: 0x28 contactIdentifier=jane doe>"),
        ("failed_action", "CXAnswerCallAction: jane doe"),
        ("provider", "<CXProvider jane doe>"),
        ("interrupter", "jane doe(130)"),
        ("options", "jane doe"),
        ("task_name", "VoIP push"),
        ("app_name", "voip jane doe"),
        ("app_name", "Acme (jane doe)"),
        ("incident", "jane doe"),
        ("name", "Shared Background Assertion 1 for jane doe"),
        ("explanation", "abort() called jane"),
        ("explanation", "scene-update watchdog transgression: jane doe exhausted CPU time allowance of 5.00 seconds"),
        ("route", "Jane"),
        *(
            (name, "jane doe")
            for name in ("push_id", "topic", "category", "mode", "state", "visibility", "role", "interface")
        ),
    ],
)
def test_what_looks_otherwise_goes(column: str, gone: str) -> None:
    assert not keeper("events", column)(gone)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("90 s of CPU in 150 s; limit 50 % of a core over 180 s; action: none", True),
        ("FRONTBOARD 0xbaadca11; SIGKILL; role Background", True),
        ("category Audio/Video; no session is active", True),
        ("12.5 s in the background of a call, 3.0 s on screen", True),
        ("the log says background, PowerLog says not running", True),
        ("noted in the minutes after it came; over wifi, priority 10", True),
        ("role jane doe", False),
        ("jane doe", False),
        ("JANE doe", False),
    ],
)
def test_windows_keep_figures_and_words_of_ours(text: str, *, kept: bool) -> None:
    assert all(stays for _, stays in pieces(text)) is kept


def _planted() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield planted text, signal entry and message: each example with a name in place of each value that it tells."""
    number = 0
    for file in sorted(Path(traceview.signals.__file__).parent.glob("*.toml")):
        family = tomllib.loads(file.read_text())
        for entry in family["signal"]:
            for example in entry.get("examples", []):
                if isinstance(example, str):
                    continue
                message = example["message"]
                for name, value in example.items():
                    told = name not in {"message", "process"} and isinstance(value, str) and len(value) >= 3
                    if told and value in message and class_of("events", name) not in {Class.name, Class.app}:
                        number += 1
                        plant = f"Zqx{number:03d} Doe"
                        process = example.get("process") or entry.get("process") or family.get("process")
                        given = {
                            "process": process,
                            "subsystem": entry.get("subsystem"),
                            "category": entry.get("category"),
                        }
                        yield plant, given, message.replace(value, plant, 1)


def _first(value: Any, otherwise: str) -> str:
    return otherwise if not value else value if isinstance(value, str) else value[0]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """An analysis of a call whose log also has each example of the catalogue with a name in each field."""
    lines = [line for line in TEMPLATE.read_text().splitlines() if '"finished"' not in line and '{"count"' not in line]
    template = json.loads(lines[0])
    begin, pids = datetime.fromisoformat("2026-01-15T09:16:00"), {"AcmeVoIP": 812}
    for number, (_, given, message) in enumerate(_planted()):
        process, time = _first(given["process"], "AcmeVoIP"), begin + timedelta(milliseconds=137 * number)
        changed = {
            "eventMessage": message,
            "formatString": "",
            "processImagePath": f"/x/{process}",
            "senderImagePath": f"/x/{process}",
            "subsystem": _first(given["subsystem"], ""),
            "category": _first(given["category"], ""),
            "timestamp": f"{time:%Y-%m-%d %H:%M:%S.%f}+0100",
            "processID": pids.setdefault(process, 700 + len(pids)),
            "machTimestamp": 91440000000 + number * 3288000,
        }
        lines.append(json.dumps(template | changed))
    file = tmp_path_factory.mktemp("planted") / "planted.ndjson"
    file.write_text("\n".join(lines) + "\n")
    with open_capture(file) as capture:
        return capture.analysis


def test_no_name_in_any_field_of_any_signal_survives(planted: Analysis, tmp_path: Path) -> None:
    signals = {one.id for one in catalogue().signals}
    seen = planted.events.filter(pl.col("message").str.contains(r"Zqx\d+ Doe"))
    assert seen.height > 100
    assert set(seen["signal"]) <= signals
    before = json.dumps(to_json(planted), default=str)
    assert "Doe" in before
    hidden = redact(planted, "all")
    frames = [hidden.lines, hidden.events, *hidden.episodes.values(), *hidden.tables.values()]
    texts = [str(frame[name].to_list()) for frame in frames for name in frame.columns]
    page = tmp_path / "all.html"
    write(planted, page, redact="all")
    texts += [json.dumps(to_json(hidden), default=str), repr(hidden.findings), page.read_text()]
    found = {match[0] for text in texts for match in re.finditer(r".{0,90}Zqx\d+ Doe.{0,30}", text)}
    assert found == set()
