"""Where words of a selection can come from: decided once a format, so that most messages need not be written.

A message is the literals of its format with values in the holes between them. A word that lies in a literal is in every
message. Any other occurrence overlaps a hole. Take a *core* of the word, a part of it that begins and ends with a letter
or digit. Where no literal can supply any part of the core, two holes do not touch, and neither numbers nor what stands
for missing values can hold it, it lies in one text argument as it is stored: searching the record's bytes for the core
finds every message that may contain the word. Two cores are tried, all of the word but its borders, and its longest run
of letters and digits, which fits more formats and is found more often. Else the message has to be written.

An item is taken to be what a compiler writes: its type byte followed by the size of that type.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import polars as pl

from traceview_parsers.unified_log.arguments import NULL_TEXT, PRIVATE_TEXT
from traceview_parsers.unified_log.formats import missing
from traceview_parsers.unified_log.plans import ANY, DECIMAL, NUMBER, OTHER, PADDED, TEXT, Outline, Plans

_INNER: Final = re.compile(r"[A-Za-z0-9].*[A-Za-z0-9]", re.DOTALL)
_RUN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_]*[A-Za-z0-9])?")
_LEAST_CORE: Final = 4
"""Shorter cores would be found everywhere; such words are searched whole."""

_NUMBER_LETTERS: Final = frozenset("0123456789abcdefABCDEFxXpPiInN+-. '")
"""What numbers, UUIDs and bytes in hexadecimal consist of."""

_KINDS: Final = ("SCALAR", "COUNT", "STRING", "POINTER", "OBJECT", *(f"TYPE {number}" for number in range(16)))
_STAND_INS: Final = (
    *(NULL_TEXT, PRIVATE_TEXT, missing(), "<decode: mismatch for ", " got ", "<mask.hash: '"),
    *(f"{kind} sz:" for kind in _KINDS),
    *("true", "false", "YES", "NO"),
)
"""Texts that may stand where a value is expected; what a mismatch repeats of the format is looked at apart."""

_JOINTS: Final = re.compile(r"[\[\]%]|sz:")
"""Where these texts meet what they repeat, so that a word might begin in one and end in the other."""

_GRAM: Final = 4
"""Letters at a border of a literal that must stand in some word for more than these to matter."""


class Verdicts(NamedTuple):
    """What is known of messages of one format, as bits by clause.

    Attributes:
        yes: They have a word.
        write: They have to be written to tell.
        inner: Their bytes have to be searched for the words without their borders.
        run: Their bytes have to be searched for the longest runs of letters of the words.
    """

    yes: int
    write: int
    inner: int
    run: int


class _Word(NamedTuple):
    """A word, the clauses that want it, and its two cores."""

    text: str
    bits: int
    inner: tuple[int, int]
    run: tuple[int, int]


class _Touched(NamedTuple):
    """Clauses (bits) with a core that a literal may be a part of."""

    inner: int
    run: int

    def __or__(self, other: "_Touched") -> "_Touched":
        return _Touched(self.inner | other.inner, self.run | other.run)


class _Texts:
    """Texts that are searched for words, many at once; `found` are the clauses (bits) with a word in each."""

    def __init__(self, words: Iterable[tuple[str, int]]) -> None:
        self.found: dict[str, int] = {}
        self._bits: dict[str, int] = {}
        for word, bits in words:
            if word:
                self._bits[word] = self._bits.get(word, 0) | bits

    def learn(self, texts: set[str]) -> None:
        fresh = texts - self.found.keys()
        self.found.update(dict.fromkeys(fresh, 0))
        if not fresh or not self._bits:
            return
        column = pl.Series("text", sorted(fresh), pl.String)
        words = column.str.extract_many(list(self._bits), overlapping=True)
        table = pl.DataFrame([column, words.alias("word")]).filter(pl.col("word").list.len() > 0).explode("word")
        for text, word in table.rows():
            self.found[text] |= self._bits[word]


class _Level:
    """What the cores of one kind are made of: clauses (bits) with such a core."""

    def __init__(self, cores: Sequence[tuple[str, int]]) -> None:
        self._cores = cores
        self._texts = _Texts(cores)
        self.repeated = self._texts.found
        self.numeric = self._union(_NUMBER_LETTERS.issuperset(core) for core, _ in cores)
        self.with_digit = self._union(any(one.isdigit() or one in "- " for one in core) for core, _ in cores)
        self.loose = self._union(not (core[:1].isalnum() and core[-1:].isalnum()) for core, _ in cores)
        self.hidden = self._union(
            not core.isascii() or bool(_JOINTS.search(core)) or any(core in text for text in _STAND_INS)
            for core, _ in cores
        )

    def learn(self, specifiers: set[str]) -> None:
        """Look for cores in specifiers, which a mismatch repeats."""
        self._texts.learn(specifiers)

    def unfit(self, outline: Outline, holes: set[str], touched: int, worded: int) -> int:
        """Return the clauses with a core that need not lie in the bytes of one text argument."""
        found = touched | self.hidden | self._where_holes_touch(outline, worded)
        if not holes.isdisjoint((NUMBER, DECIMAL, ANY)):
            found |= self.numeric
        if PADDED in holes:
            found |= self.loose
        for specifier in outline.specifiers:
            found |= self.repeated[specifier]
        return found

    def _where_holes_touch(self, outline: Outline, worded: int) -> int:
        """Return the clauses with a core that two values with nothing between them can make together."""
        found = 0
        for number, text in enumerate(outline.literals[1:-1]):
            if not text:
                found |= self.with_digit if DECIMAL in outline.holes[number : number + 2] else worded
        return found

    def _union(self, chosen: Iterable[bool]) -> int:
        found = 0
        for (_, bits), one in zip(self._cores, chosen, strict=True):
            if one:
                found |= bits
        return found


class WordHoles:
    """The words of up to 64 clauses.

    Args:
        words: Words of each clause; None: no condition, which holds always.
    """

    def __init__(self, words: Sequence[frozenset[str] | None]) -> None:
        self._clauses = words
        # An empty word is in every message.
        self._free = sum(1 << number for number, clause in enumerate(words) if clause is None or "" in clause)
        bits: dict[str, int] = {}
        for number, clause in enumerate(words):
            for word in clause or ():
                bits[word] = bits.get(word, 0) | 1 << number
        self._words = [_Word(word, some, _inner(word), _run(word)) for word, some in bits.items()]
        self._worded = sum(1 << number for number, clause in enumerate(words) if clause)
        self._inner = _Level([(word.text[slice(*word.inner)], word.bits) for word in self._words])
        self._run = _Level([(word.text[slice(*word.run)], word.bits) for word in self._words])
        self._literals = _Texts(bits.items())
        self._grams = {text[at : at + _GRAM] for text in bits for at in range(len(text) - _GRAM + 1)}
        self._heads = self._indexed(lambda text, size: text[:size])
        self._tails = self._indexed(lambda text, size: text[-size:])
        self._all = "\n".join(bits)
        self._longest = max(map(len, bits), default=0)
        self._plans: dict[int, Verdicts] = {}
        self._ends: dict[str, _Touched] = {}
        self._starts: dict[str, _Touched] = {}
        self._middles: dict[str, _Touched] = {}

    def learn(self, plans: Plans, numbers: Iterable[int]) -> None:
        """Prepare for these plans: look for words in the literals of all that are new at once."""
        outlines = [plans.outline(plan) for plan in set(numbers)]
        self._literals.learn({text for outline in outlines for text in outline.literals})
        specifiers = {text for outline in outlines for text in outline.specifiers}
        self._inner.learn(specifiers)
        self._run.learn(specifiers)

    def of_plan(self, plans: Plans, plan: int) -> Verdicts:
        """Return what is known of messages of a plan that was learned."""
        found = self._plans.get(plan)
        if found is None:
            found = self._plans[plan] = self._judge(plans.outline(plan))
        return found

    def to_search(self, inner: int, run: int) -> frozenset[str]:
        """Return what to search in the bytes of records for the words of these clauses (bits)."""
        return frozenset(
            [word.text[slice(*word.inner)] for word in self._words if word.bits & inner]
            + [word.text[slice(*word.run)] for word in self._words if word.bits & run]
        )

    def words(self, clauses: int) -> frozenset[str]:
        """Return the words of these clauses (bits)."""
        return frozenset(word.text for word in self._words if word.bits & clauses)

    def _indexed(self, part: Callable[[str, int], str]) -> dict[str, list[_Word]]:
        """Return the words by their first or last letters, one to `_GRAM` of them."""
        found: dict[str, list[_Word]] = {}
        for word in self._words:
            for size in range(1, min(_GRAM, len(word.text)) + 1):
                found.setdefault(part(word.text, size), []).append(word)
        return found

    def _judge(self, outline: Outline) -> Verdicts:
        touched = _Touched(0, 0)
        has = 0
        last = len(outline.literals) - 1
        for number, text in enumerate(outline.literals):
            if text:
                has |= self._literals.found[text]
                touched |= self._at_borders(text, after=number > 0, before=number < last)
        yes = self._free | has
        holes = set(outline.holes)
        if not holes:
            return Verdicts(yes, 0, 0, 0)
        open_ = self._worded & ~yes
        if OTHER in holes:
            return Verdicts(yes, open_, 0, 0)
        unfit = self._inner.unfit(outline, holes, touched.inner, self._worded)
        write = unfit & self._run.unfit(outline, holes, touched.run, self._worded)
        if holes.isdisjoint((TEXT, PADDED, ANY)):
            return Verdicts(yes, open_ & write, 0, 0)
        return Verdicts(yes, open_ & write, open_ & ~unfit, open_ & unfit & ~write)

    def _at_borders(self, text: str, *, after: bool, before: bool) -> _Touched:
        """Return which words can lie partly in a literal, with a part of their core; `after` and `before` a hole."""
        found = _Touched(0, 0)
        if before:
            found |= _cached(self._ends, text[1 - _GRAM :], self._at_end)
            # Where the letters at the border stand in no word, no more of them can be a part of one.
            if text[-_GRAM:] in self._grams:
                found |= _cached(self._ends, text[-self._longest :], self._at_end)
        if after:
            found |= _cached(self._starts, text[: _GRAM - 1], self._at_start)
            if text[:_GRAM] in self._grams:
                found |= _cached(self._starts, text[: self._longest], self._at_start)
        if after and before and text in self._all:
            found |= _cached(self._middles, text, self._around)
        return found

    def _at_end(self, text: str) -> _Touched:
        """Return which words can begin at the end of a literal, with a part of their core in it.

        Of a text of `_GRAM` or more letters only what is new with so many.
        """
        inner = run = 0
        for at in range(len(text) - _GRAM + 1 if len(text) >= _GRAM else len(text)):
            size = len(text) - at
            for word in self._heads.get(text[at : at + _GRAM], ()):
                if size < len(word.text) and (size <= _GRAM or word.text.startswith(text[at:])):
                    inner |= word.bits * (size > word.inner[0])
                    run |= word.bits * (size > word.run[0])
        return _Touched(inner, run)

    def _at_start(self, text: str) -> _Touched:
        """Return which words can end at the start of a literal, with a part of their core in it; as `_at_end`."""
        inner = run = 0
        for size in range(_GRAM if len(text) >= _GRAM else 1, len(text) + 1):
            for word in self._tails.get(text[max(0, size - _GRAM) : size], ()):
                before = len(word.text) - size
                if before > 0 and (size <= _GRAM or word.text.endswith(text[:size])):
                    inner |= word.bits * (before < word.inner[1])
                    run |= word.bits * (before < word.run[1])
        return _Touched(inner, run)

    def _around(self, text: str) -> _Touched:
        """Return which words can have a whole literal inside, with a part of their core in it."""
        inner = run = 0
        for word in self._words:
            at = word.text.find(text, 1)
            while 0 < at < len(word.text) - len(text):
                inner |= word.bits * (at < word.inner[1] and at + len(text) > word.inner[0])
                run |= word.bits * (at < word.run[1] and at + len(text) > word.run[0])
                at = word.text.find(text, at + 1)
        return _Touched(inner, run)


def _inner(word: str) -> tuple[int, int]:
    """Return where the part from the first to the last letter or digit lies; the whole word where it is short."""
    found = _INNER.search(word)
    return found.span() if found is not None and len(found[0]) >= _LEAST_CORE else (0, len(word))


def _run(word: str) -> tuple[int, int]:
    """Return where the longest run of letters and digits lies that is no number; the whole word where it is short."""
    runs = [found for found in _RUN.finditer(word) if len(found[0]) >= _LEAST_CORE]
    texts = [found for found in runs if not _NUMBER_LETTERS.issuperset(found[0])] or runs
    return max(texts, key=lambda found: len(found[0])).span() if texts else (0, len(word))


def _cached(known: dict[str, _Touched], text: str, judge: Callable[[str], _Touched]) -> _Touched:
    found = known.get(text)
    if found is None:
        found = known[text] = judge(text)
    return found
