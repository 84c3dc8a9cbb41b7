"""The text of ``analyze`` and ``log`` as somebody reads it who sees it for the first time."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from traceview import cli
from traceview.analysis import Analysis
from traceview.cli.text import render_analysis
from traceview_parsers.trace import CaptureInfo, Coverage, Device

SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"
UNREPORTED = "push-never-reported.ios26.ndjson"


def _run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.exception
    return result


def test_start_and_end_are_in_the_zone_that_lines_are_printed_in(samples: Path) -> None:
    chosen = ("log", samples / SYSDIAGNOSE, "--process", "runningboardd", "--style", "compact")
    local = _run(*chosen, "--start", "2026-01-15 10:03:08", "--end", "2026-01-15 10:03:09").stdout
    assert "2026-01-15 10:03:08.661" in local
    assert local == _run(*chosen, "--start", "2026-01-15 09:03:08Z", "--end", "2026-01-15 09:03:09Z").stdout


def test_a_selection_without_lines_says_so(samples: Path) -> None:
    result = _run("log", samples / UNREPORTED, "--process", "nothing of the kind")
    assert result.stderr.splitlines()[-1] == "traceview: no log line matches"


def test_paragraphs_fit_the_terminal_and_rule_names_stay_whole(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("traceview.cli.summary.is_terminal", lambda: True)
    text = _run("analyze", "--not-evaluated", samples / UNREPORTED).stdout
    assert max(len(line) for line in text.splitlines() if " " in line.strip()) <= 60
    names = text[text.index("What the capture covers") :]
    assert not any(line.endswith("-") for line in names.splitlines())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there is no terminal to be had")
@pytest.mark.parametrize(
    ("name", "value", "coloured"), [("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)]
)
def test_a_terminal_gets_no_colours_where_none_are_wanted(
    samples: Path, name: str, value: str, *, coloured: bool
) -> None:
    ours, theirs = os.openpty()
    environment = {key: kept for key, kept in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm", name: value}
    command = [sys.executable, "-m", "traceview", "analyze", str(samples / "powerlog-call.ios18.PLSQL.gz")]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment):
        os.close(theirs)
        told = b""
        with contextlib.suppress(OSError):  # how Linux tells that nobody writes to the terminal any more
            while more := os.read(ours, 1 << 16):
                told += more
    os.close(ours)
    assert b"could not be evaluated" in told
    assert (b"\x1b[" in told) == coloured


def test_what_keeps_rules_from_running_is_told_by_cause_and_on_demand_in_full(real: Path) -> None:
    report = real / "ips/crash309/macsymbolicator-ios-crash.ips"
    short = _run("analyze", report).stdout
    head, _, causes = short.partition("so that their silence means nothing:\n")
    assert "47 of 60 rules could not be evaluated" in head.splitlines()[2]
    assert causes.splitlines()[0] == "    37 need the device's log (a sysdiagnose, a .logarchive or log text)"
    assert len(causes.splitlines()) <= 6
    assert "io-overload" not in short
    assert (
        "io-overload: Missed audio deadlines; needs CoreAudio lines"
        in _run("analyze", "--not-evaluated", report).stdout
    )


def test_remarks_alone_are_no_verdict_where_most_rules_are_silent(samples: Path) -> None:
    text = _run("analyze", samples / "powerlog-call.ios18.PLSQL.gz").stdout
    told = "Little can be said, since 54 of 60 rules could not be evaluated; 2 findings: 2 info (no log, 5 events recognised)"
    assert told in text.splitlines()
    assert (
        "  call-1 com.acme.voip: outcome unknown; began 09:13:17.000, ended 09:15:40.000 (observed)"
        in text.splitlines()
    )


@pytest.mark.parametrize(
    ("name", "said", "table"),
    [
        ("metrickit/nshipster-simulated-mxmetricpayload-ios13.json", "Nothing can be said: ", "41 rows in metrics"),
        (
            "ips/jetsam298/faisalmemon-jetsam_per-process-limit.crash",
            "Nothing can be said: ",
            "5 rows in jetsam_counts",
        ),
        ("ips/crash309/pycrashreport-ios14-abort.ips", "Little can be said, since ", ""),
    ],
)
def test_terminal_and_page_say_the_same_where_they_can_say_little(
    real: Path, tmp_path: Path, name: str, said: str, table: str
) -> None:
    told = _run("analyze", real / name).stdout.splitlines()
    status = _run("report", real / name, "-o", tmp_path / "a.html").stderr.splitlines()
    headline = re.search(r'<h1 id="headline">(.*?)</h1>', (tmp_path / "a.html").read_text("utf-8"))
    assert headline is not None
    assert headline[1].startswith(said)
    assert told[2].startswith(f"{headline[1]}; ")
    assert status[0] == told[2]
    hints = [line for line in told if "`traceview query CAPTURE" in line]
    assert [line.split(":")[0].strip() for line in hints] == ([table] if table else [])


def test_the_line_that_tells_the_cause_is_shown(samples: Path) -> None:
    text = _run("analyze", samples / SYSDIAGNOSE).stdout
    finding = text[text.index("rule push-unreported") :].split("→")[0]
    assert "more lines …" in finding
    assert "FRONTBOARD 0xbaadca11" in finding
    assert "failed to post incoming call" in finding


def test_a_finding_is_explained_with_all_its_lines_by_time_and_uncut(samples: Path) -> None:
    text = _run("explain", "be7c7469e365cd8f", samples / SYSDIAGNOSE).stdout
    head, _, rest = text.partition("Evidence (21 lines, times in UTC+01:00):\n")
    lines = rest.split("\n\n")[0].splitlines()
    assert len(lines) == 21
    assert lines == sorted(lines, key=lambda line: line[:16])
    assert any("maxTerminationResistance:Interactive>" in line for line in lines)
    assert head.count("Do: Call reportNewIncomingCall") == 1
    assert "How to fix it" not in text


def test_an_input_without_a_log_is_not_called_a_selection_without_lines(samples: Path) -> None:
    assert "the input holds no log;" in _run("log", samples / "powerlog-call.ios18.PLSQL.gz").stderr


@pytest.mark.parametrize(
    ("option", "told"),
    [("--archive", "named without an option"), ("--color", "nothing is coloured"), ("--timezone", "--tz")],
)
def test_options_of_log_show_that_are_not_here_are_answered(
    option: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["traceview", "log", "x", option, "y"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert told in capsys.readouterr().err


def test_times_have_a_date_where_the_capture_covers_days(samples: Path, tmp_path: Path) -> None:
    days = tmp_path / "days.ndjson"
    records = [line for line in (samples / UNREPORTED).read_text().splitlines() if '"timestamp"' in line]
    days.write_text("\n".join([*records, records[-1].replace("2026-01-15", "2026-01-17")]) + "\n")
    about = [line for line in _run("analyze", days).stdout.splitlines() if "rule push-unreported" in line]
    assert about[0].startswith("  2026-01-15 ")
    assert about[0].count("2026-01-15") == 1
    alone = [
        line for line in _run("analyze", samples / UNREPORTED).stdout.splitlines() if "rule push-unreported" in line
    ]
    assert "2026-01-15" not in alone[0]


def test_lines_that_no_rule_judges_lead_to_what_to_record(tmp_path: Path) -> None:
    text = tmp_path / "app.log"
    text.write_text("2026-01-15 10:00:00.000 Df MyApp[10:1f] [com.acme:ui] tapped\n")
    told = _run("analyze", text).stdout
    assert "Nothing can be said: the only log row is not one that a rule could judge" in told
    assert "callservicesd" in told


def test_a_folder_is_no_place_for_a_report(samples: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["report", str(samples / UNREPORTED), "-o", str(tmp_path), "--force"])
    assert "is a folder; name a file in it" in str(result.exception)


def test_sources_of_which_the_same_is_told_are_one_line() -> None:
    sources = [Coverage(f"folder/{number}.xml", "xctrace", clock="unknown", notes=("odd",)) for number in range(11)]
    analysis = Analysis(
        CaptureInfo("folder"),
        Device(),
        coverage=[*sources, Coverage("other.xml", "xctrace", clock="known", notes=("odd",))],
    )
    told = [line.strip() for line in render_analysis(analysis).splitlines() if "(xctrace)" in line]
    assert told == [
        "0.xml, 1.xml, 2.xml, 3.xml, 4.xml, 5.xml, 6.xml, 7.xml and 3 more (xctrace): unknown; odd",
        "other.xml (xctrace): known; odd",
    ]


def test_what_puts_all_findings_in_doubt_stands_before_them(samples: Path, tmp_path: Path) -> None:
    cut = tmp_path / SYSDIAGNOSE
    cut.write_bytes((samples / SYSDIAGNOSE).read_bytes()[:20_000])
    told = "the archive is damaged or cut off after"
    paragraphs = _run("analyze", cut).stdout.split("\n\n")
    assert told in paragraphs[1]
    assert told in _run("report", cut, "-o", tmp_path / "x.html").stderr


def test_a_folder_of_nothing_but_texts_may_be_several_captures(samples: Path, tmp_path: Path) -> None:
    texts = ["jetsam-in-call.ios15.default.txt", "suspended-in-call.ios15.default.txt"]
    (tmp_path / "logs").mkdir()
    for number, name in enumerate(texts):
        (tmp_path / "logs" / name).write_bytes((samples / name).read_bytes())
        assert ("log texts were read as one capture" in _run("analyze", tmp_path / "logs").stdout) is bool(number)
    assert "read as one capture" not in _run("analyze", *(tmp_path / "logs" / name for name in texts)).stdout
