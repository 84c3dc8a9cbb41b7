"""Terminal, report and fleet say the same of what the logs cover."""

from datetime import UTC
from pathlib import Path

import pytest

import traceview as tv
from traceview.cli.text import render_analysis
from traceview.completeness import log_span
from traceview.fleet.tables import tables_of

SYSDIAGNOSE = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55.tar.gz"


@pytest.mark.parametrize("name", [SYSDIAGNOSE, "healthy-incoming-call.ios26.ndjson"])
def test_the_headline_has_the_span_of_the_report(samples: Path, name: str) -> None:
    with tv.open(samples / name) as capture:
        analysis = capture.analysis
    span = log_span(analysis.coverage)
    assert span is not None
    analysis.capture.tz = "UTC"
    headline = render_analysis(analysis).splitlines()[0]
    begin, end = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for time in span)
    assert f"{begin} to {end} UTC" in headline
    row = tables_of(analysis, "key", samples / name, "", 0.0)["captures"]
    assert (row["start"].item(), row["end"].item()) == span
