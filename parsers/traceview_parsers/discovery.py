"""From what the user names to opened sources: files, folders and archives become one `Trace`."""

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from traceview_parsers.archive import printable_name
from traceview_parsers.clock import zone_name
from traceview_parsers.container import (
    HEAD_BYTES,
    Gzipped,
    is_archive,
    is_nested,
    other_packing,
    packed_file,
    unpack,
)
from traceview_parsers.errors import InputError, UnknownFormatError
from traceview_parsers.problems import Problems
from traceview_parsers.registry import best_reader, broken_readers, claim_failed
from traceview_parsers.repeats import read_once, without_repeats
from traceview_parsers.sysdiagnose.names import capture_from_name
from traceview_parsers.together import combine
from traceview_parsers.trace import PRINTED, Candidate, Context, Input, Reader, ReadOptions, Trace
from traceview_parsers.unclaimed import Unclaimed, belongs_to
from traceview_parsers.xctrace.bundle import bundle_in, can_export

FORMATS = (
    ("sysdiagnose", ".tar.gz, .zip or folder"),
    ("log archive", ".logarchive, or one .tracev3 of it"),
    ("log text", "of log show or log stream: default, syslog, compact, json, ndjson"),
    ("device syslog", "of idevicesyslog or pymobiledevice3; lines copied from Console or Xcode"),
    ("Instruments", "XML of xctrace export; a .trace where Instruments is installed"),
    ("PowerLog", ".PLSQL, .PLSQL.gz, .BGSQL"),
    ("report", ".ips or .crash: crash, jetsam, CPU, wakeups, disk writes, hang, stackshot"),
    ("MetricKit", "metric and diagnostic payloads as JSON"),
    ("several", "of these in a folder or an archive (.tar, .tar.gz, .zip)"),
)
"""What can be read: a name, and how it is told."""
_SEE_FORMATS = "`traceview doctor --formats` lists what can be read"
_UNREADABLE = ("unreadable-folder", "unreadable-file")
_NAMED_UNKNOWN = 3
"""Inputs that a message names; there may be hundreds."""

_EXTRA = "Extra"
"""Folder inside a log archive with texts about it: shutdowns, log volume. Other texts there are no captures."""
_FIRST = {"sysdiagnose": 0, "powerlog": 1}
"""Readers that know facts (device, zone) which the others need."""

DATA_SET_MANIFEST = "_manifest"
"""Folder of JSON files in a data set of `traceview batch`, beside one folder of Parquet files for each table."""

_FOLDER_DEPTH = 64
"""Folders in folders; a sysdiagnose has about ten."""

TEXT_LOGS = frozenset({"log_text", "device_syslog"})
MOST_TEXTS = 4
"""Log texts that one person exports of one capture (heuristic); more are rather captures of their own, as are those of a
folder that holds nothing else."""

_FOREIGN_BYTES = 1 << 20
_TEXT_READERS = ("log_text", "device_syslog")
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
    given_paths = [Path(source)] if isinstance(source, str | Path) else [Path(one) for one in source]
    if not given_paths:
        raise InputError("no capture given")
    trace = Trace()
    paths = without_repeats(given_paths, trace.problems)
    trace.capture.name = " + ".join(_name(path) for path in paths)
    for complaint in broken_readers():
        trace.problems.add(trace.capture.name, "broken-reader", complaint)
    try:
        claims = list(_claims_of_all(paths, trace))
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
    claims = read_once(claims, trace.problems)
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
    is_text = [source.reader in TEXT_LOGS for source in trace.sources]
    texts = sum(is_text)
    heap = any(len(given.sources) > 1 and all(is_text[index] for index in given.sources) for given in trace.inputs)
    if heap or texts > MOST_TEXTS:
        trace.problems.add(
            trace.capture.name,
            "many-logs",
            f"{texts} log texts were read as one capture; for captures of their own use `traceview batch`",
        )
    trace.device = combine(trace.inputs, trace.problems)
    trace.device.os_version = trace.device.os_version or options.os_version
    _settle_zone(trace, options)


def _settle_zone(trace: Trace, options: ReadOptions) -> None:
    """Choose the zone in which people read times where no source tells the device's: the user's, else that of the texts."""
    capture = trace.capture
    if capture.tz is not None:
        return
    if options.tz is not None:
        capture.tz, capture.tz_how = zone_name(options.tz), "user"
        return
    printed = {zone for source in trace.sources if (zone := getattr(source, "printed_zone", None)) is not None}
    if len(printed) == 1:
        capture.tz, capture.tz_how = printed.pop(), PRINTED


def _claims_of_all(paths: Sequence[Path], trace: Trace) -> Iterator[tuple[int, Candidate, Reader]]:
    for number, path in enumerate(paths):
        try:
            yield from ((number, *claim) for claim in _claims(path, trace))
        except UnknownFormatError as error:
            unknown = [path, *(other for other in paths[number + 1 :] if _is_unknown(other))]
            if len(unknown) == 1:
                raise
            more = len(unknown) - _NAMED_UNKNOWN
            names = ", ".join(map(str, unknown[:_NAMED_UNKNOWN])) + (f" and {more:,} more" if more > 0 else "")
            text = (
                f"{len(unknown):,} of {len(paths):,} inputs are of no format that can be read: {names}; {_SEE_FORMATS}"
            )
            raise UnknownFormatError(text) from error


def _is_unknown(path: Path) -> bool:
    """Whether the head of a file alone tells that no reader claims it; archives and folders would have to be opened."""
    try:
        head = _head(path) if path.is_file() else b""
    except OSError:
        return False  # told when it is alone
    return bool(head) and not is_archive(head) and best_reader(Candidate(_name(path), path, head), Problems()) is None


def _claims(path: Path, trace: Trace) -> list[Claim]:
    try:
        if path.is_dir():
            return _claims_in_folder(path, _name(path), trace, Unclaimed(), what="folder")
        if not stat.S_ISREG(path.stat().st_mode) and path != Path(os.devnull):
            raise InputError(
                f"{path}: a pipe or device cannot be read, since a capture is read more than once; save it to a file first"
            )
        head = _head(path)
    except FileNotFoundError as error:
        missing = "standard input cannot be read, since a capture is read more than once; save it to a file first"
        raise InputError(f"{path}: {missing if path == Path('-') else 'no such file or directory'}") from error
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if not head:
        raise InputError(f"{path}: the file is empty; was the capture copied completely?")
    if is_archive(head):
        unclaimed = Unclaimed()
        folder = unpack(path, _Wanted(unclaimed, trace.problems), trace.problems, made=trace.remove_at_close)
        return _claims_in_folder(folder, _name(path), trace, unclaimed, what="archive")
    candidate = Candidate(_name(path), path, head)
    failed = Problems()
    reader = best_reader(candidate, failed)
    for one in failed:
        trace.problems.add(one.source, one.kind, one.message)
    if reader is None:
        yet = _behind_other_text(candidate, path, trace.problems)
        if yet is None:
            raise UnknownFormatError(_why_not(path, head, failed))
        return [yet]
    return [(candidate, reader)]


def _why_not(path: Path, head: bytes, failed: Problems) -> str:
    packing = other_packing(head)
    if packing is not None:
        return f"{path}: packed with {packing}, which is not opened; unpack it first"
    why = "".join(f"; {one.message}" for one in failed)
    return f"{path}: not a format that can be read{why}; {_SEE_FORMATS}"


def _behind_other_text(candidate: Candidate, path: Path, problems: Problems) -> Claim | None:
    """Return the claim on a log that begins within the first MiB of a named file, behind text of another kind."""
    with path.open("rb") as file:
        data = file.read(_FOREIGN_BYTES)
    for at in range(HEAD_BYTES, len(data), HEAD_BYTES // 2):
        begin = data.find(b"\n", at) + 1
        later = replace(candidate, head=data[begin : begin + HEAD_BYTES])
        reader = best_reader(later, problems) if begin else None
        if reader is not None and reader.name in _TEXT_READERS:
            return later, reader
    return None


def _claims_in_folder(root: Path, name: str, trace: Trace, unclaimed: Unclaimed, *, what: str) -> list[Claim]:
    problems = trace.problems
    of_others = set(problems)
    claims = list(_Walk(problems, unclaimed, Gzipped(trace.remove_at_close)).folder(root, ""))
    if not claims:
        if what == "folder" and _is_data_set(root):
            raise UnknownFormatError(
                f"{root}: a data set of `traceview batch`, no capture; `traceview fleet report {root}` makes its page, and "
                "any reader of Parquet its tables"
            )
        about = (one for one in problems if one.source == name or (one.kind in _UNREADABLE and one not in of_others))
        why = "".join(
            f"; {'' if one.source == name else f'{one.source}: '}{one.message}" for one in islice(about, _NAMED_UNKNOWN)
        )
        why += unclaimed.unopened()
        raise UnknownFormatError(f"{name}: nothing in this {what} can be read{why}; {_SEE_FORMATS}")
    unclaimed.report(name, {reader.name for _, reader in claims}, problems)
    return claims


def _is_data_set(root: Path) -> bool:
    return any(root.glob(f"{DATA_SET_MANIFEST}/*.json")) and any(root.glob("*/*.parquet"))


class _Walk:
    """Looks for what readers claim in a folder and all folders in it."""

    def __init__(self, problems: Problems, unclaimed: Unclaimed, gzipped: Gzipped) -> None:
        self._problems = problems
        self._unclaimed = unclaimed
        self._gzipped = gzipped

    def folder(self, folder: Path, prefix: str) -> Iterator[Claim]:
        """Yield the claims on a folder, which is `prefix` in the capture, or on what it holds."""
        candidate = Candidate(prefix or _name(folder), folder, is_dir=True)
        try:
            reader = best_reader(candidate, self._problems)
            entries = [] if reader is not None else sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self._problems.add(candidate.name, "unreadable-folder", f"the folder cannot be read: {why}")
            return
        if reader is not None:
            yield candidate, reader
            yield from self._texts_about(folder / _EXTRA, f"{candidate.name}/{_EXTRA}")
            return
        for entry in entries:
            name = f"{prefix}/{printable_name(entry.name)}".lstrip("/")
            if entry.is_symlink():
                self._unclaimed.link(name)
            elif entry.is_dir() and name.count("/") >= _FOLDER_DEPTH:
                self._problems.add(
                    folder.name, "too-deep", f"folders more than {_FOLDER_DEPTH} deep were not looked into"
                )
            elif entry.is_dir():
                yield from self.folder(Path(entry.path), name)
            elif entry.is_file():
                yield from self._file(Path(entry.path), name)
            else:
                self._unclaimed.special(name)

    def _texts_about(self, extra: Path, name: str) -> Iterator[Claim]:
        """Yield what a log archive holds beside the log, where it holds anything."""
        if not extra.is_dir() or extra.is_symlink():
            return
        for candidate, reader in self.folder(extra, name):
            if reader.name == "sysdiagnose":
                yield candidate, reader
            else:
                self._unclaimed.add(candidate)

    def _file(self, path: Path, name: str) -> Iterator[Claim]:
        """Yield a file with its reader, or count it."""
        try:
            file = Candidate(name, path, _head(path))
        except OSError as error:
            self._problems.add(name, "unreadable-file", error.strerror or str(error))
            return
        reader = None if path.name.startswith("._") else best_reader(file, self._problems)
        packed = None if reader is not None or path.name.startswith("._") else packed_file(file)
        if packed is not None and (reader := best_reader(packed, self._problems)) is not None:
            try:
                file = replace(packed, path=self._gzipped.unpack(path, self._problems))
            except InputError as error:
                self._problems.add(name, "unreadable-archive", str(error))
                return
        if reader is not None:
            yield file, reader
        elif not claim_failed(file, self._problems):
            self._unclaimed.add(file)


class _Wanted:
    """Whether an archive member is worth keeping: part of a log archive, claimed by a reader, or the mark of a bundle."""

    def __init__(self, unclaimed: Unclaimed, problems: Problems) -> None:
        self._unclaimed = unclaimed
        self._problems = problems
        self._bundles: set[str] = set()
        self._exports = can_export()

    def __call__(self, candidate: Candidate) -> bool:
        name = candidate.name
        if name.rpartition("/")[2].startswith("._"):
            self._unclaimed.add(candidate)
            return False
        bundle = bundle_in(name)
        if bundle is not None:
            known = bundle in self._bundles
            self._bundles.add(bundle)
            return self._exports or not known  # without Instruments one file is enough to say how to export it
        archive = ".logarchive/" in name or "/diagnostics/" in name.lower() or "uuidtext/" in name
        if archive or belongs_to(candidate) is not None or best_reader(candidate, self._problems) is not None:
            return True
        packed = packed_file(candidate)
        if packed is not None and best_reader(packed, self._problems) is not None:
            return True
        if not is_nested(candidate) and not claim_failed(candidate, self._problems):
            self._unclaimed.add(candidate)
        return False


def _name(path: Path) -> str:
    """Return the last part of a path, also of ``.`` and ``..``."""
    return printable_name(path.name or path.resolve().name or str(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
