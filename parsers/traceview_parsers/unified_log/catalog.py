"""Catalogs: which processes, images and subsystems the following chunk sets speak of.

Layout (libyal dtformats): offsets and counts, the UUIDs, the subsystem strings, one entry a process (its ids, its main
and shared-cache UUIDs, the address ranges of its images, its subsystems), one entry a chunk set (times, processes).
The process list of a chunk set names entries by their index field, not by their place (checked on real archives).
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from traceview_parsers.unified_log.interning import Array, Names, PairTable, Rows

_HEAD: Final = struct.Struct("<5H6xQ")
_ENTRY: Final = struct.Struct("<HHHHQIIiIII")
_SUB_CHUNK: Final = struct.Struct("<QQIII")
_NONE: Final = 0xFFFF
_RANGE: Final = np.dtype([("size", "<u4"), ("unknown", "<u4"), ("uuid", "<u2"), ("low", "<u4"), ("high", "<u2")])
_SUBSYSTEM: Final = np.dtype([("number", "<u2"), ("name", "<u2"), ("category", "<u2")])
ADDRESS_BITS: Final = 48
NO_CATALOG: Final = (1 << 32) - 1
"""Serial of the catalog of chunk sets that come before any catalog."""

UNKNOWN: Final = 0
"""Process and entry number of a chunk whose process no catalog names."""


class SubChunk(NamedTuple):
    """What a catalog says of one of its chunk sets: its first and last tick, and its processes' entries."""

    start: int
    end: int
    entries: tuple[int, ...]


@dataclass(slots=True)
class Catalog:
    """One catalog, its processes registered in `Processes`.

    Attributes:
        serial: Its number among all catalogs of the archive.
        sub_chunks: One for each chunk set that follows; empty where the catalog is damaged.
        keys: Sorted keys of the image ranges: entry << 48 | load address.
        sizes: Size of each image range in bytes.
        images: UUID number of each image range.
        trouble: What was wrong with it, or empty.
    """

    serial: int
    sub_chunks: list[SubChunk]
    keys: Array
    sizes: Array
    images: Array
    trouble: str = ""

    @classmethod
    def nothing(cls, serial: int = NO_CATALOG) -> "Catalog":
        """Return a catalog that names nothing."""
        empty = np.zeros(0, np.uint64)
        return cls(serial, [], empty, empty, np.zeros(0, np.int64))


class Processes:
    """All processes, UUIDs and subsystems that the catalogs of an archive name.

    Attributes:
        table: One row a process (row 0: unknown): pid, uid, main and dsc (UUID numbers, -1 none).
        process_of: Process of each catalog entry (entry 0: unknown).
        uuids: The distinct UUIDs, 16 bytes each.
        subsystems: Names of subsystems, by number.
        categories: Names of categories, by number.
        pairs: Subsystem and category number of each row that `subsystem_rows` returns.
    """

    def __init__(self) -> None:
        self.table = Rows(pid=np.int64, uid=np.int64, main=np.int32, dsc=np.int32)
        self.table.append(pid=-1, uid=-1, main=-1, dsc=-1)
        self.uuids: list[bytes] = []
        self.subsystems = Names()
        self.categories = Names()
        self.pairs = Rows(subsystem=np.int32, category=np.int32)
        self._entries = Rows(process=np.int32)
        self._entries.append(process=UNKNOWN)
        self._uuid_table = PairTable()
        self._entry_table = PairTable()
        self._entry_rows = Rows(entry=np.int32)
        self._pair_table = PairTable()
        self._known: dict[tuple[object, ...], int] = {}
        self._catalogs = 0

    @property
    def process_of(self) -> Array:
        """Process number of each catalog entry."""
        return self._entries["process"]

    def uuid_numbers(self, raw: bytes) -> Array:
        """Return the numbers of consecutive 16-byte UUIDs."""
        words = np.frombuffer(raw, "<u8").reshape(-1, 2)
        rows, firsts = self._uuid_table.intern(words[:, 0], words[:, 1])
        self.uuids += [raw[16 * at : 16 * at + 16] for at in firsts.tolist()]
        return rows

    def entries_of(self, first: Array, second: Array, serial: Array) -> Array:
        """Return the catalog entry of each process id pair under catalog `serial`; `UNKNOWN` where there is none."""
        rows = self._entry_table.find(first, second | (serial << np.uint64(32)))
        return np.where(rows >= 0, self._entry_rows["entry"].take(rows, mode="clip"), UNKNOWN)

    def subsystem_rows(self, process: Array, number: Array) -> Array:
        """Return the row of `pairs` for each process number and subsystem number (uint64), -1 where unknown."""
        return self._pair_table.find(process.astype(np.uint64), number)

    def add(self, data: bytes, boot: str) -> Catalog:
        """Register a catalog chunk's data; `boot` keeps processes of different boots apart."""
        serial = self._catalogs
        self._catalogs += 1
        catalog = Catalog.nothing(serial)
        if len(data) < _HEAD.size:
            catalog.trouble = "a catalog is cut short"
            return catalog
        names_at, entries_at, entry_count, chunks_at, chunk_count, _ = _HEAD.unpack_from(data)
        body = data[_HEAD.size :]
        uuids = self.uuid_numbers(body[: min(names_at, len(body)) & ~15])
        strings = body[names_at:entries_at]
        try:
            by_index = self._add_entries(body, (entries_at, entry_count), uuids, strings, (catalog, boot))
            catalog.sub_chunks = _sub_chunks(body, chunks_at, chunk_count, by_index)
        except (struct.error, ValueError, IndexError):
            catalog.trouble = "a catalog is damaged; processes that it should name may be unknown"
        return catalog

    def _add_entries(
        self, body: bytes, place: tuple[int, int], uuids: Array, strings: bytes, owner: tuple[Catalog, str]
    ) -> dict[int, int]:
        catalog, boot = owner
        at, count = place
        by_index: dict[int, int] = {}
        ids: list[tuple[int, int]] = []
        entries: list[int] = []
        ranges: list[tuple[int, Array]] = []
        subsystems: list[tuple[int, Array]] = []
        try:
            for _ in range(count):
                index, _, main, dsc, first, second, pid, uid, _, images, _ = _ENTRY.unpack_from(body, at)
                at += _ENTRY.size
                found = np.frombuffer(body, _RANGE, images, at)
                at += found.nbytes
                (named,) = struct.unpack_from("<I", body, at)
                pairs = np.frombuffer(body, _SUBSYSTEM, named, at + 8)
                at = (at + 8 + pairs.nbytes + 7) & ~7
                numbers = (_pick(uuids, main), _pick(uuids, dsc))
                process = self._process((boot, first, second, pid, uid, *numbers))
                entry = self._entries.append(process=process)
                by_index[index] = entry
                ids.append((first, second))
                entries.append(entry)
                if images:
                    ranges.append((entry, found))
                if named:
                    subsystems.append((process, pairs))
        finally:
            # What was read before a cut is kept.
            self._register(catalog.serial, ids, entries)
            self._add_ranges(catalog, ranges, uuids)
            self._add_subsystems(subsystems, strings)
        return by_index

    def _process(self, key: tuple[str, int, int, int, int, int, int]) -> int:
        known = self._known.get(key)
        if known is None:
            _, _, _, pid, uid, main, dsc = key
            known = self._known[key] = self.table.append(pid=pid, uid=uid, main=main, dsc=dsc)
        return known

    def _register(self, serial: int, ids: list[tuple[int, int]], entries: list[int]) -> None:
        if not ids:
            return
        keys = np.array(ids, np.uint64)
        _, firsts = self._entry_table.intern(keys[:, 0], keys[:, 1] | np.uint64(serial << 32))
        self._entry_rows.extend(firsts.size, entry=np.array(entries, np.int32)[firsts])

    def _add_ranges(self, catalog: Catalog, ranges: list[tuple[int, Array]], uuids: Array) -> None:
        if not ranges or not uuids.size:
            return
        found = np.concatenate([item for _, item in ranges])
        entry = np.repeat([entry for entry, _ in ranges], [item.size for _, item in ranges]).astype(np.uint64)
        keys = (entry << np.uint64(48)) | (found["high"].astype(np.uint64) << np.uint64(32)) | found["low"]
        order = np.argsort(keys, kind="stable")
        catalog.keys = keys[order]
        catalog.sizes = found["size"].astype(np.uint64)[order]
        place = found["uuid"].astype(np.int64)[order]
        catalog.images = np.where(place < uuids.size, uuids.take(place, mode="clip"), -1)

    def _add_subsystems(self, subsystems: list[tuple[int, Array]], strings: bytes) -> None:
        if not subsystems:
            return
        found = np.concatenate([item for _, item in subsystems])
        process = np.repeat([process for process, _ in subsystems], [item.size for _, item in subsystems])
        number = found["number"].astype(np.uint64)
        _, firsts = self._pair_table.intern(process.astype(np.uint64), number)
        for row in found[firsts].tolist():
            self.pairs.append(
                subsystem=self.subsystems.number(_string(strings, row[1])),
                category=self.categories.number(_string(strings, row[2])),
            )


def _sub_chunks(body: bytes, at: int, count: int, by_index: dict[int, int]) -> list[SubChunk]:
    found = []
    for _ in range(count):
        start, end, _, _, indices = _SUB_CHUNK.unpack_from(body, at)
        at += _SUB_CHUNK.size
        listed = struct.unpack_from(f"<{indices}H", body, at)
        at += 2 * indices
        (strings,) = struct.unpack_from("<I", body, at)
        at = (at + 4 + 2 * strings + 7) & ~7
        found.append(SubChunk(start, end, tuple(by_index.get(index, UNKNOWN) for index in listed)))
    return found


def _pick(uuids: Array, index: int) -> int:
    return int(uuids[index]) if index != _NONE and index < uuids.size else -1


def _string(strings: bytes, at: int) -> str:
    end = strings.find(b"\0", at)
    return strings[at : end if end >= 0 else len(strings)].decode("utf-8", "replace")
