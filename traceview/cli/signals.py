"""``traceview signals``: what single lines mean."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from traceview.cli import options
from traceview.cli.options import visible
from traceview_parsers.errors import InputError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from traceview_parsers import Trace

_BLOCK_BYTES = 4 << 20
_BLOCK_LINES = 50_000
_LINE_BYTES = 64 << 20
_ROWS_AT_ONCE = 50_000
_MOST_SHAPES = 1 << 31
"""More than any capture has."""

app = typer.Typer(no_args_is_help=True, help="What single log lines mean.")


class MatchFormat(StrEnum):
    """Output forms of ``signals match``."""

    ndjson = "ndjson"
    text = "text"


@app.command("match")
def match(
    source: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Lines in any layout, also bare messages; - is stdin.")
    ],
    *,
    output: Annotated[MatchFormat, typer.Option("--format", metavar="FORM", help="text or ndjson.")] = MatchFormat.text,
) -> None:
    """Say for each physical line which signal it is."""
    from traceview.signals.lines import match_lines  # noqa: PLC0415  (keeps --help fast)

    before = 0
    for lines in _blocks(source):
        for found in match_lines(lines):
            number = before + found["line"]
            if output is MatchFormat.ndjson:
                typer.echo(json.dumps({**found, "line": number}, ensure_ascii=False))
            else:
                fields = ", ".join(f"{name}={visible(str(value))}" for name, value in found["fields"].items())
                signal = f"{found['signal']} ({found['kind']})" if found["signal"] else "not recognised"
                typer.echo(f"{number:>6}  {signal}  {fields}".rstrip())
        before += len(lines)


def _blocks(source: str) -> Iterator[list[str]]:
    """Yield the lines of a file or of standard input, some megabytes at a time."""
    try:
        if source != "-" and Path(source).is_char_device():
            raise InputError(f"{source}: is a device, no file")
        with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as file:
            first = True
            while lines := _some_lines(file):
                texts = [line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r") for line in lines]
                if first:
                    texts[0] = texts[0].removeprefix("\ufeff")
                first = False
                yield texts
    except OSError as error:
        raise InputError(f"{source}: {(error.strerror or str(error)).lower()}") from error


def _some_lines(file: IO[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    while size < _BLOCK_BYTES and len(lines) < _BLOCK_LINES and (line := file.readline(_LINE_BYTES + 1)):
        if len(line) > _LINE_BYTES:
            raise InputError(f"a line of more than {_LINE_BYTES >> 20} MiB is no log line; is this a text?")
        lines.append(line)
        size += len(line)
    return lines


@app.command("list")
def show_list(
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Only this kind of event, or kinds that begin so.")
    ] = None,
) -> None:
    """List the catalogue: signal, kind, evidence class, processes."""
    from traceview.signals.catalogue import catalogue  # noqa: PLC0415  (keeps --help fast)

    wanted = [signal for signal in catalogue().signals if signal.kind.startswith(kind or "")]
    if not wanted:
        raise UsageError(f"--kind {kind}: no such kind; `traceview signals list` shows all")
    for signal in sorted(wanted, key=lambda signal: (signal.kind, signal.id)):
        who = ", ".join(sorted(signal.processes)) or "any process"
        typer.echo(f"{signal.kind:<32} {signal.id:<44} {signal.evidence:<11} {who}")


def _shown(part: object) -> str:
    """Return a value of an entry for people: an example as its message and what it yields."""
    from traceview.signals.catalogue import Example  # noqa: PLC0415  (keeps --help fast)

    if isinstance(part, Example):
        told = ", ".join(f"{name} = {value}" for name, value in part.fields.items())
        return f"{part.message} → {told}" if told else part.message
    if isinstance(part, dict):
        return ", ".join(f"{name} = {value}" for name, value in part.items())
    return str(getattr(part, "text", part))


@app.command("show")
def show(
    signal_id: Annotated[str, typer.Argument(metavar="SIGNAL", show_default=False, help="Id of the signal.")],
) -> None:
    """Show one entry of the catalogue: shapes, sources, examples."""
    from traceview.signals.catalogue import catalogue  # noqa: PLC0415  (keeps --help fast)

    for signal in catalogue().signals:
        if signal.id == signal_id:
            for name in signal.__struct_fields__:
                value = getattr(signal, name)
                parts = (
                    sorted(value) if isinstance(value, frozenset) else value if isinstance(value, tuple) else [value]
                )
                for part in parts:
                    if part not in (None, "", {}):
                        typer.echo(f"{name:<12} {_shown(part)}")
            return
    raise UsageError(f"{signal_id}: no such signal; `traceview signals list` shows all")


@app.command("stats")
def stats(
    inputs: options.Inputs,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Unrecognised shapes to show.")] = 30,
    each: Annotated[
        int, typer.Option("--each", min=1, metavar="N", help="Of these at most so many of one process.")
    ] = 5,
    date: options.Date = None,
    tz: options.Zone = None,
) -> None:
    """Count recognised lines of a capture by process. Shows frequent unrecognised shapes of the watched ones too."""
    from traceview.signals.stats import Survey  # noqa: PLC0415  (keeps --help fast)
    from traceview_parsers import ReadOptions, open_trace  # noqa: PLC0415

    survey = Survey()
    with open_trace(inputs, ReadOptions(options.parse_date(date), options.parse_zone(tz))) as trace:
        for rows in _pieces(trace):
            survey.add(rows)
    counts = survey.counts()
    if counts.is_empty():
        raise InputError("the capture has no log rows")
    total, found = counts["rows"].sum(), counts["recognised"].sum()
    known = counts.filter(counts["recognised"] > 0)
    typer.echo(f"recognised as events: {found:,} of {total:,} messages, of {len(known)} of {len(counts)} processes")
    for row in known.iter_rows(named=True):
        share = f"{row['recognised'] / row['rows']:.0%}"
        typer.echo(f"{row['recognised']:>9,} of {row['rows']:>9,} {share:>5}  {visible(row['process'] or '?')}")
    shapes = survey.shapes(min(limit, _MOST_SHAPES), min(each, _MOST_SHAPES))
    if shapes.is_empty():
        typer.echo("no unrecognised shapes of processes that the catalogue watches")
        return
    typer.echo(
        f"\nnot recognised: the most frequent shapes of the processes that the catalogue watches, at most {each} of each"
    )
    for row in shapes.iter_rows(named=True):
        typer.echo(f"{row['rows']:>9,}  {visible(row['process'] or '?')}: {visible(row['shape'])}")


def _pieces(trace: "Trace") -> Iterator["pa.Table"]:
    """Yield the log in pieces large enough that the catalogue's own costs do not count."""
    import pyarrow as pa  # noqa: PLC0415  (keeps --help fast)

    waiting: list[Any] = []
    for batch in trace.batches("log"):
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting.clear()
    if waiting:
        yield pa.Table.from_batches(waiting)
