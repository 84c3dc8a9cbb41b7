"""Private values in text, and the stable tokens that replace them.

What counts as private is a list of shapes (`traceview.report.shapes`), so it is a heuristic: a name in the middle of a
sentence has no shape, unless another line tells it (`traceview.report.known_names`). Where that matters, level ``all``
removes the sentences. Plain digits without any mark of a telephone number or a word that tells one
(`traceview.report.numbers`) stay, because error codes, times and sizes look the same.
"""

import ipaddress
import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

import polars as pl

from traceview.report.known_names import QUOTES, names_of_device, names_of_owner, names_of_people
from traceview.report.shapes import SHAPES, is_version
from traceview_parsers.trace import Device

_NOBODY: Final = frozenset({"Shared"})
_MASKED: Final = re.compile(r"<(?:private|mask|sensitive|redacted)|\(null|nil\b|null\b")
"""How values begin that iOS has hidden, or that are none."""
_TOGETHER: Final = 10
"""Shapes that one pattern may look for: polars takes none that needs over 10 MiB when compiled."""
_MANY: Final = 1000
"""From so many texts on it is faster to look for one shape after the other than for any (measured: nine times at 30,000)."""
_DECOMPOSED: Final = r"[\u0300-\u036f]"
"""Marks of decomposed letters: shapes are written for composed ones."""
_AT_A_WORD: Final = re.compile(r"(?:\(\?P<key>)?(?:\(\?i:)?\\b")
"""Shapes that begin at a border of a word; those that follow each other share the test for it."""
_AT_A_FIGURE: Final = r"(?=\d)"
"""Those that begin with a figure likewise."""
_LONGEST_WORD: Final = 80
"""Longer values are looked at once, so that a line of keys alone takes linear time."""
_TOKEN: Final = re.compile(r"[a-z]+-\d+(?=\s|\Z)")


class Pseudonyms:
    """Replaces private values by tokens such as ``phone-2``; the same value gets the same token everywhere."""

    def __init__(self, device: Device, people: Iterable[str] = ()) -> None:
        shapes = [*names_of_device(device), *names_of_people(people), *SHAPES, *names_of_owner(device)]
        parts = [
            (
                r"\b" if _AT_A_WORD.match(shape.pattern) else _AT_A_FIGURE * shape.before.startswith(_AT_A_FIGURE),
                f"{shape.before}(?P<shape_{index}>{shape.pattern.replace('?P<key>', f'?P<key_{index}>')}){shape.after}",
            )
            for index, shape in enumerate(shapes)
        ]
        grouped = (
            f"{shared}(?:{'|'.join(part for _, part in group)})" for shared, group in groupby(parts, itemgetter(0))
        )
        self._pattern = re.compile("|".join(grouped))
        self._quick = [_DECOMPOSED, *(shape.hint or shape.pattern.replace("?P<key>", "?:") for shape in shapes)]
        self._any = ["|".join(f"(?:{pattern})" for pattern in some) for some in _batches(self._quick)]
        self._shapes = {f"shape_{index}": shape for index, shape in enumerate(shapes)}
        self._tokens: dict[tuple[str, str], str] = {}
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def suspects(self, texts: pl.Series) -> pl.Series:
        """Return the texts that may hold something private: a quick test that never misses one."""
        patterns = self._any if len(texts) < _MANY else self._quick
        found = (pl.col("text").str.contains(pattern) for pattern in patterns)
        return texts.to_frame("text").filter(pl.any_horizontal(*found)).to_series()

    def token(self, kind: str, value: str) -> str:
        """Return the token of a value."""
        key = (kind, _canonical(kind, value))
        if key not in self._tokens:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._tokens[key] = f"{kind}-{self._counts[kind]}"
            self._given.add(self._tokens[key])
        return self._tokens[key]

    def scrub(self, text: str) -> str:
        """Replace all private values in a text; where there are some, its letters are composed (Unicode's form C)."""
        composed = text if text.isascii() else normalize("NFC", text)
        parts: list[str] = []
        end = 0
        while match := self._pattern.search(composed, end):
            shown, after = self._shown(match)
            parts += [composed[end : match.start()], shown]
            end = after
        replaced = "".join([*parts, composed[end:]])
        return text if replaced == composed else replaced

    def scrub_all(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Replace all private values in several texts."""
        return tuple(self.scrub(text) for text in texts)

    def _shown(self, match: re.Match[str]) -> tuple[str, int]:
        """Return what stands in place of a match, as far as it is settled, and where in the text the rest begins."""
        name = match.lastgroup or ""
        shape, whole = self._shapes[name], match[name]
        keep = match.groupdict().get(name.replace("shape", "key")) or ""
        value = whole[len(keep) :]
        if value in _NOBODY or (keep and _MASKED.match(value)):
            return whole, match.end()
        if shape.kind == "ip" and (not _is_private_address(whole) or is_version(match)):
            return whole, match.end()
        none = shape.told and not shape.told(match.string, match.start(), keep, value)
        if keep and (none or (shape.kind == "name" and self._goes_on(match, value))):
            return keep, match.start() + len(keep)  # what a key says may have a shape of its own
        if none:
            return whole, match.end()
        shown = self.scrub(keep) if shape.kind == "path" else keep  # its host may be an address
        given = _TOKEN.match(value)
        if given and given[0] in self._given:
            return shown + given[0], match.start() + len(keep) + given.end()
        return shown + self.token("phone" if shape.kind == "tel" else shape.kind, value), match.end()

    def _goes_on(self, match: re.Match[str], value: str) -> bool:
        """Whether what begins with a value is longer than it: the next key with its own value, a number with blanks."""
        longer = self._pattern.match(match.string, match.end() - len(value)) if len(value) <= _LONGEST_WORD else None
        return longer is not None and longer.end() > match.end()


def _batches(patterns: list[str]) -> list[list[str]]:
    return [patterns[start : start + _TOGETHER] for start in range(0, len(patterns), _TOGETHER)]


def _canonical(kind: str, value: str) -> str:
    """Return what equal values of a kind have in common, however they are written."""
    text = normalize("NFC", value).strip(QUOTES).casefold()
    if kind == "coordinate":
        return str(float(text))
    if kind in {"email", "sip"}:
        return unquote(text)
    if kind in {"mac", "number"}:
        return re.sub("[:. -]", "", text)
    if kind != "phone":
        return text
    return re.sub(r"\D", "", unquote(text).replace("(0)", "")).removeprefix("00")


def _is_private_address(text: str) -> bool:
    """Tell whether text is an address that says where somebody is (no time, no version, not the machine itself)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
