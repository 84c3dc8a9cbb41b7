"""How fast PowerLog tables become Arrow, against sqlite3's own ``fetchall`` of the same columns.

Run ``python tests/benchmarks/bench_powerlog.py [ROWS]``. The database is synthetic (seeded): app states, coalition
intervals and assertions in equal parts. Both read the same columns of the same file in the same run, in turns; times
are CPU seconds of the process, the best of three rounds.
"""

import argparse
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from traceview_parsers.powerlog import READER
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

APPS = tuple(f"com.acme.app{number}" for number in range(200))
T0 = 1_768_470_000.0
TABLES = {
    "PLApplicationAgent_EventForward_Application": "timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER, Reason INTEGER",
    "PLCoalitionAgent_EventInterval_CoalitionInterval": (
        "timestamp REAL, timestampEnd REAL, BundleId TEXT, LaunchdName TEXT, LaunchdCoalitionId INTEGER, cpu_time REAL, "
        "energy INTEGER, gpu_time REAL, interrupt_wakeups REAL, platform_idle_wakeups REAL, bytesread REAL, byteswritten REAL"
    ),
    "PLPowerAssertionAgent_EventForward_Assertion": (
        "timestamp REAL, Action INTEGER, AssertName TEXT, AssertType INTEGER, AssertionOnBehalfOfPID INTEGER, "
        "GlobalUniqueID INTEGER, GlobalUniqueIDReference INTEGER, pid INTEGER, timestampActionOffset INTEGER"
    ),
}
OURS = dict(zip(TABLES, ("power_app_states", "power_coalition", "power_assertions"), strict=True))


def rows(table: str, count: int) -> Iterator[tuple[Any, ...]]:
    """Yield synthetic rows of a table."""
    rng = random.Random(len(table))  # noqa: S311  reproducible, no secrets
    for number in range(count):
        stamp, app = T0 + number * 0.25, rng.choice(APPS)
        if "Application" in table:
            yield stamp, app, rng.randrange(9000), rng.choice((1, 2, 4, 8)), 0
        elif "Coalition" in table:
            yield (stamp, stamp + 300, app, app, number, *(rng.random() * 9 for _ in range(7)))
        else:
            name = f"application<{app}>31-60-{number}:FBApplicationProcess" if number % 2 else None
            yield stamp, 4 * (name is None), name, 1, None, number, None, rng.randrange(9000), -1500


def build(path: Path, count: int) -> None:
    """Write the database."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute(
            "CREATE TABLE PLStorageOperator_EventForward_TimeOffset (ID INTEGER PRIMARY KEY, timestamp REAL, system REAL)"
        )
        database.executemany(
            "INSERT INTO PLStorageOperator_EventForward_TimeOffset VALUES (NULL, ?, ?)", [(T0, -5.0), (T0 + 9e3, 69.0)]
        )
        for table, columns in TABLES.items():
            database.execute(f"CREATE TABLE {table} (ID INTEGER PRIMARY KEY, {columns})")
            marks = ", ".join("?" * len(columns.split(", ")))
            database.executemany(f"INSERT INTO {table} VALUES (NULL, {marks})", rows(table, count // len(TABLES)))  # noqa: S608


def bare(path: Path, table: str) -> int:
    """Fetch all rows of the columns that the reader reads."""
    with closing(sqlite3.connect(path)) as database:
        names = ", ".join(column.split()[0] for column in TABLES[table].split(", "))
        return len(database.execute(f"SELECT rowid, {names} FROM {table} ORDER BY rowid").fetchall())  # noqa: S608


def read(path: Path, table: str) -> int:
    """Read our table of the file."""
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(path.name, path, path.open("rb").read(4096)), context)
    return sum(batch.num_rows for batch in source.batches(OURS[table]))


def best(work: Callable[[], int], other: Callable[[], int], rounds: int = 3) -> tuple[float, float]:
    """Return the least CPU seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for one, taken in zip((work, other), times, strict=True):
            start = time.process_time()
            one()
            taken.append(time.process_time() - start)
    return min(times[0]), min(times[1])


def main() -> None:
    """Print one row a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "powerlog.PLSQL"
        build(path, count)
        print(f"{count:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        print(f"{'table':50} {'read s':>7} {'fetchall s':>11} {'ratio':>6} {'rows/s':>10}")
        total = [0.0, 0.0]
        for table in TABLES:
            ours, floor = best(lambda table=table: read(path, table), lambda table=table: bare(path, table))  # type: ignore[misc]
            total = [total[0] + ours, total[1] + floor]
            print(f"{table:50} {ours:7.2f} {floor:11.2f} {ours / floor:6.2f} {count // 3 / ours:10,.0f}")
        print(f"{'all':50} {total[0]:7.2f} {total[1]:11.2f} {total[0] / total[1]:6.2f} {count / total[0]:10,.0f}")
        print(
            f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB (with fetchall's lists)"
        )


if __name__ == "__main__":
    main()
