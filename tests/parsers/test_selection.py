"""The meaning of a selection."""

from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import schema
from traceview_parsers import selection as selection_module
from traceview_parsers.selection import Clause, Selection, contains_any

ROWS = [
    ("runningboardd", "com.apple.runningboard", "Suspending task.", 10, 1),
    ("AcmeVoIP", None, None, 20, None),
    (None, "com.apple.runningboard", "nothing", None, 7),
    ("callservicesd", "", "Suspending task. Ende", 30, 7),
]


def batch() -> Any:
    process, subsystem, message, time, pid = (list(column) for column in zip(*ROWS, strict=True))
    return schema.log_batch(
        len(ROWS),
        {
            "ref": pa.array(range(len(ROWS)), pa.uint64()),
            "process": pa.array(process, pa.string()),
            "subsystem": pa.array(subsystem, pa.string()),
            "message": pa.array(message, pa.large_string()),
            "time": pa.array(time, schema.TIME),
            "pid": pa.array(pid, pa.int64()),
        },
    )


def kept(selection: Selection) -> list[int]:
    return selection.filter(batch()).column("ref").to_pylist()


def test_everything_keeps_the_batch_itself() -> None:
    rows = batch()
    assert Selection().filter(rows) is rows


def test_conditions_of_a_clause_hold_together_and_clauses_are_alternatives() -> None:
    suspended = Clause(words=frozenset({"Suspending"}))
    assert kept(Selection((suspended,))) == [0, 3]
    assert kept(Selection((Clause(processes=frozenset({"callservicesd"}), words=suspended.words),))) == [3]
    assert kept(Selection((suspended, Clause(processes=frozenset({"AcmeVoIP"}))))) == [0, 1, 3]
    assert kept(Selection((Clause(pids=frozenset({7})),))) == [2, 3]
    assert kept(Selection((Clause(subsystems=frozenset({"com.apple.runningboard"})),))) == [0, 2]


def test_an_unknown_path_may_be_anything() -> None:
    paths = pa.array(["/private/var/containers/Bundle/Application/X/Acme.app/Acme", None, "/usr/libexec/apsd"])
    rows = schema.log_batch(3, {"ref": pa.array([0, 1, 2], pa.uint64()), "process_path": paths.dictionary_encode()})
    chosen = Selection((Clause(process_paths=frozenset({".app/"})),)).filter(rows)
    assert chosen.column("ref").to_pylist() == [0, 1]


def test_times_are_half_open_and_rows_without_a_time_are_outside() -> None:
    assert kept(Selection(start_ns=20)) == [1, 3]
    assert kept(Selection(end_ns=20)) == [0]
    assert kept(Selection(ranges=((5, 11), (30, 31)))) == [0, 3]
    assert kept(Selection(start_ns=11, ranges=((5, 11), (30, 31)))) == [3]


@given(st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=6), st.frozensets(st.sampled_from("abc"), max_size=3))
def test_words_mean_python_containment(messages: list[str], words: frozenset[str]) -> None:
    rows = schema.log_batch(
        len(messages),
        {"ref": pa.array(range(len(messages)), pa.uint64()), "message": pa.array(messages, pa.large_string())},
    )
    found = Selection((Clause(words=words),)).filter(rows).column("ref").to_pylist()
    assert found == [at for at, text in enumerate(messages) if any(word in text for word in words)]


LETTERS = "ab\\.+*?()|[]{}^$#&-~/ä\n\0"


@pytest.mark.parametrize(("longest", "many"), [(0, 0), (100_000, 0), (100_000, 5_000)], ids=["too long", "many", "few"])
@given(
    messages=st.lists(st.none() | st.text(LETTERS, max_size=8), max_size=6),
    words=st.frozensets(st.text(LETTERS, min_size=1, max_size=3), max_size=4),
)
def test_words_are_no_expressions(messages: list[str | None], words: frozenset[str], longest: int, many: int) -> None:
    selection_module._searched.cache_clear()
    limits = {"_LONGEST": longest, "_MANY_MESSAGES": many}
    with mock.patch.multiple(selection_module, **limits):
        found = contains_any(pa.array(messages, pa.large_string()), words).tolist()
    selection_module._searched.cache_clear()
    assert found == [text is not None and any(word in text for word in words) for text in messages]


def test_many_words_of_wide_letters_are_searched() -> None:
    words = frozenset(chr(0x4E00 + at) * 900 for at in range(75))
    messages = pa.array(["x" + chr(0x4E10) * 901, chr(0x4E10) * 899, "short"], pa.large_string())
    assert contains_any(messages, words).tolist() == [True, False, False]


def test_refs_keep_source_and_position() -> None:
    assert schema.split_ref(schema.make_ref(9, 12_345)) == (9, 12_345)


def test_a_long_word_is_searched_in_linear_time() -> None:
    long = "a" * 100_000
    messages = pa.array([f"x{long}y", long[1:], "short one", None], pa.large_string())
    assert contains_any(messages, frozenset({long, "one"})).tolist() == [True, False, True, False]
    assert contains_any(messages, frozenset({long})).tolist() == [True, False, False, False]
