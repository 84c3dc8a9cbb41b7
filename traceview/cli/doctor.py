"""``traceview doctor``: can this capture be read, and what does it cover?"""

from typing import TYPE_CHECKING

import typer

from traceview.cli import options
from traceview.cli.options import visible

if TYPE_CHECKING:
    from traceview_parsers.trace import CaptureInfo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(inputs: options.Inputs, *, date: options.Date = None, tz: options.Zone = None) -> None:
    """Show what was found in a capture, from when to when each source speaks, and every problem in reading it."""
    from traceview.serialise import rfc3339_ns  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers import ReadOptions, open_trace  # noqa: PLC0415

    with open_trace(inputs, ReadOptions(options.parse_date(date), options.parse_zone(tz))) as trace:
        rows = {table: sum(batch.num_rows for batch in trace.batches(table)) for table in trace.tables}
        device = trace.device
        typer.echo(f"capture   {visible(trace.capture.name)}")
        typer.echo(f"taken     {rfc3339_ns(trace.capture.time_ns) or 'unknown'}, zone {_zone(trace.capture)}")
        known = (device.model, device.os_name, device.os_version, device.os_build)
        typer.echo(f"device    {visible(' '.join(fact for fact in known if fact)) or 'unknown'}")
        for table, count in rows.items():
            typer.echo(f"table     {table}: {count:,} rows")
        for one in trace.coverage():
            span = f"{rfc3339_ns(one.start_ns)} to {rfc3339_ns(one.end_ns)}" if one.start_ns is not None else "no times"
            typer.echo(f"source    {visible(one.source)} ({one.reader}): {span}; {visible(one.clock)}")
            for note in one.notes:
                typer.echo(f"          {visible(note)}")
        for problem in trace.problems:
            where = "" if problem.position is None else f" at {problem.unit} {problem.position:,}"
            typer.echo(
                f"problem   {visible(problem.source)}{where}: {visible(problem.message)} ({problem.count:,} in all)"
            )
        count = len(trace.problems)
        typer.echo(f"{count} problem{'s' * (count != 1)}" if count else "no problems")


def _zone(capture: "CaptureInfo") -> str:
    return f"{visible(capture.tz)} ({capture.tz_how})" if capture.tz else "unknown"
