"""From raw fields to the event table: types, what compound values hold, constants of the signals, the rows themselves."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from traceview.signals.candidates import Rows, numbered
from traceview.signals.catalogue import Catalogue
from traceview.signals.identity import COMPOUND, HIDDEN, taken_apart
from traceview.signals.vocabulary import EVENT_SCHEMA, FIELDS

BASE: Final = {
    "ref": "ref",
    "time": "time",
    "process": "process",
    "pid": "pid",
    "tid": "tid",
    "sender": "sender",
    "subsystem": "subsystem",
    "category": "log_category",
    "level": "level",
    "boot_uuid": "boot_uuid",
    "message": "message",
}
"""Column of ``log`` → column of the event table."""

_TRUE: Final = ("yes", "true", "1", "on", "y")
_FALSE: Final = ("no", "false", "0", "off", "n")
_LONGEST_S: Final = (2**63 - 1) // 10**9
_MASKED: Final = "<mask.hash"
"""How a hidden value that is logged as a hash begins (Apple, os_log_create(3), ``mask.hash``)."""


class Groups:
    """Which form each case has, and the raw fields that the forms found.

    Attributes:
        form: Position of the form of each case, -1 where none fits.
    """

    def __init__(self, cases: int) -> None:
        self.form: Rows = np.full(cases, -1, np.int64)
        self._found: dict[str, list[tuple[Rows, pl.Series]]] = {}

    def add(self, form: int, cases: Rows, fields: Mapping[str, pl.Series]) -> None:
        """Note that `cases` have this form, and what it found in them (text, one value a case)."""
        self.form[cases] = form
        for name, values in fields.items():
            self._found.setdefault(name, []).append((cases, values))

    def columns(self) -> Iterator[tuple[str, Rows, pl.Series]]:
        """Yield (name, cases, values) of each name that some form found; no case comes twice."""
        for name, parts in self._found.items():
            yield name, np.concatenate([cases for cases, _ in parts]), pl.concat([values for _, values in parts])


_Part = tuple[Rows, Rows, pl.Series]
"""Raw values of a field, from one place: cases that have the field, position of each one's value among the texts, texts."""


def assemble(rows: pl.DataFrame, groups: Groups, case: Rows, known: Catalogue) -> pl.DataFrame:
    """Build the events of some rows.

    Args:
        rows: Log rows that are events.
        groups: What was found in the cases.
        case: Case of each row.
        known: The catalogue whose forms `groups` names.
    """
    base = rows.select(
        pl.col(old).cast(EVENT_SCHEMA[new]).alias(new) for old, new in BASE.items() if old in rows.columns
    )
    columns = {column.name: column for column in base}
    columns |= {name: values[places[case]] for name, values, places in _fields(groups)}
    for name, constant in _constants(groups.form[case], known):
        columns[name] = constant.zip_with(constant.is_not_null(), columns[name]) if name in columns else constant
    nothing = {kind: pl.Series(dtype=kind).clear(len(case)) for kind in set(EVENT_SCHEMA.values())}
    return pl.DataFrame([columns.get(name, nothing[kind]).alias(name) for name, kind in EVENT_SCHEMA.items()])


def _fields(groups: Groups) -> Iterator[tuple[str, pl.Series, Rows]]:
    """Yield (name, values, place of each case's value in them) of every field that has one; the last place is a null.

    Most fields are told by few forms, so they are typed as they were found, without the cases that do not have them;
    the values of all fields of one type at once.
    """
    alike: dict[_Conversion, list[tuple[str, _Part]]] = {}
    for name, part in _parts(groups):
        alike.setdefault(_BY_FIELD.get(name) or _BY_TYPE[FIELDS[name]], []).append((name, part))
    if not alike:
        return
    shown = _shown(pl.concat([texts for parts in alike.values() for _, (_, _, texts) in parts]))
    for convert, parts in alike.items():
        nowhere = sum(len(texts) for _, (_, _, texts) in parts)
        values, shown = convert(shown[:nowhere]), shown[nowhere:]
        told = values.is_not_null().to_numpy()
        places: dict[str, Rows] = {}
        start = 0
        for name, (cases, number, texts) in parts:
            place = places.setdefault(name, np.full(len(groups.form), nowhere, np.int64))
            first = told[start + number] & (place[cases] == nowhere)
            place[cases[first]] = start + number[first]
            start += len(texts)
        values = values.append(pl.Series([None], dtype=values.dtype))
        yield from ((name, values, place) for name, place in places.items())


def _parts(groups: Groups) -> Iterator[tuple[str, _Part]]:
    """Yield (field, where its values come from); of several parts of a field the first that tells a value counts.

    What a field's own group found comes first, then what compound values hold, of which each is taken apart once.
    """
    compounds: dict[str, _Part] = {}
    for name, cases, raw in groups.columns():
        if name in COMPOUND:
            number, distinct = numbered(raw)
            shown = number >= 0
            compounds[name] = cases[shown], number[shown], distinct
        else:
            yield name, (cases, np.arange(len(cases)), raw)
    for name, field, texts in taken_apart({name: distinct for name, (_, _, distinct) in compounds.items()}):
        cases, number, _ = compounds[name]
        yield field, (cases, number, texts)


def _constants(form: Rows, known: Catalogue) -> Iterator[tuple[str, pl.Series]]:
    """Yield (column, values) of what the signals say themselves."""
    present, number = np.unique(known.signal_of_form[form], return_inverse=True)
    signals = [known.signals[position] for position in present]
    yield "signal", pl.Series([one.id for one in signals])[number]
    yield "kind", pl.Series([one.kind for one in signals])[number]
    yield "confidence", pl.Series([one.confidence for one in signals], dtype=pl.Float64)[number]
    for name in {name for one in signals for name in one.constants}:
        yield name, pl.Series([one.constants.get(name) for one in signals], dtype=FIELDS[name])[number]


def _shown(texts: pl.Series) -> pl.Series:
    """Return texts without blanks around them; what is hidden becomes null."""
    text = pl.col("text")
    stripped = texts.alias("text").to_frame().select(text.str.strip_chars())
    hidden = text.is_in(HIDDEN) | text.str.starts_with(_MASKED)
    return stripped.select(pl.when(~hidden).then(text)).to_series()


def _boolean(texts: pl.Series) -> pl.Series:
    text = pl.col("text").str.to_lowercase()
    value = pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)
    return texts.alias("text").to_frame().select(value).to_series()


def _number(texts: pl.Series) -> pl.Series:
    """Numbers that a double can hold: a longer one would be infinite, which JSON cannot say."""
    numbers = texts.cast(pl.Float64, strict=False).alias("number")
    return numbers.to_frame().select(pl.when(pl.col("number").is_finite()).then("number")).to_series()


def _duration(texts: pl.Series) -> pl.Series:
    """Seconds that the clock can hold, nanoseconds in 64 bits: a difference without a sign that fell below zero is none."""
    numbers = _number(texts)
    return numbers.to_frame().select(pl.when(pl.col("number").abs() <= _LONGEST_S).then("number")).to_series()


def _session(texts: pl.Series) -> pl.Series:
    digits = pl.col("text").str.to_lowercase().str.strip_prefix("0x")
    value = pl.when(digits.str.contains(r"^[0-9a-f]+$")).then("0x" + digits)
    return texts.alias("text").to_frame().select(value).to_series()


def _hexadecimal(codes: pl.Series) -> pl.Series:
    """Return decimal and hexadecimal codes as ``0x…`` in lower case; other text stays as printed."""
    number, distinct = numbered(codes)
    table = [*map(_hex, distinct.to_list()), None]
    return pl.Series(table, dtype=pl.String)[number % len(table)]


def _hex(code: str) -> str:
    lower = code.lower()
    if lower.startswith("0x"):
        return lower
    return f"0x{int(lower):x}" if lower.isascii() and lower.isdigit() else code


_Conversion = Callable[[pl.Series], pl.Series]
_BY_FIELD: Final[dict[str, _Conversion]] = {
    "session_id": _session,
    "code": _hexadecimal,
    "duration_s": _duration,
    "call_id": lambda texts: texts.str.to_uppercase(),
}
_BY_TYPE: Final[dict[pl.DataType, _Conversion]] = {
    pl.String(): lambda texts: texts,
    pl.Boolean(): _boolean,
    pl.Int64(): lambda texts: texts.cast(pl.Int64, strict=False),
    pl.Float64(): _number,
}
"""Text to the type of a field (null where it does not convert), where the field has no notation of its own."""
