"""Print a story as device tools do and as people copy it from Apple's windows.

Columns: idevicesyslog's and pymobiledevice3's source; real copies of Console.app and of the Xcode console.
"""

import json
from collections.abc import Sequence
from typing import Final

from generator.images import stable_uuid
from generator.layouts import library_of, local_time, text_of
from generator.story import Line, library_path

_RELAY: Final = {"default": "Notice", "info": "Info", "debug": "Debug", "error": "Error", "fault": "Fault"}
_LIVE: Final = {"default": "NOTICE", "info": "INFO", "debug": "DEBUG", "error": "ERROR", "fault": "FAULT"}


def idevicesyslog(lines: Sequence[Line], _: str) -> str:
    """``idevicesyslog`` through os_trace_relay: no year, no zone."""
    out = ["[connected:00008150-000000000000002E]"]
    for line in lines:
        local = local_time(line)
        image = library_of(line) or line.actor.name
        out.append(
            f"{local:%b} {local.day:2d} {local:%H:%M:%S.%f} {line.actor.name}({image})[{line.actor.pid}] <{_RELAY[line.level]}>: {text_of(line)}"
        )
    return "\n".join(out) + "\n"


def console(lines: Sequence[Line], _: str) -> str:
    """Rows copied out of Console.app: no date, no pid, no subsystem."""
    return (
        "\n".join(
            f"{line.level}\t{local_time(line):%H:%M:%S.%f%z}\t{line.actor.name}\t{text_of(line)}" for line in lines
        )
        + "\n"
    )


def pymobiledevice3(lines: Sequence[Line], _: str) -> str:
    """``pymobiledevice3 syslog live --label``: local time without zone."""
    out = []
    for line in lines:
        image = library_of(line) or line.actor.name
        label = f" [{line.subsystem}][{line.category}]" if line.subsystem else ""
        out.append(
            f"{local_time(line):%Y-%m-%d %H:%M:%S.%f} {line.actor.name}{{{image}}}[{line.actor.pid}] <{_LIVE[line.level]}>: {text_of(line)}{label}"
        )
    return "\n".join(out) + "\n"


def old_relay(lines: Sequence[Line], _: str) -> str:
    """``idevicesyslog --syslog-relay``: whole seconds and the name of the device."""
    out = ["[connected:00008150-000000000000002E]"]
    for line in lines:
        local = local_time(line)
        image = library_of(line) or line.actor.name
        level = "Notice" if line.level == "info" else _RELAY[line.level]
        out.append(
            f"{local:%b} {local.day:2d} {local:%H:%M:%S} iPhone {line.actor.name}({image})[{line.actor.pid}] <{level}>: {text_of(line)}"
        )
    return "\n".join(out) + "\n"


def console_columns(lines: Sequence[Line], _: str) -> str:
    """Rows copied out of Console.app with every column shown, under a line of their names."""
    out = ["Type\tTime\tProcess\tPID\tTID\tLibrary\tSubsystem\tCategory\tMessage"]
    for line in lines:
        columns = (
            *(line.level, f"{local_time(line):%H:%M:%S.%f%z}", line.actor.name, line.actor.pid, f"0x{line.tid:x}"),
            *(library_of(line) or line.actor.name, line.subsystem, line.category, text_of(line)),
        )
        out.append("\t".join(map(str, columns)))
    return "\n".join(out) + "\n"


def xcode(lines: Sequence[Line], _: str) -> str:
    """The Xcode console, copied with metadata. It shows the lines of the app alone (and the label, for honesty)."""
    out = []
    for line in lines:
        if not line.actor.bundle and line is not lines[0]:
            continue
        out.append(
            f"{text_of(line)}\nType: {line.level.title()} | Timestamp: {local_time(line):%Y-%m-%d %H:%M:%S.%f%z} | Process: {line.actor.name} | "
            f"Library: {library_of(line) or line.actor.name} | Subsystem: {line.subsystem} | Category: {line.category} | TID: 0x{line.tid:x}"
        )
    return "\n".join(out) + "\n"


def pymobiledevice3_json(lines: Sequence[Line], _: str) -> str:
    """``pymobiledevice3 syslog live --format json``: one pretty-printed object after the other, local time without zone."""
    out = []
    for line in lines:
        image = library_path(line.library) or line.actor.path
        record = {
            "pid": line.actor.pid,
            "procid": line.actor.pid,
            "thread_id": line.tid,
            "timestamp": f"{local_time(line):%Y-%m-%dT%H:%M:%S.%f}",
            "level": _LIVE[line.level],
            "image_name": image,
            "image_offset": 256,
            "image_uuid": str(stable_uuid(image)),
            "process_image_uuid": str(stable_uuid(line.actor.path)),
            "filename": line.actor.path,
            "mach_timestamp": line.time_ns // 1000 * 24,
            "message": text_of(line),
            "label": {"subsystem": line.subsystem, "category": line.category} if line.subsystem else None,
        }
        out.append(json.dumps(record, indent=2))
    return "\n".join(out) + "\n"
