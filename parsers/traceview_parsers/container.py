"""Archives: members that some reader wants are streamed once into a temporary folder, safely.

Accepts ``.tar``, ``.tar.gz``/``.tgz``, ``.zip`` and lone ``.gz`` files, recognised by content. Archives are hostile:
links are skipped, paths never leave the folder, and `Limits` stop bombs.
"""

import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from traceview_parsers.archive import COPY_BYTES, DAMAGE, Limits, Member, Meter, members, printable_name
from traceview_parsers.errors import InputError, UnsafeInputError
from traceview_parsers.problems import Problems
from traceview_parsers.temporary import unused_folder
from traceview_parsers.trace import Candidate

HEAD_BYTES = 4096
NAME_BYTES = 255
"""Longest name of a file on common file systems."""
GZIP = b"\x1f\x8b"
"""First bytes of a gzip file (RFC 1952)."""
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
_PACKINGS = {
    "xz": rb"\xfd7zXZ\0",
    "bzip2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "Zstandard": rb"\x28\xb5\x2f\xfd",
    "LZ4": rb"\x04\x22M\x18",
    "7-Zip": rb"7z\xbc\xaf\x27\x1c",
    "RAR": rb"Rar!\x1a\x07",
}
"""First bytes of what is packed in other ways, as their formats say."""

Wants = Callable[[Candidate], bool]


def is_archive(head: bytes) -> bool:
    """Whether a file with these first bytes is an archive or a gzip file that `unpack` opens."""
    return head[:2] == GZIP or head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head[257:262] == b"ustar"


def other_packing(head: bytes) -> str | None:
    """Return the name of the packing of a file with these first bytes where it is one that `unpack` does not open."""
    return next((name for name, magic in _PACKINGS.items() if re.match(magic, head)), None)


def unpacked_head(head: bytes) -> bytes:
    """Return the first bytes of what a gzip file holds that begins with `head`; empty where it is none, or damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def packed_file(candidate: Candidate) -> Candidate | None:
    """Return the one file that a gzip file holds, not on disk yet; None where it is no gzip file, or holds an archive."""
    name = candidate.name
    if candidate.is_dir or not candidate.head.startswith(GZIP) or name.lower().endswith(ARCHIVE_SUFFIXES):
        return None
    head = unpacked_head(candidate.head)
    name = name[:-3] if name.lower().endswith(".gz") else name
    return Candidate(name, None, head) if head and not is_archive(head) else None


def is_nested(candidate: Candidate) -> bool:
    """Whether an archive member is an archive that `unpack` opens in turn."""
    return is_archive(candidate.head) and candidate.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpack(
    path: Path,
    wants: Wants,
    problems: Problems,
    limits: Limits | None = None,
    *,
    made: Callable[[Path], None] | None = None,
) -> Path:
    """Stream the wanted members of an archive into a new temporary folder and return it.

    Args:
        path: The archive.
        wants: Asked once a member with its name and first 4,096 bytes; its answer does not count for archives in the
            archive, which are always opened, and for ``._`` files, which never are.
        problems: Gets skipped links, unsafe paths, encrypted members, and where a damaged archive ends.
        limits: What the archive may cost, with all archives inside it.
        made: Told the folder as soon as it is there, so that whoever is interrupted can remove it.

    Raises:
        InputError: Nothing can be read from it.
        UnsafeInputError: It breaks a limit; the folder is removed.
    """
    return _unpack(path, wants, problems, Meter(path.name, limits or Limits()), 1, made=made)


class Gzipped:
    """Unpacks the files of a folder that were packed one by one, within one set of limits.

    Args:
        made: Told each temporary folder, as by `unpack`.
        limits: What all of them may cost.
    """

    def __init__(self, made: Callable[[Path], None], limits: Limits | None = None) -> None:
        self._made = made
        self._packed = [0]
        self._meter = Meter("files packed with gzip", limits or Limits())
        self._meter.packed = partial(sum, self._packed)

    def unpack(self, path: Path, problems: Problems) -> Path:
        """Return the unpacked file. Raises InputError where nothing can be read, or a limit is broken."""
        self._packed[0] += path.stat().st_size
        meter = Meter(path.name, self._meter.limits, self._meter)
        folder = _unpack(path, lambda _: True, problems, meter, 1, made=self._made)
        found = next((file for file in folder.rglob("*") if file.is_file()), None)
        if found is None:
            raise InputError(f"{path}: holds no file")
        return found


def _unpack(
    path: Path,
    wants: Wants,
    problems: Problems,
    meter: Meter,
    depth: int,
    *,
    made: Callable[[Path], None] | None = None,
) -> Path:
    if depth > meter.limits.depth:
        raise UnsafeInputError(f"{path.name}: archives nested more than {meter.limits.depth} deep; unpack it yourself")
    folder: Path | None = None
    try:
        try:
            folder = unused_folder()
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise InputError(f"{path}: no temporary folder to unpack it into ({error}); set TMPDIR") from error
        if made is not None:
            made(folder)
        _unpack_into(folder, path, wants, problems, meter)
        _unpack_nested(folder, wants, problems, meter, depth)
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _unpack_into(folder: Path, path: Path, wants: Wants, problems: Problems, meter: Meter) -> None:
    try:
        written = path.stat().st_mtime
        for member in members(path, problems, meter):
            meter.member()
            target = _safe_target(folder, member.name, meter.limits)
            if target is None:
                problems.add(
                    path.name, "unsafe-path", "members that would be written elsewhere were skipped", sample=member.name
                )
                continue
            try:
                _copy(replace(member, modified=member.modified or written), target, wants, meter, problems)
            except DAMAGE as error:
                if not member.alone or _of_system(error):
                    raise
                problems.add(
                    path.name,
                    "damaged-member",
                    "members that are damaged or packed in an unknown way were read up to there",
                    sample=f"{member.name}: {error}",
                )
        if meter.broken is not None:
            raise meter.broken
    except DAMAGE as error:
        if _of_system(error):
            raise InputError(f"{path}: cannot be unpacked into {tempfile.gettempdir()}: {error}") from error
        if not meter.members:
            raise InputError(f"{path}: damaged or incomplete archive, nothing could be read ({error})") from error
        problems.add(
            path.name,
            "truncated-archive",
            f"the archive is damaged or cut off after {meter.members:,} members; what lies before was read",
            position=meter.packed(),
            sample=str(error),
        )


def _of_system(error: BaseException) -> bool:
    """Whether the machine failed (disk full), not the archive."""
    return isinstance(error, OSError) and error.errno is not None


def _safe_target(folder: Path, name: str, limits: Limits) -> Path | None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    sizes = [len(part.encode()) for part in parts]
    bad = not parts or sum(sizes) > limits.name_bytes or max(sizes) > NAME_BYTES or "\0" in name
    if bad or parts[0].endswith(":") or any(part in ("/", "..") for part in parts):
        return None
    return folder.joinpath(*parts)


def _copy(member: Member, target: Path, wants: Wants, meter: Meter, problems: Problems) -> None:
    with member.open() as data:
        head = data.read(HEAD_BYTES)
        candidate = Candidate(member.name, None, head)
        if not (wants(candidate) or is_nested(candidate)) or target.name.startswith("._"):
            return
        if not head and not meter.empty():
            text = f"members without any bytes: the first {meter.limits.empty:,} were kept"
            problems.add(meter.source, "empty-members", text, sample=member.name)
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
                if not member.metered:
                    meter.read(len(head))
                meter.keep(len(head))
                out.write(head)
                head = data.read(COPY_BYTES)
    if member.modified is not None:
        with suppress(OSError, OverflowError, ValueError):  # a hostile time only costs the date of undated texts
            os.utime(target, (member.modified, member.modified))


def _unpack_nested(folder: Path, wants: Wants, problems: Problems, meter: Meter, depth: int) -> None:
    for path in sorted(folder.rglob("*")):
        if not path.name.lower().endswith(ARCHIVE_SUFFIXES) or not path.is_file():
            continue
        inside = partial(_asked_inside, wants, printable_name(path.relative_to(folder).as_posix()))
        try:
            inner = _unpack(path, inside, problems, Meter(path.name, meter.limits, meter), depth + 1)
        except UnsafeInputError:
            raise
        except InputError as error:
            problems.add(path.name, "unreadable-archive", str(error))
        else:
            shutil.move(inner, path.with_name(path.name + ".unpacked"))
        path.unlink()


def _asked_inside(wants: Wants, archive: str, candidate: Candidate) -> bool:
    return wants(replace(candidate, name=f"{archive}/{candidate.name}"))
