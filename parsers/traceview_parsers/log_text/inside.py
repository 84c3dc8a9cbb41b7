"""Fields that the text styles print inside the message: signposts, counts of lost messages; and labels that are none."""

from typing import Any, Final

import numpy as np
import polars as pl

from traceview_parsers.clock import Longs
from traceview_parsers.log_text.blocks import Lines

SIGNPOST: Final = (
    r"\[spid 0x(?P<signpost_hex>[0-9a-f]+), (?P<signpost_scope>thread|process|system), "
    r"(?P<signpost_type>begin|end|event)\] "
)
"""``[spid 0x1b0, process, begin] ``; behind it comes ``name`` or ``name: message``."""
_NAME: Final = r"^(?P<whole>(?P<signpost_name>[^:\n]*(?::[^ \n][^:\n]*)*)(?:: )?)"
_LOST: Final = r"^lost (?:>=)?(?P<lost>[0-9]+) "
_MARK: Final = b"[spid 0x"


def message_fields(lines: Lines, frame: pl.DataFrame, begin: Longs, end: Longs) -> tuple[pl.DataFrame, Longs]:
    """Move fields out of the messages [begin, end); return the frame with them and where the messages begin now."""
    begin = begin.copy()
    marked = np.flatnonzero(_starts_with(lines, begin, end, _MARK))
    if len(marked):
        found = _extract(lines, begin[marked], end[marked], f"^(?P<whole>{SIGNPOST})")
        frame = _moved(frame, found, marked, begin)
    if "signpost_type" in frame:
        rows = frame["signpost_type"].is_not_null().arg_true().to_numpy()
        frame = _moved(frame, _extract(lines, begin[rows], end[rows], _NAME), rows, begin)
        signpost = pl.when(pl.col("signpost_type").is_not_null()).then(pl.lit("signpost"))
        old = pl.col("level") if "level" in frame else pl.lit(None, pl.String)
        frame = frame.with_columns(signpost.otherwise(old).alias("level"))
    if "level" in frame:
        rows = frame["level"].is_in(["Loss", "Lo"]).arg_true().to_numpy()
        if len(rows):
            frame = _moved(frame, _extract(lines, begin[rows], end[rows], _LOST), rows, begin)
    return _without_kernel_labels(lines, frame, begin)


def _starts_with(lines: Lines, begin: Longs, end: Longs, text: bytes) -> Any:
    data = np.frombuffer(lines.data, np.uint8)
    hits = end - begin > len(text)
    for column, character in enumerate(text):
        hits &= data[np.minimum(begin + column, len(data) - 1)] == character
        if not hits.any():
            break
    return hits


def _ends_with(lines: Lines, begin: Longs, text: bytes) -> Any:
    """Return one boolean for each message: does it stand behind `text`?"""
    data = np.frombuffer(lines.data, np.uint8)
    hits = begin >= len(text)
    for back, character in enumerate(reversed(text), start=1):
        hits &= data[begin - back] == character
    return hits


def _extract(lines: Lines, begin: Longs, end: Longs, pattern: str) -> pl.DataFrame:
    return pl.Series(lines.pieces(begin, end), dtype=pl.String).str.extract_groups(pattern).struct.unnest()


def _moved(frame: pl.DataFrame, found: pl.DataFrame, rows: Any, begin: Longs) -> pl.DataFrame:
    """Put groups found at `rows` into the frame; the group ``whole`` leaves the message."""
    if "whole" in found:
        begin[rows] += found["whole"].str.len_bytes().fill_null(0).to_numpy().astype(np.int64)
        found = found.drop("whole")
    for name in found.columns:
        column = frame.get_column(name, default=pl.repeat(None, frame.height, dtype=pl.String, eager=True))
        frame = frame.with_columns(column.scatter(rows, found[name]).alias(name))
    return frame


def _without_kernel_labels(lines: Lines, frame: pl.DataFrame, begin: Longs) -> tuple[pl.DataFrame, Longs]:
    """Give ``[DCP:x] `` back to the kernel's messages: its drivers begin them so; its subsystems have dots.

    Where columns, or what stands behind the message, tell the subsystem, the message has lost nothing.
    """
    if not {"process", "subsystem", "category", "layout"} <= set(frame.columns):
        return frame, begin
    wrong = (
        (pl.col("process") == "kernel") & pl.col("subsystem").is_not_null() & ~pl.col("subsystem").str.contains("[./]")
    )
    rows = frame.select(wrong.fill_null(value=False)).to_series()
    if not rows.any():
        return frame, begin
    rows &= pl.Series(_ends_with(lines, begin, b"] "))
    labels = frame.select(pl.col("subsystem").str.len_bytes() + pl.col("category").fill_null("").str.len_bytes() + 4)
    begin[rows.to_numpy()] -= labels.to_series().filter(rows).to_numpy().astype(np.int64)
    empty = [pl.when(~rows).then(pl.col(name)).alias(name) for name in ("subsystem", "category")]
    return frame.with_columns(empty), begin
