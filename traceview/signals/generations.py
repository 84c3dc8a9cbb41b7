"""For which generations of iOS there is evidence of a signal: read from what its ``source`` names.

Generations are spans in which the wording of most processes stayed: 11 to 13 (assertiond, then RunningBoard), 14 to 16,
17 and 18 (identities with UUIDs, audiomxd), 26 and 27. Apple builds its systems from one code line a year, so tvOS
counts as the iOS of its number and macOS as the iOS of its year.
"""

import re
from collections.abc import Iterable
from typing import Final

from traceview.signals.catalogue import Signal

GENERATIONS: Final[dict[str, range]] = {
    "11-13": range(11, 14),
    "14-16": range(14, 17),
    "17-18": range(17, 19),
    "26-27": range(26, 28),
}
UNDATED: Final = "undated"
"""Evidence that names no release: sources of WebRTC, builds of unknown version, Apple's documents."""

_BUILD: Final = re.compile(r" build \w+")
_RELEASES: Final = re.compile(r"\b(iOS|tvOS|macOS)(?: devices?)? ([0-9.]+(?:(?:/|, | and | to )[0-9.]+)*)")
_NUMBER: Final = re.compile(r"(/|, | and | to |^)([0-9]+)(?:\.([0-9]+))?(?:\.[0-9]+)*")
_YEAR: Final = re.compile(r"\b2026\b")
_MACOS: Final[dict[str, int]] = {"10.15": 13, "11": 14, "12": 15, "13": 16, "14": 17, "15": 18}
"""macOS → iOS of the same year; from 26 on the numbers are the same."""


def generations_of(signal: Signal) -> frozenset[str]:
    """Return the generations that a signal has evidence for, or `UNDATED` alone; ``since`` and ``until`` bound them."""
    releases = _releases(signal.source)
    if not releases:
        return frozenset({UNDATED})
    first = int((signal.since or "0").partition(".")[0])
    last = int((signal.until or "99").partition(".")[0])
    kept = {release for release in releases if first <= release <= last}
    return frozenset(name for name, span in GENERATIONS.items() if kept.intersection(span))


def coverage(signals: Iterable[Signal]) -> dict[str, dict[str, int]]:
    """Return kind → generation (and `UNDATED`) → signals with evidence, kinds in alphabetical order."""
    table: dict[str, dict[str, int]] = {}
    for signal in sorted(signals, key=lambda signal: signal.kind):
        row = table.setdefault(signal.kind, dict.fromkeys([*GENERATIONS, UNDATED], 0))
        for name in generations_of(signal):
            row[name] += 1
    return table


def _releases(source: str) -> set[int]:
    """Return the iOS releases that a text names, as iOS numbers."""
    found: set[int] = set()
    for system, numbers in _RELEASES.findall(_BUILD.sub("", source)):
        before: int | None = None
        for joint, major, minor in _NUMBER.findall(numbers):
            number = int(major)
            if system == "macOS":
                number = _MACOS.get(f"{major}.{minor}", _MACOS.get(major, number))
            found |= set(range(before, number + 1)) if joint == " to " and before is not None else {number}
            before = number
    return found | ({26} if not found and _YEAR.search(source) else set())
