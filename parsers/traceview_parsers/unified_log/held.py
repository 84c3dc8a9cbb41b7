"""Rows of an archive that come later in time: kept in memory up to a limit, beyond it in a temporary file."""

import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from types import TracebackType
from typing import IO, Any, Final, Self

import numpy as np
import pyarrow as pa
from msgspec import Struct

from traceview_parsers.errors import InputError
from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.arrange import Chosen, together
from traceview_parsers.unified_log.emitter import Part
from traceview_parsers.unified_log.interning import Array

MOST_BYTES = 24 << 20
"""Bytes of rows in memory; more go to the file (heuristic)."""
_GROUP: Final = 1 << 17
"""Rows that are distributed together: fewer, larger pieces."""


class Held:
    """Rows by the window of time in which they are due.

    The file has no name, so that nothing of it stays behind however the program ends.

    Args:
        cuts: First tick of each window but the first.
    """

    def __init__(self, cuts: Array) -> None:
        self._cuts = cuts
        self._rows: dict[int, list[tuple[Part, _Whole]]] = {}
        self._bytes = 0
        self._spilled: dict[int, list[_Spilled]] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def sort_out(self, parts: Iterator[Part], window: int) -> list[Chosen]:
        """Return the rows that are due in a window or were before, those kept for it too; keep those of later ones."""
        found: list[Chosen] = []
        group: list[Part] = []
        rows = 0
        for part in chain(self._take(window), parts):
            group.append(part)
            rows += part[0].num_rows
            if rows >= _GROUP:
                now = self._distribute(group, window)
                # A copy, so that the others do not stay in memory.
                found += [
                    (together([part], chosen), None) if chosen is not None else (part, None) for part, chosen in now
                ]
                group, rows = [], 0
        return found + self._distribute(group, window)

    def _take(self, window: int) -> Iterator[Part]:
        """Yield the rows kept for a window."""
        for part, whole in self._rows.pop(window, ()):
            whole.pieces -= 1
            self._bytes -= 0 if whole.pieces else whole.size
            yield part
        for piece in self._spilled.pop(window, ()):
            yield piece.read(self._file)

    def _distribute(self, group: list[Part], window: int) -> list[Chosen]:
        """Return the rows that are due, and keep the others."""
        group = [part for part in group if part[0].num_rows]
        ticks = [batch.column("mach_time").to_numpy() for batch, _ in group]
        if window >= self._cuts.size or not any(column.max() >= self._cuts[window] for column in ticks):
            return [(part, None) for part in group]
        due = [np.searchsorted(self._cuts, column, "right") for column in ticks]
        late = [np.flatnonzero(one > window) for one in due]
        parts = [together([part], rows) for part, rows in zip(group, late, strict=True) if rows.size]
        self._hold(parts, np.concatenate([one.take(rows) for one, rows in zip(due, late, strict=True)]))
        return [
            (part, np.flatnonzero(one <= window) if rows.size else None)
            for part, one, rows in zip(group, due, late, strict=True)
        ]

    def _hold(self, parts: list[Part], due: Array) -> None:
        """Keep the rows of parts for the windows in which they are due."""
        order = np.argsort(due.astype(np.int16 if self._cuts.size < 1 << 15 else np.int64), kind="stable")
        windows, first = np.unique(due.take(order), return_index=True)
        batch, unsure = together(parts, order)
        size = batch.nbytes
        fits = self._bytes + size <= MOST_BYTES
        memory = _Whole(size, windows.size) if fits else None
        self._bytes += size if fits else 0
        for number, at, end in zip(windows.tolist(), first.tolist(), [*first[1:].tolist(), due.size], strict=True):
            self._keep(number, (batch.slice(at, end - at), unsure[at:end]), memory)

    def _keep(self, window: int, piece: Part, memory: "_Whole | None") -> None:
        if memory is not None:
            self._rows.setdefault(window, []).append((piece, memory))
            return
        if self._file is None:
            try:
                self._file = tempfile.TemporaryFile(prefix="traceview-", buffering=0)  # noqa: SIM115  (closed at exit)
            except OSError as error:
                raise _unwritable(error) from error
        self._spilled.setdefault(window, []).append(_Spilled(self._file, piece))


class _Whole(Struct):
    """Memory that is free again when no piece of it is left.

    Attributes:
        size: Bytes.
        pieces: Pieces that are still kept.
    """

    size: int
    pieces: int


class _Spilled:
    """Rows in a file: the columns that hold anything. None has a dictionary: they are packed (see `packing`)."""

    def __init__(self, file: IO[bytes], part: Part) -> None:
        batch, unsure = part
        self._rows, self._schema = batch.num_rows, _the_same(batch.schema)
        self._unsure = np.packbits(unsure)
        filled = [name for name in batch.schema.names if batch.column(name).null_count < batch.num_rows]
        bare = batch.select(filled)
        self._stored = _the_same(bare.schema)
        data = bare.serialize()
        self._at, self._size = file.seek(0, os.SEEK_END), data.size
        try:
            _write(file, data)
        except OSError as error:
            raise _unwritable(error) from error

    def read(self, file: Any) -> Part:
        """Return the rows."""
        file.seek(self._at)
        bare = pa.ipc.read_record_batch(pa.py_buffer(file.read(self._size)), self._stored)
        found = [
            bare.column(field.name) if field.name in self._stored.names else columns.nulls(field.type, self._rows)
            for field in self._schema
        ]
        unsure = np.unpackbits(self._unsure, count=self._rows).view(np.bool_)
        return pa.RecordBatch.from_arrays(found, schema=self._schema), unsure


def _write(file: IO[bytes], data: Any) -> None:
    """Write all of it: where the disk is nearly full, a part is written first. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _unwritable(error: OSError) -> InputError:
    text = f"the temporary file that brings rows into order cannot be written: {error.strerror}"
    return InputError(f"{text}; TMPDIR chooses another folder")


@lru_cache(maxsize=256)
def _the_same(schema: Any) -> Any:
    """Return one object for equal schemas: there are many pieces, but few kinds of them."""
    return schema
