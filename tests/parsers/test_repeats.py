"""What is given twice is read once, and told; what is packed alone is read in folders and archives too."""

import gzip
import os
import shutil
import sqlite3
import tarfile
import zipfile
from functools import partial
from pathlib import Path

import pytest

from traceview_parsers.archive import Limits
from traceview_parsers.discovery import open_trace
from traceview_parsers.trace import ReadOptions, Trace

SAMPLES = Path(__file__).parents[2] / "sample_traces"
LINES = "".join(f"default\t10:00:0{second}.000000+0200\tapsd\tline {second}\n" for second in range(5))
OTHER = LINES.replace("apsd", "exampled")


def opened(*paths: Path) -> tuple[Trace, int, dict[str, list[str]]]:
    with open_trace(list(paths), ReadOptions()) as trace:
        rows = sum(batch.num_rows for batch in trace.batches("log")) if "log" in trace.tables else 0
        told: dict[str, list[str]] = {}
        for problem in trace.problems:
            told.setdefault(problem.kind, []).append(problem.sample)
        return trace, rows, told


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(LINES)
    return path


@pytest.fixture(scope="module")
def sysdiagnose(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the packed sample and its folder."""
    packed = next(SAMPLES.glob("sysdiagnose_*.tar.gz"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return packed, next(folder.iterdir())


def test_a_file_by_two_names_and_a_copy_are_read_once(text: Path, tmp_path: Path) -> None:
    link, copy = tmp_path / "link.txt", tmp_path / "copy.txt"
    link.symlink_to(text)
    shutil.copy(text, copy)
    trace, rows, told = opened(text, text, link, copy)
    assert (rows, len(trace.sources), [one.name for one in trace.inputs]) == (5, 1, ["a.txt"])
    assert told == {"repeated": [f"{text} = {text}", f"{link} = {text}", f"{copy} = {text}"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("feed", ["\n", "\r\n"])
def test_a_text_saved_in_another_encoding_is_read_once(text: Path, tmp_path: Path, encoding: str, feed: str) -> None:
    long = "".join(LINES.replace("line", f"line {number} …") for number in range(100))
    text.write_text(long, encoding="utf-8")
    copy, other = tmp_path / "copy.txt", tmp_path / "other.txt"
    copy.write_bytes(long.replace("\n", feed).encode(encoding))
    other.write_bytes(f"{long}{OTHER}".replace("\n", feed).encode(encoding))
    _, rows, told = opened(text, copy)
    assert (rows, len(told["repeated"])) == (500, 1)
    assert opened(text, other)[1:] == (1005, {})


def test_a_folder_given_twice_is_read_once(text: Path) -> None:
    _, rows, told = opened(text.parent, Path(f"{text.parent}/."))
    assert rows == 5
    assert list(told) == ["repeated"]


def test_a_file_beside_the_folder_that_holds_it_is_read_once(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(text, folder / "b.txt")
    (folder / "c.txt").write_text(OTHER)
    _, rows, told = opened(text, folder)
    assert rows == 10
    assert told["repeated"] == ["b.txt = a.txt"]


def test_files_that_only_begin_alike_are_read_both(text: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.txt"
    long = LINES.replace("line 4\n", "x" * 5000)
    text.write_text(f"{long}1\n")
    other.write_text(f"{long}2\n")
    _, rows, told = opened(text, other)
    assert (rows, told) == (10, {})


@pytest.mark.parametrize(
    "what", ["logs/powerlogs/*.PLSQL", "system_logs.logarchive", "system_logs.logarchive/*/*.tracev3"]
)
def test_a_member_of_a_sysdiagnose_given_again_is_read_once(sysdiagnose: tuple[Path, Path], what: str) -> None:
    packed, folder = sysdiagnose
    trace, rows, _ = opened(packed)
    again, same_rows, told = opened(packed, next(folder.glob(what)))
    assert rows == same_rows
    assert len(again.sources) == len(trace.sources)
    assert "repeated" in told


def test_a_packed_powerlog_is_the_one_that_it_was_packed_from(sysdiagnose: tuple[Path, Path], tmp_path: Path) -> None:
    plain = next(sysdiagnose[1].glob("logs/powerlogs/*.PLSQL"))
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "again.PLSQL.gz").write_bytes(gzip.compress(plain.read_bytes()))
    trace, _, told = opened(plain, folder)
    assert len(trace.sources) == 1
    assert told["repeated"] == [f"again.PLSQL.gz = {plain.name}"]
    (folder / "again.PLSQL.gz").write_bytes(gzip.compress(plain.read_bytes())[:-8])
    assert "repeated" not in opened(plain, folder)[2]


def test_of_equal_archives_that_with_strings_is_read(sysdiagnose: tuple[Path, Path], tmp_path: Path) -> None:
    archive = sysdiagnose[1] / "system_logs.logarchive"
    bare = tmp_path / "bare.logarchive"
    shutil.copytree(archive, bare, ignore=lambda _, names: [name for name in names if len(name) == 2 or name == "dsc"])
    trace, _, told = opened(bare, archive)
    assert [source.name for source in trace.sources if source.reader == "unified_log"] == ["system_logs.logarchive"]
    assert "bare.logarchive = system_logs.logarchive" in told["repeated"]


def test_archives_that_share_files_are_read_both_and_told(sysdiagnose: tuple[Path, Path], tmp_path: Path) -> None:
    archive = sysdiagnose[1] / "system_logs.logarchive"
    more, fewer = tmp_path / "more.logarchive", tmp_path / "fewer.logarchive"
    for folder, name, byte in ((more, "0000000000000091.tracev3", b"1"), (fewer, "0000000000000092.tracev3", b"2")):
        shutil.copytree(archive, folder)
        trace = next(archive.glob("*/*.tracev3"))
        (folder / "Persist" / name).write_bytes(trace.read_bytes() + byte)
    _, _, told = opened(more, fewer)
    assert told["overlapping-logs"] == ["more.logarchive"]


def test_equal_rows_of_powerlogs_that_overlap_count_once(sysdiagnose: tuple[Path, Path], tmp_path: Path) -> None:
    plain = next(sysdiagnose[1].glob("logs/powerlogs/*.PLSQL"))
    later = tmp_path / "later.PLSQL"
    shutil.copy(plain, later)
    database = sqlite3.connect(later)
    table = "PLCoalitionAgent_EventInterval_CoalitionInterval"
    (name,) = database.execute("SELECT name FROM sqlite_master WHERE name LIKE ?", (f"{table}%",)).fetchone()
    names = [row[1] for row in database.execute(f"PRAGMA table_info({name})") if row[1].lower() != "id"]
    chosen = ", ".join(f'"{one}"' if one != "timestamp" else "timestamp + 7" for one in names)
    listed = ", ".join(f'"{one}"' for one in names)
    database.execute(f"INSERT INTO {name} ({listed}) SELECT {chosen} FROM {name} LIMIT 1")  # noqa: S608
    database.commit()
    database.close()
    with open_trace(plain) as trace:
        alone = {table: trace.table(table) for table in trace.tables}
    with open_trace([plain, later]) as trace:
        both = {table: trace.table(table).num_rows for table in trace.tables}
    assert both["power_coalition"] == alone["power_coalition"].num_rows + 1
    assert both["power_battery"] == alone["power_battery"].num_rows
    assert both["power_audio_routing"] == 2 * alone["power_audio_routing"].num_rows  # told as changes, file by file


def test_a_text_packed_alone_is_read_in_folders_and_archives(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    packed = gzip.compress(LINES.encode(), mtime=1_700_000_000)
    (folder / "x.txt.gz").write_bytes(packed)
    (folder / "noise.gz").write_bytes(gzip.compress(b"\x01\x02 nothing that is known"))
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.write(folder / "x.txt.gz", "deep/x.txt.gz")
    for source, name in ((folder, "x.txt"), (tmp_path / "f.zip", "deep/x.txt")):
        trace, rows, told = opened(source)
        assert (rows, [one.name for one in trace.sources]) == (5, [name])
        assert told == ({"unclaimed-file": ["noise.gz"]} if source is folder else {})
        assert "first line on 2023-11-14 (file time)" in trace.coverage()[0].clock


def test_a_packed_text_that_is_a_bomb_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceview_parsers.container.Limits", partial(Limits, kept_bytes=10_000))
    (tmp_path / "x.txt.gz").write_bytes(gzip.compress(LINES.encode() + b"\0" * 20_000))
    (tmp_path / "y.txt").write_text(OTHER)
    _, rows, told = opened(tmp_path)
    assert rows == 5
    assert "unreadable-archive" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_are_told(text: Path, sysdiagnose: tuple[Path, Path], tmp_path: Path) -> None:
    os.mkfifo(text.parent / "pipe")
    _, rows, told = opened(text.parent)
    assert (rows, told) == (5, {"special-file": ["pipe"]})
    archive = tmp_path / "copy.logarchive"
    shutil.copytree(sysdiagnose[1] / "system_logs.logarchive", archive)
    os.mkfifo(archive / "Persist" / "0000000000000099.tracev3")
    _, _, told = opened(archive)
    assert told["special-file"] == ["Persist/0000000000000099.tracev3"]
