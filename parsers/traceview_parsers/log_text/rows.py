"""Captured fields to columns of the ``log`` table."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from traceview_parsers import schema
from traceview_parsers.clock import (
    IMPOSSIBLE,
    MISSING,
    SECOND,
    Longs,
    offset_ns,
    parse_day,
    parse_month_day,
)
from traceview_parsers.local_clock import LocalClock

LEVELS: Final = {
    "default": "default",
    "notice": "default",
    "warning": "default",  # the old relay's; the unified log has no such level
    "df": "default",
    "standard": "default",  # seen in a German Console
    "默认": "default",  # seen in a Chinese Console
    "info": "info",
    "i": "info",
    "debug": "debug",
    "db": "debug",
    "error": "error",
    "e": "error",
    "er": "error",
    "fault": "fault",
    "f": "fault",
    "fa": "fault",
    "critical": "fault",
    "alert": "fault",
    "emergency": "fault",
}
EVENTS: Final = {
    "activity": "activity",
    "a": "activity",
    "sp": "signpost",
    "lo": "loss",
    "st": "state",
    "signpost": "signpost",
    "loss": "loss",
    "state": "state",
    "trace": "trace",
    "timesync": "timesync",
    "ti": "timesync",
    "us": "user_action",
    "user_action": "user_action",
    "useraction": "user_action",
}
NAME_GROUPS: Final = (
    "process",
    "process_path",
    "process_uuid",
    "sender",
    "sender_path",
    "sender_uuid",
    "subsystem",
    "category",
    "signpost_name",
    "signpost_type",
    "signpost_scope",
)
NUMBER_GROUPS: Final = (
    ("pid", "pid", 10),
    ("pid_after", "pid", 10),
    ("ttl", "ttl", 10),
    ("activity_hex", "activity_id", 16),
    ("sender_offset_hex", "sender_offset", 16),
    ("tid_hex", "tid", 16),
    ("tid", "tid", 10),
    ("signpost_hex", "signpost_id", 16),
    ("lost", "loss_count", 10),
)
"""Groups of `layouts.Layout` that hold numbers: group, column, base."""
_UNLEVELLED: Final = {"unknown"}
_TIME_HOW: Final = pa.array(schema.TIME_HOW, pa.string())


def encode(texts: pl.Series) -> tuple[Any, list[str]]:
    """Return dictionary codes (int64, -1 for null) and the distinct values of a string column."""
    coded = pa.array(texts.to_arrow(), pa.large_string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, coded.dictionary.to_pylist()


def map_distinct(texts: pl.Series, function: Callable[[str], int]) -> Longs:
    """Apply `function` to each distinct text; null gives `MISSING`."""
    codes, values = encode(texts)
    table = np.array([function(value) for value in values] + [int(MISSING)], np.int64)
    return np.asarray(table[codes], np.int64)


def names(texts: pl.Series, function: Callable[[str], str | None] = lambda text: text.strip() or None) -> Any:
    """Return a string column as an Arrow dictionary, each distinct value passed through `function`."""
    codes, values = encode(texts)
    kept: dict[str, int] = {}
    table = np.full(len(values) + 1, -1, np.int32)
    for index, value in enumerate(values):
        name = function(value)
        if name is not None:
            table[index] = kept.setdefault(name, len(kept))
    return dictionary(table[codes], list(kept))


def dictionary(codes: Any, values: list[str]) -> Any:
    """Return an Arrow dictionary column; negative codes are null."""
    codes = np.asarray(codes, np.int32)
    indices = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()))


def level_of(text: str) -> str | None:
    """Return the member of `schema.LEVELS` that a printed level stands for, or None."""
    return LEVELS.get(text.strip().lower())


def event_of(text: str) -> str:
    """Return the member of `schema.EVENTS` that a printed type stands for."""
    return EVENTS.get(text.strip().lower(), "log")


def is_known_level(text: str) -> bool:
    """Whether a printed level or type is one of those seen."""
    name = text.strip().lower()
    return name in LEVELS or name in EVENTS or name in _UNLEVELLED


def time_columns(frame: pl.DataFrame, clock: LocalClock) -> dict[str, Any]:
    """Return the columns ``time`` and ``time_how`` from the groups date, month_day, clock, fraction and zone."""
    rows = frame.height
    nothing = np.full(rows, MISSING, np.int64)
    days = map_distinct(frame["date"], parse_day) if "date" in frame else nothing
    months = map_distinct(frame["month_day"], parse_month_day) if "month_day" in frame else nothing
    offsets = map_distinct(frame["zone"], _zone) if "zone" in frame else nothing
    of_day = nothing
    if "clock" in frame:
        of_day = _of_day(frame["clock"])
        if "fraction" in frame:
            of_day = np.where(of_day == MISSING, of_day, of_day + _fractions(frame["fraction"]))
    times, valid, how = clock.resolve(days, months, of_day, offsets)
    return {
        "time": pa.array(times, pa.int64(), mask=~valid).cast(schema.TIME),
        "time_how": pa.DictionaryArray.from_arrays(pa.array(how, pa.int32()), _TIME_HOW),
    }


def columns(frame: pl.DataFrame, clock: LocalClock) -> dict[str, Any]:
    """Return the ``log`` columns that the groups of a frame of `layouts.Tokens` hold, without ``ref`` and message."""
    result = time_columns(frame, clock)
    for name in NAME_GROUPS:
        if name in frame:
            result[name] = names(frame[name])
    if "level" in frame:
        result["level"] = names(frame["level"], level_of)
        result["event"] = names(frame["level"].fill_null(""), event_of)
    else:
        result["event"] = "log"
    numbers: dict[str, pl.Series] = {}
    for group, column, base in NUMBER_GROUPS:
        if group in frame:
            found = integers(frame[group], base, signed=column in {"pid", "ttl", "loss_count"})
            numbers[column] = numbers[column].fill_null(found) if column in numbers else found
    result.update((name, value.to_arrow()) for name, value in numbers.items())
    return result


def integers(texts: pl.Series, base: int, *, signed: bool) -> pl.Series:
    """Return digits as int64 or uint64; null where they do not fit."""
    dtype = pl.Int64 if signed else pl.UInt64
    return texts.str.to_integer(base=base, dtype=dtype, strict=False)


def _zone(text: str) -> int:
    offset = offset_ns(text)
    return int(IMPOSSIBLE) if offset is None else offset


def _digits(texts: pl.Series, width: int) -> Any:
    """Return the digits of texts that are all `width` bytes long as an (n, width) matrix of int64."""
    joined = pa.array(texts.to_arrow(), pa.large_binary())
    begin = int(np.frombuffer(joined.buffers()[1], np.int64)[joined.offset])
    data = np.frombuffer(joined.buffers()[2], np.uint8)[begin : begin + width * len(joined)]
    return data.reshape(len(joined), width).astype(np.int64) - 48


def _of_day(clock: pl.Series) -> Longs:
    missing = clock.is_null().to_numpy()
    digits = _digits(clock.fill_null("00:00:00"), 8)
    hours, minutes, seconds = (digits[:, i] * 10 + digits[:, i + 1] for i in (0, 3, 6))
    return np.where(missing, MISSING, ((hours * 60 + minutes) * 60 + seconds) * SECOND)


def _fractions(fraction: pl.Series) -> Longs:
    lengths = fraction.str.len_bytes()
    width = lengths.max()
    if width is None:
        return np.zeros(len(fraction), np.int64)
    if fraction.null_count() or lengths.min() != width:
        width, fraction = 9, fraction.fill_null("").str.pad_end(9, "0")
    powers = 10 ** np.arange(8, 8 - int(str(width)), -1, dtype=np.int64)
    return np.asarray(_digits(fraction, int(str(width))) @ powers, np.int64)
