"""What readers have to decode so that the matcher misses no event: the `Selection`s that follow from the catalogue."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace

from traceview.signals.catalogue import Catalogue, Signal
from traceview.signals.vocabulary import MESSAGES
from traceview_parsers.selection import Clause, Selection

_DAEMON_FAMILIES: Final = frozenset({"crash_text", "system"})
_KERNEL: Final = "kernel"
_KERNEL_ITSELF: Final[frozenset[str | None]] = frozenset({_KERNEL, None})
"""Libraries of what the kernel prints by itself. All signals of the kernel stand in its own sources (XNU); drivers log as
other libraries of the same process (Console line of iOS 14.5: "kernel  kernel  MyApp[432] Corpse allowed 1 of 5")."""

_APP_PATHS: Final = frozenset({".app/"})
"""In the path of every app, app extension and simulated app (Apple, Bundle Programming Guide)."""

_Words = dict[str, set[str]]
"""Name of a process, subsystem or library → words of which a message there must hold one to be an event."""


@lru_cache(maxsize=4)
def text_selection(known: Catalogue) -> Selection:
    """Return what to read of a text: its rows may lack process, subsystem or library, so only words can choose."""
    return Selection((Clause(words=frozenset(known.literals)),))


def log_selection(known: Catalogue, apps: Iterable[str] = ()) -> Selection:
    """Return what to read of a source that knows process, subsystem and library of each row.

    A little too wide: what the clauses keep is no event before the matcher says so. For other sources see
    `text_selection`.

    Only messages can be events. Signals with a known process, subsystem or library ask for their own words in just those. Lines that an app may print
    by any way (its own logger, NSLog) are looked for in the processes named in `apps`; without names, or with bundle ids
    (they have a dot and do not tell how the process is called), in whatever runs out of an app bundle.
    """
    return _log_selection(known, frozenset(apps))


@lru_cache(maxsize=16)
def _log_selection(known: Catalogue, named: frozenset[str]) -> Selection:
    bounds = named if named and not any("." in name for name in named) else None
    of_process: _Words = {}
    of_subsystem: _Words = {}
    of_libraries: _Words = {}
    of_sender: _Words = {}
    of_apps: set[str] = set()
    of_daemons: set[str] = set()
    for form in known.forms:
        signal = known.signals[form.signal]
        for name in signal.processes:
            of_process.setdefault(name, set()).update(form.literals)
        if signal.processes:
            continue
        if signal.subsystem:
            (of_libraries if signal.senders else of_subsystem).setdefault(signal.subsystem, set()).update(form.literals)
        for name in signal.senders:
            of_sender.setdefault(name, set()).update(form.literals)
        if _is_placeless(signal):
            # Crash texts and clock marks are printed by the daemons that the catalogue watches; all else without a
            # place of its own is printed by apps and the libraries in them.
            (of_daemons if signal.family in _DAEMON_FAMILIES else of_apps).update(form.literals)
    of_process = {name: words | of_daemons for name, words in of_process.items()}
    watched = frozenset(of_process)
    in_apps: Mapping[str, Any] = {"processes": bounds} if bounds else {"process_paths": _APP_PATHS}
    # What libraries print is looked for in apps and in the watched daemons: the rest does not concern apps.
    clauses = [
        Clause(processes=frozenset({_KERNEL}), senders=_KERNEL_ITSELF, words=frozenset(of_process.pop(_KERNEL, ()))),
        *(Clause(processes=names, words=words) for names, words in _grouped(of_process)),
        *(Clause(subsystems=names, words=words) for names, words in _grouped(of_subsystem)),
        *(Clause(processes=watched, subsystems=names, words=words) for names, words in _grouped(of_libraries)),
        *(Clause(processes=watched, senders=names, words=words) for names, words in _grouped(of_sender)),
        Clause(**in_apps, words=frozenset(of_apps.union(*of_sender.values(), *of_libraries.values()))),
    ]
    return Selection(tuple(replace(clause, events=MESSAGES) for clause in clauses))


def _is_placeless(signal: Signal) -> bool:
    return not (signal.processes or signal.subsystem or signal.senders)


def _grouped(words_of: _Words) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return (names, words), names with equal words together."""
    groups: dict[frozenset[str], set[str]] = {}
    for name, words in words_of.items():
        groups.setdefault(frozenset(words), set()).add(name)
    return [(frozenset(names), words) for words, names in groups.items()]
