"""What can be said of a capture at all: the words that terminal, report and status line share."""

from collections.abc import Iterator
from typing import Final

from traceview.analysis import Analysis
from traceview.rules.builtin import load_rules
from traceview.rules.lacking import MOST_SILENT
from traceview.rules.registry import Severity

_JUDGED_BY_NONE: Final = ("metrics", "jetsam_counts")
"""Tables of sums over days, in which no rule can find a moment."""


def nothing_said(analysis: Analysis) -> str | None:
    """Return why nothing can be said, as a sentence without its full stop; None where rules had something to judge."""
    if analysis.findings or analysis.events["time"].count():
        return None
    return f"Nothing can be said: {_nothing(analysis)}"


def little_said(analysis: Analysis) -> str | None:
    """Return that little can be said, since most rules are silent and the others found nothing serious; else None."""
    silent = {one.rule for one in analysis.not_evaluated}
    if len(silent) <= MOST_SILENT or (analysis.worst or Severity.info) > Severity.low:
        return None
    return f"Little can be said, since {not_evaluated(analysis)}"


def not_evaluated(analysis: Analysis) -> str:
    """Return ``54 of 60 rules could not be evaluated``."""
    known, failed = load_rules()
    skipped = len({one.rule for one in analysis.not_evaluated})
    whole = len({*(rule.id for rule in known), *(one.rule for one in failed)})
    return f"{skipped} of {whole} rules could not be evaluated"


def what_was_read(analysis: Analysis) -> str:
    """Return how many log rows there were, and how many events in them and in other sources."""
    rows, events = analysis.rows_read, analysis.events.height
    log = f"{rows:,} log row{'s' * (rows != 1)}" if rows else "no log"
    return f"{log}, {events:,} event{'s' * (events != 1)} recognised"


def unjudged_tables(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield for each table that holds rows and that no rule judges (what it holds, the command that shows it).

    Nothing where rules could say much: then these tables are not what a person looks for first.
    """
    if nothing_said(analysis) is None and little_said(analysis) is None:
        return
    for name in _JUDGED_BY_NONE:
        table = analysis.tables.get(name)
        if table is not None and table.height:
            rows = f"{table.height:,} row{'s' * (table.height != 1)}"
            yield f"{rows} in {name}", f'traceview query CAPTURE "SELECT * FROM {name}"'  # noqa: S608  (shown to people)


def _nothing(analysis: Analysis) -> str:
    rows = analysis.rows_read
    if analysis.events.height:
        return f"no line that was recognised has a time ({what_was_read(analysis)})"
    if not rows:
        return "there is neither a log line nor an event that a rule could judge"
    which = f"none of the {rows:,} log rows is" if rows > 1 else "the only log row is not"
    return f"{which} one that a rule could judge"
