"""Blocks of lines in known layouts to ``log`` batches."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers import schema
from traceview_parsers.clock import Longs
from traceview_parsers.log_text.blocks import Lines, joined
from traceview_parsers.log_text.inside import message_fields
from traceview_parsers.log_text.layouts import Layout
from traceview_parsers.log_text.records import Records, split
from traceview_parsers.log_text.rows import columns, encode, is_known_level
from traceview_parsers.log_text.source import Pass

MAX_HELD_BYTES: Final = 4 << 20
"""A record longer than this is cut: memory stays bounded when a file turns into something else."""

_OUTLINE_COLUMNS: Final = 20  # a date and a time


def decode_text(
    run: Pass, layouts: Sequence[Layout], skip: str, strange: AbstractSet[str] = frozenset()
) -> Iterator[Any]:
    """Yield a batch a block. The last record of a block waits for the next one, where its message may go on.

    Args:
        run: What is read.
        layouts: Layouts that may occur, in the order in which they are tried.
        skip: Pattern of lines that are no part of the log.
        strange: Names of layouts that are another tool's: their records are counted as ``mixed-layouts``.
    """
    held = Lines.of(b"")
    after_record = False
    for block in run.blocks():
        lines = joined(held, block)
        records = split(lines, layouts, skip, after_record=after_record)
        cut = records.cut
        if cut < len(lines) and len(lines.data) - int(lines.starts[cut]) < MAX_HELD_BYTES:
            held = Lines.of(lines.data[lines.starts[cut] :], lines.first + cut, ended=lines.ended)
        else:
            cut, held = len(lines), Lines.of(b"")
        rows = records.frame["row"].to_numpy() < cut
        after_record = after_record or bool(rows.any())
        yield from _batch(run, lines, layouts, records, cut, strange=strange)
    if len(held):
        whole, rest = _without_cut_record(held)
        records = split(whole, layouts, skip, after_record=after_record)
        yield from _batch(run, whole, layouts, records, len(whole), strange=strange)
        yield from text_without_record(
            run, rest, "the file ends inside a record's first fields; they were kept as text"
        )


def text_without_record(run: Pass, lines: Lines, problem: str) -> Iterator[Any]:
    """Yield one row whose message is the text of `lines`, counted as ``truncated``; nothing where they are blank."""
    message = lines.data.decode().strip("\n")
    if not message.strip():
        return
    run.problems.add(run.name, "truncated", problem, position=lines.first, unit="line", sample=message)
    values = {"ref": run.refs([lines.first]), "message": message, "time_how": "unknown", "event": "log"}
    yield schema.log_batch(1, values)


def _without_cut_record(held: Lines) -> tuple[Lines, Lines]:
    """Split off a last line that was cut and looks like the beginning of another record, not like a continuation."""
    last = len(held) - 1
    nothing = Lines.of(b"", held.first + len(held))
    if held.ended or last == 0 or not _outline(held.text(0)).startswith(_outline(held.text(last))):
        return held, nothing
    cut = int(held.starts[last])
    return Lines.of(held.data[:cut], held.first), Lines.of(held.data[cut:], held.first + last)


def _outline(text: str) -> str:
    """Return a record's first columns with every digit as 0 and every word as a."""
    outline = "".join("0" if c in "0123456789" else "a" if c.isalpha() else c for c in text[:40])
    return re.sub("a+", "a", outline)[:_OUTLINE_COLUMNS]


def _batch(
    run: Pass, lines: Lines, layouts: Sequence[Layout], records: Records, cut: int, *, strange: AbstractSet[str]
) -> Iterator[Any]:
    _report(run, lines, records, cut)
    rows = records.frame["row"].to_numpy()
    count = int(np.searchsorted(rows, cut))
    if not count:
        return
    frame = records.frame.head(count)
    _report_strange(run, lines, frame, layouts, strange)
    begin, end = records.begin[:count], records.end[:count]
    frame, end = without_suffix(lines, frame, layouts, begin, end)
    frame, begin = message_fields(lines, frame, begin, end)
    report_levels(run, frame, lines.first)
    values = columns(frame, run.clock)
    values["ref"] = run.refs(rows[:count] + lines.first)
    values["message"] = lines.pieces(begin, end)
    yield schema.log_batch(count, values)


def without_suffix(
    lines: Lines, frame: pl.DataFrame, layouts: Sequence[Layout], begin: Longs, end: Longs
) -> tuple[pl.DataFrame, Longs]:
    """Take the fields that a layout prints behind the message; return the frame with them and the messages' new ends."""
    for number, layout in enumerate(layouts):
        if not layout.suffix or not (frame["layout"] == number).any():
            continue
        texts = pl.Series(lines.pieces(begin, end))
        found = texts.str.extract_groups(layout.suffix).struct.unnest()
        hit = (found["suffix"].is_not_null() & (frame["layout"] == number).fill_null(value=False)).to_numpy()
        end = end - np.where(hit, found["suffix"].str.len_bytes().fill_null(0).to_numpy().astype(np.int64), 0)
        mask = pl.Series(hit)
        for name in found.drop("suffix").columns:
            value = found[name].zip_with(mask, pl.Series([None], dtype=pl.String).new_from_index(0, len(mask)))
            old = frame.get_column(name, default=None)
            frame = frame.with_columns((value if old is None else old.zip_with(~mask, value)).alias(name))
    return frame, end


def report_levels(run: Pass, frame: pl.DataFrame, first_line: int) -> None:
    """Count level names that are not known (other languages)."""
    if "level" not in frame:
        return
    codes, values = encode(frame["level"])
    for index, value in enumerate(values):
        if not is_known_level(value):
            rows = np.flatnonzero(codes == index)
            line = int(frame["row"][int(rows[0])]) + first_line
            text = "level names in another language or of another tool are left empty"
            run.problems.add(run.name, "unknown-level", text, position=line, unit="line", count=len(rows), sample=value)


def _report_strange(
    run: Pass, lines: Lines, frame: pl.DataFrame, layouts: Sequence[Layout], strange: AbstractSet[str]
) -> None:
    """Count records in the layouts of another tool: a second log in the file, or one that a message quotes."""
    numbers = [number for number, layout in enumerate(layouts) if layout.name in strange]
    rows = frame["row"].filter(frame["layout"].is_in(numbers))
    if len(rows):
        first, text = int(rows[0]), "lines in the layouts of other tools were read as records of their own"
        position, sample = first + lines.first, lines.text(first)
        run.problems.add(
            run.name, "mixed-layouts", text, position=position, unit="line", count=len(rows), sample=sample
        )


def _report(run: Pass, lines: Lines, records: Records, cut: int) -> None:
    skipped = records.skipped[records.skipped < cut]
    comments = [row for row in skipped.tolist() if lines.data[lines.starts[row]] == ord("#")]
    if comments:
        run.note("comment line skipped", len(comments))
    preamble = records.preamble[records.preamble < cut]
    doubtful = records.doubtful[records.doubtful < cut]
    bare = records.frame.filter(pl.col("layout").is_null() & (pl.col("row") < cut))["row"].to_numpy()
    glued = np.setdiff1d(doubtful, np.union1d(preamble, bare)) if len(doubtful) else doubtful
    for rows, kind, text in (
        (preamble, "preamble", "lines before the first record, or in no known layout, were left out"),
        (bare, "unrecognised-line", "lines behind a gap have no time or process; their text is kept as a message"),
        (glued, "unrecognised-line", "lines were taken as part of the message before them"),
    ):
        if len(rows):
            number, sample = int(rows[0]) + lines.first, lines.text(int(rows[0]))
            run.problems.add(run.name, kind, text, position=number, unit="line", count=len(rows), sample=sample)
