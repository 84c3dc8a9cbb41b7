"""Crash, jetsam and resource reports as events: witnesses like log lines, with the report as evidence."""

from typing import Final

import polars as pl

from traceview.signals.vocabulary import EVENT_SCHEMA

_KINDS: Final = {
    "crash": "process.terminated",
    "cpu_fatal": "process.terminated",
    "jetsam": "jetsam.killed",
    "cpu": "resource.cpu",
    "wakeups": "resource.wakeups",
    "disk_writes": "resource.disk",
    "memory": "resource.memory",
}
"""Event kind of each kind of report that tells of one process; the others (stackshots, panics, hangs) make none."""

_SIGNALS: Final = {
    "SIGQUIT": "0x3",
    "SIGILL": "0x4",
    "SIGTRAP": "0x5",
    "SIGABRT": "0x6",
    "SIGFPE": "0x8",
    "SIGBUS": "0xa",
    "SIGSEGV": "0xb",
    "SIGSYS": "0xc",
}
"""Signals by which a process ends itself, with Darwin's numbers (sys/signal.h). Before iOS 15 a crash report prints the
signal but no termination reason; SIGKILL is not among them, since it says nothing without one."""

_RESOURCE: Final = ("cpu", "wakeups", "disk_writes", "memory")


def report_events(reports: pl.DataFrame) -> pl.DataFrame:
    """Return one event a report of one process (`EVENT_SCHEMA`).

    The event's time is the moment of the report; ``signal`` is ``report.`` and the kind of report; ``message`` is one
    line that says what it reports. Reports without a time or a process give none. A daemon has no bundle id: texts
    repeat its name instead.

    Args:
        reports: Table ``reports``.
    """
    told = reports.filter(
        pl.col("kind").is_in(list(_KINDS)) & pl.col("time").is_not_null() & pl.col("process").is_not_null()
    )
    fatal_cpu = pl.col("kind") == "cpu_fatal"
    resource = pl.col("kind").is_in(_RESOURCE)
    number = pl.col("signal").replace_strict(_SIGNALS, default=None, return_dtype=pl.String)
    signalled = pl.when(pl.col("namespace").is_null() & pl.col("code").is_null() & (pl.col("kind") == "crash"))
    space = pl.coalesce("namespace", signalled.then(pl.when(number.is_not_null()).then(pl.lit("SIGNAL"))))
    columns = {
        "ref": pl.col("ref"),
        "time": pl.col("time"),
        "kind": pl.col("kind").replace_strict(_KINDS),
        "signal": pl.lit("report.") + pl.col("kind"),
        "confidence": pl.lit(1.0),
        "process": pl.lit("ReportCrash"),
        "message": _sentence(),
        "bundle": pl.when(pl.col("bundle") != pl.col("process")).then(pl.col("bundle")),
        "subject": pl.col("process"),
        "subject_pid": pl.col("pid"),
        "state": pl.when(~resource).then(pl.col("role")),
        "visibility": pl.col("visibility"),
        "namespace": pl.when(fatal_cpu).then(pl.lit("RESOURCE")).otherwise(space),
        "code": pl.coalesce("code", signalled.then(number)),
        "reason": pl.coalesce(pl.col("explanation"), _exception()),
        "value": pl.when(pl.col("kind") == "jetsam")
        .then(pl.col("victim_bytes").cast(pl.Float64))
        .otherwise(pl.col("used")),
        "limit": _limit(),
        "duration_s": pl.coalesce("allowance_s", "window_s"),
    }
    missing = {name: pl.lit(None, kind) for name, kind in EVENT_SCHEMA.items() if name not in columns}
    named = {name: expression.cast(EVENT_SCHEMA[name]) for name, expression in (columns | missing).items()}
    return told.select(**named).select(list(EVENT_SCHEMA))


def _limit() -> pl.Expr:
    """Return the limit in the unit of what was used: reports print it as a rate over a window of its own."""
    share = pl.when(pl.col("kind") == "cpu").then(0.01).otherwise(1.0)  # percent of a core
    return pl.coalesce(pl.col("limit") * pl.col("limit_window_s") * share, "limit")


def _exception() -> pl.Expr:
    return pl.concat_str([pl.col("exception"), pl.format("({})", pl.col("signal"))], separator=" ", ignore_nulls=True)


def _sentence() -> pl.Expr:
    parts = [
        pl.format("{} report of {}", pl.col("kind").str.replace_all("_", " "), pl.col("process")),
        pl.format("[{}]", pl.col("pid")),
        pl.format("role {}", pl.col("role")),
        pl.concat_str([pl.col("namespace"), pl.col("code")], separator=" ", ignore_nulls=True),
        _exception(),
        pl.col("explanation").str.replace_all(r"\s+", " "),
    ]
    filled = [pl.when(part.str.len_chars() > 0).then(part) for part in parts]
    return pl.concat_str(filled, separator="; ", ignore_nulls=True)
