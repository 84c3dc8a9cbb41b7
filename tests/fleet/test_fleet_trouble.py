"""A batch survives whatever a capture does: it raises, dies, runs out of memory or hangs."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from fleet_rows import kinds, names

from traceview.fleet import batch, worker
from traceview.fleet.batch import run
from traceview.fleet.dataset import read_manifest, read_table
from traceview.fleet.jobs import find_jobs
from traceview.fleet.worker import Settings
from traceview_parsers.errors import TraceviewError
from traceview_parsers.unified_log.source import UnifiedLogSource

Make = Callable[..., Settings]
TROUBLE = """
import os, signal, time
from msgspec.structs import replace
from traceview.fleet import worker

open_capture, analyse, kill_after = worker.open_capture, worker._analyse, worker.kill_after

class Panic(BaseException):
    pass

def trouble(path, **options):
    name = path.stem
    if name.startswith("dies"):
        os._exit(9)
    if name.startswith("raises"):
        raise RuntimeError("cannot happen")
    if name.startswith("panics"):
        raise Panic("native code gave up")
    if name.startswith("starves"):
        raise MemoryError
    if name.startswith("leaves"):
        raise SystemExit(3)
    if name.startswith("spins"):
        while True:
            pass
    if name.startswith("blocks"):
        time.sleep(1000)
    return open_capture(path, **options)

def hurried(job, settings):
    # What hangs has a short limit of its own: on a busy machine, nothing else is ever stopped by it.
    worker.kill_after = kill_after
    if job.path.stem == "blocks":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        worker.kill_after = lambda seconds: 2 * seconds
    return analyse(job, replace(settings, timeout_s=0.2) if job.path.stem in ("blocks", "spins") else settings)

def install():
    worker.open_capture, worker._analyse = trouble, hurried
"""


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()  # what other tests left
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def troubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Executor]:
    """Makes pools whose processes misbehave as the name of a capture says."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "fleet_trouble.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(folder)
    import fleet_trouble  # noqa: PLC0415  (exists only now)

    return lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=fleet_trouble.install)


def test_troubled_captures_cost_one_row_each(captures: Path, settings: Make, troubled: Callable[[], Executor]) -> None:
    text = (captures / "a.ndjson").read_text()
    for name in ("dies-1", "dies-2", "raises", "panics", "starves", "leaves"):
        (captures / f"{name}.ndjson").write_text(text)
    (captures / "torn.tar.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 torn")
    asked = settings()
    jobs = find_jobs(captures)
    seen: list[tuple[int, int]] = []
    summary = run(jobs, asked, troubled, shard_size=3, in_flight=3, done=lambda done, total: seen.append((done, total)))
    assert summary == batch.Summary(captures=13, skipped=0, failures=7, failed=7), read_table(asked.out, "failures")[
        "message"
    ].to_list()
    assert kinds(asked.out) == {
        "dies-1": "died",
        "dies-2": "died",
        "raises": "internal",
        "panics": "internal",
        "starves": "memory",
        "leaves": "internal",
        "torn.tar": "unreadable",
    }
    assert names(asked.out) == [f"{name}.ndjson" for name in "abcdef"]
    assert seen[-1] == (13, 13)
    told = dict(zip(*(read_table(asked.out, "failures")[name] for name in ("path", "message")), strict=True))
    assert told[str(captures / "raises.ndjson")] == "RuntimeError: cannot happen"
    keys = [key for entry in read_manifest(asked.out) for key in entry.captures]
    assert sorted(keys) == sorted(job.key for job in jobs)


def test_captures_that_hang_are_stopped(
    captures: Path, settings: Make, troubled: Callable[[], Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hangs in Python code, one in native code that no signal interrupts."""
    for name, becomes in (("b", "spins"), ("c", "blocks")):
        (captures / f"{name}.ndjson").rename(captures / f"{becomes}.ndjson")
    jobs = [job for job in find_jobs(captures) if job.path.stem in ("a", "spins", "blocks")]
    monkeypatch.setattr(batch, "kill_after", lambda _: 0.4)  # when the process of the second one ends
    asked = settings(timeout_s=200)
    run(jobs, asked, troubled, shard_size=3)
    assert names(asked.out) == ["a.ndjson"]
    assert kinds(asked.out) == {"spins": "timeout", "blocks": "timeout"}
    told = read_table(asked.out, "failures")["message"].sort().to_list()
    assert told == ["took longer than 0.2 s", "took longer than 200 s, in native code that does not stop"]


def test_processes_that_cannot_start_stop_the_batch(captures: Path, settings: Make) -> None:
    def pool() -> Executor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os._exit, initargs=(3,))

    with pytest.raises(TraceviewError, match="as soon as they start"):
        run(find_jobs(captures)[:1], settings(), pool)


def test_a_limit_works_in_the_main_thread_only(captures: Path, settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster's worker runs tasks in threads, where signals cannot be set: the capture is analysed all the same."""
    asked = settings(timeout_s=30)
    monkeypatch.setattr(worker, "_alarm", None)
    run(find_jobs(captures), asked, lambda: ThreadPoolExecutor(1))
    assert kinds(asked.out) == {}


def test_the_previous_alarm_is_restored(captures: Path, settings: Make, inline: type[Executor]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    run(find_jobs(captures), settings(timeout_s=30), inline)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0 or before is not signal.SIG_DFL


@pytest.mark.usefixtures("no_collection")
def test_no_archive_outlives_its_analysis(samples: Path, settings: Make) -> None:
    """The reader of a log archive and its strings hold each other: a process that analyses hundreds would grow by each."""
    (job,) = [job for job in find_jobs(samples) if job.name == "low-power-overload.ios26.logarchive.tar.gz"]
    before = _archives()
    worker.run_shard("shard", [job], settings())
    assert names(settings().out) == [job.name]
    assert _archives() <= before


def _archives() -> set[int]:
    """Tell the log archives that are in memory; some may belong to other tests."""
    return {id(one) for one in gc.get_objects() if type(one) is UnifiedLogSource}
