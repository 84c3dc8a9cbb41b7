"""Print a story as ``log show`` does: its styles as Apple's manual page and real output have them."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from generator.images import stable_uuid
from generator.render import message
from generator.story import SECOND, ZONE, Line, library_path

_COMPACT: Final = {"default": "Df", "info": "I ", "debug": "Db", "error": "E ", "fault": "F "}
_MACH_PER_SECOND: Final = 24_000_000


def local_time(line: Line) -> datetime:
    """Return the time of a line on the clock of the device."""
    seconds, rest = divmod(line.time_ns, SECOND)
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZONE).replace(microsecond=rest // 1000)


def text_of(line: Line) -> str:
    """Return the message as a customer device shows it."""
    return message(line.text, line.arguments, keep_private=line.kept)


def library_of(line: Line) -> str:
    """Return the name of the library that logged, "" for the process itself."""
    return line.library.rpartition("/")[2]


def _source(line: Line, *, empty_category: bool = True) -> str:
    """``(library) [subsystem:category] `` as ``log`` prints it."""
    library = f"({library_of(line)}) " if line.library else ""
    if not line.subsystem:
        return library
    category = line.category if line.category or not empty_category else ""
    return f"{library}[{line.subsystem}:{category}] "


def default(lines: Sequence[Line], _: str) -> str:
    """``log show``."""
    out = ["Timestamp                       Thread     Type        Activity             PID    TTL  "]
    for line in lines:
        stamp = f"{local_time(line):%Y-%m-%d %H:%M:%S.%f%z}"
        head = f"{stamp} {f'0x{line.tid:x}':<10} {line.level.capitalize():<11} {'0x0':<20} {line.actor.pid:<6} {0:<4} "
        out.append(f"{head}{line.actor.name}: {_source(line)}{text_of(line)}")
    return "\n".join(out) + "\n"


def compact(lines: Sequence[Line], _: str) -> str:
    """``log show --style compact``: milliseconds, no zone."""
    out = ["Timestamp               Ty Process[PID:TID]"]
    for line in lines:
        stamp = f"{local_time(line):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        out.append(
            f"{stamp} {_COMPACT[line.level]} {line.actor.name}[{line.actor.pid}:{line.tid:x}] {_source(line)}{text_of(line)}"
        )
    return "\n".join(out) + "\n"


def syslog(lines: Sequence[Line], _: str) -> str:
    """``log show --style syslog``."""
    out = ["Timestamp                       (process)[PID]    "]
    for line in lines:
        stamp = f"{local_time(line):%Y-%m-%d %H:%M:%S.%f%z}"
        out.append(f"{stamp}  localhost {line.actor.name}[{line.actor.pid}]: {_source(line)}{text_of(line)}")
    return "\n".join(out) + "\n"


def ndjson(lines: Sequence[Line], boot: str) -> str:
    """``log show --style ndjson``."""
    out = [json.dumps(record, separators=(",", ":")).replace("/", "\\/") for record in _records(lines, boot)]
    out.append(json.dumps({"count": len(lines), "finished": 1}, separators=(",", ":")))
    return "\n".join(out) + "\n"


def json_array(lines: Sequence[Line], boot: str) -> str:
    """``log show --style json``: one array of objects, blanks around the colons."""
    out = [
        json.dumps(record, indent=2, separators=(",", " : ")).replace("/", "\\/") for record in _records(lines, boot)
    ]
    return "[" + ",".join(out) + "]\n"


def _records(lines: Sequence[Line], boot: str) -> Iterator[dict[str, object]]:
    booted: dict[int, int] = {0: lines[0].time_ns - 3_600 * SECOND}
    for line in lines:
        booted_ns = booted.setdefault(line.boot, line.time_ns - SECOND)
        boot_uuid = str(stable_uuid(f"{boot} {line.boot}" if line.boot else boot)).upper()
        sender = library_path(line.library) or line.actor.path
        yield {
            "traceID": 0,
            "eventMessage": text_of(line),
            "eventType": "logEvent",
            "source": None,
            "formatString": line.text,
            "userID": line.actor.uid,
            "activityIdentifier": 0,
            "subsystem": line.subsystem,
            "category": line.category,
            "threadID": line.tid,
            "senderImageUUID": str(stable_uuid(sender)).upper(),
            "backtrace": {"frames": [{"imageOffset": 256, "imageUUID": str(stable_uuid(sender)).upper()}]},
            "bootUUID": boot_uuid,
            "processImagePath": line.actor.path,
            "senderImagePath": sender,
            "timestamp": f"{local_time(line):%Y-%m-%d %H:%M:%S.%f%z}",
            "machTimestamp": (line.time_ns - booted_ns) * _MACH_PER_SECOND // SECOND,
            "messageType": line.level.capitalize(),
            "processImageUUID": str(stable_uuid(line.actor.path)).upper(),
            "processID": line.actor.pid,
            "senderProgramCounter": 256,
            "parentActivityIdentifier": 0,
            "timezoneName": "",
        }
