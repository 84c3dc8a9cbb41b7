"""The JSON styles: Apple's own keys and value formats, one object a record.

Keys whose value is unknown are left out, as Apple leaves out what an event does not have; ``subsystem`` and ``category``
are empty strings then, ``activityIdentifier`` and ``parentActivityIdentifier`` 0, as Apple prints "none". ``source`` and
``backtrace`` are null, as without ``--source`` and ``--backtrace``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import pyarrow as pa

from traceview_parsers.json_text import json_string
from traceview_parsers.log_styles.escape import escape
from traceview_parsers.log_styles.pieces import Piece, join, numbers, spell, spell_together, text_bytes, with_null
from traceview_parsers.log_styles.stamps import microseconds

EVENT_TYPES: Final = {
    "log": "logEvent",
    "trace": "traceEvent",
    "activity": "activityCreateEvent",
    "signpost": "signpostEvent",
    "loss": "lossEvent",
    "state": "stateEvent",
    "user_action": "userActionEvent",
    "timesync": "timesyncEvent",
}


@dataclass(frozen=True, slots=True)
class _Notation:
    """What stands around keys and values."""

    start: str
    between: str
    colon: str
    end: str

    def key(self, name: str) -> str:
        """Return everything between the value before and the value of `name`."""
        return f'{self.between}"{name}"{self.colon}'


_COMPACT: Final = _Notation("{", ",", ":", "}\n")
_PRETTY: Final = _Notation(",{\n  ", ",\n  ", " : ", "\n}")


def render_ndjson(batch: Any, tz: tzinfo) -> bytes:
    """Return one object a line."""
    return text_bytes(join(list(_fields(batch, tz, _COMPACT))))


def render_json(batch: Any, tz: tzinfo, *, first: bool) -> bytes:
    """Return pretty-printed objects with commas between them, to stand in brackets."""
    if not batch.num_rows:
        return b""
    text = text_bytes(join(list(_fields(batch, tz, _PRETTY))))
    return text[1:] if first else text


def _fields(batch: Any, tz: tzinfo, notation: _Notation) -> Iterator[Piece]:
    column, key = batch.column, notation.key
    # The first key has no comma before it; the order is that of macOS 15.
    yield f'{notation.start}"timezoneName"{notation.colon}""'
    yield spell(column("level"), lambda level: f"{key('messageType')}{json_string(level.capitalize())}")
    yield spell(
        column("event"),
        lambda event: f'{key("eventType")}"{EVENT_TYPES.get(event, event)}"',
        f'{key("eventType")}"logEvent"',
    )
    yield f"{key('source')}null"
    yield from _text(batch, "format", key("formatString"))
    yield from _number(batch, "uid", key("userID"))
    yield from _number(batch, "activity_id", key("activityIdentifier"), "0")
    yield from _text(batch, "subsystem", key("subsystem"), "")
    yield from _text(batch, "category", key("category"), "")
    yield from _number(batch, "tid", key("threadID"))
    yield from _text(batch, "sender_uuid", key("senderImageUUID"))
    yield f"{key('backtrace')}null"
    yield from _text(batch, "boot_uuid", key("bootUUID"))
    yield _path(batch, "process", key("processImagePath"))
    yield _path(batch, "sender", key("senderImagePath"))
    yield from _optional((f'{key("timestamp")}"', microseconds(column("time"), tz), '"'))
    yield from _number(batch, "mach_time", key("machTimestamp"))
    yield from (f'{key("eventMessage")}"', escape(column("message")), '"')
    yield from _text(batch, "process_uuid", key("processImageUUID"))
    yield from _number(batch, "trace_id", key("traceID"))
    yield from _number(batch, "pid", key("processID"))
    yield from _number(batch, "sender_offset", key("senderProgramCounter"))
    yield from _number(batch, "parent_activity_id", key("parentActivityIdentifier"), "0")
    yield from _number(batch, "creator_activity_id", key("creatorActivityID"))
    yield from _number(batch, "signpost_id", key("signpostID"))
    yield from _text(batch, "signpost_name", key("signpostName"))
    yield from _text(batch, "signpost_type", key("signpostType"))
    yield from _text(batch, "signpost_scope", key("signpostScope"))
    yield from _number(batch, "loss_count", key("lossCount"))
    yield notation.end


def _text(batch: Any, name: str, key: str, missing: str | None = None) -> Iterator[Piece]:
    column = batch.column(name)
    if column.null_count < len(column) or missing is not None:
        default = None if missing is None else key + json_string(missing)
        yield spell(column, lambda value: key + json_string(value), default)


def _path(batch: Any, name: str, key: str) -> Piece:
    """Return the path of an image, or its bare name where only that is known."""

    def text(path: str | None, base: str | None) -> str | None:
        value = path or base
        return None if value is None else key + json_string(value)

    return spell_together((batch.column(f"{name}_path"), batch.column(name)), text)


def _number(batch: Any, name: str, key: str, missing: str | None = None) -> Iterator[Piece]:
    column = batch.column(name)
    if missing is not None:
        yield from (key, numbers(column, missing))
    elif column.null_count < len(column):
        yield from _optional((key, numbers(column), ""))


def _optional(pieces: tuple[str, Any, str]) -> Iterator[Piece]:
    """Pass pieces on; where the array in their middle has nulls, rows with a null print nothing at all."""
    if isinstance(pieces[1], pa.Array) and pieces[1].null_count:
        yield with_null(pieces)
    else:
        yield from pieces
