"""Keys of a predicate, and the columns of ``log`` that answer them.

Names: those that ``log help predicates`` lists (macOS 13 to 15, as quoted in public sources), those of ``log show``'s own
JSON, and the short ones of its shorthand. Numbers of levels and events: Humio's description of the predicates and the
``os_activity_stream`` constants.
"""

from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from msgspec import Struct

from traceview_parsers.schema import LEVELS


class Kind(StrEnum):
    """What the values of a key are."""

    text = "text"
    uuid = "UUID"
    number = "number"
    time = "time"
    level = "level"
    event = "event"
    name = "name"
    """One of a few words that have no documented numbers."""


class Key(Struct, frozen=True):
    """One key.

    Attributes:
        name: How it is printed.
        aliases: Other spellings.
        kind: What its values are.
        column: Column of ``log``.
        instead: Column that answers where `column` is null, as in the JSON that `log` prints.
        zero_is_none: Null means the number 0, as it is printed: the device uses 0 for "none".
        empty_is_none: Likewise of the empty text.
        words: Of `Kind.name`: the words.
    """

    name: str
    aliases: tuple[str, ...]
    kind: Kind
    column: str
    instead: str | None = None
    zero_is_none: bool = False
    empty_is_none: bool = False
    words: tuple[str, ...] = ()


KEYS: Final = (
    Key("eventMessage", ("composedMessage", "message", "m"), Kind.text, "message"),
    Key("process", ("p",), Kind.text, "process"),
    Key("processImagePath", (), Kind.text, "process_path", instead="process"),
    Key("processImageUUID", (), Kind.uuid, "process_uuid"),
    Key("processIdentifier", ("processID", "pid"), Kind.number, "pid"),
    Key("userIdentifier", ("userID",), Kind.number, "uid"),
    Key("threadIdentifier", ("threadID", "tid"), Kind.number, "tid"),
    Key("sender", ("library", "lib", "l"), Kind.text, "sender"),
    Key("senderImagePath", (), Kind.text, "sender_path", instead="sender"),
    Key("senderImageUUID", (), Kind.uuid, "sender_uuid"),
    Key("senderImageOffset", ("senderProgramCounter",), Kind.number, "sender_offset"),
    Key("subsystem", ("s",), Kind.text, "subsystem", empty_is_none=True),
    Key("category", ("cat", "c"), Kind.text, "category", empty_is_none=True),
    Key("messageType", ("logType",), Kind.level, "level"),
    Key("eventType", ("type",), Kind.event, "event"),
    Key("formatString", (), Kind.text, "format"),
    Key("activityIdentifier", (), Kind.number, "activity_id", zero_is_none=True),
    Key("parentActivityIdentifier", (), Kind.number, "parent_activity_id", zero_is_none=True),
    Key("creatorActivityIdentifier", ("creatorActivityID",), Kind.number, "creator_activity_id", zero_is_none=True),
    Key("traceIdentifier", ("traceID",), Kind.number, "trace_id"),
    Key("bootUUID", (), Kind.uuid, "boot_uuid"),
    Key("machContinuousTimestamp", ("machTimestamp",), Kind.number, "mach_time"),
    Key("date", ("timestamp",), Kind.time, "time"),
    Key("signpostIdentifier", ("signpostID",), Kind.number, "signpost_id", zero_is_none=True),
    Key("signpostName", (), Kind.text, "signpost_name"),
    Key("signpostType", (), Kind.name, "signpost_type", words=("event", "begin", "end")),
    Key("signpostScope", (), Kind.name, "signpost_scope", words=("thread", "process", "system")),
    Key("timeToLive", ("ttl",), Kind.number, "ttl"),
    Key("lossCount", (), Kind.number, "loss_count"),
)

ABSENT: Final = (
    "size",
    "transitionActivityIdentifier",
    "creatorProcessUniqueIdentifier",
    "continuousNanosecondsSinceBoot",
)
"""Keys of ``log help predicates`` that nothing here answers."""

SHORT: Final = frozenset({"m", "p", "s", "c", "cat", "l", "lib", "library", "pid", "tid", "message", "type"})
"""Names that only the shorthand of ``log`` has; `type` means the level there, or an event."""

_BY_NAME: Final = {name.lower(): key for key in KEYS for name in (key.name, *key.aliases)}

LEVEL_NUMBERS: Final = dict(zip(LEVELS, (0, 1, 2, 16, 17), strict=True))
LEVEL_WORDS: Final = {**{level: level for level in LEVELS}, "release": "default"}
EVENT_WORDS: Final = {
    "logevent": "log",
    "traceevent": "trace",
    "activitycreateevent": "activity",
    "activitytransitionevent": "activity_transition",
    "useractionevent": "user_action",
    "signpostevent": "signpost",
    "lossevent": "loss",
    "stateevent": "state",
    "timesyncevent": "timesync",
    "signpost": "signpost",
    "loss": "loss",
}
EVENT_NUMBERS: Final = {
    513: "activity",
    514: "activity_transition",
    515: "user_action",
    768: "trace",
    1024: "log",
    1536: "signpost",
    1792: "loss",
}
EVENT_NAMES: Final = {
    "log": "logEvent",
    "trace": "traceEvent",
    "activity": "activityCreateEvent",
    "activity_transition": "activityTransitionEvent",
    "user_action": "userActionEvent",
    "signpost": "signpostEvent",
    "loss": "lossEvent",
    "state": "stateEvent",
    "timesync": "timesyncEvent",
}
"""How the values of the column `event` are printed in a predicate."""


def find(name: str) -> Key | None:
    """Return the key of this name, in any letter case."""
    return _BY_NAME.get(name.lower())


def named(name: str) -> Key:
    """Return the key of this name. Raises KeyError where there is none."""
    return _BY_NAME[name.lower()]


def known() -> str:
    """Return all names for an error message."""
    return ", ".join("/".join((key.name, *(alias for alias in key.aliases if len(alias) > 3))) for key in KEYS)


def closest(name: str) -> str | None:
    """Return the key, or the other name of one, that is written nearly so; None where none is."""
    known_as = {word.lower(): word for key in KEYS for word in (key.name, *key.aliases) if len(word) > 1}
    found = get_close_matches(name.lower(), known_as, n=1)
    return known_as[found[0]] if found else None
