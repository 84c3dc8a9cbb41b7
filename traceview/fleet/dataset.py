"""The data set of a fleet: ``OUT/<table>/<shard>.parquet`` and one manifest entry a shard.

Files appear whole or not at all: they are written beside their place and renamed, and a shard counts as done only
when its manifest entry exists, which is written last. Files of a shard that was cut off are never read.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from traceview.fleet.tables import TABLES, Tables
from traceview_parsers.errors import InputError

MANIFEST = "_manifest"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
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


def write_shard(out: Path, shard: str, config: str, captures: list[str], tables: list[Tables]) -> Entry:
    """Write all tables of a shard, then its manifest entry; tables without a row have no file."""
    files = {}
    for table, schema in TABLES.items():
        frames = [one[table] for one in tables if table in one and one[table].height]
        if frames:
            path = out / table / f"{shard}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            pl.concat(frames).select(list(schema)).write_parquet(part, compression="zstd")
            files[f"{table}/{path.name}"] = blake2b(part.read_bytes(), digest_size=16).hexdigest()
            part.replace(path)
    entry = Entry(shard, config, tuple(captures), files)
    _write_entry(out, entry)
    return entry


def _write_entry(out: Path, entry: Entry) -> None:
    path = out / MANIFEST / f"{entry.shard}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "schema_version": SCHEMA_VERSION,
        "shard": entry.shard,
        "config": entry.config,
        "captures": list(entry.captures),
        "files": entry.files,
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    part.replace(path)


def read_manifest(out: Path) -> list[Entry]:
    """Return the entries of all finished shards, by name. Raises InputError for a damaged or newer entry."""
    return [_read_entry(path) for path in sorted((out / MANIFEST).glob("*.json"))]


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


def read_table(out: Path, table: str) -> pl.DataFrame:
    """Return one table over all finished shards, with its columns even where it has no row.

    Raises InputError where `out` is no data set or a file is missing or damaged.
    """
    entries = read_manifest(out)
    if not entries:
        raise InputError(f"{out}: no fleet data set (no finished shard); make one with `traceview batch`")
    frames = [pl.DataFrame(schema=TABLES[table])]
    for entry in entries:
        name = f"{table}/{entry.shard}.parquet"
        if name in entry.files:
            try:
                frames.append(pl.read_parquet(out / name).select(list(TABLES[table])))
            except (OSError, pl.exceptions.PolarsError) as error:
                raise InputError(f"{out / name}: missing or damaged ({error})") from error
    return pl.concat(frames)
