"""``traceview explain``: one rule, why it matters and how to fix what it finds."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", show_default=False, help="Rule id or catalogue number (T01).")],
) -> None:
    """Explain a rule: what it looks for, why it matters, how to fix it, thresholds with sources."""
    from traceview.rules.reference import explain as text_of  # noqa: PLC0415  (keeps --help fast)

    typer.echo(text_of(rule))
