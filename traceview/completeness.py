"""What a capture says about itself: reports left on the device, changes of the zone, inputs that never meet in time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from traceview.zones import from_ns
from traceview_parsers.clock import offset_text, zone
from traceview_parsers.problems import Problems
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.trace import Coverage, Input

_NEAR_NS: Final = 60 * 1_000_000_000
"""Heuristic: a report made up to a minute after a log ends still belongs to it."""
_MOMENTS: Final = ("ips", "sysdiagnose", "metrickit")
"""Readers whose sources tell of moments or of days long gone, which say nothing about the span of the capture."""
_LOGS: Final = ("unified_log", "log_text", "device_syslog")
_SHOWN: Final = 3
_ASSUMED: Final = {"date": ("date assumed", "year assumed"), "zone": ("zone assumed",)}
"""What a log may lack, by how its clock says so (`traceview_parsers.clock`)."""
_OPTIONS: Final = {"date": "--date", "zone": "--tz"}

LOG_READERS: Final = frozenset({*_LOGS, "xctrace"})
"""Readers of logs; an Instruments recording may hold one among other things."""


def spanning(coverage: Sequence[Coverage]) -> list[Coverage]:
    """Return the sources whose times make the span of a capture: logs and measurements, else whatever has times."""
    timed = [one for one in coverage if one.start_ns is not None and one.end_ns is not None]
    return [one for one in timed if one.reader not in _MOMENTS] or timed


def stretches_of(one: Coverage) -> list[tuple[int, int]]:
    """Return the times (UTC nanoseconds, from and to) that a source tells of: without its gaps, none without a time."""
    if one.start_ns is None or one.end_ns is None:
        return []
    within = [(since, until) for since, until in one.gaps if one.start_ns <= since < until <= one.end_ns]
    starts = [one.start_ns, *(until for _, until in within)]
    return list(zip(starts, [*(since for since, _ in within), one.end_ns], strict=True))


def log_span(coverage: Sequence[Coverage]) -> tuple[datetime, datetime] | None:
    """Return the first and last time of the logs, else of all sources; None where no source has a time."""
    logs = [source for source in coverage if source.reader in LOG_READERS and source.start_ns is not None]
    timed = logs or [source for source in coverage if source.start_ns is not None]
    begins = [source.start_ns for source in timed if source.start_ns is not None]
    ends = [source.end_ns for source in timed if source.end_ns is not None]
    return (from_ns(min(begins)), from_ns(max(ends))) if begins and ends else None


def time_doubt(coverage: Iterable[Coverage]) -> str | None:
    """Return that lines of the log have no date, year or zone, which was not told by an option either; else None."""
    timed = [one for one in coverage if one.start_ns is not None]
    logs = [one for one in timed if one.reader in LOG_READERS] or timed
    return "; ".join(told for what in _ASSUMED if (told := _assumed(what, logs)) is not None) or None


def _assumed(what: str, logs: list[Coverage]) -> str | None:
    count = sum(any(text in one.clock for text in _ASSUMED[what]) for one in logs)
    if not count:
        return None
    some = "" if count == len(logs) else f" in {count:,} of {len(logs):,} logs"
    return f"{what} assumed{some}; see {_OPTIONS[what]}"


def with_missing_reports(
    coverage: Iterable[Coverage], listed: pl.DataFrame | None, names: Sequence[str]
) -> list[Coverage]:
    """Return coverage with a note on each listing: which reports lay on the device and are not in the capture.

    Args:
        coverage: Of all sources.
        listed: Table ``listed_reports``, or None.
        names: Names of the sources, by index.
    """
    if listed is None or listed.is_empty():
        return list(coverage)
    missing = listed.filter(~pl.col("in_capture"))
    notes: dict[str, str] = {}
    for (index,), rows in missing.group_by(pl.col("ref") // (1 << REF_POSITION_BITS), maintain_order=True):
        processes = (
            rows["process"]
            .drop_nulls()
            .value_counts(sort=True, name="reports")
            .sort(["reports", "process"], descending=[True, False])
        )
        shown = ", ".join(f"{row['process']} {row['reports']}" for row in processes.head(_SHOWN).iter_rows(named=True))
        rest = processes.height - _SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        lay = "1 report lay" if rows.height == 1 else f"{rows.height} reports lay"
        verb = "is" if rows.height == 1 else "are"
        notes[names[int(str(index))]] = f"{lay} on the device and {verb} not in the capture: {shown}{more}"
    return _noted(coverage, notes)


def with_zone_notes(
    coverage: Iterable[Coverage], reports: pl.DataFrame | None, names: Sequence[str], tz: str | None
) -> list[Coverage]:
    """Return coverage with a note on each report that was printed in another zone than the capture's.

    Args:
        coverage: Of all sources.
        reports: Table ``reports``, or None.
        names: Names of the sources, by index.
        tz: Zone of the capture (``+01:00`` or a name), or None.
    """
    if reports is None or tz is None:
        return list(coverage)
    home = zone(tz)
    notes: dict[str, str] = {}
    for row in reports.drop_nulls(["time", "utc_offset_s"]).iter_rows(named=True):
        there = row["time"].astimezone(home).utcoffset()
        if there is not None and there.total_seconds() != row["utc_offset_s"]:
            own, other = offset_text(row["utc_offset_s"]), offset_text(round(there.total_seconds()))
            notes[names[row["ref"] // (1 << REF_POSITION_BITS)]] = (
                f"printed at UTC{own}, the capture's zone has UTC{other}: the device changed its zone in between "
                "(a journey, or daylight saving)"
            )
    return _noted(coverage, notes)


def _noted(coverage: Iterable[Coverage], notes: dict[str, str]) -> list[Coverage]:
    return [replace(one, notes=(*one.notes, notes[one.source])) if one.source in notes else one for one in coverage]


class _Span(Struct, frozen=True):
    name: str
    start: int
    end: int
    rows: int
    log_rows: int

    def meets(self, other: "_Span") -> bool:
        return self.start <= other.end + _NEAR_NS and other.start <= self.end + _NEAR_NS


def report_strangers(inputs: Sequence[Input], coverage: Sequence[Coverage], problems: Problems) -> None:
    """Add the problem ``no-overlap`` for each input that shares no moment with the main one: the largest log, else the largest.

    Args:
        inputs: What the user gave.
        coverage: Of all sources, by index, after they were read.
        problems: Gets the problem.
    """
    spans = [span for given in inputs if (span := _span(given, coverage)) is not None]
    if len(spans) < 2:
        return
    main = max(spans, key=lambda span: (span.log_rows, span.rows))
    for span in spans:
        if span is not main and not span.meets(main):
            problems.add(
                span.name,
                "no-overlap",
                f"covers {_words(span)}, {main.name} covers {_words(main)}: no moment is in both, "
                "so that neither can explain the other",
            )


def _span(given: Input, coverage: Sequence[Coverage]) -> _Span | None:
    own = [coverage[index] for index in given.sources]
    timed = spanning(own)
    starts = [one.start_ns for one in timed if one.start_ns is not None]
    ends = [one.end_ns for one in timed if one.end_ns is not None]
    if not starts:
        return None
    rows = sum(one.rows or 0 for one in timed)
    log_rows = sum(one.rows or 0 for one in timed if one.reader in _LOGS)
    return _Span(given.name, min(starts), max(ends), rows, log_rows)


def _words(span: _Span) -> str:
    start, end = from_ns(span.start), from_ns(span.end)
    if end - start < timedelta(seconds=1):
        return f"{start:%Y-%m-%d %H:%M:%S} UTC"
    same_day = start.date() == end.date()
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:{'%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S'}} UTC"
