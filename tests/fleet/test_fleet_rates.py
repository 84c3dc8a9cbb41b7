"""Rates by version, changes between versions, order of captures."""

import polars as pl
import pytest

from traceview.fleet.comparisons import CHANGES, changes
from traceview.fleet.order import version_order
from traceview.fleet.rates import app_units, capture_units, ranked_captures, rates
from traceview.fleet.tables import CAPTURES, EXPOSURE, NOT_EVALUATED, TABLES

APP = "com.acme.voip"
RULE = "io-overload"


def frame(columns: dict[str, list[object]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    return pl.DataFrame({name: columns.get(name, [None] * height) for name in schema}, schema=schema)


def captures(*versions: str | None) -> pl.DataFrame:
    keys = [f"c{n}" for n in range(len(versions))]
    return frame({"capture": keys, "name": keys, "path": keys, "os_version": list(versions)}, CAPTURES)


def exposure(count: int, app: str = APP, version: list[str | None] | None = None, **columns: object) -> pl.DataFrame:
    given = {"calls": 5, "background_s": 1800.0, "seen": True} | columns
    return frame(
        {
            "capture": [f"c{n}" for n in range(count)],
            "app": [app] * count,
            "app_version": version or [None] * count,
            **{name: [value] * count for name, value in given.items()},
        },
        EXPOSURE,
    )


def findings(*hits: str, app: str | None = APP, rule: str = RULE, severity: str = "high") -> pl.DataFrame:
    count = len(hits)
    return frame(
        {"capture": list(hits), "rule": [rule] * count, "app": [app] * count, "severity": [severity] * count},
        TABLES["findings"],
    )


def silent(*keys: str, rule: str = RULE) -> pl.DataFrame:
    return frame({"capture": list(keys), "rule": [rule] * len(keys), "needs": ["audio"] * len(keys)}, NOT_EVALUATED)


def by_version(table: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["os_version"]: row for row in table.iter_rows(named=True)}


def fleet() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Ten captures on 18.0 and ten on 26.0; the rule hits 1 and 8 of them; two on 26.0 could not be evaluated."""
    units = capture_units(captures(*["18.0"] * 10, *["26.0"] * 10), exposure(20))
    return findings("c0", *(f"c{n}" for n in range(10, 18)), "c10"), units, silent("c18", "c19")


def test_rates_count_only_where_the_rule_could_speak() -> None:
    rows = by_version(rates(*fleet(), by=["os_version"]))
    old, new = rows["18.0"], rows["26.0"]
    assert (old["findings"], old["captures_hit"], old["captures"], old["not_evaluated"], old["calls"]) == (
        1,
        1,
        10,
        0,
        50,
    )
    assert (new["findings"], new["captures_hit"], new["captures"], new["not_evaluated"], new["calls"]) == (
        9,
        8,
        8,
        2,
        40,
    )
    assert (old["share"], new["share"]) == (0.1, 1.0)
    assert new["per_1000_calls"] == pytest.approx(225)
    assert new["per_background_h"] == pytest.approx(9 / 4)


def test_the_whole_fleet() -> None:
    (row,) = rates(*fleet()).iter_rows(named=True)
    assert (row["rule"], row["severity"], row["captures_hit"], row["captures"]) == (RULE, "high", 9, 18)


def test_what_was_never_evaluated_has_no_rate() -> None:
    units = capture_units(captures("18.0", "26.0"), exposure(2))
    rows = by_version(rates(findings("c0"), units, silent("c1"), by=["os_version"]))
    assert rows["26.0"]["captures"] == 0
    assert [rows["26.0"][name] for name in ("share", "per_1000_calls", "per_background_h")] == [None] * 3
    assert rows["18.0"]["share"] == 1


def test_no_calls_and_no_background_time_give_no_rate() -> None:
    units = capture_units(captures("26.0"), exposure(1, calls=0, background_s=0.0))
    (row,) = rates(findings("c0"), units, silent(), by=["os_version"]).iter_rows(named=True)
    assert (row["share"], row["per_1000_calls"], row["per_background_h"]) == (1, None, None)


def test_findings_without_an_app_count_for_the_capture() -> None:
    units = capture_units(captures("26.0", "26.0"), exposure(2))
    (row,) = rates(findings("c1", app=None), units, silent(), by=["os_version"]).iter_rows(named=True)
    assert (row["captures_hit"], row["captures"]) == (1, 2)


def test_captures_without_the_app_asked_for_do_not_count() -> None:
    shown = exposure(3).with_columns(seen=pl.Series([True, False, True]))
    assert capture_units(captures("26.0", "26.0", "26.0"), shown)["capture"].to_list() == ["c0", "c2"]
    assert capture_units(captures("26.0"), exposure(0)).height == 1, "nothing was asked for: every capture counts"


def test_unknown_versions_keep_their_captures() -> None:
    known = captures("26.0", None, None).with_columns(os_build=pl.Series([None, "18H17", None], dtype=pl.String))
    units = capture_units(known, exposure(3))
    assert units["os_version"].to_list() == ["26.0", "build 18H17", "unknown"]
    assert changes((rates(findings("c0", "c1"), units, silent(), by=["os_version"]), "os_version")).is_empty()


def test_time_of_apples_apps_is_no_exposure() -> None:
    both = pl.concat([exposure(1), exposure(1, app="com.apple.mobilephone")])
    assert capture_units(captures("26.0"), both).select("calls", "background_s").rows() == [(5, 1800.0)]


def test_findings_count_for_their_own_app_only() -> None:
    versions: list[str | None] = ["5.1", "5.2", "5.2"]
    both = pl.concat([exposure(3, version=versions), exposure(3, app="com.example.chess", calls=0)])
    found = pl.concat([findings("c1", "c2"), findings("c0", app="com.example.other")])
    table = rates(found, app_units(found, both), silent(), by=["app", "app_version"])
    rows = {(row["app"], row["app_version"]): (row["captures_hit"], row["captures"]) for row in table.to_dicts()}
    assert rows == {(APP, "5.1"): (0, 1), (APP, "5.2"): (2, 2), ("com.example.other", "unknown"): (1, 1)}


def test_changes_name_what_got_worse() -> None:
    found = changes((rates(*fleet(), by=["os_version"]), "os_version"))
    assert dict(found.schema) == CHANGES
    (row,) = found.iter_rows(named=True)
    assert (row["rule"], row["before"], row["after"], row["verdict"]) == (RULE, "18.0", "26.0", "worse")
    assert row["ratio"] == pytest.approx(10)
    assert row["low"] > 1
    assert row["p_adjusted"] == pytest.approx(row["p"])


def test_changes_of_three_captures_are_too_few() -> None:
    units = capture_units(captures(*["18.0"] * 3, *["26.0"] * 3), exposure(6))
    (row,) = changes((rates(findings("c3", "c4", "c5"), units, silent(), by=["os_version"]), "os_version")).to_dicts()
    assert (row["verdict"], row["p_adjusted"]) == ("too few", None)


def test_changes_are_corrected_together_and_sorted() -> None:
    hits = [f"c{n}" for n in range(20, 40)]
    found = pl.concat([findings(*hits, rule="worse"), findings("c0", "c20", rule="same"), findings("c39", rule="rare")])
    found = pl.concat([found, findings(*[f"c{n}" for n in range(20)], rule="better", severity="low")])
    units = capture_units(captures(*["26.0"] * 20, *["26.1"] * 20), exposure(40))
    table = changes((rates(found, units, silent(), by=["os_version"]), "os_version"))
    assert table.select("rule", "verdict").rows() == [
        ("worse", "worse"),
        ("better", "better"),
        ("rare", "too few"),
        ("same", "too few"),
    ]


def test_changes_of_apps_stay_within_the_app() -> None:
    both = pl.concat(
        [
            exposure(20, version=["5.1"] * 10 + ["5.2"] * 10),
            exposure(20, app="com.example.other", version=["9"] * 20),
        ]
    )
    found = findings(*(f"c{n}" for n in range(10, 20)))
    table = changes((rates(found, app_units(found, both), silent(), by=["app", "app_version"]), "app_version"))
    assert table.select("app", "before", "after", "verdict").rows() == [(APP, "5.1", "5.2", "worse")]


def test_nothing_found_changes_nothing() -> None:
    units = capture_units(captures("18.0", "26.0"), exposure(2))
    assert changes((rates(findings(), units, silent(), by=["os_version"]), "os_version")).is_empty()


def test_versions_sort_by_number() -> None:
    mixed = ["26.1", "9.3", "unknown", "15.0.2", "15.0", "26.1", "build 18H17", "26.1b3", "5.3 (1204)", "5.3 (99)"]
    assert version_order(mixed) == [
        *("5.3 (99)", "5.3 (1204)", "9.3", "15.0", "15.0.2", "26.1b3", "26.1", "build 18H17", "unknown")
    ]


def test_captures_to_open_first() -> None:
    found = pl.concat([findings("c1", "c1", "c0"), findings("c2", severity="critical"), findings("c0", rule="x")])
    first = ranked_captures(found, captures("26.0", "26.0", "26.0", "26.0"))
    assert first["capture"].to_list() == ["c2", "c0", "c1", "c3"]
    assert first["findings"].to_list() == [1, 2, 2, 0]
    assert first["worst"].to_list() == ["critical", "high", "high", None]
    assert first["rules"].to_list() == [[RULE], [RULE, "x"], [RULE], []]
