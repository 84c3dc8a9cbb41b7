"""Single pasted lines of any layout, each on its own: what ``traceview signals match`` reads."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.clock import Longs
from traceview_parsers.device_syslog.console import COPIES, PLAIN
from traceview_parsers.device_syslog.relay import NSLOG, RELAYS
from traceview_parsers.device_syslog.xcode import METADATA, metadata_fields
from traceview_parsers.local_clock import Anchor, LocalClock
from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.log_text.decode import without_suffix
from traceview_parsers.log_text.inside import message_fields
from traceview_parsers.log_text.json_rows import KEYS, log_columns, parse_objects
from traceview_parsers.log_text.layouts import Layout, tokenise
from traceview_parsers.log_text.rows import columns
from traceview_parsers.log_text.source import Pass
from traceview_parsers.log_text.styles import STYLES
from traceview_parsers.problems import Problems
from traceview_parsers.trace import ReadOptions

# Names that begin a line without any time in quoted evidence; other first words may be part of the message.
_DAEMONS: Final = (
    "apsd|audioaccessoryd|audiomxd|avconferenced|bluetoothd|callservicesd|coreaudiod|corespeechd|dasd|locationd|"
    "mediaserverd|powerd|runningboardd|SpringBoard|symptomsd|wifid"
)
FRAGMENTS: Final = Layout(
    "without time",
    (
        r"^(?P<prefix>(?P<process>[A-Za-z][A-Za-z0-9_.-]*)\t)",
        r"^(?P<prefix>(?P<process>[A-Za-z][A-Za-z0-9_-]*) (?P<subsystem>com\.apple\.[A-Za-z0-9_.-]+) )",
        rf"^(?P<prefix>(?P<process>{_DAEMONS})(?:\((?P<sender>[^()\n]*)\))?: )",
        r"^(?P<prefix>(?:… )?\[(?P<subsystem>com\.apple\.[A-Za-z0-9_.-]+):(?P<category>[^\]\n]*)\] )",
    ),
)
LAYOUTS: Final = (*STYLES, *RELAYS, NSLOG, *COPIES, PLAIN, FRAGMENTS)
_JSON_LINE: Final = r'^\{.*"(?:eventMessage|processImagePath|machTimestamp)"\s*:.*\}\s*$'


def split_lines(lines: Sequence[str], options: ReadOptions | None = None) -> Any:
    """Split lines of any layouts, mixed, or bare messages: one row of the ``log`` schema for each, in their order.

    Every line stands alone. One that no layout fits has its whole text as ``message`` and nothing else; an Xcode
    metadata line has no message. ``ref`` is the 1-based number of the line. Times without a date are null unless
    `options` gives one; a missing zone is UTC, marked in ``time_how``.
    """
    given = options or ReadOptions()
    text = _as_lines(lines)
    clock = LocalClock(lambda: Anchor(given.date, "user") if given.date else None, given.tz, "given by the user")
    run = Pass(Path(), "lines", clock, Problems(), 0)
    texts = text.series()
    is_json = texts.str.contains(_JSON_LINE).to_numpy()
    is_metadata = ~is_json & texts.str.strip_chars_end("\n").str.contains(METADATA).to_numpy()
    parts = []
    if is_json.any():
        objects, rows = _objects(text, np.flatnonzero(is_json), run)
        parts.append(objects)
        is_json[:] = False
        is_json[rows] = True
    if is_metadata.any():
        parts.append(_metadata(texts, np.flatnonzero(is_metadata), run))
    parts.append(_printed(text, is_json | is_metadata, run))
    table = pa.Table.from_batches([part for part in parts if part.num_rows] or parts[-1:])
    table = table.unify_dictionaries().sort_by("ref").combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else parts[-1]


def _as_lines(lines: Sequence[str]) -> Lines:
    clean = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line.rstrip("\r\n")).encode("utf-8", "replace") for line in lines]
    lengths = np.array([len(line) + 1 for line in clean], np.int64)
    data = b"".join(line + b"\n" for line in clean)
    return Lines(data, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]), 1)


def _objects(lines: Lines, rows: Longs, run: Pass) -> tuple[Any, Longs]:
    data = b"".join(lines.data[lines.starts[row] : lines.starts[row + 1]] for row in rows)
    frame, numbers = parse_objects(Lines.of(data), rows + 1, KEYS, run)
    values = log_columns(frame, run)
    values["ref"] = run.refs(numbers)
    return schema.log_batch(frame.height, values), np.asarray(numbers) - 1


def _metadata(texts: pl.Series, rows: Longs, run: Pass) -> Any:
    values = columns(metadata_fields(texts.gather(rows)), run.clock)
    values["ref"] = run.refs(rows + 1)
    return schema.log_batch(len(rows), values)


def _printed(lines: Lines, done: Any, run: Pass) -> Any:
    known = tokenise(lines, LAYOUTS, done).frame
    rows = np.setdiff1d(np.flatnonzero(~done), known["row"].to_numpy())
    bare = pl.DataFrame({"row": rows, "prefix_bytes": np.zeros(len(rows), np.int64)})
    frame = pl.concat([known, bare], how="diagonal").sort("row")
    where = frame["row"].to_numpy()
    begin = lines.starts[where] + frame["prefix_bytes"].to_numpy()
    end = lines.starts[where + 1] - 1
    begin = np.minimum(begin, end)
    frame, end = without_suffix(lines, frame, LAYOUTS, begin, end)
    frame, begin = message_fields(lines, frame, begin, end)
    values = columns(frame, run.clock)
    values["ref"] = run.refs(where + 1)
    values["message"] = lines.pieces(begin, end)
    batch = schema.log_batch(frame.height, values)
    return _without_event(batch, frame["layout"].is_null().to_numpy())


def _without_event(batch: Any, bare: Any) -> Any:
    """Empty ``event`` on rows of which nothing but the message is known."""
    position = batch.schema.get_field_index("event")
    event = batch.column(position)
    indices = pa.array(event.indices.to_numpy(), mask=bare)
    columns_ = [*batch.columns]
    columns_[position] = pa.DictionaryArray.from_arrays(indices, event.dictionary)
    return pa.RecordBatch.from_arrays(columns_, schema=batch.schema)
