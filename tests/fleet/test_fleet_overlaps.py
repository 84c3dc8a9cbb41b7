"""Captures that were saved again and again show their calls once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from traceview.fleet.contents import load
from traceview.fleet.dataset import write_shard
from traceview.fleet.overlaps import DEVICE, FOUND, contained, overlapping
from traceview.fleet.planned import note_changed
from traceview.fleet.report import write
from traceview.fleet.tables import TABLES

_T = datetime(2026, 1, 15, microsecond=4711, tzinfo=UTC)
_TIME = pl.Datetime("ns", "UTC")

Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


def tables(
    spans: dict[str, tuple[int, int]],
    calls: dict[str, list[int]],
    silent: dict[str, list[str]] | None = None,
    findings: dict[str, list[tuple[str, str]]] | None = None,
    first: datetime = _T,
) -> Tables:
    def at(minute: int) -> datetime:
        return first + timedelta(minutes=minute)

    captures = [(name, at(since), at(until)) for name, (since, until) in spans.items()]
    shown = [(name, "com.acme.voip", at(minute)) for name, minutes in calls.items() for minute in minutes]
    lacking = [(name, rule) for name, rules in (silent or {}).items() for rule in rules]
    found = [(name, rule, rule, severity) for name, some in (findings or {}).items() for rule, severity in some]
    return (
        pl.DataFrame(captures, {"capture": pl.String(), "start": _TIME, "end": _TIME}, orient="row").with_columns(
            pl.lit(None, pl.String).alias(name) for name in DEVICE
        ),
        pl.DataFrame(shown, {"capture": pl.String(), "app": pl.String(), "start": _TIME}, orient="row"),
        pl.DataFrame(lacking, {"capture": pl.String(), "rule": pl.String()}, orient="row"),
        pl.DataFrame(found, dict.fromkeys(FOUND, pl.String()), orient="row"),
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
    _, calls, *_ = tables({}, {"a": [1, 2], "b": [2, 3], "c": [4], "d": []})
    assert overlapping(calls) == 2
    unknown = calls.with_columns(app=pl.lit(None, pl.String))
    assert overlapping(unknown) == 0


def test_what_has_a_finding_more_or_a_worse_one_stays() -> None:
    """A log saved later shows the same calls, and may have lost the lines that prove what went wrong in them."""

    def gone(earlier: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[str]:
        spans, calls = {"a": (0, 10), "b": (0, 20)}, {"a": [5], "b": [5]}
        return contained(*tables(spans, calls, findings={"a": earlier, "b": later})).to_list()

    jetsam = ("jetsam", "critical")
    assert gone([jetsam], []) == gone([jetsam, jetsam], [jetsam]) == gone([jetsam], [("jetsam", "high")]) == []
    assert gone([jetsam], [("other", "critical")]) == []
    assert gone([], [jetsam]) == gone([jetsam], [jetsam]) == gone([("jetsam", "high")], [jetsam, jetsam]) == ["a"]


def test_calls_that_begin_in_the_same_whole_second_prove_no_device() -> None:
    """Two phones of one group call, whose logs tell whole seconds."""
    spans, calls = {"anna": (0, 10), "bob": (0, 20)}, {"anna": [5], "bob": [5]}
    coarse = tables(spans, calls, first=_T.replace(microsecond=0))
    assert contained(*coarse).is_empty()
    assert overlapping(coarse[1]) == 0
    finer = tables(spans, {"anna": [6], "bob": [6]})
    both = [pl.concat([one, other]) for one, other in zip(coarse, finer, strict=True)][1:]
    assert contained(coarse[0], *both).to_list() == ["anna"]  # one call of several may begin at a whole second


def test_hundreds_of_captures_of_one_device_are_little_work() -> None:
    """Pairs of captures times calls would be 90 million rows."""
    spans = {f"{n:03d}": (0, 200 + n) for n in range(800)}
    calls = {name: list(range(60 + int(name) // 10)) for name in spans}
    assert contained(*tables(spans, calls)).to_list() == sorted(spans)[:-1]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(
            st.integers(0, 3),
            st.integers(4, 7),
            st.lists(st.integers(4, 6), unique=True),
            st.lists(st.sampled_from("xy"), unique=True),
            st.lists(st.tuples(st.just("r"), st.sampled_from(["low", "high"])), max_size=2),
        ),
        max_size=6,
    )
)
def test_whatever_goes_another_one_that_stays_shows_it(
    given: dict[str, tuple[int, int, list[int], list[str], list[tuple[str, str]]]],
) -> None:
    spans = {name: (one[0], one[1]) for name, one in given.items()}
    calls, silent, findings = ({name: one[at] for name, one in given.items()} for at in (2, 3, 4))
    gone = set(contained(*tables(spans, calls, silent, findings)))

    def shows(other: str, name: str) -> bool:
        found, there = ([severity for _, severity in findings[key]] for key in (name, other))
        return (
            bool(calls[name])
            and set(calls[name]) <= set(calls[other])
            and spans[other][0] <= spans[name][0]
            and spans[other][1] >= spans[name][1]
            and set(silent[other]) <= set(silent[name])
            and len(found) <= len(there)
            and ("high" not in found or "high" in there)
        )

    for name in given:
        others = given.keys() - gone - {name}
        assert (name in gone) == any(shows(other, name) for other in others)


def test_the_page_names_what_is_left_out(tmp_path: Path) -> None:
    keys = ("early", "later", "lost")
    ends = {"early": 10, "later": 20, "lost": 30}
    found = {"rule": "jetsam", "severity": "critical", "title": "killed", "fingerprint": "f"}
    rows = {
        "captures": [
            {"capture": key, "name": f"{key}.txt", "path": f"/c/{key}.txt", "uri": "", "content": key, "start": _T}
            | {"end": _T + timedelta(minutes=ends[key])}
            for key in keys
        ],
        "calls": [{"capture": key, "app": "com.acme", "start": _T} for key in keys],
        "findings": [found | {"capture": key} for key in ("early", "later")],
    }
    tables = {table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}
    write_shard(tmp_path / "ds", "one", "c", [*keys], [tables])
    contents = load(tmp_path / "ds")
    assert contents.within == ("early.txt",)
    assert contents.captures["capture"].to_list() == ["later", "lost"]
    note_changed(tmp_path / "ds", [], [Path("/c/later.txt")])
    write(tmp_path / "ds", tmp_path / "fleet.html")
    html = (tmp_path / "fleet.html").read_text(encoding="utf-8")
    assert "1 capture left out: another one shows all that they do (early.txt)" in html
    assert "1 capture changed since the analysis: what was analysed then counts" in html
