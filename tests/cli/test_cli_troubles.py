"""What could not be read stands before the verdict, so that nobody takes silence for health."""

import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from traceview import cli
from traceview.cli.troubles import doubts
from traceview.sources import unread
from traceview_parsers.problems import Problem

HEALTHY = "healthy-incoming-call.ios18.default.txt"
LOST = "the file cannot be read"


def run(*arguments: str | Path) -> list[str]:
    """Return the lines of standard output, or of standard error where that is empty."""
    result = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert result.exit_code == 0, result.exception
    return (result.stdout or result.stderr).splitlines()


@pytest.fixture
def locked(samples: Path, tmp_path: Path) -> Path:
    """An archive of two logs of which one is marked as encrypted."""
    path = tmp_path / "call.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.txt", "b.txt"):
            archive.writestr(name, (samples / HEALTHY).read_bytes())
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory's entry of a.txt
    path.write_bytes(data)
    return path


def test_an_encrypted_member_is_told_before_the_verdict(locked: Path, tmp_path: Path) -> None:
    told = "Not all of this capture could be read: call.zip: encrypted members cannot be read (a.txt)"
    lines = run("analyze", locked)
    verdict = next(index for index, line in enumerate(lines) if line.startswith("No findings"))
    assert lines.index(told) < verdict
    assert run("report", locked, "-o", tmp_path / "x.html")[0] == f"traceview: {told}"


def test_several_causes_are_one_line() -> None:
    problems = [
        Problem("s/a.tracev3", "damaged-chunk-set", "a set is damaged"),
        Problem("s/a.tracev3", "damaged-catalog", "a catalog is damaged"),
        *(Problem(f"s/{name}", "unreadable-file", LOST) for name in ("b", "t/c", "t/d", "e", "f")),
        Problem("s/p.PLSQL", "damaged-table:calls", "calls is damaged and was not read"),
        Problem("s/x.zip", "encrypted", "encrypted members cannot be read", sample="y.txt"),
    ]
    assert unread(problems) == (
        "Not all of this capture could be read: a.tracev3: a set is damaged · a catalog is damaged · "
        f"b, t/c, t/d and 2 more: {LOST} · 2 more such problems"
    )


def test_what_is_usual_puts_nothing_in_doubt() -> None:
    kinds = (
        "unclaimed-file",
        "tables-not-read",
        "missing-strings",
        "unknown-level",
        "line-ends",
        "invalid-utf8",
        "no-time",
    )
    assert doubts([Problem("a", kind, "something") for kind in kinds]) == []


def test_text_of_an_attacker_is_made_visible() -> None:
    (told,) = doubts([Problem("a", "encrypted", "cannot be read", sample="\x1b[2J")])
    assert "\x1b" not in told
