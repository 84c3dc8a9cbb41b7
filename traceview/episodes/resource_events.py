"""Resource events: CPU, wakeups, memory, disk, thermal and power limits and levels."""

from typing import Final

import polars as pl

from traceview.episodes import undated
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

ECHO_NS: Final = 2 * NS
"""Kernel, symptomsd and runningboardd tell one violation within this time (heuristic)."""
LEAST_CONFIDENCE: Final = 0.7
"""Signals below this tell of settings (a memory limit was set, a power assertion taken), not of events (heuristic)."""

_SCALE: Final = {
    "symptomsd-cpu-fatal": 1e-9,
    **dict.fromkeys(
        ("kernel-disk", "kernel-memory-limit", "kernel-memory-watermark", "kernel-memory-diagnostic-limit"),
        float(1 << 20),
    ),
}
"""Factors of signals that print nanoseconds of CPU time, or MB of 2²⁰ bytes (xnu)."""
_PERCENT: Final = "kernel-cpu-burning"
"""Signal that prints percent of a core: its limit covers the window that it names, its usage another one."""

_OF_LIMIT: Final = (pl.col("signal") == _PERCENT).fill_null(value=False)
"""Whether a line's time is that of the limit, and not of the measurement."""

_THREADS: Final = "thread count"
"""Level of a limit that is one of threads: signals file it under CPU."""

_FATAL: Final = r"(?i)fatal|killed|terminat"
_NOT_FATAL: Final = r"(?i)non-?fatal|not killed"
_KINDS: Final = tuple(f"resource.{kind}" for kind in ("cpu", "wakeups", "memory", "disk", "thermal", "power"))


def build(context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``resource_events``.

    A window covers the measured time where a line gives one (``duration_s``); where only the time of a limit is printed,
    that: the excess was reached within it; else it has no length. ``value`` and ``limit`` are CPU seconds, wake-ups or
    bytes; null where a line gives no figure that can be told so.
    """
    if not context.tells(*_KINDS):
        return empty_table("resource_events")
    weak = (pl.col("confidence") < LEAST_CONFIDENCE).fill_null(value=False)
    events = _read(context.of_kind(*_KINDS).filter(~weak))
    same = ["kind", "owner", "threads"]
    apart = (pl.col("t") - pl.col("t").shift(1).over(same) > ECHO_NS).fill_null(value=True)
    other = (pl.col("value") != pl.col("value").shift(1).over(same)).fill_null(value=True)
    # A line that tells the limit alone has no figure to differ by from that of a report on the same excess.
    limit = pl.col("limit").round(2)
    one_limit = (limit == limit.shift(1).over(same)).fill_null(value=True)
    bare = _OF_LIMIT | _OF_LIMIT.shift(1, fill_value=False).over(same)
    changed = apart | (other & ~(bare & one_limit))
    rows = (
        events.with_columns(changed.cum_sum().over(same).alias("event"))
        .group_by(*same, "event", maintain_order=True)
        .agg(
            pl.col("t").first().alias("end"),
            pl.coalesce(
                pl.col("duration_s").filter(~_OF_LIMIT).drop_nulls().first(), pl.col("duration_s").drop_nulls().first()
            ),
            *(pl.col(name).drop_nulls().first() for name in ("app", "name", "owner_pid", "level", "value", "limit")),
            pl.col("fatal").any(),
            pl.col("ref").alias("evidence"),
        )
    )
    length = (pl.col("duration_s").clip(0, context.span.end / NS) * NS).cast(pl.Int64).fill_null(0)
    rows = rows.with_columns(
        (pl.col("end") - length).alias("start"),
        pl.when(length > 0).then(pl.lit("inferred")).otherwise(pl.lit("observed")).alias("start_how"),
        pl.lit("observed").alias("end_how"),
        pl.col("kind").str.strip_prefix("resource."),
        pl.col("name").alias("process"),
        pl.col("owner_pid").alias("pid"),
    )
    when_told = rows.select("owner", pl.col("end").alias("t"))
    return table(
        "resource_events",
        rows.with_columns(relations.in_call(rows).alias("in_call"), relations.state_at(when_told).alias("app_state")),
    )


def with_undated(events: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a row for each limit that a report without a time tells of (`undated.apart`)."""
    told = reports if reports.is_empty() else reports.filter(pl.col("kind").is_in(_KINDS))
    if told.is_empty():
        return events
    kind = pl.col("kind").str.strip_prefix("resource.")
    rows = _read(told).with_columns(kind, *undated.subject(), pl.concat_list("ref").alias("evidence"))
    placed = events.with_columns(pl.col("start", "end").cast(pl.Int64))
    return table("resource_events", pl.concat([placed, rows], how="diagonal_relaxed"))


def _read(events: pl.DataFrame) -> pl.DataFrame:
    """Add ``level``, ``threads`` and ``fatal``, and bring ``value`` and ``limit`` to their units."""
    fatal = pl.any_horizontal(
        (pl.col(column).str.contains(_FATAL) & ~pl.col(column).str.contains(_NOT_FATAL)).fill_null(value=False)
        for column in ("reason", "action", "state", "signal")
    )
    level = pl.coalesce("state", "reason")
    threads = (level == _THREADS).fill_null(value=False)
    return events.with_columns(level.alias("level"), threads.alias("threads"), fatal.alias("fatal"), **_figures())


def _figures() -> dict[str, pl.Expr]:
    scale = pl.col("signal").replace_strict(_SCALE, default=1.0, return_dtype=pl.Float64)
    seconds = pl.col("limit") * pl.col("duration_s") / 100
    return {
        "value": pl.when(~_OF_LIMIT).then(pl.col("value") * scale),
        "limit": pl.when(_OF_LIMIT).then(seconds).otherwise(pl.col("limit") * scale),
    }
