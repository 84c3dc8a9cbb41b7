"""One capture from bytes to findings: the spine that command line, Python API and fleet share."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import polars as pl
import pyarrow as pa
from msgspec.structs import replace

from traceview import gathering, memory
from traceview.analysis import Analysis
from traceview.app_versions import app_versions
from traceview.clocks import compare_clocks, report_disagreements, with_clock_notes
from traceview.completeness import (
    log_span,
    report_strangers,
    spanning,
    stretches_of,
    with_missing_reports,
    with_zone_notes,
)
from traceview.context import lines_around
from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import EPISODES
from traceview.facts import capture_facts, utc
from traceview.reading import Progress, Reading, read_log
from traceview.rules.config import Config, load_config
from traceview.rules.evaluate import evaluate, in_order, split_accepted
from traceview.same_lines import counted_once
from traceview.scan import as_frame, scan
from traceview.serialise import findings_frame
from traceview.signals.instruments import instruments_events
from traceview.signals.powerlog import TABLES as POWER_TABLES
from traceview.signals.powerlog import kinds_in_full, powerlog_events
from traceview.sql_errors import complaint, outside
from traceview.sql_words import with_end_quoted
from traceview.witness import collect, with_notes
from traceview.witness.tables import KEPT, newest_rows
from traceview.zones import at_one_offset
from traceview_parsers import ReadOptions, Trace, open_trace
from traceview_parsers.errors import UsageError
from traceview_parsers.problems import Problems
from traceview_parsers.schema import make_ref
from traceview_parsers.selection import Clause, Selection, to_ns
from traceview_parsers.trace import PRINTED, Coverage

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from traceview.report.redact import Level


class Capture:
    """One capture (or several files that belong together), analysed when first asked.

    Episode tables, findings and log rows are polars frames; times are UTC. Use as a context manager, or call `close`,
    to remove temporary copies of archive members.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        config: Config,
        apps: Sequence[str] = (),
        progress: Progress | None = None,
        require_apps: bool = True,
    ) -> None:
        self.trace = trace
        self._require_apps = require_apps
        self._apps = tuple(apps)
        self._config = config
        self._progress = progress

    def __repr__(self) -> str:
        """Return the capture's name and how many sources it has; nothing is read for that."""
        return f"<Capture {self.trace.capture.name!r}, {len(self.trace.sources)} source{'s' * (len(self.trace.sources) != 1)}>"

    @cached_property
    def _reading(self) -> Reading:
        """The recognised lines of all logs."""
        reading = read_log(self.trace, self._apps, self._progress)
        memory.give_back()
        return reading

    @cached_property
    def _tables(self) -> dict[str, pl.DataFrame]:
        """Small tables of other witnesses than the log."""
        names = [name for name in (*KEPT, *POWER_TABLES) if name in self.trace.tables]
        return {name: newest_rows(self.trace, name) for name in names}

    @cached_property
    def _of_log_and_reports(self) -> pl.DataFrame:
        return gathering.of_log_and_reports(self._reading.events(), self._tables)

    @cached_property
    def clocks(self) -> pl.DataFrame:
        """By how much the clocks of two sources differ that know the same facts (`clocks.CLOCK_SCHEMA`)."""
        return compare_clocks(self._of_log_and_reports, self._tables, self._readers)

    @cached_property
    def _once(self) -> pl.DataFrame:
        """The recognised lines, each of which counts once however many sources hold it, and the reports."""
        return counted_once(self._of_log_and_reports, self._readers, self.clocks, self.trace.problems)

    @property
    def _readers(self) -> list[tuple[str, str]]:
        """Name and reader of each source, by index."""
        return [(source.name, source.reader) for source in self.trace.sources]

    @cached_property
    def coverage(self) -> list[Coverage]:
        """From when to when each source speaks, how its time was mapped, how sure that is, and what comparing them found.

        ``trace.coverage()`` is what each source tells of itself. This adds the measured agreement or disagreement of
        clocks, zones that differ and reports that are missing; what disagrees is also a problem of the trace.
        """
        tables, trace = self._tables, self.trace
        _ = self._once  # a source knows what it covers once it was read
        told = trace.coverage()
        report_strangers(trace.inputs, told, trace.problems)
        report_disagreements(self.clocks, trace.problems)
        names = [source.name for source in trace.sources]
        told = with_missing_reports(with_clock_notes(told, self.clocks), tables.get("listed_reports"), names)
        home = trace.capture.tz if trace.capture.tz_how != PRINTED else None
        return with_zone_notes(told, tables.get("reports"), names, home)

    @cached_property
    def analysis(self) -> Analysis:
        """Everything that was understood of the capture. Raises UsageError where an app asked for never appears."""
        reading, tables, of_log_and_reports = self._reading, self._tables, self._once
        of_powerlog = powerlog_events(tables, reading.events())
        of_instruments = instruments_events(self.trace)
        events = gathering.by_time(pl.concat([of_log_and_reports, of_powerlog, of_instruments]))
        coverage, clocks = self.coverage, self.clocks
        span = _span(coverage)
        logs = [one for one in coverage if one.source in {source.name for source in self.trace.sources_of("log")}]
        rows = sum(one.rows or 0 for one in logs)
        _tell_timeless(logs, self.trace.problems)
        # Nothing can be reconstructed from lines without a time, so they are no evidence that a rule could run on; a
        # report tells all that it knows, with a time or without.
        telling = of_log_and_reports.filter(pl.col("time").is_not_null() | pl.col("signal").str.starts_with("report."))
        kinds = frozenset(pl.concat([telling["kind"], of_instruments["kind"]]).unique())
        private_share, witnesses = gathering.private_share(reading.events()), frozenset(reading.witnesses)
        simulator = reading.simulator
        del reading, of_log_and_reports, telling
        self._forget()  # `events` is a copy, and large
        episodes = reconstruct(events, span)
        apps = gathering.known_apps(episodes, events)
        if self._require_apps:
            self._check_apps(apps, episodes)
        others = collect(self.trace, list(self._apps) or apps, coverage, episodes=episodes, read=tables)
        found, not_evaluated = evaluate(
            episodes,
            kinds=kinds | kinds_in_full(of_powerlog),
            witnesses=witnesses if any(one.start_ns is not None for one in logs) else frozenset(),
            capture_end=utc(span.end),
            config=replace(self._config, suppressions=(), baseline=()),
            apps=self._apps or None,
            facts=capture_facts(
                self.trace,
                coverage,
                logs,
                events=of_powerlog,
                clocks=clocks,
                private_share=private_share,
                simulator=simulator,
            ),
            windows=others.windows,
        )
        found = in_order(found, events, others.windows)
        findings, accepted = split_accepted(found, self._config, datetime.now(UTC).date())
        shown = gathering.by_relevance(list(self._apps) or apps, [finding.app for finding in findings])
        return Analysis(
            capture=at_one_offset(self.trace.capture, span.end),
            device=self.trace.device,
            coverage=with_notes(coverage, others.notes),
            apps=shown,
            app_versions=app_versions(tables, shown, log_span(coverage), found),
            events=events,
            episodes=episodes,
            findings=findings,
            not_evaluated=not_evaluated,
            lines=lines_around(self.trace, events, findings, others.windows),
            tables={name: tables[name] for name in KEPT if name in tables}
            | {"clocks": clocks, "witnesses": others.windows},
            rows_read=rows,
            accepted=len(accepted),
            accepted_by_rule=dict(Counter(one.rule for one in accepted)),
            problems=list(self.trace.problems),
        )

    def redacted(self, level: "Level", analysis: Analysis | None = None) -> Analysis:
        """Return the analysis (this one, or the given one that was made of it) without private data.

        Names of callers are told by lines that an analysis need not keep, so the log is read once more for them.
        """
        plain = analysis or self.analysis
        if level == "none":
            return plain
        from traceview.people import people_of  # noqa: PLC0415  (its patterns take 4 ms)
        from traceview.report.redact import redact  # noqa: PLC0415

        return redact(plain, level, people_of(self.trace))

    def _forget(self) -> None:
        """Let go of what was read: the analysis keeps what it needs of it."""
        for name in ("_reading", "_tables", "_of_log_and_reports", "_once"):
            self.__dict__.pop(name, None)

    def _check_apps(self, apps: list[str], episodes: dict[str, pl.DataFrame]) -> None:
        names = set(apps) | set(episodes["processes"]["process"].drop_nulls().to_list())
        for app in self._apps:
            if app not in names:
                seen = ", ".join(apps[:8]) or "none"
                raise UsageError(f"{app}: no line of {self.trace.capture.name} names this app; apps seen: {seen}")

    def log(
        self,
        *,
        process: str | Iterable[str] | None = None,
        subsystem: str | Iterable[str] | None = None,
        category: str | Iterable[str] | None = None,
        level: str | Iterable[str] | None = None,
        contains: str | Iterable[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        predicate: str | None = None,
    ) -> pl.DataFrame:
        """Return log rows (all columns of ``log``); conditions given together must all hold.

        Args:
            process: Exact process name or names.
            subsystem: Exact subsystem or subsystems.
            category: Exact category or categories.
            level: ``default``, ``info``, ``debug``, ``error``, ``fault``.
            contains: The message contains this text, or one of these.
            start: First time, with zone.
            end: First time that is no longer wanted, with zone.
            predicate: In the language of ``log show --predicate``; dates without a zone are in UTC.

        Raises:
            UsageError: for a time without a zone, a predicate that cannot be read, or a closed capture.
        """
        clause = Clause(
            processes=_names(process),
            subsystems=_names(subsystem),
            categories=_names(category),
            levels=_names(level),
            words=_names(contains),
        )
        clauses = () if clause == Clause() else (clause,)
        selection = Selection(clauses, start_ns=to_ns(start), end_ns=to_ns(end))
        if predicate is None:
            return self.table("log", selection)
        from traceview_parsers.predicate import parse  # noqa: PLC0415  (few captures are asked this way)

        wanted = parse(predicate)
        rows = self.trace.table("log", wanted.narrow(selection))
        return as_frame(pa.Table.from_batches(map(wanted.filter, rows.to_batches()), rows.schema))

    def table(self, name: str, selection: Selection | None = None) -> pl.DataFrame:
        """Return a source table as it was read. Raises KeyError where the capture has no such table."""
        return as_frame(self.trace.table(name, selection or Selection()))

    @property
    def findings(self) -> pl.DataFrame:
        """Findings, worst first; the objects are in ``analysis.findings``."""
        return findings_frame(self.analysis.findings)

    @property
    def events(self) -> pl.DataFrame:
        """Recognised lines."""
        return self.analysis.events

    @property
    def calls(self) -> pl.DataFrame:
        """Calls of all providers."""
        return self.analysis.episodes["calls"]

    @property
    def pushes(self) -> pl.DataFrame:
        """Pushes from receipt to report."""
        return self.analysis.episodes["pushes"]

    @property
    def app_states(self) -> pl.DataFrame:
        """Foreground, background, suspended and not-running windows."""
        return self.analysis.episodes["app_states"]

    @property
    def suspensions(self) -> pl.DataFrame:
        """Windows in which a process was suspended."""
        return self.analysis.episodes["suspensions"]

    @property
    def audio_sessions(self) -> pl.DataFrame:
        """Activations of audio sessions, and refused ones."""
        return self.analysis.episodes["audio_sessions"]

    @property
    def glitches(self) -> pl.DataFrame:
        """Bursts of audio trouble."""
        return self.analysis.episodes["glitches"]

    @property
    def terminations(self) -> pl.DataFrame:
        """How processes ended."""
        return self.analysis.episodes["terminations"]

    @property
    def processes(self) -> pl.DataFrame:
        """Processes from launch to end."""
        return self.analysis.episodes["processes"]

    @property
    def background_tasks(self) -> pl.DataFrame:
        """Background tasks and how long they were held."""
        return self.analysis.episodes["background_tasks"]

    @property
    def assertions(self) -> pl.DataFrame:
        """RunningBoard assertions."""
        return self.analysis.episodes["assertions"]

    @property
    def interruptions(self) -> pl.DataFrame:
        """Interruptions of audio sessions, by whom, and whether they were resumed."""
        return self.analysis.episodes["interruptions"]

    @property
    def route_changes(self) -> pl.DataFrame:
        """Changes of the audio route."""
        return self.analysis.episodes["route_changes"]

    @property
    def resource_events(self) -> pl.DataFrame:
        """CPU, memory, disk, wake-up, thermal and power limits and levels."""
        return self.analysis.episodes["resource_events"]

    def episodes(self, name: str) -> pl.DataFrame:
        """Return any episode table by name. Raises KeyError for an unknown name, telling those that there are."""
        if name not in EPISODES:
            raise KeyError(f"there is no table of episodes {name!r}; there are {', '.join(EPISODES)}")
        return self.analysis.episodes[name]

    def timeline(self, app: str | None = None) -> "Figure":
        """Return the timeline as a plotly figure, of one app or of all."""
        from traceview.plots import timeline  # noqa: PLC0415  (plotly is heavy; only figures need it)

        return timeline(self.analysis, app)

    def sql(self, query: str) -> pl.DataFrame:
        """Run polars SQL over the episode tables, ``events``, ``findings``, ``log`` and every other table of the capture.

        Raises UsageError where the query is wrong, or reads files with polars' table functions.
        """
        if (why := outside(query)) is not None:
            raise UsageError(f"query: {why}")
        sources = {*self.trace.tables, "log"}
        made = {*EPISODES, "events", "findings", "clocks", "witnesses"}
        known = made | sources
        if re.fullmatch(r"(?i)\s*show\s+tables\s*;?\s*", query):
            return pl.DataFrame({"name": sorted(known)})
        mentioned = set(re.findall(r"\w+", query))
        tables: dict[str, Any] = {name: scan(self.trace, name) for name in sorted(mentioned & sources - made)}
        if mentioned & made or not tables:
            analysis = self.analysis
            tables |= analysis.episodes | {"events": analysis.events, "findings": self.findings}
            tables |= {name: analysis.tables[name] for name in ("clocks", "witnesses")}
        try:
            return pl.SQLContext(tables).execute(with_end_quoted(query), eager=False).collect()
        except pl.exceptions.PolarsError as error:
            raise UsageError(f"query: {complaint(error, sorted(known))}") from error

    def close(self) -> None:
        """Remove temporary files."""
        self.trace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def open_capture(
    source: str | Path | Sequence[str | Path],
    *,
    apps: Sequence[str] = (),
    options: ReadOptions | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    require_apps: bool = True,
) -> Capture:
    """Open a capture for analysis.

    Args:
        source: File, folder or archive, or several that belong together.
        apps: Bundle ids or process names to look at; none: all.
        options: Date and zone for texts that lack them.
        config: Thresholds and suppressions; None: ``traceview.toml`` found upward from the working directory.
        progress: Called while the log is read.
        require_apps: Analysis raises UsageError where an app asked for never appears; a fleet does not want that.

    Raises:
        InputError: The capture cannot be read.
        UsageError: The configuration is wrong.
    """
    loaded = config or load_config(None)  # before there are temporary files
    return Capture(open_trace(source, options), apps=apps, config=loaded, progress=progress, require_apps=require_apps)


def _names(value: str | Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset([value] if isinstance(value, str) else value)


def _span(coverage: list[Coverage]) -> Span:
    timed = spanning(coverage)
    starts = [one.start_ns for one in timed if one.start_ns is not None]
    ends = [one.end_ns for one in timed if one.end_ns is not None]
    indexes = {id(one): index for index, one in enumerate(coverage)}
    sources = tuple(
        (make_ref(indexes[id(one)], 0), make_ref(indexes[id(one)] + 1, 0) - 1, start, end)
        for one in timed
        for start, end in stretches_of(one)
    )
    return Span(min(starts, default=0), max(ends, default=0), sources)


def _tell_timeless(logs: list[Coverage], problems: Problems) -> None:
    for one in logs:
        if one.rows and one.start_ns is None:
            text = "no line has a time that can be read, so nothing could be reconstructed from this file"
            problems.add(one.source, "no-times", text)
