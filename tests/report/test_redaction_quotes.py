"""Redaction of sentences: what they cut, tidy or take apart goes all the same, and our own words stay."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.report.free_text import Class, class_of
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.quoted import Replaced
from traceview.report.redact import TEXT_TYPES, redact
from traceview.rules.config import Config
from traceview.rules.evaluate import evaluate
from traceview.rules.quotes import Quote, fit, marked, settled
from traceview.rules.registry import Finding
from traceview.rules.rows import shown
from traceview_parsers.trace import Device

LONG = "Upload voicemail to Zebra Quux 12 Elm Street about the divorce papers she asked for at dinner on Friday with Marion"
SENTENCES: tuple[tuple[str, int], ...] = (
    (LONG, 40),
    (LONG, 100),
    (LONG * 20, 300),
    ("Zebra  Quux calls", 100),
    ("Zebra\u00a0Quux\u2028calls", 100),
    ("Alexandrina Featherstonehaugh-Cholmondeley's AirPods", 40),
)


def _with_task(rich: Analysis, name: str, **words: str) -> Analysis:
    tasks = rich.episodes["background_tasks"].with_columns(name=pl.lit(name))
    finding = replace(rich.findings[0], quotes=(), **words)
    return replace(rich, episodes={**rich.episodes, "background_tasks": tasks}, findings=[finding])


@pytest.mark.parametrize(("value", "characters"), SENTENCES)
@pytest.mark.parametrize("field", ["title", "explanation", "advice"])
def test_a_value_that_a_sentence_cuts_or_tidies_goes(rich: Analysis, value: str, characters: int, field: str) -> None:
    sentence = f'held background task "{shown(value, characters)}" for 30 s'
    analysis = _with_task(rich, value, **{field: sentence})
    assert fit(value, characters) in getattr(analysis.findings[0], field)
    hidden = redact(analysis, "all")
    (token,) = set(hidden.episodes["background_tasks"]["name"])
    assert getattr(hidden.findings[0], field) == f'held background task "{token}" for 30 s'


@pytest.mark.parametrize(("value", "characters"), [(LONG, 40), (LONG, 100)])
def test_a_value_that_somebody_else_cuts_goes_as_well(rich: Analysis, value: str, characters: int) -> None:
    analysis = _with_task(rich, value, title=f'held "{fit(value, characters)}" for 30 s…')
    hidden = redact(analysis, "all")
    (token,) = set(hidden.episodes["background_tasks"]["name"])
    assert hidden.findings[0].title == f'held "{token}" for 30 s…'


def test_a_quote_of_what_no_table_keeps_goes(rich: Analysis) -> None:
    finding = replace(rich.findings[0], title=f"crashed: {shown('see the mail of Zebra Quux')}", quotes=())
    assert re.fullmatch(r"crashed: text-\d+", redact(replace(rich, findings=[finding]), "all").findings[0].title)


def test_what_tables_keep_stays_in_sentences(rich: Analysis) -> None:
    title = f"{shown('com.acme.voip')} moved to {shown('Speaker')}"
    finding = replace(rich.findings[0], title=title, quotes=())
    assert redact(replace(rich, findings=[finding]), "all").findings[0].title == "com.acme.voip moved to Speaker"


@pytest.mark.parametrize("name", ["background task", "the app"])
def test_our_own_words_stay_where_a_value_reads_alike(rich: Analysis, name: str) -> None:
    analysis = _with_task(
        rich,
        name,
        title=f'held background task "{shown(name)}"',
        explanation="A background task buys about 30 s after the app left the foreground",
    )
    hidden = redact(analysis, "all")
    (token,) = set(hidden.episodes["background_tasks"]["name"])
    assert hidden.findings[0].title == f'held background task "{token}"'
    assert hidden.findings[0].explanation == analysis.findings[0].explanation


def test_a_sentence_of_ours_that_is_cut_keeps_its_words(rich: Analysis) -> None:
    said = "most likely cause: a change of route to Zebra Quux calls (30 % sure)"
    analysis = _with_task(rich, "Zebra Quux calls", explanation=f"So: {marked(said, 60, own=True)}.")
    hidden = redact(analysis, "all")
    (token,) = set(hidden.episodes["background_tasks"]["name"])
    assert hidden.findings[0].explanation == f"So: most likely cause: a change of route to {token} (30 % sure)."


def test_a_shape_that_the_cut_takes_goes_at_ids_too(rich: Analysis) -> None:
    headset = "Alexandrina Featherstonehaugh Cholmondeley's AirPods"
    finding = replace(rich.findings[0], title=f"moved to {shown(headset, 40)}", quotes=())
    hidden = redact(replace(rich, findings=[finding]), "ids")
    assert "Cholmon" not in hidden.findings[0].title


@pytest.mark.parametrize("level", ["ids", "all"])
def test_fingerprints_are_those_of_the_capture(rich: Analysis, level: Any) -> None:
    findings = [replace(one, pattern=f"Backup to jane{number}@example.com") for number, one in enumerate(rich.findings)]
    hidden = redact(replace(rich, findings=findings), level)
    assert [one.fingerprint for one in hidden.findings] == [one.fingerprint for one in findings]
    assert {one.pattern for one in hidden.findings} == {""}


def test_two_tasks_are_two_troubles_and_one_task_is_one(rich: Analysis) -> None:
    def fingerprint(name: str) -> str:
        analysis = _with_task(rich, name, title=f'held "{shown(name)}"', pattern=name)
        return redact(analysis, "all").findings[0].fingerprint

    assert fingerprint("Backup of photos") != fingerprint("Upload of voicemail")
    assert fingerprint("Backup of photos") == fingerprint("Backup of photos")


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\ufdd0\ufdd1\ufdd2\ufdd3… \u00a0"), max_size=60)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(2, 30)), max_size=4))
def test_a_finding_reads_as_if_nothing_had_been_marked(parts: list[tuple[str, str, int]]) -> None:
    parts = [(re.sub("[\ufdd0-\ufdd3]", "", own), value, size) for own, value, size in parts]
    sentence, quotes = settled("".join(own + marked(value, size) for own, value, size in parts), "title")
    assert sentence == "".join(own + fit(value, size) for own, value, size in parts)
    for quote in quotes:
        assert sentence[quote.start : quote.start + len(quote.text)] == quote.text


@given(TEXTS, st.integers(2, 30))
@example("\ufdd0+15557654321\ufdd1a", 30)
def test_a_quoted_value_keeps_what_stood_apart(value: str, size: int) -> None:
    _, quotes = settled(marked(value, size))
    assert all(fit(quote.value, size) == quote.text for quote in quotes)


@given(TEXTS, st.integers(0, 80))
def test_a_sentence_that_is_cut_shows_nothing_of_the_hidden_value(value: str, end: int) -> None:
    sentence, _ = settled(f"held {marked(value, 20)} for"[:end])
    assert f"held {fit(value, 20)} for".startswith(sentence)


def test_values_are_found_before_any_cut() -> None:
    replaced = Replaced({LONG: "text-1", "Zebra Quux": "text-2"}, frozenset, Pseudonyms(Device()))
    assert (
        replaced.in_sentence(f"x {LONG[:30]}… y {LONG[:12]}…, Zebra Quux… {LONG[:2]}…")
        == "x text-1 y text-1, text-2… Up…"
    )
    part = Quote("title", 0, "voicemail to Zebra", "voicemail to Zebra")
    assert replaced.of_quote(part) == "text-1"


def test_a_finding_that_was_reworded_is_redacted_by_its_words(rich: Analysis) -> None:
    found: Finding = replace(rich.findings[0], title=f"held {shown(LONG)}", quotes=())
    reworded = replace(found, title=f"Again: {found.title}")
    hidden = redact(replace(rich, episodes=_with_task(rich, LONG).episodes, findings=[reworded]), "all")
    (token,) = set(hidden.episodes["background_tasks"]["name"])
    assert hidden.findings[0].title == f"Again: held {token}"


SAMPLES = Path(__file__).parents[2] / "sample_traces"
WORDED = "Zebra Quux of 12 Elm Street spoke with  Marion about the divorce\u00a0papers " * 5


def test_no_sentence_of_a_rule_tells_what_an_app_worded() -> None:
    """Every column of free words holds a text that each sentence has to tidy and to cut."""
    with open_capture(SAMPLES / "background-task-overrun.ios18.ndjson") as capture:
        analysis = capture.analysis
    episodes = {name: _worded(name, table) for name, table in analysis.episodes.items()}
    findings, _ = evaluate(
        episodes,
        kinds=frozenset(analysis.events["kind"].cast(pl.String)),
        witnesses=frozenset(analysis.lines["process"].drop_nulls()),
        capture_end=analysis.lines["time"].max(),  # type: ignore[arg-type]
        config=Config(),
    )
    assert any("Zebra" in one.title + one.explanation for one in findings)
    hidden = redact(replace(analysis, episodes=episodes, findings=findings), "all")
    assert [one for one in hidden.findings if re.search("Zebra|Quux|Elm|Marion|divorce", repr(one))] == []


def _worded(name: str, table: pl.DataFrame) -> pl.DataFrame:
    free = [column for column in table.columns if class_of(name, column) in {Class.free, Class.thing}]
    texts = [column for column in free if table.schema[column] in TEXT_TYPES]
    return table.with_columns(pl.lit(WORDED).alias(column) for column in texts)
