"""Private values in text, and the stable tokens that replace them.

What counts as private is a list of shapes, so it is a heuristic: a name in the middle of a sentence has no shape, unless
another line tells it (`traceview.report.callers`). Where that matters, level ``all`` removes the sentences. Plain digits
without any mark of a telephone number or a word that tells one (`traceview.report.numbers`) stay, because error codes,
times and sizes look the same.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

import polars as pl

from traceview.report import callers, numbers
from traceview_parsers.trace import Device

_HEX = "[0-9A-Fa-f]"
_KEYS = (
    r"userName"
    r"|phoneNumber|msisdn|dial(?:ed|ing)?Number|imei|imsi|iccid|meid|serialNumber|serial number"
    r"|password|passwd|secret|api[_-]?key|authorization|access_token|auth_token|token(?:String|Value|Data|Hash)?|login|ha1|user"
)
_NAMED = (
    r"ssid(?:_str|data)?|network ?name|device ?name|computer ?name|apple ?id|alt ?dsid|dsid|account ?name|nick ?name"
    r"|(?:first|last|full|given|family|real) ?name"
)
_PRODUCTS = r"iPhone|iPad|iPod|AirPods|Apple Watch|Watch|MacBook|iMac|Mac|HomePod|Apple TV|Beats|Powerbeats|CarPlay"
_URL = r"\b(?i:[a-z][a-z0-9+.-]{1,30})://"
_NO_URL = r"(?!https://developer\.apple\.com/|(?i:file)://)"
_BYTES: Final = r"0x[0-9A-Fa-f]{2}[0-9A-Fa-f .\u2026]*"
_DATA: Final = rf"\{{length ?= ?\d{{1,9}}, bytes ?= ?{_BYTES}\}}?"
"""How Foundation describes data: all of it, or from 25 bytes on its begin and end (seen since iOS 13)."""
_VALUE = rf"{_DATA}|" r"\"[^\"]{0,200}\"?|'[^']{0,200}'?|[^\s,;>)}\]\"']+"
_QUOTED_HINT = rf"(?i:\b(?:{_NAMED}|wi-?fi network)\s{{1,3}})[\\\"'\u201c]"


class _Shape(NamedTuple):
    """One shape of a private value: its pattern, and what must (not) stand around it.

    The group `key`, which stands first in a pattern, is kept. Patterns take linear time on any text, since runs begin at
    their first character or are bounded, and hold nothing that the regular expressions of polars do not know, unless
    `hint` stands for them in the quick test. `told` says of a match's text, start, key and value whether it is one.
    """

    kind: str
    pattern: str
    before: str = ""
    after: str = ""
    hint: str = ""
    told: Callable[[str, int, str, str], bool] | None = None


_OWNED: Final = "iPhone|iPad|iPod|AirPods|Apple Watch|MacBook|iMac|HomePod"
_NO_OWNER: Final = (
    r"(?!(?i:access|apps|apple|as|bus|calls|class|cross|details|devices|does|focus|gps|has|ios|is|its|lists|needs|news|os|"
    r"previous|process|requires|resets|sends|series|services|settings|shows|status|supports|syncs|this|tvos|us|unlocks|uses|"
    r"various|versus|wakes|was|wireless|with|yes)[ -])"
)
"""Words that end in an s and own nothing."""
_NO_PERSON: Final = (
    "(?!(?:Active|Air|Apple|Beta|Bluetooth|Case|Catalyst|Cellular|Charging|Connected|Current|Debug|Default|Demo|Designed|Developer|"
    "Development|Device|Disconnected|Early|External|Global|Headset|Home|Idle|Inactive|Input|Intel|Internal|Late|Left|Local|Locked|"
    "Main|Mid|Mini|Model|Native|Nearby|Office|Offline|Online|Output|Paired|Physical|Plus|Primary|Pro|Production|Ready|Release|"
    "Remote|Restore|Retina|Right|Rosetta|Secondary|Simulator|Sleeping|Speaker|Standard|Supported|Test|Ultra|Unknown|Unlocked|"
    r"Unpaired|Unsupported|Wi|Wired|Wireless|Work)\b)"
)
_IDS_OF_PHONES: Final = r"(?:imei|imsi|iccid|meid)\"?\s{0,3}[:=]?\s{0,3}\"?"
_HOMES: Final = r"(?:/Users/|/home/|\b[A-Za-z]:\\{1,4}Users\\{1,4})"
_CAPITAL: Final = r"[A-Z\u00c0-\u00de]"
_LETTERS: Final = rf"[\w{callers.MARKS}]{{1,30}}"
_OWNER_NAME: Final = rf"[^\W\d_](?:{_LETTERS}(?:['\u2019-]{_LETTERS}){{0,2}}|['\u2019-]{_LETTERS})"
_OWNER_WORD: Final = rf"(?:(?={_CAPITAL})(?!{callers.NO_NAME}\b){_NO_PERSON}{_LETTERS}(?:-{_LETTERS})? ){{0,3}}(?:{_OWNER_NAME}|\w{{2,30}})"
"""Who owns a device: a name of several parts, as far as its first words begin with capital letters."""
_IN_BRACKETS: Final = rf"[^\W\d_a-z](?:[^\W\d_A-Z]|[{callers.MARKS}]){{1,30}}"
_APOSTROPHE_S: Final = r"(?i:['\u2019\u02bc\u00b4]s[ -]"


_IPV4: Final = r"\d{1,3}(?:\.\d{1,3}){3}"
_TO_PORT: Final = rf"(?=\.(?:\d{{1,5}}|\*)(?: > |:\s|\s+(?:{_IPV4}\.|\*\.\*|(?:ESTABLISHED|LISTEN|CLOSED?|SYN|FIN|TIME|LAST)(?:_\w+)?\b)))"
"""How tcpdump and netstat write a port, with the other address or the state behind it."""
_VERSION_WORD: Final = re.compile(r"(?i:(?:version|build|\bver)(?:String)?[\"']?[\s:=(]{1,4}[\"']?)\Z")
_AGENT: Final = re.compile(r"[A-Za-z]/\Z")
_AGENT_END: Final = re.compile(r" (?:CFNetwork|Darwin|iOS|\((?:iPhone|iPad|iOS|com\.))")


def _is_version(match: re.Match[str]) -> bool:
    """Whether four figures are a version by the words around them, also in a user agent."""
    text, start = match.string, match.start()
    if _VERSION_WORD.search(text, max(0, start - 24), start):
        return True
    return bool(_AGENT.search(text, max(0, start - 2), start) and _AGENT_END.match(text, match.end()))


_SHAPES: Final[tuple[_Shape, ...]] = (
    _Shape("phone", rf"(?P<key>{callers.NUMBER_KEY})\+?\(?\d[\d ().-]{{4,20}}\d"),
    _Shape("number", rf"(?P<key>(?i:\b(?:kCT)?{_IDS_OF_PHONES}))\d[\d -]{{12,22}}\d"),
    _Shape("name", rf"(?P<key>{callers.KEY}){callers.NAME}", hint=callers.KEY),
    _Shape("name", rf"(?P<key>{callers.ROLE_KEY}){callers.FULL_NAME}", hint=callers.ROLE_KEY),
    _Shape("name", rf"(?P<key>{callers.SIP_KEY}){callers.SIP_NAME}", hint=callers.SIP_KEY),
    _Shape("name", rf"(?P<key>{callers.ACCOUNT_KEY}){callers.ACCOUNT}", told=callers.is_account),
    _Shape("user", rf"(?P<key>{callers.FOLDER_KEY}){callers.FOLDER}", hint=callers.FOLDER_KEY),
    _Shape(
        "name",
        rf"(?P<key>(?i:\b(?:{_NAMED})\"?\s*[:=]\s*))[^\W\d_][\w{callers.MARKS}.'\u2019-]*(?: [A-Z\u00c0-\u00de][\w.'\u2019-]+){{1,4}}",
    ),
    _Shape(
        "name",
        rf"(?P<key>(?i:\b(?:{_KEYS}|{_NAMED})\"?\s*[:=]\s*))(?:(?i:bearer|basic)\s+)?(?:{_VALUE})",
        hint=rf"(?i:\b(?:{_KEYS}|{_NAMED})\"?\s*[:=])",
        told=callers.is_account,
    ),
    _Shape(
        "name",
        rf"(?P<key>{callers.SECRET_KEY})(?!\{{){callers.ACCOUNT}",
        hint=callers.SECRET_HINT,
        told=callers.is_account,
    ),
    _Shape("name", rf"(?P<key>{callers.BEARER_KEY}){callers.BEARER}", hint=callers.BEARER_KEY),
    _Shape("name", rf"(?P<key>(?i:\b(?:{_NAMED}|wi-?fi network)\s{{1,3}})){callers.QUOTED}", hint=_QUOTED_HINT),
    _Shape("name", rf"(?P<key>{callers.LOGIN_KEY}){callers.LOGIN}", hint=callers.LOGIN_KEY),
    _Shape("cookie", rf"(?P<key>{callers.COOKIE_KEY}){callers.COOKIE}", hint=callers.COOKIE_HINT),
    _Shape("serial", r"(?P<key>(?i:\bserial\s{1,3}))[A-Z0-9]{8,14}\b"),
    _Shape("host", r"\b[A-Za-z0-9][A-Za-z0-9-]{0,62}\.local\b"),
    _Shape("host", r"\b(?i:ec2|ip|host|static|dynamic|pool|dsl|cpe)-\d{1,3}(?:-\d{1,3}){3}\b"),
    _Shape("hex", rf"(?P<key>\bbytes ?= ?){_BYTES}", hint=r"\bbytes ?= ?0x"),
    _Shape("sip", r"\b(?i:sips?(?::|%3a))[^\s\"'<>;,)\]}]+"),
    _Shape("tel", r"\b(?i:tel(?:prompt)?(?::|%3a))/*[^\s\"'<>;,)\]}]+"),
    _Shape(
        "phone",
        r"(?P<key>(?i:\bhandle\w*\W{1,4}|\btype ?= ?\w+,? ?value ?= ?))[\"']?\+?\d[\d ().-]{4,20}\d",
        told=numbers.is_telephone,
    ),
    _Shape(
        "handle", rf"(?P<key>(?i:\btype ?= ?\w+,? ?value ?= ?))(?:{_VALUE})", hint=r"(?i:\btype ?= ?\w+,? ?value ?=)"
    ),
    _Shape(
        "path",
        rf"(?P<key>{_URL}(?:[^\s/@\"'<>]{{1,200}}@)?[^\s/?#@\"'<>()]{{1,260}}[/?#])[^\s\"'<>)}}\]]+",
        before=_NO_URL,
    ),
    _Shape("user", rf"(?P<key>{_URL})[^\s/@\"'<>]{{1,200}}", before=_NO_URL, after="(?=@)"),
    _Shape(
        "device",
        rf"\b{_OWNER_WORD}(?:{_APOSTROPHE_S}(?:{_PRODUCTS}))|s-(?:{_PRODUCTS}))\b",
        hint=rf"{_APOSTROPHE_S}(?:{_PRODUCTS}))|s-(?:{_PRODUCTS})",
    ),
    _Shape(
        "device",
        rf"\b(?=[^\W_]{{2,31}}[ -](?i:i[pm]|airp|apple w|macb|homep)){_NO_OWNER}(?:{_CAPITAL}\w{{1,30}}s (?:{_OWNED})|[a-z]{{2,30}}s-(?i:{_OWNED}))\b",
        hint=rf"s (?:{_OWNED})|s-(?i:{_OWNED})",
    ),
    _Shape(
        "device",
        rf"\b(?:{_PRODUCTS})(?: (?:Pro|Max|Air|mini))* (?:(?:(?:von|de|di|van|af|av) |d['\u2019]){_OWNER_NAME}{callers.LATER_NAMES}|"
        rf"\({_NO_PERSON}{_IN_BRACKETS}(?: {_IN_BRACKETS}){{0,2}}\))",
        hint=rf"\b(?:{_PRODUCTS})(?: (?:Pro|Max|Air|mini))* (?:(?:von|de|di|van|af|av) |d['\u2019]|\()",
    ),
    _Shape(
        "phone",
        rf"(?P<key>{numbers.NUMBER_KEY}){numbers.NUMBER}",
        after=numbers.NUMBER_END,
        told=numbers.is_telephone,
    ),
    _Shape(
        "coordinate",
        rf"(?P<key>{numbers.POSITION_KEY}){numbers.POSITION}",
        after=numbers.POSITION_END,
        told=numbers.is_position,
    ),
    _Shape("coordinate", rf"(?P<key><){numbers.SIGNED}", after=r"(?=,\s?[+-]\d)"),
    _Shape("coordinate", rf"(?P<key>,\s?){numbers.SIGNED}", after="(?=>)", hint=rf"{numbers.SIGNED}>"),
    _Shape("udid", rf"\b{_HEX}{{8}}-{_HEX}{{16}}\b"),
    _Shape("uuid", rf"\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b"),
    _Shape("hex", rf"(?:0x)?{_HEX}{{24,}}", "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"),
    _Shape("hex", rf"<(?:{_HEX}{{8}} ?){{3,}}{_HEX}{{0,8}}>"),
    _Shape(
        "email",
        r"[\w.%+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+",
        hint=r"[\w.%+-](?:@|%40)[^\s@.]+\.[^\s@.]",
    ),
    _Shape(
        "device",
        rf"[^\s\"'<>:=,;()]{{1,20}} ?[\u7684\u306e\uc758] ?(?:{_PRODUCTS})",
        before=r"(?<![^\s\"'<>:=,;()])",
        hint=rf"[\u7684\u306e\uc758] ?(?:{_PRODUCTS})",
    ),
    _Shape("mac", rf"(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}", r"(?<![\w:])", r"(?![\w:])"),
    _Shape(
        "mac",
        rf"(?:{_HEX}{{2}}-){{5}}{_HEX}{{2}}|{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}",
        r"(?<![\w.-])(?=[\d.-]{0,16}[A-Fa-f])",
        r"(?![\w-]|\.\w)",
    ),
    _Shape(
        "ip", rf"(?:{_HEX}{{0,4}}:){{2,7}}(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{_HEX}{{0,4}})", r"(?<![\w:.])", r"(?![\w:])"
    ),
    _Shape(
        "phone",
        numbers.PLUS_NUMBER,
        r"(?<![\w+])",
        rf"(?!\w|:\d|{numbers.UNIT})",
        hint=numbers.PLUS_HINT,
    ),
    _Shape("phone", numbers.AREA_NUMBER, r"(?<!\w)", r"(?!\w)"),
    _Shape("phone", r"\(00?[1-9]\d{1,4}\) ?\d{3,10}(?:[ /-]\d{2,10})?", r"(?<!\w)", r"(?!\w)"),
    _Shape("ip", _IPV4, r"(?=\d)(?:(?<![\w.])|(?<=[a-z]_)|(?<=\bx))", rf"(?:(?!\.?\d)|{_TO_PORT})"),
    _Shape("ip", _IPV4, r"(?=\d)(?<=> )", r"(?=\.\d{1,5}(?![\w.]))", hint=rf"> {_IPV4}\."),
    _Shape("phone", numbers.ZERO_NUMBER, r"(?=\d)(?<![\w.+-])", r"(?![\w.-]|:\d)", hint=numbers.ZERO_HINT),
    _Shape("phone", numbers.PLAIN_NUMBER, r"(?=\d)(?<![\w.-])", r"(?![\w.-])"),
    _Shape("phone", r"00?[1-9]\d{1,4}[ /-]\d{4,10}", r"(?=\d)(?<![\w.+-])", r"(?![\w.-])"),
    _Shape("phone", r"00?[1-9]\d{8,13}", r"(?=\d)(?<![\w.+-])", r"(?![\w.])"),
    _Shape(
        "user",
        rf"(?P<key>{_HOMES})[^/\\\s:\"'<>]+(?:(?: {_CAPITAL}[^/\\\s:\"'<>]{{1,40}}){{1,3}}(?=[/\\]))?",
        hint=rf"{_HOMES}[^/\\\s:\"'<>]",
    ),
    _Shape("token", r"[A-Za-z0-9_-]{40,}", r"(?<![\w-])(?=(?:[A-Za-z_-]{0,200}\d){3})", r"(?![\w-])"),
)
"""What is private; of two that begin at one place the first wins."""
_QUOTES: Final = "\"'\\"
_NOBODY: Final = frozenset({"Shared"})
_MASKED: Final = re.compile(r"<(?:private|mask|sensitive|redacted)|\(null|nil\b|null\b")
"""How values begin that iOS has hidden, or that are none."""
_PERSON: Final = re.compile(
    rf"{callers.KEY}(?P<named>{callers.NAME})|{callers.SIP_KEY}(?P<sip>{callers.SIP_NAME})|"
    rf"(?i:\bcalle[re]\b){callers.OPEN}(?P<role>{callers.FULL_NAME})"
)
"""A person's name where a line says that it is one."""
_PERSON_HINT: Final = rf"{callers.KEY}|{callers.SIP_KEY}|(?i:\bcalle[re]\b)"
_NAME_CHARACTERS: Final = rf"[\w{callers.MARKS}.'\u2019-]+"
_WHOLE_NAME: Final = re.compile(rf"[^\W\d_]{_NAME_CHARACTERS}(?: {_NAME_CHARACTERS}){{1,4}}")
_MOST_PEOPLE: Final = 200
_TOGETHER: Final = 10
"""Shapes that one pattern may look for: polars takes none that needs over 10 MiB when compiled."""
_MANY: Final = 1000
"""From so many texts on it is faster to look for one shape after the other than for any (measured: nine times at 30,000)."""
_DECOMPOSED: Final = r"[\u0300-\u036f]"
"""Marks of decomposed letters: shapes are written for composed ones."""
_AT_A_WORD: Final = re.compile(r"(?:\(\?P<key>)?(?:\(\?i:)?\\b")
"""Shapes that begin at a border of a word; those that follow each other share the test for it."""
_AT_A_FIGURE: Final = r"(?=\d)"
"""Those that begin with a figure likewise."""
_OWNER = re.compile(r"^(?P<first>.+?)['\u2019]s\b|\b(?:von|de|di|van|af|av) (?P<last>.+)$")
_NO_NAME: Final = re.compile(rf"(?i:{callers.NO_NAME})")
_LEAST: Final = 4
_SHORTEST_NAME: Final = 3
_GENERIC = frozenset({"iphone", "ipad", "ipod", "ipod touch", "apple watch", "watch", "mac", "phone"})


class Pseudonyms:
    """Replaces private values by tokens such as ``phone-2``; the same value gets the same token everywhere."""

    def __init__(self, device: Device, people: Iterable[str] = ()) -> None:
        shapes = [*_names_of(device), *_names(people), *_SHAPES, *_owners_of(device)]
        parts = [
            (
                r"\b" if _AT_A_WORD.match(shape.pattern) else _AT_A_FIGURE * shape.before.startswith(_AT_A_FIGURE),
                f"{shape.before}(?P<shape_{index}>{shape.pattern.replace('?P<key>', f'?P<key_{index}>')}){shape.after}",
            )
            for index, shape in enumerate(shapes)
        ]
        grouped = (
            f"{shared}(?:{'|'.join(part for _, part in group)})" for shared, group in groupby(parts, itemgetter(0))
        )
        self._pattern = re.compile("|".join(grouped))
        self._quick = [_DECOMPOSED, *(shape.hint or shape.pattern.replace("?P<key>", "?:") for shape in shapes)]
        self._any = ["|".join(f"(?:{pattern})" for pattern in some) for some in _batches(self._quick)]
        self._kinds = [shape.kind for shape in shapes]
        self._told = [shape.told for shape in shapes]
        self._tokens: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def suspects(self, texts: pl.Series) -> pl.Series:
        """Return the texts that may hold something private: a quick test that never misses one."""
        patterns = self._any if len(texts) < _MANY else self._quick
        found = (pl.col("text").str.contains(pattern) for pattern in patterns)
        return texts.to_frame("text").filter(pl.any_horizontal(*found)).to_series()

    def token(self, kind: str, value: str) -> str:
        """Return the token of a value."""
        key = (kind, _canonical(kind, value))
        if key not in self._tokens:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._tokens[key] = f"{kind}-{self._counts[kind]}"
        return self._tokens[key]

    def scrub(self, text: str) -> str:
        """Replace all private values in a text; where there are some, its letters are composed (Unicode's form C)."""
        composed = text if text.isascii() else normalize("NFC", text)
        replaced = self._pattern.sub(self._replace, composed)
        return text if replaced == composed else replaced

    def scrub_all(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Replace all private values in several texts."""
        return tuple(self.scrub(text) for text in texts)

    def _replace(self, match: re.Match[str]) -> str:
        index = next(index for index in range(len(self._kinds)) if match[f"shape_{index}"] is not None)
        kind, told, whole = self._kinds[index], self._told[index], match[f"shape_{index}"]
        if kind == "ip" and (not _is_private_address(whole) or _is_version(match)):
            return whole
        keep = match.groupdict().get(f"key_{index}") or ""
        value = whole[len(keep) :]
        if value in _NOBODY or (keep and _MASKED.match(value)):
            return whole
        if told and not told(match.string, match.start(), keep, value):
            return keep + self.scrub(value)  # which may have a shape of its own
        if kind == "path":
            keep = self.scrub(keep)  # its host may be an address
        return keep + self.token("phone" if kind == "tel" else kind, value)


def people_in(texts: pl.Series) -> list[str]:
    """Return first and last names that texts give as those of callers and contacts: in other sentences they have no shape.

    Single words are left out, since they may be any word; so is what comes after the first 200 names.
    """
    found: dict[str, None] = {}
    for text in texts.filter(texts.str.contains(_PERSON_HINT)).unique(maintain_order=True).to_list():
        values = (
            match[match.lastgroup or 0].strip(_QUOTES).rstrip(".:!?|")
            for match in _PERSON.finditer(normalize("NFC", text))
        )
        found |= dict.fromkeys(value for value in values if 5 <= len(value) <= 80 and _WHOLE_NAME.fullmatch(value))
    return list(found)[:_MOST_PEOPLE]


def _batches(patterns: list[str]) -> list[list[str]]:
    return [patterns[start : start + _TOGETHER] for start in range(0, len(patterns), _TOGETHER)]


def _canonical(kind: str, value: str) -> str:
    """Return what equal values of a kind have in common, however they are written."""
    text = normalize("NFC", value).strip(_QUOTES).casefold()
    if kind == "coordinate":
        return str(float(text))
    if kind in {"email", "sip"}:
        return unquote(text)
    if kind in {"mac", "number"}:
        return re.sub("[:. -]", "", text)
    if kind != "phone":
        return text
    return re.sub(r"\D", "", unquote(text).replace("(0)", "")).removeprefix("00")


def _is_private_address(text: str) -> bool:
    """Tell whether text is an address that says where somebody is (no time, no version, not the machine itself)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _names(people: Iterable[str]) -> list[_Shape]:
    """Return one shape for all names: a name that another one begins with comes after it."""
    names = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True))
    return [_Shape("name", rf"(?i:\b(?:{names})\b)")] if names else []


def _names_of(device: Device) -> list[_Shape]:
    """Return what is known to name this device, in parts that no other shape is longer than."""
    found: list[_Shape] = []
    for kind, value in (("serial", device.serial), ("udid", device.udid)):
        if value and len(value) >= _LEAST:
            found.append(_Shape(kind, rf"(?i:{re.escape(value)})"))
    words = _words_of(device)
    if len(words) > 1:
        literal = r"[\s'\u2019_-]{0,2}".join(map(re.escape, words))
        found.append(_Shape("device", rf"(?i:\b{literal})", after=r"(?!\w)", hint=rf"(?i:{literal})"))
    return found


def _owners_of(device: Device) -> list[_Shape]:
    """Return what is known to name this device's owner, or it in one word: a longer shape that begins alike comes first."""
    found: list[_Shape] = []
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


def _one_word(kind: str, name: str) -> _Shape:
    """Return the shape of a name, with more names behind it; a device's is no part of an identifier such as a bundle id."""
    literal = rf"(?i:\b{re.escape(name)})" if re.match(r"\w", name) else rf"(?i:{re.escape(name)})"
    end = r"(?=(?:['\u2019]?s)?(?!\w))" if kind == "owner" else r"(?!\w|\.\w)"
    return _Shape(kind, rf"{literal}{callers.LATER_NAMES}", "" if kind == "owner" else r"(?<![\w.])", end, hint=literal)
