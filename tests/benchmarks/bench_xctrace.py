"""How fast an Instruments export becomes Arrow tables, against bare expat (no handlers) on the same file.

Run ``python tests/benchmarks/bench_xctrace.py [MEGABYTES]``. The file is synthetic (seeded): half of it log messages
with typed arguments, the rest thread states and samples with call stacks, three nodes, every value written once. Each
run has a process of its own, so that its peak memory is its own; times are CPU seconds of the process, and elapsed.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from xml.parsers import expat
from xml.sax.saxutils import escape

from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.xctrace import READER

WORDS = ("ringing", "active", "com.acme.voip", "Receiver", "MicBuiltIn", "198.51.100.7:5061", 'say "hello" & <wait>')
STATES = ("Running", "Blocked", "Runnable", "Preempted")
SCHEMAS = {
    "os-log": "time:event-time thread:thread process:process message-type:event-type format-string:format-string "
    "backtrace:text-backtrace subsystem:subsystem category:category message:os-log-metadata "
    "emit-location:return-location",
    "thread-state": "start:start-time thread:thread state:thread-state duration:duration process:process core:core "
    "cputime:duration-on-core waittime:duration-waiting priority:sched-priority note:narrative summary:narrative "
    "made-runnable-by-thread:thread preempted-by-thread:thread yielded-to-thread:thread rebalanced-from-cpu:core "
    "thermal-throttled:boolean",
    "time-profile": "time:sample-time thread:thread process:process core:core thread-state:thread-state weight:weight "
    "stack:tagged-backtrace",
}
SHARES = {"os-log": 0.5, "thread-state": 0.3, "time-profile": 0.2}


class Writer:
    """Writes each value once, with an id, and refers to it afterwards."""

    def __init__(self) -> None:
        self.ids: dict[Any, int] = {}

    def value(self, tag: str, shown: str, text: str = "", inside: Callable[[], str] | None = None) -> str:
        key = tag, shown
        known = self.ids.get(key)
        if known:
            return f'<{tag} ref="{known}"/>'
        number = self.ids[key] = len(self.ids) + 1
        body = inside() if inside else escape(text)
        return f'<{tag} id="{number}" fmt="{escape(shown, {chr(34): "&quot;"})}">{body}</{tag}>'

    def number(self, tag: str, value: int) -> str:
        return self.value(tag, f"{value:,}", str(value))

    def word(self, tag: str, text: str) -> str:
        return self.value(tag, text, text)

    def process(self, pid: int) -> str:
        return self.value("process", f"Acme{pid} ({pid})", inside=lambda: self.number("pid", pid))

    def thread(self, tid: int, pid: int) -> str:
        shown = f"Worker ({tid:#x}) (Acme{pid}, pid: {pid})"
        return self.value("thread", shown, inside=lambda: self.number("tid", tid) + self.process(pid))

    def stack(self, frames: tuple[int, ...]) -> str:
        def one(frame: int) -> str:
            name = f"-[Class{frame % 97} method{frame}:]"
            known = self.ids.get(("frame", frame))
            if known:
                return f'<frame ref="{known}"/>'
            number = self.ids["frame", frame] = len(self.ids) + 1
            return f'<frame id="{number}" name="{name}" addr="{frame:#x}"/>'

        def plain() -> str:
            return self.value("backtrace", str(frames), inside=lambda: "".join(map(one, frames)))

        return self.value("tagged-backtrace", f"{frames[0]} and {len(frames) - 1} others {hash(frames)}", inside=plain)


def rows(schema: str, writer: Writer, rng: random.Random) -> Iterator[str]:
    """Yield rows without end."""
    time_ns = 0
    while True:
        time_ns += rng.randrange(1, 400_000)
        pid = rng.randrange(60)
        thread, process = writer.thread(pid * 100 + rng.randrange(12), pid), writer.process(pid)
        if schema == "os-log":
            word, count = rng.choice(WORDS), rng.randrange(100_000)
            identity = f"{rng.getrandbits(64):016X}"
            pieces = [("call ", word), (" changed to ", identity), (" after ", None)]

            def message(pieces: list[tuple[str, str | None]] = pieces, count: int = count) -> str:
                texts = (
                    writer.word("narrative-text", text) + (writer.word("string", one) if one else "")
                    for text, one in pieces
                )
                return "".join(texts) + writer.number("uint64", count)

            shown = "".join(text + (one or "") for text, one in pieces) + f"{count:,}"
            cells = [
                writer.number("event-time", time_ns), thread, process, writer.word("event-type", "Default"),
                writer.word("format-string", "call %@ changed to %@ after %d"), "<sentinel/>",
                writer.word("subsystem", "com.acme.voip"), writer.word("category", "calls"),
                writer.value("os-log-metadata", shown, inside=message), "<sentinel/>",
            ]  # fmt: skip
        elif schema == "thread-state":
            state = rng.choice(STATES)
            cells = [
                writer.number("start-time", time_ns), thread, writer.word("thread-state", state),
                writer.number("duration", rng.randrange(10_000_000)), process, writer.number("core", rng.randrange(6)),
                writer.number("duration-on-core", rng.randrange(10_000_000)), "<sentinel/>",
                writer.number("sched-priority", 31), "<sentinel/>",
                writer.word("narrative", f"{state} at priority 31"),
                *(thread if state == one else "<sentinel/>" for one in ("Runnable", "Preempted", "Blocked")),
                "<sentinel/>", writer.value("boolean", "No", "0"),
            ]  # fmt: skip
        else:
            root = rng.randrange(4000)
            frames = tuple((root * step) % 3001 for step in range(1, 5 + root % 25))
            cells = [
                writer.number("sample-time", time_ns), thread, process, writer.number("core", rng.randrange(6)),
                writer.word("thread-state", "Running"), writer.number("weight", 1_000_000), writer.stack(frames),
            ]  # fmt: skip
        yield f"<row>{''.join(cells)}</row>\n"


def write(path: Path, size: int) -> int:
    """Write an export of about `size` bytes; return its rows."""
    with path.open("w", encoding="utf-8") as file:
        return write_to(file, size)


def write_to(file: TextIO, size: int) -> int:
    """Write an export; return its rows."""
    writer, rng, count = Writer(), random.Random(1), 0  # noqa: S311  (reproducible, no secrets)
    file.write('<?xml version="1.0"?>\n<trace-query-result>\n')
    for place, (schema, columns) in enumerate(SCHEMAS.items(), 1):
        header = "".join(
            f"<col><mnemonic>{name}</mnemonic><name>{name}</name><engineering-type>{kind}</engineering-type></col>"
            for name, kind in (column.split(":") for column in columns.split())
        )
        xpath = f"//trace-toc[1]/run[1]/data[1]/table[{place}]"
        file.write(f"<node xpath='{xpath}'><schema name=\"{schema}\">{header}</schema>")
        written = 0
        for row in rows(schema, writer, rng):
            written += file.write(row)
            count += 1
            if written >= size * SHARES[schema]:
                break
        file.write("</node>\n")
    file.write("</trace-query-result>\n")
    return count


def bare(path: Path) -> int:
    """Run expat over the file without handlers."""
    parser = expat.ParserCreate()
    with path.open("rb") as file:
        parser.ParseFile(file)
    return 0


def ours(path: Path) -> int:
    """Read every table of the file; return the rows."""
    with path.open("rb") as file:
        one = Candidate(path.name, path, file.read(4096))
    source = READER.open(one, Context(0, ReadOptions(), Problems(), Device(), CaptureInfo()))
    return sum(batch.num_rows for table in source.tables for batch in source.batches(table))


def measure(what: str, path: Path, size: int = 0) -> tuple[int, float, float, float]:
    """Return rows, CPU seconds, elapsed seconds and peak megabytes of a run in its own process."""
    command = [sys.executable, __file__, "--measure", what, str(path), str(size)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(words[0]), float(words[1]), float(words[2]), float(words[3])


def measured(what: str, path: Path, size: int) -> None:
    """Print what `measure` reads."""
    cpu, elapsed = time.process_time(), time.perf_counter()
    count = write(path, size) if what == "write" else {"bare": bare, "ours": ours}[what](path)
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - elapsed
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(count, cpu, elapsed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main() -> None:
    """Print one line a reader."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("megabytes", nargs="?", type=int, default=100)
    arguments.add_argument("--measure", nargs=3, metavar=("WHAT", "PATH", "SIZE"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.measure:
        measured(given.measure[0], Path(given.measure[1]), int(given.measure[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.xml"
        # In a process of its own too: what a parent has touched counts in its children's peak.
        count, *_ = measure("write", path, given.megabytes * 1_000_000)
        megabytes = path.stat().st_size / 1e6
        best = {what: min((measure(what, path) for _ in range(3)), key=lambda run: run[1]) for what in ("bare", "ours")}
    if best["ours"][0] != count:
        raise SystemExit(f"read {best['ours'][0]} of {count} rows")
    print(f"{megabytes:.0f} MB, {count} rows")
    for what, (_, cpu, elapsed, peak) in best.items():
        ratio = cpu / best["bare"][1]
        print(
            f"{what:5} {cpu:7.2f} s CPU {elapsed:7.2f} s elapsed {megabytes / cpu:6.0f} MB/s {ratio:5.2f} x {peak:6.0f} MB"
        )


if __name__ == "__main__":
    main()
