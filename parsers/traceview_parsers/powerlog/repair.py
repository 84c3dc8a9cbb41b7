"""A database whose table of contents is cut: a copy of it with what is left of that table.

SQLite refuses a file whose schema it cannot read to the end, although most tables may be whole. The schema is a B-tree
that begins in page 1 (SQLite, "Database File Format"): entries that lead to pages which are missing or no longer of a
B-tree are taken out, as is what is no row of a schema, and the file gets its full length back, so that the missing pages are
just empty.
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
_SMALLEST_CELL: Final = 4
_SCHEMA_COLUMNS: Final = 5
"""``type``, ``name``, ``tbl_name``, ``rootpage`` and ``sql`` of the table ``sqlite_schema``."""
_TEXT: Final = 13
"""Serial type of an empty text; 12 of an empty blob, and two more for each byte."""
_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""Bytes of the other serial types."""
_DEFINED: Final = frozenset(
    word.encode(form) for word in ("table", "index", "view", "trigger") for form in ("utf-8", "utf-16-le", "utf-16-be")
)
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
        book.prune(1)
        file.seek(0)
        file.write(book.data)
        file.truncate(max(len(book.data), pages * size))
    return book.changed or len(book.data) < pages * size


class _Pages:
    """The pages of a file that are there.

    Attributes:
        data: All of them.
        changed: Whether anything was taken out of one.
    """

    def __init__(self, data: bytes, size: int, usable: int) -> None:
        self.data = bytearray(data)
        self.changed = False
        self._size = size
        self._usable = usable
        self._whole = len(data) // size
        self._full: dict[int, bool] = {}
        self._ending: dict[int, bool] = {}
        self._rows: dict[int, int] = {}

    def prune(self, number: int, depth: int = 0) -> None:
        """Take out of a page of the schema, and of those below it, what leads nowhere or is no row of it.

        A page of which nothing would be left stays as it is: damage may lead to pages of other tables.
        """
        start = (number - 1) * self._size
        header = start + (_FILE_HEADER if number == 1 else 0)
        if header + _LONGEST_PAGE_HEADER > len(self.data):
            return
        leaf = self.data[header] == _LEAF
        told = int.from_bytes(self.data[header + 3 : header + 5])
        first = header + (8 if leaf else 12)
        count = max(min(told, (start + self._usable - first) // 2), 0)
        pointers = [int.from_bytes(self.data[at : at + 2]) for at in range(first, first + 2 * count, 2)]
        cells = [
            cell for cell in pointers if first + 2 * count <= start + cell <= start + self._usable - _SMALLEST_CELL
        ]
        if leaf:
            kept = [cell for cell in cells if self._is_whole(start, cell)]
        else:
            kept = [cell for cell in cells if self._leads_on(self._number(start + cell), depth)]
            if not self._leads_on(self._number(header + 8), depth) and kept:
                last = self._number(start + kept.pop())
                self.data[header + 8 : header + 12] = last.to_bytes(4)
        self._rows[number] = len(kept)
        if len(kept) == told or not (kept or number == 1):
            return
        self.changed = True
        self.data[header + 1 : header + 3] = bytes(2)  # no free blocks: pages are only read
        self.data[header + 3 : header + 5] = len(kept).to_bytes(2)
        self.data[header + 5 : header + 8] = (min(kept, default=self._usable) & 0xFFFF).to_bytes(2) + b"\0"
        self.data[first : first + 2 * len(kept)] = b"".join(cell.to_bytes(2) for cell in kept)

    def _leads_on(self, child: int, depth: int) -> bool:
        """Tell whether a child is a page of a B-tree with something in it; prunes it, once: damage may lead in circles."""
        if not 1 < child <= self._whole or depth > 3:
            return False
        if child not in self._full:
            self._full[child] = False
            if self.data[(child - 1) * self._size] in (_LEAF, _INTERIOR):
                self.prune(child, depth + 1)
                self._full[child] = self._rows.get(child, 0) > 0
        return self._full[child]

    def _is_whole(self, start: int, cell: int) -> bool:
        """Tell whether all of a row of the schema is there, also the part on overflow pages."""
        length, at = self._varint(start + cell)
        _, at = self._varint(at)
        if not self._is_of_schema(at, length):
            return False
        most = self._usable - 35
        if length <= most:
            return at + length <= start + self._size
        least = (self._usable - 12) * 32 // 255 - 23
        here = least + (length - least) % (self._usable - 4)
        return self._ends(self._number(at + (here if here <= most else least)))

    def _is_of_schema(self, at: int, length: int) -> bool:
        """Tell whether a record has the five columns of the schema, is as long as they are, and says what it defines."""
        header, after = self._varint(at)
        end = at + header
        kinds: list[int] = []
        while after < end and len(kinds) <= _SCHEMA_COLUMNS:
            kind, after = self._varint(after)
            kinds.append(kind)
        if after != end or len(kinds) != _SCHEMA_COLUMNS or kinds[0] < _TEXT:
            return False
        sizes = [(kind - 12) // 2 if kind >= _TEXT - 1 else _SIZES.get(kind, length + 1) for kind in kinds]
        return header + sum(sizes) == length and bytes(self.data[end : end + sizes[0]]) in _DEFINED

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
