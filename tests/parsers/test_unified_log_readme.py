"""The page of the unified log reader names its files, all of them and no others."""

import re
from pathlib import Path

from traceview_parsers import unified_log


def test_every_file_is_named_once() -> None:
    folder = Path(unified_log.__file__).parent
    table = [line.split("|")[1] for line in (folder / "README.md").read_text("utf-8").splitlines() if line[:3] == "| `"]
    named = [name.rstrip("/") for cell in table for name in re.findall(r"`([^`]+)`", cell)]
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(named) == sorted(modules | packages)
