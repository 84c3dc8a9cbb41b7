"""Changes between versions in words: what nobody measured, longer captures, one event and two culprits."""

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview.fleet.changed import ChangeRow, change_rows
from traceview.fleet.comparisons import changes
from traceview.fleet.contents import load
from traceview.fleet.dataset import write_shard
from traceview.fleet.rates import FleetRates
from traceview.fleet.tables import TABLES
from traceview.fleet.view import facts

APP = "com.acme.voip"
RULE = "push-unreported"


def version(name: str, hits: int, captures: int, *, findings: int | None = None, **seen: float) -> dict[str, Any]:
    """One row of `rates`, watched for a call and 0.04 hours a capture unless told."""
    watched: dict[str, Any] = {"calls": captures, "background_h": 0.04 * captures} | seen
    watched |= {"calls_capped": float(watched["calls"]), "background_h_capped": watched["background_h"]}
    own = {"rule": RULE, "severity": "critical", "app": APP, "app_version": name, "accepted": 0}
    return (
        own | {"captures_hit": hits, "captures": captures, "findings": hits if findings is None else findings} | watched
    )


def compared(*versions: dict[str, Any]) -> pl.DataFrame:
    return changes((pl.DataFrame(versions), "app_version"))


def told(frame: pl.DataFrame) -> list[ChangeRow]:
    return change_rows(frame, str.upper, {})


def one(*versions: dict[str, Any]) -> ChangeRow:
    (row,) = told(compared(*versions))
    return row


def test_never_before() -> None:
    frame = compared(version("2.3", 0, 40), version("2.4", 12, 45))
    assert frame.select("ratio", "low", "high").row(0) == (None, None, None)
    (row,) = told(frame)
    assert (row.verdict, row.ratio, row.interval, row.p) == ("worse", "none before", "", "< 0.001")
    assert row.sentence == (
        f"{APP} 2.3 → 2.4: never before (0 of 40) → 27 % (12 of 45); corrected p < 0.001; "
        "0 findings in 40 calls, 1.6 h in the background → 12 findings in 45 calls, 1.8 h in the background"
    )


def test_gone() -> None:
    row = one(version("2.3", 12, 45), version("2.4", 0, 40))
    assert (row.verdict, row.ratio) == ("better", "none after")
    assert "27 % (12 of 45) → gone (0 of 40); corrected p < 0.001; " in row.sentence
    assert "times as" not in row.sentence


def test_none_of_three_is_not_gone() -> None:
    row = one(version("2.4", 6, 45), version("2.5", 0, 3))
    assert (row.verdict, row.says, row.ratio, row.interval) == ("unclear", "no clear change", "none after", "")
    assert "13 % (6 of 45) → 0 of 3; no clear change (corrected p 1.00)" in row.sentence


def test_longer_captures_show_more_and_are_not_worse() -> None:
    """Every eighth attempt fails in both; captures of 2.4 hold six times as many: 5 of 35 calls, 30 of 210."""
    row = one(
        version("2.3", 5, 40, calls=35, background_h=1.029463),
        version("2.4", 21, 40, findings=30, calls=210, background_h=6.177773),
    )
    assert (row.verdict, row.says) == ("unclear", "watched longer")
    assert row.sentence == (
        f"{APP} 2.3 → 2.4: 12 % (5 of 40) → 52 % (21 of 40); 4.2 times as often (95 % interval 1.76 to 10, "
        "corrected p < 0.001), but a capture of 2.4 has 6 times as many calls, which alone could explain it "
        "(heuristic); 5 findings in 35 calls, 1 h in the background → 30 findings in 210 calls, 6.2 h in the "
        "background: the same per call, the same per background hour"
    )


def test_shorter_captures_show_less_and_are_not_better() -> None:
    row = one(version("2.3", 21, 40, findings=30, calls=240), version("2.4", 5, 40, calls=40, background_h=0.2))
    assert row.says == "watched longer"
    assert "but a capture of 2.3 has 6 times as many" in row.sentence


def test_one_measure_that_explains_a_change_is_enough() -> None:
    row = one(version("2.3", 5, 40, background_h=1.0), version("2.4", 21, 40, background_h=6.0))
    assert row.says == "watched longer"
    assert "but a capture of 2.4 has 6 times as many background hours" in row.sentence
    assert "4.2 times as many per call, 0.7 times as many per background hour" in row.sentence


@pytest.mark.parametrize(("calls", "verdict"), [(40, "worse"), (400, "unclear")])
def test_rules_about_calls_count_by_calls_alone(calls: int, verdict: str) -> None:
    old, new = version("2.3", 5, 40, background_h=1.0), version("2.4", 21, 40, background_h=6.0, calls=calls)
    frame = changes((pl.DataFrame([old, new]), "app_version"), measures={RULE: ("calls",)})
    assert frame["verdict"].to_list() == [verdict]


def test_rules_about_calls_count_by_time_where_no_calls_are_known() -> None:
    old = version("2.3", 5, 40, background_h=1.0, calls=0)
    new = version("2.4", 21, 40, background_h=6.0, calls=0)
    frame = changes((pl.DataFrame([old, new]), "app_version"), measures={RULE: ("calls",)})
    assert frame.select("verdict", "watched_by").row(0) == ("unclear", "background_h")


def test_ten_calls_a_capture_show_more_at_the_same_rate() -> None:
    """2 of 24 calls failed, and 20 of 240; that the old captures hold more background time does not matter."""
    old = version("5.2", 2, 24, calls=24, background_h=10.0)
    new = version("5.3", 20, 24, calls=240, background_h=3.0)
    for measures in ({}, {RULE: ("calls",)}):
        (row,) = told(changes((pl.DataFrame([old, new]), "app_version"), measures=measures))
        assert (row.verdict, row.says) == ("unclear", "watched longer")
        assert "the same per call" in row.sentence


def test_what_was_not_watched_before_cannot_be_worse() -> None:
    row = one(version("2.3", 5, 40, calls=0, background_h=0.0), version("2.4", 21, 40))
    assert row.says == "watched longer"
    assert "but no calls are known of 2.3, which alone could explain it" in row.sentence


def test_nothing_known_of_exposure_explains_nothing() -> None:
    nothing = {"calls": 0, "background_h": 0.0}
    row = one(version("2.3", 5, 40, **nothing), version("2.4", 21, 40, **nothing))
    assert row.verdict == "worse"
    assert row.sentence.endswith(
        "no calls and no time in the background are known of either, so one may have been watched longer"
    )


def test_all_comparisons_are_corrected_together() -> None:
    """9 of 24 after 2 of 24: p 0.036 by itself; beside 5 of 12 after 1 of 12, and 4 of 12 after these 6 of 24, it is 3 p."""
    system = [
        {name: value for name, value in row.items() if name not in ("app", "app_version")} | {"os_version": release}
        for release, row in (("26.1", version("", 2, 24)), ("26.2", version("", 9, 24)))
    ]
    app = [version("2.2", 1, 12), version("2.3", 5, 12), version("2.4", 4, 12)]
    alone = changes((pl.DataFrame(system), "os_version"))
    both = changes((pl.DataFrame(system), "os_version"), (pl.DataFrame(app), "app_version"))
    assert alone["verdict"].to_list() == ["worse"]
    first = both.row(0, named=True)
    assert (first["app"], first["verdict"]) == (None, "unclear")
    assert first["p"] == pytest.approx(_fisher(9, 24, 2, 24))
    assert first["p_adjusted"] == pytest.approx(3 * first["p"])


def _fisher(a: int, n: int, b: int, m: int) -> float:
    ways = [math.comb(n, k) * math.comb(m, a + b - k) for k in range(a + b + 1)]
    return sum(one for one in ways if one <= ways[a]) / sum(ways)


Group = tuple[str, str | None, int, int]
"""Captures alike: version of the app, version of the system, how many, how many of them with the finding."""


def rated(out: Path, *groups: Group, long: Mapping[str, float] = MappingProxyType({})) -> FleetRates:
    """Rate a fleet of captures with a minute in the background each, but for those that are `long`."""
    captures, exposure, findings = [], [], []
    for release, system, count, hits in groups:
        for n in range(count):
            key = f"{release}-{system}-{n}"
            place = {"name": key, "path": key, "uri": f"file:///{key}", "content": key}
            captures.append({"capture": key, "os_version": system, **place})
            seen = {"calls": 1, "background_s": long.get(key, 60.0)}
            exposure.append({"capture": key, "app": APP, "seen": True, "app_version": release, **seen})
            findings += [{"capture": key, "rule": RULE, "app": APP, "severity": "critical"}] * (n < hits)
    stored(out, captures=captures, exposure=exposure, findings=findings)
    return FleetRates.of(load(out))


def stored(out: Path, **rows: list[dict[str, Any]]) -> None:
    tables = {name: pl.DataFrame(content, schema=TABLES[name]) for name, content in rows.items()}
    write_shard(out, "one", "c", [row["capture"] for row in rows["captures"]], [tables])


def test_one_event_has_no_two_culprits(tmp_path: Path) -> None:
    frame = rated(tmp_path / "fleet", ("2.3", "26.3", 40, 4), ("2.4", "26.4", 45, 18)).changes()
    assert set(frame.select("app", "verdict", "app_or_os").rows()) == {(None, "worse", True), (APP, "worse", True)}
    words = "the same captures differ in app and OS version, so this cannot tell app from system"
    assert all(row.sentence.endswith(f"; {words}") for row in told(frame))


def test_two_of_the_other_kind_tell_nothing_apart(tmp_path: Path) -> None:
    frame = rated(tmp_path / "fleet", ("2.3", "26.3", 40, 4), ("2.3", "26.4", 2, 0), ("2.4", "26.4", 45, 18)).changes()
    assert frame["app_or_os"].to_list() == [True, True]


def test_captures_that_differ_in_one_alone_tell_app_from_system(tmp_path: Path) -> None:
    """Within 26.4 the app makes 10 % to 50 %; within 2.3 the system makes 7 % to 10 %."""
    frame = rated(tmp_path / "fleet", ("2.3", "26.3", 60, 4), ("2.3", "26.4", 20, 2), ("2.4", "26.4", 80, 40)).changes()
    assert set(frame.select("app", "verdict", "app_or_os").rows()) == {(APP, "worse", False), (None, "unclear", False)}
    (system,) = (row for row in told(frame) if row.subject == "OS")
    assert system.says == "unclear: app or OS"
    assert (
        "but nothing clear is left of it within versions of the app (p 0.64): an app may be the cause"
        in system.sentence
    )


def test_no_app_is_blamed_for_what_the_system_does(tmp_path: Path) -> None:
    """5 % on 26.3 and 50 % on 26.4, with both versions of the app; who takes one update takes the other."""
    groups = [("2.3", "26.3", 100, 5), ("2.3", "26.4", 20, 10), ("2.4", "26.3", 20, 1), ("2.4", "26.4", 100, 50)]
    rate = rated(tmp_path / "fleet", *groups)
    frame = rate.changes()
    assert set(frame.select("app", "verdict").rows()) == {(APP, "unclear"), (None, "worse")}
    assert "within versions of the OS (p 1.00): the OS may be the cause" in told(frame)[1].sentence
    assert frame.filter(pl.col("app").is_not_null())["within"].to_list() == [pytest.approx(1.0)]


def test_a_change_that_has_two_causes_is_not_lost_between_them(tmp_path: Path) -> None:
    """App and system each do a part of it, which few captures show within the other; all together it is no chance."""
    groups = [("2.3", "26.3", 100, 4), ("2.3", "26.4", 16, 2), ("2.4", "26.3", 16, 2), ("2.4", "26.4", 100, 40)]
    frame = rated(tmp_path / "fleet", *groups).changes()
    assert "worse" in set(frame["verdict"])


@settings(max_examples=30)
@given(st.lists(st.integers(0, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=4, max_size=4))
def test_what_changed_clearly_is_told_of_app_or_system(cells: list[tuple[int, int]]) -> None:
    places = [("2.3", "26.3"), ("2.3", "26.4"), ("2.4", "26.3"), ("2.4", "26.4")]
    with TemporaryDirectory() as out:
        rate = rated(Path(out) / "fleet", *((*place, *cell) for place, cell in zip(places, cells, strict=True)))
        plain = changes((rate.by_os, "os_version"), (rate.by_app, "app_version"))
        frame = rate.changes()
    clear = ["worse", "better"]
    for verdict in clear:
        assert (verdict in set(plain["verdict"])) == (verdict in set(frame["verdict"]))
    assert not frame.filter(pl.col("within").is_not_null() & pl.col("verdict").is_in(clear)).height


def test_strata_lose_no_change_that_is_in_all_of_them(tmp_path: Path) -> None:
    groups = [(app, f"26.{n}", 10, hits) for app, hits in (("2.3", 1), ("2.4", 6)) for n in range(6)]
    frame = rated(tmp_path / "fleet", *groups).changes().filter(pl.col("app").is_not_null())
    assert frame.select("verdict", "app_or_os").rows() == [("worse", False)]


def test_captures_that_name_no_system_tell_nothing_of_it(tmp_path: Path) -> None:
    frame = rated(tmp_path / "fleet", ("2.3", None, 40, 4), ("2.4", None, 45, 18)).changes()
    assert frame.select("app", "verdict", "app_or_os").rows() == [(APP, "worse", False)]


def test_one_capture_watched_for_weeks_explains_one_hit(tmp_path: Path) -> None:
    rate = rated(tmp_path / "fleet", ("2.3", "26.3", 100, 5), ("2.4", "26.3", 100, 90), long={"2.4-26.3-0": 1e6})
    (row,) = rate.changes().to_dicts()
    assert (row["verdict"], row["watched"]) == ("worse", None)
    assert row["background_h_after"] == pytest.approx((1e6 + 99 * 60) / 3600)
    assert row["background_h_capped_after"] == pytest.approx((600 + 99 * 60) / 3600)


def test_calls_of_no_known_app_are_counted(tmp_path: Path) -> None:
    stored(
        tmp_path / "fleet",
        captures=[{"capture": "a", "name": "a", "content": "0", "path": "a", "uri": "file:///a"}],
        exposure=[{"capture": "a", "app": APP, "seen": True, "calls": 2, "foreground_s": 0.0, "background_s": 0.0}],
        calls=[{"capture": "a", "app": app} for app in (APP, APP, None)],
    )
    contents = load(tmp_path / "fleet")
    said = dict(facts(contents, FleetRates.of(contents)))["Exposure"]
    assert said == "2 calls, 0 background hours; 1 call of no known app beside them, in no rate"
