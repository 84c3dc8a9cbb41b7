"""The words of a predicate (Apple, Predicate Programming Guide: "Predicate Format String Syntax")."""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from traceview_parsers.predicate.errors import PredicateError


class Sort(StrEnum):
    """What a token is."""

    string = "text"
    number = "number"
    word = "word"
    symbol = "symbol"
    date = "date"
    """What CAST gives: UTC nanoseconds."""
    end = "end"


class Token(Struct, frozen=True):
    """A token.

    Attributes:
        sort: What it is.
        text: As written; of a string, what it stands for.
        at: Offset of its first character.
        end: Offset behind it.
    """

    sort: Sort
    text: str
    at: int
    end: int

    @property
    def upper(self) -> str:
        """The keyword that a word or symbol is, in capitals; nothing for a text."""
        return self.text.upper() if self.sort in {Sort.word, Sort.symbol} else ""


_SPACE: Final = re.compile(r"\s*")
_TOKENS: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![\w.]))"""
    r"""|(?P<word>[A-Za-z_]\w*(?:\.\w+)*)"""
    r"""|(?P<symbol>&&|\|\||==|=<|=>|!=|!:|<>|<=|>=|:\^|~/|[=<>!:(){}\[\],|])""",
    re.DOTALL,
)
_BARE: Final = re.compile(r"""[^\s|&(){},'"<>=!\\]+""")
_LIKE_A_NUMBER: Final = re.compile(r"[-+]?\.?[0-9][\w.]{0,40}")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_CURLY: Final = "“”„‘’«»"  # noqa: RUF001  (that is what they are)


class Scanner:
    r"""Yields tokens of a predicate from left to right.

    Attributes:
        text: The predicate.
        dropped: Offsets of backslashes that stand before a character which needs none. Like NSPredicate this drops them:
            ``'\d'`` is the text ``d``.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.dropped: list[int] = []
        self._at = 0
        self._next: Token | None = None

    def peek(self) -> Token:
        """Return the next token; it stays."""
        if self._next is None:
            self._next = self._scan()
        return self._next

    def take(self) -> Token:
        """Return the next token and go on behind it."""
        token = self.peek()
        self._at, self._next = token.end, None
        if token.sort == Sort.string:
            self._note_dropped(token)
        return token

    def take_bare(self) -> Token | None:
        """Return a text without quotes, as the shorthand has it, and go on behind it; None where a quote begins one."""
        at = self._skipped()
        match = _BARE.match(self.text, at)
        if match is None:
            return None
        self._at, self._next = match.end(), None
        return Token(Sort.string, match[0], at, match.end())

    def error(self, message: str, at: int | None = None) -> PredicateError:
        """Return what to raise for the character at this offset, or for the next token."""
        return PredicateError(message, self.text, self._skipped() if at is None else at)

    def _skipped(self) -> int:
        match = _SPACE.match(self.text, self._at)
        return match.end() if match else self._at

    def _scan(self) -> Token:
        at = self._skipped()
        if at == len(self.text):
            return Token(Sort.end, "", at, at)
        match = _TOKENS.match(self.text, at)
        if match is None:
            raise self.error(self._unreadable(at), at)
        sort = Sort[match.lastgroup or "symbol"]
        text = match[0]
        if sort == Sort.string:
            text = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), text[1:-1])
        return Token(sort, text, at, match.end())

    def _unreadable(self, at: int) -> str:
        character = self.text[at]
        if match := _LIKE_A_NUMBER.match(self.text, at):
            return f"{match[0]} is no number"
        if character in "\"'":
            return f"the text that begins here has no closing {character}"
        if character in _CURLY:
            return f"texts stand in straight quotes, not in {character}"
        if character in "%$":
            return "variables and %@ stand for nothing here: write the value"
        if character in "&|":
            return f"expected {character * 2}"
        return f"{character!r} has no meaning here"

    def _note_dropped(self, token: Token) -> None:
        self.dropped += [
            match.start() for match in _ESCAPE.finditer(self.text, token.at, token.end) if match[1] not in _ESCAPED
        ]
