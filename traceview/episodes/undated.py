"""Reports that print no time (excerpts, stripped copies): what happened to whom is told, when is not.

Their rows have neither ``start`` nor ``end``, and no ``start_how`` or ``end_how``: a made-up moment would join them with
calls and states that they have nothing to do with.
"""

import polars as pl


def apart(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (events that have a place in time or in a log, undated reports); both `EVENT_SCHEMA`."""
    undated = events.select(
        (pl.col("signal").str.starts_with("report.") & pl.col("time").is_null()).fill_null(value=False)
    ).to_series()
    if not undated.any():
        return events, events.clear()
    return events.filter(~undated), events.filter(undated).unique(["ref", "kind"], maintain_order=True)


def subject() -> list[pl.Expr]:
    """Columns ``app``, ``process`` and ``pid`` of a report."""
    return [pl.col("bundle").alias("app"), pl.col("subject").alias("process"), pl.col("subject_pid").alias("pid")]
