"""What ``explain`` shows of findings, and of evidence of which not all was kept; what ``export`` leaves out."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from traceview import cli
from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.cli.kept import Gap, how_many, left_out
from traceview.rules.registry import Finding

OVERLOAD = "overload-burst.ios18.compact.txt"


def _run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.exception
    return result


@pytest.fixture(scope="module")
def overloaded(samples: Path) -> tuple[Analysis, Finding]:
    with open_capture([samples / OVERLOAD]) as capture:
        analysis = capture.analysis
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
