"""A batch survives whatever a capture does, and goes on where it was cut off."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fleet_rows import kinds, names
from msgspec.structs import replace
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet import batch
from traceview.fleet.batch import run
from traceview.fleet.contents import load
from traceview.fleet.dataset import MANIFEST, begin, read_manifest, read_table, write_shard
from traceview.fleet.executor import dask_pool, process_died
from traceview.fleet.jobs import Job, find_jobs, in_shard
from traceview.fleet.planned import plan, unfinished
from traceview.fleet.tables import TABLES
from traceview.fleet.worker import Settings, config_hash
from traceview.rules.config import Config, Suppression
from traceview_parsers import ReadOptions
from traceview_parsers.errors import InputError, UsageError

Make = Callable[..., Settings]


def test_a_second_run_refuses(captures: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = find_jobs(captures)
    run(jobs, settings(), inline)
    for options in ({}, {"join": True}):
        with pytest.raises(UsageError, match="--resume"):
            run(jobs, settings(), inline, **options)


def test_resume_does_only_what_is_missing(captures: Path, settings: Make, inline: type[Executor]) -> None:
    run(find_jobs(captures)[:4], settings(), inline, shard_size=3)
    before = {path: path.stat().st_mtime_ns for path in settings().out.rglob("*.parquet")}
    done: list[str] = []

    class Watching(inline):  # type: ignore[valid-type, misc]
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            done.extend(job.name for job in args[1])
            return super().submit(fn, *args, **kwargs)

    summary = run(find_jobs(captures), settings(), Watching, resume=True)
    assert summary == batch.Summary(captures=2, skipped=4, failures=0)
    assert done == ["e.ndjson", "f.ndjson"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert names(settings().out) == [f"{name}.ndjson" for name in "abcdef"]
    assert run(find_jobs(captures), settings(), Watching, resume=True).captures == 0


def test_another_configuration_refuses(captures: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = find_jobs(captures)
    run(jobs, settings(), inline)
    other = settings(config=Config(thresholds={"io-overload": {"high": 3.0}}))
    with pytest.raises(UsageError, match="another configuration"):
        run(jobs, other, inline, resume=True)


def test_a_changed_capture_is_left_out_and_the_rest_is_done(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    asked = settings()
    run(find_jobs(captures), asked, inline)
    (captures / "g.ndjson").write_bytes((captures / "a.ndjson").read_bytes() + b"{}\n")
    with (captures / "b.ndjson").open("a") as file:
        file.write("{}\n")
    os.utime(captures / "c.ndjson", (1, 1))  # holds what it held
    summary = run(find_jobs(captures), asked, inline, resume=True)
    assert summary == batch.Summary(captures=1, skipped=5, failures=0, changed=(captures / "b.ndjson",))
    assert names(asked.out) == [f"{name}.ndjson" for name in "abcdefg"]
    assert load(asked.out).changed == 1
    others = [job for job in find_jobs(captures) if job.name != "b.ndjson"]
    run(others, asked, inline, resume=True, join=True)
    assert load(asked.out).changed == 1
    with pytest.raises(UsageError, match="use --resume"):
        run(find_jobs(captures), asked, inline)
    with pytest.raises(UsageError, match=r"\.ndjson \(and 1 more\): changed since"):
        run([job for job in find_jobs(captures) if job.name in {"b.ndjson", "c.ndjson"}], asked, inline, join=True)
    (captures / "b.ndjson").write_bytes((captures / "b.ndjson").read_bytes()[: -len(b"{}\n")])
    assert run(find_jobs(captures), asked, inline, resume=True).changed == ()
    assert load(asked.out).changed == 0


def test_what_was_asked_for_and_is_not_done_is_known(
    captures: Path, settings: Make, inline: type[Executor], tmp_path: Path
) -> None:
    asked, jobs = settings(), find_jobs(captures)
    run(jobs[:2], asked, inline, asked=jobs)
    assert unfinished(asked.out) == 4
    run(jobs[2:5], asked, inline, asked=jobs, join=True)
    assert unfinished(asked.out) == 1
    (captures / "f.ndjson").write_bytes(b"")  # another key, which fails
    run(find_jobs(captures), asked, inline, resume=True)
    assert unfinished(asked.out) == 0
    captures.rename(tmp_path / "elsewhere")
    run(find_jobs(tmp_path / "elsewhere"), asked, inline, resume=True)
    assert unfinished(asked.out) == 0


def test_what_was_asked_for_and_is_gone_is_a_failure(captures: Path, settings: Make, inline: type[Executor]) -> None:
    asked, jobs = settings(), find_jobs(captures)
    run(jobs[:2], asked, inline, asked=jobs)
    (captures / "e.ndjson").unlink()
    (captures / "moved").mkdir()
    (captures / "f.ndjson").rename(captures / "moved" / "f.ndjson")
    run(find_jobs(captures)[:3], asked, inline, join=True, resume=True, asked=find_jobs(captures))
    assert unfinished(asked.out) == 3
    summary = run(find_jobs(captures), asked, inline, resume=True)
    assert summary == batch.Summary(captures=2, skipped=3, failures=1)
    assert unfinished(asked.out) == 0
    failures = read_table(asked.out, "failures")
    assert failures.select("path", "kind", "message").rows() == [
        (str(captures / "e.ndjson"), "access", "gone before it was analysed")
    ]
    line = (captures / "a.ndjson").read_bytes()
    (captures / "e.ndjson").write_bytes(line.replace(b"hello a", b"hello e"))
    assert run(find_jobs(captures), asked, inline, resume=True).captures == 1
    assert read_table(asked.out, "failures").is_empty()


def test_a_data_set_that_begins_forgets_what_a_run_without_a_result_was_asked_for(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    asked, jobs = settings(), find_jobs(captures)
    begin(asked.out)
    plan(asked.out, jobs)  # and interrupted: these were the wrong ones
    run(jobs[:2], asked, inline)
    assert unfinished(asked.out) == 0


def test_a_capture_whose_place_another_one_took_is_not_changed(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    """Logs are rotated: what was at a place lies elsewhere now, and what lies there is new."""
    asked, a = settings(), captures / "a.ndjson"
    run(find_jobs(captures), asked, inline)
    (captures / "old").mkdir()
    a.rename(captures / "old" / "a.ndjson")
    a.write_bytes((captures / "b.ndjson").read_bytes() + b"{}\n")
    jobs = find_jobs(captures)
    assert run(jobs, asked, inline, resume=True) == batch.Summary(captures=1, skipped=6, failures=0)
    with (captures / "old" / "a.ndjson").open("a") as file:
        file.write("{}\n")  # now the state that was analysed is nowhere
    a.unlink()
    a.write_bytes((captures / "c.ndjson").read_bytes() + b"{}\n")
    summary = run(find_jobs(captures), asked, inline, resume=True)
    assert (summary.captures, summary.changed) == (1, (a,))


def test_captures_that_swapped_places_are_the_same(captures: Path, settings: Make, inline: type[Executor]) -> None:
    asked = settings()
    for name in "xy":
        (captures / name).mkdir()
    (captures / "a.ndjson").rename(captures / "x" / "log.ndjson")
    (captures / "b.ndjson").rename(captures / "y" / "log.ndjson")
    run(find_jobs(captures), asked, inline)
    (captures / "x").rename(captures / "z")
    (captures / "y").rename(captures / "x")
    (captures / "z").rename(captures / "y")
    assert run(find_jobs(captures), asked, inline, resume=True) == batch.Summary(captures=0, skipped=6, failures=0)


def test_leftovers_go_before_anything_is_written(
    captures: Path, settings: Make, inline: type[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be what fills the disk."""
    asked = settings()
    run(find_jobs(captures), asked, inline)
    left = asked.out / "captures" / "shard-0.89abcdef.part"
    left.write_bytes(b"")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "plan", full)
    with pytest.raises(OSError, match="No space"):
        run(find_jobs(captures), asked, inline, resume=True)
    assert not left.exists()


def test_parts_that_begin_together_note_the_same_plan(captures: Path, settings: Make, inline: type[Executor]) -> None:
    asked, jobs = settings(), find_jobs(captures)
    run(jobs[:1], asked, inline, asked=jobs)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: plan(asked.out, jobs), range(200))) == [None] * 200
    assert unfinished(asked.out) == 5
    assert sorted(path.suffix for path in (asked.out / MANIFEST).iterdir()) == [".json", ".planned"]


def test_what_takes_the_place_of_a_torn_capture_is_analysed(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    asked, late = settings(), captures / "late.ndjson"
    late.write_bytes(b"")
    assert run(find_jobs(captures), asked, inline).failures == 1
    assert run(find_jobs(captures), asked, inline, resume=True).captures == 0
    late.write_bytes((captures / "a.ndjson").read_bytes())
    summary = run(find_jobs(captures), asked, inline, resume=True)
    assert summary == batch.Summary(captures=1, skipped=6, failures=0, retried=1)
    assert read_table(asked.out, "failures").is_empty()
    assert read_table(asked.out, "captures").height == 7


def test_a_cut_off_run_recovers(captures: Path, settings: Make, inline: type[Executor]) -> None:
    """Cut off between the files and the manifest entry: the files are not read, are removed, and are written anew."""
    out = settings().out
    run(find_jobs(captures), settings(), inline, shard_size=2)
    whole = read_table(out, "captures").sort("name").drop("seconds")
    victim = read_manifest(out)[1]
    (out / MANIFEST / f"{victim.shard}.json").unlink()
    (out / "captures" / f"{victim.shard}.0badcafe.part").write_bytes(b"PAR1")
    (out / MANIFEST / f"{victim.shard}.0badcafe.part").write_text('{"schema_version": 1')
    assert read_table(out, "captures").height == 4
    summary = run(find_jobs(captures), settings(), inline, resume=True, shard_size=1)
    assert summary.captures == 2
    assert_frame_equal(read_table(out, "captures").sort("name").drop("seconds"), whole)
    assert not list(out.rglob("*.part"))
    listed = {name for entry in read_manifest(out) for name in entry.files}
    assert listed == {path.relative_to(out).as_posix() for path in out.rglob("*.parquet")}


def test_a_shard_that_was_written_before_its_process_died_counts_once(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    from concurrent.futures.process import BrokenProcessPool  # noqa: PLC0415

    class DiesAfterwards(inline):  # type: ignore[valid-type, misc]
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future = super().submit(fn, *args, **kwargs)
            failed = type(future)()
            failed.set_exception(BrokenProcessPool("gone"))
            return failed

    summary = run(find_jobs(captures), settings(), DiesAfterwards, shard_size=4)
    assert summary == batch.Summary(captures=6, skipped=0, failures=0)
    assert names(settings().out) == [f"{name}.ndjson" for name in "abcdef"]


def test_other_errors_of_a_shard_stop_the_batch(captures: Path, settings: Make, inline: type[Executor]) -> None:
    asked = settings()
    asked.out.write_text("a file where the data set should be")
    with pytest.raises(OSError, match="fleet"):
        run(find_jobs(captures), asked, inline)


def test_parts_equal_the_whole(captures: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = find_jobs(captures)
    run(jobs, settings("whole"), inline)
    for part in (0, 1):
        run([job for job in jobs if in_shard(job, (part, 2))], settings("parts"), inline, join=True)
    for table in TABLES:
        whole, parts = (read_table(settings(out).out, table) for out in ("whole", "parts"))
        unsteady = ["seconds"] if table == "captures" else []
        assert_frame_equal(whole.drop(unsteady), parts.drop(unsteady), check_row_order=False)


def test_a_part_leaves_the_work_of_others_alone(captures: Path, settings: Make, inline: type[Executor]) -> None:
    part = settings().out / "captures" / "shard-of-another.1234.part"
    part.parent.mkdir(parents=True)
    (settings().out / MANIFEST).mkdir()
    part.write_bytes(b"in work")
    run(find_jobs(captures), settings(), inline, join=True)
    assert part.exists()


def test_the_same_capture_named_twice_is_taken_once(captures: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = find_jobs(captures)
    assert run([*jobs, *jobs], settings(), inline).captures == 6


def test_the_data_set_is_no_source(captures: Path, tmp_path: Path) -> None:
    out = captures / "fleet"
    write_shard(out, "s", "c", [], [])
    (out / "evidence").mkdir()
    (out / "evidence" / "x.ndjson").write_text((captures / "a.ndjson").read_text())
    assert len(find_jobs(captures, skip=out)) == 6
    assert len(find_jobs(captures, skip=tmp_path / "elsewhere")) == 7


def test_names_that_are_no_text(captures: Path, settings: Make, inline: type[Executor]) -> None:
    name = os.fsdecode(b"caf\xe9.ndjson")
    try:
        (captures / name).write_text((captures / "a.ndjson").read_text())
        (captures / os.fsdecode(b"\xff.tar.gz")).write_bytes(b"\x1f\x8b\x08\x00torn")
    except OSError:
        pytest.skip("this file system takes no such name")
    run(find_jobs(captures), settings(), inline)
    table = read_table(settings().out, "captures")
    (row,) = table.filter(table["uri"].str.ends_with("caf%E9.ndjson")).iter_rows(named=True)
    assert row["path"].endswith("caf\\udce9.ndjson")
    assert kinds(settings().out) == {"\\udcff.tar": "unreadable"}


def test_what_may_not_be_read_is_a_failure(
    captures: Path, settings: Make, inline: type[Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    (captures / "closed").mkdir()
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    run(find_jobs(captures), settings(), inline)
    assert kinds(settings().out) == {"closed": "access"}


def test_devices_and_pipes_are_no_captures(captures: Path) -> None:
    os.mkfifo(captures / "pipe.ndjson")
    assert len(find_jobs(captures)) == 6


def test_only_the_apps_asked_for(samples: Path, settings: Make, inline: type[Executor]) -> None:
    (job,) = [job for job in find_jobs(samples) if job.name == "other-app-in-trouble.ios26.default.txt"]
    run([job], settings("all"), inline)
    run([job], settings("one", apps=("com.example.othertalk",)), inline)
    run([job], settings("absent", apps=("com.example.absent",)), inline)
    found = {out: read_table(settings(out).out, "findings")["app"].to_list() for out in ("all", "one", "absent")}
    assert "com.example.othertalk" in found["all"]
    assert set(found["one"]) == {"com.example.othertalk"}
    assert not [name for name in found["absent"] if name]
    exposure = {out: read_table(settings(out).out, "exposure") for out in ("one", "absent")}
    assert exposure["one"].select("app", "seen").rows() == [("com.example.othertalk", True)]
    assert exposure["absent"].select("app", "seen").rows() == [("com.example.absent", False)]


def test_releases_that_no_capture_tells_are_given(samples: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = {job.name: job for job in find_jobs(samples)}
    release = partial(settings, apps=("com.acme.voip",))
    run([jobs["jetsam-in-call.ios15.default.txt"]], release(app_version="2.3"), inline)
    told = next(job for name, job in jobs.items() if name.startswith("sysdiagnose_"))
    run([jobs["jetsam-in-call.ios26.compact.txt"], told], release(app_version="2.4"), inline, resume=True)
    exposure = read_table(release().out, "exposure")
    assert sorted(exposure["app_version"].to_list()) == ["2.3", "2.4", "4.2.0"], "what a capture tells itself counts"


def test_captures_of_several_systems_make_one_data_set(samples: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = {job.name: job for job in find_jobs(samples)}
    for name, version in (("jetsam-in-call.ios15.default.txt", "15.7"), ("jetsam-in-call.ios26.compact.txt", "26.2")):
        read = ReadOptions(os_version=version)
        asked = replace(settings(), options=read, config_hash=config_hash(Config(), read, (), "none"))
        run([jobs[name]], asked, inline, resume=True)
    assert read_table(settings().out, "captures")["os_version"].sort().to_list() == ["15.7", "26.2"]


def test_the_configuration_hash_is_the_same_in_every_process() -> None:
    code = (
        "from datetime import UTC, date\n"
        "from traceview.fleet.worker import config_hash\n"
        "from traceview.rules.config import Config, Suppression\n"
        "from traceview.rules.registry import Severity\n"
        "from traceview_parsers import ReadOptions\n"
        "config = Config(thresholds={'b': {'y': 1.0, 'x': 2.0}, 'a': {'z': 3.0}}, severities={'b': Severity.low},\n"
        "    disabled=('q', 'p'), suppressions=(Suppression('0' * 16, 'known'),), baseline=('2' * 16, '1' * 16))\n"
        "print(config_hash(config, ReadOptions(date(2026, 1, 15), UTC), ('n', 'm'), 'ids', today=date(2026, 1, 1)))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 24


def test_what_changes_results_changes_the_hash() -> None:
    today = datetime.now(UTC).date()

    def digest(config: Config = Config(), date: date | None = None, redaction: str = "none", *apps: str) -> str:  # noqa: B008  (immutable)
        return config_hash(config, ReadOptions(date), apps, redaction, today=today)

    known = Suppression("0" * 16, "known", today)
    assert digest(Config(path=Path("a"))) == digest(Config(path=Path("b")))
    assert digest(Config(suppressions=(known,))) == digest(Config(baseline=("0" * 16,)))
    assert len({
        digest(),
        digest(Config(suppressions=(known,))),
        digest(Config(disabled=("io-overload",))),
        digest(Config(thresholds={"io-overload": {"high": 2.0}})),
        digest(Config(), today),
        digest(Config(), None, "ids"),
        digest(Config(), None, "none", "com.acme.voip"),
    }) == 7  # fmt: skip
    told = config_hash(Config(), ReadOptions(os_version="26.2"), (), "none", today=today)
    assert told == digest(), "which version captures are of is a fact about them, no configuration"
    expired = Config(suppressions=(Suppression("0" * 16, "known", today - timedelta(days=1)),))
    assert digest(expired) == digest()


def test_deaths_that_a_cluster_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    class KilledWorkerError(Exception):
        pass

    assert process_died(BrokenExecutor())
    assert not process_died(KilledWorkerError())
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(KilledWorker=KilledWorkerError))
    assert process_died(KilledWorkerError())
    assert not process_died(OSError())


def test_a_missing_dask_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"traceview\[dask\]"):
        dask_pool("tcp://127.0.0.1:9")


def test_object_stores_are_refused(tmp_path: Path) -> None:
    for arguments in (["s3://bucket/captures", "-o", str(tmp_path)], [str(tmp_path), "-o", "s3://bucket/fleet"]):
        result = CliRunner().invoke(app, ["batch", *arguments])
        assert isinstance(result.exception, UsageError)
        assert "object stores are not supported yet" in str(result.exception)


def test_the_command_line(captures: Path, tmp_path: Path) -> None:
    out = tmp_path / "fleet"
    result = CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), "--shard", "1/2"])
    assert result.exit_code == 0, result.exception
    result = CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), "--shard", "2/2"])
    assert result.exit_code == 0, result.exception
    assert names(out) == [f"{name}.ndjson" for name in "abcdef"]
    result = CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), "--engine", "dask", "--timeout", "3"])
    assert isinstance(result.exception, UsageError)


def test_the_counts_of_a_run_and_of_the_data_set(captures: Path, tmp_path: Path) -> None:
    for path in captures.iterdir():
        if path.name != "a.ndjson":
            path.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 torn")
    out = tmp_path / "fleet"
    told = [
        CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), *more]).stderr.partition("; next: ")[0]
        for more in ((), ("--resume",))
    ]
    assert told == [
        f"1 capture analysed, 5 failed (see {out / 'failures'})",
        f"0 captures analysed, none failed, 6 done before, 5 failed in all (see {out / 'failures'})",
    ]


def test_no_capture_no_data_set(tmp_path: Path, settings: Make, inline: type[Executor]) -> None:
    jobs: list[Job] = []
    assert run(jobs, settings(), inline) == batch.Summary(0, 0, 0)
    with pytest.raises(InputError, match="no fleet data set"):
        read_table(tmp_path / "fleet", "captures")


def test_the_report_of_one_part_says_that_the_others_are_missing(captures: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "part", tmp_path / "part.html"
    call = ["batch", str(captures), "-o", str(out), "--jobs", "1"]
    report = ["fleet", "report", str(out), "-o", str(page), "--force"]
    assert CliRunner().invoke(app, [*call, "--shard", "1/2"]).exit_code == 0
    missing = unfinished(out)
    assert 0 < missing < 6
    told = f"{missing} of 6 captures of this batch {'is' if missing == 1 else 'are'} not analysed yet"
    assert told in CliRunner().invoke(app, report).stderr
    assert told in page.read_text("utf-8")
    assert CliRunner().invoke(app, [*call, "--shard", "2/2"]).exit_code == 0
    assert "not analysed" not in CliRunner().invoke(app, report).stderr
    assert "not analysed yet" not in page.read_text("utf-8")


def test_a_part_without_a_capture_says_so(captures: Path, tmp_path: Path) -> None:
    out = tmp_path / "part"
    for name in "bcdef":
        (captures / f"{name}.ndjson").unlink()
    (job,) = find_jobs(captures)
    empty = next(part for part in (0, 1) if not in_shard(job, (part, 2)))
    done = CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), "--shard", f"{empty + 1}/2"])
    assert (done.exit_code, done.stderr) == (0, f"part {empty + 1}/2 has none of the 1 capture: nothing to do\n")
    assert not out.exists()
