"""Reader of one PowerLog file."""

import shutil
import weakref
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from traceview_parsers import container
from traceview_parsers.errors import InputError
from traceview_parsers.powerlog.database import ERRORS, MAGIC, opened
from traceview_parsers.powerlog.layout import LAYOUTS, OFFSETS
from traceview_parsers.schema_powerlog import POWER_SCHEMAS
from traceview_parsers.trace import Candidate, Context

if TYPE_CHECKING:
    from traceview_parsers.powerlog.source import PowerlogSource

_SUFFIXES: Final = (".plsql", ".bgsql")
_NAMES_OF_TABLES: Final = (b"_EventForward_", b"_EventPoint_", b"BackgroundProcessing_Task")
"""Parts of table names that stand in the first page of a small file."""


class PowerlogReader:
    """Claims SQLite files with PowerLog's tables, plain or gzipped."""

    name = "powerlog"
    tables: tuple[str, ...] = (*POWER_SCHEMAS, "time_zones")

    def claims(self, candidate: Candidate) -> int:
        """Return 100 for a file with PowerLog's tables, 90 for an SQLite file of that name, 40 for the name alone."""
        if candidate.is_dir:
            return 0
        name = PurePosixPath(candidate.name).name.lower()
        packed = candidate.head.startswith(container.GZIP)
        named = name.removesuffix(".gz").endswith(_SUFFIXES) if packed else name.endswith(_SUFFIXES)
        head = container.unpacked_head(candidate.head) if packed else candidate.head
        if not head.startswith(MAGIC):
            return 40 if named else 0
        if packed or candidate.path is None:
            return 90 if named or any(part in head for part in _NAMES_OF_TABLES) else 0
        return 100 if _has_tables(candidate.path) else 50 * named

    def open(self, candidate: Candidate, context: Context) -> "PowerlogSource":
        """Open the file. Raises InputError where it is no database or nothing of it can be read."""
        if candidate.path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        from traceview_parsers.powerlog.source import PowerlogSource  # noqa: PLC0415  (every reader is asked, few are used)

        path, folder = candidate.path, None
        if candidate.head.startswith(container.GZIP):
            path, folder = _unpacked(candidate.path, context)
        try:
            with opened(path) as database:
                source = PowerlogSource(candidate.name, path, context, database)
        except ERRORS as error:
            raise InputError(f"{candidate.name}: the database is damaged ({error}); export it again") from error
        if folder is not None:
            weakref.finalize(source, shutil.rmtree, folder, ignore_errors=True)
        return source


def _has_tables(path: Path) -> bool:
    try:
        with opened(path) as database:
            names = " ".join(database.names)
    except (InputError, OSError):
        return False
    return any(source in names for source in (*OFFSETS, *(layout.source for layout in LAYOUTS)))


def _unpacked(path: Path, context: Context) -> tuple[Path, Path]:
    """Unpack into a temporary folder; return the file and the folder."""
    folder = container.unpack(path, lambda member: member.head.startswith(MAGIC), context.problems)
    files = list(folder.iterdir())
    if not files:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{path.name}: holds no SQLite database; the file is encrypted or not what its name says")
    return files[0], folder


READER = PowerlogReader()
