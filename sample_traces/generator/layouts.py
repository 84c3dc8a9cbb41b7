"""Print a story as the tools do that people copy logs from.

Columns and fields: Apple's ``log`` manual page and real output; idevicesyslog's and pymobiledevice3's source.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from generator.images import stable_uuid
from generator.render import message
from generator.story import SECOND, ZONE, Line, library_path

Layout = Callable[[Sequence[Line], str], str]

_COMPACT: Final = {"default": "Df", "info": "I ", "debug": "Db", "error": "E ", "fault": "F "}
_RELAY: Final = {"default": "Notice", "info": "Info", "debug": "Debug", "error": "Error", "fault": "Fault"}
_LIVE: Final = {"default": "NOTICE", "info": "INFO", "debug": "DEBUG", "error": "ERROR", "fault": "FAULT"}
_MACH_PER_SECOND: Final = 24_000_000


def _local(line: Line) -> datetime:
    seconds, rest = divmod(line.time_ns, SECOND)
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZONE).replace(microsecond=rest // 1000)


def _text(line: Line) -> str:
    return message(line.text, line.arguments, keep_private=line.kept)


def _library(line: Line) -> str:
    return line.library.rpartition("/")[2]


def _source(line: Line, *, empty_category: bool = True) -> str:
    """``(library) [subsystem:category] `` as ``log`` prints it."""
    library = f"({_library(line)}) " if line.library else ""
    if not line.subsystem:
        return library
    category = line.category if line.category or not empty_category else ""
    return f"{library}[{line.subsystem}:{category}] "


def default(lines: Sequence[Line], _: str) -> str:
    """``log show``."""
    out = ["Timestamp                       Thread     Type        Activity             PID    TTL  "]
    for line in lines:
        stamp = f"{_local(line):%Y-%m-%d %H:%M:%S.%f%z}"
        head = f"{stamp} {f'0x{line.tid:x}':<10} {line.level.capitalize():<11} {'0x0':<20} {line.actor.pid:<6} {0:<4} "
        out.append(f"{head}{line.actor.name}: {_source(line)}{_text(line)}")
    return "\n".join(out) + "\n"


def compact(lines: Sequence[Line], _: str) -> str:
    """``log show --style compact``: milliseconds, no zone."""
    out = ["Timestamp               Ty Process[PID:TID]"]
    for line in lines:
        stamp = f"{_local(line):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        out.append(
            f"{stamp} {_COMPACT[line.level]} {line.actor.name}[{line.actor.pid}:{line.tid:x}] {_source(line)}{_text(line)}"
        )
    return "\n".join(out) + "\n"


def syslog(lines: Sequence[Line], _: str) -> str:
    """``log show --style syslog``."""
    out = ["Timestamp                       (process)[PID]    "]
    for line in lines:
        stamp = f"{_local(line):%Y-%m-%d %H:%M:%S.%f%z}"
        out.append(f"{stamp}  localhost {line.actor.name}[{line.actor.pid}]: {_source(line)}{_text(line)}")
    return "\n".join(out) + "\n"


def ndjson(lines: Sequence[Line], boot: str) -> str:
    """``log show --style ndjson``."""
    out = []
    boot_uuid = str(stable_uuid(boot)).upper()
    booted_ns = lines[0].time_ns - 3_600 * SECOND
    for line in lines:
        sender = library_path(line.library) or line.actor.path
        record = {
            "traceID": 0,
            "eventMessage": _text(line),
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
            "timestamp": f"{_local(line):%Y-%m-%d %H:%M:%S.%f%z}",
            "machTimestamp": (line.time_ns - booted_ns) * _MACH_PER_SECOND // SECOND,
            "messageType": line.level.capitalize(),
            "processImageUUID": str(stable_uuid(line.actor.path)).upper(),
            "processID": line.actor.pid,
            "senderProgramCounter": 256,
            "parentActivityIdentifier": 0,
            "timezoneName": "",
        }
        out.append(json.dumps(record, separators=(",", ":")).replace("/", "\\/"))
    out.append(json.dumps({"count": len(lines), "finished": 1}, separators=(",", ":")))
    return "\n".join(out) + "\n"


def idevicesyslog(lines: Sequence[Line], _: str) -> str:
    """``idevicesyslog`` through os_trace_relay: no year, no zone."""
    out = ["[connected:00008150-000000000000002E]"]
    for line in lines:
        local = _local(line)
        image = _library(line) or line.actor.name
        out.append(
            f"{local:%b} {local.day:2d} {local:%H:%M:%S.%f} {line.actor.name}({image})[{line.actor.pid}] <{_RELAY[line.level]}>: {_text(line)}"
        )
    return "\n".join(out) + "\n"


def console(lines: Sequence[Line], _: str) -> str:
    """Rows copied out of Console.app: no date, no pid, no subsystem."""
    return (
        "\n".join(f"{line.level}\t{_local(line):%H:%M:%S.%f%z}\t{line.actor.name}\t{_text(line)}" for line in lines)
        + "\n"
    )


def pymobiledevice3(lines: Sequence[Line], _: str) -> str:
    """``pymobiledevice3 syslog live --label``: local time without zone."""
    out = []
    for line in lines:
        image = _library(line) or line.actor.name
        label = f" [{line.subsystem}][{line.category}]" if line.subsystem else ""
        out.append(
            f"{_local(line):%Y-%m-%d %H:%M:%S.%f} {line.actor.name}{{{image}}}[{line.actor.pid}] <{_LIVE[line.level]}>: {_text(line)}{label}"
        )
    return "\n".join(out) + "\n"


LAYOUTS: Final[dict[str, tuple[Layout, str, dict[str, str]]]] = {
    "ndjson": (ndjson, ".ndjson", {}),
    "default": (default, ".default.txt", {}),
    "compact": (compact, ".compact.txt", {"tz": "+01:00"}),
    "syslog": (syslog, ".syslog.txt", {}),
    "idevicesyslog": (idevicesyslog, ".idevicesyslog.txt", {"date": "2026-01-15", "tz": "+01:00"}),
    "console": (console, ".console.txt", {"date": "2026-01-15"}),
    "pymobiledevice3": (pymobiledevice3, ".pymobiledevice3.txt", {"tz": "+01:00"}),
}
"""Name → (printer, suffix of the file, what the reader must be told: date, zone)."""
