"""Captures that were saved again and again show their calls once."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from traceview.fleet.overlaps import DEVICE, contained, overlapping

_T = datetime(2026, 1, 15, tzinfo=UTC)
_TIME = pl.Datetime("ns", "UTC")


def tables(
    spans: dict[str, tuple[int, int]], calls: dict[str, list[int]], silent: dict[str, list[str]] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    def at(minute: int) -> datetime:
        return _T + timedelta(minutes=minute)

    captures = [(name, at(since), at(until)) for name, (since, until) in spans.items()]
    shown = [(name, "com.acme.voip", at(minute)) for name, minutes in calls.items() for minute in minutes]
    lacking = [(name, rule) for name, rules in (silent or {}).items() for rule in rules]
    return (
        pl.DataFrame(captures, {"capture": pl.String(), "start": _TIME, "end": _TIME}, orient="row").with_columns(
            pl.lit(None, pl.String).alias(name) for name in DEVICE
        ),
        pl.DataFrame(shown, {"capture": pl.String(), "app": pl.String(), "start": _TIME}, orient="row"),
        pl.DataFrame(lacking, {"capture": pl.String(), "rule": pl.String()}, orient="row"),
    )


def test_of_a_log_that_grew_the_longest_stays() -> None:
    found = tables({"a": (0, 10), "b": (0, 20), "c": (0, 30)}, {"a": [5], "b": [5, 15], "c": [5, 15]})
    assert contained(*found).to_list() == ["a", "b"]


def test_equal_ones_keep_one() -> None:
    assert contained(*tables({"b": (0, 10), "a": (0, 10)}, {"b": [5], "a": [5]})).to_list() == ["b"]


def test_what_tells_more_stays() -> None:
    assert contained(*tables({"early": (-5, 10), "late": (0, 20)}, {"early": [5], "late": [5]})).is_empty()
    assert contained(*tables({"a": (0, 10), "b": (0, 20)}, {"a": [5, 6], "b": [5]})).is_empty()
    assert contained(*tables({"a": (0, 10), "b": (0, 20)}, {"a": [5], "b": [5]}, {"b": ["x"]})).is_empty()
    silent = {"a": ["x", "y"], "b": ["x"]}
    assert contained(*tables({"a": (0, 10), "b": (0, 20)}, {"a": [5], "b": [5]}, silent)).to_list() == ["a"]
    assert contained(*tables({"a": (0, 10), "b": (0, 20)}, {"b": [5]})).is_empty()
    captures, *others = tables({"a": (0, 10), "b": (0, 20)}, {"a": [5], "b": [5]})
    assert contained(captures.with_columns(os_version=pl.col("capture")), *others).is_empty()


def test_what_overlaps_is_counted() -> None:
    _, calls, _ = tables({}, {"a": [1, 2], "b": [2, 3], "c": [4], "d": []})
    assert overlapping(calls) == 2
    unknown = calls.with_columns(app=pl.lit(None, pl.String))
    assert overlapping(unknown) == 0


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.integers(0, 3), st.integers(4, 7), st.lists(st.integers(4, 6), unique=True)),
        max_size=6,
    )
)
def test_whatever_goes_another_one_that_stays_shows_it(given: dict[str, tuple[int, int, list[int]]]) -> None:
    spans = {name: (since, until) for name, (since, until, _) in given.items()}
    calls = {name: shown for name, (_, _, shown) in given.items()}
    gone = set(contained(*tables(spans, calls)))
    for name in gone:
        assert any(
            set(calls[name]) <= set(calls[other])
            and spans[other][0] <= spans[name][0]
            and spans[other][1] >= spans[name][1]
            for other in given.keys() - gone
        )
