"""``traceview rules``: the catalogue of checks."""

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """Output forms."""

    text = "text"
    json = "json"
    markdown = "markdown"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rules")(rules)


def rules(
    *,
    output: Annotated[Format, typer.Option("--format", metavar="FORM", help="text, json or markdown.")] = Format.text,
) -> None:
    """List the rules with their thresholds and the sources of these."""
    from traceview.rules.reference import render  # noqa: PLC0415  (keeps --help fast)

    typer.echo(render(output.value))
