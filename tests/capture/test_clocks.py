"""Clocks of several sources, and several captures given together. All lines and reports are synthetic."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import traceview as tv
from traceview.clocks import CLOCK_SCHEMA, _split, compare_clocks, with_clock_notes
from traceview.completeness import report_strangers, with_missing_reports, with_zone_notes
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers.problems import Problems
from traceview_parsers.schema import make_ref
from traceview_parsers.trace import Coverage, Input

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LOG, REPORT, SECOND_LOG = 0, 1, 2
SOURCES = [("device.logarchive", "unified_log"), ("crash.ips", "ips"), ("stream.txt", "log_text")]


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    filled = [
        {"signal": "x", "process": "runningboardd", "pid": 33, "message": str(at), **row} for at, row in enumerate(rows)
    ]
    return pl.DataFrame(filled, schema_overrides=EVENT_SCHEMA).select(
        pl.col(name) if name in filled[0] or any(name in row for row in filled) else pl.lit(None, kind).alias(name)
        for name, kind in EVENT_SCHEMA.items()
    )


def event(source: int, at: float, kind: str, pid: int, **more: Any) -> dict[str, Any]:
    time = NOON + timedelta(seconds=at)
    return {"ref": make_ref(source, 1), "time": time, "kind": kind, "subject_pid": pid, **more}


def report(
    source: int, launched: float, pid: int, process: str = "AcmeVoIP", bundle: str | None = None
) -> dict[str, Any]:
    return {
        "ref": make_ref(source, 1),
        "pid": pid,
        "process": process,
        "bundle": bundle,
        "launch_time": NOON + timedelta(seconds=launched),
    }


def reports(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema_overrides={"ref": pl.UInt64, "launch_time": pl.Datetime("ns", "UTC"), "bundle": pl.String}
    )


def compared(log: pl.DataFrame, told: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    return compare_clocks(log, {} if told is None else {"reports": told}, SOURCES).to_dicts()


LIFE = [
    event(LOG, 0.02, "process.launched", 905, bundle="com.acme.voip"),
    event(LOG, 7.3, "process.terminated", 905, bundle="com.acme.voip"),
    event(LOG, 7.5, "process.exited", 905, bundle="com.acme.voip"),
]


@pytest.mark.parametrize(
    ("error", "agrees", "words"), [(0.0, True, "agrees"), (3600.0, False, "time zone"), (-47.0, False, "-46.96")]
)
def test_launch_and_death_measure_the_clock_of_a_report(error: float, agrees: bool, words: str) -> None:  # noqa: FBT001
    died = event(REPORT, 7.4 + error, "process.terminated", 905, bundle="com.acme.voip", signal="report.crash")
    (row,) = compared(events(*LIFE, died), reports(report(REPORT, error, 905, bundle="com.acme.voip")))
    assert (row["source"], row["reference"], row["measured_on"]) == ("crash.ips", "device.logarchive", 2)
    assert row["offset_s"] == pytest.approx(error, abs=0.2)
    assert row["agrees"] is agrees
    assert words in row["note"]


@pytest.mark.parametrize(("late", "agrees"), [(2.0, True), (90.0, True), (590.0, True), (-90.0, False), (700.0, False)])
def test_files_of_a_sysdiagnose_are_written_after_its_name(late: float, agrees: bool) -> None:  # noqa: FBT001
    log = events(*(event(LOG, 10.0 * pid, "process.launched", pid, bundle="com.acme.voip") for pid in (1, 2, 3)))
    told = reports(*(report(1, 10.0 * pid - late, pid, bundle="com.acme.voip") for pid in (1, 2, 3)))
    sources = [SOURCES[0], ("taskinfo.txt", "sysdiagnose")]
    (row,) = compare_clocks(log, {"processes_at_capture": told}, sources).to_dicts()
    assert row["agrees"] is agrees
    assert row["offset_s"] == pytest.approx(-late)
    assert ("written down" in row["note"]) is (late in {90.0, 590.0})


def test_a_pid_of_another_program_measures_nothing() -> None:
    died = event(REPORT, 50.0, "process.terminated", 905, bundle="com.other", signal="report.crash")
    assert compared(events(*LIFE, died), reports(report(REPORT, 40.0, 905, "Other", "com.other"))) == []


def test_one_source_is_compared_with_nothing() -> None:
    twice = events(event(0, 0, "process.launched", 77), event(0, 1, "process.exited", 77))
    found = compare_clocks(twice, {}, [("a.logarchive", "unified_log")])
    assert found.is_empty()
    assert dict(found.schema) == CLOCK_SCHEMA


def test_a_pid_that_came_again_measures_nothing() -> None:
    again = event(LOG, 9_000, "process.launched", 905, bundle="com.acme.voip")
    assert compared(events(LIFE[0], again), reports(report(REPORT, 10.0, 905, bundle="com.acme.voip"))) == []


@pytest.mark.parametrize(("offset", "count"), [(60.0, 1), (7_200.0, 1), (5_000.0, 0), (-90_000.0 * 3, 0)])
def test_one_fact_of_a_report_counts_where_it_can_be_a_clock(offset: float, count: int) -> None:
    assert len(compared(events(LIFE[0]), reports(report(REPORT, offset, 905, bundle="com.acme.voip")))) == count


def lines(source: int, offset: float, numbers: range) -> list[dict[str, Any]]:
    return [
        event(source, number + offset, "process.state", 905, message=f"line {number}", ref=make_ref(source, number))
        for number in numbers
    ]


def test_the_same_lines_in_two_logs() -> None:
    (row,) = compared(events(*lines(LOG, 0, range(20)), *lines(SECOND_LOG, -3_600, range(5, 20))))
    assert (row["source"], row["reference"]) == ("stream.txt", "device.logarchive")
    assert (row["offset_s"], row["measured_on"], row["facts"]) == (-3_600, 15, 15)


def test_a_step_of_a_clock_is_dated() -> None:
    moved = [*lines(SECOND_LOG, 0, range(10)), *lines(SECOND_LOG, 90, range(10, 20))]
    before, after = compared(events(*lines(LOG, 0, range(20)), *moved))
    assert (before["since"], before["offset_s"], before["agrees"]) == (None, 0, True)
    assert (after["since"], after["offset_s"], after["agrees"]) == (NOON + timedelta(seconds=100), 90, False)
    assert "from then on" in after["note"]


def again(source: int, *moments: float) -> list[dict[str, Any]]:
    return [event(source, at, "process.state", 905, message="again") for at in moments]


def test_lines_that_repeat_measure_nothing() -> None:
    assert compared(events(*again(LOG, 0, 60), *again(SECOND_LOG, 90, 150))) == []


def test_lines_that_repeat_at_the_same_times_prove_one_clock() -> None:
    (row,) = compared(events(*again(LOG, 0, 60, 90), *again(SECOND_LOG, 60, 90, 170)))
    assert (row["offset_s"], row["measured_on"], row["agrees"]) == (0, 2, True)
    # of four lines of the time that both cover one stands in both
    assert compared(events(*again(LOG, 0, 60, 91, 92, 93), *again(SECOND_LOG, 60, 88, 87, 86, 170))) == []


@pytest.mark.parametrize("first_of_second", [40, 60])
def test_logs_that_follow_each_other_have_one_clock(first_of_second: int) -> None:
    """Their first and last lines are the same words: a call that came again."""
    once = lines(LOG, 0, range(60))
    told = [*lines(SECOND_LOG, 0, range(first_of_second, 80)), *lines(SECOND_LOG, 80, range(9))]
    found = compared(events(*once, *told))
    assert [(row["offset_s"], row["measured_on"]) for row in found] == ([(0, 20)] if first_of_second == 40 else [])


@pytest.mark.parametrize("offset", [-3_600, 7_200, 500])
def test_a_clock_that_differs_by_more_than_a_log_is_long_is_told(offset: int) -> None:
    (row,) = compared(events(*lines(LOG, 0, range(20)), *lines(SECOND_LOG, offset, range(5, 20))))
    assert (row["offset_s"], row["agrees"]) == (offset, False)


@given(st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_stretches_cover_all_facts(offsets: list[float]) -> None:
    spans = _split(np.array(offsets), 1.0)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(offsets)
    assert all(left[1] == right[0] for left, right in pairwise(spans))


def test_notes_and_certainty_reach_the_coverage() -> None:
    row = dict.fromkeys(CLOCK_SCHEMA) | {
        "source": "a",
        "agrees": True,
        "offset_s": -0.25,
        "spread_s": 0.25,
        "note": "fine",
    }
    clocks = pl.DataFrame([row], schema=CLOCK_SCHEMA)
    told = [Coverage("a", "ips"), Coverage("a", "ips", certainty_ns=1), Coverage("a", "ips", certainty_ns=10**9)]
    noted, finer, coarser, other = with_clock_notes([*told, Coverage("b", "ips")], clocks)
    assert (noted.certainty_ns, noted.notes) == (500_000_000, ("fine",))
    assert (finer.certainty_ns, coarser.certainty_ns) == (500_000_000, 10**9)
    assert other == Coverage("b", "ips")


def test_reports_printed_in_another_zone() -> None:
    told = pl.DataFrame(
        {"ref": [make_ref(0, 1), make_ref(1, 1)], "time": [NOON, NOON], "utc_offset_s": [3600, -18_000]},
        schema_overrides={"ref": pl.UInt64, "time": pl.Datetime("ns", "UTC")},
    )
    coverage = [Coverage("home.ips", "ips"), Coverage("away.ips", "ips")]
    home, away = with_zone_notes(coverage, told, ["home.ips", "away.ips"], "Europe/Berlin")
    assert home.notes == ()
    assert away.notes[0].startswith("printed at UTC-05:00, the capture's zone has UTC+01:00")
    assert with_zone_notes(coverage, told, [], None) == coverage


def test_missing_reports_are_counted_by_process() -> None:
    listed = pl.DataFrame(
        {
            "ref": [make_ref(0, at) for at in range(4)],
            "process": ["A", "B", "A", None],
            "in_capture": [False, False, False, True],
        },
        schema_overrides={"ref": pl.UInt64},
    )
    (coverage,) = with_missing_reports([Coverage("list", "sysdiagnose")], listed, ["list"])
    assert coverage.notes == ("3 reports lay on the device and are not in the capture: A 2, B 1",)


def hour(name: str, start: int, rows: int, reader: str = "unified_log") -> Coverage:
    begin = int(NOON.timestamp() + start * 3600) * 10**9
    return Coverage(name, reader, begin, begin + (0 if reader == "ips" else 3_600 * 10**9), rows)


@pytest.mark.parametrize(
    ("others", "strangers"),
    [
        ([hour("b", 0, 5)], []),
        ([hour("b", 2, 5)], ["b"]),
        ([hour("b", 2, 5_000)], ["a"]),
        ([hour("b", 2, 5_000, "powerlog")], ["b"]),
        ([hour("b.ips", 0, 1, "ips"), hour("c.ips", -3, 1, "ips")], ["c.ips"]),
        ([Coverage("b", "log_text")], []),
    ],
)
def test_inputs_that_never_meet(others: list[Coverage], strangers: list[str]) -> None:
    coverage = [hour("a", 0, 100), *others]
    problems = Problems()
    report_strangers([Input(one.source, sources=[at]) for at, one in enumerate(coverage)], coverage, problems)
    assert [(problem.source, problem.kind) for problem in problems] == [(name, "no-overlap") for name in strangers]


# A whole capture of several files: a log, a report of a death in it, and a report of another day.


def crash(at: str, pid: int = 905, code: int = 0xBAADCA11) -> str:
    head = {"bug_type": "309", "timestamp": at, "name": "AcmeVoIP", "bundleID": "com.acme.voip", "synthetic": True}
    body = {
        "procName": "AcmeVoIP",
        "pid": pid,
        "captureTime": at,
        "procLaunch": at.replace(":10.", ":03."),
        "bundleInfo": {"CFBundleIdentifier": "com.acme.voip"},
        "termination": {"namespace": "FRONTBOARD", "code": code},
    }
    return json.dumps(head) + "\n" + json.dumps(body)


@pytest.fixture
def sysdiagnose(samples: Path) -> Path:
    return next(samples.glob("sysdiagnose_*.tar.gz"))


def test_a_report_beside_a_capture_is_one_death_with_it(tmp_path: Path, sysdiagnose: Path) -> None:
    beside = tmp_path / "AcmeVoIP-2026-01-15-090510.ips"
    beside.write_text(crash("2026-01-15 09:05:10.3446 +0100"))
    with tv.open([sysdiagnose, beside]) as capture:
        analysis = capture.analysis
        deaths = analysis.episodes["terminations"].filter(pl.col("pid") == 905)
        sources = capture.table("reports").filter(pl.col("pid") == 905)["sources"].to_list()
    assert deaths.height == 1
    assert [len(names) for names in sources] == [2]
    (note,) = [one.notes for one in analysis.coverage if one.source == beside.name]
    assert not any("differs" in text for text in note)


def test_a_report_with_a_wrong_clock_is_found(tmp_path: Path, sysdiagnose: Path) -> None:
    wrong = tmp_path / "wrong.ips"
    wrong.write_text(crash("2026-01-15 10:05:10.3446 +0100"))
    with tv.open([sysdiagnose, wrong]) as capture:
        analysis = capture.analysis
    clocks = analysis.tables["clocks"].filter(pl.col("source") == "wrong.ips")
    assert clocks["offset_s"].round().to_list() == [3600]
    (coverage,) = [one for one in analysis.coverage if one.source == "wrong.ips"]
    assert "probably the wrong time zone" in coverage.notes[-1]
    assert coverage.certainty_ns == pytest.approx(3_600 * 10**9, rel=0.01)
    assert coverage in capture.coverage
    (problem,) = [one for one in analysis.problems if one.kind == "clock-differs"]
    assert problem.source == "wrong.ips"
    assert "+3600." in problem.message


def test_a_report_of_another_day_is_told_apart(tmp_path: Path, sysdiagnose: Path) -> None:
    old = tmp_path / "old.ips"
    old.write_text(crash("2025-11-02 10:05:10.3446 +0100", pid=4))
    with tv.open([sysdiagnose, old]) as capture:
        problems = {(one.source, one.kind): one.message for one in capture.analysis.problems}
    message = problems["old.ips", "no-overlap"]
    assert message.startswith("covers 2025-11-02 09:05:10 UTC, sysdiagnose_2026.01.15")


def test_every_table_can_be_queried(sysdiagnose: Path) -> None:
    with tv.open(sysdiagnose) as capture:
        assert capture.sql("select count(*) as n from shutdown_clients")["n"].item() >= 1
        assert capture.sql("select agrees from clocks")["agrees"].to_list()
        assert capture.sql("select count(*) as n from signposts")["n"].item() >= 1


def test_a_log_archive_tells_by_how_much_its_clock_was_set(real: Path) -> None:
    with tv.open(real / "logarchive" / "macos12.logarchive.tar.gz") as capture:
        (found,) = [one for one in capture.analysis.findings if one.rule == "clock-changed"]
    assert found.title == "The device's clock was set back by 11.8 s while it recorded"
    assert found.start is not None
    assert (f"{found.start:%H:%M:%S}", f"{found.end:%H:%M:%S}") == ("01:36:30", "01:37:40")
