"""A batch: captures in, data set out; cut off anywhere, it goes on where it stopped."""

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from dataclasses import dataclass
from hashlib import blake2b

from traceview.fleet.dataset import Entry, read_manifest, read_table, write_shard
from traceview.fleet.jobs import Job
from traceview.fleet.tables import failure
from traceview.fleet.worker import Settings, run_shard
from traceview_parsers.errors import UsageError

MakePool = Callable[[], Executor]
Done = Callable[[int, int], None]
"""Called with (captures done, captures in all)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a batch did.

    Attributes:
        captures: Captures in this run.
        skipped: Captures that an earlier run had done.
        failures: Captures of the whole data set that could not be analysed.
    """

    captures: int
    skipped: int
    failures: int


def run(
    jobs: Sequence[Job],
    settings: Settings,
    make_pool: MakePool,
    *,
    resume: bool = False,
    shard_size: int = 8,
    done: Done | None = None,
) -> Summary:
    """Analyse all jobs that the data set does not have yet.

    Args:
        jobs: Captures.
        settings: The same for all of them.
        make_pool: Makes the executor, and a fresh one after a worker process died.
        resume: Go on with an existing data set.
        shard_size: Captures a Parquet file.
        done: Progress.

    Raises:
        UsageError: The data set exists and `resume` is not set, or it was made with another configuration.
    """
    finished = _finished(settings, resume=resume)
    missing = [job for job in jobs if job.key not in finished]
    shards = [missing[at : at + shard_size] for at in range(0, len(missing), shard_size)]
    progress = _Progress(len(missing), done)
    _run_all(shards, settings, make_pool, progress)
    failures = read_table(settings.out, "failures").height if jobs else 0
    return Summary(len(missing), len(jobs) - len(missing), failures)


def _finished(settings: Settings, *, resume: bool) -> set[str]:
    entries = read_manifest(settings.out)
    if entries and not resume:
        raise UsageError(f"{settings.out} holds a data set already; use --resume to go on with it, or another folder")
    if any(entry.config != settings.config_hash for entry in entries):
        raise UsageError(f"{settings.out} was made with another configuration or version; use another folder")
    return {key for entry in entries for key in entry.captures}


class _Progress:
    def __init__(self, total: int, done: Done | None) -> None:
        self._total = total
        self._count = 0
        self._done = done

    def add(self, entry: Entry) -> None:
        self._count += len(entry.captures)
        if self._done is not None:
            self._done(self._count, self._total)


def _run_all(shards: list[list[Job]], settings: Settings, make_pool: MakePool, progress: _Progress) -> None:
    suspects = _run_pool(shards, settings, make_pool, progress)
    for job in (job for shard in suspects for job in shard):
        # A process died while this shard was in work or waiting: one by one, the culprit shows.
        if _run_pool([[job]], settings, make_pool, progress):
            rows = failure(
                job.key, str(job.path), "died", "the process died (out of memory, or a crash in native code)"
            )
            progress.add(write_shard(settings.out, _name([job]), settings.config_hash, [job.key], [rows]))


def _run_pool(shards: list[list[Job]], settings: Settings, make_pool: MakePool, progress: _Progress) -> list[list[Job]]:
    """Run shards on one pool and return those that the pool's death left open."""
    suspects: list[list[Job]] = []
    with make_pool() as pool:
        futures: dict[Future[Entry], list[Job]] = {}
        for shard in shards:
            try:
                futures[pool.submit(run_shard, _name(shard), shard, settings)] = shard
            except BrokenExecutor:
                suspects.append(shard)
        for future in as_completed(futures):
            try:
                progress.add(future.result())
            except BrokenExecutor:
                suspects.append(futures[future])
    return suspects


def _name(jobs: Sequence[Job]) -> str:
    return "shard-" + blake2b("".join(job.key for job in jobs).encode(), digest_size=8).hexdigest()
