"""What is wrong with a predicate, and where."""

import unicodedata
from typing import Final

from traceview_parsers.errors import UsageError

_WINDOW: Final = 60
"""Characters of a long predicate shown on either side of the place."""


class PredicateError(UsageError):
    """A predicate that cannot be read, or that nothing here can answer.

    Attributes:
        text: The predicate as received.
        at: Offset of the character where it goes wrong.
    """

    def __init__(self, message: str, text: str, at: int) -> None:
        super().__init__(f"{message} (character {at + 1})" if text else message)
        self.text = text
        self.at = at

    def picture(self) -> str:
        """Return two lines: the predicate around the place, and a caret below it. Nothing can drive a terminal."""
        first = max(self.at - _WINDOW, 0)
        last = self.at + _WINDOW
        before = "…" * (first > 0) + _plain(self.text[first : self.at])
        after = _plain(self.text[self.at : last]) + "…" * (last < len(self.text))
        return f"{before}{after}\n{' ' * sum(map(_width, before))}^"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
