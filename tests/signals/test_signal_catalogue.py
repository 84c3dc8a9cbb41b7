import re
from collections.abc import Callable

import polars as pl
import pytest

from traceview.signals.catalogue import (
    Catalogue,
    CatalogueError,
    Example,
    Signal,
    catalogue,
    compile_catalogue,
    read_family,
)
from traceview.signals.doc import REFERENCE, reference
from traceview.signals.matcher import match
from traceview.signals.vocabulary import FIELDS, KINDS

SIGNALS = catalogue().signals
EXAMPLES = [(signal, example) for signal in SIGNALS for example in signal.examples]
GOOD = """
[[signal]]
id = "x-one"
kind = "process.state"
format = "State of the thing is %@<state>"
evidence = "format"
source = "test"
"""


def test_the_catalogue_is_wide() -> None:
    assert len(SIGNALS) >= 300
    without = {signal.kind for signal in SIGNALS} ^ KINDS
    assert without == {"call.running", "audio_io.preempted"}, "every kind has a signal, but for what other sources tell"


def test_ids_are_unique_and_evidence_is_stated() -> None:
    assert len({signal.id for signal in SIGNALS}) == len(SIGNALS)
    assert all(signal.source and 0 < signal.confidence <= 1 for signal in SIGNALS)
    assert all(signal.confidence < 0.99 for signal in SIGNALS if signal.evidence != "seen" and not signal.formats)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.id)
def test_every_signal_has_an_example_that_passes_its_own_prefilter(signal: Signal) -> None:
    assert signal.examples, "an entry without an example cannot be trusted"
    forms = [form for form in catalogue().forms if SIGNALS[form.signal] is signal]
    for example in signal.examples:
        assert any(literal in example.message for form in forms for literal in form.literals)
    for form in forms:
        assert all(len(literal) >= 4 for literal in form.literals)
        groups = re.findall(r"\(\?P<(\w+)>", form.pattern)
        assert len(groups) == len(set(groups)), "Rust's regex takes each group name once"


@pytest.fixture(scope="module")
def example_events() -> dict[int, dict[str, object]]:
    columns = {
        "message": [example.message for _, example in EXAMPLES],
        "process": [example.process or min(signal.processes, default=None) for signal, example in EXAMPLES],
        "subsystem": [signal.subsystem if signal.anonymous is False else None for signal, _ in EXAMPLES],
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    events = match(frame.with_columns(ref=pl.int_range(pl.len(), dtype=pl.UInt64)))
    return {row["ref"]: row for row in events.iter_rows(named=True)}


@pytest.mark.parametrize("index", range(len(EXAMPLES)), ids=lambda index: f"{EXAMPLES[index][0].id}-{index}")
def test_every_example_is_recognised_with_its_fields(index: int, example_events: dict[int, dict[str, object]]) -> None:
    signal, example = EXAMPLES[index]
    event = example_events.get(index)
    assert event is not None, "not recognised"
    assert (event["signal"], event["kind"]) == (signal.id, signal.kind)
    assert {name: event[name] for name in example.fields} == dict(example.fields)
    assert {name: event[name] for name in signal.constants} == dict(signal.constants)


def test_example_fields_are_of_the_vocabulary() -> None:
    assert all(set(example.fields) <= set(FIELDS) for _, example in EXAMPLES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("x-one", "X One"), "slug"),
        (("process.state", "process.lost_its_way"), "unknown kind"),
        (("<state>", "<colour>"), "unknown fields"),
        (('evidence = "format"', 'evidence = "hearsay"'), "evidence"),
        (('source = "test"', 'source = "test"\nsources = 1'), "unknown keys"),
        (('format = "State of the thing is %@<state>"', ""), "neither"),
        (('format = "State of the thing is %@<state>"', "pattern = 'State'"), "contains"),
        (("[[signal]]", "[[signal"), "family.toml"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(change: tuple[str, str], fault: str) -> None:
    with pytest.raises(CatalogueError, match=fault):
        read_family("family", GOOD.replace(*change))


def test_a_format_without_a_literal_and_a_repeated_id_are_refused() -> None:
    with pytest.raises(CatalogueError, match="no literal"):
        compile_catalogue(read_family("family", GOOD.replace("State of the thing is ", "")))
    with pytest.raises(CatalogueError, match="several signals"):
        compile_catalogue(read_family("family", GOOD + GOOD))


def test_defaults_hold_for_all_entries() -> None:
    (signal,) = read_family("family", '[defaults]\nprocess = ["x"]\nconfidence = 0.5\n' + GOOD)
    assert (signal.processes, signal.confidence) == (frozenset({"x"}), 0.5)


def test_a_name_must_follow_a_placeholder() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        compile_catalogue(read_family("family", GOOD.replace("is %@<state>", "is <state> %@")))


@pytest.fixture(scope="module")
def small() -> Catalogue:
    return compile_catalogue(read_family("family", GOOD))


def test_another_catalogue_can_be_used(small: Catalogue, log_rows: Callable[..., pl.DataFrame]) -> None:
    events = match(log_rows(["State of the thing is bad", "Removing process: [app<a.b>:1]"]), small)
    assert events["signal"].to_list() == ["x-one"]
    assert events["state"].to_list() == ["bad"]


def test_an_example_is_a_message_or_a_table() -> None:
    (signal,) = read_family("family", GOOD + 'examples = ["a", { message = "b", process = "p", state = "s" }]')
    assert signal.examples == (Example("a"), Example("b", {"state": "s"}, "p"))


def test_the_reference_is_current() -> None:
    assert REFERENCE.read_text("utf-8") == reference(), "run python -m traceview.signals.doc"
