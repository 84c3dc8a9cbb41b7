"""One pass over the log of a trace: what the catalogue recognises, and who spoke at all."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
from msgspec import Struct, field
from msgspec.structs import replace

from traceview.signals.catalogue import catalogue
from traceview.signals.matcher import match
from traceview.signals.selection import log_selection, text_selection
from traceview.signals.vocabulary import empty_events
from traceview_parsers import Trace

Progress = Callable[[int | None], None]
"""Called with the number of log rows that were selected so far, and with None when all were read."""

_SIMULATOR = "/CoreSimulator/"
_COMPLETE_READERS = frozenset({"unified_log"})
"""Readers whose rows always tell process, subsystem and library, so that a selection may rely on them."""

_TYPED_READERS = frozenset({"unified_log", "xctrace"})
"""Readers that know the typed arguments of a message: fields of events come from these, not from the text."""

_ROWS_MATCHED_AT_ONCE = 20_000


class Reading(Struct):
    """What one pass over the log gives.

    Attributes:
        frames: Events recognised so far.
        waiting: Batches that were not looked at yet.
        witnesses: Processes that printed a selected row.
        simulator: Whether a row comes from a simulator.
        selected: Rows that were selected.
    """

    frames: list[pl.DataFrame] = field(default_factory=list)
    waiting: list[Any] = field(default_factory=list)
    witnesses: set[str] = field(default_factory=set)
    simulator: bool = False
    selected: int = 0

    def add(self, batch: Any) -> None:
        """Take one record batch of ``log``, with or without the column ``arguments``."""
        if self.waiting and batch.num_columns != self.waiting[0].num_columns:
            self._match()
        self.waiting.append(batch)
        if sum(one.num_rows for one in self.waiting) >= _ROWS_MATCHED_AT_ONCE:
            self._match()
        self.witnesses.update(_distinct(batch, "process"))
        self.simulator |= any(_SIMULATOR in path for path in _distinct(batch, "process_path"))
        self.selected += batch.num_rows

    def _match(self) -> None:
        """Recognise the waiting rows. Some batches hold few of them, and the catalogue costs the same for each."""
        if self.waiting:
            self.frames.append(match(pa.Table.from_batches(self.waiting)))
            self.waiting.clear()

    def events(self) -> pl.DataFrame:
        """Return all recognised rows (`EVENT_SCHEMA`), in the order of the sources."""
        self._match()
        return pl.concat(self.frames) if self.frames else empty_events()


def read_log(trace: Trace, apps: Sequence[str], progress: Progress | None) -> Reading:
    """Read the rows that may be events, of all log sources.

    Args:
        trace: The trace.
        apps: Bundle ids or process names asked for.
        progress: Called while the log is read.
    """
    known = catalogue()
    by_columns, by_words = log_selection(known, apps), text_selection(known)
    reading = Reading()
    for source in trace.sources_of("log"):
        wanted = by_columns if source.reader in _COMPLETE_READERS else by_words
        for batch in source.batches("log", replace(wanted, arguments=source.reader in _TYPED_READERS)):
            reading.add(batch)
            if progress is not None:
                progress(reading.selected)
    if progress is not None:
        progress(None)
    return reading


def _distinct(batch: Any, column: str) -> list[str]:
    return [value for value in batch.column(column).unique().to_pylist() if value]
