"""Synthetic files, made from scratch for tests of readers."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose import READER
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

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


class Sidecars:
    """Opens texts as files of a sysdiagnose taken at `taken`, one hour east of UTC."""

    folder = Path(__file__).parent / "sidecars"
    taken = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory

    def __call__(self, name: str, data: str | bytes, problems: Problems | None = None) -> Any:
        """Return the opened source; `name` may hold folders."""
        content = data.encode() if isinstance(data, str) else data
        path = self._factory.mktemp("sidecar") / Path(name).name
        path.write_bytes(content)
        capture = CaptureInfo(time_ns=int(self.taken.timestamp()) * 10**9, tz="+01:00")
        context = Context(3, ReadOptions(), Problems() if problems is None else problems, Device(), capture)
        return READER.open(Candidate(name, path, content[:4096]), context)

    @staticmethod
    def rows(source: Any, table: str) -> list[dict[str, Any]]:
        """Return the rows of one table; times to the microsecond, which is all that Python's have."""
        return [row for batch in source.batches(table) for row in _to_the_microsecond(batch).to_pylist()]

    def every_row(self, source: Any) -> list[dict[str, Any]]:
        """Return the rows of all tables, after what the source covers."""
        source.coverage()
        return [row for table in source.tables for row in self.rows(source, table)]


def _to_the_microsecond(batch: pa.RecordBatch) -> pa.Table:
    kinds = [pa.timestamp("us", one.type.tz) if pa.types.is_timestamp(one.type) else one.type for one in batch.schema]
    schema = pa.schema([one.with_type(kind) for one, kind in zip(batch.schema, kinds, strict=True)])
    return pa.Table.from_batches([batch]).cast(schema, safe=False)


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Sidecars:
    return Sidecars(tmp_path_factory)
