"""Which values of a column with few words a comparison accepts."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from traceview_parsers.predicate.keys import LEVEL_NUMBERS, Kind
from traceview_parsers.predicate.syntax import Comparison, Operator

WORDS: Final = frozenset({Kind.level, Kind.event, Kind.name})
"""Kinds of keys that have few words."""

_HOLDS: Final[dict[Operator, Callable[[int, int, int], bool]]] = {
    Operator.lt: lambda number, bound, _: number < bound,
    Operator.le: lambda number, bound, _: number <= bound,
    Operator.gt: lambda number, bound, _: number > bound,
    Operator.ge: lambda number, bound, _: number >= bound,
    Operator.between: lambda number, first, last: first <= number <= last,
}


class Accepted(Struct, frozen=True):
    """Values, and whether these are accepted or all others; None: no value."""

    values: frozenset[str | None]
    others: bool = False


def accepted(one: Comparison) -> Accepted:
    """Return what a comparison of one of `WORDS` accepts; levels are ordered by their numbers."""
    names = frozenset(None if value is None else str(value) for value in one.values)
    if one.operator in {Operator.eq, Operator.in_}:
        return Accepted(names)
    if one.operator == Operator.ne:
        return Accepted(names, others=True)
    numbers = [LEVEL_NUMBERS[str(value)] for value in one.values]
    holds = _HOLDS[one.operator]
    return Accepted(
        frozenset(level for level, number in LEVEL_NUMBERS.items() if holds(number, numbers[0], numbers[-1]))
    )
