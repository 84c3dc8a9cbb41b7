"""JSON strings as Foundation writes them: slashes escaped, other characters beyond ASCII as they are."""

import re
from typing import Final

_SPECIAL: Final = re.compile(r'["\\/\x00-\x1f]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def json_string(text: str) -> str:
    """Return `text` as a JSON string with its quotes."""
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"
