"""Threads and processes as cells name them."""

import re
from typing import Final

from msgspec import Struct

from traceview_parsers.xctrace.definitions import Definitions
from traceview_parsers.xctrace.markup import Element

_PROCESS: Final = re.compile(r"(.*) \((\d{1,18})\)", re.DOTALL)
_THREAD: Final = re.compile(r"(.*?)\s*\(?0x[0-9a-fA-F]+\)?\s*\(.*, pid: \d+\)", re.DOTALL)
_NAMELESS: Final = "Process"
"""Stands for the name of a process that had ended: ``Process (46259)``, seen in a real export of Xcode 26.3."""
_MAX_SIGNED: Final = (1 << 63) - 1


class Process(Struct, frozen=True):
    """A process: name and number, None where unknown."""

    name: str | None = None
    pid: int | None = None


class Thread(Struct, frozen=True):
    """A thread: its name (None where it has none), its number and its process."""

    name: str | None = None
    tid: int | None = None
    process: Process = Process()


def process_of(element: Element | None, definitions: Definitions) -> Process:
    """Return the process that an element describes: ``<process fmt="TestApp (12345)"><pid>12345</pid>…``."""
    if element is None:
        return Process()
    shown = element.shown.strip()
    match = _PROCESS.fullmatch(shown)
    pid = _number(element.find("pid"), definitions)
    if pid is None and match:
        pid = int(match[2])
    name = match[1] if match else shown
    if name == _NAMELESS:
        name = ""
    return Process(name or None, pid if pid is not None and pid <= _MAX_SIGNED else None)


def thread_of(element: Element | None, definitions: Definitions) -> Thread:
    """Return the thread that an element describes.

    Its display text is ``Main Thread (0x2732bb) (TestApp, pid: 12345)``; Xcode 14 leaves the first brackets out.
    """
    if element is None:
        return Thread()
    shown = element.shown.strip()
    match = _THREAD.fullmatch(shown)
    child = element.find("process")
    process = process_of(definitions.resolve(child) if child else None, definitions)
    return Thread((match[1] if match else shown) or None, _number(element.find("tid"), definitions), process)


def _number(element: Element | None, definitions: Definitions) -> int | None:
    found = definitions.resolve(element) if element else None
    text = found.text.strip() if found else ""
    return int(text) if text.isdecimal() and len(text) <= 20 and int(text) < 1 << 64 else None
