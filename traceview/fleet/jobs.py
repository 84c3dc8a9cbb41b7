"""Which captures lie in a source, and how they are keyed and sharded."""

import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct, field

from traceview_parsers.container import HEAD_BYTES, is_archive
from traceview_parsers.errors import InputError, UsageError
from traceview_parsers.problems import Problems
from traceview_parsers.registry import best_reader
from traceview_parsers.trace import Candidate

_CAPTURE_SUFFIXES = (
    *(".tar.gz", ".tgz", ".tar", ".zip", ".tracev3", ".trace", ".log", ".ndjson", ".ips", ".crash"),
    *(".plsql", ".plsql.gz"),
)
_FOLDER_SUFFIXES = (".logarchive", ".trace")
"""Names that nothing but a capture has."""

_COPY_BYTES = 1 << 20
_SAMPLES = 4
_FILE_SAMPLE_BYTES, _MEMBER_SAMPLE_BYTES = 1 << 16, 1 << 12
_MOST_SAMPLED = 16
"""What a key reads: so many pieces of so many bytes of a file, or of each of the largest files of a folder (heuristic;
a smaller file is read whole)."""


class Job(Struct, frozen=True):
    """One capture of a batch.

    Attributes:
        path: Where it lies, absolute.
        name: Path below the source.
        key: Stable key from the capture's own name (not its folders), sizes, modification times and samples of what it
            holds: tells whether a capture was done before, wherever it lay then.
    """

    path: Path
    name: str
    key: str


class LeftOut(Struct):
    """What lies in the sources and is no capture of the batch; hidden entries are not counted.

    Attributes:
        unknown: Path of each file that no reader knows and whose name does not tell a capture; for a source that is such
            a file, its own.
        links: Path of each symbolic link: none is followed.
    """

    unknown: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)


def find_jobs(
    source: Path, *, skip: Path | None = None, problems: Problems | None = None, left_out: LeftOut | None = None
) -> list[Job]:
    """Return the captures below a folder (or the one that `source` itself is), by name, with their keys.

    Arguments and errors are those of `find_captures`.
    """
    base = source if source.is_dir() else source.parent
    return [
        _job(path, path.relative_to(base).as_posix() if path != source else path.name)
        for path in find_captures(source, skip=skip, problems=problems, left_out=left_out)
    ]


def find_captures(
    source: Path, *, skip: Path | None = None, problems: Problems | None = None, left_out: LeftOut | None = None
) -> list[Path]:
    """Return where the captures below a folder lie (or the one that `source` itself is), by name.

    A ``.logarchive``, a folder with ``sysdiagnose.log``, an archive and each other file that a reader claims is one; so
    is what has the name of a capture but is empty or torn, and a file or folder that may not be read: its analysis will
    say why. Hidden entries and symbolic links are left out.

    Args:
        source: A folder, or one capture.
        skip: A folder that is no source even where it lies below one, such as the data set itself.
        problems: Gets the readers that failed when they were asked about a file or folder.
        left_out: Gets what was passed over.

    Raises:
        InputError: The source does not exist or holds no capture.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    search = _Search(
        skip and skip.resolve(),
        Problems() if problems is None else problems,
        LeftOut() if left_out is None else left_out,
    )
    paths = sorted(search.captures(source))
    if not paths:
        raise InputError(f"{source}: holds no capture that can be read; `traceview doctor --formats` lists what can be")
    return paths


class _Search:
    """Where captures are looked for, and what is told on the way."""

    def __init__(self, skip: Path | None, problems: Problems, left_out: LeftOut) -> None:
        self._skip = skip
        self._problems = problems
        self._left_out = left_out

    def captures(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from self._in_folder(path)
        elif path.is_file():
            if self._is_capture(path):
                yield path
            else:
                self._left_out.unknown.append(path)

    def _in_folder(self, path: Path) -> Iterator[Path]:
        if self._skip is not None and path.resolve() == self._skip:
            return
        try:
            if self._is_capture_folder(path):
                yield path
                return
            entries = [entry for entry in os.scandir(path) if not entry.name.startswith(".")]
        except OSError:
            yield path  # its analysis fails for the same reason, and that is its row
            return
        for entry in entries:
            if entry.is_symlink():
                self._left_out.links.append(Path(entry.path))
            else:
                yield from self.captures(Path(entry.path))

    def _is_capture_folder(self, path: Path) -> bool:
        if best_reader(Candidate(path.name, path, is_dir=True), self._problems) or (path / "sysdiagnose.log").is_file():
            return True
        return path.name.lower().endswith(_FOLDER_SUFFIXES)  # empty or torn: its analysis fails, and that is its row

    def _is_capture(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            return True  # as above
        if is_archive(head) or best_reader(Candidate(path.name, path, head), self._problems) is not None:
            return True
        return path.name.lower().endswith(_CAPTURE_SUFFIXES)  # as above


def _job(path: Path, name: str) -> Job:
    digest = blake2b(path.absolute().name.encode("utf-8", "surrogateescape"), digest_size=12)
    sizes: list[tuple[int, Path]] = []
    for file in _files(path):
        try:
            status = file.stat()
        except OSError:
            continue  # it vanished or is closed to us: the analysis says so
        inside = str(file.relative_to(path)).encode("utf-8", "surrogateescape")
        digest.update(b"\0%s\0%d\0%d" % (inside, status.st_size, status.st_mtime_ns))
        sizes.append((status.st_size, file))
    piece = _MEMBER_SAMPLE_BYTES if path.is_dir() else _FILE_SAMPLE_BYTES
    for size, file in sorted(sizes, key=lambda one: (-one[0], one[1]))[:_MOST_SAMPLED]:
        for sample in _samples(file, size, piece):
            digest.update(sample)
    return Job(path.absolute(), name, digest.hexdigest())


def _samples(path: Path, size: int, piece: int) -> Iterator[bytes]:
    """Yield pieces of a file from its first to its last; the whole of a small one; nothing where it cannot be read."""
    if size <= _SAMPLES * piece:
        starts, piece = [0], size
    else:
        starts = [(size - piece) * at // (_SAMPLES - 1) for at in range(_SAMPLES)]
    try:
        with path.open("rb", buffering=0) as file:
            for start in starts:
                file.seek(start)
                yield file.read(piece)
    except OSError:
        return  # the analysis says so


def copies(jobs: Iterable[Job]) -> int:
    """Return how many of the jobs are at another place what an earlier one is, and so are not analysed again."""
    places: dict[str, set[str]] = {}
    for job in jobs:
        places.setdefault(job.key, set()).add(os.path.realpath(job.path))
    return sum(len(paths) - 1 for paths in places.values())


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
