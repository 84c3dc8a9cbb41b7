"""A batch: captures in, data set out; cut off anywhere, it goes on where it stopped."""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import nullcontext
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct

from traceview.fleet.dataset import (
    Entry,
    begin,
    find_entry,
    read_manifest,
    read_table,
    release_failures,
    releasing,
    remove_leftovers,
    write_shard,
)
from traceview.fleet.executor import process_died
from traceview.fleet.jobs import Job, content_hash
from traceview.fleet.planned import gone, note_changed, plan
from traceview.fleet.tables import failure, printable
from traceview.fleet.worker import Settings, kill_after, ready, run_shard, took_too_long
from traceview_parsers.errors import TraceviewError, UsageError

MakePool = Callable[[], Executor]
Done = Callable[[int, int], None]
"""Called with (captures done, captures in all)."""


class Summary(Struct, frozen=True):
    """What a batch did.

    Attributes:
        captures: Captures in this run, those that failed among them.
        skipped: Captures that an earlier run had done.
        failures: Captures of the whole data set that could not be analysed.
        retried: Captures of this run that had failed before for a reason that may have passed.
        failed: Captures of this run that could not be analysed.
        in_vain: Captures were named, and every one of them failed, now or in an earlier run.
        changed: Captures that an earlier run analysed when they held something else; left out.
    """

    captures: int
    skipped: int
    failures: int
    retried: int = 0
    failed: int = 0
    in_vain: bool = False
    changed: tuple[Path, ...] = ()


def run(
    jobs: Sequence[Job],
    settings: Settings,
    make_pool: MakePool,
    *,
    resume: bool = False,
    join: bool = False,
    shard_size: int = 8,
    in_flight: int = 2,
    done: Done | None = None,
    asked: Sequence[Job] = (),
) -> Summary:
    """Analyse all jobs that the data set does not have yet.

    Args:
        jobs: Captures; the same one named twice, or in two sources, is taken once.
        settings: The same for all of them.
        make_pool: Makes the executor, and a fresh one after a worker process died.
        resume: Go on with an existing data set: do what is missing, and what failed other than by what it holds; a capture
            that changed since it was analysed is left out, since two states of one file would count as two.
        join: Other parts of the same batch write to the same data set, before or meanwhile.
        shard_size: Captures a Parquet file.
        in_flight: Shards that are given to the executor at a time. When a process dies, the captures of these are
            analysed one by one to find the culprit.
        done: Progress.
        asked: Captures of all parts of the batch, where `jobs` are those of one.

    Raises:
        UsageError: The folder holds other things than a data set; or the data set exists and neither `resume` nor `join`
            is set; or it holds a capture of this run, whatever it held then, and `resume` is not set; or it was made with
            another configuration.
        OSError: The data set cannot be written.
    """
    named = list({job.key: job for job in jobs}.values())
    everything = asked or named
    if named:
        begin(settings.out)
    finished = _finished(named, everything, settings, resume=resume, join=join)
    if not join:
        remove_leftovers(settings.out)  # first of all: they may be what fills the disk
    if named:
        plan(settings.out, everything, anew=not (resume or join))
    if named and resume and not join:
        _note_gone(settings, everything)
    known = _moved(named, everything, settings) if resume else []
    changed = tuple(job.path for job, stored in known if not _holds(job.path, stored))
    if named and resume:
        note_changed(settings.out, named, changed)
    finished |= {job.key for job, _ in known}
    retried = _release(named, settings, join=join) if resume else set()
    finished -= retried
    missing = [job for job in named if job.key not in finished]
    shards = [missing[at : at + shard_size] for at in range(0, len(missing), shard_size)]
    _Run(settings, make_pool, in_flight, len(missing), done).all(shards)
    failures = read_table(settings.out, "failures", ["capture"])["capture"].to_list() if named else []
    failed = {job.key for job in named}.intersection(failures)
    return Summary(
        captures=len(missing),
        skipped=len(named) - len(missing) - len(changed),
        failures=len(failures),
        retried=len(retried),
        failed=len(failed.intersection(job.key for job in missing)),
        in_vain=0 < len(named) == len(failed),
        changed=changed,
    )


def _finished(jobs: Sequence[Job], asked: Sequence[Job], settings: Settings, *, resume: bool, join: bool) -> set[str]:
    """Return the keys of all captures of the data set, after checking that this run may add to it."""
    entries = read_manifest(settings.out)
    keys = {key for entry in entries for key in entry.captures}
    again = sum(job.key in keys for job in jobs)
    if entries and not resume and (again or not join):
        raise UsageError(f"{settings.out} holds a data set already; use --resume to go on with it, or another folder")
    if any(entry.config != settings.config_hash for entry in entries):
        what = "rules, thresholds, findings accepted on that day, --app, --date, --tz or --redact"
        raise UsageError(f"{settings.out} was made with another configuration or version ({what}); use another folder")
    if entries and not resume and (moved := _moved(jobs, asked, settings)):
        more = f" (and {len(moved) - 1:,} more)" if len(moved) > 1 else ""
        raise UsageError(
            f"{moved[0][0].path}{more}: changed since it was analysed for {settings.out}; use another folder, or --resume "
            "to leave it as it was"
        )
    return keys


def _release(jobs: Iterable[Job], settings: Settings, *, join: bool) -> set[str]:
    """Take failures out of the data set that may have passed; return the keys of the captures that are missing now."""
    if not read_manifest(settings.out):
        return set()
    keys = {job.key for job in jobs}
    places = {printable(str(job.path)): job.key for job in jobs}
    with releasing(settings.out) if join else nullcontext():
        failures = read_table(settings.out, "failures", ["capture", "path"])
        # What could not be read at all had another key, too.
        replaced = {key for key, path in failures.iter_rows() if places.get(path, key) != key}
        return release_failures(settings.out, keys, replaced)


def _moved(jobs: Iterable[Job], asked: Iterable[Job], settings: Settings) -> list[tuple[Job, list[str]]]:
    """Return captures at whose place another state was analysed, with the digests of what it held.

    Not those that were analysed themselves, wherever they lay then. Nor does a state count that now lies elsewhere, among
    those asked for: these are two captures.
    """
    if not read_manifest(settings.out):
        return []
    elsewhere = {job.key for job in asked}
    done: set[str] = set()
    states: dict[str, list[str]] = {}
    for path, key, content in read_table(settings.out, "captures", ["path", "capture", "content"]).iter_rows():
        done.add(key)
        if key not in elsewhere:
            states.setdefault(path, []).append(content)
    met = ((job, states.get(printable(str(job.path)), [])) for job in jobs if job.key not in done)
    return [(job, contents) for job, contents in met if contents]


def _holds(path: Path, stored: Collection[str]) -> bool:
    """Tell whether a capture still holds what it did: then only its time changed."""
    try:
        return content_hash(path) in stored
    except OSError:
        return False


def _note_gone(settings: Settings, asked: Iterable[Job]) -> None:
    """Give captures that earlier runs were asked for, and that are gone before they were analysed, their row in ``failures``."""
    lost = gone(settings.out, asked)
    if lost:
        rows = [failure(key, path, "access", "gone before it was analysed") for key, path in lost]
        keys = [key for key, _ in lost]
        write_shard(settings.out, _name(keys), settings.config_hash, keys, rows)


class _Run:
    """One run: what waits, what is in work, what a dead process left open."""

    def __init__(self, settings: Settings, make_pool: MakePool, in_flight: int, total: int, done: Done | None) -> None:
        self._settings = settings
        self._make_pool = make_pool
        self._in_flight = in_flight
        self._total = total
        self._done = done
        self._count = 0

    def all(self, shards: list[list[Job]]) -> None:
        """Run all shards, on as many pools as it takes."""
        waiting = deque(shards)
        while waiting:
            suspects = self._until_death(waiting)
            self._one_by_one(deque(job for shard in suspects if not self._written(shard) for job in shard))

    def _until_death(self, waiting: deque[list[Job]]) -> list[list[Job]]:
        """Run shards on one pool. Returns those that were in work when a process died; the others still wait."""
        running: dict[Future[Entry], list[Job]] = {}
        suspects: list[list[Job]] = []
        with self._make_pool() as pool:
            while (waiting or running) and not suspects:
                while waiting and len(running) < self._in_flight:
                    running[self._submit(pool, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    shard = running.pop(future)
                    if not self._ended_well(future):
                        suspects.append(shard)
            # Whatever else is in work ends, or its process died as well.
            suspects += [shard for future, shard in running.items() if not self._ended_well(future)]
        return suspects

    def _one_by_one(self, suspects: deque[Job]) -> None:
        """Run captures alone, so that the one that kills its process is known."""
        while suspects:
            with self._make_pool() as pool:
                alive = _started(pool)
                while suspects and alive:
                    job = suspects.popleft()
                    began = time.monotonic()
                    alive = self._ended_well(self._submit(pool, [job]))
            if not alive and not self._written([job]):
                self._add(self._write_death(job, time.monotonic() - began))

    def _written(self, shard: list[Job]) -> bool:
        """Whether a shard was written before its process died; if so, count it."""
        entry = find_entry(self._settings.out, _name(job.key for job in shard))
        if entry is not None:
            self._add(entry)
        return entry is not None

    def _submit(self, pool: Executor, shard: list[Job]) -> Future[Entry]:
        try:
            return pool.submit(run_shard, _name(job.key for job in shard), shard, self._settings)
        except BrokenExecutor as error:
            broken: Future[Entry] = Future()
            broken.set_exception(error)
            return broken

    def _ended_well(self, future: Future[Entry]) -> bool:
        """Wait for a shard and count it. Returns whether its process lived; raises what else went wrong."""
        try:
            entry = future.result()
        except BaseException as error:
            if process_died(error):
                return False
            raise
        self._add(entry)
        return True

    def _write_death(self, job: Job, seconds: float) -> Entry:
        limit = self._settings.timeout_s
        if limit is not None and seconds >= kill_after(limit):
            rows = failure(job.key, job.path, "timeout", f"{took_too_long(limit)}, in native code that does not stop")
        else:
            why = "the process died (out of memory, or a crash in native code)"
            rows = failure(job.key, job.path, "died", why)
        return write_shard(self._settings.out, _name([job.key]), self._settings.config_hash, [job.key], [rows])

    def _add(self, entry: Entry) -> None:
        self._count += len(entry.captures)
        if self._done is not None:
            self._done(self._count, self._total)


def _started(pool: Executor) -> bool:
    """Wait until a process has started, so that its start is not taken for the time of a capture."""
    try:
        pool.submit(ready).result()
    except BrokenExecutor as error:
        raise TraceviewError(f"processes die as soon as they start: {error}") from error
    return True


def _name(keys: Iterable[str]) -> str:
    return "shard-" + blake2b("".join(keys).encode(), digest_size=8).hexdigest()
