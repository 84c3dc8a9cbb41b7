"""Typed arguments mean the same whether they come from a log archive or from Instruments. The stories are synthetic."""

from pathlib import Path
from typing import Any

import pytest
from generator import scenarios
from generator.carriers import CARRIERS
from generator.samples import START
from generator.story import Story

from traceview_parsers import open_trace
from traceview_parsers.schema import ARGUMENTS_FIELD
from traceview_parsers.selection import Selection

MODULES = {scenarios.slug(module): module for module in scenarios.modules()}


def arguments(story: Story, carrier: str, folder: Path) -> dict[tuple[Any, ...], list[list[Any]]]:
    """Return the arguments of each message that a format wrote; several where one came again."""
    path = folder / f"story.ios26{CARRIERS[carrier].suffix}"
    CARRIERS[carrier].write(story, path)
    found: dict[tuple[Any, ...], list[list[Any]]] = {}
    with open_trace(path) as trace:
        table = trace.table("log", Selection(arguments=True))
    assert table.schema.field("arguments").type == ARGUMENTS_FIELD.type
    for row in table.select(["process", "format", "message", "arguments"]).to_pylist():
        found.setdefault((row["process"], row["format"], row["message"]), []).append(row["arguments"])
    return found


def alike(archived: dict[str, Any], exported: dict[str, Any]) -> bool:
    """Whether two arguments agree.

    Of a number that has a name an export may hold nothing but the name, and a text that reads ``(null)`` (the stories' way to
    write a null pointer) cannot be told from a null pointer.
    """
    if archived["text"] == "(null)":
        archived = archived | {"text": None}
    named = archived["integer"] is not None and archived["text"] is not None and exported["integer"] is None
    return exported == (archived | {"integer": None} if named else archived)


@pytest.mark.parametrize("name", sorted(MODULES)[::6])
def test_arguments_of_an_archive_and_of_an_export(name: str, tmp_path: Path) -> None:
    module = MODULES[name]
    story = Story(name, module.VARIANTS[-1][0], START, private_kept=scenarios.keeps_private(module, ""))
    scenarios.play(module, story)
    archived, exported = arguments(story, "logarchive", tmp_path), arguments(story, "xctrace", tmp_path)
    shared = archived.keys() & exported.keys()
    assert len(shared) > len(archived) * 3 // 4  # the rest is padded (%-5d), which an export does not show
    for key in shared:
        for one, other in zip(archived[key], exported[key], strict=True):
            assert len(one) == len(other), key
            assert all(map(alike, one, other)), (key, one, other)
    assert any(one["integer"] is not None for key in shared for lists in exported[key] for one in lists)
    assert any(one["text"] is not None for key in shared for lists in exported[key] for one in lists)
