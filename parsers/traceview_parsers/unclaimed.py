"""Files that no reader claims: counted by folder, never passed over in silence."""

from collections import Counter
from collections.abc import Set as AbstractSet
from typing import Final

from traceview_parsers.container import is_archive, other_packing, packed_file
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate

STRING_FILES: Final = (b"\x99\x88\x77\x66", b"hcsd", b"\xb0\xbb")
"""First bytes of uuidtext, dsc and timesync files, which no reader claims alone but a log archive needs."""
WRITE_AHEAD_LOGS: Final = (".plsql-wal", ".bgsql-wal")
"""Newest pages of a PowerLog database, beside it."""
_SHARED_MEMORY: Final = (".plsql-shm", ".bgsql-shm")
"""SQLite's index of such pages: it holds no data of its own."""
SPECIAL_FILE: Final = "special-file"
SPECIAL_MESSAGE: Final = "pipes, sockets, devices and other names of no file were not read"
_NOISE: Final = frozenset({".ds_store", ".localized", "thumbs.db", "desktop.ini"})
_NOISE_FOLDER: Final = "__MACOSX"
_NAMED: Final = 8
"""Names kept as a sample; a problem's sample is cut to 200 characters anyway."""
_MOST_FOLDERS: Final = 40
"""Folders that a sentence lists; a sysdiagnose has some hundred, most with one or two files."""
_DEPTH: Final = 2
"""Folders below the capture's own that are told apart, such as ``logs/Networking``."""


def is_noise(name: str) -> bool:
    """Whether a path is what macOS or Windows leave in folders and archives: it holds nothing of a capture."""
    parts = name.split("/")
    return parts[-1].startswith("._") or parts[-1].lower() in _NOISE or _NOISE_FOLDER in parts


def belongs_to(candidate: Candidate) -> str | None:
    """Return the reader that needs a file which it does not claim alone, or None."""
    if candidate.head.startswith(STRING_FILES):
        return "unified_log"
    return "powerlog" if candidate.name.lower().endswith((*WRITE_AHEAD_LOGS, *_SHARED_MEMORY)) else None


class Unclaimed:
    """What one folder or archive holds beside the files that are read."""

    def __init__(self) -> None:
        self._folders: Counter[str] = Counter()
        self._named: list[str] = []
        self._beside: dict[str, list[str]] = {}
        self._packed: Counter[str] = Counter()
        self._archives = 0
        self._noise = 0
        self._links: list[str] = []
        self._special: list[str] = []

    def add(self, candidate: Candidate) -> None:
        """Count a file that no reader claims."""
        if is_noise(candidate.name):
            self._noise += 1
        elif (reader := belongs_to(candidate)) is not None:
            self._beside.setdefault(reader, []).append(candidate.name)
        else:
            self._count(candidate.name)
            if (packing := other_packing(candidate.head)) is not None:
                self._packed[packing] += 1
            elif is_archive(candidate.head) and packed_file(candidate) is None:
                self._archives += 1

    def unopened(self) -> str:
        """Return what would have to be named or unpacked first to be read, as the end of a sentence; else nothing."""
        told = [
            f"{count:,} file{'s' * (count != 1)} in it packed with {packing}: unpack first"
            for packing, count in sorted(self._packed.items())
        ]
        if count := self._archives:
            told.append(f"{count:,} archive{'s' * (count != 1)} in it: name one, or use `traceview batch`")
        return f"; {'; '.join(told)}" if told else ""

    def link(self, name: str) -> None:
        """Count a link in a folder; links are not followed, since they may lead out of it or in a circle."""
        self._links.append(name)

    def special(self, name: str) -> None:
        """Count what is no file: a pipe, a socket or a device, which cannot be read more than once, or never ends."""
        self._special.append(name)

    def _count(self, name: str) -> None:
        self._folders[name.rpartition("/")[0]] += 1
        if len(self._named) < _NAMED:
            self._named.append(name)

    def report(self, source: str, claimed: AbstractSet[str], problems: Problems) -> None:
        """Add what was left out of `source` to `problems`, one row a reason.

        Args:
            source: Name of the folder or archive.
            claimed: Readers that read something of it.
            problems: Gets ``unclaimed-file``, ``noise-file``, ``link-skipped`` and ``special-file``.
        """
        for reader, names in self._beside.items():
            for name in names if reader not in claimed else ():
                self._count(name)
        if count := self._folders.total():
            message = (
                f"{'a file that no reader knows was' if count == 1 else 'files that no reader knows were'} not read"
            )
            message += _by_folder(self._folders) + self.unopened()
            problems.add(source, "unclaimed-file", message, count=count, sample=", ".join(self._named))
        if self._noise:
            text = "files that macOS or Windows leave in folders (.DS_Store, ._…) were not read"
            problems.add(source, "noise-file", text, count=self._noise)
        if self._links:
            sample = ", ".join(self._links[:_NAMED])
            problems.add(
                source, "link-skipped", "links in a folder are not followed", count=len(self._links), sample=sample
            )
        if self._special:
            sample = ", ".join(self._special[:_NAMED])
            problems.add(source, SPECIAL_FILE, SPECIAL_MESSAGE, count=len(self._special), sample=sample)


def _by_folder(folders: Counter[str]) -> str:
    """Return how many files lie in which folder, most first; nothing where all lie in one."""
    split = {folder: tuple(part for part in folder.split("/") if part) for folder in folders}
    common = 0
    while len({parts[: common + 1] for parts in split.values()}) == 1 and all(len(p) > common for p in split.values()):
        common += 1
    counts: Counter[str] = Counter()
    for folder, count in folders.items():
        counts["/".join(split[folder][common : common + _DEPTH]) or "its top folder"] += count
    if len(counts) < 2:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{folder} {count:,}" for folder, count in ordered[:_MOST_FOLDERS])
    rest = ordered[_MOST_FOLDERS:]
    more = f" and {sum(count for _, count in rest):,} in {len(rest)} more folders" if rest else ""
    return f", by folder: {shown}{more}"
