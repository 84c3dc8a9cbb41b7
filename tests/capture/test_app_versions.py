"""The version of an app: what reports and PowerLog tell of the times that a capture speaks of."""

from datetime import UTC, datetime

import polars as pl
import pytest

from traceview.app_versions import Span, app_versions, is_several, release, with_version
from traceview.rules.registry import Finding, Severity


def table(*rows: tuple[int | None, str | None, str | None]) -> pl.DataFrame:
    times = [None if day is None else datetime(2026, 1, day, 12, tzinfo=UTC) for day, _, _ in rows]
    return pl.DataFrame(
        {"time": times, "bundle": [row[1] for row in rows], "app_version": [row[2] for row in rows]},
        schema={"time": pl.Datetime("ns", "UTC"), "bundle": pl.String, "app_version": pl.String},
    )


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


def finding(start: datetime, end: datetime | None, app: str | None = "com.acme") -> Finding:
    texts = dict.fromkeys(("rule", "title", "explanation", "advice"), "x")
    return Finding(number=None, severity=Severity.high, app=app, start=start, end=end, evidence=(), **texts)


def of_acme(told: pl.DataFrame, span: Span | None, *findings: Finding) -> str | None:
    return app_versions({"reports": told}, ["com.acme"], span, findings).get("com.acme")


def test_both_witnesses_tell_versions() -> None:
    reports = table((3, "com.acme", "2.3"), (None, "com.acme", "9"), (4, None, "1"))
    installed = table((2, "com.acme", "2.3"), (5, "com.b", "7"), (6, "com.b", None), (9, "com.other", "3"))
    apps, span = ["com.acme", "com.b", "daemon"], (day(1), day(9))
    told = {"reports": reports, "power_apps": installed}
    assert app_versions(told, apps, span) == {"com.acme": "2.3", "com.b": "7"}
    assert app_versions({"power_apps": installed}, ["com.acme"], span) == {"com.acme": "2.3"}


@pytest.mark.parametrize(
    ("rows", "version"),
    [
        (((15, "4.2"), (17, "4.3")), "4.2"),  # told in the log; the update came later
        (((10, "4.1"), (15, "4.2")), "4.2"),  # and the one before, earlier
        (((10, "4.1"), (17, "4.2")), "4.1 or 4.2"),  # nobody knows when
        (((10, "4.1"), (11, "4.2"), (17, "4.2"), (18, "4.3")), "4.2"),
        (((17, "4.3"),), "4.3"),
        (((10, "4.1"),), "4.1"),
        (((15, "4.2"), (15, "4.3")), "4.2 or 4.3"),
        (((15, "4.2"), (15, "4.2.0")), "4.2.0"),  # two spellings of one version
        (((None, "9"), (15, "4.2")), "4.2"),
        (((None, "9"),), "9"),
    ],
)
def test_the_version_is_the_one_of_the_time_that_the_log_covers(
    rows: tuple[tuple[int | None, str], ...], version: str
) -> None:
    told = table(*((number, "com.acme", name) for number, name in rows))
    found = of_acme(told, (day(14), day(16)))
    assert found == version
    assert is_several(version) == (" or " in version)


def test_a_finding_of_another_release_makes_the_version_unknown() -> None:
    """A report of the release after the log: with a finding from it, nothing says which release the capture is of."""
    told = table((15, "com.acme", "4.2"), (17, "com.acme", "4.3"))
    span = (day(14), day(16))
    assert of_acme(told, span, finding(day(15), day(16)), finding(day(17), None, "com.b")) == "4.2"
    assert of_acme(told, span, finding(day(15), None)) == "4.2"  # to the end of the log
    assert of_acme(told, span, finding(day(17, 0), day(17))) == "4.2 or 4.3"
    assert of_acme(told, span, finding(day(18), None)) == "4.2 or 4.3"


def test_what_is_told_on_one_side_alone_and_long_ago_tells_nothing() -> None:
    """A report of a crash a month before the log: the app may have been updated since."""
    span = (day(28), day(29))
    old = table((1, "com.acme", "4.1"))
    assert of_acme(old, span) is None
    assert of_acme(old, span, finding(day(1), day(1))) is None  # known of the report, not of the log
    assert of_acme(old, (day(2), day(7))) == "4.1"
    assert of_acme(old, (day(8), day(9))) == "4.1"
    assert of_acme(old, (day(9), day(10))) is None
    assert of_acme(table((31, "com.acme", "4.2")), (day(1), day(23))) is None
    assert of_acme(table((1, "com.acme", "4.1"), (31, "com.acme", "4.1")), (day(15), day(16))) == "4.1"  # on both sides
    assert of_acme(table((1, "com.acme", "4.1"), (28, "com.acme", "4.2")), span) == "4.2"


def test_where_nothing_has_a_time_all_counts() -> None:
    assert of_acme(table((15, "com.acme", "4.2"), (17, "com.acme", "4.3")), None) == "4.2 or 4.3"


def test_versions_with_and_without_zeros_are_one_release() -> None:
    assert release("5.3") == release("5.3.0") == release("5.3.0.0") != release("5.30")
    assert release("0") == release("0.0")
    assert release("5.3 (12)") == "5.3 (12)"
    assert release("9" * 5000) == "9" * 5000


def test_nothing_tells_a_version() -> None:
    assert app_versions({}, ["com.acme"]) == {}
    assert app_versions({"reports": table()}, ["com.acme"]) == {}
    assert app_versions({"reports": table((1, "com.acme", "1"))}, []) == {}


def test_an_app_is_named_with_its_version() -> None:
    assert with_version("com.acme", {"com.acme": "2.3"}) == "com.acme 2.3"
    assert with_version("com.acme", {}) == "com.acme"
