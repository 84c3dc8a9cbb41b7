"""Crash, jetsam and resource reports as windows."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from traceview.witness.schema import windows

_USED: Final = {
    "cpu": (1.0, " s of CPU"),
    "cpu_fatal": (1.0, " s of CPU"),
    "wakeups": (1.0, " wakeups"),
    "disk_writes": (1e6, " MB written"),
    "memory": (1e6, " MB"),
}
_LIMITS: Final = {
    "cpu": (1.0, " % of a core"),
    "cpu_fatal": (1.0, " % of a core"),
    "wakeups": (1.0, " wakeups/s"),
    "disk_writes": (1e6, " MB/s"),
    "memory": (1e6, " MB"),
}
"""By kind of report: what a figure is divided by, and its unit then (`traceview_parsers.schema`, table ``reports``)."""


def report_windows(reports: pl.DataFrame) -> pl.DataFrame:
    """Return one window a report with a time: that of a resource report is what it measured, others tell of a moment.

    Args:
        reports: Table ``reports``.
    """
    timed = reports.drop_nulls("time")
    return windows(
        timed,
        "report",
        app=pl.coalesce("bundle", "process"),
        start=pl.min_horizontal(pl.coalesce("start", "time"), "time"),
        end=pl.col("time"),
        end_known=pl.lit(value=True),
        text=report_facts(),
        explanation=pl.concat_str("exception", "explanation", separator="; ", ignore_nulls=True),
    )


def report_facts() -> pl.Expr:
    """Return what a report says in figures and codes, as one text: termination, signal, role, use and limit with units."""
    end = pl.concat_str("namespace", "code", separator=" ", ignore_nulls=True)
    limit = pl.concat_str(
        _measured("limit", _LIMITS), pl.format("over {} s", _figure("limit_window_s")), separator=" ", ignore_nulls=True
    )
    parts = [
        pl.when(end != "").then(end),
        pl.col("signal"),
        pl.format("role {}", "role"),
        pl.concat_str(
            _measured("used", _USED), pl.format("in {} s", _figure("window_s")), separator=" ", ignore_nulls=True
        ),
        pl.when(pl.col("limit").is_not_null()).then(pl.concat_str(pl.lit("limit"), limit, separator=" ")),
        pl.format("{} MB of memory", _text(pl.col("victim_bytes") / 1e6)),
        pl.format("no answer for {} s", _figure("duration_s")),
        pl.format("allowed {} s", _figure("allowance_s")),
        pl.format("action: {}", "action"),
    ]
    text = pl.concat_str([pl.when(part != "").then(part) for part in parts], separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _measured(column: str, units: Mapping[str, tuple[float, str]]) -> pl.Expr:
    """Return a figure with the unit that it has in this kind of report; without one in other kinds."""
    kind = pl.col("kind")
    factor = kind.replace_strict({name: one[0] for name, one in units.items()}, default=1.0, return_dtype=pl.Float64)
    unit = kind.replace_strict({name: one[1] for name, one in units.items()}, default="", return_dtype=pl.String)
    return pl.concat_str(_text(pl.col(column) / factor), unit)


def _figure(name: str) -> pl.Expr:
    return _text(pl.col(name))


def _text(value: pl.Expr) -> pl.Expr:
    """Return a figure with four digits, and none after the point where they are zero."""
    return value.round_sig_figs(4).cast(pl.String).str.strip_suffix(".0")
