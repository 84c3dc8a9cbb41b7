"""The JSON styles: Apple's own keys and value formats, one object a record.

Keys whose value is unknown are left out, as Apple leaves out what an event does not have; ``subsystem`` and ``category``
are empty strings then, ``activityIdentifier`` and ``parentActivityIdentifier`` 0, as Apple prints "none". ``source`` and
``backtrace`` are null, as without ``--source`` and ``--backtrace``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
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


_TAIL: Final = (
    (("trace_id", "traceID"), ("sender_offset", "senderProgramCounter")),
    (("parent_activity_id", "parentActivityIdentifier"), ("creator_activity_id", "creatorActivityID")),
    (
        ("signpost_id", "signpostID"),
        ("signpost_name", "signpostName"),
        ("signpost_type", "signpostType"),
        ("signpost_scope", "signpostScope"),
    ),
)
"""The last columns and their keys, in groups that go together."""
_ZERO: Final = ("parentActivityIdentifier",)
"""Printed as 0 where unknown."""
_UID: Final = 0xFFFF_FFFF
"""User ids are 32-bit numbers without a sign; the one for "unset" is printed as 2863311530."""

_COMPACT: Final = _Notation("{", ",", ":", "}\n")
_PRETTY: Final = _Notation(",{\n  ", ",\n  ", " : ", "\n}")


_quoted: Final = lru_cache(maxsize=1 << 15)(json_string)
"""Formats, paths and names return batch after batch."""


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
    heads = {name: key(name) for name in ("messageType", "eventType", "source", "formatString", "userID")}
    yield spell_together(
        (column("level"), column("event"), column("format"), column("uid")),
        lambda level, event, form, uid: "".join(
            (
                "" if level is None else f'{heads["messageType"]}"{level.capitalize()}"',
                f'{heads["eventType"]}"{EVENT_TYPES.get(event or "log", event)}"',
                f"{heads['source']}null",
                "" if form is None else heads["formatString"] + _quoted(form),
                "" if uid is None else f"{heads['userID']}{uid & _UID}",
            )
        ),
    )
    yield from _number(batch, "activity_id", key("activityIdentifier"), "0")
    yield spell_together(
        (column("subsystem"), column("category")),
        lambda subsystem, category: (
            f"{key('subsystem')}{_quoted(subsystem or '')}{key('category')}{_quoted(category or '')}"
        ),
    )
    yield spell(column("tid"), lambda tid: f"{key('threadID')}{tid}")
    heads |= {name: key(name) for name in ("senderImageUUID", "backtrace", "bootUUID", "processImagePath")}
    heads |= {name: key(name) for name in ("senderImagePath", "processImageUUID", "processID")}

    def images(*values: str | None) -> str:
        uuid, boot, process_path, process, sender_path, sender = values
        found = {
            "senderImageUUID": uuid,
            "bootUUID": boot,
            "processImagePath": process_path or process,
            "senderImagePath": sender_path or sender,
        }
        text = "".join(heads[name] + _quoted(value) for name, value in found.items() if value is not None)
        return f"{heads['backtrace']}null{text}"

    yield spell_together(
        [column(name) for name in ("sender_uuid", "boot_uuid", "process_path", "process", "sender_path", "sender")],
        images,
    )
    yield from _optional((f'{key("timestamp")}"', microseconds(column("time"), tz), '"'))
    yield from _number(batch, "mach_time", key("machTimestamp"))
    yield from (f'{key("eventMessage")}"', escape(column("message")), '"')
    yield spell_together(
        (column("process_uuid"), column("pid")),
        lambda uuid, pid: "".join(
            (
                "" if uuid is None else heads["processImageUUID"] + _quoted(uuid),
                "" if pid is None else f"{heads['processID']}{pid}",
            )
        ),
    )
    for group in _TAIL:
        yield _group(batch, group, key)
    yield from _number(batch, "loss_count", key("lossCount"))
    yield notation.end


def _group(batch: Any, group: tuple[tuple[str, str], ...], key: Callable[[str], str]) -> Piece:
    keys = [(key(apple), "0" if apple in _ZERO else None) for _, apple in group]

    def text(*values: int | str | None) -> str:
        found = ""
        for (head, missing), value in zip(keys, values, strict=True):
            shown = missing if value is None else _quoted(value) if isinstance(value, str) else str(value)
            if shown is not None:
                found += head + shown
        return found

    return spell_together([batch.column(name) for name, _ in group], text)


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
