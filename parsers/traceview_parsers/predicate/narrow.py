"""What a predicate lets a reader leave out: clauses of a `Selection` that hold wherever the predicate does.

They may hold for more rows, never for fewer. A tree becomes an OR of clauses; where that would grow beyond `MOST`, less
is left out.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any, Final

from msgspec.structs import replace

from traceview_parsers.predicate.accepted import WORDS, accepted
from traceview_parsers.predicate.patterns import like_texts
from traceview_parsers.predicate.syntax import And, Comparison, Constant, Node, Not, Operator, Or
from traceview_parsers.schema import EVENTS, LEVELS
from traceview_parsers.selection import Clause, Selection

MOST: Final = 64
"""Clauses that the reader of log archives evaluates together."""
NOTHING: Final = Clause(pids=frozenset())
"""Holds for no row: a selection without clauses would hold for all."""

_NAMES: Final = {
    "process": "processes",
    "sender": "senders",
    "subsystem": "subsystems",
    "category": "categories",
    "pid": "pids",
}
_DOMAINS: Final = {"level": ("levels", {*LEVELS, None}), "event": ("events", {*EVENTS, None})}
_PARTS: Final = {"message": "words", "process_path": "process_paths"}
_WHOLE: Final = frozenset({Operator.eq, Operator.in_})
_HOLDS_TEXT: Final = _WHOLE | {Operator.contains, Operator.begins, Operator.ends}
_ANY_OF: Final = frozenset(_PARTS.values())
_LAST_PID: Final = 2**63 - 1
_EARLIEST, _LATEST = -(2**63), 2**63 - 1

Alternatives = tuple[Clause, ...]
Span = tuple[int, int]
"""Nanoseconds, both included; the first behind the last: no time."""


def narrowed(selection: Selection, node: Node) -> Selection:
    """Return a selection that holds wherever both do, and holds for no row that `selection` leaves out."""
    alternatives = _clauses(node, negated=False)
    clauses = _product(selection.clauses or (Clause(),), alternatives)
    first, last = _span(node)
    start = None if first == _EARLIEST else first
    end = None if last == _LATEST else last + 1
    return replace(
        selection,
        clauses=() if clauses == (Clause(),) else clauses or (NOTHING,),
        start_ns=start if selection.start_ns is None else max(selection.start_ns, first),
        end_ns=end if selection.end_ns is None else min(selection.end_ns, last + 1),
    )


def _clauses(node: Node, *, negated: bool) -> Alternatives:
    """Return clauses one of which holds wherever the node does (or, `negated`, does not); none: it never does."""
    match node:
        case Constant(holds):
            return (Clause(),) if holds != negated else ()
        case Not(part):
            return _clauses(part, negated=not negated)
        case Comparison():
            return _comparison(node, negated=negated)
        case And(parts) | Or(parts):
            found = [_clauses(part, negated=negated) for part in parts]
            return reduce(_product if isinstance(node, And) != negated else _sum, found)


def _product(left: Alternatives, right: Alternatives) -> Alternatives:
    """Return alternatives of both together. What the left ones say is kept whole; one of words or paths must give way."""
    if not left or not right:
        return ()
    if len(left) * len(right) > MOST:
        return left
    pairs = (_both(one, other) for one in left for other in right)
    return _simple(tuple(pair for pair in pairs if pair is not None))


def _both(one: Clause, other: Clause) -> Clause | None:
    """Return a clause that holds where both do, None where they cannot."""
    changes: dict[str, Any] = {}
    for name in Clause.__struct_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine is None or theirs is None:
            changes[name] = theirs if mine is None else mine
        elif name in _ANY_OF:
            changes[name] = mine
        else:
            changes[name] = mine & theirs
            if not changes[name]:
                return None
    return Clause(**changes)


def _sum(left: Alternatives, right: Alternatives) -> Alternatives:
    found = _simple(left + right)
    return found if len(found) <= MOST else (Clause(),)


def _simple(clauses: Alternatives) -> Alternatives:
    """Put clauses with one condition, of one column, together; leave out what says nothing more."""
    if Clause() in clauses:
        return (Clause(),)
    single: dict[str, frozenset[Any]] = {}
    others = []
    for clause in dict.fromkeys(clauses):
        conditions = [name for name in Clause.__struct_fields__ if getattr(clause, name) is not None]
        if len(conditions) == 1:
            single[conditions[0]] = single.get(conditions[0], frozenset()) | getattr(clause, conditions[0])
        else:
            others.append(clause)
    return (*(_clause(name, values) for name, values in single.items()), *others)


def _clause(name: str, values: frozenset[Any]) -> Clause:
    return Clause(**{name: values})


def _comparison(one: Comparison, *, negated: bool) -> Alternatives:
    column = one.key.column
    if one.key.kind in WORDS:
        if column not in _DOMAINS:
            return (Clause(),)
        name, domain = _DOMAINS[column]
        wanted = accepted(one)
        values: frozenset[Any] = frozenset(domain - wanted.values if wanted.others != negated else wanted.values)
        return (_clause(name, values),)
    none = {None, ""} if one.key.empty_is_none else {None}
    if negated or one.caseless or one.markless or not none.isdisjoint(one.values):
        return (Clause(),)
    if column in _NAMES and one.operator in _WHOLE:
        return _named(_NAMES[column], one)
    if column in _PARTS:
        return _containing(_PARTS[column], one)
    return (Clause(),)


def _named(name: str, one: Comparison) -> Alternatives:
    values: frozenset[Any] = frozenset(one.values)
    if name == "pids":
        values = frozenset(value for value in values if isinstance(value, int) and abs(value) <= _LAST_PID)
    return (_clause(name, values),) if values else ()


def _containing(name: str, one: Comparison) -> Alternatives:
    """Return that one of the texts is in the column, where the comparison tells so."""
    if one.operator in _HOLDS_TEXT:
        texts = [str(value) for value in one.values]
    elif one.operator == Operator.like:
        texts = [max(like_texts(str(one.values[0])), key=len, default="")]
    else:
        texts = [""]
    return (Clause(),) if "" in texts else (_clause(name, frozenset(texts)),)


def _span(node: Node) -> Span:
    """Return the times between which all rows lie for which the node holds."""
    match node:
        case And(parts):
            spans = [_span(part) for part in parts]
            return max(first for first, _ in spans), min(last for _, last in spans)
        case Or(parts):
            spans = [_span(part) for part in parts]
            return min(first for first, _ in spans), max(last for _, last in spans)
        case Comparison(key, operator, values) if key.column == "time" and operator in _SPANS:
            bounds = [value for value in values if isinstance(value, int)]
            if not bounds or len(bounds) < len(values):
                return _EARLIEST, _LATEST
            first, last = (min(bounds), max(bounds)) if operator == Operator.in_ else (bounds[0], bounds[-1])
            return _SPANS[operator](first, last)
        case _:
            return _EARLIEST, _LATEST


_SPANS: Final[dict[Operator, Callable[[int, int], Span]]] = {
    Operator.eq: lambda first, _: (first, first),
    Operator.in_: lambda first, last: (first, last),
    Operator.between: lambda first, last: (first, last),
    Operator.lt: lambda _, last: (_EARLIEST, last - 1),
    Operator.le: lambda _, last: (_EARLIEST, last),
    Operator.gt: lambda first, _: (first + 1, _LATEST),
    Operator.ge: lambda first, _: (first, _LATEST),
}
