"""``traceview query``: SQL over a capture's tables."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options


class Format(StrEnum):
    """Output forms."""

    table = "table"
    csv = "csv"
    ndjson = "ndjson"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def query(
    source: Annotated[Path, typer.Argument(metavar="INPUT", show_default=False, help="The capture.")],
    sql: Annotated[
        str, typer.Argument(metavar="SQL", show_default=False, help="SELECT … FROM calls, log, findings, …")
    ],
    *,
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.table,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    config: options.ConfigFile = None,
) -> None:
    """Run SQL over log, events, findings and the episode tables of a capture."""
    with options.open_inputs([source], apps=app, date_text=date, zone=tz, config=config) as capture:
        frame = capture.sql(sql)
    if output is Format.table:
        import polars as pl  # noqa: PLC0415  (keeps --help fast)

        with pl.Config(
            tbl_rows=200, tbl_cols=-1, fmt_str_lengths=120, tbl_width_chars=200, tbl_hide_dtype_separator=True
        ):
            typer.echo("\n".join(options.visible(line) for line in str(frame).splitlines()))
        return
    from traceview.export import flat  # noqa: PLC0415

    typer.echo(flat(frame).write_csv() if output is Format.csv else frame.write_ndjson(), nl=False)
