"""Lanes of other witnesses in a real browser: drawn without complaint, opened at the part that matters."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from chromium import Visit
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.html import write
from traceview.witness.schema import WITNESS_SCHEMA

pytestmark = pytest.mark.browser
APP = "com.acme.voip"
T0 = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def _row(lane: str, kind: str, start: float, end: float, **more: Any) -> Mapping[str, Any]:
    window = {"start": T0 + timedelta(seconds=start), "end": T0 + timedelta(seconds=end)}
    return {
        "lane": lane,
        "kind": kind,
        "end_known": True,
        "source": "power.PLSQL",
        "clock": "± 0.5 s",
        **window,
        **more,
    }


def test_a_page_with_all_lanes_draws_and_opens_with_the_log(
    visit: Callable[..., Visit], rich: Analysis, tmp_path: Path
) -> None:
    days = _row("app_state", "suspended", -400_000, 50, app=APP, explanation="</script><img src=x onerror=alert(1)>")
    told = [
        days,
        _row("cpu", "high", 0, 300, app=APP, value=80.0),
        _row("thermal", "critical", 50, 90),
        _row("lock", "locked", 0, 80),
        _row("route", "Speaker", 0, 300, route="Speaker"),
        _row("hang", "Hang", 10, 11, value=1000.0),
        _row("battery", "charging", 0, 600, value=55.0),
        _row("differs", "differs", 10, 40, app=APP, text="the log says background, PowerLog says suspended"),
    ]
    moment = pl.lit(T0 - timedelta(days=3)).cast(WITNESS_SCHEMA["start"])
    early = rich.episodes["terminations"].with_columns(start=moment, end=moment)
    tables = {**rich.tables, "witnesses": pl.DataFrame(told, schema=WITNESS_SCHEMA)}
    write(replace(rich, tables=tables, episodes={**rich.episodes, "terminations": early}), tmp_path / "out.html")
    page = visit(tmp_path / "out.html").plot("drawn")
    low, high = page.range()
    assert 600_000 <= high - low < 700_000
    link = page.page.locator(".opens a")
    assert link.count() == 1
    assert "termination" in page.page.locator(".opens").inner_text()
    link.click()
    page.until("() => location.hash.startsWith('#t=2026-05-01')")
    page.until(
        "() => new Date(document.getElementById('plot')._fullLayout.xaxis.range[1]) < new Date('2026-05-03T00:00:00Z')"
    )
    page.page.click("#zoom-all")
    page.until(
        "() => { const [a, b] = document.getElementById('plot')._fullLayout.xaxis.range.map((edge) => +new Date(edge));"
        " return b - a > 3 * 86400 * 1000; }"
    )
    assert page.page.locator("#witnesses table").count() == 2
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.quiet()
