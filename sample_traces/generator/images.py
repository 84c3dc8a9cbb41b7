"""Binaries and the format strings inside them, as uuidtext files and one shared-cache strings file keep them."""

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from uuid import UUID

from generator import dsc, uuidtext


class Placement(Enum):
    """How a record names the image that holds its format string; the value is the record's string-source flag."""

    MAIN_EXE = 0x2
    SHARED_CACHE = 0x4
    ABSOLUTE = 0x8
    UUID_RELATIVE = 0xA
    LARGE_SHARED_CACHE = 0xC


def stable_uuid(name: str) -> UUID:
    """Return a UUID that depends on `name` alone."""
    return UUID(bytes=hashlib.blake2b(name.encode(), digest_size=16).digest(), version=4)


@dataclass(slots=True)
class Image:
    """A binary with its strings.

    Attributes:
        path: Path on the device.
        uuid: Build UUID.
        placement: How records refer to it.
        base: Address of its text: in the shared cache, or 0 for an image with a uuidtext file of its own.
        strings_at: Offset of the first string: from the shared cache's begin, or from the image's begin.
        load_address: Where the process has it, for `Placement.ABSOLUTE`.
    """

    path: str
    uuid: UUID
    placement: Placement
    base: int = 0
    strings_at: int = 0x4000
    load_address: int = 0
    _offsets: dict[str, int] = field(default_factory=dict)
    _data: bytearray = field(default_factory=bytearray)

    def offset_of(self, text: str) -> int:
        """Return the offset of string `text`, added where it is new."""
        if text not in self._offsets:
            self._offsets[text] = self.strings_at + len(self._data)
            self._data += text.encode() + b"\0"
        return self._offsets[text]

    @property
    def strings(self) -> bytes:
        """All strings, each with its NUL."""
        return bytes(self._data)

    @property
    def in_shared_cache(self) -> bool:
        """Whether its strings lie in the dsc file."""
        return self.placement in (Placement.SHARED_CACHE, Placement.LARGE_SHARED_CACHE)

    @property
    def text_size(self) -> int:
        """Bytes that its text spans, strings included."""
        return max(0x8000, self.strings_at - self.base + len(self._data) + 0x1000)


class Images:
    """All images of a device: what several archives (boots) of one device share."""

    def __init__(self, dsc_uuid: UUID | None = None, dsc_version: int = 2) -> None:
        self.dsc_uuid = dsc_uuid or stable_uuid("dyld shared cache")
        self.dsc_version = dsc_version
        self._by_path: dict[str, Image] = {}
        self._next_base = 0x0010_0000
        self._next_large_base = 0x1_8010_0000

    def get(self, path: str, placement: Placement, *, uuid: UUID | None = None, strings_at: int | None = None) -> Image:
        """Return the image at `path`, made on first use.

        `strings_at` moves its strings, for example beyond 2 GiB where records need a large offset.
        """
        if path not in self._by_path:
            image = Image(path, uuid or stable_uuid(path), placement)
            if placement is Placement.SHARED_CACHE:
                image.base, self._next_base = self._next_base, self._next_base + 0x10_0000
            elif placement is Placement.LARGE_SHARED_CACHE:
                image.base, self._next_large_base = self._next_large_base, self._next_large_base + 0x10_0000
            elif placement is Placement.ABSOLUTE:
                image.load_address = 0x1_0400_0000 + 0x10_0000 * len(self._by_path)
            image.strings_at = image.base + 0x4000 if strings_at is None else strings_at
            self._by_path[path] = image
        return self._by_path[path]

    def write(self, folder: Path) -> None:
        """Write ``XX/…`` uuidtext files and ``dsc/…`` into the root of an archive."""
        shared = [image for image in self._by_path.values() if image.in_shared_cache]
        for image in self._by_path.values():
            if not image.in_shared_cache:
                name = image.uuid.hex.upper()
                file = folder / name[:2] / name[2:]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(uuidtext.encode(image.path, [(image.strings_at, image.strings)]))
        if shared:
            (folder / "dsc").mkdir(parents=True, exist_ok=True)
            entries = [
                dsc.Entry(image.path, image.uuid, image.base, image.text_size, image.strings_at, image.strings)
                for image in sorted(shared, key=lambda image: image.base)
            ]
            (folder / "dsc" / self.dsc_uuid.hex.upper()).write_bytes(dsc.encode(entries, version=self.dsc_version))
