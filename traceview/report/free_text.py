"""What each column of text may hold at level ``all``: only what looks like a name or a word of a system stays.

Each column is of one class (`Class`); a column that none names is free text. The classes of words are checked value by value,
since a log line can put any text where a word is expected. What stays as *one word* may be a word that an app or a person
chose: a single word cannot be told from an identifier.
"""

import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Final

from traceview.signals.catalogue import catalogue


class Class(Enum):
    """What a column of text holds."""

    name = "names of files, apps, processes, subsystems and queues, ids, and sentences of ours about them: they stay"
    app = "bundle ids, else names of programs: what is neither goes"
    message = "lines of the log: they become the signal and its fields"
    word = "words of a system or of ours: what looks like one stays"
    free = "what an app or a person may have worded: one word stays"
    thing = "devices that a person may have named: types of ports stay"
    quoting = "sentences of ours that quote other columns"
    facts = "figures, codes and words of ours: pieces that look otherwise go"


_NAMES: Final = (
    "id", "process", "subject", "sender", "subsystem", "log_category", "boot_uuid", "call",
    "source", "sources", "place", "clock", "reference", "note", "file", "path", "queue", "user", "witnesses", "title",
    "advice", "rule", "fingerprint",
)  # fmt: skip
"""``user`` is replaced at every level, ``title`` and ``advice`` of findings with the quotes in them."""
_WORDS: Final = (
    "start_how", "end_how", "time_how", "kind", "signal", "level", "lane", "state", "states", "role", "visibility",
    "originator", "held_by_originator", "assertion_id", "domain", "task_id", "session_id", "category", "mode", "options",
    "interrupter", "interface", "previous_interface", "call_id", "channel_id", "provider", "action", "failed_action",
    "direction", "topic", "push_id", "reason", "code", "exit_code", "namespace", "ended_by", "held_by", "woken_by", "verdict",
    "outcome", "witness", "audio_fault", "activated_by", "activator", "stopped_by", "changed", "app_state", "cause", "end_reason",
    "bug_type", "app_version", "build_version", "os_version", "os_build", "model", "terminated_by", "report_type", "resistance",
    "watchdog_event", "watchdog_visibility", "primary_state", "process_state", "thermal_state", "jetsam_band", "policy", "qos",
    "flags", "record", "zone", "group", "unit", "frames", "process_path", "severity", "number", "episodes", "refused_error", "error",
    "incident",
)  # fmt: skip
_FREE: Final = (
    "name", "assertion_name", "task_name", "held_by_name", "launch_reason", "explanation", "command", "exception",
)  # fmt: skip
CLASSES: Final[dict[str, Class]] = (
    dict.fromkeys(_NAMES, Class.name)
    | dict.fromkeys(_WORDS, Class.word)
    | dict.fromkeys(_FREE, Class.free)
    | dict.fromkeys(("app", "bundle", "host_bundle", "host_app", "interrupter_app", "app_name"), Class.app)
    | dict.fromkeys(("route", "previous_route", "device"), Class.thing)
    | dict.fromkeys(("kept_awake_by", "holders", "facts_for", "facts_against"), Class.quoting)
    | {"message": Class.message, "text": Class.facts}
)
"""The class of each column, the same in all tables but for `_OF_TABLE`."""
_OF_TABLE: Final = {
    ("lines", "category"): Class.name,
    ("listed_reports", "name"): Class.name,
    ("metrics", "device"): Class.word,
}
PORTS: Final = frozenset(
    {
        "AirPlay", "AVB", "BluetoothA2DPOutput", "BluetoothHFP", "BluetoothLE", "BuiltInMic", "BuiltInReceiver",
        "BuiltInSpeaker", "CarAudio", "DisplayPort", "FireWire", "HDMI", "HeadphonesBT", "Headphones", "HeadsetMicrophone",
        "LineIn", "LineOut", "MicrophoneBuiltIn", "MicrophoneWired", "PCI", "Receiver", "Speaker", "Thunderbolt",
        "USBAudio", "Virtual",
    }
)  # fmt: skip
"""Port types (Apple, AVAudioSession.Port): a route of any other name may be the name that a person gave a headset."""

_PHRASES: Final = frozenset(
    {
        "", "process exited", "another app", "also in the log", "PowerLog alone", "now playing", "on battery", "plugged in",
        "low power mode", "Process killed", "Non UI", "Non-Frontmost App", "Frontmost App", "Not Running",
        "Foreground Running", "File Rotate", "Memory Rollover", "Super Quarantine", "PHONE CALL", "Hard Inactive",
        "provider reset", "call failed", "killed from app switcher", "client is background suspended",
        "Failed to end background task in time", "The device was Nominal", "The device was Fair", "The device was Serious",
        "The device was Critical", "Connection reset by peer", "Network is down", "Network is unreachable", "Software caused connection abort",
    }
)  # fmt: skip
"""Words with blanks that episodes, windows and systems use, beside those that the catalogue of signals gives."""
_ALSO_OURS: Final = frozenset({"explanation"})
"""Columns of free text that hold words of systems too."""
_WORD: Final = r"[\w.:!+-]{1,80}"
_UUID: Final = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_ACTION: Final = rf"<?CX\w{{1,60}}(?::? (?:0x[0-9a-f]{{1,16}}|{_UUID}))?>?"
_ZONE: Final = r"[A-Za-z]{1,20}(?:/[\w+-]{1,30}){1,2}"
_SOLD_AS: Final = (
    r"(?:iPhone|iPad|iPod touch|Apple Watch|Apple TV|Apple Vision|HomePod|iMac|MacBook|Mac)"
    r"(?: (?:\d{1,2}[a-z]?|X[SR]?|SE|Pro|Max|Plus|[Mm]ini|Air|Ultra|Series|Studio|4K|HD|M\d|A\d\d|"
    r"\((?:\d{1,2}(?:st|nd|rd|th) generation|\d\d(?:\.\d)?[- ]inch|M\d|A\d\d|USB-C|\d\d ?mm)\))){0,6}"
)
"""Names of products, as Instruments gives them: ``iPhone 17 Pro``."""
_MODEL: Final = rf"[A-Za-z]{{1,20}}\d{{1,3}},\d{{1,3}}|{_SOLD_AS}"
_JETSAM: Final = r"(?:active|frontmost|suspended|idle|audio|frozen|assertion|daemon|resume|background|dirty|vip|fs)"
_SIGNAL: Final = (
    r"EXC_\w{1,40} \(SIG[A-Z]{2,10}\)|"
    r"(?:Abort trap|Bus error|Floating point exception|Illegal instruction|Killed|Segmentation fault|Terminated|Trace/BPT trap|"
    r"User defined signal [12]|Hangup|Quit): \d{1,2}"
)
"""Kinds of a crash, and how systems describe signals (BSD, strsignal(3))."""
_LIMIT_WORD: Final = (
    r"(?:\(?[\d.,]{1,20}%?|seconds?|cpu|time|over|average\)?,?|exceeding|limit|of|the|last|wakeups|per|second|[KMG]B|bytes|file|"
    r"backed|memory|dirtied|writes|written|\(Limit|Observed|\d{1,9}/sec\)?|secs)"
)
_LIMIT: Final = rf"{_LIMIT_WORD}(?: {_LIMIT_WORD}){{2,40}}"
"""What reports of CPU, wakeups and writes say of a limit: ``90 seconds cpu time over 150 seconds (60% cpu average), …``."""
_TRANSGRESSION: Final = (
    r"[\w-]{1,40} watchdog transgression: (?:[\w.<>():/-]{1,160} )?"
    r"exhausted (?:real \(wall clock\)|CPU) time allowance of [\d.]{1,12} seconds"
)
"""What FrontBoard says of a watchdog that ran out."""
_WHOLE: Final = re.compile(_WORD)
_FORMS: Final[dict[str, re.Pattern[str]]] = {
    column: re.compile(form)
    for column, form in {
        "action": _ACTION,
        "failed_action": rf"(?P<first>{_ACTION}|{_WORD})(?:: (?P<second>.*))?",
        "provider": rf"<(?:CX|TU)\w{{1,40}}(?:[: ] ?{_WORD})?>",
        "interrupter": r"[\w.-]{1,80}\(\d{1,10}\)",
        "options": r"\w{1,60}(?: ?[|,] ?\w{1,60})*",
        "changed": r"[a-z_]{1,30}(?:, [a-z_]{1,30})*",
        "flags": r"k\w{1,60}(?: k\w{1,60})*",
        "states": rf"{_JETSAM}(?: {_JETSAM})*",
        "domain": r"com\.apple\.[\w.]{1,80}[ :]\w{1,60}",
        "namespace": r"<\w{1,40}>",
        "role": r"[A-Z_]{1,40} \([A-Z_]{1,60}\)",
        "zone": _ZONE,
        "frames": r"[\w.-]{1,80} \+\s?(?:0x)?[0-9a-f]{1,16}",
        "unit": r"[\w%/\u00b0]{1,20}",
        "model": _MODEL,
        "device": _MODEL,
        "command": r"(?:/[^/\s]{1,200}){1,40}",
        "process_path": r"(?:/[^/\s]{1,200}(?: [^/\s-][^/\s]{0,80}){0,4}){1,40}",
        "exception": _SIGNAL,
        "explanation": rf"{_SIGNAL}|{_LIMIT}|{_TRANSGRESSION}|abort\(\) called",
        "reason": rf"{_SIGNAL}|{_LIMIT}|{_TRANSGRESSION}",
        "level": _LIMIT,
        "error": r"(?:Error )?[\w.]{1,80} (?:Code=)?-?\d{1,12}",
    }.items()
} | dict.fromkeys(
    ("name", "assertion_name", "task_name", "held_by_name"),
    re.compile(rf"Shared Background Assertion \d{{1,9}} for {_WORD}"),
)
"""What else stays in some columns."""
_TELLING: Final = frozenset({"category", "Bluetooth", "over", "namespace", "code", "id", "role", "action:"})
"""Words of windows that one word of the source follows."""
_TOLD: Final = re.compile(r"[\w.:!+/-]{1,80}")
_OURS: Final = re.compile(
    "a|accuracy|active|allowed|also|answer|audio|background|billed|burst|by|call|came|charging|cpu|CPU|daemons|for|foreground|"
    "GB|heavy|in|into|is|it|KB|kB|kill|launch|level|light|limit|location|log|m|MB|memory|minutes|moderate|ms|no|nominal|not|"
    "noted|obscured|of|on|outside|over|playing|PowerLog|pressure|priority|running|s|says|screen|session|sleeping|something|else|"
    "suspended|the|thermal|to|trapping|unlocked|wakeups|wifi|Wi-Fi|cellular|core|video|with|after|lock|passcode|\u00b0C|%|/s|ns|"
    "terminated|exited|received|sent|home|switcher|down|up|transferred|used|at|and|per|from|bytes"
)
"""Words of which windows are put together."""
_NAMESPACE: Final = re.compile(r"[A-Z_]{3,40}")
"""What a code stands in: ``FRONTBOARD 0xbaadca11``."""
_FIGURE: Final = re.compile(r"[+-]?[\d.,]+(?:%|[a-zA-Z]{1,2})?|0x[0-9a-f]{1,16}")


def class_of(table: str, column: str) -> Class:
    """Return what a column holds; one that nobody decided on is free text."""
    return _OF_TABLE.get((table, column)) or CLASSES.get(column, Class.free)


def keeper(table: str, column: str, programs: frozenset[str] = frozenset()) -> Callable[[str], bool]:
    """Return what tells whether a value of a column of apps, words, free text or things stays; `programs` are known names."""
    kind = class_of(table, column)
    if kind is Class.thing:
        return PORTS.__contains__
    if kind is Class.app:
        return lambda value: _is_program(value, programs) or _is_extension(value, programs)
    form, phrases = _FORMS.get(column), own_phrases() if kind is Class.word or column in _ALSO_OURS else frozenset()

    def keeps(value: str) -> bool:
        if value in phrases or _WHOLE.fullmatch(value):
            return True
        match = form.fullmatch(value) if form else None
        rest = match.groupdict().get("second") if match else None
        return bool(match) and (rest is None or rest in own_phrases() or bool(_WHOLE.fullmatch(rest)))

    return keeps


def _is_program(value: str, programs: frozenset[str]) -> bool:
    return value in programs or bool(_WHOLE.fullmatch(value))


def _is_extension(value: str, programs: frozenset[str]) -> bool:
    """Whether a value names an extension behind its host: ``Acme (NotificationService)``."""
    host, bracket, own = value.removesuffix(")").rpartition(" (")
    return bool(bracket) and value.endswith(")") and _is_program(host, programs) and _is_program(own, programs)


_VERSION: Final = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,4}(?: \([\w.]{1,40}\))?")
_TIME_ZONE: Final = re.compile(rf"{_ZONE}|[A-Za-z]{{1,10}}|(?:UTC|GMT)?[+-]\d\d?:?(?:\d\d)?")
_OF_DEVICE: Final = re.compile(
    rf"{_MODEL}|{_WORD}|(?:iPhone|iOS|iPadOS) (?:OS|Simulator)|Mac OS X|[\d.]{{1,20}} \([\w ]{{1,20}}\)"
)


def is_version(value: str) -> bool:
    """Whether a value reads like the version of an app, with its build or without."""
    return bool(_VERSION.fullmatch(value))


def is_zone(value: str) -> bool:
    """Whether a value reads like a time zone or an offset."""
    return bool(_TIME_ZONE.fullmatch(value))


def is_of_device(value: str) -> bool:
    """Whether a value reads like a model, a board, a system, its version or its build."""
    return bool(_OF_DEVICE.fullmatch(value))


def is_word(value: str) -> bool:
    """Whether a value is one word, as of a system: such a one stays in most columns."""
    return bool(_WHOLE.fullmatch(value))


@cache
def own_phrases() -> frozenset[str]:
    """Return words with blanks that are ours: those that the catalogue gives instead of what a line says, and episodes' own."""
    constants = (value for signal in catalogue().signals for value in signal.constants.values())
    return _PHRASES | {value for value in constants if isinstance(value, str)}


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of the text of a window, separators among them, each with whether it stays."""
    for piece in re.split(r"(; |, )", text):
        yield piece, piece in {"; ", ", "} or _is_fact(piece)


def _is_fact(piece: str) -> bool:
    if _WHOLE.fullmatch(piece) or piece in own_phrases():
        return True
    words = piece.split(" ")
    strange = sum(
        word not in _TELLING
        and not _OURS.fullmatch(word)
        and not _FIGURE.fullmatch(word)
        and not (before in _TELLING and _TOLD.fullmatch(word))
        for before, word in pairwise(["", *words])
    )
    return not strange or (strange == 1 and len(words) == 2 and bool(_NAMESPACE.fullmatch(words[0])))
