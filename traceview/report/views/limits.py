"""How much of an analysis goes into one file."""

from typing import Final

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Caps of one report; what a cap leaves out is counted in the report itself.

    Attributes:
        shapes: Bars and markers of the timeline.
        findings: Findings with a section of their own.
        evidence: Evidence lines of one finding.
        lines: Evidence and context lines of all findings together.
        context: Neighbours before and after each evidence line.
        message: Characters of one log message.
        calls: Call cards.
        rows: Rows of one table.
    """

    shapes: int = 5000
    findings: int = 500
    evidence: int = 60
    lines: int = 8000
    context: int = 4
    message: int = 2000
    calls: int = 100
    rows: int = 300


STEPS: Final = (
    Limits(),
    Limits(shapes=3000, findings=300, evidence=25, lines=4000, context=2, message=800, calls=50, rows=150),
    Limits(shapes=1500, findings=150, evidence=10, lines=1500, context=1, message=300, calls=25, rows=50),
)
"""Tried in this order until the file fits its budget."""
