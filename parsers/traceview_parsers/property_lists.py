"""Property lists of captures, which may be damaged in any way."""

import plistlib
from typing import Any, Final
from xml.parsers.expat import ExpatError

_DAMAGE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,  # also of an XML encoding that does not exist
    OverflowError,
    RecursionError,
    ExpatError,
)
"""What `plistlib` raises for damaged lists (found with damaged ones); it wraps most in InvalidFileException, a ValueError."""


def read_property_list(data: bytes) -> Any | None:
    """Return the value of a binary or XML property list; None where it is none or damaged."""
    try:
        return plistlib.loads(data)
    except _DAMAGE:
        return None
