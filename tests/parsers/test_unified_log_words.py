"""Words of selections: wherever in a message they come from, deciding on formats first loses none."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from generator.archive import Archive
from generator.images import Placement, stable_uuid
from generator.packing import Packing
from generator.timesync import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.time_order import by_time
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log import source as unified_log_source
from traceview_parsers.unified_log.refusals import Refusals
from traceview_parsers.unified_log.words import LiteralSearch

START = 1_768_469_400_000_000_000
DISTINCT = 200
FORMATS: dict[str, tuple[type, ...]] = {
    "%{public}s": (str,),
    "%{public}s %{public}s": (str, str),
    "%{public}s%{public}s": (str, str),
    "%{public}s%d": (str, int),
    "%d%{public}s%d": (int, str, int),
    "kill%{public}s": (str,),
    "kil%{public}sl process": (str,),
    "task %{public}s_limit: %{public}@": (str, str),
    "[%{public}10s] killed": (str,),
    "[%{public}-12s]": (str,),
    "%{public}.4s process": (str,),
    "%s is hidden, killing %{public}s": ("private", str),  # type: ignore[dict-item]
    "dead%xbeef": (int,),
    "0x%llx%{public}s": (int, str),
    "count %d of %u": (int, int),
    "count %5d": (int,),
    "%{bool}d and %{BOOL}d": (int, int),
    "errno %{darwin.errno}d %{public}s": (int, str),
    "%m": (int,),
    "%{public,mask.hash}s killing": (str,),
    "kill process": (),
    "%{public}s: process %{public}s exceeded limit %d": (str, str, int),
}
TEXTS = (
    "",
    "kill",
    "killing process",
    "process",
    "pro",
    "cess",
    "l",
    " ",
    "exceeded",
    "task",
    "42",
    "dead",
    "ä killing ö",
    "x" * 90,
)


@cache
def archive() -> Archive:
    made = Archive(Clock(stable_uuid("words"), START))
    library = made.library("/System/Library/Frameworks/Sound.framework/Sound", Placement.SHARED_CACHE)
    processes = [
        made.process(path, 50 + number)
        for number, path in enumerate(("/kernel", "/usr/libexec/mediad", "/Apps/A.app/A"))
    ]
    for number in range(3 * DISTINCT):
        luck = random.Random(number % DISTINCT)  # noqa: S311 - the same records are wanted again, of other processes
        process = processes[number % 3]
        text, kinds = luck.choice(list(FORMATS.items()))
        values = [
            luck.choice(TEXTS) if kind is str else kind if isinstance(kind, str) else luck.choice((0, 1, 42, 57005))
            for kind in kinds
        ]
        made.log(
            process,
            START + number * 1_000_000,
            text,
            tuple(values),
            subsystem=luck.choice((None, "com.apple.a", "com.apple.b")),
            category="c",
            library=library if number % 5 == 0 else None,
            oversize=number % 41 == 0 and bool(kinds),
        )
        if number % 20 == 0:
            made.simpledump(
                process, START + number, f"dump {luck.choice(TEXTS)} kill", subsystem=luck.choice(("", "com.apple.a"))
            )
    return made


@cache
def folder(set_bytes: int) -> tempfile.TemporaryDirectory[str]:
    made = tempfile.TemporaryDirectory()
    archive().write(Path(made.name), packing=Packing(set_bytes=set_bytes, page_seconds=0.02))
    return made


def source(set_bytes: int = 65_536) -> Source:
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    return READER.open(Candidate("words.logarchive", Path(folder(set_bytes).name), is_dir=True), context)


@cache
def rows() -> tuple[Any, ...]:
    return tuple(source().batches("log"))


@cache
def messages() -> tuple[str, ...]:
    return tuple(sorted({text for batch in rows() for text in batch.column("message").to_pylist()}))


def refs(batches: Iterator[Any]) -> list[int]:
    return sorted(ref for batch in batches for ref in batch.column("ref").to_pylist())


@st.composite
def words(draw: st.DrawFn) -> str:
    """Part of a message, or one that ends in another's beginning, which few messages hold."""
    message = draw(st.sampled_from(messages()))
    start = draw(st.integers(0, len(message)))
    word = message[start : start + draw(st.integers(1, 18))]
    return word + draw(st.sampled_from(("", "", "", "s", " ", "kill")))


def some(*names: Any) -> st.SearchStrategy[frozenset[Any] | None]:
    return st.none() | st.frozensets(st.sampled_from(names), min_size=1)


CLAUSES = st.builds(
    Clause,
    processes=some("kernel", "mediad", "A"),
    senders=some("kernel", "Sound", None),
    subsystems=some("com.apple.a", "com.apple.b"),
    process_paths=some(".app/", "libexec"),
    words=st.frozensets(words(), min_size=1, max_size=6),
    events=st.none() | st.frozensets(st.sampled_from(["log", "loss", None]), min_size=1),
)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(CLAUSES, min_size=1, max_size=5) | st.lists(CLAUSES, min_size=66, max_size=70))
def test_words_are_found_wherever_they_come_from(clauses: list[Clause]) -> None:
    selection = Selection(tuple(clauses))
    wanted = refs(selection.filter(batch) for batch in rows())
    assert refs(source().batches("log", selection)) == wanted


SMALL = 4_096
"""Bytes of a chunk set of which there are many, each decoded by itself, so that records come again."""


@cache
def small_sets() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return all rows of such an archive, as stored and by time."""
    return tuple(source(SMALL).batches("log")), tuple(by_time([source(SMALL)]))


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.lists(CLAUSES, min_size=1, max_size=5) | st.lists(CLAUSES, min_size=66, max_size=70))
def test_what_was_refused_is_refused_again_and_nothing_else(clauses: list[Clause]) -> None:
    selection = Selection(tuple(clauses))
    stored, ordered = ([ref for batch in some for ref in keys(selection.filter(batch))] for some in small_sets())
    with set_by_set():
        assert sorted(key for batch in source(SMALL).batches("log", selection) for key in keys(batch)) == sorted(stored)
        assert [key for batch in by_time([source(SMALL)], selection) for key in keys(batch)] == ordered


@contextmanager
def set_by_set() -> Iterator[None]:
    """Let each set be a batch of its own."""
    with (
        mock.patch.object(unified_log_source, "BATCH_BYTES", 1),
        mock.patch.object(unified_log_source, "_SIFTED_BYTES", 1),
    ):
        yield


def keys(batch: Any) -> list[tuple[int, str]]:
    return list(zip(batch.column("ref").to_pylist(), batch.column("message").to_pylist(), strict=True))


def test_repeated_records_are_known_again() -> None:
    known: list[int] = []
    contain = Refusals.contain

    def counted(self: Refusals, prints: Any) -> Any:
        found = contain(self, prints)
        known.append(int(found.sum()))
        return found

    selection = Selection((Clause(words=frozenset({"killing"})),))
    with set_by_set(), mock.patch.object(Refusals, "contain", counted):
        found = refs(source(SMALL).batches("log", selection))
    assert found == refs(selection.filter(batch) for batch in small_sets()[0])
    assert sum(known) > DISTINCT


def test_private_values_are_not_taken_for_those_of_another_record(tmp_path: Path) -> None:
    made = Archive(Clock(stable_uuid("private"), START))
    process = made.process("/usr/libexec/mediad", 50)
    for number, text in enumerate(("nothing", "killing", "nothing")):
        made.log(process, START + number * 1_000_000_000, "%s here", (text,), keep_private=True)
    made.write(tmp_path, packing=Packing(set_bytes=1, page_seconds=0.02))
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    opened = READER.open(Candidate("private.logarchive", tmp_path, is_dir=True), context)
    with set_by_set():
        found = list(opened.batches("log", Selection((Clause(words=frozenset({"killing"})),))))
    assert [text for batch in found for text in batch.column("message").to_pylist()] == ["killing here"]


def test_words_in_literals_are_in_every_message() -> None:
    search = LiteralSearch([frozenset({"kill", "end"}), None, frozenset({"process 1"}), frozenset({""})])
    free = 0b1010
    assert search.find([["killing process ", ""], ["process ", "1"], ["ki", "ll"]]) == [free | 1, free, free]
    assert LiteralSearch([None]).find([["x"]]) == [1]


def test_rows_that_are_not_decoded_are_counted() -> None:
    opened = source()
    assert len(refs(opened.batches("log", Selection((Clause(processes=frozenset({"mediad"})),))))) < 420
    assert opened.coverage().rows == sum(batch.num_rows for batch in rows())
    assert opened.coverage().notes == ()
    assert refs(opened.batches("log", Selection((Clause(processes=frozenset({"nobody"})),)))) == []
    assert opened.coverage().rows == 0
    assert "not opened" in opened.coverage().notes[0]


def test_a_subsystem_of_a_dump_that_is_no_utf8_is_found_as_it_is_shown(tmp_path: Path) -> None:
    archive = Archive(Clock(stable_uuid("no utf8"), START))
    archive.simpledump(archive.process("/sbin/launchd", 1), START, "dumped", subsystem="?om.acme")
    (file,) = archive.write(tmp_path, packing=Packing(stored=(True,)))
    file.write_bytes(file.read_bytes().replace(b"?om.acme", b"\xffom.acme"))
    wanted = Selection((Clause(subsystems=frozenset({"\N{REPLACEMENT CHARACTER}om.acme"})),))
    context = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate("a", tmp_path, is_dir=True), context)
    assert [text for batch in source.batches("log", wanted) for text in batch.column("message").to_pylist()] == [
        "dumped"
    ]


def test_words_longer_than_every_literal_are_in_none_and_cost_nothing() -> None:
    search = LiteralSearch([frozenset({"a" * 1_000_000}), frozenset({"ab"}), None])
    assert search.find([["a", "b"], ["xab"], [""]]) == [0b100, 0b110, 0b100]
    assert LiteralSearch([frozenset({"long"})]).find([["a"]]) == [0]
