"""``jetsam_priority.txt`` and ``.csv``: the jetsam priority and memory of each process at the moment of the capture.

No real file is public. Columns and bands are those that the tool of that name prints (iOS 16 and later, format strings): a
header with ``#``, ``priority``, ``priority_name``, ``footprint``, ``dirty``, ``pid``, ``name``, ``flags`` …; the text form
aligns columns and prints sizes with units, the CSV form prints sizes in KB without one. Columns follow the header; a
file without the columns ``priority``, ``pid`` and ``name`` is reported as an unknown layout and not guessed at.
"""

import csv
import re
from typing import Final

from traceview_parsers.sysdiagnose.sidecar import Place, Reading, Row, integer, short_integer, size

_NEEDED: Final = {"priority", "pid", "name"}
_SIZES: Final = {
    "footprint": "footprint_bytes",
    "footprint_peak": "footprint_peak_bytes",
    "limit": "jetsam_limit_bytes",
}
_PAIRS: Final = {
    "priority": "priority_name",
    "active_limit": "active_limit_hard",
    "inactive_limit": "inactive_limit_hard",
}
"""Columns of the text form whose header stands over two values; the CSV form names both."""
_GAP: Final = re.compile(r"\s{2,}|\t")
_NOT_TOLD: Final = {"", "-", "---", "(-)", "(---)"}
_KIB: Final = 1024


def read_jetsam_priority(text: str, place: Place) -> Reading:
    """Read the file into ``processes_at_capture``."""
    lines = text.splitlines()
    header = _header(lines[0] if lines else "")
    if header is None:
        place.problems.add(
            place.name,
            "unknown-layout",
            "the header lacks priority, pid or name, so that the jetsam priorities were not read",
            position=1,
            unit="line",
            sample=lines[0] if lines else "",
        )
        return Reading({}, ("unknown layout",))
    columns, by_comma = header
    rows: list[Row] = []
    misfits = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        told = _told_by_comma(line, columns) if by_comma else _told_by_column(line, columns)
        pid, priority = integer(told.get("pid")), short_integer(told.get("priority"))
        if pid is None or priority is None:
            misfits.append(number)
        elif pid > 0:
            row = _row(told, priority, kilobytes=by_comma)
            rows.append({"ref": place.ref(number), "time": place.time_ns, "pid": pid, **row})
    place.misfits(misfits, message="lines that do not fit the header")
    return Reading({"processes_at_capture": rows}, ("jetsam priorities at the moment of the capture",))


def _header(line: str) -> tuple[list[str], bool] | None:
    by_comma = "," in line
    columns = [cell.strip() for cell in (line.split(",") if by_comma else line.split())]
    return (columns, by_comma) if set(columns) >= _NEEDED else None


def _told_by_comma(line: str, columns: list[str]) -> dict[str, str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error:
        return {}
    return dict(zip(columns, cells, strict=True)) if len(cells) == len(columns) else {}


def _told_by_column(line: str, columns: list[str]) -> dict[str, str]:
    """Split an aligned line: values before the name hold no blanks; the name ends at a gap."""
    before = [part for column in columns[: columns.index("name")] for part in (column, _PAIRS.get(column)) if part]
    cells = line.split(None, len(before))
    if len(cells) <= len(before):
        return {}
    return dict(zip(before, cells, strict=False)) | {"name": _GAP.split(cells[-1].rstrip())[0]}


def _row(told: dict[str, str], priority: int, *, kilobytes: bool) -> Row:
    band = told.get("priority_name", "").strip("()")
    row: Row = {
        "process": told["name"] if told.get("name") not in _NOT_TOLD else None,
        "jetsam_priority": priority,
        "jetsam_band": band if band and band != "-" else None,
    }
    for column, field in _SIZES.items():
        value = told.get(column, "")
        bytes_ = size(value) if value not in _NOT_TOLD else None
        row[field] = bytes_ * _KIB if kilobytes and bytes_ is not None else bytes_
    return row
