"""The sentences that sum up an analysis at the terminal: what was found, and what could not be checked."""

import shutil
import sys
import textwrap
from typing import Final

import typer

from traceview.analysis import Analysis
from traceview.cli.options import visible
from traceview.rules.lacking import grouped
from traceview.rules.registry import Severity
from traceview.verdict import little_said, not_evaluated, nothing_said, what_was_read

_WIDEST: Final = 110
_NARROWEST: Final = 50
_FEW_RULES: Final = 6
"""So many rules that could not be evaluated are named although nobody asked for the list."""


def verdict(analysis: Analysis) -> str:
    """Return one sentence in bold: how many findings of which severity, or what clean rests on."""
    return typer.style(fold(told(analysis), "", ""), bold=True)


def told(analysis: Analysis) -> str:
    """Return the plain words of `verdict`, in one line."""
    found, little = nothing_said(analysis), little_said(analysis)
    if found is None:
        found = _found(analysis)
        if little is not None:
            return f"{little}; {found[0].lower()}{found[1:]}"
    return f"{found}; {not_evaluated(analysis)}" if analysis.not_evaluated else found


def _found(analysis: Analysis) -> str:
    """Return how many findings of which severity."""
    accepted = f"{analysis.accepted:,} that the configuration accepts" if analysis.accepted else ""
    if analysis.findings:
        counts = dict.fromkeys(reversed(Severity), 0)
        for finding in analysis.findings:
            counts[finding.severity] += 1
        by_severity = ", ".join(f"{count} {severity.name}" for severity, count in counts.items() if count)
        total = len(analysis.findings)
        and_accepted = f", and {accepted}" if accepted else ""
        return f"{total} finding{'s' * (total != 1)}: {by_severity}{and_accepted} ({what_was_read(analysis)})"
    return f"{f'No other findings than {accepted}' if accepted else 'No findings'} ({what_was_read(analysis)})"


def unchecked(analysis: Analysis, *, in_full: bool) -> list[str]:
    """Return what keeps rules from running, a paragraph each; in full: each rule with what it needs."""
    rows = [wrap(f"{not_evaluated(analysis)}, so that their silence means nothing:")]
    named = len(analysis.not_evaluated) <= _FEW_RULES and not in_full
    for lack in grouped(analysis.not_evaluated, {one.reader for one in analysis.coverage}):
        names = f": {', '.join(one.rule for one in lack.rules)}" if named else ""
        rows.append(wrap(f"{lack}{names}", indent="    ", hang="   "))
        if in_full:
            needs = [f"{one.rule}: {one.title}; {_need(one.needs, lack.why)}" for one in lack.rules]
            rows += [wrap(text, indent="      ", hang="  ") for text in needs]
    ask = "" if in_full else "`--not-evaluated` lists them with what each needs; "
    return [*rows, wrap(f"{ask}`traceview explain RULE` says what a rule is about")]


def _need(needs: str, why: str) -> str:
    return needs if needs == why else f"needs {needs}"


def wrap(text: str, indent: str = "  ", hang: str = "") -> str:
    """Return a paragraph as wide as the terminal, words whole; `hang` is put before all lines but the first."""
    return _filled(text, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns), indent, hang)


def fold(text: str, indent: str = "  ", hang: str = "  ") -> str:
    """Return a line, as a paragraph where it does not fit the terminal; whole in a pipe, where `grep` looks for it."""
    if not is_terminal():
        return indent + visible(text)
    return _filled(text, shutil.get_terminal_size((_WIDEST, 24)).columns, indent, hang)


def is_terminal() -> bool:
    """Return whether people read the output, and not a program: a width alone, in COLUMNS, may be left from a shell."""
    return sys.stdout.isatty()


def _filled(text: str, width: int, indent: str, hang: str) -> str:
    return textwrap.fill(
        visible(text),
        max(_NARROWEST, width),
        initial_indent=indent,
        subsequent_indent=indent + hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
