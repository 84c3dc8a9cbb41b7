"""Words that the rules print of themselves: a value that reads alike is most likely one of these where it stands in a sentence."""

import re
from functools import cache

from traceview.rules.builtin import load_rules


def is_ours(value: str) -> bool:
    """Whether a value reads like words that the rules print of themselves."""
    return value.isascii() and _plain(value) in _own_words()


@cache
def _own_words() -> str:
    registry, _ = load_rules()
    return _plain(" ".join(f"{rule.title} {rule.why} {rule.fix} {rule.needs}" for rule in registry))


def _plain(text: str) -> str:
    return f" {re.sub(r'[^a-z0-9]+', ' ', text.casefold()).strip()} "
