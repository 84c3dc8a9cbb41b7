"""Readers of single files, whose modules are imported when there is a file to look at.

Every reader is asked about every file and folder of a capture; what a folder is needs none of them.
"""

from functools import cached_property
from importlib import import_module
from typing import cast

from msgspec import Struct

from traceview_parsers.trace import Candidate, Context, Reader, Source


class FileReader(Struct, dict=True):
    """Stands for the ``READER`` of a module.

    Attributes:
        name: The reader's name.
        tables: Its tables.
        module: Full name of the module.
    """

    name: str
    tables: tuple[str, ...]
    module: str

    @cached_property
    def _reader(self) -> Reader:
        return cast("Reader", import_module(self.module).READER)

    def claims(self, candidate: Candidate) -> int:
        """Return how surely the reader can read a file, 0 to 100; folders it cannot."""
        return 0 if candidate.is_dir else self._reader.claims(candidate)

    def open(self, candidate: Candidate, context: Context) -> Source:
        """Open a file with the reader. Raises what that does."""
        return self._reader.open(candidate, context)
