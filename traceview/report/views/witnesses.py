"""What other witnesses than the log tell: reports, contradictions, one line a lane, clocks; and what they know of a call."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.episodes.schema import TIME
from traceview.plots.lanes import Lane
from traceview.plots.text import duration, number, plural, size
from traceview.plots.view import witness_rows
from traceview.plots.witness_lanes import ALL_LANES, lane_key
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moment, Moments
from traceview.witness.moment import capture_facts
from traceview.witness.reports import report_facts

_IN_CALL: Final = (
    ("app_state", "state by PowerLog"),
    ("route", "route by PowerLog"),
    ("thermal", "thermal state"),
    ("lock", "screen lock"),
    ("device", "device"),
    ("life_cycle", "life cycle"),
    ("hang", "hangs"),
)
_MANY: Final = 4
_MANY_LINES: Final = 30
"""Heuristic: more lines than this are folded by lane."""
_CALM: Final = frozenset({"nominal"})


class ReportLine(Struct, frozen=True):
    """One crash, jetsam or resource report."""

    window: str
    time: Moment | None
    kind: str
    who: str
    version: str
    facts: str
    explanation: str


class Contradiction(Struct, frozen=True):
    """A window in which two sources name different states of one app."""

    window: str
    time: Moment
    length: str
    app: str
    text: str


class LaneLine(Struct, frozen=True):
    """What one witness tells in one lane about one app, or about the device."""

    title: str
    who: str
    told: str
    source: str
    clock: str


class WitnessesView(Struct, frozen=True):
    """The section; empty parts are left out."""

    reports: tuple[ReportLine, ...]
    contradictions: tuple[Contradiction, ...]
    lanes: tuple[LaneLine, ...]
    by_lane: tuple[tuple[str, tuple[LaneLine, ...]], ...]
    """The same by lane, where they are too many for one table; else empty."""
    clocks: tuple[tuple[str, str], ...]
    hidden: int

    def __bool__(self) -> bool:
        return bool(self.reports or self.contradictions or self.lanes or self.clocks)


def witnesses_view(analysis: Analysis, moments: Moments, limits: Limits) -> WitnessesView:
    """Return what other witnesses tell, within the limits."""
    told = witness_rows(analysis)
    reports = analysis.tables.get("reports")
    listed = _reports(reports, moments) if reports is not None else ()
    differing = tuple(_contradictions(told, moments))
    shown = (listed[: limits.rows], differing[: limits.rows])
    lanes = (*_lanes(told), *_moment(analysis))
    return WitnessesView(
        reports=shown[0],
        contradictions=shown[1],
        lanes=lanes,
        by_lane=_by_lane(lanes) if len(lanes) > _MANY_LINES else (),
        clocks=_clocks(analysis.tables.get("clocks")),
        hidden=len(listed) + len(differing) - len(shown[0]) - len(shown[1]),
    )


def _reports(reports: pl.DataFrame, moments: Moments) -> tuple[ReportLine, ...]:
    columns = ["time", "start", "kind", "process", "bundle", "pid", "app_version", "exception", "explanation"]
    rows = reports.with_columns(facts=report_facts()).sort("time", nulls_last=True, maintain_order=True)
    return tuple(
        ReportLine(
            window=moments.permalink(row["start"] or row["time"], row["time"]),
            time=moments.moment(row["time"]) if row["time"] is not None else None,
            kind=(row["kind"] or "").replace("_", " "),
            who=_who(row["bundle"], row["process"], row["pid"]),
            version=row["app_version"] or "",
            facts=row["facts"] or "",
            explanation="; ".join(part for part in (row["exception"], row["explanation"]) if part),
        )
        for row in rows.select(*columns, "facts").iter_rows(named=True)
    )


def _who(bundle: str | None, process: str | None, pid: int | None) -> str:
    name = bundle or process or "unknown"
    return f"{name} ({pid})" if pid is not None else name


def _contradictions(told: pl.DataFrame, moments: Moments) -> list[Contradiction]:
    rows = told.filter(pl.col("lane") == "differs").sort("start")
    return [
        Contradiction(
            moments.permalink(row["start"], row["end"]),
            moments.moment(row["start"]),
            duration((row["end"] - row["start"]).total_seconds()),
            row["app"] or "",
            row["text"] or "",
        )
        for row in rows.iter_rows(named=True)
    ]


def _lanes(told: pl.DataFrame) -> list[LaneLine]:
    """One line a lane, app and source, in the order of the timeline."""
    lines = []
    for lane in ALL_LANES:
        rows = told.filter((pl.col("lane") == lane_key(lane)) & ~pl.col("lane").is_in(["report", "differs"]))
        for (app, process, source, clock), own in rows.group_by(
            "app", "process", "source", "clock", maintain_order=True
        ):
            summary = _SUMMARIES.get(lane_key(lane), _times)(_named(own, lane))
            who = " ".join(str(part) for part in (app, process) if part)
            lines.append(LaneLine(lane.title, who, summary, str(source or "").rpartition("/")[2], str(clock or "")))
    return lines


def _by_lane(lines: tuple[LaneLine, ...]) -> tuple[tuple[str, tuple[LaneLine, ...]], ...]:
    titles = dict.fromkeys(line.title for line in lines)
    return tuple((title, tuple(line for line in lines if line.title == title)) for title in titles)


def _moment(analysis: Analysis) -> Iterator[LaneLine]:
    """One line a fact about the capture itself."""
    for fact in capture_facts(analysis.tables, analysis.episodes["processes"], analysis.apps):
        source = analysis.coverage[fact.source] if fact.source < len(analysis.coverage) else None
        files = fact.files or ((source.source,) if source else ())
        names = ", ".join(file.rpartition("/")[2] for file in files)
        yield LaneLine(fact.title, fact.who, fact.told, names, source.clock if source else "")


def _named(rows: pl.DataFrame, lane: Lane) -> pl.DataFrame:
    """Name kinds as the legend does."""
    return rows.with_columns(kind=pl.col("kind").replace({key: look.name for key, look in lane.looks.items()}))


def _times(rows: pl.DataFrame) -> str:
    """Time by kind, and how often; the longest first."""
    length = (pl.col("end") - pl.col("start")).dt.total_nanoseconds().sum() / 1e9
    kinds = rows.group_by("kind").agg(pl.len().alias("count"), length.alias("length"))
    kinds = kinds.sort(["length", "count", "kind"], descending=[True, True, False])
    words = [
        f"{kind.replace('_', ' ')} {duration(total)}{f' ({count} times)' if count > 1 else ''}"
        if total
        else f"{kind.replace('_', ' ')} {plural(count, 'time')}"
        for kind, count, total in kinds.iter_rows()
    ]
    return ", ".join(words)


def _cpu(rows: pl.DataFrame) -> str:
    highest, mean = rows.select(highest=pl.col("value").max(), mean=pl.col("value").mean()).row(0)
    return f"{plural(rows.height, 'interval')}: at most {number(highest)} % of a core, on average {number(mean)} %"


def _network(rows: pl.DataFrame) -> str:
    return f"{size(int(rows['value'].sum()))} in {plural(rows.height, 'interval')}"


def _run_time(rows: pl.DataFrame) -> str:
    return f"{duration(float(rows['value'].sum()))} in the background, in {plural(rows.height, 'bucket')}"


def _battery(rows: pl.DataFrame) -> str:
    ordered = rows.sort("start")["value"].drop_nulls()
    return f"from {number(ordered[0])} % to {number(ordered[-1])} %; {_times(rows)}" if len(ordered) else _times(rows)


_SUMMARIES: Final[dict[str, Callable[[pl.DataFrame], str]]] = {
    "cpu": _cpu,
    "network": _network,
    "battery": _battery,
    "run_time": _run_time,
}


def _clocks(clocks: pl.DataFrame | None) -> tuple[tuple[str, str], ...]:
    if clocks is None:
        return ()
    return tuple((source or "", note or "") for source, note in clocks.select("source", "note").iter_rows())


def during(analysis: Analysis, app: str | None, begin: datetime, end: datetime) -> tuple[tuple[str, str], ...]:
    """Return what other witnesses know of the time of a call: name and value."""
    told = witness_rows(analysis)
    if not told.height:
        return ()
    first, last = (pl.lit(edge).cast(TIME) for edge in (begin, end))
    mine = pl.col("app").is_null() if app is None else pl.col("app").is_null() | (pl.col("app") == app)
    rows = told.filter((pl.col("start") < last) & (pl.coalesce("end", "start") > first) & mine)
    lanes = {lane_key(lane): lane for lane in ALL_LANES}
    facts = [(name, _kinds(_named(rows.filter(pl.col("lane") == key), lanes[key]))) for key, name in _IN_CALL]
    busy = rows.filter((pl.col("lane") == "cpu") & pl.col("app").is_not_null())["value"].max()
    if isinstance(busy, float):
        facts.append(("CPU of the app", f"at most {number(busy)} % of a core"))
    reports = rows.filter(pl.col("lane") == "report").select("kind", "text").iter_rows()
    facts.append(("reports", "; ".join(f"{kind}: {text}" if text else kind for kind, text in reports)))
    return tuple((name, value) for name, value in facts if value)


def _kinds(rows: pl.DataFrame) -> str:
    names = rows.sort("start")["kind"].drop_nulls().unique(maintain_order=True).to_list()
    words = [name.replace("_", " ") for name in names if name not in _CALM]
    return ", ".join(words[:_MANY]) + (f" and {len(words) - _MANY} more" if len(words) > _MANY else "")
