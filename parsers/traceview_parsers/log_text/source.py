"""A log in text form as a source of ``log`` batches; shared by every line-oriented reader."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct, field

from traceview_parsers import schema
from traceview_parsers.clock import colon_offset, date_in_name, day_of, offset_ns, resolution_ns, zone
from traceview_parsers.errors import InputError, UsageError
from traceview_parsers.local_clock import DATED_BEHIND, NEAREST_DAY, Anchor, LocalClock, latest_day
from traceview_parsers.log_text.blocks import Lines, head_text, read_blocks
from traceview_parsers.problems import Problems
from traceview_parsers.selection import EVERYTHING, Selection
from traceview_parsers.trace import PRINTED, Candidate, Context, Coverage
from traceview_parsers.undated import CLOCKS_DIFFER

_FILE_TIME: Final = "file time"
_CAPTURE_TIME: Final = "capture time"
_PRINTED_ZONE: Final = re.compile(
    rb"""(?m)(?:^(?:[A-Za-z]+\t)?(?:\d{4}-\d\d-\d\d )?|"timestamp"\s*:\s*"\d{4}-\d\d-\d\d )"""
    rb"""\d\d:\d\d:\d\d\.\d{3,9}([+-]\d{4})(?!\d)"""
)
"""The offset behind a time at the beginning of a line, or in the objects of the JSON styles."""


class Pass(Struct):
    """One reading of a file from its start to its end.

    Attributes:
        path: The file.
        name: Its path inside the capture.
        clock: Maps printed times to UTC.
        problems: Where trouble is counted.
        source_index: For `schema.make_ref`.
        selection: What is wanted; a decoder may leave out what it surely does not ask for.
        left_out: How many records were.
        notes: Sentences for the coverage.
        uncounted: Objects of a JSON log since its last closing line, in earlier blocks.
        part: The lines that a decoder is to read; None: all of the file.
    """

    path: Path
    name: str
    clock: LocalClock
    problems: Problems
    source_index: int
    selection: Selection = EVERYTHING
    left_out: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    uncounted: int = 0
    part: Iterator[Lines] | None = None

    def blocks(self) -> Iterator[Lines]:
        """Return the lines to read, in blocks."""
        return read_blocks(self.path, self.name, self.problems) if self.part is None else self.part

    def note(self, text: str, count: int = 1) -> None:
        """Count a remark for the coverage."""
        self.notes[text] = self.notes.get(text, 0) + count

    def refs(self, line_numbers: Any) -> Any:
        """Return the ``ref`` column of rows that begin at these 1-based line numbers."""
        return pa.array(np.asarray(line_numbers).astype(np.uint64) | np.uint64(schema.make_ref(self.source_index, 0)))


Decode = Callable[[Pass], Iterator[Any]]
"""Yields the ``log`` batches of a file."""


class LogSource:
    """One log file. Problems and coverage are those of the first, and of the last, complete reading.

    Attributes:
        printed_zone: The offset from UTC that the first lines print behind their times (``+01:00``); None where they print
            none, or several.
    """

    tables: tuple[str, ...] = ("log",)

    def __init__(self, reader: str, candidate: Candidate, context: Context, decode: Decode) -> None:
        if candidate.path is None:
            raise InputError(f"{candidate.name} is not at hand")
        self.reader = reader
        self.name = candidate.name
        self._path = candidate.path
        self._context = context
        self._decode = decode
        self._reported = False
        self._first: Anchor | None = None
        self._coverage = Coverage(candidate.name, reader)
        if self._path.stat().st_size == 0:
            raise InputError(f"{candidate.name} is empty")
        self.printed_zone = _printed_zone(head_text(candidate.head))

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        """Yield the selected rows of ``log``. Raises KeyError for another table, InputError if the file is unreadable."""
        if table not in self.tables:
            raise KeyError(table)
        problems = Problems()
        run = Pass(self._path, self.name, self._clock(), problems, self._context.source_index, selection)
        rows, start, end = 0, None, None
        resolution: int | None = None
        for batch in self._decode(run):
            rows += batch.num_rows
            times = batch.column("time").cast(pa.int64()).drop_null()
            resolution = resolution_ns(times.to_numpy(), resolution)
            span = pc.min_max(times).as_py()
            if span["min"] is not None:
                start = span["min"] if start is None else min(start, span["min"])
                end = span["max"] if end is None else max(end, span["max"])
            wanted = selection.filter(batch)
            if wanted.num_rows:
                yield wanted
        notes = tuple(text if count == 1 else f"{text} ({count:,} times)" for text, count in run.notes.items())
        clock, certainty = run.clock.describe(), run.clock.certainty_ns(resolution)
        self._coverage = Coverage(self.name, self.reader, start, end, rows + run.left_out, clock, certainty, notes)
        if not self._reported:
            self._reported = True
            for problem in problems:
                self._context.problems.add(
                    problem.source,
                    problem.kind,
                    problem.message,
                    position=problem.position,
                    unit=problem.unit,
                    count=problem.count,
                    sample=problem.sample,
                )

    def coverage(self) -> Coverage:
        """Return span, row count, clock and notes of the last complete reading."""
        return self._coverage

    def _clock(self) -> LocalClock:
        options, capture = self._context.options, self._context.capture
        if options.tz is not None:
            return self._clock_in(options.tz, "given by the user")
        if capture.tz is not None and capture.tz_how not in {"assumed", "unknown", PRINTED}:
            try:
                return self._clock_in(zone(capture.tz), f"the capture's, from {capture.tz_how}")
            except UsageError:
                text = f"the capture's zone {capture.tz!r} is unknown here, so UTC is assumed"
                self._context.problems.add(self.name, "unknown-zone", text)
        return self._clock_in(None)

    def _clock_in(self, tz: tzinfo | None, how: str = "") -> LocalClock:
        return LocalClock(self._anchor, tz, how, lambda anchor: self._of_first_line(anchor, tz))

    def _of_first_line(self, anchor: Anchor, tz: tzinfo | None) -> Anchor:
        """Return the anchor of lines without any date, all of which are read to know the latest.

        That is not after a dated line behind which lines without any go on, else not after the file, or it lies nearest to
        the moment of the capture beside which the log is.
        """
        if anchor.how == _FILE_TIME:
            limit_ns, zone_of_limit = self._path.stat().st_mtime_ns + CLOCKS_DIFFER, tz
        elif anchor.how == _CAPTURE_TIME and self._context.capture.time_ns is not None:
            limit_ns, zone_of_limit = self._context.capture.time_ns + NEAREST_DAY, tz or UTC
        else:
            return anchor
        if self._first is None:
            run = Pass(self._path, self.name, LocalClock(lambda: anchor), Problems(), self._context.source_index)
            for _ in self._decode(run):
                pass
            undated = run.clock.lines_without_date
            behind = undated.first_day()
            if behind is not None:
                self._first = Anchor(day_of(behind), DATED_BEHIND)
            elif undated.latest:  # empty where the file was changed meanwhile
                self._first = Anchor(latest_day(undated.latest, limit_ns, zone_of_limit), anchor.how)
        return self._first or anchor

    def _anchor(self) -> Anchor:
        options, capture = self._context.options, self._context.capture
        if options.date is not None:
            return Anchor(options.date, "user")
        named = date_in_name(self.name)
        if named is not None:
            return Anchor(named, "file name")
        tz = self._clock().zone or UTC
        if capture.time_ns is not None:
            return Anchor(datetime.fromtimestamp(capture.time_ns // 1_000_000_000, tz).date(), _CAPTURE_TIME)
        return Anchor(datetime.fromtimestamp(self._path.stat().st_mtime, tz).date(), _FILE_TIME)


def _printed_zone(text: bytes) -> str | None:
    offsets = {offset.decode() for offset in _PRINTED_ZONE.findall(text)}
    offset = offsets.pop() if len(offsets) == 1 else None
    return None if offset is None or offset_ns(offset) is None else colon_offset(offset)
