"""Glitches: bursts of audio trouble, in which call and state they fell, and what most likely caused them."""

from typing import Final

import polars as pl

from traceview.episodes import audio_io, glitch_causes
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, table

BURST_GAP_NS: Final = 10 * NS
"""A pause longer than this begins a new burst (heuristic, as the pattern's thresholds per 10 s)."""
RESTART_NS: Final = 5 * NS
"""IO that starts again this soon after it stopped was restarted, not started anew (heuristic)."""

_KIND: Final = {
    "audio_io.overload": "overload",
    "audio_io.failed": "io_failed",
    "audio_io.stalled": "stalled",
    "audio_io.format_changed": "format_change",
}
_RESET: Final = "media_services_reset"
_NO_FIGURE: Final = 1


def build(
    context: Context,
    relations: Relations,
    facts: glitch_causes.Facts,
    silences: pl.DataFrame,
    resets: pl.DataFrame,
) -> pl.DataFrame:
    """Return the table ``glitches``.

    Lines of the audio server name no client: they belong to the app in whose call they fall, if there is one.

    Args:
        context: Events and processes.
        relations: Calls and states.
        facts: What may have caused them.
        silences: Further bursts: silence and gaps (`gaps_in_audio`).
        resets: Ends of the audio server (`audio_server.resets`), with ``belated``: told when they had long been over.
    """
    if silences.is_empty() and resets.is_empty() and not context.tells(*_KIND, "audio_io.stopped"):
        return empty_table("glitches")
    told = [_told(context), _restarts(context), _resets(resets)]
    troubles = pl.concat(told, how="diagonal_relaxed").sort("t", "ref", "kind")
    if silences.is_empty() and troubles.is_empty():
        return empty_table("glitches")
    bursts = pl.concat([_bursts(troubles), silences], how="diagonal_relaxed")
    # Nobody knows in which call a reset fell that is told late.
    belated = pl.col("belated").fill_null(value=False)
    calling = pl.when(~belated).then(relations.calling_app(bursts))
    bursts = bursts.with_columns(pl.coalesce("app", calling).alias("app"))
    bursts = bursts.with_columns(relations.in_call(bursts).alias("in_call")).with_columns(pl.col("in_call") & ~belated)
    at_start = bursts.select("owner", pl.col("start").alias("t"))
    bursts = bursts.with_columns(relations.state_at(at_start).alias("app_state"))
    # A hardware format may change at any time; it is a glitch only where somebody listens.
    bursts = bursts.filter((pl.col("kind") != "format_change") | pl.col("in_call"))
    return table("glitches", glitch_causes.attribute(bursts, facts))


def _told(context: Context) -> pl.DataFrame:
    """Lines that tell of trouble: ``t``, ``ref``, ``kind``, ``owner``, ``app``, ``process``, ``pid``, ``device``, ``count``."""
    return context.of_kind(*_KIND).select(
        *("t", "ref", "device", "owner", "app"),
        pl.col("kind").replace_strict(_KIND, default=None),
        pl.col("name").alias("process"),
        pl.col("owner_pid").alias("pid"),
        pl.col("count").fill_null(_NO_FIGURE).clip(lower_bound=1),
    )


def _resets(told: pl.DataFrame) -> pl.DataFrame:
    """Lines of a reset, which concerns everybody: as `_told`, of no process, with ``teller`` and ``belated``."""
    return told.select(
        *("t", "ref", "device", "belated"),
        pl.lit(_RESET).alias("kind"),
        pl.col("count").fill_null(_NO_FIGURE).clip(lower_bound=1),
        pl.struct("process", "pid", "signal", "reason").alias("teller"),
    )


def _restarts(context: Context) -> pl.DataFrame:
    """IO units of one process that start again soon after they stopped, at the second start."""
    units = context.of_kind("audio_io.started", "audio_io.stopped").filter(
        pl.col("owner").is_not_null() & audio_io.changes()
    )
    stopped = pl.col("kind") == "audio_io.stopped"
    started_before = (~stopped).cast(pl.Int32).cum_sum().over("owner") > 0
    previous_stop = pl.when(stopped & started_before).then(pl.col("t")).shift(1).over("owner")
    return (
        units.with_columns(previous_stop.alias("stopped_at"))
        .filter(~stopped & (pl.col("t") - pl.col("stopped_at") <= RESTART_NS))
        .select(
            *("t", "ref", "device", "owner", "app"),
            pl.lit("io_restart").alias("kind"),
            pl.col("name").alias("process"),
            pl.col("owner_pid").alias("pid"),
            pl.lit(_NO_FIGURE, pl.Int64).alias("count"),
        )
    )


def _bursts(troubles: pl.DataFrame) -> pl.DataFrame:
    """Gather the lines of each kind and process into bursts with their counts.

    Client and server may print one missed deadline each; they stay apart, since the server's line names no client.
    """
    who = ["kind", "owner"]
    new = (pl.col("t") - pl.col("t").shift(1).over(who) > BURST_GAP_NS).fill_null(value=True)
    numbered = _resets_once(troubles.with_columns(new.cum_sum().over(who).alias("burst")), [*who, "burst"])
    peaks = _peaks(numbered, [*who, "burst"])
    return (
        numbered.group_by(*who, "burst", maintain_order=True)
        .agg(
            pl.col("t").min().alias("start"),
            pl.col("t").max().alias("end"),
            *(pl.col(name).drop_nulls().first() for name in ("app", "process", "pid", "device")),
            pl.col("count").sum(),
            pl.col("belated").fill_null(value=False).all(),
            pl.col("ref").alias("evidence"),
            pl.lit("observed").alias("start_how"),
            pl.lit("observed").alias("end_how"),
        )
        .join(peaks, on=[*who, "burst"], how="left", nulls_equal=True, maintain_order="left")
    )


def _resets_once(numbered: pl.DataFrame, burst: list[str]) -> pl.DataFrame:
    """Count a reset of the audio server once, however many tell of it (lost, back, by each app): as often as one witness says the same."""
    if numbered["teller"].is_null().all():
        return numbered
    nth = pl.int_range(1, pl.len() + 1).over([*burst, "teller"])
    before = pl.col("nth").cum_max().shift(1, fill_value=0).over(burst)
    again = (pl.col("nth") > before).cast(pl.Int64)
    return numbered.with_columns(nth.alias("nth")).with_columns(
        pl.when(pl.col("teller").is_null()).then("count").otherwise(again).alias("count")
    )


def _peaks(numbered: pl.DataFrame, burst: list[str]) -> pl.DataFrame:
    """Most troubles within any 10 s of each burst: for each line, what has been counted since 10 s before."""
    window = numbered.with_row_index("row").with_columns(
        pl.col("count").cum_sum().over(burst).alias("through"), (pl.col("t") - BURST_GAP_NS).alias("since")
    )
    keyed = window.with_columns(
        pl.concat_str([pl.col(name).cast(pl.String) for name in burst], separator=" ", ignore_nulls=True).alias("key")
    )
    earlier = keyed.select("key", "t", pl.col("through").alias("before")).unique(
        ["key", "t"], keep="last", maintain_order=True
    )
    found = keyed.sort("since", "row").join_asof(
        earlier.sort("t"),
        left_on="since",
        right_on="t",
        by="key",
        check_sortedness=False,
        allow_exact_matches=False,
        suffix="_earlier",
    )
    recent = pl.col("through") - pl.col("before").fill_null(0)
    return found.group_by(burst, maintain_order=True).agg(recent.max().alias("peak_per_10s"))
