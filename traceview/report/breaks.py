"""Where long words may break: selectors and addresses after a colon or slash rather than in the middle of a name."""

import re
from typing import Final

from markupsafe import Markup, escape

from traceview.visible import visible

_LONG: Final = re.compile(r"\S{24,}")
"""Shorter words fit the narrowest column (heuristic); times and ratios are among them and stay in one piece."""
_AFTER: Final = re.compile(r"(?<=[:/])(?=[^:/\s])")


def breakable(text: str | Markup) -> Markup:
    """Return text made visible and escaped, with ``<wbr>`` after colons and slashes within long words.

    Split first and escaped piece by piece: no character of the text can become markup. Markup is returned as it is.
    """
    if isinstance(text, Markup):
        return text
    shown = visible(text)
    parts: list[Markup] = []
    position = 0
    for word in _LONG.finditer(shown):
        parts += [escape(shown[position : word.start()]), Markup("<wbr>").join(_AFTER.split(word[0]))]
        position = word.end()
    return Markup("").join([*parts, escape(shown[position:])])
