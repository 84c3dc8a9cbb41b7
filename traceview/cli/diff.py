"""``traceview diff``: what got worse between two captures."""

from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options, verdicts


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", show_default=False, help="The capture before.")],
    after: Annotated[Path, typer.Argument(metavar="B", show_default=False, help="The capture after.")],
    *,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    fail_on: verdicts.Option = None,
    config: options.ConfigFile = None,
) -> None:
    """Compare the findings of two captures: new, gone, in both. --fail-on judges the new ones."""
    sides = []
    for path in (before, after):
        with options.open_inputs([path], apps=app, date_text=date, zone=tz, config=config) as capture:
            sides.append(capture.analysis)
    from traceview.cli.summary import fold, told  # noqa: PLC0415  (keeps --help fast)
    from traceview.cli.troubles import doubts  # noqa: PLC0415
    from traceview.compare import compare  # noqa: PLC0415

    rows = compare(*sides)
    for name, side in zip("AB", sides, strict=True):
        for text in doubts(side.problems):
            typer.echo(fold(f"{name} {side.capture.name}: {text}", ""), err=True)
        typer.echo(fold(f"{name} {side.capture.name}: {told(side)}", ""), err=True)
    typer.echo("change, findings in A → in B, severity, rule:" if rows else "no finding on either side", err=True)
    for row in rows:
        doubt = " (the rule could not be evaluated on the other side)" if row.not_evaluated else ""
        counts = f"{row.change:<6} {row.before:>3} → {row.after:<3} {row.severity.name:<8} "
        typer.echo(fold(f"{counts}{row.rule}: {row.title}{doubt}", "", " " * len(counts)))
    new = [row.severity for row in rows if row.change == "new"]
    verdicts.fail(fail_on, new, sides[1].not_evaluated, config)
