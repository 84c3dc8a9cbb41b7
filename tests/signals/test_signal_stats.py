from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from traceview.signals.catalogue import catalogue
from traceview.signals.matcher import match
from traceview.signals.selection import log_selection
from traceview.signals.stats import count, unrecognised, watched
from traceview_parsers import open_trace

Rows = Callable[..., pl.DataFrame]


def test_counts_by_process(log_rows: Rows) -> None:
    messages = ["Removing process: [app<com.acme.voip>:1]", "PERF: 12", "PERF: 13", "hello"]
    frame = log_rows(messages, process=["runningboardd"] * 3 + ["Acme"])
    assert count(frame).rows() == [("runningboardd", 3, 1, 2), ("Acme", 1, 0, 1)]


def test_shapes_have_no_numbers_and_come_from_watched_processes(log_rows: Rows) -> None:
    messages = [
        "PERF: 12 of 0x1aF took 1.5 s",
        "PERF: 7 of 0x2 took 0.2 s",
        'set "a" for 6B0B5A7C-1111-4222-8333-444455556666',
        "hello 1",
    ]
    shapes = unrecognised(log_rows(messages, process=["runningboardd"] * 3 + ["Acme"]))
    assert shapes.rows() == [
        ("runningboardd", "PERF: <n> of <hex> took <n> s", 2, 0),
        ("runningboardd", 'set "<text>" for <uuid>', 1, 2),
    ]
    assert unrecognised(log_rows(messages, process="runningboardd"), limit=1).height == 1
    assert "runningboardd" in watched()
    assert "Acme" not in watched()


def test_empty_logs_give_empty_tables(log_rows: Rows) -> None:
    assert count(log_rows([], process=[])).is_empty()
    assert unrecognised(log_rows([], process=[])).is_empty()


@pytest.mark.real
def test_the_selection_loses_no_event_of_a_real_archive(real: Path) -> None:
    archive = real / "logarchive" / "macos12.logarchive.tar.gz"
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    with open_trace(archive) as trace:
        every = pl.concat([match(batch) for batch in trace.batches("log")])
        chosen = pl.concat([match(batch) for batch in trace.batches("log", log_selection(catalogue()))])
        blind = pl.concat([match(pl.DataFrame(batch).drop("format")) for batch in trace.batches("log")])
    assert every.height > 300
    assert set(chosen["ref"]) <= set(every["ref"])
    lost = every.filter(~pl.col("ref").is_in(chosen["ref"].to_list()))
    # What libraries print in daemons that nobody watches is left out on purpose.
    assert not set(lost["process"]) & watched()
    assert set(lost["sender"]) <= {name for signal in catalogue().signals for name in signal.senders}
    assert blind.equals(every), "known formats and bare text say the same"
