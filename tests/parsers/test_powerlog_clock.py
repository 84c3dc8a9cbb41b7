"""PowerLog's clock: piecewise constant, and its inverse."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from traceview_parsers.powerlog.clock import PowerlogClock, ticks

SECONDS = st.floats(1.5e9, 1.9e9).map(lambda value: round(value, 6))
OFFSETS = st.floats(-3e6, 3e6).map(lambda value: round(value, 6))
ROWS = st.lists(st.tuples(SECONDS, OFFSETS), min_size=1, max_size=8)
STAMPS = st.lists(SECONDS, min_size=1, max_size=20)


def clock_of(rows: list[tuple[float, float]]) -> PowerlogClock:
    stamps, offsets = zip(*rows, strict=True)
    return PowerlogClock(np.array(stamps), np.array(offsets))


def by_the_book(rows: list[tuple[float, float]], stamp: int) -> int:
    """The rule in its plainest form, in microseconds."""
    table = sorted(((round(at * 1e6), round(by * 1e6)) for at, by in rows), key=lambda row: row[0])
    reached = [by for at, by in table if at <= stamp]
    return stamp + (reached[-1] if reached else table[0][1])


@given(ROWS, STAMPS)
def test_wall_time_follows_the_rule(rows: list[tuple[float, float]], stamps: list[float]) -> None:
    raw, valid = ticks(np.array(stamps))
    assert valid.all()
    assert clock_of(rows).wall(raw).tolist() == [by_the_book(rows, stamp) for stamp in raw.tolist()]


@given(ROWS, STAMPS)
@example([(1.5e9, 1.0), (1.5e9, 0.0), (1.5e9, 1.0)], [1.5e9])
def test_inverse_gives_a_stamp_of_the_same_wall_time(rows: list[tuple[float, float]], stamps: list[float]) -> None:
    """Where the clock was set forward no stamp has the skipped wall times; everywhere else wall(stamp(w)) is w."""
    clock = clock_of(rows)
    walls, _ = ticks(np.array(stamps))
    back = clock.wall(clock.stamp(walls))
    for wall, again in zip(walls.tolist(), back.tolist(), strict=True):
        passed = any(by_the_book(rows, wall - round(by * 1e6)) == wall for _, by in rows)
        assert again == wall or not passed or _twice(rows, wall)


def _twice(rows: list[tuple[float, float]], wall: int) -> bool:
    """Whether more than one row could hold at this wall time; the first one holds before its moment, too."""
    first = min(rows, key=lambda row: row[0])[1]
    begun = [by for at, by in rows if round(at * 1e6) + round(by * 1e6) <= wall]
    return len({round(by * 1e6) for by in (first, *begun)}) > 1


@given(st.lists(SECONDS, min_size=1, max_size=8), st.floats(0, 1e5), STAMPS)
def test_inverse_is_exact_and_monotone_while_the_clock_only_goes_forward(
    at: list[float], step: float, stamps: list[float]
) -> None:
    rows = [(stamp, step * number) for number, stamp in enumerate(sorted(at))]
    clock = clock_of(rows)
    raw = np.sort(ticks(np.array(stamps))[0])
    walls = clock.wall(raw)
    assert (np.diff(walls) >= 0).all()
    assert clock.stamp(walls).tolist() == raw.tolist()
    assert (np.diff(clock.wall(clock.stamp(walls))) >= 0).all()


@given(STAMPS)
def test_without_rows_the_clock_is_as_it_is(stamps: list[float]) -> None:
    raw, _ = ticks(np.array(stamps))
    clock = PowerlogClock.unknown()
    assert not clock.known
    assert clock.wall(raw).tolist() == clock.stamp(raw).tolist() == raw.tolist()


def test_nonsense_is_no_time() -> None:
    _, valid = ticks(np.array([np.nan, np.inf, -np.inf, 1e300, -1e12, 0.0, 1.7e9]))
    assert valid.tolist() == [False] * 5 + [True] * 2
    assert not clock_of([(float("nan"), 1.0), (1e300, 1.0), (1.7e9, float("inf"))]).known


def test_steps_are_counted() -> None:
    assert clock_of([(1.7e9, -5.0), (1.7e9 + 1, -5.0), (1.7e9 + 2, 69.0)]).steps == 1
