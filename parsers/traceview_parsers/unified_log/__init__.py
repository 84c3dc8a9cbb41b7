"""Apple unified logs: ``.logarchive`` folders, on-device ``diagnostics`` folders and loose tracev3 files.

What decoding needs is imported when an archive is opened: `claims` runs for every file of a capture.
"""

from typing import Final

from traceview_parsers.trace import Candidate, Context, Reader, Source

_TRACEV3_HEAD: Final = b"\x00\x10\x00\x00\x11\x00\x00\x00"
"""Tag and sub tag of the header chunk that begins every tracev3 file."""


class UnifiedLogReader:
    """Reader of unified logs."""

    name: str = "unified_log"
    tables: tuple[str, ...] = ("log", "signposts")

    def claims(self, candidate: Candidate) -> int:
        """Claim folders with tracev3 files in their usual places, and tracev3 files themselves."""
        from traceview_parsers.unified_log import archive  # noqa: PLC0415 - see the module's docstring

        if candidate.is_dir:
            if candidate.path is None:
                return 50 if candidate.name.endswith(".logarchive") else 0
            return 100 if archive.trace_root(candidate.path) is not None else 0
        if candidate.name.rpartition("/")[2].startswith("._"):
            return 0
        if candidate.head.startswith(_TRACEV3_HEAD):
            return 100
        return 50 if candidate.name.endswith(archive.SUFFIX) else 0

    def open(self, candidate: Candidate, context: Context) -> Source:
        """Open an archive; reads headers only. Raises InputError when the candidate is not on disk."""
        from traceview_parsers.errors import InputError  # noqa: PLC0415 - see the module's docstring
        from traceview_parsers.unclaimed import SPECIAL_FILE, SPECIAL_MESSAGE  # noqa: PLC0415
        from traceview_parsers.unified_log import archive, source  # noqa: PLC0415

        if candidate.path is None:
            raise InputError(f"{candidate.name}: not on disk; extract the archive first")
        folder = candidate.is_dir
        files = archive.files_of_folder(candidate.path) if folder else archive.files_of_trace(candidate.path)
        if folder and (named := archive.no_files(candidate.path)):
            sample = ", ".join(named[:8])
            context.problems.add(candidate.name, SPECIAL_FILE, SPECIAL_MESSAGE, count=len(named), sample=sample)
        return source.UnifiedLogSource(candidate.name, files, context)


READER: Final[Reader] = UnifiedLogReader()
