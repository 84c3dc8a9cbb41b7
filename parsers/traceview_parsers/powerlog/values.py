"""Python values of SQLite columns to Arrow arrays: fast where they have the type they should, careful where not."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


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
    whole = isinstance(value, int) or value.is_integer()
    fits = whole and -(1 << 63) <= value < 1 << 63
    return (bool(value) if pa.types.is_boolean(kind) else int(value)) if fits else None
