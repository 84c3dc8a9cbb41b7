"""What the catalogue does not know: counts and frequent unrecognised shapes of the processes that it watches.

A help for extending the catalogue: a shape is a message with its numbers, addresses, identifiers and quoted texts masked.
"""

from typing import Any, Final

import polars as pl

from traceview.signals.catalogue import Catalogue, catalogue
from traceview.signals.matcher import MAX_MESSAGE, are_messages, match

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

SHAPES_KEPT: Final = 200_000
"""Shapes that a survey holds before it forgets the rarer half: bounds the memory of captures whose texts never repeat."""

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
    return _counted(_rows(log, using))


def unrecognised(log: Any, using: Catalogue | None = None, limit: int = 50) -> pl.DataFrame:
    """Return the most frequent shapes that no signal fits, of watched and of unknown processes.

    Returns:
        At most `limit` rows: ``process``, ``shape`` (numbers masked), ``rows``, ``first_ref`` (an example).
    """
    return _shaped(_rows(log, using), watched(using)).head(limit)


class Survey:
    """Counts and unrecognised shapes of a log that comes in pieces."""

    def __init__(self, using: Catalogue | None = None) -> None:
        self._using = using
        self._watched = watched(using)
        self._counts = pl.DataFrame(schema=COUNTS)
        self._shapes = pl.DataFrame(schema=SHAPES)

    def add(self, log: Any) -> None:
        """Take rows of the ``log`` schema (Arrow or polars)."""
        rows = _rows(log, self._using)
        counts = pl.concat([self._counts, _counted(rows)]).group_by("process", maintain_order=True)
        self._counts = counts.agg(pl.col("rows", "recognised", "unrecognised").sum())
        shapes = pl.concat([self._shapes, _shaped(rows, self._watched)]).group_by("process", "shape")
        self._shapes = shapes.agg(pl.col("rows").sum(), pl.col("first_ref").min()).select(list(SHAPES))
        if len(self._shapes) > SHAPES_KEPT:
            self._shapes = self._shapes.sort(["rows", "process", "shape"], descending=[True, False, False])
            self._shapes = self._shapes.head(SHAPES_KEPT // 2)

    def counts(self) -> pl.DataFrame:
        """Return the counts by process, as `count` does."""
        return self._counts.sort(["rows", "process"], descending=[True, False])

    def shapes(self, limit: int, each: int) -> pl.DataFrame:
        """Return the most frequent unrecognised shapes, at most `limit`, of which at most `each` are of one process."""
        ordered = self._shapes.sort(["rows", "process", "shape"], descending=[True, False, False])
        return ordered.filter(pl.int_range(pl.len()).over("process") < each).head(limit)


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    counted = rows.group_by("process").agg(rows=pl.len(), recognised=pl.col("signal").is_not_null().sum())
    counted = counted.with_columns(unrecognised=pl.col("rows") - pl.col("recognised"))
    return counted.sort(["rows", "process"], descending=[True, False]).select(
        pl.col(name).cast(kind) for name, kind in COUNTS.items()
    )


def _shaped(rows: pl.DataFrame, processes: frozenset[str]) -> pl.DataFrame:
    shape = pl.col("message").str.slice(0, MAX_MESSAGE)
    for pattern, mask in _MASKS:
        shape = shape.str.replace_all(pattern, mask)
    # Bare lines do not tell who printed them: any may be of a watched process.
    of_interest = pl.col("process").is_in(sorted(processes)) | pl.col("process").is_null()
    missed = rows.filter(pl.col("signal").is_null() & of_interest)
    shapes = missed.with_columns(shape=shape.str.slice(0, SHAPE_LENGTH).str.strip_chars())
    counted = shapes.group_by("process", "shape").agg(rows=pl.len(), first_ref=pl.col("ref").min())
    ordered = counted.sort(["rows", "process", "shape"], descending=[True, False, False])
    return ordered.select(pl.col(name).cast(kind) for name, kind in SHAPES.items())


def _rows(log: Any, using: Catalogue | None) -> pl.DataFrame:
    """Return ref, process and message of the rows that are messages, with the signal of those recognised."""
    frame = log if isinstance(log, pl.DataFrame) else pl.DataFrame(log)
    if "event" in frame.columns:
        frame = frame.filter(are_messages())
    signals = match(frame, using).select("ref", "signal")
    rows = frame.select("ref", pl.col("process").cast(pl.String), pl.col("message").cast(pl.String))
    return rows.filter(pl.col("message").is_not_null()).join(signals, on="ref", how="left")
