"""A batch that is interrupted, and failures that are tried again."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest
from fleet_rows import kinds, names
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet import worker
from traceview.fleet.batch import Summary, run
from traceview.fleet.dataset import MANIFEST, read_manifest, read_table, release_failures
from traceview.fleet.executor import _no_interrupts
from traceview.fleet.jobs import find_jobs
from traceview.fleet.worker import Settings

Make = Callable[..., Settings]
COMMAND = [sys.executable, "-c", "from traceview.cli import main; main()", "batch"]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
@pytest.mark.parametrize("delay_s", [0.05, 0.5, 1.0])
def test_an_interrupt_of_the_whole_group_is_one_line(captures: Path, tmp_path: Path, delay_s: float) -> None:
    long = captures / "long.ndjson"
    long.write_text((captures / "a.ndjson").read_text() * 5_000)
    for at in range(30):
        (captures / f"long-{at}.ndjson").hardlink_to(long)
    out = tmp_path / "fleet"
    command = [*COMMAND, str(captures), "-o", str(out), "--jobs", "2", "--shard-size", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        until = time.monotonic() + 60
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while children.exists() and not children.read_text() and time.monotonic() < until:
            time.sleep(0.01)  # as soon as the first process of the pool starts, what a terminal does is the hardest
        time.sleep(delay_s)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=90)
    assert (process.returncode, told.strip()) == (130, "traceview: interrupted")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be blocked here")
def test_an_interrupt_that_a_thread_of_a_library_gets_waits_too() -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()  # it does not block the signal
    reached: list[bool] = []

    def interrupted() -> None:
        with _no_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            reached.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        done.set()
        other.join()
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _breaks(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    real = worker.open_capture

    def opening(path: Path, **options: Any) -> Any:
        if path.stem == name:
            raise error
        return real(path, **options)

    monkeypatch.setattr(worker, "open_capture", opening)


@pytest.mark.parametrize("shard_size", [1, 3, 8])
def test_resume_tries_again_what_may_have_passed(
    captures: Path, settings: Make, inline: type[Executor], shard_size: int
) -> None:
    (captures / "torn.tar.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 torn")
    asked = settings()
    with pytest.MonkeyPatch.context() as patch:
        _breaks(patch, "b", PermissionError(13, "Permission denied"))
        assert run(find_jobs(captures), asked, inline, shard_size=shard_size).failures == 2
    assert kinds(asked.out) == {"b": "access", "torn.tar": "unreadable"}
    summary = run(find_jobs(captures), asked, inline, resume=True)
    assert summary == Summary(captures=1, skipped=6, failures=1, retried=1, failed=0)
    assert kinds(asked.out) == {"torn.tar": "unreadable"}
    keys = [key for entry in read_manifest(asked.out) for key in entry.captures]
    assert sorted(keys) == sorted(job.key for job in find_jobs(captures))
    assert names(asked.out) == [f"{name}.ndjson" for name in "abcdef"]
    named = {name for entry in read_manifest(asked.out) for name in entry.files}
    there = {path.relative_to(asked.out).as_posix() for path in asked.out.rglob("*.parquet")}
    assert there == named


def test_a_failure_that_comes_again_is_one_row(captures: Path, settings: Make, inline: type[Executor]) -> None:
    asked = settings()
    with pytest.MonkeyPatch.context() as patch:
        _breaks(patch, "b", MemoryError())
        run(find_jobs(captures), asked, inline)
        assert run(find_jobs(captures), asked, inline, resume=True).retried == 1
    assert kinds(asked.out) == {"b": "memory"}


def test_a_run_cut_off_before_the_second_try_loses_nothing_but_the_row(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    asked = settings()
    with pytest.MonkeyPatch.context() as patch:
        _breaks(patch, "b", MemoryError())
        run(find_jobs(captures), asked, inline, shard_size=8)
    (key,) = release_failures(asked.out, {job.key for job in find_jobs(captures)})
    assert read_table(asked.out, "captures").height == 5
    assert key not in {one for entry in read_manifest(asked.out) for one in entry.captures}
    assert run(find_jobs(captures), asked, inline, resume=True).captures == 1
    assert read_table(asked.out, "captures").height == 6
    assert len(list((asked.out / MANIFEST).glob("*.json"))) == 2


def test_a_file_is_no_folder_for_a_data_set(captures: Path, tmp_path: Path) -> None:
    file = tmp_path / "fleet.html"
    file.write_text("mine")
    result = CliRunner().invoke(app, ["batch", str(captures), "-o", str(file)])
    assert "is a file; name a folder" in str(result.exception)
    assert type(result.exception).__name__ == "UsageError"
