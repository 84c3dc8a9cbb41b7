"""``--fail-on``: findings as an exit code, and never a false "clean"."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traceview_parsers.errors import TraceviewError

if TYPE_CHECKING:
    from traceview.compare import Change
    from traceview.rules.registry import NotEvaluated, Severity

_EXIT_BASE = 10
_NAMED = 3


class FailOn(StrEnum):
    """Severities by name."""

    info = "info"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


Option = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="info, low, medium, high or critical: exit with 10 (info) to 14 (critical) when the worst finding is at least "
        "this, with 1 when no rule that could give it had the evidence that it needs.",
    ),
]
OfNew = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="info, low, medium, high or critical: exit with 10 (info) to 14 (critical) when the worst new finding is at "
        "least this; with 1 when a finding of A at least as bad could not be checked in B, so that nothing proves it gone, "
        "or when no rule that could give one had the evidence that it needs.",
    ),
]


def fail(
    fail_on: FailOn | None,
    severities: "Iterable[Severity]",
    not_evaluated: "Iterable[NotEvaluated]",
    config: Path | None,
    changes: "Sequence[Change]" = (),
) -> None:
    """End the command with the exit code that its findings ask for; return where it is 0, saying so where most rules were silent.

    Args:
        fail_on: What the user asked for; None: nothing is judged.
        severities: Of the findings that count.
        not_evaluated: Rules without evidence in the capture that is judged.
        config: The configuration named on the command line.
        changes: Where two captures are compared: what `compare` says of them.

    Raises:
        typer.Exit: 10 to 14, where a finding is at least as bad as asked.
        TraceviewError: No such finding, but no rule that could give one was evaluated, or a finding of
            another capture could not be checked in this one: that proves nothing.
    """
    if fail_on is None:
        return
    from traceview.rules.builtin import load_rules  # noqa: PLC0415  (keeps --help fast)
    from traceview.rules.config import load_config  # noqa: PLC0415
    from traceview.rules.registry import Severity  # noqa: PLC0415

    least = Severity[fail_on.value]
    worst = max(severities, default=None)
    if worst is not None and worst >= least:
        raise typer.Exit(_EXIT_BASE + int(worst))
    # Rules that give information at most are about the capture itself: they judge no app.
    own = load_config(config).severities
    judging = {rule.id for rule in load_rules()[0] if own.get(rule.id, rule.severity) >= max(least, Severity.low)}
    silent = judging & {one.rule for one in not_evaluated}
    if silent == judging:
        raise TraceviewError(
            f"nothing could be evaluated: none of the {len(judging)} rules that --fail-on {fail_on.value} asks for has the "
            "evidence that it needs; `traceview doctor` says what was read, `traceview explain RULE` what a rule needs"
        )
    _check_gone(fail_on, least, changes)
    if 2 * len(silent) > len(judging):
        text = f"traceview: passed, but {len(silent)} of the {len(judging)} rules that --fail-on {fail_on.value} asks for could "
        typer.echo(f"{text}not be evaluated", err=True)


def _check_gone(fail_on: FailOn, least: "Severity", changes: "Sequence[Change]") -> None:
    """Raise TraceviewError where findings, at least so bad, are gone only in that nothing could be checked of them."""
    from traceview.compare import unproven  # noqa: PLC0415  (keeps --help fast)

    unchecked = unproven(changes, least)
    if not unchecked:
        return
    rules = list(dict.fromkeys(row.rule for row in unchecked))
    more = f" and {len(rules) - _NAMED} more" if len(rules) > _NAMED else ""
    count = sum(row.before for row in unchecked)
    raise TraceviewError(
        f"{count} finding{'s' * (count != 1)} of A at or above {fail_on.value} could not be checked in B, so that nothing "
        f"proves {'it' if count == 1 else 'them'} gone: {', '.join(rules[:_NAMED])}{more}; `traceview analyze B "
        "--not-evaluated` lists its apps and what its rules lack"
    )
