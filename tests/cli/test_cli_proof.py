"""Which lines of a proof are shown: its ends, and those that the finding speaks of."""

from datetime import UTC, datetime, timedelta

import polars as pl

from traceview.cli.proof import telling
from traceview.rules.registry import Finding, Severity

START = datetime(2026, 1, 15, 10, tzinfo=UTC)


def finding(title: str, end: int | None = None) -> Finding:
    return Finding(
        rule="r", number=None, severity=Severity.low, app=None, start=START, title=title, explanation="", advice="", evidence=(),
        end=None if end is None else START + timedelta(seconds=end), pattern="",
    )  # fmt: skip


def shown(messages: list[str], about: Finding) -> list[str]:
    proof = pl.DataFrame({"message": messages, "time": [START + timedelta(seconds=at) for at in range(len(messages))]})
    found = list(telling(proof, about))
    assert sum(missing for missing, _ in found) + len(found) <= len(messages)
    assert all(missing != 1 for missing, _ in found), "a single line takes no more room than a remark on it"
    return [row["message"] for _, row in found]


def test_few_lines_are_shown_whole() -> None:
    assert shown(list("abcdef"), finding("x")) == list("abcdef")
    assert shown([], finding("x")) == []


def test_where_no_word_tells_lines_apart_the_ends_are_shown() -> None:
    assert shown([f"cycle {at}" for at in range(20)], finding("a cycle")) == [
        f"cycle {at}" for at in (0, 1, 17, 18, 19)
    ]


def test_what_the_finding_speaks_of_is_shown_wherever_it_stands() -> None:
    messages = [f"call {at}" for at in range(20)]
    messages[8] = "notified that the action timed out"
    told = shown(messages, finding("An action of a call timed out"))
    assert told == ["call 0", "call 1", messages[8], "call 18", "call 19"]


def test_what_comes_behind_the_window_is_clearing_up() -> None:
    assert shown([f"line {at}" for at in range(20)], finding("x", end=10)) == [f"line {at}" for at in (0, 1, 8, 9, 10)]
    assert shown([f"line {at}" for at in range(20)], finding("x", end=-5))[-1] == "line 19"
