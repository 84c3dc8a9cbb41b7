"""Which JSON records need no parsing because the selection cannot want them."""

import re
from typing import Any, Final

import numpy as np

from traceview_parsers.log_text.blocks import Lines
from traceview_parsers.selection import Clause, Selection

# JSON may print every other character in more than one way.
_PLAIN: Final = re.compile(r"[ !#-.0-\[\]-~]+")
_LONGEST: Final = 256
"""Characters of a text that are looked for (heuristic): preparing long repetitive ones takes quadratic time."""
_EVENT_KEYS: Final = {
    "loss": "lossEvent",
    "signpost": "signpostEvent",
    "state": "stateEvent",
    "timesync": "timesyncEvent",
}


def literals(selection: Selection) -> list[str] | None:
    """Return texts of which every wanted record's line holds at least one, or None where there are no such texts."""
    if not selection.clauses:
        return None
    found: set[str] = set()
    for clause in selection.clauses:
        texts = _of_clause(clause)
        if not texts:
            return None
        found |= texts
    return sorted(found)


def wanted_objects(objects: Lines, needed: list[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return one boolean an object (a line each): does it have to be parsed?

    Besides those with one of the texts these are the first and the last (the covered time), damaged ones (so that they
    are counted), the closing line and the last record before it.
    """
    data = np.frombuffer(objects.data, np.uint8)
    texts = objects.series()
    closing = texts.str.contains('"finished"', literal=True).to_numpy()
    hits: np.ndarray[Any, np.dtype[np.bool_]] = texts.str.contains_any(needed).to_numpy() | closing
    hits[:-1] |= closing[1:]
    hits |= data[objects.starts[1:] - 2] != ord("}")
    hits[[0, -1]] = True
    return hits


def _of_clause(clause: Clause) -> set[str] | None:
    if clause.events is not None and clause.events <= _EVENT_KEYS.keys():
        return {_EVENT_KEYS[event] for event in clause.events if event is not None}
    for names in (clause.words, clause.processes, clause.subsystems, clause.senders, clause.categories):
        if names is not None:
            # Nothing has to stand in rows that may lack the name.
            pieces = [max(_PLAIN.findall(name or ""), key=len, default="")[:_LONGEST] for name in names]
            if all(pieces):
                return set(pieces)
    return None
