"""Times of which a PowerLog holds nothing: the device was off, or old rows were cleared away table by table."""

from collections.abc import Iterable, Iterator
from typing import Final

_DAY_NS: Final = 86_400_000_000_000
_SILENCE_NS: Final = _DAY_NS
"""Nothing for so long is no quiet time: wake-ups, assertions and batteries are noted by the hour (heuristic; in a real
file of iPadOS 15.0.2 hours follow each other, then nothing comes for 31 and for 10 days)."""

Gaps = tuple[tuple[int, int], ...]
"""(from, to) in UTC nanoseconds, in order."""


def gaps(noted: Iterable[tuple[int | None, int | None]], start: int | None) -> Gaps:
    """Return the times of more than a day between these stretches (first and last moment, UTC nanoseconds).

    Stretches with an end that is no time are left out, and so is what lies before `start`.
    """
    found = []
    covered = start
    for first, last in sorted((first, last) for first, last in noted if first is not None and last is not None):
        if covered is not None and first - covered > _SILENCE_NS:
            found.append((covered, first))
        covered = last if covered is None else max(covered, last)
    return tuple(found)


def told(found: Gaps) -> Iterator[str]:
    """Say that times are missing, if there are any."""
    if found:
        longest = max(until - since for since, until in found) / _DAY_NS
        times = "once" if len(found) == 1 else f"{len(found)} times"
        yield f"nothing was recorded for days, {times}, at most {longest:.1f} days: nothing is known of then"
