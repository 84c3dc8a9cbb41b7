"""How sure the times of each source are: the figure is derived from what it prints or from its clock, never guessed."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import ReadOptions, open_trace
from traceview_parsers.clock import FARTHEST_ZONE, SECOND, resolution_ns, zone
from traceview_parsers.trace import Coverage
from traceview_parsers.unified_log.timesync import FROM_HEADER, FROM_TIMESYNC, Clock, clock_steps, sureness

MINUTE_TICKS = 24_000_000 * 60  # of a clock of 24 MHz, as in all recent devices


@given(st.lists(st.integers(0, 9 * 10**9), min_size=1), st.integers(0, 9))
def test_resolution_divides_every_time(numbers: list[int], digits: int) -> None:
    times = np.array(numbers, np.int64) * 10**digits
    unit = resolution_ns(times)
    assert unit is not None
    assert unit >= 10 ** min(digits, 9)
    assert not (times % unit).any()
    assert resolution_ns(times[:1], unit) == unit  # what one batch told stays
    assert resolution_ns(times[:0], unit) == unit
    assert resolution_ns(times[:0]) is None


def covered(path: Path, text: str, options: ReadOptions | None = None) -> Coverage:
    path.write_text(text)
    with open_trace(path, options) as trace:
        for table in trace.tables:
            trace.table(table)
        (coverage,) = trace.coverage()
        return coverage


DEFAULT = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
COMPACT = "Timestamp               Ty Process[PID:TID]\n"


@pytest.mark.parametrize(
    ("text", "tz", "certainty"),
    [
        (
            f"{DEFAULT}2026-01-15 10:00:00.123456+0100 0x1  Default     0x0                  7      0    a: x\n",
            "",
            1000,
        ),
        (f"{COMPACT}2026-01-15 10:00:00.123 Df a[7:1a] x\n", "+01:00", 1_000_000),
        (f"{COMPACT}2026-01-15 10:00:00.123 Df a[7:1a] x\n", "", FARTHEST_ZONE),
        ("Jan 15 10:00:00.123456 a(b)[7] <Notice>: x\n", "+01:00", None),  # the year is that of the file
    ],
)
def test_logs_are_as_sure_as_they_print(tmp_path: Path, text: str, tz: str, certainty: int | None) -> None:
    found = covered(tmp_path / "log.txt", text, ReadOptions(tz=zone(tz) if tz else None))
    assert found.rows == 1
    assert found.certainty_ns == certainty


@pytest.mark.parametrize(("at", "certainty"), [("10:00:03.3451", 100_000), ("10:00:03.34", 10_000_000)])
def test_reports_are_as_sure_as_they_print(tmp_path: Path, at: str, certainty: int) -> None:
    head = {"bug_type": "309", "timestamp": "2026-01-15 10:00:03.00 +0100", "name": "App"}
    body = {"captureTime": f"2026-01-15 {at} +0100", "procName": "App", "pid": 7}
    assert covered(tmp_path / "a.ips", f"{json.dumps(head)}\n{json.dumps(body)}").certainty_ns == certainty


def test_real_sources_tell_how_sure_they_are(real: Path) -> None:
    with open_trace(real / "ips") as trace:
        sure = {one.certainty_ns for one in trace.coverage() if one.start_ns is not None}
        assert all(one.certainty_ns is None for one in trace.coverage() if one.start_ns is None)
    assert sure <= {10**digits for digits in range(3, 10)}
    with open_trace(real / "powerlog") as trace:
        assert trace.coverage()[0].certainty_ns == SECOND
    with open_trace(real / "logarchive" / "macos12.logarchive.tar.gz") as trace:
        trace.table("log")
        (log,) = trace.coverage()
    # 125/3 ns a tick and 2,542 ns of drift; a step of 11.75 s is no drift.
    assert log.certainty_ns == 42 + 2542
    assert "the wall clock was set" in log.notes[-1]
    assert "-11.751 s at 2023-01-12T01:37:40Z" in log.notes[-1]


def clock(*corrections_ns: int, how: str = FROM_TIMESYNC) -> Clock:
    """Return a clock with an anchor a minute, each of which moves the wall clock."""
    anchors, wall = [(0, 10**18)], 10**18
    for number, by in enumerate(corrections_ns, 1):
        wall += 60 * SECOND + by
        anchors.append((number * MINUTE_TICKS, wall))
    return Clock(how, 125, 3, anchors)


@pytest.mark.parametrize(
    ("corrections", "span", "bound", "words"),
    [
        ((), (5, 6), 42, None),
        ((-30_000, 20_000), (5, 3 * MINUTE_TICKS), 42 + 30_000, None),
        ((-30_000, 20_000), (MINUTE_TICKS, 3 * MINUTE_TICKS), 42 + 20_000, None),
        ((4 * SECOND, 20_000), (5, 3 * MINUTE_TICKS), 42 + 20_000, "set once in the covered time, by +4.000 s"),
        (
            (4 * SECOND, -9 * SECOND),
            (5, 3 * MINUTE_TICKS),
            42,
            "set 2 times in the covered time, most of all by -9.000 s",
        ),
    ],
)
def test_a_log_is_as_sure_as_time_sync_left_it(
    corrections: tuple[int, ...], span: tuple[int, int], bound: int, words: str | None
) -> None:
    certainty, _, notes = sureness([(clock(*corrections), span)])
    assert certainty == bound
    assert [words in note for note in notes] == [True] if words else notes == []


def test_the_largest_step_of_a_clock_is_told_with_its_sign() -> None:
    assert sureness([(clock(4 * SECOND, -9 * SECOND), (0, 3 * MINUTE_TICKS))]).step_s == -9.0
    assert sureness([(clock(-30_000), (0, 3 * MINUTE_TICKS))]).step_s == 0.0


def test_a_header_alone_makes_nothing_sure() -> None:
    assert sureness([(clock(), (0, 9)), (clock(how=FROM_HEADER), (0, 9))]) == (None, None, [])
    assert sureness([]) == (None, None, [])
    assert sureness([(clock(-9 * SECOND), (0, MINUTE_TICKS)), (clock(how=FROM_HEADER), (0, 9))]).step_s == -9.0


def test_each_step_of_a_clock_has_its_moment_but_drift_is_none() -> None:
    (first, by), (second, back) = clock_steps([(clock(4 * SECOND, -30_000, -9 * SECOND), (0, 4 * MINUTE_TICKS))])
    assert (by, back) == (4.0, -9.0)
    assert second - first == pytest.approx(124 * SECOND, abs=40_000)
