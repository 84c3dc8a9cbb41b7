"""The rows of several record batches in the order of their time, as one batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from traceview_parsers.time_order import joined
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.interning import Array


def by_time(parts: Sequence[Part], marks: Sequence[Part] = ()) -> Part | None:
    """Return the rows of all parts as one, by ``mach_time``, equal ones by ``ref``; None where there are no rows.

    Those of `marks` come before others of the same time: a clock that was adjusted counts from there on.
    """
    marks, parts = ([part for part in some if part[0].num_rows] for some in (marks, parts))
    parts = [*marks, *parts]
    if not parts:
        return None
    ticks = np.concatenate([batch.column("mach_time").to_numpy() for batch, _ in parts])
    refs = np.concatenate([batch.column("ref").to_numpy() for batch, _ in parts])
    marked = sum(batch.num_rows for batch, _ in marks)
    refs[:marked] = np.arange(marked)
    if np.all((ticks[:-1] < ticks[1:]) | ((ticks[:-1] == ticks[1:]) & (refs[:-1] < refs[1:]))):
        return together(parts, None)
    return together(parts, np.lexsort((refs, ticks)))


def together(parts: Sequence[Part], order: Array | None) -> Part:
    """Return the rows of parts as one, in this order (row numbers; None: as they come)."""
    unsure = np.concatenate([rows for _, rows in parts])
    batch = joined([batch for batch, _ in parts], None if order is None else pa.array(order))
    return batch, unsure if order is None else unsure[order]
