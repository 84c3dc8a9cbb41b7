"""``traceview fleet``: what a data set of many captures says."""

from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options

app = typer.Typer(no_args_is_help=True, help="What many captures say together.")


@app.command("report")
def report(
    dataset: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="Data set made by `traceview batch`.")
    ],
    *,
    out: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="Where to write.")] = Path(
        "fleet.html"
    ),
    base: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            show_default=False,
            help="Compare later versions of the app or system that has this one with it, not with the one before each.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing file.")] = False,
) -> None:
    """Write one offline HTML page of a data set. Findings per OS and app version, what got worse, what to open first."""
    options.check_writable(out, force=force)
    from traceview.fleet.report import write  # noqa: PLC0415  (keeps --help fast)
    from traceview.plots.text import plural  # noqa: PLC0415

    with options.writing(out):
        written = write(dataset, out, base=base)
    typer.echo(written.headline, err=True)
    typer.echo(f"wrote {out} ({plural(written.captures, 'capture')}, {written.total_bytes / 1e6:.1f} MB)", err=True)
    for sentence in written.degraded:
        typer.echo(f"  {sentence}", err=True)
