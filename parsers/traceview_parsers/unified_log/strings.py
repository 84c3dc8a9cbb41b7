"""The string files of an archive, opened when first asked for."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from traceview_parsers.unified_log.dsc import SharedCacheStrings
from traceview_parsers.unified_log.uuidtext import UuidText

_OPEN_FILES: Final = 128
"""uuidtext files kept in memory; what was looked up in them is kept by the call sites anyway."""

_MOST_CACHES: Final = 8
"""Shared caches that are searched for an image of which only the UUID is known (heuristic: archives hold one to three)."""
_UUID: Final = re.compile("[0-9A-F]{32}")

Report = Callable[[str, str, str], None]
"""Takes (file name, kind, message) of a problem."""


class StringFiles:
    """uuidtext and dsc files by UUID.

    Attributes:
        missing: UUIDs whose file was asked for and is not there.
    """

    def __init__(self, folders: Iterable[Path], report: Report) -> None:
        self._folders = list(folders)
        self._report = report
        self._texts: OrderedDict[bytes, UuidText | None] = OrderedDict()
        self._caches: dict[bytes, SharedCacheStrings | None] = {}
        self._present: list[bytes] | None = None
        self.missing: set[bytes] = set()

    def text(self, uuid: bytes) -> UuidText | None:
        """Return the uuidtext file of an image, or None."""
        if uuid in self._texts:
            self._texts.move_to_end(uuid)
            return self._texts[uuid]
        found = self._load_text(uuid)
        self._texts[uuid] = found
        if len(self._texts) > _OPEN_FILES:
            self._texts.popitem(last=False)
        return found

    def cache(self, uuid: bytes) -> SharedCacheStrings | None:
        """Return the dsc file of a shared cache, or None."""
        if uuid not in self._caches:
            self._caches[uuid] = self._load_cache(uuid)
        return self._caches[uuid]

    def path(self, uuid: bytes, caches: Iterable[bytes] | None = None) -> str | None:
        """Return the path of an image: from its uuidtext file, else from these shared caches, else from any.

        An image's UUID tells which one it is, whatever process logs: the answer does not depend on who asks first.

        Args:
            uuid: The image.
            caches: UUIDs of the shared caches that are likely, where only the path is asked for: then a uuidtext file
                that is not there is not missing. None where strings were asked for too.
        """
        text = self.text(uuid)
        if text is not None and text.path is not None:
            return text.path
        for cache_uuid in (*(caches or ()), *self._all_caches()):
            cache = self.cache(cache_uuid)
            image = cache.image_of(uuid) if cache is not None else None
            if image is not None:
                if caches is not None:
                    self.missing.discard(uuid)
                return image.path
        return None

    def _all_caches(self) -> list[bytes]:
        """Return the UUIDs of the shared caches that the archive holds."""
        if self._present is None:
            names = {path.name for folder in self._folders for path in _files(folder / "dsc")}
            uuids = sorted(name for name in names if _UUID.fullmatch(name))
            self._present = [bytes.fromhex(uuid) for uuid in uuids[:_MOST_CACHES]]
        return self._present

    def _load_text(self, uuid: bytes) -> UuidText | None:
        name = uuid.hex().upper()
        for folder in self._folders:
            path = folder / name[:2] / name[2:]
            if path.is_file():
                try:
                    found = UuidText(path.read_bytes())
                except OSError as error:
                    self._report(str(path), "unreadable-file", f"a uuidtext file cannot be read: {error.strerror}")
                    break
                if not found.whole:
                    self._report(
                        str(path), "damaged-strings", "a uuidtext file is damaged; some of its messages are lost"
                    )
                return found
        self.missing.add(uuid)
        return None

    def _load_cache(self, uuid: bytes) -> SharedCacheStrings | None:
        name = uuid.hex().upper()
        for folder in self._folders:
            path = folder / "dsc" / name
            if path.is_file():
                try:
                    return SharedCacheStrings(path)
                except (OSError, ValueError) as error:
                    self._report(str(path), "damaged-strings", f"a shared-cache strings file cannot be used: {error}")
                    return None
        self.missing.add(uuid)
        return None


def _files(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()
