"""``traceview diff``: what got worse between two captures."""

from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options, verdicts
from traceview.cli.options import visible


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
    """Compare the findings of two captures by fingerprint: new, gone, and in both. --fail-on judges the new ones."""
    sides = []
    for path in (before, after):
        with options.open_inputs([path], apps=app, date_text=date, zone=tz, config=config) as capture:
            sides.append(capture.analysis)
    from traceview.compare import compare  # noqa: PLC0415  (keeps --help fast)

    rows = compare(*sides)
    for row in rows:
        doubt = " (the rule could not be evaluated on the other side)" if row.not_evaluated else ""
        typer.echo(
            f"{row.change:<6} {row.before:>3} → {row.after:<3} {row.severity.name:<8} {row.rule}: {visible(row.title)}{doubt}"
        )
    new = [row.severity for row in rows if row.change == "new"]
    verdicts.fail(fail_on, new, sides[1].not_evaluated, config)
