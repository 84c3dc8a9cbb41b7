"""``ps.txt``: the processes at the moment of the capture.

The columns follow the header line (they grew with iOS 16); the last one is free text. Times are the device's local
ones and carry no date when younger than a day, so only ``ELAPSED``-free facts are taken.
"""

from typing import Any

import pyarrow as pa

from traceview_parsers import schema

_TEXT = {"USER": "user", "STAT": "state", "COMMAND": "command"}
_INTEGER = {"PID": "pid", "PPID": "ppid", "PRI": "priority"}
_REAL = {"%CPU": "cpu_percent", "%MEM": "memory_percent"}
_KIB = 1024


def looks_like_ps(text: str) -> bool:
    """Whether the first line is a ``ps`` header."""
    columns = text[: text.find("\n")].split()
    return {"PID", "COMMAND"} <= set(columns) and columns[-1] == "COMMAND"


def read_ps(text: str, source_index: int, time_ns: int | None) -> tuple[Any, list[int]]:
    """Return (a ``processes_at_capture`` batch, numbers of lines that do not fit the header).

    Args:
        text: The file.
        source_index: For row identities (position = line number).
        time_ns: Capture time, UTC.
    """
    lines = text.splitlines()
    columns = lines[0].split()
    rows: list[dict[str, Any]] = []
    misfits = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        row = _row(dict(zip(columns, line.split(None, len(columns) - 1), strict=False)))
        if row is None:
            misfits.append(number)
        else:
            rows.append({"ref": schema.make_ref(source_index, number), "time": time_ns, **row})
    return pa.RecordBatch.from_pylist(rows, schema=schema.SCHEMAS["processes_at_capture"]), misfits


def _row(cells: dict[str, str]) -> dict[str, Any] | None:
    if "COMMAND" not in cells:
        return None
    try:
        row: dict[str, Any] = {field: int(cells[name]) for name, field in _INTEGER.items() if _given(cells, name)}
        row |= {field: float(cells[name].replace(",", ".")) for name, field in _REAL.items() if _given(cells, name)}
        row |= {field: cells[name] for name, field in _TEXT.items() if name in cells}
        if _given(cells, "RSS"):
            row["resident_bytes"] = int(cells["RSS"]) * _KIB
    except ValueError:
        return None
    executable = row["command"].split(" ", 1)[0] if row["command"].startswith("/") else row["command"]
    row["process"] = executable.rsplit("/", 1)[-1].strip("()")
    return row


def _given(cells: dict[str, str], name: str) -> bool:
    return cells.get(name, "-") != "-"
