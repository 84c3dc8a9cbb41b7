"""Names that the capture itself tells: of its device, of its owner, and of people whom lines give as callers or contacts."""

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

import polars as pl

from traceview.report import callers
from traceview.report.own_words import is_ours
from traceview.report.shapes import Shape, is_no_part_of_an_id
from traceview_parsers.trace import Device

QUOTES: Final = "\"'\\"
_PERSON: Final = re.compile(
    rf"{callers.KEY}(?P<named>{callers.NAME})|{callers.SIP_KEY}(?P<sip>{callers.SIP_NAME})|"
    rf"(?i:\bcalle[re]\b){callers.OPEN}(?P<role>{callers.FULL_NAME})"
)
"""A person's name where a line says that it is one."""
_PERSON_HINT: Final = rf"{callers.KEY}|{callers.SIP_KEY}|(?i:\bcalle[re]\b)"
_NAME_CHARACTERS: Final = rf"[\w{callers.MARKS}.'\u2019-]+"
_WHOLE_NAME: Final = re.compile(rf"[^\W\d_]{_NAME_CHARACTERS}(?: {_NAME_CHARACTERS}){{1,4}}")
MOST_PEOPLE: Final = 200
_DOUBLE_NAME: Final = re.compile(r"[^\W\d_a-z][^\W\d_]{2,30}[-\u2010\u2011][^\W\d_a-z][^\W\d_]{2,30}")
"""A last name of two parts: no other word looks so."""
_OWNER = re.compile(r"^(?P<first>.+?)['\u2019]s\b|\b(?:von|de|di|van|af|av) (?P<last>.+)$")
_NO_NAME: Final = re.compile(rf"(?i:{callers.NO_NAME})")
_ALSO_WORDS: Final = frozenset(
    {
        "april", "art", "august", "bill", "chase", "drew", "faith", "frank", "gene", "grace", "grant", "hope", "jack", "josh",
        "joy", "june", "mark", "max", "may", "miles", "misty", "pat", "pierce", "ray", "rich", "rob", "rose", "sandy", "sky",
        "sue", "victor", "wade", "will",
    }
)  # fmt: skip
"""Names that are words of the language as well."""
_LEAST: Final = 4
_SHORTEST_NAME: Final = 3
_GENERIC = frozenset({"iphone", "ipad", "ipod", "ipod touch", "apple watch", "watch", "mac", "phone"})


def people_in(texts: pl.Series) -> list[str]:
    """Return first and last names that texts give as those of callers and contacts: in other sentences they have no shape.

    Left out are single words and names in small letters, since they may be any words, words of ours, and what comes after
    the first `MOST_PEOPLE` names.
    """
    found: dict[str, None] = {}
    for text in texts.filter(texts.str.contains(_PERSON_HINT)).unique(maintain_order=True).to_list():
        values = (
            match[match.lastgroup or 0].strip(QUOTES).rstrip(".:!?|")
            for match in _PERSON.finditer(normalize("NFC", text))
        )
        found |= dict.fromkeys(value for value in values if _is_name(value))
        if len(found) >= MOST_PEOPLE:
            break
    return list(found)[:MOST_PEOPLE]


def _is_name(value: str) -> bool:
    return (
        5 <= len(value) <= 80
        and bool(_WHOLE_NAME.fullmatch(value))
        and not all(word[0].islower() for word in value.split())
        and not is_ours(value)
    )


def names_of_people(people: Iterable[str]) -> list[Shape]:
    """Return one shape for all names: a name that another one begins with comes after it."""
    whole = sorted(people, key=len, reverse=True)
    last = {name.split()[-1] for name in whole} - set(whole)
    double = sorted(name for name in last if _DOUBLE_NAME.fullmatch(name))
    names = "|".join(re.escape(name) for name in [*whole, *sorted(double, key=len, reverse=True)])
    return [Shape("name", rf"(?i:\b(?:{names})\b)")] if names else []


def names_of_device(device: Device) -> list[Shape]:
    """Return what is known to name this device, in parts that no other shape is longer than."""
    found: list[Shape] = []
    for kind, value in (("serial", device.serial), ("udid", device.udid)):
        if value and len(value) >= _LEAST:
            found.append(Shape(kind, rf"(?i:{re.escape(value)})"))
    words = _words_of(device)
    if len(words) > 1:
        literal = r"[\s'\u2019_-]{0,2}".join(map(re.escape, words))
        found.append(Shape("device", rf"(?i:\b{literal})", after=r"(?!\w)", hint=rf"(?i:{literal})"))
    return found


def names_of_owner(device: Device) -> list[Shape]:
    """Return what is known to name this device's owner, or it in one word: a longer shape that begins alike comes first."""
    found: list[Shape] = []
    words = _words_of(device)
    if len(words) == 1:
        found.append(_one_word("device", words[0]))
    owner = _OWNER.search(normalize("NFC", device.name or "")) if words else None
    name = (owner["first"] or owner["last"]).strip() if owner else ""
    if len(name) >= _SHORTEST_NAME and name.casefold() not in _GENERIC:
        found.append(_one_word("owner", name))
    return found


def _words_of(device: Device) -> list[str]:
    """Return the words of the device's name; none where it names nobody."""
    name = normalize("NFC", device.name or "")
    words = [word for word in re.split(r"[\s'\u2019_-]+", name) if word]
    told = len(words) > 1 or (words and len(words[0]) > 1 and not _NO_NAME.fullmatch(words[0]))
    return words if told and re.search(r"\w", name) and name.casefold() not in _GENERIC else []


def _one_word(kind: str, name: str) -> Shape:
    """Return the shape of a name, with more names behind it, that is no part of an identifier such as a bundle id."""
    literal = _in_any_case(name)
    if re.match(r"\w", name):
        literal = rf"\b{literal}"
    end = r"(?=(?:['\u2019]?s)?(?!\w))" if kind == "owner" else r"(?!\w|\.\w)"
    before = "" if kind == "owner" else r"(?<![\w.])"
    return Shape(kind, rf"{literal}{callers.LATER_NAMES}", before, end, hint=literal, told=is_no_part_of_an_id)


def _in_any_case(name: str) -> str:
    """Return a name in any letter case; one that is a word as well (Will, May) only with its capital."""
    if name.casefold() not in _ALSO_WORDS and not is_ours(name):
        return rf"(?i:{re.escape(name)})"
    return f"(?:{'|'.join(re.escape(one) for one in dict.fromkeys((name[:1].upper() + name[1:], name.upper())))})"
