"""Bad and hostile input at the command line: one clear line and exit code 2, or a partial result that says so."""

import gzip
import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview import cli
from traceview.export import flat

SAMPLE = "jetsam-in-call.ios15.default.txt"
Fails = Callable[..., str]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, which every command leaves empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def log(samples: Path) -> bytes:
    return (samples / SAMPLE).read_bytes()


def rows(log: bytes) -> int:
    """Return how many entries the sample has: each begins with its time."""
    return sum(line.startswith(b"2026-") for line in log.splitlines())


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], temporary: Path) -> Fails:
    def call(*arguments: str | Path, code: int = cli.EXIT_USAGE) -> str:
        monkeypatch.setattr(sys, "argv", ["traceview", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == code
        assert not list(temporary.iterdir())
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("traceview: ")
        assert line.isprintable()
        return line

    return call


def doctor(*paths: Path) -> str:
    result = CliRunner().invoke(cli.app, ["doctor", *map(str, paths)])
    assert result.exit_code == 0, result.exception
    assert all(line.isprintable() for line in result.stdout.splitlines())
    return result.stdout


def gzipped_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize("command", ["analyze", "doctor", "log"])
def test_a_pipe_is_refused_and_does_not_hang(tmp_path: Path, fails: Fails, command: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "save it to a file" in fails(command, tmp_path / "pipe")


def test_a_pipe_as_configuration_is_refused(tmp_path: Path, fails: Fails, samples: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is no file" in fails("analyze", samples / SAMPLE, "--config", tmp_path / "pipe")


def test_the_working_directory_has_a_name(tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"{tmp_path.name}: nothing in this folder" in fails("analyze", ".")


@pytest.mark.parametrize(
    "text", ["a = [", "a=" + "[" * 5000, "x = " + "9" * 5000, "[rules]\nx = 3", "rules = 3", '"\\u001b[31m" = 1']
)
def test_configurations_that_are_none(tmp_path: Path, fails: Fails, samples: Path, text: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    assert "own.toml" in fails("analyze", samples / SAMPLE, "--config", tmp_path / "own.toml")


def test_a_project_file_of_another_shape_is_not_ours(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 3")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli.app, ["analyze", str(samples / SAMPLE)]).exit_code == 0


def test_options_out_of_range(tmp_path: Path, fails: Fails, samples: Path) -> None:
    assert "1970 to 2261" in fails("analyze", samples / SAMPLE, "--date", "9999-12-31")
    assert "--pid" in fails("log", samples / SAMPLE, "--pid", "99999999999999999999")
    assert "is a folder" in fails("report", samples / SAMPLE, "-o", tmp_path, "--force")
    assert "␛" in fails("explain", "\x1b[31m")
    assert "Resolved plan" not in fails("query", samples / SAMPLE, "SELECT sum(app) FROM calls")


def test_file_names_of_any_bytes(tmp_path: Path, log: bytes) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for number, name in enumerate((b"\xff\xfe.txt", "\u202e\x1b[31m\n.txt".encode())):
        (folder / os.fsdecode(name)).write_bytes(log + b"\n" * number)  # what is the same is read once
    assert f"log: {2 * rows(log)} rows" in doctor(folder)
    result = CliRunner().invoke(cli.app, ["analyze", str(folder)])
    assert result.exit_code == 0
    assert "\u202e" not in result.stdout
    assert "\x1b[31m" not in result.stdout


def test_folders_without_end(tmp_path: Path, log: bytes) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    (folder / SAMPLE).write_bytes(log)
    (folder / "/".join("d" * 200)).mkdir(parents=True)
    assert "folders more than 64 deep" in doctor(folder)


def test_a_folder_that_may_not_be_read_costs_only_itself(
    tmp_path: Path, log: bytes, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    scan = os.scandir
    monkeypatch.setattr("traceview_parsers.discovery.os.scandir", refuse)
    folder = tmp_path / "folder"
    (folder / "locked").mkdir(parents=True)
    assert "can be read; locked: the folder cannot be read: permission denied; " in fails("analyze", folder)
    (folder / "a.txt").write_bytes(log)
    assert "problem   locked: the folder cannot be read: permission denied" in doctor(folder)
    other = tmp_path / "other"
    other.mkdir()
    assert fails("analyze", folder, other).startswith("traceview: other: nothing in this folder can be read; `")


@pytest.mark.parametrize("command", [(), ("fleet",), ("signals",)])
def test_a_command_without_more_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "argv", ["traceview", *command])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == cli.EXIT_USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"Usage: {' '.join(('traceview', *command))} [OPTIONS] COMMAND [ARGS]..."
    assert len(lines) > 5


def test_python_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "traceview", "analyz"], capture_output=True, text=True, check=False)
    assert done.returncode == cli.EXIT_USAGE
    assert done.stderr == "traceview: No such command 'analyz'. Did you mean 'analyze'? See traceview --help\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_working_folder_that_is_gone(
    tmp_path: Path, samples: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "working folder is gone" in fails("analyze", samples / SAMPLE, code=cli.EXIT_ERROR)


def test_numbers_and_names_without_end(fails: Fails, samples: Path) -> None:
    assert len(fails("analyze", samples / SAMPLE, "--app", "x" * 10_000)) < 2_100
    result = CliRunner().invoke(cli.app, ["signals", "stats", str(samples / SAMPLE), "--limit", "9" * 30])
    assert result.exit_code == 0


def test_dates_that_64_bits_cannot_hold_give_no_time(tmp_path: Path, log: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(log.replace(b"2026-01-15", b"2300-01-15"))
    told = doctor(path)
    assert "no times; dates that do not exist, or lie outside 1678 to 2261" in told


def test_a_log_without_times_is_not_clean(tmp_path: Path, log: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(log.replace(b"2026-01-15", b"2026-02-31"))
    told = CliRunner().invoke(cli.app, ["analyze", "--not-evaluated", str(path)]).stdout
    assert "Nothing can be said: no line that was recognised has a time" in told
    assert "nothing could be reconstructed from this file" in told
    assert "push-unreported" in told.partition("their silence means nothing")[2]


def test_lines_that_end_with_carriage_returns_alone_are_told(tmp_path: Path, log: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(log.replace(b"\n", b"\r"))
    assert "carriage returns" in doctor(path)


def test_long_names_and_figures_that_are_none_in_a_tar(tmp_path: Path, fails: Fails, log: bytes) -> None:
    long = gzipped_tar(tmp_path / "long.tar.gz", [(tarfile.TarInfo("n" * 300), log), (tarfile.TarInfo("a.txt"), log)])
    told = doctor(long)
    assert f"log: {rows(log)} rows" in told
    assert "were skipped" in told
    sparse = tarfile.TarInfo("a.txt")
    sparse.pax_headers = {"GNU.sparse.size": "x", "GNU.sparse.map": "x,y"}
    assert "damaged" in fails("analyze", gzipped_tar(tmp_path / "sparse.tar.gz", [(sparse, log)]))


def test_a_tar_header_without_end_is_a_bomb(tmp_path: Path, fails: Fails) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(8):
            out.write(bytes(1 << 20))
    assert "header takes more than" in fails("analyze", path)


@pytest.mark.parametrize(("flags", "method"), [(0, 99), (0x40, 8), (0x20, 8)])
def test_zip_members_packed_in_an_unknown_way(
    tmp_path: Path, fails: Fails, log: bytes, flags: int, method: int
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", log)
    data = bytearray(path.read_bytes())
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(sign) + at
        data[place : place + 4] = flags.to_bytes(2, "little") + method.to_bytes(2, "little")
    path.write_bytes(data)
    assert "damaged or packed in an unknown way" in fails("analyze", path)


def test_a_damaged_zip_member_costs_only_itself(tmp_path: Path, log: bytes) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", log)
        archive.writestr("b.txt", log)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    told = doctor(path)
    assert f"log: {rows(log)} rows" in told
    assert "members that are damaged" in told


def test_csv_holds_no_formulas() -> None:
    frame = pl.DataFrame({"message": ["=cmd()", "@x", "-1", "plain", None], "figure": [-1, 2, 3, 4, 5]})
    assert flat(frame.lazy()).collect()["message"].to_list() == ["'=cmd()", "'@x", "'-1", "plain", None]
    assert flat(frame.lazy()).collect()["figure"].to_list() == [-1, 2, 3, 4, 5]


def test_times_in_lists_are_written_as_those_of_columns(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 15, 8, 12, 40, tzinfo=UTC)
    kind = pl.Datetime("ns", "UTC")
    frame = pl.DataFrame({"one": [moment], "all": [[moment, moment]]}, schema={"one": kind, "all": pl.List(kind)})
    flat(frame.lazy()).sink_csv(tmp_path / "times.csv")
    one, every = (tmp_path / "times.csv").read_text().splitlines()[1].split(",")
    assert every == f"{one} {one}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_one_line(samples: Path) -> None:
    program = [sys.executable, "-c", "from traceview.cli import main; main()", "log", str(samples / SAMPLE)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == cli.EXIT_ERROR
    assert done.stderr == "traceview: writing failed: No space left on device\n"


def test_signals_match_numbers_the_lines_of_all_blocks(
    tmp_path: Path, log: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.signals, "_BLOCK_BYTES", 1000)
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + log.replace(b"\n", b"\r\n"))
    lines = CliRunner().invoke(cli.app, ["signals", "match", str(path)]).stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, log.count(b"\n") + 1))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_command_leaves_no_temporary_files(
    tmp_path: Path, log: bytes, temporary: Path, number: signal.Signals, code: int
) -> None:
    noise = log + b"".join(log.split(b"\n", 1)[1] for _ in range(800))
    path = gzipped_tar(tmp_path / "a.tar.gz", [(tarfile.TarInfo(f"{at}.txt"), noise) for at in range(4)])
    program = [sys.executable, "-c", "from traceview.cli import main; main()", "analyze", str(path)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(program, stderr=subprocess.PIPE, env=environment, text=True) as process:
        until = time.monotonic() + 60
        # A file there is `tempfile` seeing whether it may write.
        while not any(one.is_dir() for one in temporary.iterdir()) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert told == ("traceview: interrupted\n" if number == signal.SIGINT else "")
    assert not list(temporary.iterdir())
