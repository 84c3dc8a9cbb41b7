"""The commands as a user types them, on synthetic captures: output, exit codes, one-line errors."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview import cli

UNREPORTED = "push-never-reported.ios26.ndjson"
HEALTHY = "healthy-incoming-call.ios26.ndjson"
Run = Callable[..., str]


@pytest.fixture
def run(samples: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(samples)

    def call(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli.app, list(arguments))
        assert result.exit_code == code, result.exception
        return result.stdout

    return call


@pytest.fixture
def fails(samples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(samples)

    def call(*arguments: str, code: int = cli.EXIT_USAGE) -> str:
        monkeypatch.setattr(sys, "argv", ["traceview", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == code
        told = capsys.readouterr()
        assert told.out == ""
        (line,) = told.err.splitlines()
        return line

    return call


def test_analyze_as_json_holds_every_part_of_the_contract(run: Run) -> None:
    found = json.loads(run("analyze", UNREPORTED, "--format", "json"))
    assert found["schema_version"] == "1"
    assert {"trace", "device", "coverage", "problems", "findings", "rules_not_evaluated"} <= set(found)
    assert {"calls", "pushes", "suspensions", "audio_sessions", "terminations"} <= set(found)
    (finding,) = [one for one in found["findings"] if one["rule"] == "push-unreported"]
    assert finding["start"].endswith("Z")
    assert len(finding["start"]) == len("2026-01-15T09:05:03.000581000Z")
    assert {line["ref"] for line in finding["lines"]} == set(finding["evidence"])


def test_every_reference_in_json_leads_to_its_source_and_its_line(run: Run) -> None:
    found = json.loads(run("analyze", UNREPORTED, "--format", "json"))
    size = 1 << found["evidence"]["position_bits"]
    sources = {one["index"]: one["source"] for one in found["coverage"]}
    for line in (line for one in found["findings"] for line in one["lines"]):
        assert (sources[line["ref"] // size], line["ref"] % size) == (line["source"], line["position"])
    (ref, *_) = found["terminations"][0]["evidence"]
    assert sources[ref // size].endswith(UNREPORTED)
    asked = f"SELECT message FROM log WHERE ref = {ref}"  # noqa: S608  (a number)
    shown = run("query", UNREPORTED, asked, "--format", "csv").splitlines()
    written = Path(UNREPORTED).read_text("utf-8").splitlines()[ref % size - 1]
    assert json.loads(written)["eventMessage"][:40] in shown[1].replace('""', '"')


@pytest.mark.parametrize(
    ("sample", "severity", "code"), [(UNREPORTED, "high", 14), (UNREPORTED, "critical", 14), (HEALTHY, "low", 0)]
)
def test_fail_on_is_the_exit_code_of_the_worst_finding(run: Run, sample: str, severity: str, code: int) -> None:
    run("analyze", sample, "--fail-on", severity, code=code)


def test_log_prints_the_chosen_lines_only(run: Run) -> None:
    lines = run("log", HEALTHY, "--process", "runningboardd", "--style", "ndjson").splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows[-1] == {"count": len(rows) - 1, "finished": 1}
    assert len(rows) > 10
    assert {row["processImagePath"].rsplit("/", 1)[-1] for row in rows[:-1]} == {"runningboardd"}


def test_query_reads_episodes_log_and_source_tables(run: Run) -> None:
    found = run("query", HEALTHY, "SELECT count(*) AS n FROM log", "--format", "csv").split()
    assert found[0] == "n"
    assert int(found[1]) > 100
    assert run("query", UNREPORTED, "SELECT code FROM terminations", "--format", "csv").split() == [
        "code",
        "0xbaadca11",
    ]


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "ndjson"])
def test_export_writes_one_file_a_table(run: Run, tmp_path: Path, form: str) -> None:
    run("export", HEALTHY, "-o", str(tmp_path / "out"), "--format", form)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{table}.{form}" for table in ("calls", "pushes", "findings", "events", "log")} <= names
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "parquet": pl.read_parquet,
        "arrow": pl.read_ipc,
        "csv": pl.read_csv,
        "ndjson": pl.read_ndjson,
    }
    assert readers[form](tmp_path / "out" / f"calls.{form}")["outcome"].to_list() == ["answered"]


def test_sarif_names_rule_place_and_fingerprint(run: Run, tmp_path: Path) -> None:
    run("export", UNREPORTED, "-o", str(tmp_path), "--format", "sarif")
    (only,) = json.loads((tmp_path / "findings.sarif").read_text("utf-8"))["runs"]
    (result,) = [one for one in only["results"] if one["ruleId"] == "push-unreported"]
    rules = {rule["id"]: rule for rule in only["tool"]["driver"]["rules"]}
    assert (result["level"], len(result["partialFingerprints"]["traceview/v1"])) == ("error", 16)
    assert rules["push-unreported"]["helpUri"].startswith("https://")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith(UNREPORTED)
    assert place["region"]["startLine"] >= 1


def test_junit_fails_on_findings_and_skips_what_was_not_evaluated(run: Run, tmp_path: Path) -> None:
    run("export", UNREPORTED, "-o", str(tmp_path), "--format", "junit")
    suite = ET.fromstring((tmp_path / "findings.junit.xml").read_text("utf-8"))  # noqa: S314 (our own file)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))


def test_perfetto_windows_open_and_close(run: Run, tmp_path: Path) -> None:
    run("export", HEALTHY, "-o", str(tmp_path), "--format", "perfetto")
    events = json.loads((tmp_path / "trace.perfetto.json").read_text("utf-8"))["traceEvents"]
    opened = {event["id"]: event["ts"] for event in events if event["ph"] == "b"}
    closed = {event["id"]: event["ts"] for event in events if event["ph"] == "e"}
    assert opened.keys() == closed.keys()
    assert all(closed[name] > start for name, start in opened.items())
    (call,) = [event for event in events if event["ph"] == "b" and event["cat"] == "calls"]
    assert (call["name"], call["args"]["app"]) == ("incoming answered", "com.acme.voip")


def test_explain_a_rule_or_a_finding(run: Run) -> None:
    assert run("explain", "T01") == run("explain", "push-unreported")
    finding = json.loads(run("analyze", UNREPORTED, "--format", "json"))["findings"][0]
    text = run("explain", finding["fingerprint"], UNREPORTED)
    assert text.startswith(finding["title"])
    assert "Why it matters" in text


def test_diff_says_what_is_new(run: Run) -> None:
    assert "new" in run("diff", HEALTHY, UNREPORTED).splitlines()[0].split()
    assert run("diff", HEALTHY, HEALTHY).strip() == ""


def test_doctor_tells_source_and_rows(run: Run) -> None:
    text = run("doctor", HEALTHY)
    assert f"{HEALTHY} (log_text)" in text
    assert text.splitlines()[-1] == "no problems"


def test_signals_match_answers_every_physical_line(run: Run, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("nothing\n\n[app<com.acme.voip(X)>:951] Suspending task.\n", "utf-8")
    found = [json.loads(line) for line in run("signals", "match", str(lines), "--format", "ndjson").splitlines()]
    assert [(one["line"], one["kind"]) for one in found] == [(1, None), (2, None), (3, "process.suspended")]
    assert found[2]["fields"]["bundle"] == "com.acme.voip"


def test_a_report_is_one_file_and_never_overwrites(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "call.html"
    run("report", HEALTHY, "-o", str(out), "--app", "com.acme.voip", "--redact", "ids")
    assert out.read_text("utf-8").startswith("<!doctype html>")
    result = CliRunner().invoke(cli.app, ["report", HEALTHY, "-o", str(out)])
    assert "--force" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("analyze", "absent.log"), "absent.log: no such file"),
        (("analyze", "README.md"), "not a format that can be read"),
        (("analyze", HEALTHY, "--app", "com.nobody"), "apps seen: com.acme.voip"),
        (("analyze", HEALTHY, "--fail-on", "dreadful"), "--fail-on"),
        (("analyze", HEALTHY, "--tz", "Mars/Olympus"), "give it as +02:00"),
        (("export", HEALTHY, "-o", "out", "--format", "xlsx"), "is not one of 'parquet', "),
        (("query", HEALTHY, "SELECT nothing FROM calls"), "there is no column nothing; columns: "),
        (("explain", "push-unreportd"), "did you mean push-unreported?"),
        (("explain", "0123456789abcdef"), "name the capture too"),
        (("explain", "0123456789abcdef", HEALTHY), "no finding of this capture"),
        (("nonsense",), "No such command 'nonsense'"),
        (("analyze",), "Missing argument"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(fails: Run, arguments: tuple[str, ...], told: str) -> None:
    line = fails(*arguments)
    assert line.startswith("traceview: ")
    assert told in line


def test_an_empty_file_is_one_line(fails: Run, tmp_path: Path) -> None:
    empty = tmp_path / "\x1b[31mempty.log"
    empty.touch()
    line = fails("analyze", str(empty))
    assert "the file is empty" in line
    assert "\x1b" not in line


def test_debug_shows_the_traceback(samples: Path) -> None:
    command = [sys.executable, "-c", "from traceview.cli import main; main()", "--debug", "explain", "nothing"]
    result = subprocess.run(command, cwd=samples, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_signals_show_prints_examples_as_messages(run: Run) -> None:
    shown = run("signals", "show", "as-activate-own")
    assert "constants    active = True, reason = own request" in shown
    assert "→ session_id = 0x6f6a3, subject = Acme" in shown
    assert "Example(" not in shown
