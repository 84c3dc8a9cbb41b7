"""Stretches of a capture in which something happened, and which of them a figure opens with."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.plots.shapes import Span
from traceview.plots.text import plural
from traceview.plots.witness_lanes import TABLE
from traceview.rules.registry import Severity

_APART: Final = timedelta(hours=2)
"""Heuristic: what is told after two hours without any word is another matter."""
_EPISODES: Final = {"calls": "call", "pushes": "push", "terminations": "termination", "glitches": "glitch window"}
_LANES: Final = {"call": "call", "push": "push", "report": "report"}
_PLURALS: Final = {"push": "pushes"}
_REST: Final = "window"


class _Told(NamedTuple):
    begin: datetime
    end: datetime
    what: str
    by: str
    """Table that tells it: what two tables tell is counted once."""
    severity: int = -1


class Stretch(Struct, frozen=True):
    """A stretch of time.

    Attributes:
        begin: First moment, UTC.
        end: Last moment, UTC.
        of_log: Whether it is the time that the logs cover.
        worst: Severity of its worst finding, or -1.
        counts: Findings and what the main lanes show, by noun; none that is 0.
        rest: How many other windows it has.
    """

    begin: datetime
    end: datetime
    of_log: bool
    worst: int
    counts: tuple[tuple[str, int], ...]
    rest: int

    def __str__(self) -> str:
        nouns = self.counts or ((_REST, self.rest),)
        return ", ".join(plural(count, noun, _PLURALS.get(noun)) for noun, count in nouns)

    @property
    def weight(self) -> tuple[int, bool, int, int, datetime]:
        """What orders stretches: the worst finding, then the log, then how much of what matters there is, then the later one."""
        return self.worst, self.of_log, sum(count for _, count in self.counts), self.rest, self.begin


def stretches(analysis: Analysis, log: Span | None, app: str | None = None) -> list[Stretch]:
    """Return the stretches of findings, main lanes and what witnesses tell of apps, by time.

    A remark that names no app (severity info: that a clock was set, say) is about the capture and makes none.

    Args:
        analysis: What was found.
        log: The time that the logs cover: one stretch, whatever else it holds; or None.
        app: Leave out what concerns other apps; None: all counts.
    """
    told = sorted(_told(analysis, app))
    inside = [one for one in told if log and one.begin <= log[1] and one.end >= log[0]]
    groups = [_stretch(log, inside, of_log=True)] if log else []
    if log:
        told = [one for one in told if one.begin > log[1] or one.end < log[0]]
    groups += [_stretch((own[0].begin, max(one.end for one in own)), own) for own in _apart(told)]
    return sorted(groups, key=lambda stretch: stretch.begin)


def _told(analysis: Analysis, app: str | None) -> Iterator[_Told]:
    own = pl.lit(value=True) if app is None else pl.col("app").is_null() | (pl.col("app") == app)
    for finding in analysis.findings:
        about_capture = finding.app is None and finding.severity is Severity.info
        if finding.start is not None and (app is None or finding.app in {app, None}) and not about_capture:
            end = finding.end or finding.start
            yield _Told(finding.start, end, "finding", "", int(finding.severity))
    for table, noun in _EPISODES.items():
        windows = analysis.episodes[table].filter(own).drop_nulls("start").select("start", pl.coalesce("end", "start"))
        yield from (_Told(begin, end, noun, table) for begin, end in windows.iter_rows())
    if TABLE in analysis.tables:
        about = pl.col("app").is_not_null() | pl.col("lane").is_in(list(_LANES))
        rows = analysis.tables[TABLE].filter(about, own).select("start", pl.coalesce("end", "start"), "lane")
        yield from (_Told(begin, end, _LANES.get(lane, _REST), "witness") for begin, end, lane in rows.iter_rows())


def _apart(told: Iterable[_Told]) -> Iterator[list[_Told]]:
    group: list[_Told] = []
    until: datetime | None = None
    for one in told:
        if until is not None and one.begin - until > _APART:
            yield group
            group, until = [], None
        until = one.end if until is None else max(until, one.end)
        group.append(one)
    if group:
        yield group


def _stretch(span: Span, told: Sequence[_Told], *, of_log: bool = False) -> Stretch:
    by_table = Counter((one.what, one.by) for one in told)
    nouns = ("finding", *dict.fromkeys((*_EPISODES.values(), *_LANES.values())))
    most = {noun: max((n for (what, _), n in by_table.items() if what == noun), default=0) for noun in nouns}
    return Stretch(
        *span,
        of_log=of_log,
        worst=max((one.severity for one in told), default=-1),
        counts=tuple((noun, count) for noun, count in most.items() if count),
        rest=by_table[_REST, "witness"],
    )
