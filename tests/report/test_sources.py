"""Sources as people read of them: which matter first, and troubles that several have in common."""

import polars as pl
import pytest
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.rules.registry import Finding, Severity
from traceview.sources import by_weight, troubles
from traceview_parsers.problems import Problem
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.trace import CaptureInfo, Coverage, Device

TOLD = Coverage("calm", "sysdiagnose", 1, 2, 3, "printed with zone", 1, ("what it holds",))


def _coverage(*about: Coverage) -> Analysis:
    calm = [replace(TOLD, source=f"calm-{index}") for index in range(4)]
    return Analysis(CaptureInfo(), Device(), coverage=[*calm, *about])


def _first(analysis: Analysis) -> list[str]:
    first, rest = by_weight(analysis)
    assert sorted(one.source for one in (*first, *rest)) == sorted(one.source for one in analysis.coverage)
    return [one.source for one in first]


def test_logs_lead_and_what_is_neither_doubtful_nor_evidence_comes_last() -> None:
    report = Coverage("a.ips", "ips", 1, 2, 1, "printed with zone", 1)
    analysis = _coverage(
        report, Coverage("b.PLSQL", "powerlog", 1, 2, 3, "c", 1), Coverage("l", "unified_log", 1, 2, 3, "c", 1)
    )
    assert _first(analysis) == ["l", "b.PLSQL"]
    assert [one.source for one in by_weight(analysis)[1]] == ["calm-0", "calm-1", "calm-2", "calm-3", "a.ips"]
    proof = Finding("r", None, Severity.low, None, None, None, "t", "", "", (4 << REF_POSITION_BITS,))
    assert _first(replace(analysis, findings=[proof])) == ["l", "b.PLSQL", "a.ips"]


@pytest.mark.parametrize(
    "doubt",
    [
        {"notes": ("what it holds", "what is missing")},
        {"lost": 3},
        {"clock_step_s": -2.0},
        {"gaps": ((1, 2),)},
        {"certainty_ns": None},
        {"reader": "ips", "notes": ("printed at UTC+02:00",)},
    ],
)
def test_a_doubt_brings_a_source_forward(doubt: dict[str, object]) -> None:
    assert _first(_coverage(replace(TOLD, source="doubtful", **doubt))) == ["doubtful"]  # type: ignore[arg-type]


def test_a_problem_is_a_doubt_and_a_clock_that_agrees_is_none() -> None:
    note = "clock agrees with l"
    analysis = _coverage(replace(TOLD, source="x", reader="ips", notes=(note,)), replace(TOLD, source="y", lost=0))
    clocks = {"clocks": pl.DataFrame({"source": ["x"], "agrees": [True], "note": [note]})}
    assert _first(replace(analysis, tables=clocks, problems=[Problem("y", "cut", "is cut")])) == ["y"]


def test_few_sources_are_not_set_apart() -> None:
    log = Coverage("l", "log_text", 1, 2, 3, "c", 1)
    analysis = Analysis(CaptureInfo(), Device(), coverage=[TOLD, log])
    assert by_weight(analysis) == ([log, TOLD], [])
    assert by_weight(Analysis(CaptureInfo(), Device())) == ([], [])


def test_one_trouble_of_several_sources_is_told_once() -> None:
    alike = [Problem(f"folder/{name}", "odd", "is odd", 3, "line", 2, name) for name in "xyzuv"]
    cut, odd = troubles([Problem("folder/x", "cut", "is cut", 1024), *alike])
    assert (cut.where, cut.position, cut.count) == ("folder/x", "byte 1,024", 1)
    assert (odd.where, odd.position, odd.count, odd.sample) == ("x, y, z and 2 more", "", 10, "x")
    assert len(odd.sources) == 5
