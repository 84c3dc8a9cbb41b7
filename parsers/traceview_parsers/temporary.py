"""Temporary folders that an interrupt leaves at no moment."""

import os
import tempfile
from pathlib import Path


def unused_folder() -> Path:
    """Return where a temporary folder can be made (mode 0o700).

    Its name is known before it is there, unlike that of `tempfile.mkdtemp`: whoever makes it within ``try`` can remove it
    even if the interrupt comes right behind its making. Nobody can guess the name.

    Raises OSError where there is no folder for temporary files.
    """
    return Path(tempfile.gettempdir(), f"traceview-{os.urandom(16).hex()}")
