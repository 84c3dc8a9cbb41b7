"""What sentences of findings quote from a capture, kept apart from their own words.

A value is cut and tidied before it is quoted, so that redaction could not find it again in a sentence. Hence a quote is
marked in the sentence, with the value as it was read behind it, until the finding is made: then the marks go, and
`Finding.quotes` tells where each quote stands and of what.
"""

import re
from typing import Final

from msgspec import Struct

_OPEN: Final = "\ufdd0"
_READ: Final = "\ufdd1"
_CLOSE: Final = "\ufdd2"
_OPEN_OWN: Final = "\ufdd3"
"""Noncharacters of Unicode, which are for the use within a program; those of a capture become blanks, as in the sentence."""
_ANY: Final = _OPEN + _READ + _CLOSE + _OPEN_OWN
_MARKS: Final = re.compile(f"[{_ANY}]")
_QUOTE: Final = re.compile(rf"[{_OPEN}{_OPEN_OWN}](?P<text>[^{_ANY}]*)(?:{_READ}(?P<value>[^{_ANY}]*))?{_CLOSE}?")
"""A quote; its end may be cut off with the sentence."""


class Quote(Struct, frozen=True):
    """A value of the capture in a sentence of a finding.

    Attributes:
        field: ``title``, ``explanation`` or ``advice``.
        start: Where in it the quote begins, in characters.
        text: The value as it stands there.
        value: The value as it was read, or as much of it as was looked at.
        own: Whether it is a sentence of ours, which quotes other values.
    """

    field: str
    start: int
    text: str
    value: str
    own: bool = False


def fit(text: str, characters: int) -> str:
    """Return a text of the capture fit for a sentence: one line, control characters replaced, cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * characters]).split())
    return line if len(line) <= characters else line[: characters - 1] + "\u2026"


def marked(text: str, characters: int, *, own: bool = False) -> str:
    """Return the same as a quote that findings know as such (`settled`); nothing where nothing is left.

    `own`: the text is a sentence of ours that quotes other values, as of the columns that say why.
    """
    line = fit(text, characters)
    if not line:
        return ""
    value = _MARKS.sub(" ", text[: 4 * characters])
    opened = (_OPEN_OWN if own else _OPEN) + line
    return f"{opened}{_CLOSE}" if value == line else f"{opened}{_READ}{value}{_CLOSE}"


def settled(sentence: str, field: str = "") -> tuple[str, tuple[Quote, ...]]:
    """Return a sentence without marks, and its quotes in order."""
    if not _MARKS.search(sentence):
        return sentence, ()
    parts: list[str] = []
    quotes: list[Quote] = []
    length = end = 0
    for match in _QUOTE.finditer(sentence):
        text = match["text"]
        own = _MARKS.sub("", sentence[end : match.start()])
        parts += [own, text]
        value = text if match["value"] is None else match["value"]
        quotes.append(Quote(field, length + len(own), text, value, match[0].startswith(_OPEN_OWN)))
        length += len(own) + len(text)
        end = match.end()
    parts.append(_MARKS.sub("", sentence[end:]))
    return "".join(parts), tuple(quotes)
