"""Private values in text, and the stable tokens that replace them.

What counts as private is a list of shapes, so it is a heuristic: a name in the middle of a sentence has no shape. Where
that matters, level ``all`` removes the sentences. Plain digits without any mark of a telephone number stay, because
error codes, times and sizes look the same.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from traceview_parsers.trace import Device

_HEX = "[0-9A-Fa-f]"
_KEYS = (
    r"localizedCallerName|displayName|callerName|contactName|remoteName|participantName|personName|userName"
    r"|phoneNumber|msisdn|dial(?:ed|ing)?Number|imei|imsi|iccid|meid|serialNumber|serial number"
)
_VALUE = r"\"[^\"]*\"|'[^']*'|[^\s,;>)}\]\"']+"
_IPV6 = rf"(?<![\w:.])(?:{_HEX}{{0,4}}:){{2,7}}(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{_HEX}{{0,4}})(?![\w:])"
_IPV4 = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)"
_HANDLE = r"(?P<key>(?i:\bhandle\w*\W{1,4}|\btype ?= ?\w+,? ?value ?= ?))[\"']?\+?\d[\d ().-]{4,20}\d"
_PHONE = (
    r"(?<![\w+])\+\d[\d ().-]{5,18}\d(?!\w)"
    r"|(?<!\w)\(\d{3}\) ?\d{3}-\d{4}(?!\w)"
    r"|(?<![\w.-])\d{3}[-.]\d{3}[-.]\d{4}(?![\w.-])"
    r"|(?<![\w.+-])00?[1-9]\d{1,4}[ /-]\d{4,10}(?![\w.-])"
    r"|(?<![\w.+-])00?[1-9]\d{8,13}(?![\w.])"
)
_SHAPES: Final[tuple[tuple[str, str], ...]] = (
    ("name", rf"(?P<key>(?i:\b(?:{_KEYS})\"?\s*[:=]\s*))(?:{_VALUE})"),
    ("sip", r"\b(?i:sips?:)[^\s\"'<>;,)\]}]+"),
    ("tel", r"\b(?i:tel(?:prompt)?:)(?:/*)[^\s\"'<>;,)\]}]+"),
    ("phone", _HANDLE),
    ("udid", rf"\b{_HEX}{{8}}-{_HEX}{{16}}\b"),
    ("uuid", rf"\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b"),
    ("hex", rf"(?<![0-9A-Za-z])(?:0x)?{_HEX}{{24,}}(?![0-9A-Za-z])|<(?:{_HEX}{{8}} ?){{3,}}{_HEX}{{0,8}}>"),
    ("email", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    ("mac", rf"(?<![\w:])(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}(?![\w:])"),
    ("ip", f"{_IPV6}|{_IPV4}"),
    ("phone", _PHONE),
    ("user", r"(?P<key>/Users/|/home/|\b[A-Za-z]:\\Users\\)(?!Shared\b)[^/\\\s:\"'<>]+"),
    ("token", r"\b(?=(?:[A-Za-z_-]*\d){3})[A-Za-z0-9_-]{40,}(?![\w-])"),
)
"""Kind and pattern of what is private. The group `key`, which stands first, is kept. Earlier ones win."""
_OWNER = re.compile(r"^(?P<first>.+?)['\u2019]s\b|\b(?:von|de|di|van|af|av) (?P<last>.+)$")
_GENERIC = frozenset({"iphone", "ipad", "ipod", "ipod touch", "apple watch", "watch", "mac", "phone"})


class Pseudonyms:
    """Replaces private values by tokens such as ``phone-2``; the same value gets the same token everywhere."""

    def __init__(self, device: Device) -> None:
        literals = _literals(device)
        parts = [f"(?P<literal_{index}>{pattern})" for index, (_, pattern) in enumerate(literals)]
        shapes = [pattern.replace("?P<key>", f"?P<key_shape_{index}>") for index, (_, pattern) in enumerate(_SHAPES)]
        parts += [f"(?P<shape_{index}>{pattern})" for index, pattern in enumerate(shapes)]
        self._pattern = re.compile("|".join(parts))
        self._kinds = {f"literal_{index}": kind for index, (kind, _) in enumerate(literals)}
        self._kinds |= {f"shape_{index}": kind for index, (kind, _) in enumerate(_SHAPES)}
        self._tokens: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def token(self, kind: str, value: str) -> str:
        """Return the token of a value."""
        key = (kind, _canonical(kind, value))
        if key not in self._tokens:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._tokens[key] = f"{kind}-{self._counts[kind]}"
        return self._tokens[key]

    def scrub(self, text: str) -> str:
        """Replace all private values in a text."""
        return self._pattern.sub(self._replace, text)

    def scrub_all(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Replace all private values in several texts."""
        return tuple(self.scrub(text) for text in texts)

    def _replace(self, match: re.Match[str]) -> str:
        group = next(name for name in self._kinds if match[name] is not None)
        kind, whole = self._kinds[group], match[group]
        if kind == "ip" and not _is_private_address(whole):
            return whole
        keep = match.groupdict().get(f"key_{group}") or ""
        value = whole[len(keep) :]
        if kind == "tel":
            kind = "phone"
        return keep + self.token(kind, value)


def _canonical(kind: str, value: str) -> str:
    text = value.strip("\"'").casefold()
    return re.sub(r"\D", "", text) if kind == "phone" else text


def _is_private_address(text: str) -> bool:
    """Tell whether text is an address that says where somebody is (no time, no version, not the machine itself)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _literals(device: Device) -> list[tuple[str, str]]:
    """Return kind and pattern of what is known to name this device or its owner."""
    found: list[tuple[str, str]] = []
    for kind, value in (("serial", device.serial), ("udid", device.udid)):
        if value and len(value) >= 4:
            found.append((kind, rf"(?i:{re.escape(value)})"))
    if device.name and device.name.casefold() not in _GENERIC:
        words = [re.escape(word) for word in re.split(r"[\s'\u2019_-]+", device.name) if word]
        found.append(("device", r"(?i:\b" + r"[\s'\u2019_-]{0,2}".join(words) + r"(?!\w))"))
        owner = _OWNER.search(device.name)
        name = (owner["first"] or owner["last"]) if owner else ""
        if len(name) >= 3 and name.casefold() not in _GENERIC:
            found.append(("owner", rf"(?i:\b{re.escape(name)}(?:['\u2019]?s)?\b)"))
    return found
