"""Small pieces of XML, read leniently: tables of contents, headers of tables, single definitions.

Exports are mostly well-formed but not always (an attribute of VM Tracker rows is named ``resident-%``), and may be cut
anywhere. Entities other than the five of XML and numeric references stay as they are written; document types are
never expanded.
"""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

MAX_DEPTH: Final = 64
"""Nesting of real exports stays below ten."""

TAG: Final = re.compile(
    rb"""<(/?)([^\s/>"'=<!?]+)((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>""",
)
ATTRIBUTE: Final = re.compile(rb"""\s([^\s=<>"'/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_ENTITY: Final = re.compile(r"&(#[xX]?[0-9A-Fa-f]{1,8}|amp|lt|gt|quot|apos);")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Element(Struct):
    """One element: its attributes, the text before its first child, its children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Return an attribute, or None where it is missing or empty."""
        return self.attributes.get(name) or None

    def find(self, *path: str) -> "Element | None":
        """Return the first descendant along `path` (tags), or None."""
        here: Element | None = self
        for tag in path:
            here = next((child for child in here.children if child.tag == tag), None) if here else None
        return here

    def all(self, tag: str) -> Iterator["Element"]:
        """Yield all descendants with this tag, in document order."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)

    @property
    def shown(self) -> str:
        """The machine value, else the display text."""
        return (not self.children and self.text) or self.attributes.get("fmt", "")


def unescape(text: str) -> str:
    """Return `text` with the five entities of XML and numeric references replaced; anything else stays."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if not name.startswith("#"):
        return _NAMED[name]
    digits, base = (name[2:], 16) if name[1] in "xX" else (name[1:], 10)
    try:
        number = int(digits, base)
        return match[0] if 0xD800 <= number < 0xE000 else chr(number)
    except (ValueError, OverflowError):
        return match[0]


def decode(data: bytes) -> str:
    """Return bytes of an attribute or a text as they are meant; bytes that are not UTF-8 become U+FFFD."""
    return unescape(data.decode("utf-8", "replace"))


def attributes(data: bytes) -> dict[str, str]:
    """Return the attributes in the inside of a tag."""
    return {
        match[1].decode("utf-8", "replace"): decode(match[2] if match[2] is not None else match[3])
        for match in ATTRIBUTE.finditer(data)
    }


def parse(data: bytes, start: int = 0) -> tuple[Element | None, bool]:
    """Read the first element at or after `start`.

    Returns:
        The element (as much of it as there is) or None, and whether it is complete. Deeper levels than `MAX_DEPTH`
        make it incomplete.
    """
    stack: list[Element] = []
    root: Element | None = None
    last = start
    for match in TAG.finditer(data, start):
        if stack and not stack[-1].children:
            stack[-1].text = decode(data[last : match.start()])
        last = match.end()
        if match[1]:
            if stack and stack.pop().tag == match[2].decode("utf-8", "replace") and not stack:
                return root, True
            if not stack:
                return root, False
            continue
        element = Element(match[2].decode("utf-8", "replace"), attributes(match[3]))
        if stack:
            stack[-1].children.append(element)
        root = root or element
        if not match[4]:
            stack.append(element)
        elif not stack:
            return root, True
        if len(stack) > MAX_DEPTH:
            return root, False
    return root, False
