"""``traceview export``: one file for each table, or findings for other tools."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options


class Format(StrEnum):
    """What is written: tables, or one file of windows (perfetto) or findings (sarif, junit)."""

    parquet = "parquet"
    arrow = "arrow"
    csv = "csv"
    ndjson = "ndjson"
    perfetto = "perfetto"
    sarif = "sarif"
    junit = "junit"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    inputs: options.Inputs,
    *,
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", show_default=False, help="Folder to write into.")
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format", metavar="FORM", help="parquet, arrow, csv, ndjson (one file a table), perfetto, sarif or junit."
        ),
    ] = Format.parquet,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    config: options.ConfigFile = None,
    redact: options.Redact = "none",
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")] = False,
) -> None:
    """Write tables, windows or findings for other tools. --format perfetto has windows; sarif and junit have findings."""
    options.check_folder(out)
    from traceview.export import ONE_FILE  # noqa: PLC0415  (keeps --help fast)
    from traceview.export import export as write  # noqa: PLC0415  (keeps --help fast)

    with (
        options.open_inputs(inputs, apps=app, date_text=date, zone=tz, config=config, threads=True) as capture,
        options.writing(out),
    ):
        written = write(capture, out, form.value, redact, inputs, force=force)
        left = "" if redact == "none" or form in ONE_FILE else ", ".join(capture.trace.tables)
    if left:
        typer.echo(f"traceview: --redact {redact} leaves out the tables of the sources themselves: {left}", err=True)
    others = (
        () if form in ONE_FILE else sorted({one.name for one in out.glob(f"*.{form}")} - {one.name for one in written})
    )
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        name = options.visible(others[0])
        typer.echo(f"traceview: {out} holds what is not of this export too: {name}{more}", err=True)
    for path in written:
        typer.echo(path)
