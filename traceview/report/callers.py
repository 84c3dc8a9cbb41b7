"""How log lines tell a person's name: the words before it, and how far a name reaches that stands in no quotes.

All patterns are text, and each key ends before its value. A name in no quotes ends at a comma, a semicolon or a bracket, at
the next ``key=``, and at a word that is no name: one in small letters (but for *van*, *de* and the like), or one of
`NO_NAME`. That is a heuristic: a log prints no end of such a value.
"""

import re
from typing import Final

_BETWEEN: Final = "[ _-]?"
OPEN: Final = r"\\{0,3}\"?\s*[:=]\s*(?:Optional\()?"
"""What stands between a key and its value, also in JSON (within JSON), dictionaries and optional values of Swift."""
PARTIES: Final = "(?:caller|callee|contact|from|to|local|remote|participant|party|peer|person|sender|recipient|user)"
_NAME_KEYS: Final = (
    rf"(?:(?:localized|remote){_BETWEEN})?caller{_BETWEEN}name|(?:callee|contact|participant|person){_BETWEEN}name|"
    rf"(?:{PARTIES}{_BETWEEN})?display[_-]?name|remote[_-]?name"
)
KEY: Final = rf"(?i:(?:\b|_)(?:{_NAME_KEYS}){OPEN})"
"""A key whose value is a person's name, whatever it looks like."""
NUMBER_KEY: Final = (
    rf"(?i:(?:\b|_)(?:{_NAME_KEYS}|caller(?:{_BETWEEN}id)?|callee|phone{_BETWEEN}number|msisdn|"
    rf"dial(?:ed|ing)?{_BETWEEN}number){OPEN})"
)
"""A key whose value may be a telephone number that is written with blanks."""
ROLE_KEY: Final = rf"(?i:\b(?:caller(?:{_BETWEEN}id)?|callee|contact|participant|sender|recipient|remote party){OPEN})"
"""A key that names a person only where the value looks like a name: functions, programs and devices call as well."""
SIP_KEY: Final = (
    r"(?i:\b(?:from|to|contact|referred-by|remote-party-id|p-(?:asserted|preferred)-identity)\s?[:=]\s{0,3})"
)
"""A header of SIP, which has a name before an address in angle brackets (RFC 3261, 20.10)."""
ACCOUNT_KEY: Final = (
    rf"(?i:(?:\b|_)(?:pass(?:wd|word|code|phrase)?|pwd|user{_BETWEEN}(?:id|name)|login{_BETWEEN}(?:id|name)|"
    rf"(?:account|customer|subscriber|member){_BETWEEN}(?:id|number|name)){OPEN})"
)
"""A key of an account or of what opens it."""
QUOTED_VALUE: Final = (
    r"\\\"(?:[^\"\\]|\\{2,7}\"|\\(?!\\{0,6}\")){0,4096}(?:\\\")?|"
    r"\\{2,3}\"(?:[^\"\\]|\\{4,15}\"|\\(?!\\{0,14}\")){0,4096}(?:\\{2,3}\")?|"
    r"\"(?:[^\"\\]|\\.){0,4096}\"?|'(?:[^'\\]|\\.){0,4096}'?"
)
"""A value within quotes, also in JSON within JSON: quotes that are escaped once more are its own."""
ACCOUNT: Final = rf"(?:{QUOTED_VALUE}|[^\s,;>)}}\]\"'\\/][^\s,;>)}}\]\"']*)"
"""Its value; no path, since ``PWD`` names a folder as well."""

_SUFFIX: Final = r"(?:_?(?i:hash|value|string|str|data|base64|hex|md5|sha256))?"
_SECRETS: Final = "[Pp]assw(?:or)?d|[Pp]assphrase|[Ss]ecret|[Aa]pi[_-]?[Kk]ey"
_GLUED: Final = "Token|Pwd|Passcode|User|Login|Credentials?"
_IN_CAPITALS: Final = rf"_(?i:{_GLUED}|password|passphrase|secret|api_?key)"
SECRET_KEY: Final = rf"(?=[APSTULCaps_])(?:{_SECRETS}|(?<=[A-Za-z\d])(?:{_GLUED})|{_IN_CAPITALS}){_SUFFIX}{OPEN}"
"""A key of an account or of what opens it that stands behind other words: ``sipPassword``, ``refresh_token``."""
SECRET_HINT: Final = rf"(?:{_SECRETS}|{_GLUED}|{_IN_CAPITALS}){_SUFFIX}{OPEN}"
BEARER_KEY: Final = r"\b(?i:bearer)\s{1,3}"
BEARER: Final = r"(?!(?:pdp_ip|rmnet))(?=[A-Za-z._~+/-]{0,200}\d)(?=[\d._~+/-]{0,200}[A-Za-z])[\w.~+/-]{6,}={0,2}"
"""A bearer token (RFC 6750, 2.1) with letters and figures: bearers of mobile networks are numbered or named."""
_STATE: Final = re.compile(
    r"(?i:active|inactive|none|null|nil|true|false|yes|no|on|off|ok|unlocked|locked|enabled|disabled|set|unset|present|absent|"
    r"missing|empty|required|unknown|valid|invalid|expired|changed|success|failed|available|unavailable|denied|granted|"
    r"mobile|root|nobody|0x[0-9a-f]{1,16}|[01])[.!]?:{0,3}"
)
"""What a key may say instead of an account: a state, a user of the system's own, an address in memory."""
_OF_PROGRAMS: Final = re.compile(r"Token|User|Login|_(?i:token|user|login)")
"""What keys end with, behind other words, that programs use for more than accounts."""
_OBJECT: Final = re.compile(r"\\{0,3}\"?(?:<\w{1,80}(?:: ?| )0x[0-9a-f]{1,16}\b|\((?:0x[0-9a-f]{1,16}\b|\d{1,10}\|))")
"""How an object's description begins: ``<Token: 0x1``, ``(0|501``."""
_LONGEST_OBJECT: Final = 400
_SELECTOR: Final = re.compile(r"(?:\w{1,80}:){1,20}\]?")
"""The next parts of a selector."""
_IN_SENTENCE: Final = re.compile(r"(?:Token|\b(?i:login)): \Z")
_DOING: Final = re.compile(
    r"(?i:start|started|begin|began|end|ended|finish|finished|complete|completed|fail|done|stop|stopped|retry|retrying|"
    r"cancel|cancelled|canceled|request|requested|receive|received|refresh|refreshed|renew|renewed|create|created|update|"
    r"updated|register|registered|unregistered|invalidate|invalidated|waiting|pending|attempt|is|was|has|not|got|get|can|"
    r"cannot|could|will|user|error|timeout|using|for|with|from|to|by|at|in|the|a|an|\w{2,20}ing)"
)
"""What a sentence says of a token or a login behind its name."""


def is_account(text: str, start: int, key: str, value: str) -> bool:
    """Whether a value is an account or what opens it, by its key: no state of it, nothing that programs name alike."""
    if _STATE.fullmatch(value.strip("\"'\\")):
        return False
    word = key.rstrip(": ").casefold()
    if _IN_SENTENCE.search(key) and (_DOING.fullmatch(value) or value.casefold().endswith(word)):
        return False
    glued = key.startswith("_") or text[max(0, start - 1) : start].isalnum()
    if not (glued and _OF_PROGRAMS.match(key)):
        return True
    numbered = value.isdigit() and len(value) <= 10 and "oken" in key
    described = len(value) <= _LONGEST_OBJECT and _OBJECT.match(text, start + len(key))
    return not (numbered or described or (key.endswith(":") and _SELECTOR.fullmatch(value)))


_CAPITAL: Final = r"[^\W\d_a-z\u00df-\u00f6\u00f8-\u00ff]"
MARKS: Final = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0971-\u0dff\u0e31-\u0e4e"
    r"\u0eb1-\u0ece\u102b-\u109d\u1780-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Marks that are parts of letters, and the blocks of the scripts of South Asia whose vowels are such marks; a set of
characters (Python's ``\\w`` lacks them)."""
_WORD: Final = rf"{_CAPITAL}[\w{MARKS}.'\u2019-]{{0,40}}"
_SMALL: Final = "(?:al|bin|da|de|del|den|der|di|do|dos|du|el|la|le|ten|ter|van|von|zu|zum|zur)"
NO_NAME: Final = (
    "(?:Accepted|Active|Answered|App|Application|Audio|Begin|Call|CallKit|Calls|Code|Connected|Connecting|Connection|"
    "Declined|Device|Domain|Ended|Error|Failed|Handle|Held|ID|Inactive|Incoming|Missed|Muted|NO|Outgoing|PID|Provider|Push|"
    "PushKit|Reason|Rejected|Reported|Ringing|Session|Source|Start|Started|State|Status|Stopped|Success|Time|Timeout|Type|"
    "UUID|Unknown|Update|Updated|Value|Video|VoIP|YES)"
)
"""Words of calls that begin with a capital letter in logs."""
_NO_SENTENCE: Final = r"(?<!\w\w\w[.!?:|])"
_NO_KEY: Final = r"(?![\w.'\u2019-]{1,40}\s?="
_GAP: Final = rf"{_NO_SENTENCE} {{1,2}}(?:{_SMALL} ){{0,2}}(?!{NO_NAME}\b)"
_SECOND: Final = rf"{_GAP}{_NO_KEY}){_WORD}"
_LATER: Final = rf"{_GAP}{_NO_KEY}|[\w.'\u2019-]{{1,40}}[:(\[]){_WORD}"
NAME: Final = rf"(?:{QUOTED_VALUE}|[^\s,;>)}}\]\"']+(?:['\u2019][^\s,;>)}}\]\"']+)*(?:{_SECOND}(?:{_LATER}){{0,3}})?)"
"""A value that is a name: all within quotes, else its first word and those after it that look like more of the name."""
LATER_NAMES: Final = rf"(?:{_SECOND})?"
"""More words of a name after its first one."""
FULL_NAME: Final = (
    rf"(?:\\{{0,3}}\"(?:[^\"._/:<>=()\\]{{1,80}}|{_WORD}(?: {_WORD}){{1,4}})\\{{0,3}}\"|"
    rf"(?!{NO_NAME}\b){_WORD}{_SECOND}(?:{_LATER}){{0,3}})"
)
"""A value that looks like a name: two words with capital letters, or words in quotes that are no identifier."""
BEFORE_SIP: Final = r"(?=\s{0,3}<(?:sips?|tel):)"
SIP_NAME: Final = rf"(?:\"[^\"<>]{{1,80}}\"|[^\s\"<>,;:=]{{1,40}}(?: [^\s\"<>,;:=]{{1,40}}){{0,4}}){BEFORE_SIP}"
"""The name in a header of SIP."""

QUOTED: Final = r"(?:\\{0,3}\"[^\"]{1,200}\"|'[^']{1,200}'|\u201c[^\u201d]{1,200}\u201d)"
"""A value whose quotes alone part it from the word before."""
LOGIN_KEY: Final = rf"(?i:\b(?:user{_BETWEEN}name|(?:sip|voip) user)\s{{1,3}})"
_LOGIN: Final = r"[^\W\d_]{1,40}(?:\d|[._][^\W_])(?:[.-]?\w){0,60}"
LOGIN: Final = rf"(?:{QUOTED}|(?!(?:com|org|net|io)\.){_LOGIN})"
"""A login without a key's equals sign: all within quotes, or letters with a dot, a digit or an underscore."""
_TECHNICAL: Final = (
    r"(?:age|code|count|domain|enabled|error|expires|flags|id|len|length|max-age|name|path|policy|result|secure|size|state|"
    r"status|storage|type|version)="
)
_COOKIE_KEY: Final = r"(?:set-)?cookies?\\{0,3}[\"']?"
COOKIE_KEY: Final = rf"(?i:\b{_COOKIE_KEY}(?:\s{{0,3}}[:=]\s{{0,3}}\\{{0,3}}[\"']?|\s(?!{_TECHNICAL})))"
"""A header of HTTP, or the word before the name of a cookie: in sentences, the cookie's own properties are none."""
COOKIE_HINT: Final = rf"(?i:\b{_COOKIE_KEY})"
_PAIR: Final = r"[\w!#$%&*+.^`|~-]{1,80}=(?:\"[^\"]{1,4096}\"|[^\s;,\"'<>\\]+)"
COOKIE: Final = rf"{_PAIR}(?:;\s?{_PAIR})*"
"""Names and values of cookies (RFC 6265, 4.1 and 4.2)."""

FOLDER_KEY: Final = r"/(?:Documents|Downloads|Desktop)/(?:[^/\s\"'<>]{1,80}/){0,3}?"
"""Folders that an app or a person fills."""
_BUNDLES: Final = "(?:app|appex|bundle|db|dsym|framework|lproj|logarchive|xcarchive|xctrace|trace|plugin|local|d)"
FOLDER: Final = rf"(?!(?:com|org|net|io)\.)[a-z]{{2,30}}\.(?!{_BUNDLES}/)[a-z]{{2,30}}(?=/)"
"""A folder that is named as accounts are: ``jane.doe``."""
