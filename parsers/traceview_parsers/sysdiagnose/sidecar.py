"""What the describing files of a sysdiagnose have in common: where they lie, what reading one gives, small texts."""

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, field

from traceview_parsers import schema
from traceview_parsers.problems import Problems

Row = dict[str, Any]

SECOND: Final = 1_000_000_000
_INTEGER_BITS: Final = 62
_MOST_BYTES: Final = 1 << 50
"""No memory of a device comes near it."""
_BYTES: Final = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")


class Place(Struct):
    """One file and what is known around it.

    Attributes:
        name: Path inside the capture.
        source_index: For row identities; positions are line numbers.
        time_ns: Capture time, UTC, or None.
        tz: Zone of the device (``+01:00`` or a name), or None.
        problems: Gets lines that could not be understood.
    """

    name: str
    source_index: int
    time_ns: int | None
    tz: str | None
    problems: Problems

    def ref(self, line: int) -> int:
        """Return the row identity of a line number."""
        return schema.make_ref(self.source_index, line)

    def misfits(self, lines: list[int], sample: str = "", message: str = "lines of an unknown form") -> None:
        """Report lines that could not be read."""
        if lines:
            self.problems.add(
                self.name, "unreadable-line", message, position=lines[0], unit="line", count=len(lines), sample=sample
            )


MOMENT: Final = "moment of the capture"
TAKES_NS: Final = 600 * SECOND
"""Heuristic: the files of a sysdiagnose are written within ten minutes of the time in its name."""


class Reading(Struct):
    """What one file gives.

    Attributes:
        tables: Rows by table (`schema`).
        notes: Sentences for the coverage.
        clock: How its times were reached.
        certainty_ns: Bound of the times' error where known; of snapshots without a time of their own, how long a
            sysdiagnose may take.
    """

    tables: dict[str, list[Row]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    clock: str = MOMENT
    certainty_ns: int | None = None

    def __post_init__(self) -> None:
        if self.clock == MOMENT and self.certainty_ns is None:
            self.certainty_ns = TAKES_NS


def last_component(path: str) -> str:
    """Return the name of an executable from its path."""
    return path.rstrip("/").rsplit("/", 1)[-1]


def integer(text: str | None) -> int | None:
    """Return a whole number that fits 63 bits, or None."""
    stripped = (text or "").strip()
    digits = stripped.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 19:
        return None
    value = int(stripped)
    return value if value.bit_length() <= _INTEGER_BITS else None


def short_integer(text: str | None) -> int | None:
    """Return a whole number that fits 32 bits, or None."""
    value = integer(text)
    return value if value is not None and value.bit_length() < 32 else None


def real(text: str | None) -> float | None:
    """Return the first number of a text (``0.145469 s``), decimal comma or point, or None."""
    match = _NUMBER.search(text or "")
    return float(match[0].replace(",", ".")) if match and len(match[0]) < 40 else None


def size(text: str | None) -> int | None:
    """Return bytes of ``12.23 MB``, ``1.5KB`` or ``4096``; these tools count in powers of 1,024. None where it is none."""
    match = _SIZE.fullmatch((text or "").strip())
    if match is None or len(match[1]) > 18:
        return None
    found = round(float(match[1]) * _BYTES[(match[2] or "").upper()])
    return found if found < _MOST_BYTES else None


def yes(text: str | None) -> bool | None:
    """``YES`` and ``Y`` → true, ``NO`` and ``N`` → false, everything else → None."""
    word = (text or "").strip().split(" ", 1)[0].upper()
    return True if word in {"YES", "Y"} else False if word in {"NO", "N"} else None


def times_of(rows: Iterable[Row]) -> list[int]:
    """Return the times that rows have."""
    return [row["time"] for row in rows if row.get("time") is not None]
