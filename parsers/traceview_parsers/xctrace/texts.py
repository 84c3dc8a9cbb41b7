"""Slices of a block as Arrow strings."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.xctrace.digits import Longs
from traceview_parsers.xctrace.markup import decode
from traceview_parsers.xctrace.scan import GREATER, QUOTE

_ENTITIES: Final = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&"))


def slices(data: bytearray, starts: Longs, ends: Longs, *, rewritten: bool = False) -> Any:
    """Return the texts between ascending positions, entities replaced, as a string array.

    Args:
        data: The bytes.
        starts: Where each begins.
        ends: Where each ends; a slice that is not after the one before must be empty.
        rewritten: Whether stand-ins for ``>`` and ``"`` occur.
    """
    if not len(starts):
        return pa.array([], pa.string())
    offsets = np.empty(2 * len(starts), np.int32)
    empty = ends <= starts
    reached = np.maximum.accumulate(np.where(empty, 0, ends))
    offsets[::2] = np.where(empty, reached, starts)
    offsets[1::2] = reached
    pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return _text(pieces.take(pa.array(np.arange(0, len(offsets), 2))), rewritten=rewritten)


def _text(values: Any, *, rewritten: bool) -> Any:
    if rewritten:
        values = pc.replace_substring(values, GREATER, b">")
        values = pc.replace_substring(values, QUOTE, b'"')
    escaped = pc.match_substring(values, b"&")
    if pc.any(escaped).as_py():
        values = pc.replace_with_mask(values, escaped, _unescaped(values.filter(escaped)))
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:  # not UTF-8
        return pa.array([value.decode("utf-8", "replace") for value in values.to_pylist()], pa.string())


def _unescaped(values: Any) -> Any:
    if pc.any(pc.match_substring(values, b"&#")).as_py():
        return pa.array([decode(value).encode() for value in values.to_pylist()], pa.binary())
    for entity, character in _ENTITIES:
        values = pc.replace_substring(values, entity, character)
    return values


def dictionary(codes: Any, values: Any) -> Any:
    """Return a dictionary array; negative codes are null."""
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, values)
