"""Crash, jetsam and resource reports as events: witnesses like log lines, with the report as evidence."""

from collections.abc import Mapping
from typing import Final

import polars as pl
import polars.selectors as cs

from traceview.signals.vocabulary import EVENT_SCHEMA

_KINDS: Final = {
    "crash": "process.terminated",
    "cpu_fatal": "process.terminated",
    "jetsam": "jetsam.killed",
    "cpu": "resource.cpu",
    "wakeups": "resource.wakeups",
    "disk_writes": "resource.disk",
    "memory": "resource.memory",
    "resource": "resource.cpu",
}
"""Event kind of each kind of report that tells how a process ended or which limit it passed."""

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

_RESOURCE: Final = ("cpu", "wakeups", "disk_writes", "memory", "resource")


def report_events(reports: pl.DataFrame) -> pl.DataFrame:
    """Return one event a report of one process (`EVENT_SCHEMA`).

    The event's time is the moment of the report, null where it prints none; ``signal`` is ``report.`` and the kind of
    report; ``message`` is one line that says what it reports. Reports that name no process give none, nor do those that
    tell of no end and of no limit
    (`traceview_parsers.ips.kinds.SILENT`). A daemon has no bundle id: texts repeat its name instead. A process that
    was killed for its CPU use gives two events: its end and the limit.

    Args:
        reports: Table ``reports``.
    """
    judged = pl.col("kind").is_in(list(_KINDS)) & ((pl.col("kind") != "resource") | _of_threads())
    told = reports.filter(judged & pl.col("process").is_not_null())
    limits = told.filter(pl.col("kind") == "cpu_fatal")
    return pl.concat([_events(told, _KINDS), _events(limits, {"cpu_fatal": "resource.cpu"})])


def _events(told: pl.DataFrame, kinds: Mapping[str, str]) -> pl.DataFrame:
    """Return one event of the kind that `kinds` gives for each report."""
    fatal = pl.when(pl.col("kind") == "cpu_fatal")
    resource = pl.col("kind").is_in(_RESOURCE)
    number = pl.col("signal").replace_strict(_SIGNALS, default=None, return_dtype=pl.String)
    signalled = pl.when(pl.col("namespace").is_null() & pl.col("code").is_null() & (pl.col("kind") == "crash"))
    space = pl.coalesce("namespace", signalled.then(pl.when(number.is_not_null()).then(pl.lit("SIGNAL"))))
    columns = {
        "ref": pl.col("ref"),
        "time": pl.col("time"),
        "kind": pl.col("kind").replace_strict(kinds, return_dtype=pl.String),
        "signal": pl.lit("report.") + pl.col("kind"),
        "confidence": pl.lit(1.0),
        "process": pl.lit("ReportCrash"),
        "message": _sentence(),
        "bundle": pl.when(pl.col("bundle") != pl.col("process")).then(pl.col("bundle")),
        "subject": pl.col("process"),
        "subject_pid": pl.col("pid"),
        "subject_installed": pl.col("installed"),
        "state": pl.when(~resource).then(pl.col("role")),
        "visibility": pl.col("visibility"),
        "namespace": fatal.then(pl.lit("RESOURCE")).otherwise(space),
        "code": pl.coalesce("code", signalled.then(number)),
        "reason": pl.coalesce(
            pl.when((pl.col("kind") == "resource") & _of_threads()).then(pl.lit("thread count")),
            pl.col("explanation"),
            fatal.then(pl.lit("CPU limit")),
            _exception(),
        ),
        "value": pl.when(pl.col("kind") == "jetsam")
        .then(pl.col("victim_bytes").cast(pl.Float64))
        .otherwise(pl.col("used")),
        "limit": _limit(),
        "duration_s": pl.coalesce("allowance_s", "window_s"),
    }
    missing = {name: pl.lit(None, kind) for name, kind in EVENT_SCHEMA.items() if name not in columns}
    named = {name: expression.cast(EVENT_SCHEMA[name]) for name, expression in (columns | missing).items()}
    finite = pl.when(cs.float().is_finite()).then(cs.float())  # a report may print more digits than a double holds
    return told.select(**named).select(list(EVENT_SCHEMA)).with_columns(finite)


def _limit() -> pl.Expr:
    """Return the limit in the unit of what was used: reports print it as a rate over a window of its own."""
    share = pl.when(pl.col("kind").is_in(["cpu", "cpu_fatal"])).then(0.01).otherwise(1.0)  # percent of a core
    return pl.coalesce(pl.col("limit") * pl.col("limit_window_s") * share, "limit")


def _of_threads() -> pl.Expr:
    """Whether a report of kind ``resource`` is about the number of threads: the only such limit that is told by name."""
    return pl.col("explanation").str.contains("threads", literal=True).fill_null(value=False)


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
