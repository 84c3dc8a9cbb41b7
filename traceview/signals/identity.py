"""Values that hold several fields at once, such as a RunningBoard handle, taken apart column-wise.

A signal may name a group after a field of the vocabulary or after one of `EXPANSIONS`; the latter are replaced here by
the fields they hold. All work is vectorised: one regular expression a field over the column of raw values.
"""

from collections.abc import Iterable
from typing import Final

import polars as pl

_HOST: Final = r"\[(?:\w+)<(?P<host_name>[^<>()\[\]{}]*)(?:\([^<>]*\))?>:(?P<host_pid>[0-9]+)(?::[0-9]+)?\]"
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
    ("namespace", r"domain:(?:\w+\()?([0-9]+)"),
    ("code", r"code:(0x[0-9A-Fa-f]+|[0-9]+)"),
    (
        "reason",
        r"(?s)explanation:(.*?)(?:\s+(?:ProcessVisibility|ProcessState|reportType|maxTerminationResistance)\b.*|>?\s*$)",
    ),
    ("visibility", r"ProcessVisibility:\s*(\w+)"),
    ("state", r"ProcessState:\s*(\w+)"),
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
        ("domain", r"<RBSLegacyAttribute\| requestedReason:(\w+)"),
    ],
    "context": _CONTEXT,
    "exit_context": [
        *_CONTEXT,
        ("namespace", r"namespace: ?([0-9]+)"),
        ("code", r"code: ?(0x[0-9A-Fa-f]+|[0-9]+)"),
        ("reason", r"OS_REASON_(\w+)"),
        ("reason", r"ExitContext[;|]\s*(.*?)>?\s*$"),
    ],
    # any description of a call that shows its UUID
    "call": [("call_id", UUID)],
    # os_log prints session ids without 0x where the format has the prefix itself
    "object": [],
}
HANDLES: Final[dict[str, dict[str, str]]] = {
    "handle": {"bundle": "bundle", "subject": "subject", "pid": "subject_pid"},
    "identity": {"bundle": "bundle", "subject": "subject", "pid": "subject_pid"},
    "assertion": {"bundle": "bundle", "subject": "subject", "pid": "subject_pid"},
    "context": {"bundle": "bundle", "pid": "subject_pid"},
    "originator_handle": {"bundle": "originator", "subject": "originator", "pid": "originator_pid"},
}
"""Names whose text holds a RunningBoard identity, and the fields that it fills."""

_DOMAIN_NAME: Final = r"\" name:\"|; name: "
"""What stands between domain and name of an assertion's attribute; the field ``domain`` has a colon there."""

_RAW: Final = "raw"
"""Column of the texts that are taken apart."""

COMPOUND: Final = frozenset(EXPANSIONS) | frozenset(HANDLES)
"""Every group name that is no field of the vocabulary."""

HIDDEN: Final = ("", "<private>", "(null)", "<redacted>", "<sensitive>", "<no explanation given>")
"""What stands for a value that the line does not tell."""


def taken_apart(name: str, values: pl.Series) -> list[tuple[str, pl.Series]]:
    """Return (field, text of each value) pairs of the compound `name`; a field may come several times, best first.

    One process is named in many lines, so each distinct value is taken apart once.
    """
    pairs = _fields(name)
    if not pairs:
        return []
    column = values.alias(_RAW).to_frame()
    parts = [str(at) for at in range(len(pairs))]
    distinct = column.select(pl.col(_RAW).drop_nulls().unique())
    if name in HANDLES:
        distinct = _with_identity(distinct)
    distinct = distinct.with_columns(value.alias(part) for part, (_, value) in zip(parts, pairs, strict=True))
    found = column.join(distinct, on=_RAW, how="left", maintain_order="left")
    return [(field, found[part]) for part, (field, _) in zip(parts, pairs, strict=True)]


def identity_fields(texts: Iterable[str]) -> pl.DataFrame:
    """Take RunningBoard handles apart: columns bundle, subject, subject_pid, host_bundle, host_pid (all strings)."""
    found = dict(taken_apart("handle", pl.Series(list(texts), dtype=pl.String)))
    return pl.DataFrame({name: found[name] for name in ("bundle", "subject", "subject_pid", "host_bundle", "host_pid")})


def _fields(name: str) -> list[tuple[str, pl.Expr]]:
    """Return (field, expression over `_RAW`) pairs of the compound `name`; a field may come several times, best first."""
    pairs = _handle_fields(name) if name in HANDLES else []
    for field, pattern in EXPANSIONS.get(name, ()):
        value = pl.col(_RAW).str.extract(pattern, 1)
        pairs.append((field, _shown(value.str.replace(_DOMAIN_NAME, ":") if field == "domain" else value)))
    return pairs


def _shown(value: pl.Expr) -> pl.Expr:
    stripped = value.str.strip_chars()
    return pl.when(stripped.is_in(HIDDEN)).then(None).otherwise(stripped)


def _with_identity(values: pl.DataFrame) -> pl.DataFrame:
    """Add what a RunningBoard identity holds, each part once: ``type``, ``name``, ``pid``, ``host_name``, ``old_name``, …."""
    groups = [pl.col(_RAW).str.extract_groups(pattern) for pattern in (_IDENTITY, _OLD_HANDLE)]
    found = values.select(_RAW, groups[0].alias("identity"), groups[1].alias("old")).unnest("identity", "old")
    name = _shown(pl.col("name"))
    # Authors of public logs write application<...>.
    found = found.with_columns(pl.when(name.str.contains(r"\w")).then(name).alias("name"), _shown(pl.col("host_name")))
    return found.with_columns(pl.coalesce(pl.col("name").str.extract(_MAC_BUNDLE, 1), "name").alias("plain_name"))


def _handle_fields(compound: str) -> list[tuple[str, pl.Expr]]:
    """Return (field, expression over `_with_identity`) pairs of a compound that holds RunningBoard identities."""
    is_app = pl.col("type").is_in(["app", "application", "xpcservice"])
    target = HANDLES[compound]
    fields = {
        "bundle": pl.when(is_app).then("plain_name"),
        "subject": pl.coalesce(pl.when(~is_app).then("name"), "old_name"),
        "pid": pl.coalesce("pid", "old_pid"),
    }
    pairs = [(target[part], expression) for part, expression in fields.items() if part in target]
    if compound != "originator_handle":
        pairs += [("host_bundle", pl.col("host_name")), ("host_pid", pl.col("host_pid"))]
    return pairs
