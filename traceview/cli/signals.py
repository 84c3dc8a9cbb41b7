"""``traceview signals``: what single lines mean."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from traceview.cli import options
from traceview.cli.options import visible
from traceview_parsers.errors import InputError, UsageError

_BLOCK_BYTES = 4 << 20
_BLOCK_LINES = 50_000
_LINE_BYTES = 64 << 20

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
    output: Annotated[MatchFormat, typer.Option("--format", help="Form of the output.")] = MatchFormat.text,
) -> None:
    """Say for each line which signal it is: one answer for each physical line."""
    from traceview.signals.lines import match_lines  # noqa: PLC0415  (keeps --help fast)

    before = 0
    for lines in _blocks(source):
        for found in match_lines(lines):
            number = before + found["line"]
            if output is MatchFormat.ndjson:
                typer.echo(json.dumps({**found, "line": number}, ensure_ascii=False))
            else:
                fields = ", ".join(f"{name}={visible(str(value))}" for name, value in found["fields"].items())
                signal = f"{found['signal']} ({found['kind']})" if found["signal"] else "-"
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
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind of event, or kinds that begin so.")] = None,
) -> None:
    """List the catalogue: signal, kind, evidence class, processes."""
    from traceview.signals.catalogue import catalogue  # noqa: PLC0415  (keeps --help fast)

    for signal in sorted(catalogue().signals, key=lambda signal: (signal.kind, signal.id)):
        if kind is None or signal.kind.startswith(kind):
            who = ", ".join(sorted(signal.processes)) or "any process"
            typer.echo(f"{signal.kind:<32} {signal.id:<44} {signal.evidence:<11} {who}")


@app.command("show")
def show(
    signal_id: Annotated[str, typer.Argument(metavar="SIGNAL", show_default=False, help="Id of the signal.")],
) -> None:
    """Show one entry of the catalogue: its shapes, where the knowledge comes from, examples."""
    from traceview.signals.catalogue import catalogue  # noqa: PLC0415  (keeps --help fast)

    for signal in catalogue().signals:
        if signal.id == signal_id:
            for name in signal.__dataclass_fields__:
                value = getattr(signal, name)
                for part in value if isinstance(value, tuple | frozenset) else [value]:
                    if part not in (None, ""):
                        typer.echo(f"{name:<12} {getattr(part, 'text', part)}")
            return
    raise UsageError(f"{signal_id}: no such signal; `traceview signals list` shows all")


@app.command("stats")
def stats(
    inputs: options.Inputs,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Unrecognised shapes to show.")] = 30,
    date: options.Date = None,
    tz: options.Zone = None,
) -> None:
    """Count recognised lines of a capture by process, and show frequent unrecognised shapes of the watched ones."""
    import polars as pl  # noqa: PLC0415  (keeps --help fast)
    import pyarrow as pa  # noqa: PLC0415

    from traceview.signals.stats import count, unrecognised  # noqa: PLC0415
    from traceview_parsers import ReadOptions, open_trace  # noqa: PLC0415

    counts, shapes = [], []
    with open_trace(inputs, ReadOptions(options.parse_date(date), options.parse_zone(tz))) as trace:
        for batch in trace.batches("log"):
            table = pa.Table.from_batches([batch])
            counts.append(count(table))
            shapes.append(unrecognised(table, limit=limit * 4))
    if not counts:
        raise InputError("the capture has no log rows")
    by_process = pl.concat(counts).group_by("process").agg(pl.col("rows", "recognised").sum())
    for row in by_process.filter(pl.col("recognised") > 0).sort("rows", descending=True).iter_rows(named=True):
        typer.echo(f"{row['recognised']:>9,} of {row['rows']:>9,}  {visible(row['process'] or '?')}")
    typer.echo("unrecognised shapes of watched processes")
    frequent = pl.concat(shapes).group_by("process", "shape").agg(pl.col("rows").sum())
    for row in frequent.sort(["rows", "shape"], descending=[True, False]).head(limit).iter_rows(named=True):
        typer.echo(f"{row['rows']:>9,}  {visible(row['process'] or '?')}: {visible(row['shape'])}")
