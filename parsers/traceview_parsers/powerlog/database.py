"""Read-only access to an SQLite file that may be damaged or hostile.

Nothing of the file is executed: views, virtual tables and triggers are never touched, only plain tables that a reader
asks for by name are read, functions and extensions are refused, and values above `MAX_VALUE_BYTES` are errors.
"""

import contextlib
import itertools
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct

from traceview_parsers.errors import InputError
from traceview_parsers.powerlog.repair import repaired

Longs = np.ndarray[Any, np.dtype[np.int64]]

MAGIC: Final = b"SQLite format 3\0"
MAX_VALUE_BYTES: Final = 16 << 20
"""The longest text in a real PowerLog is a few kilobytes; a row above this is damage."""
BLOCK_ROWS: Final = 1024
"""Rows fetched at once: more leave the processor's cache and wake Python's garbage collector (measured)."""

_ALLOWED: Final = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT})
ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises on damage; its messages may quote bytes that are no text."""
_FUNCTIONS: Final = frozenset({"count", "min", "max"})


class DbTable(Struct, frozen=True):
    """One plain table: its name and its columns."""

    name: str
    columns: frozenset[str]


class Block(Struct, frozen=True):
    """Consecutive rows, by column: their row ids and the values as Python has them (texts as bytes)."""

    ids: Longs
    columns: list[tuple[Any, ...]]


class Lost(Struct, frozen=True):
    """Where reading a table broke.

    Attributes:
        message: What SQLite says.
        after_row: Row id of the last row before the damage, or None where there is none.
    """

    message: str
    after_row: int | None


class Database:
    """An open file; use `opened`.

    Attributes:
        names: Its plain tables.
        damage: What SQLite said when it was opened first, or empty.
    """

    def __init__(self, connection: sqlite3.Connection, damage: str = "") -> None:
        self._connection = connection
        self.damage = damage
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name"
        ).fetchall()
        self.names: tuple[str, ...] = tuple(name.decode("utf-8", "replace") for (name,) in names)

    def table(self, name: str) -> DbTable:
        """Return a table of the file with its columns. Raises one of `ERRORS` where its definition is damaged."""
        rows = self._connection.execute(f"PRAGMA table_info({_quoted(name)})").fetchall()
        return DbTable(name, frozenset(row[1].decode("utf-8", "replace") for row in rows if row[1] is not None))

    def find(self, name: str) -> list[DbTable]:
        """Return the tables of this name, with or without the retention suffix of newer releases (``…_1_2``)."""
        wanted = re.compile(rf"{re.escape(name)}(?:_\d+)*")
        return [self.table(one) for one in self.names if wanted.fullmatch(one)]

    def last(self, name: str, column: str) -> str | float | None:
        """Return the value of `column` in the newest row of a table that has it, or None."""
        for table in self.find(name):
            if column in table.columns:
                query = f"SELECT {_quoted(column)} FROM {_quoted(table.name)} ORDER BY rowid DESC LIMIT 1"  # noqa: S608
                for (value,) in self._connection.execute(query):
                    return value.decode("utf-8", "replace") if isinstance(value, bytes) else _number(value)
        return None

    def rows(self, name: str) -> int:
        """Return how many rows a table has. Raises one of `ERRORS` on damage."""
        (count,) = self._connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()  # noqa: S608
        return int(count)

    def hours(self, table: DbTable, column: str) -> list[tuple[int, float | None, float | None]]:
        """Return of each hour with rows their number, the least and the greatest `column` (seconds).

        Raises one of `ERRORS` on damage.
        """
        name = _quoted(column)
        query = (
            f"SELECT count(*), min({name}), max({name}) FROM {_quoted(table.name)} "  # noqa: S608  (quoted names)
            f"GROUP BY CAST({name} / 3600 AS INTEGER)"
        )
        return [(int(rows), _number(least), _number(most)) for rows, least, most in self._connection.execute(query)]

    def newest(self, column: str, prefixes: tuple[str, ...]) -> float | None:
        """Return the greatest `column` among the last rows of all tables with such names; damaged tables tell none."""
        found: list[float] = []
        for name in self.names:
            if name.startswith(prefixes):
                with contextlib.suppress(*ERRORS):
                    value = self.last(name, column)
                    found.extend([value] if isinstance(value, float) else [])
        return max(found, default=None)

    def blocks(self, table: DbTable, columns: list[str]) -> Iterator["Block | Lost"]:
        """Yield the rows of a table in the order of their ids, in blocks.

        Where a page is damaged the rows before it are followed by a `Lost`, then by the rows that can be reached from
        the end of the table.
        """
        chosen = ", ".join(["rowid", *(_quoted(column) for column in columns)])
        query = f"SELECT {chosen} FROM {_quoted(table.name)}"  # noqa: S608  (quoted names of this very file)
        last: int | None = None
        for block in self._one_way(query, None, 1):
            yield block
            if isinstance(block, Lost):
                break
            last = int(block.ids[-1])
        else:
            return
        resume: int | None = None
        for block in self._one_way(query, None, -1):
            if isinstance(block, Lost):
                break
            fresh = block.ids if last is None else block.ids[block.ids > last]
            resume = int(fresh[-1]) if len(fresh) else resume
            if len(fresh) < len(block.ids):
                break
        if resume is not None:
            yield from (block for block in self._one_way(query, resume, 1) if isinstance(block, Block))

    def _one_way(self, query: str, first: int | None, way: int) -> Iterator["Block | Lost"]:
        """Yield blocks of the rows from `first` on (None: all) as long as their ids go one way (1 up, -1 down).

        A damaged tree may lead in circles.
        """
        order = f"ORDER BY rowid {'ASC' if way > 0 else 'DESC'}"
        beyond = "WHERE rowid " + ("> " if way > 0 else "< ")
        last: int | None = None
        error: Exception | None = None
        where = "" if first is None else f"WHERE rowid >= {first}"
        with contextlib.closing(self._connection.cursor()) as cursor:
            source: Iterator[Any] | None = None
            while error is None:
                rows: list[tuple[Any, ...]] = []
                try:
                    source = source or cursor.execute(f"{query} {where} {order}")
                    rows.extend(itertools.islice(source, BLOCK_ROWS))  # keeps what came before an error
                except ERRORS as broken:
                    error = broken
                    reached = rows[-1][0] if rows else last
                    where = where if reached is None else f"{beyond}{reached}"
                    rows.extend(self._one_row(f"{query} {where} {order} LIMIT 1"))
                if rows:
                    block = _block(rows)
                    if block is None or not _follows(block.ids, last, way):
                        yield Lost("row ids are out of order", last)
                        return
                    last = int(block.ids[-1])
                    yield block
                elif error is None:
                    return
        yield Lost(str(error), last)

    def _one_row(self, query: str) -> list[tuple[Any, ...]]:
        """Return the row beside the damage: Python steps ahead of the row that it returns, and loses it on errors."""
        try:
            return self._connection.execute(query).fetchall()
        except ERRORS:
            return []


def _block(rows: list[tuple[Any, ...]]) -> Block | None:
    """Return the rows by column, or None where the row ids are no integers (a column of that name hides them)."""
    ids, *columns = zip(*rows, strict=True)
    if not all(isinstance(one, int) for one in (ids[0], ids[-1])):
        return None
    try:
        return Block(np.array(ids, np.int64), columns)
    except (TypeError, ValueError, OverflowError):
        return None


def _follows(ids: Longs, last: int | None, way: int) -> bool:
    seen = ids if last is None else np.insert(ids, 0, last)
    return bool((np.diff(seen) * way > 0).all())


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Open an SQLite file for reading; a write-ahead log beside it is applied to a temporary copy.

    A file that is shorter than its header says, or whose table of contents is partly damaged, is opened as far as it
    goes (`Database.damage`).

    Raises:
        InputError: It is no SQLite database, or nothing of its table of contents can be read.
    """
    with contextlib.ExitStack() as stack:
        log = path.with_name(path.name + "-wal")
        if log.is_file() and log.stat().st_size:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="traceview-")))
            shutil.copyfile(path, folder / path.name)
            shutil.copyfile(log, folder / log.name)
            yield _open(folder / path.name, "mode=ro", stack)
        else:
            yield _open(path, "mode=ro&immutable=1", stack)


def _open(path: Path, options: str, stack: contextlib.ExitStack) -> Database:
    """Open it as it is, then with a damaged schema, then a copy with the readable part of its schema."""
    damage = ""
    for attempt in range(3):
        source = path
        if attempt == 2:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="traceview-")))
            source = folder / path.name
            if not repaired(path, source):
                break
        try:
            connection = sqlite3.connect(f"{source.resolve().as_uri()}?{options}", uri=True, check_same_thread=False)
            stack.enter_context(contextlib.closing(connection))
            _restrict(connection, tolerant=attempt > 0)
            database = Database(connection, damage)
        except ERRORS as error:
            damage = str(error)
        else:
            if database.names or not attempt:
                return database
    raise InputError(f"{path.name}: {_advice(path, damage)}")


def _restrict(connection: sqlite3.Connection, *, tolerant: bool) -> None:
    """Close all doors but reading; `tolerant` lets SQLite go on past a damaged definition or a missing end."""
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    if tolerant:
        connection.execute("PRAGMA writable_schema = ON")
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _base: str | None, via: str | None) -> int:
    """Allow plain reading only; `via` names the view or trigger that asks."""
    if via is not None:
        return sqlite3.SQLITE_DENY
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first == "table_info":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _advice(path: Path, damage: str) -> str:
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head != MAGIC:
        return "no SQLite database: the file is encrypted, or it is not what its name says"
    if "locked" in damage or "busy" in damage:
        return "the database is in use by another program; close that or give a copy of the file"
    return f"the database is damaged or was copied incompletely ({damage}); export it again"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
