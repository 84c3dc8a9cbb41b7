"""Values that hold several fields at once, such as a RunningBoard handle, taken apart column-wise.

A signal may name a group after a field of the vocabulary or after one of `EXPANSIONS`; the latter are replaced here by
the fields they hold. All work is vectorised: one regular expression a field over the column of raw values.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

import polars as pl

_WORD: Final = "[0-9A-Za-z_]"
"""What names in code consist of; ``\\w`` means the letters of all alphabets, which takes 0.2 ms to compile."""

_HOST: Final = rf"\[{_WORD}+<" r"(?P<host_name>[^<>()\[\]{}]*)(?:\([^<>]*\))?>:(?P<host_pid>[0-9]+)(?::[0-9]+)?\]"
_IDENTITY: Final = (
    r"(?P<type>app|application|xpcservice|daemon|osservice|anon|angel|dext)"
    r"<(?P<name><private>|[^<>()\[\]{}]*)"
    rf"(?:\((?:{_HOST}|<private>|[^<>\[\]]*)\)?)?(?:\([0-9]+\))?>?"
    r"(?:\{[^{}]*\}|\[uuid:[^\]]*\]|\([0-9]+\))*"
    r"(?::(?P<pid>[0-9]+))?"
)
"""Identity forms, seen: ``application<bundle>`` (iOS 13 to 16), ``app<bundle(UUID)>`` (17 and later), ``app<bundle((null))>``,
``xpcservice<bundle([app<host…>:pid])>{vt hash: N}[uuid:…]{definition:…}``, ``daemon<…>``, ``osservice<…>``, ``anon<…>``."""

_OLD_HANDLE: Final = r"^\[(?P<old_name>[^\[\]<>:]+):(?P<old_pid>[0-9]+)\]"
"""``[App:pid]`` of assertiond (iOS 12 and earlier)."""

_MAC_BUNDLE: Final = r"^application\.(.+?)\.[0-9]+\.[0-9]+$"
"""macOS puts two numbers behind the bundle id: ``application.com.acme.mac.19062835.19062841``."""

UUID: Final = r"([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})"

_CLIENT: Final = [
    ("session_id", r"sid:(0x[0-9a-fA-F]+)"),
    ("subject", r"(?:sid:0x[0-9a-fA-F]+,\s*)?([^,'\"\s][^,'\"]*?)\([0-9]+\)"),
    ("subject_pid", r"\(([0-9]+)\)"),
]
_CONTEXT: Final = [
    ("namespace", rf"domain:(?:{_WORD}+\()?([0-9]+)"),
    ("code", r"code:(0x[0-9A-Fa-f]+|[0-9]+)"),
    (
        "reason",
        r"(?s)explanation:(.*?)(?:\s+(?:ProcessVisibility|ProcessState|reportType|maxTerminationResistance)\b.*|>?\s*$)",
    ),
    ("visibility", rf"ProcessVisibility:\s*({_WORD}+)"),
    ("state", rf"ProcessState:\s*({_WORD}+)"),
]

EXPANSIONS: Final[dict[str, list[tuple[str, str]]]] = {
    # "sid:0x6f6a3, Acme Voice(1766), 'prim'": session, process name cut to 16 characters, pid, session type
    "client": _CLIENT,
    "interrupter_client": [("interrupter", r"(?:sid:0x[0-9a-fA-F]+,\s*)?([^,'\"\s][^,'\"]*?\([0-9]+\))")],
    # AudioSession server: {"ID":"0x3535e","PID":2145,"name":"Acme"} or {"ID":"0x1ef0b4","name":"Acme(78860)"}
    "session_json": [
        ("session_id", r"\"ID\":\s*\"(0x[0-9a-fA-F]+)\""),
        ("subject", r"\"name\":\s*\"([^\"(]*)"),
        ("subject_pid", r"\"PID\":\s*([0-9]+)"),
        ("subject_pid", r"\"name\":\s*\"[^\"]*\(([0-9]+)\)\""),
    ],
    # MediaExperience: <ID: 391, PID = 5436, Name = sid:…, BundleID = …, Category = …, Mode = …, Active = YES, …>
    "mx_session": [
        *_CLIENT,
        ("subject_pid", r"PID = ([0-9]+)"),
        ("bundle", r"BundleID = ([^,>\s]+)"),
        ("category", r"Category = ([^,>]+)"),
        ("mode", r"Mode = ([^,>]+)"),
        ("active", r"\bActive = (YES|NO)"),
        ("playing", r"\bPlaying = (YES|NO)"),
        ("recording", r"\bRecording = (YES|NO)"),
    ],
    # <SBApplicationProcessState: 0x…; pid: 1957; taskState: Running; visibility: Background>
    "sb_state": [
        ("subject_pid", r"pid: ([0-9]+)"),
        ("state", r"taskState: ([^;>]+)"),
        ("visibility", r"visibility: ([^;>]+)"),
    ],
    # RunningBoard's assertion: "34-24240-546989 (target:[…])" or <RBSAssertionDescriptor| "name" ID:34-… target:…>,
    # on iOS 13 <RBSAssertionDescriptor; "name"; ID: 34-…; target: …>; `domain` is what its first attribute grants
    "assertion": [
        ("assertion_id", r"(?:ID:|^|\(|>)\s*([0-9]+-[0-9]+-[0-9]+)"),
        ("assertion_name", r"(?s)[|;]\s*\"(.*?)\";?\s+ID:"),
        ("domain", r"<RBSDomainAttribute\| domain:\"([^\"]+\" name:\"[^\"]+)\""),
        ("domain", r"<RBSDomainAttribute: 0x[0-9a-f]+; domain: ([^;]+; name: [^;>]+)"),
        ("domain", rf"<RBSLegacyAttribute\| requestedReason:({_WORD}+)"),
    ],
    "context": _CONTEXT,
    "exit_context": [
        *_CONTEXT,
        ("namespace", r"namespace: ?([0-9]+)"),
        ("code", r"code: ?(0x[0-9A-Fa-f]+|[0-9]+)"),
        ("reason", rf"OS_REASON_({_WORD}+)"),
        ("reason", r"ExitContext[;|]\s*(.*?)>?\s*$"),
    ],
    # any description of a call that shows its UUID
    "call": [("call_id", UUID)],
    # os_log prints session ids without 0x where the format has the prefix itself
    "object": [],
}
_HOST_PARTS: Final = {"host_bundle": "host_bundle", "host_pid": "host_pid"}
_SUBJECT: Final = {"bundle": "bundle", "subject": "subject", "pid": "subject_pid"} | _HOST_PARTS
HANDLES: Final[dict[str, dict[str, str]]] = {
    "handle": _SUBJECT,
    "identity": _SUBJECT,
    "assertion": _SUBJECT,
    "context": {"bundle": "bundle", "pid": "subject_pid"} | _HOST_PARTS,
    "originator_handle": {"bundle": "originator", "subject": "originator", "pid": "originator_pid"},
}
"""Names whose text holds a RunningBoard identity, and the fields that its parts fill."""

_LETTER: Final = rf"{_WORD}|[^\x00-\x7F…]"
"""What a name has at least one of: authors of public logs write ``application<...>``."""

_DOMAIN_NAME: Final = r"\" name:\"|; name: "
"""What stands between domain and name of an assertion's attribute; the field ``domain`` has a colon there."""

_RAW: Final = "raw"
"""Column of the texts that are taken apart."""

COMPOUND: Final = frozenset(EXPANSIONS) | frozenset(HANDLES)
"""Every group name that is no field of the vocabulary."""

HIDDEN: Final = ("", "<private>", "(null)", "<redacted>", "<sensitive>", "<no explanation given>")
"""What stands for a value that the line does not tell."""


def taken_apart(compounds: Mapping[str, pl.Series]) -> Iterator[tuple[str, str, pl.Series]]:
    """Take the values of compounds apart.

    Args:
        compounds: Values by name of `COMPOUND`. One process is named in many lines: give each distinct value once.

    Yields:
        (name, field, text of each value), name by name; a field of a name may come several times, best first.
    """
    identities = _identities({name: values for name, values in compounds.items() if name in HANDLES})
    for name, values in compounds.items():
        for part, field in HANDLES.get(name, {}).items():
            yield name, field, identities[name][part]
        expansions = EXPANSIONS.get(name, ())
        if expansions:
            found = values.alias(_RAW).to_frame().select(_extracted(at, *one) for at, one in enumerate(expansions))
            yield from ((name, field, texts) for (field, _), texts in zip(expansions, found, strict=True))


def identity_fields(texts: Iterable[str]) -> pl.DataFrame:
    """Take RunningBoard handles apart: columns bundle, subject, subject_pid, host_bundle, host_pid (all strings)."""
    handles = {"handle": pl.Series(list(texts), dtype=pl.String)}
    return pl.DataFrame([texts.alias(field) for _, field, texts in taken_apart(handles)])


def _extracted(at: int, field: str, pattern: str) -> pl.Expr:
    value = pl.col(_RAW).str.extract(pattern, 1)
    return (value.str.replace(_DOMAIN_NAME, ":") if field == "domain" else value).alias(str(at))


def _identities(compounds: Mapping[str, pl.Series]) -> dict[str, pl.DataFrame]:
    """Return the parts of the RunningBoard identities in the values, by name; those of all names are read at once."""
    if not compounds:
        return {}
    groups = [pl.col(_RAW).str.extract_groups(pattern) for pattern in (_IDENTITY, _OLD_HANDLE)]
    values = pl.concat([values.alias(_RAW) for values in compounds.values()]).to_frame()
    found = values.select(groups[0].alias("identity"), groups[1].alias("old")).unnest("identity", "old")
    found = found.with_columns(pl.col("name", "host_name").str.strip_chars())
    name, host = pl.col("name"), pl.col("host_name")
    found = found.with_columns(
        pl.when(~name.is_in(HIDDEN) & name.str.contains(_LETTER)).then(name), pl.when(~host.is_in(HIDDEN)).then(host)
    )
    is_app = pl.col("type").is_in(["app", "application", "xpcservice"])
    parts = found.select(
        bundle=pl.when(is_app).then(pl.coalesce(pl.col("name").str.extract(_MAC_BUNDLE, 1), "name")),
        subject=pl.coalesce(pl.when(~is_app).then("name"), "old_name"),
        pid=pl.coalesce("pid", "old_pid"),
        host_bundle="host_name",
        host_pid="host_pid",
    )
    ends = accumulate(len(values) for values in compounds.values())
    return {name: parts[end - len(values) : end] for (name, values), end in zip(compounds.items(), ends, strict=True)}
