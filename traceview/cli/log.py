"""``traceview log``: ``log show`` on any computer."""

import re
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from traceview.cli import options

if TYPE_CHECKING:
    from traceview_parsers.trace import Trace


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
_TIME = "'2026-01-15 10:30:00' in the zone that lines are printed in, with a zone, +01:00, or @1768469400, seconds since 1970"
_NO_LOG = "the input holds no log; `traceview doctor` shows what it holds, `traceview query` prints it"
INSTEAD = {
    "--predicate": "here --process, --subsystem, --category, --level, --pid and --contains select, and `traceview query` takes SQL",
    "--last": "here --start and --end select",
    "--archive": "here the archive is named without an option",
    "--color": "nothing is coloured here",
}
"""What stands here for options of `log show` that this command does not have."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("log")(log)


def log(
    inputs: options.Inputs,
    *,
    process: Annotated[Many, typer.Option("--process", help="Exact process name; may be repeated.")] = None,
    subsystem: Annotated[Many, typer.Option("--subsystem", help="Exact subsystem; may be repeated.")] = None,
    category: Annotated[Many, typer.Option("--category", help="Exact category; may be repeated.")] = None,
    level: Annotated[list[Level] | None, typer.Option("--level", help="Only this level; may be repeated.")] = None,
    contains: Annotated[
        Many, typer.Option("--contains", help="The message contains this text (any of several); case matters.")
    ] = None,
    pid: Annotated[
        list[int] | None, typer.Option("--pid", min=0, max=_LAST_PID, help="Process id; may be repeated.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help=f"From this time on: {_TIME}.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="Before this time.")] = None,
    boot: Annotated[
        str | None,
        typer.Option(
            "--boot", metavar="BOOT", help="Only this boot: last, -1 (the one before), -2 …, or how its UUID begins."
        ),
    ] = None,
    info: Annotated[bool, typer.Option("--info/--no-info", help="Info messages; shown by default.")] = True,
    debug: Annotated[bool, typer.Option("--debug/--no-debug", help="Debug messages; shown by default.")] = True,
    signpost: Annotated[bool, typer.Option("--signpost/--no-signpost", help="Signposts; shown by default.")] = True,
    style: Annotated[Style, typer.Option("--style", help="Form of the output.")] = Style.default,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=_MOST_JOBS, help="Processes that read one log archive together.")
    ] = 1,
    date: options.Date = None,
    tz: options.Zone = None,
) -> None:
    """Print log lines by time, as `log show` does; times in --tz, else in the capture's zone, else in UTC.

    Nothing is left out unless asked for: info and debug messages and signposts show without --info, --debug, --signpost.
    """
    from traceview.cli import log_jobs  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers import ReadOptions, open_trace  # noqa: PLC0415
    from traceview_parsers.schema import EVENTS, LEVELS  # noqa: PLC0415
    from traceview_parsers.selection import Clause, Selection, to_ns  # noqa: PLC0415

    zone = options.parse_zone(tz)
    hidden = {name for name, shown in (("info", info), ("debug", debug)) if not shown}
    chosen: frozenset[str | None] = frozenset(level or (*LEVELS, None))
    clause = Clause(
        processes=_names(process),
        subsystems=_names(subsystem),
        categories=_names(category),
        levels=chosen - hidden if level or hidden else None,
        events=None if signpost else frozenset({*EVENTS, None}) - {"signpost"},
        pids=frozenset(pid) if pid else None,
        words=_names(contains),
    )
    options.parse_time(start, "--start", zone)  # a mistake is told before the capture is opened
    options.parse_time(end, "--end", zone)
    with open_trace(inputs, ReadOptions(options.parse_date(date), zone)) as trace:
        shown = zone or options.zone_of(trace.capture.tz)
        selection = Selection(
            () if clause == Clause() else (clause,),
            start_ns=to_ns(options.parse_time(start, "--start", shown)),
            end_ns=to_ns(options.parse_time(end, "--end", shown)),
            boots=None if boot is None else _boot(trace, boot),
        )
        rows = log_jobs.print_log(trace, selection, log_jobs.Printing(style.value, shown), sys.stdout.buffer, jobs)
        options.tell_problems(trace.problems)
        has_log = bool(trace.sources_of("log"))
    if not rows:
        typer.echo(f"traceview: {'no log line matches' if has_log else _NO_LOG}", err=True)


def _names(values: Many) -> frozenset[str] | None:
    return frozenset(values) if values else None


def _boot(trace: "Trace", text: str) -> frozenset[str]:
    """Return the boot that ``--boot`` means. Raises UsageError where there is none or several."""
    from traceview_parsers.errors import UsageError  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers.time_order import boots_of  # noqa: PLC0415

    known = boots_of(trace.sources_of("log"))
    if not known:
        raise UsageError(f"--boot {text}: the log does not tell boots apart")
    if text == "last" or re.fullmatch(r"-\d{1,6}", text):
        back = 0 if text == "last" else -int(text)
        found = known[-1 - back : len(known) - back] if back < len(known) else []
    else:
        found = [uuid for uuid in known if uuid.startswith(text.upper())]
    if len(found) == 1:
        return frozenset(found)
    listed = ", ".join(known[-8:])
    kind = "several boots begin so" if found else "no such boot"
    raise UsageError(f"--boot {text}: {kind}; the log has {len(known)}, oldest first: {listed}")
