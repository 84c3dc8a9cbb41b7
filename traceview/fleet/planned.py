"""Which captures a batch was asked for, and which it left out as changed, so that a report can say so."""

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from msgspec import json

from traceview.fleet.dataset import MANIFEST, read_manifest, read_table, write_whole
from traceview.fleet.jobs import Job
from traceview.fleet.tables import printable
from traceview_parsers.errors import InputError

_SUFFIX: Final = ".planned"
"""Of files in the manifest that hold a list of pairs: the key of a capture and its path."""

_CHANGED: Final = ".changed"
"""Of files in the manifest, each for one capture that holds something else than what was analysed; named by its path."""


def plan(out: Path, jobs: Iterable[Job], *, anew: bool = False) -> None:
    """Note that these captures were asked for; what other runs asked for stays, unless the data set begins `anew`.

    Raises OSError.
    """
    content = json.encode(sorted({(job.key, printable(str(job.path))) for job in jobs}))
    file = out / MANIFEST / f"{blake2b(content, digest_size=8).hexdigest()}{_SUFFIX}"
    write_whole(file, content)
    if anew:
        for earlier in set(_plans(out)) - {file}:
            earlier.unlink()


def unfinished(out: Path) -> int:
    """Return how many captures of the data set were asked for and neither analysed nor failed, now or under another key.

    Data sets of earlier versions do not tell: none. Raises InputError where the data set is damaged.
    """
    return len(set(_open(out).values()))  # one that moved was asked for at two places


def gone(out: Path, asked: Iterable[Job]) -> list[tuple[str, Path]]:
    """Return key and path of captures that are unfinished, exist no more and are not among those asked for now.

    Raises InputError where the data set is damaged.
    """
    now = {one for job in asked for one in (job.key, printable(str(job.path)))}
    return [
        (key, Path(path))
        for path, key in sorted(_open(out).items())
        if key not in now and path not in now and not os.path.lexists(path)
    ]


def note_changed(out: Path, jobs: Iterable[Job], changed: Iterable[Path]) -> None:
    """Note which of these captures hold something else than what was analysed; what is noted of others stays.

    Raises OSError.
    """
    noted = set(_noted(out))
    now = {_note(out, path): path for path in changed}
    for file, path in now.items():
        write_whole(file, printable(str(path)).encode())
    for file in noted.intersection(_note(out, job.path) for job in jobs).difference(now):
        file.unlink(missing_ok=True)


def changed_since(out: Path) -> int:
    """Return of how many captures an earlier state counts, since they were left out as changed."""
    return len(list(_noted(out)))


def _note(out: Path, path: Path) -> Path:
    return out / MANIFEST / f"{blake2b(os.fsencode(path), digest_size=8).hexdigest()}{_CHANGED}"


def _noted(out: Path) -> Iterable[Path]:
    return (out / MANIFEST).glob(f"*{_CHANGED}")


def _open(out: Path) -> dict[str, str]:
    """Return path → key of what is unfinished."""
    entries = read_manifest(out)
    keys = {key for entry in entries for key in entry.captures}
    tables = ("captures", "failures") if entries else ()
    paths = {path for table in tables for path in read_table(out, table, ["path"])["path"]}
    asked: dict[str, str] = {}
    for file in _plans(out):
        try:
            asked |= {path: key for key, path in json.decode(file.read_bytes(), type=list[tuple[str, str]])}
        except ValueError as error:
            raise InputError(f"{file}: damaged; delete it and run the batch again with --resume") from error
    return {path: key for path, key in asked.items() if key not in keys and path not in paths}


def _plans(out: Path) -> Iterable[Path]:
    return (out / MANIFEST).glob(f"*{_SUFFIX}")
