"""``traceview analyze``: verdict, findings and proof at the terminal, or as JSON."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from traceview.cli import options, verdicts
from traceview_parsers.errors import UsageError


class Format(StrEnum):
    """Output forms."""

    text = "text"
    json = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("analyze")(analyze)


def analyze(
    inputs: options.Inputs,
    *,
    app: options.Apps = None,
    date: options.Date = None,
    tz: options.Zone = None,
    os: options.System = None,
    output: Annotated[Format, typer.Option("--format", metavar="FORM", help="text or json.")] = Format.text,
    fail_on: verdicts.Option = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--write-baseline",
            metavar="FILE",
            help="Write the findings as accepted ones; `baseline` in traceview.toml names the file. "
            "The baseline in force is left out of account, so that FILE replaces it.",
        ),
    ] = None,
    unchecked: Annotated[
        bool,
        typer.Option("--not-evaluated", help="List each rule that could not be evaluated, with what it needs."),
    ] = False,
    redact: options.Redact = "none",
    config: options.ConfigFile = None,
) -> None:
    """Say what happened: findings with their evidence lines, calls. Says what could not be checked too."""
    if baseline is not None:
        _check_baseline(baseline, fail_on, inputs)
    with options.open_inputs(
        inputs, apps=app, date_text=date, zone=tz, config=config, system=os, with_baseline=baseline is None
    ) as capture:
        plain, analysis = capture.analysis, capture.redacted(redact)
    if output is Format.json:
        from traceview.serialise import json_text, to_json  # noqa: PLC0415

        typer.echo(json_text(to_json(analysis), indent=1))
    else:
        from traceview.cli.text import render_analysis  # noqa: PLC0415

        typer.echo(render_analysis(analysis, in_full=unchecked))
    if baseline is not None:
        from msgspec.structs import replace  # noqa: PLC0415  (keeps --help fast)

        from traceview.rules.config import write_baseline  # noqa: PLC0415

        # The fingerprint of the finding as it is, in the words that may be shown.
        pairs = zip(plain.findings, analysis.findings, strict=True)
        with options.writing(baseline, "--write-baseline"):
            count = write_baseline(baseline, [replace(true, title=shown.title) for true, shown in pairs])
        accepted = f"{count} finding{'s' * (count != 1)} accepted"
        typer.echo(f'wrote {baseline} ({accepted}); name it in traceview.toml: baseline = "{baseline}"', err=True)
    verdicts.fail(fail_on, [one.severity for one in analysis.findings], analysis.not_evaluated, config)


def _check_baseline(file: Path, fail_on: verdicts.FailOn | None, inputs: list[Path]) -> None:
    """Raise UsageError where `file` is something else than a baseline, or findings are both accepted and to fail."""
    if fail_on is not None:
        raise UsageError("--write-baseline accepts what is found, so nothing is left for --fail-on: give one of them")
    if file.is_file():
        from traceview.rules.config import read_baseline  # noqa: PLC0415  (keeps --help fast)

        read_baseline(file)  # an older baseline is replaced, any other file is not
    options.check_writable(file, force=True, option="--write-baseline", inputs=inputs)
