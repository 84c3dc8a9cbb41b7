"""The stories, one module each.

A module has ``TITLE``, ``VARIANTS`` (release and layout of each file) and ``tell``, which plays the story and returns what a
careful engineer concludes from it. Its docstring names what the story rests on. ``PRIVATE_KEPT`` names the layouts that are
printed as from a device with a profile that keeps private data; all others hide it.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def modules() -> Iterator[ModuleType]:
    """Yield the scenario modules in order of name."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{__name__}.{info.name}")
