"""What is given twice is read once: the same file by two names, a copy of it, a member of an archive beside the archive.

Only what agrees in size and first bytes is compared, by a hash of all of it: that costs nothing where nothing repeats, leaves
no doubt as one of samples would, and is far less work than to parse the same twice. Of texts the decoded content is compared,
since a copy may be saved in UTF-16 or with other line ends.
"""

import gzip
import os
import stat
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, partial
from hashlib import file_digest, sha256
from itertools import chain
from pathlib import Path
from typing import Final

from msgspec import Struct

from traceview_parsers.archive import printable_name
from traceview_parsers.container import GZIP, unpacked_head
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, Reader

Claim = tuple[int, Candidate, Reader]
"""The number of the input, a file or folder of it, and the reader that claims it."""

_KIND: Final = "repeated"
_MESSAGE: Final = "the same content is there more than once, and was read once"
_BLOCK: Final = 1 << 20
_HEAD: Final = 512
"""First bytes that a cheap look compares."""
_STRINGS: Final = ("[0-9A-F][0-9A-F]/*", "dsc/*")
_MERGED: Final = frozenset({"ips"})
"""Readers whose rows of one incident are merged anyway, with the names of all files that tell it (`merging.reports`)."""
_TEXTS: Final = frozenset({"log_text", "device_syslog"})
"""Readers of texts, of which not the bytes but the words count."""
_BY_NAME: Final = frozenset({"sysdiagnose"})
"""Readers to which the name of a file says what it is."""


def without_repeats(paths: Sequence[Path], problems: Problems) -> list[Path]:
    """Return the paths without those that are the same file or folder as an earlier one, or a copy of such a file."""
    looks = [_look(path) for path in paths]
    often = Counter(look for node, look in set(looks) if look is not None)
    known: dict[object, Path] = {}
    kept: list[Path] = []
    for path, (node, look) in zip(paths, looks, strict=True):
        keys: list[object] = [] if node is None else [node]
        if look is not None and often[look] > 1 and not _has_newer_pages(path):
            keys.append(_file_digest(path))
        same = next((known[key] for key in keys if key in known), None)
        if same is None:
            kept.append(path)
            known.update(dict.fromkeys(keys, path))
        else:
            name, sample = printable_name(path.name or str(path)), printable_name(f"{path} = {same}")
            problems.add(name, _KIND, _MESSAGE, sample=sample)
    return kept


def _look(path: Path) -> tuple[tuple[int, int] | None, tuple[int, bytes] | None]:
    """Return what tells a file or folder on this machine, and of a file its size and first bytes."""
    try:
        told = path.stat()
        node = (told.st_dev, told.st_ino)
        return node, (told.st_size, _head(path)) if stat.S_ISREG(told.st_mode) else None
    except OSError:  # what is wrong with a path is told where it is opened
        return None, None


def _file_digest(path: Path) -> bytes:
    """Return a hash of a file; of one that cannot be read nothing that another has."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError:  # told where it is opened
        return bytes(path)


class _Part(Struct, frozen=True):
    """A file that holds records.

    Attributes:
        path: Where it lies.
        size: Unpacked bytes; 0 of a text, which is not decoded before it must be.
        head: The first of them; of a text decoded.
        of: Name of the source that it belongs to.
        packed: Whether it is a gzip file.
        text: Whether it is a text.
    """

    path: Path
    size: int
    head: bytes
    of: str
    packed: bool = False
    text: bool = False


def read_once(claims: Sequence[Claim], problems: Problems) -> list[Claim]:
    """Return the claims without those of which all is in others of the same reader; each that is left out is told.

    Of equal log archives that with more strings is read. Archives that share only some files are read both, and told.
    """
    by_reader: dict[tuple[str, str], list[int]] = {}
    for place, (_, candidate, reader) in enumerate(claims):
        role = candidate.name.rpartition("/")[2] if reader.name in _BY_NAME else ""
        by_reader.setdefault((reader.name, role), []).append(place)
    left_out: set[int] = set()
    for (reader_name, _), places in by_reader.items():
        if len(places) > 1 and reader_name not in _MERGED:
            candidates = {place: claims[place][1] for place in places}
            left_out.update(_repeated(candidates, problems, are_texts=reader_name in _TEXTS))
    return [claim for place, claim in enumerate(claims) if place not in left_out]


def _repeated(candidates: dict[int, Candidate], problems: Problems, *, are_texts: bool) -> Iterator[int]:
    holdings = {place: _holding(candidate, is_text=are_texts) for place, candidate in candidates.items()}
    known: dict[tuple[int, bytes], list[_Part]] = {}
    digest = cache(_digest)  # as long as this call: files change
    for place, (_, parts) in sorted(holdings.items(), key=lambda item: (-len(item[1][1]), -item[1][0], item[0])):
        name = candidates[place].name
        alike = [known.get((part.size, part.head), []) for part in parts]
        found: list[_Part | None] = [None]
        if parts and all(alike):
            found = [
                next((one for one in ones if digest(one) == digest(part)), None)
                for part, ones in zip(parts, alike, strict=True)
            ]
        if None not in found:
            others = ", ".join(dict.fromkeys(one.of for one in found if one is not None))
            problems.add(name, _KIND, _MESSAGE, sample=f"{name} = {others}")
            yield place
            continue
        shared = sum(map(bool, alike))
        if shared and len(parts) > 1:
            text = (
                "files of the log that agree in size and first bytes with those of another log archive given: lines of "
                "both are shown twice; in calls, findings and all else that is told of them each counts once"
            )
            problems.add(name, "overlapping-logs", text, count=shared, sample=next(filter(None, alike))[0].of)
        for part in parts:
            known.setdefault((part.size, part.head), []).append(part)


def _holding(candidate: Candidate, *, is_text: bool) -> tuple[int, list[_Part]]:
    """Return how many strings a source has, and the files with its records; none where that is not known."""
    path = candidate.path
    if path is None:
        return 0, []
    try:
        if is_text:
            return 0, [_Part(path, 0, b"".join(_words(iter([candidate.head])))[:_HEAD], candidate.name, text=True)]
        if not candidate.is_dir:
            return 0, [_part(path, candidate.head, candidate.name)]
        from traceview_parsers.unified_log import archive  # noqa: PLC0415  (where several log archives were given)

        files = archive.files_of_folder(path)
        strings = sum(1 for folder in files.strings for place in _STRINGS for _ in folder.glob(place))
        return strings, [_part(trace, _head(trace), candidate.name) for _, trace in files.traces]
    except OSError:  # told where the source is opened
        return 0, []


def _part(path: Path, head: bytes, name: str) -> _Part:
    if not head.startswith(GZIP):
        return _Part(path, path.stat().st_size, head[:_HEAD], name)
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        size = int.from_bytes(file.read(4), "little")  # RFC 1952: the last bytes tell the unpacked size
    return _Part(path, size, unpacked_head(head)[:_HEAD], name, packed=True)


def _words(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a text as UTF-8, without its mark and carriage returns."""
    from traceview_parsers.log_text.wide import as_utf8, encoding_of  # noqa: PLC0415  (where several texts were given)

    head = next(chunks, b"").removeprefix(BOM_UTF8)
    encoding = encoding_of(head)
    whole = chain([head], chunks)
    decoded = whole if encoding is None else as_utf8(whole, encoding, "", Problems())  # damage is told where it is read
    yield from (chunk.replace(b"\r", b"") for chunk in decoded)


def _text_digest(path: Path) -> bytes:
    """Return a hash of the words of a text; of one that cannot be read nothing that another has."""
    found = sha256()
    try:
        with path.open("rb") as file:
            for words in _words(iter(partial(file.read, _BLOCK), b"")):
                found.update(words)
    except OSError:  # told where it is opened
        return bytes(path)
    return found.digest()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _has_newer_pages(*paths: Path) -> bool:
    """Whether a database has a write-ahead log beside it, so that its own bytes are not all that it holds."""
    return any(path.with_name(path.name + "-wal").exists() for path in paths)


def _digest(part: _Part) -> bytes:
    """Return a hash of the unpacked content of a file; of one that cannot be read whole nothing that another has."""
    if _has_newer_pages(part.path):
        return bytes(part.path)
    if part.text:
        return _text_digest(part.path)
    if not part.packed:
        return _file_digest(part.path)
    found = sha256()
    left = part.size
    try:
        with gzip.open(part.path) as content:
            while left >= 0 and (block := content.read(min(_BLOCK, left + 1))):
                found.update(block)
                left -= len(block)
    except (OSError, EOFError, zlib.error):  # told where the source is read
        return bytes(part.path)
    return bytes(part.path) if left else found.digest()  # a size that lies, like that of a bomb
