"""The rows of several record batches in the order of their time, as one batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from traceview_parsers.time_order import joined
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.interning import Array

Chosen = tuple[Part, Array | None]
"""Some rows of a part: their numbers, None for all."""


def by_time(parts: Sequence[Chosen], marks: Sequence[Part] = ()) -> Part | None:
    """Return the chosen rows of all parts as one, by ``mach_time``, equal ones by ``ref``; None where there are no rows.

    Those of `marks` come before others of the same time: a clock that was adjusted counts from there on.
    """
    chosen: list[Chosen] = [(part, None) for part in marks if part[0].num_rows]
    marked = sum(part[0].num_rows for part, _ in chosen)
    chosen += [(part, rows) for part, rows in parts if (part[0].num_rows if rows is None else rows.size)]
    if not chosen:
        return None
    ticks, refs = (_numbers(chosen, name) for name in ("mach_time", "ref"))
    refs[:marked] = np.arange(marked)
    order = _order(ticks, refs)
    if any(rows is not None for _, rows in chosen):
        starts = np.cumsum([0, *(part[0].num_rows for part, _ in chosen)]).tolist()
        numbered = zip(chosen, starts, starts[1:], strict=False)
        rows = np.concatenate(
            [np.arange(start, end) if rows is None else rows + start for (_, rows), start, end in numbered]
        )
        order = rows if order is None else rows.take(order)
    return together([part for part, _ in chosen], order)


def together(parts: Sequence[Part], order: Array | None) -> Part:
    """Return the rows of parts as one, in this order (row numbers; None: as they come)."""
    unsure = np.concatenate([rows for _, rows in parts])
    batch = joined([batch for batch, _ in parts], None if order is None else pa.array(order))
    return batch, unsure if order is None else unsure[order]


def _numbers(chosen: Sequence[Chosen], name: str) -> Array:
    """Return a column of all chosen rows."""
    columns = ((batch.column(name).to_numpy(), rows) for (batch, _), rows in chosen)
    return np.concatenate([column if rows is None else column.take(rows) for column, rows in columns])


def _order(ticks: Array, refs: Array) -> Array | None:
    """Return the order of rows by ticks, then refs; None where they come so."""
    if np.all((ticks[:-1] < ticks[1:]) | ((ticks[:-1] == ticks[1:]) & (refs[:-1] < refs[1:]))):
        return None
    return np.lexsort((refs, ticks))
