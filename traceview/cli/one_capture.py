"""Whether a folder is one capture, or a collection of captures that have nothing to do with each other."""

from collections.abc import Iterator
from pathlib import Path

from traceview.fleet.jobs import find_captures
from traceview_parsers.container import HEAD_BYTES, is_archive
from traceview_parsers.discovery import MOST_TEXTS, TEXT_LOGS
from traceview_parsers.errors import InputError, UsageError
from traceview_parsers.problems import Problems
from traceview_parsers.registry import best_reader
from traceview_parsers.trace import Candidate


def check_one(path: Path) -> None:
    """Raise UsageError where a folder holds several captures.

    A collection is a folder, itself no capture (a log archive, a sysdiagnose), with two or more log archives, sysdiagnoses
    or archives, or with more log texts than belong to one capture. One log with its reports, or few texts, are one capture.
    """
    if not path.is_dir():
        return
    try:
        inside = find_captures(path)
    except InputError:
        return  # it holds nothing that can be read: opening it says so, with the reason
    if inside == [path]:
        return
    kinds = list(_kinds(inside))
    whole, texts = kinds.count("whole"), kinds.count("text")
    if whole < 2 and (whole or texts <= MOST_TEXTS):
        return
    raise UsageError(
        f"{path}: a folder of {whole + texts:,} captures, and `traceview diff` compares one with one; for many run `traceview "
        "batch FOLDER… -o FLEET`, then `traceview fleet report FLEET`"
    )


def _kinds(captures: list[Path]) -> Iterator[str]:
    """Yield ``whole`` for each that is a capture by itself, ``text`` for each log text; nothing for reports and tables."""
    for one in captures:
        if one.is_dir():
            yield "whole"
            continue
        try:
            with one.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            continue  # reading the folder tells of it
        reader = best_reader(Candidate(one.name, one, head), Problems())
        if reader is not None and reader.name in TEXT_LOGS:
            yield "text"
        elif reader is None and is_archive(head):
            yield "whole"
