"""The page of predicates names its files and its keys, all of them and no others."""

import re
from pathlib import Path

from traceview_parsers import predicate
from traceview_parsers.predicate.keys import ABSENT, KEYS, Kind

FOLDER = Path(predicate.__file__).parent
PAGE = (FOLDER / "README.md").read_text("utf-8")


def test_every_file_is_named_once() -> None:
    files = PAGE.split("## Keys")[0]
    named = [
        name
        for line in files.splitlines()
        if line[:3] == "| `"
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]
    assert sorted(named) == sorted({path.stem for path in FOLDER.glob("*.py")} - {"__init__"})


def test_every_key_is_listed_with_what_answers_it() -> None:
    expected = []
    for key in KEYS:
        none = "; none is 0" if key.zero_is_none else "; none is the empty text" if key.empty_is_none else ""
        instead = f", else `{key.instead}`" if key.instead else ""
        kind = ", ".join(key.words) if key.kind == Kind.name else key.kind.value
        aliases = ", ".join(f"`{alias}`" for alias in key.aliases)
        expected.append(f"| `{key.name}` | {aliases} | {kind} | `{key.column}`{instead}{none} |".replace("|  |", "| |"))
    keys = PAGE.split("## Keys")[1].split("## Meaning")[0]
    assert [line for line in keys.splitlines() if line[:3] == "| `"] == expected
    assert all(f"`{name}`" in keys for name in ABSENT)
