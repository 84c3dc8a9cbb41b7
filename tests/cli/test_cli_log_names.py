"""What ``log`` tells where nothing matches: names that the log does hold. Captures are synthetic."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.timesync import Clock
from typer.testing import CliRunner

from traceview import cli
from traceview.cli import log_names
from traceview.cli.log_names import near_names
from traceview_parsers import open_trace
from traceview_parsers.selection import Clause
from traceview_parsers.unified_log.source import UnifiedLogSource

LOG = "push-never-reported.ios26.ndjson"
START = 1_768_469_400_000_000_000
NOTHING = "no log line matches"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = Archive(Clock(stable_uuid("boot"), START), images=Images())
    for number, name in enumerate(("callservicesd", "SpringBoard")):
        process = made.process(f"/usr/libexec/{name}", 50 + number)
        made.log(process, START + number, "hello", subsystem="com.apple.calls", category=f"Category{number}")
    made.write(tmp_path / "made.logarchive", first_file=1)
    return tmp_path / "made.logarchive"


def told(path: Path, *options: str) -> str:
    """Return the last line on stderr behind the name of the program."""
    result = CliRunner().invoke(cli.app, ["log", str(path), *options])
    assert result.exit_code == 0, result.exception
    return result.stderr.splitlines()[-1].removeprefix("traceview: ")


@pytest.mark.parametrize(
    ("options", "near"),
    [
        (("--process", "runningbord"), "; for --process runningbord, did you mean runningboardd or SpringBoard?"),
        (("--process", "SPRINGBOARD"), "; for --process SPRINGBOARD, did you mean SpringBoard or runningboardd?"),
        (("--process", "apsd", "--contains", "no such text"), ""),
        (("--process", "nothing of the kind"), ""),
        (("--contains", "no such text"), ""),
    ],
)
def test_names_of_a_text(samples: Path, options: tuple[str, ...], near: str) -> None:
    assert told(samples / LOG, *options) == NOTHING + near


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_names_of_an_archive(archive: Path, jobs: str) -> None:
    assert told(archive, "--process", "callservicd", "--jobs", jobs) == (
        f"{NOTHING}; for --process callservicd, did you mean callservicesd?"
    )
    assert told(archive, "--subsystem", "com.apple.call", "--category", "category1", "--jobs", jobs) == (
        f"{NOTHING}; for --subsystem com.apple.call, did you mean com.apple.calls?"
        "; for --category category1, did you mean Category1 or Category0?"
    )
    # Both names occur, in other rows.
    assert told(archive, "--process", "SpringBoard", "--category", "Category0", "--jobs", jobs) == NOTHING


def test_a_log_that_matches_is_not_asked(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_names, "near_names", lambda *_: pytest.fail("a line was printed"))
    result = CliRunner().invoke(cli.app, ["log", str(archive), "--process", "callservicesd"])
    assert (result.exit_code, result.stderr) == (0, "")


def test_no_record_of_an_archive_is_read_for_its_names(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object, **__: object) -> Iterator[object]:
        pytest.fail("records were read")
        yield

    monkeypatch.setattr(UnifiedLogSource, "batches", unexpected)
    monkeypatch.setattr(UnifiedLogSource, "in_order", unexpected)
    with open_trace(archive) as trace:
        asked = Clause(processes=frozenset({"springbord"}), words=frozenset({"hello"}))
        assert near_names(trace.sources_of("log"), asked) == "for --process springbord, did you mean SpringBoard?"
        assert not list(trace.problems)


def test_of_a_long_text_the_beginning_is_looked_through(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_names, "_MOST_ROWS", 1)
    with open_trace(samples / LOG) as trace:
        (source,) = trace.sources_of("log")
        batches = source.batches("log")
        read: list[int] = []

        def counted(table: str) -> Iterator[object]:
            assert table == "log"
            for batch in batches:
                rows = [batch.slice(0, 1), batch.slice(1)]
                for part in rows:
                    read.append(part.num_rows)
                    yield part

        monkeypatch.setattr(source, "batches", counted)
        near_names([source], Clause(processes=frozenset({"runningbord"})))
    assert read == [1]


def test_names_of_a_log_cannot_drive_the_terminal(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.ndjson"
    row = '{"timestamp":"2026-01-15 10:00:00.000000+0100","processImagePath":"/x/acme\\u001b[31md","processID":5,"eventMessage":""}'
    hostile.write_text(row + "\n", "utf-8")
    line = told(hostile, "--process", "acme[31md")
    assert line.isprintable()
    assert re.search(r"did you mean acme.+31md\?$", line)
