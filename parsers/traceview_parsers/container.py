"""Archives: members that some reader wants are streamed once into a temporary folder, safely.

Accepts ``.tar``, ``.tar.gz``/``.tgz``, ``.zip`` and lone ``.gz`` files, recognised by content. Archives are hostile:
links are skipped, paths never leave the folder, and `Limits` stop bombs.
"""

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from traceview_parsers.errors import InputError, UnsafeInputError
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate


def _fastest_zlib() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415  (optional: unpacks twice as fast)
    except ImportError:
        return zlib
    return isal_zlib


_ZLIB = _fastest_zlib()
_DAMAGE = (EOFError, OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, _ZLIB.error)
"""What the libraries raise on archives that are cut or broken."""

HEAD_BYTES = 4096
COPY_BYTES = 1 << 20
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")

Wants = Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may cost.

    The largest real sysdiagnose seen is 195 MB packed and unpacks to about five times that; plain log text packs at
    most about 30 times. The limits leave an order of magnitude.

    Attributes:
        members: Entries, wanted or not.
        kept_bytes: Total size of wanted members on disk.
        ratio: Unpacked size over packed size, counted once 256 MiB were unpacked.
        depth: Archives within archives.
        name_characters: Length of a member's path.
    """

    members: int = 500_000
    kept_bytes: int = 64 << 30
    ratio: int = 300
    depth: int = 3
    name_characters: int = 1024


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    open: Callable[[], IO[bytes]]
    modified: float | None = None


class _Meter:
    """Counts bytes in and out and stops an archive that breaks its limits."""

    def __init__(self, source: str, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.packed: Callable[[], int] = lambda: 0
        self.unpacked = 0
        self.kept = 0
        self.members = 0
        self.broken: Exception | None = None

    def member(self) -> None:
        self.members += 1
        if self.members > self.limits.members:
            raise UnsafeInputError(
                f"{self.source}: more than {self.limits.members:,} members; unpack it yourself and give the folder"
            )

    def read(self, size: int) -> None:
        self.unpacked += size
        if self.unpacked > 256 << 20 and self.unpacked > self.limits.ratio * max(self.packed(), 1):
            raise UnsafeInputError(
                f"{self.source}: unpacks to more than {self.limits.ratio} times its size, like a decompression bomb; "
                "unpack it yourself if you trust it and give the folder"
            )

    def keep(self, size: int) -> None:
        self.kept += size
        if self.kept > self.limits.kept_bytes:
            raise UnsafeInputError(
                f"{self.source}: needs more than {self.limits.kept_bytes >> 30} GiB of temporary space; "
                "unpack it yourself and give the folder"
            )


class _CountingReader(io.RawIOBase):
    """A binary file that tells how much was read from it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


class _Gunzip(io.RawIOBase):
    """The unpacked bytes of a gzip stream (of any number of members) up to where it breaks; the meter learns how."""

    def __init__(self, stream: IO[bytes], meter: "_Meter") -> None:
        self._stream = stream
        self._meter = meter
        self._member = _ZLIB.decompressobj(wbits=31)
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            packed = self._waiting or self._stream.read(HEAD_BYTES * 32)
            if not packed:
                if not self._member.eof:
                    self._meter.broken = EOFError("ends in the middle of the compressed data")
                return 0
            if self._member.eof:
                packed = packed.lstrip(b"\0")  # padding after a member
                self._waiting = b""
                if not packed:
                    continue
                self._member = _ZLIB.decompressobj(wbits=31)
            try:
                data = self._member.decompress(packed, len(buffer))
            except _ZLIB.error as error:
                self._meter.broken = error
                self._waiting = b""
                return 0
            self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if data:
                buffer[: len(data)] = data
                return len(data)


def is_archive(head: bytes) -> bool:
    """Whether a file with these first bytes is an archive or a gzip file that `unpack` opens."""
    return head[:2] == b"\x1f\x8b" or head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head[257:262] == b"ustar"


def unpack(path: Path, wants: Wants, problems: Problems, limits: Limits | None = None, depth: int = 1) -> Path:
    """Stream the wanted members of an archive into a new temporary folder and return it.

    Args:
        path: The archive.
        wants: Asked once a member with its name and first 4,096 bytes.
        problems: Gets skipped links, unsafe paths, encrypted members, and where a damaged archive ends.
        limits: What the archive may cost.
        depth: How many archives deep this one lies.

    Raises:
        InputError: Nothing can be read from it.
        UnsafeInputError: It breaks a limit; the folder is removed.
    """
    limits = limits or Limits()
    if depth > limits.depth:
        raise UnsafeInputError(f"{path.name}: archives nested more than {limits.depth} deep; unpack it yourself")
    folder = Path(tempfile.mkdtemp(prefix="traceview-"))
    try:
        _unpack_into(folder, path, wants, problems, limits)
        _unpack_nested(folder, wants, problems, limits, depth)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _unpack_into(folder: Path, path: Path, wants: Wants, problems: Problems, limits: Limits) -> None:
    meter = _Meter(path.name, limits)
    try:
        for member in _members(path, problems, meter):
            meter.member()
            target = _safe_target(folder, member.name, limits)
            if target is None:
                problems.add(
                    path.name, "unsafe-path", "members that would be written elsewhere were skipped", sample=member.name
                )
                continue
            _copy(member, target, wants, meter, problems)
        if meter.broken is not None:
            raise meter.broken
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{path}: cannot be unpacked: {error.strerror}") from error
        if not meter.members:
            raise InputError(f"{path}: damaged or incomplete archive, nothing could be read ({error})") from error
        problems.add(
            path.name,
            "truncated-archive",
            f"the archive is damaged or cut off after {meter.members:,} members; what lies before was read",
            position=meter.packed(),
            sample=str(error),
        )


def _members(path: Path, problems: Problems, meter: _Meter) -> Iterator[_Member]:
    with path.open("rb") as file:
        head = file.read(512)
        file.seek(0)
        if head[:2] == b"PK":
            yield from _zip_members(path, problems, meter)
            return
        counted = _CountingReader(file)
        meter.packed = lambda: counted.count
        stream: IO[bytes] = io.BufferedReader(counted, COPY_BYTES)
        if head[:2] == b"\x1f\x8b":
            stream = io.BufferedReader(_Gunzip(stream, meter), COPY_BYTES)
            named_tar = path.name.lower().endswith((".tar.gz", ".tgz"))
            if not named_tar and stream.peek(512)[257:262] != b"ustar":
                yield _Member(path.name.removesuffix(".gz"), -1, lambda: stream)
                return
        yield from _tar_members(stream, path, problems)


def _tar_members(stream: IO[bytes], path: Path, problems: Problems) -> Iterator[_Member]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            if info.isreg():
                yield _Member(info.name, info.size, partial(_extract, archive, info), info.mtime)
            elif not info.isdir():
                problems.add(
                    path.name, "link-skipped", "links and devices in an archive are not read", sample=info.name
                )


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    return cast("IO[bytes]", archive.extractfile(info))  # a regular member always has data


def _zip_time(info: zipfile.ZipInfo) -> float | None:
    """Return the time of a member, taken as UTC: zip files store a local time without its zone."""
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _zip_members(path: Path, problems: Problems, meter: _Meter) -> Iterator[_Member]:
    size = path.stat().st_size
    meter.packed = lambda: size
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                problems.add(path.name, "encrypted", "encrypted members cannot be read", sample=info.filename)
                continue
            yield _Member(info.filename, info.file_size, partial(archive.open, info), _zip_time(info))


def _safe_target(folder: Path, name: str, limits: Limits) -> Path | None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    bad = not parts or len(name) > limits.name_characters or "\0" in name
    if bad or parts[0].endswith(":") or any(part in ("/", "..") for part in parts):
        return None
    return folder.joinpath(*parts)


def _copy(member: _Member, target: Path, wants: Wants, meter: _Meter, problems: Problems) -> None:
    if target.name.startswith("._"):
        return
    with member.open() as data:
        head = data.read(HEAD_BYTES)
        meter.read(len(head))
        nested = is_archive(head) and target.name.lower().endswith(ARCHIVE_SUFFIXES)
        if not nested and not wants(Candidate(member.name, None, head)):
            meter.read(max(member.size - len(head), 0))
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            problems.add(
                meter.source, "duplicate-member", "members of the same name: the first was read", sample=member.name
            )
            return
        with out:
            while head:
                meter.keep(len(head))
                out.write(head)
                head = data.read(COPY_BYTES)
                meter.read(len(head))
    if member.modified is not None:
        with suppress(OSError, OverflowError, ValueError):  # a hostile time only costs the date of undated texts
            os.utime(target, (member.modified, member.modified))


def _unpack_nested(folder: Path, wants: Wants, problems: Problems, limits: Limits, depth: int) -> None:
    for path in sorted(folder.rglob("*")):
        if not path.name.lower().endswith(ARCHIVE_SUFFIXES) or not path.is_file():
            continue
        try:
            inner = unpack(path, wants, problems, limits, depth + 1)
        except UnsafeInputError:
            raise
        except InputError as error:
            problems.add(path.name, "unreadable-archive", str(error))
        else:
            shutil.move(inner, path.with_name(path.name + ".unpacked"))
        path.unlink()
