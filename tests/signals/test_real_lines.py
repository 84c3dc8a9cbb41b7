"""Real lines from public threads: each with the kind that it must get, or none.

`expected_lines.json` holds no lines, only their digests with what was decided by reading them. Texts of fields are
digests too. Run this file as a script, with the folder of lines, to print the table for the present catalogue.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from traceview.signals.lines import match_table
from traceview.signals.vocabulary import FIELDS

EXPECTED = Path(__file__).with_name("expected_lines.json")
KEYS = (
    "bundle", "host_bundle", "host_pid", "subject", "subject_pid", "state", "visibility", "priority", "assertion_id", "domain", "interface",
    "task_id", "session_id", "category", "controlling_pid", "playing", "recording", "call_id", "direction", "topic", "error", "code",
    "namespace", "active", "count", "value", "limit", "duration_s",
)  # fmt: skip
NAMES = frozenset({"bundle", "host_bundle", "subject", "topic", "call_id"})


def digest(text: str, size: int = 16) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def key_fields(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in KEYS if row[name] is not None}
    return {name: digest(value, 4) if name in NAMES else value for name, value in shown.items()}


def read(folder: Path) -> list[str]:
    text = (folder / "lines" / "lines.jsonl").read_text("utf-8")
    return [json.loads(row)["line"] for row in text.splitlines()]


@pytest.mark.real
def test_every_real_line_is_what_it_was_read_to_be(real: Path) -> None:
    lines = read(real)
    expected = {entry["line"]: entry for entry in json.loads(EXPECTED.read_text("utf-8"))}
    wrong = []
    for line, row in zip(lines, match_table(lines).iter_rows(named=True), strict=True):
        entry = expected.get(digest(line))
        if entry is None:
            wrong.append(f"no expectation for {line[:120]!r}")
        elif entry["kind"] != row["kind"] or entry.get("fields", {}) != key_fields(row):
            wrong.append(f"{row['kind']} {key_fields(row)} instead of {entry}: {line[:120]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.real
def test_a_third_of_the_lines_or_less_is_silent(real: Path) -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))
    silent = sum(entry["kind"] is None for entry in expected)
    assert len(expected) == len({digest(line) for line in read(real)})
    assert silent < len(expected) / 3


def test_expectations_name_fields_of_the_vocabulary() -> None:
    assert set(KEYS) <= set(FIELDS)


if __name__ == "__main__":
    given = read(Path(sys.argv[1]))
    table: dict[str, dict[str, Any]] = {}
    for text, found in zip(given, match_table(given).iter_rows(named=True), strict=True):
        fields = key_fields(found)
        table[digest(text)] = {"line": digest(text), "kind": found["kind"]} | ({"fields": fields} if fields else {})
    sys.stdout.write("[\n" + ",\n".join(json.dumps(entry) for entry in table.values()) + "\n]\n")
