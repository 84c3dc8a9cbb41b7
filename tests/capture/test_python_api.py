"""`import traceview as tv` as a notebook uses it."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from plotly.graph_objects import Figure

import traceview as tv
from traceview_parsers.errors import UnknownFormatError, UsageError

SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"
KINDS = [
    SYSDIAGNOSE,
    "suspended-in-call.ios14.logarchive.tar.gz",
    "healthy-incoming-call.ios26.ndjson",
    "healthy-incoming-call.ios18.default.txt",
    "healthy-outgoing-call.ios18.syslog.txt",
    "suspended-in-call.ios26.compact.txt",
    "cellular-interruption.ios26.console.txt",
    "self-activated-session.ios26.pymobiledevice3.txt",
]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_capture_gives_frames_and_a_figure(samples: Path, name: str) -> None:
    with tv.open(samples / name) as capture:
        assert capture.calls.height >= 1
        assert capture.findings.columns[:4] == ["rule", "number", "severity", "app"]
        log = capture.log(process="runningboardd")
        assert log["process"].unique().to_list() == ["runningboardd"]
        assert capture.sql("SELECT count(*) AS n FROM log WHERE process = 'runningboardd'")["n"].item() == log.height
        assert isinstance(capture.timeline(), Figure)


def test_a_row_leads_back_to_its_source(samples: Path) -> None:
    with tv.open(samples / "healthy-incoming-call.ios18.default.txt") as capture:
        row = capture.log(contains="Suspending task").row(0, named=True)
        source, position = capture.trace.source_of(row["ref"])
    line = (samples / source.name).read_text("utf-8").splitlines()[position - 1]
    assert "Suspending task" in line


def test_conditions_of_log_hold_together(samples: Path) -> None:
    with tv.open(samples / SYSDIAGNOSE) as capture:
        ten = datetime(2026, 1, 15, 9, tzinfo=UTC)
        rows = capture.log(process=["runningboardd", "SpringBoard"], start=ten, contains="acme")
        assert 0 < rows.height < capture.log().height
        assert set(rows["process"].unique()) <= {"runningboardd", "SpringBoard"}
        assert rows["time"].min() >= ten  # type: ignore[operator]
        with pytest.raises(UsageError, match="with its zone"):
            capture.log(start=datetime(2026, 1, 15))  # noqa: DTZ001 (that is the mistake)


def test_a_predicate_holds_together_with_the_other_conditions(samples: Path) -> None:
    with tv.open(samples / SYSDIAGNOSE) as capture:
        rows = capture.log(
            process="runningboardd", predicate='eventMessage CONTAINS[c] "ACME" AND messageType >= default'
        )
        same = capture.log(process="runningboardd").filter(
            pl.col("message").str.to_lowercase().str.contains("acme", literal=True),
            pl.col("level").cast(pl.String).is_in(["default", "error", "fault"]),
        )
        assert rows.height > 0
        assert rows.equals(same)
        with pytest.raises(
            UsageError, match=r"no such key: eventmessag \(did you mean eventMessage\?\); there are eventMessage"
        ):
            capture.log(predicate='eventmessag == "x"')


def test_several_files_are_one_capture(samples: Path) -> None:
    names = ["healthy-incoming-call.ios26.ndjson", "push-never-reported.ios26.ndjson"]
    with tv.open([samples / name for name in names], apps=["com.acme.voip"]) as capture:
        assert len(capture.trace.sources) == 2
        assert capture.calls.height >= 1
        assert "push-unreported" in capture.findings["rule"].to_list()


def test_a_closed_capture_keeps_what_it_knows_and_says_what_is_gone(samples: Path) -> None:
    with tv.open(samples / SYSDIAGNOSE) as capture:
        calls = capture.calls
    assert capture.calls.equals(calls)
    assert isinstance(capture.findings, pl.DataFrame)
    with pytest.raises(UsageError, match="is closed"):
        capture.log(process="runningboardd")
    with tv.open(samples / SYSDIAGNOSE) as never_read:
        pass
    with pytest.raises(UsageError, match="is closed"):
        _ = never_read.findings


def test_errors_are_typed(samples: Path) -> None:
    with pytest.raises(UnknownFormatError, match="not a format that can be read"):
        tv.open(samples / "README.md")
    with tv.open(samples / SYSDIAGNOSE) as capture:
        with pytest.raises(UsageError, match="no column nothing; columns: "):
            capture.sql("SELECT nothing FROM calls")
        with pytest.raises(KeyError):
            capture.episodes("nothing")


def test_a_capture_tells_what_it_is_and_which_tables_it_has(samples: Path) -> None:
    with tv.open(samples / "healthy-incoming-call.ios18.default.txt") as capture:
        assert repr(capture) == "<Capture 'healthy-incoming-call.ios18.default.txt', 1 source>"
        with pytest.raises(KeyError, match=r"no table of episodes 'cals'; there are .*\bcalls\b"):
            capture.episodes("cals")
