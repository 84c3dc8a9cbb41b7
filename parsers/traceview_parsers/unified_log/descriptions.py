"""Property lists as text, the way Foundation describes them.

Format: Apple, NSDictionary ``description`` (old-style property lists): ``key = value;`` in braces, ``( … )`` for arrays,
four blanks a level, keys in order, quotes around everything
that is not letters and digits only, numbers included (as ``defaults read`` prints ``"0.6875"`` and ``"en_US"``).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from traceview_parsers.property_lists import read_property_list

MAX_CHARACTERS: Final = 1 << 20
"""Longer descriptions are cut: a dump is far smaller, but shared objects of a binary list can multiply (heuristic)."""

_MAX_DEPTH: Final = 64
_INDENT: Final = "    "
_BARE: Final = re.compile(r"[A-Za-z0-9]+")
_ESCAPED: Final = re.compile(r'["\\]|[^ -~]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def describe_plist(payload: bytes) -> str | None:
    """Describe a binary or XML property list; None when it is none."""
    value = read_property_list(payload)
    if value is None:
        return None
    parts: list[str] = []
    size = 0
    for part in _describe(value, 0):
        size += len(part)
        if size > MAX_CHARACTERS:
            parts.append("…")
            break
        parts.append(part)
    return "".join(parts)


def _describe(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        yield "…"
    elif isinstance(value, dict):
        yield from _describe_dictionary(value, depth)
    elif isinstance(value, list):
        yield from _describe_array(value, depth)
    else:
        yield _scalar(value)


def _describe_dictionary(value: dict[Any, Any], depth: int) -> Iterator[str]:
    inner = _INDENT * (depth + 1)
    yield "{\n"
    for key in sorted(value, key=str):
        nested = inner if isinstance(value[key], dict | list) else ""
        yield f"{inner}{_scalar(key)} = {nested}"
        yield from _describe(value[key], depth + 1)
        yield ";\n"
    yield f"{_INDENT * depth}}}"


def _describe_array(value: list[Any], depth: int) -> Iterator[str]:
    inner = _INDENT * (depth + 1)
    yield "(\n"
    for index, item in enumerate(value):
        yield inner
        yield from _describe(item, depth + 1)
        yield ",\n" if index + 1 < len(value) else "\n"
    yield f"{_INDENT * depth})"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bytes):
        return f"{{length = {len(value)}, bytes = 0x{value.hex()}}}"
    if isinstance(value, datetime):
        return f'"{value:%Y-%m-%d %H:%M:%S} +0000"'
    if isinstance(value, float):
        return _quoted(f"{value:.16g}")
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    mark = match[0]
    if mark in _SHORT:
        return _SHORT[mark]
    if mark < " ":
        return f"\\{ord(mark):03o}"
    units = mark.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\U{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
