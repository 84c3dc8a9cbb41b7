"""What lies in an archive: the members of tar, gzip and zip files as streams, and the meter that stops bombs."""

import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from msgspec import Struct

from traceview_parsers.errors import UnsafeInputError
from traceview_parsers.problems import Problems


def _fastest_zlib() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415  (optional: unpacks twice as fast)
    except ImportError:
        return zlib
    return isal_zlib


_ZLIB = _fastest_zlib()
DAMAGE = (EOFError, OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, _ZLIB.error, lzma.LZMAError)
"""What the libraries raise on archives that are cut or broken."""

COPY_BYTES = 1 << 20
GZIP_BYTES = 4096
"""Packed bytes unpacked at a time: where the stream breaks, that much before the break is lost."""
_UNIX_TIMES = 0x5455
"""Extra field with the time of the last change in UTC (Info-ZIP, "extrafld.txt": extended timestamp)."""
_EXTRA_HEADER = struct.Struct("<HH")
_FIRST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
TAR_HEADER_BYTES = 1 << 20
"""What a tar header (long names, attributes, maps of sparse files) may take; real ones take some kilobytes."""


class Limits(Struct, frozen=True):
    """What an archive may cost.

    The largest real sysdiagnose seen is 195 MB packed and unpacks to about five times that; plain log text packs at
    most about 30 times. The limits leave an order of magnitude.

    Attributes:
        members: Entries, wanted or not.
        kept_bytes: Total size of wanted members on disk.
        ratio: Unpacked size over packed size, counted once 256 MiB were unpacked.
        depth: Archives within archives.
        name_bytes: Length of a member's path.
        empty: Members without any bytes; more are no bomb, but not written either (heuristic: a file costs as much as
            kilobytes of data, and real archives have few).
    """

    members: int = 500_000
    kept_bytes: int = 64 << 30
    ratio: int = 300
    depth: int = 3
    name_bytes: int = 1024
    empty: int = 1000


class Member(Struct, frozen=True):
    """A file in an archive.

    Attributes:
        name: Path inside the archive.
        open: Returns its data.
        modified: Seconds since 1970, where the archive tells: 0, which some programs write, tells nothing.
        metered: Its bytes were counted when the archive's stream was unpacked.
        alone: It lies apart from the others, which can be read even where it is damaged.
    """

    name: str
    open: Callable[[], IO[bytes]]
    modified: float | None = None
    metered: bool = False
    alone: bool = False


class Meter:
    """Counts bytes in and out and stops an archive that breaks its limits, alone or with those it lies in."""

    def __init__(self, source: str, limits: Limits, outer: "Meter | None" = None) -> None:
        self.source = source
        self.limits = limits
        self.outer = outer
        self.packed: Callable[[], int] = lambda: 0
        self.unpacked = 0
        self.kept = 0
        self.members = 0
        self.empties = 0
        self.broken: Exception | None = None

    def member(self) -> None:
        """Count a member."""
        if self.outer is not None:
            self.outer.member()
        self.members += 1
        if self.members > self.limits.members:
            raise UnsafeInputError(
                f"{self.source}: more than {self.limits.members:,} members; unpack it yourself and give the folder"
            )

    def empty(self) -> bool:
        """Count a member without any bytes; return whether it is worth a file."""
        self.empties += 1
        return (self.outer is None or self.outer.empty()) and self.empties <= self.limits.empty

    def read(self, size: int) -> None:
        """Count unpacked bytes."""
        if self.outer is not None:
            self.outer.read(size)
        self.unpacked += size
        if self.unpacked > 256 << 20 and self.unpacked > self.limits.ratio * max(self.packed(), 1):
            raise UnsafeInputError(
                f"{self.source}: unpacks to more than {self.limits.ratio} times its size, like a decompression bomb; "
                "unpack it yourself if you trust it and give the folder"
            )

    def keep(self, size: int) -> None:
        """Count bytes written to disk."""
        if self.outer is not None:
            self.outer.keep(size)
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


class _TarStream(io.RawIOBase):
    """The bytes of a tar archive up to `end`, which moves with each member: a longer header is a bomb."""

    def __init__(self, raw: IO[bytes], source: str) -> None:
        self._raw = raw
        self._source = source
        self._count = 0
        self.end = TAR_HEADER_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self._count += len(data)
        if self._count > self.end:
            raise UnsafeInputError(
                f"{self._source}: a member's header takes more than {TAR_HEADER_BYTES >> 20} MiB, like a bomb; "
                "unpack it yourself if you trust it and give the folder"
            )
        return data


class _Gunzip(io.RawIOBase):
    """The unpacked bytes of a gzip stream (of any number of members) up to where it breaks; the meter learns how."""

    def __init__(self, stream: IO[bytes], meter: "Meter") -> None:
        self._stream = stream
        self._meter = meter
        self._member = _ZLIB.decompressobj(wbits=31)
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            packed = self._waiting or self._stream.read(GZIP_BYTES)
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
                self._meter.read(len(data))
                buffer[: len(data)] = data
                return len(data)


def members(path: Path, problems: Problems, meter: Meter) -> Iterator[Member]:
    """Yield the files of an archive in its order; each is to be read before the next is asked for.

    What cannot be read is counted in `problems`. Raises one of `DAMAGE` where the archive breaks; a gzip stream ends
    there and leaves its error in ``meter.broken``. Raises UnsafeInputError where it breaks a limit.
    """
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
                modified = int.from_bytes(head[4:8], "little") or None  # RFC 1952: MTIME, 0 where there is none
                name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
                yield Member(name, lambda: stream, modified, metered=True)
                return
        yield from _tar_members(stream, path, problems)
        stream.read(COPY_BYTES)  # what follows a tar's end holds the checksum of a gzip stream


def printable_name(name: str) -> str:
    """Return a file name with bytes that are no UTF-8 as escapes: tables hold only real text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _tar_members(stream: IO[bytes], path: Path, problems: Problems) -> Iterator[Member]:
    limited = _TarStream(stream, path.name)
    with _open_tar(limited) as archive:
        while (info := _next_member(archive)) is not None:
            cast("Any", archive).members.clear()  # it would keep all of them
            limited.end = sys.maxsize
            if info.isreg():
                opened = partial(_extract, archive, info)
                yield Member(printable_name(info.name), opened, info.mtime or None, metered=not info.issparse())
            elif not info.isdir():
                problems.add(
                    path.name,
                    "link-skipped",
                    "links and devices in an archive are not read",
                    sample=printable_name(info.name),
                )
            limited.end = archive.offset + TAR_HEADER_BYTES


def _open_tar(stream: Any) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=stream, mode="r|")  # reads the first header
    except (ValueError, OverflowError) as error:
        raise tarfile.ReadError(str(error)) from error


def _next_member(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return archive.next()
    except (ValueError, OverflowError) as error:  # figures in extended headers that are none
        raise tarfile.ReadError(str(error)) from error


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    return cast("IO[bytes]", archive.extractfile(info))  # a regular member always has data


def _zip_time(info: zipfile.ZipInfo) -> float | None:
    """Return the time of a member: UTC where an extra field tells it, else the local time of the zip file, taken as UTC.

    None for the first moment that a zip file can tell, which stands for an unknown one.
    """
    for extra in _extra_fields(info.extra):
        if extra[0] == _UNIX_TIMES and len(extra[1]) >= 5 and extra[1][0] & 1:
            return float(int.from_bytes(extra[1][1:5], "little", signed=True)) or None
    if info.date_time <= _FIRST_ZIP_TIME:
        return None
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _extra_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _EXTRA_HEADER.size:
        kind, size = _EXTRA_HEADER.unpack_from(data)
        yield kind, data[_EXTRA_HEADER.size : _EXTRA_HEADER.size + size]
        data = data[_EXTRA_HEADER.size + size :]


def _zip_members(path: Path, problems: Problems, meter: Meter) -> Iterator[Member]:
    size = path.stat().st_size
    meter.packed = lambda: size
    with _open_zip(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                problems.add(path.name, "encrypted", "encrypted members cannot be read", sample=info.filename)
                continue
            yield Member(info.filename, partial(_open_zipped, archive, info), _zip_time(info), alone=True)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (NotImplementedError, ValueError, struct.error) as error:  # versions, names and sizes that are none
        raise zipfile.BadZipFile(str(error)) from error


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(info)
    except (RuntimeError, ValueError, struct.error) as error:  # methods that Python cannot unpack, offsets that lie
        raise zipfile.BadZipFile(str(error)) from error
