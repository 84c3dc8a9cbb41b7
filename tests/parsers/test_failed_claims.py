"""A reader that fails while it looks at a file costs that file only, and it is told."""

import random
import sqlite3
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from traceview.fleet.jobs import find_jobs
from traceview.sources import unread
from traceview_parsers import open_trace, registry
from traceview_parsers.errors import InputError, UnknownFormatError
from traceview_parsers.powerlog.repair import repaired
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate

LINE = "2026-01-15 10:30:00.000000+0100 0x1 Default 0x0 7 0 App: hello\n"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the readers there is one of somebody else, which fails on files whose name begins with ``odd``."""

    def claims(candidate: Candidate) -> int:
        if candidate.name.rpartition("/")[2].startswith("odd"):
            raise IndexError("list index out of range")
        return 0

    other: Any = SimpleNamespace(name="other", tables=(), claims=claims)
    known = registry.readers()
    monkeypatch.setattr(registry, "readers", lambda: (other, *known))


def told(problems: Problems) -> list[tuple[str, str]]:
    return [(one.source, one.kind) for one in problems if one.kind.startswith("failed-")]


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("packed", [False, True])
def test_the_other_files_of_a_capture_are_read(tmp_path: Path, *, packed: bool) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    (folder / "log.txt").write_text(LINE * 3)
    (folder / "odd.bin").write_bytes(b"\1\2\3")
    capture = folder
    if packed:
        capture = tmp_path / "capture.tar.gz"
        with tarfile.open(capture, "w:gz") as archive:
            archive.add(folder, "capture")
    with open_trace(capture) as trace:
        assert trace.table("log").num_rows == 3
        ((source, kind),) = told(trace.problems)
        assert source.endswith("odd.bin")
        assert kind == "failed-claim:other"
        (message,) = (one.message for one in trace.problems if one.kind == kind)
        assert "reader other failed" in message
        assert "unclaimed-file" not in {one.kind for one in trace.problems}
        doubt = unread(trace.problems)
        assert doubt is not None
        assert "odd.bin: the reader other failed" in doubt
        assert "IndexError: list index out of range" in message


@pytest.mark.usefixtures("failing")
def test_another_reader_may_claim_the_file(tmp_path: Path) -> None:
    log = tmp_path / "odd.txt"
    log.write_text(LINE * 2)
    with open_trace(log) as trace:
        assert trace.table("log").num_rows == 2
        assert told(trace.problems) == [("odd.txt", "failed-look:other")]
        assert unread(trace.problems) is None


@pytest.mark.usefixtures("failing")
def test_the_error_of_a_lone_file_names_the_reader(tmp_path: Path) -> None:
    lone = tmp_path / "odd.bin"
    lone.write_bytes(b"\1\2\3")
    with pytest.raises(UnknownFormatError, match=r"the reader other failed .*IndexError"):
        open_trace(lone)


@pytest.mark.usefixtures("failing")
def test_a_batch_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINE)
    (tmp_path / "odd.bin").write_bytes(b"\1\2\3")
    problems = Problems()
    assert [job.name for job in find_jobs(tmp_path, problems=problems)] == ["a.txt"]
    assert told(problems) == [("odd.bin", "failed-claim:other")]


@pytest.mark.usefixtures("failing")
def test_the_traceback_is_shown_with_debug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    registry.best_reader(Candidate("odd.bin", None, b"\1"), Problems())
    assert not capsys.readouterr().err
    monkeypatch.setenv("TRACEVIEW_DEBUG", "1")
    registry.best_reader(Candidate("odd.bin", None, b"\1"), Problems())
    assert "Traceback" in capsys.readouterr().err


def database(path: Path, tables: int = 30) -> bytes:
    """Return a database whose table of contents has pages of its own, and texts on overflow pages."""
    connection = sqlite3.connect(path)
    for number in range(tables):
        columns = ", ".join(f"c{column}" for column in range(900 if number == 7 else 20))
        connection.execute(f"CREATE TABLE PLOther_EventForward_T{number} ({columns})")
    connection.commit()
    connection.close()
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize("suffix", [".PLSQL", ".db"])
def test_a_database_may_be_cut_anywhere_in_its_headers(tmp_path: Path, suffix: str) -> None:
    whole = database(tmp_path / "whole")
    (tmp_path / "log.txt").write_text(LINE)
    cut = tmp_path / f"cut{suffix}"
    for length in (16, 99, 100, 101, 107, 108, 111, 112, 130, 511, 4095, 4096):
        cut.write_bytes(whole[:length])
        with open_trace(tmp_path) as trace:
            assert trace.table("log").num_rows == 1
            assert not told(trace.problems), length
        assert "log.txt" in [job.name for job in find_jobs(tmp_path)]
        with pytest.raises(InputError):
            open_trace(cut)


def test_damaged_pages_of_a_database_neither_fail_nor_hang(tmp_path: Path) -> None:
    whole = database(tmp_path / "whole")
    chance = random.Random(5)  # noqa: S311
    path, target = tmp_path / "damaged", tmp_path / "target"
    for _ in range(150):
        data = bytearray(whole[: chance.randrange(100, len(whole) + 1)])
        for _ in range(chance.randrange(40)):
            data[chance.randrange(min(100, len(data) - 1), len(data))] = chance.choice((0, 2, 5, 13, 255))
        path.write_bytes(data)
        repaired(path, target)
        assert target.stat().st_size >= len(data)


def test_a_table_of_contents_in_a_circle_ends(tmp_path: Path) -> None:
    """Each cell of the first pages leads to all of them: without a memory that would be thousands to the fourth power."""
    size = 65_536
    page = bytearray(size)
    page[0] = 5
    page[3:5] = (30_000).to_bytes(2)
    page[8:12] = (2).to_bytes(4)
    for at in range(12, 12 + 2 * 30_000, 2):
        page[at : at + 2] = (65_000).to_bytes(2)
    page[65_000:65_004] = (2).to_bytes(4)
    first = bytearray(page)
    first[:100] = b"SQLite format 3\0" + (1).to_bytes(2) + bytes(82)
    first[100:] = page[: size - 100]
    first[65_000:65_004] = (2).to_bytes(4)
    path = tmp_path / "circle"
    path.write_bytes(first + page)
    repaired(path, tmp_path / "target")
    assert (tmp_path / "target").stat().st_size == 2 * size
