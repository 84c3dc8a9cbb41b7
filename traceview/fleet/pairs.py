"""Which versions are compared: chosen by their captures alone, never by what was found in them."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from traceview.fleet.statistics import ALPHA, compare

ENOUGH: Final = 20
"""Captures that one side should have (heuristic): none of so many may still be 15 % of all (Hanley, Lippman-Hand, JAMA 1983)."""
_PART: Final = 2
"""The captures of a side should be no fewer than those of the other side divided by this (heuristic)."""


class Pair(Struct, frozen=True):
    """Places of the versions of both sides, each in order.

    Attributes:
        before: One, or several that together have enough captures.
        after: One, or several where `over`.
        between: Those that were passed over, as they have too few captures.
        over: The newest with the oldest.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    between: tuple[int, ...] = ()
    over: bool = False


def pairs(captures: Sequence[int]) -> list[Pair]:
    """Return what is compared of versions in order, that have so many captures each; those without one are left out.

    Each version is compared with the last one before it that has enough captures: `ENOUGH`, and half of its own. Those
    between them are compared with it together, as many of the last ones as have enough, if they could tell anything: if all
    captures of one side and none of the other had the finding. Where all before have not enough, the last ones that could
    tell anything are compared with it, too. The newest versions that have enough
    together are compared with the oldest that have, where nothing of this reaches as far back.
    """
    places = [place for place, count in enumerate(captures) if count]
    found = [pair for index in range(1, len(places)) for pair in _steps(captures, places[: index + 1])]
    over = _over(captures, places)
    if over is None or any(one.after[-1] in over.after and one.before[0] <= over.before[-1] for one in found):
        return found
    return [*found, over]


def with_base(captures: Sequence[int], base: int) -> list[Pair]:
    """Return each later version with the base, where both have captures."""
    later = range(base + 1, len(captures))
    return [Pair((base,), (place,)) for place in later if captures[base] and captures[place]]


def _steps(captures: Sequence[int], places: Sequence[int]) -> Iterator[Pair]:
    """Yield the last of these places with those before it."""
    own = captures[places[-1]]
    wanted = _wanted(own)
    few: list[int] = []
    able: int | None = None
    enough: int | None = None
    total = 0
    for place in reversed(places[:-1]):
        if captures[place] >= wanted:
            enough = place
            break
        few.insert(0, place)
        total += captures[place]
        if able is None and _could_tell(own, total):
            able = len(few)
        if total >= wanted:
            break
    after = (places[-1],)
    if enough is not None:
        yield Pair((enough,), after, tuple(few))
    if able or enough is None:
        yield Pair(tuple(few), after)
    if able and enough is None and able < len(few) and total < wanted:
        yield Pair(tuple(few[-able:]), after)


def _over(captures: Sequence[int], places: Sequence[int]) -> Pair | None:
    last = _until(ENOUGH, [captures[place] for place in reversed(places)])
    if last is None:
        return None
    after = places[len(places) - last :]
    first = _until(_wanted(sum(captures[place] for place in after)), [captures[place] for place in places])
    if first is None or first + last > len(places):
        return None
    return Pair(tuple(places[:first]), tuple(after), over=True)


def _wanted(captures: int) -> int:
    """Return how many captures the other side of so many should have."""
    return max(ENOUGH, -(-captures // _PART))


def _until(wanted: int, counts: Sequence[int]) -> int | None:
    """Return how many of these it takes to have as many as wanted."""
    return next((place + 1 for place, total in enumerate(accumulate(counts)) if total >= wanted), None)


def _could_tell(captures: int, base_captures: int) -> bool:
    found = compare(captures, captures, 0, base_captures)
    return found is not None and found.p < ALPHA
