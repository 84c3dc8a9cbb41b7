"""Text bodies: ``Key: value`` lines before the first stack."""

import re

_KEY = re.compile(r"^([A-Z][\w/ -]{0,40}?):[ \t]*(.*)$")
_STACKS = re.compile(
    r"^(?:Thread \d+|Last Exception Backtrace|Heaviest stack|Powerstats for|Binary Images|Process \d+ info)",
    re.MULTILINE,
)
_PID = re.compile(r"^(.*?) \[(\d{1,10})\]$")
_BLOCKS = ("Application Specific Information", "Termination Description", "Termination Reason", "Exception Note")
"""Keys whose value goes on over the following lines, up to a blank one or the next key."""


def read_fields(text: str) -> dict[str, str]:
    """Return the fields of a text report; of a key that is repeated the first counts."""
    match = _STACKS.search(text)
    fields: dict[str, str] = {}
    block: str | None = None
    for line in text[: match.start() if match else None].splitlines():
        found = _KEY.match(line)
        if found:
            block = found[1] if found[1] in _BLOCKS else None
            fields.setdefault(found[1], found[2].strip())
        elif block and line.strip():
            fields[block] = f"{fields[block]}\n{line.strip()}".strip()
        else:
            block = None
    return fields


def name_and_pid(text: str | None) -> tuple[str | None, int | None]:
    """``kaki [12225]`` → (``kaki``, 12225)."""
    match = _PID.match((text or "").strip())
    return (match[1], int(match[2])) if match else (text or None, None)


def primary_state(text: str) -> str | None:
    """Return the state (``Non-Frontmost App, Non-Suppressed, …``) in which most samples of the target were taken."""
    match = re.search(r"^Powerstats for:.*?^Primary state:\s*\d+ samples? ([^\n]+)", text, re.DOTALL | re.MULTILINE)
    return match[1].strip() if match else None
