"""The data set of a fleet: ``OUT/<table>/<shard>.parquet`` and one manifest entry a shard.

Files appear whole or not at all: they are written beside their place and renamed, and a shard counts as done only
when its manifest entry exists, which is written last. Files of a shard that was cut off are never read.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.fleet.lock import alone
from traceview.fleet.tables import TABLES, Tables
from traceview_parsers.discovery import DATA_SET_MANIFEST
from traceview_parsers.errors import InputError, UsageError

MANIFEST: Final = DATA_SET_MANIFEST
PART: Final = ".part"
SCHEMA_VERSION: Final = 1


LASTING: Final = "unreadable"
"""Kind of failure that the same bytes give again: such a capture is not tried again."""

_ALWAYS = ("captures", "failures", "findings")
"""Tables that have a file in every shard, so that their folders can be scanned whatever the captures held."""


class Entry(Struct, frozen=True):
    """What the manifest says of one shard.

    Attributes:
        shard: Name of its files.
        config: Hash of the configuration it was made with.
        captures: Keys of its captures, analysed or failed.
        files: Path below the data set → BLAKE2b of the file.
    """

    shard: str
    config: str
    captures: tuple[str, ...]
    files: dict[str, str]


def check_place(out: Path) -> None:
    """Raise UsageError where the folder of a data set holds other things already; it may be missing or empty.

    Hidden entries do not count. OSError where the folder cannot be read.
    """
    if not out.is_dir():
        return
    there = [path for path in out.iterdir() if not path.name.startswith(".")]
    # Another part of the same batch may be trying whether it can write here: its file is gone by now.
    if out / MANIFEST not in there and any(os.path.lexists(path) for path in there):
        raise UsageError(f"{out} is not empty and holds no data set of `traceview batch`; name a new or empty folder")


def begin(out: Path) -> None:
    """Make the folder of a data set, and first of all in it the one by which other runs know it. Raises as `check_place`."""
    check_place(out)
    (out / MANIFEST).mkdir(parents=True, exist_ok=True)


def write_shard(out: Path, shard: str, config: str, captures: list[str], tables: list[Tables]) -> Entry:
    """Write all tables of a shard, then its manifest entry; tables without a row have no file, but for `_ALWAYS`.

    Raises OSError; nothing is left then.
    """
    files = {}
    for table, schema in TABLES.items():
        frames = [one[table] for one in tables if table in one and one[table].height]
        if frames or table in _ALWAYS:
            whole = pl.concat([pl.DataFrame(schema=schema), *frames]).select(list(schema))
            files[out / table / f"{shard}.parquet"] = _parquet(whole)
    _write_files(files)
    digests = {f"{path.parent.name}/{path.name}": _digest(content) for path, content in files.items()}
    entry = Entry(shard, config, tuple(captures), digests)
    _write_entry(out, entry)
    return entry


def _parquet(frame: pl.DataFrame) -> bytes:
    """Return the file of a table. Native code that writes it to a full disk itself would tell no number and no place."""
    content = BytesIO()
    frame.write_parquet(content, compression="zstd")
    return content.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once, whoever else writes the same one. Raises OSError; nothing is left then."""
    _write_files({path: content})


def _write_files(files: Mapping[Path, bytes]) -> None:
    parts = {_part(path): path for path in files}
    try:
        for part, path in parts.items():
            part.write_bytes(files[path])
        for part, path in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        raise


def _part(path: Path) -> Path:
    """Return a name beside `path` that no other process writes to: a shard may run twice on a cluster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.stem}.{token_hex(4)}{PART}")


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _write_entry(out: Path, entry: Entry) -> None:
    path = out / MANIFEST / f"{entry.shard}.json"
    content = {
        "schema_version": SCHEMA_VERSION,
        "shard": entry.shard,
        "config": entry.config,
        "captures": list(entry.captures),
        "files": entry.files,
    }
    write_whole(path, json.dumps(content, indent=1).encode())


def remove_leftovers(out: Path) -> int:
    """Remove what a run that was cut off left: parts of files, and files that no manifest entry names.

    Returns how many. Only for a run that is alone in the data set: to another one these are work in progress.
    """
    known = {out / name for entry in read_manifest(out) for name in entry.files}
    found = [path for table in (*TABLES, MANIFEST) for path in (out / table).glob(f"*{PART}")]
    found += [path for table in TABLES for path in (out / table).glob("*.parquet") if path not in known]
    for path in found:
        path.unlink()
    return len(found)


def read_manifest(out: Path) -> list[Entry]:
    """Return the entries of all finished shards, by name. Raises InputError for a damaged or newer entry."""
    return [_read_entry(path) for path in sorted((out / MANIFEST).glob("*.json"))]


def find_entry(out: Path, shard: str) -> Entry | None:
    """Return the entry of one shard, or None where it is not finished. Raises InputError as `read_manifest`."""
    path = out / MANIFEST / f"{shard}.json"
    return _read_entry(path) if path.is_file() else None


def _read_entry(path: Path) -> Entry:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        version = content["schema_version"]
        entry = Entry(content["shard"], content["config"], tuple(content["captures"]), dict(content["files"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged manifest entry; delete it and run the batch again with --resume") from error
    if version != SCHEMA_VERSION:
        raise InputError(f"{path}: made by another version (schema {version}); make a new data set")
    return entry


def releasing(out: Path) -> AbstractContextManager[None]:
    """Let one process at a time take failures out of the data set. Raises as `alone`."""
    return alone(out / MANIFEST / "lock")


def release_failures(out: Path, keys: Collection[str], replaced: Collection[str] = ()) -> set[str]:
    """Take those of the captures out of the data set that failed for a reason that may have passed, so that they are missing.

    Each finished shard is changed by replacing its manifest entry, so that a cut leaves the old state or the new one. Of
    two that do so at once each undoes what the other did: `releasing` lets one after the other.

    Args:
        out: The data set.
        keys: Captures that are there as they were: what is `LASTING` is so still.
        replaced: Captures at whose place another one lies: whatever they failed for is gone.

    Returns the keys taken out.
    """
    released: set[str] = set()
    for entry in read_manifest(out):
        failures = _frames(out, "failures", [entry], ["capture", "kind"])
        passed = (pl.col("kind") != LASTING) & pl.col("capture").is_in(list(keys))
        passing = failures.filter(passed | pl.col("capture").is_in(list(replaced)))
        if gone := set(passing["capture"]):
            released |= gone
            _without(out, entry, gone)
    return released


def _without(out: Path, entry: Entry, gone: set[str]) -> None:
    """Write a shard's manifest entry without the failed captures `gone`; its file of failures gets a new name."""
    left = tuple(key for key in entry.captures if key not in gone)
    if not left:
        (out / MANIFEST / f"{entry.shard}.json").unlink()
        for name in entry.files:
            (out / name).unlink(missing_ok=True)
        return
    old = _file_of(entry, "failures")
    kept = _frames(out, "failures", [entry], list(TABLES["failures"])).filter(~pl.col("capture").is_in(list(gone)))
    path = out / "failures" / f"{entry.shard}.{token_hex(4)}.parquet"
    content = _parquet(kept)
    write_whole(path, content)
    files = {name: digest for name, digest in entry.files.items() if name != old}
    files[f"failures/{path.name}"] = _digest(content)
    _write_entry(out, Entry(entry.shard, entry.config, left, files))
    if old is not None:
        (out / old).unlink(missing_ok=True)


def _file_of(entry: Entry, table: str) -> str | None:
    return next((name for name in entry.files if name.startswith(f"{table}/")), None)


def read_table(out: Path, table: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Return one table over all finished shards, with its columns (or those asked for) even where it has no row.

    Raises InputError where `out` is no data set, or a file is missing, changed or damaged.
    """
    entries = read_manifest(out)
    if not entries:
        raise InputError(f"{out}: no fleet data set (no finished shard); make one with `traceview batch`")
    try:
        return _frames(out, table, entries, list(columns or TABLES[table]))
    except InputError:
        if read_manifest(out) == entries:
            raise
    return read_table(out, table, columns)  # another part of the batch took failures out meanwhile


def _frames(out: Path, table: str, entries: Iterable[Entry], columns: list[str]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={name: TABLES[table][name] for name in columns})]
    for entry in entries:
        name = _file_of(entry, table)
        if name is not None:
            frames.append(_read_file(out / name, entry.files[name], columns))
    return pl.concat(frames)


def _read_file(path: Path, digest: str, columns: list[str]) -> pl.DataFrame:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}; make the data set anew") from error
    if _digest(content) != digest:
        raise InputError(f"{path}: changed or damaged since it was written; make the data set anew")
    return pl.read_parquet(content, columns=columns)
