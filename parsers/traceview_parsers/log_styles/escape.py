"""JSON escaping of a whole string column at once, as Foundation does it (slashes too)."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.json_text import json_string
from traceview_parsers.log_styles.pieces import string_buffers

_REPLACEMENTS: Final = {
    code: json_string(chr(code))[1:-1].encode() for code in range(128) if json_string(chr(code)) != f'"{chr(code)}"'
}
_GROWTH: Final = np.zeros(256, np.int64)
_GROWTH[list(_REPLACEMENTS)] = [len(escaped) - 1 for escaped in _REPLACEMENTS.values()]
_VISIBLE: Final = [code for code in _REPLACEMENTS if code >= ord(" ")]


def escape(array: Any) -> Any:
    """Return a ``large_string`` array whose strings may stand between the quotes of a JSON string."""
    if not len(array):
        return array
    offsets, data = string_buffers(array)
    data = data[offsets[0] : offsets[-1]]
    special = _places(data)
    if not len(special):
        return array
    found = data[special]
    grown = np.concatenate(([0], np.cumsum(_GROWTH[found])))
    offsets = offsets - offsets[0]
    moved = offsets + grown[np.searchsorted(special, offsets)]
    text = data.tobytes()
    # The backslash goes first: the other replacements bring new ones.
    present = np.zeros(256, bool)
    present[found] = True
    for code in sorted(np.flatnonzero(present).tolist(), key=lambda code: code != ord("\\")):
        text = text.replace(bytes((code,)), _REPLACEMENTS[code])
    mask = None if not array.null_count else pa.array(array.is_valid()).buffers()[1]
    return pa.LargeStringArray.from_buffers(len(array), pa.py_buffer(moved), pa.py_buffer(text), mask, array.null_count)


def _places(data: Any) -> Any:
    """Return where the bytes stand that need replacing."""
    found = np.zeros((data.size + 7) & ~7, bool)
    hits, same = found[: data.size], np.empty(data.size, bool)
    np.less(data, ord(" "), out=hits)
    for code in _VISIBLE:
        np.logical_or(hits, np.equal(data, code, out=same), out=hits)
    # Most groups of eight bytes have none: looking at groups first is faster.
    groups = np.flatnonzero(found.view(np.uint64))
    few = np.flatnonzero(found.reshape(-1, 8)[groups])
    return (groups[few >> 3] << 3) + (few & 7)
