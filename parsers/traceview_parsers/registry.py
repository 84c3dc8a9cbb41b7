"""Readers by entry point, loaded when first asked for."""

import os
import traceback
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, Reader

GROUP = "traceview.parsers"
_OWN = "traceview_parsers."
SURE = 100
"""The highest claim."""


@cache
def _load() -> tuple[tuple[Reader, ...], tuple[str, ...]]:
    found: list[Reader] = []
    broken: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            found.append(cast("Reader", point.load()))
        except Exception as error:  # noqa: BLE001  (somebody else's package may raise anything; the user is told)
            broken.append(_complaint(point, error))
    return tuple(found), tuple(broken)


def _complaint(point: EntryPoint, error: Exception) -> str:
    return f"reader {point.name} of {_package(point)} cannot be loaded: {type(error).__name__}: {error}"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown package"


def added_readers() -> tuple[tuple[str, str], ...]:
    """Return (name, distribution) of each registered reader that is not a built-in one."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple((point.name, _package(point)) for point in points if not point.module.startswith(_OWN))


def readers() -> tuple[Reader, ...]:
    """Return all readers: the built-in ones and those that other distributions register under ``traceview.parsers``."""
    return _load()[0]


def broken_readers() -> tuple[str, ...]:
    """Return one sentence for each registered reader that could not be loaded."""
    return _load()[1]


def best_reader(candidate: Candidate, problems: Problems) -> Reader | None:
    """Return the reader that claims the candidate most surely, or None; of several the first by name.

    A reader that fails while it looks does not claim the candidate, and `problems` gets ``failed-claim:READER``, or
    ``failed-look:READER`` where another claims it.

    Raises:
        OSError: The candidate is a folder that cannot be looked into.
    """
    best, most = None, 0
    failed: list[tuple[Reader, Exception]] = []
    for reader in readers():
        try:
            sure = reader.claims(candidate)
        except Exception as error:  # readers of others too: one that fails must not hide the other files
            if isinstance(error, OSError) and candidate.is_dir:
                raise
            failed.append((reader, error))
            continue
        if sure > most:
            best, most = reader, sure
        if most >= SURE:
            break  # whoever comes later need not be imported
    for reader, why in failed:
        _tell_failure(reader, candidate, why, problems, best)
    return best


def claim_failed(candidate: Candidate, problems: Problems) -> bool:
    """Whether `best_reader` has told of a file that no reader claims that one failed while it looked."""
    return any((candidate.name, f"failed-claim:{reader.name}") in problems for reader in readers())


def _tell_failure(
    reader: Reader, candidate: Candidate, error: Exception, problems: Problems, best: Reader | None
) -> None:
    if os.environ.get("TRACEVIEW_DEBUG"):
        traceback.print_exception(error)
    problems.add(
        candidate.name,
        f"{'failed-claim' if best is None else 'failed-look'}:{reader.name}",
        f"the reader {reader.name} failed when it was asked whether it can read this ({type(error).__name__}: {error}), "
        f"so {'nothing' if best is None else best.name} reads it; please report it with the output of --debug",
    )
