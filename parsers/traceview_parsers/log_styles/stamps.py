"""Local times as text, for a whole column."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.combinations import distinct_codes

_SECOND: Final = 10**9
_DAY: Final = 86_400
_BLOCK: Final = 900
"""Zones change their offset at quarter hours of UTC only (IANA time zone database, since 1972)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TWO: Final = np.array([list(b"%02d" % number) for number in range(100)], np.uint8)
_THREE: Final = np.array([list(b"%03d" % number) for number in range(1000)], np.uint8)
_CLOCK: Final = {11: 3600, 14: 60, 17: 1}
"""Column of the hours, minutes and seconds, and their length in seconds."""


def microseconds(time: Any, tz: tzinfo, before: str = "", after: str = "") -> Any:
    """Return ``YYYY-MM-DD HH:MM:SS.ffffff±HHMM``, cut to microseconds, with what stands around it; null for null."""
    stamp, fraction = _common(time, tz, (before, after))
    thousands, rest = np.divmod(fraction // 1_000, 1_000)
    at = len(before) + 20
    stamp[:, at : at + 3] = _THREE.take(thousands, axis=0)
    stamp[:, at + 3 : at + 6] = _THREE.take(rest, axis=0)
    return _strings(stamp, time)


def milliseconds(time: Any, tz: tzinfo) -> Any:
    """Return ``YYYY-MM-DD HH:MM:SS.fff`` (the compact style has no zone); null for null."""
    stamp, fraction = _common(time, tz)
    stamp[:, 20:23] = _THREE.take(fraction // 1_000_000, axis=0)
    return _strings(stamp[:, :23], time)


def _common(time: Any, tz: tzinfo, around: tuple[str, str] = ("", "")) -> tuple[Any, Any]:
    """Return (character matrix without the fraction, nanoseconds of the second); each second is spelled once."""
    utc = time.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    seconds = utc // _SECOND
    fraction = utc - seconds * _SECOND
    low = int(seconds.min())
    distinct, rows = distinct_codes(seconds - low, int(seconds.max()) - low + 1)
    spelled = _spelled(distinct + low, tz)
    before, after = (np.tile(np.frombuffer(text.encode(), np.uint8), (len(distinct), 1)) for text in around)
    return np.hstack([before, spelled, after]).take(rows, axis=0), fraction


def _spelled(utc: Any, tz: tzinfo) -> Any:
    """Return the character matrix of these UTC seconds, with room for the fraction."""
    blocks = utc // _BLOCK
    distinct, rows = np.unique(blocks, return_inverse=True)
    offsets = [_offset(block, tz) for block in distinct.tolist()]
    local = utc + np.array(offsets, np.int64)[rows]
    days, of_day = np.divmod(local, _DAY)
    stamp = np.full((len(utc), 31), ord(" "), np.uint8)
    distinct_days, day_rows = np.unique(days, return_inverse=True)
    dates = [list(f"{_EPOCH + timedelta(days=day):%Y-%m-%d}".encode()) for day in distinct_days.tolist()]
    stamp[:, :10] = np.array(dates, np.uint8)[day_rows]
    for column, unit in _CLOCK.items():
        stamp[:, column : column + 2] = _TWO[of_day // unit % (24 if unit == 3600 else 60)]
    stamp[:, (13, 16)] = ord(":")
    stamp[:, 19] = ord(".")
    stamp[:, 26:31] = np.array([list(_zone(offset)) for offset in offsets], np.uint8)[rows]
    return stamp


def _offset(block: int, tz: tzinfo) -> int:
    moment = _EPOCH + timedelta(seconds=block * _BLOCK)
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
