"""A predicate as a tree.

The grammar is that of Apple's Predicate Programming Guide ("BNF Definition of Cocoa Predicates"), as far as a log needs
it: keys compared with values. Beside it stands the shorthand of ``log`` (``log help shorthand``, as quoted in public
sources): ``p=Safari|Finder AND c:net AND type>=error AND "text of the message"``.
"""

from datetime import UTC, tzinfo
from typing import Final

from msgspec.structs import replace

from traceview_parsers.predicate.errors import PredicateError
from traceview_parsers.predicate.keys import ABSENT, SHORT, Key, Kind, closest, find, known, named
from traceview_parsers.predicate.patterns import PatternError, matches
from traceview_parsers.predicate.syntax import SIDES, And, Comparison, Constant, Node, Not, Operator, Or, Value
from traceview_parsers.predicate.texts import too_large
from traceview_parsers.predicate.tokens import Scanner, Sort, Token
from traceview_parsers.predicate.values import LiteralError, event_of, level_of, number, since_reference, value_of

_DEEPEST: Final = 60
"""Brackets and NOTs within each other: more is no predicate that somebody wrote."""
_OPERATORS: Final = {
    **{operator.value: operator for operator in Operator},
    "=": Operator.eq,
    "<>": Operator.ne,
    "=<": Operator.le,
    "=>": Operator.ge,
    ":": Operator.contains,
    "!:": Operator.contains,
    ":^": Operator.begins,
}
_SHORTHAND: Final = frozenset({"=", "!=", ":", "!:", ":^"})
_EQUAL: Final = frozenset({Operator.eq, Operator.ne, Operator.in_})
_ORDERED: Final = frozenset({*_EQUAL, Operator.lt, Operator.le, Operator.gt, Operator.ge, Operator.between})
_OF_KIND: Final = {
    Kind.text: frozenset(Operator),
    Kind.uuid: frozenset(Operator),
    Kind.number: _ORDERED,
    Kind.time: _ORDERED,
    Kind.level: _ORDERED,
    Kind.event: _EQUAL,
    Kind.name: _EQUAL,
}
_NEEDS_TEXT: Final = frozenset({Operator.contains, Operator.begins, Operator.ends})
_QUALIFIERS: Final = frozenset({"ANY", "ALL", "NONE", "SOME"})
_NULLS: Final = frozenset({"NULL", "NIL"})
_KEYWORDS: Final = frozenset({*_OPERATORS, *_NULLS, "AND", "OR", "NOT", "CAST"})


class Parser:
    """Reads one predicate.

    Attributes:
        scanner: Where it is.
    """

    def __init__(self, text: str, zone: tzinfo = UTC) -> None:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise PredicateError("the predicate is no UTF-8 text", "", 0)
        self.scanner = Scanner(text)
        self._zone = zone
        self._depth = 0

    def whole(self) -> Node:
        """Return the predicate. Raises PredicateError."""
        if self.scanner.peek().sort == Sort.end:
            raise PredicateError(f"the predicate is empty: received '{self.scanner.text}'", "", 0)
        node = self._either()
        rest = self.scanner.peek()
        if rest.sort != Sort.end:
            what = "an opening bracket for this" if rest.upper == ")" else "AND, OR or the end"
            raise self.scanner.error(f"expected {what}", rest.at)
        return node

    def _either(self) -> Node:
        parts = [self._both()]
        while self.scanner.peek().upper in {"OR", "||"}:
            self.scanner.take()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._one()]
        while self.scanner.peek().upper in {"AND", "&&"}:
            self.scanner.take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        token = self.scanner.peek()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.scanner.error(f"more than {_DEEPEST} brackets within each other", token.at)
        try:
            return self._part(token)
        finally:
            self._depth -= 1

    def _part(self, token: Token) -> Node:
        if token.upper in {"NOT", "!"}:
            self.scanner.take()
            return Not(self._one())
        if token.upper == "(":
            self.scanner.take()
            node = self._either()
            if self.scanner.peek().upper != ")":
                raise self.scanner.error(f"expected ) for the bracket of character {token.at + 1}, or AND, OR")
            self.scanner.take()
            return node
        if token.upper in {"TRUEPREDICATE", "FALSEPREDICATE"}:
            self.scanner.take()
            return Constant(token.upper == "TRUEPREDICATE")
        return self._comparison(token)

    def _comparison(self, token: Token) -> Node:
        if token.sort in {Sort.string, Sort.number} or token.upper == "{":
            return self._turned(token)
        if token.upper in _QUALIFIERS:
            raise self.scanner.error(f"{token.upper} is for keys with several values; a log has none")
        if token.sort != Sort.word or token.upper in _KEYWORDS:
            raise self.scanner.error("expected a key such as subsystem, NOT or (")
        self.scanner.take()
        key = self._key(token)
        sign = self.scanner.peek()
        operator = self._operator()
        negated = sign.upper == "!:"
        caseless, markless = self._options(key)
        bare = token.text.lower() in SHORT or (
            sign.upper in _SHORTHAND and any(alias in SHORT for alias in (key.name, *key.aliases))
        )
        if operator in {Operator.in_, Operator.between}:
            literals = self._braced()
            if operator == Operator.between and len(literals) != 2:
                raise self.scanner.error("BETWEEN takes two values: {lowest, highest}", literals[0].at)
        else:
            literals = self._alternatives(key, bare=bare)
        key = _meant(key, token, literals)
        self._allow(key, operator, sign)
        values = [self._value(key, operator, literal) for literal in literals]
        found = _compared(key, operator, values, caseless=caseless, markless=markless)
        if isinstance(found, Comparison) and key.kind == Kind.text and None not in values and too_large(found):
            raise self.scanner.error("more text than can be compared so", literals[0].at)
        return Not(found) if negated else found

    def _turned(self, token: Token) -> Node:
        """Read a comparison that begins with its value, or a text alone: the message contains it."""
        literals = self._braced() if token.upper == "{" else [self.scanner.take()]
        sign = self.scanner.peek()
        operator = _OPERATORS.get(sign.upper)
        if operator is None and token.sort == Sort.string:
            key = named("eventMessage")
            return Comparison(key, Operator.contains, (self._value(key, Operator.contains, token),))
        turned = SIDES.get(operator) if operator else None
        if token.upper == "{" and operator == Operator.contains:
            turned = Operator.in_
        elif token.sort == Sort.string and operator == Operator.in_:
            turned = Operator.contains
        if turned is None or (token.upper == "{" and turned != Operator.in_):
            raise self.scanner.error("expected a key first, then an operator, then the value", token.at)
        self.scanner.take()
        word = self.scanner.peek()
        if word.sort != Sort.word or word.upper in _KEYWORDS:
            raise self.scanner.error("expected a key: one side of a comparison is a key, the other a value")
        self.scanner.take()
        key = _meant(self._key(word), word, literals)
        self._allow(key, turned, sign)
        values = tuple(self._value(key, turned, literal) for literal in literals)
        return Comparison(key, turned, values, caseless=key.kind == Kind.uuid)

    def _key(self, token: Token) -> Key:
        key = find(token.text)
        if key is not None:
            return key
        if token.text.lower() in {name.lower() for name in ABSENT}:
            raise self.scanner.error(f"the rows of the log do not tell {token.text}; they tell {known()}", token.at)
        hint = f" (did you mean {close}?)" if (close := closest(token.text)) else ""
        raise self.scanner.error(f"no such key: {token.text}{hint}; there are {known()}", token.at)

    def _operator(self) -> Operator:
        token = self.scanner.peek()
        operator = _OPERATORS.get(token.upper)
        if token.upper == "~/":
            raise self.scanner.error(
                "~/ is not described publicly: write MATCHES and a regular expression for the whole"
            )
        if operator is None:
            raise self.scanner.error(
                "expected an operator: ==, !=, <, <=, >, >=, IN, BETWEEN, CONTAINS, BEGINSWITH, …; "
                "in a shell the whole predicate stands in single quotes"
            )
        self.scanner.take()
        return operator

    def _options(self, key: Key) -> tuple[bool, bool]:
        """Read ``[cd]``; return whether letter case and diacritical marks are of no matter."""
        letters = ""
        if self.scanner.peek().upper == "[":
            self.scanner.take()
            word = self.scanner.take()
            letters = word.text.lower()
            if not letters or set(letters) - {"c", "d"}:
                raise self.scanner.error("the options of an operator are [c], [d] and [cd]", word.at)
            if self.scanner.peek().upper != "]":
                raise self.scanner.error("expected ]")
            self.scanner.take()
        if key.kind == Kind.uuid:
            return True, False
        textual = key.kind == Kind.text
        return textual and "c" in letters, textual and "d" in letters

    def _braced(self) -> list[Token]:
        if self.scanner.peek().upper != "{":
            raise self.scanner.error("expected { and values: {1, 2}")
        self.scanner.take()
        found = [self._literal()]
        while self.scanner.peek().upper == ",":
            self.scanner.take()
            found.append(self._literal())
        if self.scanner.peek().upper != "}":
            raise self.scanner.error("expected , or }")
        self.scanner.take()
        return found

    def _alternatives(self, key: Key, *, bare: bool) -> list[Token]:
        """Read a value, or those of the shorthand: ``a|b``."""
        bare_text = bare and key.kind == Kind.text
        found = [self._literal(bare=bare_text)]
        while bare and self.scanner.peek().upper == "|":
            self.scanner.take()
            found.append(self._literal(bare=bare_text))
        return found

    def _literal(self, *, bare: bool = False) -> Token:
        if bare and (token := self.scanner.take_bare()):
            return replace(token, sort=Sort.word) if token.text.upper() in _NULLS else token
        token = self.scanner.peek()
        if token.upper == "CAST":
            return self._cast()
        if token.sort in {Sort.symbol, Sort.end} or token.upper in _KEYWORDS - _NULLS:
            raise self.scanner.error("expected a value: a text in quotes, a number, or a word such as error")
        return self.scanner.take()

    def _value(self, key: Key, operator: Operator, token: Token) -> Value:
        try:
            if token.upper in _NULLS:
                if operator not in {Operator.eq, Operator.ne}:
                    raise LiteralError("NULL stands only behind == and !=")  # noqa: TRY301  (told where it stands)
                return None
            value = value_of(key, token, self._zone)
            if operator == Operator.matches:
                matches(str(value))
        except (LiteralError, PatternError) as error:
            raise self.scanner.error(str(error), token.at) from error
        if value == "" and operator in _NEEDS_TEXT:
            raise self.scanner.error(f"an empty text: {operator.value} holds for nothing", token.at)
        return value

    def _cast(self) -> Token:
        """Read ``CAST(seconds since 2001, "NSDate")``."""
        first = self.scanner.take()
        tokens = [self._expected(text) for text in ("(", None, ",", "NSDate", ")")]
        try:
            time = since_reference(number(tokens[1].text))
        except LiteralError as error:
            raise self.scanner.error(str(error), tokens[1].at) from error
        return Token(Sort.date, str(time), first.at, tokens[-1].end)

    def _expected(self, text: str | None) -> Token:
        """Take the next token, which must be this, or a number."""
        token = self.scanner.peek()
        sort = {None: Sort.number, "NSDate": Sort.string}.get(text, Sort.symbol)
        if token.sort != sort or (text is not None and token.text != text):
            raise self.scanner.error('expected CAST(seconds since 2001, "NSDate")', token.at)
        return self.scanner.take()

    def _allow(self, key: Key, operator: Operator, sign: Token) -> None:
        if operator not in _OF_KIND[key.kind]:
            allowed = ", ".join(one.value for one in Operator if one in _OF_KIND[key.kind])
            raise self.scanner.error(f"{key.name} is no text: it takes {allowed}", sign.at)


def _meant(key: Key, token: Token, literals: list[Token]) -> Key:
    """Return what ``type`` stands for: events in predicates; in the shorthand levels, or the events signpost and loss."""
    if token.text.lower() == "type" and all(level_of(one) and event_of(one) is None for one in literals):
        return named("messageType")
    return key


def _compared(key: Key, operator: Operator, values: list[Value], *, caseless: bool, markless: bool) -> Node:
    if len(values) == 1 or operator in {Operator.in_, Operator.between}:
        return Comparison(key, operator, tuple(values), caseless, markless)
    parts = tuple(Comparison(key, operator, (value,), caseless, markless) for value in values)
    return And(parts) if operator == Operator.ne else Or(parts)
