"""Finding where reading can go on behind damage."""

from collections.abc import Callable
from typing import Any


class Marks:
    """Places in a buffer where one of some byte patterns stands, asked for in ascending order.

    Each pattern's next place is remembered: however often a damaged file makes readers ask, it is searched once.
    """

    def __init__(self, data: Any, patterns: tuple[bytes, ...], plausible: Callable[[int], bool]) -> None:
        self._data = data
        self._next = dict.fromkeys(patterns, -1)
        self._plausible = plausible

    def after(self, at: int) -> int:
        """Return the first place at or behind `at` where a pattern stands and is plausible, else the buffer's end."""
        total = len(self._data)
        while at < total:
            for pattern, place in self._next.items():
                if place < at:
                    hit = self._data.find(pattern, at)
                    self._next[pattern] = hit if hit >= 0 else total
            at = min(self._next.values())
            if at < total and self._plausible(at):
                return at
            at += 1
        return total
