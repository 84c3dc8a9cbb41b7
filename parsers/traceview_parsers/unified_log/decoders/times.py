"""Points in time (os_log(3)). Apple prints them in the reader's zone; here they are in UTC and say so."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from traceview_parsers.unified_log.decoders.values import data, signed

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_t(value: bytes | int) -> str | None:
    """Seconds since 1970: ``2016-01-12 19:41:37+0000``."""
    seconds = signed(value)
    return None if seconds is None else _text(seconds, "")


def timespec(value: bytes | int) -> str | None:
    """``struct timespec``: two 64-bit numbers, seconds and nanoseconds."""
    raw = data(value)
    if raw is None or len(raw) != 16:
        return None
    seconds, nanoseconds = struct.unpack("<qq", raw)
    return _text(seconds, f".{nanoseconds:09d}") if 0 <= nanoseconds < 10**9 else None


def timeval(value: bytes | int) -> str | None:
    """``struct timeval``: 64-bit seconds, 32-bit microseconds, padding."""
    raw = data(value)
    if raw is None or len(raw) != 16:
        return None
    seconds, microseconds = struct.unpack("<qi4x", raw)
    return _text(seconds, f".{microseconds:06d}") if 0 <= microseconds < 10**6 else None


def _text(seconds: int, fraction: str) -> str | None:
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}+0000"


DECODERS: Final = {"time_t": time_t, "timespec": timespec, "timeval": timeval}
