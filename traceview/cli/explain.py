"""``traceview explain``: a rule, or one finding of a capture: why it matters and how to fix it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traceview.cli import options
from traceview_parsers.errors import UsageError

if TYPE_CHECKING:
    from traceview.analysis import Analysis
    from traceview.rules.registry import Finding

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RULE|FINDING",
            show_default=False,
            help="Rule id, catalogue number (T01) or a finding's fingerprint.",
        ),
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT…", show_default=False, help="The capture that a fingerprint is looked up in."),
    ] = None,
    *,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    config: options.ConfigFile = None,
) -> None:
    """Explain a rule, or the findings of a fingerprint with their proof. Says what is looked for, why it matters, how to fix it."""
    from traceview.rules.reference import explain as text_of  # noqa: PLC0415  (keeps --help fast)
    from traceview.rules.reference import explain_findings  # noqa: PLC0415

    if not _FINGERPRINT.fullmatch(name):
        if inputs and _HEXADECIMAL.fullmatch(name):
            raise UsageError(_not_whole(name))
        if inputs:
            raise UsageError(f"{name}: a rule is explained without a capture; a finding is named by its fingerprint")
        try:
            text = text_of(name)
        except UsageError as error:
            if _HEXADECIMAL.fullmatch(name):
                raise UsageError(_not_whole(name)) from error
            raise
        typer.echo(text)
        return
    if not inputs:
        raise UsageError(f"{name}: name the capture too: traceview explain {name} CAPTURE")
    with options.open_inputs(inputs, apps=app, date_text=date, zone=tz, config=config) as capture:
        analysis = capture.analysis
        found = [finding for finding in analysis.findings if finding.fingerprint == name]
    if not found:
        raise UsageError(f"{name}: no finding of this capture has that fingerprint; `traceview analyze` shows them")
    typer.echo(explain_findings([(one, when(analysis, one), proof(analysis, one)) for one in found]))


def when(analysis: "Analysis", finding: "Finding") -> str:
    """Return from when to when, in which zone, and whether that or the date was assumed."""
    from traceview.completeness import time_doubt  # noqa: PLC0415  (keeps --help fast)

    if finding.start is None:
        return "not of a certain time"
    zone = options.zone_of(analysis.capture.tz)
    start, end = finding.start.astimezone(zone), (finding.end or finding.start).astimezone(zone)
    until = f"{end:%Y-%m-%d %H:%M:%S.%f}"[0 if end.date() != start.date() else len("2026-01-15 ") : -3]
    doubt = f" ({told})" if (told := time_doubt(analysis.coverage)) else ""
    span = f"{start:%Y-%m-%d %H:%M:%S.%f}"[:-3] + (f" to {until}" if end != start else "")
    return f"{span} {start:%Z}{doubt}"


def proof(analysis: "Analysis", finding: "Finding") -> str:
    """Return the lines that a finding rests on, or a sentence that there are none."""
    from traceview.cli.text import render_evidence  # noqa: PLC0415  (keeps --help fast)

    if lines := render_evidence(analysis, finding):
        return lines
    if not finding.evidence:
        return "Evidence: no single line proves this."
    count = len(finding.evidence)
    which = (
        f"none of the {count:,} lines that prove this was kept"
        if count > 1
        else "the line that proves this was not kept"
    )
    return f"Evidence: {which}."


def _not_whole(name: str) -> str:
    return (
        f"{name}: no rule has this id, and the fingerprint of a finding has 16 digits (0-9, a-f) and needs the capture: "
        "traceview explain FINGERPRINT CAPTURE; `traceview analyze` shows it"
    )
