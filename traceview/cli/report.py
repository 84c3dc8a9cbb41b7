"""``traceview report``: one offline HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    inputs: options.Inputs,
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="Where to write; default: INPUT.html here."),
    ] = None,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    os: options.System = None,
    redact: options.Redact = "none",
    config: options.ConfigFile = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing file.")] = False,
) -> None:
    """Write one offline HTML file: verdict, timeline, calls, findings. Each finding has its log lines."""
    target = out or Path(_stem(inputs[0]) + ".html")
    options.check_writable(target, force=force, inputs=inputs)
    with options.open_inputs(inputs, apps=app, date_text=date, zone=tz, config=config, system=os) as capture:
        analysis, shown = capture.analysis, capture.redacted(redact)
    from traceview.cli.summary import verdict  # noqa: PLC0415  (keeps --help fast)
    from traceview.cli.troubles import doubts  # noqa: PLC0415
    from traceview.report.html import write  # noqa: PLC0415
    from traceview.rules.builtin import load_rules  # noqa: PLC0415

    rules = load_rules()[0]
    with options.writing(target):
        written = write(shown, target, rules=rules)
    for doubt in doubts(analysis.problems):
        typer.echo(f"traceview: {doubt}", err=True)
    typer.echo(verdict(analysis), err=True)
    typer.echo(f"wrote {target}: {written}; opens offline in any browser", err=True)
    for sentence in written.degraded:
        typer.echo(f"  {sentence}", err=True)


def _stem(path: Path) -> str:
    name = path.resolve().name
    for suffix in (".gz", ".tar", ".tgz", ".zip", ".logarchive", ".ndjson", ".json", ".log", ".txt"):
        name = name.removesuffix(suffix)
    return name or "capture"
