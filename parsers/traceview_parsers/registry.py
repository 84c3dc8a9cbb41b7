"""Readers by entry point, loaded when first asked for."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from traceview_parsers.trace import Candidate, Reader

GROUP = "traceview.parsers"


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
    package = point.dist.name if point.dist else "unknown package"
    return f"reader {point.name} of {package} cannot be loaded: {type(error).__name__}: {error}"


def readers() -> tuple[Reader, ...]:
    """Return all readers: the built-in ones and those that other distributions register under ``traceview.parsers``."""
    return _load()[0]


def broken_readers() -> tuple[str, ...]:
    """Return one sentence for each registered reader that could not be loaded."""
    return _load()[1]


def best_reader(candidate: Candidate) -> Reader | None:
    """Return the reader that claims the candidate most surely, or None."""
    claims = [(reader.claims(candidate), reader) for reader in readers()]
    sure, reader = max(claims, key=lambda claim: claim[0])
    return reader if sure > 0 else None
