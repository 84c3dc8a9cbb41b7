"""Catalogs: which processes, images and subsystems the following chunk sets speak of.

Layout (libyal dtformats): offsets and counts, the UUIDs, the subsystem strings, one entry a process (its ids, its main
and shared-cache UUIDs, the address ranges of its images, its subsystems), one entry a chunk set (times, processes).
The process list of a chunk set names entries by their index field, not by their place (checked on real archives).
"""

import struct
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from traceview_parsers.unified_log.interning import Array, Names, PairTable, Rows

_HEAD: Final = struct.Struct("<5H6xQ")
_ENTRY: Final = struct.Struct("<HHHHQIIiIII")
_SUB_CHUNK: Final = struct.Struct("<QQIII")
_RANGE: Final = np.dtype([("size", "<u4"), ("unknown", "<u4"), ("uuid", "<u2"), ("low", "<u4"), ("high", "<u2")])
_COUNT: Final = struct.Struct("<I")
_UUID: Final = struct.Struct("16s")
_SUBSYSTEM: Final = struct.Struct("<3H")
"""Number, name and category of a subsystem; the names are offsets into the catalog's strings."""

ADDRESS_BITS: Final = 48
_MIX_1: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_3: Final = np.uint64(0x165667B19E3779F9)
NO_CATALOG: Final = (1 << 32) - 1
"""Serial of the catalog of chunk sets that come before any catalog."""

UNKNOWN: Final = 0
"""Process and entry number of a chunk whose process no catalog names."""


_Identity = tuple[int, int, int, int, int, int]
"""Process id pair, pid, uid, and the numbers of the main and dsc UUIDs, -1 where there is none."""

_Piece = tuple[int, int, bytes]
"""Owner, number of structures, their bytes."""


class SubChunk(NamedTuple):
    """What a catalog says of one of its chunk sets: its first and last tick, and its processes."""

    start: int
    end: int
    processes: tuple[int, ...]


class Catalog(Struct):
    """One catalog, its processes registered in `Processes`.

    Attributes:
        serial: Its number among all catalogs of the archive.
        sub_chunks: One for each chunk set that follows; empty where the catalog is damaged.
        ranges: The image ranges of each entry, as stored.
        uuids: UUID numbers, in the order of the catalog.
        ids: Process id pair and entry of each process, uint64 [n, 3].
        trouble: What was wrong with it, or empty.
    """

    serial: int
    sub_chunks: list[SubChunk]
    ranges: list[_Piece]
    uuids: list[int]
    ids: Array
    trouble: str = ""

    @classmethod
    def nothing(cls, serial: int = NO_CATALOG) -> "Catalog":
        """Return a catalog that names nothing."""
        return cls(serial, [], [], [], np.zeros((0, 3), np.uint64))


class Processes:
    """All processes, UUIDs and subsystems that the catalogs of an archive name.

    Attributes:
        table: One row a process (row 0: unknown): pid, uid, main and dsc (UUID numbers, -1 none).
        process_of: Process of each catalog entry (entry 0: unknown).
        uuids: The distinct UUIDs, 16 bytes each.
        subsystems: Names of subsystems, by number.
        categories: Names of categories, by number.
        pairs: Subsystem, category and process number of each row that `subsystem_rows` returns.
    """

    def __init__(self) -> None:
        self.table = Rows(pid=np.int64, uid=np.int64, main=np.int32, dsc=np.int32)
        self.table.append(-1, -1, -1, -1)
        self.uuids: list[bytes] = []
        self.subsystems = Names()
        self.categories = Names()
        self.pairs = Rows(subsystem=np.int32, category=np.int32, process=np.int32)
        self._entries = Rows(process=np.int32)
        self._entries.append(UNKNOWN)
        self._uuid_table = PairTable()
        self._uuid_numbers: dict[bytes, int] = {}
        self._pair_table = PairTable()
        self._pairs_known: set[tuple[int, int]] = set()
        self._lists_known: set[tuple[int, bytes, bytes]] = set()
        self._known: dict[str, dict[_Identity, int]] = {}
        self._catalogs = 0

    @property
    def process_of(self) -> Array:
        """Process number of each catalog entry."""
        return self._entries["process"]

    def uuid_numbers(self, raw: bytes) -> Array:
        """Return the numbers of consecutive 16-byte UUIDs."""
        words = np.frombuffer(raw, "<u8").reshape(-1, 2)
        rows, firsts = self._uuid_table.intern(words[:, 0], words[:, 1])
        new = [raw[16 * at : 16 * at + 16] for at in firsts.tolist()]
        self._uuid_numbers.update(zip(new, range(len(self.uuids), len(self.uuids) + len(new)), strict=True))
        self.uuids += new
        return rows

    def entries_of(self, catalogs: list[Catalog], first: Array, second: Array, serial: Array) -> Array:
        """Return the catalog entry of each process id pair under catalog `serial`; `UNKNOWN` where there is none."""
        ids = np.concatenate([catalog.ids for catalog in catalogs])
        if not ids.size:
            return np.zeros(first.size, np.int64)
        serials = np.repeat(
            np.array([catalog.serial for catalog in catalogs], np.uint64), [len(catalog.ids) for catalog in catalogs]
        )
        mixed = _mix(ids[:, 0], ids[:, 1], serials)
        order = np.argsort(mixed, kind="stable")
        at = order[np.minimum(np.searchsorted(mixed[order], _mix(first, second, serial)), order.size - 1)]
        same = (ids[at, 0] == first) & (ids[at, 1] == second) & (serials[at] == serial)
        return np.where(same, ids[at, 2].view(np.int64), UNKNOWN)

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
        uuids = self._few_uuid_numbers(body[: min(names_at, len(body)) & ~15])
        strings = body[names_at:entries_at]
        try:
            by_index = self._add_entries(body, (entries_at, entry_count), uuids, strings, (catalog, boot))
            catalog.sub_chunks = _sub_chunks(body, chunks_at, chunk_count, by_index)
        except (struct.error, ValueError, IndexError):
            catalog.trouble = "a catalog is damaged; processes that it should name may be unknown"
        return catalog

    def _few_uuid_numbers(self, raw: bytes) -> list[int]:
        """Return the numbers of the few UUIDs of a catalog: most are known, and arrays cost more than they save here."""
        known = self._uuid_numbers
        try:
            return [known[part] for (part,) in _UUID.iter_unpack(raw)]
        except KeyError:
            return list(map(int, self.uuid_numbers(raw)))

    def _add_entries(
        self, body: bytes, place: tuple[int, int], uuids: list[int], strings: bytes, owner: tuple[Catalog, str]
    ) -> dict[int, int]:
        """Register the processes of a catalog; return them by the numbers that its chunk sets name them by."""
        catalog, boot = owner
        at, count = place
        listed = len(uuids)
        known = self._known.setdefault(boot, {})
        by_index: dict[int, int] = {}
        ids: list[tuple[int, int, int]] = []
        processes: list[int] = []
        ranges: list[_Piece] = []
        subsystems: list[_Piece] = []
        first_entry = self._entries.size
        try:
            for entry in range(first_entry, first_entry + count):
                index, _, main, dsc, first, second, pid, uid, _, images, _ = _ENTRY.unpack_from(body, at)
                behind = at + _ENTRY.size + images * _RANGE.itemsize
                (named,) = _COUNT.unpack_from(body, behind)
                end = behind + 8 + named * _SUBSYSTEM.size
                if end > len(body):
                    raise ValueError("an entry reaches beyond the catalog")
                main = uuids[main] if main < listed else -1
                dsc = uuids[dsc] if dsc < listed else -1
                key = (first, second, pid, uid, main, dsc)
                process = known.get(key)
                if process is None:
                    process = known[key] = self.table.append(pid, uid, main, dsc)
                if images:
                    ranges.append((entry, images, body[at + _ENTRY.size : behind]))
                if named:
                    subsystems.append((process, named, body[behind + 8 : end]))
                at = (end + 7) & ~7
                by_index[index] = process
                ids.append((first, second, entry))
                processes.append(process)
        finally:
            # What was read before a cut is kept.
            self._entries.extend(zip(processes))
            catalog.ids = np.array(ids, np.uint64).reshape(-1, 3)
            catalog.ranges, catalog.uuids = ranges, uuids
            self._add_subsystems(subsystems, strings)
        return by_index

    def _add_subsystems(self, subsystems: list[_Piece], strings: bytes) -> None:
        known = self._pairs_known
        new: list[tuple[int, int]] = []
        for owner, _, raw in subsystems:
            # Catalogs repeat what those before them said, but for the places of the names.
            numbers = owner, raw[:: _SUBSYSTEM.size], raw[1 :: _SUBSYSTEM.size]
            if numbers in self._lists_known:
                continue
            self._lists_known.add(numbers)
            for number, name, category in _SUBSYSTEM.iter_unpack(raw):
                pair = owner, number
                if pair not in known:
                    known.add(pair)
                    new.append(pair)
                    names = _string(strings, name), _string(strings, category)
                    self.pairs.append(self.subsystems.number(names[0]), self.categories.number(names[1]), owner)
        if new:
            pairs = np.array(new, np.uint64)
            self._pair_table.intern(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))


class ImageRanges:
    """Where the processes of some catalogs have their images in memory."""

    def __init__(self, catalogs: list[Catalog]) -> None:
        pieces = [piece for catalog in catalogs for piece in catalog.ranges]
        found = np.frombuffer(b"".join(raw for _, _, raw in pieces), _RANGE)
        counts = [count for _, count, _ in pieces]
        entry = np.repeat(np.array([owner for owner, _, _ in pieces], np.uint64), counts)
        address = (found["high"].astype(np.uint64) << np.uint64(32)) | found["low"]
        keys = (entry << np.uint64(ADDRESS_BITS)) | address
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._sizes = found["size"].astype(np.uint64)[order]
        self._images = _numbers_of(catalogs, found["uuid"].astype(np.int64))[order]

    def find(self, entry: Array, address: Array) -> tuple[Array, Array]:
        """Return (UUID number of the image that holds each address, offset in it); -1 and the address where none does."""
        if not self._keys.size:
            return np.full(entry.size, -1), address
        wanted = (entry.astype(np.uint64) << np.uint64(ADDRESS_BITS)) | address
        at = np.searchsorted(self._keys, wanted, "right") - 1
        offset = wanted - self._keys[at]
        inside = (at >= 0) & (offset < self._sizes[at])
        return np.where(inside, self._images[at], -1), np.where(inside, offset, address)


def _numbers_of(catalogs: list[Catalog], place: Array) -> Array:
    """Return the numbers of UUIDs that the catalogs' ranges, one catalog after the other, name by place; -1 none."""
    ranges = [sum(count for _, count, _ in catalog.ranges) for catalog in catalogs]
    sizes = np.array([len(catalog.uuids) for catalog in catalogs], np.int64)
    numbers = np.array([*(number for catalog in catalogs for number in catalog.uuids), -1], np.int64)
    inside = place < np.repeat(sizes, ranges)
    at = np.where(inside, place + np.repeat(np.cumsum(sizes) - sizes, ranges), -1)
    found: Array = numbers[at]
    return found


def _mix(first: Array, second: Array, serial: Array) -> Array:
    """Return one well-spread number for a process id pair under a catalog."""
    mixed: Array = (first * _MIX_1) ^ (second * _MIX_2) ^ (serial * _MIX_3)
    return mixed


def _sub_chunks(body: bytes, at: int, count: int, by_index: dict[int, int]) -> list[SubChunk]:
    found = []
    for _ in range(count):
        start, end, _, _, indices = _SUB_CHUNK.unpack_from(body, at)
        at += _SUB_CHUNK.size
        listed = struct.unpack_from(f"<{indices}H", body, at)
        at += 2 * indices
        (strings,) = struct.unpack_from("<I", body, at)
        at = (at + 4 + 2 * strings + 7) & ~7
        found.append(SubChunk(start, end, tuple([by_index.get(index, UNKNOWN) for index in listed])))
    return found


def _string(strings: bytes, at: int) -> str:
    end = strings.find(b"\0", at)
    return strings[at : end if end >= 0 else len(strings)].decode("utf-8", "replace")
