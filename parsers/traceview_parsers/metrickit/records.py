"""JSON texts of one payload, an array of payloads, or one payload a line; what is damaged costs only itself."""

import json
from collections.abc import Iterator
from typing import Any, Final

from traceview_parsers.ips import values
from traceview_parsers.problems import Problems

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = " \t\r\n\x1e,"


def records(text: str, name: str, problems: Problems) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text; damage is counted with its position (characters)."""
    at = _next(text, 0)
    in_array = text.startswith("[", at)
    at = _next(text, at + in_array)
    while at < len(text) and not (in_array and text[at] == "]"):
        try:
            found, end = _DECODER.raw_decode(text, at)
            found, at = values.whole_text(found), end
        except (ValueError, RecursionError) as error:
            next_record = text.find("\n{", at)
            problems.add(
                name,
                "damaged-json",
                "a payload is damaged or cut off; the others were read",
                position=at,
                sample=f"{error}: {text[at : at + 80]}",
            )
            if in_array or next_record < 0:
                return
            at = next_record + 1
            continue
        yield from _objects(found, name, problems)
        at = _next(text, at)


def _objects(found: Any, name: str, problems: Problems) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
    elif isinstance(found, list):
        for one in found:
            yield from _objects(one, name, problems) if isinstance(one, dict) else ()
    else:
        problems.add(name, "no-payload", "values that are no JSON objects were left out", sample=str(found)[:80])


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
