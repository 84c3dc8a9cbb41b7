"""The text styles: default, syslog, compact.

Signpost lines follow real output (``[spid 0x1b0, process, begin] process: (library) [subsystem:category] name: message``,
compact ``Sp``). The compact codes of losses, state dumps, time changes and user actions are not documented: they are two
letters of the name here.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.log_styles.lines import Lines
from traceview_parsers.log_styles.pieces import Piece, spell, spell_together, with_null
from traceview_parsers.log_styles.stamps import microseconds, milliseconds

_NO_TIME: Final = "????-??-?? ??:??:??.??????+????"
_TYPES: Final = {
    "activity": "Activity",
    "activity_transition": "Activity",
    "signpost": "Signpost",
    "loss": "Loss",
    "state": "State",
    "timesync": "Timesync",
    "user_action": "Useraction",
}
_CODES: Final = {
    "Default": "Df",
    "Info": "I ",
    "Debug": "Db",
    "Error": "E ",
    "Fault": "F ",
    "Activity": "A ",
    "Signpost": "Sp",
    "Loss": "Lo",
    "State": "St",
    "Timesync": "Ti",
    "Useraction": "Us",
}


def default_lines(batch: Any, tz: tzinfo) -> Lines:
    """Return lines of fixed columns: time, thread, type, activity, process id, days to live, then the message."""
    column = batch.column
    return _lines(
        batch,
        microseconds(column("time"), tz).fill_null(_NO_TIME),
        spell(column("tid"), lambda tid: f" {f'0x{tid:x}':<10} ", f" {'0x0':<10} "),
        spell_together((column("level"), column("event")), lambda *names: f"{_type(*names):<11} "),
        spell(column("activity_id"), lambda activity: f"{f'0x{activity:x}':<20} ", f"{'0x0':<20} "),
        spell(column("pid"), lambda pid: f"{pid:<6} ", f"{0:<6} "),
        spell(column("ttl"), lambda ttl: f"{ttl:<4} ", f"{0:<4} "),
        *_signpost(batch),
        spell_together((column("process"), column("sender")), _process_and_sender),
        spell_together((column("subsystem"), column("category")), _label),
        *_message(batch),
    )


def syslog_lines(batch: Any, tz: tzinfo) -> Lines:
    """Return lines ``time  localhost process[pid]: (library) [subsystem:category] message``."""
    column = batch.column
    return _lines(
        batch,
        microseconds(column("time"), tz).fill_null(_NO_TIME),
        spell(column("process"), lambda process: f"  localhost {_one_line(process)}[", "  localhost ["),
        spell(column("pid"), lambda pid: f"{pid}]: ", "0]: "),
        spell_together((column("process"), column("sender")), _sender),
        spell_together((column("subsystem"), column("category")), _label),
        *_signpost(batch),
        *_message(batch),
    )


def compact_lines(batch: Any, tz: tzinfo) -> Lines:
    """Return lines ``time type process[pid:thread] …``; the library shows only where there is no subsystem."""
    column = batch.column
    return _lines(
        batch,
        milliseconds(column("time"), tz).fill_null(_NO_TIME[:23]),
        spell_together((column("level"), column("event")), lambda *names: f" {_code(_type(*names))} "),
        spell(column("process"), lambda process: f"{_one_line(process)}[", "["),
        spell(column("pid"), lambda pid: f"{pid}:", "0:"),
        spell(column("tid"), lambda tid: f"{tid:x}] ", "0] "),
        spell_together(
            (column("process"), column("sender"), column("subsystem"), column("category")),
            lambda process, sender, subsystem, category: _label(subsystem, category) or _sender(process, sender),
        ),
        *_signpost(batch),
        *_message(batch),
    )


def _lines(batch: Any, *pieces: Piece) -> Lines:
    return Lines(batch.num_rows, [*pieces, "\n"])


def _type(level: str | None, event: str | None) -> str:
    return _TYPES.get(event or "log") or (level or "default").capitalize()


def _code(name: str) -> str:
    return _CODES.get(name, f"{name:<2.2}")


def _process_and_sender(process: str | None, sender: str | None) -> str:
    return f"{_one_line(process)}: {_sender(process, sender)}" if process else _sender(process, sender)


def _sender(process: str | None, sender: str | None) -> str:
    return f"({_one_line(sender)}) " if sender and sender != process else ""


def _label(subsystem: str | None, category: str | None) -> str:
    return f"[{_one_line(subsystem or '')}:{_one_line(category or '')}] " if subsystem or category else ""


def _one_line(name: str) -> str:
    """Keep names from breaking the line."""
    return name.replace("\r", " ").replace("\n", " ")


def _signpost(batch: Any) -> Iterator[Piece]:
    identity = batch.column("signpost_id")
    if identity.null_count == len(identity):
        return
    kind = spell_together((batch.column("signpost_scope"), batch.column("signpost_type")), _scope_and_type)
    yield with_null([spell(identity, lambda number: f"[spid 0x{number:x}"), kind])


def _scope_and_type(scope: str | None, kind: str | None) -> str:
    return "".join(f", {word}" for word in (scope, kind) if word) + "] "


def _message(batch: Any) -> Iterator[Piece]:
    # Formats of the kernel often end with a line break; `log show` prints no empty line for it.
    message, name = pc.ascii_rtrim(batch.column("message"), "\r\n"), batch.column("signpost_name")
    if name.null_count < len(name):
        yield spell(name, _one_line)
        # Only a name with a message behind it has a colon.
        empty = pc.equal(pc.binary_length(message), 0).fill_null(True)
        colon = pc.if_else(pc.and_(name.is_valid(), pc.invert(empty)), ": ", "")
        yield colon.cast(pa.large_string())
    yield message
