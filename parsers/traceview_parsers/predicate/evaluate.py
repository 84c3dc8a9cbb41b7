"""A predicate evaluated on ``log`` record batches, column by column.

What has no value (NSPredicate: nil) fulfils no comparison but ``!=`` and ``== NULL``. Columns of names are evaluated on
their distinct values; messages only for rows that the cheaper parts leave open.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from traceview_parsers.predicate.accepted import WORDS, accepted
from traceview_parsers.predicate.keys import Kind
from traceview_parsers.predicate.syntax import And, Comparison, Constant, Node, Not, Operator, Or
from traceview_parsers.predicate.texts import hits
from traceview_parsers.selection import Mask

_USER_BITS: Final = 0xFFFF_FFFF
"""User ids are printed without a sign."""
_MESSAGE_COST: Final = 8
"""How much dearer messages are than names; only the order of evaluation depends on it (heuristic)."""
_EQUAL: Final = frozenset({Operator.eq, Operator.ne, Operator.in_})
_NUMBERS: Final[dict[Operator, Callable[[Any, Any], Any]]] = {
    Operator.eq: np.equal,
    Operator.ne: np.equal,
    Operator.lt: np.less,
    Operator.le: np.less_equal,
    Operator.gt: np.greater,
    Operator.ge: np.greater_equal,
}


def mask(node: Node, batch: Any) -> Mask:
    """Return one boolean a row of a ``log`` record batch."""
    return _mask(node, _Rows(batch))


class _Rows(Struct, frozen=True):
    """Some rows of a batch; columns are taken when they are asked for."""

    batch: Any
    rows: Any = None

    @property
    def size(self) -> int:
        return self.batch.num_rows if self.rows is None else len(self.rows)

    def column(self, name: str) -> Any:
        column = self.batch.column(name)
        return column if self.rows is None else column.take(pa.array(self.rows))

    def at(self, places: Any) -> "_Rows":
        return _Rows(self.batch, places if self.rows is None else self.rows[places])


def _mask(node: Node, rows: _Rows) -> Mask:
    match node:
        case Constant(holds):
            return np.full(rows.size, holds)
        case Not(part):
            return ~_mask(part, rows)
        case And(parts):
            return _joined(parts, rows, holds=True)
        case Or(parts):
            return _joined(parts, rows, holds=False)
        case Comparison():
            return _comparison(node, rows)


def _joined(parts: tuple[Node, ...], rows: _Rows, *, holds: bool) -> Mask:
    """Return where all parts hold (`holds`), or one of them; each looks only at rows that are still open."""
    found = np.full(rows.size, holds)
    places = np.arange(rows.size)
    for part in sorted(parts, key=_cost):
        if not places.size:
            break
        here = _mask(part, rows if places.size == rows.size else rows.at(places))
        found[places] = here
        places = places[here if holds else ~here]
    return found


def _cost(node: Node) -> int:
    match node:
        case And(parts) | Or(parts):
            return sum(map(_cost, parts))
        case Not(part):
            return _cost(part)
        case Comparison(key):
            return _MESSAGE_COST if key.column == "message" else 1
        case _:
            return 0


def _comparison(one: Comparison, rows: _Rows) -> Mask:
    if one.key.kind in {Kind.text, Kind.uuid}:
        found, present = _texts(one, rows)
    elif one.key.kind in WORDS:
        return _words(one, rows)
    else:
        found, present = _numbers(one, rows)
    if one.values == (None,):
        found |= ~present
    return ~found if one.operator == Operator.ne else found


def _texts(one: Comparison, rows: _Rows) -> tuple[Mask, Mask]:
    """Return (rows whose text fits, rows that have one)."""
    test = partial(hits, one=one) if one.values != (None,) else partial(_none, one)
    found, present = _by_distinct(rows.column(one.key.column), test)
    if one.key.empty_is_none and "" in one.values and one.operator in _EQUAL:
        found |= ~present
    if one.key.instead is not None and not present.all():
        missing = np.flatnonzero(~present)
        found[missing], present[missing] = _by_distinct(rows.at(missing).column(one.key.instead), test)
    return found, present


def _by_distinct(column: Any, test: Callable[[Any], Mask]) -> tuple[Mask, Mask]:
    if not pa.types.is_dictionary(column.type):
        return test(column), column.is_valid().to_numpy(zero_copy_only=False)
    names = column.dictionary
    indices = column.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    valid = np.append(names.is_valid().to_numpy(zero_copy_only=False), False)
    found = np.zeros(len(names) + 1, bool)
    if len(names) > len(indices):  # dictionaries grow from batch to batch: most of their names are others'
        used = np.unique(indices)
        used = used[used < len(names)]
        found[used] = test(names.take(pa.array(used)))
    else:
        found[:-1] = test(names)
    return found[indices], valid[indices]


def _none(one: Comparison, texts: Any) -> Mask:
    """Return which texts count as none."""
    if not one.key.empty_is_none:
        return np.zeros(len(texts), bool)
    found: Mask = pc.equal(texts, "").fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _words(one: Comparison, rows: _Rows) -> Mask:
    wanted = accepted(one)
    names = pa.array([value for value in wanted.values if value is not None], pa.string())
    found, present = _by_distinct(
        rows.column(one.key.column), lambda texts: pc.is_in(texts, names).to_numpy(zero_copy_only=False)
    )
    if None in wanted.values:
        found |= ~present
    return ~found if wanted.others else found


def _numbers(one: Comparison, rows: _Rows) -> tuple[Mask, Mask]:
    """Return (rows whose number fits, rows that have one)."""
    column = rows.column(one.key.column)
    if one.key.kind == Kind.time:
        column = column.cast(pa.int64())
    present = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.fill_null(0).to_numpy(zero_copy_only=False)
    if one.key.zero_is_none:
        present = np.ones(len(values), bool)
    if one.key.column == "uid":
        values = values & _USER_BITS
    bounds = [value for value in one.values if value is not None and not isinstance(value, str)]
    if not bounds:
        return np.zeros(len(values), bool), present
    if one.operator == Operator.in_:
        found = np.logical_or.reduce([_ordered(values, Operator.eq, bound) for bound in bounds])
    elif one.operator == Operator.between:
        found = _ordered(values, Operator.ge, bounds[0]) & _ordered(values, Operator.le, bounds[1])
    else:
        found = _ordered(values, one.operator, bounds[0])
    return found & present, present


def _ordered(values: Any, operator: Operator, bound: float) -> Mask:
    """Compare whole numbers with a bound of any size, exactly."""
    if isinstance(bound, float):
        if operator in {Operator.eq, Operator.ne}:
            return np.zeros(len(values), bool)
        upwards = operator in {Operator.gt, Operator.ge}
        bound, operator = (math.ceil(bound), Operator.ge) if upwards else (math.floor(bound), Operator.le)
    limits = np.iinfo(values.dtype)
    if limits.min <= bound <= limits.max:
        found: Mask = _NUMBERS[operator](values, values.dtype.type(bound))
        return found
    below = bound > limits.max  # all values are below the bound
    return np.full(len(values), operator in ({Operator.lt, Operator.le} if below else {Operator.gt, Operator.ge}))
