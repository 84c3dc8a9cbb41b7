"""Python values of SQLite columns to Arrow arrays: fast where they have the type they should, careful where not."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_MOST: Final = 9.2e18
"""What 64-bit integers hold: PowerLog counts in them."""
_MOST_S: Final = 9.2e9
"""292 years, what 64 bits of nanoseconds hold."""
_RANGES: Final = {("power_battery", "level"): (0.0, 100.0), ("time_zones", "utc_offset_s"): (-86_400.0, 86_400.0)}
"""Percent, and less than a day to either side of UTC."""


def possible(array: Any, table: str, name: str) -> tuple[Any, int]:
    """Return (the array without the numbers that column `name` of `table` cannot have, how many became null).

    Such are infinity, more seconds than a clock holds, and what lies outside of the few ranges that are known.
    """
    own = _RANGES.get((table, name))
    if own is None and not pa.types.is_floating(array.type):
        return array, 0
    most = _MOST_S if name.endswith("_s") else _MOST
    least, most = own or (-most, most)
    fits = pc.and_(pc.greater_equal(array, least), pc.less_equal(array, most))
    if pc.all(fits, min_count=0).as_py():
        return array, 0
    kept = pc.if_else(fits, array, None)
    return kept, kept.null_count - array.null_count


def array(values: Sequence[Any], kind: Any) -> tuple[Any, int]:
    """Return (array of Arrow type `kind`, number of values that do not fit it and became null).

    SQLite columns may hold any type in any row. Texts come as bytes; invalid UTF-8 is replaced. Integers stand for
    booleans.
    """
    stored = _stored(kind)
    try:
        found = pa.array(values, stored)
        return (found.cast(kind), 0) if stored != kind else (found, 0)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        fitting = [_fit(value, kind) for value in values]
        lost = sum(value is not None and fit is None for value, fit in zip(values, fitting, strict=True))
        return pa.array(fitting, kind), lost


def _stored(kind: Any) -> Any:
    """Return the type in which SQLite hands a column out."""
    if pa.types.is_string(kind):
        return pa.binary()
    return pa.int64() if pa.types.is_boolean(kind) else kind


def _fit(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if isinstance(value, bytes):
        return None
    if pa.types.is_floating(kind):
        return float(value)
    if not (isinstance(value, int) or value.is_integer()):
        return None
    bits = 63 if pa.types.is_boolean(kind) else kind.bit_width - pa.types.is_signed_integer(kind)
    least = 0 if pa.types.is_unsigned_integer(kind) else -(1 << bits)
    fits = least <= value < 1 << bits
    return (bool(value) if pa.types.is_boolean(kind) else int(value)) if fits else None
