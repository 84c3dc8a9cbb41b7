"""From log rows to events: which signal each row is, and what its fields say.

Three steps, none of them a loop over rows. Rows whose os_log format is known are looked up by that format. The others
go through one Aho-Corasick pass over all literals of the catalogue, which names the few forms that a row may have.
Then each form's regular expression runs over its own candidates only, most specific form first; a row keeps the first
form that fits. Every row is judged on its own, so matching a table in pieces gives the same events.
"""

from collections.abc import Collection
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl

from traceview.signals.catalogue import SPECIFIC_LETTERS, Catalogue, Signal, catalogue
from traceview.signals.identity import expand
from traceview.signals.notation import format_key
from traceview.signals.vocabulary import EVENT_SCHEMA, FIELDS, empty_events

_BASE: Final = {
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
MAX_MESSAGE: Final = 8_192
"""Characters of a message that are looked at: os_log cuts at 1 KiB unless oversize data follows, what an event says
stands at the beginning, and hostile long lines that hold every literal must not cost seconds each."""

Rows = np.ndarray[Any, np.dtype[Any]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def match(log: Any, using: Catalogue | None = None) -> pl.DataFrame:
    """Recognise the events among log rows.

    Args:
        log: Rows of the ``log`` schema: an Arrow record batch or table, or a polars frame. ``message`` is required;
            what else is missing is taken as unknown. Order and refs are kept.
        using: Another catalogue than the built-in one.

    Returns:
        Events (`EVENT_SCHEMA`), at most one a row, in row order. A row whose process is unknown (bare messages) is
        recognised by its message alone where that is specific enough.
    """
    known = using or catalogue()
    frame = _strings(log if isinstance(log, pl.DataFrame) else pl.DataFrame(log))
    if frame.is_empty():
        return empty_events()
    rows, forms = _candidates(frame, known)
    matched = _extract(frame, rows, forms, known) if len(rows) else None
    return empty_events() if matched is None else _assemble(frame, matched, known)


def _strings(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that matching needs, dictionaries kept as they are, missing ones added as null."""
    frame = frame.select(name for name in (*_BASE, "format") if name in frame.columns)
    missing = [
        pl.lit(None, pl.String).alias(name)
        for name in ("process", "subsystem", "sender", "format")
        if name not in frame
    ]
    return frame.with_columns(missing).with_row_index("row")


def _candidates(frame: pl.DataFrame, known: Catalogue) -> tuple[Rows, Rows]:
    """Return parallel arrays (row, form) of what each row may be, grouped by form, most specific form first."""
    by_format = _by_format(frame, known)
    message = frame["message"]
    rest = frame.select("row", "message")
    decided = by_format["row"].unique()
    if len(decided):
        rest = rest.filter(~pl.col("row").is_in(decided.implode()))
        message = rest["message"]
    literals = known.literals
    hits = rest.filter(message.str.contains_any(literals).fill_null(value=False))
    table = pl.DataFrame(
        [(literal, position) for position, form in enumerate(known.forms) for literal in form.literals],
        schema={"literal": pl.String, "form": pl.UInt32},
        orient="row",
    )
    by_literal = (
        hits.select(
            "row", literal=pl.col("message").str.slice(0, MAX_MESSAGE).str.extract_many(literals, overlapping=True)
        )
        .explode("literal", empty_as_null=False)
        .unique()
        .join(table, on="literal")
        .select("row", "form")
    )
    pairs = pl.concat([by_format, by_literal]).unique().sort("form", "row")
    return pairs["row"].to_numpy(), pairs["form"].to_numpy()


def _by_format(frame: pl.DataFrame, known: Catalogue) -> pl.DataFrame:
    """Return (row, form) for the rows whose format string some signal gives exactly."""
    schema = {"row": pl.UInt32, "form": pl.UInt32}
    distinct = frame["format"].drop_nulls().unique().cast(pl.String)
    pairs = [(text, form) for text in distinct for form in known.by_format.get(format_key(text), ())]
    if not pairs:
        return pl.DataFrame(schema=schema)
    table = pl.DataFrame(pairs, schema={"format": pl.String, "form": pl.UInt32}, orient="row")
    wanted = frame.filter(pl.col("format").cast(pl.String).is_in(table["format"].unique().implode()))
    return wanted.select("row", pl.col("format").cast(pl.String)).join(table, on="format").select("row", "form")


def _extract(frame: pl.DataFrame, rows: Rows, forms: Rows, known: Catalogue) -> pl.DataFrame | None:
    """Run each form over its candidates; return row, form and raw groups of the rows that fit, or None."""
    some, place = np.unique(rows, return_inverse=True)
    candidates = frame[some]
    texts = candidates["message"].str.slice(0, MAX_MESSAGE)
    conditions = _Conditions(candidates)
    done = np.zeros(len(some), bool)
    found: list[pl.DataFrame] = []
    edges = np.flatnonzero(np.diff(forms.astype(np.int64), prepend=-1, append=-1))
    for start, end in pairwise(edges):
        position = int(forms[start])
        form = known.forms[position]
        mine = place[start:end]
        mine = mine[~done[mine]]
        mine = mine[conditions.hold(known.signals[form.signal], form.letters, mine)]
        if not len(mine):
            continue
        groups = texts.gather(mine).str.extract_groups(f"(?P<whole>{form.pattern})").struct.unnest()
        fits = groups["whole"].is_not_null().to_numpy()
        if not fits.any():
            continue
        mine = mine[fits]
        done[mine] = True
        kept = groups.filter(fits).rename({"whole": "row"})
        found.append(kept.with_columns(row=pl.Series(some[mine]), form=pl.lit(position, pl.UInt32)))
    return pl.concat(found, how="diagonal") if found else None


class _Conditions:
    """Who printed each candidate, as small numbers, so that one signal's conditions are two table look-ups."""

    def __init__(self, candidates: pl.DataFrame) -> None:
        self._process, self._processes = _numbered(candidates["process"])
        self._subsystem, self._subsystems = _numbered(candidates["subsystem"])
        self._sender, self._senders = _numbered(candidates["sender"])

    def hold(self, signal: Signal, letters: int, rows: Rows) -> Mask:
        """Say for each row whether its process and subsystem, where they are known, are those of the signal."""
        keep = np.ones(len(rows), bool)
        if signal.processes:
            keep &= _accepted(self._processes, signal.processes)[self._process[rows]]
        if signal.subsystem is not None:
            keep &= _accepted(self._subsystems, {signal.subsystem, ""})[self._subsystem[rows]]
        if _is_vague(signal, letters):
            keep &= self._proven(signal, rows)
        return keep

    def _proven(self, signal: Signal, rows: Rows) -> Mask:
        """Say for each row whether its origin is known to be the signal's: needed where the text proves nothing."""
        if signal.processes or signal.subsystem is None:
            return _known(self._processes)[self._process[rows]]
        library = _named(self._senders, signal.senders)[self._sender[rows]]
        return library | _named(self._subsystems, {signal.subsystem})[self._subsystem[rows]]


def _numbered(column: pl.Series) -> tuple[Rows, list[str | None]]:
    """Return a number a row and the values that the numbers stand for."""
    values = column.cast(pl.String).alias("value")
    distinct = values.unique().to_frame().with_row_index("number")
    numbers = values.to_frame().join(distinct, on="value", how="left", nulls_equal=True, maintain_order="left")
    return numbers["number"].to_numpy(), distinct["value"].to_list()


def _accepted(values: list[str | None], wanted: Collection[str]) -> Mask:
    return ~_known(values) | _named(values, wanted)


def _known(values: list[str | None]) -> Mask:
    return np.array([value is not None for value in values], bool)


def _named(values: list[str | None], wanted: Collection[str]) -> Mask:
    return np.array([value in wanted for value in values], bool)


def _is_vague(signal: Signal, letters: int) -> bool:
    """Whether the text alone does not prove the signal, so that its process, subsystem or library has to be known."""
    return letters < SPECIFIC_LETTERS if signal.anonymous is None else not signal.anonymous


def _assemble(frame: pl.DataFrame, matched: pl.DataFrame, known: Catalogue) -> pl.DataFrame:
    """Type the fields, add constants and the identity of the rows."""
    fields = expand(matched)
    fields = fields.with_columns(_typed(name) for name in FIELDS if name in fields.columns)
    signals = [known.signals[form.signal] for form in known.forms]
    used = sorted({name for signal in signals for name in signal.constants})
    table = pl.DataFrame(
        {
            "form": pl.Series(range(len(signals)), dtype=pl.UInt32),
            "signal": [signal.id for signal in signals],
            "kind": [signal.kind for signal in signals],
            "confidence": [signal.confidence for signal in signals],
            **{
                f"set_{name}": pl.Series([signal.constants.get(name) for signal in signals], dtype=FIELDS[name])
                for name in used
            },
        }
    )
    fields = fields.join(table, on="form", how="left", maintain_order="left")
    constants = [pl.coalesce(f"set_{name}", name) if name in fields.columns else pl.col(f"set_{name}") for name in used]
    fields = fields.with_columns(value.alias(name) for value, name in zip(constants, used, strict=True))
    base = frame[fields["row"]].rename({old: new for old, new in _BASE.items() if old in frame.columns})
    events = pl.concat([fields.drop("form"), base.drop("row", "format")], how="horizontal").sort("row")
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in events.columns]
    return events.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())


_TRUE: Final = ("yes", "true", "1", "on", "y")
_FALSE: Final = ("no", "false", "0", "off", "n")


def _typed(name: str) -> pl.Expr:
    """Return column `name` of raw text as its field's type; what is hidden or does not convert becomes null."""
    text = pl.col(name).str.strip_chars()
    text = pl.when(text.is_in(["", "<private>", "(null)"])).then(None).otherwise(text)
    kind = FIELDS[name]
    if kind == pl.Boolean():
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False).alias(name)
    if name == "session_id":
        lower = text.str.to_lowercase().str.strip_prefix("0x")
        return pl.when(lower.str.contains(r"^[0-9a-f]+$")).then("0x" + lower).alias(name)
    if name == "code":
        return text.map_batches(_hexadecimal, return_dtype=pl.String).alias(name)
    if name == "call_id":
        return text.str.to_uppercase().alias(name)
    return text.alias(name) if kind == pl.String() else text.cast(kind, strict=False).alias(name)


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
