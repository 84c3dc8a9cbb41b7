"""The JSON styles: Apple's own keys and value formats, one object a record.

Keys whose value is unknown are left out, as Apple leaves out what an event does not have; ``subsystem`` and ``category``
are empty strings then, ``activityIdentifier`` and ``parentActivityIdentifier`` 0, as Apple prints "none". ``source`` is
null, as without ``--source``. ``backtrace`` holds one frame, the caller, for log messages and null for other events (seen
in output of macOS 11 and 15). The order of the keys, which differs between versions of macOS, puts together what changes
together.
"""

from collections.abc import Iterator
from datetime import tzinfo
from functools import lru_cache, partial
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from traceview_parsers.json_text import json_string
from traceview_parsers.log_styles.escape import escape
from traceview_parsers.log_styles.lines import Changed, Lines
from traceview_parsers.log_styles.pieces import Piece, numbers, repeated_numbers, with_null
from traceview_parsers.log_styles.spelling import Speller
from traceview_parsers.log_styles.stamps import microseconds
from traceview_parsers.packed import PROGRAM, SITE, is_packed

EVENT_TYPES: Final = {
    "log": "logEvent",
    "trace": "traceEvent",
    "activity": "activityCreateEvent",
    "activity_transition": "activityTransitionEvent",
    "signpost": "signpostEvent",
    "loss": "lossEvent",
    "state": "stateEvent",
    "user_action": "userActionEvent",
    "timesync": "timesyncEvent",
}


class _Notation(Struct, frozen=True):
    """What stands around keys and values."""

    start: str
    between: str
    colon: str
    end: str
    backtrace: str

    def key(self, name: str) -> str:
        """Return everything between the value before and the value of `name`."""
        return f'{self.between}"{name}"{self.colon}'


_FEW: Final = ("parent_activity_id", "creator_activity_id", "signpost_id", "loss_count")
"""Columns that few rows have a value in."""
_KEPT: Final = 1 << 13
"""Names whose quoted form is kept: many call sites share them (heuristic)."""
_UID: Final = 0xFFFF_FFFF
"""User ids are 32-bit numbers without a sign; the one for "unset" is printed as 2863311530."""

_COMPACT: Final = _Notation("{", ",", ":", "}\n", '{{"frames":[{{"imageOffset":{},"imageUUID":{}}}]}}')
_FRAME: Final = """{{
    "frames" : [
      {{
        "imageOffset" : {},
        "imageUUID" : {}
      }}
    ]
  }}"""
_PRETTY: Final = _Notation(",{\n  ", ",\n  ", " : ", "\n}", _FRAME)


def ndjson_lines(batch: Any, tz: tzinfo) -> Lines:
    """Return one object a line."""
    return Lines(batch.num_rows, list(_fields(batch, tz, _COMPACT)))


def json_lines(batch: Any, tz: tzinfo) -> Lines:
    """Return pretty-printed objects with commas before them, to stand in brackets."""
    return Lines(batch.num_rows, list(_fields(batch, tz, _PRETTY)))


def _fields(batch: Any, tz: tzinfo, notation: _Notation) -> Iterator[Piece]:
    column, key = batch.column, notation.key
    site, program = ["site"], ["program"]
    if not is_packed(batch):
        site, program = list(SITE), list(PROGRAM)
    yield f'{notation.start}"timezoneName"{notation.colon}""'  # the first key has no comma before it
    spell_site, spell_process, spell_few = _SPELLERS[notation]
    yield spell_site.spell([column(name) for name in site])
    yield from (key("activityIdentifier"), repeated_numbers(column("activity_id"), "0"))
    time, ticks = column("time"), column("mach_time")
    together = not time.null_count and not ticks.null_count
    yield microseconds(time, tz, f'{key("timestamp")}"', '"' + (key("machTimestamp") if together else ""))
    if together:
        yield numbers(ticks)
    elif ticks.null_count < len(ticks):
        yield from _optional((key("machTimestamp"), numbers(ticks), ""))
    yield from (f'{key("eventMessage")}"', Changed(column("message"), escape), '"')
    yield spell_process.spell([column(name) for name in (*program, "tid")])
    yield spell_few.spell([column(name) for name in _FEW])
    yield notation.end


def _site(notation: _Notation, *values: Any) -> str:
    level, event, form, subsystem, category, trace, uuid, offset, path, sender, name, kind, scope = values
    frame = event in {"log", None} and uuid is not None and offset is not None
    return _members(
        notation,
        {
            "messageType": _quoted(level and level.capitalize()),
            "eventType": _quoted(EVENT_TYPES.get(event or "log", event)),
            "source": "null",
            "formatString": _quoted(form),
            "subsystem": _quoted(subsystem or ""),
            "category": _quoted(category or ""),
            "traceID": trace,
            "senderImageUUID": _quoted(uuid),
            "senderProgramCounter": offset,
            "backtrace": notation.backtrace.format(offset, _quoted(uuid)) if frame else "null",
            "senderImagePath": _quoted(path or sender),
            "signpostName": _quoted(name),
            "signpostType": _quoted(kind),
            "signpostScope": _quoted(scope),
        },
    )


def _process(notation: _Notation, *values: Any) -> str:
    boot, path, process, uuid, pid, uid, tid = values
    return _members(
        notation,
        {
            "bootUUID": _quoted(boot),
            "processImagePath": _quoted(path or process),
            "processImageUUID": _quoted(uuid),
            "processID": pid,
            "userID": None if uid is None else uid & _UID,
            "threadID": tid,
        },
    )


def _few(notation: _Notation, parent: int | None, creator: int | None, signpost: int | None, lost: int | None) -> str:
    return _members(
        notation,
        {
            "parentActivityIdentifier": parent or 0,
            "creatorActivityID": creator,
            "signpostID": signpost,
            "lossCount": lost,
        },
    )


def _members(notation: _Notation, values: dict[str, str | int | None]) -> str:
    return "".join(f"{notation.key(name)}{value}" for name, value in values.items() if value is not None)


@lru_cache(maxsize=_KEPT)
def _quoted(text: str | None) -> str | None:
    return None if text is None else json_string(text)


def _optional(pieces: tuple[str, Any, str]) -> Iterator[Piece]:
    """Pass pieces on; where the array in their middle has nulls, rows with a null print nothing at all."""
    if isinstance(pieces[1], pa.Array) and pieces[1].null_count:
        yield with_null(pieces)
    else:
        yield from pieces


_SPELLERS: Final = {
    notation: tuple(Speller(partial(text, notation)) for text in (_site, _process, _few))
    for notation in (_COMPACT, _PRETTY)
}
