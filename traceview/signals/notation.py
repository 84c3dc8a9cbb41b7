"""The catalogue's notation: an exact os_log format whose placeholders may carry a field name.

``"Session 0x%x<session_id> posting %@<reason>"`` is the format ``Session 0x%x posting %@`` with two named
placeholders. One text serves both worlds: without its names it is compared with the formats that a source knows
(`format_key`), and it is turned into a regular expression for sources that only have the message (`to_pattern`).
"""

import re
from functools import lru_cache
from typing import Final

from traceview_parsers.unified_log.formats import Placeholder, parse_format

NAME: Final = re.compile(r"<([a-z][a-z_]*)>")
_ANNOTATIONS: Final = re.compile(r"%\{[^}]*\}")
_SPACE: Final = re.compile(r"\s+")
_GAP: Final = re.compile(r"\s{2,}|[\n\t]")

PREFIX: Final = re.compile(
    r"(?:%25s:%-5d "  # CoreAudio: right-aligned source file and line number
    r"|-\w+- %(?:\{public\})?s:\s*"  # MediaExperience: component and function, since iOS 17 with a line number
    r"|%(?:\{public\})?s %(?:\{public\})?s:%i "  # MediaExperience, component printed from an argument
    r"|\[WARN\] )"
)
"""Beginnings that differ from release to release and from source to source: never part of what is matched in text."""

BOUNDARY: Final = r"(?:^|[\s\]):>|-])"
"""What may stand before a message that does not start its line: copies keep unknown columns in front of it."""

_SOURCE: Final = r"(?:^|\s)(?:-\w+- (?:[-+]\[[^\]]*\]|\w+)|[\w.+-]+)(?::[0-9,]+)?(?::\w+)?:?\s+"
"""What stands in a message for a dropped `PREFIX`; needed only where an open text follows it."""

_BY_CONVERSION: Final[dict[str, str]] = {
    **dict.fromkeys("dDiuU", r"(?:-?[0-9]+|<private>)"),
    **dict.fromkeys("xX", r"(?:(?:0x)?[0-9a-fA-F]+|<private>)"),
    "o": r"[0-7]+",
    "p": r"(?:0x[0-9a-fA-F]+|\(null\)|\(nil\)|<private>)",
    **dict.fromkeys("fFeEgGaA", r"(?:-?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|inf|nan)|<private>)"),
    **dict.fromkeys("cC", "(?:<private>|.)"),
}
_BY_DECODER: Final[dict[str, str]] = {"BOOL": "(?:YES|NO)", "bool": "(?:true|false)"}
_TEXT: Final = ".*?"

_BY_NAME: Final[dict[str, str]] = {
    "handle": r"(?:\[(?:[^\[\]]|\[[^\[\]]*\])*\]|<private>|\(null\))",
    "bundle": r"(?:[^\s'\",;:<>()\[\]]+|<private>|\(null\))",
}
"""Names whose values have a shape of their own, tighter than their placeholder says."""


@lru_cache(maxsize=65_536)
def format_key(text: str) -> str:
    """Return `text` (a format, named or not) without names and annotations: what two builds' formats share."""
    return _ANNOTATIONS.sub("%", NAME.sub("", text)).strip()


def names_of(text: str) -> list[str]:
    """Return the names that stand behind the placeholders of a named format, in order."""
    return [name for _, name in _pieces(text) if name is not None]


def arguments_of(text: str) -> dict[str, int]:
    """Return the names of a named format with the position of their argument among all arguments."""
    places = [name for piece, name in _pieces(text) if not isinstance(piece, str)]
    return {name: at for at, name in enumerate(places) if name is not None}


def literals_of(text: str) -> list[str]:
    """Return the literal stretches of a named format that a message must contain, without its mutable beginning."""
    found: list[str] = []
    for piece, _ in _pieces(PREFIX.sub("", text, count=1)):
        if isinstance(piece, str):
            found += (part.strip() for part in _GAP.split(piece))
    return [part for part in found if part]


@lru_cache(maxsize=1024)
def to_pattern(text: str) -> str:
    """Return the regular expression (Rust and Python dialect, named groups) that finds a named format in a message.

    Blanks match any run of blanks, closing punctuation may be cut off, and a value may be hidden (``<private>``).
    """
    pieces = list(_pieces(PREFIX.sub("", text, count=1)))
    tail = ""
    if pieces and isinstance(pieces[-1][0], str):
        ending = pieces[-1][0]
        kept = ending.rstrip(" \n\t.,:;!)>]}'\"")
        if kept:
            pieces[-1] = (kept, None)
        else:
            pieces.pop()
            tail = re.escape(ending.strip())
    parts = [_beginning(text, pieces[0])]
    parts += [_literal(piece) if isinstance(piece, str) else _group(piece, name) for piece, name in pieces]
    last, name = pieces[-1]
    if isinstance(last, str):
        parts.append(r"\b" if last[-1:].isalnum() else "")
    elif name is None:
        parts.pop()
    elif parts[-1].endswith(f"{_TEXT})"):
        parts.append(rf"(?:{tail})?\s*$" if tail else r"\s*$")
    return "(?s)" + "".join(parts)


def _beginning(text: str, first: tuple[str | Placeholder, str | None]) -> str:
    piece, name = first
    if isinstance(piece, str) or name == "handle":
        return BOUNDARY
    return _SOURCE if PREFIX.match(text) else ""


@lru_cache(maxsize=1024)
def _pieces(text: str) -> tuple[tuple[str | Placeholder, str | None], ...]:
    """Split a named format into (literal or placeholder, field name or None)."""
    found: list[tuple[str | Placeholder, str | None]] = []
    chunks = NAME.split(text)
    for index in range(0, len(chunks), 2):
        parts = parse_format(chunks[index])
        found += ((part, None) for part in parts)
        if index + 1 < len(chunks):
            name = chunks[index + 1]
            if not found or isinstance(found[-1][0], str):
                raise ValueError(f"the name <{name}> does not follow a placeholder in {text!r}")
            found[-1] = (found[-1][0], name)
    return tuple(found)


def _literal(text: str) -> str:
    escaped = (re.escape(part) for part in _SPACE.split(text))
    return r"\s+".join(escaped)


def _group(placeholder: Placeholder, name: str | None) -> str:
    shape = _BY_NAME.get(name or "") or _BY_DECODER.get(placeholder.decoder or "")
    shape = shape or _BY_CONVERSION.get(placeholder.conversion, _TEXT)
    if "#" in placeholder.flags and placeholder.conversion in "xX":
        shape = r"(?:0x[0-9a-fA-F]+|0)"
    return f"(?P<{name}>{shape})" if name else f"(?:{shape})"
