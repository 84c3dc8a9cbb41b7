"""``traceview query``: SQL over a capture's tables."""

import re
import shutil
from collections.abc import Iterable
from enum import StrEnum
from os.path import exists
from typing import Annotated

import typer

from traceview.cli import options
from traceview_parsers.errors import UsageError

_COLUMNS = 80
"""Width of a line where the output is no terminal."""


_SQL = re.compile(r"(?i)\s*\(*(?:select|with|show)\s")
_EXAMPLE = "traceview query CAPTURE 'SELECT * FROM calls'"


class Format(StrEnum):
    """Output forms."""

    text = "text"
    table = "table"
    csv = "csv"
    json = "json"
    ndjson = "ndjson"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def missing(words: Iterable[str]) -> str:
    """Return what a command line of these words lacks: the SQL, or the capture where the SQL is there."""
    if any(_SQL.match(word) for word in words):
        return f"the capture is missing; it comes before the SQL: {_EXAMPLE}"
    return f"the SQL is missing; it comes last: {_EXAMPLE}"


def query(
    inputs: options.Inputs,
    sql: Annotated[
        str, typer.Argument(metavar="SQL", show_default=False, help="SELECT … FROM calls, log, findings, …")
    ],
    *,
    output: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="FORM",
            help="table, csv, json, ndjson, or text: a table, or a block a row where that is too wide.",
        ),
    ] = Format.text,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    config: options.ConfigFile = None,
) -> None:
    """Run SQL over the tables of a capture; the SQL comes last. SHOW TABLES lists them: log, findings, calls and many more.

    Times are UTC and compared with plain text: start > '2026-01-15 09:30:00', or with a zone, '2026-01-15 10:30:00+01:00'.
    """
    if misplaced := [str(one) for one in inputs if _SQL.match(str(one))]:
        raise UsageError(f"{misplaced[0]}: the SQL is the last argument, after the inputs")
    if not options.is_utf8(sql):
        raise UsageError("the SQL is no UTF-8 text")
    if not _SQL.match(sql) and exists(sql):  # noqa: PTH110  (that of a Path raises where the text is too long)
        raise UsageError(missing([sql]))
    with options.open_inputs(inputs, apps=app, date_text=date, zone=tz, config=config, threads=True) as capture:
        frame = capture.sql(sql)
    if output in (Format.text, Format.table):
        from traceview.cli.grid import render  # noqa: PLC0415  (keeps --help fast)

        width = shutil.get_terminal_size((_COLUMNS, 24)).columns
        lines, remarks = render(frame, width, table=output is Format.table)
        if lines:
            typer.echo("\n".join(lines))
        for remark in remarks:
            typer.echo(f"traceview: {remark}", err=True)
    elif output is Format.json:
        import json  # noqa: PLC0415

        from traceview.serialise import frame_to_rows  # noqa: PLC0415

        typer.echo(json.dumps(frame_to_rows(frame), indent=1, ensure_ascii=False, default=str))
    elif output is Format.csv:
        from traceview.export import flat  # noqa: PLC0415

        typer.echo(flat(frame.lazy()).collect().write_csv(), nl=False)
    else:
        typer.echo(frame.write_ndjson(), nl=False)
    if frame.is_empty() and output in (Format.json, Format.ndjson):
        from traceview.cli.grid import no_rows  # noqa: PLC0415

        typer.echo(f"traceview: {no_rows(frame)}", err=True)
