"""Comparisons of text, for many texts at once."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.predicate.patterns import like, literal, matches
from traceview_parsers.predicate.syntax import Comparison, Operator
from traceview_parsers.selection import Mask

_AROUND: Final = {
    Operator.eq: r"\A(?:{})\z",
    Operator.ne: r"\A(?:{})\z",
    Operator.in_: r"\A(?:{})\z",
    Operator.contains: "(?:{})",
    Operator.begins: r"\A(?:{})",
    Operator.ends: r"(?:{})\z",
    Operator.like: r"\A(?:{})\z",
    Operator.matches: r"\A(?:{})\z",
}
_ORDER: Final = {
    Operator.lt: pc.less,
    Operator.le: pc.less_equal,
    Operator.gt: pc.greater,
    Operator.ge: pc.greater_equal,
}
_LITERAL: Final = {
    Operator.contains: pc.match_substring,
    Operator.begins: pc.starts_with,
    Operator.ends: pc.ends_with,
}


def hits(texts: Any, one: Comparison) -> Mask:
    """Return, for each text, whether the comparison holds; of != whether == holds. Null is no.

    Letter case is that of Unicode's simple case folding; marks are what a canonical decomposition splits off.

    Args:
        texts: Arrow ``string`` or ``large_string``.
        one: Its values are texts.
    """
    wanted = pa.array([str(value) for value in one.values], texts.type)
    if one.markless:
        texts, wanted = _without_marks(texts), _without_marks(wanted)
    found: Mask = _found(texts, wanted, one).fill_null(False).to_numpy(zero_copy_only=False)
    return found


def too_large(one: Comparison) -> bool:
    """Return whether the pattern of a comparison of texts is more than can be evaluated."""
    try:
        hits(pa.array([""]), one)
    except pa.ArrowInvalid:
        return True
    return False


def _found(texts: Any, wanted: Any, one: Comparison) -> Any:
    operator = one.operator
    if operator in _ORDER or operator == Operator.between:
        if one.caseless:
            texts, wanted = pc.utf8_lower(texts), pc.utf8_lower(wanted)
        if operator == Operator.between:
            return pc.and_(pc.greater_equal(texts, wanted[0]), pc.less_equal(texts, wanted[1]))
        return _ORDER[operator](texts, wanted[0])
    if one.caseless or operator in {Operator.like, Operator.matches}:
        return pc.match_substring_regex(texts, _pattern(wanted.to_pylist(), one))
    if operator in _LITERAL:
        return _LITERAL[operator](texts, wanted[0].as_py())
    return pc.is_in(texts, wanted)


def _pattern(wanted: list[str], one: Comparison) -> str:
    spelled = {Operator.like: like, Operator.matches: matches}.get(one.operator, literal)
    inner = "|".join(map(spelled, wanted))
    return ("(?i)" if one.caseless else "") + _AROUND[one.operator].format(inner)


def _without_marks(texts: Any) -> Any:
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    bare = pc.replace_substring_regex(pc.utf8_normalize(texts, form="NFD"), r"\p{Mn}+", "")
    return pc.utf8_normalize(bare, form="NFC")  # syllables of Hangul are taken apart too, and have no marks
