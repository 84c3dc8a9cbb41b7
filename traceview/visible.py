"""Foreign text with nothing hidden in it. Log text is written by whoever the app talks to."""

import re
from typing import Final

_HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible and bidirectional
    "\ud800-\udfff"  # lone surrogates
    "\U000e0000-\U000e007f"  # tags
    "]"
)
_PICTURES: Final = 0x2400


def visible(text: str, *, one_line: bool = False) -> str:
    """Make control, bidirectional and invisible characters readable: ``␀`` for NUL, ``⟨U+202E⟩`` for an override.

    An override could make a line read as its opposite, an escape sequence drive the terminal. Tabs and newlines stay
    unless the text must be `one_line`, for a terminal; then whatever Python does not call printable is shown too.
    """
    shown = _HIDDEN.sub(lambda match: _picture(match[0]), text)
    if one_line and not shown.isprintable():
        return "".join(c if c.isprintable() else _picture(c) for c in shown)
    return shown


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_PICTURES + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
