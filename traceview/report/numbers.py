"""Plain figures that are private only by the words beside them: telephone numbers without a plus, and positions.

A pattern finds a word and the figure behind it; a function then tells from the text around whether both mean what they
seem to, since error codes, times, sizes and ids look the same. That is a heuristic.
"""

import re
from collections.abc import Callable
from typing import Final

_BEHIND: Final = r"[\s:=#<(\[{\"'\\]{1,8}(?:Optional\([\"'\\]{0,2})?"
_DIALLED: Final = (
    r"\bdial(?:l?ed|l?ing|s)?|calle[er]|msisdn|\be\.?164|\b(?:tele)?phone|\btel|"
    r"\b(?:sip|voip)[ _-]?(?:user(?:[ _-]?(?:name|id))?|account)"
)
"""Words before a telephone number."""
_OTHERS: Final = r"handle|value|number|\b(?:to|from|call(?:ed|ing))"
"""Words that stand before other figures as well."""
NUMBER_KEY: Final = rf"(?i:(?:{_DIALLED}|{_OTHERS})(?:[ _-]?(?:id|number|value|no\.?)|\s(?:is|was|to|from))?{_BEHIND})"
NUMBER: Final = r"\+?(?:\d{10,15}|(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4})"
"""Ten to fifteen digits (ITU-T E.164 has at most 15), or a North American number with its usual gaps."""
GAPS: Final = r" \u00a0\u202f().\u2010-\u2015\u2212/\u2066-\u2069\u202a-\u202c-"
"""What stands between the digits of a telephone number; a set of characters, with the blanks, hyphens and marks of direction
that iOS puts into what it prints (Unicode CLDR has no-break blanks and hyphens in formats of numbers)."""
_GAP: Final = rf"(?:[{GAPS}]|%20){{1,4}}"
_NO_TIME: Final = r"(?!(?:19|20)\d\d-\d\d|\d{1,2}:\d\d)"
_PLUS: Final = r"(?:\+|%2B)[\u2066-\u2069\u202a-\u202c]?"
PLUS_NUMBER: Final = (
    rf"{_PLUS}(?:[1-9]\d{{9,14}}(?!\d)|1{_GAP}\d{{3}}{_GAP}\d{{3}}{_GAP}{_NO_TIME}\d{{4}}(?!\d)|"
    rf"(?=[1-9](?:(?:[{GAPS}]|%20){{0,4}}\d){{6}})\d{{1,6}}(?:{_GAP}{_NO_TIME}\d{{1,6}}(?![\d:])){{0,5}}"
    rf"(?:{_GAP}{_NO_TIME}\d{{7,13}}(?!\d))?)"
)
"""An international number: digits without a gap, one of North America, or groups of which only the last is long. A date or
a time behind it is no group."""
PLUS_HINT: Final = rf"{_PLUS}\d"
ZERO_NUMBER: Final = rf"00[1-9]\d{{0,2}}(?! \d{{4}} \d{{4}}\b)(?:{_GAP}\d{{2,5}}){{1,3}}{_GAP}{_NO_TIME}\d{{3,10}}"
"""An international number after ``00``; four digits each are a dump of memory."""
ZERO_HINT: Final = rf"\b00[1-9]\d{{0,2}}(?:{_GAP}\d{{2,5}}){{1,3}}{_GAP}\d\d\d"
AREA_NUMBER: Final = rf"\(\d{{3}}\)[{GAPS}]{{0,2}}\d{{3}}[{GAPS}]\d{{4}}"
PLAIN_NUMBER: Final = r"(?:1[ .\u2010-\u2015\u2212-])?\d{3}[.\u2010-\u2015\u2212-]\d{3}[.\u2010-\u2015\u2212-]\d{4}"
"""Numbers of North America."""
UNIT: Final = r"\s?(?:times|ticks|[mn\u00b5u]?s(?:ec(?:ond)?s?)?|[kMGT]?i?B|[Bb]ytes?)\b(?![=:])"
NUMBER_END: Final = rf"(?![\w@]|[.:-]\w|{UNIT})"
"""What follows a whole number: not the rest of an address, a fraction or a range, and no unit."""

_HANDLE: Final = re.compile(r"(?i:handle)(?!r|[ds]\b)")
_NO_HANDLE: Final = re.compile(
    r"(?i:(?:file|session|scene|process|device|connection|memory|buffer|window|timer|object|assertion|transaction|event|"
    r"service|socket|thread|task|store|xpc|client|server|driver|port|block|mach|kernel|io|un)[ _-]?)\Z"
)
_OWNED: Final = re.compile(
    r"(?i:remote|local|called|calling|contact|destination|target|peer|mobile|cell|tele|customer|subscriber|formatted|"
    r"normali[sz]ed|originating|own|my|home|work)_?\Z"
)
_COUNTED: Final = re.compile(
    r"(?i:\b(?:sequence|serial|port|line|error|errno|status|code|packet|frame|build|version|model|part|revision|"
    r"transaction|request|response|reference|message|page|block|sector|inode|node|random|magic|record|row|column|index|"
    r"item|entry|event|exception|instance|iteration|generation|slot|core|cpu|thread|process|session|track|channel|file|"
    r"object|key|max|maximum|min|minimum|large|total|unique|order|batch|chunk|fragment|segment|sample|epoch|unix|tick|job|"
    r"queue|atomic|signal|register|partition|volume|certificate|major|minor|unit|stream|sync)[ _-])\Z"
)
"""What is counted or numbered in logs by other than telephones."""
_CALLS: Final = re.compile(
    r"(?i:\b(?:sips?|tel|telephone|phone|voip|invite)\b|\b(?:incoming|outgoing|inbound|outbound|reported|new) call\b)"
)
_STAMP: Final = re.compile(r"1(?:\d{9}|\d{11,14})")
"""Times since 1970 in seconds, milliseconds or smaller units; no number of North America, which has 11 digits with its 1."""
_LONG_STAMP: Final = re.compile(r"1\d{11,14}")
_NEAR: Final = 80
"""How many characters before a figure may say what it is; half as many behind it."""


def _of_a_person(before: str, _value: str, _after: str) -> bool:
    return not _NO_HANDLE.search(before)


def _in_a_handle(before: str, value: str, _after: str) -> bool:
    own = not _is_glued(before) or before.casefold().endswith("normalized")
    return (
        own
        and not _LONG_STAMP.fullmatch(value)
        and any(not _NO_HANDLE.search(before[: handle.start()]) for handle in _HANDLE.finditer(before))
    )


def _no_count(before: str, value: str, _after: str) -> bool:
    known = _OWNED.search(before) if _is_glued(before) else not _COUNTED.search(before)
    return bool(known) and not _STAMP.fullmatch(value)


def _in_a_call(before: str, value: str, after: str) -> bool:
    return not _STAMP.fullmatch(value) and bool(_CALLS.search(before) or _CALLS.search(after))


def _no_time(_before: str, value: str, _after: str) -> bool:
    return not _STAMP.fullmatch(value)


_DOUBTFUL: Final[dict[str, Callable[[str, str, str], bool]]] = {
    "handle": _of_a_person,
    "value": _in_a_handle,
    "number": _no_count,
    "to": _in_a_call,
    "from": _in_a_call,
    "called": _no_time,
    "calling": _no_time,
}
_FIRST_WORD: Final = re.compile(rf"(?i:{'|'.join(_DOUBTFUL)})")


def is_telephone(text: str, start: int, key: str, value: str) -> bool:
    """Tell whether a value that `NUMBER_KEY` found at `start` is a telephone number."""
    word = _FIRST_WORD.match(key)
    if not word:
        return True
    end = start + len(key) + len(value)
    return _DOUBTFUL[word[0].casefold()](text[max(0, start - _NEAR) : start], value, text[end : end + _NEAR // 2])


POSITION_KEY: Final = r"(?i:(?:latitude|longitude|(?:\b|_)(?:lat|lon|lng|long))[\s:=(\"'\\]{1,8}(?:Optional\()?)"
POSITION: Final = r"[+-]?\d{1,3}(?:\.\d{1,20})?"
"""Degrees."""
SIGNED: Final = r"[+-]\d{1,3}\.\d{1,20}"
"""Degrees as locations are printed, in pairs: ``<+52.52,+13.40>`` (Core Location's description of a CLLocation)."""
POSITION_END: Final = r"(?![\w%]|\.\w|\s?(?:[mn\u00b5u]?s(?:ec(?:ond)?s?)?|[kKMG]?i?B|pages?)\b(?![=:]))"
_WHOLE_WORD: Final = re.compile(r"(?i:latitude|longitude)")
_LATITUDE_NEAR: Final = re.compile(r"(?i:latitude|(?:\b|_)lat\b)")
_LONGITUDE_NEAR: Final = re.compile(r"(?i:longitude|(?:\b|_)(?:lon|lng|long)\b)")
_MOST_DEGREES: Final = 180


def is_position(text: str, start: int, key: str, value: str) -> bool:
    """Tell whether a value that `POSITION_KEY` found at `start` is one of degrees: ``lat`` is a latency elsewhere."""
    if abs(float(value)) > _MOST_DEGREES:
        return False
    if _WHOLE_WORD.match(key):
        return True
    if "." not in value:
        return False
    word = key.strip("_").casefold()
    if ("=" in key or ":" in key) and not word.startswith("long"):
        return True
    end = start + len(key) + len(value)
    if word.startswith("lat"):
        return bool(_LONGITUDE_NEAR.search(text[end : end + _NEAR // 2]))
    return bool(_LATITUDE_NEAR.search(text[max(0, start - _NEAR // 2) : start]))


def _is_glued(before: str) -> bool:
    return before[-1:].isalnum() or before.endswith("_")
