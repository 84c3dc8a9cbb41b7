"""Packed batches of an archive: which combination of values a tracepoint has follows from few numbers.

Until it leaves the archive's reader a batch has only the numbers of the combinations in ``site`` and ``program``, so that a
batch that is kept for later keeps no combinations; `Packing.shown` puts them in.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.packed import PROGRAM, SCHEMA, SITE, Shared
from traceview_parsers.schema import log_batch
from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.interning import Array, PairTable, Rows

_LEVEL: Final = np.uint64(24)
_HIGH: Final = np.uint64(32)
_IS_DUMP: Final = np.uint64(1 << 62)
_IS_NAMED: Final = np.uint64(1 << 63)
_NUMBERED: Final = pa.schema(
    [pa.field(field.name, pa.int32()) if pa.types.is_dictionary(field.type) else field for field in SCHEMA]
)

Make = Callable[[Array], dict[str, Any]]
"""Returns columns of ``log`` for some rows."""


class Packing:
    """Builds the packed batches (`traceview_parsers.packed`) of one run."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._site, self._program = Shared(SITE), Shared(PROGRAM)
        self._shared = {"site": self._site, "program": self._program}
        self._keys, self._names, self._labels = PairTable(), PairTable(), PairTable()
        self._numbers = Rows(number=np.int32)
        self._label_of = Rows(label=np.int32)
        self._programs: dict[str, Array] = {}

    def sites(self, head: Array, site: Array, pair: Array, name: Array, make: Make) -> Any:
        """Return the numbers for the column ``site`` of tracepoints.

        Args:
            head: The first eight bytes of each.
            site: Row of its call site.
            pair: Row of its subsystem pair, -1 none.
            name: Number of its signpost's name, -1 none.
            make: Returns the columns of `SITE` for some of them.
        """
        key = site.astype(np.uint64) | (self._labels_of(pair).astype(np.uint64) << _HIGH)
        named = np.flatnonzero(name >= 0)
        if named.size:
            both, _ = self._names.intern(key[named], name[named].astype(np.uint64))
            key[named] = both.astype(np.uint64) | _IS_NAMED
        return self._column(head, key, make)

    def dumped_sites(self, offset: Array, image: Array, level: Array, subsystem: Array, make: Make) -> Any:
        """Return the numbers for the column ``site`` of simple dumps.

        Args:
            offset: Place in the image that printed each.
            image: Row of that image.
            level: Its log type.
            subsystem: Number of its subsystem, -1 none.
            make: Returns the columns of `SITE` for some of them.
        """
        where = image.astype(np.uint64) | (level.astype(np.uint64) << _LEVEL)
        return self._column(offset, where | ((subsystem + 1).astype(np.uint64) << _HIGH) | _IS_DUMP, make)

    def _column(self, a: Array, b: Array, make: Make) -> Any:
        """Return the numbers of rows of which two words tell the combination."""
        rows, firsts = self._keys.intern(a, b)
        if firsts.size:
            first = self._site.define(log_batch(firsts.size, make(firsts)))
            self._numbers.add(np.arange(first, first + firsts.size))
        return _numbers(self._numbers["number"].take(rows))

    def _labels_of(self, pair: Array) -> Array:
        """Return a number for the names of each subsystem pair: those of many processes have the same; 0 for none."""
        pairs = self._processes.pairs
        if self._label_of.size < pairs.size + 1:
            known = max(self._label_of.size - 1, 0)
            if not self._label_of.size:
                self._label_of.append(0)
            subsystem, category = (pairs[column][known:].astype(np.uint64) for column in ("subsystem", "category"))
            labels, _ = self._labels.intern(subsystem, category)
            self._label_of.add(labels + 1)
        return self._label_of["label"].take(pair + 1)

    def programs(self, boot_uuid: str, process: Array, make: Make) -> Any:
        """Return the numbers for ``program`` of rows of these processes; `make` returns the columns of `PROGRAM` for processes."""
        numbers = self._programs.get(boot_uuid, np.zeros(0, np.int32))
        if numbers.size < self._processes.table.size:
            more = np.full(self._processes.table.size - numbers.size, -1, np.int32)
            numbers = self._programs[boot_uuid] = np.concatenate([numbers, more])
        found = numbers.take(process)
        if found.min(initial=0) < 0:
            new = np.unique(process[found < 0])
            first = self._program.define(log_batch(new.size, make(new)))
            numbers[new] = np.arange(first, first + new.size)
            found = numbers.take(process)
        return _numbers(found)

    def pack(self, batch: Any) -> Any:
        """Return the numbers of a batch of ``log``."""
        return self.batch(batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True)))

    def batch(self, rows: int, values: dict[str, Any]) -> Any:
        """Return a batch of columns of ``log``; ``site`` and ``program`` are numbers, or follow from other columns."""
        missing = self._shared.keys() - values.keys()
        if missing:
            plain = log_batch(rows, values)
            values = values | {name: _numbers(self._shared[name].find(plain)) for name in missing}
        return columns.batch(_NUMBERED, rows, values)

    def shown(self, batch: Any) -> Any:
        """Return the packed batch of one that has only numbers."""
        for name, shared in self._shared.items():
            at = batch.schema.get_field_index(name)
            batch = batch.set_column(at, SCHEMA.field(name), shared.column(batch.column(name)))
        return batch


def _numbers(values: Array) -> Any:
    return columns.fixed(values, pa.int32())
