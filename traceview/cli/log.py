"""``traceview log``: ``log show`` on any computer."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from traceview.cli import options

if TYPE_CHECKING:
    from traceview_parsers.selection import Clause
    from traceview_parsers.trace import Source


class Style(StrEnum):
    """Styles of ``log show``."""

    ndjson = "ndjson"
    json = "json"
    default = "default"
    syslog = "syslog"
    compact = "compact"


class Level(StrEnum):
    """Levels of log messages."""

    default = "default"
    info = "info"
    debug = "debug"
    error = "error"
    fault = "fault"


Many = list[str] | None
_LAST_PID = 0x7FFF_FFFF
_MOST_JOBS = 64
_TIME = (
    "'2026-01-15 10:30:00', or 10:30:00 where the log is of one day, in the zone that lines are printed in, with a zone, +01:00, "
    "or @1768469400, seconds since 1970"
)
_PREDICATE = (
    """as `log show` takes it, such as 'subsystem == "com.apple.runningboard" AND messageType >= error', in single quotes. """
    "The options beside it hold too."
)
_NO_LOG = "the input holds no log; `traceview doctor` shows what it holds, `traceview query` prints it"
INSTEAD = {
    "--app": "log takes --process NAME or --predicate",
    "--archive": "here the archive is named without an option",
    "--color": "nothing is coloured here",
    "--timezone": "here --tz names the zone",
}
"""What stands here for options of `log show`, or of the other commands, that this command does not have."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("log")(log)


def log(
    inputs: options.Inputs,
    *,
    process: Annotated[
        Many, typer.Option("--process", metavar="NAME", help="Exact process name; may be repeated.")
    ] = None,
    subsystem: Annotated[
        Many, typer.Option("--subsystem", metavar="NAME", help="Exact subsystem; may be repeated.")
    ] = None,
    category: Annotated[
        Many, typer.Option("--category", metavar="NAME", help="Exact category; may be repeated.")
    ] = None,
    level: Annotated[
        list[Level] | None,
        typer.Option(
            "--level", metavar="LEVEL", help="Only this level: default, info, debug, error or fault; may be repeated."
        ),
    ] = None,
    contains: Annotated[
        Many,
        typer.Option(
            "--contains", metavar="TEXT", help="The message contains this text (any of several); case matters."
        ),
    ] = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Letter case does not matter for --contains.")
    ] = False,
    pid: Annotated[list[int] | None, typer.Option("--pid", metavar="N", help="Process id; may be repeated.")] = None,
    predicate: Annotated[
        str | None,
        typer.Option("--predicate", metavar="PREDICATE", help=f"Only rows for which this holds: {_PREDICATE}"),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--last",
            metavar="TIME",
            help="From 30s, 5m, 2h or 1d before the last row on, or of the last boot (boot); not with --start.",
        ),
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help=f"From this time on: {_TIME}.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="Before this time.")] = None,
    boot: Annotated[
        str | None,
        typer.Option(
            "--boot", metavar="BOOT", help="Only this boot: last, -1 (the one before), -2 …, or how its UUID begins."
        ),
    ] = None,
    info: Annotated[
        bool, typer.Option("--info/--no-info", show_default=False, help="Info messages; shown by default.")
    ] = True,
    debug: Annotated[
        bool, typer.Option("--debug/--no-debug", show_default=False, help="Debug messages; shown by default.")
    ] = True,
    signpost: Annotated[
        bool, typer.Option("--signpost/--no-signpost", show_default=False, help="Signposts; shown by default.")
    ] = True,
    style: Annotated[
        Style, typer.Option("--style", metavar="STYLE", help="default, syslog, compact, json or ndjson.")
    ] = Style.default,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", min=1, max=_MOST_JOBS, metavar="N", help="Processes that read one log archive together."
        ),
    ] = 1,
    date: options.Date = None,
    tz: options.Zone = None,
) -> None:
    """Print log lines by time, as `log show` does. Times are in --tz, else in the capture's zone, else in UTC.

    Nothing is left out unless asked for: info and debug messages and signposts show without --info, --debug, --signpost.
    """
    from traceview.cli import log_jobs, log_selection  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers import ReadOptions, open_trace  # noqa: PLC0415
    from traceview_parsers.errors import UsageError  # noqa: PLC0415
    from traceview_parsers.schema import EVENTS, LEVELS  # noqa: PLC0415
    from traceview_parsers.selection import Clause  # noqa: PLC0415

    if ignore_case and not contains:
        raise UsageError("--ignore-case is for --contains; in a predicate write CONTAINS[c]")
    if wrong := [one for one in pid or () if not 0 <= one <= _LAST_PID]:
        raise UsageError(f"--pid {wrong[0]}: a process id is 0 to {_LAST_PID}")
    words = _names(contains, "--contains")
    zone = options.parse_zone(tz)
    hidden = {name for name, shown in (("info", info), ("debug", debug)) if not shown}
    chosen: frozenset[str | None] = frozenset(level or (*LEVELS, None))
    clause = Clause(
        processes=_names(process, "--process"),
        subsystems=_names(subsystem, "--subsystem"),
        categories=_names(category, "--category"),
        levels=chosen - hidden if level or hidden else None,
        events=None if signpost else frozenset({*EVENTS, None}) - {"signpost"},
        pids=frozenset(pid) if pid else None,
        words=None if ignore_case else words,
    )
    window = log_selection.Window(start, end, last, boot)
    condition = log_selection.Condition(predicate, tuple(contains or ()) if ignore_case else ())
    window.check(zone)  # a mistake is told before the capture is opened
    condition.check()
    with open_trace(inputs, ReadOptions(options.parse_date(date), zone)) as trace:
        shown = zone or options.zone_of(trace.capture.tz)
        wanted = condition.read(shown)
        within = window.select(trace.sources_of("log"), shown)
        from msgspec.structs import replace  # noqa: PLC0415  (keeps --help fast)

        selection = replace(within, clauses=() if clause == Clause() else (clause,))
        printing = log_jobs.Printing(style.value, shown, wanted)
        rows = log_jobs.print_log(
            trace, wanted.narrow(selection) if wanted else selection, printing, sys.stdout.buffer, jobs
        )
        options.tell_problems(trace.problems)
        if not rows:
            typer.echo(f"traceview: {_of_nothing(trace.sources_of('log'), clause)}", err=True)


def _of_nothing(sources: "list[Source]", clause: "Clause") -> str:
    """Return what is said where no line was printed."""
    from traceview.cli.log_names import near_names  # noqa: PLC0415  (keeps --help fast)

    return "; ".join(filter(None, ("no log line matches", near_names(sources, clause)))) if sources else _NO_LOG


def _names(values: Many, option: str) -> frozenset[str] | None:
    from traceview_parsers.errors import UsageError  # noqa: PLC0415  (keeps --help fast)

    if not all(map(options.is_utf8, values or ())):
        raise UsageError(f"{option}: the text is no UTF-8")
    return frozenset(values) if values else None
