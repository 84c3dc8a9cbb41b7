"""``traceview log``: what a line holds can drive no terminal, and is unchanged in a file or pipe."""

import os
import subprocess
from pathlib import Path

import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.timesync import Clock
from two_boots import ANEW, PROGRAM

pty = pytest.importorskip("pty")

HOSTILE = "title \x1b]0;owned\x07 c1 \x9b31m order \u202egnp.exe\u2066 caf\u00e9 \u65e5\U0001f600"
SHOWN = "title ␛]0;owned␇ c1 ⟨U+009B⟩31m order ⟨U+202E⟩gnp.exe⟨U+2066⟩ caf\u00e9 \u65e5\U0001f600"
ROWS = 300


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "log.txt"
    line = "2026-01-15 10:30:00.000000+0100 0x1 Default 0x0 7 0 App: {}\n"
    file.write_text("".join(line.format(HOSTILE) for _ in range(ROWS)), "utf-8")
    return file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = Archive(Clock(stable_uuid("boot"), 1_768_469_400_000_000_000))
    process = made.process("/usr/libexec/acmed", 50)
    for number in range(ROWS):
        made.log(process, 1_768_469_401_000_000_000 + number, HOSTILE, ())
    made.write(tmp_path / "small.logarchive")
    return tmp_path / "small.logarchive"


def at_terminal(command: list[str]) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE) as run:
        os.close(theirs)
        data = b""
        try:
            while part := os.read(ours, 65_536):
                data += part
        except OSError:  # Linux says so that nobody writes any more
            pass
        assert run.stderr is not None
        told = run.stderr.read()
    os.close(ours)
    assert run.returncode == 0, told
    return data.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("style", ["default", "ndjson"])
def test_a_terminal_gets_pictures_of_what_would_drive_it(text: Path, style: str) -> None:
    shown = at_terminal([*PROGRAM, "log", str(text), "--style", style])
    assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066")
    assert shown.count("⟨U+202E⟩gnp.exe⟨U+2066⟩ caf\u00e9 \u65e5\U0001f600") == ROWS
    if "json" not in style:  # which escapes some of them itself
        assert shown.count(SHOWN) == ROWS


@pytest.mark.parametrize(("program", "jobs"), [(PROGRAM, "2"), (ANEW, "2")])
def test_so_does_it_of_an_archive_from_several_processes(archive: Path, program: list[str], jobs: str) -> None:
    shown = at_terminal([*program, "log", str(archive), "--jobs", jobs])
    assert shown.count(SHOWN) == ROWS


def test_a_pipe_gets_what_the_log_holds(text: Path, archive: Path) -> None:
    for capture in (text, archive):
        run = subprocess.run([*PROGRAM, "log", str(capture)], capture_output=True, check=True)
        assert run.stdout.decode().count(HOSTILE) == ROWS
