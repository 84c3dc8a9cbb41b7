"""Which captures are the same, which are passed over, and what a batch says and returns of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import pytest
from fleet_rows import kinds, names
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet.batch import run
from traceview.fleet.dataset import read_table
from traceview.fleet.jobs import LeftOut, copies, find_jobs
from traceview.fleet.worker import Settings

Make = Callable[..., Settings]
TIME_NS = 1_768_000_000_000_000_000
COMMAND = [sys.executable, "-c", "from traceview.cli import main; main()", "batch"]


def batch(out: Path, *arguments: str | Path) -> tuple[int, str]:
    """Return the exit code of a batch, and what it says."""
    result = CliRunner().invoke(app, ["batch", *map(str, arguments), "-o", str(out)])
    return result.exit_code, result.stderr


@pytest.fixture
def releases(captures: Path, tmp_path: Path) -> Path:
    """Folders ``r23`` and ``r24``, each with a ``cap.ndjson`` of equal size and time that holds something else."""
    folder = tmp_path / "A"
    for name, letter in (("r23", "x"), ("r24", "y")):
        (folder / name).mkdir(parents=True)
        path = folder / name / "cap.ndjson"
        path.write_text((captures / "a.ndjson").read_text().replace("hello a", f"hello {letter}"))
        os.utime(path, ns=(TIME_NS, TIME_NS))
    return folder


def test_different_files_of_one_name_size_and_time_are_two_captures(
    releases: Path, settings: Make, inline: type[Executor]
) -> None:
    both = [*find_jobs(releases / "r23"), *find_jobs(releases / "r24")]
    assert len({job.key for job in both}) == 2
    assert copies(both) == 0
    assert run(both, settings("one-run"), inline).captures == 2
    run(both[:1], settings("two-runs"), inline)
    assert run(both[1:], settings("two-runs"), inline, resume=True).captures == 1
    assert names(settings("two-runs").out) == ["cap.ndjson", "cap.ndjson"]


@pytest.mark.parametrize("at", [0, 500_000, -1])
def test_large_files_are_told_apart_by_samples(tmp_path: Path, at: int) -> None:
    keys = set()
    for name in ("one", "other"):
        content = bytearray(b"x" * 1_500_000)
        content[at] = ord(name[1])
        (tmp_path / name).mkdir()
        path = tmp_path / name / "big.log"
        path.write_bytes(content)
        os.utime(path, ns=(TIME_NS, TIME_NS))
        keys |= {job.key for job in find_jobs(tmp_path / name)}
    assert len(keys) == 2


def test_folders_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "other"):
        folder = tmp_path / name / "sysdiagnose_x"
        folder.mkdir(parents=True)
        (folder / "sysdiagnose.log").write_text(f"log of {name[:2]}")
        os.utime(folder / "sysdiagnose.log", ns=(TIME_NS, TIME_NS))
        keys |= {job.key for job in find_jobs(tmp_path / name)}
    assert len(keys) == 2


def test_a_capture_that_moved_is_the_same(releases: Path, settings: Make, inline: type[Executor]) -> None:
    run(find_jobs(releases), settings(), inline)
    (releases / "r24").rename(releases.parent / "elsewhere")
    summary = run(find_jobs(releases.parent / "elsewhere"), settings(), inline, resume=True)
    assert (summary.captures, summary.skipped) == (0, 1)


def test_a_source_within_a_source_names_no_capture_twice(
    releases: Path, settings: Make, inline: type[Executor]
) -> None:
    jobs = [*find_jobs(releases), *find_jobs(releases / "r23")]
    assert copies(jobs) == 0, "a file that two sources name is no copy"
    assert run(jobs, settings(), inline).captures == 2
    for source in (releases, releases / "r23", releases / "r23" / "cap.ndjson"):
        assert run(find_jobs(source), settings(), inline, resume=True).captures == 0


def test_copies_are_told(releases: Path, tmp_path: Path) -> None:
    same = releases / "r24" / "cap.ndjson"
    same.write_bytes((releases / "r23" / "cap.ndjson").read_bytes())
    os.utime(same, ns=(TIME_NS, TIME_NS))
    _, told = batch(tmp_path / "fleet", releases)
    assert "1 copy of a capture (same name, sizes, times and content) at another place: taken once" in told
    assert "1 capture analysed, none failed" in told


def test_what_could_not_be_read_may_be_read_later(captures: Path, settings: Make, inline: type[Executor]) -> None:
    (captures / "b.ndjson").chmod(0)
    if os.access(captures / "b.ndjson", os.R_OK):
        pytest.skip("this user reads everything")
    run(find_jobs(captures), settings(), inline)
    (captures / "b.ndjson").chmod(0o600)
    assert run(find_jobs(captures), settings(), inline, resume=True).retried == 1
    assert kinds(settings().out) == {}


def test_a_failure_goes_when_its_capture_has_another_key(
    captures: Path, settings: Make, inline: type[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("traceview.fleet.jobs._samples", lambda *_: iter(()))
        patch.setattr("traceview.fleet.worker.content_hash", _refused)
        run(find_jobs(captures / "b.ndjson"), settings(), inline)
    assert kinds(settings().out) == {"b": "access"}
    assert run(find_jobs(captures), settings(), inline, resume=True).retried == 1
    assert kinds(settings().out) == {}
    assert names(settings().out) == [f"{name}.ndjson" for name in "abcdef"]


def _refused(path: Path) -> str:
    raise PermissionError(13, "Permission denied", str(path))


def test_what_has_the_name_of_a_capture_has_a_row(captures: Path, settings: Make, inline: type[Executor]) -> None:
    for name in ("torn.tar", "torn.trace", "torn.log"):
        (captures / name).touch()
    for name in ("empty.logarchive", "bundle.trace"):
        (captures / name).mkdir()
    left = LeftOut()
    jobs = [job for job in find_jobs(captures, left_out=left) if job.path.suffix != ".ndjson"]
    assert [job.name for job in jobs] == ["bundle.trace", "empty.logarchive", "torn.log", "torn.tar", "torn.trace"]
    run([job for job in jobs if job.path.is_file()], settings(), inline)
    assert set(kinds(settings().out).values()) == {"unreadable"}
    assert left == LeftOut()


def test_empty_folders_of_captures_fail_in_the_batch(captures: Path, tmp_path: Path) -> None:
    for name in ("empty.logarchive", "bundle.trace"):
        (captures / name).mkdir()
    for name in "bcdef":
        (captures / f"{name}.ndjson").unlink()
    code, told = batch(tmp_path / "fleet", captures)
    assert "1 capture analysed, 2 failed" in told
    assert code == 0
    assert set(kinds(tmp_path / "fleet").values()) == {"unreadable"}


def test_what_is_passed_over_is_told(captures: Path, tmp_path: Path) -> None:
    (captures / "cut.json").write_text('{"a": [1, 2,')
    for name in ("empty.txt", "empty.json", "notes.md", ".hidden"):
        (captures / name).touch()
    (captures / "link.ndjson").symlink_to(captures / "a.ndjson")
    told = batch(tmp_path / "fleet", captures)[1].splitlines()
    assert "traceview: 4 files that no reader knows were left out: cut.json, empty.json, empty.txt, …" in told
    assert "traceview: 1 symbolic link was not followed: link.ndjson" in told


def test_a_run_in_vain_is_an_exit_code(captures: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "a.log").touch()
    out = tmp_path / "fleet"
    assert batch(out, torn) == (1, f"0 captures analysed, 1 failed (see {out / 'failures'})\n")
    assert batch(out, torn, "--resume")[0] == 1
    assert batch(out, captures, torn, "--resume")[0] == 0
    assert read_table(out, "captures").height == 6


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_workers_end_with_a_batch_that_is_killed(captures: Path, tmp_path: Path) -> None:
    long = captures / "long.ndjson"
    long.write_text((captures / "a.ndjson").read_text() * 5_000)
    for at in range(30):
        (captures / f"long-{at}.ndjson").hardlink_to(long)
    out = tmp_path / "fleet"
    command = [*COMMAND, str(captures), "-o", str(out), "--jobs", "2", "--shard-size", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not list(out.glob("_manifest/*.json")) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)  # returns when nobody holds its stderr any more
    assert process.returncode == -signal.SIGKILL
