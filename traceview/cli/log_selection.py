"""What `log` selects: a window of time and boots, and what rows must say."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

import typer
from msgspec import Struct

from traceview.cli import options
from traceview.zones import from_ns
from traceview_parsers.errors import UsageError
from traceview_parsers.predicate import Predicate, PredicateError, containing, parse
from traceview_parsers.selection import Selection, to_ns
from traceview_parsers.time_order import boots_of, end_of, span_of
from traceview_parsers.trace import Source

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
"""Units of `--last`. A number without one is seconds, as `log show` takes it (observed, not in its help)."""
_NS: Final = 1_000_000_000
_EARLIEST: Final = -(2**63)
_EAST: Final = timezone(timedelta(hours=14))
_WEST: Final = timezone(-timedelta(hours=12))
"""The first zone of the earth to begin a day, and the last (IANA time zone database)."""
_DISORDER: Final = "--end lies before --start"


class Window(Struct, frozen=True):
    """The options `--start`, `--end`, `--last` and `--boot`, as written."""

    start: str | None
    end: str | None
    last: str | None
    boot: str | None

    def check(self, zone: tzinfo | None) -> None:
        """Raise UsageError for what is wrong whatever the log holds."""
        # The zone of the capture is not known yet: what is wrong in the first and in the last zone is so in any.
        spans = [self._span(one, _some_day) for one in ((zone,) if zone else (_EAST, _WEST))]
        dated = all(options.time_of_day(text) is None for text in (self.start, self.end))
        if dated and all(start is not None and end is not None and end < start for start, end in spans):
            raise UsageError(_DISORDER)
        if self.last is None:
            return
        if self.start is not None:
            raise UsageError("--last and --start exclude each other: both say where to begin")
        if self.last == "boot" and self.boot is not None:
            raise UsageError("--last boot and --boot exclude each other")
        self._last_ns()

    def select(self, sources: list[Source], zone: tzinfo) -> Selection:
        """Return the rows of the window. Raises UsageError where there is no such boot."""
        boots = None
        if self.last == "boot":
            boots = _boot(sources, "last", "--last boot")
        elif self.boot is not None:
            boots = _boot(sources, self.boot, f"--boot {self.boot}")
        first, end_ns = self._span(zone, _Days(sources, boots))
        if first is not None and end_ns is not None and end_ns < first:
            raise UsageError(_DISORDER)
        start = first
        if (back := self._last_ns()) is not None and (end := end_of(sources, boots)) is not None:
            start = max(end - back, _EARLIEST)
        return Selection(start_ns=start, end_ns=end_ns, boots=boots)

    def _span(self, zone: tzinfo, day: "_Day") -> tuple[int | None, int | None]:
        return _moment("--start", self.start, zone, day), _moment("--end", self.end, zone, day)

    def _last_ns(self) -> int | None:
        if self.last is None or self.last == "boot":
            return None
        match = re.fullmatch(r"([0-9]{1,12})([smhd]?)", self.last)
        if match is None:
            raise UsageError(f"--last {self.last}: give it as 30s, 5m, 2h, 1d or boot")
        return int(match[1]) * _SECONDS[match[2]] * _NS


_Day = Callable[[str, str, tzinfo], date]
"""Returns the day of a time of day: of an option, its text, in a zone."""


def _moment(option: str, text: str | None, zone: tzinfo, day: _Day) -> int | None:
    clock = options.time_of_day(text)
    if text is None or clock is None:
        return to_ns(options.parse_time(text, option, zone))
    where = clock.tzinfo or zone
    return to_ns(datetime.combine(day(option, text, where), clock.replace(tzinfo=where)))


def _some_day(_option: str, _text: str, _zone: tzinfo) -> date:
    return date(2000, 1, 1)


class _Days:
    """Tells the day of a time of day from a log that is of one; looks into the log once, where it must."""

    def __init__(self, sources: list[Source], boots: frozenset[str] | None) -> None:
        self._span = cache(lambda: span_of(sources, boots))

    def __call__(self, option: str, text: str, zone: tzinfo) -> date:
        """Return the day. Raises UsageError where there are several."""
        span = self._span()
        if span is None:
            return _some_day(option, text, zone)  # no row has a time, so none is selected
        first, last = (from_ns(time).astimezone(zone) for time in span)
        if first.date() == last.date():
            return first.date()
        raise UsageError(
            f"{option} {text}: the log is of several days, {first:%Y-%m-%d} to {last:%Y-%m-%d} ({last:%Z}); "
            f"name the day: {option} '{_fitting_day(option, text, first, last):%Y-%m-%d} {text}'"
        )


def _fitting_day(option: str, text: str, first: datetime, last: datetime) -> date:
    """Return the last day on which a time of day lies in the log; else one on which it leaves something of the log."""
    clock = options.time_of_day(text)
    if clock is None:
        return last.date()
    at_last = datetime.combine(last.date(), clock.replace(tzinfo=last.tzinfo))
    day_before = at_last - timedelta(days=1)
    ends_behind = option == "--end" and day_before < first
    return last.date() if at_last <= last or ends_behind else day_before.date()


class Condition(Struct, frozen=True):
    """The options `--predicate`, and `--contains` where letter case is of no matter, as written."""

    predicate: str | None
    caseless: tuple[str, ...] = ()

    def check(self) -> None:
        """Tell what is to be known of the predicate. Raises UsageError as `read` does."""
        found = self.read(UTC)
        for note in found.notes if found else ():
            typer.echo(f"traceview: --predicate: {note}", err=True)

    def read(self, zone: tzinfo) -> Predicate | None:
        """Return what rows must fulfil; times without a zone are in `zone`.

        Raises UsageError for a predicate that cannot be read, once it was shown on stderr with the place.
        """
        found = containing(list(self.caseless)) if self.caseless else None
        if self.predicate is None:
            return found
        try:
            read = parse(self.predicate, zone)
        except PredicateError as error:
            if error.text:
                typer.echo(error.picture(), err=True)
            raise UsageError(f"--predicate: {error}") from error
        return read if found is None else found & read


def _boot(sources: list[Source], text: str, told: str) -> frozenset[str]:
    """Return the boot that is meant. Raises UsageError where there is none or several."""
    known = boots_of(sources)
    if not known:
        raise UsageError(f"{told}: the log does not tell boots apart")
    if text == "last" or re.fullmatch(r"-\d{1,6}", text):
        back = 0 if text == "last" else -int(text)
        found = known[-1 - back : len(known) - back] if back < len(known) else []
    else:
        found = [uuid for uuid in known if uuid.startswith(text.upper())]
    if len(found) == 1:
        return frozenset(found)
    listed = ", ".join(known[-8:])
    kind = "several boots begin so" if found else "no such boot"
    raise UsageError(f"{told}: {kind}; the log has {len(known)}, oldest first: {listed}")
