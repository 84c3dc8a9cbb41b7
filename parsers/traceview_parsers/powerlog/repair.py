"""A database whose table of contents is cut: a copy of it with what is left of that table.

SQLite refuses a file whose schema it cannot read to the end, although most tables may be whole. The schema is a B-tree
that begins in page 1 (SQLite, "Database File Format"): entries that lead to pages which are missing or no longer of a
B-tree are taken out, and the file gets its full length back, so that the missing pages are just empty.
"""

import shutil
from pathlib import Path
from typing import Final

_FILE_HEADER: Final = 100
_LEAF: Final = 0x0D
_INTERIOR: Final = 0x05
_LARGEST: Final = 4 << 30
"""A header that tells more bytes than this is damaged: PowerLogs have some tens of megabytes."""
_LONGEST_CHAIN: Final = 4096
_LONGEST_PAGE_HEADER: Final = 12
"""Bytes before the cell pointers of an interior page; 8 of a leaf."""


def repaired(path: Path, target: Path) -> bool:
    """Write a copy of the file to `target` with a schema that SQLite can read; false where there is nothing to do."""
    shutil.copyfile(path, target)
    with target.open("r+b") as file:
        head = file.read(_FILE_HEADER)
        if len(head) < _FILE_HEADER:
            return False
        size = int.from_bytes(head[16:18]) or 0
        size = 65_536 if size == 1 else size
        pages = int.from_bytes(head[28:32])
        if size < 512 or size & (size - 1) or pages * size > _LARGEST:
            return False
        file.seek(0)
        book = _Pages(file.read(), size, size - head[20])
        changed = book.prune(1)
        file.seek(0)
        file.write(book.data)
        file.truncate(max(len(book.data), pages * size))
    return changed or len(book.data) < pages * size


class _Pages:
    """The pages of a file that are there."""

    def __init__(self, data: bytes, size: int, usable: int) -> None:
        self.data = bytearray(data)
        self._size = size
        self._usable = usable
        self._whole = len(data) // size
        self._full: dict[int, bool] = {}
        self._ending: dict[int, bool] = {}

    def prune(self, number: int, depth: int = 0) -> bool:
        """Take out of a page of the schema what leads nowhere; tell whether there was anything."""
        start = (number - 1) * self._size
        header = start + (_FILE_HEADER if number == 1 else 0)
        if header + _LONGEST_PAGE_HEADER > len(self.data):
            return False
        kind = self.data[header]
        count = int.from_bytes(self.data[header + 3 : header + 5])
        first = header + (12 if kind == _INTERIOR else 8)
        if first + 2 * count > start + self._size:
            return False
        cells = [int.from_bytes(self.data[at : at + 2]) for at in range(first, first + 2 * count, 2)]
        if kind == _LEAF:
            kept = [cell for cell in cells if self._is_whole(start, cell)]
        else:
            kept = [cell for cell in cells if self._leads_on(self._number(start + cell), depth)]
            if not self._leads_on(self._number(header + 8), depth) and kept:
                last = self._number(start + kept.pop())
                self.data[header + 8 : header + 12] = last.to_bytes(4)
        self.data[header + 3 : header + 5] = len(kept).to_bytes(2)
        self.data[first : first + 2 * len(kept)] = b"".join(cell.to_bytes(2) for cell in kept)
        return len(kept) < count

    def _leads_on(self, child: int, depth: int) -> bool:
        """Tell whether a child is a page of a B-tree with something in it; prunes it, once: damage may lead in circles."""
        if not 1 < child <= self._whole or depth > 3:
            return False
        if child not in self._full:
            self._full[child] = False
            self._full[child] = self._has_rows(child, depth)
        return self._full[child]

    def _has_rows(self, child: int, depth: int) -> bool:
        kind = self.data[(child - 1) * self._size]
        if kind not in (_LEAF, _INTERIOR):
            return False
        self.prune(child, depth + 1)
        left = int.from_bytes(self.data[(child - 1) * self._size + 3 : (child - 1) * self._size + 5])
        return left > 0 or kind == _INTERIOR

    def _is_whole(self, start: int, cell: int) -> bool:
        """Tell whether all of a row is there, also the part on overflow pages."""
        length, at = self._varint(start + cell)
        _, at = self._varint(at)
        most = self._usable - 35
        if length <= most:
            return at + length <= start + self._size
        least = (self._usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (self._usable - 4)
        return self._ends(self._number(at + (here if here <= most else least)))

    def _ends(self, page: int) -> bool:
        """Tell whether a chain of overflow pages comes to its end; of damaged rows many may share one."""
        chain: list[int] = []
        while len(chain) < _LONGEST_CHAIN and page not in self._ending and 1 < page <= self._whole:
            chain.append(page)
            page = self._number((page - 1) * self._size)
        whole = self._ending.get(page, page == 0)
        self._ending.update(dict.fromkeys(chain, whole))
        return whole

    def _number(self, at: int) -> int:
        return int.from_bytes(self.data[at : at + 4])

    def _varint(self, at: int) -> tuple[int, int]:
        value = 0
        for step in range(8):
            byte = self.data[at + step] if at + step < len(self.data) else 0
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at + step + 1
        return value << 8 | self.data[min(at + 8, len(self.data) - 1)], at + 9
