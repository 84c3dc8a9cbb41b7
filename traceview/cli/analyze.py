"""``traceview analyze``: verdict, findings and proof at the terminal, or as JSON."""

from enum import StrEnum
from typing import Annotated

import typer

from traceview.cli import options


class Format(StrEnum):
    """Output forms."""

    text = "text"
    json = "json"


class FailOn(StrEnum):
    """Severities by name, for ``--fail-on``."""

    info = "info"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


_EXIT_BASE = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("analyze")(analyze)


def analyze(
    inputs: options.Inputs,
    *,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.text,
    fail_on: Annotated[
        FailOn | None,
        typer.Option("--fail-on", help="Exit with 10 (info) to 14 (critical) when the worst finding is at least this."),
    ] = None,
    redact: options.Redact = "none",
    config: options.ConfigFile = None,
) -> None:
    """Say what happened in a capture: findings with their evidence lines, calls, and what could not be checked."""
    with options.open_inputs(inputs, apps=app, date_text=date, zone=tz, config=config) as capture:
        from traceview.report.redact import redact as redacted  # noqa: PLC0415  (keeps --help fast)

        analysis = redacted(capture.analysis, redact)
    if output is Format.json:
        import json  # noqa: PLC0415

        from traceview.serialise import to_json  # noqa: PLC0415

        typer.echo(json.dumps(to_json(analysis), indent=1, ensure_ascii=False))
    else:
        from traceview.cli.text import render_analysis  # noqa: PLC0415

        typer.echo(render_analysis(analysis))
    if fail_on is not None and analysis.worst is not None:
        from traceview.rules.registry import Severity  # noqa: PLC0415

        if analysis.worst >= Severity[fail_on.value]:
            raise typer.Exit(_EXIT_BASE + int(analysis.worst))
