"""Archives are hostile: nothing leaves the folder, bombs stop, damage keeps what lies before."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from traceview_parsers.archive import Limits
from traceview_parsers.container import is_archive, unpack
from traceview_parsers.errors import InputError, UnsafeInputError
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, Trace


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep unpacked folders out of the machine's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def everything(_: Candidate) -> bool:
    return True


def tar_gz(path: Path, members: dict[str, bytes], **extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra.values():
            archive.addfile(info)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_wanted_members_are_kept_with_their_content(tmp_path: Path) -> None:
    big = bytes(range(256)) * 20_000
    archive = tar_gz(tmp_path / "a.tar.gz", {"root/a.log": b"one", "root/b.bin": big, "root/c.txt": b"no"})
    problems = Problems()
    folder = unpack(archive, lambda member: not member.name.endswith(".txt"), problems)
    assert files(folder) == {"root/a.log": b"one", "root/b.bin": big}
    assert len(problems) == 0


def test_the_head_is_offered_once(tmp_path: Path) -> None:
    seen: list[Candidate] = []

    def wants(member: Candidate) -> bool:
        seen.append(member)
        return False

    unpack(tar_gz(tmp_path / "a.tgz", {"x": b"z" * 10_000}), wants, Problems())
    assert [(member.name, len(member.head)) for member in seen] == [("x", 4096)]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "a\\..\\..\\evil", "x" * 2000])
def test_members_that_leave_the_folder_are_skipped(tmp_path: Path, name: str) -> None:
    problems = Problems()
    folder = unpack(tar_gz(tmp_path / "a.tar.gz", {name: b"bad", "good": b"fine"}), everything, problems)
    assert files(folder) == {"good": b"fine"}
    assert [problem.kind for problem in problems] == ["unsafe-path"]
    assert not (tmp_path / "evil").exists()


def test_members_keep_their_time_for_texts_without_a_date(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, when in (("old.log", 1_700_000_000), ("absurd.log", -(1 << 62))):
            info = tarfile.TarInfo(name)
            info.mtime = when
            archive.addfile(info)
    folder = unpack(path, everything, Problems())
    assert (folder / "old.log").stat().st_mtime == 1_700_000_000
    assert (folder / "absurd.log").exists()


def test_where_an_archive_tells_no_time_its_own_counts(tmp_path: Path) -> None:
    written = 1_600_000_000
    for name in ("a.tar.gz", "a.zip"):
        path = tmp_path / name
        if name == "a.zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(zipfile.ZipInfo("x"), b"1")
        else:
            tar_gz(path, {"x": b"1"})
        os.utime(path, (written, written))
        assert (unpack(path, everything, Problems()) / "x").stat().st_mtime == written


def test_the_time_of_a_zip_member_is_utc_where_it_tells_that(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("x", (2024, 7, 9, 2, 0, 0))
    info.extra = b"\xfe\xca\1\0?" + b"UT\5\0\1" + (1_720_483_200).to_bytes(4, "little")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"1")
    assert (unpack(tmp_path / "a.zip", everything, Problems()) / "x").stat().st_mtime == 1_720_483_200


@pytest.mark.parametrize(("told", "found"), [(1_700_000_000, 1_700_000_000), (0, 1_600_000_000)])
def test_a_lone_gzip_file_tells_when_its_content_was_written(tmp_path: Path, told: int, found: int) -> None:
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"1", mtime=told))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert (unpack(path, everything, Problems()) / "x.txt").stat().st_mtime == found


def test_links_and_devices_are_skipped(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    problems = Problems()
    folder = unpack(tar_gz(tmp_path / "a.tar.gz", {"good": b"fine"}, link=link, device=device), everything, problems)
    assert files(folder) == {"good": b"fine"}
    assert [(problem.kind, problem.count) for problem in problems] == [("link-skipped", 2)]


def test_apple_double_files_are_skipped(tmp_path: Path) -> None:
    folder = unpack(tar_gz(tmp_path / "a.tar.gz", {"._x": b"junk", "x": b"1"}), everything, Problems())
    assert files(folder) == {"x": b"1"}


def test_a_name_that_is_both_file_and_folder_is_counted(tmp_path: Path) -> None:
    problems = Problems()
    folder = unpack(tar_gz(tmp_path / "a.tar.gz", {"x": b"1", "x/y": b"2"}), everything, problems)
    assert files(folder) == {"x": b"1"}
    assert [problem.kind for problem in problems] == ["duplicate-member"]


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_cut_archive_keeps_what_lies_before(tmp_path: Path, cut: float) -> None:
    noise = hashlib.shake_128(b"noise").digest(60_000)
    archive = tar_gz(tmp_path / "a.tar.gz", {f"m{n}": noise[n * 3000 : (n + 1) * 3000] for n in range(20)})
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * cut)])
    problems = Problems()
    kept = files(unpack(archive, everything, problems))
    assert [problem.kind for problem in problems] == ["truncated-archive"]
    assert len(kept) >= int(20 * cut) - 2
    whole = [name for name, content in kept.items() if content == noise[int(name[1:]) * 3000 :][:3000]]
    assert len(whole) >= len(kept) - 1


def test_a_cut_behind_the_last_member_is_told(tmp_path: Path) -> None:
    archive = tar_gz(tmp_path / "a.tar.gz", {"a.log": b"text"})
    archive.write_bytes(archive.read_bytes()[:-8])
    problems = Problems()
    assert files(unpack(archive, everything, problems)) == {"a.log": b"text"}
    assert [problem.kind for problem in problems] == ["truncated-archive"]


def test_an_archive_without_a_readable_member_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "a.tar.gz"
    broken.write_bytes(b"\x1f\x8b\x08" + b"junk" * 50)
    with pytest.raises(InputError, match=r"a\.tar\.gz: damaged or incomplete"):
        unpack(broken, everything, Problems())


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb") as out:
        for _ in range(300):
            out.write(bytes(1 << 20))
    with pytest.raises(UnsafeInputError, match="decompression bomb"):
        unpack(bomb, everything, Problems(), Limits(ratio=100))


def test_too_many_members_are_stopped(tmp_path: Path) -> None:
    archive = tar_gz(tmp_path / "a.tar.gz", {f"m{n}": b"" for n in range(20)})
    with pytest.raises(UnsafeInputError, match="more than 10 members"):
        unpack(archive, everything, Problems(), Limits(members=10))


def test_members_without_bytes_cost_little(tmp_path: Path) -> None:
    inner = tar_gz(tmp_path / "inner.tar.gz", {f"in/{number}": b"" for number in range(9)}).read_bytes()
    members = {f"{number}/x": b"" for number in range(20)} | {"last": b"here", "inner.tar.gz": inner}
    problems = Problems()
    folder = unpack(tar_gz(tmp_path / "a.tar.gz", members), everything, problems, Limits(empty=15))
    assert files(folder) == {f"{number}/x": b"" for number in range(15)} | {"last": b"here"}
    assert [(one.source, one.kind, one.count, one.sample) for one in problems] == [
        ("a.tar.gz", "empty-members", 5, "15/x"),
        ("inner.tar.gz", "empty-members", 9, "in/0"),
    ]


def test_too_much_to_keep_is_stopped(tmp_path: Path) -> None:
    archive = tar_gz(tmp_path / "a.tar.gz", {"m": bytes(5000)})
    with pytest.raises(UnsafeInputError, match="temporary space"):
        unpack(archive, everything, Problems(), Limits(kept_bytes=4000))


def test_zip_members_and_encrypted_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dir/a.log", "text")
        archive.writestr("secret", "x")
    data = bytearray(path.read_bytes())
    for at in (data.find(b"PK\x03\x04", 10), data.rfind(b"PK\x01\x02")):  # flag bit 0 of the second member
        data[at + (6 if data[at + 2] == 3 else 8)] |= 1
    path.write_bytes(data)
    problems = Problems()
    assert files(unpack(path, everything, problems)) == {"dir/a.log": b"text"}
    assert [problem.kind for problem in problems] == ["encrypted"]


def test_archives_in_archives_are_opened_to_a_depth(tmp_path: Path) -> None:
    inner = tar_gz(tmp_path / "inner.tar.gz", {"a.log": b"deep"}).read_bytes()
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.tar.gz", inner)
    assert files(unpack(outer, everything, Problems())) == {"inner.tar.gz.unpacked/a.log": b"deep"}
    with pytest.raises(UnsafeInputError, match="nested"):
        unpack(outer, everything, Problems(), Limits(depth=1))


def test_a_lone_gzip_file_is_one_member(tmp_path: Path) -> None:
    path = tmp_path / "device.log.gz"
    path.write_bytes(gzip.compress(b"li") + gzip.compress(b"ne\n") + bytes(512))  # two members and padding
    problems = Problems()
    assert files(unpack(path, everything, problems)) == {"device.log": b"line\n"}
    assert not list(problems)


def test_what_is_an_archive() -> None:
    assert is_archive(b"\x1f\x8b\x08")
    assert is_archive(b"PK\x03\x04")
    assert is_archive(b"\0" * 257 + b"ustar\0")
    assert not is_archive(b"{}")
    assert not is_archive(b"")


def test_an_interrupt_while_files_are_removed_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    removed: list[Path] = []

    def remove(folder: Path, *, ignore_errors: bool) -> None:
        assert ignore_errors
        removed.append(folder)
        if len(removed) == 1:
            raise KeyboardInterrupt
        folder.rmdir()

    monkeypatch.setattr("traceview_parsers.trace.shutil.rmtree", remove)
    trace = Trace()
    for folder in folders:
        folder.mkdir()
        trace.remove_at_close(folder)
    with pytest.raises(KeyboardInterrupt):
        trace.close()
    assert removed == [folders[1], folders[1], folders[0]]
    assert not [folder for folder in folders if folder.exists()]
    trace.close()


def test_what_nobody_closed_is_removed_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    program = "import sys; from pathlib import Path; from traceview_parsers.trace import Trace; "
    program += "trace = Trace(); trace.remove_at_close(Path(sys.argv[1])); sys.exit(3)"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "left")], check=False)
    assert done.returncode == 3
    assert not (tmp_path / "left").exists()


def test_a_folder_is_told_before_anything_is_unpacked_into_it(tmp_path: Path) -> None:
    told: list[Path] = []

    def made(folder: Path) -> None:
        assert not list(folder.iterdir())
        told.append(folder)

    assert [unpack(tar_gz(tmp_path / "a.tar.gz", {"good": b"fine"}), everything, Problems(), made=made)] == told
