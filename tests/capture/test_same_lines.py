"""A log line that several sources hold counts once. All lines are synthetic."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import traceview as tv
from traceview.cli import app
from traceview.clocks import CLOCK_SCHEMA, compare_clocks
from traceview.same_lines import counted_once
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers.problems import Problems
from traceview_parsers.schema import make_ref

SAMPLES = Path(__file__).parents[2] / "sample_traces"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MILLISECOND, SECOND = 1_000_000, 1_000_000_000
SOURCES = [("device.logarchive", "unified_log"), ("show.txt", "log_text"), ("relay.txt", "device_syslog")]
Line = tuple[int, str, int | None]
"""Nanoseconds after noon, text, pid."""


def events(*sources: Sequence[Line]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = [
        {"ref": make_ref(source, row), "ns": at, "message": text, "pid": pid}
        for source, lines in enumerate(sources)
        for row, (at, text, pid) in enumerate(lines)
    ]
    base = round((NOON - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000
    frame = pl.DataFrame(rows, schema={"ref": pl.UInt64, "ns": pl.Int64, "message": pl.String, "pid": pl.Int64})
    told = frame.with_columns(
        (pl.col("ns") + base).cast(pl.Datetime("ns", "UTC")).alias("time"),
        *(pl.lit(value).alias(name) for name, value in (("process", "audiomxd"), ("kind", "x"), ("signal", "x"))),
    )
    return told.select(
        pl.col(name) if name in told.columns else pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items()
    )


def kept(*sources: Sequence[Line], measured: bool = True) -> tuple[list[tuple[int, str]], list[tuple[str, int]]]:
    """Return source and text of each line that counts, and what was told."""
    told, problems = events(*sources), Problems()
    clocks = compare_clocks(told, {}, SOURCES) if measured else pl.DataFrame(schema=CLOCK_SCHEMA)
    once = counted_once(told, SOURCES, clocks, problems)
    return [(ref >> 40, text) for ref, text in once.select("ref", "message").rows()], [
        (one.source, one.count) for one in problems if one.kind == "repeated-lines"
    ]


def printed(lines: Sequence[Line], unit: int) -> list[Line]:
    return [(at // unit * unit, text, pid) for at, text, pid in lines]


@given(
    st.lists(
        st.tuples(st.integers(0, 100 * MILLISECOND), st.sampled_from("abc"), st.just(7)), unique=True, max_size=30
    ),
    st.data(),
)
def test_what_is_exported_of_a_log_adds_nothing(lines: list[Line], data: st.DataObject) -> None:
    exported = [line for line in lines if data.draw(st.booleans())]
    found, told = kept(lines, printed(exported, MILLISECOND))
    assert found == [(0, text) for _, text, _ in lines]
    assert sum(count for _, count in told) == len(exported) * bool(lines)


def test_each_source_keeps_what_it_alone_holds() -> None:
    archive: list[Line] = [(at * SECOND + 123, f"line {at}", 7) for at in range(10)]
    text = printed([(at * SECOND + 123, f"line {at}", 7) for at in range(5, 15)], MILLISECOND)
    found, told = kept(archive, text)
    assert found == [*((0, f"line {at}") for at in range(10)), *((1, f"line {at}") for at in range(10, 15))]
    assert told == [("show.txt", 5)]


def test_what_one_source_repeats_counts_as_often() -> None:
    burst: list[Line] = [(at * 10 * MILLISECOND, "skipping cycle due to overload", 7) for at in range(25)]
    assert len(kept(burst)[0]) == 25
    assert len(kept(burst, burst)[0]) == 25
    assert len(kept(burst, printed(burst, SECOND))[0]) == 25


def test_texts_that_follow_each_other_keep_equal_lines_at_other_times() -> None:
    burst: list[Line] = [(at * 10 * MILLISECOND, "skipping cycle due to overload", 7) for at in range(25)]
    found, _ = kept([], burst[:15], burst[12:])
    assert len(found) == 25


@pytest.mark.parametrize("other", [(0, "a", 8), (3 * MILLISECOND, "a", 7), (0, "b", 7)])
def test_another_pid_time_or_text_is_another_line(other: Line) -> None:
    assert len(kept([(1, "a", 7)], [other], measured=False)[0]) == 2


def test_logs_of_two_devices_share_only_some_lines() -> None:
    one: list[Line] = [(at * SECOND, f"line {at}" if at % 4 else "beat", 1) for at in range(40)]
    other: list[Line] = [(at * SECOND, f"other {at}" if at % 4 else "beat", 1) for at in range(40)]
    assert len(kept(one, [], other)[0]) == 80


def test_a_source_without_pids_tells_the_same_lines() -> None:
    archive: list[Line] = [(at * SECOND + 123, f"line {at}", 7) for at in range(5)]
    assert len(kept(archive, [], printed([(at, text, None) for at, text, _ in archive], MILLISECOND))[0]) == 5


def test_a_relay_that_is_late_tells_the_same_lines() -> None:
    archive: list[Line] = [(at * SECOND + 123, f"line {at}", 7) for at in range(5)]
    assert len(kept(archive, [], [(at + 300 * MILLISECOND + 1, text, pid) for at, text, pid in archive])[0]) == 5


def test_lines_by_a_clock_that_differs_are_the_same_lines() -> None:
    archive: list[Line] = [(at * SECOND, words, 7) for at in range(300) for words in (f"line {at}", "beat")]
    text = [(at + 3_600 * SECOND, words, pid) for at, words, pid in archive]
    found, told = kept(archive, [*text, (4_000 * SECOND, "more", 7)])
    assert (len(found), told) == (601, [("show.txt", 600)])
    set_later = [(at + 90 * SECOND * (at >= 150 * SECOND), words, pid) for at, words, pid in archive]
    assert kept(archive, set_later) == (found[:-1], told)


@pytest.mark.parametrize("at", [20, 100, 150, 280])
def test_lines_before_and_behind_the_moment_at_which_a_clock_was_set_are_the_same_lines(at: int) -> None:
    archive: list[Line] = [(second * SECOND, f"line {second}", 7) for second in range(300)]
    text = [(time + 90 * SECOND * (time >= at * SECOND), words, pid) for time, words, pid in archive]
    found, told = kept(archive, text)
    assert (len(found), told) == (300, [("show.txt", 300)])


def test_repetitions_that_the_better_source_lost_count() -> None:
    burst: list[Line] = [(at * 100 * MILLISECOND, "skipping cycle due to overload", 7) for at in range(25)]
    others: list[Line] = [(at * SECOND + 5, f"line {at}", 7) for at in range(40)]
    found, told = kept([*burst[:2], *others], [], printed([*burst, *others], SECOND))
    assert (len(found), told) == (65, [("relay.txt", 42)])


def test_an_archive_beside_the_text_of_it_tells_each_call_once(tmp_path: Path) -> None:
    archive = next(SAMPLES.glob("*.logarchive*"))
    text = tmp_path / "log.txt"
    printed_text = CliRunner().invoke(app, ["log", str(archive), "--style", "compact"]).stdout
    text.write_text(printed_text)
    with tv.open(archive) as alone, tv.open([archive, text]) as both:
        for table in ("calls", "pushes", "glitches", "suspensions"):
            assert alone.episodes(table).height == both.episodes(table).height, table
        assert [(one.title, one.severity) for one in alone.analysis.findings] == [
            (one.title, one.severity) for one in both.analysis.findings
        ]
        (problem,) = (one for one in both.analysis.problems if one.kind == "repeated-lines")
        assert problem.source == "log.txt"
        assert both.clocks["agrees"].to_list() == [True]


def test_halves_of_a_text_that_overlap_are_one_log(tmp_path: Path) -> None:
    text = SAMPLES / "suspended-in-call.ios26.compact.txt"
    lines = text.read_text().splitlines(keepends=True)
    for name, part in (("a.txt", lines[:80]), ("b.txt", lines[59:])):
        (tmp_path / name).write_text("".join(part))
    with tv.open(text) as whole, tv.open([tmp_path / "a.txt", tmp_path / "b.txt"]) as halves:
        assert halves.clocks["offset_s"].to_list() == [0]
        assert [(one.rule, one.title) for one in whole.analysis.findings] == [
            (one.rule, one.title) for one in halves.analysis.findings
        ]
        assert "clock-differs" not in {one.kind for one in halves.analysis.problems}


@pytest.mark.parametrize("name", ["handed-off.ios15.compact.txt", "silent-audio-keepalive.ios26.default.txt"])
def test_what_a_log_repeats_proves_no_other_clock_of_halves_that_overlap(tmp_path: Path, name: str) -> None:
    heading, *lines = (SAMPLES / name).read_text().splitlines(keepends=True)
    count = len(lines)
    for half, part in (("a.txt", lines[: count * 6 // 10]), ("b.txt", lines[count * 4 // 10 :])):
        (tmp_path / half).write_text("".join([heading, *part]))
    with tv.open([tmp_path / "a.txt", tmp_path / "b.txt"]) as halves:
        assert halves.clocks["offset_s"].to_list() == [0]
        assert "clock-differs" not in {one.kind for one in halves.analysis.problems}
