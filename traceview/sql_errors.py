"""What is wrong with SQL, in a line that a person can read: the nearest name instead of all that there are."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

from traceview.sql_words import verb_behind_with

_MOST_NAMES: Final = 10
_MOST_CHARACTERS: Final = 300
_VERB: Final = 40
"""Characters that are told of a query that is none."""
_NO_COLUMN: Final = re.compile(r"unable to find column \"(?P<name>.*)\"; valid columns: \[(?P<columns>.*)\]")
_NO_COLUMN_OF: Final = re.compile(r"no column named '(?P<name>.*)' found in table '(?P<table>.*)'")
_NO_TABLE: Final = re.compile(r"relation '(?P<name>.*)' was not found")
_NO_ZONE: Final = re.compile(r"(?i)datetime[(\[]'?[mnuµμ]s'?[)\]]")
_NO_TIME: Final = re.compile(r"cannot compare 'date/datetime/time' to a string value")
"""How polars 2.1 complains (seen); what it words otherwise is told as it is."""
_PLAIN_TIME: Final = "'2026-01-15 09:30:00' (UTC), or with a zone, '2026-01-15 10:30:00+01:00'"
_OF_FILES: Final = re.compile(r"(?i)\bread_(?:csv|ipc|json|ndjson|parquet)\b")
"""Table functions of polars' SQL that read files and addresses of the network. A polars without them cannot be asked for."""
_STATEMENT: Final = re.compile(r"(?i)(?:\s|\(|--.*+|/\*[\s\S]*?\*/|explain\b(?:\s+analyze\b)?+)*+(?P<verb>\w+)")
"""How SQL begins: remarks, brackets and EXPLAIN, then the verb."""
_SHOW_TABLES: Final = re.compile(r"(?i)\s*show\s+tables\s*;?\s*")
_DESCRIBING: Final = frozenset({"show", "describe", "desc"})
"""What polars does not know of tables and columns, or (``SHOW TABLES FROM …``) answers with the few that a query names."""
_ASKING: Final = frozenset({"select", "with", "from", "values"})
"""Statements that ask and change nothing. polars runs DELETE, TRUNCATE and DROP too, on its own copies, to no effect."""
_ALL_COLUMNS: Final = "`SELECT * FROM … LIMIT 0` tells the columns of a table"
_ALL_TABLES: Final = "`SHOW TABLES` lists the tables"


def complaint(error: Exception, tables: Collection[str]) -> str:
    """Return what to tell of SQL that failed.

    Args:
        error: What polars raised. A plan of the query may follow its first line.
        tables: All that the SQL could have named.
    """
    reason = str(error).partition("\n")[0]
    if match := _NO_TABLE.fullmatch(reason):
        return f"there is no table {match['name']}{_instead(match['name'], tables, 'tables')}; {_ALL_TABLES}"
    if match := _NO_COLUMN.fullmatch(reason):
        columns = re.findall(r'"([^"]*)"', match["columns"])
        return f"there is no column {match['name']}{_instead(match['name'], columns, 'columns')}; {_ALL_COLUMNS}"
    if match := _NO_COLUMN_OF.fullmatch(reason):
        return f"there is no column {match['name']} in {match['table']}; {_ALL_COLUMNS}"
    if "UTC" in reason and _NO_ZONE.search(reason):
        return (
            f"times have a zone here, which TIMESTAMP and CAST do not: write a plain text in their place, {_PLAIN_TIME}"
        )
    if _NO_TIME.match(reason):
        return f"a time is compared with a text that has date and time: {_PLAIN_TIME}"
    cut = reason if len(reason) <= _MOST_CHARACTERS else reason[:_MOST_CHARACTERS] + "…"
    return f"{cut}; {_ALL_TABLES}"


def outside(query: str) -> str | None:
    """Return why a query is refused that names a function that reads files, or asks for nothing; else None.

    The name of a function is refused wherever it stands: what is a text or a remark in SQL is for its parser alone to say, and polars
    opens files while it plans.
    """
    if match := _OF_FILES.search(query):
        return f"{match[0]} reads other files than the capture, which a query may not; name several inputs to read them as one"
    match = _STATEMENT.match(query)
    if match is None or _SHOW_TABLES.fullmatch(query):
        return None
    verb = match["verb"].lower()
    if verb in _DESCRIBING:
        told = " ".join(query[match.start("verb") :].split())[:_VERB]
        return f"{told}: there is no such query; `SHOW TABLES` alone lists the tables, {_ALL_COLUMNS}"
    if verb not in _ASKING:
        return f"a query begins with SELECT, WITH or SHOW TABLES, not with {match['verb'][:_VERB]}"
    if verb == "with" and (behind := verb_behind_with(query)) and behind not in _ASKING:
        return f"a query changes nothing: behind WITH … stands SELECT, not {behind[:_VERB].upper()}"
    return None


def _instead(name: str, known: Collection[str], what: str) -> str:
    """Return the names that are written nearly so, else the first few of all."""
    spelt = {one.lower(): one for one in known}
    if close := [spelt[one] for one in get_close_matches(name.lower(), spelt, n=2, cutoff=0.7)]:
        return f" (did you mean {' or '.join(close)}?)"
    shown = ", ".join(list(known)[:_MOST_NAMES])
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return f"; {what}: {shown}{more}"
