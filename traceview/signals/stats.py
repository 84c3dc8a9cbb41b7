"""What the catalogue does not know: counts and frequent unrecognised shapes of the processes that it watches.

A help for extending the catalogue: a shape is a message with its numbers, addresses, identifiers and quoted texts masked.
"""

from typing import Any, Final

import polars as pl

from traceview.signals.catalogue import Catalogue, catalogue
from traceview.signals.matcher import MAX_MESSAGE, match

SHAPE_LENGTH: Final = 200
"""Characters of a shape that are kept: enough to tell shapes apart in a table."""

_MASKS: Final = (
    (r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}", "<uuid>"),
    (r"0x[0-9A-Fa-f]+", "<hex>"),
    (r"\"[^\"]*\"", '"<text>"'),
    (r"<[a-z]+<[^<>]*>[^\s]*", "<identity>"),
    (r"[0-9]+(?:[.,][0-9]+)*", "<n>"),
    (r"\s+", " "),
)  # fmt: skip

COUNTS: Final[dict[str, pl.DataType]] = {
    "process": pl.String(),
    "rows": pl.UInt64(),
    "recognised": pl.UInt64(),
    "unrecognised": pl.UInt64(),
}
SHAPES: Final[dict[str, pl.DataType]] = {
    "process": pl.String(),
    "shape": pl.String(),
    "rows": pl.UInt64(),
    "first_ref": pl.UInt64(),
}


def watched(using: Catalogue | None = None) -> frozenset[str]:
    """Return the processes for which the catalogue has signals of their own."""
    return frozenset(name for signal in (using or catalogue()).signals for name in signal.processes)


def count(log: Any, using: Catalogue | None = None) -> pl.DataFrame:
    """Count rows by process: ``rows``, ``recognised``, ``unrecognised``, most rows first.

    Args:
        log: Rows of the ``log`` schema (Arrow or polars).
        using: Another catalogue than the built-in one.
    """
    rows = _rows(log, using)
    counted = rows.group_by("process").agg(rows=pl.len(), recognised=pl.col("signal").is_not_null().sum())
    counted = counted.with_columns(unrecognised=pl.col("rows") - pl.col("recognised"))
    return counted.sort(["rows", "process"], descending=[True, False]).select(
        pl.col(name).cast(kind) for name, kind in COUNTS.items()
    )


def unrecognised(log: Any, using: Catalogue | None = None, limit: int = 50) -> pl.DataFrame:
    """Return the most frequent shapes that no signal fits, of watched processes only.

    Returns:
        At most `limit` rows: ``process``, ``shape`` (numbers masked), ``rows``, ``first_ref`` (an example).
    """
    rows = _rows(log, using)
    shape = pl.col("message").str.slice(0, MAX_MESSAGE)
    for pattern, mask in _MASKS:
        shape = shape.str.replace_all(pattern, mask)
    missed = rows.filter(pl.col("signal").is_null() & pl.col("process").is_in(sorted(watched(using))))
    shapes = missed.with_columns(shape=shape.str.slice(0, SHAPE_LENGTH).str.strip_chars())
    counted = shapes.group_by("process", "shape").agg(rows=pl.len(), first_ref=pl.col("ref").min())
    ordered = counted.sort(["rows", "process", "shape"], descending=[True, False, False]).head(limit)
    return ordered.select(pl.col(name).cast(kind) for name, kind in SHAPES.items())


def _rows(log: Any, using: Catalogue | None) -> pl.DataFrame:
    """Return ref, process and message of the rows that have a message, with the signal of those recognised."""
    frame = log if isinstance(log, pl.DataFrame) else pl.DataFrame(log)
    signals = match(frame, using).select("ref", "signal")
    rows = frame.select("ref", pl.col("process").cast(pl.String), pl.col("message").cast(pl.String))
    return rows.filter(pl.col("message").is_not_null()).join(signals, on="ref", how="left")
