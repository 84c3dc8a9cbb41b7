"""``traceview signals``: what single lines mean."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options
from traceview.cli.options import visible
from traceview_parsers.errors import InputError, UsageError

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
    lines = _read_lines(source)
    from traceview.signals.lines import match_lines  # noqa: PLC0415  (keeps --help fast)

    for found in match_lines(lines):
        if output is MatchFormat.ndjson:
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            fields = ", ".join(f"{name}={visible(str(value))}" for name, value in found["fields"].items())
            signal = f"{found['signal']} ({found['kind']})" if found["signal"] else "-"
            typer.echo(f"{found['line']:>6}  {signal}  {fields}".rstrip())


def _read_lines(source: str) -> list[str]:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{source}: {(error.strerror or str(error)).lower()}") from error
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n") if text else []


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
