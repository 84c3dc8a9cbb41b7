"""``traceview signals``: what single lines mean."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from traceview.cli.options import visible
from traceview_parsers.errors import InputError

app = typer.Typer(no_args_is_help=True, help="What single log lines mean.")


class MatchFormat(StrEnum):
    """Output forms of ``signals match``."""

    ndjson = "ndjson"
    text = "text"


@app.command("match")
def match(
    source: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Lines in any layout, also bare messages; - is stdin.")
    ],
    *,
    output: Annotated[MatchFormat, typer.Option("--format", help="Form of the output.")] = MatchFormat.text,
) -> None:
    """Say for each line which signal it is: one answer for each physical line."""
    lines = _read_lines(source)
    from traceview.signals.lines import match_lines  # noqa: PLC0415  (keeps --help fast)

    for found in match_lines(lines):
        if output is MatchFormat.ndjson:
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            fields = ", ".join(f"{name}={visible(str(value))}" for name, value in found["fields"].items())
            signal = f"{found['signal']} ({found['kind']})" if found["signal"] else "-"
            typer.echo(f"{found['line']:>6}  {signal}  {fields}".rstrip())


def _read_lines(source: str) -> list[str]:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{source}: {(error.strerror or str(error)).lower()}") from error
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return text.removesuffix("\n").split("\n") if text else []
