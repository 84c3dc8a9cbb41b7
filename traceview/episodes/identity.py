"""Who is pid N at time t: process instances (boot, pid, launch), joined from every witness.

Witnesses are all lines that tie a pid to a bundle or a name (runningboardd handles, ``sid:0x…, name(pid)``, FrontBoard,
callservicesd) and the lines that a process prints itself. A pid is a new instance after an exit or when
another bundle takes it over. Lines without a pid join by bundle, then by (cut) name, to the instance of that time.
"""

from typing import Final

import polars as pl

from traceview.episodes import coverage, lookup, states, subjects
from traceview.episodes.intervals import NS
from traceview.episodes.processes import describe
from traceview.episodes.tables import Context, Span

EXIT_ECHO_NS: Final = 2 * NS
"""Daemons still mention a pid while they clean up after its exit (heuristic)."""

_MILLISECOND: Final = NS // 1000
_FLAGS: Final = ("own", "launch", "gone", "killed", "alive", "app_line", "service_line")


def identify(events: pl.DataFrame, span: Span) -> Context:
    """Give every event its process instance.

    Args:
        events: `EVENT_SCHEMA`, in any order, possibly with repeated rows. Of rows without a time only kills are
            kept: the others cannot be placed.
        span: What the capture covers.
    """
    ordered = _prepared(events, span)
    told = _told(ordered, "about_pid")
    with_pid = _instances(_witnesses(ordered, told), "pid")
    names = lookup.bundle_of_name(ordered)
    resolved = lookup.resolve(ordered, with_pid, names)
    nameless = resolved.filter(
        pl.col("about_pid").is_null() & pl.any_horizontal(pl.col("key_pid", "alias").is_not_null())
    )
    later = _told(nameless, "key_pid", "key_instance", "alias", "process")
    with_pid = pl.concat([with_pid, _launches(later, with_pid)], how="diagonal_relaxed")
    without_pid = _instances(_pidless(later), "alias")
    everyone = pl.concat([with_pid, without_pid], how="diagonal_relaxed")
    apps = told.filter("app_line")["bundle"].drop_nulls().unique()
    processes = describe(everyone, apps, names)
    return Context(_owned(resolved, without_pid, processes), processes, span)


def _stands_twice() -> pl.Expr:
    """The line is in the capture already: two files that overlap. Times of whole milliseconds or seconds may be shared."""
    first = pl.struct("t", "boot_uuid", "process", "pid", "signal", "message").is_first_distinct()
    return pl.col("timed") & pl.col("message").is_not_null() & (pl.col("t") % _MILLISECOND != 0) & ~first


def _prepared(events: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Events within what their source covers, once each (also where two files of a capture tell the same lines), in time order, with ``t``, ``timed``, ``boot``, ``claim`` and the subject as the line gives it.

    A kill that is told without a time (a copied line) is kept, not before the line above it (``timed`` is false).
    """
    boot = pl.col("boot_uuid").fill_null(strategy="forward").fill_null(strategy="backward").fill_null("")
    key = ["time", "ref", "kind", "signal", "message"]
    by_line = pl.col("time").forward_fill().backward_fill()
    # Which rows, and in which order, is found on few columns: sorting and filtering copy every column of a table.
    rows = (
        events.select(*key, "boot_uuid", "process", "pid")
        .with_row_index("row")
        .filter(pl.col("kind").is_not_null() & ~coverage.outside(span))
        .unique(subset=key, keep="any")
        .sort("ref", "time", nulls_last=True)
        .with_columns(pl.col("time").is_not_null().alias("timed"), by_line.alias("time"))
        .filter(pl.col("time").is_not_null() & (pl.col("timed") | (pl.col("kind") == "process.terminated")))
        .sort(*key, nulls_last=True)
        .with_columns(pl.col("time").cast(pl.Int64).alias("t"))
        .filter(~_stands_twice())
    )
    prepared = events[rows["row"]].with_columns(rows.select("time", "timed", "t").get_columns())
    return prepared.with_columns(boot.alias("boot"), *subjects.about(prepared).get_columns(), states.claims(prepared))


def _told(events: pl.DataFrame, *more: str) -> pl.DataFrame:
    """What lines tell of their subject, and ``more`` columns of theirs."""
    kind, claim = pl.col("kind"), pl.col("claim")
    return events.select(
        *(*more, "boot", "t", "ref", "reason", "code", "host_bundle"),
        pl.col("about_bundle").alias("bundle"),
        pl.col("about_name").alias("name"),
        (kind == "process.launched").alias("launch"),
        ((claim == states.NOT_RUNNING) | states.is_report_of_death()).alias("gone"),
        ((kind == "process.terminated") & pl.col("timed")).alias("killed"),
        claim.is_in([states.FOREGROUND, states.BACKGROUND, states.ACTIVE]).alias("alive"),
        _is_app_line().alias("app_line"),
        _is_service_line().alias("service_line"),
    )


def _witnesses(events: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """One row per line and pid that it tells of, with the flags ``own`` (printed by it), ``launch``, ``gone``, …."""
    subject = told.filter(pl.col("about_pid").is_not_null()).rename({"about_pid": "pid"})
    own = [pl.lit(value=True).alias(flag) for flag in ("own", "alive")]
    printer = events.filter(pl.col("pid").is_not_null()).select(
        *("boot", "pid", "t", "ref"), pl.col("process").alias("name"), *own
    )
    host = events.filter(pl.col("host_pid").is_not_null()).select(
        *("boot", "t", "ref"), pl.col("host_pid").alias("pid"), pl.col("host_bundle").alias("bundle")
    )
    together = pl.concat([subject, printer, host], how="diagonal_relaxed")
    return together.with_columns(pl.col(flag).fill_null(value=False) for flag in _FLAGS)


def _is_app_line() -> pl.Expr:
    """The line can only be about an app: a handle ``app<bundle`` (``app<application.bundle`` on macOS) or ``application<bundle``, UIKit, CallKit, PushKit."""
    handle = pl.any_horizontal(
        pl.col("message").str.contains(pl.concat_str(pl.lit(word), pl.col("about_bundle")), literal=True)
        for word in ("app<", "application<", "app<application.")
    ).fill_null(value=False)
    # Reports of daemons carry no bundle id (Apple's .ips header).
    named = pl.col("about_bundle").is_not_null() | pl.col("subject_installed").fill_null(value=False)
    report = pl.col("signal").str.starts_with("report.") & named
    kinds = pl.col("kind").str.contains(r"^(?:app|background_task|call|ptt|push)\.")
    own = (pl.col("about_name") == pl.col("process")).fill_null(value=False) & ~subjects.is_daemon()
    return (handle | report.fill_null(value=False) | (kinds & (own | pl.col("about_bundle").is_not_null()))) & pl.col(
        "host_bundle"
    ).is_null()


def _is_service_line() -> pl.Expr:
    """The line is a report about no app: its header has a bundle id, or its path is that of an installed app, where it is.

    A list of memory has none, but tells daemons by their state (seen in a real JetsamEvent of iOS 14: ``daemon idle``).
    """
    signal = pl.col("signal")
    listed = (signal == "report.jetsam") & ~pl.col("state").str.contains(r"\bdaemon\b").fill_null(value=False)
    nameless = pl.col("about_bundle").is_null() & ~pl.col("subject_installed").fill_null(value=False)
    return signal.str.starts_with("report.").fill_null(value=False) & ~listed & nameless


def _launches(told: pl.DataFrame, with_pid: pl.DataFrame) -> pl.DataFrame:
    """Witness rows of launches that are told before the process has a pid, and so name only its bundle.

    They count at the first sign of life that follows, which is the begin of the process. Of an app that shows signs of
    life already the same line asks for something else: its scene, or to be woken.
    """
    launches = told.filter(pl.col("launch") & pl.col("key_pid").is_not_null())
    if launches.is_empty():
        return with_pid.clear()
    key = ["boot", "pid", "instance"]
    first = with_pid.group_by(key).agg(pl.col("t").min().alias("first"))
    rows = launches.drop("alias", "process").rename({"key_pid": "pid", "key_instance": "instance"})
    ahead = (pl.col("t") <= pl.col("first")) & (pl.col("first") - pl.col("t") <= lookup.LAUNCH_LEAD_NS)
    rows = rows.join(first, on=key).filter(ahead).with_columns(pl.col("first").alias("t")).drop("first")
    return rows.with_columns(
        pl.col(flag).fill_null(value=False) if flag in rows.columns else pl.lit(value=False).alias(flag)
        for flag in _FLAGS
    )


def _pidless(told: pl.DataFrame) -> pl.DataFrame:
    """Witness rows of lines whose subject has a name or a bundle but no pid."""
    own = pl.col("alias") == subjects.short_name("process").fill_null(subjects.ANONYMOUS)
    rows = told.filter(pl.col("alias").is_not_null()).with_columns(own.alias("own"))
    rows = rows.drop("process", "key_pid", "key_instance").with_columns(
        pl.col(flag).fill_null(value=False) for flag in _FLAGS
    )
    return rows.with_columns(pl.col("alive") | pl.col("own"))


def _instances(witnesses: pl.DataFrame, who: str) -> pl.DataFrame:
    """Split the lines of each (boot, ``who``) into instances: adds ``instance``, counted per boot and ``who``.

    After an exit the next sign of life is a new instance: a launch at once, anything else when the clean-up is over.
    """
    if witnesses.is_empty():
        return witnesses.with_columns(pl.lit(0, pl.UInt32).alias("instance"))
    group = ["boot", who]
    rows = witnesses.sort("t", "ref", *_FLAGS, nulls_last=True)
    exits = pl.when("gone").then(pl.col("t")).shift(1).forward_fill().over(group)
    since = pl.col("t") - pl.col("exit")
    wait = pl.when(pl.col("launch") & pl.lit(who != "pid")).then(0).otherwise(EXIT_ECHO_NS)
    before = pl.col("bundle").shift(1).forward_fill().over(group)
    rows = rows.with_columns(exits.alias("exit"), before.alias("before")).with_columns(
        (pl.col("alive") & (since > wait)).fill_null(value=False).alias("again")
    )
    first_again = pl.col("again") & (pl.col("again").cum_sum().over([*group, "exit"]) == 1)
    rows = _taken_over(rows.with_columns(first_again.alias("again")), group)
    begins = pl.col("again") | pl.col("taken_over")
    return rows.with_columns(begins.cum_sum().over(group).alias("instance")).drop(
        "exit", "before", "again", "taken_over"
    )


def _taken_over(rows: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """Mark the row where another bundle appears than the one ``before``, which is never named again: the pid was reused."""
    another = (pl.col("bundle") != pl.col("before")).fill_null(value=False)
    if not rows.select(another.any()).item():
        return rows.with_columns(pl.lit(value=False).alias("taken_over"))
    named = rows.filter(pl.col("bundle").is_not_null())
    last_named = named.group_by(*group, "bundle").agg(pl.col("t").max().alias("last_named"))
    rows = rows.join(
        last_named,
        left_on=[*group, "before"],
        right_on=[*group, "bundle"],
        how="left",
        maintain_order="left",
    )
    gone = (pl.col("last_named") < pl.col("t")).fill_null(value=False)
    return rows.with_columns((another & gone).alias("taken_over")).drop("last_named")


def _owned(resolved: pl.DataFrame, without_pid: pl.DataFrame, processes: pl.DataFrame) -> pl.DataFrame:
    """Events with ``owner``, ``app``, ``name`` and ``owner_pid``, in time order."""
    order = ["boot", "alias", "t", "ref"]
    key = processes.select("boot", "key_pid", "alias", "key_instance", "owner", "app", name="process", owner_pid="pid")
    told = resolved.select(*order, "key_pid", "key_instance", "about_bundle", "about_name")
    if not without_pid.is_empty():
        by_alias = without_pid.select(*order, pl.col("instance").alias("alias_instance")).unique(order, keep="last")
        told = told.join(by_alias, on=order, how="left", maintain_order="left").with_columns(
            pl.coalesce("key_instance", "alias_instance").alias("key_instance")
        )
    told = told.join(
        key, on=["boot", "key_pid", "alias", "key_instance"], how="left", nulls_equal=True, maintain_order="left"
    ).select(
        "key_instance",
        "owner",
        "owner_pid",
        app=pl.coalesce("app", "about_bundle"),
        name=pl.coalesce("name", pl.col("about_name").replace(subjects.ANONYMOUS, None)),
    )
    return resolved.with_columns(told.get_columns())
