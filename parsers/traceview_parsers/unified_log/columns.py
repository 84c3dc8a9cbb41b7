"""Arrow columns from numpy arrays, without copies of values."""

from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from traceview_parsers.schema import EVENTS, LEVELS, batch_of
from traceview_parsers.unified_log.firehose import ACTIVITY, LOG, LOSS, SIGNPOST, TRACE, TRANSITION, USER_ACTION
from traceview_parsers.unified_log.interning import Array

LEVEL_NAMES: Final = pa.array(LEVELS, pa.string())
EVENT_NAMES: Final = pa.array(EVENTS, pa.string())
SIGNPOST_TYPES: Final = pa.array(["event", "begin", "end"], pa.string())
SIGNPOST_SCOPES: Final = pa.array(["thread", "process", "system"], pa.string())
TIMES_HOW: Final = pa.array(["exact", "unknown"], pa.string())
_LEVEL_BYTES: Final = {0x01: "info", 0x02: "debug", 0x10: "error", 0x11: "fault"}


def _by_level(default: int, found: dict[int, int]) -> Array:
    table = np.full(256, default, np.int32)
    for byte, index in found.items():
        table[byte] = index
    return table


LEVEL_OF: Final = _by_level(LEVELS.index("default"), {byte: LEVELS.index(name) for byte, name in _LEVEL_BYTES.items()})
"""Index into `LEVEL_NAMES` by log type byte; bytes that are no known level count as default, as in Apple's tools."""

SIGNPOST_TYPE_OF: Final = _by_level(
    -1, {byte: byte & 0xF for scope in (0x40, 0x80, 0xC0) for byte in range(scope, scope + 3)}
)
SIGNPOST_SCOPE_OF: Final = _by_level(-1, {byte: (byte >> 6) - 1 for byte in range(0x40, 0x100)})


def _events() -> Array:
    table = np.full((256, 256), -1, np.int32)
    for kind, name in ((LOG, "log"), (TRACE, "trace"), (ACTIVITY, "activity"), (SIGNPOST, "signpost"), (LOSS, "loss")):
        table[kind] = EVENTS.index(name)
    table[ACTIVITY, TRANSITION] = EVENTS.index("activity_transition")
    table[ACTIVITY, USER_ACTION] = EVENTS.index("user_action")
    return table.reshape(-1)


LEVEL_BY_KIND: Final = np.concatenate(
    [LEVEL_OF if kind in {LOG, TRACE} else np.full(256, -1, np.int32) for kind in range(256)]
)
"""Index into `LEVEL_NAMES` by record type * 256 + log type; -1 for records that have no level."""

EVENT_OF: Final = _events()
"""Index into `EVENT_NAMES` by record type * 256 + log type."""


_ASCII: Final = 0x7F
_NULLS: Final[dict[Any, Any]] = {}
"""Null columns by type, as long as the longest asked for; shorter ones are slices of them."""


def nulls(kind: Any, rows: int) -> Any:
    """Return a column of nulls that shares its memory with others."""
    known = _NULLS.get(kind)
    if known is None or len(known) < rows:
        known = _NULLS[kind] = pa.nulls(rows, kind)
    return known.slice(0, rows)


def batch(schema: Any, rows: int, values: dict[str, Any]) -> Any:
    """Return a record batch of a schema, as `batch_of`; columns that are not given share their nulls with others."""
    missing = {field.name: nulls(field.type, rows) for field in schema if field.name not in values}
    return batch_of(schema, rows, values | missing)


def named(indices: Array, names: Any, valid: Array | Literal["negative"] | None = "negative") -> Any:
    """Return a dictionary column; null where `valid` is False (None: nowhere; by default where the index is -1)."""
    if isinstance(valid, str):
        valid = indices >= 0
    numbers = fixed(indices.astype(np.int32, copy=False), pa.int32(), valid)
    return pa.DictionaryArray.from_arrays(numbers, names, safe=False)  # they are numbers of these very names


def fixed(values: Array, kind: Any, valid: Array | None = None) -> Any:
    """Return a column of fixed width over the memory of `values`; null where `valid` is False."""
    mask = None
    if valid is not None and not valid.all():
        mask = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, values.size, [mask, pa.py_buffer(np.ascontiguousarray(values))])


def text(raw: Any) -> Any:
    """Return pa.large_string() of a pa.large_binary() column; bytes that are no UTF-8 become U+FFFD."""
    mask, offsets, content = raw.buffers()
    if content is None or np.frombuffer(content, np.uint8).max(initial=0) <= _ASCII:
        return pa.Array.from_buffers(pa.large_string(), len(raw), [mask, offsets, content], offset=raw.offset)
    try:
        return raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([value.decode("utf-8", "replace") for value in raw.to_pylist()], pa.large_string())
