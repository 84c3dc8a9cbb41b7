"""Protocol buffers without their schema, as text (wire format: protobuf.dev, Encoding).

The notation is that of ``protoc --decode_raw``. A length-delimited field is printed as text where it is printable UTF-8,
else as a message where it parses as one, else as hexadecimal bytes.
"""

import struct
from collections.abc import Iterator
from typing import Final

_MAX_DEPTH: Final = 32
_MAX_VARINT: Final = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class _NoMessageError(ValueError):
    """The bytes are no message."""


def describe_message(payload: bytes) -> str | None:
    """Describe a message, one line a field; None when the bytes are no message."""
    try:
        return "\n".join(_lines(payload, 0))
    except _NoMessageError:
        return None


def _lines(payload: bytes, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for number, kind, value in _fields(payload):
        if isinstance(value, int):
            digits = {_VARINT: "", _FIXED32: "08", _FIXED64: "016"}[kind]
            yield f"{indent}{number}: 0x{value:{digits}x}" if digits else f"{indent}{number}: {value}"
            continue
        text = _text(value)
        if text is not None:
            yield f"{indent}{number}: {text}"
            continue
        nested = _nested(value, depth + 1)
        if nested is None:
            yield f"{indent}{number}: <{value.hex()}>"
        else:
            yield f"{indent}{number} {{"
            yield from nested
            yield f"{indent}}}"


def _nested(payload: bytes, depth: int) -> list[str] | None:
    if depth > _MAX_DEPTH:
        return None
    try:
        return list(_lines(payload, depth))
    except _NoMessageError:
        return None


def _fields(payload: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    position = 0
    while position < len(payload):
        tag, position = _varint(payload, position)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise _NoMessageError
        value: int | bytes
        if kind == _VARINT:
            value, position = _varint(payload, position)
        else:
            value, position = _sized(payload, position, kind)
        yield number, kind, value


def _sized(payload: bytes, position: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _BYTES:
        size, position = _varint(payload, position)
    elif kind in (_FIXED32, _FIXED64):
        size = 4 if kind == _FIXED32 else 8
    else:
        raise _NoMessageError
    end = position + size
    if end > len(payload):
        raise _NoMessageError
    if kind == _BYTES:
        return payload[position:end], end
    return struct.unpack_from("<I" if kind == _FIXED32 else "<Q", payload, position)[0], end


def _varint(payload: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(payload[position : position + _MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position + index + 1
    raise _NoMessageError


def _text(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(mark.isprintable() or mark in "\n\t\r" for mark in text):
        return None
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return f'"{escaped}"'
