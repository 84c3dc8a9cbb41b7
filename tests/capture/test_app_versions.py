"""The version of an app: the newest that a report or PowerLog tells."""

from datetime import UTC, datetime

import polars as pl

from traceview.app_versions import app_versions, with_version


def table(*rows: tuple[int | None, str | None, str | None]) -> pl.DataFrame:
    times = [None if day is None else datetime(2026, 1, day, tzinfo=UTC) for day, _, _ in rows]
    return pl.DataFrame(
        {"time": times, "bundle": [row[1] for row in rows], "app_version": [row[2] for row in rows]},
        schema={"time": pl.Datetime("ns", "UTC"), "bundle": pl.String, "app_version": pl.String},
    )


def test_the_newest_version_counts_whoever_tells_it() -> None:
    reports = table((3, "com.acme", "2.3"), (1, "com.acme", "2.2"), (None, "com.acme", "9"), (4, None, "1"))
    installed = table((2, "com.acme", "2.1"), (5, "com.b", "7"), (6, "com.b", None), (9, "com.other", "3"))
    apps = ["com.acme", "com.b", "daemon"]
    assert app_versions({"reports": reports, "power_apps": installed}, apps) == {"com.acme": "2.3", "com.b": "7"}
    later = table((4, "com.acme", "2.4"))
    assert app_versions({"reports": reports, "power_apps": later}, apps) == {"com.acme": "2.4"}
    assert app_versions({"power_apps": installed}, ["com.acme"]) == {"com.acme": "2.1"}


def test_nothing_tells_a_version() -> None:
    assert app_versions({}, ["com.acme"]) == {}
    assert app_versions({"reports": table()}, ["com.acme"]) == {}
    assert app_versions({"reports": table((1, "com.acme", "1"))}, []) == {}


def test_an_app_is_named_with_its_version() -> None:
    assert with_version("com.acme", {"com.acme": "2.3"}) == "com.acme 2.3"
    assert with_version("com.acme", {}) == "com.acme"
