"""The rows of several record batches in the order of their time, as one batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.emitter import Part


def by_time(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the rows of all parts as one, by ``mach_time``, equal ones by ``ref``; nothing where there are no rows."""
    parts = [part for part in parts if part[0].num_rows]
    if not parts:
        return
    batches = [batch for batch, _ in parts]
    ticks = np.concatenate([batch.column("mach_time").to_numpy() for batch in batches])
    refs = np.concatenate([batch.column("ref").to_numpy() for batch in batches])
    unsure = np.concatenate([rows for _, rows in parts])
    if np.all((ticks[:-1] < ticks[1:]) | ((ticks[:-1] == ticks[1:]) & (refs[:-1] < refs[1:]))):
        order = None
    else:
        order = np.lexsort((refs, ticks))
        unsure = unsure[order]
    yield joined(batches, None if order is None else pa.array(order)), unsure


def joined(batches: Sequence[Any], order: Any | None = None) -> Any:
    """Return one batch of the rows of several, in this order.

    Dictionaries that continue each other, as those of one archive do, are not built anew.
    """
    taken = []
    for index, column in enumerate(zip(*(batch.columns for batch in batches), strict=True)):
        field = batches[0].schema.field(index)
        if all(part.null_count == len(part) for part in column):
            taken.append(columns.nulls(field.type, sum(map(len, column))))
            continue
        if len(column) == 1:
            whole = column[0]
        elif pa.types.is_dictionary(field.type):
            whole = _joined_names(column)
        else:
            whole = pa.concat_arrays(column)
        taken.append(whole if order is None else whole.take(order))
    return pa.RecordBatch.from_arrays(taken, schema=batches[0].schema)


def _joined_names(column: Sequence[Any]) -> Any:
    """Concatenate dictionary arrays over the longest dictionary and what the others have beyond it."""
    names = max((part.dictionary for part in column), key=len)
    indices = []
    for part in column:
        own = part.dictionary
        if len(part) == part.null_count:
            indices.append(pa.nulls(len(part), pa.int32()))
            continue
        if own is names or own.equals(names.slice(0, len(own))):
            indices.append(part.indices)
            continue
        places = pc.index_in(own, names)
        if places.null_count:
            new = own.filter(places.is_null())
            names = pa.concat_arrays([names, new])
            places = pc.index_in(own, names)
        indices.append(places.take(part.indices))
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(indices), names)
