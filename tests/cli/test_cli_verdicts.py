"""``--fail-on``, baselines and ``diff``: what a build can rely on."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from traceview import cli
from traceview_parsers.errors import UsageError

UNREPORTED = "push-never-reported.ios26.ndjson"
WITNESSES = "several-witnesses.ios26.tar.gz"
SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"
HEALTHY = "healthy-incoming-call.ios26.ndjson"
NOTHING = "2026-01-15 10:00:00.000 Df MyApp[10:1f] [com.acme:ui] tapped\n"


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    file = tmp_path / "nothing.log"
    file.write_text(NOTHING, "utf-8")
    return file


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(one) for one in arguments])


@pytest.mark.parametrize("severity", ["info", "high", "critical"])
def test_a_capture_that_no_rule_can_judge_is_no_pass(nothing: Path, severity: str) -> None:
    result = _run("analyze", nothing, "--fail-on", severity)
    assert str(result.exception).startswith("nothing could be evaluated: none of the ")
    assert "Nothing can be said" in result.stdout


def test_a_build_sees_the_exit_code_and_one_line(nothing: Path) -> None:
    program = [sys.executable, "-c", "from traceview.cli import main; main()"]
    command = [*program, "analyze", str(nothing), "--fail-on", "high"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("traceview: nothing could be evaluated: none of the ")
    assert "Nothing can be said" in result.stdout


def test_without_fail_on_nothing_is_judged(nothing: Path) -> None:
    assert _run("analyze", nothing).exit_code == 0


def test_diff_fails_on_new_findings_only(samples: Path, nothing: Path) -> None:
    good, bad = samples / HEALTHY, samples / UNREPORTED
    assert _run("diff", good, bad, "--fail-on", "high").exit_code == 14
    assert _run("diff", bad, bad, "--fail-on", "info").exit_code == 0
    assert _run("diff", bad, good, "--fail-on", "info").exit_code == 0
    blind = _run("diff", bad, nothing, "--fail-on", "high")
    assert "nothing could be evaluated" in str(blind.exception)


@pytest.fixture
def short(samples: Path, tmp_path: Path) -> Path:
    """The first lines of a capture with a critical finding: one app state, which a rule of high severity can judge."""
    file = tmp_path / "short.ndjson"
    lines = (samples / UNREPORTED).read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]))
    return file


@pytest.mark.parametrize("form", ["text", "json"])
def test_diff_does_not_pass_what_could_not_be_checked(samples: Path, short: Path, form: str) -> None:
    sides = samples / UNREPORTED, short
    assert _run("diff", *sides, "--format", form).exit_code == 0
    result = _run("diff", *sides, "--fail-on", "high", "--format", form)
    assert result.exit_code == 1
    assert str(result.exception) == (
        "1 finding of A at or above high could not be checked in B, so that nothing proves it gone: push-unreported; "
        "`traceview analyze B --not-evaluated` lists its apps and what its rules lack"
    )
    assert "push-unreported" in result.stdout
    assert "passed" not in result.stderr


def test_a_build_sees_what_diff_could_not_check(samples: Path, short: Path) -> None:
    program = [sys.executable, "-c", "from traceview.cli import main; main()"]
    command = [*program, "diff", str(samples / UNREPORTED), str(short), "--fail-on", "high"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    (line,) = [one for one in result.stderr.splitlines() if one.startswith("traceview: ")]
    assert line.startswith("traceview: 1 finding of A at or above high could not be checked in B")


def test_a_capture_without_the_app_proves_nothing_of_it(samples: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.ndjson"
    other.write_bytes((samples / HEALTHY).read_bytes().replace(b"com.acme.voip", b"com.acme.other"))
    result = _run("diff", samples / UNREPORTED, other, "--fail-on", "high")
    assert "1 finding of A at or above high could not be checked in B" in str(result.exception)
    assert " ".join(result.stdout.split()).endswith("(the app is not seen on the other side)")
    (row,) = json.loads(_run("diff", samples / UNREPORTED, other, "--format", "json").stdout)["changes"]
    assert (row["change"], row["not_evaluated"], row["app_unseen"]) == ("gone", False, True)


def test_a_capture_without_a_call_proves_nothing_of_calls(samples: Path, tmp_path: Path) -> None:
    bad = samples / "self-activated-session.ios18.default.txt"
    head, *lines = (samples / "healthy-incoming-call.ios18.default.txt").read_text("utf-8").splitlines()
    behind = tmp_path / "behind.txt"
    behind.write_text("\n".join([head, *lines[-22:]]) + "\n", "utf-8")  # the app is there, its call is over
    result = _run("diff", bad, behind, "--fail-on", "high")
    assert "2 findings of A at or above high could not be checked in B" in str(result.exception)
    told = " ".join(result.stdout.split())
    assert told.count("(the other side shows no call of it)") == 2
    rows = json.loads(_run("diff", bad, behind, "--format", "json").stdout)["changes"]
    assert {(row["change"], row["lacking"], row["app_unseen"]) for row in rows} == {("gone", "call", False)}
    whole = samples / "healthy-incoming-call.ios18.default.txt"
    assert _run("diff", bad, whole, "--fail-on", "high").exit_code == 0


def test_a_new_finding_is_told_before_what_could_not_be_checked(samples: Path, short: Path, tmp_path: Path) -> None:
    config = tmp_path / "traceview.toml"
    config.write_text('[rules.push-unreported]\nseverity = "medium"\n', "utf-8")
    assert _run("diff", short, samples / UNREPORTED, "--fail-on", "high").exit_code == 14
    assert _run("diff", samples / UNREPORTED, short, "--fail-on", "medium", "--config", config).exit_code == 1
    assert _run("diff", samples / UNREPORTED, short, "--fail-on", "high", "--config", config).exit_code == 0


def test_a_pass_of_few_rules_is_said_to_be_one(samples: Path, short: Path) -> None:
    few = _run("analyze", short, "--fail-on", "high")
    assert few.exit_code == 0
    (line,) = few.stderr.splitlines()
    assert line.startswith("traceview: passed, but ")
    assert line.endswith(" rules that --fail-on high asks for could not be evaluated")
    assert _run("analyze", samples / HEALTHY, "--fail-on", "high").stderr == ""


def test_diff_says_what_was_compared_and_never_nothing(samples: Path, nothing: Path) -> None:
    good, bad = samples / HEALTHY, samples / UNREPORTED
    result = _run("diff", good, bad)
    first, second, *releases, covered, other, unlike, head = result.stderr.splitlines()
    assert first.startswith(f"A {HEALTHY}: No findings (")
    assert second.startswith(f"B {UNREPORTED}: 1 finding: 1 critical")
    unknown = "version unknown: com.acme.voip, com.example.{}, com.example.{}; system unknown"
    assert releases == [
        f"A: {unknown.format('chess', 'othertalk')}",
        f"B: {unknown.format('othertalk', 'chess')}",
        "A and B: unknown whether it is the same release: versions of the apps unknown; system unknown",
    ]
    assert covered == "A: 124 s covered, 1 call, 1 VoIP push"
    assert other == "B: 59.4 s covered, 0 calls, 1 VoIP push"
    assert unlike == (
        "A and B: the covered time and the number of calls differ by more than half: numbers of findings are counts, no rates"
    )
    assert head == "change, findings in A → in B, severity, rule:"
    blind = _run("diff", nothing, nothing)
    assert (blind.stdout, blind.stderr.splitlines()[-1]) == ("", "no finding on either side")
    assert blind.stderr.startswith(f"A {nothing.name}: Nothing can be said: ")


def test_diff_as_json_tells_what_the_text_tells(samples: Path) -> None:
    sides = samples / UNREPORTED, samples / SYSDIAGNOSE
    text, plain = _run("diff", *sides), _run("diff", *sides, "--format", "json", "--fail-on", "high")
    found = json.loads(plain.stdout)
    assert plain.exit_code == 14
    assert plain.stderr.splitlines() == text.stderr.splitlines()[:2]
    for name, side, line in zip("AB", (found["before"], found["after"]), plain.stderr.splitlines(), strict=True):
        assert line == f"{name} {side['trace']['name']}: {side['summary']}"
    keys = ("change", "findings_before", "findings_after", "severity", "rule")
    rows = [line.replace("→", "").replace(":", "").split()[:5] for line in text.stdout.splitlines()]
    assert rows == [[str(one[key]) for key in keys] for one in found["changes"]]
    assert {one["change"] for one in found["changes"]} == {"new", "same"}
    silent = {one["rule"] for one in found["before"]["rules_not_evaluated"]}
    unproven = {one["rule"] for one in found["changes"] if one["not_evaluated"]}
    assert unproven
    assert unproven == silent & {one["rule"] for one in found["changes"]}
    assert found["after"]["trace"]["app_versions"] == {"com.acme.voip": "4.2.0"}
    assert (found["after"]["device"]["os_version"], found["before"]["device"]["os_version"]) == ("26.2", None)


def test_diff_says_of_what_releases_the_sides_are(samples: Path) -> None:
    sides = samples / WITNESSES, samples / SYSDIAGNOSE
    text, plain = _run("diff", *sides), _run("diff", *sides, "--format", "json")
    shown = "com.acme.voip 4.2.0; version unknown: com.example.chess, com.example.othertalk; iOS 26.2 (23C55)"
    assert text.stderr.splitlines()[2:5] == [
        f"A: {shown}",
        f"B: {shown}",
        "A and B: the same release: com.acme.voip 4.2.0; iOS 26.2 (23C55)",
    ]
    assert json.loads(plain.stdout)["same_release"] is True
    assert "release" not in plain.stderr


def test_diff_as_json_of_nothing_says_so(nothing: Path) -> None:
    found = json.loads(_run("diff", nothing, nothing, "--format", "json").stdout)
    assert (found["changes"], found["same_release"]) == ([], None)
    assert found["before"]["summary"].startswith("Nothing can be said: ")


def test_diff_says_how_much_each_side_shows(samples: Path) -> None:
    sides = samples / HEALTHY, samples / UNREPORTED
    found = json.loads(_run("diff", *sides, "--format", "json").stdout)
    assert found["before"]["exposure"] == {"covered_s": 123.51755, "calls": 1, "voip_pushes": 1}
    assert found["exposure_differs"] == ["the covered time", "the number of calls"]
    alike = _run("diff", samples / HEALTHY, samples / HEALTHY)
    assert "no rates" not in alike.stderr
    of_app = json.loads(_run("diff", *sides, "--app", "com.example.othertalk", "--format", "json").stdout)
    assert of_app["before"]["exposure"]["calls"] == of_app["after"]["exposure"]["voip_pushes"] == 0


def test_diff_says_which_side_is_several_logs(samples: Path, tmp_path: Path) -> None:
    for count, name in enumerate("abcd"):
        (tmp_path / f"{name}.ndjson").write_bytes((samples / HEALTHY).read_bytes() + b"\n" * count)
    told = _run("diff", samples / HEALTHY, tmp_path).stderr.splitlines()
    doubts = [line for line in told if "log texts were read as one capture" in line]
    assert doubts == [told[1]]
    assert told[1].startswith(f"B {tmp_path.name}: 4 log texts")


def _put(folder: Path, source: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}{''.join(source.suffixes[-2:])}").write_bytes(source.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("sample", "count", "before"),
    [(HEALTHY, 5, True), (HEALTHY, 40, False), (WITNESSES, 2, True), (SYSDIAGNOSE, 3, False)],
)
def test_diff_refuses_a_folder_of_captures(
    samples: Path, tmp_path: Path, sample: str, count: int, *, before: bool
) -> None:
    many, one = _put(tmp_path / "many", samples / sample, count), samples / HEALTHY
    result = _run("diff", *((many, one) if before else (one, many)))
    assert result.exit_code == 1  # 2 for whoever runs the program: it is a UsageError
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == (
        f"{many}: a folder of {count} captures, and `traceview diff` compares one with one; for many run `traceview batch "
        "FOLDER… -o FLEET`, then `traceview fleet report FLEET`"
    )
    assert result.stdout == ""


def test_diff_takes_a_folder_that_is_one_capture(samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with tarfile.open(samples / SYSDIAGNOSE) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    for one in (folder, inside):
        assert _run("diff", one, one).exit_code == 0
    with_report = _put(tmp_path / "mixed", samples / HEALTHY, 1)
    (with_report / "notes.txt").write_text("nothing to see", "utf-8")
    assert _run("diff", with_report, samples / HEALTHY).exit_code == 0


def test_diff_of_a_folder_without_a_capture_says_what_reading_says(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see", "utf-8")
    told = str(_run("diff", samples / HEALTHY, tmp_path).exception)
    assert told == str(_run("analyze", tmp_path).exception)


def test_diff_shows_the_worst_first(samples: Path) -> None:
    rows = _run("diff", samples / HEALTHY, samples / "suspended-in-call.ios26.compact.txt").stdout.splitlines()
    order = ["critical", "high", "medium", "low", "info"]
    told = [order.index(row.split()[4]) for row in rows if row.startswith("new")]
    assert len(told) > 1
    assert told == sorted(told)


def test_a_baseline_is_written_read_and_renewed(samples: Path, tmp_path: Path) -> None:
    baseline, config = tmp_path / "baseline.json", tmp_path / "traceview.toml"
    first = _run("analyze", samples / UNREPORTED, "--write-baseline", baseline)
    assert "1 finding accepted" in first.stderr
    assert 'baseline = "' in first.stderr
    config.write_text('baseline = "baseline.json"\n', "utf-8")
    accepted = _run("analyze", samples / UNREPORTED, "--config", config, "--fail-on", "info", "--format", "json")
    assert (accepted.exit_code, json.loads(accepted.stdout)["findings"]) == (0, [])
    quiet = _run("analyze", samples / UNREPORTED, "--config", config)
    assert "No other findings than 1 that the configuration accepts" in quiet.stdout
    told = json.loads(_run("analyze", samples / UNREPORTED, "--config", config, "--format", "json").stdout)
    assert (told["findings"], told["findings_accepted"]) == ([], 1)
    before = baseline.read_text("utf-8")
    again = _run("analyze", samples / UNREPORTED, "--config", config, "--write-baseline", baseline)
    assert (again.exit_code, baseline.read_text("utf-8")) == (0, before)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("mine.txt", (), "is no baseline file"),
        ("absent/new.json", (), "is no folder"),
        ("new.json", ("--fail-on", "high"), "give one of them"),
    ],
)
def test_a_baseline_replaces_nothing_else(
    samples: Path, tmp_path: Path, name: str, more: tuple[str, ...], told: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    result = _run("analyze", samples / UNREPORTED, "--write-baseline", tmp_path / name, *more)
    assert told in str(result.exception)
    assert (tmp_path / "mine.txt").read_text("utf-8") == "mine"
