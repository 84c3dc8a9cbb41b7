"""The catalogue of signals: every ``*.toml`` of this folder, loaded, checked and compiled once.

An entry says which line shape means which event. Keys: ``id``, ``kind`` (of the vocabulary), ``process`` (names; none =
any), ``subsystem``, ``category``, ``sender``, ``format`` (exact os_log formats in the notation of `notation`),
``pattern`` (regular expressions whose groups are fields or compound names of `identity`; they replace what would be
derived from ``format``), ``contains`` (literals of which a message must hold one before a pattern is tried), ``set``
(constant fields), ``since`` and ``until`` (iOS), ``confidence`` (0 to 1), ``evidence``, ``source``, ``examples``,
``anonymous`` (whether its origin may be unknown; by default where the text is specific enough) and ``priority`` (before the more specific forms). A file's table
``[defaults]`` holds for all its entries.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import tomli
from msgspec import Struct, field

from traceview.signals.identity import COMPOUND
from traceview.signals.notation import format_key, literals_of, names_of, to_pattern
from traceview.signals.vocabulary import FIELDS, KINDS

FOLDER: Final = Path(__file__).parent
EVIDENCE: Final = ("seen", "format", "documented")
"""``seen``: a real line; ``format``: only the format string is known; ``documented``: Apple or an open source says so."""

SPECIFIC_LETTERS: Final = 12
"""Letters and digits of literal text from which a message is recognised without knowing its process (heuristic)."""
_MIN_LITERAL: Final = 4
_KEYS: Final = frozenset(
    {"id", "kind", "process", "subsystem", "category", "sender", "format", "pattern", "contains", "set"}
    | {"since", "until", "confidence", "evidence", "source", "examples", "anonymous", "priority"}
)
_NAMES: Final = COMPOUND | FIELDS.keys()
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_GROUP: Final = re.compile(r"\(\?P<(\w+)>")
_NO_TEXT: Final = re.compile(
    r"\\[^a-zA-Z0-9]|\(\?[a-zA-Z]+\)|\(\?P<\w+>|\(\?:|\[(?:\\.|[^\]\\])*\]|\\[a-zA-Z]|\{[0-9,]+\}"
)
"""What stands in a regular expression and is no fixed text, and punctuation."""


class CatalogueError(ValueError):
    """An entry of the catalogue is wrong; the message names the file, the entry and the fault."""


class Example(Struct, frozen=True):
    """A message (synthetic) with the fields that its signal must extract."""

    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    process: str | None = None


class Form(Struct, frozen=True):
    """One way in which a signal is printed.

    Attributes:
        signal: Position of its signal in the catalogue.
        literals: The message holds one of these.
        letters: Letters and digits of fixed text: how specific the form is.
        given: Regular expression of the catalogue entry, None where it follows from `named`.
        named: Named formats whose arguments are all that the form tells.
    """

    signal: int
    literals: tuple[str, ...]
    letters: int
    given: str | None
    named: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """Regular expression over the message, with named groups; derived when a message may have this form."""
        return to_pattern(self.named[0]) if self.given is None else self.given

    @property
    def formats(self) -> Mapping[str, str]:
        """`named` by `format_key`."""
        return {format_key(text): text for text in self.named}


class Signal(Struct, frozen=True):
    """One entry of the catalogue; see the module docstring."""

    id: str
    kind: str
    family: str
    processes: frozenset[str] = frozenset()
    subsystem: str | None = None
    category: str | None = None
    senders: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    confidence: float = 1.0
    evidence: str = "format"
    source: str = ""
    examples: tuple[Example, ...] = ()
    anonymous: bool | None = None
    priority: int = 0


class Catalogue(Struct, frozen=True, eq=False, dict=True):
    """All signals and their compiled forms, most specific form first. Each catalogue equals itself alone."""

    signals: tuple[Signal, ...]
    forms: tuple[Form, ...]

    def forms_of(self, key: str) -> tuple[int, ...]:
        """Return the forms (positions in `forms`) that messages of a format may have; none where no signal gives it.

        Args:
            key: The format without names and annotations (`format_key`).
        """
        if key not in self._given:
            return ()
        if key not in self._decided:
            places = {place for literal, others in self._holders.items() if literal in key for place in others}
            self._decided[key] = tuple(sorted(places | self._given[key]))
        return self._decided[key]

    @cached_property
    def _decided(self) -> dict[str, tuple[int, ...]]:
        """What `forms_of` found: a capture has few of the formats that the catalogue gives."""
        return {}

    @cached_property
    def _given(self) -> dict[str, set[int]]:
        """Formats that signals give, by `format_key` → forms of these signals."""
        given: dict[str, set[int]] = {}
        for position, form in enumerate(self.forms):
            for text in self.signals[form.signal].formats:
                given.setdefault(format_key(text), set()).add(position)
        return given

    @cached_property
    def _holders(self) -> dict[str, list[int]]:
        """Literal → forms that need it, literals sorted."""
        holders: dict[str, list[int]] = {}
        for position, form in enumerate(self.forms):
            for literal in form.literals:
                holders.setdefault(literal, []).append(position)
        return dict(sorted(holders.items()))

    @cached_property
    def signal_of_form(self) -> Any:
        """Return the position of each form's signal, as an array."""
        return np.array([form.signal for form in self.forms], np.int64)

    @cached_property
    def literals(self) -> list[str]:
        """Return every distinct literal that some form needs, sorted."""
        return list(self._holders)

    @cached_property
    def literal_type(self) -> pl.Enum:
        """Return the type whose numbers are the positions in `literals`."""
        return pl.Enum(self.literals)

    @cached_property
    def forms_by_literal(self) -> tuple[Any, Any]:
        """Return (forms, borders): literal number ``i`` of `literals` belongs to ``forms[borders[i]:borders[i + 1]]``."""
        forms = [position for places in self._holders.values() for position in places]
        borders = np.cumsum([0, *(len(places) for places in self._holders.values())])
        return np.array(forms, np.int64), borders


@cache
def catalogue() -> Catalogue:
    """Load the built-in catalogue (cached).

    Raises:
        CatalogueError: An entry is wrong.
    """
    signals: list[Signal] = []
    for path in sorted(FOLDER.glob("*.toml")):
        signals += read_family(path.stem, path.read_text("utf-8"))
    return compile_catalogue(signals)


def read_family(family: str, text: str) -> list[Signal]:
    """Read the entries of one TOML text.

    Raises:
        CatalogueError: The text is no TOML or an entry is wrong.
    """
    try:
        content = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise CatalogueError(f"{family}.toml: {error}") from error
    defaults = content.get("defaults", {})
    return [_signal(family, defaults | entry) for entry in content.get("signal", [])]


def compile_catalogue(signals: Iterable[Signal]) -> Catalogue:
    """Build the lookup structures for `signals`.

    Raises:
        CatalogueError: Two entries share an id.
    """
    kept = tuple(signals)
    times = Counter(signal.id for signal in kept)
    if repeated := sorted(name for name, count in times.items() if count > 1):
        raise CatalogueError(f"several signals have the id {', '.join(repeated)}")
    forms = sorted(
        (form for index, signal in enumerate(kept) for form in _forms(index, signal)),
        key=lambda form: (
            -kept[form.signal].priority,
            -form.letters,
            not kept[form.signal].processes,
            kept[form.signal].id,
        ),
    )
    return Catalogue(kept, tuple(forms))


def _forms(index: int, signal: Signal) -> list[Form]:
    if signal.patterns:
        letters = max(_letters(pattern) for pattern in signal.patterns)
        return [
            Form(index, signal.contains, letters, pattern, _told_by_arguments(signal, pattern))
            for pattern in signal.patterns
        ]
    forms = []
    for text in signal.formats:
        literals = literals_of(text)
        longest = max(literals, key=len, default="")
        if len(longest) < _MIN_LITERAL:
            raise CatalogueError(f"{signal.id}: no literal of {_MIN_LITERAL} characters in {text!r}; give a pattern")
        forms.append(Form(index, (longest,), _alphanumeric("".join(literals)), None, (text,)))
    return forms


def _told_by_arguments(signal: Signal, pattern: str) -> tuple[str, ...]:
    """Return the formats of a signal with one pattern whose named arguments are just what the pattern finds."""
    if len(signal.patterns) > 1:
        return ()
    groups = set(_GROUP.findall(pattern))
    return tuple(text for text in signal.formats if groups and set(names_of(text)) == groups)


def _alphanumeric(text: str) -> int:
    return sum(map(str.isalnum, text))


def _letters(pattern: str) -> int:
    """Count the letters and digits of fixed text in a regular expression."""
    return _alphanumeric(_NO_TEXT.sub("", pattern))


def _signal(family: str, entry: Mapping[str, Any]) -> Signal:
    name = entry.get("id", "?")
    formats, patterns = _texts(entry.get("format")), _texts(entry.get("pattern"))
    for fault in _faults(entry, formats, patterns):
        raise CatalogueError(f"{family}.toml, signal {name}: {fault}")
    return Signal(
        id=name,
        kind=entry["kind"],
        family=family,
        processes=frozenset(entry.get("process", ())),
        subsystem=entry.get("subsystem") or None,
        category=entry.get("category") or None,
        senders=frozenset(entry.get("sender", ())),
        formats=tuple(formats),
        patterns=tuple(patterns),
        contains=tuple(_texts(entry.get("contains"))),
        constants=dict(entry.get("set", {})),
        since=entry.get("since"),
        until=entry.get("until"),
        confidence=float(entry.get("confidence", 1.0)),
        evidence=entry["evidence"],
        source=entry["source"],
        examples=tuple(_example(example) for example in entry.get("examples", ())),
        anonymous=entry.get("anonymous"),
        priority=int(entry.get("priority", 0)),
    )


def _faults(entry: Mapping[str, Any], formats: list[str], patterns: list[str]) -> Iterator[str]:
    if unknown := entry.keys() - _KEYS:
        yield f"unknown keys {sorted(unknown)}"
    if not _SLUG.fullmatch(str(entry.get("id"))):
        yield "the id is no slug"
    if entry.get("kind") not in KINDS:
        yield f"unknown kind {entry.get('kind')!r}"
    if entry.get("evidence") not in EVIDENCE or not entry.get("source"):
        yield f"evidence must be one of {EVIDENCE}, with a source"
    if not formats and not patterns:
        yield "neither a format nor a pattern"
    if patterns and not entry.get("contains"):
        yield "a pattern needs `contains`"
    if formats and not patterns and entry.get("contains"):
        yield "`contains` belongs to a pattern; a format knows its literals"
    groups = {group for pattern in patterns for group in _GROUP.findall(pattern)}
    groups.update(*map(names_of, formats))
    if strange := groups - _NAMES:
        yield f"unknown fields {sorted(strange)}"
    if strange := entry.get("set", {}).keys() - FIELDS.keys():
        yield f"unknown constants {sorted(strange)}"


def _example(value: str | Mapping[str, Any]) -> Example:
    if isinstance(value, str):
        return Example(value)
    fields = {key: item for key, item in value.items() if key not in {"message", "process"}}
    return Example(value["message"], fields, value.get("process"))


def _texts(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
