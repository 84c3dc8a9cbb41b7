"""What the page says where versions could not be compared: what is missing, and how to tell it."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from traceview.fleet.contents import Contents, load
from traceview.fleet.dataset import write_shard
from traceview.fleet.maps import heat_maps
from traceview.fleet.rates import FleetRates
from traceview.fleet.report import write
from traceview.fleet.tables import TABLES
from traceview.fleet.uncompared import Uncompared
from traceview.fleet.view import Names
from traceview.rules.builtin import load_rules

APP = "com.acme.voip"
System = tuple[str | None, str | None]
"""Version and build of a capture's system."""
NAMED: System = ("26.2", None)
BUILD: System = (None, "18H17")
NOTHING: System = (None, None)
OS = "--os VERSION"
RELEASE = "--app BUNDLE --app-version VERSION"


def data_set(
    out: Path, *systems: System, apps: tuple[tuple[str, str | None], ...] = (), hits: int | None = None
) -> Path:
    """Write captures of these systems that show these apps; the first `hits` have a finding in each app, or in none."""
    keys = [f"c{n}" for n in range(len(systems))]
    captures: list[dict[str, Any]] = [
        {"capture": key, "name": key, "path": f"/{key}", "content": key, "os_version": version, "os_build": build}
        for key, (version, build) in zip(keys, systems, strict=True)
    ]
    exposure = [
        {"capture": key, "app": app, "seen": True, "app_version": version, "calls": 1, "background_s": 30.0}
        for key in keys
        for app, version in apps
    ]
    findings = [
        {"capture": key, "rule": "io-overload", "severity": "high", "app": app, "title": "x", "fingerprint": "f"}
        for key in keys[:hits]
        for app in ([name for name, _ in apps] or [None])
    ]
    rows = {"captures": captures, "exposure": exposure, "findings": findings}
    tables = {table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}
    write_shard(out, "one", "c", keys, [tables])
    return out


def lacking(contents: Contents) -> Uncompared:
    rated = FleetRates.of(contents)
    assert rated.changes().is_empty()
    return Uncompared.of(rated)


APART = "build 18H17 (1 capture) has no place in the order of versions: the captures do not tell which version it is"


@pytest.mark.parametrize(
    ("systems", "why", "options"),
    [
        ([NAMED] * 4 + [BUILD], f"4 captures are of 26.2; {APART}", (OS,)),
        ([NAMED] * 2, "all captures are of 26.2", ()),
        ([NAMED], "the only capture is of 26.2", ()),
        ([("26.2", "23C55")] * 2, "all captures are of 26.2 (23C55)", ()),
        ([BUILD], APART, (OS,)),
        ([NAMED, NOTHING, NOTHING], "1 capture is of 26.2; 2 captures name no version", (OS,)),
        ([NOTHING] * 3, "no capture names a version", (OS,)),
        (
            [(None, build) for build in ("18H17", "18A1", "19A1", "20A1", "20A1")],
            APART.replace(
                "build 18H17 (1 capture) has", "builds 18A1, 18H17, 19A1 and 1 more (5 captures) have"
            ).replace("it is", "they are"),
            (OS,),
        ),
    ],
)
def test_what_is_missing_of_the_system(
    tmp_path: Path, systems: list[System], why: str, options: tuple[str, ...]
) -> None:
    found = lacking(load(data_set(tmp_path / "fleet", *systems)))
    assert found.reasons == (("OS", why),)
    assert found.options == options


def test_apps_of_which_the_same_is_missing_are_told_together(tmp_path: Path) -> None:
    apps = (("b", "2.3"), ("a", None), ("e", None), ("d", None), ("c", None))
    found = lacking(load(data_set(tmp_path / "fleet", NAMED, NAMED, apps=apps)))
    assert found.reasons[1:] == (("a, c, d and 1 more", "no capture names a version"), ("b", "all captures are of 2.3"))
    assert found.options == (RELEASE,)


def test_findings_beside_all_versions_compare_nothing(tmp_path: Path) -> None:
    found = lacking(load(data_set(tmp_path / "fleet", NOTHING, NAMED, ("26.1", None), hits=1)))
    (reason,) = found.reasons
    assert (
        reason[1]
        == "2 versions are named, but no rule that found something in one of them could be evaluated in another"
    )
    assert found.apart == "1 capture names no version"


def test_the_page_says_what_to_do(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "fleet", *[NAMED] * 4, BUILD, apps=((APP, None),), hits=1)
    write(dataset, tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    for told in (
        APART,
        "<bdi>com.acme.voip</bdi>: <bdi>no capture names a version</bdi>",
        f"<code>traceview batch … {OS}</code> or <code>{RELEASE}</code>",
        "1 version, 1 build of unknown version, 1 rule",
        "1 of 5 captures in which it could be evaluated · 1 finding in 5 calls · 1 finding in 2 min 30 s in the background",
        "5 calls, 2 min 30 s in the background",
    ):
        assert told in html
    assert "per 1,000 calls · " not in html
    assert "fewer than two versions" not in html


def test_captures_apart_are_told_beside_comparisons(tmp_path: Path) -> None:
    write(data_set(tmp_path / "fleet", ("26.1", None), NAMED, BUILD), tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    assert "Too few captures to tell whether anything got worse" in html
    assert "Nothing got clearly worse" not in html
    assert f"Not compared by OS: <bdi>{APART}</bdi>" in html


@pytest.mark.parametrize(
    ("systems", "note"),
    [
        ([NAMED, ("26.1", None)], "2 versions, 1 rule"),
        ([NAMED, NOTHING], "1 version, captures that name none, 1 rule"),
        ([BUILD, NOTHING, (None, "19A1")], "2 builds of unknown version, captures that name none, 1 rule"),
    ],
)
def test_a_map_counts_what_is_a_version(tmp_path: Path, systems: list[System], note: str) -> None:
    rated = FleetRates.of(load(data_set(tmp_path / "fleet", *systems)))
    (only,) = heat_maps(rated, Names(load_rules()[0]), 16)
    assert only.note == note


def test_captures_that_reach_over_an_update_are_told(tmp_path: Path) -> None:
    apps = ((APP, "5.2 or 5.3"), ("com.example.chess", "1"))
    found = lacking(load(data_set(tmp_path / "fleet", NAMED, NAMED, apps=apps)))
    assert found.updated == f"2 captures of {APP}"
    assert (APP, "2 captures reach over an update") in found.reasons
    assert found.options == ()


def test_captures_that_reach_over_an_update_are_told_beside_comparisons(tmp_path: Path) -> None:
    out = tmp_path / "fleet"
    data_set(out, *[("26.1", None)] * 4, *[NAMED] * 4, apps=((APP, "5.2 or 5.3"),))
    write(out, tmp_path / "x.html")
    html = (tmp_path / "x.html").read_text()
    assert f"lies in or near the time they show: <bdi>8 captures of {APP}</bdi>." in html
    assert f"{APP} 5.2" not in html.split('id="captures"')[0]
