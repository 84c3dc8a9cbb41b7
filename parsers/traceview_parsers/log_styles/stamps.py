"""Local times as text, for a whole column."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.log_styles.pieces import table

_SECOND: Final = 10**9
_DAY: Final = 86_400 * _SECOND
_BLOCK: Final = 900 * _SECOND
"""Zones change their offset at quarter hours of UTC only (IANA time zone database, since 1972)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TWO: Final = np.array([list(b"%02d" % number) for number in range(100)], np.uint8)
_THREE: Final = np.array([list(b"%03d" % number) for number in range(1000)], np.uint8)
_CLOCK: Final = {11: 3600, 14: 60, 17: 1}
"""Column of the hours, minutes and seconds, and their length in seconds."""


def microseconds(time: Any, tz: tzinfo) -> Any:
    """Return ``YYYY-MM-DD HH:MM:SS.ffffff±HHMM``, cut to microseconds; null for null."""
    stamp, fraction, zones = _common(time, tz, 31)
    stamp[:, 20:22] = _TWO[fraction // 10_000_000]
    stamp[:, 22:24] = _TWO[fraction // 100_000 % 100]
    stamp[:, 24:26] = _TWO[fraction // 1_000 % 100]
    stamp[:, 26:31] = zones
    return _strings(stamp, time)


def milliseconds(time: Any, tz: tzinfo) -> Any:
    """Return ``YYYY-MM-DD HH:MM:SS.fff`` (the compact style has no zone); null for null."""
    stamp, fraction, _ = _common(time, tz, 23)
    stamp[:, 20:23] = _THREE[fraction // 1_000_000]
    return _strings(stamp, time)


def _common(time: Any, tz: tzinfo, width: int) -> tuple[Any, Any, Any]:
    """Return (character matrix without the fraction, nanoseconds of the second, zone characters)."""
    utc = time.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    blocks = utc // _BLOCK
    low = int(blocks.min())
    distinct, rows = table(blocks - low)
    offsets = [_offset(block + low, tz) for block in distinct.tolist()]
    local = utc + np.array(offsets, np.int64)[rows] * _SECOND
    days = local // _DAY
    of_day = local - days * _DAY
    stamp = np.full((len(utc), width), ord(" "), np.uint8)
    first = int(days.min())
    distinct_days, day_rows = table(days - first)
    dates = [list(f"{_EPOCH + timedelta(days=first + day):%Y-%m-%d}".encode()) for day in distinct_days.tolist()]
    stamp[:, :10] = np.array(dates, np.uint8)[day_rows]
    seconds, fraction = np.divmod(of_day, _SECOND)
    for column, unit in _CLOCK.items():
        stamp[:, column : column + 2] = _TWO[seconds // unit % (24 if unit == 3600 else 60)]
    stamp[:, (13, 16)] = ord(":")
    stamp[:, 19] = ord(".")
    zones = np.array([list(_zone(offset)) for offset in offsets], np.uint8)[rows]
    return stamp, fraction, zones


def _offset(block: int, tz: tzinfo) -> int:
    moment = _EPOCH + timedelta(seconds=block * (_BLOCK // _SECOND))
    return int((moment.astimezone(tz).utcoffset() or timedelta()).total_seconds())


def _zone(offset: int) -> bytes:
    minutes = abs(offset) // 60
    return b"%c%02d%02d" % (b"-" if offset < 0 else b"+", minutes // 60, minutes % 60)


def _strings(stamp: Any, time: Any) -> Any:
    rows, width = stamp.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int64)
    texts = pa.LargeStringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(stamp)))
    if not time.null_count:
        return texts
    return pa.compute.if_else(time.is_valid(), texts, pa.scalar(None, pa.large_string()))
