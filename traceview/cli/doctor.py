"""``traceview doctor``: can this capture be read, what does it cover, and how sure are its times?"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from traceview.cli import options
from traceview.cli.options import visible

if TYPE_CHECKING:
    from traceview.capture import Capture
    from traceview_parsers.trace import CaptureInfo, Coverage, Device


_MANY = frozenset({"ips", "metrickit"})
"""Readers of files of which a capture may hold hundreds, each of one moment."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def _formats(*, value: bool) -> None:
    if not value:
        return
    from traceview_parsers.discovery import FORMATS  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers.registry import added_readers  # noqa: PLC0415

    for name, told in (*FORMATS, *((reader, f"read by {package}") for reader, package in added_readers())):
        typer.echo(f"{visible(name):<14} {visible(told)}")
    raise typer.Exit


def doctor(
    inputs: options.Inputs,
    *,
    date: options.Date = None,
    tz: options.Zone = None,
    formats: Annotated[
        bool,
        typer.Option("--formats", callback=_formats, is_eager=True, help="List what can be read, and nothing else."),
    ] = False,
) -> None:
    """Show what a capture holds, and what could not be read. Tells when each source speaks, and how sure its times are."""
    del formats
    from traceview.capture import open_capture  # noqa: PLC0415  (keeps --help fast)
    from traceview.rules.config import Config  # noqa: PLC0415
    from traceview_parsers import ReadOptions  # noqa: PLC0415

    given = ReadOptions(options.parse_date(date), options.parse_zone(tz))
    with open_capture(inputs, options=given, config=Config(), require_apps=False) as capture:
        for line in _lines(capture):
            typer.echo(line)


def _lines(capture: "Capture") -> Iterator[str]:
    from traceview.cli.troubles import problem_lines, times_of  # noqa: PLC0415  (keeps --help fast)
    from traceview.serialise import rfc3339_ns  # noqa: PLC0415

    trace = capture.trace
    compared = capture.clocks.height
    # Counted last: a source knows what it covers from its last reading, and this is the only whole one.
    rows = {table: sum(batch.num_rows for batch in trace.batches(table)) for table in trace.tables}
    yield f"capture   {visible(trace.capture.name)}"
    yield f"taken     {rfc3339_ns(trace.capture.time_ns) or 'unknown'}, zone {_zone(trace.capture)}"
    yield f"device    {_device(trace.device) or 'unknown'}"
    yield from (f"table     {table}: {count:,} row{'s' * (count != 1)}" for table, count in rows.items())
    root = _root([one.source for one in capture.coverage])
    for alike in _sources(capture.coverage):
        one, more = alike[0], f" and {len(alike) - 1:,} more" if len(alike) > 1 else ""
        who = f"{visible(one.source.removeprefix(root))}{more} ({one.reader})"
        first = min((each.start_ns for each in alike if each.start_ns is not None), default=None)
        last = max((each.end_ns for each in alike if each.end_ns is not None), default=first)
        if first is None:
            yield f"source    {who}: no times; {times_of(one)}"
        else:
            yield f"source    {who}: {rfc3339_ns(first)}{f' to {rfc3339_ns(last)}' if last != first else ''}"
            yield f"          times: {times_of(one)}"
        yield from (f"          {visible(note)}" for note in one.notes)
    if not compared and sum(one.start_ns is not None for one in capture.coverage) > 1:
        yield "clocks    no fact stands in two sources, so that their clocks could not be compared"
    troubles = list(problem_lines(trace.problems))
    for text, sample in troubles:
        yield f"problem   {text}"
        if sample:
            yield f"          such as: {sample}"
    yield f"{len(troubles)} problem{'s' * (len(troubles) != 1)}" if troubles else "no problems"


def _root(names: list[str]) -> str:
    """Return the folder in which all sources lie, with its slash, or an empty text."""
    first = names[0].partition("/")[0] + "/" if names else ""
    return first if len(names) > 1 and all(name.startswith(first) for name in names) else ""


def _sources(coverage: "Iterable[Coverage]") -> "Iterable[list[Coverage]]":
    """Return each source; reports, and files without times, of which the same is to be said are told together."""
    groups: dict[object, list[Coverage]] = {}
    for one in coverage:
        alone = one.start_ns is not None and one.reader not in _MANY
        said = one.source if alone else (one.reader, one.clock, one.certainty_ns, one.notes)
        groups.setdefault(said, []).append(one)
    return groups.values()


def _zone(capture: "CaptureInfo") -> str:
    return f"{visible(capture.tz)} ({capture.tz_how})" if capture.tz else "unknown"


def _device(device: "Device") -> str:
    return visible(" ".join(fact for fact in (device.hardware, device.system) if fact))
