"""Names of callers and contacts that any line of a log tells: redaction knows them in the lines that a report shows."""

from typing import Final

import polars as pl

from traceview.report.known_names import MOST_PEOPLE, people_in
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Trace

_WORDS: Final = ("caller", "callee", "display", "remote", "contact", "participant", "person")
TELLING: Final = frozenset(
    {part for word in _WORDS for part in (word[1:], word.upper())} | {"<sip", "<SIP", "<tel", "<TEL"}
)
"""Parts of all keys that tell a name, however they begin."""


def people_of(trace: Trace) -> list[str]:
    """Return the names that all logs of a trace tell, at most `MOST_PEOPLE`: one more pass over them, batch by batch.

    State dumps are left out: they list apps, settings and folders by their display names.
    """
    found: dict[str, None] = {}
    for source in trace.sources_of("log"):
        for batch in source.batches("log", Selection((Clause(words=TELLING),))):
            lines = pl.DataFrame(batch.select(["event", "message"]))
            said = lines.filter(pl.col("event").cast(pl.String).ne_missing("state"))["message"]
            found |= dict.fromkeys(people_in(said))
            if len(found) >= MOST_PEOPLE:
                return list(found)[:MOST_PEOPLE]
    return list(found)
