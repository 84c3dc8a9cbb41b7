"""Sentences of ours without private data: what they quote from a capture goes or stays as it does in the tables.

A finding tells what it quotes and where (`Finding.quotes`), whatever the sentence cut or tidied of it. Only the rest of a
sentence is searched for values.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import polars as pl
from msgspec.structs import replace

from traceview.report.free_text import is_word, own_phrases
from traceview.report.own_words import is_ours
from traceview.report.pseudonyms import Pseudonyms
from traceview.rules.quotes import Quote, fit
from traceview.rules.registry import Finding

Rewrite = Callable[[str], str]
_CUT: Final = "\u2026"
_LEAST: Final = 3
"""Characters of a value that are one for certain where a sentence cuts it (heuristic)."""
_LONGEST_QUOTE: Final = 1200
"""Longer texts are not quoted (`rows.shown`)."""


def requoted(finding: Finding, of_quote: Callable[[Quote], str], own: Rewrite) -> Finding:
    """Return a finding whose quotes and whose own words are rewritten, each by itself.

    It keeps its fingerprint, so that captures can still be compared, and loses its pattern, which may hold values.
    """

    def rewritten(name: str) -> str:
        quotes = [quote for quote in finding.quotes if quote.field == name]
        return "".join(_rewritten(getattr(finding, name), quotes, of_quote, own))

    return replace(
        finding,
        app=None if finding.app is None else own(finding.app),
        title=rewritten("title"),
        explanation=rewritten("explanation"),
        advice=rewritten("advice"),
        known_as=finding.fingerprint,
        pattern="",
        quotes=(),
    )


def _rewritten(text: str, quotes: list[Quote], of_quote: Callable[[Quote], str], own: Rewrite) -> Iterator[str]:
    end = 0
    for quote in quotes:
        start = text.find(quote.text, max(quote.start, end))  # elsewhere only where somebody reworded the sentence
        if start < 0:
            start = text.find(quote.text, end)
        if start >= 0:
            yield own(text[end:start])
            yield of_quote(quote)
            end = start + len(quote.text)
    yield own(text[end:])


def scrubbed(findings: Iterable[Finding], names: Pseudonyms) -> list[Finding]:
    """Return findings without private values, also where a sentence shows but a part of one.

    Quotes and the words between them are each looked at by themselves and once, so that a token is never taken for a value.
    """
    findings = list(findings)
    told: dict[str, str] = {}

    def noted(text: str) -> str:
        return told.setdefault(text, text)

    def of_quote(quote: Quote) -> str:
        value = told[quote.value]
        return quote.text if value == quote.value else _as_long(value, quote)

    for finding in findings:
        requoted(finding, lambda quote: noted(quote.value), noted)
    told |= {text: names.scrub(text) for text in names.suspects(pl.Series(list(told), dtype=pl.String))}
    return [requoted(finding, of_quote, lambda text: told.get(text, text)) for finding in findings]


def _as_long(value: str, quote: Quote) -> str:
    return fit(value, len(quote.text) if quote.text.endswith(_CUT) else _LONGEST_QUOTE)


class Replaced:
    """What tokens stand for in sentences."""

    def __init__(self, tokens: Mapping[str, str], kept: Callable[[], frozenset[str]], names: Pseudonyms) -> None:
        """Make it of the tokens by value, and of what gives all values that stayed in tables."""
        self._tokens = dict(tokens)
        self._kept = kept
        self._names = names
        self._found = {value: token for value, token in tokens.items() if value and not is_ours(value)}
        longest_first = sorted(self._found, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def in_sentence(self, text: str) -> str:
        """Return a sentence with tokens in place of all values that stand as words in it, the longest first."""
        if not self._found or not text:
            return text
        whole = self._uncut(text) if _CUT in text else text
        return self._pattern.sub(lambda match: self._found[match[0]], whole)

    def _uncut(self, text: str) -> str:
        """Return a sentence with tokens in place of values that it cuts."""
        head, *rest = text.split(_CUT)
        for part in rest:
            tail = head[-_LONGEST_QUOTE:]
            begins = ((_begin(tail, value), token) for value, token in self._found.items())
            longest = max(((len(tail) - at, token) for at, token in begins if at is not None), default=None)
            head = (f"{head[: len(head) - longest[0]]}{longest[1]}" if longest else head + _CUT) + part
        return head

    def of_quote(self, quote: Quote) -> str:
        """Return what stands in place of a quote: itself only where tables keep the value."""
        value = quote.value
        if quote.own:
            told = self.in_sentence(value)
            return quote.text if told == value else _as_long(told, quote)
        token = self._tokens.get(value)
        if token is None and not (is_word(value) or value in own_phrases() or value in self._kept()):
            token = next((one for whole, one in self._tokens.items() if value in whole), None)
            token = token or self._names.token("text", value)
        return quote.text if token is None else token


def _begin(tail: str, value: str) -> int | None:
    """Return where in `tail` a part of the value begins that its end cuts, at a border of a word."""
    at = tail.find(value[:_LEAST])
    while at >= 0:
        shown = len(tail) - at
        if _LEAST <= shown < len(value) and value.startswith(tail[at:]) and not tail[at - 1 : at].isalnum():
            return at
        at = tail.find(value[:_LEAST], at + 1)
    return None
