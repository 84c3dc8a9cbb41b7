"""Which captures lie in a source, and how they are keyed and sharded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from traceview_parsers.container import HEAD_BYTES, is_archive
from traceview_parsers.errors import InputError, UsageError
from traceview_parsers.registry import best_reader
from traceview_parsers.trace import Candidate

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One capture of a batch.

    Attributes:
        path: Where it lies.
        name: Path below the source.
        key: Stable key from name, sizes and modification times: tells whether a capture was done before.
    """

    path: Path
    name: str
    key: str


def find_jobs(source: Path) -> list[Job]:
    """Return the captures below a folder (or the one that `source` itself is), by name.

    A ``.logarchive``, a folder with ``sysdiagnose.log``, an archive and each other file that a reader claims is one.

    Raises:
        InputError: The source does not exist or holds no capture.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    try:
        paths = sorted(_captures(source))
    except OSError as error:
        raise InputError(f"{error.filename}: {(error.strerror or str(error)).lower()}") from error
    if not paths:
        raise InputError(f"{source}: holds no capture that can be read")
    base = source if source.is_dir() else source.parent
    return [_job(path, path.relative_to(base).as_posix() if path != source else path.name) for path in paths]


def _captures(path: Path) -> Iterator[Path]:
    if path.is_dir():
        if best_reader(Candidate(path.name, path, is_dir=True)) or (path / "sysdiagnose.log").is_file():
            yield path
            return
        for entry in os.scandir(path):
            if not entry.name.startswith(".") and not entry.is_symlink():
                yield from _captures(Path(entry.path))
        return
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if is_archive(head) or best_reader(Candidate(path.name, path, head)):
        yield path


def _job(path: Path, name: str) -> Job:
    digest = blake2b(name.encode("utf-8", "surrogateescape"), digest_size=12)
    for file in _files(path):
        status = file.stat()
        digest.update(f"\0{file.relative_to(path)}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "replace"))
    return Job(path, name, digest.hexdigest())


def content_hash(path: Path) -> str:
    """Return the BLAKE2b digest (hex) of a file, or of a folder's file names and contents."""
    digest = blake2b(digest_size=16)
    for file in _files(path):
        digest.update(str(file.relative_to(path)).encode("utf-8", "replace") + b"\0")
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
