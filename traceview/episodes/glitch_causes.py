"""What most likely caused a glitch: facts close in time, those that speak for it and those against.

All weights and distances are heuristic.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct

from traceview.episodes.intervals import NS, in_seconds
from traceview.episodes.tables import Context
from traceview.signals.heat import PRESSURE

NEAR_NS: Final = 5 * NS
"""Facts this close to a burst may explain it (heuristic, pattern "overload with CPU pressure")."""

LATE_NS: Final = NS
"""The line of a cause may come this much after its first effect (heuristic)."""

_LOAD: Final = ("cpu", "thermal", "memory")
_WEIGHTS: Final = {
    # cause: confidence where the fact concerns the same process, and where it concerns the whole device or others
    "suspension": (0.9, 0.0),
    "interruption": (0.8, 0.3),
    "preemption": (0.8, 0.0),
    "thermal": (0.7, 0.7),
    "cpu": (0.8, 0.5),
    "route_change": (0.7, 0.6),
    "memory": (0.6, 0.4),
}
_LASTING_WEIGHT: Final = {"thermal": 0.6, "cpu": 0.3}
"""Confidence of conditions that explain what happens while they last: heat, Low Power Mode (a lower clock of the processor)."""
_RESET_EXPLAINS_ITSELF: Final = "media_services_reset"
_NAMED: Final = 3
"""So many facts of a kind are named."""
_NOUNS: Final = {
    "suspension": "suspension",
    "interruption": "interruption",
    "preemption": "preemption of the audio thread",
    "thermal": "heat",
    "cpu": "lack of CPU time",
    "route_change": "route change",
    "memory": "memory pressure",
}


LOW_POWER: Final = "Low Power Mode was on"
"""How `facts_for` names a device that saves power."""
_LIKELY: Final = 0.5
"""A cause less sure than this is a possible one, not the most likely one (heuristic)."""


def cause_in_words(glitch: Mapping[str, Any]) -> str | None:
    """Return the cause of a row of ``glitches`` with the facts that speak for it, or None where it is not known.

    For example ``possible cause: lack of CPU time (30 % sure; Low Power Mode was on for 38.3 s by then)``.
    """
    cause = glitch["cause"]
    if cause in {None, "unknown"}:
        return None
    sure = glitch["cause_confidence"]
    said = "most likely" if (sure or 0.0) >= _LIKELY else "possible"
    told = [None if sure is None else f"{100 * sure:.0f} % sure", glitch.get("facts_for")]
    doubt = "; ".join(part for part in told if part)
    return f"{said} cause: {_NOUNS.get(cause, cause)}" + (f" ({doubt})" if doubt else "")


class Facts(Struct, frozen=True):
    """Published tables (and the state windows' suspensions) that may explain a glitch.

    Attributes:
        preemptions: Events that tell that an audio thread was ready to run and did not.
        told: Kinds of event that the capture has: only what could have been told can be missing.
    """

    suspensions: pl.DataFrame
    interruptions: pl.DataFrame
    route_changes: pl.DataFrame
    resource_events: pl.DataFrame
    conditions: pl.DataFrame
    preemptions: pl.DataFrame
    told: frozenset[str]

    @classmethod
    def of(cls, made: dict[str, pl.DataFrame], context: Context) -> Self:
        """Return the facts that these tables and the events tell."""
        return cls(
            made["suspensions"],
            made["interruptions"],
            made["route_changes"],
            made["resource_events"],
            made["conditions"],
            context.of_kind("audio_io.preempted"),
            frozenset(context.events["kind"].unique()),
        )

    def as_rows(self) -> pl.DataFrame:
        """Return all facts: ``cause``, ``cause_app``, ``cause_pid``, ``cause_start``, ``cause_end`` (nanoseconds), ``what``, ``lasting``, ``proof``."""
        resources = self.resource_events.filter(pl.col("kind").is_in(["cpu", "thermal", "memory"]))
        level = pl.coalesce("level", pl.lit(""))
        named = [
            (self.suspensions, pl.lit("suspension"), pl.lit("the app was suspended")),
            (
                self.interruptions,
                pl.lit("interruption"),
                pl.lit("interruption") + pl.coalesce(pl.lit(" by ") + pl.col("interrupter"), pl.lit("")),
            ),
            (
                self.route_changes,
                pl.lit("route_change"),
                pl.lit("route change")
                + pl.coalesce(
                    pl.lit(" to ") + pl.col("route"), pl.lit(" (") + pl.col("reason") + pl.lit(")"), pl.lit("")
                ),
            ),
            (
                resources,
                pl.col("kind"),
                (pl.col("kind").replace({"cpu": "CPU"}) + pl.lit(" ") + level).str.strip_chars(),
            ),
        ]
        moments = pl.concat(
            [
                _fact(frame, cause, what, pl.col("start").cast(pl.Int64), pl.lit(value=False))
                for frame, cause, what in named
            ]
        )
        threads = self.preemptions.select(
            cause=pl.lit("preemption"),
            cause_app="app",
            cause_pid="owner_pid",
            cause_start="t",
            cause_end=(pl.col("t") + (pl.col("duration_s").fill_null(0.0) * NS).cast(pl.Int64)),
            what=pl.format(
                "audio thread waited for a core for {} ms", (pl.col("duration_s").fill_null(0.0) * 1e3).round(1)
            ),
            lasting=pl.lit(value=False),
            proof=pl.concat_list("ref"),
        )
        return pl.concat([moments, threads, self._lasting()])

    def _lasting(self) -> pl.DataFrame:
        """Heat above nominal and Low Power Mode, for as long as they last."""
        hot = (pl.col("kind") == "thermal") & ((pl.col("value") > 0) | (pl.col("level") == "critical"))
        saving = (pl.col("kind") == "low_power") & (pl.col("level") == "on")
        chosen = self.conditions.filter((hot | saving).fill_null(value=False))
        level = pl.col("value").round(0).cast(pl.Int64)
        named = level.replace_strict(PRESSURE, default=None, return_dtype=pl.String) + pl.lit(" heat")
        numbered = pl.format("{} (thermal pressure {})", named.fill_null("heat"), level)
        heat = pl.when(pl.col("value").is_null()).then(pl.col("level") + pl.lit(" heat")).otherwise(numbered)
        is_heat = pl.col("kind") == "thermal"
        return _fact(
            chosen,
            pl.when(is_heat).then(pl.lit("thermal")).otherwise(pl.lit("cpu")),
            pl.when(is_heat).then(heat).otherwise(pl.lit(LOW_POWER)),
            pl.col("start").cast(pl.Int64),
            pl.lit(value=True),
        )


def _fact(frame: pl.DataFrame, cause: pl.Expr, what: pl.Expr, start: pl.Expr, lasting: pl.Expr) -> pl.DataFrame:
    return frame.filter(pl.col("start").is_not_null()).select(
        cause.cast(pl.String).alias("cause"),
        pl.col("app").alias("cause_app"),
        pl.col("pid").alias("cause_pid"),
        start.alias("cause_start"),
        pl.col("end").cast(pl.Int64).alias("cause_end"),
        what.cast(pl.String).alias("what"),
        lasting.alias("lasting"),
        pl.col("evidence").list.head(3).alias("proof"),
    )


def attribute(bursts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Add ``cause``, ``cause_confidence``, ``cause_evidence`` and the facts for and against to the bursts.

    ``unknown`` where no fact is near. Of several causes the most confident wins; among equals the one nearest to the
    begin of the burst. ``cause_evidence`` proves each fact that ``facts_for`` names.
    """
    numbered = bursts.with_row_index("burst_row")
    pairs = _near(numbered.select("burst_row", "start", "end", "pid", "app", "kind"), facts.as_rows())
    same = (pl.col("pid") == pl.col("cause_pid")) | (pl.col("app") == pl.col("cause_app"))
    own, other = ({cause: weights[at] for cause, weights in _WEIGHTS.items()} for at in (0, 1))
    weight = (
        pl.when("lasting")
        .then(pl.col("cause").replace_strict(_LASTING_WEIGHT, default=0.0, return_dtype=pl.Float64))
        .when(same.fill_null(value=False))
        .then(pl.col("cause").replace_strict(own, default=0.0, return_dtype=pl.Float64))
        .otherwise(pl.col("cause").replace_strict(other, default=0.0, return_dtype=pl.Float64))
    )
    # A suspension gap is one by itself, and stands first.
    given = numbered.filter(pl.col("kind") == "suspension_gap").select("burst_row", given=pl.lit("suspension"))
    ranked = (
        pairs.with_columns(weight.alias("weight"), (pl.col("cause_start") - pl.col("start")).abs().alias("distance"))
        .filter((pl.col("weight") > 0) & (pl.col("kind") != _RESET_EXPLAINS_ITSELF))
        .join(given, on="burst_row", how="left")
        .with_columns((pl.col("cause") == pl.col("given")).fill_null(value=False).alias("is_given"))
        .sort(
            "is_given",
            "weight",
            "distance",
            "cause",
            "cause_start",
            "what",
            descending=[True, True, False, False, False, False],
        )
    )
    best = ranked.unique("burst_row", keep="first", maintain_order=True).select(
        "burst_row", "cause", pl.col("weight").alias("cause_confidence")
    )
    told = numbered.join(best, on="burst_row", how="left", maintain_order="left").with_columns(
        pl.col("cause").fill_null("unknown")
    )
    return _with_sides(told, ranked, facts).drop("burst_row")


def _with_sides(told: pl.DataFrame, ranked: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Add what speaks for and against the chosen cause."""
    chosen = told.select("burst_row", chosen="cause")
    worded = ranked.join(chosen, on="burst_row").with_columns(
        (pl.col("what") + pl.lit(" ") + _distance()).alias("sentence"),
        (pl.col("cause") == pl.col("chosen")).alias("supports"),
    )
    worded = worded.unique(["burst_row", "supports", "sentence"], keep="first", maintain_order=True)
    sides = worded.group_by("burst_row", maintain_order=True).agg(
        _some(pl.col("sentence").filter("supports")).alias("facts_for"),
        _some(pl.col("sentence").filter(~pl.col("supports"))).alias("others"),
        _proofs(pl.col("supports")).alias("cause_evidence"),
        _proofs(~pl.col("supports")).alias("against_evidence"),
        (pl.col("cause_start") - pl.col("start")).filter("supports").min().alias("late"),
    )
    late = pl.when((pl.col("late") > 0) & (pl.col("cause") != "unknown")).then(
        pl.format("it began {} s before the first line about that", in_seconds(pl.col("late")).round(3))
    )
    absent = pl.when(pl.col("kind") != _RESET_EXPLAINS_ITSELF).then(_absent(facts))
    return told.join(sides, on="burst_row", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("facts_for").str.len_chars() > 0).then(pl.col("facts_for")).alias("facts_for"),
        _joined(pl.when(pl.col("others").str.len_chars() > 0).then(pl.col("others")), late, absent).alias(
            "facts_against"
        ),
    )


def _joined(*parts: pl.Expr) -> pl.Expr:
    text = pl.concat_str(parts, separator="; ", ignore_nulls=True)
    return pl.when(text.str.len_chars() > 0).then(text)


def _some(sentences: pl.Expr) -> pl.Expr:
    return sentences.head(_NAMED).str.join("; ")


def _proofs(told: pl.Expr) -> pl.Expr:
    """Expression: the lines behind the sentences that `_some` names."""
    return pl.col("proof").filter(told).head(_NAMED).explode().drop_nulls()


def _distance() -> pl.Expr:
    """How far the begin of the fact lies from that of the burst, in words."""
    away = in_seconds((pl.col("cause_start") - pl.col("start")).abs()).round(3)
    return (
        pl.when(away == 0)
        .then(pl.lit("at the same moment"))
        .when("lasting")
        .then(pl.format("for {} s by then", away))
        .when(pl.col("cause_start") <= pl.col("start"))
        .then(pl.format("{} s before", away))
        .otherwise(pl.format("{} s after its begin", away))
    )


_TELLERS: Final = {
    "route_change": ("audio_session.route_changed",),
    "interruption": ("audio_session.interrupted",),
    "cpu": ("resource.cpu",),
    "thermal": ("resource.thermal",),
    "memory": ("resource.memory",),
    "preemption": ("audio_io.preempted",),
}


def _absent(facts: Facts) -> pl.Expr:
    """What the capture tells of at other times, but not here, where the cause is unknown."""
    could = [_NOUNS[cause] for cause, kinds in _TELLERS.items() if facts.told & set(kinds)]
    text = f"no {', '.join(could)} within {NEAR_NS // NS} s" if could else None
    return pl.when(pl.col("cause") == "unknown").then(pl.lit(text, pl.String))


def _near(bursts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """All pairs of a burst and a fact that may have caused it.

    Load on the processor and memory is measured over time, so it may be told late; everything else comes first.
    """
    lasting = rows.filter("lasting")
    moments = rows.filter(~pl.col("lasting"))
    load = moments.filter(pl.col("cause").is_in(_LOAD))
    events = moments.filter(~pl.col("cause").is_in(_LOAD))
    since = pl.col("cause_start") >= pl.col("start") - NEAR_NS
    return pl.concat(
        [
            bursts.join_where(load, since, pl.col("cause_start") <= pl.col("end") + NEAR_NS),
            bursts.join_where(events, since, pl.col("cause_start") <= pl.col("start") + LATE_NS),
            bursts.join_where(
                lasting,
                pl.col("cause_start") <= pl.col("end"),
                pl.col("cause_end").fill_null(1 << 62) >= pl.col("start"),
            ),
        ]
    )
