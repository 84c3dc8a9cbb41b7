"""The data set: whole files or none, the columns that are promised, damage that is named."""

import json
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet.batch import run
from traceview.fleet.dataset import MANIFEST, begin, read_manifest, read_table, remove_leftovers, write_shard
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


def test_a_shard_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shard(tmp_path, "one", "c", ["a"], rows("a"))
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_shard(tmp_path, "two", "c", ["b"], rows("b"))
    monkeypatch.undo()
    assert read_table(tmp_path, "failures")["capture"].to_list() == ["a"]
    assert [path.name for path in (tmp_path / "failures").glob("*.parquet")] == ["one.parquet"]
    assert remove_leftovers(tmp_path) == 3  # captures, failures and findings have a file in every shard
    assert remove_leftovers(tmp_path) == 0


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
