"""Finding captures, keys and shards."""

from pathlib import Path

import pytest

from traceview.fleet.jobs import Job, content_hash, find_jobs, in_shard, parse_shard
from traceview_parsers.errors import InputError, UsageError

NDJSON = (
    '{"timestamp":"2026-01-15 10:00:00.000000+0100","processImagePath":"/a/SpringBoard","processID":1,'
    '"eventType":"logEvent","messageType":"Default","eventMessage":"x"}\n'
)


def capture_folder(folder: Path) -> Path:
    (folder / "one").mkdir()
    (folder / "one" / "a.ndjson").write_text(NDJSON)
    (folder / "b.ndjson").write_text(NDJSON)
    (folder / "notes.md").write_text("# not a capture\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "c.ndjson").write_text(NDJSON)
    sysdiagnose = folder / "sysdiagnose_x"
    sysdiagnose.mkdir()
    (sysdiagnose / "sysdiagnose.log").write_text("log")
    (sysdiagnose / "inner.ndjson").write_text(NDJSON)
    return folder


def test_captures_are_files_and_capture_folders(tmp_path: Path) -> None:
    names = [job.name for job in find_jobs(capture_folder(tmp_path))]
    assert names == ["b.ndjson", "one/a.ndjson", "sysdiagnose_x"]


def test_a_single_capture_is_a_source(tmp_path: Path) -> None:
    folder = capture_folder(tmp_path)
    assert [job.name for job in find_jobs(folder / "b.ndjson")] == ["b.ndjson"]
    assert [job.name for job in find_jobs(folder / "sysdiagnose_x")] == ["sysdiagnose_x"]


def test_keys_follow_content_changes(tmp_path: Path) -> None:
    folder = capture_folder(tmp_path)
    before = {job.name: job.key for job in find_jobs(folder)}
    (folder / "b.ndjson").write_text(NDJSON * 2)
    after = {job.name: job.key for job in find_jobs(folder)}
    assert before["b.ndjson"] != after["b.ndjson"]
    assert before["one/a.ndjson"] == after["one/a.ndjson"]


def test_content_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    folder = capture_folder(tmp_path)
    before = content_hash(folder / "one")
    assert before == content_hash(folder / "one")
    (folder / "one" / "a.ndjson").rename(folder / "one" / "z.ndjson")
    assert content_hash(folder / "one") != before


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_jobs(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no capture"):
        find_jobs(tmp_path)


def test_shards_share_out_every_job_once() -> None:
    jobs = [Job(Path(str(n)), str(n), f"{n * 7919:024x}") for n in range(200)]
    parts = [[job for job in jobs if in_shard(job, parse_shard(f"{part}/3"))] for part in (1, 2, 3)]
    assert sorted(job.name for part in parts for job in part) == sorted(job.name for job in jobs)
    assert parse_shard(None) == (0, 1)


@pytest.mark.parametrize("text", ["0/3", "4/3", "x", "1/", "/3", "-1/3"])
def test_wrong_shards_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)
