"""Captures of a fleet are shown with the versions of their apps."""

from pathlib import Path

import polars as pl

from traceview.fleet.dataset import write_shard
from traceview.fleet.report import write
from traceview.fleet.tables import TABLES


def test_captures_tell_the_versions_of_their_apps(tmp_path: Path) -> None:
    apps = {
        "com.acme.voip": "5.3",
        "com.example.talk": "<1.0>",
        "com.apple.mobilephone": "9",
        "b.last": "2",
        "a.third": "7",
    }
    exposure = [
        {"capture": "c0", "app": app, "seen": True, "app_version": version, "calls": 3 if app == "com.acme.voip" else 0}
        for app, version in apps.items()
    ]
    exposure += [
        {"capture": "c1", "app": "com.acme.voip", "seen": True, "app_version": None, "calls": 1},
        {"capture": "c1", "app": "com.absent", "seen": False, "app_version": "8", "calls": 0},
    ]
    found = {"capture": "c0", "rule": "io-overload", "severity": "high", "title": "late", "fingerprint": "f"}
    rows = {
        "captures": [{"capture": key, "name": key, "path": key, "uri": "", "content": key} for key in ("c0", "c1")],
        "exposure": exposure,
        "findings": [found],
    }
    tables = {table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}
    write_shard(tmp_path / "ds", "one", "c", ["c0", "c1"], [tables])
    write(tmp_path / "ds", tmp_path / "fleet.html")
    html = (tmp_path / "fleet.html").read_text(encoding="utf-8")
    told = "<bdi>voip 5.3, third 7, last 2 and 1 more</bdi>"
    assert f"<td>{told}</td>" in html  # table of captures
    assert f"1 finding · {told}</span>" in html  # to open first
    assert "<td><bdi></bdi></td>" in html  # the capture that tells none
