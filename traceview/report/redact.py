"""Removal of private data from an analysis, before it is printed in any form.

Kept at every level: names of files, apps (bundle ids), processes, subsystems and queues, process and session ids, times,
figures, error codes. Replaced from level ``ids`` on: what names a person, a device, an address or an account
(`traceview.report.pseudonyms`). Level ``all`` also drops the text of log messages (a recognised line keeps the id of its
signal and its typed fields) and of all fields that an app or a person may have worded; of these a single word stays.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, Literal

import polars as pl
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.pseudonyms import Pseudonyms, people_in
from traceview.rules.registry import Finding
from traceview.signals.vocabulary import FIELDS
from traceview_parsers.trace import Device

Level = Literal["none", "ids", "all"]
LEVELS: Final[tuple[Level, ...]] = ("none", "ids", "all")
REMOVED: Final = "(text removed)"
PORTS: Final = frozenset(
    {
        "AirPlay", "AVB", "BluetoothA2DPOutput", "BluetoothHFP", "BluetoothLE", "BuiltInMic", "BuiltInReceiver",
        "BuiltInSpeaker", "CarAudio", "DisplayPort", "FireWire", "HDMI", "HeadphonesBT", "Headphones", "HeadsetMicrophone",
        "LineIn", "LineOut", "MicrophoneBuiltIn", "MicrophoneWired", "PCI", "Receiver", "Speaker", "Thunderbolt",
        "USBAudio", "Virtual",
    }
)  # fmt: skip
"""Port types (Apple, AVAudioSession.Port): a route of any other name may be the name that a person gave a headset."""
_NAMED_THINGS: Final = ("route", "previous_route", "device")
_SENTENCES: Final = (
    "name", "assertion_name", "task_name", "held_by_name", "reason", "end_reason", "launch_reason", "error", "refused_error",
    "explanation", "provider", "command", "exception",
)  # fmt: skip
_QUOTING: Final = ("kept_awake_by", "holders", "facts_for", "facts_against")
"""Columns of episodes in our own words, which may quote those of `_SENTENCES` and `_NAMED_THINGS`."""
_NO_PERSON: Final = re.compile(r"mobile|root|nobody|daemon|_\w+")
"""Users that are the system's own; any other one of a computer is named by a person."""
TEXT_TYPES: Final = (pl.String, pl.Categorical, pl.Enum)
_FOLDERS_OF_CONFIG: Final = re.compile(r"(?<=^disabled in ).*[/\\]")
_IDENTIFIER = re.compile(r"[\w.:!+-]{1,80}")
_SHORTEST_QUOTE: Final = 12

Rewrite = Callable[[str], str]
Suspects = Callable[[pl.Series], pl.Series]


def redact(analysis: Analysis, level: Level) -> Analysis:
    """Return the analysis without private data; the given one stays as it is.

    Args:
        analysis: Anything; if it was redacted before, the stronger level stays.
        level: ``none``, ``ids`` or ``all``.

    Raises:
        ValueError: Unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown redaction level {level!r}: use one of {', '.join(LEVELS)}")
    if LEVELS.index(level) <= [str(known) for known in LEVELS].index(analysis.redaction):
        return analysis
    said = pl.concat([analysis.lines["message"], analysis.events["message"]]).drop_nulls()
    names = Pseudonyms(analysis.device, people_in(said))
    if level == "all":
        analysis = _without_text(analysis, names)
    return replace(_without_ids(analysis, names), redaction=level)


def _without_ids(analysis: Analysis, names: Pseudonyms) -> Analysis:
    scrub = names.scrub
    return replace(
        analysis,
        capture=replace(analysis.capture, name=scrub(analysis.capture.name)),
        device=_device(analysis.device, names),
        coverage=[
            replace(item, source=scrub(item.source), notes=names.scrub_all(item.notes)) for item in analysis.coverage
        ],
        problems=[
            replace(item, source=scrub(item.source), message=scrub(item.message), sample=scrub(item.sample))
            for item in analysis.problems
        ],
        apps=list(names.scrub_all(analysis.apps)),
        lines=_rewrite(analysis.lines, scrub, names.suspects),
        events=_rewrite(analysis.events, scrub, names.suspects),
        episodes={name: _rewrite(table, scrub, names.suspects) for name, table in analysis.episodes.items()},
        tables={name: _without_users(table, names) for name, table in analysis.tables.items()},
        findings=[_finding(finding, scrub) for finding in analysis.findings],
        not_evaluated=[
            replace(item, needs=scrub(_FOLDERS_OF_CONFIG.sub("", item.needs))) for item in analysis.not_evaluated
        ],
    )


def _without_users(table: pl.DataFrame, names: Pseudonyms) -> pl.DataFrame:
    def user(value: str) -> str:
        return value if _NO_PERSON.fullmatch(value) else names.token("user", value)

    return _rewrite(_rewrite(table, names.scrub, names.suspects), user, _all, ["user"])


def _device(device: Device, names: Pseudonyms) -> Device:
    private = {
        name: names.token(kind, value)
        for name, kind in {"name": "device", "serial": "serial", "udid": "udid"}.items()
        if (value := getattr(device, name))
    }
    return replace(device, **private)


def _finding(finding: Finding, scrub: Rewrite) -> Finding:
    return replace(
        finding,
        app=None if finding.app is None else scrub(finding.app),
        title=scrub(finding.title),
        explanation=scrub(finding.explanation),
        advice=scrub(finding.advice),
        pattern=scrub(finding.pattern),
    )


def _rewrite(
    table: pl.DataFrame, rewrite: Rewrite, suspects: Suspects, columns: Iterable[str] | None = None
) -> pl.DataFrame:
    """Rewrite those distinct values of text columns and lists of texts (all by default) that `suspects` picks."""
    chosen = table.columns if columns is None else [name for name in columns if name in table.columns]
    changed = {}
    for name in chosen:
        lists = table.schema[name] == pl.List(pl.String())
        if table.schema[name] not in TEXT_TYPES and not lists:
            continue
        column = table[name] if lists else table[name].cast(pl.String())
        words = column.explode() if lists else column
        values = suspects(words.drop_nulls().unique(maintain_order=True)).to_list()
        mapping = {value: new for value in values if (new := rewrite(value)) != value}
        if mapping:
            before, after = list(mapping), list(mapping.values())
            renamed = pl.element().replace(before, after)
            changed[name] = column.list.eval(renamed) if lists else column.replace(before, after)
    return table.with_columns(**changed)


def _all(values: pl.Series) -> pl.Series:
    return values


def _without_text(analysis: Analysis, names: Pseudonyms) -> Analysis:
    """Replace log messages by their signal and fields, and names that people gave by tokens."""
    given: dict[str, str] = {}

    def free(table: pl.DataFrame, tokens: dict[str, str]) -> pl.DataFrame:
        def named(value: str) -> str:
            return value if value in PORTS else tokens.setdefault(value, names.token("thing", value))

        def sentence(value: str) -> str:
            return value if _IDENTIFIER.fullmatch(value) else tokens.setdefault(value, names.token("text", value))

        return _rewrite(_rewrite(table, named, _all, _NAMED_THINGS), sentence, _all, _SENTENCES)

    events = free(analysis.events, {})
    quotes = dict(analysis.lines.select("ref", "message").iter_rows())
    quotes |= dict(analysis.events.select("ref", "message").iter_rows())
    episodes = {name: free(table, given) for name, table in analysis.episodes.items()}
    episodes = {name: _rewrite(table, _replacing(given), _all, _QUOTING) for name, table in episodes.items()}
    spoken = events.select("ref", said=_fields_text()).unique("ref", keep="first", maintain_order=True)
    lines = analysis.lines.join(spoken, on="ref", how="left", maintain_order="left")
    words = pl.concat_str("signal", "said", separator="  ", ignore_nulls=True)
    told = pl.when(pl.col("signal").is_not_null()).then(words).otherwise(pl.lit(REMOVED))
    return replace(
        analysis,
        lines=lines.with_columns(message=told).drop("said"),
        events=events.with_columns(message=pl.concat_str("signal", _fields_text(), separator="  ", ignore_nulls=True)),
        episodes=episodes,
        tables={name: free(table, {}) for name, table in analysis.tables.items()},
        problems=[replace(item, sample="") for item in analysis.problems],
        findings=[_unquoted(finding, quotes, given) for finding in analysis.findings],
    )


def _fields_text() -> pl.Expr:
    """Return the typed fields of an event as ``name=value`` words."""
    words = [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String())) for name in FIELDS]
    return pl.concat_str(words, separator=" ", ignore_nulls=True)


def _unquoted(finding: Finding, quotes: dict[int, str | None], tokens: dict[str, str]) -> Finding:
    """Remove messages of its evidence, and what was replaced in episodes, from a finding's own words."""
    said = {text for ref in finding.evidence if (text := quotes.get(ref)) and len(text) >= _SHORTEST_QUOTE}
    tokened = _replacing(tokens)

    def rewrite(text: str) -> str:
        for quote in sorted(said, key=len, reverse=True):
            text = text.replace(quote, REMOVED)
        return tokened(text)

    return _finding(finding, rewrite)


def _replacing(tokens: dict[str, str]) -> Rewrite:
    """Return what puts tokens in place of all values that stand as words in a text, the longest first."""
    if not tokens:
        return str
    longest_first = sorted(tokens, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    return lambda text: pattern.sub(lambda match: tokens[match[0]], text)
