"""What readers have to decode so that the matcher misses no event: the `Selection`s that follow from the catalogue."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from traceview.signals.catalogue import Catalogue, Signal
from traceview_parsers.selection import Clause, Selection

_DAEMON_FAMILIES: Final = frozenset({"crash_text", "system"})
_APP_PATHS: Final = frozenset({".app/"})
"""In the path of every app, app extension and simulated app (Apple, Bundle Programming Guide)."""


def text_selection(known: Catalogue) -> Selection:
    """Return what to read of a text: its rows may lack process, subsystem or library, so only words can choose."""
    return Selection((Clause(words=frozenset(known.literals)),))


def log_selection(known: Catalogue, apps: Iterable[str] = ()) -> Selection:
    """Return what to read of a source that knows process, subsystem and library of each row: four clauses.

    A little too wide: what the clauses keep is no event before the matcher says so. For other sources see
    `text_selection`.

    Signals with a known process, subsystem or library ask for just those. Lines that an app may print by any way
    (its own logger, NSLog) are looked for in the processes named in `apps`; without names, or with bundle ids
    (they have a dot and do not tell how the process is called), in whatever runs out of an app bundle.
    """
    named = frozenset(apps)
    bounds = named if named and not any("." in name for name in named) else None
    names: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    for form in known.forms:
        for column, values in _places(known.signals[form.signal]):
            names.setdefault(column, set()).update(values)
            words.setdefault(column, set()).update(form.literals)
    watched = frozenset(names["processes"])
    of_apps = Clause(processes=bounds) if bounds else Clause(process_paths=_APP_PATHS)
    clauses = [
        Clause(processes=watched, words=frozenset(words["processes"])),
        Clause(subsystems=frozenset(names["subsystems"]), words=frozenset(words["subsystems"])),
        # What libraries print is looked for in apps and in the watched daemons: the rest does not concern apps.
        replace(of_apps, words=frozenset(words["apps"] | words["senders"])),
        Clause(processes=watched, senders=frozenset(names["senders"]), words=frozenset(words["senders"])),
    ]
    return Selection(tuple(clauses))


def _places(signal: Signal) -> list[tuple[str, frozenset[str]]]:
    """Return where a signal's lines are found: (column, accepted names); many libraries log without a subsystem."""
    if signal.processes:
        return [("processes", signal.processes)]
    places = [("subsystems", frozenset({signal.subsystem}))] if signal.subsystem else []
    if signal.senders:
        places.append(("senders", signal.senders))
    if places:
        return places
    # Crash texts and clock marks are printed by the daemons that the catalogue watches; all else without a place of
    # its own is printed by apps and the libraries in them.
    return [("processes", frozenset())] if signal.family in _DAEMON_FAMILIES else [("apps", frozenset())]
