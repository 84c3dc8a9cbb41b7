"""What most likely caused a glitch: facts of other tables close in time. All weights and distances are heuristic."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from traceview.episodes.intervals import NS

NEAR_NS: Final = 5 * NS
"""Facts this close to a burst may explain it (heuristic, pattern "overload with CPU pressure")."""

LATE_NS: Final = NS
"""The line of a cause may come this much after its first effect (heuristic)."""

_LOAD: Final = ("cpu", "thermal", "memory")
_WEIGHTS: Final = {
    # cause: confidence where the fact concerns the same process, and where it concerns the whole device or others
    "suspension": (0.9, 0.0),
    "interruption": (0.8, 0.3),
    "thermal": (0.7, 0.7),
    "cpu": (0.8, 0.5),
    "route_change": (0.7, 0.6),
    "memory": (0.6, 0.4),
}
_RESET_EXPLAINS_ITSELF: Final = "media_services_reset"


@dataclass(frozen=True, slots=True)
class Facts:
    """Published tables (and the state windows' suspensions) that may explain a glitch."""

    suspensions: pl.DataFrame
    interruptions: pl.DataFrame
    route_changes: pl.DataFrame
    resource_events: pl.DataFrame

    def as_rows(self) -> pl.DataFrame:
        """Return all facts: ``cause``, ``app``, ``pid``, ``start``, ``end`` (nanoseconds), ``proof``."""
        resources = self.resource_events.filter(pl.col("kind").is_in(["cpu", "thermal", "memory"]))
        named = [
            (self.suspensions, pl.lit("suspension")),
            (self.interruptions, pl.lit("interruption")),
            (self.route_changes, pl.lit("route_change")),
            (resources, pl.col("kind")),
        ]
        return pl.concat(
            [
                frame.select(
                    cause.alias("cause"),
                    pl.col("app").alias("cause_app"),
                    pl.col("pid").alias("cause_pid"),
                    pl.col("start").cast(pl.Int64).alias("cause_start"),
                    pl.col("evidence").list.head(3).alias("proof"),
                )
                for frame, cause in named
            ]
        )


def attribute(bursts: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Add ``cause``, ``cause_confidence`` and ``cause_evidence`` to the bursts; ``unknown`` where no fact is near.

    Of several causes the most confident wins; among equals the one nearest to the begin of the burst.
    """
    numbered = bursts.with_row_index("burst_row")
    rows = facts.as_rows()
    pairs = _near(numbered.select("burst_row", "start", "end", "pid", "app", "kind"), rows)
    same = (pl.col("pid") == pl.col("cause_pid")) | (pl.col("app") == pl.col("cause_app"))
    own, other = ({cause: weights[at] for cause, weights in _WEIGHTS.items()} for at in (0, 1))
    weight = (
        pl.when(same.fill_null(value=False))
        .then(pl.col("cause").replace_strict(own, default=0.0, return_dtype=pl.Float64))
        .otherwise(pl.col("cause").replace_strict(other, default=0.0, return_dtype=pl.Float64))
    )
    best = (
        pairs.with_columns(weight.alias("weight"), (pl.col("cause_start") - pl.col("start")).abs().alias("distance"))
        .filter((pl.col("weight") > 0) & (pl.col("kind") != _RESET_EXPLAINS_ITSELF))
        .sort("weight", "distance", "cause", "cause_start", descending=[True, False, False, False])
        .unique("burst_row", keep="first", maintain_order=True)
        .select(
            "burst_row", "cause", pl.col("weight").alias("cause_confidence"), pl.col("proof").alias("cause_evidence")
        )
    )
    return (
        numbered.join(best, on="burst_row", how="left", maintain_order="left")
        .with_columns(pl.col("cause").fill_null("unknown"))
        .drop("burst_row")
    )


def _near(bursts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """All pairs of a burst and a fact that may have caused it.

    Load on the processor and memory is measured over time, so it may be told late; everything else comes first.
    """
    load = rows.filter(pl.col("cause").is_in(_LOAD))
    events = rows.filter(~pl.col("cause").is_in(_LOAD))
    since = pl.col("cause_start") >= pl.col("start") - NEAR_NS
    return pl.concat(
        [
            bursts.join_where(load, since, pl.col("cause_start") <= pl.col("end") + NEAR_NS),
            bursts.join_where(events, since, pl.col("cause_start") <= pl.col("start") + LATE_NS),
        ]
    )
