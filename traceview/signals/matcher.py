"""From log rows to events: which signal each row is, and what its fields say.

Three steps, none of them a loop over rows. `candidates` tells which forms a message may have: by its os_log format
where that is known, else by the literals that it holds. Then each form runs over its own candidates only, most
specific form first, and a message keeps the first form that fits: where the source has typed arguments a form reads
its fields from them (`values`), elsewhere its regular expression finds them in the text. `assembly` types the fields.
Every row is judged on its own, so matching a table in pieces gives the same events.
"""

from typing import Any

import numpy as np
import polars as pl

from traceview.signals.assembly import BASE, Groups, assemble
from traceview.signals.candidates import MAX_MESSAGE, Cases, Conditions, Rows, find_cases, numbered
from traceview.signals.catalogue import Catalogue, Form, catalogue
from traceview.signals.notation import format_key
from traceview.signals.values import Arguments, call_of
from traceview.signals.vocabulary import MESSAGES, empty_events

__all__ = ["MAX_MESSAGE", "match"]


def match(log: Any, using: Catalogue | None = None) -> pl.DataFrame:
    """Recognise the events among log rows.

    Args:
        log: Rows of the ``log`` schema: an Arrow record batch or table, or a polars frame. ``message`` is required;
            what else is missing is taken as unknown; rows whose ``event`` is no message are left out. Order and refs are kept. With the columns ``format`` and
            ``arguments`` fields come from the typed arguments, where a signal gives the exact format.
        using: Another catalogue than the built-in one.

    Returns:
        Events (`EVENT_SCHEMA`), at most one a row, in row order. A row whose process is unknown (bare messages) is
        recognised by its message alone where that is specific enough.
    """
    known = using or catalogue()
    given = log if isinstance(log, pl.DataFrame) else pl.DataFrame(log.select(_needed(log.schema.names)))
    wanted = [pl.col("message").is_not_null(), *([are_messages()] if "event" in given.columns else [])]
    frame = _columns(given.filter(wanted))
    if frame.is_empty():
        return empty_events()
    cases = find_cases(frame, known)
    groups = _extract(cases, known)
    found = np.flatnonzero(groups.form[cases.case] >= 0)
    if not found.size:
        return empty_events()
    rows = frame.drop("format", "arguments", strict=False)[found]
    return assemble(rows, groups, cases.case[found], known)


def _needed(names: list[str]) -> list[str]:
    return [name for name in (*BASE, "format", "arguments", "event") if name in names]


def are_messages() -> pl.Expr:
    """Say of rows with the column ``event`` whether they are messages, which alone can be events."""
    event = pl.col("event")
    return event.is_null() | event.cast(pl.String).is_in([name for name in MESSAGES if name is not None])


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that matching needs, dictionaries kept as they are, missing ones added as null."""
    present = [name for name in (*BASE, "format", "arguments") if name in frame.columns]
    missing = [
        pl.lit(None, pl.String).alias(name)
        for name in ("process", "subsystem", "sender", "format")
        if name not in frame.columns
    ]
    return frame.select(*present, *missing)


def _extract(cases: Cases, known: Catalogue) -> Groups:
    """Run each form over its candidates; a case keeps the first form that fits."""
    groups = Groups(len(cases.texts))
    conditions = Conditions(cases.frame)
    reader = _Reader(cases)
    for position, members in zip(cases.forms, cases.members, strict=True):
        form = known.forms[position]
        mine = members[groups.form[members] < 0]
        mine = mine[conditions.hold(known.signals[form.signal], form.letters, mine)]
        for fitting, fields in reader.read(form, mine):
            groups.add(position, fitting, fields)
    return groups


class _Reader:
    """Reads the raw fields of a form from arguments where there are some, else from the text."""

    def __init__(self, cases: Cases) -> None:
        self._texts = cases.texts
        frame = cases.frame
        self._arguments = Arguments(frame["arguments"]) if "arguments" in frame.columns else None
        if self._arguments is not None:
            self._format, formats = numbered(frame["format"])
            self._formats = formats.to_list()

    def read(self, form: Form, cases: Rows) -> list[tuple[Rows, dict[str, pl.Series]]]:
        """Return (cases that fit, raw fields as text) pairs."""
        found = []
        if self._arguments is not None and form.named and len(cases):
            told = np.zeros(len(cases), bool)
            formats, known = self._format[cases], form.formats
            for number in np.unique(formats[formats >= 0]):
                printed = self._formats[number]
                named = known.get(format_key(printed))
                call = call_of(named, printed) if named is not None else None
                if call is None:
                    continue
                fit = (formats == number) & self._arguments.fit(cases, call)
                found.append((cases[fit], self._arguments.fields(cases[fit], call)))
                told |= fit
            cases = cases[~told]
        if len(cases):
            found.append(self._search(form, cases))
        return found

    def _search(self, form: Form, cases: Rows) -> tuple[Rows, dict[str, pl.Series]]:
        """Run the regular expression of a form over the texts of some cases."""
        texts = self._texts[cases]
        if "(?P<" not in form.pattern:
            return cases[texts.str.contains(form.pattern).to_numpy()], {}
        # The empty group at the end tells a match in which no other group took part from no match.
        groups = texts.str.extract_groups(f"(?:{form.pattern})(?P<end>)").struct.unnest()
        end = groups.drop_in_place("end")
        if end.null_count():
            fits = end.is_not_null()
            cases, groups = cases[fits.to_numpy()], groups.filter(fits)
        return cases, {values.name: values for values in groups}
