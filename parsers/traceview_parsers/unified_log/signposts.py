"""The ``signposts`` table: begins and ends of the same interval become one row.

Apple, "Recording Performance Data": a begin and an end belong together when they have the same log handle (subsystem and
category), name and signpost id, within the scope: one thread, one process, or the whole system.
"""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl
import pyarrow as pa

from traceview_parsers.schema import SCHEMAS
from traceview_parsers.selection import Clause, Selection

SELECTION: Final = Selection((Clause(events=frozenset({"signpost"})),))
"""The rows of ``log`` that the table is made of."""

_COPIED: Final = ("ref", "time", "process", "pid", "tid", "subsystem", "category", "signpost_id", "message", "format")
_RENAMED: Final = {"name": "signpost_name", "type": "signpost_type", "scope": "signpost_scope"}
_OWNER: Final = ("boot_uuid", "scope", "subsystem", "category", "name", "signpost_id")


def pair_signposts(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the ``signposts`` table of the signposts among these ``log`` batches, in the order of time, as one batch.

    An interval has ``time`` and ``ref`` of its begin, and the messages of both. Begins and ends without their other half
    (cut off, or lost) stay as ``begin`` and ``end``.
    """
    found = [batch for batch in batches if batch.num_rows]
    if not found:
        return
    rows = pl.DataFrame(pl.from_arrow(pa.Table.from_batches(found)))
    frame = rows.select(*_COPIED, "boot_uuid", **{name: pl.col(column) for name, column in _RENAMED.items()})
    texts = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Categorical | pl.Enum)]
    frame = frame.with_columns(pl.col(texts).cast(pl.String)).sort("time", "ref")
    table = _paired(frame).sort("time", "ref").to_arrow()
    schema = SCHEMAS["signposts"]
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    yield from pa.Table.from_arrays(columns, schema=schema).combine_chunks().to_batches()


def _paired(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with begins and the ends that follow them joined; `frame` is in the order of time."""
    scope = pl.col("scope")
    key = (
        *_OWNER,
        pl.when(scope != "system").then(pl.col("pid")).alias("owner_pid"),
        pl.when(scope == "thread").then(pl.col("tid")).alias("owner_tid"),
    )
    edges = frame.filter(pl.col("type").is_in(["begin", "end"])).with_columns(
        before=pl.col("type").shift(1).over(key),
        after=pl.col("type").shift(-1).over(key),
        end=pl.col("time").shift(-1).over(key),
        end_message=pl.col("message").shift(-1).over(key),
    )
    kind = pl.col("type")
    begins = (kind == "begin") & (pl.col("after") == "end").fill_null(value=False)
    intervals = edges.filter(begins).with_columns(
        type=pl.lit("interval"),
        duration_ns=(pl.col("end") - pl.col("time")).dt.total_nanoseconds(),
        message=pl.concat_str("message", "end_message", separator="\n", ignore_nulls=True).str.strip_chars("\n"),
    )
    used = begins | ((kind == "end") & (pl.col("before") == "begin").fill_null(value=False))
    alone = edges.filter(~used).drop("end", "end_message")
    events = frame.filter(~pl.col("type").is_in(["begin", "end"]) | pl.col("type").is_null())
    return pl.concat([intervals, alone, events], how="diagonal")
