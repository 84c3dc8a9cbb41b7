"""Files that no reader claims are counted, by folder and with the reason."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError, UnknownFormatError
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.trace import Candidate
from traceview_parsers.unclaimed import Unclaimed, is_noise

LOG = (
    "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
    "2026-01-15 10:00:00.000000+0100 0x1        Default     0x0                  7      0    app: one line\n"
)
BESIDE = {
    "notes.docx": b"PK-less prose",
    "logs/Networking/ifconfig.plist": b"<plist/>",
    "logs/Networking/deep/er/route.bin": b"\x00\x01",
    "empty.txt": b"",
}
NOISE = {".DS_Store": b"\x00\x00\x00\x01Bud1", "._log.txt": b"\x00\x05\x16\x07"}


def problems(path: Path) -> dict[str, Problem]:
    with open_trace(path) as trace:
        assert [source.reader for source in trace.sources] == ["log_text"]
        return {problem.kind: problem for problem in trace.problems}


def files(folder: Path) -> Path:
    for name, content in {"log.txt": LOG.encode(), **BESIDE, **NOISE}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def check(found: dict[str, Problem], source: str) -> None:
    left = found["unclaimed-file"]
    assert (left.source, left.count) == (source, len(BESIDE))
    assert "by folder: its top folder 2, logs/Networking 1, logs/Networking/deep 1" not in left.message
    assert "its top folder 2, logs/Networking 2" in left.message
    assert all(name in left.sample for name in BESIDE)
    assert found["noise-file"].count == len(NOISE)


def test_every_file_of_a_folder_is_read_or_counted(tmp_path: Path) -> None:
    folder = files(tmp_path / "capture")
    (folder / "link.txt").symlink_to(folder / "log.txt")
    found = problems(folder)
    check(found, "capture")
    assert (found["link-skipped"].count, found["link-skipped"].sample) == (1, "link.txt")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_every_member_of_an_archive_is_read_or_counted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"capture.{kind}"
    members = {"log.txt": LOG.encode(), **BESIDE, **NOISE}
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, content in members.items():
                packed.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    check(problems(path), path.name)


def test_members_of_an_archive_in_an_archive_are_named_with_it(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("log.txt", LOG)
        packed.writestr("picture.png", b"\x89PNG")
    path = tmp_path / "outer.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("inner.zip", inner.getvalue())
    found = problems(path)["unclaimed-file"]
    assert (found.count, found.sample) == (1, "inner.zip/picture.png")


def test_a_capture_without_strangers_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture" / "log.txt").write_text(LOG)
    assert problems(tmp_path / "capture") == {}


@pytest.mark.parametrize("claimed", [True, False])
def test_parts_of_what_is_read_are_no_strangers(claimed: bool) -> None:  # noqa: FBT001  (a parameter of pytest)
    left, found = Unclaimed(), Problems()
    left.add(Candidate("00/ABCDEF", None, b"\x99\x88\x77\x66"))
    left.add(Candidate("x.PLSQL-wal", None, b"7\x7f\x06\x82"))
    left.report("folder", {"unified_log", "powerlog"} if claimed else {"ips"}, found)
    assert [problem.count for problem in found] == ([] if claimed else [2])


def test_many_folders_are_summed_up() -> None:
    left, found = Unclaimed(), Problems()
    for folder in range(300):
        left.add(Candidate(f"root/{folder:03}/file", None, b"x"))
    left.report("capture", set(), found)
    (problem,) = found
    assert problem.count == 300
    assert problem.message.endswith("038 1, 039 1 and 260 in 260 more folders")


def test_noise() -> None:
    assert all(map(is_noise, ("a/.DS_Store", "__MACOSX/a/b", "x/._y", "Thumbs.db")))
    assert not any(map(is_noise, ("a.DS_Store.txt", "DS_Store", "x/_y")))


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("inside", ["Call.trace/", ""])
def test_a_packed_bundle_gets_the_export_command(tmp_path: Path, kind: str, inside: str) -> None:
    path = tmp_path / f"packed.{kind}"
    members = ("form.template", "corespace/run1/core/stores/bulkstore", "corespace/currentRun/x", "shared_data/1.run")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name in members:
                packed.writestr(inside + name, b"\x00binary")
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name in members:
                info = tarfile.TarInfo(inside + name)
                info.size = 7
                archive.addfile(info, io.BytesIO(b"\x00binary"))
    with pytest.raises(InputError, match=r"xctrace export --input .* --toc"):
        open_trace(path)


def test_a_packed_bundle_beside_a_log_is_a_problem_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("log.txt", LOG)
        packed.writestr("Call.trace/corespace/run1/x", b"\x00")
        packed.writestr("Call.trace/corespace/run1/y", b"\x00")
    found = problems(path)
    assert set(found) == {"unreadable-source"}
    assert "xctrace export --input Call.trace --toc" in found["unreadable-source"].message


PACKED = {"a.txt.xz": lzma.compress(LOG.encode()), "a.txt.bz2": bz2.compress(LOG.encode()), "b.bz2": bz2.compress(b"")}


def test_what_is_packed_in_another_way_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in PACKED.items():
        (folder / name).write_bytes(content)
        with pytest.raises(UnknownFormatError, match=r"packed with (xz|bzip2), which is not opened; unpack it first"):
            open_trace(folder / name)
    with pytest.raises(
        UnknownFormatError, match=r"2 files in it packed with bzip2: unpack first; 1 file in it packed with xz"
    ):
        open_trace(folder)
    (folder / "log.txt").write_text(LOG)
    found = problems(folder)["unclaimed-file"]
    assert found.count == 3
    assert "packed with xz" in found.message


def test_archives_in_a_folder_are_told_by_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        info = tarfile.TarInfo("log.txt")
        info.size = len(LOG)
        archive.addfile(info, io.BytesIO(LOG.encode()))
    (folder / "odd.gz").write_bytes(gzip.compress(inner.getvalue()))
    (folder / "odd").write_bytes(inner.getvalue())
    (folder / "prose.txt.gz").write_bytes(gzip.compress(b"prose"))
    with pytest.raises(UnknownFormatError, match="2 archives in it: name one, or use `traceview batch`"):
        open_trace(folder)
    with open_trace(folder / "odd.gz") as trace:
        assert trace.table("log").num_rows == 1
