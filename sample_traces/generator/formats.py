"""os_log format strings: the specifiers that a call site's format asks arguments for."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_SPECIFIER: Final = re.compile(
    r"%(?:\{(?P<annotations>[^}]*)\})?(?P<flags>[-+ #0']*)(?P<width>\d+|\*)?(?P<dot>\.(?P<precision>\d+|\*)?)?"
    r"(?P<length>hh|h|ll|l|q|j|z|t|L)?(?P<conversion>[diouxXDOUcCpaAeEfFgGsS@Pm%])"
)

STRINGS: Final = frozenset("sS@P")
_DECODERS: Final = frozenset({"bool", "BOOL", "uuid_t", "errno", "darwin.errno"})
FLOATS: Final = frozenset("aAeEfFgG")
_EIGHT_BYTES: Final = frozenset({"l", "ll", "q", "j", "z", "t"})


@dataclass(frozen=True, slots=True)
class Specifier:
    """One conversion of a format.

    Attributes:
        text: As written, with ``%``.
        annotations: Words in the braces: ``public``, ``private``, ``uuid_t``, …
        flags: printf flags.
        width: Minimum width, ``*`` for an argument, or None.
        precision: Digits or characters, ``*`` for an argument, or None.
        length: printf length modifier.
        conversion: The conversion character.
    """

    text: str
    annotations: tuple[str, ...]
    flags: str
    width: str | None
    precision: str | None
    length: str
    conversion: str

    @property
    def private(self) -> bool:
        """Whether a customer device stores no value: strings and objects unless annotated otherwise."""
        if "public" in self.annotations or self.mask is not None:
            return False
        if "private" in self.annotations or self.sensitive:
            return True
        return self.conversion in STRINGS

    @property
    def sensitive(self) -> bool:
        """Whether the value is hidden even where private data is logged."""
        return "sensitive" in self.annotations

    @property
    def mask(self) -> str | None:
        """Name of the mask that replaces the value, as in ``mask.hash``."""
        return next((word.partition(".")[2] for word in self.annotations if word.startswith("mask.")), None)

    @property
    def spelled(self) -> bool:
        """Whether the value is shown by a word: a string, or a number with a decoder."""
        return self.conversion in STRINGS or self.conversion == "m" or bool(set(self.annotations) & _DECODERS)

    @property
    def size(self) -> int:
        """Bytes of a scalar argument."""
        if self.conversion in FLOATS or self.conversion == "p" or self.length in _EIGHT_BYTES:
            return 8
        return {"hh": 1, "h": 2}.get(self.length, 4)


@cache
def parse(text: str) -> tuple[str | Specifier, ...]:
    """Split a format into literal text and specifiers, in order; ``%%`` becomes literal ``%``."""
    pieces: list[str | Specifier] = []
    end = 0
    for match in _SPECIFIER.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        end = match.end()
        if match["conversion"] == "%":
            pieces.append("%")
            continue
        precision = match["precision"] or ("0" if match["dot"] else None)
        words = tuple(word.strip() for word in (match["annotations"] or "").split(",") if word.strip())
        pieces.append(
            Specifier(
                match[0], words, match["flags"], match["width"], precision, match["length"] or "", match["conversion"]
            )
        )
    if end < len(text):
        pieces.append(text[end:])
    return tuple(pieces)


def specifiers(text: str) -> list[Specifier]:
    """Return the specifiers of a format in order."""
    return [piece for piece in parse(text) if isinstance(piece, Specifier)]
