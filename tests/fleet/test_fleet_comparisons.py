"""Which versions are compared with which: sparse ones between, slow drift, a chosen base, accepted findings, several systems."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from traceview.cli import app as command
from traceview.fleet.changed import ChangeRow, change_rows, news, trend, untold
from traceview.fleet.comparisons import changes
from traceview.fleet.contents import load
from traceview.fleet.dataset import write_shard
from traceview.fleet.pairs import pairs as chosen
from traceview.fleet.rates import FleetRates
from traceview.fleet.report import write
from traceview.fleet.tables import TABLES
from traceview.fleet.view import facts
from traceview_parsers.errors import UsageError

APP = "com.acme.voip"
RULE = "audio-activated-by-app-in-call"
Counts = tuple[str, int, int]
"""Version, captures with the finding, captures."""


def table(*versions: Counts, **more: Any) -> pl.DataFrame:
    rows = [
        {
            "rule": RULE,
            "severity": "high",
            "app": APP,
            "app_version": name,
            "captures_hit": hits,
            "captures": captures,
            "findings": hits,
            "calls": captures,
            "background_h": 0.1 * captures,
            "accepted": 0,
            "calls_capped": float(captures),
            "background_h_capped": 0.1 * captures,
        }
        | more
        for name, hits, captures in versions
    ]
    return pl.DataFrame(rows)


def told(frame: pl.DataFrame) -> list[ChangeRow]:
    return change_rows(frame, str.upper, {})


def compared(*versions: Counts, base: str | None = None) -> pl.DataFrame:
    return changes((table(*versions), "app_version"), base=base)


def pairs(frame: pl.DataFrame) -> dict[tuple[str, str], str]:
    return {(before, after): verdict for before, after, verdict in frame.select("before", "after", "verdict").rows()}


def test_a_sparse_version_between_hides_nothing() -> None:
    frame = compared(("5.2", 1, 24), ("5.2.1", 0, 1), ("5.3", 16, 24))
    assert pairs(frame)["5.2", "5.3"] == "worse"
    row = told(frame)[0]
    assert row.change == (
        f"{APP} 5.2 → 5.3 (5.2.1 between them has too few captures): 4.2 % (1 of 24) → 67 % (16 of 24)"
    )
    assert trend(told(frame)) == "What got worse"


def test_sparse_versions_without_a_finding_hide_nothing_either() -> None:
    """None in 24, in 1 and in 2: nothing to compare between them, and all three are before."""
    frame = compared(("5.1", 0, 24), ("5.2", 0, 1), ("5.2.1", 0, 2), ("5.3", 16, 24))
    assert pairs(frame)["5.1", "5.3"] == "worse"
    assert "(5.2 to 5.2.1 between them have too few captures): never before (0 of 24) → 67 %" in told(frame)[0].sentence
    assert pairs(compared(("5.1", 10, 24), ("5.2", 0, 1), ("5.3", 0, 24)))["5.1", "5.3"] == "better"


@pytest.mark.parametrize(
    "versions",
    [
        [("5.0", 0, 3), ("5.1", 0, 200), ("5.2", 0, 8), ("5.3", 7, 20)],  # stragglers, and a hotfix between
        [("5.0", 0, 200), ("5.1", 0, 2), ("5.2", 0, 8), ("5.3", 2, 5)],  # the one next to it has more captures than it
        [
            ("5.0", 200, 200),
            ("5.1", 0, 1),
            ("5.2", 0, 3),
            ("5.3", 1, 8),
            ("5.4", 0, 4),
            ("5.5", 50, 60),
        ],  # sparse ones alone
        [("5.0", 0, 300), ("5.1", 1, 24), ("5.2", 60, 300)],  # less than half as many between
        [("5.0", 6, 6), ("5.1", 0, 6), ("5.2", 6, 6)],  # all are small
    ],
)
def test_what_lies_between_hides_no_regression(versions: list[Counts]) -> None:
    rows = told(compared(*versions))
    newest = versions[-1][0]
    assert trend(rows) == "What got worse"
    assert [one.after for one in news(rows, "worse")] == [newest]


def test_captures_that_could_tell_a_rise_alone_hide_no_fall() -> None:
    """If all five of 5.2.1 had a hit, that would be a rise; that none has says nothing."""
    frame = compared(("5.2", 0, 300), ("5.2.1", 0, 5), ("5.3", 15, 300))
    assert pairs(frame)["5.2", "5.3"] == "worse"


def test_a_version_that_has_enough_is_not_passed_over() -> None:
    frame = compared(("5.1", 10, 24), ("5.2", 0, 24), ("5.3", 0, 30), ("5.4", 1, 40))
    assert pairs(frame)["5.1", "5.2"] == "better"
    assert pairs(frame)["5.3", "5.4"] == "too few"
    assert frame["between"].list.len().sum() == 0


def test_slow_drift_is_told_from_oldest_to_newest() -> None:
    counts = [(f"26.{n}", hits, 100) for n, hits in enumerate((4, 8, 13, 19, 26, 34))]
    frame = compared(*counts)
    assert [verdict for pair, verdict in pairs(frame).items() if pair != ("26.0", "26.5")] == ["unclear"] * 5
    first = frame.row(0, named=True)
    assert (first["before"], first["after"], first["over"], first["verdict"]) == ("26.0", "26.5", 6, "worse")
    assert first["ratio"] == pytest.approx(8.5)
    assert told(frame)[0].sentence.startswith(
        f"{APP} 26.0 → 26.5 (oldest and newest of 6 versions): 4.0 % (4 of 100) → 34 % (34 of 100); 8.5 times as often"
    )
    sparse = compared(("25.9", 0, 1), *counts, ("26.6", 1, 1))
    ends = sparse.filter(pl.col("over").is_not_null()).row(0, named=True)
    assert (ends["befores"], ends["afters"], ends["verdict"]) == (["25.9", "26.0"], ["26.5", "26.6"], "worse")


def test_oldest_and_newest_repeat_no_step() -> None:
    frame = compared(("1", 2, 50), ("2", 3, 50), ("3", 40, 50))
    rows = told(frame)
    assert {one.versions for one in rows if one.verdict == "worse"} == {"2 → 3", "1 → 3 (3 versions)"}
    assert [one.versions for one in news(rows, "worse")] == ["2 → 3"]


@pytest.mark.parametrize(
    ("versions", "words", "lacking"),
    [
        ([("1", 5, 40), ("2", 6, 40)], "Nothing got clearly worse from one version to the next", []),
        (
            [("1", 5, 40), ("2", 6, 40), ("3", 0, 1)],
            "Nothing got clearly worse where enough captures could tell",
            [f"{APP} 3 (1 rule)"],
        ),
        ([("1", 1, 24), ("2", 0, 1)], "Too few captures to tell whether anything got worse", [f"{APP} 2 (1 rule)"]),
        ([("1", 24, 24), ("2", 24, 24)], "Nothing got clearly worse from one version to the next", []),
        ([("1", 0, 24), ("2", 3, 3)], "What got worse", []),
        ([("1", 0, 3), ("2", 3, 3)], "Too few captures to tell whether anything got worse", [f"{APP} 2 (1 rule)"]),
        ([("1", 1, 40), ("2", 20, 40)], "What got worse", []),
    ],
)
def test_too_few_captures_deny_nothing(versions: list[Counts], words: str, lacking: list[str]) -> None:
    rows = told(compared(*versions))
    assert (trend(rows), untold(rows)) == (words, lacking)


def test_a_chosen_base() -> None:
    versions = [("5.1", 1, 30), ("5.2.0", 2, 30), ("5.3", 3, 30), ("5.4", 20, 30)]
    frame = compared(*versions, base="5.2")
    assert pairs(frame) == {("5.2.0", "5.4"): "worse", ("5.2.0", "5.3"): "too few"}
    assert pairs(compared(*versions, base="9")) == pairs(compared(*versions))
    assert pairs(compared(*versions, base="5.4")) == pairs(compared(*versions)), "it has nothing later"
    calm = told(compared(*versions[:3], base="5.1"))
    assert trend(calm, "5.1") == "Nothing got clearly worse than in 5.1"


def test_a_base_in_which_the_rule_could_not_be_evaluated_is_replaced_by_none() -> None:
    frame = compared(("5.1", 0, 0), ("5.2", 5, 40), ("5.3", 5, 40), ("5.4", 20, 40), base="5.1")
    assert pairs(frame) == {("5.1", "5.4"): "not evaluated"}


# What follows recomputes everything from the definitions, without the code under test.


def fisher(a: int, n: int, b: int, m: int) -> float:
    ways = {k: math.comb(n, k) * math.comb(m, a + b - k) for k in range(max(0, a + b - m), min(n, a + b) + 1)}
    return sum(way for way in ways.values() if way <= ways[a]) / sum(ways.values())


def could_tell(a: int, n: int, b: int, m: int, of_both: Callable[[Sequence[float]], float] = min) -> bool:
    ends = [max(0, a + b - m), min(n, a + b)]
    return a + b > 0 and of_both([fisher(k, n, a + b - k, m) for k in ends]) < 0.05


def corrected(values: Sequence[float]) -> list[float]:
    ranked = sorted(values)
    return [min(1.0, *(p * len(values) / (rank + 1) for rank, p in enumerate(ranked) if p >= own)) for own in values]


counts = st.integers(1, 40).flatmap(lambda captures: st.tuples(st.integers(0, captures), st.just(captures)))


def summed(sides: Sequence[tuple[int, int]], names: Sequence[str]) -> tuple[int, int]:
    return sum(sides[int(name)][0] for name in names), sum(sides[int(name)][1] for name in names)


@example(sides=[(0, 2), (11, 12)])  # sums of hours that are equal a capture but for rounding
@given(st.lists(counts, min_size=2, max_size=7))
def test_figures_are_those_of_plain_arithmetic(sides: list[tuple[int, int]]) -> None:
    frame = compared(*((f"{place}", *side) for place, side in enumerate(sides)))
    rows = frame.to_dicts()
    for row in rows:
        hits, base = summed(sides, row["afters"]), summed(sides, row["befores"])
        assert (row["hit_after"], row["captures_after"], row["hit_before"], row["captures_before"]) == (*hits, *base)
        assert row["p"] is None if hits[0] + base[0] == 0 else row["p"] == pytest.approx(fisher(*hits, *base))
        assert (row["verdict"] != "too few") == could_tell(*hits, *base)
    able = [row for row in rows if row["verdict"] != "too few"]
    for row, p in zip(able, corrected([row["p"] for row in able]), strict=True):
        assert row["p_adjusted"] == pytest.approx(p)
        # a call a capture on all sides: nothing is explained by what was watched
        assert (row["verdict"] != "unclear") == (p < 0.05)


@given(st.lists(counts, min_size=2, max_size=7))
def test_each_version_is_compared_with_the_last_one_that_has_enough(sides: list[tuple[int, int]]) -> None:
    frame = compared(*((f"{place}", *side) for place, side in enumerate(sides)))
    steps = [row for row in frame.to_dicts() if row["over"] is None]
    for row in steps:
        after, befores = int(row["after"]), [int(name) for name in row["befores"]]
        passed = [int(name) for name in row["between"]]
        wanted = max(20, row["captures_after"] / 2)
        assert [*befores, *passed] == list(range(befores[0], after))
        assert all(sides[place][1] < wanted for place in passed)
        assert len(befores) == 1 or all(sides[place][1] < wanted for place in befores)
    for after in range(1, len(sides)):
        enough = [place for place in range(after) if sides[place][1] >= max(20, sides[after][1] / 2)]
        reached = (
            sum(own for _, own in sides[enough[-1] + 1 : after]) < max(20, sides[after][1] / 2) if enough else False
        )
        if reached and sides[after][0] + sides[enough[-1]][0]:
            assert any(row["befores"] == [str(enough[-1])] and row["after"] == str(after) for row in steps)
    assert sum(row["over"] is not None for row in frame.to_dicts()) <= 1


@given(st.lists(counts, min_size=2, max_size=7), st.randoms(use_true_random=False))
def test_which_are_compared_does_not_depend_on_what_was_found(sides: list[tuple[int, int]], chance: Any) -> None:
    one = compared(*((f"{place}", captures, captures) for place, (_, captures) in enumerate(sides)))
    other = compared(*((f"{place}", max(1, chance.randint(0, n)), n) for place, (_, n) in enumerate(sides)))
    assert set(one.select("first", "last", "over").rows()) == set(other.select("first", "last", "over").rows())


def test_a_newest_version_that_was_not_looked_at_denies_nothing() -> None:
    """Nothing found in one capture; and a rule that could not be evaluated in 5.3 at all."""
    one = told(compared(("5.1", 30, 100), ("5.2", 0, 100), ("5.3", 0, 1)))
    assert trend(one) == "Nothing got clearly worse where enough captures could tell"
    assert untold(one) == [f"{APP} 5.3 (1 rule)"]
    none = told(compared(("5.1", 10, 40), ("5.2", 10, 40), ("5.3", 0, 0)))
    assert trend(none) == "Nothing got clearly worse where enough captures could tell"
    assert (untold(none), untold(none, evaluated=False)) == ([], [f"{APP} 5.3 (1 rule)"])
    assert any("25 % (10 of 40) → evaluated in none; nothing to compare" in row.sentence for row in none)
    few = told(compared(("5.0", 27, 60), ("5.1", 0, 3), ("5.2", 0, 3)))
    assert trend(few) == "Too few captures to tell whether anything got worse"
    assert untold(few) == [f"{APP} 5.2 (1 rule)"]


@given(st.lists(st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=6))
def test_all_is_well_only_where_the_newest_version_was_looked_at(sides: list[tuple[int, int]]) -> None:
    rows = told(compared(*((f"{place}", *side) for place, side in enumerate(sides))))
    if rows and trend(rows) == "Nothing got clearly worse from one version to the next":
        assert sides[-1][1] >= 3, "fewer would not tell a rise from none to half of the captures"
    if sides[-1][1] == 0 and any(hits for hits, _ in sides):
        assert untold(rows, evaluated=False) == [f"{APP} {len(sides) - 1} (1 rule)"]


def test_versions_of_one_capture_each_cost_no_square() -> None:
    found = chosen([1] * 4000)
    assert len(found) < 2 * 4000
    assert max(len(one.before) for one in found) == 20


def test_enough_captures_and_few_findings_are_no_doubt() -> None:
    rows = told(compared(("1", 0, 500), ("2", 1, 500)))
    assert (trend(rows), untold(rows)) == ("Nothing got clearly worse from one version to the next", [])


def test_what_is_accepted_before_is_not_never() -> None:
    old, new = table(("5.2", 0, 24), accepted=20), table(("5.3", 20, 24))
    (row,) = told(changes((pl.concat([old, new]), "app_version")))
    assert (row.verdict, row.says) == ("unclear", "unclear: accepted findings")
    assert "5.2 → 5.3: 0 other than 20 accepted of 24 → 83 % (20 of 24)" in row.sentence
    assert "but nothing clear is left of it where captures with accepted findings count" in row.sentence
    assert fisher(20, 24, 0, 24) < 0.001 < fisher(20, 24, 20, 24)


def test_one_accepted_finding_hides_no_clear_change() -> None:
    old, new = table(("5.2", 0, 24), accepted=1), table(("5.3", 20, 24))
    (row,) = told(changes((pl.concat([old, new]), "app_version")))
    assert row.verdict == "worse"
    assert "0 other than 1 accepted of 24 → 83 %" in row.sentence
    assert "never before" not in row.sentence


def test_what_is_accepted_after_is_not_gone() -> None:
    old, new = table(("5.2", 20, 24)), table(("5.3", 2, 24), accepted=17)
    (row,) = told(changes((pl.concat([old, new]), "app_version")))
    assert row.says == "unclear: accepted findings"
    assert "83 % (20 of 24) → 8.3 % (2 of 24) beside 17 accepted" in row.sentence


Capture = dict[str, Any]


def stored(out: Path, *groups: tuple[int, int, int, Capture, str | None]) -> Path:
    """Write groups of captures alike: how many, how many with the finding, how many with an accepted one, the system, the version."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("captures", "exposure", "findings", "findings_accepted")
    }
    for group, (count, hits, accepted, system, version) in enumerate(groups):
        for n in range(count):
            key = f"{group}-{n}"
            place = {"name": key, "path": key, "uri": f"file:///{key}", "content": key}
            rows["captures"].append({"capture": key, **place, **system})
            seen = {"seen": True, "app_version": version, "calls": 1, "background_s": 60.0}
            rows["exposure"].append({"capture": key, "app": APP, **seen})
            found = {"capture": key, "rule": RULE, "app": APP, "severity": "high", "number": "V05", "title": "x"}
            rows["findings"] += [found | {"fingerprint": "f"}] * (n < hits)
            rows["findings_accepted"] += [{"capture": key, "rule": RULE, "findings": 2}] * (n < accepted)
    tables = {name: pl.DataFrame(content, schema=TABLES[name]) for name, content in rows.items()}
    write_shard(out, "one", "c", [row["capture"] for row in rows["captures"]], [tables])
    return out


def test_captures_with_accepted_findings_are_counted_from_the_data_set(tmp_path: Path) -> None:
    out = stored(tmp_path / "fleet", (24, 0, 20, {}, "5.2"), (24, 20, 4, {}, "5.3"))
    (row,) = FleetRates.of(load(out)).changes().to_dicts()
    assert (row["accepted_before"], row["accepted_after"], row["verdict"]) == (20, 0, "unclear")
    write(out, tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    assert "never before" not in html
    assert "0 other than 20 accepted of 24" in html
    assert "1 that accepted findings could explain" in html


def test_versions_of_two_systems_are_not_compared(tmp_path: Path) -> None:
    mac, phone = {"os_name": "macOS"}, {"os_name": "iOS"}
    out = stored(
        tmp_path / "fleet",
        (20, 1, 0, {**mac, "os_version": "15.1", "os_build": "24B83"}, None),
        (20, 2, 0, {**phone, "os_version": "15.1"}, None),
        (20, 18, 0, {**phone, "os_version": "18.5", "os_build": "22F76"}, None),
        (20, 3, 0, {"os_version": "16.0"}, None),
    )
    contents = load(out)
    rated = FleetRates.of(contents)
    frame = rated.changes()
    assert frame.select("system", "before", "after").rows() == [("iOS", "iOS 15.1", "iOS 18.5")]
    (row,) = change_rows(frame, str.upper, rated.releases)
    assert (row.subject, row.before, row.after) == ("iOS", "15.1", "18.5 (22F76)")
    assert row.sentence.startswith("iOS 15.1 → 18.5 (22F76): 10 % (2 of 20) → 90 % (18 of 20)")
    named = dict(facts(contents, rated))["OS (captures)"]
    assert named == "16.0: 20, iOS 15.1: 20, iOS 18.5 (22F76): 20, macOS 15.1 (24B83): 20"


def test_captures_that_name_no_system_are_of_the_only_one(tmp_path: Path) -> None:
    named, unnamed = {"os_name": "iOS", "os_version": "26.1"}, {"os_version": "26.2"}
    frame = FleetRates.of(
        load(stored(tmp_path / "fleet", (20, 1, 0, named, None), (20, 18, 0, unnamed, None)))
    ).changes()
    assert frame.select("system", "before", "after", "verdict").rows() == [("", "26.1", "26.2", "worse")]


def test_a_version_with_two_spellings_is_one(tmp_path: Path) -> None:
    groups = [(10, 1, 0, {"os_version": "26"}, "5.2"), (10, 8, 0, {"os_version": "26.0"}, "5.3")]
    out = stored(tmp_path / "fleet", *groups, (10, 9, 0, {"os_version": "26.1"}, "5.3.0"))
    rated = FleetRates.of(load(out))
    assert dict(rated.apps.group_by("app_version").len().iter_rows()) == {"5.2": 10, "5.3.0": 20}
    assert dict(rated.units.group_by("os_version").len().iter_rows()) == {"26.0": 20, "26.1": 10}
    assert ("5.2", "5.3.0") in pairs(rated.changes())


def test_captures_of_several_versions_are_in_no_comparison(tmp_path: Path) -> None:
    groups = [(20, 1, 0, {}, "5.2"), (5, 5, 0, {}, "5.2 or 5.3"), (20, 16, 0, {}, "5.3")]
    rated = FleetRates.of(load(stored(tmp_path / "fleet", *groups)))
    row = rated.changes().row(0, named=True)
    assert (row["hit_before"], row["captures_before"], row["hit_after"], row["captures_after"]) == (1, 20, 16, 20)
    assert rated.apps.filter(pl.col("app_version") == "several").height == 5


def test_the_page_names_what_was_not_looked_at(tmp_path: Path) -> None:
    out = stored(tmp_path / "fleet", (40, 10, 0, {}, "5.1"), (40, 10, 0, {}, "5.2"), (40, 0, 0, {}, "5.3"))
    silent = pl.DataFrame(
        {"capture": [f"2-{n}" for n in range(40)], "rule": [RULE] * 40, "needs": ["audio"] * 40},
        schema=TABLES["rules_not_evaluated"],
    )
    write_shard(out, "two", "c", ["none"], [{"rules_not_evaluated": silent}])
    write(out, tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    assert "Nothing got clearly worse where enough captures could tell" in html
    assert f"in none to compare it with: <bdi>{APP} 5.3 (1 rule)</bdi>. Whether these got worse is not known." in html
    write(out, tmp_path / "y.html", base="5.2")
    html = (tmp_path / "y.html").read_text()
    assert "but no rule that found something in one of them could be evaluated in 5.2 and in a later one" in html
    assert "Without <code>--base</code> other versions are compared." in html


def test_rules_of_calls_are_known_by_their_number(tmp_path: Path) -> None:
    rated = FleetRates.of(load(stored(tmp_path / "fleet", (4, 2, 0, {}, "5.2"))))
    assert rated.measures == {RULE: ("calls",)}


def test_changes_without_a_ratio_are_told_beside_the_figure(tmp_path: Path) -> None:
    out = stored(tmp_path / "fleet", (24, 0, 0, {}, "5.2"), (24, 20, 0, {}, "5.3"))
    write(out, tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    assert "1 clear change is in no figure: one side has none, which gives no ratio." in html
    assert f"<bdi>{APP} 5.2 → 5.3: never before (0 of 24) → 83 % (20 of 24)</bdi></span></li>" in html


def test_a_base_on_the_command_line(tmp_path: Path) -> None:
    out = stored(tmp_path / "fleet", (24, 1, 0, {}, "5.1"), (24, 2, 0, {}, "5.2"), (24, 20, 0, {}, "5.3"))
    run, page = CliRunner(), tmp_path / "x.html"
    result = run.invoke(command, ["fleet", "report", str(out), "-o", str(page), "--base", "5.1.0"])
    assert result.exit_code == 0, result.exception
    html = page.read_text()
    assert "2 comparisons with version <bdi>5.1.0</bdi>" in html
    assert f"{APP} 5.1 → 5.3: 4.2 % (1 of 24) → 83 % (20 of 24)" in html
    for base, why in (
        ("7", "nothing of version 7 to compare with"),
        ("5.3", "5.3 is the newest version: nothing later"),
    ):
        refused = run.invoke(command, ["fleet", "report", str(out), "-o", str(tmp_path / "y.html"), "--base", base])
        assert isinstance(refused.exception, UsageError)
        assert str(refused.exception).startswith(f"{out}: {why}")
        assert not (tmp_path / "y.html").exists()


@pytest.mark.parametrize("base", ["18.5", "18.5.0", "iOS 18.5", "18.5 (22F76)", "iOS 18.5 (22F76)"])
def test_a_base_as_the_page_shows_it(tmp_path: Path, base: str) -> None:
    phone = {"os_name": "iOS"}
    rated = FleetRates.of(
        load(
            stored(
                tmp_path / "fleet",
                (20, 1, 0, {**phone, "os_version": "18.5", "os_build": "22F76"}, None),
                (20, 2, 0, {**phone, "os_version": "26.0"}, None),
                (20, 18, 0, {**phone, "os_version": "26.1"}, None),
            )
        )
    )
    assert rated.has_version(base)
    assert rated.has_later(base)
    assert set(rated.changes(base)["before"]) == {"18.5"}
    assert not rated.has_later("26.1")
