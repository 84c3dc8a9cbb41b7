"""All rules: the built-in families, then those of other distributions.

A third party registers under the entry-point group ``traceview.rules``: a callable that takes the `Registry`, or a module
with a function ``register(registry)``.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from traceview.rules import (
    abuse,
    audio,
    background,
    conversation,
    evidence_quality,
    glitches,
    measured,
    push_channel,
    pushes,
    resources,
    staying,
    terminations,
    voip,
)
from traceview.rules.registry import NotEvaluated, Registry, Rule

GROUP: Final = "traceview.rules"
FAMILIES: Final = (
    ("Pushes", (*pushes.RULES, *push_channel.RULES)),
    ("Calls", (*voip.RULES, *conversation.RULES)),
    ("Audio sessions", audio.RULES),
    ("Glitches", glitches.RULES),
    ("Background time", background.RULES),
    ("Background-mode abuse", (*abuse.RULES, *staying.RULES)),
    ("Terminations", terminations.RULES),
    ("Resources", (*resources.RULES, *measured.RULES)),
    ("Evidence quality", evidence_quality.RULES),
)
"""Built-in rules by family, in the order of the reference."""


def builtin_rules() -> tuple[Rule, ...]:
    """Return the built-in rules, family by family."""
    return tuple(rule for _, family in FAMILIES for rule in family)


@cache
def load_rules() -> tuple[Registry, tuple[NotEvaluated, ...]]:
    """Return all rules, and an entry for each third-party package whose rules could not be loaded."""
    registry = Registry()
    for rule in builtin_rules():
        registry.add(rule)
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    failures = [failure for point in points if (failure := add_from(point, registry)) is not None]
    return registry, tuple(failures)


def add_from(point: EntryPoint, registry: Registry) -> NotEvaluated | None:
    """Let one entry point register its rules. Returns what went wrong, or None."""
    own = Registry()
    try:
        loaded = point.load()
        getattr(loaded, "register", loaded)(own)
        for rule in own:
            registry.add(rule)
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything; it is reported, and the rest goes on
        return NotEvaluated(
            rule=point.name,
            number=None,
            title=f"Rules of {point.value}",
            needs=f"could not be loaded: {type(error).__name__}: {error}",
        )
    return None
