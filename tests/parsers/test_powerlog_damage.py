"""PowerLog files that are cut, scrambled, encrypted or made to harm."""

import contextlib
import gzip
import math
import random
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError
from traceview_parsers.powerlog import database as powerlog_database
from traceview_parsers.trace import Trace

SAMPLE = "powerlog/powerlog_2021-12-16_05-54_84E2141B.PLSQL.gz"
T0 = 1_768_470_000.0
STATES = "PLApplicationAgent_EventForward_Application(timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER)"
TABLE = STATES.partition("(")[0]


def rows_of(trace: Trace, table: str = "power_app_states") -> pl.DataFrame:
    found = pl.from_arrow(trace.table(table))
    assert isinstance(found, pl.DataFrame)
    return found


def kinds(trace: Trace) -> set[str]:
    return {problem.kind.partition(":")[0] for problem in trace.problems}


def many(count: int) -> list[tuple[float, str, int, int]]:
    return [(T0 + n, f"com.acme.app{n % 50}", n, (2, 4, 8)[n % 3]) for n in range(count)]


def test_a_cut_file_keeps_what_lies_before(powerlog_file: Any) -> None:
    path = powerlog_file({STATES: many(5000)}, offsets=[(T0, 0.0)])
    whole = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(whole // 2 // 4096 * 4096 + 100)
    with open_trace(path) as trace:
        read = rows_of(trace)
        assert 1000 < read.height < 5000
        assert read["pid"].to_list() == list(range(read.height))
        assert {"damaged", "damaged-table"} <= kinds(trace)
        trace.coverage()


def test_a_cut_table_of_contents_keeps_the_tables_that_it_still_names(powerlog_file: Any) -> None:
    """The schema of a file with many tables has pages of its own, and texts on overflow pages, anywhere in it."""
    others = {f"PLOther_EventPoint_T{number}({'c' * 3000}{number} INTEGER)": [(1,)] for number in range(40)}
    huge = {f"PLHuge_EventPoint_T({', '.join(f'column{number} INTEGER' for number in range(400))})": []}
    path = powerlog_file({STATES: many(2000), **others, **huge}, offsets=[(T0, 0.0)])
    whole = path.stat().st_size
    counts = []
    for share in (0.95, 0.9, 0.8, 0.7, 0.6):
        with path.open("r+b") as file:
            file.truncate(int(whole * share))
        with open_trace(path) as trace:
            counts.append(rows_of(trace).height)
            assert "damaged" in kinds(trace)
    assert counts == [2000] * 5


def test_a_broken_page_costs_only_its_rows(powerlog_file: Any) -> None:
    path = powerlog_file({STATES: many(5000)}, offsets=[(T0, 0.0)])
    data = bytearray(path.read_bytes())
    page = next(
        at
        for at in range(len(data) // 2 // 4096 * 4096, len(data), 4096)
        if data[at] == 13 and b"com.acme.app" in data[at : at + 4096]
    )
    data[page : page + 4096] = random.Random(1).randbytes(4096)  # noqa: S311
    path.write_bytes(data)
    with open_trace(path) as trace:
        pids = rows_of(trace)["pid"].to_list()
        assert pids[0] == 0
        assert pids[-1] == 4999
        assert 4700 < len(pids) < 5000
        assert pids == sorted(set(pids))
        first = list(trace.problems)
        assert [problem.kind for problem in first if problem.kind.startswith("damaged-table:")] == [
            f"damaged-table:{TABLE}"
        ]
        rows_of(trace)
        assert [problem.count for problem in trace.problems] == [problem.count for problem in first]


@pytest.mark.parametrize("left", [range(0), range(1), range(3), range(1000), range(2500), range(5, 4096)])
def test_a_garbled_page_of_the_table_of_contents_costs_only_its_tables(powerlog_file: Any, left: range) -> None:
    """What is left of the page: nothing, what kind it is, some of its header, its header and some rows, or all but its header."""
    others = {f"PLOther_EventPoint_T{number}({'c' * 500}{number} INTEGER)": [(1,)] for number in range(200)}
    path = powerlog_file({STATES: many(2000), **others}, offsets=[(T0, 0.0)])
    whole = path.read_bytes()
    pages = [at for at in range(4096, len(whole), 4096) if whole[at] == 13 and b"CREATE TABLE" in whole[at : at + 4096]]
    assert len(pages) > 20
    for number, page in enumerate(pages):
        data = bytearray(whole)
        data[page : page + 4096] = random.Random(number).randbytes(4096)  # noqa: S311
        for at in left:
            data[page + at] = whole[page + at]
        path.write_bytes(data)
        with open_trace(path) as trace:
            assert "damaged" in kinds(trace)
            if TABLE.encode() not in whole[page : page + 4096]:
                assert rows_of(trace).height == 2000


def test_any_cut_and_any_flip_of_the_real_file_ends_in_rows_or_in_words(real: Path, tmp_path: Path) -> None:
    whole = gzip.decompress((real / SAMPLE).read_bytes())
    rng = random.Random(7)  # noqa: S311
    path = tmp_path / "powerlog.PLSQL"
    opened = 0
    for trial in range(12):
        data = bytearray(whole)
        if trial % 2:
            del data[rng.randrange(200, len(data)) :]
        else:
            for _ in range(200):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(InputError), open_trace(path) as trace:
            assert all(trace.table(table).num_rows >= 0 for table in trace.tables)
            trace.coverage()
            opened += 1
    assert opened >= 4


def test_a_cut_gzip_file_is_read_up_to_the_cut(real: Path, tmp_path: Path) -> None:
    packed = (real / SAMPLE).read_bytes()
    path = tmp_path / "powerlog_1.PLSQL.gz"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    with open_trace(path) as trace:
        assert rows_of(trace).height > 0
        assert "truncated-archive" in kinds(trace)


@pytest.mark.parametrize("head", [b"", b"SQLite format 3\0"])
def test_encrypted_or_foreign_files_are_named(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "powerlog_x.PLSQL"
    path.write_bytes(head + random.Random(3).randbytes(8192))  # noqa: S311
    with pytest.raises(InputError, match="encrypted" if not head else "damaged or was copied incompletely"):
        open_trace(path)
    packed = tmp_path / "powerlog_y.PLSQL.gz"
    packed.write_bytes(gzip.compress(b"nothing of the kind"))
    folder = tmp_path / "folder"
    folder.mkdir()
    packed.rename(folder / packed.name)
    with pytest.raises(InputError, match="encrypted"):
        open_trace(folder)


def test_views_and_virtual_tables_of_a_known_name_are_not_touched(powerlog_file: Any) -> None:
    path = powerlog_file(
        {"PLSpringBoardAgent_EventForward_SBLock(timestamp REAL, Locked INTEGER)": [(T0, 1)]}, offsets=[(T0, 0)]
    )
    with sqlite3.connect(path) as database:
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
        database.execute(f"CREATE VIEW {TABLE} AS {endless} SELECT x AS timestamp, x AS State FROM c")  # noqa: S608
        database.execute("CREATE TRIGGER t AFTER INSERT ON PLSpringBoardAgent_EventForward_SBLock BEGIN SELECT 1; END")
    database.close()
    with open_trace(path) as trace:
        assert "power_app_states" not in trace.tables
        assert rows_of(trace, "power_lock")["locked"].to_list() == [True]


def test_nothing_but_reading_is_allowed(powerlog_file: Any) -> None:
    path = powerlog_file({STATES: many(3)}, offsets=[(T0, 0.0)])
    with powerlog_database.opened(path) as database:
        for statement in (
            f"DROP TABLE {TABLE}",
            "ATTACH DATABASE 'x.db' AS x",
            "SELECT load_extension('x')",
            "PRAGMA journal_mode = WAL",
            "SELECT randomblob(1000000000)",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                database._connection.execute(statement)


def test_values_of_the_wrong_type_become_null_and_are_counted(powerlog_file: Any) -> None:
    rows = [
        (T0, "com.acme.voip", 7, 4),
        ("soon", b"\xff\xfe", "seven", 2.5),
        (math.inf, 12, 1 << 40, b"\x08"),
        (1e300, None, None, None),
        (None, "a\0b", -1, 4096),
    ]
    with open_trace(powerlog_file({STATES: rows}, offsets=[(T0, 0.0)])) as trace:
        read = rows_of(trace)
        assert read["time"].is_not_null().to_list() == [True, False, False, False, False]
        assert read["bundle"].to_list() == ["com.acme.voip", "\ufffd\ufffd", "12", None, "a\0b"]
        assert read["pid"].to_list() == [7, None, 1 << 40, None, -1]
        assert read["state_code"].to_list() == [4, None, None, None, 4096]
        assert {"wrong-type", "impossible-time"} <= kinds(trace)


def test_a_huge_text_costs_its_row_alone(powerlog_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerlog_database, "MAX_VALUE_BYTES", 100_000)
    monkeypatch.setattr(powerlog_database, "BLOCK_ROWS", 1)
    rows = [(T0, "before", 1, 4), (T0, "x" * 200_000, 2, 4), (T0, "after", 3, 4)]
    with open_trace(powerlog_file({STATES: rows}, offsets=[(T0, 0.0)])) as trace:
        assert rows_of(trace)["bundle"].to_list() == ["before", "after"]
        assert "damaged-table" in kinds(trace)


def test_a_foreign_database_is_no_powerlog(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ZASSET (Z_PK INTEGER)")
    database.close()
    with pytest.raises(InputError, match="not a format"):
        open_trace(path)
