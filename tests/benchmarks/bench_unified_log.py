"""Measure the unified log reader: times in multiples of the floor (reading the files and LZ4 alone), peak memory.

usage: python tests/benchmarks/bench_unified_log.py ARCHIVE.logarchive [--rounds N]

Every figure is the best of N rounds; the floor is measured again in each round, so that a busy machine shows in both.
Processor time of one core, not wall time. Every case runs in a process of its own. Whole commands are measured from
their start to their end, imports included. The speed-up by two processes is wall time, which other work on the machine
spoils: of the work on the archive, from its first byte to the last line of text, and of the whole command beside it. Memory is
touched before, in a process of its own: a virtual machine whose host took free memory back pays 0.5 s for the 200 MB of a process
that comes first (measured), which says nothing of the program. `--profile CASE` prints nanoseconds a record by stage instead.
"""

import argparse
import atexit
import cProfile
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from traceview.memory import keep_what_is_freed, look_for_cycles_rarely
from traceview.signals.catalogue import catalogue
from traceview.signals.selection import log_selection
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source
from traceview_parsers.unified_log import READER

PROCESSES = frozenset(
    {"runningboardd", "mediaserverd", "coreaudiod", "callservicesd", "SpringBoard", "apsd", "launchd"}
)
WORDS = frozenset(
    f"{word} {number}" for word in ("assertion", "session", "route", "call", "push") for number in range(20)
)
CASES = {
    "all columns of all rows": Selection(),
    "with typed arguments": Selection(arguments=True),
    "what analyze needs": log_selection(catalogue()),
    "7 processes": Selection((Clause(processes=PROCESSES),)),
    "7 processes and 100 words": Selection((Clause(processes=PROCESSES, words=WORDS),)),
    "100 words": Selection((Clause(words=WORDS),)),
    "errors and faults": Selection((Clause(levels=frozenset({"error", "fault"})),)),
}


COMMANDS = {
    "traceview analyze": ["analyze"],
    "traceview log, ndjson": ["log", "--style", "ndjson"],
}
"""Whole commands; their output goes to nowhere."""

GOALS = {
    "all columns of all rows": 18,
    "what analyze needs": 8,
    "traceview analyze": 15,
    "traceview log, ndjson": 40,
}
"""Floors that a case may take; memory may be 400 MB in all of them, two processes should be 1.6 times as fast as one."""
MOST_MB = 400
LEAST_SPEED_UP = 1.6
TOUCHED = 1 << 30
"""Bytes; two processes use less."""
TIMED = """
import os, sys, time
from traceview import cli
for name, value in cli._ENVIRONMENT.items():
    os.environ.setdefault(name, value)
from traceview.cli import log_jobs
print_log = log_jobs.print_log
def timed(*given):
    begin = time.perf_counter()
    rows = print_log(*given)
    print(time.perf_counter() - begin, file=sys.stderr)
    return rows
log_jobs.print_log = timed
cli.main()
"""
"""The command line, telling the seconds from when the archive is open to when its last line is written."""
TOUCH = f"""
import mmap
memory = mmap.mmap(-1, {TOUCHED}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(mmap, "MADV_HUGEPAGE"):
    memory.madvise(mmap.MADV_HUGEPAGE)
for at in range(0, {TOUCHED}, 4096):
    memory[at] = 1
"""


def floor(root: Path) -> float:
    """Return the seconds that any reader needs at least, measured in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("lz4_floor.py")), str(root)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def open_source(root: Path) -> Source:
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    return READER.open(Candidate(root.name, root, is_dir=True), context)


def measure(root: Path, case: str, rounds: int) -> dict[str, float]:
    """Run one case, in a process that treats memory as those of the commands do; return rows, seconds, floor, peak memory in MB."""
    look_for_cycles_rarely()
    keep_what_is_freed()
    seconds = least = float("inf")
    rows = scanned = 0
    for _ in range(rounds):
        least = min(least, floor(root))
        source = open_source(root)
        begin = time.process_time()
        rows = sum(batch.num_rows for batch in source.batches("log", CASES[case]))
        seconds = min(seconds, time.process_time() - begin)
        scanned = source.coverage().rows or 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "scanned": scanned, "seconds": seconds, "floor": least, "peak": peak}


def command_seconds(root: Path, arguments: list[str]) -> tuple[float, float, float]:
    """Return processor seconds, wall seconds and peak memory in MB (of the largest command so far) of one command."""
    command = [sys.executable, "-c", "from traceview.cli import main; main()", *arguments, str(root)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_compiled())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - begin, after.ru_maxrss / 1024


@cache
def _compiled() -> dict[str, str]:
    """Return an environment in which modules are found compiled, wherever they come from and whatever this one forbids."""
    folder = tempfile.mkdtemp(prefix="bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wanted = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    wanted["PYTHONPYCACHEPREFIX"] = folder
    for arguments in COMMANDS.values():
        subprocess.run(
            [sys.executable, "-c", "from traceview.cli import main; main()", *arguments, str(_smallest_sample())],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=wanted,
        )
    return wanted


def _smallest_sample() -> Path:
    samples = Path(__file__).parents[2].glob("sample_traces/*.logarchive.tar.gz")
    return min(samples, key=lambda path: path.stat().st_size)


def measure_command(root: Path, name: str, rounds: int) -> dict[str, float]:
    """Run one command; return seconds, floor and peak memory in MB."""
    runs = [(floor(root), command_seconds(root, COMMANDS[name])) for _ in range(rounds)]
    return {
        "seconds": min(used for _, (used, _, _) in runs),
        "floor": min(least for least, _ in runs),
        "peak": max(peak for _, (_, _, peak) in runs),
    }


class SpeedUp(NamedTuple):
    """How many times as fast two processes print an archive as one.

    Attributes:
        work: By the wall time of the work on the archive.
        command: By that of the whole command.
        possible: What two free cores could reach at most with the whole command: twice the processor time of one process over that
            of both together.
    """

    work: float
    command: float
    possible: float


def speed_up(root: Path, rounds: int) -> SpeedUp:
    """Print an archive by one and by two processes in turn."""
    runs: dict[int, list[tuple[float, float, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for jobs, found in runs.items():
            subprocess.run([sys.executable, "-c", TOUCH], check=True)
            found.append(_print_seconds(root, jobs))
    one, two = (tuple(min(run[place] for run in found) for place in range(3)) for found in runs.values())
    return SpeedUp(one[0] / two[0], one[1] / two[1], 2 * one[2] / two[2])


def _print_seconds(root: Path, jobs: int) -> tuple[float, float, float]:
    """Return wall seconds of the work and of the whole command, and processor seconds of all its processes."""
    command = [sys.executable, "-c", TIMED, "log", "--style", "ndjson", "--jobs", str(jobs), str(root)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=_compiled()
    )
    whole, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(done.stderr.split()[0]), whole, used


def profile(root: Path, case: str) -> None:
    """Print the functions that take longest, in nanoseconds for each record met (calls to the profiler included)."""
    source, profiler = open_source(root), cProfile.Profile()
    profiler.enable()
    for _ in source.batches("log", CASES[case]):
        pass
    profiler.disable()
    records = source.coverage().rows or 1
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    print(f"{records:,} records; nanoseconds a record in a function itself, and with what it calls")
    for (file, line, name), (_, _, own, whole, _) in sorted(stats.items(), key=lambda item: -item[1][2])[:30]:
        where = f"{Path(file).name}:{line} {name}" if line else name
        print(f"{own / records * 1e9:8.1f} {whole / records * 1e9:8.1f}  {where}")


def first_record(root: Path) -> float:
    """Return the seconds (wall time) from opening the archive to its first batch."""
    begin = time.perf_counter()
    next(iter(open_source(root).batches("log")))
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=[*CASES, *COMMANDS], help="run only this case and print JSON")
    parser.add_argument("--profile", choices=CASES, metavar="CASE", help="profile one case: " + ", ".join(CASES))
    options = parser.parse_args()
    if options.profile:
        profile(options.archive, options.profile)
        return
    if options.case:
        measured = measure_command if options.case in COMMANDS else measure
        print(json.dumps(measured(options.archive, options.case, options.rounds)))
        return
    print(f"first batch after {first_record(options.archive):.2f} s")
    print(f"{'case':28} {'rows':>9} {'seconds':>8} {'floors':>7} {'goal':>5} {'M read/s':>9} {'peak MB':>8}")
    for case in (*CASES, *COMMANDS):
        command = [sys.executable, __file__, str(options.archive), "--rounds", str(options.rounds), "--case", case]
        # As `analyze` does: with more threads polars waits for work in a loop, which is processor time, too.
        environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        run = json.loads(done.stdout)
        ratio = run["seconds"] / run["floor"]
        rows = f"{run['rows']:,}" if "rows" in run else ""
        speed = f"{run['scanned'] / run['seconds'] / 1e6:.2f}" if "scanned" in run else ""
        figures = f"{run['seconds']:8.3f} {ratio:7.1f} {GOALS.get(case, ''):>5} {speed:>9} {run['peak']:8.0f}"
        print(f"{case:28} {rows:>9} {figures}", flush=True)
    found = speed_up(options.archive, options.rounds)
    print(
        f"two processes decode and print the archive {found.work:.2f} times as fast as one (goal {LEAST_SPEED_UP}); whole commands, "
        f"with the start of Python, {found.command:.2f} (by the processor time of both it could be {found.possible:.2f})"
    )
    print(f"memory: goal {MOST_MB} MB at the peak of every process, whatever the archive's size")


if __name__ == "__main__":
    main()
