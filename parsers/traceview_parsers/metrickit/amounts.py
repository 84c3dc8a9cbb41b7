"""Numbers with units as MetricKit prints them: in the language of the device.

``"700 sec"``, ``"200,000 kB"``, ``"1,456秒"`` (real payloads); other languages group with a dot, an apostrophe or a
(no-break) blank, and may use their own digits. A lone separator before exactly three digits groups, unless what stands
before it cannot be a group (``0.125``, ``1234.567``): ``"1.456"`` is read as one thousand and some.
"""

import re
import unicodedata
from typing import Final

from msgspec import Struct

_NUMBER: Final = re.compile(r"[-+\u2212]?\d(?:[\d.,'\u2019\u00a0\u202f\u2009\u066b\u066c ]*\d)?")
_SEPARATOR: Final = re.compile(r"[^\d]")
_BLANKS: Final = " \u00a0\u202f\u2009'\u2019\u066c"
"""Separators that only ever group."""
_ARABIC_POINT: Final = "\u066b"
_LONGEST: Final = 200

SECONDS: Final = "s"
BYTES: Final = "bytes"
COUNT: Final = "count"

_WORDS: Final[dict[str, tuple[str, float]]] = {
    **dict.fromkeys(
        ("s", "sec", "secs", "second", "seconds", "秒", "秒钟", "초", "сек", "sek", "sekunden"), (SECONDS, 1.0)
    ),
    **dict.fromkeys(("seg", "segundos", "secondes", "secondi", "sn", "ث", "วินาที", "giây"), (SECONDS, 1.0)),
    **dict.fromkeys(("ms", "msec", "milliseconds", "毫秒", "ミリ秒", "밀리초", "мс", "msek", "mseg"), (SECONDS, 1e-3)),
    **dict.fromkeys(("min", "mins", "minutes", "分", "分钟"), (SECONDS, 60.0)),
    **dict.fromkeys(("hr", "h", "hours", "小时", "時間"), (SECONDS, 3600.0)),
    **dict.fromkeys(("b", "byte", "bytes", "字节", "バイト", "octets", "octet", "байт"), (BYTES, 1.0)),
    **dict.fromkeys(("kb", "ko", "千字节", "кб", "キロバイト", "kilobytes"), (BYTES, 1e3)),
    **dict.fromkeys(("mb", "mo", "兆字节", "мб", "メガバイト", "megabytes"), (BYTES, 1e6)),
    **dict.fromkeys(("gb", "go", "吉字节", "gigabytes"), (BYTES, 1e9)),
    **dict.fromkeys(("bar", "bars"), ("bars", 1.0)),
    "apl": ("apl", 1.0),
    "ms per s": ("ratio", 1e-3),
    "ms/s": ("ratio", 1e-3),
    "kiloinstructions": ("instructions", 1e3),
    "instructions": ("instructions", 1.0),
    "%": ("ratio", 1e-2),
}
"""Unit words to (unit, factor). Kilo is a thousand: Foundation's kilobytes are decimal."""

_BY_NAME: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"cellConditionTime", "bars"),
        (r"PixelLuminance", "apl"),
        (r"HitchTimeRatio", "ms per s"),
        (r"CPUInstructions", "kiloinstructions"),
        (r"histogrammed|signpostCumulativeCPUTime|AppHangTime", "ms"),
        (r"writesCaused", "byte"),
        (r"Memory|Upload|Download|Writes", "kB"),
        (r"Time|Duration", "sec"),
    )
)
"""Units by the name of the field, where the word is of an unknown language; the units of Apple's own examples."""


class Amount(Struct, frozen=True):
    """A value in its base unit (seconds, bytes, …).

    Attributes:
        value: In `unit`.
        unit: Base unit.
        factor: Base units in one of the printed unit.
        sure: False where the printed unit and the field's name disagree.
    """

    value: float
    unit: str
    factor: float = 1.0
    sure: bool = True


def amount(text: str, field: str) -> Amount | None:
    """Read a number with its unit; `field` names what it measures. None where there is no number."""
    text = _plain_digits(text.strip()[:_LONGEST])
    match = _NUMBER.search(text)
    if match is None:
        return None
    value = number(match[0])
    word = (text[: match.start()] + text[match.end() :]).strip(" .\u00a0\u202f\u2009\u200e\u200f").lower()
    usual = next((_WORDS[unit.lower()] for pattern, unit in _BY_NAME if pattern.search(field)), None)
    said = _WORDS.get(word)
    unit, factor = said or usual or (word or COUNT, 1.0)
    return Amount(round(value * factor, 9), unit, factor, sure=said is None or usual is None or said[0] == usual[0])


def number(text: str) -> float:
    """Return the number in `text` (ASCII digits and separators, as `_NUMBER` finds it)."""
    sign = -1.0 if text[0] in "-\u2212" else 1.0
    text = text.lstrip("-+\u2212")
    marks = _SEPARATOR.findall(text)
    point = _decimal_point(text, marks)
    whole, _, fraction = text.rpartition(point) if point else (text, "", "")
    digits = _SEPARATOR.sub("", whole) or "0"
    return sign * float(f"{digits}.{_SEPARATOR.sub('', fraction) or '0'}")


def _decimal_point(text: str, marks: list[str]) -> str:
    """Return the separator that is the decimal point, or an empty string."""
    if not marks or marks[-1] in _BLANKS:
        return ""
    last = marks[-1]
    if last == _ARABIC_POINT:
        return last
    if marks.count(last) > 1:
        return ""
    before, _, after = text.rpartition(last)
    if len(marks) > 1:
        return last
    could_group = len(after) == 3 and 1 <= len(before) <= 3 and before != "0"
    return "" if could_group else last


def _plain_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(one)) if one.isdecimal() else one for one in text)
