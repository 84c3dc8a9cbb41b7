"""Removal of private data from an analysis, before it is printed in any form.

Kept at every level: names of files and folders, apps (bundle ids), processes, subsystems and queues, process and session
ids, times, figures, error codes. Replaced from level ``ids`` on: what names a person, a device, an address or an account
(`traceview.report.pseudonyms`). Level ``all`` also drops the text of log messages (a recognised line keeps the id of its
signal and its typed fields) and whatever else is no name, word or figure of a system or of ours
(`traceview.report.free_text`); a single word stays. Sentences of findings follow the tables (`traceview.report.quoted`), and
findings keep their fingerprints.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Literal

import polars as pl
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.free_text import Class, class_of, is_of_device, is_version, is_word, is_zone, keeper, pieces
from traceview.report.known_names import MOST_PEOPLE, people_in
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.quoted import Replaced, Rewrite, requoted, scrubbed
from traceview.rules.registry import Finding
from traceview.signals.vocabulary import FIELDS
from traceview_parsers.trace import Device

Level = Literal["none", "ids", "all"]
LEVELS: Final[tuple[Level, ...]] = ("none", "ids", "all")
REMOVED: Final = "(text removed)"
_NO_PERSON: Final = re.compile(r"mobile|root|nobody|daemon|_\w+")
"""Users that are the system's own; any other one of a computer is named by a person."""
TEXT_TYPES: Final = (pl.String, pl.Categorical, pl.Enum)
_FOLDERS_OF_CONFIG: Final = re.compile(r"(?<=^disabled in ).*[/\\]")
_OF_CALLKIT: Final = re.compile(r"<?(CX\w{1,60}Action)\b")
_SHORTEST_QUOTE: Final = 12
_VERSIONS: Final = frozenset({"app_version", "build_version", "os_version"})
_EITHER: Final = " or "
"""Between versions of which any may be meant (`app_versions`)."""

Suspects = Callable[[pl.Series], pl.Series]


def redact(analysis: Analysis, level: Level, people: Iterable[str] = ()) -> Analysis:
    """Return the analysis without private data; the given one stays as it is.

    Args:
        analysis: Anything; if it was redacted before, the stronger level stays.
        level: ``none``, ``ids`` or ``all``.
        people: Names of callers and contacts that the log tells in other lines than those of the analysis
            (`Capture.redacted` gives those of all lines).

    Raises:
        ValueError: Unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown redaction level {level!r}: use one of {', '.join(LEVELS)}")
    if LEVELS.index(level) <= [str(known) for known in LEVELS].index(analysis.redaction):
        return analysis
    said = pl.concat([analysis.lines["message"], analysis.events["message"]]).drop_nulls()
    programs = _programs(analysis)
    told = [name for name in dict.fromkeys([*people_in(said), *people]) if name not in programs]
    names = Pseudonyms(analysis.device, told[:MOST_PEOPLE])
    if level == "all":
        analysis = _without_text(analysis, names)
    return replace(_without_ids(analysis, names), redaction=level)


def _without_ids(analysis: Analysis, names: Pseudonyms) -> Analysis:
    scrub = names.scrub
    return replace(
        analysis,
        capture=replace(analysis.capture, name=scrub(analysis.capture.name), tz=_zone(analysis.capture.tz)),
        device=_device(analysis.device, names),
        coverage=[
            replace(item, source=scrub(item.source), notes=names.scrub_all(item.notes)) for item in analysis.coverage
        ],
        problems=[
            replace(item, source=scrub(item.source), message=scrub(item.message), sample=scrub(item.sample))
            for item in analysis.problems
        ],
        apps=list(names.scrub_all(analysis.apps)),
        app_versions=_versions(analysis, scrub),
        lines=_rewrite(analysis.lines, scrub, names.suspects),
        events=_rewrite(analysis.events, scrub, names.suspects),
        episodes={name: _rewrite(table, scrub, names.suspects) for name, table in analysis.episodes.items()},
        tables={name: _without_users(table, names) for name, table in analysis.tables.items()},
        findings=scrubbed(analysis.findings, names),
        not_evaluated=[
            replace(item, needs=scrub(_FOLDERS_OF_CONFIG.sub("", item.needs))) for item in analysis.not_evaluated
        ],
    )


def _zone(tz: str | None) -> str | None:
    return tz if tz is not None and is_zone(tz) else None


def _without_users(table: pl.DataFrame, names: Pseudonyms) -> pl.DataFrame:
    def user(value: str) -> str:
        return value if _NO_PERSON.fullmatch(value) else names.token("user", value)

    return _rewrite(_rewrite(table, names.scrub, names.suspects), user, _all, ["user"])


def _device(device: Device, names: Pseudonyms) -> Device:
    """Return the device without its names; what else it tells keeps what is none of a person."""
    told = {name: value for name in device.__struct_fields__ if (value := getattr(device, name))}
    kinds = {"name": "device", "serial": "serial", "udid": "udid"}
    private = {name: names.token(kind, told[name]) for name, kind in kinds.items() if name in told}
    others = {name: names.scrub(value) for name, value in told.items() if name not in kinds}
    return replace(device, **private, **others)


def _versions(analysis: Analysis, scrub: Rewrite) -> dict[str, str]:
    """Return the versions of apps that hold nothing private: tokens differ by capture, so that they are no versions."""
    told = {scrub(app): version for app, version in analysis.app_versions.items()}
    return {app: text for app, text in told.items() if _parts_are(text, is_version) or scrub(text) == text}


def _parts_are(versions: str, told: Callable[[str], bool]) -> bool:
    return all(told(version) for version in versions.split(_EITHER))


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
        if name in _VERSIONS:  # of four figures are no addresses
            values = [value for value in values if not is_version(value)]
        mapping = {value: new for value in values if (new := rewrite(value)) != value}
        if mapping:
            before, after = list(mapping), list(mapping.values())
            renamed = pl.element().replace(before, after)
            changed[name] = column.list.eval(renamed) if lists else column.replace(before, after)
    return table.with_columns(**changed)


def _all(values: pl.Series) -> pl.Series:
    return values


def _without_text(analysis: Analysis, names: Pseudonyms) -> Analysis:
    """Replace log messages by their signal and fields, and what is no word or name of a system by tokens."""
    said: dict[str, str] = {}
    given: dict[str, str] = {}
    programs = _programs(analysis)

    def worded(name: str, table: pl.DataFrame, tokens: dict[str, str]) -> pl.DataFrame:
        return _without_free_text(name, table, names, programs, tokens)

    events = worded("events", analysis.events, said)
    episodes = {name: worded(name, table, given) for name, table in analysis.episodes.items()}
    quoted = Replaced(said | given, frozenset, names)
    episodes = {
        name: _rewrite(table, quoted.in_sentence, _all, _quoting(name, table)) for name, table in episodes.items()
    }
    lines = worded("lines", analysis.lines, {})
    quotes = dict(analysis.lines.select("ref", "message").iter_rows())
    quotes |= dict(analysis.events.select("ref", "message").iter_rows())
    spoken = events.select("ref", said=_fields_text()).unique("ref", keep="first", maintain_order=True)
    lines = lines.join(spoken, on="ref", how="left", maintain_order="left")
    words = pl.concat_str("signal", "said", separator="  ", ignore_nulls=True)
    told = pl.when(pl.col("signal").is_not_null()).then(words).otherwise(pl.lit(REMOVED))
    tables = {name: worded(name, table, {}) for name, table in analysis.tables.items()}
    replaced = Replaced(given, cache(lambda: _kept([*episodes.items(), *tables.items()])), names)
    return replace(
        analysis,
        apps=[given.get(app, app) for app in analysis.apps],
        app_versions={
            given.get(app, app): told
            for app, told in analysis.app_versions.items()
            if _parts_are(told, lambda version: is_version(version) or is_word(version))
        },
        device=_plain_device(analysis.device),
        lines=lines.with_columns(message=told).drop("said"),
        events=events.with_columns(message=pl.concat_str("signal", _fields_text(), separator="  ", ignore_nulls=True)),
        episodes=episodes,
        tables=tables,
        problems=[replace(item, sample="") for item in analysis.problems],
        findings=[_unquoted(finding, quotes, replaced) for finding in analysis.findings],
    )


def _plain_device(device: Device) -> Device:
    """Return the device without what no system would tell of itself."""
    named = {"name", "serial", "udid"}
    kept = {name: value for name in device.__struct_fields__ if (value := getattr(device, name))}
    return Device(**{name: value for name, value in kept.items() if name in named or is_of_device(value)})


def _programs(analysis: Analysis) -> frozenset[str]:
    """Return the names of all programs that logged or that a report or a list of processes names."""
    tables = (analysis.lines, analysis.events, *analysis.tables.values())
    columns = (table["process"].cast(pl.String).drop_nulls().unique() for table in tables if "process" in table.columns)
    return frozenset(name for column in columns for name in column)


def _without_free_text(
    name: str, table: pl.DataFrame, names: Pseudonyms, programs: frozenset[str], tokens: dict[str, str]
) -> pl.DataFrame:
    """Replace in a table what its columns do not keep (`traceview.report.free_text`), and note it in `tokens`."""
    for column in table.columns:
        kind = class_of(name, column)
        if kind is Class.facts:
            table = _rewrite(table, _facts(names, tokens), _all, [column])
        elif kind in {Class.app, Class.word, Class.free, Class.thing}:
            token = "thing" if kind is Class.thing else "text"
            table = _rewrite(table, _words(keeper(name, column, programs), token, names, tokens), _all, [column])
    return table


def _words(keeps: Callable[[str], bool], kind: str, names: Pseudonyms, tokens: dict[str, str]) -> Rewrite:
    def word(value: str) -> str:
        if keeps(value):
            return value
        action = _OF_CALLKIT.match(value)
        token = names.token(kind, value)
        return tokens.setdefault(value, f"{action[1]} {token}" if action else token)

    return word


def _facts(names: Pseudonyms, tokens: dict[str, str]) -> Rewrite:
    def facts(text: str) -> str:
        return "".join(
            piece if stays else tokens.setdefault(piece, names.token("text", piece)) for piece, stays in pieces(text)
        )

    return facts


def _quoting(name: str, table: pl.DataFrame) -> list[str]:
    return [column for column in table.columns if class_of(name, column) is Class.quoting]


def _fields_text() -> pl.Expr:
    """Return the typed fields of an event as ``name=value`` words."""
    words = [pl.format(f"{name}={{}}", pl.col(name).cast(pl.String())) for name in FIELDS]
    return pl.concat_str(words, separator=" ", ignore_nulls=True)


def _kept(tables: Iterable[tuple[str, pl.DataFrame]]) -> frozenset[str]:
    """Return all texts that are left in the tables, but for the sentences."""
    columns = (
        table[column].cast(pl.String).drop_nulls().unique()
        for name, table in tables
        for column in table.columns
        if table.schema[column] in TEXT_TYPES and class_of(name, column) not in {Class.quoting, Class.message}
    )
    return frozenset(value for column in columns for value in column)


def _unquoted(finding: Finding, quotes: dict[int, str | None], replaced: Replaced) -> Finding:
    """Remove messages of its evidence, and what was replaced in episodes, from a finding's own words."""
    said = {text for ref in finding.evidence if (text := quotes.get(ref)) and len(text) >= _SHORTEST_QUOTE}

    def own(text: str) -> str:
        for quote in sorted(said, key=len, reverse=True):
            text = text.replace(quote, REMOVED)
        return replaced.in_sentence(text)

    return requoted(finding, replaced.of_quote, own)
