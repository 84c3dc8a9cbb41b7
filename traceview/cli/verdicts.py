"""``--fail-on``: findings as an exit code, and never a false "clean"."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from traceview_parsers.errors import TraceviewError

if TYPE_CHECKING:
    from traceview.rules.registry import NotEvaluated, Severity

_EXIT_BASE = 10


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


def fail(
    fail_on: FailOn | None,
    severities: "Iterable[Severity]",
    not_evaluated: "Iterable[NotEvaluated]",
    config: Path | None,
) -> None:
    """End the command with the exit code that its findings ask for; return where it is 0.

    Args:
        fail_on: What the user asked for; None: nothing is judged.
        severities: Of the findings that count.
        not_evaluated: Rules without evidence in the capture that is judged.
        config: The configuration named on the command line.

    Raises:
        typer.Exit: 10 to 14, where a finding is at least as bad as asked.
        TraceviewError: No such finding, but no rule that could give one was evaluated: that proves nothing.
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
    if judging <= {one.rule for one in not_evaluated}:
        raise TraceviewError(
            f"nothing could be evaluated: none of the {len(judging)} rules that --fail-on {fail_on.value} asks for has the "
            "evidence that it needs; `traceview doctor` says what was read, `traceview explain RULE` what a rule needs"
        )
