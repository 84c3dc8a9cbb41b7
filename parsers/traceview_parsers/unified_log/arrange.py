"""The rows of several record batches in the order of their time, as one batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from traceview_parsers.time_order import joined
from traceview_parsers.unified_log.emitter import Part


def by_time(parts: Sequence[Part]) -> Part | None:
    """Return the rows of all parts as one, by ``mach_time``, equal ones by ``ref``; None where there are no rows."""
    parts = [part for part in parts if part[0].num_rows]
    if not parts:
        return None
    batches = [batch for batch, _ in parts]
    ticks = np.concatenate([batch.column("mach_time").to_numpy() for batch in batches])
    refs = np.concatenate([batch.column("ref").to_numpy() for batch in batches])
    unsure = np.concatenate([rows for _, rows in parts])
    if np.all((ticks[:-1] < ticks[1:]) | ((ticks[:-1] == ticks[1:]) & (refs[:-1] < refs[1:]))):
        order = None
    else:
        order = np.lexsort((refs, ticks))
        unsure = unsure[order]
    return joined(batches, None if order is None else pa.array(order)), unsure
