"""How fast log text becomes ``log`` rows, against reading and splitting the same file into lines with polars.

Run ``python tests/benchmarks/bench_log_text.py [MEGABYTES]``. The files are synthetic (seeded); the floor is
`polars.read_csv` with a separator that never occurs, which only finds the lines. Times are CPU seconds of the whole
process, so that several threads count as several cores.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from traceview_parsers.device_syslog import READER as DEVICE_SYSLOG
from traceview_parsers.log_text import READER as LOG_TEXT
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

PROCESSES = ("runningboardd", "SpringBoard", "audiomxd", "Acme Voice", "callservicesd", "locationd", "kernel")
LABELS = (("com.apple.runningboard", "process"), ("com.apple.coreaudio", "as_client"), ("com.acme.voip", "call"))
SENDERS = ("RunningBoard", "AVFAudio", "libsystem_network.dylib")
MESSAGES = (
    "Calculated state for app<com.acme.voip(AD9F24FF-321B-48F6-895F-723CDA943372)>: running-active (role: UserInteractive)",
    "[app<com.acme.voip>:812] Suspending task.",
    "nw_path_libinfo_path_check [8EA5DB47-E91C-4B92-844A-62BB86452E1E Hostname#950c7a8b:0 tcp, legacy-socket]",
    "Received state update for 2933 (app<com.acme.voip(AD9F24FF)>, running-suspended-NotVisible",
    "options: {\n    PackageType = Developer;\n}",
)
WORDS = Selection(clauses=(Clause(words=frozenset({"Suspending task", "Assertion did invalidate"})),))


class Fields(NamedTuple):
    """What a record says, whatever its layout."""

    clock: str
    process: str
    sender: str
    subsystem: str
    category: str
    message: str
    pid: int
    tid: int


def records(seed: int = 1) -> Iterator[Fields]:
    """Yield records without end."""
    rng = random.Random(seed)  # noqa: S311 reproducible, no secrets
    micros = 8 * 3600 * 1_000_000
    while True:
        micros = (micros + rng.randrange(300)) % 86_400_000_000
        seconds, fraction = divmod(micros, 1_000_000)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}"
        label = rng.choice(LABELS)
        names = rng.choice(PROCESSES), rng.choice(SENDERS), *label, rng.choice(MESSAGES)
        yield Fields(clock, *names, rng.randrange(9999), rng.randrange(1 << 20))


def default(r: Fields) -> str:
    """``log show``."""
    fixed = f"2026-03-01 {r.clock}+0100 0x{r.tid:<8x} Default     0x0                  {r.pid:<6} 0    "
    return f"{fixed}{r.process}: ({r.sender}) [{r.subsystem}:{r.category}] {r.message}"


def compact(r: Fields) -> str:
    """``log show --style compact``."""
    return f"2026-03-01 {r.clock[:-3]} Df {r.process}[{r.pid}:{r.tid:x}] ({r.sender}) [{r.subsystem}:{r.category}] {r.message}"


def syslog(r: Fields) -> str:
    """``log show --style syslog``."""
    return f"2026-03-01 {r.clock}+0100  localhost {r.process}[{r.pid}]: ({r.sender}) [{r.subsystem}:{r.category}] {r.message}"


def ndjson(r: Fields) -> str:
    """``log show --style ndjson``, all keys of a 2026 log event."""
    uuid = "4044A0BF-330C-4FB9-8D90-D5BF55C7B63C"
    keys = {
        "timezoneName": "",
        "messageType": "Default",
        "eventType": "logEvent",
        "source": None,
        "formatString": "%{public}@",
        "userID": 501,
        "activityIdentifier": 0,
        "subsystem": r.subsystem,
        "category": r.category,
        "threadID": r.tid,
        "senderImageUUID": uuid,
        "backtrace": {"frames": [{"imageOffset": 104220, "imageUUID": uuid}]},
        "bootUUID": uuid,
        "processImagePath": f"/usr/libexec/{r.process}",
        "senderImagePath": f"/System/Library/{r.sender}",
        "timestamp": f"2026-03-01 {r.clock}+0100",
        "machTimestamp": 356419412323030 + r.tid,
        "eventMessage": r.message,
        "processImageUUID": uuid,
        "traceID": 762098997530628,
        "processID": r.pid,
        "senderProgramCounter": 104220,
        "parentActivityIdentifier": 0,
    }
    return json.dumps(keys, separators=(",", ":")).replace("/", "\\/")


def idevicesyslog(r: Fields) -> str:
    """``idevicesyslog``."""
    return f"Mar  1 {r.clock} {r.process}({r.sender})[{r.pid}] <Notice>: {r.message}"


def console(r: Fields) -> str:
    """Console.app."""
    return f"default\t{r.clock}+0100\t{r.process}\t{r.message}"


LAYOUTS: tuple[Callable[[Fields], str], ...] = (default, compact, syslog, ndjson, idevicesyslog, console)


def write(path: Path, layout: Callable[[Fields], str], size: int) -> None:
    """Write records until the file has `size` bytes."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for fields in records():
            written += file.write(layout(fields) + "\n")
            if written >= size:
                return


def read(path: Path, selection: Selection) -> tuple[int, float, float]:
    """Return rows read, CPU seconds and elapsed seconds."""
    with path.open("rb") as file:
        one = Candidate(path.name, path, file.read(4096))
    reader = max((DEVICE_SYSLOG, LOG_TEXT), key=lambda reader: reader.claims(one))
    source = reader.open(one, Context(0, ReadOptions(), Problems(), Device(), CaptureInfo()))
    cpu, elapsed = time.process_time(), time.perf_counter()
    for batch in source.batches("log", selection):
        del batch
    return source.coverage().rows or 0, time.process_time() - cpu, time.perf_counter() - elapsed


def floor(path: Path) -> float:
    """Return the CPU seconds that polars takes to read the file and find its lines."""
    cpu = time.process_time()
    pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, new_columns=["line"])
    return time.process_time() - cpu


def main() -> None:
    """Print one row a layout."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("megabytes", nargs="?", type=int, default=100)
    size = arguments.parse_args().megabytes * 1_000_000
    print(
        f"{'layout':14} {'MB':>5} {'rows':>8} {'MB/s':>6} {'rows/s':>10} {'x floor':>8} {'elapsed':>8} {'words, rows/s':>14}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for layout in LAYOUTS:
            path = Path(folder) / f"{layout.__name__}.txt"
            write(path, layout, size)
            read(path, WORDS)  # warms the page cache and polars
            lines = min(floor(path) for _ in range(3))
            rows, cpu, elapsed = min((read(path, Selection()) for _ in range(3)), key=lambda run: run[1])
            _, words, _ = min((read(path, WORDS) for _ in range(3)), key=lambda run: run[1])
            print(
                f"{layout.__name__:14} {size / 1e6:5.0f} {rows:8} {size / cpu / 1e6:6.0f} {rows / cpu:10,.0f} "
                f"{cpu / lines:8.1f} {elapsed:7.2f}s {rows / words:14,.0f}"
            )
            path.unlink()


if __name__ == "__main__":
    main()
