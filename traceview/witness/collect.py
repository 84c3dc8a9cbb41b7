"""Reads the tables of other witnesses than the log and keeps what a timeline can show."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl
from msgspec import Struct, field
from msgspec.structs import replace

from traceview.clocks import bound_text
from traceview.scan import as_frame
from traceview.witness.disagreement import disagreements
from traceview.witness.instruments import KEPT, instruments_windows, longest, telling
from traceview.witness.powerlog import POWER_TABLES, powerlog_windows
from traceview.witness.reports import report_windows
from traceview.witness.schema import TIME, WITNESS_SCHEMA
from traceview.witness.tables import newest_rows
from traceview_parsers import Trace
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.trace import Coverage

ROWS: Final = 5000
"""Most windows of one lane and app, the newest; a timeline draws no more one by one."""
_TABLES: Final = (*POWER_TABLES, "reports")


class Witnesses(Struct):
    """What other witnesses tell.

    Attributes:
        windows: `WITNESS_SCHEMA`, by lane and time.
        notes: By name of a source: what was left out.
    """

    windows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WITNESS_SCHEMA))
    notes: dict[str, list[str]] = field(default_factory=dict)


def collect(
    trace: Trace,
    apps: Sequence[str],
    coverage: Sequence[Coverage],
    *,
    episodes: Mapping[str, pl.DataFrame],
    read: Mapping[str, pl.DataFrame],
) -> Witnesses:
    """Return what PowerLog, Instruments and reports tell about the device and the analysed apps.

    Args:
        trace: Open.
        apps: Bundle ids.
        coverage: Of all sources, by index.
        episodes: Episode tables, to find contradictions of app states and the assertions that both tell.
        read: Tables of the trace that were read already; others are read here.
    """
    witnesses = Witnesses()
    tables = {
        name: _zoned(read[name] if name in read else newest_rows(trace, name))
        for name in _TABLES
        if name in trace.tables
    }
    power = {name: _covered(table, coverage) for name, table in tables.items() if name in POWER_TABLES}
    if "power_assertions" in power:
        in_log = pl.col("assertion_id").is_in(episodes["assertions"]["assertion_id"].drop_nulls().implode())
        power["power_assertions"] = power["power_assertions"].with_columns(in_log=in_log.fill_null(value=False))
    parts = _instruments(trace, coverage, witnesses)
    if power:
        parts.append(powerlog_windows(power, apps))
    if "reports" in tables:
        parts.append(report_windows(tables["reports"]))
    told = pl.concat([witnesses.windows, *parts])
    if told.is_empty():
        return witnesses
    told = _clipped(told, coverage)
    app_states = told.filter(pl.col("lane") == "app_state")
    if not app_states.is_empty():
        of_powerlog = [index for index, one in enumerate(coverage) if one.reader == "powerlog"]
        told = pl.concat([told, disagreements(_without(episodes["app_states"], of_powerlog), app_states)])
    told = _attributed(told, coverage)
    newest = pl.col("start").rank("ordinal", descending=True).over("lane", "app")
    for (source, lane), rows in told.filter(newest > ROWS).group_by("source", "lane", maintain_order=True):
        _note(witnesses, str(source), f"lane {str(lane).replace('_', ' ')} shows the newest {ROWS:,} windows; {rows.height:,} older ones are left out")  # fmt: skip
    witnesses.windows = told.filter(newest <= ROWS).sort("lane", "start", "ref")
    return witnesses


def with_notes(coverage: Sequence[Coverage], notes: Mapping[str, Sequence[str]]) -> list[Coverage]:
    """Return coverage with further notes, by name of the source."""
    return [replace(one, notes=(*one.notes, *notes.get(one.source, ()))) for one in coverage]


def _instruments(trace: Trace, coverage: Sequence[Coverage], witnesses: Witnesses) -> list[pl.DataFrame]:
    """Stream the intervals of all sources and keep the longest of each kind; one frame a source that has some."""
    parts = []
    for index, source in enumerate(trace.sources):
        if "intervals" not in source.tables:
            continue
        kept: pl.DataFrame | None = None
        seen: dict[str, int] = {}
        for batch in source.batches("intervals"):
            found = telling(_zoned(as_frame(batch)))
            for kind, count in found["kind"].value_counts().iter_rows():
                seen[kind] = seen.get(kind, 0) + count
            kept = longest(found if kept is None else pl.concat([kept, found]))
        if kept is not None:
            parts.append(instruments_windows(kept))
        for kind, count in sorted(seen.items()):
            if count > KEPT:
                _note(witnesses, coverage[index].source, f"the {KEPT:,} longest of {count:,} intervals of kind {kind} are in the timeline")  # fmt: skip
    return parts


def _covered(frame: pl.DataFrame, coverage: Sequence[Coverage]) -> pl.DataFrame:
    """Return rows that begin while their source records: states of weeks before say nothing about what followed them."""
    starts = {index: one.start_ns for index, one in enumerate(coverage) if one.start_ns is not None}
    first = _index().replace_strict(list(starts), list(starts.values()), default=None, return_dtype=pl.Int64)
    return frame.filter((pl.col("time").dt.epoch("ns") >= first).fill_null(value=True))


def _clipped(told: pl.DataFrame, coverage: Sequence[Coverage]) -> pl.DataFrame:
    """Return windows cut to what their source covers.

    An interval lasts for its length on the source's own clock; where the wall clock was set back in between, its end would
    lie beyond everything that the source has seen.
    """
    if not coverage:
        return told
    for edge, end in ((pl.min_horizontal, True), (pl.max_horizontal, False)):
        known = {index: one.end_ns if end else one.start_ns for index, one in enumerate(coverage)}
        bound = (
            _index().replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.Int64).cast(TIME)
        )
        told = told.with_columns(edge("start", bound).alias("start"), edge("end", bound).alias("end"))
    return told


def _without(app_states: pl.DataFrame, sources: Sequence[int]) -> pl.DataFrame:
    """Return the states for which there is evidence in other sources than these."""
    told_by = pl.col("evidence").list.eval(pl.element() // (1 << REF_POSITION_BITS)).cast(pl.List(pl.Int64))
    return app_states.filter(told_by.list.set_difference(pl.lit(list(sources), pl.List(pl.Int64))).list.len() > 0)


def _attributed(told: pl.DataFrame, coverage: Sequence[Coverage]) -> pl.DataFrame:
    """Fill `source` and `clock`."""
    names = dict(enumerate(one.source for one in coverage))
    clocks = dict(enumerate(_clock(one) for one in coverage))

    def by_index(values: Mapping[int, str]) -> pl.Expr:
        return _index().replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.String)

    if not names:
        return told
    return told.with_columns(source=by_index(names), clock=by_index(clocks))


def _clock(one: Coverage) -> str:
    sure = "error not known" if one.certainty_ns is None else bound_text(one.certainty_ns)
    return f"{one.clock or 'unknown'}, {sure}"


def _index() -> pl.Expr:
    return (pl.col("ref") // (1 << REF_POSITION_BITS)).cast(pl.Int64)


def _note(witnesses: Witnesses, source: str, note: str) -> None:
    witnesses.notes.setdefault(source, []).append(note)


def _zoned(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with times of the type of this table: Arrow's own name of the zone is another type to polars."""
    return frame.with_columns(pl.col(name).cast(TIME) for name, kind in frame.schema.items() if kind == TIME)
