"""Literals of a predicate as values of the column that they are compared with."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from traceview_parsers.errors import UsageError
from traceview_parsers.predicate.keys import (
    EVENT_NAMES,
    EVENT_NUMBERS,
    EVENT_WORDS,
    LEVEL_NUMBERS,
    LEVEL_WORDS,
    Key,
    Kind,
)
from traceview_parsers.predicate.syntax import Value
from traceview_parsers.predicate.tokens import Sort, Token
from traceview_parsers.selection import to_ns

_SECOND: Final = 1_000_000_000
_SINCE_1970: Final = re.compile(r"@([0-9]{1,10})(?:\.([0-9]{1,9}))?")
REFERENCE_DATE: Final = datetime(2001, 1, 1, tzinfo=UTC)
"""From which NSDate counts (Apple, NSDate)."""
_LAST_NS: Final = 2**63 - 1
_LONGEST_NUMBER: Final = 100
"""Characters."""


class LiteralError(ValueError):
    """A literal that the key cannot be compared with."""


def number(text: str) -> int | float:
    """Return the number that is written so. Raises LiteralError where it is none that can be compared."""
    if len(text) > _LONGEST_NUMBER:
        raise LiteralError("too large a number")
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    if re.fullmatch(r"[0-9]+|0[xXoObB].*", digits):
        return sign * int(digits, 0 if digits[:2].isalnum() and not digits[:2].isdecimal() else 10)
    value = sign * float(digits)
    if not math.isfinite(value):
        raise LiteralError("too large a number")
    return int(value) if value.is_integer() else value


def value_of(key: Key, token: Token, zone: tzinfo) -> Value:
    """Return the value of `key` that a literal stands for. Raises LiteralError where it stands for none.

    Args:
        key: What is compared.
        token: A text, number or word.
        zone: Of times without one.
    """
    if token.sort == Sort.date and key.kind != Kind.time:
        raise LiteralError(f"{key.name} is no time")
    if key.kind in {Kind.text, Kind.uuid}:
        return _text(key, token)
    if key.kind == Kind.number:
        if token.sort != Sort.number:
            raise LiteralError(f"{key.name} is a number: write one, without quotes")
        return number(token.text)
    if key.kind == Kind.time:
        time = _time(token, zone)
        if abs(time) > _LAST_NS:
            raise LiteralError("a time that 64-bit nanoseconds do not hold")
        return time
    if key.kind == Kind.level:
        return level_of(token) or _unknown(key, token, LEVEL_NUMBERS)
    if key.kind == Kind.event:
        found = event_of(token)
        return _unknown(key, token, EVENT_NAMES.values()) if found is None else found
    lower = token.text.lower()
    return lower if lower in key.words and token.sort != Sort.number else _unknown(key, token, key.words)


def level_of(token: Token) -> str | None:
    """Return the level of this word or number, or None."""
    if token.sort == Sort.number:
        return next((level for level, known in LEVEL_NUMBERS.items() if known == _code(token)), None)
    return LEVEL_WORDS.get(token.text.lower())


def event_of(token: Token) -> str | None:
    """Return the event of this word or number, or None."""
    if token.sort == Sort.number:
        return next((event for known, event in EVENT_NUMBERS.items() if known == _code(token)), None)
    return EVENT_WORDS.get(token.text.lower())


def _code(token: Token) -> int | float | None:
    try:
        return number(token.text)
    except LiteralError:
        return None


def since_reference(seconds: float) -> int:
    """Return UTC nanoseconds of an NSDate. Raises LiteralError where there is no such time."""
    try:
        return to_ns(REFERENCE_DATE + timedelta(seconds=seconds)) or 0
    except OverflowError as error:
        raise LiteralError("no such time") from error


def _text(key: Key, token: Token) -> str:
    if token.sort == Sort.word:
        raise LiteralError(
            f'{token.text} is a text without quotes: write "{token.text}" '
            "(if you did, your shell took them: put the whole predicate in single quotes)"
        )
    if token.sort != Sort.string:
        raise LiteralError(f"{key.name} is text: write it in quotes")
    return token.text


def _time(token: Token, zone: tzinfo) -> int:
    if token.sort == Sort.date:
        return int(token.text)
    if token.sort == Sort.string and (match := _SINCE_1970.fullmatch(token.text)):
        return int(match[1]) * _SECOND + int((match[2] or "").ljust(9, "0"))
    try:
        time = datetime.fromisoformat(token.text if token.sort == Sort.string else "")
        return to_ns(time if time.tzinfo else time.replace(tzinfo=zone)) or 0
    except (ValueError, UsageError, OverflowError) as error:
        raise LiteralError(
            'a time is written "2026-01-15 10:30:00", with a zone, +01:00, "@1768469400" or CAST(789004800, \'NSDate\')'
        ) from error


def _unknown(key: Key, token: Token, known: Iterable[str]) -> str:
    listed = ", ".join(known)
    raise LiteralError(f"{key.name} is never {token.text}; it is one of {listed}")
