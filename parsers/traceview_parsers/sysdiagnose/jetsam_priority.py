"""``jetsam_priority.txt`` and ``.csv``: the jetsam priority and memory of each process at the moment of the capture.

No real file is public. Columns and bands are those that the tool of that name prints (iOS 16 and later, format strings): a
header with ``#``, ``priority``, ``priority_name``, ``footprint``, ``dirty``, ``pid``, ``name``, ``flags`` …; the text form
aligns columns and prints sizes with units, the CSV form prints sizes in KB without one. Columns follow the header; a
file without the columns ``priority``, ``pid`` and ``name`` is reported as an unknown layout and not guessed at.
"""

import csv
import re
from collections.abc import Iterator
from typing import Final

from traceview_parsers.sysdiagnose.sidecar import Place, Reading, Row, integer, short_integer, size

_NEEDED: Final = {"priority", "pid", "name"}
_SIZES: Final = {
    "footprint": "footprint_bytes",
    "footprint_peak": "footprint_peak_bytes",
    "limit": "jetsam_limit_bytes",
}
_GAP: Final = re.compile(r"\s{2,}|\t")
_NOT_TOLD: Final = {"", "-", "---", "(-)", "(---)"}
_KIB: Final = 1024


def is_jetsam_priority(head: str) -> bool:
    """Whether the first line is the tool's header, in either form."""
    return _header(head.partition("\n")[0]) is not None


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
    for number, cells in _cells(lines, by_comma=by_comma):
        told = dict(zip(columns, cells, strict=False))
        pid, priority = integer(told.get("pid")), short_integer(told.get("priority"))
        aligned = len(cells) == len(columns) or (not by_comma and len(cells) >= len(columns) - 1)
        if pid is None or priority is None or not aligned:
            misfits.append(number)
            continue
        if pid > 0:
            rows.append({"ref": place.ref(number), "time": place.time_ns, "pid": pid, **_row(told, priority, by_comma)})
    place.misfits(misfits, message="lines that do not fit the header")
    return Reading({"processes_at_capture": rows}, ("jetsam priorities at the moment of the capture",))


def _header(line: str) -> tuple[list[str], bool] | None:
    by_comma = "," in line
    columns = [cell.strip() for cell in (line.split(",") if by_comma else line.split())]
    return (columns, by_comma) if set(columns) >= _NEEDED else None


def _cells(lines: list[str], *, by_comma: bool) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        if by_comma:
            try:
                yield number, [cell.strip() for cell in next(csv.reader([line]))]
            except (csv.Error, StopIteration):
                yield number, []
        else:
            yield number, _split(line)


def _split(line: str) -> list[str]:
    """Split an aligned line; a band in brackets stands one blank after its priority and may hold blanks."""
    cells = []
    for cell in _GAP.split(line.strip()):
        band = re.fullmatch(r"(-?\d+) (\(.*\))", cell)
        cells += [band[1], band[2]] if band else [cell]
    return cells


def _row(told: dict[str, str], priority: int, by_comma: bool) -> Row:  # noqa: FBT001  (both call sites name it)
    band = told.get("priority_name", "").strip("()")
    row: Row = {
        "process": told["name"] if told.get("name") not in _NOT_TOLD else None,
        "jetsam_priority": priority,
        "jetsam_band": band if band and band != "-" else None,
    }
    for column, field in _SIZES.items():
        value = told.get(column, "")
        bytes_ = size(value) if value not in _NOT_TOLD else None
        row[field] = bytes_ * _KIB if by_comma and bytes_ is not None else bytes_
    return row
