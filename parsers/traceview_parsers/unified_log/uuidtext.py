"""uuidtext files: the format strings of one executable or library.

Layout (libyal dtformats): signature 0x66778899, two version words, entry count; per entry range start and size (u32);
then the entries' bytes one after the other; last the image path.
"""

import struct
from typing import Final

SIGNATURE: Final = 0x66778899
_HEADER: Final = struct.Struct("<4I")


class UuidText:
    """Strings of one image, by their offset in it.

    Attributes:
        path: Path of the image on the device; None where the file ends before it.
        whole: Whether the file has all it announces.
    """

    def __init__(self, data: bytes) -> None:
        self.path: str | None = None
        self._data = data
        self._ranges: list[tuple[int, int, int]] = []
        self.whole = self._read_ranges()

    def string(self, offset: int) -> bytes | None:
        """Return the string at `offset` of the image without its NUL, or None where no entry covers it."""
        for start, size, at in self._ranges:
            if start <= offset < start + size:
                begin = at + offset - start
                end = self._data.find(b"\0", begin)
                return self._data[begin:] if end < 0 else self._data[begin:end]
        return None

    def _read_ranges(self) -> bool:
        if len(self._data) < _HEADER.size:
            return False
        signature, _, _, count = _HEADER.unpack_from(self._data)
        at = _HEADER.size + 8 * count
        if signature != SIGNATURE or at > len(self._data):
            return False
        for start, size in struct.iter_unpack("<II", self._data[_HEADER.size : at]):
            self._ranges.append((start, size, at))
            at += size
        if at >= len(self._data):
            return False
        self.path = self._data[at:].split(b"\0", 1)[0].decode("utf-8", "replace")
        return True
