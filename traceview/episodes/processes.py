"""Process instances with names, launch and exit."""

from typing import Final

import polars as pl

from traceview.episodes import subjects
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, table

KILL_ECHO_NS: Final = 5 * NS
"""A process that prints later than this after a termination request outlived it (heuristic: a kill takes effect at once,
FrontBoard waits up to 5 s for a graceful exit; real iOS watchdog texts say "Failed to terminate gracefully after 5.0s")."""

LAUNCH_NS: Final = 20 * NS
"""Lines of a process that are older than this at its launch line contradict it (FrontBoard allows a launch 20 s)."""

_EDGES: Final = (12, 8)
"""How many of the first and last lines of an instance are kept as evidence."""


def describe(witnesses: pl.DataFrame, apps: pl.Series, names: pl.DataFrame) -> pl.DataFrame:
    """Describe each instance.

    Args:
        witnesses: Rows with ``boot``, ``pid`` or ``alias``, ``instance`` and what each line says about the process.
        apps: Bundle ids that some line shows to be an app's.
        names: Cut process names (``short``) with the ``bundle_of_name`` that goes with each.

    Returns:
        One row per instance as `Context.processes` documents it, plus the keys ``boot``, ``key_pid``, ``alias``,
        ``key_instance``. ``owner`` counts from 0 in order of start.
    """
    flagged = pl.col("launch") | pl.col("gone") | pl.col("killed")
    telling = pl.col("ref").filter(flagged | ~pl.col("own"))
    groups = (
        witnesses.sort("t", "ref", nulls_last=True)
        .group_by("boot", "pid", "alias", "instance")
        .agg(
            pl.col("t").min().alias("first"),
            pl.col("t").max().alias("last"),
            pl.col("t").filter("alive").max().alias("last_alive"),
            pl.col("t").filter("launch").min().alias("launched"),
            pl.col("t").filter("gone").min().alias("gone_at"),
            pl.col("t").filter("killed").max().alias("killed_at"),
            _usual("bundle").alias("app"),
            _longest("name").alias("process"),
            _usual("host_bundle").alias("host_app"),
            pl.col("app_line").any().alias("app_line"),
            pl.col("service_line").any().alias("service_line"),
            pl.col("reason").filter("launch").drop_nulls().first().alias("launch_reason"),
            pl.col("code").filter(pl.col("gone") | pl.col("killed")).drop_nulls().first().alias("exit_code"),
            telling.head(_EDGES[0]).alias("_head"),
            telling.tail(_EDGES[1]).alias("_tail"),
            pl.col("ref").head(1).alias("_any"),
        )
    )
    groups = (
        groups.with_columns(subjects.short_name("process").alias("short"))
        .join(names, on="short", how="left", maintain_order="left")
        .with_columns(pl.coalesce("app", "bundle_of_name").alias("app"))
    )
    evidence = pl.concat_list("_head", "_tail")
    named = groups.with_columns(
        pl.when(evidence.list.len() > 0).then(evidence).otherwise(pl.col("_any")).alias("evidence"),
        _is_app(apps).alias("is_app"),
    )
    siblings = _longest("process").over("app")
    same_app = pl.col("is_app") & pl.col("app").is_not_null()
    named = named.with_columns(pl.coalesce("process", pl.when(same_app).then(siblings)).alias("process")).sort(
        "first", "boot", "pid", "alias", "instance", nulls_last=True
    )
    return _with_edges(named).select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("owner"),
        _name_for_people(named).alias("app_name"),
        (pl.int_range(pl.len(), dtype=pl.Int64).over("boot", pl.coalesce("app", "process")) + 1).alias("launch"),
        pl.col("boot").replace("", None).alias("boot_uuid"),
        *("boot", "pid", "app", "process", "host_app", "is_app", "start", "end", "start_how", "end_how"),
        *("launch_reason", "exit_code", "evidence"),
        pl.col("pid").alias("key_pid"),
        "alias",
        pl.col("instance").alias("key_instance"),
    )


def _is_app(apps: pl.Series) -> pl.Expr:
    """True for an app, false for a daemon or an extension, null where no line tells (the kernel prints bare names)."""
    shown = (pl.col("app_line") | pl.col("app").is_in(apps.implode())).fill_null(value=False)
    # RunningBoard names daemons by their launchd label, and all daemons of iOS are Apple's.
    service = pl.col("service_line") | pl.col("process").str.starts_with("com.apple.") | subjects.is_daemon()
    return (
        pl.when(pl.col("host_app").is_not_null())
        .then(statement=False)
        .when(shown)
        .then(statement=True)
        .when(service.fill_null(value=False))
        .then(statement=False)
    )


def _name_for_people(rows: pl.DataFrame) -> pl.Expr:
    """The app's process name; an extension's behind that of its host, ``Acme (NotificationService)``."""
    own = pl.coalesce("process", pl.col("app").str.split(".").list.last())
    plain = pl.when("is_app").then(own).otherwise("process")
    if rows["host_app"].null_count() == rows.height:
        return plain
    apps = rows.filter(pl.col("is_app") & pl.col("app").is_not_null() & pl.col("process").is_not_null())
    by_bundle = dict(apps.group_by("app").agg(_longest("process")).iter_rows())
    host = pl.col("host_app").replace_strict(by_bundle, default=None, return_dtype=pl.String)
    inside = pl.format("{} ({})", pl.coalesce(host, pl.col("host_app")), own)
    return pl.when(pl.col("host_app").is_not_null()).then(inside).otherwise(plain)


def _usual(column: str) -> pl.Expr:
    return pl.col(column).drop_nulls().mode().sort().first()


def _longest(column: str) -> pl.Expr:
    names = pl.col(column).replace(subjects.ANONYMOUS, None).drop_nulls().unique().sort()
    return names.sort_by(names.str.len_chars(), descending=True, maintain_order=True).first()


def _with_edges(rows: pl.DataFrame) -> pl.DataFrame:
    """Add start, end and how they are known.

    An app has one process at a time: a later one ends the earlier. A restart of the device ends them all, and what was
    silent before it, as a suspended app is, was there to the last line of its boot.
    """
    took_effect = pl.col("last_alive").is_null() | (pl.col("last_alive") <= pl.col("killed_at") + KILL_ECHO_NS)
    died = pl.coalesce("gone_at", pl.when(took_effect).then(pl.col("killed_at")))
    successor = pl.col("instance") < pl.col("instance").max().over("boot", "pid", "alias")
    later_app = pl.col("is_app") & (pl.col("first") < pl.col("first").filter("is_app").max().over("boot", "app"))
    rebooted = pl.col("boot") != pl.col("boot").last()
    followed = successor | (later_app & pl.col("app").is_not_null())
    # One step after the other: an expression that is used twice would be evaluated twice.
    rows = rows.with_columns(
        pl.min_horizontal("first", "launched").alias("start"),
        died.alias("died"),
        followed.fill_null(value=False).alias("followed"),
        rebooted.fill_null(value=False).alias("rebooted"),
        pl.col("last").max().over("boot").alias("last_of_boot"),
    )
    replaced = pl.col("followed") | pl.col("rebooted")
    last_seen = pl.when("followed").then("last").when("rebooted").then("last_of_boot")
    end = pl.coalesce("died", last_seen)
    return rows.with_columns(
        pl.when(end.is_not_null()).then(pl.max_horizontal("start", end)).alias("end"),
        pl.when(pl.col("launched") - pl.col("first") <= LAUNCH_NS)
        .then(pl.lit("observed"))
        .when(pl.col("instance") > 0)
        .then(pl.lit("inferred"))
        .otherwise(pl.lit("capture_edge"))
        .alias("start_how"),
        pl.when(pl.col("died").is_not_null())
        .then(pl.lit("observed"))
        .when(replaced)
        .then(pl.lit("inferred"))
        .otherwise(pl.lit("capture_edge"))
        .alias("end_how"),
    )


def build(context: Context) -> pl.DataFrame:
    """Return the table ``processes``."""
    return table("processes", context.processes)
