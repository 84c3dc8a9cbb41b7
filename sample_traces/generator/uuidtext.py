"""uuidtext files: the format strings of one binary, and its path."""

import struct
from collections.abc import Sequence
from typing import Final

SIGNATURE: Final = 0x66778899
VERSION: Final = (2, 1)


def encode(path: str, ranges: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the file of the binary at `path`; each range is (offset in the binary, NUL-terminated strings).

    A binary that logs nothing of its own has a file too, without ranges: it gives the path.
    """
    filled = [(start, data) for start, data in ranges if data]
    head = struct.pack("<4I", SIGNATURE, *VERSION, len(filled))
    entries = b"".join(struct.pack("<2I", start, len(data)) for start, data in filled)
    return head + entries + b"".join(data for _, data in filled) + path.encode() + b"\0"
