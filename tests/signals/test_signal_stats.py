import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.signals.catalogue import catalogue
from traceview.signals.matcher import match
from traceview.signals.selection import log_selection
from traceview.signals.stats import Survey, count, unrecognised, watched
from traceview_parsers import open_trace

SAMPLES = Path(__file__).parents[2] / "sample_traces"
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


def test_a_survey_adds_up_what_comes_in_pieces(log_rows: Rows) -> None:
    messages = ["PERF: 12", "PERF: 13", "Removing process: [app<com.acme.voip>:1]", "other 1", "third 1", "hello"]
    frame = log_rows(messages, process=["runningboardd"] * 5 + ["Acme"])
    survey = Survey()
    for at in range(len(frame)):
        survey.add(frame[at])
    assert survey.counts().rows() == count(frame).rows() == [("runningboardd", 5, 1, 4), ("Acme", 1, 0, 1)]
    assert survey.shapes(10, 10).rows() == unrecognised(frame).rows()
    assert survey.shapes(10, 2)["shape"].to_list() == ["PERF: <n>", "other <n>"]
    assert survey.shapes(1, 2).height == 1


def test_what_nobody_wrote_as_a_message_is_not_counted(log_rows: Rows) -> None:
    frame = log_rows(["PERF: 1", "state update", "lost 63"], process="runningboardd", event=["log", "activity", "loss"])
    assert count(frame)["rows"].to_list() == [1]
    assert unrecognised(frame)["shape"].to_list() == ["PERF: <n>"]


def test_shapes_of_bare_lines_are_shown(log_rows: Rows) -> None:
    frame = log_rows(["PERF: 1", "PERF: 2"], process=[None, "Acme"])
    assert unrecognised(frame).select("process", "shape").rows() == [(None, "PERF: <n>")]


def test_a_survey_forgets_rare_shapes_first(log_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceview.signals.stats.SHAPES_KEPT", 4)
    survey = Survey()
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    survey.add(log_rows([*words, "epsilon"], process="runningboardd"))
    assert survey.shapes(9, 9)["shape"].to_list() == ["epsilon", "alpha"]
    assert survey.counts()["rows"].to_list() == [6]


def test_empty_logs_give_empty_tables(log_rows: Rows) -> None:
    assert count(log_rows([], process=[])).is_empty()
    assert unrecognised(log_rows([], process=[])).is_empty()


def test_the_command_tells_what_is_recognised_and_what_is_not() -> None:
    (sample,) = SAMPLES.glob("suspended-in-call.ios14.logarchive.tar.gz")
    result = CliRunner().invoke(app, ["signals", "stats", str(sample), "--each", "1"])
    assert result.exit_code == 0
    first, *lines = result.stdout.splitlines()
    assert re.fullmatch(r"recognised as events: \d+ of \d+ messages, of \d+ of \d+ processes", first)
    counts = lines[: lines.index("")]
    assert all(re.fullmatch(r" +[0-9,]+ of +[0-9,]+ +\d+%  .+", line) for line in counts)
    shapes = [re.match(r" +[0-9,]+  ([^:]+): ", line) for line in lines[lines.index("") + 2 :]]
    names = [shape[1] for shape in shapes if shape]
    assert len(names) == len(shapes) == len(set(names)) > 2


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
