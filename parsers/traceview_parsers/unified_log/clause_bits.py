"""Clauses as the bits of a number: which of them accept a name."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import numpy as np

from traceview_parsers.unified_log.interning import Array

_IN_PLACE_OF_DAMAGE: Final = "\N{REPLACEMENT CHARACTER}".encode()[0]
"""What is no UTF-8 is shown as this character."""


class Accepting:
    """Tells which clauses accept a name, by what each accepts; None there: anything.

    Attributes:
        anything: The clauses that accept anything.
    """

    def __init__(self, accepted: Sequence[Collection[str | None] | None]) -> None:
        self.anything = as_bits(names is None for names in accepted)
        self._by_name: dict[str | None, int] = {}
        for at, names in enumerate(accepted):
            for name in names or ():
                self._by_name[name] = self._by_name.get(name, self.anything) | 1 << at
        self._begins: Array | None = None

    def of(self, name: str | None) -> int:
        """Return the clauses that accept this name, or its absence."""
        return self._by_name.get(name, self.anything)

    def begins(self) -> Array:
        """Return, for each byte, whether a name that some clause asks for may begin with it in UTF-8."""
        if self._begins is None:
            known = {name.encode("utf-8", "replace")[0] for name in self._by_name if name}
            if _IN_PLACE_OF_DAMAGE in known:
                known.update(range(0x80, 0x100))
            self._begins = np.isin(np.arange(256), list(known))
        return self._begins


class Growing:
    """A table of clauses (bits) over rows that are only ever added; each row is judged once."""

    def __init__(self, judge: Callable[[int, int], Iterable[int]]) -> None:
        self._judge = judge
        self._table = np.zeros(0, np.uint64)

    def upto(self, size: int) -> Array:
        """Return the clauses of the first rows, as many as `size`."""
        if size > self._table.size:
            fresh = np.fromiter(self._judge(self._table.size, size), np.uint64, size - self._table.size)
            self._table = np.concatenate([self._table, fresh])
        return self._table


def as_bits(holds: Iterable[bool]) -> int:
    """Return a number with the bits set at which `holds` is true."""
    return sum(1 << number for number, one in enumerate(holds) if one)
