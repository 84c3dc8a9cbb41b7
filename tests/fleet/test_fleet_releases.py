"""One name for a release, whether a capture tells its version, its build or both."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview.fleet.contents import Contents
from traceview.fleet.rates import FleetRates
from traceview.fleet.releases import release_names, with_versions
from traceview.fleet.tables import CAPTURES, TABLES
from traceview.fleet.view import capture_rows, facts
from traceview_parsers.trace import Device

KNOWN = (
    ("iOS", "26.2", "23C55"),
    (None, None, "23C55"),
    (None, None, "18H17"),
    (None, "26.1", None),
    (None, None, None),
)


def captures(*told: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "capture": f"c{n}",
            "name": f"c{n}",
            "path": f"c{n}",
            "os_name": name,
            "os_version": version,
            "os_build": build,
        }
        for n, (name, version, build) in enumerate(told)
    ]
    empty = dict.fromkeys(CAPTURES)
    return pl.DataFrame([{**empty, **row} for row in rows], schema=CAPTURES)


def test_a_build_gets_the_version_that_others_name_for_it() -> None:
    named, filled = with_versions(captures(*KNOWN))
    assert filled == 1
    assert named.columns == list(CAPTURES)
    assert named["os_version"].to_list() == ["26.2", "26.2", None, "26.1", None]
    assert named["os_name"].to_list() == ["iOS", "iOS", None, None, None]


def test_a_build_of_two_versions_stays_alone() -> None:
    told = captures(("iOS", "26.2", "23C55"), ("iOS", "26.2.1", "23C55"), (None, None, "23C55"))
    named, filled = with_versions(told)
    assert (filled, named["os_version"][2]) == (0, None)


def test_systems_that_share_a_build_share_no_name() -> None:
    named, _ = with_versions(captures(("iOS", "26.2", "23C55"), ("iPadOS", "26.2", "23C55"), (None, None, "23C55")))
    assert named.select("os_name", "os_version").row(2) == (None, "26.2")


@pytest.mark.parametrize(
    ("builds", "name"),
    [(["23C55"], "26.2 (23C55)"), (["23C55", "23C54"], "26.2 (23C54, 23C55)"), (["a", "b", "c"], "26.2 (3 builds)")],
)
def test_a_version_is_named_with_its_builds(builds: list[str], name: str) -> None:
    assert release_names(captures(*(("iOS", "26.2", build) for build in builds))) == {"26.2": name}


def test_the_page_names_a_release_in_one_way() -> None:
    told, filled = with_versions(captures(*KNOWN))
    empty = {name: pl.DataFrame(schema=TABLES[name]) for name in TABLES}
    contents = Contents(
        told, 0, empty["failures"], empty["exposure"], empty["findings"], empty["rules_not_evaluated"], filled
    )
    rated = FleetRates.of(contents)
    assert ("OS (captures)", "26.2 (23C55): 2, 26.1: 1, build 18H17: 1, unknown: 1") in facts(contents, rated)
    systems = [row.system for row in capture_rows(contents, Path(), 9)]
    assert systems == ["iOS 26.2 (23C55)", "iOS 26.2 (23C55)", "build 18H17", "26.1", ""]


@pytest.mark.parametrize(
    ("device", "name"),
    [
        (Device(os_name="iOS", os_version="26.2", os_build="23C55"), "iOS 26.2 (23C55)"),
        (Device(os_name="iOS", os_build="23C55"), "iOS build 23C55"),
        (Device(os_build="23C55"), "build 23C55"),
        (Device(os_version="26.2"), "26.2"),
        (Device(), None),
    ],
)
def test_a_device_names_its_system(device: Device, name: str | None) -> None:
    assert device.system == name
