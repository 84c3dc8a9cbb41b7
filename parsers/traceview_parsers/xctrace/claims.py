"""Recognises exports of Instruments and finds their files; what reading them needs is imported when one is opened."""

import shutil
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from traceview_parsers.errors import InputError
from traceview_parsers.trace import Candidate, Context
from traceview_parsers.xctrace import bundle

if TYPE_CHECKING:
    from traceview_parsers.xctrace.source import XctraceSource

CONTENTS: Final = b"<trace-toc"
"""How the table of contents begins."""
TABLES: Final = b"<trace-query-result"
"""How a file of tables begins."""
_HEAD_BYTES: Final = 4096
_MAX_ENTRIES: Final = 4096
_BESIDE: Final = frozenset({".trace", ".har"})
"""What ``xctrace`` leaves or writes beside tables."""


class XctraceReader:
    """Table of contents and tables as XML, folders of them, and ``.trace`` bundles."""

    name = "xctrace"
    tables: tuple[str, ...] = ("log", "signposts", "intervals", "samples")

    def claims(self, candidate: Candidate) -> int:
        """Return 100 for the root element of an export, for a bundle, and for a folder with nothing but one trace."""
        if not candidate.is_dir:
            return 100 if _is_export(candidate.head) else 0
        if candidate.path is None:
            return 0
        if bundle.is_bundle(candidate.path):
            return 100
        return 100 if _is_one_trace(candidate.path) else 0

    def open(self, candidate: Candidate, context: Context) -> "XctraceSource":
        """Open an export. Raises InputError for bundles where they cannot be exported, and for document types."""
        from traceview_parsers.xctrace.reader import open_files  # noqa: PLC0415  (every reader is asked, few are used)

        if candidate.path is None:
            raise InputError(f"{candidate.name}: an archive member must be unpacked first")
        if not candidate.is_dir:
            return open_files(candidate.name, [(candidate.name, candidate.path)], context, lone=True)
        if not bundle.is_bundle(candidate.path):
            _tell_others(candidate.path, candidate.name, context)
            return open_files(candidate.name, _files(candidate.path), context)
        if not bundle.can_export():
            raise InputError(bundle.how_to_export(candidate.name))
        folder, complaints = bundle.export(candidate.path, candidate.name)
        try:
            source = open_files(candidate.name, _files(folder), context)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(source, shutil.rmtree, folder, ignore_errors=True)
        for complaint in complaints:
            context.problems.add(candidate.name, "export-failed", complaint)
        return source


def _is_export(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and (CONTENTS in head or TABLES in head)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file. Raises OSError."""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _entries(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:  # the caller walks the folder itself and says what it cannot read
        return []
    return found if len(found) <= _MAX_ENTRIES else []


def _is_one_trace(folder: Path) -> bool:
    """Whether a folder holds one table of contents, tables, and nothing else: other captures must not be hidden."""
    entries = _entries(folder)
    files = [path for path in entries if path.suffix.lower() == ".xml" and path.is_file() and not path.is_symlink()]
    others = [path for path in entries if path not in files and path.suffix.lower() not in _BESIDE]
    return bool(files) and not others and len(list(_contents_in(files))) == 1


def _contents_in(files: Sequence[Path]) -> Iterator[Path]:
    for path in files:
        try:
            head = head_of(path)
        except OSError:  # reported where the file is opened for its own sake
            continue
        if _is_export(head) and CONTENTS in head:
            yield path


def contents_beside(path: Path) -> Iterator[Path]:
    """Yield the tables of contents in the folder of a file, without the file itself."""
    yield from _contents_in(
        [other for other in _entries(path.parent) if other.suffix.lower() == ".xml" and other != path]
    )


def _files(folder: Path) -> list[tuple[str, Path]]:
    return [(path.name, path) for path in _entries(folder) if path.suffix.lower() == ".xml" and not path.is_symlink()]


def _tell_others(folder: Path, name: str, context: Context) -> None:
    """Count what lies beside the exports of one trace: the bundle itself, recorded HTTP traffic."""
    others = [path.name for path in _entries(folder) if path.suffix.lower() in _BESIDE]
    if others:
        text = "a .trace bundle and recorded HTTP traffic (.har) beside its exports are not read"
        context.problems.add(name, "unclaimed-file", text, count=len(others), sample=", ".join(others))


READER: Final = XctraceReader()
