"""Crash, jetsam and resource reports as windows."""

import polars as pl

from traceview.witness.schema import windows


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
        explanation=pl.col("explanation"),
    )


def report_facts() -> pl.Expr:
    """Return what a report says in figures and codes, as one text: termination, exception, role, use and limit."""
    end = pl.concat_str("namespace", "code", separator=" ", ignore_nulls=True)
    fatal = pl.concat_str("exception", "signal", separator=" ", ignore_nulls=True)
    parts = [
        pl.when(end != "").then(end),
        pl.when(fatal != "").then(fatal),
        pl.format("role {}", "role"),
        pl.format("used {}", _figure("used")),
        pl.format("in {} s", _figure("window_s")),
        pl.format("limit {}", _figure("limit")),
        pl.format("{} MB of memory", (pl.col("victim_bytes") / 1e6).round(1)),
        pl.format("no answer for {} s", _figure("duration_s")),
        pl.format("allowed {} s", _figure("allowance_s")),
        pl.col("action"),
    ]
    text = pl.concat_str(*parts, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _figure(name: str) -> pl.Expr:
    return pl.col(name).round_sig_figs(4)
