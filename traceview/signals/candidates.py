"""Which forms each message may have, before any regular expression runs.

Rows that print the same text from the same place are one case: real logs repeat themselves (ten daemons print one
state update). A case whose os_log format some signal gives is looked up by that format; the others go through one
Aho-Corasick pass over all literals of the catalogue, which names the few forms that they may have.
"""

from collections.abc import Collection
from itertools import chain
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from traceview.signals.catalogue import SPECIFIC_LETTERS, Catalogue, Signal
from traceview.signals.notation import format_key

Rows = np.ndarray[Any, np.dtype[Any]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MAX_MESSAGE: Final = 8_192
"""Characters of a message that are looked at: os_log cuts at 1 KiB unless oversize data follows, what an event says
stands at the beginning, and hostile long lines that hold every literal must not cost seconds each."""
_KEY: Final = ("message", "process", "subsystem", "sender", "format")


class Cases(Struct, frozen=True):
    """Rows by case.

    Attributes:
        case: Case of each row.
        frame: The first row of each case.
        texts: Its message, cut to `MAX_MESSAGE`.
        forms: Positions of the forms that the cases of `members` may have, ascending: most specific first.
        members: Cases of each of `forms`, ascending.
    """

    case: Rows
    frame: pl.DataFrame
    texts: pl.Series
    forms: list[int]
    members: list[Rows]


def find_cases(frame: pl.DataFrame, known: Catalogue) -> Cases:
    """Return the cases of `frame` (columns message, without nulls, process, subsystem, sender, format), and their forms."""
    first = frame.with_row_index("place").select(pl.col("place").first().over(_KEY)).to_series().to_numpy()
    leaders, case = np.unique(first, return_inverse=True)
    cases = frame[leaders]
    texts = cases["message"].str.slice(0, MAX_MESSAGE)
    case_by_format, form_by_format = _by_format(cases["format"], known)
    undecided = np.ones(len(cases), bool)
    undecided[case_by_format] = False
    case_by_word, form_by_word = _by_literal(texts, np.flatnonzero(undecided), known)
    size = len(cases)
    pairs = np.concatenate([form_by_format, form_by_word]) * np.int64(size)
    pairs += np.concatenate([case_by_format, case_by_word])
    form, member = np.divmod(np.unique(pairs), size)
    forms, starts = np.unique(form, return_index=True)
    members = np.split(member, starts[1:]) if len(forms) else []
    return Cases(case, cases, texts, forms.tolist(), members)


def _by_format(column: pl.Series, known: Catalogue) -> tuple[Rows, Rows]:
    """Return (case, form) pairs of the cases whose format some signal gives."""
    number, distinct = numbered(column)
    forms = [known.forms_of(format_key(text)) for text in distinct]
    borders = np.cumsum([0, *map(len, forms)])
    cases = np.flatnonzero(number >= 0)
    return _each_form(cases, number[cases], np.array(list(chain(*forms)), np.int64), borders)


def _by_literal(texts: pl.Series, cases: Rows, known: Catalogue) -> tuple[Rows, Rows]:
    """Return (case, form) pairs of the cases by the literals that their texts hold."""
    found = texts[cases].str.extract_many(known.literals, overlapping=True)
    owners = np.repeat(cases, found.list.len().to_numpy())
    number = found.explode(empty_as_null=False).cast(known.literal_type).to_physical().to_numpy()
    return _each_form(owners, number, *known.forms_by_literal)


def _each_form(cases: Rows, number: Rows, forms: Rows, borders: Rows) -> tuple[Rows, Rows]:
    """Return (case, form) pairs: number ``i`` stands for ``forms[borders[i]:borders[i + 1]]``."""
    count = np.diff(borders)[number]
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(cases, count), forms[np.repeat(borders[number], count) + within]


class Conditions:
    """Who printed each case, as small numbers, so that one signal's conditions are two table look-ups."""

    def __init__(self, cases: pl.DataFrame) -> None:
        self._process, self._processes = _named_by_number(cases["process"])
        self._subsystem, self._subsystems = _named_by_number(cases["subsystem"])
        self._sender, self._senders = _named_by_number(cases["sender"])

    def hold(self, signal: Signal, letters: int, cases: Rows) -> Mask:
        """Say for each case whether its process and subsystem, where they are known, are those of the signal."""
        keep = np.ones(len(cases), bool)
        if signal.processes:
            keep &= _accepted(self._processes, signal.processes)[self._process[cases]]
        if signal.subsystem is not None:
            keep &= _accepted(self._subsystems, {signal.subsystem, ""})[self._subsystem[cases]]
        if _is_vague(signal, letters):
            keep &= self._proven(signal, cases)
        return keep

    def _proven(self, signal: Signal, cases: Rows) -> Mask:
        """Say for each case whether its origin is known to be the signal's: needed where the text proves nothing."""
        if signal.processes or signal.subsystem is None:
            return _known(self._processes)[self._process[cases]]
        library = _named(self._senders, signal.senders)[self._sender[cases]]
        return library | _named(self._subsystems, {signal.subsystem})[self._subsystem[cases]]


def numbered(values: pl.Series) -> tuple[Rows, pl.Series]:
    """Return a number a value, -1 for null, and the distinct values (text) that the numbers stand for."""
    encoded = values.cast(pl.String).to_arrow().dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy(), pl.Series(encoded.dictionary)


def _named_by_number(values: pl.Series) -> tuple[Rows, list[str | None]]:
    """Return a number a value and what the numbers stand for; the last one, -1, stands for null."""
    number, distinct = numbered(values)
    return number, [*distinct.to_list(), None]


def _accepted(values: list[str | None], wanted: Collection[str]) -> Mask:
    return ~_known(values) | _named(values, wanted)


def _known(values: list[str | None]) -> Mask:
    return np.array([value is not None for value in values], bool)


def _named(values: list[str | None], wanted: Collection[str]) -> Mask:
    return np.array([value in wanted for value in values], bool)


def _is_vague(signal: Signal, letters: int) -> bool:
    """Whether the text alone does not prove the signal, so that its process, subsystem or library has to be known."""
    return letters < SPECIFIC_LETTERS if signal.anonymous is None else not signal.anonymous
