"""The data set: whole files or none, the columns that are promised, damage that is named."""

import json
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet import dataset
from traceview.fleet.batch import run
from traceview.fleet.dataset import (
    MANIFEST,
    begin,
    read_manifest,
    read_table,
    release_failures,
    releasing,
    remove_leftovers,
    write_shard,
)
from traceview.fleet.jobs import find_jobs
from traceview.fleet.tables import FAILURES, TABLES, failure, printable
from traceview.fleet.worker import Settings
from traceview_parsers.errors import InputError, UnknownFormatError, UsageError

Make = Callable[..., Settings]


def rows(*keys: str) -> list[dict[str, pl.DataFrame]]:
    return [failure(key, Path(f"/captures/{key}"), "unreadable", "torn") for key in keys]


def test_parquet_columns_are_those_of_tables(samples: Path, settings: Make, inline: type[Executor]) -> None:
    jobs = [job for job in find_jobs(samples) if job.name.startswith(("sysdiagnose", "suspended-in-call"))]
    run(jobs, settings(), inline)
    out = settings().out
    written = {path.parent.name for path in out.rglob("*.parquet")}
    assert {"captures", "exposure", "findings", "evidence", "rules_not_evaluated", "calls", "suspensions"} <= written
    for table, schema in TABLES.items():
        for path in (out / table).glob("*.parquet"):
            assert dict(pl.read_parquet_schema(path)) == schema, table
        assert dict(read_table(out, table).schema) == schema, table
        assert next(iter(schema)) == "capture"
    findings, evidence = read_table(out, "findings"), read_table(out, "evidence")
    proofs = findings.explode("evidence", empty_as_null=False).select("capture", ref="evidence")
    assert proofs.join(evidence, on=["capture", "ref"], how="anti").height <= proofs.height - evidence.height


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """What is written to a full disk fails as the system says it, and leaves nothing that fills the disk."""
    write_shard(tmp_path, "one", "c", ["a"], rows("a"))
    before = sorted(tmp_path.rglob("*"))
    do, left = getattr(Path, step), [2]

    def full(path: Path, *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return do(path, *arguments)

    monkeypatch.setattr(Path, step, full)
    with pytest.raises(OSError, match="No space"):
        write_shard(tmp_path, "two", "c", ["b"], rows("b"))
    monkeypatch.undo()
    assert read_table(tmp_path, "failures")["capture"].to_list() == ["a"]
    assert not list(tmp_path.rglob("*.part"))
    remove_leftovers(tmp_path)  # a file that was moved to its place before the next one failed
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_run_that_was_killed_leaves_is_removed(tmp_path: Path) -> None:
    write_shard(tmp_path, "one", "c", ["a"], rows("a"))
    for name in ("failures/two.0123.part", "captures/two.parquet", f"{MANIFEST}/two.4567.part"):
        (tmp_path / name).write_bytes(b"")
    assert remove_leftovers(tmp_path) == 3
    assert remove_leftovers(tmp_path) == 0


def test_parts_that_take_failures_out_at_once_undo_nothing(tmp_path: Path) -> None:
    """Shards hold captures of both parts."""
    keys = [f"{n:03d}" for n in range(160)]
    for at in range(0, 160, 8):
        shard = keys[at : at + 8]
        write_shard(
            tmp_path, f"s{at}", "c", shard, [failure(key, Path(f"/c/{key}"), "timeout", "late") for key in shard]
        )
    together = Barrier(2)

    def part(own: list[str]) -> set[str]:
        together.wait()
        with releasing(tmp_path):
            return release_failures(tmp_path, own)

    with ThreadPoolExecutor(2) as pool:
        released = list(pool.map(part, (keys[::2], keys[1::2])))
    assert released == [set(keys[::2]), set(keys[1::2])]
    assert read_manifest(tmp_path) == []
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_table_is_read_while_another_part_takes_failures_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path, "one", "c", ["a"], [failure("a", Path("/c/a"), "timeout", "late")])
    write_shard(tmp_path, "two", "c", ["b", "c"], [failure(key, Path("/c"), "timeout", "late") for key in "bc"])
    entries = read_manifest(tmp_path)
    release_failures(tmp_path, ["a", "b"])
    found = [entries, read_manifest(tmp_path)]
    monkeypatch.setattr(dataset, "read_manifest", lambda _: found[0] if len(found) == 1 else found.pop(0))
    assert read_table(tmp_path, "failures")["capture"].to_list() == ["c"]


def test_tables_without_rows_have_their_columns(tmp_path: Path) -> None:
    write_shard(tmp_path, "one", "c", ["a"], rows("a"))
    for table, schema in TABLES.items():
        assert dict(read_table(tmp_path, table).schema) == schema
    assert read_table(tmp_path, "failures", ["capture", "kind"]).rows() == [("a", "unreadable")]


def test_damage_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path, "one", "c", ["a"], rows("a"))
    file = tmp_path / "failures" / "one.parquet"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"one\.parquet: changed or damaged"):
        read_table(tmp_path, "failures")
    file.unlink()
    with pytest.raises(InputError, match=r"one\.parquet: no such file"):
        read_table(tmp_path, "failures")
    entry = tmp_path / MANIFEST / "one.json"
    content = json.loads(entry.read_text())
    entry.write_text(json.dumps(content | {"schema_version": 99}))
    with pytest.raises(InputError, match="schema 99"):
        read_manifest(tmp_path)
    for damaged in ("{", "[]", '{"schema_version": 1}', "null"):
        entry.write_text(damaged)
        with pytest.raises(InputError, match="damaged manifest entry"):
            read_manifest(tmp_path)


def test_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no fleet data set"):
        read_table(tmp_path, "captures")


def test_failures_hold_any_message() -> None:
    table = failure("k", Path("/x/\udcff"), "internal", "\ud800" + "y" * 10_000)["failures"]
    assert dict(table.schema) == FAILURES
    (row,) = table.iter_rows(named=True)
    assert row["message"].startswith("\\ud800yyy")
    assert len(row["message"]) == 2000
    assert row["uri"] == "file:///x/%FF"
    assert printable("plain") == "plain"


@pytest.mark.parametrize("part", [[], ["--shard", "1/2"]])
@pytest.mark.parametrize("inside", ["notes.txt", "captures/a.ndjson", "captures/a.parquet"])
def test_a_folder_with_other_things_is_refused(captures: Path, tmp_path: Path, inside: str, part: list[str]) -> None:
    out = tmp_path / "mine"
    (out / inside).parent.mkdir(parents=True)
    (out / inside).write_text("mine")
    result = CliRunner().invoke(app, ["batch", str(captures), "-o", str(out), *part])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == (
        f"{out} is not empty and holds no data set of `traceview batch`; name a new or empty folder"
    )
    assert [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()] == [inside]


def test_captures_are_no_place_for_a_data_set(captures: Path, settings: Make, inline: type[Executor]) -> None:
    before = sorted(captures.iterdir())
    with pytest.raises(UsageError, match="not empty"):
        run(find_jobs(captures), settings(captures.name), inline)
    assert sorted(captures.iterdir()) == before


def test_an_empty_folder_and_one_that_was_begun_are_places(
    captures: Path, settings: Make, inline: type[Executor]
) -> None:
    out = settings().out
    out.mkdir()
    (out / ".DS_Store").write_bytes(b"")
    begin(out)
    (out / "captures").mkdir()
    (out / "captures" / "shard-of-another.1234.part").write_bytes(b"in work")
    assert run(find_jobs(captures), settings(), inline, join=True).captures == 6


@pytest.mark.parametrize("command", [("query", "SELECT 1"), ("diff",), ("analyze",)])
def test_a_data_set_is_no_capture(tmp_path: Path, command: tuple[str, ...]) -> None:
    out = tmp_path / "fleet"
    write_shard(out, "one", "c", ["a"], rows("a"))
    name, *more = command
    result = CliRunner().invoke(app, [name, str(out), *(more or [str(out)])])
    assert isinstance(result.exception, UnknownFormatError)
    assert f"{out}: a data set of `traceview batch`, no capture" in str(result.exception)
    assert f"`traceview fleet report {out}`" in str(result.exception)
