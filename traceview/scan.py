"""Tables of a trace as lazy frames: only the columns and rows that a query or an export needs are kept in memory."""

from collections.abc import Iterator
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from traceview_parsers import Trace, schema


def scan(trace: Trace, table: str) -> pl.LazyFrame:
    """Return a table that is read batch by batch whenever it is collected or written.

    Raises KeyError where neither a source nor the schema knows the table.
    """
    columns = _columns(trace, table)

    def batches(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        for batch in trace.batches(table):
            frame = as_frame(batch).cast(columns)
            frame = frame if predicate is None else frame.filter(predicate)
            frame = frame if with_columns is None else frame.select(with_columns)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    return register_io_source(batches, schema=columns)


def as_frame(data: Any) -> pl.DataFrame:
    """Return an Arrow table or record batch as a frame. Raises TypeError for anything else."""
    frame = pl.from_arrow(data)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(type(data))
    return frame


def _columns(trace: Trace, table: str) -> pl.Schema:
    """Return the columns: of the schema, else (tables of Instruments that only their file describes) of the first batch."""
    if table in schema.SCHEMAS:
        return as_frame(schema.SCHEMAS[table].empty_table()).schema
    first = next(iter(trace.batches(table)), None)
    if first is None:
        raise KeyError(table)
    return as_frame(first).schema
