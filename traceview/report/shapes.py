"""The shapes of private values: patterns, what stands around them, and what tells a doubtful one."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from traceview.report import callers, numbers

_HEX = "[0-9A-Fa-f]"
_KEYS = (
    r"userName"
    r"|phoneNumber|msisdn|dial(?:ed|ing)?Number|imei|imsi|iccid|meid|serialNumber|serial number"
    r"|password|passwd|secret|api[_-]?key|authorization|access_token|auth_token|token(?:String|Value|Data|Hash)?|login|ha1|user"
)
_NAMED = (
    r"ssid(?:_str|data)?|(?:network|device|computer|account|nick)[ _-]?name|apple[ _-]?id|alt[ _-]?dsid|dsid"
    rf"|(?:{callers.PARTIES}[ _-]?)?(?:first|last|full|given|family|real)[ _-]?name"
)
_PRODUCTS = r"iPhone|iPad|iPod|AirPods|Apple Watch|Watch|MacBook|iMac|Mac|HomePod|Apple TV|Beats|Powerbeats|CarPlay"
_URL = r"\b(?i:[a-z][a-z0-9+.-]{1,30})://"
_NO_URL = r"(?!https://developer\.apple\.com/|(?i:file)://)"
_BYTES: Final = r"0x[0-9A-Fa-f]{2}[0-9A-Fa-f .\u2026]*"
_DATA: Final = rf"\{{length ?= ?\d{{1,9}}, bytes ?= ?{_BYTES}\}}?"
"""How Foundation describes data: all of it, or from 25 bytes on its begin and end (seen since iOS 13)."""
_VALUE = rf"{_DATA}|" rf"{callers.QUOTED_VALUE}|" r"[^\s,;>)}\]\"']+"
_QUOTED_HINT = rf"(?i:\b(?:{_NAMED}|wi-?fi network)\s{{1,3}})[\\\"'\u201c]"


class Shape(NamedTuple):
    """One shape of a private value: its pattern, and what must (not) stand around it.

    The group `key`, which stands first in a pattern, is kept. Patterns take linear time on any text, since runs begin at
    their first character or are bounded, and hold nothing that the regular expressions of polars do not know, unless
    `hint` stands for them in the quick test. `told` says of a match's text, start, key and value whether it is one; what
    it says of keys that hold a long value must not be no, since the value is then searched again.
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


def is_version(match: re.Match[str]) -> bool:
    """Whether four figures are a version by the words around them, also in a user agent."""
    text, start = match.string, match.start()
    if _VERSION_WORD.search(text, max(0, start - 24), start):
        return True
    return bool(_AGENT.search(text, max(0, start - 2), start) and _AGENT_END.match(text, match.end()))


_ID: Final = re.compile(
    r"(?<![\w.-])(?:com|org|net|edu|gov|io|app|dev|ai|co|me|tv|us|uk|de|fr|es|it|nl|be|ch|at|se|no|fi|dk|pl|cz|pt|ru|jp|cn|kr|in|"
    r"br|au|ca|eu)\.[\w.-]*\Z"
)
_LONGEST_ID: Final = 155
"""Characters of a bundle id (heuristic)."""


def is_no_part_of_an_id(text: str, start: int, key: str, value: str) -> bool:
    """Whether a value is no part of an identifier such as a bundle id."""
    return not _ID.search(text[max(0, start - _LONGEST_ID) : start] + key + value)


SHAPES: Final[tuple[Shape, ...]] = (
    Shape("phone", rf"(?P<key>{callers.NUMBER_KEY})\+?\(?(?:\d[\d ().-]{{4,20}}|\d{{5,}})\d", after=r"(?!\d)"),
    Shape("number", rf"(?P<key>(?i:\b(?:kCT)?{_IDS_OF_PHONES}))(?:\d[\d -]{{12,22}}|\d{{13,}})\d", after=r"(?!\d)"),
    Shape("name", rf"(?P<key>{callers.KEY}){callers.NAME}", hint=callers.KEY),
    Shape("name", rf"(?P<key>{callers.ROLE_KEY}){callers.FULL_NAME}", hint=callers.ROLE_KEY),
    Shape("name", rf"(?P<key>{callers.SIP_KEY}){callers.SIP_NAME}", hint=callers.SIP_KEY),
    Shape(
        "name",
        rf"(?P<key>{callers.ACCOUNT_KEY}){callers.ACCOUNT}",
        hint=callers.ACCOUNT_KEY,
        told=callers.is_account,
    ),
    Shape("user", rf"(?P<key>{callers.FOLDER_KEY}){callers.FOLDER}", hint=callers.FOLDER_KEY),
    Shape(
        "name",
        rf"(?P<key>(?i:\b(?:{_NAMED}){callers.OPEN}))[^\W\d_][\w{callers.MARKS}.'\u2019-]*(?: [A-Z\u00c0-\u00de][\w.'\u2019-]+){{1,4}}",
    ),
    Shape(
        "name",
        rf"(?P<key>(?i:\b(?:{_KEYS}|{_NAMED}){callers.OPEN}))(?:(?i:bearer|basic)\s+)?(?:{_VALUE})",
        hint=rf"(?i:\b(?:{_KEYS}|{_NAMED}){callers.OPEN})",
        told=callers.is_account,
    ),
    Shape(
        "name",
        rf"(?P<key>{callers.SECRET_KEY})(?!\{{){callers.ACCOUNT}",
        hint=callers.SECRET_HINT,
        told=callers.is_account,
    ),
    Shape("name", rf"(?P<key>{callers.BEARER_KEY}){callers.BEARER}", hint=callers.BEARER_KEY),
    Shape("name", rf"(?P<key>(?i:\b(?:{_NAMED}|wi-?fi network)\s{{1,3}})){callers.QUOTED}", hint=_QUOTED_HINT),
    Shape("name", rf"(?P<key>{callers.LOGIN_KEY}){callers.LOGIN}", hint=callers.LOGIN_KEY),
    Shape("cookie", rf"(?P<key>{callers.COOKIE_KEY}){callers.COOKIE}", hint=callers.COOKIE_HINT),
    Shape("serial", r"(?P<key>(?i:\bserial\s{1,3}))[A-Z0-9]{8,14}\b"),
    Shape("host", r"\b(?!device-\d{1,6}\.)[^\W_][\w-]{0,62}\.local\b", hint=r"\.local\b", told=is_no_part_of_an_id),
    Shape("host", r"\b(?i:ec2|ip|host|static|dynamic|pool|dsl|cpe)-\d{1,3}(?:-\d{1,3}){3}\b"),
    Shape("hex", rf"(?P<key>\bbytes ?= ?){_BYTES}", hint=r"\bbytes ?= ?0x"),
    Shape("sip", r"\b(?i:sips?(?::|%3a))[^\s\"'<>;,)\]}]+"),
    Shape("tel", r"\b(?i:tel(?:prompt)?(?::|%3a))/*[^\s\"'<>;,)\]}]+"),
    Shape(
        "phone",
        r"(?P<key>(?i:\bhandle\w*\W{1,4}|\btype ?= ?\w+,? ?value ?= ?))[\"']?\+?\d[\d ().-]{4,20}\d",
        told=numbers.is_telephone,
    ),
    Shape(
        "handle", rf"(?P<key>(?i:\btype ?= ?\w+,? ?value ?= ?))(?:{_VALUE})", hint=r"(?i:\btype ?= ?\w+,? ?value ?=)"
    ),
    Shape(
        "path",
        rf"(?P<key>{_URL}(?:[^\s/@\"'<>]{{1,200}}@)?[^\s/?#@\"'<>()]{{1,260}}[/?#])[^\s\"'<>)}}\]]+",
        before=_NO_URL,
    ),
    Shape("user", rf"(?P<key>{_URL})[^\s/@\"'<>]{{1,200}}", before=_NO_URL, after="(?=@)"),
    Shape(
        "device",
        rf"\b{_OWNER_WORD}(?:{_APOSTROPHE_S}(?:{_PRODUCTS}))|s-(?:{_PRODUCTS}))\b",
        hint=rf"{_APOSTROPHE_S}(?:{_PRODUCTS}))|s-(?:{_PRODUCTS})",
    ),
    Shape(
        "device",
        rf"\b(?=[^\W_]{{2,31}}[ -](?i:i[pm]|airp|apple w|macb|homep)){_NO_OWNER}(?:{_CAPITAL}\w{{1,30}}s (?:{_OWNED})|[a-z]{{2,30}}s-(?i:{_OWNED}))\b",
        hint=rf"s (?:{_OWNED})|s-(?i:{_OWNED})",
    ),
    Shape(
        "device",
        rf"\b(?:{_PRODUCTS})(?: (?:Pro|Max|Air|mini))* (?:(?:(?:von|de|di|van|af|av) |d['\u2019]){_OWNER_NAME}{callers.LATER_NAMES}|"
        rf"\({_NO_PERSON}{_IN_BRACKETS}(?: {_IN_BRACKETS}){{0,2}}\))",
        hint=rf"\b(?:{_PRODUCTS})(?: (?:Pro|Max|Air|mini))* (?:(?:von|de|di|van|af|av) |d['\u2019]|\()",
    ),
    Shape(
        "phone",
        rf"(?P<key>{numbers.NUMBER_KEY}){numbers.NUMBER}",
        after=numbers.NUMBER_END,
        told=numbers.is_telephone,
    ),
    Shape(
        "coordinate",
        rf"(?P<key>{numbers.POSITION_KEY}){numbers.POSITION}",
        after=numbers.POSITION_END,
        told=numbers.is_position,
    ),
    Shape("coordinate", rf"(?P<key><){numbers.SIGNED}", after=r"(?=,\s?[+-]\d)"),
    Shape("coordinate", rf"(?P<key>,\s?){numbers.SIGNED}", after="(?=>)", hint=rf"{numbers.SIGNED}>"),
    Shape("udid", rf"\b{_HEX}{{8}}-{_HEX}{{16}}\b"),
    Shape("uuid", rf"\b{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}\b"),
    Shape("hex", rf"(?:0x)?{_HEX}{{24,}}", "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"),
    Shape("hex", rf"<(?:{_HEX}{{8}} ?){{3,}}{_HEX}{{0,8}}>"),
    Shape(
        "email",
        r"[\w.%+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+",
        hint=r"[\w.%+-](?:@|%40)[^\s@.]+\.[^\s@.]",
    ),
    Shape(
        "device",
        rf"[^\s\"'<>:=,;()]{{1,20}} ?[\u7684\u306e\uc758] ?(?:{_PRODUCTS})",
        before=r"(?<![^\s\"'<>:=,;()])",
        hint=rf"[\u7684\u306e\uc758] ?(?:{_PRODUCTS})",
    ),
    Shape("mac", rf"(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}", r"(?<![\w:])", r"(?![\w:])"),
    Shape(
        "mac",
        rf"(?:{_HEX}{{2}}-){{5}}{_HEX}{{2}}|{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}",
        r"(?<![\w.-])(?=[\d.-]{0,16}[A-Fa-f])",
        r"(?![\w-]|\.\w)",
    ),
    Shape(
        "ip", rf"(?:{_HEX}{{0,4}}:){{2,7}}(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{_HEX}{{0,4}})", r"(?<![\w:.])", r"(?![\w:])"
    ),
    Shape(
        "phone",
        numbers.PLUS_NUMBER,
        r"(?<![\w+])",
        rf"(?!\w|:\d|{numbers.UNIT})",
        hint=numbers.PLUS_HINT,
    ),
    Shape("phone", numbers.AREA_NUMBER, r"(?<!\w)", r"(?!\w)"),
    Shape("phone", r"\(00?[1-9]\d{1,4}\) ?\d{3,10}(?:[ /-]\d{2,10})?", r"(?<!\w)", r"(?!\w)"),
    Shape("ip", _IPV4, r"(?=\d)(?:(?<![\w.])|(?<=[a-z]_)|(?<=\bx))", rf"(?:(?!\.?\d)|{_TO_PORT})"),
    Shape("ip", _IPV4, r"(?=\d)(?<=> )", r"(?=\.\d{1,5}(?![\w.]))", hint=rf"> {_IPV4}\."),
    Shape("phone", numbers.ZERO_NUMBER, r"(?=\d)(?<![\w.+-])", r"(?![\w.-]|:\d)", hint=numbers.ZERO_HINT),
    Shape("phone", numbers.PLAIN_NUMBER, r"(?=\d)(?<![\w.-])", r"(?![\w.-])"),
    Shape("phone", r"00?[1-9]\d{1,4}[ /-]\d{4,10}", r"(?=\d)(?<![\w.+-])", r"(?![\w.-])"),
    Shape("phone", r"00?[1-9]\d{8,13}", r"(?=\d)(?<![\w.+-])", r"(?![\w.])"),
    Shape(
        "user",
        rf"(?P<key>{_HOMES})[^/\\\s:\"'<>]+(?:(?: {_CAPITAL}[^/\\\s:\"'<>]{{1,40}}){{1,3}}(?=[/\\]))?",
        hint=rf"{_HOMES}[^/\\\s:\"'<>]",
    ),
    Shape("token", r"[A-Za-z0-9_-]{40,}", r"(?<![\w-])(?=(?:[A-Za-z_-]{0,200}\d){3})", r"(?![\w-])"),
)
"""What is private; of two that begin at one place the first wins."""
