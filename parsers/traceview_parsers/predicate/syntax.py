"""What a predicate is: a tree of frozen parts, and its text."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from traceview_parsers.predicate.keys import EVENT_NAMES, Key, Kind


class Operator(StrEnum):
    """How a key and its values are compared."""

    eq = "=="
    ne = "!="
    lt = "<"
    le = "<="
    gt = ">"
    ge = ">="
    between = "BETWEEN"
    in_ = "IN"
    contains = "CONTAINS"
    begins = "BEGINSWITH"
    ends = "ENDSWITH"
    like = "LIKE"
    matches = "MATCHES"


SIDES: Final = {
    Operator.lt: Operator.gt,
    Operator.le: Operator.ge,
    Operator.gt: Operator.lt,
    Operator.ge: Operator.le,
    Operator.eq: Operator.eq,
    Operator.ne: Operator.ne,
}
"""What an operator becomes when its sides change places."""

Value = str | int | float | None
"""Text, number, UTC nanoseconds of a time, the value of a column with few words, or NULL."""


class Comparison(Struct, frozen=True):
    """A key compared with values.

    Attributes:
        key: Says what the values are.
        operator: One of them.
        values: One; two of BETWEEN; one or more of IN. NULL only of == and !=.
        caseless: ``[c]``: letter case does not matter.
        markless: ``[d]``: diacritical marks do not matter.
    """

    key: Key
    operator: Operator
    values: tuple[Value, ...]
    caseless: bool = False
    markless: bool = False


class And(Struct, frozen=True):
    """All parts hold."""

    parts: "tuple[Node, ...]"


class Or(Struct, frozen=True):
    """One of the parts holds."""

    parts: "tuple[Node, ...]"


class Not(Struct, frozen=True):
    """The part does not hold."""

    part: "Node"


class Constant(Struct, frozen=True):
    """TRUEPREDICATE or FALSEPREDICATE."""

    holds: bool


Node = Comparison | And | Or | Not | Constant


def text_of(node: Node) -> str:
    """Return a predicate that means this; reading it gives an equal tree."""
    match node:
        case Comparison():
            return _comparison(node)
        case And(parts):
            return " AND ".join(map(_inner, parts))
        case Or(parts):
            return " OR ".join(map(_inner, parts))
        case Not(part):
            return f"NOT {_inner(part)}"
        case Constant(holds):
            return "TRUEPREDICATE" if holds else "FALSEPREDICATE"


def _inner(node: Node) -> str:
    return f"({text_of(node)})" if isinstance(node, And | Or) else text_of(node)


def _comparison(one: Comparison) -> str:
    options = "c" * one.caseless + "d" * one.markless
    operator = f"{one.operator.value}[{options}]" if options else one.operator.value
    values = [_value(one.key, value) for value in one.values]
    several = one.operator in {Operator.in_, Operator.between}
    return f"{one.key.name} {operator} {'{' + ', '.join(values) + '}' if several else values[0]}"


def _value(key: Key, value: Value) -> str:
    if value is None:
        return "NULL"
    if key.kind == Kind.event:
        return quoted(EVENT_NAMES[str(value)])
    if key.kind == Kind.time and isinstance(value, int):
        return f'"@{value // 1_000_000_000}.{value % 1_000_000_000:09}"'
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    """Return a string literal."""
    for plain, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(plain, escape)
    return f'"{text}"'
