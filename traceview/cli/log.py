"""``traceview log``: ``log show`` on any computer."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from traceview.cli import options


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
_TIME = "'2026-01-15 10:30:00' in the zone that lines are printed in, or with a zone, +01:00"


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
        Many, typer.Option("--contains", help="The message contains this text (any of several).")
    ] = None,
    pid: Annotated[
        list[int] | None, typer.Option("--pid", min=0, max=_LAST_PID, help="Process id; may be repeated.")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="TIME", help=f"From this time on: {_TIME}.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="TIME", help="Before this time.")] = None,
    style: Annotated[Style, typer.Option("--style", help="Form of the output.")] = Style.default,
    date: options.Date = None,
    tz: options.Zone = None,
) -> None:
    """Print log lines, as `log show` does; times in --tz, else in the capture's zone, else in UTC."""
    from traceview_parsers import ReadOptions, log_styles, open_trace  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers.selection import Clause, Selection, to_ns  # noqa: PLC0415

    zone = options.parse_zone(tz)
    clause = Clause(
        processes=_names(process),
        subsystems=_names(subsystem),
        categories=_names(category),
        levels=frozenset(one.value for one in level) if level else None,
        pids=frozenset(pid) if pid else None,
        words=_names(contains),
    )
    options.parse_time(start, "--start", zone)  # a mistake is told before the capture is opened
    options.parse_time(end, "--end", zone)
    out = sys.stdout.buffer
    rows = 0
    with open_trace(inputs, ReadOptions(options.parse_date(date), zone)) as trace:
        shown = zone or options.zone_of(trace.capture.tz)
        selection = Selection(
            () if clause == Clause() else (clause,),
            start_ns=to_ns(options.parse_time(start, "--start", shown)),
            end_ns=to_ns(options.parse_time(end, "--end", shown)),
        )
        out.write(log_styles.header(style.value))
        for batch in trace.batches("log", selection):
            out.write(log_styles.render(batch, style.value, shown, first=rows == 0))
            rows += batch.num_rows
        out.write(log_styles.footer(style.value, rows))
        out.flush()
        options.tell_problems(trace.problems)
    if not rows:
        typer.echo("traceview: no log line matches", err=True)


def _names(values: Many) -> frozenset[str] | None:
    return frozenset(values) if values else None
