"""Do the clocks of all sources agree? Measured where the same fact stands in two of them.

Facts that two sources may share: one log line (same process, pid and text), the launch of a process, the end of a process.
A report prints when its process was launched and died; ``taskinfo`` how long a process runs; PowerLog when it first saw one.
Pids are used again, so a fact counts only where each source knows it once, and where the names agree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from traceview.same_lines import Lines, lines_of, rank, same
from traceview_parsers.problems import Problems
from traceview_parsers.schema import REF_POSITION_BITS
from traceview_parsers.sysdiagnose.sidecar import TAKES_NS
from traceview_parsers.trace import Coverage

CLOCK_SCHEMA: Final[dict[str, Any]] = {
    "source": pl.String(),
    "reference": pl.String(),
    "offset_s": pl.Float64(),  # clock of `source` minus clock of `reference`; median of the facts that agree
    "spread_s": pl.Float64(),  # largest distance from the median
    "measured_on": pl.Int64(),  # facts that agree
    "facts": pl.Int64(),  # facts that both sources know
    "since": pl.Datetime("ns", "UTC"),  # the offset holds from here on: one of the clocks was set; null: throughout
    "agrees": pl.Boolean(),
    "note": pl.String(),
}
"""Columns of the table that `compare_clocks` returns."""

SAME_S: Final = 5.0
"""Heuristic: witnesses write down one launch or death within seconds; more than five is another clock."""
SAME_LINE_S: Final = 1.0
"""Heuristic: one log line that two sources hold has one time; tools that relay lines stamp them at most a second late."""
_AT_ONCE: Final = 2
"""Heuristic: so many lines are not at the same fraction of a second in two logs by chance, and most of what both tell of."""
_SINGLE_S: Final = 3_600.0
"""Heuristic: a lone fact counts as a measurement up to an hour, or where it is off by a zone (whole quarter hours)."""
_UNITS: Final = ((3600 * 10**9, "h"), (10**9, "s"), (10**6, "ms"), (10**3, "µs"), (1, "ns"))
_QUARTER_HOUR_S: Final = 900.0
_LARGEST_ZONE_S: Final = 26 * 3_600.0
"""Zones reach from -12 to +14 hours."""
_ENDS: Final = ("process.terminated", "process.exited", "jetsam.killed")
_MOMENTS: Final[dict[str, Any]] = {
    "index": pl.UInt64(),
    "fact": pl.String(),
    "key": pl.String(),
    "pid": pl.Int64(),
    "bundle": pl.String(),
    "name": pl.String(),
    "time": pl.Int64(),
}


def compare_clocks(
    events: pl.DataFrame, tables: Mapping[str, pl.DataFrame], sources: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """Return one row a source that shares facts with a better clock (`CLOCK_SCHEMA`); two where a clock was set in between.

    A source is compared with the best clock that knows facts of it, the device's own log first. Where no fact proves an
    offset, lines that both hold at the same time prove that there is none.

    Args:
        events: Recognised lines and reports of all sources (`EVENT_SCHEMA`).
        tables: Of ``reports``, ``processes_at_capture``, ``power_process_ids`` and ``power_process_exits`` what there is.
        sources: Name and reader of each source, by index.
    """
    if len(sources) < 2:
        return pl.DataFrame(schema=CLOCK_SCHEMA)
    moments = pl.concat([_of_lines(events), _of_ends(events), _of_launches(events, tables), _of_powerlog(tables)])
    ranks = pl.DataFrame(
        {"index": range(len(sources)), "rank": [rank(reader) for _, reader in sources]},
        schema={"index": pl.UInt64(), "rank": pl.Int64()},
    )
    known = moments.drop_nulls("time").join(ranks, on="index")
    pairs = known.join(known, on=["fact", "key"], suffix="_of_reference").filter(
        (pl.col("rank_of_reference") < pl.col("rank"))
        | ((pl.col("rank_of_reference") == pl.col("rank")) & (pl.col("index_of_reference") < pl.col("index"))),
        _same_name(),
    )
    both = _Both(lines_of(events, [reader for _, reader in sources]))
    shared = {
        (int(str(index)), int(str(reference))): facts
        for (index, reference), facts in pairs.group_by("index", "index_of_reference")
    }
    place = {index: at for at, index in enumerate(ranks.sort("rank", "index")["index"].to_list())}
    references: dict[int, list[int]] = {}
    for index, reference in sorted({*shared, *both.pairs()}, key=lambda pair: place[pair[1]]):
        references.setdefault(index, []).append(reference)
    rows = [row for index, better in references.items() for row in _compared(index, better, shared, both, sources)]
    return pl.DataFrame(rows, schema=CLOCK_SCHEMA).sort("source", "reference", "since", nulls_last=False)


def bound_text(nanoseconds: int) -> str:
    """Return a bound as people write it, in the largest unit of which it has at least one: ``± 42 ns``, ``± 14 h``."""
    size, unit = next(((size, unit) for size, unit in _UNITS if nanoseconds >= size), _UNITS[-1])
    return f"± {nanoseconds / size:.3g} {unit}"


def with_clock_notes(coverage: Iterable[Coverage], clocks: pl.DataFrame) -> list[Coverage]:
    """Return coverage with a note where a source's clock was compared, and as sure as the comparison leaves it.

    What was measured is no better than what the source itself can tell: the larger of both bounds counts.
    """
    notes: dict[str, list[str]] = {}
    bounds: dict[str, float] = {}
    for row in clocks.iter_rows(named=True):
        notes.setdefault(row["source"], []).append(row["note"])
        bound = abs(row["offset_s"]) + row["spread_s"]
        bounds[row["source"]] = max(bound, bounds.get(row["source"], 0.0))
    return [_noted(one, notes.get(one.source, []), bounds.get(one.source)) for one in coverage]


def _noted(one: Coverage, notes: list[str], bound_s: float | None) -> Coverage:
    certainty = one.certainty_ns
    if bound_s is not None:
        certainty = max(round(bound_s * 1e9), certainty or 0)
    return replace(one, notes=(*one.notes, *notes), certainty_ns=certainty)


def report_disagreements(clocks: pl.DataFrame, problems: Problems) -> None:
    """Add the problem ``clock-differs`` for each source whose clock is another than that of the source it was compared with."""
    for row in clocks.filter(~pl.col("agrees")).iter_rows(named=True):
        text = (
            f"{row['note']}; its times are shown as they are, so what it tells stands beside the wrong lines by as much"
        )
        problems.add(row["source"], "clock-differs", text, count=row["measured_on"])


def _same_name() -> pl.Expr:
    """Whether two moments of one pid name the same program: a bundle or a process name in common, or one names none."""
    agree = [
        pl.col(one) == pl.col(other)
        for one, other in (("bundle", "bundle_of_reference"), ("name", "name_of_reference"))
    ]
    contradict = [
        (pl.col("bundle") != pl.col("bundle_of_reference")).fill_null(value=False),
        (pl.col("name") != pl.col("name_of_reference")).fill_null(value=False),
    ]
    return pl.any_horizontal(pl.col("fact") == "line", *(one.fill_null(value=False) for one in agree)) | ~(
        pl.any_horizontal(contradict)
    )


def _index() -> pl.Expr:
    return (pl.col("ref") // (1 << REF_POSITION_BITS)).cast(pl.UInt64).alias("index")


def _ns(column: str = "time") -> pl.Expr:
    return pl.col(column).dt.epoch("ns").alias("time")


def _of_lines(events: pl.DataFrame) -> pl.DataFrame:
    """Log lines that stand once in their source; only where several sources have lines."""
    if events.select(_index())["index"].n_unique() < 2:
        return pl.DataFrame(schema=_MOMENTS)
    lines = events.select("signal", _index(), "process", "pid", "message", _ns()).filter(
        ~pl.col("signal").str.starts_with("report."), pl.col("pid").is_not_null()
    )
    if lines["index"].n_unique() < 2:
        return pl.DataFrame(schema=_MOMENTS)
    once = lines.filter(pl.struct("index", "process", "pid", "message").is_unique())
    return once.select(
        "index",
        pl.lit("line").alias("fact"),
        pl.format("{}[{}] {}", pl.col("process"), pl.col("pid"), pl.col("message")).alias("key"),
        "pid",
        pl.lit(None, pl.String).alias("bundle"),
        pl.lit(None, pl.String).alias("name"),
        "time",
    )


def _once(moments: pl.DataFrame, fact: str) -> pl.DataFrame:
    """The first moment of each pid in each source; none where the pid came again later."""
    first = (
        moments.drop_nulls(["pid", "time"])
        .group_by("index", "pid", maintain_order=True)
        .agg(
            pl.col("bundle").drop_nulls().first(),
            pl.col("name").drop_nulls().first(),
            pl.col("time").min(),
            (pl.col("time").max() - pl.col("time").min()).alias("extent"),
        )
    )
    return first.filter(pl.col("extent") <= SAME_S * 2e9).select(
        "index", pl.lit(fact).alias("fact"), pl.col("pid").cast(pl.String).alias("key"), "pid", "bundle", "name", "time"
    )


def _of_ends(events: pl.DataFrame) -> pl.DataFrame:
    ends = events.filter(pl.col("kind").is_in(_ENDS)).select(
        _index(), pl.col("subject_pid").alias("pid"), "bundle", pl.col("subject").alias("name"), _ns()
    )
    return _once(ends, "end")


def _of_launches(events: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    seen = events.filter(pl.col("kind") == "process.launched").select(
        _index(), pl.col("subject_pid").alias("pid"), "bundle", pl.col("subject").alias("name"), _ns()
    )
    frames = [seen]
    for table in ("reports", "processes_at_capture"):
        if table in tables:
            bundle = pl.col("bundle") if table == "reports" else pl.lit(None, pl.String).alias("bundle")
            frames.append(
                tables[table].select(_index(), "pid", bundle, pl.col("process").alias("name"), _ns("launch_time"))
            )
    return _once(pl.concat(frames), "launch")


def _of_powerlog(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=_MOMENTS)]
    for table, fact in (("power_process_ids", "launch"), ("power_process_exits", "end")):
        frame = tables.get(table)
        if frame is not None and {"pid", "process", "time", "ref"} <= set(frame.columns):
            bundle = pl.col("bundle") if "bundle" in frame.columns else pl.lit(None, pl.String).alias("bundle")
            frames.append(_once(frame.select(_index(), "pid", bundle, pl.col("process").alias("name"), _ns()), fact))
    return pl.concat(frames)


class _Both:
    """What lines of two sources tell of their clocks beside the facts that each knows once."""

    def __init__(self, lines: Sequence[Lines]) -> None:
        self._lines = {one.index: one for one in lines}

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield each source that has lines with each better one."""
        better: list[int] = []
        for index in self._lines:
            yield from ((index, reference) for reference in better)
            better.append(index)

    def have(self, *indexes: int) -> bool:
        """Whether all these sources have lines."""
        return all(index in self._lines for index in indexes)

    def at_once(self, index: int, reference: int) -> pl.DataFrame:
        """Return the lines that stand in both at the same time, as facts."""
        found = same(self._lines[index], self._lines[reference])
        return found.select(pl.lit("line").alias("fact"), "time", "time_of_reference").sort("time")

    def follow(self, index: int, reference: int, row: Mapping[str, Any], facts: pl.DataFrame) -> bool:
        """Whether an offset that lines tell is rather that of two logs which follow each other, with the same events in both.

        Then each of these lines stands where the other source tells nothing, or as its first or last. More lines stand in
        both at the same time, or some at the same fraction of a second, or else only few of what the smaller one holds are
        in the other, and by no zone.
        """
        first, second = self._lines[index], self._lines[reference]
        offset = pl.col("time") - pl.col("time_of_reference")
        proof = facts.filter((offset / 1e9 - row["offset_s"]).abs() <= SAME_S)
        within = pl.col("time").is_between(*second.span, closed="none") | pl.col("time_of_reference").is_between(
            *first.span, closed="none"
        )
        if proof.select(within.any()).item():
            return False
        fewer = min(one.frame.select("process", "pid", "message").n_unique() for one in (first, second))
        few = row["measured_on"] * 2 < fewer and not _is_zone(row["offset_s"])
        fine = max(first.resolution, second.resolution) < SAME_LINE_S * 1e9
        enough = min(_AT_ONCE, row["measured_on"]) if fine else row["measured_on"]
        return few or self.at_once(index, reference).height >= enough


def _compared(
    index: int,
    references: Sequence[int],
    shared: Mapping[tuple[int, int], pl.DataFrame],
    both: _Both,
    sources: Sequence[tuple[str, str]],
) -> list[dict[str, Any]]:
    """Return what the first of some references tells of the clock of a source, or nothing."""
    name, reader = sources[index]
    for reference in references:
        found: list[dict[str, Any]] = []
        if (facts := shared.get((index, reference))) is not None:
            found = list(_measured(facts.sort("time"), name, sources[reference][0], reader))
            if (facts["fact"] == "line").all():
                found = [row for row in found if row["agrees"] or not both.follow(index, reference, row, facts)]
        if not found and both.have(index, reference) and (at_once := both.at_once(index, reference)).height:
            found = list(_measured(at_once, name, sources[reference][0], reader))
        if found:
            return found
    return []


def _measured(shared: pl.DataFrame, source: str, reference: str, reader: str) -> Iterator[dict[str, Any]]:
    """Yield what the shared facts of two sources tell: one offset, or two with a step between them.

    A file of a sysdiagnose is written some time after the moment in the capture's name, so that its launch times (moment
    minus run time) are early by as much: that is no other clock.
    """
    limit = SAME_LINE_S if (shared["fact"] == "line").all() else SAME_S
    times = shared["time"].to_numpy()
    offsets = (times - shared["time_of_reference"].to_numpy()) / 1e9
    spans = _split(offsets, limit)
    for number, (first, last) in enumerate(spans):
        part = offsets[first:last]
        offset = float(np.median(part))
        agreeing = part[np.abs(part - offset) <= limit]
        if not _convincing(len(agreeing), len(part), offset, alone=reader == "ips"):
            continue
        written_later = reader == "sysdiagnose" and -TAKES_NS / 1e9 <= offset < -limit
        agrees = abs(offset) <= limit or written_later
        row = {
            "source": source,
            "reference": reference,
            "offset_s": offset,
            "spread_s": float(np.abs(agreeing - offset).max()),
            "measured_on": len(agreeing),
            "facts": len(part),
            "since": int(times[first]) if number else None,
            "agrees": agrees,
        }
        yield row | {"note": _later(row) if written_later else _sentence(row)}


def _convincing(agreeing: int, facts: int, offset: float, *, alone: bool) -> bool:
    """Whether facts are a measurement: most of several agree, or a report's only one is off by minutes or by a zone."""
    if agreeing >= 2:
        return agreeing * 2 > facts
    return alone and facts == 1 and (abs(offset) <= _SINGLE_S or _is_zone(offset))


def _is_zone(offset: float) -> bool:
    """Whether an offset may be one of a wrong zone: whole quarter hours."""
    return abs(offset) <= _LARGEST_ZONE_S and abs(offset - _zone(offset)) <= SAME_S


def _zone(offset: float) -> float:
    return round(offset / _QUARTER_HOUR_S) * _QUARTER_HOUR_S


def _split(offsets: np.ndarray[Any, Any], limit: float) -> list[tuple[int, int]]:
    """Return the stretches (by time) in which the offset stays: one, or two where a clock was set once in between."""
    count = len(offsets)
    if count < 4 or np.ptp(offsets) <= 2 * limit:
        return [(0, count)]
    before = np.maximum.accumulate(offsets) - np.minimum.accumulate(offsets)
    behind = (np.maximum.accumulate(offsets[::-1]) - np.minimum.accumulate(offsets[::-1]))[::-1]
    cuts = [cut for cut in range(2, count - 1) if before[cut - 1] <= 2 * limit and behind[cut] <= 2 * limit]
    return [(0, cuts[0]), (cuts[0], count)] if cuts else [(0, count)]


def _later(row: Mapping[str, Any]) -> str:
    reference = PurePosixPath(row["reference"]).name
    late = f"{-row['offset_s']:.0f} s after the capture began"
    return f"processes were written down {late}, by {reference} (measured on {_facts(row)}): their launches are early by as much"


def _facts(row: Mapping[str, Any]) -> str:
    return "1 fact" if row["measured_on"] == 1 else f"{row['measured_on']} facts"


def _sentence(row: Mapping[str, Any]) -> str:
    facts = _facts(row)
    since = " from then on" if row["since"] is not None else ""
    reference = PurePosixPath(row["reference"]).name
    if row["agrees"]:
        bound = abs(row["offset_s"]) + row["spread_s"]
        return f"clock agrees with {reference} within {max(bound, 0.001):.3g} s (measured on {facts}){since}"
    by_zone = _zone(row["offset_s"]) and _is_zone(row["offset_s"])
    why = "; whole quarter hours: probably the wrong time zone" if by_zone else ""
    return f"clock differs from {reference} by {row['offset_s']:+.3f} s (measured on {facts}){since}{why}"
