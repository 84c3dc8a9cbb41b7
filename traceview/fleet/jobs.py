"""Which captures lie in a source, and how they are keyed and sharded."""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct

from traceview_parsers.container import HEAD_BYTES, is_archive
from traceview_parsers.errors import InputError, UsageError
from traceview_parsers.problems import Problems
from traceview_parsers.registry import best_reader
from traceview_parsers.trace import Candidate

_CAPTURE_SUFFIXES = (".tar.gz", ".tgz", ".zip", ".tracev3", ".log", ".ndjson", ".ips", ".crash", ".plsql", ".plsql.gz")
"""Names that nothing but a capture has."""

_COPY_BYTES = 1 << 20


class Job(Struct, frozen=True):
    """One capture of a batch.

    Attributes:
        path: Where it lies, absolute.
        name: Path below the source.
        key: Stable key from name, sizes and modification times: tells whether a capture was done before.
    """

    path: Path
    name: str
    key: str


def find_jobs(source: Path, *, skip: Path | None = None, problems: Problems | None = None) -> list[Job]:
    """Return the captures below a folder (or the one that `source` itself is), by name.

    A ``.logarchive``, a folder with ``sysdiagnose.log``, an archive and each other file that a reader claims is one; so
    is a file or folder that may not be read: its analysis will say why. Hidden entries and symbolic links are left out.

    Args:
        source: A folder, or one capture.
        skip: A folder that is no source even where it lies below one, such as the data set itself.
        problems: Gets the readers that failed when they were asked about a file or folder.

    Raises:
        InputError: The source does not exist or holds no capture.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    paths = sorted(_captures(source, skip and skip.resolve(), Problems() if problems is None else problems))
    if not paths:
        raise InputError(f"{source}: holds no capture that can be read; `traceview doctor --formats` lists what can be")
    base = source if source.is_dir() else source.parent
    return [_job(path, path.relative_to(base).as_posix() if path != source else path.name) for path in paths]


def _captures(path: Path, skip: Path | None, problems: Problems) -> Iterator[Path]:
    if path.is_dir():
        yield from _in_folder(path, skip, problems)
    elif path.is_file() and _is_capture(path, problems):
        yield path


def _in_folder(path: Path, skip: Path | None, problems: Problems) -> Iterator[Path]:
    if skip is not None and path.resolve() == skip:
        return
    try:
        if best_reader(Candidate(path.name, path, is_dir=True), problems) or (path / "sysdiagnose.log").is_file():
            yield path
            return
        entries = [entry for entry in os.scandir(path) if not entry.name.startswith(".") and not entry.is_symlink()]
    except OSError:
        yield path  # its analysis fails for the same reason, and that is its row
        return
    for entry in entries:
        yield from _captures(Path(entry.path), skip, problems)


def _is_capture(path: Path, problems: Problems) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return True  # as above
    if is_archive(head) or best_reader(Candidate(path.name, path, head), problems) is not None:
        return True
    return path.name.lower().endswith(_CAPTURE_SUFFIXES)  # damaged or empty: its analysis fails, and that is its row


def _job(path: Path, name: str) -> Job:
    digest = blake2b(name.encode("utf-8", "surrogateescape"), digest_size=12)
    for file in _files(path):
        try:
            status = file.stat()
        except OSError:
            continue  # it vanished or is closed to us: the analysis says so
        inside = str(file.relative_to(path)).encode("utf-8", "surrogateescape")
        digest.update(b"\0%s\0%d\0%d" % (inside, status.st_size, status.st_mtime_ns))
    return Job(path.absolute(), name, digest.hexdigest())


def content_hash(path: Path) -> str:
    """Return the BLAKE2b digest (hex) of a file, or of a folder's file names and contents."""
    digest = blake2b(digest_size=16)
    for file in _files(path):
        digest.update(str(file.relative_to(path)).encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as data:
            while block := data.read(_COPY_BYTES):
                digest.update(block)
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def parse_shard(text: str | None) -> tuple[int, int]:
    """``2/8`` → (1, 8): this run does every eighth capture. Raises UsageError for anything else."""
    if text is None:
        return 0, 1
    index, slash, count = text.partition("/")
    if slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index) - 1, int(count)
    raise UsageError(f"--shard {text}: give it as I/N with I from 1 to N")


def in_shard(job: Job, shard: tuple[int, int]) -> bool:
    """Whether the job belongs to this shard; the same for every run that names the same N."""
    return int(job.key, 16) % shard[1] == shard[0]
