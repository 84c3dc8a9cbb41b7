"""What ``explain`` shows of findings, and of evidence of which not all was kept; what ``export`` leaves out."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from traceview import cli
from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.cli.explain import proof, when
from traceview.cli.kept import Gap, how_many, left_out
from traceview.rules.registry import Finding
from traceview_parsers.trace import ReadOptions

OVERLOAD = "overload-burst.ios18.compact.txt"


def _run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.exception
    return result


def _analysis(path: Path, options: ReadOptions | None = None) -> Analysis:
    with open_capture([path], options=options) as capture:
        return capture.analysis


@pytest.fixture(scope="module")
def overloaded(samples: Path) -> tuple[Analysis, Finding]:
    analysis = _analysis(samples / OVERLOAD)
    (finding,) = [one for one in analysis.findings if one.rule == "io-overload"]
    return analysis, finding


def test_all_findings_of_a_fingerprint_are_shown_and_their_rule_once(samples: Path, tmp_path: Path) -> None:
    for name in ("push-never-reported.ios15.idevicesyslog.txt", "push-never-reported.ios26.ndjson"):
        shutil.copy(samples / name, tmp_path)
    text = _run("explain", "be7c7469e365cd8f", tmp_path).stdout
    assert text.startswith("2 findings have this fingerprint:\n\niOS killed com.acme.voip")
    assert text.count("Evidence (19 lines") == 2
    assert "(push-never-reported.ios15.idevicesyslog.txt:56)" in text
    assert "(push-never-reported.ios26.ndjson:46)" in text
    for once in ("A VoIP push promises", "Do: Call reportNewIncomingCall", "Why it matters"):
        assert text.count(once) == 1


@pytest.mark.parametrize(
    ("name", "options", "when", "times"),
    [
        ("push-never-reported.ios26.ndjson", (), "09:12:50.000 to 09:12:57.355 UTC+01:00", "times in UTC+01:00"),
        (
            "push-never-reported.ios15.idevicesyslog.txt",
            ("--date", "2026-01-15"),
            "09:12:50.000 to 09:12:57.352 UTC (zone assumed; see --tz)",
            "times in UTC, zone assumed; see --tz",
        ),
    ],
)
def test_when_a_finding_was_and_what_was_assumed(
    samples: Path, name: str, options: tuple[str, ...], when: str, times: str
) -> None:
    text = _run("explain", "be7c7469e365cd8f", samples / name, *options).stdout
    assert text.splitlines()[1] == f"2026-01-15 {when}"
    assert f"Evidence (19 lines, {times}):" in text


def test_the_end_of_a_finding_names_its_day_where_that_is_another(samples: Path) -> None:
    name = samples / "push-never-reported.ios15.idevicesyslog.txt"
    text = _run("explain", "be7c7469e365cd8f", name, "--date", "2026-01-15", "--tz", "+09:12").stdout
    assert text.splitlines()[1] == "2026-01-15 09:12:50.000 to 09:12:57.352 UTC+09:12"
    analysis = _analysis(name, options=ReadOptions(date(2026, 1, 15)))
    (finding,) = [one for one in analysis.findings if one.fingerprint == "be7c7469e365cd8f"]
    assert finding.start is not None
    long = replace(finding, end=finding.start + timedelta(days=1))
    assert when(analysis, long) == "2026-01-15 09:12:50.000 to 2026-01-16 09:12:50.000 UTC (zone assumed; see --tz)"
    assert when(analysis, replace(finding, end=None)) == "2026-01-15 09:12:50.000 UTC (zone assumed; see --tz)"


def test_that_no_line_proves_a_finding_is_said(samples: Path) -> None:
    text = _run("explain", "fd09450041add083", samples / "powerlog-call.ios18.PLSQL.gz").stdout
    assert text.splitlines()[1] == "not of a certain time"
    assert text.count("\n\nEvidence: no single line proves this.\n\n") == 1


@pytest.mark.parametrize(("count", "said"), [(1, "the line that"), (3, "none of the 3 lines that")])
def test_so_is_that_none_of_its_lines_was_kept(overloaded: tuple[Analysis, Finding], count: int, said: str) -> None:
    analysis, finding = overloaded
    gone = replace(analysis, lines=analysis.lines.clear())
    assert proof(gone, replace(finding, evidence=finding.evidence[:count])).startswith(f"Evidence: {said} prove")


def test_evidence_that_was_not_kept_is_counted_and_marked(samples: Path) -> None:
    found = json.loads(_run("analyze", samples / OVERLOAD, "--format", "json").stdout)["findings"]
    (finding,) = [one for one in found if one["rule"] == "io-overload"]
    text = _run("explain", finding["fingerprint"], samples / OVERLOAD).stdout
    evidence = text[text.index("Evidence (37 of 39 lines, ") :].split("\n\n")[0].splitlines()[1:]
    (gap,) = [number for number, line in enumerate(evidence) if "…" in line]
    assert evidence[gap] == "    … 2 more lines, not kept: a window keeps its first 12 and its last 8 …"
    assert sum("skipping cycle" in line for line in evidence[gap + 1 :]) == 8


def test_where_a_line_stands_for_several_nothing_is_said_of_their_number(overloaded: tuple[Analysis, Finding]) -> None:
    analysis, finding = overloaded
    (sure,) = left_out(analysis, finding)
    assert sure.lines == 2
    several = analysis.events.with_columns(count=pl.lit(2, pl.Int64))
    (unsure,) = left_out(replace(analysis, events=several), finding)
    assert unsure == Gap(sure.after, None)
    assert how_many(20, [unsure]) == "20 lines: of a long window the first 12 and the last 8"
    assert "may be left out" in unsure.told


def test_an_episode_of_which_only_the_edges_are_taken_has_no_gap(overloaded: tuple[Analysis, Finding]) -> None:
    analysis, finding = overloaded
    assert left_out(analysis, replace(finding, evidence=finding.evidence[-1:])) == []
    assert how_many(1, []) == "1 line"


def test_a_redacted_export_says_which_tables_it_lacks(samples: Path, tmp_path: Path) -> None:
    told = _run("export", samples / OVERLOAD, "-o", tmp_path, "--redact", "ids")
    assert told.stderr == "traceview: --redact ids leaves out the tables of the sources themselves: log\n"
    assert not (tmp_path / "log.parquet").exists()
    assert _run("export", samples / OVERLOAD, "-o", tmp_path / "all").stderr == ""
    assert _run("export", samples / OVERLOAD, "-o", tmp_path, "--redact", "ids", "--format", "sarif").stderr == ""
