"""Damaged catalogs: what several processes read of an archive together is what one reads."""

import random
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from shares import by_turns

from traceview_parsers import schema
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER, source
from traceview_parsers.unified_log.strings import StringFiles
from traceview_parsers.unified_log.tracev3 import CATALOG, walk_chunks

TRACE = "Special/0000000000000001.tracev3"
SPOKEN_BY_NOBODY = 1857
"""Where a byte of the reference archive breaks the catalog entry of a process that dumps state of a system library."""


@pytest.fixture(scope="module")
def archive(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference archive without most of its records."""
    folder = tmp_path_factory.mktemp("catalogs")
    with tarfile.open(real / "logarchive" / "macos12.logarchive.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    for name in ("Persist", "Signpost"):
        for path in (folder / "macos12.logarchive" / name).iterdir():
            path.unlink()
    return folder / "macos12.logarchive"


def opened(archive: Path) -> Any:
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    return READER.open(Candidate(archive.name, archive, b"", is_dir=True), context)


def together(archive: Path, count: int) -> Any:
    shares = [opened(archive).share_in_order(number, count) for number in range(count)]
    return pa.Table.from_batches(by_turns(shares), schema.SCHEMAS["log"])


def plain(table: Any) -> Any:
    """Return the table without dictionaries, whose order says nothing."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def damage(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311
    catalogs = [chunk for chunk in walk_chunks(data, lambda *_: None) if chunk.tag == CATALOG]
    changed = bytearray(data)
    if seed == 0:
        changed[SPOKEN_BY_NOBODY] = 103
    for _ in range(seed % 4 * 10):
        chunk = chance.choice(catalogs)
        changed[chance.randrange(chunk.start, chunk.end)] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("seed", range(6))
def test_several_processes_read_what_one_does(archive: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(source, "WINDOW_BYTES", 1 << 17)
    path = archive / TRACE
    whole = path.read_bytes()
    try:
        path.write_bytes(damage(whole, seed))
        alone = plain(pa.Table.from_batches(opened(archive).in_order(), schema.SCHEMAS["log"]))
        assert alone.num_rows > 10_000
        for count in (2, 3):
            assert plain(together(archive, count)).equals(alone)
    finally:
        path.write_bytes(whole)


def test_an_image_is_found_in_any_shared_cache(archive: Path) -> None:
    files = StringFiles([archive], lambda *_: None)
    core_location = bytes.fromhex("5FF0170FA239305DAD3C0C120A25DB1F")
    path = "/System/Library/Frameworks/CoreLocation.framework/Versions/A/CoreLocation"
    assert files.path(core_location, [bytes(16)]) == path
    assert files.missing == {bytes(16)}  # the cache that was likely
    assert files.path(core_location) == path  # where its strings were asked for, they are missing all the same
    assert files.path(bytes(range(16)), []) is None
    assert files.missing == {bytes(16), bytes(range(16))}
