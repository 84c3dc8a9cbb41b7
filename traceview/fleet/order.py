"""In which order versions and severities stand, and which spellings of a version are one release."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from traceview.app_versions import release
from traceview.rules.registry import Severity

UNKNOWN: Final = "unknown"
ALONE: Final = "build "
"""How a release of the system is named of which the build alone is known."""
SEVERAL: Final = "several"
"""Version of an app in captures that reach over an update, so that a finding may be of any of several."""

_TOKEN: Final = re.compile(r"\d{1,1000}|[^\W\d_]+")


def version_key(version: str) -> list[tuple[int, int, str]]:
    """Order versions by their numbers: ``9.3`` before ``15.0b2`` before ``15.0`` before ``15.0.2`` before ``26``."""
    tokens = [
        (2, int(token), "") if token.isdecimal() else (0, 0, token.casefold()) for token in _TOKEN.findall(version)
    ]
    return [*tokens, (1, 0, "")]


def has_place(version: str) -> bool:
    """Tell whether a version has a place in order: builds of no known version have none."""
    return version not in (UNKNOWN, SEVERAL) and not version.startswith(ALONE)


def version_order(versions: Iterable[str]) -> list[str]:
    """Return distinct versions in order; those without a place come after them, ``unknown`` last."""
    return sorted(set(versions), key=lambda one: (one == UNKNOWN, not has_place(one), one == SEVERAL, version_key(one)))


def one_spelling(versions: Sequence[str]) -> dict[str, str]:
    """Return for each version the longest spelling of the same release: ``5.3`` is ``5.3.0`` where that is there."""
    shown: dict[tuple[int, ...] | str, str] = {}
    for version in sorted(set(versions), key=lambda one: (len(one), one)):
        shown[release(version)] = version
    return {version: shown[release(version)] for version in versions}


def severity_rank() -> pl.Expr:
    """Rank of the column ``severity``, 0 (info) to 4 (critical); -1 for a severity of another version."""
    ranks = {severity.name: int(severity) for severity in Severity}
    return pl.col("severity").replace_strict(ranks, default=-1, return_dtype=pl.Int64)
