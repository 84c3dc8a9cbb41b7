"""Shared-cache strings (dsc) files: the format strings of all system libraries of one OS build.

Layout (libyal dtformats): signature ``hcsd``, version, range count, image count; range and image descriptors, whose
widths differ between version 1 (macOS 11, iOS 14 and before) and 2; then strings and paths. A file may have 100 MB:
it is memory-mapped and only the descriptors are looked at.
"""

import mmap
import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from traceview_parsers.unified_log.interning import Array

SIGNATURE: Final = b"hcsd"
_HEADER: Final = struct.Struct("<4sHHII")
_RANGE_1: Final = np.dtype([("image", "<u4"), ("offset", "<u4"), ("data", "<u4"), ("size", "<u4")])
_RANGE_2: Final = np.dtype([("offset", "<u8"), ("data", "<u4"), ("size", "<u4"), ("image", "<u8")])
_IMAGE_1: Final = np.dtype([("text", "<u4"), ("size", "<u4"), ("uuid", "V16"), ("path", "<u4")])
_IMAGE_2: Final = np.dtype([("text", "<u8"), ("size", "<u4"), ("uuid", "V16"), ("path", "<u4")])


class Image(NamedTuple):
    """One library of the shared cache."""

    uuid: bytes
    path: str
    text_offset: int


class SharedCacheStrings:
    """One dsc file. Raises ValueError when it is none, or is cut inside its descriptors."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._map) < _HEADER.size:
            raise ValueError("too short")
        signature, major, _, ranges, images = _HEADER.unpack_from(self._map)
        if signature != SIGNATURE or major not in {1, 2}:
            raise ValueError("no dsc file of version 1 or 2")
        range_type, image_type = (_RANGE_1, _IMAGE_1) if major == 1 else (_RANGE_2, _IMAGE_2)
        if _HEADER.size + ranges * range_type.itemsize + images * image_type.itemsize > len(self._map):
            raise ValueError("cut inside its descriptors")
        found = np.frombuffer(self._map, range_type, ranges, _HEADER.size)
        self._images = np.frombuffer(self._map, image_type, images, _HEADER.size + found.nbytes)
        self._ranges = found[np.argsort(found["offset"], kind="stable")]
        self._starts = self._ranges["offset"].astype(np.uint64)
        self._ends = self._starts + self._ranges["size"]
        texts = self._images["text"].astype(np.uint64)
        self._by_text = np.argsort(texts, kind="stable")
        self._texts = texts[self._by_text]
        self._known: dict[int, Image] = {}

    def locate(self, offsets: Array) -> tuple[Array, Array]:
        """Return (file position of the string, number of its image) for uint64 offsets; -1 where no range covers one."""
        if not self._ranges.size:
            return np.full(offsets.size, -1), np.full(offsets.size, -1)
        at = np.searchsorted(self._starts, offsets, "right") - 1
        inside = (at >= 0) & (offsets < self._ends[at])
        position = self._ranges["data"][at].astype(np.int64) + (offsets - self._starts[at]).view(np.int64)
        image = self._ranges["image"][at].astype(np.int64)
        inside &= (position < len(self._map)) & (image < self._images.size)
        return np.where(inside, position, -1), np.where(inside, image, -1)

    def image_at(self, address: int) -> int:
        """Return the number of the image whose text holds `address`, or -1."""
        at = int(np.searchsorted(self._texts, np.uint64(address), "right")) - 1
        if at < 0:
            return -1
        image = int(self._by_text[at])
        return image if address < int(self._texts[at]) + int(self._images["size"][image]) else -1

    def image_of(self, uuid: bytes) -> Image | None:
        """Return the image with that UUID."""
        hits = np.flatnonzero(self._images["uuid"] == np.void(uuid))
        return self.image(int(hits[0])) if hits.size else None

    def string(self, position: int) -> bytes:
        """Return the string at a file position, without its NUL."""
        end = self._map.find(b"\0", position)
        return self._map[position : end if end >= 0 else len(self._map)]

    def image(self, number: int) -> Image:
        """Return one image by its number."""
        known = self._known.get(number)
        if known is None:
            row: Any = self._images[number]
            path = self.string(int(row["path"])).decode("utf-8", "replace")
            known = self._known[number] = Image(row["uuid"].tobytes(), path, int(row["text"]))
        return known
