"""What proves a finding is a line, or a measurement in words."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

import traceview as tv
from traceview.context import lines_around
from traceview.rules.registry import Finding, Severity
from traceview.witness.schema import WITNESS_SCHEMA

BEGIN = datetime(2026, 1, 15, 8, 10, tzinfo=UTC)


def test_a_measurement_without_a_line_stands_in_words(samples: Path) -> None:
    row = dict.fromkeys(WITNESS_SCHEMA) | {
        "lane": "cpu",
        "kind": "high",
        "app": "com.acme.voip",
        "text": "90.0 s of CPU in 150 s",
        "ref": 77,
        "start": BEGIN,
        "end": BEGIN.replace(minute=15),
        "value": 60.0,
    }
    windows = pl.DataFrame([row, row | {"ref": 78}], schema=WITNESS_SCHEMA)
    found = Finding("cpu-near-limit", "T09", Severity.medium, "com.acme.voip", BEGIN, None, "", "", "", (77,))
    with tv.open(samples / "push-never-reported.ios26.ndjson") as capture:
        log_ref = capture.events["ref"][0]
        also = Finding("x", None, Severity.low, None, None, None, "", "", "", (log_ref,))
        alone = lines_around(capture.trace, capture.events.clear(), [found], windows)
        lines = lines_around(capture.trace, capture.events, [found, also], windows)
    assert alone["message"].to_list() == ["cpu, high, 90.0 s of CPU in 150 s, for 300.0 s"]
    assert {77, log_ref} <= set(lines["ref"].to_list())
    assert 78 not in lines["ref"].to_list()
