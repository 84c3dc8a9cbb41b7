"""Parsing of os_log format strings into literal text and placeholders.

A specifier is ``%`` ``{annotations}`` flags width ``.precision`` length conversion (Apple, os_log(3) and printf(3)).
What is no complete specifier stays literal text, as in ``[%{public}]``: seen in a real format, where other readers
print it unchanged too.
"""

import re
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

Star = Literal["*"]
"""Marks a width or precision that an argument item supplies."""

SIGNED: Final = frozenset("dDi")
UNSIGNED: Final = frozenset("uUoOxX")
FLOATS: Final = frozenset("aAeEfFgG")
CHARACTERS: Final = frozenset("cC")
STRINGS: Final = frozenset("sS@")

MAX_FIELD: Final = 8_192
"""Widths and precisions above this are cut: a record holds 4 KiB of arguments, only hostile formats ask for more."""

_SPECIFIER: Final = re.compile(
    r"%(?:[0-9]{1,9}\$)?"  # os_log stores items in the order of the specifiers, so the position says nothing
    r"(?:\{(?P<annotations>[^}]*)\})?"
    r"(?P<flags>[-+ #0']*)"
    r"(?P<width>\*|[0-9]+)?"
    r"(?P<precision>\.(?:\*|-?[0-9]*))?"
    r"(?P<length>hh|h|ll|l|q|j|z|t|L)?"
    r"(?P<conversion>[%@aAcCdDeEfFgGimoOpPsSuUxX])",
    re.ASCII,
)
_STRICTNESS: Final = {"public": 1, "private": 2, "sensitive": 3}
_SIGNPOST_METADATA: Final = ("signpost.description:", "signpost.telemetry:")
_LABELS: Final = (*_SIGNPOST_METADATA, "xcode:", "name=", "name:", "mask.", "key:")
"""Annotations that name or mark a value (compared in lower case) and say nothing about its text.

Those of ``xcode:`` (``size-in-bytes``, ``string``, ``data``, ``text-backtrace``) are for Instruments, which shows values by
them; in a log a size stays a plain number (libyal dtformats).
"""
_METADATA_DIGITS: Final = 16


class Placeholder(Struct, frozen=True):
    """One specifier of a format string.

    Attributes:
        flags: Any of ``-+ #0'``, in the order written.
        width: Minimum width, ``*`` when an item supplies it, None when absent.
        precision: Likewise; a lone ``.`` is 0, a negative one is None (C: as if absent).
        length: ``hh h l ll q j z t L`` or empty.
        conversion: The letter as written, such as ``d`` or ``@``.
        privacy: ``public``, ``private``, ``sensitive`` (the strictest that is written) or None.
        decoder: Name of the type that says how to print the value, such as ``uuid_t``; None when there is none.
        annotations: Everything that stands in the braces, stripped, in order.
        raw: The specifier as written.
    """

    flags: str
    width: int | Star | None
    precision: int | Star | None
    length: str
    conversion: str
    privacy: str | None
    decoder: str | None
    annotations: tuple[str, ...]
    raw: str

    @property
    def items(self) -> int:
        """Argument items that belong to it: the value, preceded by one for each ``*`` (width first).

        clang writes a ``*`` width as a number, and likewise a ``.*`` precision unless the value is `counted`; Swift writes
        every precision as a length, and its first versions widths too (clang's and Swift's sources). Lengths (types 0x10
        and 0x12) that come on top are constant precisions of counted values (``%.16P``), from the kernel constant
        precisions of any value. They announce themselves by their type, so consume them whenever they stand before the
        value.
        """
        return 1 + (self.width == "*") + (self.precision == "*")

    @property
    def counted(self) -> bool:
        """Whether its precision is a length for every compiler: that of strings and data, which are copied so far."""
        return self.conversion in "sSP"

    @property
    def masked(self) -> bool:
        """Whether a private value is stored as a hash (``%{private, mask.hash}s``)."""
        return "mask.hash" in self.annotations

    @property
    def marks(self) -> tuple[str, str]:
        """What Apple's tools print before and after a public value that is metadata of a signpost; empty for others.

        As in ``__##__signpost.description#____#begin_time#_##_#2179818131##__##`` (seen in a real device's trace;
        libyal dtformats). Floats among them are `in_full`. Texts are private, and stand without marks, unless the format
        says that they are public (seen in real archives).
        """
        if self.privacy != "public" and (self.privacy is not None or self.conversion in "s@P"):
            return "", ""
        for name in self.annotations:
            if name.startswith(_SIGNPOST_METADATA):
                kind, _, which = name.partition(":")
                return f"__##__{kind}#____#{which}#_##_#", "##__##"
        return "", ""

    def in_full(self) -> "Placeholder":
        """Return how the value prints: a float that is metadata of a signpost has 16 digits at most, whatever it says.

        So libyal dtformats prints it; no public capture at hand has one.
        """
        if self.conversion not in FLOATS or not self.marks[0]:
            return self
        return replace(self, flags="", width=None, precision=_METADATA_DIGITS, conversion="g")

    @property
    def plain(self) -> bool:
        """Whether the value prints without flags, width, precision or decoder."""
        return not (self.flags or self.width or self.precision is not None or self.decoder)


def parse_format(text: str) -> tuple[str | Placeholder, ...]:
    """Split an os_log format string into literal text and placeholders, in order.

    Neighbouring literals are joined and ``%%`` is a literal ``%``, so placeholders are what takes arguments.
    """
    parts: list[str | Placeholder] = []
    literal = ""
    end = 0
    for match in _SPECIFIER.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match["conversion"] == "%":
            # "%5%" and the like print one percent sign in C libraries; annotated ones are no specifiers at all.
            literal += "%" if match["annotations"] is None else match[0]
            continue
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_placeholder(match[0]))
    literal += text[end:]
    if literal:
        parts.append(literal)
    return tuple(parts)


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """Return the placeholders of a format string without its literals."""
    return tuple(part for part in parse_format(text) if isinstance(part, Placeholder))


def missing() -> str:
    """Return what Apple's tools print for a placeholder whose item is not there."""
    return "<decode: missing data>"


def mismatch(placeholder: Placeholder, kind: str, size: int, flags: int = 0) -> str:
    """Return what Apple's tools print when the item does not fit, as seen: ``<decode: mismatch for [%u] got [STRING sz:9]>``.

    Args:
        placeholder: The specifier that was not met.
        kind: What was found: ``SCALAR``, ``COUNT``, ``STRING``, ``DATA`` or ``OBJECT`` (string table of libtrace).
        size: Its size in bytes.
        flags: The item's privacy bits: 1 private, 2 public.
    """
    words = f"{kind}{' public' if flags & 2 else ''}{' private' if flags & 1 else ''}"
    return f"<decode: mismatch for [{placeholder.raw}] got [{words} sz:{size}]>"


@lru_cache(maxsize=8_192)
def _placeholder(raw: str) -> Placeholder:
    """Return what a specifier means; formats are many, specifiers few."""
    match = _SPECIFIER.fullmatch(raw)
    if match is None:
        raise ValueError(raw)
    annotations = _annotations(match["annotations"] or "")
    return Placeholder(
        flags=match["flags"],
        width=_field(match["width"]),
        precision=_field(match["precision"][1:] or "0") if match["precision"] else None,
        length=match["length"] or "",
        conversion=match["conversion"],
        privacy=_privacy(annotations),
        decoder=next((name for name in annotations if _is_decoder(name)), None),
        annotations=annotations,
        raw=raw,
    )


def _annotations(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _field(text: str | None) -> int | Star | None:
    if text is None or text.startswith("-"):
        return None
    return "*" if text == "*" else min(int(text[:9]), MAX_FIELD)


def _privacy(annotations: tuple[str, ...]) -> str | None:
    return max((name for name in annotations if name in _STRICTNESS), key=_STRICTNESS.__getitem__, default=None)


def _is_decoder(name: str) -> bool:
    return name not in _STRICTNESS and not name.lower().startswith(_LABELS)
