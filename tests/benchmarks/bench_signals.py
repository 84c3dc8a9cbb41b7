"""Speed of signal matching: a million synthetic messages, some of them events, against reading each message once.

Events come twice: as the catalogue's examples, equal ones many times (logs repeat themselves), and with a number of
their own in each message, so that no two are equal, which no log is like. Times are processor seconds of one thread.

The floor is one Aho-Corasick pass (`str.contains_any`) over the same messages with as many words of the same lengths
that never occur: work that any matcher of this kind has to do.
Usage: ``POLARS_MAX_THREADS=1 python tests/benchmarks/bench_signals.py [rows]``.
"""

import sys
import time
from collections.abc import Callable

import polars as pl

from traceview.signals.catalogue import catalogue
from traceview.signals.matcher import match

NOISE = [
    "[0x1056721c0] activating connection: mach=true listener=false peer=false name=com.apple.analyticsd",
    "Should not send trait collection or coordinate space update, interface style 1 -> 1",
    "policyStatus:<BKSHIDEventDeliveryPolicyObserver: 0x10cd94660; environment: keyboardFocus; status: none> was:target",
    "Task resumed without priority; sending request for chunk 17 of 312 in 0.004 s",
]


def rows(count: int, share: float) -> pl.DataFrame:
    """Return `count` log rows of which about `share` are examples of the catalogue (synthetic)."""
    examples = [
        (example.message, example.process or next(iter(sorted(signal.processes)), "Acme"))
        for signal in catalogue().signals
        for example in signal.examples
    ]
    every = max(1, round(1 / share)) if share else 0
    messages, processes = [], []
    for index in range(count):
        event = every and index % every == 0
        message, process = examples[(index // every) % len(examples)] if event else (NOISE[index % len(NOISE)], "Acme")
        messages.append(message)
        processes.append(process)
    frame = pl.DataFrame({"message": messages, "process": processes})
    return frame.with_columns(pl.col("process").cast(pl.Categorical), ref=pl.int_range(pl.len(), dtype=pl.UInt64))


def distinct(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a number of their own in each message: in its first number, or behind it."""
    number = (pl.int_range(pl.len()) + 10_000).cast(pl.String)
    message = pl.col("message")
    first = message.str.extract(r"^([^0-9]*[^0-9xA-Fa-f-])[0-9]+\b")
    rest = message.str.extract(r"^[^0-9]*[^0-9xA-Fa-f-][0-9]+\b([\s\S]*)$")
    return frame.with_columns(message=pl.coalesce(first + number + rest, message + " " + number))


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the best processor time of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print one row a share of events."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    words = [literal[::-1] for literal in catalogue().literals]
    print(f"{len(catalogue().signals)} signals, {len(catalogue().forms)} forms, {len(words)} literals, {count:,} rows")
    print("events  messages   found   match s   floor s   ratio   rows/s")
    for share in (0.0, 0.01, 0.1, 0.5, 1.0):
        for kind, change in (("repeated", None), ("distinct", distinct)):
            frame = rows(count, share)
            frame = frame if change is None else change(frame)
            found = match(frame).height
            taken = seconds(lambda frame=frame: match(frame))  # type: ignore[misc]
            floor = seconds(lambda frame=frame: frame["message"].str.contains_any(words))  # type: ignore[misc]
            rate = f"{taken / floor:7.1f} {count / taken:9,.0f}"
            print(f"{share:6.0%}  {kind} {found:9,} {taken:7.2f} {floor:9.2f} {rate}", flush=True)


if __name__ == "__main__":
    main()
