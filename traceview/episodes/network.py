"""Network: connections that broke, hand-over between Wi-Fi and cellular, background transfers, the push channel."""

from typing import Final

import polars as pl

from traceview.episodes import states
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

BURST_NS: Final = 5 * NS
"""An app's connections break together within this time (heuristic)."""
RESTORED_NS: Final = 60 * NS
"""A path that is back later than this belongs to another connection (heuristic)."""
BACK_NS: Final = 10 * NS
"""A process that uses its old interface again within this time uses both at once: no hand-over (heuristic)."""
RESUMED_NS: Final = 5 * NS
"""What breaks this soon after a suspension broke because of it: the system reclaims the sockets of a suspended app (Apple,
TN2277, "Networking and Multitasking"); the distance is heuristic."""
DOWN_NS: Final = 2 * NS
"""A push channel that is connected again this soon was not down: couriers are changed all the time (heuristic)."""

_SHUT: Final = "shut down"
"""Reason of RunningBoard's line about the sockets of a process that it suspends (real iOS 15/16 lines)."""
_LOST: Final = ("connection_lost", "path_lost")
_PATHS: Final = ("network.restored", "network.path_changed")


def build(context: Context, relations: Relations, calls: pl.DataFrame, suspensions: pl.DataFrame) -> pl.DataFrame:
    """Return the table ``network``.

    Args:
        context: Events and processes.
        relations: Calls and states.
        calls: The table ``calls``.
        suspensions: The table ``suspensions``.
    """
    builders = {
        ("network.lost",): _losses,
        _PATHS: _handovers,
        ("network.background_session",): _background_sessions,
        ("system.push_channel",): _push_channel,
    }
    parts = [build_part(context) for kinds, build_part in builders.items() if context.tells(*kinds)]
    if all(part.is_empty() for part in parts):
        return empty_table("network")
    rows = pl.concat(parts, how="diagonal_relaxed").with_row_index("row")
    begins = rows.select("owner", pl.col("start").alias("t"))
    rows = rows.with_columns(
        relations.in_call(rows).alias("in_call"),
        relations.state_at(begins).alias("app_state"),
        _call_of(rows, calls).alias("call"),
    )
    slept = pl.when(pl.col("kind").is_in(_LOST)).then(_after_suspension(rows, suspensions))
    return table("network", rows.with_columns(slept.alias("after_suspension")))


_WHOSE: Final = ("owner", "app", pl.col("name").alias("process"), pl.col("owner_pid").alias("pid"))


def _gathered(rows: pl.DataFrame, gap: int) -> pl.DataFrame:
    """Bursts of the lines of each ``kind`` and ``owner``, ``last`` being the time of their last line."""
    who = ["kind", "owner"]
    new = (pl.col("t") - pl.col("t").shift(1).over(who) > gap).fill_null(value=True)
    return (
        rows.sort("t", "ref")
        .with_columns(new.cum_sum().over(who).alias("burst"))
        .group_by(*who, "burst", maintain_order=True)
        .agg(
            pl.col("t").first().alias("start"),
            pl.col("t").last().alias("last"),
            *(pl.col(name).drop_nulls().first() for name in ("app", "process", "pid", "interface", "reason", "error")),
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("ref").alias("evidence"),
            pl.lit("observed").alias("start_how"),
        )
    )


def _losses(context: Context) -> pl.DataFrame:
    """Connections or whole paths lost, until a line tells that the process has a path again."""
    lost = context.of_kind("network.lost").select(
        *("t", "ref", "interface", "reason", "error", *_WHOSE),
        pl.when(pl.col("reason").str.starts_with("unsatisfied").fill_null(value=False))
        .then(pl.lit("path_lost"))
        .otherwise(pl.lit("connection_lost"))
        .alias("kind"),
    )
    bursts = _gathered(lost, BURST_NS)
    restored = context.of_kind(*_PATHS).filter(
        (pl.col("kind") == "network.restored") | (pl.col("reason") == "satisfied_change")
    )
    back = restored.filter(pl.col("owner").is_not_null()).select("owner", pl.col("t").alias("back"), back_ref="ref")
    found = (
        bursts.with_row_index("at")
        .sort("last")
        .join_asof(
            back.sort("back"),
            left_on="last",
            right_on="back",
            by="owner",
            strategy="forward",
            tolerance=RESTORED_NS,
            check_sortedness=False,
        )
        .sort("at")
        .drop("at")
    )
    proof = pl.when(pl.col("back_ref").is_not_null()).then(pl.concat_list("back_ref"))
    return found.with_columns(
        pl.coalesce("back", "last").alias("end"),
        pl.when(pl.col("back").is_not_null()).then(pl.lit("observed")).otherwise(pl.lit("inferred")).alias("end_how"),
        pl.concat_list("evidence", proof.fill_null([])).alias("evidence"),
    ).drop("last", "back", "back_ref", "burst")


def _medium(interface: pl.Expr) -> pl.Expr:
    """Wi-Fi (``en0``), cellular (``pdp_ip0``) or another interface by its own name."""
    return (
        pl.when(interface.str.starts_with("pdp_ip"))
        .then(pl.lit("cellular"))
        .when(interface.str.starts_with("en"))
        .then(pl.lit("wifi"))
        .otherwise(interface)
    )


def _handovers(context: Context) -> pl.DataFrame:
    """The connections of a process go over another medium from here on."""
    paths = (
        context.of_kind(*_PATHS)
        .filter(pl.col("interface").is_not_null() & pl.col("owner").is_not_null())
        .select(*("t", "ref", "interface", "previous_interface", "reason", *_WHOSE))
        .sort("owner", "t", "ref")
        .with_columns(_medium(pl.col("interface")).alias("medium"))
    )
    before = pl.coalesce(_medium(pl.col("previous_interface")), pl.col("medium").shift(1).over("owner"))
    following = pl.col("medium").shift(-1).over("owner")
    soon = (pl.col("t").shift(-1).over("owner") - pl.col("t") <= BACK_NS).fill_null(value=False)
    just_used = (pl.col("t") - pl.col("t").shift(1).over("owner", "medium") <= BACK_NS).fill_null(value=False)
    back = (soon & (following == pl.col("before")).fill_null(value=False)) | pl.col("just_used")
    return (
        paths.with_columns(
            before.alias("before"),
            just_used.alias("just_used"),
            pl.coalesce("previous_interface", pl.col("interface").shift(1).over("owner")).alias("previous_interface"),
            pl.concat_list(pl.col("ref").shift(1).over("owner"), "ref").alias("evidence"),
        )
        .filter((pl.col("medium") != pl.col("before")).fill_null(value=False) & ~back)
        .select(
            *("owner", "app", "process", "pid", "interface", "previous_interface", "reason", "evidence"),
            pl.lit("handover").alias("kind"),
            pl.col("t").alias("start"),
            pl.col("t").alias("end"),
            pl.lit("observed").alias("start_how"),
            pl.lit("observed").alias("end_how"),
            pl.lit(1, pl.Int64).alias("count"),
        )
    )


def _background_sessions(context: Context) -> pl.DataFrame:
    """Transfers in the background: what woke the app, or failed to."""
    told = context.of_kind("network.background_session").select(
        *("t", "ref", "interface", "reason", "error", *_WHOSE), pl.lit("background_session").alias("kind")
    )
    return (
        _gathered(told, BURST_NS)
        .with_columns(pl.col("last").alias("end"), pl.lit("observed").alias("end_how"))
        .drop("last", "burst")
    )


def _push_channel(context: Context) -> pl.DataFrame:
    """The device's connection to the push service: from a line that it is lost to the next that it is there."""
    told = context.of_kind("system.push_channel").filter(pl.col("active").is_not_null()).sort("t", "ref")
    up = pl.when("active").then(pl.col("t")).backward_fill()
    up_ref = pl.when("active").then(pl.col("ref")).backward_fill()
    turn = pl.col("active").cast(pl.Int32).cum_sum()
    # A last word "down" proves nothing if the log ends at once.
    lasted = pl.coalesce("up", pl.lit(context.span.end)) - pl.col("start") > DOWN_NS
    return (
        told.with_columns(up.alias("up"), up_ref.alias("up_ref"), turn.alias("turn"))
        .filter(~pl.col("active"))
        .group_by("turn", maintain_order=True)
        .agg(
            pl.col("t").first().alias("start"),
            pl.col("up", "up_ref").first(),
            *(pl.col(name).drop_nulls().first() for name in ("reason", "error")),
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("ref").alias("evidence"),
        )
        .filter(lasted)
        .select(
            *("start", "reason", "error", "count"),
            pl.lit("push_channel_down").alias("kind"),
            *(pl.lit(None, pl.Int64).alias(name) for name in ("owner", "pid")),
            pl.lit(None, pl.String).alias("app"),
            pl.col("up").alias("end"),
            pl.concat_list("evidence", pl.concat_list("up_ref").list.drop_nulls()).alias("evidence"),
            pl.lit("observed").alias("start_how"),
            pl.when(pl.col("up").is_null()).then(pl.lit("capture_edge")).otherwise(pl.lit("observed")).alias("end_how"),
        )
    )


def _call_of(rows: pl.DataFrame, calls: pl.DataFrame) -> pl.Series:
    """The first call of the same app (of any, where the row has none) that the row touches."""
    windows = calls.select(
        "id", call_app="app", begun=pl.col("start").cast(pl.Int64), over=pl.col("end").cast(pl.Int64)
    )
    pairs = rows.select("row", "app", "start", last=pl.coalesce("end", "start")).join_where(
        windows, pl.col("start") <= pl.col("over").fill_null(1 << 62), pl.col("last") >= pl.col("begun")
    )
    mine = pl.col("app").is_null() | (pl.col("app") == pl.col("call_app")).fill_null(value=False)
    first = pairs.filter(mine).sort("begun", "id").unique("row", keep="first").select("row", "id")
    return rows.join(first, on="row", how="left", maintain_order="left")["id"]


def _after_suspension(rows: pl.DataFrame, suspensions: pl.DataFrame) -> pl.Expr:
    """Whether the process was suspended when it happened, had just come back, or RunningBoard shut its sockets down."""
    slept = suspensions.filter(pl.col("pid").is_not_null()).select(
        "pid", since=pl.col("start").cast(pl.Int64), until=pl.col("end").cast(pl.Int64)
    )
    pairs = rows.select("row", "start", its="pid").join_where(
        slept,
        pl.col("its") == pl.col("pid"),
        pl.col("start") >= pl.col("since"),
        pl.col("start") <= pl.col("until").fill_null(1 << 62) + RESUMED_NS,
    )
    suspended = (pl.col("app_state") == states.SUSPENDED).fill_null(value=False)
    shut = pl.col("reason").str.contains(_SHUT, literal=True).fill_null(value=False)
    return suspended | shut | pl.col("row").is_in(pairs["row"].unique().implode())
