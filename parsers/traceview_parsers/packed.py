"""Batches of ``log`` in which what many rows share is told once: they are faster to bring into order and to print.

A packed batch holds two dictionary columns of structs instead of some twenty columns: ``site``, what the place in the code
decides on (`SITE`), and ``program``, the process (`PROGRAM`). ``time_how`` is left out: a time is exact, or there is none.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from traceview_parsers.combinations import combinations
from traceview_parsers.schema import SCHEMAS, log_batch
from traceview_parsers.time_order import joined

SITE: Final = (
    *("level", "event", "format", "subsystem", "category", "trace_id"),
    *("sender_uuid", "sender_offset", "sender_path", "sender", "signpost_name", "signpost_type", "signpost_scope"),
)
PROGRAM: Final = ("boot_uuid", "process_path", "process", "process_uuid", "pid", "uid")
_HOW: Final = "time_how"
_SHARED: Final = {*SITE, *PROGRAM}


def _struct(names: Sequence[str]) -> Any:
    return pa.struct([SCHEMAS["log"].field(name) for name in names])


SCHEMA: Final = pa.schema(
    [
        *(field for field in SCHEMAS["log"] if field.name not in _SHARED and field.name != _HOW),
        pa.field("site", pa.dictionary(pa.int32(), _struct(SITE))),
        pa.field("program", pa.dictionary(pa.int32(), _struct(PROGRAM))),
    ]
)


def is_packed(batch: Any) -> bool:
    """Return whether a record batch of ``log`` is packed."""
    return "site" in batch.schema.names


def unpack(batch: Any) -> Any:
    """Return the rows of a packed batch as a batch of ``log``; further columns (``arguments``) stay behind the others."""
    values = {name: batch.column(name) for name in SCHEMA.names}
    for group in (values.pop("site"), values.pop("program")):
        known = group.dictionary
        for field, column in zip(known.type, known.flatten(), strict=True):
            values[field.name] = column.take(group.indices)
    told = np.asarray(values["time"].is_null()).astype(np.int32)
    values[_HOW] = pa.DictionaryArray.from_arrays(told, pa.array(["exact", "unknown"]))
    whole = log_batch(batch.num_rows, values)
    for field in list(batch.schema)[len(SCHEMA) :]:
        whole = whole.append_column(field, batch.column(field.name))
    return whole


class Shared:
    """The distinct combinations of values of some columns, numbered in the order of their arrival.

    Args:
        names: Columns of ``log``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._rows = log_batch(0, {}).select(self._names)
        self._new: list[Any] = []
        self._size = 0
        self._known: dict[tuple[Any, ...], int] = {}
        self._array = _as_struct(self._rows)

    def define(self, rows: Any) -> int:
        """Add combinations, the rows of a batch that has these columns; return the number of the first."""
        first = self._size
        self._new.append(rows.select(self._names))
        self._size += rows.num_rows
        return first

    def find(self, rows: Any) -> npt.NDArray[Any]:
        """Return the number of the combination in each row of a batch; new ones are added."""
        if not rows.num_rows:
            return np.zeros(0, np.int32)
        example, place = combinations([rows.column(name) for name in self._names])
        some = rows.select(self._names).take(pa.array(example))
        keys = list(zip(*(column.to_pylist() for column in some.columns), strict=True))
        new = [at for at, key in enumerate(keys) if key not in self._known]
        if new:
            first = self.define(some.take(pa.array(new)))
            self._known.update(zip((keys[at] for at in new), range(first, self._size), strict=True))
        numbers: npt.NDArray[Any] = np.array([self._known[key] for key in keys], np.int32).take(place)
        return numbers

    def column(self, numbers: Any) -> Any:
        """Return the dictionary column of combinations with these numbers (Arrow, int32)."""
        if self._new:
            self._rows = joined([self._rows, *self._new])
            self._array = _as_struct(self._rows)
            self._new.clear()
        # They are numbers of these very structs.
        return pa.DictionaryArray.from_arrays(numbers, self._array, safe=False)


def _as_struct(rows: Any) -> Any:
    return pa.StructArray.from_arrays(rows.columns, fields=list(rows.schema))
