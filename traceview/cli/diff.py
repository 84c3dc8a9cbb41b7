"""``traceview diff``: what got worse between two captures."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from traceview.cli import options, verdicts

if TYPE_CHECKING:
    from traceview.analysis import Analysis
    from traceview.compare import Change, Exposure, Releases

_OF_A_SIDE: Final = ("trace", "device", "coverage", "problems", "findings_accepted", "rules_not_evaluated")
"""What is told of each capture in JSON, as `analyze` tells it."""


class Format(StrEnum):
    """Output forms."""

    text = "text"
    json = "json"


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
    output: Annotated[Format, typer.Option("--format", metavar="FORM", help="text or json.")] = Format.text,
    fail_on: verdicts.OfNew = None,
    config: options.ConfigFile = None,
) -> None:
    """Compare the findings of two captures: new, gone, in both. --fail-on judges the new ones.

    Of both are told: versions of apps and system, and whether they are the same release; how much time is covered, how many
    calls and VoIP pushes there are, and where these differ by more than half, since findings are counts, no rates. A folder
    of many captures is refused: `batch` and `fleet report` compare those.
    """
    from traceview.cli.one_capture import check_one  # noqa: PLC0415  (keeps --help fast)

    for path in (before, after):
        check_one(path)
    sides = []
    for path in (before, after):
        with options.open_inputs([path], apps=app, date_text=date, zone=tz, config=config) as capture:
            sides.append(capture.analysis)
    from traceview.cli.summary import fold, told  # noqa: PLC0415  (keeps --help fast)
    from traceview.cli.troubles import doubts  # noqa: PLC0415
    from traceview.compare import compare, exposure, releases  # noqa: PLC0415

    rows, release = compare(*sides), releases(*sides)
    first, second = (exposure(side, app or ()) for side in sides)
    for name, side in zip("AB", sides, strict=True):
        for text in doubts(side.problems):
            typer.echo(fold(f"{name} {side.capture.name}: {text}", ""), err=True)
        typer.echo(fold(f"{name} {side.capture.name}: {told(side)}", ""), err=True)
    if output is Format.json:
        from traceview.serialise import json_text  # noqa: PLC0415  (keeps --help fast)

        typer.echo(json_text(_as_json(sides, rows, release, (first, second)), indent=1))
    else:
        head = (f"A: {release.before}", f"B: {release.after}", f"A and B: {release.told}", *_amounts(first, second))
        for text in head:
            typer.echo(fold(text, ""), err=True)
        _print(rows, accepted=any(side.accepted for side in sides))
    new = [row.severity for row in rows if row.change == "new"]
    verdicts.fail(fail_on, new, sides[1].not_evaluated, config, rows)


def _amounts(before: "Exposure", after: "Exposure") -> "Iterator[str]":
    """Yield how much each side shows, and that counts mislead where that is so."""
    from traceview.compare import unlike  # noqa: PLC0415  (keeps --help fast)

    yield f"A: {before}"
    yield f"B: {after}"
    differing = unlike(before, after)
    if differing:
        listed = ", ".join(differing[:-1]) + " and " * (len(differing) > 1) + differing[-1]
        verb = "differ" if len(differing) > 1 else "differs"
        yield f"A and B: {listed} {verb} by more than half: numbers of findings are counts, no rates"


def _print(rows: "Sequence[Change]", *, accepted: bool) -> None:
    from traceview.cli.summary import fold  # noqa: PLC0415  (keeps --help fast)

    nothing = "no finding on either side beside accepted ones" if accepted else "no finding on either side"
    typer.echo("change, findings in A → in B, severity, rule:" if rows else nothing, err=True)
    for row in rows:
        doubt = f" (the other side shows no {row.lacking} of it)" if row.lacking else ""
        doubt = " (the app is not seen on the other side)" if row.unseen else doubt
        doubt = " (the rule could not be evaluated on the other side)" if row.not_evaluated else doubt
        counts = f"{row.change:<6} {row.before:>3} → {row.after:<3} {row.severity.name:<8} "
        typer.echo(fold(f"{counts}{row.rule}: {row.title}{doubt}", "", " " * len(counts)))


def _as_json(
    sides: "Sequence[Analysis]", rows: "Sequence[Change]", release: "Releases", shown: "tuple[Exposure, Exposure]"
) -> dict[str, Any]:
    """Return what the text tells, as plain data.

    ``changes`` has a row for each fingerprint, in the order of the text: ``change`` (new, more, same, fewer, gone), how many
    findings there are on each side, the worst ``severity``, ``rule``, ``app``, ``title``, ``fingerprint``, and
    ``not_evaluated``: the rule could not be evaluated on the side without findings, so that the change proves nothing;
    ``app_unseen``: nor does it where the app never appears there; ``lacking``: nor where the findings are about calls (VoIP
    pushes) and that side shows none of the app: ``call``, ``VoIP push``, else null.
    ``same_release``: apps and system are of the same release; null where that is not known. ``exposure`` of a side is how
    much it shows: ``covered_s`` (null: nothing has a time), ``calls``, ``voip_pushes``; ``exposure_differs`` says in words
    which of these differ by more than half, so that counts of findings are not to be read as rates.
    """
    from traceview.compare import unlike  # noqa: PLC0415  (keeps --help fast)
    from traceview.serialise import SCHEMA_VERSION  # noqa: PLC0415  (keeps --help fast)

    changes = [
        {
            "change": row.change,
            "findings_before": row.before,
            "findings_after": row.after,
            "severity": row.severity.name,
            "rule": row.rule,
            "app": row.app,
            "title": row.title,
            "fingerprint": row.fingerprint,
            "not_evaluated": row.not_evaluated,
            "app_unseen": row.unseen,
            "lacking": row.lacking or None,
        }
        for row in rows
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "before": _side(sides[0], shown[0]),
        "after": _side(sides[1], shown[1]),
        "same_release": release.same,
        "exposure_differs": unlike(*shown),
        "changes": changes,
    }


def _side(analysis: "Analysis", shown: "Exposure") -> dict[str, Any]:
    """Return what was compared: the sentence of the text, who was recorded by what version, and what could not be checked."""
    from msgspec.structs import asdict  # noqa: PLC0415  (keeps --help fast)

    from traceview.cli.summary import told  # noqa: PLC0415
    from traceview.serialise import to_json  # noqa: PLC0415

    whole = to_json(analysis)
    return {"summary": told(analysis), "exposure": asdict(shown), **{name: whole[name] for name in _OF_A_SIDE}}
