"""From raw fields to the event table: types, what compound values hold, constants of the signals, the rows themselves."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from traceview.signals.candidates import Rows
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


def assemble(rows: pl.DataFrame, groups: Groups, case: Rows, known: Catalogue) -> pl.DataFrame:
    """Build the events of some rows.

    Args:
        rows: Log rows that are events.
        groups: What was found in the cases.
        case: Case of each row.
        known: The catalogue whose forms `groups` names.
    """
    fields = _fields(groups)
    form = groups.form[case]
    base = rows.select(pl.col(old).alias(new) for old, new in BASE.items() if old in rows.columns)
    told = base.with_columns(column.gather(places[case]) for column, places in fields)
    events = told.with_columns(_constants(form, {column.name for column, _ in fields}, known))
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in events.columns]
    return events.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())


def _fields(groups: Groups) -> list[tuple[pl.Series, Rows]]:
    """Return (values, place of each case's value in them) of every field that has one; the last place is a null.

    Most fields are told by few forms, so they are typed as they were found, without the cases that do not have them.
    """
    found: dict[str, list[tuple[Rows, pl.Series]]] = {}
    compound: list[tuple[str, Rows, pl.Series]] = []
    for name, cases, raw in groups.columns():
        if name in COMPOUND:
            compound += ((field, cases, values) for field, values in taken_apart(name, raw))
        else:
            found[name] = [(cases, raw)]
    for field, cases, raw in compound:
        found.setdefault(field, []).append((cases, raw))
    columns = []
    for name, parts in found.items():
        values = _typed(name, pl.concat([raw for _, raw in parts]).alias(name))
        shown = values.is_not_null().to_numpy()
        place = np.full(len(groups.form), len(values), np.int64)
        end = len(values)
        for cases, raw in reversed(parts):  # a field given by its own group wins, so it comes last
            start = end - len(raw)
            place[cases[shown[start:end]]] = start + np.flatnonzero(shown[start:end])
            end = start
        columns.append((values.append(pl.Series(name, [None], values.dtype)), place))
    return columns


def _constants(form: Rows, found: set[str], known: Catalogue) -> list[pl.Expr]:
    """Return what the signals say themselves: a constant field comes before what was found."""
    signal = pl.Series(np.array([one.signal for one in known.forms], np.int64)[form])
    present = [known.signals[number] for number in signal.unique()]

    def column(name: str, kind: pl.DataType, values: list[Any]) -> pl.Expr:
        return pl.lit(pl.Series(name, values, dtype=kind).gather(signal))

    constants = [
        column("signal", pl.String(), [one.id for one in known.signals]),
        column("kind", pl.String(), [one.kind for one in known.signals]),
        column("confidence", pl.Float64(), [one.confidence for one in known.signals]),
    ]
    for name in sorted({name for one in present for name in one.constants}):
        value = column(name, FIELDS[name], [one.constants.get(name) for one in known.signals])
        constants.append(pl.coalesce(value, name).alias(name) if name in found else value)
    return constants


def _typed(name: str, raw: pl.Series) -> pl.Series:
    """Return raw text as its field's type; what is hidden or does not convert becomes null."""
    text = pl.col(name).str.strip_chars()
    text = pl.when(text.is_in(HIDDEN) | text.str.starts_with(_MASKED)).then(None).otherwise(text)
    kind = FIELDS[name]
    value: pl.Expr
    if kind == pl.Boolean():
        lower = text.str.to_lowercase()
        value = pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
    elif name == "session_id":
        lower = text.str.to_lowercase().str.strip_prefix("0x")
        value = pl.when(lower.str.contains(r"^[0-9a-f]+$")).then("0x" + lower)
    elif name == "code":
        value = text.map_batches(_hexadecimal, return_dtype=pl.String)
    elif name == "call_id":
        value = text.str.to_uppercase()
    else:
        value = text if kind == pl.String() else text.cast(kind, strict=False)
    return raw.to_frame().select(value.alias(name)).to_series()


def _hexadecimal(codes: pl.Series) -> pl.Series:
    """Return decimal and hexadecimal codes as ``0x…`` in lower case; other text stays as printed."""
    distinct = codes.drop_nulls().unique().to_list()
    table = {code: _hex(code) for code in distinct}
    return codes.replace_strict(table, return_dtype=pl.String) if table else codes


def _hex(code: str) -> str:
    lower = code.lower()
    if lower.startswith("0x"):
        return lower
    return f"0x{int(lower):x}" if lower.isascii() and lower.isdigit() else code
