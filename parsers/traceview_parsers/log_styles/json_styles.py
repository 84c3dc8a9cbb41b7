"""The JSON styles: Apple's own keys and value formats, one object a record.

Keys whose value is unknown are left out, as Apple leaves out what an event does not have; ``subsystem`` and ``category``
are empty strings then, ``activityIdentifier`` and ``parentActivityIdentifier`` 0, as Apple prints "none". ``source`` and
``backtrace`` are null, as without ``--source`` and ``--backtrace``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache, partial
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


_IMAGE_COLUMNS: Final = ("sender_uuid", "boot_uuid", "process_path", "process", "sender_path", "sender")
_TAIL: Final = (
    {"process_uuid": "processImageUUID", "pid": "processID"},
    {"trace_id": "traceID", "sender_offset": "senderProgramCounter"},
    {"parent_activity_id": "parentActivityIdentifier", "creator_activity_id": "creatorActivityID"},
    {
        "signpost_id": "signpostID",
        "signpost_name": "signpostName",
        "signpost_type": "signpostType",
        "signpost_scope": "signpostScope",
    },
)
"""The last columns and their keys, in groups that go together."""
_ZERO: Final = ("parentActivityIdentifier",)
"""Printed as 0 where unknown."""
_KEPT: Final = 1 << 14
"""Texts kept of each kind: the same formats, images and labels return batch after batch."""
_UID: Final = 0xFFFF_FFFF
"""User ids are 32-bit numbers without a sign; the one for "unset" is printed as 2863311530."""

_COMPACT: Final = _Notation("{", ",", ":", "}\n")
_PRETTY: Final = _Notation(",{\n  ", ",\n  ", " : ", "\n}")


def render_ndjson(batch: Any, tz: tzinfo) -> bytes | memoryview:
    """Return one object a line."""
    return text_bytes(join(list(_fields(batch, tz, _COMPACT))))


def render_json(batch: Any, tz: tzinfo, *, first: bool) -> bytes | memoryview:
    """Return pretty-printed objects with commas between them, to stand in brackets."""
    if not batch.num_rows:
        return b""
    text = text_bytes(join(list(_fields(batch, tz, _PRETTY))))
    return text[1:] if first else text


def _fields(batch: Any, tz: tzinfo, notation: _Notation) -> Iterator[Piece]:
    column, key = batch.column, notation.key
    # The order of the keys is about that of macOS 15. Columns that go together are spelled together; the first key has
    # no comma before it.
    yield f'{notation.start}"timezoneName"{notation.colon}""'
    yield spell_together((column("level"), column("event"), column("format"), column("uid")), partial(_head, notation))
    yield from _number(batch, "activity_id", key("activityIdentifier"), "0")
    yield spell_together((column("subsystem"), column("category")), partial(_label, notation))
    yield spell(column("tid"), lambda tid: f"{key('threadID')}{tid}")
    yield f"{key('backtrace')}null"
    yield spell_together([column(name) for name in _IMAGE_COLUMNS], partial(_images, notation))
    yield from _optional((f'{key("timestamp")}"', microseconds(column("time"), tz), '"'))
    yield from _number(batch, "mach_time", key("machTimestamp"))
    yield from (f'{key("eventMessage")}"', escape(column("message")), '"')
    for group in _TAIL:
        keys = tuple(group.values())
        yield spell_together([column(name) for name in group], partial(_tail, notation, keys))
    yield from _number(batch, "loss_count", key("lossCount"))
    yield notation.end


@lru_cache(maxsize=_KEPT)
def _head(notation: _Notation, level: str | None, event: str | None, form: str | None, uid: int | None) -> str:
    key = notation.key
    return "".join(
        (
            "" if level is None else f'{key("messageType")}"{level.capitalize()}"',
            f'{key("eventType")}"{EVENT_TYPES.get(event or "log", event)}"',
            f"{key('source')}null",
            "" if form is None else key("formatString") + json_string(form),
            "" if uid is None else f"{key('userID')}{uid & _UID}",
        )
    )


@lru_cache(maxsize=_KEPT)
def _label(notation: _Notation, subsystem: str | None, category: str | None) -> str:
    key = notation.key
    return f"{key('subsystem')}{json_string(subsystem or '')}{key('category')}{json_string(category or '')}"


@lru_cache(maxsize=_KEPT)
def _images(notation: _Notation, *values: str | None) -> str:
    uuid, boot, process_path, process, sender_path, sender = values
    found = {
        "senderImageUUID": uuid,
        "bootUUID": boot,
        "processImagePath": process_path or process,
        "senderImagePath": sender_path or sender,
    }
    return "".join(notation.key(name) + json_string(value) for name, value in found.items() if value is not None)


@lru_cache(maxsize=_KEPT)
def _tail(notation: _Notation, keys: tuple[str, ...], *values: int | str | None) -> str:
    found = ""
    for key, value in zip(keys, values, strict=True):
        shown = "0" if value is None and key in _ZERO else json_string(value) if isinstance(value, str) else value
        if shown is not None:
            found += f"{notation.key(key)}{shown}"
    return found


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
