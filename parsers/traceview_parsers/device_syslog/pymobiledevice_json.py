"""Objects of ``pymobiledevice3 syslog live --format json`` to ``log`` columns."""

from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.log_text.json_rows import stamps
from traceview_parsers.log_text.rows import columns
from traceview_parsers.log_text.source import Pass

_LABEL: Final = pl.Struct({"subsystem": pl.String(), "category": pl.String()})
KEYS: Final[dict[str, pl.DataType]] = {
    "timestamp": pl.String(),
    "pid": pl.Int64(),
    "thread_id": pl.UInt64(),
    "level": pl.String(),
    "image_name": pl.String(),
    "image_offset": pl.UInt64(),
    "image_uuid": pl.String(),
    "process_image_uuid": pl.String(),
    "filename": pl.String(),
    "mach_timestamp": pl.UInt64(),
    "message": pl.String(),
    "label": _LABEL,
}


def batch_of(frame: pl.DataFrame, numbers: Any, run: Pass) -> Any:
    """Return the ``log`` batch of parsed objects whose records begin at these line numbers."""
    path = frame["filename"]
    label = frame["label"]
    groups = stamps(frame["timestamp"]).with_columns(
        level=frame["level"],
        process=path.str.extract(r"([^/]*)$"),
        process_path=path,
        sender=frame["image_name"].str.extract(r"([^/]*)$"),
        sender_path=frame["image_name"],
        sender_uuid=frame["image_uuid"].str.to_uppercase(),
        process_uuid=frame["process_image_uuid"].str.to_uppercase(),
        subsystem=label.struct.field("subsystem"),
        category=label.struct.field("category"),
    )
    values = columns(groups, run.clock)
    for key, column in (
        ("pid", "pid"),
        ("thread_id", "tid"),
        ("image_offset", "sender_offset"),
        ("mach_timestamp", "mach_time"),
    ):
        values[column] = frame[key].to_arrow()
    values["ref"] = run.refs(np.asarray(numbers))
    values["message"] = pa.array(frame["message"].to_arrow(), pa.large_string())
    return schema.log_batch(frame.height, values)
