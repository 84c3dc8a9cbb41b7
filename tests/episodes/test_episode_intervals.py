"""Interval algebra against brute force on small integers."""

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from traceview.episodes.intervals import depth, free, meeting, overlap_s, touched, window_at

SCHEMA = {"key": pl.Int64, "start": pl.Int64, "end": pl.Int64}
window = st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 8)).map(lambda w: (w[0], w[1], w[1] + w[2]))
windows = st.lists(window, max_size=12)


def frame(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def seconds(rows: list[tuple[int, int, int]], key: int) -> set[int]:
    return {t for k, start, end in rows if k == key for t in range(start, end)}


@given(windows, windows)
def test_overlap_counts_the_union_once(rows: list[tuple[int, int, int]], others: list[tuple[int, int, int]]) -> None:
    measured = overlap_s(frame(rows), frame(others)).to_list()
    expected = [len(set(range(start, end)) & seconds(others, key)) / 1e9 for key, start, end in rows]
    assert measured == expected


@given(windows, st.integers(0, 20), st.integers(0, 20))
def test_what_is_free_and_the_windows_fill_the_span(rows: list[tuple[int, int, int]], start: int, length: int) -> None:
    end = start + length
    left = free([(since, until) for _, since, until in rows], start, end)
    taken = {t for _, since, until in rows for t in range(since, until)}
    assert {t for since, until in left for t in range(since, until)} == set(range(start, end)) - taken
    assert all(since < until for since, until in left)
    assert all(first[1] <= second[0] for first, second in pairwise(left))


def test_window_at_takes_the_last_begun_and_honours_slack() -> None:
    known = frame([(1, 0, 10), (1, 5, 6), (2, 0, 3)]).with_columns(pl.Series("name", ["long", "short", "other"]))
    points = pl.DataFrame({"key": [1, 1, 1, 2, 2, 3], "t": [0, 5, 8, 3, 4, 1]})
    # At 8 the last begun window (5 to 6) is over: the answer is none, not the longer one around it.
    assert window_at(points, known)["name"].to_list() == ["long", "short", None, "other", None, None]
    assert window_at(points, known, slack=2)["name"].to_list() == ["long", "short", "short", "other", "other", None]


@given(windows, windows, st.integers(0, 3))
def test_touched_is_covered_or_begun_within(
    rows: list[tuple[int, int, int]], others: list[tuple[int, int, int]], slack: int
) -> None:
    told = touched(frame(rows), frame(others), slack).to_list()
    covered = overlap_s(frame(rows), frame(others)).to_list()
    holding = window_at(frame(rows).select("key", t="start"), frame(others), slack)["end"].to_list()
    assert told == [length > 0 or end is not None for length, end in zip(covered, holding, strict=True)]


@given(windows, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=8))
def test_depth_counts_the_windows_that_hold_a_point(
    rows: list[tuple[int, int, int]], points: list[tuple[int, int]]
) -> None:
    asked = pl.DataFrame(points, schema={"key": pl.Int64, "t": pl.Int64}, orient="row")
    held = [sum(key == of and start <= t <= end for of, start, end in rows) for key, t in points]
    assert depth(asked, frame(rows)).to_list() == held


@given(windows, windows)
def test_meeting_names_the_pairs_that_share_a_moment(
    rows: list[tuple[int, int, int]], others: list[tuple[int, int, int]]
) -> None:
    shared = [
        (row, other)
        for row, (key, start, end) in enumerate(rows)
        for other, (of, begun, over) in enumerate(others)
        if key == of and max(start, begun) < min(end, over)
    ]
    assert meeting(frame(rows), frame(others)).rows() == shared


def test_a_null_is_no_key() -> None:
    rows = pl.DataFrame([(None, 0, 10), (1, 0, 10)], schema=SCHEMA, orient="row")
    assert overlap_s(rows, rows).to_list() == [0.0, 1e-8]
    points = pl.DataFrame({"key": [None, 1], "t": [5, 5]}, schema={"key": pl.Int64, "t": pl.Int64})
    assert window_at(points, rows)["end"].to_list() == [None, 10]
    assert touched(rows, rows).to_list() == [False, True]
    assert depth(points, rows).to_list() == [0, 1]
    assert meeting(rows, rows).rows() == [(1, 1)]
