"""``ps.txt`` and ``ps_thread.txt``: the processes at the moment of the capture.

The columns follow the header line (they grew with iOS 16); the last one is free text. Times are the device's local
ones and carry no date when younger than a day, so only ``ELAPSED``-free facts are taken. ``ps_thread.txt`` prints one
line a thread; only a process's first line names it (and has a terminal, ``??``), the others are counted. Priorities may
end in T (timeshare).
"""

from typing import Final

from traceview_parsers.sysdiagnose.sidecar import Place, Reading, Row, integer, real

_TEXT: Final = {"USER": "user", "STAT": "state", "COMMAND": "command"}
_INTEGER: Final = {"PID": "pid", "PPID": "ppid", "PRI": "priority"}
_REAL: Final = {"%CPU": "cpu_percent", "%MEM": "memory_percent"}
_KIB: Final = 1024
_MOST_KIB: Final = 1 << 40
_TERMINAL: Final = "??"


def is_ps(head: str) -> bool:
    """Whether the first line is a ``ps`` header."""
    columns = head.partition("\n")[0].split()
    return {"PID", "COMMAND"} <= set(columns) and columns[-1] == "COMMAND"


def read_ps(text: str, place: Place) -> Reading:
    """Read ``ps.txt`` into ``processes_at_capture``."""
    return _read(text, place, by_thread=False, note="processes at the moment of the capture")


def read_ps_threads(text: str, place: Place) -> Reading:
    """Read ``ps_thread.txt`` into ``processes_at_capture``, with the number of threads of each process."""
    return _read(text, place, by_thread=True, note="number of threads of each process")


def _read(text: str, place: Place, *, by_thread: bool, note: str) -> Reading:
    """Read one process a line, or one thread: only the first of a process names it and has a terminal."""
    lines = text.splitlines()
    columns = lines[0].split()
    rows: list[Row] = []
    misfits = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        further = by_thread and f" {_TERMINAL} " not in line
        row = None if further else _row(line, columns)
        if row is not None:
            counted = {"threads": 1} if by_thread else {}
            rows.append({"ref": place.ref(number), "time": place.time_ns, **row, **counted})
        elif further and rows and _TERMINAL not in line:
            rows[-1]["threads"] += 1
        else:
            misfits.append(number)
    place.misfits(misfits, message="lines that do not fit the header")
    return Reading({"processes_at_capture": rows}, (note,))


def _row(line: str, columns: list[str]) -> Row | None:
    cells = dict(zip(columns, line.split(None, len(columns) - 1), strict=False))
    pid = integer(cells.get("PID"))
    if "COMMAND" not in cells or pid is None:
        return None
    row: Row = {field: integer(cells.get(name, "").rstrip("T")) for name, field in _INTEGER.items()}
    row |= {field: real(cells[name]) for name, field in _REAL.items() if cells.get(name, "-") != "-"}
    row |= {field: cells[name] for name, field in _TEXT.items() if name in cells}
    resident = integer(cells.get("RSS"))
    row["resident_bytes"] = resident * _KIB if resident is not None and resident < _MOST_KIB else None
    executable = row["command"].split(" ", 1)[0] if row["command"].startswith("/") else row["command"]
    row["process"] = executable.rsplit("/", 1)[-1].strip("()")
    return row
