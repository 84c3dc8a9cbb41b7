"""Predicates of Apple's ``log show`` and ``log stream``, evaluated on the table ``log``."""

from datetime import UTC, tzinfo
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from traceview_parsers.predicate.errors import PredicateError
from traceview_parsers.predicate.evaluate import mask
from traceview_parsers.predicate.keys import named
from traceview_parsers.predicate.narrow import narrowed
from traceview_parsers.predicate.parser import Parser
from traceview_parsers.predicate.syntax import And, Comparison, Node, Operator, Or, text_of
from traceview_parsers.selection import Mask, Selection

__all__ = ["Predicate", "PredicateError", "containing", "parse"]

_DROPPED: Final = "like NSPredicate this drops a backslash that stands for nothing (character {}): write \\\\ for one"


class Predicate(Struct, frozen=True):
    """Which rows are wanted.

    Attributes:
        node: What it says.
        notes: What people who wrote it should know.
    """

    node: Node
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return text_of(self.node)

    def __and__(self, other: "Predicate") -> "Predicate":
        """Return the predicate that holds where both do."""
        return Predicate(And((self.node, other.node)), (*self.notes, *other.notes))

    def mask(self, batch: Any) -> Mask:
        """Return one boolean a row of a ``log`` record batch: the meaning of the predicate."""
        return mask(self.node, batch)

    def filter(self, batch: Any) -> Any:
        """Return the rows of a ``log`` record batch for which the predicate holds."""
        keep = self.mask(batch)
        return batch if keep.all() else batch.filter(pa.array(keep))

    def narrow(self, selection: Selection) -> Selection:
        """Return a selection that leaves out much of what the predicate leaves out, and nothing that both want."""
        return narrowed(selection, self.node)


def parse(text: str, zone: tzinfo = UTC) -> Predicate:
    """Read a predicate; times without a zone are in `zone`. Raises PredicateError."""
    parser = Parser(text, zone)
    node = parser.whole()
    return Predicate(node, tuple(_DROPPED.format(at + 1) for at in parser.scanner.dropped[:1]))


def containing(texts: list[str]) -> Predicate:
    """Return the predicate: the message contains one of these texts, in any letter case."""
    key = named("eventMessage")
    parts = tuple(Comparison(key, Operator.contains, (text,), caseless=True) for text in texts)
    return Predicate(parts[0] if len(parts) == 1 else Or(parts))
