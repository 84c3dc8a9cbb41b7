"""Measure a fleet: analysing captures, and the page over many of them, up to ten thousand.

usage: python tests/benchmarks/bench_fleet.py [--captures N …]

The captures of ``sample_traces/`` (synthetic) are analysed once by ``traceview batch``. Data sets of N captures are made of
their rows, each capture with a name and content of its own, so that only reading and counting them is measured. Ratios:
processor time of the page, a capture, over that of analysing one; and of N times as many captures over the fewest.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from traceview.fleet.dataset import read_manifest, read_table, write_shard
from traceview.fleet.tables import TABLES

SAMPLES = Path(__file__).parents[2] / "sample_traces"
SHARD = 40
"""Captures a shard: what a batch writes at a time is fewer, so that its files are more."""


def run(*arguments: str) -> tuple[float, float]:
    """Run a command; return its processor seconds and its peak memory in MB."""
    command = [sys.executable, "-c", "from traceview.cli import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)}: exit code {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def multiply(few: Path, many: Path, count: int) -> None:
    """Write a data set of `count` captures, made of the rows of a small one."""
    entries = read_manifest(few)
    tables = {name: read_table(few, name) for name in TABLES}
    keys = tables["captures"]["capture"].sort().to_list()
    for number, start in enumerate(range(0, count, SHARD)):
        chosen = [keys[(start + at) % len(keys)] for at in range(min(SHARD, count - start))]
        renamed = {name: _renamed(table, chosen, f"{number:08x}") for name, table in tables.items()}
        captures = [_name(key, f"{number:08x}") for key in chosen]
        write_shard(many, f"shard-{number:016x}", entries[0].config, captures, [renamed])


def _renamed(table: pl.DataFrame, captures: list[str], mark: str) -> pl.DataFrame:
    found = table.filter(pl.col("capture").is_in(captures))
    own = [name for name in ("content", "path", "uri") if name in table.columns]
    return found.with_columns(
        pl.col("capture").str.slice(0, 16) + mark, *(pl.concat_str(pl.col(name), pl.lit(mark)) for name in own)
    )


def _name(capture: str, mark: str) -> str:
    return capture[:16] + mark


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, nargs="*", default=[100, 1_000, 10_000], metavar="N")
    counts = sorted(parser.parse_args().captures)
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder:
        few = Path(folder) / "few"
        begin = time.perf_counter()
        run("batch", str(SAMPLES), "-o", str(few), "--jobs", "1")
        wall = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = read_table(few, "captures").height
        each = (used.ru_utime + used.ru_stime) / size
        print(
            f"batch: {size} captures, {1000 * each:.0f} ms processor time each ({wall / size * 1000:.0f} ms by the clock)"
        )
        print(
            f"{'captures':>9}{'data set MB':>13}{'page s':>8}{'times':>7}{'of analysing':>14}{'page MB':>9}{'peak MB':>9}"
        )
        least = None
        for count in counts:
            many, page = Path(folder) / str(count), Path(folder) / f"{count}.html"
            multiply(few, many, count)
            seconds, peak = run("fleet", "report", str(many), "-o", str(page))
            least = least or seconds
            stored = sum(path.stat().st_size for path in many.rglob("*.parquet")) / 1e6
            share = seconds / (count * each)
            print(
                f"{count:>9,}{stored:>13.1f}{seconds:>8.2f}{seconds / least:>7.1f}{share:>13.2%}"
                f"{page.stat().st_size / 1e6:>10.1f}{peak:>9.0f}"
            )


if __name__ == "__main__":
    main()
