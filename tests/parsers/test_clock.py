from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceview_parsers import clock
from traceview_parsers.clock import DAY, MISSING, SECOND
from traceview_parsers.errors import UsageError
from traceview_parsers.local_clock import Anchor, LocalClock
from traceview_parsers.schema import TIME_HOW

HOUR = 3600 * SECOND
# Printed times are naive, and so are hypothesis' limits.
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
EARLY = datetime(2010, 1, 1)  # noqa: DTZ001
LATE = datetime(2030, 1, 1)  # noqa: DTZ001
EPOCHS = st.datetimes(EARLY, LATE)


def resolve(
    local: LocalClock,
    times: list[int],
    *,
    days: list[int] | None = None,
    months: list[int] | None = None,
    offsets: list[int] | None = None,
) -> tuple[list[int], list[bool], list[str]]:
    of_day = np.array(times, np.int64)
    nothing = np.full(len(of_day), MISSING, np.int64)
    values, valid, how = local.resolve(
        nothing if days is None else np.array(days, np.int64),
        nothing if months is None else np.array(months, np.int64),
        of_day,
        nothing if offsets is None else np.array(offsets, np.int64),
    )
    return values.tolist(), valid.tolist(), [TIME_HOW[code] for code in how]


def on(day: date, how: str = "user", zone: Any = None) -> LocalClock:
    return LocalClock(lambda: Anchor(day, how), zone, "given by the user")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+0300", 10800), ("-07:00", -25200), ("+05:30", 19800), ("Z", 0), ("UTC", 0), ("UTC+2", None), ("+02", 7200)],
)
def test_zone_of_an_offset(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(UsageError, match="unknown time zone"):
            clock.zone(text)
    else:
        assert clock.zone(text).utcoffset(None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "../etc/passwd", "Mars/Olympus", "+99:99", "\0"])
def test_unknown_zones_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        clock.zone(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("call-2024-07-09.log", date(2024, 7, 9)),
        ("syslog_20240709.txt", date(2024, 7, 9)),
        ("syslog_20240709153012.txt", date(2024, 7, 9)),
        ("sysdiagnose_2024.07.09_10-11-12+0200/x.log", date(2024, 7, 9)),
        ("2023-01-01/call-2024-07-09.log", date(2024, 7, 9)),
        ("2023-02-31.log", None),
        ("build-120240709.log", None),
        ("console.txt", None),
    ],
)
def test_date_in_a_file_name(name: str, expected: Any) -> None:
    assert clock.date_in_name(name) == expected


def test_midnight_within_and_between_blocks() -> None:
    local = on(date(2026, 3, 1), zone=UTC)
    first, _, _ = resolve(local, [23 * HOUR, DAY - SECOND, SECOND])
    second, _, _ = resolve(local, [2 * HOUR, 23 * HOUR])
    third, _, _ = resolve(local, [SECOND])
    start = clock.days_since_epoch(date(2026, 3, 1)) * DAY
    assert first == [start + 23 * HOUR, start + DAY - SECOND, start + DAY + SECOND]
    assert second == [start + DAY + 2 * HOUR, start + DAY + 23 * HOUR]
    assert third == [start + 2 * DAY + SECOND]


def test_a_late_line_after_midnight_stays_on_its_day() -> None:
    values, _, _ = resolve(on(date(2026, 3, 1), zone=UTC), [DAY - 2, 1, DAY - 1, 2])
    start = clock.days_since_epoch(date(2026, 3, 1)) * DAY
    assert [value - start for value in values] == [DAY - 2, DAY + 1, DAY - 1, DAY + 2]


def test_small_jumps_back_are_no_midnight() -> None:
    values, _, _ = resolve(on(date(2026, 3, 1), zone=UTC), [12 * HOUR, 11 * HOUR, 20 * HOUR, 9 * HOUR])
    assert [value // DAY for value in values] == [clock.days_since_epoch(date(2026, 3, 1))] * 4


@given(
    st.datetimes(EARLY, LATE),
    st.lists(st.integers(0, 11 * 3600), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_any_log_without_gaps_of_half_a_day_is_placed_exactly(start: datetime, steps: list[int], block: int) -> None:
    moments = [start]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    local = on(start.date(), zone=UTC)
    found = []
    for begin in range(0, len(moments), block):
        of_day = [
            int((moment - datetime.combine(moment.date(), datetime.min.time())) / timedelta(microseconds=1)) * 1000
            for moment in moments[begin : begin + block]
        ]
        values, valid, how = resolve(local, of_day)
        assert all(valid)
        assert set(how) == {"exact"}
        found += values
    assert found == [(moment - EPOCH) // timedelta(microseconds=1) * 1000 for moment in moments]


@pytest.mark.parametrize(
    ("anchor", "how", "month_day", "year"),
    [
        (date(2026, 11, 22), "file time", 1112, 2026),
        (date(2026, 11, 22), "file time", 1231, 2025),
        (date(2027, 1, 1), "file time", 1231, 2026),
        (date(2026, 11, 22), "file time", 1123, 2026),  # a zone may put the last line on the next day
        (date(2026, 12, 31), "file time", 101, 2027),
        (date(2020, 6, 1), "user", 1231, 2020),
    ],
)
def test_the_year_is_the_last_possible_one(anchor: date, how: str, month_day: int, year: int) -> None:
    values, _, marks = resolve(on(anchor, how, UTC), [HOUR], months=[month_day])
    moment = datetime.fromtimestamp(values[0] / SECOND, UTC)
    assert (moment.year, moment.month * 100 + moment.day) == (year, month_day)
    assert marks == ["exact" if how == "user" else "date_assumed"]


def test_new_year_and_a_late_line() -> None:
    values, _, _ = resolve(on(date(2026, 12, 31), "user", UTC), [0, 0, 0, 0], months=[1231, 101, 1231, 102])
    assert [datetime.fromtimestamp(value / SECOND, UTC).date().isoformat() for value in values] == [
        "2026-12-31",
        "2027-01-01",
        "2026-12-31",
        "2027-01-02",
    ]


def test_a_day_that_the_year_lacks_has_no_time() -> None:
    _, valid, how = resolve(on(date(2025, 6, 1), "user", UTC), [0, 0], months=[229, 301])
    assert valid == [False, True]
    assert how == ["unknown", "exact"]


def test_a_leap_day_is_in_a_leap_year() -> None:
    values, _, _ = resolve(on(date(2026, 6, 1), "file time", UTC), [0, 0, 0], months=[228, 229, 301])
    assert [datetime.fromtimestamp(value / SECOND, UTC).date().isoformat() for value in values] == [
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    ]
    values, _, _ = resolve(on(date(2026, 6, 1), "file time", UTC), [0, 0, 0], months=[1231, 101, 229])
    assert datetime.fromtimestamp(values[0] / SECOND, UTC).date() == date(2023, 12, 31)


@pytest.mark.parametrize("block", [1, 2, 9])
def test_lines_without_a_date_are_of_the_day_of_the_dated_line_before_them(block: int) -> None:
    day = clock.days_since_epoch(date(2024, 7, 9))
    clocks = [10 * HOUR, 10 * HOUR + 5, 22 * HOUR, HOUR, 2 * HOUR, 3 * HOUR, 23 * HOUR, 2, DAY - 3]
    dated = {0: day, 5: day + 4, 6: day + 4}
    local = on(date(2026, 3, 1), "file time", UTC)
    found, marks = [], set()
    for start in range(0, len(clocks), block):
        days = [dated.get(row, int(MISSING)) for row in range(start, min(start + block, len(clocks)))]
        values, _, how = resolve(local, clocks[start : start + block], days=days)
        found += [value // DAY - day for value in values]
        marks |= set(how)
    assert found == [0, 0, 0, 1, 1, 4, 4, 5, 4]
    assert marks == {"exact"}
    assert "lines without a date are of the day of the dated line before them" in local.describe()


@given(
    EPOCHS,
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(1, 3600), min_size=2, max_size=9)), min_size=1, max_size=6),
    st.integers(1, 9),
)
def test_runs_of_dated_and_undated_lines_are_of_the_right_days(
    start: datetime, runs: list[tuple[bool, list[int]]], block: int
) -> None:
    moments, dated = [], []
    moment = start
    for with_date, steps in runs:
        for step in steps:
            moment += timedelta(seconds=step)
            moments.append((moment - EPOCH) // timedelta(seconds=1) * SECOND)
            dated.append(with_date)
    local = on(date(1980, 1, 1), "file time", UTC)
    first = None
    for _ in range(2):
        if first is not None:
            local = on(EPOCH.date() + timedelta(days=first), "dated line behind", UTC)
        found = []
        for at in range(0, len(moments), block):
            days = [one // DAY if with_date else int(MISSING) for one, with_date in zip(moments, dated, strict=True)]
            clocks = [one % DAY for one in moments]
            found += resolve(local, clocks[at : at + block], days=days[at : at + block])[0]
        first = local.lines_without_date.first_day()
        if first is None:
            break
    if any(dated):
        assert found == moments


def test_a_year_in_which_no_line_is_after_the_file() -> None:
    values, _, _ = resolve(on(date(2026, 1, 5), "file time", UTC), [0, 0, 0], months=[1230, 101, 110])
    assert [datetime.fromtimestamp(value / SECOND, UTC).date().isoformat() for value in values] == [
        "2024-12-30",
        "2025-01-01",
        "2025-01-10",
    ]


def test_a_quoted_line_of_a_later_month_moves_no_year() -> None:
    values, _, _ = resolve(on(date(2026, 1, 17), "file time", UTC), [0, 0, 0], months=[115, 503, 116])
    found = [datetime.fromtimestamp(value / SECOND, UTC).date().isoformat() for value in values]
    assert (found[0], found[2]) == ("2026-01-15", "2026-01-16")


def test_what_follows_a_line_without_a_year_is_as_doubtful() -> None:
    values, _, marks = resolve(
        on(date(2026, 3, 1), "file time", UTC), [HOUR, 2 * HOUR, 3 * HOUR], months=[int(MISSING), 709, int(MISSING)]
    )
    assert [datetime.fromtimestamp(value / SECOND, UTC).date().isoformat() for value in values] == [
        "2026-03-01",
        "2025-07-09",
        "2025-07-09",
    ]
    assert set(marks) == {"date_assumed"}


@pytest.mark.parametrize(
    ("place", "zone", "offset", "mark"),
    [
        ("user", UTC, MISSING, "exact"),
        ("file name", None, 0, "exact"),
        ("file name", None, MISSING, "zone_assumed"),
        ("file time", UTC, MISSING, "date_assumed"),
        ("file time", None, MISSING, "date_and_zone_assumed"),
        ("capture time", None, 0, "date_assumed"),
    ],
)
def test_assumptions_are_marked_and_said(place: str, zone: Any, offset: int, mark: str) -> None:
    local = on(date(2026, 3, 1), place, zone)
    _, _, how = resolve(local, [HOUR], offsets=[offset])
    assert how == [mark]
    assert ("date assumed" in local.describe()) == ("date" in mark)
    assert ("zone assumed (UTC)" in local.describe()) == ("zone" in mark)


def test_without_an_anchor_there_is_no_time() -> None:
    values, valid, how = resolve(LocalClock(lambda: None), [HOUR, HOUR], days=[MISSING, 1])
    assert valid == [False, True]
    assert how == ["unknown", "zone_assumed"]
    assert values[1] == DAY + HOUR


def test_a_printed_zone_wins_over_the_given_one() -> None:
    values, _, _ = resolve(on(date(2026, 3, 1), zone=timezone(timedelta(hours=9))), [HOUR], offsets=[2 * HOUR])
    assert values == [clock.days_since_epoch(date(2026, 3, 1)) * DAY - HOUR]


@example(datetime(2016, 3, 27, 2, fold=1), "Europe/Berlin")  # noqa: DTZ001  (local times)
@given(st.datetimes(EARLY, LATE), st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_local_times_of_a_named_zone(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    exact = moment.replace(tzinfo=zone, fold=0)  # texts do not tell which of two equal times they mean
    day, of_day = clock.days_since_epoch(moment.date()), moment - datetime.combine(moment.date(), datetime.min.time())
    values, _, _ = resolve(on(moment.date(), zone=zone), [of_day // timedelta(microseconds=1) * 1000], days=[day])
    assert values == [(exact.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000]


@given(st.integers(1, 50), st.integers(60, 1500))
def test_the_repeated_hour_is_told_apart_by_the_jump_back(block: int, step: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # clocks go back at 01:00 UTC
    moments = [start + timedelta(seconds=step * i) for i in range(4 * 3600 // step)]
    local = on(date(2026, 10, 25), zone=zone)
    found = []
    for begin in range(0, len(moments), block):
        printed = [moment.astimezone(zone).replace(tzinfo=None) for moment in moments[begin : begin + block]]
        days = [clock.days_since_epoch(moment.date()) for moment in printed]
        of_day = [(m.hour * 3600 + m.minute * 60 + m.second) * SECOND for m in printed]
        found += resolve(local, of_day, days=days)[0]
    assert found == [int(moment.timestamp()) * SECOND for moment in moments]
