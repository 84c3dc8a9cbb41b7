"""SQL as people write it: ``end`` is a column of every table of windows, and a word of SQL."""

import re
from typing import Final

_PIECE: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*[\s\S]*?\*/)|(?P<word>\w+)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|[\s\S]"""
)
_BEFORE_A_VALUE: Final = frozenset("(,.+-*/%=<>!|")
_WORDS_BEFORE_A_VALUE: Final = frozenset(
    {
        "case",
        "when",
        "then",
        "else",
        "and",
        "or",
        "not",
        "between",
        "in",
        "like",
        "ilike",
        "is",
        "select",
        "distinct",
        "by",
    }
)
"""Behind these a value begins, so that ``end`` there does not close a CASE."""


def with_end_quoted(query: str) -> str:
    """Return SQL in which the column ``end`` is quoted wherever it is no end of a CASE.

    polars reads ``SELECT start, end FROM calls`` as a list that is over behind the comma, and misses the table (seen, 2.1).
    Texts, quoted names and remarks stay as they are.
    """
    parts: list[str] = []
    before, depth = "", 0
    for match in _PIECE.finditer(query):
        piece = match[0]
        word = piece.lower() if match["word"] else ""
        if word == "case":
            depth += 1
        elif word == "end":
            value = before in _BEFORE_A_VALUE or before in _WORDS_BEFORE_A_VALUE
            if depth and not value:
                depth -= 1
            else:
                piece = '"end"'
        parts.append(piece)
        if match["space"] is None:
            before = word or piece
    return "".join(parts)


def verb_behind_with(query: str) -> str:
    """Return the word, in small letters, that follows ``WITH name AS (…), …``; empty where none or a bracket does."""
    depth, begin, before = 0, -1, ""
    for match in _PIECE.finditer(query):
        if match["space"] is not None:
            continue
        piece = match[0].lower()
        if begin < 0 and match["word"]:
            begin = depth
        elif before == ")" and depth == begin and piece not in ("as", ","):
            return piece if match["word"] else ""
        depth += (piece == "(") - (piece == ")")
        before = piece
    return ""
