"""The stories, one module each.

A module has ``TITLE``, ``VARIANTS`` (release and input format of each committed file) and ``tell``, which plays the story and
returns what a careful engineer concludes from it. Its docstring names what the story rests on. ``PRIVATE_KEPT`` names the
formats that are written as from a device with a profile that keeps private data (True: all); all others hide it. ``GENERATIONS`` names
the releases whose wording the story knows, where these are not all of `GENERATIONS`, and ``FORMATS`` the input formats that it exists
in, where these are not those of a log; the docstring says why.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Final

from generator.story import IOS_15, IOS_17, IOS_18, IOS_26, Expected, Generation, Story

GENERATIONS: Final = (IOS_15, IOS_17, IOS_18, IOS_26)
"""Releases that every story is played on, unless it says otherwise."""


def modules() -> Iterator[ModuleType]:
    """Yield the scenario modules in order of name."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{__name__}.{info.name}")


def slug(module: ModuleType) -> str:
    """Return the name of a scenario as files have it."""
    return module.__name__.rpartition(".")[2].replace("_", "-")


def generations(module: ModuleType) -> tuple[Generation, ...]:
    """Return the releases whose wording the scenario knows."""
    known: tuple[Generation, ...] = getattr(module, "GENERATIONS", GENERATIONS)
    return known


def formats(module: ModuleType) -> tuple[str, ...]:
    """Return the input formats that the story exists in, the most complete first; empty: every format of a log."""
    told: tuple[str, ...] = getattr(module, "FORMATS", ())
    return told


def keeps_private(module: ModuleType, carrier: str) -> bool:
    """Tell whether the story is written in this format as from a device that keeps private data."""
    kept: bool | tuple[str, ...] = getattr(module, "PRIVATE_KEPT", ())
    return kept if isinstance(kept, bool) else carrier in kept


def play(module: ModuleType, story: Story) -> Expected:
    """Play the scenario on the stage `story`; return what is expected, with the app's states and what comes with them."""
    expected: Expected = module.tell(story)
    expected.episodes["app_states"] = story.state_rows()
    for shut in story.sockets_shut:
        expected.row("network", kind="connection_lost", start=shut, after_suspension=True)
    return expected
