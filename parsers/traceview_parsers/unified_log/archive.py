"""Which files make up an archive: tracev3, timesync and strings, in a logarchive, on-device or loose layout."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from traceview_parsers.unified_log import tracev3

SUFFIX: Final = ".tracev3"
LIVE: Final = "logdata.LiveData.tracev3"
_FOLDERS: Final = frozenset({"persist", "special", "signpost", "highvolume", "livedata"})
_LEVELS_UP: Final = 3
"""How far above a loose tracev3 file its strings are looked for: Persist, the archive, its folder."""

_HEAD_BYTES: Final = 4096
"""What is read to find a file's header: real ones take 224 bytes."""


class Files(Struct, frozen=True):
    """The files of one archive.

    Attributes:
        traces: (name in the archive, path) of the tracev3 files, by name.
        timesync: Paths of the timesync files, by name.
        strings: Folders that hold ``XX/`` folders of uuidtext files and ``dsc/``.
    """

    traces: tuple[tuple[str, Path], ...]
    timesync: tuple[Path, ...]
    strings: tuple[Path, ...]


def trace_root(folder: Path) -> Path | None:
    """Return the folder that holds Persist, Special, … with tracev3 files: `folder`, or ``diagnostics`` in it; else None."""
    candidates = [folder, *(folder / name for name in _names(folder) if name.lower() == "diagnostics")]
    return next((candidate for candidate in candidates if any(_traces(candidate))), None)


def files_of_folder(folder: Path) -> Files:
    """Return the files of an archive folder for which `trace_root` found something."""
    root = trace_root(folder) or folder
    near = [root, root / "uuidtext", root.parent / "uuidtext"]
    return Files(
        traces=tuple(sorted((path.relative_to(root).as_posix(), path) for path in _traces(root))),
        timesync=_timesync([root]),
        strings=tuple(path for path in near if _holds_strings(path)),
    )


def files_of_trace(path: Path) -> Files:
    """Return the files of one loose tracev3 file: its strings and clocks may lie beside or above it."""
    above = list(path.resolve().parents)[:_LEVELS_UP]
    near = [place for parent in above for place in (parent, parent / "uuidtext")]
    return Files(
        traces=((path.name, path),),
        timesync=_timesync(above),
        strings=tuple(place for place in near if _holds_strings(place)),
    )


def file_heads(files: Files) -> Iterator[tuple[str, tracev3.Header]]:
    """Yield the name and the header of each tracev3 file that begins with one; files that cannot be read are passed over."""
    for name, path in files.traces:
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError:  # told where the file's records are read
            continue
        chunk = next(iter(tracev3.walk_chunks(head, lambda *_: None)), None)
        if chunk is not None and chunk.tag == tracev3.HEADER:
            yield name, tracev3.parse_header(head[chunk.start : chunk.end])


def no_files(folder: Path) -> list[str]:
    """Return the names in the archive of what is named like a tracev3 file and is none: pipes, folders, links to nowhere."""
    root = trace_root(folder) or folder
    places = [root / name for name in _names(root) if name.lower() in _FOLDERS]
    return [
        f"{place.name}/{name}"
        for place in places
        for name in _names(place)
        if name.endswith(SUFFIX) and not (place / name).is_file()
    ]


def _traces(root: Path) -> Iterator[Path]:
    for name in _names(root):
        if name == LIVE and (root / name).is_file():
            yield root / name
        elif name.lower() in _FOLDERS:
            yield from _files(root / name, SUFFIX)


def _timesync(roots: list[Path]) -> tuple[Path, ...]:
    found = (tuple(_files(root / "timesync", ".timesync")) for root in roots)
    return next(filter(None, found), ())


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files of a folder whose names end so, by name."""
    paths = (folder / name for name in _names(folder) if name.endswith(suffix))
    return (path for path in paths if path.suffix == suffix and path.is_file())


def _names(folder: Path) -> list[str]:
    """Return the names of what lies in a folder, sorted, without the ``._`` files that macOS adds to archives."""
    if not folder.is_dir():
        return []
    # Names instead of paths, of which each archive has some hundred, and hostile folders many thousand.
    return sorted(name for name in os.listdir(folder) if not name.startswith("._"))  # noqa: PTH208


def _holds_strings(folder: Path) -> bool:
    names = _names(folder)
    return "dsc" in names or any(len(name) == 2 and set(name) <= set("0123456789ABCDEF") for name in names)
