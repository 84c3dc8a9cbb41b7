"""From what the user names to opened sources: files, folders and archives become one `Trace`."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from traceview_parsers.archive import printable_name
from traceview_parsers.container import ARCHIVE_SUFFIXES, HEAD_BYTES, is_archive, unpack
from traceview_parsers.errors import InputError, UnknownFormatError
from traceview_parsers.problems import Problems
from traceview_parsers.registry import best_reader, broken_readers
from traceview_parsers.sysdiagnose.names import capture_from_name
from traceview_parsers.together import combine
from traceview_parsers.trace import Candidate, Context, Input, Reader, ReadOptions, Trace

FORMATS = (
    "a sysdiagnose (.tar.gz, .zip or folder), a .logarchive, a .tracev3, text of `log show` or `log stream` "
    "(default, syslog, compact, json, ndjson), idevicesyslog or pymobiledevice3 output, a Console or Xcode copy, "
    "an xctrace export, a PowerLog (.PLSQL, .BGSQL), a crash or resource report (.ips), or MetricKit JSON"
)
"""What can be read, for messages."""

_STRING_FILES = (b"\x99\x88\x77\x66", b"hcsd", b"\xb0\xbb")
"""First bytes of uuidtext, dsc and timesync files, which no reader claims alone but a logarchive needs."""
_WRITE_AHEAD_LOGS = (".plsql-wal", ".bgsql-wal")
"""Newest pages of a PowerLog database, beside it."""
_EXTRA = "Extra"
"""Folder inside a log archive with texts about it: shutdowns, log volume. Other texts there are no captures."""
_FIRST = {"sysdiagnose": 0, "powerlog": 1}
"""Readers that know facts (device, zone) which the others need."""

_FOLDER_DEPTH = 64
"""Folders in folders; a sysdiagnose has about ten."""

_TEXT_LOGS = frozenset({"log_text", "device_syslog"})
_MOST_TEXTS = 4
"""Log texts that one person exports of one capture (heuristic); more are rather captures of their own."""

Claim = tuple[Candidate, Reader]


def open_trace(source: str | Path | Sequence[str | Path], options: ReadOptions | None = None) -> Trace:
    """Open one capture: a file, a folder, an archive, or several of them that belong together.

    Nothing but heads of files is read before a table is asked for. Close the trace (or use it in a ``with``) to
    remove temporary copies of archive members.

    Args:
        source: Path or paths.
        options: Date and zone for texts that lack them.

    Raises:
        InputError: A path does not exist, cannot be read or is empty.
        UnknownFormatError: No reader recognises anything in it.
        UnsafeInputError: An archive breaks a safety limit.
    """
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(one) for one in source]
    if not paths:
        raise InputError("no capture given")
    trace = Trace()
    trace.capture.name = " + ".join(_name(path) for path in paths)
    for complaint in broken_readers():
        trace.problems.add(trace.capture.name, "broken-reader", complaint)
    try:
        claims = [(number, *claim) for number, path in enumerate(paths) for claim in _claims(path, trace)]
        trace.inputs = [Input(path.resolve().name) for path in paths]
        for given in trace.inputs:
            capture_from_name(given.name, trace.capture, given.device)
        _open_sources(claims, trace, options or ReadOptions())
    except BaseException:
        trace.close()
        raise
    return trace


def _open_sources(claims: list[tuple[int, Candidate, Reader]], trace: Trace, options: ReadOptions) -> None:
    """Open in an order such that facts (device, zone) are known before the readers that need them."""
    claims.sort(key=lambda claim: _FIRST.get(claim[2].name, len(_FIRST)))
    for number, candidate, reader in claims:
        given = trace.inputs[number]
        context = Context(len(trace.sources), options, trace.problems, given.device, trace.capture)
        try:
            trace.sources.append(reader.open(candidate, context))
            given.sources.append(context.source_index)
        except InputError as error:
            if len(claims) == 1:
                raise
            trace.problems.add(candidate.name, "unreadable-source", str(error))
    if not trace.sources:
        raise InputError(
            f"{trace.capture.name}: nothing in it could be read: {'; '.join(p.message for p in trace.problems)}"
        )
    texts = [source for source in trace.sources if source.reader in _TEXT_LOGS]
    if len(texts) > _MOST_TEXTS:
        trace.problems.add(
            trace.capture.name,
            "many-logs",
            f"{len(texts)} log texts were read as one capture; for captures of their own use `traceview batch`",
        )
    trace.device = combine(trace.inputs, trace.problems)


def _claims(path: Path, trace: Trace) -> list[Claim]:
    try:
        if path.is_dir():
            return _claims_in_folder(path, _name(path), trace.problems)
        if not stat.S_ISREG(path.stat().st_mode) and path != Path(os.devnull):
            raise InputError(f"{path}: a pipe or device cannot be read twice; save it to a file first")
        head = _head(path)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if not head:
        raise InputError(f"{path}: the file is empty; was the capture copied completely?")
    if is_archive(head):
        folder = unpack(path, _wanted, trace.problems)
        trace._cleanup.append(lambda: shutil.rmtree(folder, ignore_errors=True))  # noqa: SLF001  (its own factory)
        return _claims_in_folder(folder, _name(path), trace.problems, inside=True)
    candidate = Candidate(_name(path), path, head)
    reader = best_reader(candidate)
    if reader is None:
        raise UnknownFormatError(f"{path}: not a format that can be read; give {FORMATS}")
    return [(candidate, reader)]


def _claims_in_folder(root: Path, name: str, problems: Problems, *, inside: bool = False) -> list[Claim]:
    claims = list(_walk(root, "", problems))
    if not claims:
        what = "archive" if inside else "folder"
        why = "".join(f"; {one.message}" for one in problems if one.source == name)
        near = (path for depth in range(4) for path in root.glob("*/" * depth + "*"))
        if any(path.name.lower().endswith(ARCHIVE_SUFFIXES) for path in near):
            why += "; it holds archives: name one of them, or use `traceview batch`"
        raise UnknownFormatError(f"{name}: nothing in this {what} can be read{why}; give {FORMATS}")
    return claims


def _walk(folder: Path, prefix: str, problems: Problems) -> Iterator[Claim]:
    candidate = Candidate(prefix or _name(folder), folder, is_dir=True)
    reader = best_reader(candidate)
    if reader is not None:
        yield candidate, reader
        extra = folder / _EXTRA
        if extra.is_dir() and not extra.is_symlink():
            inside = _walk(extra, f"{candidate.name}/{_EXTRA}", problems)
            yield from (claim for claim in inside if claim[1].name == "sysdiagnose")
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = f"{prefix}/{printable_name(entry.name)}".lstrip("/")
        if entry.name.startswith("._") or entry.is_symlink():
            continue
        if entry.is_dir() and name.count("/") >= _FOLDER_DEPTH:
            problems.add(folder.name, "too-deep", f"folders more than {_FOLDER_DEPTH} deep were not looked into")
        elif entry.is_dir():
            yield from _walk(Path(entry.path), name, problems)
        elif entry.is_file():
            try:
                file = Candidate(name, Path(entry.path), _head(Path(entry.path)))
            except OSError as error:
                problems.add(name, "unreadable-file", error.strerror or str(error))
                continue
            if (found := best_reader(file)) is not None:
                yield file, found


def _wanted(candidate: Candidate) -> bool:
    """Whether an archive member is worth keeping: part of a logarchive, or claimed by a reader."""
    name = candidate.name
    bundle = ".logarchive/" in name or "/diagnostics/" in name.lower() or "uuidtext/" in name
    beside = candidate.head.startswith(_STRING_FILES) or name.lower().endswith(_WRITE_AHEAD_LOGS)
    return bundle or beside or best_reader(candidate) is not None


def _name(path: Path) -> str:
    """Return the last part of a path, also of ``.`` and ``..``."""
    return printable_name(path.name or path.resolve().name or str(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
