"""Mistakes of people who use the command line for the first time: each is answered with what to type instead."""

import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner

from traceview import cli
from traceview.capture import Capture
from traceview.cli import options
from traceview.cli.export import Format
from traceview.cli.log_selection import Window
from traceview.export import FORMATS
from traceview_parsers.errors import UsageError

LOG = "push-never-reported.ios26.ndjson"
WITHOUT_DATE = "healthy-incoming-call.ios15.console.txt"
Fails = Callable[..., str]


@pytest.fixture
def fails(samples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Return a function that runs a command which must end with exit code 2, and returns its last line on stderr."""
    monkeypatch.chdir(samples)

    def call(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["traceview", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == cli.EXIT_USAGE
        return capsys.readouterr().err.splitlines()[-1]

    return call


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((LOG,), "the SQL is missing; it comes last: "),
        ((LOG, LOG), "the SQL is missing; it comes last: "),
        ((), "the SQL is missing; it comes last: "),
        (("SELECT * FROM calls",), "the capture is missing; it comes before the SQL: "),
        (("SELECT * FROM calls", LOG), "the SQL is the last argument"),
        ((LOG, "SELECT procces FROM log"), "there is no column procces (did you mean process?); "),
        ((LOG, "SELECT * FROM Cals"), "there is no table Cals (did you mean calls?); "),
        ((LOG, "SELECT * FROM zzz"), "there is no table zzz; tables: app_states, "),
        ((LOG, "SELECT l.procces FROM log l"), "there is no column procces in l; "),
        ((LOG, "SELEC 1"), "not with SELEC"),
    ],
)
def test_sql_that_is_missing_or_misspelt(fails: Fails, arguments: tuple[str, ...], told: str) -> None:
    line = fails("query", *arguments)
    assert told in line
    assert len(line) < 300


@pytest.mark.parametrize("name", ["be7c7469", "BE7C", "0123456789abcdef0"])
def test_a_fingerprint_that_is_not_whole(fails: Fails, name: str) -> None:
    for inputs in ((), (LOG,)):
        assert "has 16 digits (0-9, a-f) and needs the capture" in fails("explain", name, *inputs)


@pytest.mark.parametrize(
    ("command", "option"),
    [("report", "-o"), ("analyze", "--write-baseline")],
)
def test_what_cannot_be_written_has_the_name_that_was_given(
    fails: Fails, tmp_path: Path, command: str, option: str
) -> None:
    out = tmp_path / ("n" * 251)  # a name of 255 bytes is the longest: `.part` is too much
    line = fails(command, LOG, option, out)
    assert f"cannot write {out}: " in line
    assert line.endswith(f"; choose another place with {option}")
    assert sorted(path.name for path in tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "option"),
    [("report", "-o"), ("export", "-o"), ("batch", "-o"), ("fleet report", "-o"), ("analyze", "--write-baseline")],
)
def test_an_output_that_cannot_be_written_is_told_before_the_input_is_read(
    fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "/elsewhere/tmp1")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    out = tmp_path / "out"
    line = fails(*command.split(), "no-such-capture", option, out)
    assert line == f"traceview: cannot write {out}: permission denied; choose another place with {option}"
    (tmp_path / "file").touch()
    line = fails(*command.split(), "no-such-capture", option, tmp_path / "file" / "out")
    assert line.startswith(f"traceview: {tmp_path / 'file'} is a file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", ["report", "export", "analyze"])
def test_a_command_that_fails_leaves_no_output(fails: Fails, tmp_path: Path, command: str) -> None:
    option = "--write-baseline" if command == "analyze" else "-o"
    assert "no such file" in fails(command, "no-such-capture", option, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_forms_of_export_are_those_that_are_written() -> None:
    assert tuple(Format) == FORMATS


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("analyze", ""), "an argument is empty"),
        (("report", LOG, "-o", ""), "-o is empty"),
        (("log", LOG, "--contains="), "--contains is empty"),
    ],
)
def test_an_empty_argument_is_no_folder(fails: Fails, arguments: tuple[str, ...], told: str) -> None:
    assert fails(*arguments) == f"traceview: {told}; is a variable of the shell not set?"


def test_an_input_is_not_overwritten(samples: Path, tmp_path: Path, fails: Fails) -> None:
    own = tmp_path / LOG
    own.write_bytes((samples / LOG).read_bytes())
    (tmp_path / "link").symlink_to(own)
    for out in (own, tmp_path / "link"):
        assert "is an input, which is not overwritten" in fails("report", own, "-o", out, "--force")
    assert own.read_bytes() == (samples / LOG).read_bytes()


@pytest.mark.parametrize("name", ["calls.csv", "findings.sarif"])
def test_an_export_replaces_files_only_where_forced(
    samples: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    command = ["export", str(samples / LOG), "-o", str(tmp_path), "--format", name.partition(".")[2]]
    with monkeypatch.context() as patch:
        patch.setattr(Capture, "analysis", property(lambda _: pytest.fail("it is told before the analysis")))
        assert (
            fails(*command) == f"traceview: {tmp_path / name} exists; use --force to overwrite or -o for another folder"
        )
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [(name, "mine")]
    assert CliRunner().invoke(cli.app, [*command, "--force"]).exit_code == 0
    assert (tmp_path / name).read_text("utf-8") != "mine"


def test_an_export_tells_of_tables_that_are_not_its_own(samples: Path, tmp_path: Path) -> None:
    command = ["export", str(samples / LOG), "-o", str(tmp_path), "--format", "csv"]
    assert CliRunner().invoke(cli.app, command).stderr == ""
    again = CliRunner().invoke(cli.app, [*command, "--force", "--redact", "ids"])
    assert again.stderr.splitlines()[-1] == f"traceview: {tmp_path} holds what is not of this export too: log.csv"


@pytest.mark.parametrize("given", ["log.ndjson", "."])
def test_an_export_spares_what_it_reads(samples: Path, tmp_path: Path, fails: Fails, given: str) -> None:
    own = tmp_path / "log.ndjson"
    own.write_bytes((samples / LOG).read_bytes())
    told = fails("export", tmp_path / given, "-o", tmp_path, "--format", "ndjson")
    assert told.startswith(f"traceview: {own} belongs to an input, which is not overwritten")
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_bytes() == (samples / LOG).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("batch", LOG, "-o", "out", "--app-version", "2.3"), "--app-version: give --app once"),
        (
            ("batch", LOG, "-o", "out", "--app-version", "2.3", "--app", "a", "--app", "b"),
            "--app-version: give --app once",
        ),
        (("batch", LOG, "-o", "out", "--timeout", "nan"), "--timeout nan: give seconds from 0.1 to 604,800"),
        (("batch", LOG, "-o", "out", "--timeout", "1e300"), "--timeout 1e+300: "),
        (("batch", LOG, "-o", "out", "--jobs", "9" * 30), "is not in the range 1<=x<=1024"),
        (("batch", LOG, "-o", "out\udcff"), "tables can only be written to a name that is UTF-8"),
        (("export", LOG, "-o", "out\udcff"), "tables can only be written to a name that is UTF-8"),
        (("report", LOG, "-o", "-"), "-o -: nothing is written to standard output"),
        (("export", LOG, "-o", "-"), "-o -: nothing is written to standard output"),
        (
            ("analyze", LOG, "--debug"),
            "No such option: --debug; it comes before the command: traceview --debug COMMAND",
        ),
        (("query", LOG, "SELECT '\udcff'"), "the SQL is no UTF-8 text"),
        (("log", LOG, "--process", "\udcff"), "--process: the text is no UTF-8"),
    ],
)
def test_what_no_option_can_mean(fails: Fails, arguments: tuple[str, ...], told: str) -> None:
    assert told in fails(*arguments)
    assert not Path("out").exists()


def test_trouble_with_other_files_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    for error in (FileNotFoundError(2, "No such file", "/captures/a"), BrokenPipeError(32, "Broken pipe")):
        with pytest.raises(type(error)), options.writing(tmp_path):
            raise error
    for error in (OSError(28, "No space left"), OSError("No such file (os error 2): /x/a.part")):
        with pytest.raises(UsageError, match=r"cannot write .*: no s[^(]*; choose"), options.writing(tmp_path):
            raise error


def test_a_key_of_a_predicate_that_is_misspelt(fails: Fails) -> None:
    line = fails("log", LOG, "--predicate", 'procces == "apsd"')
    assert "no such key: procces (did you mean process?); there are eventMessage" in line


def test_log_has_no_app(fails: Fails) -> None:
    line = fails("log", LOG, "--app", "com.acme.voip")
    assert "No such option: --app; log takes --process NAME or --predicate; see " in line


def test_an_end_before_the_start(fails: Fails) -> None:
    pairs = [
        ("2026-01-16", "2026-01-15"),
        ("2026-01-15T09:00+00:00", "2026-01-15T09:59+01:00"),
        ("2026-01-15T09:00+00:00", "2026-01-15T08:59"),  # the zone of the log, known when it is open
    ]
    for start, end in pairs:
        assert fails("log", LOG, "--start", start, "--end", end) == "traceview: --end lies before --start"


def test_what_is_in_order_in_some_zone_waits_for_the_zone_of_the_log() -> None:
    window = Window("2026-01-15T09:00+00:00", "2026-01-15T08:00", None, None)
    window.check(None)
    window.check(timezone(timedelta(hours=-5)))
    with pytest.raises(UsageError, match="lies before"):
        window.check(UTC)


def test_inputs_of_no_known_format_are_told_together_and_briefly(fails: Fails, tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / f"{name}.jpg").write_bytes(b"\xff\xd8\xff" * 99 + name.encode())
    names = sorted(tmp_path.iterdir())
    see = "; `traceview doctor --formats` lists what can be read"
    assert fails("analyze", names[0]) == f"traceview: {names[0]}: not a format that can be read{see}"
    told = ", ".join(map(str, names[:3]))
    assert (
        fails("analyze", LOG, *names)
        == f"traceview: 5 of 6 inputs are of no format that can be read: {told} and 2 more{see}"
    )
    assert fails("analyze", *names[:2], tmp_path / "missing").startswith("traceview: 2 of 3 inputs are of no ")
    assert fails("doctor", tmp_path).endswith(f"nothing in this folder can be read{see}")


def test_formats_are_listed_with_readers_that_were_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceview_parsers.registry.added_readers", lambda: (("pcap", "acme\x1btrace"),))
    result = CliRunner().invoke(cli.app, ["doctor", "--formats"])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("sysdiagnose    .tar.gz")
    assert lines[-1] == "pcap           read by acme␛trace"
    assert max(map(len, lines)) <= 100


def test_unrelated_logs_are_told_before_the_verdict(samples: Path, tmp_path: Path) -> None:
    for count, name in enumerate("abcde"):
        (tmp_path / f"{name}.ndjson").write_bytes((samples / LOG).read_bytes() + b"\n" * count)
    lines = CliRunner().invoke(cli.app, ["analyze", str(tmp_path)]).stdout.splitlines()
    assert lines[2].startswith("5 log texts were read as one capture; ")
    assert "finding" in lines[4]
    told = CliRunner().invoke(cli.app, ["report", str(tmp_path), "-o", str(tmp_path / "a.html")]).stderr
    assert told.startswith("traceview: 5 log texts were read as one capture; ")


def test_a_date_that_was_assumed_is_told_in_the_header(samples: Path, tmp_path: Path) -> None:
    def header(*arguments: str | Path) -> str:
        return CliRunner().invoke(cli.app, ["analyze", *map(str, arguments)]).stdout.splitlines()[0]

    assert "(date assumed; see --date)" in header(samples / WITHOUT_DATE)
    assert "date assumed" not in header(samples / WITHOUT_DATE, "--date", "2026-01-15")
    assert "date assumed" not in header(samples / LOG)
    for name in (LOG, WITHOUT_DATE):
        (tmp_path / name).write_bytes((samples / name).read_bytes())
        os.utime(tmp_path / name, (1_768_500_000, 1_768_500_000))
    assert "(date assumed in 1 of 2 logs; see --date)" in header(tmp_path)
