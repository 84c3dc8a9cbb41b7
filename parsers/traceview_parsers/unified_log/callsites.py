"""Call sites: where in which image a record was logged, and with which format string. Looked up once each.

String references (libyal dtformats): the flags say where the format lies: in the main executable's strings, in the
shared cache's, in those of the image that holds the absolute program counter, or in those of a UUID in the record. A
large offset or large shared-cache field supplies bits 31 and up. The top bit of the lower 32 marks a dynamic format,
which was ``%s``; the reference then only locates the image.
"""

from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from traceview_parsers.unified_log.catalog import Catalog, ImageRanges, Processes
from traceview_parsers.unified_log.chunksets import Batch
from traceview_parsers.unified_log.dsc import SharedCacheStrings
from traceview_parsers.unified_log.firehose import (
    ABSOLUTE,
    ACTIVITY,
    LARGE_SHARED_CACHE,
    MAIN_EXE,
    SHARED_CACHE,
    STRINGS,
    UUID_RELATIVE,
    Fields,
    Origins,
    Tracepoints,
)
from traceview_parsers.unified_log.interning import Array, Names, PairTable, Rows
from traceview_parsers.unified_log.plans import Plans
from traceview_parsers.unified_log.strings import StringFiles

_DYNAMIC: Final = 0x80000000
_IS_KNOWN: Final = np.isin(np.arange(16), (MAIN_EXE, SHARED_CACHE, ABSOLUTE, UUID_RELATIVE, LARGE_SHARED_CACHE))
_IS_SHARED: Final = np.isin(np.arange(16), (SHARED_CACHE, LARGE_SHARED_CACHE)).astype(np.int64)
_OWNER_BITS: Final = 24
_NO_OWNER: Final = (1 << _OWNER_BITS) - 1
_WHERE_SHIFT: Final = 24
_LITERAL_SHIFT: Final = 28

# What Apple's tools print where a format string cannot be had (seen in their output and in other readers).
NO_UUIDTEXT: Final = "<compose failure [UUID]>"
NO_SHARED_CACHE: Final = "<compose failure [shared UUID]>"
NO_IMAGE: Final = "<compose failure [missing precomposed log]>"
BAD_SHARED_OFFSET: Final = "<Invalid shared cache format string offset>"


def bad_bounds(offset: int, uuid: bytes) -> str:
    """Return Apple's text for an offset that the image's strings do not have."""
    signed = offset - (1 << 32) if 0x80000000 <= offset < 1 << 32 else offset
    return f"<Invalid bounds {signed} for {uuid_text(uuid)}>"


def uuid_text(uuid: bytes) -> str:
    """Return a UUID dashed in upper case."""
    return str(UUID(bytes=uuid)).upper()


class _Place(NamedTuple):
    """What was found of a call site: format string, image, and its place in the image; or Apple's text instead."""

    format: bytes | None
    uuid: bytes | None
    path: str | None
    offset: int
    failure: str = ""


class _Key(NamedTuple):
    """What a call site is looked up by."""

    where: int
    owner: bytes | None
    reference: int
    code: int
    large: int
    upper: int

    @property
    def dynamic(self) -> bool:
        return bool(self.reference & _DYNAMIC)

    @property
    def format_offset(self) -> int:
        return ((self.upper or self.large) << 31) | (self.reference & (_DYNAMIC - 1))


class Images:
    """Executables and libraries; their names, paths and UUIDs serve as dictionaries of both processes and senders.

    Attributes:
        names: Last path components.
        paths: Paths.
        uuids: UUIDs, dashed.
        table: One row an image: its numbers in the three; row 0 is the unknown image (-1).
    """

    def __init__(self) -> None:
        self.names = Names()
        self.paths = Names()
        self.uuids = Names()
        self.table = Rows(name=np.int32, path=np.int32, uuid=np.int32)
        self.table.append(-1, -1, -1)
        self._known: dict[tuple[bytes | None, str | None], int] = {(None, None): 0}

    def number(self, uuid: bytes | None, path: str | None) -> int:
        """Return the row of an image."""
        key = (uuid, path)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.table.append(
                self.names.number(path.rpartition("/")[2] if path is not None else None),
                self.paths.number(path),
                self.uuids.number(uuid_text(uuid) if uuid is not None else None),
            )
        return known


class CallSites:
    """All call sites of an archive.

    Attributes:
        table: One row a call site: plan, format (number in `formats`, -1 none), image (row of `Images.table`), offset.
        formats: Format strings.
        names: Names of signposts.
    """

    def __init__(self, processes: Processes, files: StringFiles, images: Images, plans: Plans) -> None:
        self.table = Rows(plan=np.int32, format=np.int32, image=np.int32, offset=np.uint64)
        self.formats = Names()
        self.names = Names()
        self._processes = processes
        self._files = files
        self._images = images
        self._plans = plans
        self._keys = PairTable()
        self._name_keys = PairTable()
        self._name_numbers = Rows(number=np.int32)

    def find(
        self, batch: Batch, points: Tracepoints, origins: Origins, entry: Array, catalogs: list[Catalog]
    ) -> tuple[Array, Array]:
        """Return (call site row of each tracepoint, which strings it uses, for `signpost_names`).

        Args:
            batch: Where the tracepoints lie.
            points: The tracepoints.
            origins: Where they come from.
            entry: Catalog entry of each.
            catalogs: The catalogs of the batch, in order.
        """
        where = points.flags & STRINGS
        owner, code = self._owners(batch, where, origins, entry, catalogs)
        large_cache = where == LARGE_SHARED_CACHE
        upper = np.where(large_cache, origins.upper, 0).astype(np.uint64) if large_cache.any() else np.uint64(0)
        strings = (owner & _NO_OWNER) | (where << _WHERE_SHIFT)
        low = strings | ((points.kind == ACTIVITY).astype(np.int64) << _LITERAL_SHIFT)
        b = low.view(np.uint64) | (origins.large << np.uint64(32)) | (upper << np.uint64(48))
        a = points.reference | (code << np.uint64(32))
        rows, firsts = self._keys.intern(a, b)
        if firsts.size:
            self._add_all(points.kind[firsts], self._keys_of(a[firsts], b[firsts]))
        return rows, strings

    def signpost_names(self, fields: Fields, strings: Array) -> Array:
        """Return the number in `names` of each signpost's name, -1 where there is none."""
        numbers = np.full(strings.size, -1, np.int32)
        named = np.flatnonzero(fields.name)
        if not named.size:
            return numbers
        reference = fields.name[named] | (fields.name_upper[named] << np.uint64(32))
        where = strings[named].view(np.uint64)
        rows, firsts = self._name_keys.intern(reference, where)
        keys = self._keys_of(reference[firsts], where[firsts])
        for key in [key._replace(code=0, large=key.code) for key in keys]:
            place = self._places([key])[0]
            known = place.format is not None and not key.dynamic
            text = (place.format or b"").decode("utf-8", "replace")
            self._name_numbers.append(self.names.number(text if known else None))
        numbers[named] = self._name_numbers["number"].take(rows)
        return numbers

    def _add_all(self, kinds: Array, keys: list[_Key]) -> None:
        """Add call sites; `kinds` are the record types of their first tracepoints."""
        for key, place, kind in zip(keys, self._places(keys), kinds.tolist(), strict=True):
            self._add(key, place, as_is=kind == ACTIVITY)

    def image_of_process(self, process: int) -> int:
        """Return the row of `Images.table` of a process' executable."""
        table, uuids = self._processes.table, self._processes.uuids
        main, dsc = int(table["main"][process]), int(table["dsc"][process])
        if main < 0:
            return 0
        caches = [uuids[dsc]] if dsc >= 0 else []
        return self._images.number(uuids[main], self._files.path(uuids[main], caches))

    def image_of_uuid(self, uuid: bytes, cache: bytes) -> int:
        """Return the row of `Images.table` of an image that may lie in a shared cache."""
        if not any(uuid):
            return 0
        return self._images.number(uuid, self._files.path(uuid, [cache] if any(cache) else []))

    def _owners(
        self, batch: Batch, where: Array, origins: Origins, entry: Array, catalogs: list[Catalog]
    ) -> tuple[Array, Array]:
        """Return (UUID number of the file that holds the strings, place in the image's file or address as logged)."""
        table = self._processes.table
        process = self._processes.process_of.take(entry)
        both = np.concatenate([table["main"], table["dsc"]]).astype(np.int64)
        owner = both.take(process + _IS_SHARED.take(where) * table.size)
        code = origins.code
        absolute = np.flatnonzero(where == ABSOLUTE)
        if absolute.size:
            address = code[absolute] | (origins.upper[absolute] << np.uint64(32))
            image, offset = ImageRanges(catalogs).find(entry[absolute], address)
            owner[absolute] = image
            code = code.copy()
            code[absolute] = offset & np.uint64(0xFFFFFFFF)
        relative = np.flatnonzero(where == UUID_RELATIVE)
        if relative.size:
            raw = np.lib.stride_tricks.sliding_window_view(batch.data, 16)[
                np.minimum(origins.uuid_at[relative], batch.data.size - 16)
            ]
            owner[relative] = self._processes.uuid_numbers(raw.tobytes())
            owner[relative[origins.uuid_at[relative] == 0]] = -1
        known = _IS_KNOWN.take(where)
        if not known.all():
            owner[~known] = -1
        return owner, code

    def _keys_of(self, a: Array, b: Array) -> list[_Key]:
        uuids = self._processes.uuids
        keys = []
        for low, high in zip(a.tolist(), b.tolist(), strict=True):
            owner = high & _NO_OWNER
            keys.append(
                _Key(
                    where=(high >> _WHERE_SHIFT) & 0xF,
                    owner=uuids[owner] if owner != _NO_OWNER else None,
                    reference=low & 0xFFFFFFFF,
                    code=low >> 32,
                    large=(high >> 32) & 0xFFFF,
                    upper=high >> 48,
                )
            )
        return keys

    def _places(self, keys: list[_Key]) -> list[_Place]:
        found: list[_Place | None] = [None] * len(keys)
        shared: dict[bytes | None, list[int]] = {}
        for at, key in enumerate(keys):
            if key.where in {SHARED_CACHE, LARGE_SHARED_CACHE}:
                shared.setdefault(key.owner, []).append(at)
            else:
                found[at] = self._own(key)
        for owner, places in shared.items():
            file = self._files.cache(owner) if owner is not None else None
            offsets = np.array([keys[at].format_offset for at in places], np.uint64)
            located: list[tuple[int, int]] = [(-1, -1)] * len(places)
            if file is not None:
                located = list(zip(*(column.tolist() for column in file.locate(offsets)), strict=True))
            for at, (position, image) in zip(places, located, strict=True):
                found[at] = _shared(keys[at], file, position, image)
        return [place for place in found if place is not None]

    def _own(self, key: _Key) -> _Place:
        """Look up a format in an image's own strings."""
        if key.owner is None:
            return _Place(None, None, None, key.code, NO_IMAGE)
        file = self._files.text(key.owner)
        if file is None:
            return _Place(None, key.owner, self._files.path(key.owner), key.code, NO_UUIDTEXT)
        if key.dynamic:
            return _Place(b"%s", key.owner, file.path, key.code)
        text = file.string(key.format_offset)
        failure = "" if text is not None else bad_bounds(key.format_offset & 0xFFFFFFFF, key.owner)
        return _Place(text, key.owner, file.path, key.code, failure)

    def _add(self, key: _Key, place: _Place, *, as_is: bool) -> None:
        format_number = -1
        if place.format is None:
            shown = place.failure or NO_IMAGE
            plan = self._plans.for_literal(shown) if as_is else self._plans.for_unknown(shown)
        else:
            text = place.format.decode("utf-8", "replace")
            format_number = self.formats.number(text)
            plan = self._plans.for_literal(text) if as_is and not key.dynamic else self._plans.for_format(text)
        self.table.append(plan, format_number, self._images.number(place.uuid, place.path), place.offset)


def _shared(key: _Key, file: SharedCacheStrings | None, position: int, image: int) -> _Place:
    """Return what the shared cache's strings say of a call site; `position` and `image` as `locate` found them."""
    address = _shared_address(key)
    if file is None:
        return _Place(None, key.owner, None, address, NO_SHARED_CACHE)
    text: bytes | None = b"%s"
    if key.dynamic:
        image = file.image_at(key.format_offset)
    else:
        text = file.string(position) if position >= 0 else None
    if image < 0:
        return _Place(text, key.owner, None, address, "" if text is not None else BAD_SHARED_OFFSET)
    if key.large and key.upper and key.large != key.upper >> 1:
        # Apple: <Invalid shared cache code pointer offset>; the image cannot be told, the string can.
        return _Place(text, key.owner, None, (key.large << 32) | key.code)
    found = file.image(image)
    return _Place(text, found.uuid, found.path, (address - found.text_offset) & (2**64 - 1))


def _shared_address(key: _Key) -> int:
    """Return the program counter of a shared-cache call site, which counts from the cache's base."""
    return key.code | ((key.upper or key.large) << 31)
