"""Readers by entry point, loaded when first asked for."""

from functools import cache
from importlib.metadata import entry_points
from typing import cast

from traceview_parsers.trace import Candidate, Reader

GROUP = "traceview.parsers"


@cache
def readers() -> tuple[Reader, ...]:
    """Return all readers: the built-in ones and those that other distributions register under ``traceview.parsers``."""
    return tuple(cast("Reader", point.load()) for point in sorted(entry_points(group=GROUP), key=lambda p: p.name))


def best_reader(candidate: Candidate) -> Reader | None:
    """Return the reader that claims the candidate most surely, or None."""
    claims = [(reader.claims(candidate), reader) for reader in readers()]
    sure, reader = max(claims, key=lambda claim: claim[0])
    return reader if sure > 0 else None
