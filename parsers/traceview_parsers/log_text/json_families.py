"""The JSON logs of two tools in one file, and what in such a file is no record."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from traceview_parsers.clock import Longs
from traceview_parsers.device_syslog import pymobiledevice_json
from traceview_parsers.device_syslog.relay import CONNECTION
from traceview_parsers.log_text import json_rows
from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.log_text.json_rows import parse_objects
from traceview_parsers.log_text.source import Pass
from traceview_parsers.log_text.styles import PREAMBLE
from traceview_parsers.problems import Problems

_NO_RECORDS: Final = f"{PREAMBLE}|^{CONNECTION}"


class Family(Struct, frozen=True):
    """The records of one tool.

    Attributes:
        keys: What is read of them.
        own: Keys that others lack; a record has at least one.
        batch: A frame of `keys`, the line numbers of its rows and the pass to a ``log`` batch.
    """

    keys: dict[str, pl.DataType]
    own: tuple[str, ...]
    batch: Callable[[pl.DataFrame, Longs, Pass], Any]

    def lacking(self, frame: pl.DataFrame) -> Any:
        """Return one boolean a row of a frame of `keys`: is it no record of this family?"""
        return frame.select(pl.all_horizontal(pl.col(key).is_null() for key in self.own)).to_series().to_numpy()

    def closing(self, frame: pl.DataFrame) -> Any:
        """Return one boolean a row: is it the line by which ``log`` counts its records, which is no record?"""
        closed = frame["finished"].is_not_null() if "finished" in self.keys else pl.Series([False] * frame.height)
        return self.lacking(frame) & closed.to_numpy()


_COUNTED: Final = {"count": pl.Int64(), "finished": pl.Int64()}
LOG: Final = Family({**json_rows.KEYS, **_COUNTED}, ("machTimestamp", "eventMessage", "eventType"), json_rows.log_batch)
PYMOBILEDEVICE: Final = Family(
    pymobiledevice_json.KEYS, ("message", "image_name", "mach_timestamp"), pymobiledevice_json.batch_of
)


class Objects(Struct):
    """Parsed objects of one block.

    Attributes:
        texts: All of them, one a line.
        lines: Number of the line where each begins.
        frame: The parsed ones, with the keys of the family that the file began with.
        parsed: Number of the line where each row of `frame` begins.
    """

    texts: Lines
    lines: Longs
    frame: pl.DataFrame
    parsed: Longs

    def batches(self, run: Pass, family: Family, other: Family) -> list[Any]:
        """Return the ``log`` batches of the objects; those of neither family are counted as ``not-a-record``."""
        strange = family.lacking(self.frame)
        if not strange.any():
            return [family.batch(self.frame, self.parsed, run)] if self.frame.height else []
        closing = self.parsed[family.closing(self.frame)]
        aside = Pass(run.path, run.name, run.clock, Problems(), run.source_index)  # damage has been counted
        frame, numbers = parse_objects(self.texts, self.lines, other.keys, aside)
        found = ~other.lacking(frame) & np.isin(numbers, self.parsed[strange])
        closing = np.concatenate([closing, numbers[other.closing(frame)]])
        unknown = strange & ~np.isin(self.parsed, np.concatenate([numbers[found], closing]))
        if unknown.any():
            text = "JSON objects without the keys of a log record were left out"
            first = int(self.parsed[unknown][0])
            run.problems.add(run.name, "not-a-record", text, position=first, unit="line", count=int(unknown.sum()))
        if found.any():
            text = "JSON records of another tool were read too"
            first = int(numbers[found][0])
            run.problems.add(run.name, "mixed-json", text, position=first, unit="line", count=int(found.sum()))
        parts = ((family, self.frame, self.parsed, ~strange), (other, frame, numbers, found))
        return [one.batch(rows.filter(kept), at[kept], run) for one, rows, at, kept in parts if kept.any()]


def report_others(run: Pass, lines: Lines, others: Longs) -> None:
    """Count lines that are no objects, apart from those that ``log`` itself prints."""
    if not len(others):
        return
    texts = lines.series().gather(others)
    strange = others[(~texts.str.contains(_NO_RECORDS) & ~texts.str.contains(r"^[\s\[\],]*$")).to_numpy()]
    if len(strange):
        row = int(strange[0])
        run.problems.add(
            run.name,
            "unrecognised-line",
            "lines that are no JSON objects were left out",
            position=row + lines.first,
            unit="line",
            count=len(strange),
            sample=lines.text(row),
        )


def report_rest(run: Pass, held: Lines) -> None:
    """Count what stands behind the last whole object: the beginning of another, or text."""
    if b"{" in held.data:
        text = "the log ends inside a record, which was left out"
        run.problems.add(run.name, "truncated", text, position=held.first, unit="line", sample=held.data[:200])
    else:
        report_others(run, held, np.arange(len(held)))
