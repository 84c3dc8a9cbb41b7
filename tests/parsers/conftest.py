"""Synthetic files of binary formats, made from scratch for tests of readers."""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Rows = Iterable[tuple[Any, ...]]
PowerlogMaker = Callable[..., Path]


@pytest.fixture
def powerlog_file(tmp_path: Path) -> PowerlogMaker:
    """Write a synthetic PowerLog: ``make({"Table(col, col)": rows}, name="x.PLSQL", offsets=[(stamp, system)])``."""

    def make(tables: dict[str, Rows], name: str = "powerlog_2026-01-15_10-30.PLSQL", offsets: Rows = ()) -> Path:
        path = tmp_path / name
        whole = dict(tables)
        if offsets:
            whole["PLStorageOperator_EventForward_TimeOffset(timestamp REAL, system REAL)"] = offsets
        with sqlite3.connect(path) as database:
            for definition, rows in whole.items():
                table, _, columns = definition.partition("(")
                database.execute(f'CREATE TABLE "{table}" (ID INTEGER PRIMARY KEY, {columns}')
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    names = ", ".join(f'"{column.split()[0]}"' for column in columns.rstrip(")").split(", "))
                    database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', row)  # noqa: S608
        database.close()
        return path

    return make
