"""The whole product against every sample capture: does it conclude what a careful engineer would?"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import traceview as tv
from traceview.episodes.schema import EPISODES, TIME
from traceview.rules.registry import Severity

ROOT = Path(__file__).resolve().parents[2] / "sample_traces"
SAMPLES = sorted(ROOT.glob("*.expected.json"))


def _differences(rows: list[dict[str, Any]], wanted: dict[str, Any], table: str, tolerance_s: float) -> list[str]:
    """Return how the best of `rows` differs from `wanted`."""
    best: list[str] | None = None
    for row in rows:
        wrong = []
        for column, value in wanted.items():
            found = row[column]
            if EPISODES[table][column] == TIME and value is not None:
                moment = datetime.fromisoformat(value)
                same = found is not None and abs((found - moment).total_seconds()) <= tolerance_s
            elif isinstance(value, float) and found is not None:
                same = abs(found - value) <= tolerance_s
            else:
                same = found == value
            if not same:
                wrong.append(f"{column}: {found!s}, expected {value!s}")
        if best is None or len(wrong) < len(best):
            best = wrong
    return ["no row at all"] if best is None else best


def _disagreements(expected: dict[str, Any], analysis: Any) -> Iterator[str]:
    for table, wanted_rows in expected["episodes"].items():
        rows = analysis.episodes[table].filter(pl.col("app").is_null() | (pl.col("app") == expected["app"])).to_dicts()
        for wanted in wanted_rows:
            for difference in _differences(rows, wanted, table, expected["tolerance_s"]):
                yield f"{table}: {difference}"
    found = {(one.rule, one.severity.name) for one in analysis.findings if one.app in (None, expected["app"])}
    wanted_findings = {(one["rule"], one["severity"]) for one in expected["findings"]}
    yield from (f"missing finding {rule} ({severity})" for rule, severity in sorted(wanted_findings - found))
    if "no_finding_above" in expected:
        limit = Severity[expected["no_finding_above"]]
        for rule, severity in sorted(found - wanted_findings):
            if Severity[severity] > limit:
                yield f"finding too much: {rule} ({severity})"


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name.removesuffix(".expected.json"))
def test_conclusions_are_those_of_a_careful_engineer(file: Path) -> None:
    expected = json.loads(file.read_text(encoding="utf-8"))
    options = expected["options"]
    day = date.fromisoformat(options["date"]) if "date" in options else None
    zone = datetime.fromisoformat(f"2026-01-15T00:00:00{options['tz']}").tzinfo if "tz" in options else None
    with tv.open(ROOT / expected["sample"], apps=[expected["app"]], date=day, tz=zone) as capture:
        analysis = capture.analysis
        assert list(_disagreements(expected, analysis)) == []
        shown = set(analysis.lines["ref"].to_list())
        for finding in analysis.findings:
            about_capture = (finding.number or "").startswith("Q")
            assert finding.evidence or about_capture, finding.rule
            assert set(finding.evidence) <= shown, finding.rule


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 8
