"""Columns of the table ``witnesses``."""

from typing import Final

import polars as pl

TIME: Final = pl.Datetime("ns", "UTC")

WITNESS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "lane": pl.String(),  # app_state, cpu, network, thermal, lock, shown, route, battery, device, call, push, …
    "kind": pl.String(),  # class within the lane: suspended, locked, Speaker, …
    "app": pl.String(),  # bundle id; null: the device, or all apps that were not analysed
    "process": pl.String(),
    "pid": pl.Int64(),
    "start": TIME,
    "end": TIME,  # that of the start where the source tells of a moment
    "end_known": pl.Boolean(),  # false: the source falls silent there without saying that it ended
    "value": pl.Float64(),  # cpu: percent of a core; battery: percent; network: bytes
    "route": pl.String(),  # of audio
    "text": pl.String(),  # what else the row says: figures, codes and fixed words
    "explanation": pl.String(),  # free text of the source
    "source": pl.String(),  # path inside the capture
    "clock": pl.String(),  # how the source's times became UTC, and how sure that is
    "ref": pl.UInt64(),
}
"""Times are UTC nanoseconds; `start` is never null."""


def windows(frame: pl.DataFrame | pl.LazyFrame, lane: str, **columns: pl.Expr) -> pl.DataFrame:
    """Return rows of one lane with all columns; those that are neither given nor in `frame` are null.

    So is a `value` that is no finite number: neither a bar nor JSON can show it.

    Args:
        frame: Any columns of `WITNESS_SCHEMA`, and what `columns` needs.
        lane: Name of the lane.
        columns: Expressions by column.
    """
    eager = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    made = eager.with_columns(lane=pl.lit(lane), **columns)
    missing = {name: pl.lit(None, kind) for name, kind in WITNESS_SCHEMA.items() if name not in made.columns}
    typed = made.with_columns(**missing).select(pl.col(name).cast(kind) for name, kind in WITNESS_SCHEMA.items())
    return typed.with_columns(pl.when(pl.col("value").is_finite()).then("value"))
