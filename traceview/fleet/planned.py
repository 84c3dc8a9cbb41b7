"""Which captures a batch was asked for, so that a report can say how many are not analysed yet."""

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


def plan(out: Path, jobs: Iterable[Job]) -> None:
    """Note that these captures were asked for; what other runs asked for stays. Raises OSError."""
    content = json.encode(sorted({(job.key, printable(str(job.path))) for job in jobs}))
    write_whole(out / MANIFEST / f"{blake2b(content, digest_size=8).hexdigest()}{_SUFFIX}", content)


def unfinished(out: Path) -> int:
    """Return how many captures of the data set were asked for and neither analysed nor failed, now or under another key.

    Data sets of earlier versions do not tell: none. Raises InputError where the data set is damaged.
    """
    keys = {key for entry in read_manifest(out) for key in entry.captures}
    paths = {path for table in ("captures", "failures") for path in read_table(out, table, ["path"])["path"]}
    asked: dict[str, str] = {}
    for file in (out / MANIFEST).glob(f"*{_SUFFIX}"):
        try:
            asked |= {path: key for key, path in json.decode(file.read_bytes(), type=list[tuple[str, str]])}
        except ValueError as error:
            raise InputError(f"{file}: damaged; delete it and run the batch again with --resume") from error
    return sum(key not in keys and path not in paths for path, key in asked.items())
