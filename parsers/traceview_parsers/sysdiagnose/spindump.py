"""``spindump-nosymbols.txt``: every process with its threads, sampled for some seconds at the capture.

Layout (seen in the tests of EC-DIGIT-CSIRC/sysdiagnose, iOS 15 to 17): a header of ``Key: value`` lines, a line of dashes,
for each process ``Process: NAME [PID]`` with its fields, threads as ``Thread 0xTID DispatchQueue "…"(n) Thread name "…" N
samples … priority P (base B) cpu time Ss …``, stacks, ``Binary Images``. A dump may be ``No samples``; what follows
``Spindump binary format`` is not text. Stacks are left out: without symbols they say little.
"""

import re
from typing import Final

from traceview_parsers.ips.fields import time_ns
from traceview_parsers.sysdiagnose.sidecar import MOMENT, SECOND, Place, Reading, Row, real, size

_FIELD: Final = re.compile(r"^([A-Z][A-Za-z/ -]{1,30}?):\s+(.*)$")
_PROCESS: Final = re.compile(r"^Process:\s+(.*) \[(\d{1,10})\]")
_THREAD: Final = re.compile(r"^\s+Thread 0x([0-9a-f]{1,16})\b(.*)$")
_QUEUE: Final = re.compile(r'DispatchQueue "([^"]*)"')
_NAME: Final = re.compile(r'Thread name "([^"]*)"')
_PRIORITY: Final = re.compile(r"priority (\d{1,3})(?:-\d+)?(?: \(base (\d{1,3})(?:-\d+)?\))?")
_CPU: Final = re.compile(r"cpu time (<?[\d.]{1,16})s")
_END: Final = "Spindump binary format"
_EMPTY: Final = "No samples"
_HEADER_CHARACTERS: Final = 8192


def is_spindump(head: str) -> bool:
    """Whether these first characters are a spindump's header."""
    return all(word in head for word in ("Date/Time:", "Report Version:", "Data Source:")) and "Event:" not in head


def read_spindump(text: str, place: Place) -> Reading:
    """Read the file into ``processes_at_capture`` and ``threads_at_capture``."""
    begun = time_ns(_fields(text).get("Date/Time"))
    moment = begun if begun is not None else place.time_ns
    processes: list[Row] = []
    threads: list[Row] = []
    empty = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() == _END:
            break
        empty |= line.strip() == _EMPTY
        if found := _PROCESS.match(line):
            processes.append({"ref": place.ref(number), "time": moment, "process": found[1], "pid": int(found[2])})
        elif processes and (found := _THREAD.match(line)):
            threads.append({"ref": place.ref(number), "time": moment, **_thread(found, processes[-1])})
            processes[-1]["threads"] = processes[-1].get("threads", 0) + 1
        elif processes and (told := _FIELD.match(line)):
            _add(processes[-1], told[1], told[2], moment)
    notes = ["no samples were taken"] if empty else [f"threads of {len(processes)} processes"]
    return Reading(
        {"processes_at_capture": processes, "threads_at_capture": threads},
        tuple(notes),
        clock="printed with zone" if begun is not None else MOMENT,
        certainty_ns=SECOND if begun is not None else None,
    )


def _fields(text: str) -> dict[str, str]:
    """Return the header's fields, up to the line of dashes or the first process."""
    fields: dict[str, str] = {}
    for line in text[:_HEADER_CHARACTERS].splitlines():
        if line.startswith(("---", "Process:")):
            break
        match = _FIELD.match(line)
        if match:
            fields.setdefault(match[1], match[2].strip())
    return fields


def _add(process: Row, key: str, value: str, moment: int | None) -> None:
    if key == "Path":
        process["command"] = value.strip()
    elif key == "Parent":
        parent = re.search(r"\[(\d{1,10})\]", value)
        process["ppid"] = int(parent[1]) if parent else None
    elif key == "Footprint":
        process["footprint_bytes"] = size(value.rsplit("->", maxsplit=1)[-1].split("(", maxsplit=1)[0])
    elif key == "Time Since Fork":
        age = real(value)
        process["run_time_s"] = age
        if age is not None and moment is not None and age * SECOND < moment:
            process["launch_time"] = moment - round(age * SECOND)


def _thread(found: re.Match[str], process: Row) -> Row:
    rest = found[2]
    queue, name, priority, cpu = (pattern.search(rest) for pattern in (_QUEUE, _NAME, _PRIORITY, _CPU))
    return {
        "pid": process["pid"],
        "process": process["process"],
        "tid": int(found[1], 16),
        "queue": queue[1] if queue else None,
        "name": name[1] if name else None,
        "priority": int(priority[1]) if priority else None,
        "base_priority": int(priority[2]) if priority and priority[2] else None,
        "cpu_time_s": real(cpu[1]) if cpu and not cpu[1].startswith("<") else None,
    }
