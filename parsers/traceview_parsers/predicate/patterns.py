r"""Patterns of LIKE and MATCHES as regular expressions of RE2, which Arrow has.

MATCHES takes ICU's regular expressions (Apple, Predicate Programming Guide). RE2 has no look-around, back references,
atomic groups and possessive quantifiers; sets of characters cannot be combined. ICU's classes are those of Unicode, so
they are written out here; ``\b``, sets such as ``[:alpha:]`` and, within brackets, ``\W`` and ``\S`` know ASCII only, and
``.`` leaves out ``\n`` but no other line separator.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_PLAIN: Final = re.compile(r"[^0-9A-Za-z_\x80-\U0010ffff]")
_CLASSES: Final = {
    "d": r"\p{Nd}",
    "w": r"\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}",
    "s": r"\t\n\f\r\p{Z}",
}
_LOOK: Final = {"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind"}
_PIECES: Final = (
    r"(?P<quoted>\\Q.*?(?:\\E|\Z))"
    r"|(?P<escape>\\.)"
    r"|(?P<look>\(\?(?:=|!|<=|<!))"
    r"|(?P<atomic>\(\?>)"
    r"|(?P<possessive>\{[0-9,]+\}\+)"
    r"|(?P<posix>\[:\^?[a-z]+:\])"
    r"|(?P<combined>&&|--)"
    r"|(?P<open>\[\^?\]?)"
    r"|(?P<close>\])"
    r"|(?P<other>.)"
)
_MOST_TOLD: Final = 200
"""Characters of RE2's own words that are passed on: some repeat the whole pattern."""


class PatternError(ValueError):
    """A regular expression that cannot be evaluated."""


def literal(text: str) -> str:
    """Return a regular expression for this text."""
    return _PLAIN.sub(lambda match: rf"\x{{{ord(match[0]):x}}}", text)


def like(text: str) -> str:
    """Return the regular expression of LIKE: ``*`` is any text, ``?`` one character, a backslash takes their meaning."""
    return "(?s:" + "".join(wildcard or literal(plain) for plain, wildcard in _parts(text)) + ")"


def like_texts(text: str) -> list[str]:
    """Return the texts between the wildcards of a LIKE."""
    texts = [""]
    for plain, wildcard in _parts(text):
        if wildcard:
            texts.append("")
        else:
            texts[-1] += plain
    return [part for part in texts if part]


def _parts(text: str) -> list[tuple[str, str]]:
    """Return (character, "") or ("", regular expression of a wildcard), one after the other."""
    found = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            found.append((next(characters, "\\"), ""))
        else:
            wildcard = {"*": ".*", "?": "."}.get(character, "")
            found.append(("", wildcard) if wildcard else (character, ""))
    return found


def matches(text: str) -> str:
    """Return the regular expression of MATCHES.

    Raises PatternError for what RE2 does not have and for what is no regular expression.
    """
    within = False
    pieces = []
    for match in re.finditer(_PIECES, text, re.DOTALL):
        kind, piece = match.lastgroup, match[0]
        if kind == "escape":
            piece = _escape(piece, within=within)
        elif kind == "quoted" and not piece.endswith(r"\E"):
            piece += r"\E"  # else what is put around the pattern would be text of it too
        elif not within and kind in {"look", "atomic", "possessive"}:
            raise PatternError(f"{_name(kind, piece)} cannot be evaluated here")
        elif within and kind in {"open", "combined"}:
            raise PatternError("sets of characters that hold sets or are combined cannot be evaluated here")
        elif not within and kind == "posix":
            raise PatternError(f"a set such as {piece} stands in brackets of its own: [{piece}]")
        elif kind in {"open", "close"}:
            within = kind == "open"
        pieces.append(piece)
    pattern = "".join(pieces)
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        told = str(error).partition(": ")[2] or str(error)
        told = told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}…"
        raise PatternError(f"not a regular expression that can be evaluated here: {told}") from error
    return f"(?:{pattern})"


def _escape(piece: str, *, within: bool) -> str:
    letter = piece[1]
    if not within and (letter in "123456789" or letter == "k"):
        raise PatternError("back references cannot be evaluated here")
    inner = _CLASSES.get(letter.lower())
    if inner is None:
        return piece
    if letter.islower():
        return inner if within else f"[{inner}]"
    if letter == "D":
        return r"\P{Nd}"
    return piece if within else f"[^{inner}]"


def _name(kind: str, piece: str) -> str:
    if kind == "look":
        return _LOOK[piece]
    return "an atomic group" if kind == "atomic" else "a possessive quantifier"
