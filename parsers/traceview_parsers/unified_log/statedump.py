"""Text of state dumps: snapshots that a process leaves in the log when the system asks for its state.

Layout of the chunk and the three kinds of payload: libyal dtformats; checked on real iOS 15 and macOS 12 dumps. The
message is the title, a line break and the state.
"""

from typing import Final

from traceview_parsers.unified_log.decoders import decode
from traceview_parsers.unified_log.descriptions import describe_plist
from traceview_parsers.unified_log.protobuf import describe_message

PLIST: Final = 1
PROTOBUF: Final = 2
CUSTOM: Final = 3

NAME_SIZE: Final = 64
"""Bytes of the library, type and title fields. Rest of an earlier, longer name can stand behind the NUL."""


def read_name(field: bytes) -> str:
    """Read a name field: UTF-8 up to the first NUL."""
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def describe(kind: int, payload: bytes, title: str, library: str = "", type_name: str = "") -> str:
    """Return the message of one state dump.

    Args:
        kind: `PLIST`, `PROTOBUF` or `CUSTOM`.
        payload: The state data.
        title: What the process calls this state.
        library: Name of the decoder library, for `CUSTOM` only (the other kinds leave old bytes there).
        type_name: Name of the type in that library, likewise.

    A property list prints as Foundation describes dictionaries and arrays, a protocol buffer as ``protoc --decode_raw``
    prints messages of unknown type, a custom object by its decoder. What cannot be read prints as hexadecimal bytes;
    without any state (seen in real dumps) the title stands alone.
    """
    return title if not payload else f"{title}\n{_state(kind, payload, f'{library}:{type_name}')}"


def _state(kind: int, payload: bytes, name: str) -> str:
    if kind == PLIST:
        text = describe_plist(payload)
        return _raw("no property list", payload) if text is None else text
    if kind == PROTOBUF:
        text = describe_message(payload)
        return _raw("no protocol buffer", payload) if text is None else text
    if kind == CUSTOM:
        text = decode(name, payload)
        return _raw(f"unsupported decoder: {name}", payload) if text is None else text
    return _raw(f"unknown kind of state {kind}", payload)


def _raw(reason: str, payload: bytes) -> str:
    return f"<decode: {reason}> {payload.hex()}"
