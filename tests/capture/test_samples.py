"""Every sample capture gives the episodes and findings that stand beside it."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview.capture import Capture, open_capture
from traceview.cli.options import parse_zone
from traceview.rules.registry import Severity
from traceview_parsers import ReadOptions

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces"
EXPECTED = sorted(SAMPLES.glob("*.expected.json"))


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module", params=EXPECTED, ids=lambda path: path.name.removesuffix(".expected.json"))
def case(request: pytest.FixtureRequest) -> Any:
    expected = load(request.param)
    options = expected["options"]
    read = ReadOptions(
        date=date.fromisoformat(options["date"]) if "date" in options else None,
        tz=parse_zone(options.get("tz")),
    )
    with open_capture(SAMPLES / expected["sample"], options=read) as capture:
        assert capture.analysis.lines.height >= 0  # analysed while its temporary files exist
        yield expected, capture


def same(actual: Any, wanted: Any, tolerance: timedelta) -> bool:
    if isinstance(actual, datetime) and isinstance(wanted, str):
        return abs(actual - datetime.fromisoformat(wanted[:26] + "+00:00")) <= tolerance
    if isinstance(actual, float) and isinstance(wanted, int | float):
        return abs(actual - wanted) <= max(tolerance.total_seconds(), 1e-6)
    return bool(actual == wanted)


def found(frame: pl.DataFrame, wanted: dict[str, Any], tolerance: timedelta) -> bool:
    assert set(wanted) <= set(frame.columns), f"unknown columns {set(wanted) - set(frame.columns)}"
    rows = frame.to_dicts()
    return any(all(same(row[name], value, tolerance) for name, value in wanted.items()) for row in rows)


def test_there_are_samples() -> None:
    assert len(EXPECTED) >= 8


def test_episodes(case: tuple[dict[str, Any], Capture]) -> None:
    expected, capture = case
    tolerance = timedelta(seconds=expected["tolerance_s"])
    missing = [
        (table, wanted)
        for table, rows in expected["episodes"].items()
        for wanted in rows
        if not found(capture.episodes(table), wanted, tolerance)
    ]
    tables = {table: capture.episodes(table).drop("evidence").to_dicts() for table, _ in missing}
    assert not missing, f"found instead: {tables}"


def test_findings(case: tuple[dict[str, Any], Capture]) -> None:
    expected, capture = case
    actual = [(finding.rule, finding.severity.name, finding.app) for finding in capture.analysis.findings]
    for wanted in expected["findings"]:
        assert (wanted["rule"], wanted["severity"]) in [(rule, severity) for rule, severity, _ in actual], actual
    if "no_finding_above" in expected:
        limit = Severity[expected["no_finding_above"]]
        asked = {(wanted["rule"], wanted["severity"]) for wanted in expected["findings"]}
        worse = [one for one in actual if Severity[one[1]] > limit and one[:2] not in asked]
        assert not worse


def test_every_finding_has_its_lines(case: tuple[dict[str, Any], Capture]) -> None:
    _, capture = case
    lines = set(capture.analysis.lines["ref"].to_list())
    for finding in capture.analysis.findings:
        assert finding.evidence or (finding.number or '').startswith('Q'), finding.rule  # Q: about the capture itself
        assert set(finding.evidence) <= lines, finding.rule
