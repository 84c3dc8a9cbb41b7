"""Under what conditions an app or the device ran: role, priorities, limits, heat, Low Power Mode, over time."""

from typing import Final

import polars as pl

from traceview.episodes import states
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

_DEVICE: Final = ("thermal", "low_power")
_MEGABYTE: Final = float(1 << 20)
"""RunningBoard prints memory limits in MB (real iOS 16 to 26 lines)."""
_TOLD: Final[dict[str, pl.DataType]] = {
    "t": pl.Int64(),
    "ref": pl.UInt64(),
    "owner": pl.Int64(),
    "app": pl.String(),
    "name": pl.String(),
    "owner_pid": pl.Int64(),
    "kind": pl.String(),
    "level": pl.String(),
    "value": pl.Float64(),
}
_PRESSURE: Final = ("thermal pressure", "critical")
_KINDS: Final = (
    "process.priority",
    "process.state",
    "resource.memory",
    "resource.thermal",
    "resource.power",
    "resource.low_power",
)


def build(context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``conditions``: each window lasts until the next of its kind, at most to the process's end."""
    if not context.tells(*_KINDS):
        return empty_table("conditions")
    told = _told(context.of_kind(*_KINDS))
    if told.is_empty():
        return empty_table("conditions")
    who = ["kind", "key"]
    said = pl.struct("level", "value")
    changed = (said != said.shift(1)).over(who).fill_null(value=True)
    rows = (
        told.sort("t", "ref", "kind")
        .with_columns(changed.cum_sum().over(who).alias("run"))
        .group_by(*who, "run", maintain_order=True)
        .agg(
            pl.col("t").first().alias("start"),
            pl.col("owner", "app", "name", "owner_pid", "level", "value").first(),
            pl.col("ref").alias("evidence"),
        )
        .with_columns(pl.col("start").shift(-1).over(who).alias("next"))
    )
    life = context.processes.select("owner", left="end")
    rows = rows.join(life, on="owner", how="left", maintain_order="left")
    # Daemons speak of a process for a while after its end: that is no condition that it ran under.
    rows = rows.filter((pl.col("start") <= pl.col("left")).fill_null(value=True))
    left = pl.col("left")
    end = pl.min_horizontal("next", left)
    rows = rows.with_columns(
        end.alias("end"),
        pl.lit("observed").alias("start_how"),
        pl.when(end.is_null())
        .then(pl.lit("capture_edge"))
        .when((pl.col("next") <= left.fill_null(pl.col("next"))).fill_null(value=False))
        .then(pl.lit("observed"))
        .otherwise(pl.lit("inferred"))
        .alias("end_how"),
        pl.col("name").alias("process"),
        pl.col("owner_pid").alias("pid"),
    )
    return table("conditions", rows.with_columns(relations.in_call(rows).alias("in_call")))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each condition that a line tells: ``t``, ``ref``, ``kind``, ``key``, ``level``, ``value``, whose it is."""
    of_priority = pl.col("kind") == "process.priority"
    gone = (pl.col("claim") == states.NOT_RUNNING).fill_null(value=False)
    role = pl.col("role").str.contains(r"^[A-Za-z]") & ~gone
    limit = of_priority & (pl.col("reason") == "CPU limit")
    memory = (
        (pl.col("kind") == "resource.memory")
        & pl.col("limit").is_not_null()
        & pl.col("reason").fill_null("active").str.to_lowercase().str.contains("active")
    )
    heat = (pl.col("kind") == "resource.thermal") & (
        pl.col("reason").is_in(_PRESSURE) | (pl.col("reason").is_null() & pl.col("value").is_not_null())
    )
    mode = (pl.col("kind") == "resource.low_power") | (
        (pl.col("kind") == "resource.power") & pl.col("reason").str.starts_with("low power mode")
    )
    on_off = pl.when("active").then(pl.lit("on")).when(~pl.col("active")).then(pl.lit("off"))
    nothing, no_text = pl.lit(None, pl.Float64), pl.lit(None, pl.String)
    window = pl.format("{} % over {} s", pl.col("limit").round(3), pl.col("duration_s").round(3))
    parts = (
        ("darwin_role", of_priority & role, pl.col("role"), nothing),
        ("role", role & (pl.col("kind") == "process.state"), pl.col("role"), nothing),
        ("cpu_priority", of_priority & pl.col("role").is_not_null() & ~role, pl.col("role"), nothing),
        ("jetsam_priority", of_priority & pl.col("priority").is_not_null(), no_text, pl.col("priority")),
        ("cpu_limit", limit, window, pl.col("limit")),
        ("cpu_limit", of_priority & (pl.col("reason") == "no CPU limit"), pl.lit("none"), nothing),
        ("jetsam_lenient", of_priority & (pl.col("reason") == "jetsam lenient mode"), on_off, nothing),
        ("memory_limit", memory, pl.col("reason"), pl.col("limit") * _MEGABYTE),
        ("thermal", heat, pl.col("reason"), pl.col("value")),
        ("low_power", mode & pl.col("active").is_not_null(), on_off, nothing),
    )
    holds = rows.select(condition.fill_null(value=False).alias(str(at)) for at, (_, condition, *_) in enumerate(parts))
    whose = ("t", "ref", "owner", "app", "name", "owner_pid")
    told = pl.concat(
        [
            pl.DataFrame(schema=_TOLD),
            *(
                rows.filter(holding).select(*whose, kind=pl.lit(kind), level=level, value=value.cast(pl.Float64))
                for holding, (kind, _, level, value) in zip(holds, parts, strict=True)
                if holding.any()
            ),
        ]
    )
    device = pl.col("kind").is_in(_DEVICE)
    return (
        told.filter(device | pl.col("owner").is_not_null())
        .with_columns(pl.when(~device).then(pl.col(name)).alias(name) for name in ("owner", "app", "name", "owner_pid"))
        .with_columns(pl.col("owner").fill_null(-1).alias("key"))
    )
