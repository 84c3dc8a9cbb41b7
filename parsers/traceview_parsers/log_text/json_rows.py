"""Objects of ``log show --style ndjson|json`` to ``log`` columns."""

import io
import json
import re
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.log_text.layouts import CLOCK, DATE
from traceview_parsers.log_text.rows import dictionary, encode, names, time_columns
from traceview_parsers.log_text.source import Pass

KEYS: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(
        (
            "timestamp",
            "processImagePath",
            "processImageUUID",
            "senderImagePath",
            "senderImageUUID",
            "subsystem",
            "category",
            "messageType",
            "eventType",
            "eventMessage",
            "formatString",
            "bootUUID",
            "signpostName",
            "signpostType",
            "signpostScope",
        ),
        pl.String(),
    ),
    **dict.fromkeys(
        (
            "machTimestamp",
            "threadID",
            "activityIdentifier",
            "parentActivityIdentifier",
            "creatorActivityID",
            "traceID",
            "signpostID",
            "senderProgramCounter",
        ),
        pl.UInt64(),
    ),
    **dict.fromkeys(("processID", "userID", "lossCount"), pl.Int64()),
}
EVENTS: Final = {
    "logEvent": "log",
    "traceEvent": "trace",
    "activityCreateEvent": "activity",
    "activityTransitionEvent": "activity_transition",
    "signpostEvent": "signpost",
    "lossEvent": "loss",
    "stateEvent": "state",
    "userActionEvent": "user_action",
    "timesyncEvent": "timesync",
}
_SURROGATE: Final = re.compile(rb"\\u[dD]")
_UNSET_USER: Final = 0xAAAAAAAA
_STAMP: Final = rf"^{DATE}[ T]{CLOCK}(?:[.,](?P<fraction>[0-9]{{1,9}}))?(?P<zone>[+-][0-9]{{2}}:?[0-9]{{2}}|Z)?"
_LEVELLED: Final = ("log", "trace", "user_action")


def stamps(texts: pl.Series) -> pl.DataFrame:
    """Return the parts of ``YYYY-MM-DD HH:MM:SS.ffffff±HHMM`` as the groups that `rows.time_columns` takes."""
    return texts.str.extract_groups(_STAMP).struct.unnest()


def parse_objects(lines: Lines, numbers: Any, keys: dict[str, pl.DataType], run: Pass) -> tuple[pl.DataFrame, Any]:
    """Parse one JSON object a line; return a frame of `keys` and the line numbers of its rows.

    Lines that are no object are counted as ``unrecognised-line``. Numbers keep all 64 bits.
    """
    if not len(lines):
        return pl.DataFrame(schema=keys), numbers
    if not _SURROGATE.search(lines.data):  # the fast parser garbles lone ones
        try:
            frame = pl.read_ndjson(io.BytesIO(lines.data), schema=keys)
        except (pl.exceptions.PolarsError, RecursionError):
            pass  # some line is damaged: the careful way below finds and counts it
        else:
            if frame.height == len(lines):
                return frame, numbers
    return _carefully(lines, numbers, keys, run)


def _carefully(lines: Lines, numbers: Any, keys: dict[str, pl.DataType], run: Pass) -> tuple[pl.DataFrame, Any]:
    kept: list[int] = []
    values: dict[str, list[Any]] = {key: [] for key in keys}
    for row in range(len(lines)):
        text = lines.text(row)
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            run.problems.add(
                run.name,
                "unrecognised-line",
                "damaged JSON objects were left out",
                position=int(numbers[row]),
                unit="line",
                sample=text,
            )
            continue
        kept.append(row)
        for key, dtype in keys.items():
            values[key].append(_fitting(record.get(key), dtype))
    return pl.DataFrame(values, schema=keys), numbers[kept]


def _fitting(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Struct):
        return value if isinstance(value, dict) else None
    if isinstance(value, bool) or value is None:
        return None
    if dtype == pl.String():
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) <= 20:
        value = int(value)
    if isinstance(value, int):
        low, high = (0, 1 << 64) if dtype == pl.UInt64() else (-(1 << 63), 1 << 63)
        return value if low <= value < high else None
    return None


def log_columns(frame: pl.DataFrame, run: Pass) -> dict[str, Any]:
    """Return the ``log`` columns of parsed objects, without ``ref``. Zero means "none" for activities and signposts."""
    result = time_columns(stamps(frame["timestamp"]), run.clock)
    event = names(frame["eventType"].fill_null("logEvent"), lambda text: EVENTS.get(text, "log"))
    result["event"] = event
    result["level"] = _levels(frame["messageType"], event)
    for key, path, name, uuid in (
        ("process", "process_path", "process", "process_uuid"),
        ("sender", "sender_path", "sender", "sender_uuid"),
    ):
        result[path] = names(frame[f"{key}ImagePath"], lambda text: text or None)
        result[name] = names(frame[f"{key}ImagePath"], lambda text: text.rsplit("/", 1)[-1] or None)
        result[uuid] = names(frame[f"{key}ImageUUID"], lambda text: text.upper() or None)
    result["boot_uuid"] = names(frame["bootUUID"], lambda text: text.upper() or None)
    for key, column in (
        ("subsystem", "subsystem"),
        ("category", "category"),
        ("formatString", "format"),
        ("signpostName", "signpost_name"),
        ("signpostType", "signpost_type"),
        ("signpostScope", "signpost_scope"),
    ):
        result[column] = names(frame[key], lambda text: text or None)
    for key, column, nothing in (
        ("machTimestamp", "mach_time", None),
        ("threadID", "tid", None),
        ("processID", "pid", None),
        ("userID", "uid", _UNSET_USER),
        ("senderProgramCounter", "sender_offset", None),
        ("activityIdentifier", "activity_id", 0),
        ("parentActivityIdentifier", "parent_activity_id", 0),
        ("creatorActivityID", "creator_activity_id", 0),
        ("traceID", "trace_id", None),
        ("signpostID", "signpost_id", 0),
        ("lossCount", "loss_count", None),
    ):
        numbers = frame[key]
        if nothing is not None:
            numbers = numbers.set((numbers == nothing).fill_null(value=False), None)
        result[column] = numbers.to_arrow()
    result["message"] = pa.array(frame["eventMessage"].to_arrow(), pa.large_string())
    return result


def log_batch(frame: pl.DataFrame, numbers: Any, run: Pass) -> Any:
    """Return the ``log`` batch of parsed objects whose records begin at these line numbers."""
    values = log_columns(frame, run)
    values["ref"] = run.refs(numbers)
    return schema.log_batch(frame.height, values)


def _levels(types: pl.Series, event: Any) -> Any:
    codes, values = encode(types)
    levels = [value.lower() for value in values]
    table = np.array([schema.LEVELS.index(v) if v in schema.LEVELS else -1 for v in levels] + [-1], np.int32)
    levelled = np.array([value in _LEVELLED for value in event.dictionary.to_pylist()], bool)
    return dictionary(np.where(levelled[event.indices.to_numpy()], table[codes], -1), list(schema.LEVELS))
